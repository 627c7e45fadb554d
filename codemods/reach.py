"""What of a program may run: where a name that nothing has any more is reached, the compat level is not possible.

By words alone, and generously. What stands outside of functions runs when its module is imported; a function runs where code
that runs has its name, and so do all methods of a class whose name is there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import projects
from .dialect import first_name, guarded_lines
from .names import Import, Names
from .parse import Module

Place = tuple[str, int, int]  # path, line, column
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(eq=False)
class _Part:
    """What runs together: a module's own statements, a function's (inner functions are parts of their own), a class."""

    path: str
    first: tuple[int, int] = (0, 0)  # line and column
    last: tuple[int, int] = (0, 0)
    words: set[str] = field(default_factory=set)
    methods: list[_Part] = field(default_factory=list)


@dataclass
class _Parts:
    functions: list[_Part] = field(default_factory=list)
    by_name: dict[str, list[_Part]] = field(default_factory=dict)  # classes, and functions that are no methods


def stopped(modules: Mapping[str, Module], names: Mapping[str, Names], places: Iterable[Place]) -> Place | None:
    """The first of the places of TensorFlow names that stops the program, if one does: each of the files that nothing else
    imports, which are those to be run, reaches such a place."""
    places = list(places)
    if not places:
        return None
    files = {path: module.utf8 for path, module in modules.items()}
    layout = projects.Layout(files)
    loads = {
        path: {*targets.values(), *layout.packages(path)} & modules.keys()
        for path, targets in projects.links(files, layout).items()
    }
    imported = {target for path, targets in loads.items() for target in targets - {path}}
    found: Place | None = None
    for entry in [path for path in modules if path not in imported] or list(modules):
        together, pending = {entry}, [entry]
        while pending:
            new = loads[pending.pop()] - together
            together |= new
            pending += new
        at = next(reached({path: modules[path] for path in modules if path in together}, names, places), None)
        if at is None:
            return None
        found = found or at
    return found


def reached(modules: Mapping[str, Module], names: Mapping[str, Names], places: Iterable[Place]) -> Iterator[Place]:
    """Those of the places in these modules that may run, and that no `try` or test of the version guards."""
    places = [place for place in places if place[0] in modules]
    if not places:
        return
    parts, running = _Parts(), set()
    pending = [_module(module, path, parts) for path, module in modules.items()]
    for part in pending:
        if any(use.name == "app.run" for use in names[part.path].uses):
            part.words.add("main")  # tf.app.run finds it by itself
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
        imported = _imports(names[path], line, column)
        if imported and all(one.guarded for one in imported):
            continue
        if any(first <= line <= last for first, last in guards[path]):
            continue
        around = [part for part in parts.functions if part.path == path and part.first <= (line, column) <= part.last]
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
            first, end = node.body[0], (node.end_lineno or 0, node.end_col_offset or 0)
            own = _Part(part.path, (first.lineno, first.col_offset), end)
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
