"""Notebooks at the command line: what the engine reads of them, what is written, and how places and changes in them are told."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from tf_modernize.codemods.notebooks import Notebook, read
from tf_modernize.codemods.report import FileResult, ProgramResult

from .sources import Source


class Places:
    """How places are told to the user: `net.py:3:1`, and in a notebook `train.ipynb:cell 4:3:1`."""

    def __init__(self, files: Mapping[str, Source]) -> None:
        self._files = files

    def file(self, path: str) -> str:
        return self._files[path].shown if path in self._files else path

    def at(self, path: str, line: int, column: int | None = None) -> str:
        """A place by its 1-based line and 0-based column."""
        source = self._files.get(path)
        behind = "" if column is None else f":{column + 1}"
        if source is None or source.notebook is None:
            return f"{self.file(path)}:{line}{behind}"
        cell, within = source.notebook.place(line)
        return f"{self.file(path)}:cell {cell}:{within}{behind}"


def as_files(
    program: ProgramResult, files: Mapping[str, Source], ignored: Mapping[str, Collection[str]]
) -> ProgramResult:
    """The result of a program with the bytes of its notebooks in the place of their code; `ignored` are codes by path."""
    results: dict[str, FileResult] = {}
    for path, one in program.files.items():
        source = files[path]
        if source.notebook is None:
            results[path] = one
            continue
        left = source.notebook.left(path) if program.dialect == "tf1" else []
        silent = [finding for finding in left if finding.code in ignored.get(path, ())]
        after = None if one.after is None else source.notebook.rewritten(one.after.decode())
        results[path] = replace(
            one,
            before=source.data,
            after=None if after == source.data else after,
            cells=tuple(source.notebook.firsts),
            diagnostics=(*one.diagnostics, *(finding for finding in left if finding not in silent)),
            ignored=(*one.ignored, *silent),
        )
    return replace(program, files=results)


def diff(name: bytes, notebook: Notebook, after: bytes) -> Iterator[bytes]:
    """A unified diff for each cell that changes."""
    new = read(after)
    assert new is not None
    for old, now in zip(notebook.cells, new.cells, strict=True):
        cell = name + f":cell {old.number}".encode()
        lines = difflib.unified_diff(
            _lines(old.source),
            _lines(now.source),
            os.fsdecode(b"a/" + cell),
            os.fsdecode(b"b/" + cell),
            lineterm="",
        )
        yield from (line.encode(errors="surrogateescape") + b"\n" for line in lines)


def _lines(source: str) -> list[str]:
    return source.split("\n") if source else []
