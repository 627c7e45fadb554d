"""Notebooks (.ipynb): their code cells are one program, in the order of the cells.

`read` joins them to a source that every stage takes as it takes a module's (`Notebook.code`): a line stands before each cell
but the first, and lines of IPython are written as Python (`magics`). `Notebook.rewritten` puts a new source back into the
cells. Nothing else of the file is touched: its JSON is never written anew, only the sources of cells that changed (`layout`).
"""

from __future__ import annotations

import ast
import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from .. import line_ends
from ..diagnostics import Diagnostic
from ..parse import Module
from . import layout, magics
from .layout import CodeCell

SUFFIX = ".ipynb"
_MARK = re.compile(r'^"tf-modernize: cell (\d+)"\n', re.MULTILINE)

# What asks for TensorFlow 1, or uses TensorFlow, in a text that is not the notebook's Python.
_TF1 = re.compile(
    r"tensorflow(?:[-_](?:gpu|cpu|estimator))?\s*(?:==|<|<=|~=)\s*[\"']?1\b|%tensorflow_version\s+1|\b(?:import|from)\s+tensorflow\b"
    r"|^%(?:%timeit|prun|lprun|memit|time|timeit)\b.*(?:\btf\.|\bsess(?:ion)?\.)"
)


class NotebookError(Exception):
    """A notebook that can't be read: a sentence without its path."""


@dataclass(frozen=True)
class Notebook:
    """One notebook: the text of its file, its code cells, and the program that they are."""

    text: str
    cells: tuple[CodeCell, ...]
    code: str
    masked: tuple[str, ...]
    foreign: frozenset[int] = frozenset()  # the numbers of cells that hold another language, or another file

    @cached_property
    def firsts(self) -> list[int]:
        """The line of `code` on which each cell begins."""
        marks = [self.code.count("\n", 0, found.end()) + 1 for found in _MARK.finditer(self.code)]
        return [1, *marks]

    def place(self, line: int) -> tuple[int, int]:
        """The cell, counted among all cells of the notebook, and the line within it."""
        index = max(bisect_right(self.firsts, line) - 1, 0)
        return (self.cells[index].number if self.cells else 1), line - self.firsts[index] + 1

    def sources(self, code: str) -> list[str] | None:
        """The source of each cell in a new text of the whole; None where it can't be told which is whose."""
        if not is_kept(self.code, code):
            return None
        if not self.cells:
            return []
        parts = _MARK.split(magics.shown(code, self.masked))[::2]
        return [
            cell.source if cell.number in self.foreign else _as_before(cell.source, part)
            for cell, part in zip(self.cells, parts, strict=True)
        ]

    def left(self, path: str) -> list[Diagnostic]:
        """What of TensorFlow 1 is in lines and cells that are not the notebook's own Python."""
        lines = [
            (self.code.count("\n", 0, found.start()) + 1, self.masked[int(found[1])])
            for found in magics.NUMBER.finditer(self.code)
        ]
        cells = [
            (first, cell.source)
            for first, cell in zip(self.firsts, self.cells, strict=True)
            if cell.number in self.foreign
        ]
        return [
            Diagnostic("notebook-left", "TFM929", f"TensorFlow 1 is left in `{_shortened(text)}`", path, line)
            for line, text in sorted(lines + cells)
            if _TF1.search(text)
        ]

    def rewritten(self, code: str) -> bytes | None:
        """The file with a new text in its cells; None where it can't be told which is whose."""
        sources = self.sources(code)
        return None if sources is None else layout.written(self.text, self.cells, sources).encode()


def read(data: bytes) -> Notebook | None:
    """A notebook from the bytes of its file, or None where its language is not Python. Raises NotebookError."""
    try:
        text = data.decode()
        found = json.loads(text.removeprefix("\ufeff"))
    except UnicodeDecodeError:
        raise NotebookError("it is not UTF-8, as notebooks are") from None
    except json.JSONDecodeError as error:
        raise NotebookError(f"it is not valid JSON ({error.msg}, line {error.lineno})") from None
    except RecursionError:
        raise NotebookError("it is nested too deeply to read") from None
    if not isinstance(found, dict) or found.get("nbformat") not in (3, 4):
        raise NotebookError("it is no notebook of format 3 or 4")
    try:
        if _language(found) != "python":
            return None
        cells = layout.code_cells(text, found["nbformat"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotebookError("it is no notebook: its cells are not as the format says") from None
    lines: list[str] = []
    masked: list[str] = []
    foreign: set[int] = set()
    for cell in cells:
        body = magics.as_python(line_ends.taken(cell.source)[0], masked)
        if body is None:
            foreign.add(cell.number)
        if cell is not cells[0]:
            lines.append(f'"tf-modernize: cell {cell.number}"\n')
        lines.append(body or "" if not body or body.endswith("\n") else body + "\n")
    return Notebook(text, tuple(cells), "".join(lines), tuple(masked), frozenset(foreign))


def _language(found: dict[str, object]) -> str:
    """The language of the kernel, Python where none is named."""
    metadata = found.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise TypeError("metadata is an object")
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        named = metadata.get(part, {}).get(key)
        if isinstance(named, str):
            return "python" if named.lower() in ("python", "ipython") else named
    return "python"


def is_kept(before: str, after: str) -> bool:
    """Whether a new text of a notebook still has the lines between the cells, and IPython's lines, once and in order."""
    return _MARK.findall(before) == _MARK.findall(after) and magics.are_kept(before, after)


def _shortened(text: str) -> str:
    line = text.split("\n")[0].rstrip()
    return line if len(line) <= 60 else line[:57] + "..."


def _as_before(source: str, new: str) -> str:
    """A cell's new source, with the blank lines around it and the line ends that it had."""
    old, ends = line_ends.taken(source)
    body = new.strip("\n")
    if body == old.strip("\n"):
        return source
    if not body:
        return ""
    before = len(old) - len(old.lstrip("\n"))
    after = len(old) - len(old.rstrip("\n"))
    return line_ends.restore(old, "\n" * before + body + "\n" * after, ends)


def shows(module: Module, node: ast.stmt) -> bool:
    """Whether a notebook shows the value of a statement: an expression that is timed, or ends its cell without a semicolon."""
    if not module.path.endswith(SUFFIX) or not isinstance(node, ast.Expr):
        return False
    start, end = module.span(node)
    if magics.is_timed(module.utf8[module.starts[node.lineno - 1] : start].decode()):
        return True
    body = module.tree.body
    place = body.index(node) + 1 if node in body else 0
    last = place and (place == len(body) or is_mark(body[place]))
    return bool(last) and not module.utf8[end : end + 20].lstrip(b" \t").startswith(b";")


def is_mark(node: ast.stmt) -> bool:
    """Whether a statement is the line before a cell."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.value.value.startswith("tf-modernize: cell ")
    )
