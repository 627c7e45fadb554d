"""Builtin functions that only Python 2 has: their programs are upgraded, and they are told (TFM908)."""

from __future__ import annotations

import ast
import re

from .diagnostics import Diagnostic
from .parse import Module
from .syntax import nodes

# The builtin functions that Python 3 has not, and what takes their place.
_GONE = {
    "basestring": "str",
    "cmp": "(a > b) - (a < b)",
    "execfile": "exec(open(name).read())",
    "long": "int",
    "raw_input": "input",
    "reduce": "functools.reduce",
    "reload": "importlib.reload",
    "unichr": "chr",
    "unicode": "str",
    "xrange": "range",
}
_MENTIONED = re.compile(rb"(?<![\w.])(?:" + "|".join(_GONE).encode() + rb")\b(?=[ \t]*[(),:\]\n])")


def gone_names(module: Module) -> list[Diagnostic]:
    """The first use of each builtin that only Python 2 has, where nothing in the file binds the name or asks for it first."""
    mentioned = {found.decode() for found in _MENTIONED.findall(module.utf8)}
    if not mentioned or b"import *" in module.utf8:
        return []
    mentioned &= {node.id for node in nodes(module.tree) if isinstance(node, ast.Name)}  # most are only words in texts
    if not mentioned:
        return []
    used: dict[str, ast.Name] = {}
    pending: list[ast.AST] = [module.tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name) and node.id in mentioned and isinstance(node.ctx, ast.Load):
            first = used.get(node.id, node)
            used[node.id] = min(first, node, key=lambda one: (one.lineno, one.col_offset))
        else:
            mentioned -= _bound(node)
        if _asks_first(node):
            mentioned -= {name for inner in ast.walk(node) for name in _bound(inner)}
        else:
            pending.extend(ast.iter_child_nodes(node))
    return [
        Diagnostic(
            "python2-name",
            "TFM908",
            f"`{name}` is a name of Python 2, which ends with a NameError in Python 3: write `{_GONE[name]}`",
            module.path,
            node.lineno,
            node.col_offset,
        )
        for name, node in sorted(used.items())
        if name in mentioned
    ]


def _bound(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    return {node.asname or node.name} if isinstance(node, ast.alias) else set()


def _asks_first(node: ast.AST) -> bool:
    """A try or a condition on the version, which is how code for both versions asks for a name: what is within is theirs."""
    if isinstance(node, ast.Try):
        return any(handler.type is None or "NameError" in ast.dump(handler.type) for handler in node.handlers)
    return isinstance(node, (ast.If, ast.IfExp)) and bool(re.search(r"version|PY2|PY3", ast.dump(node.test)))
