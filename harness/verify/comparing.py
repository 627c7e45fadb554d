"""What was seen of both sides, value by value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_modernize.codemods.manifest import Execution

from ..observers import trace
from . import tolerances as within
from .model import FORWARD, FREE, GRADIENTS, INITIAL, INPUTS, TRAINING, VARIABLES, Comparison, Place
from .replaying import Carried, carried, gradients_in_new_terms, in_new_terms, inputs
from .subjects import Subject
from .tolerances import Tolerances, Verdict

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Trace:
    """The records of one run, the arrays read when they are asked for."""

    folder: Path
    records: tuple[Record, ...]
    end: str

    @property
    def nbytes(self) -> int:
        """The size of the arrays."""
        return sum((self.folder / one["arrays"]).stat().st_size for one in self.records if "arrays" in one)

    @property
    def calls(self) -> Mapping[str, int] | None:
        """How often each new function is called, by its number, where the program came to its own end."""
        return next((one["calls"] for one in self.records if "calls" in one), None)

    def arrays(self, record: Record) -> dict[str, Any]:
        return trace.arrays(str(self.folder), dict(record))


def read(folder: Path) -> Trace:
    """A trace from its folder; `end` is empty where the program ended by itself, or crashed."""
    records = list(trace.read(str(folder)))
    ends = [one["end"] for one in records if "end" in one]
    return Trace(folder, tuple(one for one in records if "end" not in one), ends[-1] if ends else "")


@dataclass(frozen=True)
class Pair:
    """One execution on both sides. `step` counts the old program's executions."""

    execution: Execution
    number: int
    old: Record
    new: Record
    steady: bool  # the execution before it was compared too, so the new program's own state should be the old one's

    @property
    def step(self) -> int:
        return int(self.old["functions"])


def pairs(subject: Subject, old: Trace, new: Trace) -> list[Pair]:
    """What was recorded on both sides, in the order of the old program."""
    targets = subject.targets()
    seen = {(one["function"], one["call"]): one for one in new.records if "function" in one}
    found: list[Pair] = []
    compared: set[int] = set()
    for one in old.records:
        if one.get("kind") in ("variable-read", "evaluated"):
            compared.add(one["functions"] - 1)  # its state was loaded
        if one.get("kind") != "function":
            continue
        other = seen.get((targets[one["execution"]], one["call"]))
        if other is None:
            continue
        steady = one["functions"] == 0 or one["functions"] - 1 in compared
        found.append(Pair(subject.executions[one["execution"]], one["execution"], one, other, steady))
        compared.add(one["functions"])
    return found


def lockstep(subject: Subject, old: Trace, new: Trace, tolerances: Tolerances) -> Iterator[Comparison]:
    """Every comparison of a run in lockstep."""
    variables = carried(subject)
    for place, pair in enumerate(pairs(subject, old, new)):
        a, b = old.arrays(pair.old), new.arrays(pair.new)
        state = state_of(a, variables)
        yield from mapped(pair, variables, state, first=place == 0)
        yield from given(pair, variables, state, a, b, tolerances)
        yield from execution(pair, variables, state, a, b, tolerances)


@dataclass(frozen=True)
class State:
    """The old program's variables around an execution, in the new program's terms; and why some have none."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    refused: Mapping[str, str]


def state_of(a: Mapping[str, Any], variables: Sequence[Carried]) -> State:
    before, refused = in_new_terms("before:", a, variables)
    after, _ = in_new_terms("after:", a, variables)
    return State(before, after, refused)


def given(
    pair: Pair,
    variables: Sequence[Carried],
    state: State,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    tolerances: Tolerances,
) -> Iterator[Comparison]:
    """What one execution begins with: the program's own variables and inputs."""
    yield from _state(pair, variables, state.before, b, tolerances, first=pair.step == 0)
    yield from _inputs(pair, a, b)


def execution(
    pair: Pair,
    variables: Sequence[Carried],
    state: State,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    tolerances: Tolerances,
) -> Iterator[Comparison]:
    """What one execution computes on both sides: its fetches, gradients and updates."""
    yield from fetches(pair, a, b, FORWARD, tolerances)
    yield from _gradients(pair, variables, a, b, tolerances)
    yield from _updates(pair, variables, state, b, tolerances)


def free_run(subject: Subject, old: Trace, new: Trace, tolerances: Tolerances) -> Iterator[Comparison]:
    """The fetches of a run from the same start that was left to itself."""
    for pair in pairs(subject, old, new):
        yield from fetches(pair, old.arrays(pair.old), new.arrays(pair.new), FREE, tolerances)


def comparison_of(pair: Pair, level: str, name: str, verdict: Verdict) -> Comparison:
    new = pair.execution.new
    return Comparison(
        level,
        name,
        pair.step,
        int(pair.old["nth"]),
        pair.number,
        verdict.equal,
        verdict.error,
        verdict.allowed,
        verdict.scale,
        verdict.note,
        old=Place(pair.execution.old.file, pair.execution.old.line),
        new=Place(new.file, new.line, new.qualname) if new else None,
    )


def mapped(pair: Pair, variables: Sequence[Carried], state: State, *, first: bool) -> Iterator[Comparison]:
    """The variables that one side has and the other lacks, or has otherwise."""
    before, after = state.before, state.after
    wrong = {**pair.new.get("refused", {})}
    for path in pair.new.get("missing", []):
        changed = path in before and path in after and not np.array_equal(before[path], after[path])
        made = path in before  # a variable that the old program makes later is not there yet on either side
        if (made and any(one.path == path and not one.slot for one in variables)) or changed:
            wrong[path] = "is not there"
    wrong.update({path: "can't be carried over: " + why for path, why in state.refused.items()})
    names = {one.path: one.tf1_name for one in variables}
    if first:
        for path in names:
            verdict = Verdict(path not in wrong, note=wrong.get(path, ""))
            yield comparison_of(pair, VARIABLES, f"{path} ({names[path]})", verdict)
    else:
        for path, why in wrong.items():
            yield comparison_of(pair, VARIABLES, f"{path} ({names[path]})", Verdict(False, note=why))


def _state(
    pair: Pair,
    variables: Sequence[Carried],
    before: Mapping[str, Any],
    b: Mapping[str, Any],
    tolerances: Tolerances,
    *,
    first: bool,
) -> Iterator[Comparison]:
    """The new program's own variables before they were replaced: made, or left by the last step, as the old one's."""
    if not pair.steady or pair.old.get("loaded"):
        return
    for one in variables:
        key = "before:" + one.path
        if one.path not in before or key not in b or np.shape(before[one.path]) != np.shape(b[key]):
            continue
        factor = 1.0 if first else 10.0
        verdict = within.compare(before[one.path], b[key], tolerances.rtol * 10, tolerances.atol * factor)
        if not verdict.equal and not first:  # what a step left with the last digits of gradients that cancel
            verdict = within.free(before[one.path], b[key], tolerances)
        yield comparison_of(pair, INITIAL, one.path, verdict)


def _inputs(pair: Pair, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Comparison]:
    """What the new program itself gave to the function, against what the old one fed."""
    parameters, unknown = inputs(pair.execution, a)
    for told in pair.new.get("unmatched", []):
        yield comparison_of(pair, INPUTS, told, Verdict(False, note=told))
    for name in unknown:
        yield comparison_of(pair, INPUTS, name, Verdict(False, note="what the old program fed for it is not known"))
    if not pair.steady:
        return  # data that depends on results has drifted
    for name, keys in parameters.items():
        for key in keys:
            if "actual:" + key in b:
                verdict = within.compare(a[key], b["actual:" + key], 1e-3, 1e-4)
                yield comparison_of(pair, INPUTS, name, verdict)


def fetches(
    pair: Pair, a: Mapping[str, Any], b: Mapping[str, Any], level: str, tolerances: Tolerances
) -> Iterator[Comparison]:
    """The results of one execution."""
    names: list[str] = pair.old["fetches"]
    depth = int(pair.old.get("depth", 0))
    for place, output in enumerate(pair.execution.outputs):
        if output.index is None:
            continue
        at = place if len(names) == len(pair.execution.outputs) else None
        if output.tensor and (at is None or names[at] != output.tensor):
            at = names.index(output.tensor) if output.tensor in names else at
        old, new = f"fetch:{at}", f"fetch:{output.index}"
        if at is None or old not in a:
            told = "the old program's value is not known"
            if at is not None and old in pair.old.get("left", []):
                continue
            yield comparison_of(pair, level, output.fetch, Verdict(False, note=told))
        elif a[old].dtype.kind == "S" and (new not in b or b[new].dtype.kind not in "SU"):
            yield from _summaries(pair, output.fetch, at, a, b, level, tolerances)
        elif new not in b:
            yield comparison_of(pair, level, output.fetch, Verdict(False, note="the new function does not return it"))
        elif level == FREE:
            yield comparison_of(pair, level, output.fetch, within.free(a[old], b[new], tolerances))
        else:
            yield comparison_of(pair, level, output.fetch, within.forward(a[old], b[new], depth, tolerances))


def _summaries(
    pair: Pair, fetch: str, at: int, a: Mapping[str, Any], b: Mapping[str, Any], level: str, tolerances: Tolerances
) -> Iterator[Comparison]:
    """A summary's scalars, by their tags: the new function hands them over by name, or writes them itself."""
    names = {key: place for place, key in enumerate(pair.new.get("keys", []))}
    for key, value in a.items():
        tag = key.partition(f"summary:{at}:")[2]
        if not tag or f"fetch:{names.get(tag)}" not in b:
            continue
        value = np.float32(value)
        new = b[f"fetch:{names[tag]}"]
        depth = int(pair.old.get("depth", 0))
        verdict = (
            within.free(value, new, tolerances) if level == FREE else within.forward(value, new, depth, tolerances)
        )
        yield comparison_of(pair, level, f"{fetch}: {tag}", verdict)


def _gradients(
    pair: Pair, variables: Sequence[Carried], a: Mapping[str, Any], b: Mapping[str, Any], tolerances: Tolerances
) -> Iterator[Comparison]:
    recorded = gradients_in_new_terms(a, variables)
    depth = int(pair.old.get("depth", 0))
    shapes = {one.path: np.shape(b["after:" + one.path]) for one in variables if "after:" + one.path in b}
    paths = {key.partition(":")[2] for key in recorded} | {
        key.partition(":")[2] for key in b if key.startswith("gradient")
    }
    if not any(key.startswith("gradient") for key in a):
        return  # not applied by an optimizer: the variables after it tell
    wholes = [_dense(recorded, path, shapes.get(path)) for path in paths]
    largest = max((float(np.max(np.abs(one), initial=0.0)) for one in wholes if one is not None), default=0.0)
    known = [one.path for one in variables if one.path in paths]
    for path in [*known, *sorted(paths.difference(known))]:  # and what the new program trains besides
        old, new = (_dense(source, path, shapes.get(path)) for source in (recorded, b))
        if old is None or new is None:
            note = "only the old program applies one" if new is None else "only the new program applies one"
            yield comparison_of(pair, GRADIENTS, path, Verdict(False, note=note))
        else:
            yield comparison_of(pair, GRADIENTS, path, within.gradient(old, new, largest, depth, tolerances))


def _dense(arrays: Mapping[str, Any], path: str, shape: tuple[int, ...] | None) -> Any:
    """A gradient, whole: of slices the sum for each row."""
    if "gradient:" + path in arrays:
        return arrays["gradient:" + path]
    if "gradient-values:" + path not in arrays or shape is None:
        return None
    values = arrays["gradient-values:" + path]
    whole = np.zeros(shape, values.dtype)
    np.add.at(whole, arrays["gradient-indices:" + path], values)
    return whole


def _updates(
    pair: Pair, variables: Sequence[Carried], state: State, b: Mapping[str, Any], tolerances: Tolerances
) -> Iterator[Comparison]:
    """The variables after the execution, from equal states and, in optimizers, equal gradients."""
    depth = int(pair.old.get("depth", 0))
    for one in variables:
        key = "after:" + one.path
        if one.path not in state.after or key not in b:
            continue
        old, new = state.after[one.path], b[key]
        start = state.before.get(one.path)
        same_old = start is not None and np.array_equal(start, old)
        if same_old and np.array_equal(old, new):
            continue
        if start is None or "before:" + one.path not in b:
            start = np.zeros_like(old)
        yield comparison_of(pair, TRAINING, one.path, within.update(start, old, new, depth, tolerances))


def worst(comparisons: Sequence[Comparison]) -> float:
    """The largest error in units of what is allowed."""
    return max((one.error / one.allowed for one in comparisons if one.allowed > 0), default=0.0)


def replaced(comparison: Comparison, rounding: bool | None, note: str) -> Comparison:
    """The comparison with what a run in float64 said of it."""
    return dataclasses.replace(comparison, rounding=rounding, note="; ".join(filter(None, [comparison.note, note])))
