"""A verification as one document: what came out of it all, and the report of each program, as plain data.

The format is schemas/verify-1.json; docs/verify.md explains it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from .model import FREE, LEVELS, Comparison, FirstDifference, Report

VERSION = 1


def exit_code(reports: Sequence[Report]) -> int:
    """1 if any program is different, else 2 if any could not be run (or there is none), else 0."""
    codes = {report.exit_code for report in reports}
    return 1 if 1 in codes else 2 if 2 in codes or not codes else 0


def verdict(reports: Sequence[Report]) -> str:
    """One sentence for all programs: the report's own where there is one."""
    if not reports:
        return "Not proved: nothing could be run."
    code = exit_code(reports)
    worst = [report for report in reports if report.exit_code == code]
    if len(reports) == 1 or code == 0:
        return worst[0].verdict
    return f"{worst[0].verdict} ({len(worst)} of {len(reports)} programs)"


def to_json(reports: Sequence[Report], error: str | None = None) -> dict[str, Any]:
    """The whole document as plain data that strict JSON can hold: a number that is not finite is None.

    `error` says why nothing, or no more, could be run.
    """
    data: dict[str, Any] = {
        "verify_version": VERSION,
        "tool": f"tf-modernize {version('tf-modernize')}",
        "exit_code": 2 if error else exit_code(reports),
        "verdict": verdict(reports),
        "error": error,
        "programs": [report.to_json() for report in reports],
    }
    finite: dict[str, Any] = _finite(data)
    return finite


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def ordered(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The worst first: those that did not pass, then by their error in units of what is allowed."""
    return sorted(comparisons, key=lambda one: (one.passed, -one.ratio))


def first_difference(report: Report) -> FirstDifference | None:
    """The first difference that was located; else the first comparison, in the order of the run, that did not pass."""
    if report.first is not None:
        return report.first
    bad = [one for one in report.comparisons if not one.passed]
    bad = [one for one in bad if one.level != FREE] or bad
    if not bad:
        return None
    one = min(bad, key=lambda one: (one.step, LEVELS.index(one.level)))
    told = one.note or f"off by {one.error:.3g}, {one.allowed:.3g} allowed"
    return FirstDifference(f"{one.level}: {one.name}", one.step, one.error, one.old, one.new, told=told)
