"""Executions that are functions no more: what the new program reads by `.numpy()` in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tolerances as within
from .comparing import Pair, Trace, comparison_of
from .model import READS, Comparison
from .subjects import Subject
from .tolerances import Tolerances, Verdict


@dataclass
class _Window:
    """What is read between two function calls: the old program's fetches, and the new program's values.

    `results` is what the call before gave, which is read here as well; None where that call was not recorded.
    """

    expected: list[tuple[Pair, str, Any]]
    read: list[Any]
    results: list[Any] | None = None


def compare(subject: Subject, old: Trace, new: Trace, tolerances: Tolerances) -> Iterator[Comparison]:
    """Executions that became a variable read or are evaluated in place: the value must be read at the same time.

    Each fetch takes a value that equals it; one that is left over is compared with the nearest that is left over, too. What
    the new program does not read by `.numpy()` (the value of an assignment) is not seen. Values that are there, but not in
    the old program's order, are handed to the wrong places.
    """
    for window in _windows(subject, old, new).values():
        table = [
            [within.forward(value, other, _DEEP_READ, tolerances) for other in window.read]
            for _, _, value in window.expected
        ]
        equal = [[verdict.equal for verdict in verdicts] for verdicts in table]
        taken: dict[int, int] = {}
        for row, verdicts in enumerate(equal):
            place = next((at for at, same in enumerate(verdicts) if same and at not in taken.values()), None)
            if place is not None:
                taken[row] = place
        in_order = _in_order(equal)
        swapped = set(taken) - in_order if len(in_order) < len(taken) else set()
        left = [other for at, other in enumerate(window.read) if at not in taken.values()]
        for row, (pair, fetch, value) in enumerate(window.expected):
            if row in swapped:
                yield comparison_of(
                    pair, READS, fetch, Verdict(False, note="is read, but not in the old program's order")
                )
            elif row in taken:
                yield comparison_of(pair, READS, fetch, table[row][taken[row]])
            elif alike := [other for other in left if np.shape(other) == np.shape(value)]:
                nearest = (within.forward(value, other, _DEEP_READ, tolerances) for other in alike)
                yield comparison_of(pair, READS, fetch, min(nearest, key=lambda one: one.error))
            elif pair.execution.kind == "variable-read" and window.results is not None:
                others = [one for one in left if not any(np.array_equal(one, result) for result in window.results)]
                if others:
                    note = f"is not read, but a value of the shape {list(np.shape(others[0]))} is"
                    yield comparison_of(pair, READS, fetch, Verdict(False, note=note))


def _in_order(equal: Sequence[Sequence[bool]]) -> set[int]:
    """The rows of a longest common subsequence of the expected values and those that were read."""
    width = len(equal[0]) if equal else 0
    longest: list[list[int]] = [[0] * (width + 1) for _ in range(len(equal) + 1)]
    for row in reversed(range(len(equal))):
        for at in reversed(range(width)):
            both = longest[row + 1][at + 1] + 1 if equal[row][at] else 0
            longest[row][at] = max(both, longest[row + 1][at], longest[row][at + 1])
    found, row, at = set(), 0, 0
    while row < len(equal) and at < width:
        if equal[row][at] and longest[row][at] == longest[row + 1][at + 1] + 1:
            found.add(row)
            row, at = row + 1, at + 1
        elif longest[row][at] == longest[row + 1][at]:
            row += 1
        else:
            at += 1
    return found


_DEEP_READ = 8  # what is evaluated in place has no recorded depth


def _windows(subject: Subject, old: Trace, new: Trace) -> dict[int, _Window]:
    """By the number of function calls before."""
    found: dict[int, _Window] = {}
    for one in old.records:
        if one.get("kind") not in ("variable-read", "evaluated"):
            continue
        execution = subject.executions[one["execution"]]
        arrays = old.arrays(one)
        pair = Pair(execution, one["execution"], one, {}, steady=True)
        window = found.setdefault(one["functions"], _Window([], []))
        for place, output in enumerate(execution.outputs):
            if output.index is not None and f"fetch:{place}" in arrays:
                window.expected.append((pair, output.fetch, arrays[f"fetch:{place}"]))
    for one in new.records:
        if "read" in one and one["read"] in found:
            found[one["read"]].read.extend(new.arrays(one).values())
        elif "function" in one and one["started"] + 1 in found:
            arrays = new.arrays(one)
            found[one["started"] + 1].results = [arrays[key] for key in arrays if key.startswith("fetch:")]
    return found
