"""The JSON of a notebook as text: where the sources of its code cells stand, and new sources put in their places.

Indentation, the order of keys, escapes, outputs and whatever else a file holds stay byte for byte, since they are never read into
objects and written out again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class CodeCell:
    """A code cell. `number` counts all cells from 1, `start` and `end` are its source's place in the file's text."""

    number: int
    start: int
    end: int
    source: str


def code_cells(text: str, version: int) -> list[CodeCell]:
    """The code cells of a notebook's text, which is known to be JSON."""
    top = _members(text, text.index("{"))
    if version == 4:
        starts = [start for start, _ in _elements(text, top["cells"][0])]
    else:
        sheets = [_members(text, start) for start, _ in _elements(text, top["worksheets"][0])]
        starts = [start for sheet in sheets for start, _ in _elements(text, sheet["cells"][0])]
    found: list[CodeCell] = []
    for number, start in enumerate(starts, 1):
        cell = _members(text, start)
        if _value(text, cell["cell_type"]) != "code":
            continue
        if version == 3 and "language" in cell and _value(text, cell["language"]) != "python":
            continue
        place = cell["source" if version == 4 else "input"]
        source = _value(text, place)
        if not isinstance(source, str):
            if not isinstance(source, list):
                raise TypeError("a source is a text or a list of lines")
            source = "".join(source)
        found.append(CodeCell(number, *place, source))
    return found


def written(text: str, cells: Sequence[CodeCell], sources: Sequence[str]) -> str:
    """The text with new sources in the cells, each spelt as its cell's was."""
    out: list[str] = []
    position = 0
    for cell, source in zip(cells, sources, strict=True):
        if source != cell.source:
            out += [text[position : cell.start], _spelt(text, cell, source)]
            position = cell.end
    return "".join([*out, text[position:]])


def _spelt(text: str, cell: CodeCell, source: str) -> str:
    """A source as JSON: one string, or a list of lines with the spaces that the old one had; lines that stay as they were."""
    plain = text.isascii()
    if text[cell.start] == '"':
        return json.dumps(source, ensure_ascii=plain)
    old = _elements(text, cell.start)
    known = {_value(text, place): text[slice(*place)] for place in old}
    lines = [known.get(line) or json.dumps(line, ensure_ascii=plain) for line in _LINE.findall(source)]
    if not lines:
        return "[]"
    if old:
        head, tail = text[cell.start + 1 : old[0][0]], text[old[-1][1] : cell.end - 1]
        between = text[old[0][1] : old[1][0]] if len(old) > 1 else "," + (head or " ")
    else:
        head, between, tail = _fresh(text, cell.start)
    return f"[{head}{between.join(lines)}{tail}]"


def _fresh(text: str, start: int) -> tuple[str, str, str]:
    """The spaces for a list that was empty: those that a list within its object has, as far as the object's lines tell."""
    line = text.rfind("\n", 0, start)
    indent = _SPACE.match(text, line + 1) if line >= 0 else None
    if indent is None or indent.end() >= start:
        return "", ", ", ""
    own = indent[0]
    step = " " * (len(own) // 3) if own.strip("\t") else "\t"
    return f"\n{own}{step}", f",\n{own}{step}", f"\n{own}"


def _value(text: str, place: tuple[int, int]) -> object:
    return _DECODER.raw_decode(text, place[0])[0]


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """The places of an object's values; `start` is that of its brace."""
    found: dict[str, tuple[int, int]] = {}
    if text[start] != "{":
        raise ValueError("no object")
    position = _after(text, start + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _after(text, _after(text, position) + 1)  # the colon
        _, end = _DECODER.raw_decode(text, position)
        found[key] = (position, end)
        position = _after(text, end)
        if text[position] == ",":
            position = _after(text, position + 1)
    return found


def _elements(text: str, start: int) -> list[tuple[int, int]]:
    """The places of a list's values; `start` is that of its bracket."""
    found: list[tuple[int, int]] = []
    if text[start] != "[":
        raise ValueError("no list")
    position = _after(text, start + 1)
    while text[position] != "]":
        _, end = _DECODER.raw_decode(text, position)
        found.append((position, end))
        position = _after(text, end)
        if text[position] == ",":
            position = _after(text, position + 1)
    return found


def _after(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position
