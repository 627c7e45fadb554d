"""Comments that a program would lose because the code around them was written otherwise: they go before what followed them.

Comments travel with their statements (`moves`). A function that is written out where it is called, a decorator that goes, or an
arg_scope whose settings move into its calls, leaves some behind; none of them may be lost.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from ..ignoring import is_ignore

_HEAD = re.compile(r"#!|#.*coding[:=]")


def restored(old: str, new: str) -> str:
    """The new text with the comments of the old one that it lacks, each on a line of its own.

    It stands above the first line of those that followed it in the old text and that is still there, once; else at the end.
    """
    missing = Counter(text for _, text in _comments(old))
    missing -= Counter(text for _, text in _comments(new))
    lost = [(line, text) for line, text in _comments(old) if missing[text] and not is_ignore(text)]
    if not lost:
        return new
    before, lines = old.split("\n"), new.split("\n")
    starts = _starts(new)
    seen = Counter(line.strip() for line in lines)
    places = {lines[number - 1].strip(): number for number in starts if seen[lines[number - 1].strip()] == 1}
    inserted: dict[int, list[str]] = {}
    for line, text in lost:
        if missing[text] <= 0 or _HEAD.match(text):
            continue
        missing[text] -= 1
        following = (places.get(one.strip()) for one in before[line - 1 :])
        place = next((number for number in following if number), len(lines) if new.endswith("\n") else len(lines) + 1)
        inserted.setdefault(place, []).append(text)
    for place in sorted(inserted, reverse=True):
        indent = re.match(r"[ \t]*", lines[place - 1] if place <= len(lines) else "")
        lines[place - 1 : place - 1] = [(indent[0] if indent else "") + text for text in inserted[place]]
    return "\n".join(lines)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.strip()
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return


def _starts(text: str) -> list[int]:
    """The lines on which a statement begins, its decorators included, and nothing before it."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            found.add(min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))]))
    lines = text.split("\n")
    return [
        line
        for line in sorted(found)
        if not re.match(r"\s*(?:elif|else|except|finally)\b", lines[line - 1])
        and not (line > 1 and lines[line - 2].endswith("\\"))
    ]
