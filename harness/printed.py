"""Comparing what two runs of a program printed: the same words, close numbers."""

from __future__ import annotations

import itertools
import re

NUMBER = re.compile(r"(?<![A-Za-z_\d.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b")
# How NumPy 2 shows a scalar, and what is left of an array's repr.
SCALAR = re.compile(r"\bnp\.(?:(?:float|int|uint|bool|str|bytes)\d*_?\(([^()]*)\)|(True|False)_)")
ARRAY = re.compile(r"\barray\(([^()]*?)(?:,\s*dtype=[\w<>']+)?\)")
# Objects that each version shows in its own way; what they hold is compared where it is printed.
OBJECT = re.compile(r"\bTensor\(|<tf\.|<tensorflow\.|<keras\b|<KerasVariable|\bat 0x[0-9a-f]+")


def lines(text: str) -> list[str]:
    """The lines worth comparing: NumPy's scalars and arrays shown as plain numbers, white space and brackets folded."""
    text = ARRAY.sub(r"\1", SCALAR.sub(lambda found: found[1] or found[2] or "", text))
    folded = (" ".join(re.sub(r"[\[\]]", " ", line).split()) for line in text.splitlines())
    return [line for line in folded if line and not OBJECT.search(line)]


def difference(expected: str, actual: str, rtol: float = 1e-3, atol: float = 1e-4) -> str | None:
    """The first difference as a sentence, or None where the two agree."""
    for place, (one, two) in enumerate(itertools.zip_longest(lines(expected), lines(actual)), 1):
        if one is None or two is None or not same(one, two, rtol, atol):
            return f"line {place}: {one!r} was expected, {two!r} was printed"
    return None


def same(one: str, two: str, rtol: float, atol: float) -> bool:
    """Whether two lines have the same words, and numbers within the tolerance."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", two):
        return False
    pairs = zip(map(float, NUMBER.findall(one)), map(float, NUMBER.findall(two)), strict=True)
    return all(_close(a, b, rtol, atol) for a, b in pairs)


def _close(one: float, two: float, rtol: float, atol: float) -> bool:
    if one != one or two != two:
        return one != one and two != two
    return one == two or abs(one - two) <= atol + rtol * max(abs(one), abs(two))
