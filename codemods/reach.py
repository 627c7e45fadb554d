"""What of a program may run: where a name that nothing has any more is reached, the compat level is not possible.

By words alone, and generously. What stands outside of functions runs when its module is imported; a function runs where code
that runs has its name, and so do all methods of a class whose name is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .dialect import first_name, guarded_lines
from .names import Import, Names
from .parse import Module

Place = tuple[str, int, int]  # path, line, column
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(eq=False)
class _Part:
    """What runs together: a module's own statements, a function's (inner functions are parts of their own), a class."""

    path: str
    first: tuple[int, int] = (0, 0)  # line and column of its first statement
    last: int = 0
    words: set[str] = field(default_factory=set)
    methods: list[_Part] = field(default_factory=list)


@dataclass
class _Parts:
    functions: list[_Part] = field(default_factory=list)
    by_name: dict[str, list[_Part]] = field(default_factory=dict)  # classes, and functions that are no methods


def reached(modules: Mapping[str, Module], names: Mapping[str, Names], places: Iterable[Place]) -> Iterator[Place]:
    """Those of the places of TensorFlow names that may run, and that no `try` or test of the version guards."""
    places = list(places)
    if not places:
        return
    parts, running = _Parts(), set()
    pending = [_module(module, path, parts) for path, module in modules.items()]
    seen: set[str] = set()
    while pending:
        part = pending.pop()
        running.add(part)
        pending += part.methods
        for word in part.words - seen:
            seen.add(word)
            pending += parts.by_name.get(word, ())
    guards = {path: list(guarded_lines(modules[path].tree)) for path, _, _ in places}
    for path, line, column in places:
        if any(first <= line <= last for first, last in guards[path]):
            continue
        imported = _imports(names[path], line, column)
        if imported and all(one.guarded for one in imported):
            continue
        around = [
            part for part in parts.functions if part.path == path and part.first <= (line, column) and line <= part.last
        ]
        inner = max(around, key=lambda part: part.first, default=None)
        if inner is None or inner in running or any(one.top and one.name and not one.guarded for one in imported):
            yield path, line, column


def _imports(names: Names, line: int, column: int) -> list[Import]:
    """The imports that bind what the name at a place is spelt with. That of a part of TensorFlow fails at once."""
    use = next((use for use in names.uses if (use.node.lineno, use.node.col_offset) == (line, column)), None)
    root = first_name(use.node) if use else ""
    return [one for one in names.imports if one.bound == root]


def _module(module: Module, path: str, parts: _Parts) -> _Part:
    part = _Part(path)
    _collect(module.tree.body, part, parts, None)
    return part


def _collect(nodes: Iterable[ast.AST], part: _Part, parts: _Parts, owner: _Part | None) -> None:
    """Adds the words of nodes to their part; `owner` is the class whose body they are."""
    for node in nodes:
        if isinstance(node, _FUNCTIONS):
            first = node.body[0]
            own = _Part(part.path, (first.lineno, first.col_offset), node.end_lineno or node.lineno)
            parts.functions.append(own)
            known = parts.by_name.setdefault(node.name, []) if owner is None else owner.methods
            known.append(own)
            _collect(node.body, own, parts, None)
            _collect([*node.decorator_list, node.args], part, parts, None)
        elif isinstance(node, ast.ClassDef):
            own = _Part(part.path)
            parts.by_name.setdefault(node.name, []).append(own)
            _collect([*node.bases, *node.keywords], own, parts, None)
            _collect(node.decorator_list, part, parts, None)
            _collect(node.body, part, parts, own)
        elif isinstance(node, ast.Attribute) and node.attr in ("__doc__", "__name__", "__module__"):
            continue  # reads about a function or class, and runs nothing of it
        else:
            if isinstance(node, ast.Name):
                part.words.add(node.id)
            elif isinstance(node, ast.Attribute):
                part.words.add(node.attr)
            _collect(ast.iter_child_nodes(node), part, parts, owner)
