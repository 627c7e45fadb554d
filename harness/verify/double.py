"""Rounding or error: what differs is run once more in float64, on both sides, from the same state and inputs.

The graph of the old execution and that of the new function are dumped while both programs run once more, widened
(`observers/doubling.py`) and run in one process. Where the float64 results agree far better than the float32 ones did, the
difference was rounding; where they differ as much, it is an error. Where that can't be told, the mismatch stands.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints.transformations import steps_of
from ..observers import trace
from ..running import OBSERVERS, Run, run_program
from . import comparing, replaying
from .comparing import Pair, Trace
from .model import FORWARD, GRADIENTS, TRAINING, Comparison
from .options import Options
from .oracles import ENVIRONMENT
from .recording import Recording
from .subjects import Subject

JUDGED = (FORWARD, GRADIENTS, TRAINING)
AGREED = 1e-9  # what float64 results may differ by and be the same, relative to the largest value
BETTER = 1000.0  # or by how much they must be closer to each other than the float32 ones
CLOSER = 10.0  # closer than this, and not that close: nothing is said
SUMMARY = 2e-7  # a summary holds float32 whatever it is given
# How far a float64 result may lie from the float32 ones, in units of the difference, or of the largest value: where an
# activation changes sides in float32, so does a part of the gradient.
FAITHFUL = 100.0
FAITHFUL_SHARE = 0.1
DECIMALS = (False, True)
RECORDS = 12  # the most that are run once more

LAUNCH = """\
import importlib
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("_observers", {path!r}, submodule_search_locations=[{folder!r}])
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
importlib.import_module("_observers.{module}").main(sys.argv[1])
"""

Key = tuple[int, int]


@dataclass(frozen=True)
class Sides:
    """The two sides of what is judged: the executions that were compared, what the old side's arrays were at one of them, and
    how to have the graphs of some dumped again, below "old" and "new" of a folder."""

    pairs: Mapping[Key, Pair]
    old: Callable[[Pair], Mapping[str, Any]]
    dump: Callable[[Sequence[Key], Path], Sequence[Run]]


@dataclass(frozen=True)
class Doubled:
    """What one execution came to in float64 on both sides, by the keys of a trace; or why it could not be run."""

    old: Mapping[str, Any]
    new: Mapping[str, Any]
    refused: str = ""
    single: tuple[str, ...] = ()  # operations that stayed in float32


def launcher(folder: Path, module: str) -> Path:
    """A script in the folder that runs a module of the observers as a program."""
    path = folder / f"run_{module}.py"
    path.write_text(LAUNCH.format(path=str(OBSERVERS), folder=str(OBSERVERS.parent), module=module))
    return path


def judge(
    subject: Subject,
    recording: Recording,
    new: Trace,
    comparisons: Sequence[Comparison],
    options: Options,
    folder: Path,
) -> list[Comparison]:
    """The comparisons, those that differ with `rounding` and a note of what float64 said.

    Of each place the first execution that differs is run, and those where a value differs most; the others are judged by
    these.
    """

    def dump(records: Sequence[Key], folder: Path) -> Sequence[Run]:
        again = replaying.replay(subject, recording.trace.folder, options, folder / "new", graphs=records)
        return recording.graphs(records, folder / "old"), again

    pairs = {(one.number, int(one.old["nth"])): one for one in comparing.pairs(subject, recording.trace, new)}
    sides = Sides(pairs, lambda pair: recording.trace.arrays(pair.old), dump)
    return judge_sides(subject, sides, comparisons, options, folder)


def judge_sides(
    subject: Subject, sides: Sides, comparisons: Sequence[Comparison], options: Options, folder: Path
) -> list[Comparison]:
    """As `judge` does, for what was compared otherwise."""
    records = [one for one in _chosen(comparisons) if one in sides.pairs]
    if not records:
        return list(comparisons)
    if not all(run.succeeded for run in sides.dump(records, folder)):
        why = "float64 can't be asked: a program did not run a second time as it ran before"
        return [comparing.replaced(one, None, why) if _askable(one) else one for one in comparisons]
    doubled = _run(subject, sides, records, options, folder / "runs", folder)
    variables = replaying.carried(subject)
    judged = list(comparisons)
    for key in records:
        pair = sides.pairs[key]
        judged = _judged(pair, judged, doubled[key], sides.old(pair), options, variables)
    return _by_example(judged)


def _chosen(comparisons: Sequence[Comparison]) -> list[Key]:
    """The executions to run once more: the first that differs of each place, then those where a value differs most."""
    firsts: dict[int, Key] = {}
    worst: dict[tuple[int, str, str], Comparison] = {}
    for one in filter(_askable, comparisons):
        known = firsts.get(one.execution)
        if known is None or one.nth < known[1]:
            firsts[one.execution] = (one.execution, one.nth)
        value = (one.execution, one.level, one.name)
        if value not in worst or _excess(one) > _excess(worst[value]):
            worst[value] = one
    others = sorted(worst.values(), key=_excess, reverse=True)
    return list(dict.fromkeys([*firsts.values(), *((one.execution, one.nth) for one in others)]))[:RECORDS]


def _by_example(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """What was not run is rounding where the same value was that differed more, and was never anything else."""
    examples: dict[tuple[int, str, str], list[Comparison]] = {}
    for one in comparisons:
        if not one.equal and one.level in JUDGED and (one.rounding is not None or one.note):
            examples.setdefault((one.execution, one.level, one.name), []).append(one)
    judged = []
    for one in comparisons:
        if _askable(one) and not one.note:
            known = examples.get((one.execution, one.level, one.name), [])
            if known and all(two.rounding for two in known) and _excess(one) <= max(map(_excess, known)):
                one = comparing.replaced(one, True, f"rounding, as at execution {known[0].step + 1}")
        judged.append(one)
    return judged


def _excess(one: Comparison) -> float:
    return one.error / one.allowed if one.allowed else math.inf


def _askable(one: Comparison) -> bool:
    """A difference of numbers: shapes, missing values and NaNs are not a matter of rounding."""
    return one.level in JUDGED and not one.passed and one.rounding is None and 0.0 < one.error < math.inf


def _run(
    subject: Subject,
    sides: Sides,
    wanted: Sequence[Key],
    options: Options,
    folder: Path,
    dumps: Path,
) -> dict[Key, list[Doubled]]:
    """Runs the dumped graphs of both sides in one process: with constants as they are, and as they were written."""
    seen = folder / "seen"
    seen.mkdir(parents=True)
    runs: list[dict[str, Any]] = []
    for number, nth in wanted:
        pair = sides.pairs[number, nth]
        before = sides.old(pair)
        state = folder / f"state-{number}-{nth}.npz"
        values = {"file": str(state), "names": _state(subject, before, state)}
        call = f"{pair.new['function']}-{pair.new['call']}"
        for decimals in DECIMALS:
            one = {"key": ["old", number, nth, decimals], "decimals": decimals}
            powers = folder / f"powers-{number}-{nth}-{decimals}.npz"
            own = {"file": str(powers), "names": _powers(subject, before, powers, decimals)}
            runs.append({**one, "folder": str(dumps / "old" / "graphs" / f"{number}-{nth}"), "values": own})
            other = {"key": ["new", number, nth, decimals], "decimals": decimals, "values": values}
            runs.append({**other, "folder": str(dumps / "new" / "graphs" / call)})
    job = folder / "job.json"
    job.write_text(json.dumps({"trace": str(seen), "runs": runs}))
    run = run_program(
        options.python,
        launcher(folder, "graph_runs"),
        [str(job)],
        timeout=options.seconds,
        deterministic=False,
        memory=options.memory,
        environment={**ENVIRONMENT, **options.environment},
    )
    results: dict[tuple[Any, ...], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for record in trace.read(str(seen)):
        if "key" in record:
            results[tuple(record["key"])] = record, trace.arrays(str(seen), record)
    missing = "it did not end in time" if run.code is None else run.problem(1) or "it ended early"
    found: dict[Key, list[Doubled]] = {}
    for key in wanted:
        before = _wide("before:", sides.old(sides.pairs[key]))
        start, _ = replaying.in_new_terms("before:", before, replaying.carried(subject))
        state_of_new = {"before:" + path: value for path, value in start.items()}
        for decimals in DECIMALS:
            a, old_arrays = results.get(("old", *key, decimals), ({"refused": missing}, {}))
            b, new_arrays = results.get(("new", *key, decimals), ({"refused": missing}, {}))
            refused = a.get("refused") or b.get("refused") or ""
            single = tuple(sorted({*a.get("single", ()), *b.get("single", ())}))
            doubled = Doubled({**before, **old_arrays}, {**state_of_new, **new_arrays}, refused, single)
            found.setdefault(key, []).append(doubled)
    return found


def _wide(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.astype(np.float64) if value.dtype == np.float32 else value
        for key, value in arrays.items()
        if key.startswith(prefix)
    }


def _state(subject: Subject, arrays: Mapping[str, Any], file: Path) -> list[str]:
    """Writes the old variables in new terms: a forget bias is added in float64 here, as the old graph adds it."""
    before = _wide("before:", arrays)
    values, _ = replaying.in_new_terms("before:", before, replaying.carried(subject))
    return trace.save(
        str(file), {"variable:" + path: value for path, value in values.items() if value.dtype == np.float64}
    )


def _powers(subject: Subject, before: Mapping[str, Any], file: Path, decimals: bool) -> list[str]:
    """Writes the powers that Adam keeps as float64 has them: in float32 they have been rounded at every step."""
    values = {}
    for slot in subject.program.slots:
        power, beta = before.get("before:" + slot.tf1_name), slot.details.get("beta")
        if power is None or "iterations" not in slot.details or not isinstance(beta, int | float) or power.size != 1:
            continue
        steps = steps_of(float(power), beta, power.dtype)
        if steps is not None:
            base = float(beta) if decimals else float(np.float32(beta))
            values["variable:" + slot.tf1_name] = np.full(power.shape, base ** (steps + 1))
    return trace.save(str(file), values)


def _judged(
    pair: Pair,
    comparisons: Sequence[Comparison],
    doubled: Sequence[Doubled],
    old: Mapping[str, Any],
    options: Options,
    variables: Sequence[replaying.Carried],
) -> list[Comparison]:
    """The comparisons, with what float64 said of those of one execution."""
    found = [
        (
            _by_name(pair, variables, one.old, one.new, options),
            _by_name(pair, variables, old, one.new, options),
            one.single,
        )
        for one in doubled
        if not one.refused
    ]
    refused = next((one.refused for one in doubled if one.refused), "it has no such value")
    judged = []
    for one in comparisons:
        if (one.execution, one.nth) == (pair.number, pair.old["nth"]) and _askable(one):
            name = one.level, one.name
            told = sorted(
                (
                    (wide[name].error, *_verdict(one, wide[name], mixed[name], single))
                    for wide, mixed, single in found
                    if name in wide
                ),
                key=lambda verdict: (not verdict[1], verdict[0]),
            )
            rounding, note = told[0][1:] if told else (None, f"float64 can't be asked: {refused}")
            one = comparing.replaced(one, rounding, note)
        judged.append(one)
    return judged


def _by_name(
    pair: Pair, variables: Sequence[replaying.Carried], a: Mapping[str, Any], b: Mapping[str, Any], options: Options
) -> dict[tuple[str, str], Comparison]:
    found = comparing.execution(pair, variables, comparing.state_of(a, variables), a, b, options.tolerances)
    return {(one.level, one.name): one for one in found}


def _verdict(single: Comparison, wide: Comparison, mixed: Comparison, narrow: Sequence[str]) -> tuple[bool | None, str]:
    """What float64 says of a difference; `mixed` compares the old float32 value with the new float64 one."""
    if not math.isfinite(wide.error) or (not wide.equal and wide.error == 0.0):
        return None, f"float64 can't tell: {wide.note}"
    if not mixed.error <= FAITHFUL * single.error + FAITHFUL_SHARE * single.scale:
        return None, f"float64 can't tell: it gives other values (off by {mixed.error:.3g})"
    agreed = SUMMARY if ": " in single.name and single.level == FORWARD else AGREED
    if wide.error <= max(agreed * single.scale, single.error / BETTER):
        return True, f"rounding: in float64 the difference is {wide.error:.2g}, not {single.error:.2g}"
    if narrow:
        return None, f"float64 can't tell: {', '.join(narrow)} has no float64 kernel"
    if wide.error <= single.error / CLOSER:
        return None, f"float64 can't tell: the difference is {wide.error:.2g} there, not {single.error:.2g}"
    return False, f"no rounding: off by {wide.error:.3g} in float64 too"
