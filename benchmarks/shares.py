"""How much of a package's graph code goes native, counted three times, since no one figure says it all.

* connected programs, which is what the tool decides on: a library is one;
* scripts, which are the modules that nothing imports, each with all that it imports, where these make graph values when they
  are interpreted (a library's own modules make few: what builds is called by others);
* functions, methods and module bodies of TF1 programs that use a TensorFlow name other than flags, logging and files. A
  function goes native with its program; `able` are those whose names all have a native form, so that their program is what
  keeps them.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tf_modernize.codemods import engine, projects
from tf_modernize.codemods.edits import Edits
from tf_modernize.codemods.emit.native import Fallback
from tf_modernize.codemods.entries import each_entry
from tf_modernize.codemods.names import Names
from tf_modernize.codemods.parse import Module, ParseError, parse
from tf_modernize.codemods.symbols import rewrite

HOST = (
    "app",
    "flags",
    "logging",
    "gfile",
    "io.gfile",
    "errors",
    "python_io",
    "compat.as_",
    "test",
    "__",
    "VERSION",
    "version",
)


@dataclass
class Share:
    """Of some units how many there are, went native, or could."""

    total: int = 0
    native: int = 0
    able: int = 0

    def __str__(self) -> str:
        able = f", {self.able} able" if self.able else ""
        return f"{self.native} of {self.total} ({self.native / max(self.total, 1):.0%}{able})"


@dataclass
class Shares:
    programs: Share = field(default_factory=Share)
    scripts: Share = field(default_factory=Share)
    functions: Share = field(default_factory=Share)
    reasons: Counter[str] = field(default_factory=Counter)  # of scripts: each reason once a script
    names_left: Counter[str] = field(default_factory=Counter)  # of functions: each reason once a function


def count(
    files: Mapping[str, bytes],
    group: engine.Group,
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    native: bool,
    found: Shares,
) -> None:
    """Adds the units of one program."""
    layout = projects.Layout([*group.files, *group.beside])
    found.programs.total += 1
    found.programs.native += native
    for entry in each_entry(modules, names, _helpers(files, group.beside, layout), layout):
        if not entry.builds:
            continue
        found.scripts.total += 1
        if isinstance(entry.result, Fallback):
            found.reasons.update({_normal(one.message) for one in entry.result.reasons})
        else:
            found.scripts.native += 1
    for path, module in modules.items():
        _functions(module, names[path], native, found)


def _helpers(files: Mapping[str, bytes], paths: tuple[str, ...], layout: projects.Layout) -> dict[str, Module]:
    modules = {}
    for path in paths:
        try:
            modules[path] = parse(files[path], path, layout.name(path))
        except ParseError:
            continue
    return modules


def _functions(module: Module, names: Names, native: bool, found: Shares) -> None:
    """Counts the functions, methods and module bodies that use TensorFlow for more than flags, logging and files."""
    owners: dict[ast.AST, ast.AST] = {}
    stack: list[tuple[ast.AST, ast.AST]] = [(module.tree, module.tree)]
    while stack:
        node, owner = stack.pop()
        owners[node] = owner
        inner = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else owner
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))
    building = {owners[use.node] for use in names.uses if use.name and not use.name.startswith(HOST)}
    rewritten = rewrite(module, names, Edits(module), "native")
    left: dict[ast.AST, str] = {}
    for node, why in rewritten.left.items():
        left.setdefault(owners[node], why)
    for owner in building:
        found.functions.total += 1
        found.functions.native += native
        found.functions.able += owner not in left
    found.names_left.update(why for owner, why in left.items() if owner in building)


def _normal(message: str) -> str:
    """A reason without the names of the program that it is about."""
    message = re.sub(r"`[^`]*`", "`…`", message.removeprefix("not native because of "))
    return re.sub(r" \(in .*\)$", "", message)
