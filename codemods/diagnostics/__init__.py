"""Diagnostics: the one code space that linter, codemods, reports and `tf-modernize explain` share.

Each code is a `Rule`, in the file for its kind; docs/diagnostics.md is written from these by scripts/document_rules.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from . import behaviour, notes, removed, tool, unsafe
from .rule import KINDS, Example, Rule

__all__ = ["ALWAYS", "KINDS", "RULES", "Diagnostic", "Example", "Rule", "find", "nearest", "selected"]


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `symbol` names the rule (`tf1-session`), `line` is 1-based and `column` 0-based in the old source."""

    symbol: str
    code: str
    message: str
    path: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0


RULES: tuple[Rule, ...] = tuple(
    sorted((*removed.RULES, *behaviour.RULES, *unsafe.RULES, *tool.RULES, *notes.RULES), key=lambda rule: rule.code)
)
# Faults, which no option and no comment can silence: a run that met one ends with exit code 2.
ALWAYS = frozenset({"TFM901", "TFM902", "TFM909"})
_BY_CODE: Mapping[str, Rule] = {rule.code: rule for rule in RULES}
_BY_SYMBOL: Mapping[str, Rule] = {rule.symbol: rule for rule in RULES}


def find(name: str) -> Rule | None:
    """The rule of a code or a symbol, however its letters are written."""
    return _BY_CODE.get(name.strip().upper()) or _BY_SYMBOL.get(name.strip().lower())


def selected(name: str) -> frozenset[str]:
    """The codes that a code, a symbol or a beginning of codes (`TFM4`) stands for; none where it stands for nothing."""
    rule = find(name)
    if rule is not None:
        return frozenset({rule.code})
    start = name.strip().upper()
    return frozenset(code for code in _BY_CODE if start.startswith("TFM") and code.startswith(start))


def nearest(name: str) -> str | None:
    """The code or symbol that was probably meant."""
    folded = {one.lower(): one for one in (*_BY_SYMBOL, *_BY_CODE)}
    found = difflib.get_close_matches(name.strip().lower(), folded, 1)
    return folded[found[0]] if found else None
