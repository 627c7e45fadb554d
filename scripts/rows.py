"""The rows of fixtures/rows: small TF1 programs, one for each call that TensorFlow 2 has under another form.

A file begins with what its programs share. A row begins with `#= name`, then the largest error allowed (absolute, and relative
to values above 1); and, for what has no exact form, `compat` and a piece of the reason that the report must give. What a program
leaves in `result` is compared.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "rows"
HEAD = re.compile(r"^#= (?P<name>[^:\n]+): (?P<error>[\d.e-]+)(?: compat (?P<reason>.+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    name: str
    source: str
    error: float
    reason: str  # empty: goes native


def rows() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for path in sorted(FOLDER.glob("*.py")):
        text = path.read_text("utf-8")
        heads = list(HEAD.finditer(text))
        shared = text[: heads[0].start()]
        for place, head in enumerate(heads):
            end = heads[place + 1].start() if place + 1 < len(heads) else len(text)
            name = f"{path.stem}: {head['name']}"
            assert name not in found, name
            body = text[head.end() : end].strip("\n") + "\n"
            found[name] = Row(name, shared + body, float(head["error"]), head["reason"] or "")
    return found


def recorded() -> dict[str, object]:
    """What each row gave under TF 1.15."""
    found: dict[str, object] = {}
    for path in sorted(FOLDER.glob("*.json")):
        found.update({f"{path.stem}: {name}": value for name, value in json.loads(path.read_text("utf-8")).items()})
    return found


def differs(one: object, two: object, error: float) -> str | None:
    """The first place where two results differ by more than is allowed."""
    if isinstance(one, list) and isinstance(two, list):
        if len(one) != len(two):
            return f"{len(one)} values, and {len(two)}"
        return next((why for a, b in zip(one, two, strict=True) if (why := differs(a, b, error))), None)
    if isinstance(one, dict) and isinstance(two, dict):
        if one.keys() != two.keys():
            return f"{sorted(one)}, and {sorted(two)}"
        return next((why for key in one if (why := differs(one[key], two[key], error))), None)
    if isinstance(one, (int, float)) and isinstance(two, (int, float)):
        close = one == two or (one != one and two != two) or abs(one - two) <= error * max(1, abs(one))
        return None if close else f"{one}, and {two}"
    return None if one == two else f"{one!r}, and {two!r}"
