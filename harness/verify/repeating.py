"""Whether the old program agrees with itself.

TF1 leaves an order open where one run updates a variable and reads it (two train ops of a GAN, clipped weights):
such values come out now one way and now the other. What differs by no more than the old program from itself says nothing
of the new one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from . import comparing
from .comparing import Pair, Record, Trace
from .model import Comparison
from .recording import Recording
from .replaying import carried, gradients_in_new_terms, in_new_terms
from .subjects import Subject
from .tolerances import Tolerances

SHARE = 0.5  # of a difference: the old program's own, from which it counts as unsettled
_LEVELS_OF_NUMBERS = (
    "initial values",
    "inputs equal",
    "forward equal",
    "gradients equal",
    "training steps equal",
    "free run",
)


def judge(
    subject: Subject, recording: Recording, comparisons: Sequence[Comparison], tolerances: Tolerances
) -> list[Comparison]:
    """The comparisons, those `unsettled` where the old program, run once more, differs from itself as much."""
    if all(one.passed or one.level not in _LEVELS_OF_NUMBERS for one in comparisons):
        return list(comparisons)
    own = {_key(one): one.error for one in _itself(subject, recording.trace, recording.again(), tolerances)}
    return [
        dataclasses.replace(one, unsettled=True, note=f"the old program differs from itself by {own[_key(one)]:.3g}")
        if not one.passed and one.error > 0.0 and own.get(_key(one), 0.0) >= SHARE * one.error
        else one
        for one in comparisons
    ]


def _key(one: Comparison) -> tuple[str, str, int, int]:
    level = "forward equal" if one.level == "free run" else one.level
    return level, one.name, one.execution, one.nth


def _itself(subject: Subject, first: Trace, second: Trace, tolerances: Tolerances) -> list[Comparison]:
    """The old program's first run compared with its second, as if that were the new program."""
    variables = carried(subject)
    others = {(one["execution"], one["nth"]): one for one in second.records if one.get("kind") == "function"}
    found: list[Comparison] = []
    for one in first.records:
        other = others.get((one.get("execution"), one.get("nth")))
        if one.get("kind") != "function" or other is None:
            continue
        execution = subject.executions[one["execution"]]
        a, c = first.arrays(one), second.arrays(other)
        b: dict[str, Any] = dict(gradients_in_new_terms(c, variables))
        for prefix in ("before:", "after:"):
            values, _ = in_new_terms(prefix, c, variables)
            b.update({prefix + path: value for path, value in values.items()})
        b.update({"actual:" + key: value for key, value in c.items() if key.startswith(("feed:", "element:"))})
        b.update(_results(execution.outputs, other, c))
        pair = Pair(execution, one["execution"], one, {"unmatched": []}, steady=True)
        state = comparing.state_of(a, variables)
        found += comparing.given(pair, variables, state, a, b, tolerances)
        found += comparing.execution(pair, variables, state, a, b, tolerances)
    return found


def _results(outputs: Sequence[Any], record: Record, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The fetches under the numbers that the new function's results have."""
    found = {}
    for place, output in enumerate(outputs):
        if output.index is not None and f"fetch:{place}" in arrays:
            found[f"fetch:{output.index}"] = arrays[f"fetch:{place}"]
    return found
