"""What is to be verified: a manifest's program, its old and its new files, and the file that runs."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_modernize.codemods import projects
from tf_modernize.codemods.manifest import Execution, Program, from_json

from .model import VerifyError

NAME = "tf-modernize-manifest.json"


@dataclass(frozen=True)
class Subject:
    """A native program: `entry` is the file that is run, relative to both roots."""

    program: Program
    old_root: Path
    new_root: Path
    entry: str
    edited: tuple[str, ...] = ()  # new files that are not as `upgrade` wrote them
    besides: tuple[str, ...] = ()  # what OLD and NEW hold besides, and can't be verified

    @property
    def notes(self) -> list[str]:
        """What a report should say of the subject, whatever comes out."""
        return [f"{path} was edited after `upgrade` wrote it." for path in self.edited] + list(self.besides)

    @property
    def executions(self) -> tuple[Execution, ...]:
        return self.program.executions

    def targets(self) -> list[int | None]:
        """For each execution the number of the new function that it became: its place among `functions`."""
        functions = self.functions()
        return [functions.index(_key(one)) if one.kind == "function" and one.new else None for one in self.executions]

    def functions(self) -> list[tuple[str, str, int]]:
        """The new functions that executions became: file, qualified name and line, each once."""
        return list(dict.fromkeys(_key(one) for one in self.executions if one.kind == "function" and one.new))


def _key(one: Execution) -> tuple[str, str, int]:
    assert one.new is not None
    return one.new.file, one.new.qualname, one.new.line


def subjects(old: Path, new: Path, manifest: Path | None, entry: str | None = None) -> list[Subject]:
    """The native programs that OLD and NEW hold, one for each file that is run.

    Raises:
        VerifyError: there is no manifest, it is of other files, or nothing in it is native.
    """
    for given in (old, new):
        if not given.exists():
            raise VerifyError(f"{given} is not there.")
    path = manifest or _found(new)
    data = _read(path)
    new_root = _root(new, path, data.get("new_root"), data)
    old_root = _root(old, path, None, data)
    digests = {one["path"]: one for one in data["files"]}
    found: list[Subject] = []
    other: list[str] = []
    for program in from_json(data):
        if not _wanted(program, old, old_root) or not _wanted(program, new, new_root):
            continue
        if program.level != "native":
            other.append(f"{program.files[0]} is at the level {program.level}")
            continue
        _check_old(program, old_root, digests)
        edited = tuple(_changed(program, new_root, digests, "sha256_after"))
        program = _with_moved_functions(program, new_root, edited)
        for one in _entries(program, old_root, old if old.is_file() else None, entry):
            found.append(Subject(program, old_root, new_root, one, edited))
    if not found:
        told = f": {'; '.join(other)}" if other else ""
        raise VerifyError(f"Nothing of {path} can be verified: it has no native program for these files{told}.")
    besides = tuple(f"{one}: it is not verified." for one in other)
    return [dataclasses.replace(found[0], besides=besides), *found[1:]]


def without_source(new: Path, manifest: Path | None, entry: str | None = None) -> list[Subject]:
    """The native programs of NEW, where nothing is left of OLD but a graph.

    Raises:
        VerifyError: there is no manifest, or nothing in it is native.
    """
    if not new.exists():
        raise VerifyError(f"{new} is not there.")
    path = manifest or _found(new)
    data = _read(path)
    root = _root(new, path, data.get("new_root"), data)
    digests = {one["path"]: one for one in data["files"]}
    found = []
    for program in from_json(data):
        if program.level == "native" and _wanted(program, new, root):
            edited = tuple(_changed(program, root, digests, "sha256_after"))
            program = _with_moved_functions(program, root, edited)
            for one in _entries(program, root, new if new.is_file() else None, entry):
                found.append(Subject(program, root, root, one, edited))
    if not found:
        raise VerifyError(f"Nothing of {path} can be verified: it has no native program for {new}.")
    return found


def _found(new: Path) -> Path:
    """The manifest beside NEW, or above it."""
    start = new.resolve() if new.is_dir() else new.resolve().parent
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    raise VerifyError(f"There is no {NAME} beside {new}: name the one that `upgrade` wrote with --manifest FILE.")


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        from_json(data)
    except OSError as error:
        raise VerifyError(f"{path} can't be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise VerifyError(f"{path} is not a manifest of tf-modernize: {error}.") from None
    result: dict[str, Any] = data
    return result


def _root(given: Path, manifest: Path, told: str | None, data: Mapping[str, Any]) -> Path:
    """The folder that the manifest's paths of this side are relative to."""
    given = given.resolve()
    if given.is_dir():
        return given
    paths = [one["path"] for one in data["files"]] + [file for one in data["programs"] for file in one["files"]]
    if told is not None and any((manifest.parent / told / path).resolve() == given for path in paths):
        return (manifest.parent / told).resolve()
    ending = [path for path in paths if given.as_posix().endswith("/" + path)]
    if not ending:  # a file under another name: the manifest's only one
        if len(set(paths)) == 1 and told is None:
            raise VerifyError(f"{manifest} knows {paths[0]}, not {given.name}.")
        raise VerifyError(f"{manifest} says nothing of {given.name}: it is of other files.")
    return Path(given.as_posix()[: -len(max(ending, key=len)) - 1] or "/")


def _wanted(program: Program, given: Path, root: Path) -> bool:
    return given.is_dir() or given.resolve().relative_to(root).as_posix() in program.files


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _changed(program: Program, root: Path, digests: Mapping[str, Any], key: str) -> list[str]:
    return [
        path
        for path in program.files
        if path in digests and digests[path][key] is not None and _digest(root / path) != digests[path][key]
    ]


def _check_old(program: Program, root: Path, digests: Mapping[str, Any]) -> None:
    """The manifest counts lines of the old files, so they must be those that `upgrade` read."""
    missing = [path for path in program.files if not (root / path).is_file()]
    if missing:
        raise VerifyError(f"{root / missing[0]} is not there, and the manifest counts it among the old files.")
    changed = _changed(program, root, digests, "sha256_before")
    if changed:
        raise VerifyError(
            f"{root / changed[0]} is not the file that `upgrade` read: the places in the manifest don't hold for it. "
            f"Run `upgrade` again, or give the old version."
        )


def _with_moved_functions(program: Program, root: Path, edited: Sequence[str]) -> Program:
    """The program with its functions where they are after an edit: into another function or class, under their own names."""
    places: dict[str, dict[str, int]] = {path: qualnames(root / path) for path in edited}
    executions = []
    for one in program.executions:
        if one.kind == "function" and one.new and one.new.file in places:
            known, leaf = places[one.new.file], one.new.qualname.rpartition(".")[2]
            moved = [name for name in known if name.rpartition(".")[2] == leaf]
            if one.new.qualname not in known and len(moved) == 1:
                new = dataclasses.replace(one.new, qualname=moved[0], line=known[moved[0]])
                one = dataclasses.replace(one, new=new)
        executions.append(one)
    return dataclasses.replace(program, executions=tuple(executions))


def qualnames(path: Path) -> dict[str, int]:
    """The qualified names of a file's functions and their lines; nothing where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, int] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(prefix + child.name, child.lineno)
                visit(child, f"{prefix}{child.name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            else:
                visit(child, prefix)

    visit(tree, "")
    return found


def _entries(program: Program, root: Path, file: Path | None, named: str | None) -> list[str]:
    """The files of the program that are run: those that no other file of it imports, and that hold an execution."""
    if named is not None:
        if named not in program.files:
            raise VerifyError(f"{named} is not among the files of the program: {', '.join(program.files)}.")
        return [named]
    if file is not None:
        return [file.resolve().relative_to(root).as_posix()]
    data = {path: (root / path).read_bytes() for path in program.files}
    links = projects.links(data, projects.Layout(data))
    imported = {target for path, found in links.items() for target in found.values() if target != path}
    return [path for path in program.files if path not in imported] or list(program.files[:1])


def texts(root: Path, files: Sequence[str]) -> dict[str, str]:
    """The sources, decoded as Python does."""
    import io
    import tokenize

    found = {}
    for path in files:
        data = (root / path).read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        found[path] = data.decode(encoding, "replace")
    return found


def lines(text: str) -> list[str]:
    """The lines of a source, split where Python splits them: not at a form feed, as `splitlines` does."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
