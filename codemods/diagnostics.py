"""Diagnostics: the one code space that linter, codemods and reports share (docs/diagnostics.md)."""

from __future__ import annotations

from dataclasses import dataclass


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
