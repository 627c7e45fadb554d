"""Where old and new part: the first value in between that differs.

The execution that differs is run once more on both sides, with the values noted that the manifest has on both. All of
them are compared at once: a bisection would run the programs several times over to spare comparisons that cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import tolerances as within
from .comparing import Trace, read
from .model import (
    FORWARD,
    GRADIENTS,
    INITIAL,
    INPUTS,
    READS,
    TRAINING,
    VARIABLES,
    Between,
    Comparison,
    FirstDifference,
    Place,
)
from .options import Options
from .recording import Recording
from .replaying import replay
from .subjects import Subject

_ORDER = (VARIABLES, INPUTS, INITIAL, FORWARD, GRADIENTS, TRAINING, READS)
COMPUTED = frozenset({FORWARD, GRADIENTS, TRAINING})  # what an execution's values in between lead to


def first_differing(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The comparison to begin with: of the first execution that differs, the earliest kind of value.

    Of gradients the last variable's: an error on the way back shows in all that come before it.
    """
    bad = [one for one in comparisons if not one.passed and one.level in _ORDER]
    if not bad:
        return None
    step = min(one.step for one in bad)
    here = [one for one in bad if one.step == step]
    level = min((one.level for one in here), key=_ORDER.index)
    same = [one for one in here if one.level == level]
    return same[-1] if level == GRADIENTS else same[0]


def between(
    recording: Recording, subject: Subject, options: Options, folder: Path, execution: int, nth: int
) -> list[Between]:
    """The values in between of one execution on both sides, in the order in which the old program computes them."""
    old = recording.detail(execution, nth)
    if not old.records:
        return []
    replay(subject, old.folder, options, folder, detail=(execution, nth))
    new = read(folder / "seen")
    a = next((one for one in old.records if "tensors" in one), None)
    b = next((one for one in new.records if "between" in one), None)
    if a is None or b is None:
        return []
    return _compared(subject, execution, a, b, old, new, options)


def _compared(
    subject: Subject,
    execution: int,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    old: Trace,
    new: Trace,
    options: Options,
) -> list[Between]:
    values = subject.executions[execution].values
    old_arrays, new_arrays = old.arrays(a), new.arrays(b)
    places: dict[int, list[int]] = {}
    for place, number in enumerate(b["between"]):
        places.setdefault(number, []).append(place)
    times: dict[int, int] = {}
    found = []
    for place, number in enumerate(a["between"]):
        time = times.get(number, 0)
        times[number] = time + 1
        if time >= len(places.get(number, [])) or f"between:{place}" not in old_arrays:
            continue
        value, depth = values[number], int(a["depths"][place])
        other = new_arrays.get(f"between:{places[number][time]}")
        verdict = within.forward(old_arrays[f"between:{place}"], other, depth, options.tolerances)
        found.append(
            Between(
                value.name,
                a["tensors"][place],
                Place(value.old.file, value.old.line),
                Place(value.new.file, value.new.line, value.new.qualname),
                verdict.error,
                verdict.allowed,
                verdict.equal,
                verdict.note,
            )
        )
    return found


def first(comparison: Comparison, values: Sequence[Between]) -> FirstDifference:
    """What to tell: the first value in between that differs, or what was compared itself where none does."""
    found = next((one for one in values if not one.equal), None)
    if found is not None and comparison.level in COMPUTED:
        # One statement may be bound in a model and again in the function that calls it: the inner one says more.
        inner = [one for one in values if (one.old, one.name) == (found.old, found.name) and one.new != found.new]
        differing = next((one for one in reversed(inner) if not one.equal), found)
        return FirstDifference(
            differing.name,
            comparison.step,
            differing.error,
            differing.old,
            differing.new,
            differing.tensor,
            differing.note or f"off by {differing.error:.3g}, {differing.allowed:.3g} allowed",
        )
    told = comparison.note or f"off by {comparison.error:.3g}, {comparison.allowed:.3g} allowed"
    what = {
        VARIABLES: f"the variable {comparison.name}",
        INPUTS: f"what is given for {comparison.name}",
        INITIAL: f"the variable {comparison.name}, before the execution",
        FORWARD: comparison.name,
        GRADIENTS: f"the gradient of {comparison.name}",
        TRAINING: f"the variable {comparison.name}, after the update",
        READS: f"the value read for {comparison.name}",
    }[comparison.level]
    return FirstDifference(what, comparison.step, comparison.error, comparison.old, comparison.new, "", told)
