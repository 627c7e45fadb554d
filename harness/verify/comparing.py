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
from .model import FORWARD, FREE, GRADIENTS, INITIAL, INPUTS, READS, TRAINING, VARIABLES, Comparison, Place
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
        before, refused = in_new_terms("before:", a, variables)
        after, _ = in_new_terms("after:", a, variables)
        yield from _mapped(pair, variables, before, after, refused, first=place == 0)
        yield from given(pair, variables, a, b, tolerances)
        yield from execution(pair, variables, a, b, tolerances)
    yield from _reads(subject, old, new, tolerances)


def given(
    pair: Pair, variables: Sequence[Carried], a: Mapping[str, Any], b: Mapping[str, Any], tolerances: Tolerances
) -> Iterator[Comparison]:
    """What one execution begins with: the program's own variables and inputs."""
    before, _ = in_new_terms("before:", a, variables)
    yield from _state(pair, variables, before, b, tolerances, first=pair.step == 0)
    yield from _inputs(pair, a, b)


def mapped(pair: Pair, variables: Sequence[Carried], a: Mapping[str, Any], *, first: bool) -> Iterator[Comparison]:
    """The variables that one side has and the other lacks, or has otherwise."""
    before, refused = in_new_terms("before:", a, variables)
    after, _ = in_new_terms("after:", a, variables)
    yield from _mapped(pair, variables, before, after, refused, first=first)


def execution(
    pair: Pair, variables: Sequence[Carried], a: Mapping[str, Any], b: Mapping[str, Any], tolerances: Tolerances
) -> Iterator[Comparison]:
    """What one execution computes on both sides: its fetches, gradients and updates."""
    before, _ = in_new_terms("before:", a, variables)
    after, _ = in_new_terms("after:", a, variables)
    yield from fetches(pair, a, b, FORWARD, tolerances)
    yield from _gradients(pair, variables, a, b, tolerances)
    yield from _updates(pair, variables, before, after, b, tolerances)


def free_run(subject: Subject, old: Trace, new: Trace, tolerances: Tolerances) -> Iterator[Comparison]:
    """The fetches of a run from the same start that was left to itself."""
    for pair in pairs(subject, old, new):
        yield from fetches(pair, old.arrays(pair.old), new.arrays(pair.new), FREE, tolerances)


def _comparison(pair: Pair, level: str, name: str, verdict: Verdict) -> Comparison:
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


def _mapped(
    pair: Pair,
    variables: Sequence[Carried],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    refused: Mapping[str, str],
    *,
    first: bool,
) -> Iterator[Comparison]:
    """The variables that one side has and the other lacks, or has otherwise."""
    wrong = {**pair.new.get("refused", {})}
    for path in pair.new.get("missing", []):
        changed = path in before and path in after and not np.array_equal(before[path], after[path])
        if any(one.path == path and not one.slot for one in variables) or changed:
            wrong[path] = "is not there"
    wrong.update({path: "can't be carried over: " + why for path, why in refused.items()})
    names = {one.path: one.tf1_name for one in variables}
    if first:
        for path in names:
            verdict = Verdict(path not in wrong, note=wrong.get(path, ""))
            yield _comparison(pair, VARIABLES, f"{path} ({names[path]})", verdict)
    else:
        for path, why in wrong.items():
            yield _comparison(pair, VARIABLES, f"{path} ({names[path]})", Verdict(False, note=why))


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
            verdict = within.compare(before[one.path], b[key], tolerances.free_rtol, tolerances.free_atol)
        yield _comparison(pair, INITIAL, one.path, verdict)


def _inputs(pair: Pair, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Comparison]:
    """What the new program itself gave to the function, against what the old one fed."""
    parameters, unknown = inputs(pair.execution, a)
    for told in pair.new.get("unmatched", []):
        yield _comparison(pair, INPUTS, told, Verdict(False, note=told))
    for name in unknown:
        yield _comparison(pair, INPUTS, name, Verdict(False, note="what the old program fed for it is not known"))
    if not pair.steady:
        return  # data that depends on results has drifted
    for name, keys in parameters.items():
        for key in keys:
            if "actual:" + key in b:
                verdict = within.compare(a[key], b["actual:" + key], 1e-3, 1e-4)
                yield _comparison(pair, INPUTS, name, verdict)


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
            yield _comparison(pair, level, output.fetch, Verdict(False, note=told))
        elif a[old].dtype.kind == "S" and (new not in b or b[new].dtype.kind not in "SU"):
            yield from _summaries(pair, output.fetch, at, a, b, level, tolerances)
        elif new not in b:
            yield _comparison(pair, level, output.fetch, Verdict(False, note="the new function does not return it"))
        elif level == FREE:
            yield _comparison(pair, level, output.fetch, within.free(a[old], b[new], tolerances))
        else:
            yield _comparison(pair, level, output.fetch, within.forward(a[old], b[new], depth, tolerances))


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
        yield _comparison(pair, level, f"{fetch}: {tag}", verdict)


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
            yield _comparison(pair, GRADIENTS, path, Verdict(False, note=note))
        else:
            yield _comparison(pair, GRADIENTS, path, within.gradient(old, new, largest, depth, tolerances))


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
    pair: Pair,
    variables: Sequence[Carried],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    b: Mapping[str, Any],
    tolerances: Tolerances,
) -> Iterator[Comparison]:
    """The variables after the execution, from equal states and, in optimizers, equal gradients."""
    depth = int(pair.old.get("depth", 0))
    for one in variables:
        key = "after:" + one.path
        if one.path not in after or key not in b:
            continue
        old, new = after[one.path], b[key]
        start = before.get(one.path)
        same_old = start is not None and np.array_equal(start, old)
        if same_old and np.array_equal(old, new):
            continue
        if start is None or "before:" + one.path not in b:
            start = np.zeros_like(old)
        yield _comparison(pair, TRAINING, one.path, within.update(start, old, new, depth, tolerances))


@dataclass
class _Window:
    """What is read between two function calls: the old program's fetches, and the new program's values.

    `results` is what the call before gave, which is read here as well; None where that call was not recorded.
    """

    expected: list[tuple[Pair, str, Any]]
    read: list[Any]
    results: list[Any] | None = None


def _reads(subject: Subject, old: Trace, new: Trace, tolerances: Tolerances) -> Iterator[Comparison]:
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
                yield _comparison(
                    pair, READS, fetch, Verdict(False, note="is read, but not in the old program's order")
                )
            elif row in taken:
                yield _comparison(pair, READS, fetch, table[row][taken[row]])
            elif alike := [other for other in left if np.shape(other) == np.shape(value)]:
                nearest = (within.forward(value, other, _DEEP_READ, tolerances) for other in alike)
                yield _comparison(pair, READS, fetch, min(nearest, key=lambda one: one.error))
            elif pair.execution.kind == "variable-read" and window.results is not None:
                others = [one for one in left if not any(np.array_equal(one, result) for result in window.results)]
                if others:
                    note = f"is not read, but a value of the shape {list(np.shape(others[0]))} is"
                    yield _comparison(pair, READS, fetch, Verdict(False, note=note))


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


def worst(comparisons: Sequence[Comparison]) -> float:
    """The largest error in units of what is allowed."""
    return max((one.error / one.allowed for one in comparisons if one.allowed > 0), default=0.0)


def replaced(comparison: Comparison, rounding: bool | None, note: str) -> Comparison:
    """The comparison with what a run in float64 said of it."""
    return dataclasses.replace(comparison, rounding=rounding, note="; ".join(filter(None, [comparison.note, note])))
