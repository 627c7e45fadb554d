"""`python -m libcst.tool codemod tf_modernize.codemods.codemod.Upgrade FILE`: the engine as a LibCST codemod.

It sees one file at a time, so a file is a program of its own here; `tf-modernize upgrade` reads projects.
"""

from __future__ import annotations

import libcst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from .engine import Options, upgrade_program


class Upgrade(CodemodCommand):
    """Takes a TensorFlow 1 program to native TensorFlow 2 / Keras 3, or to the compat level; findings become warnings."""

    DESCRIPTION = "Upgrade TensorFlow 1 to native TensorFlow 2 / Keras 3."

    def __init__(self, context: CodemodContext) -> None:
        super().__init__(context)

    def transform_module_impl(self, tree: libcst.Module) -> libcst.Module:
        path = self.context.filename or "program.py"
        result = upgrade_program({path: tree.bytes}, Options()).files[path]
        for one in result.diagnostics:
            self.warn(f"{one.line}:{one.column + 1}: {one.symbol} ({one.code}) {one.message}")
        if result.error is not None:
            raise SkipFile(result.error)
        return tree if result.after is None else libcst.parse_module(result.after)
