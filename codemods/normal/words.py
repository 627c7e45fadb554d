"""The names that a module uses, and names that it does not."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..graph.interpreter import Interpreter
from ..parse import Module


def words(module: Module) -> set[str]:
    """Every name that a module reads, binds, defines or imports."""
    found: set[str] = set()
    for part in ast.walk(module.tree):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            found.add(part.name)
        elif isinstance(part, ast.arg):
            found.add(part.arg)
        elif isinstance(part, ast.alias):
            found.add((part.asname or part.name).partition(".")[0])
    return found


def attributes_named(run: Interpreter, name: str) -> list[ast.Attribute]:
    """Every attribute of a name in a program, but for TensorFlow's own (`tf.train`)."""
    return [
        part
        for path, module in run.modules.items()
        for part in ast.walk(module.tree)
        if isinstance(part, ast.Attribute) and part.attr == name and run.names[path].name_of(part) is None
    ]


def fresh(taken: set[str], wishes: Iterable[str]) -> str:
    """The first wish that is free, else the last one with a number; it is taken then."""
    last = ""
    for last in wishes:
        if last not in taken:
            taken.add(last)
            return last
    count = 2
    while f"{last}_{count}" in taken:
        count += 1
    taken.add(f"{last}_{count}")
    return f"{last}_{count}"


def is_dotted(node: ast.expr) -> bool:
    """Whether an expression is a name, or attributes of one."""
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and is_dotted(node.value))
