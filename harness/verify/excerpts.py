"""The lines of source that a report's places name, read from the files as they are now."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass
from pathlib import Path

from .model import Place
from .subjects import lines


@dataclass(frozen=True)
class Excerpt:
    """Lines around a place: `lines` by number, `line` the one that is meant."""

    path: Path
    line: int
    lines: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        """The line that is meant."""
        return next((text.strip() for number, text in self.lines if number == self.line), "")


def excerpt(entry: str, place: Place | None, around: int = 0) -> Excerpt | None:
    """The lines of a place; None where there is no such file or line, as for a graph without its source.

    The paths of places are relative to the folder that `entry`, the file that was run, lies in or below.
    """
    if place is None or place.line < 1:
        return None
    path = next((one for folder in Path(entry).parents if (one := folder / place.file).is_file()), None)
    lines = _lines(path) if path else []
    if path is None or place.line > len(lines):
        return None
    numbers = range(max(1, place.line - around), min(len(lines), place.line + around) + 1)
    return Excerpt(path, place.line, tuple((number, lines[number - 1]) for number in numbers))


def _lines(path: Path) -> list[str]:
    """The lines, decoded as Python does and split where Python splits them."""
    try:
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding, "replace")
    except (OSError, SyntaxError, LookupError):
        return []
    return lines(text)
