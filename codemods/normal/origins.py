"""Where the places of a rewritten source stood in the source that the user knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..parse import Module, parse

NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Origin:
    """One line's origin: its line in the old source, and that line's text (empty for a line that is new).

    `path` is the module that it stood in, where that is another one.
    """

    line: int
    text: str
    path: str = ""


@dataclass(frozen=True)
class Origins:
    """The origins of every line of a module's present text."""

    lines: Sequence[str] = field(repr=False)
    of: Sequence[Origin] = field(repr=False)

    def place(self, line: int, column: int) -> tuple[str, int, int]:
        """A 1-based line and 0-based column of the present text, in the old source: by the order of the words in the line.

        The path is that of another module, or empty.
        """
        if not 1 <= line <= len(self.of):
            return "", line, column
        old, new = self.of[line - 1], self.lines[line - 1]
        words = [found.start() for found in NAME.finditer(new)]
        before = [found.start() for found in NAME.finditer(old.text)]
        if column in words and len(words) == len(before):
            return old.path, old.line, before[words.index(column)]
        return old.path, old.line, min(column, max(len(old.text) - 1, 0))

    def known(self, line: int, name: str) -> bool:
        """Whether a line of the present text has a counterpart that says a name: what was written in between has none, and a
        name may be another one now."""
        if not 1 <= line <= len(self.of):
            return True
        return name.rpartition(".")[2] in NAME.findall(self.of[line - 1].text)


def identity(text: str) -> Origins:
    """The origins of a text that was not changed."""
    lines = split(text)
    return Origins(lines, [Origin(number, line) for number, line in enumerate(lines, 1)])


def split(text: str) -> list[str]:
    return re.split(r"\r\n?|\n", text)


def at(origins: Mapping[str, Origins], path: str, line: int, column: int) -> tuple[str, int, int]:
    """A place of a program's present text in the old one."""
    if path not in origins:
        return path, line, column
    other, line, column = origins[path].place(line, column)
    return other or path, line, column


def written(module: Module, lines: Sequence[str], of: Sequence[Origin]) -> tuple[Module, Origins]:
    """The module with other lines, and where each of them stood."""
    return parse(module.encode("\n".join(lines)), module.path, module.name), Origins(lines, of)
