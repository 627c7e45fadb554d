"""Which files form one connected program, by their imports.

Graph mode is global to a process, so files that can meet in one process must go the same way. Two files meet where some file
reaches both by imports: the groups are the connected components of the import graph, once the files that neither use
TensorFlow nor reach a file that does have been left out (a helper of pure Python joins nobody).

Imports are found in the bytes, as triage does, since most files are never parsed. A word in a docstring that looks like an
import joins more than it should, which is the safe side.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_REST = rb"(?:[^\n\r#;\\]|\\\r?\n)*"
_IMPORT = re.compile(
    rb"[ \t]*(?:from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]*(?P<names>\([^)]*\)|" + _REST + rb")"
    rb"|from[ \t]*(?P<dots>\.+)[ \t]*import[ \t]*(?P<local>\([^)]*\)|" + _REST + rb")"
    rb"|import[ \t]+(?P<modules>" + _REST + rb"))"
)
_COMMENT = re.compile(rb"#[^\n\r]*")
_NAME = re.compile(rb"[.\w]+")
_WORD = re.compile(r"\w+(?:\.\w+)*")


@dataclass(frozen=True)
class Import:
    """One imported name as it is spelt: `dots` for a relative import, `names` the names taken from it ("from a import b")."""

    dots: int
    module: str
    names: tuple[str, ...] = ()


def imports(data: bytes) -> Iterator[Import]:
    """Every import in a file's bytes."""
    for found in _statements(data):
        if found["modules"] is not None:
            for module in _listed(found["modules"]):
                yield Import(0, module)
        else:
            base = (found["base"] or found["dots"]).decode(errors="replace")
            names = _listed(found["names"] if found["names"] is not None else found["local"])
            yield Import(len(base) - len(base.lstrip(".")), base.lstrip("."), tuple(names))


def _statements(data: bytes) -> Iterator[re.Match[bytes]]:
    """The import statements: where the word stands, from where its statement may begin (many times faster than a search)."""
    end = place = 0
    while (place := data.find(b"import", place)) >= 0:
        line = data.rfind(b"\n", 0, place)
        start = max(line, *(data.rfind(one, line + 1, place) for one in (b"\r", b":", b";"))) + 1
        found = _IMPORT.match(data, start) if start >= end else None
        if found:
            place = end = found.end()
            yield found
        else:
            place += len(b"import")


def _listed(text: bytes) -> list[str]:
    """The names of a list like "a as b, c", without what they are bound to."""
    text = _COMMENT.sub(b"", text).replace(b"\\", b" ").strip(b"() \t\r\n")
    names = (_NAME.match(part.strip()) for part in text.split(b","))
    return [name[0].decode(errors="replace") for name in names if name]


class Layout:
    """Where the modules of a set of files lie: paths are POSIX, relative to one top."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._modules: dict[str, str] = {}  # "pkg/sub/mod" and, for a package, "pkg/sub" -> the file
        self._bases: dict[str, list[str]] = {}  # first part of a package or module -> the folders that hold it
        for path in sorted(paths):
            stem = path[:-3] if path.endswith(".py") else path
            folder, name = posixpath.split(stem)
            self._modules[folder if name == "__init__" else stem] = path
        for module in self._modules:
            folder, name = posixpath.split(module)
            self._bases.setdefault(name, []).append(folder)
        self._folders = {folder for module in self._modules for folder in _ancestors(posixpath.dirname(module))}

    def name(self, path: str) -> str:
        """The dotted name of a file: from the outermost of the packages that hold it."""
        stem = path[:-3] if path.endswith(".py") else path
        folder, name = posixpath.split(stem)
        parts = [] if name == "__init__" else [name]
        while folder and self._is_package(folder):
            folder, name = posixpath.split(folder)
            parts.insert(0, name)
        return ".".join(parts) or posixpath.basename(posixpath.dirname(path))

    def targets(self, path: str, one: Import) -> dict[str, str]:
        """What an import in `path` loads: dotted name, as the import spells it, -> file. Packages on the way included."""
        found: dict[str, str] = {}
        for folder in self._roots(path, one):
            for parts in _spellings(one):
                for count in range(1, len(parts) + 1):
                    target = self._modules.get(posixpath.join(folder, *parts[:count]))
                    if target and target != path:
                        found.setdefault("." * one.dots + ".".join(parts[:count]), target)
            if one.dots and not one.module and folder in self._modules and self._modules[folder] != path:
                found.setdefault("." * one.dots, self._modules[folder])
        return found

    def packages(self, path: str) -> Iterator[str]:
        """The __init__ files that run before the file does, where it is imported as a part of its package."""
        for folder in _ancestors(posixpath.dirname(path)):
            if not folder or not self._is_package(folder):
                return
            if self._modules[folder] != path:
                yield self._modules[folder]

    def _is_package(self, folder: str) -> bool:
        return self._modules.get(folder, "").endswith("__init__.py")

    def _roots(self, path: str, one: Import) -> list[str]:
        """The folders that an import may start from: for an absolute one every folder on the way up, nearest first."""
        own = posixpath.dirname(path)
        if one.dots:
            for _ in range(one.dots - 1):
                own = posixpath.dirname(own)
            return [own]
        first = one.module.partition(".")[0]
        near = [
            folder
            for folder in _ancestors(own)
            if (start := posixpath.join(folder, first)) in self._modules or start in self._folders
        ]
        if near:
            return near
        elsewhere = self._bases.get(first, [])
        # A package elsewhere in the tree (a src folder): only where there is no doubt which one is meant.
        return elsewhere if len(elsewhere) == 1 and self._is_package(posixpath.join(elsewhere[0], first)) else []


def _ancestors(folder: str) -> Iterator[str]:
    yield folder
    while (parent := posixpath.dirname(folder)) != folder:
        folder = parent
        yield folder


def _spellings(one: Import) -> list[list[str]]:
    """The module that an import names, and each imported name as a module under it."""
    module = one.module.split(".") if one.module else []
    return [module, *([*module, name] for name in one.names if _WORD.fullmatch(name))]


def links(files: Mapping[str, bytes], layout: Layout) -> dict[str, dict[str, str]]:
    """Each file's own imports within the set: path -> {dotted name as it spells it: path}."""
    return {
        path: {name: target for one in imports(data) for name, target in layout.targets(path, one).items()}
        for path, data in files.items()
    }


def loads(files: Mapping[str, bytes]) -> dict[str, set[str]]:
    """The files that importing each file loads directly: what it imports, and the packages that it is part of."""
    layout = Layout(files)
    return {path: {*targets.values(), *layout.packages(path)} for path, targets in links(files, layout).items()}


def beside(group: Iterable[str], edges: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The files that a program's files reach by their imports and that are no part of it: helpers without TensorFlow."""
    reached = set(group)
    pending = list(reached)
    while pending:
        for other in edges[pending.pop()] - reached:
            reached.add(other)
            pending.append(other)
    return tuple(sorted(reached - set(group)))


def partition(edges: Mapping[str, set[str]], uses_tensorflow: Iterable[str]) -> list[tuple[str, ...]]:
    """The connected programs among the files, each in the order of its paths. Files without TensorFlow are in none."""
    importers: dict[str, list[str]] = {path: [] for path in edges}
    for path, targets in edges.items():
        for target in targets:
            importers[target].append(path)
    reaching = set(uses_tensorflow)
    pending = list(reaching)
    while pending:
        for importer in importers[pending.pop()]:
            if importer not in reaching:
                reaching.add(importer)
                pending.append(importer)
    groups: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for path in sorted(reaching):
        if path in seen:
            continue
        group, pending = {path}, [path]
        while pending:
            one = pending.pop()
            for other in (*edges[one], *importers[one]):
                if other in reaching and other not in group:
                    group.add(other)
                    pending.append(other)
        seen |= group
        groups.append(tuple(sorted(group)))
    return groups
