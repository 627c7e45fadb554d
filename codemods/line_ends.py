"""The ends of lines: every stage sees line feeds, and a file gets back the ends that it came with."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

# One end for all lines, or, where they are mixed, that of each.
LineEnds = str | tuple[str, ...]
FEEDS = "\n"
_END = re.compile(r"\r\n?|\n")


def taken(text: str) -> tuple[str, LineEnds]:
    """The text with line feeds alone, and the ends that it had."""
    if "\r" not in text:
        return text, FEEDS
    ends = _END.findall(text)
    return _END.sub("\n", text), ends[0] if len(set(ends)) == 1 else tuple(ends)


def restore(old: str, new: str, ends: LineEnds) -> str:
    """A new text with the ends of the old one. Where these are mixed, a line that stays keeps its own, and a new one gets
    that of the line before it."""
    if isinstance(ends, str):
        return new.replace("\n", ends)
    before, after = old.split("\n"), new.split("\n")
    kept: dict[int, str] = {}
    for one in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks():
        kept.update((one.b + offset, ends[one.a + offset]) for offset in range(one.size) if one.a + offset < len(ends))
    times = Counter(before)
    moved = {line: end for line, end in zip(before, ends, strict=False) if line.strip() and times[line] == 1}
    kept = {**{number: moved[line] for number, line in enumerate(after) if line in moved}, **kept}
    out: list[str] = []
    end = ends[0]
    for number, line in enumerate(after[:-1]):
        end = kept.get(number, end)
        if not line and end == "\n" and out and out[-1].endswith("\r"):
            end = "\r"  # two ends would be one
        out.append(line + end)
    return "".join([*out, after[-1]])
