"""What of a program may run: where a name that nothing has any more is reached, the compat level is not possible.

By words alone, and generously. What stands outside of functions runs when its module is imported; a function runs where code
that runs has its name, and so do all methods of a class whose name is there. What a switch in the source turns off does not
run, nor do the handlers of a try for names that are not there, once its body has what it names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import projects
from .api import gone
from .dialect import catches_missing, guarded_lines
from .names import Import, Names
from .parse import Module
from .switches import idle, switches
from .syntax import fields, first_name, nodes

Place = tuple[str, int, int]  # path, line, column
Span = tuple[tuple[int, int], tuple[int, int]]  # lines and columns, from the first to the last
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
    switches: Mapping[str, bool] = field(default_factory=dict)
    idle: list[tuple[str, Span]] = field(default_factory=list)  # what a switch turns off, by path


@dataclass
class _Read:
    """What was found in one module: read once, however many entries share it."""

    top: _Part
    parts: _Parts
    runs_app: bool  # `tf.app.run` finds `main` by itself
    guards: list[tuple[int, int]] | None = None  # lines that a test of the version or a `try` guards
    off: list[Span] | None = None  # handlers that do not run
    spelt: dict[tuple[int, int], _Spelt] = field(default_factory=dict)  # of the places, by line and column


@dataclass(frozen=True)
class _Spelt:
    """What the imports of the name that a place is spelt with do."""

    guarded: bool  # each within a try
    fails: bool  # one ends in an error at once


def stopped(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    places: Iterable[Place],
    beside: Mapping[str, Module] | None = None,
) -> Place | None:
    """The first of the places of TensorFlow names that stops the program, if one does: each of the files that nothing else
    imports, which are those to be run, reaches such a place. The files beside the program may hold its switches."""
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
    known = switches(_trees({**modules, **(beside or {})}.values()))
    found: Place | None = None
    read: dict[str, _Read] = {}
    for entry in [path for path in modules if path not in imported] or list(modules):
        together, pending = {entry}, [entry]
        while pending:
            new = loads[pending.pop()] - together
            together |= new
            pending += new
        own = {path: modules[path] for path in modules if path in together}
        at = next(reached(own, names, places, known, read), None)
        if at is None:
            return None
        found = found or at
    return found


def reached(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    places: Iterable[Place],
    known: Mapping[str, bool],
    read: dict[str, _Read] | None = None,
) -> Iterator[Place]:
    """Those of the places in these modules that may run, and that no switch, `try` or test of the version guards.

    `read` keeps what was found in each module, for programs of many entries that share them.
    """
    read = {} if read is None else read
    places = [place for place in places if place[0] in modules]
    if not places:
        return
    parts, running = _Parts(switches=known), set()
    pending = []
    for path, module in modules.items():
        if path not in read:
            own = _Parts(switches=known)
            read[path] = _Read(_module(module, path, own), own, _runs_app(module, names, path))
            module.release()
        own = read[path].parts
        pending.append(read[path].top)
        parts.functions += own.functions
        for name, found in own.by_name.items():
            parts.by_name.setdefault(name, []).extend(found)
    for part in pending:
        if read[part.path].runs_app:
            part.words.add("main")
    seen: set[str] = set()
    while pending:
        part = pending.pop()
        running.add(part)
        pending += part.methods
        for word in part.words - seen:
            seen.add(word)
            pending += parts.by_name.get(word, ())
    _read_guards({path: modules[path] for path, _, _ in places}, names, places, read)
    for path, line, column in places:
        spelt = read[path].spelt[line, column]
        if spelt.guarded:
            continue
        if any(first <= line <= last for first, last in read[path].guards or ()):
            continue
        if any(first <= (line, column) <= last for first, last in read[path].off or ()):
            continue
        around = [part for part in parts.functions if part.path == path and part.first <= (line, column) <= part.last]
        inner = max(around, key=lambda part: part.first, default=None)
        if inner is None or inner in running or spelt.fails:
            yield path, line, column


def _trees(modules: Iterable[Module]) -> Iterator[ast.Module]:
    for module in modules:
        try:
            yield module.tree
        finally:
            module.release()


def _runs_app(module: Module, names: Mapping[str, Names], path: str) -> bool:
    return b"app" in module.utf8 and b"run" in module.utf8 and any(one.name == "app.run" for one in names[path].uses)


def _read_guards(
    modules: Mapping[str, Module], names: Mapping[str, Names], places: Iterable[Place], read: Mapping[str, _Read]
) -> None:
    """Finds what keeps the places in these modules from running, where that was not done for another entry."""
    for path, module in modules.items():
        found = read[path]
        if found.guards is None:
            found.guards = list(guarded_lines(module))
            found.off = [*_handlers(module, path, places), *(span for _, span in found.parts.idle)]
            found.spelt = _spelt(names[path], {(line, column) for other, line, column in places if other == path})
            module.release()


def _handlers(module: Module, path: str, places: Iterable[Place]) -> Iterator[Span]:
    """The handlers for names that are not there, of each try whose body has none of the places: they do not run."""
    lines = [line for other, line, _ in places if other == path]
    if b"except" not in module.utf8:
        return
    for node in nodes(module.tree):
        if not isinstance(node, ast.Try) or not catches_missing(node):
            continue
        if not any(node.lineno <= line <= (node.body[-1].end_lineno or 0) for line in lines):
            yield from (_span(handler) for handler in node.handlers)


def _span(node: ast.stmt | ast.excepthandler) -> Span:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def _spelt(names: Names, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], _Spelt]:
    """The imports that bind what the names at places are spelt with. That of a part of TensorFlow fails at once."""
    roots: dict[tuple[int, int], str] = {}
    for use in names.uses:
        roots.setdefault((use.node.lineno, use.node.col_offset), first_name(use.node))
    found = {}
    for place in places:
        imported = [one for one in names.imports if one.bound == roots.get(place, "")]
        guarded = bool(imported) and all(one.guarded for one in imported)
        found[place] = _Spelt(guarded, any(one.top and _fails(one) and not one.guarded for one in imported))
    return found


def _fails(one: Import) -> bool:
    """Whether an import of a part of TensorFlow ends in an error: not where a private module is still there."""
    return bool(one.name) and not (one.name.startswith("python.") and gone(one.name) is None)


def _module(module: Module, path: str, parts: _Parts) -> _Part:
    part = _Part(path)
    _collect(module.tree.body, part, parts, None)
    return part


def _collect(block: Iterable[ast.AST | None], part: _Part, parts: _Parts, owner: _Part | None) -> None:
    """Adds the words of nodes to their part; `owner` is the class whose body they are."""
    for node in block:
        if node is None:
            continue
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
        elif isinstance(node, ast.If) and (unused := idle(node, parts.switches)):
            parts.idle += [(part.path, _span(one)) for one in unused]
            left = [one for one in (*node.body, *node.orelse) if one not in unused]
            _collect([node.test, *left], part, parts, owner)
        elif isinstance(node, ast.Attribute) and node.attr in ("__doc__", "__name__", "__module__"):
            continue  # reads about a function or class, and runs nothing of it
        else:
            if isinstance(node, ast.Name):
                part.words.add(node.id)
            elif isinstance(node, ast.Attribute):
                part.words.add(node.attr)
            for name in fields(node.__class__):
                value = getattr(node, name, None)
                if value is not None:
                    _collect(value if value.__class__ is list else (value,), part, parts, owner)
