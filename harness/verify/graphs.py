"""The old side without its source: a .meta with its checkpoint, a SavedModel or a frozen graph.

There is no program to record, so the order is turned round. The graph is opened and its variables are read; the new program
runs, each of its calls beginning with these variables, and its inputs and results are recorded; then the graph computes the
same from the same variables and inputs. What the manifest has no tensor's name for is found in the graph where its dtype,
its shape and what it depends on leave one tensor only; what can't be found is told, and not compared.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..observers import trace
from ..running import Run, run_program
from . import comparing, double, locating, matching, replaying
from .comparing import Pair
from .double import Key, Sides, launcher
from .levels import all_parse, ended, imports, level_of, parses
from .matching import Contents, Result, Wanted, fits
from .model import FORWARD, LEVELS, RUNS, TRAINING, VARIABLES, Comparison, Level, Report, VerifyError
from .options import Options
from .oracles import ENVIRONMENT
from .subjects import Subject, without_source

KINDS = {
    "meta": "TensorFlow 2, from its .meta graph and a checkpoint",
    "saved-model": "TensorFlow 2, from a SavedModel",
    "frozen": "TensorFlow 2, from a frozen graph",
}
Told = Callable[[str], None]


@dataclass(frozen=True)
class OldGraph:
    """A graph on disk; `checkpoint` is the prefix of what a .meta is restored from."""

    kind: str
    path: Path
    checkpoint: str | None = None


def is_graph(path: str | Path) -> bool:
    """Whether OLD is a graph, and no source."""
    path = Path(path)
    return path.suffix in (".meta", ".pb", ".pbtxt") or (path.is_dir() and _saved_model(path))


def _saved_model(path: Path) -> bool:
    return any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt"))


def opened(path: Path, checkpoint: Path | None) -> OldGraph:
    """What a path means.

    Raises:
        VerifyError: it is not there, or its checkpoint is not.
    """
    from ..checkpoints import CheckpointError, layout, locate

    if not path.exists():
        raise VerifyError(f"{path} is not there.")
    if path.is_dir() or path.name.startswith("saved_model.pb"):
        return OldGraph("saved-model", path if path.is_dir() else path.parent)
    if path.suffix == ".pbtxt":
        raise VerifyError(f"{path} is a graph as text: give the SavedModel's folder, or a binary .pb.")
    if path.suffix == ".pb":
        return OldGraph("frozen", path)
    try:
        prefix = locate(checkpoint or path)
        for told in layout.short_shards(prefix) if Path(prefix + ".index").is_file() else []:
            raise CheckpointError(told)
    except CheckpointError as error:
        raise VerifyError(f"{path} needs its checkpoint: {error}.") from None
    return OldGraph("meta", path, prefix)


def verify(path: Path, new: Path, options: Options, progress: Told) -> list[Report]:
    """A report for each native program of NEW, compared with the graph."""
    return [
        verify_graph(path, subject, options, progress)
        for subject in without_source(new, options.manifest, options.entry)
    ]


def verify_graph(path: str | Path, subject: Subject, options: Options, progress: Told = lambda told: None) -> Report:
    """Compares a new program with an old graph. A subject comes from `subjects.without_source`.

    Raises:
        VerifyError: the graph can't be opened or run, or it is of another model.
    """
    started = time.monotonic()
    old = opened(Path(path), options.checkpoint)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        found = _Verification(old, subject, options, Path(top), progress)
        found.run()
    differing = locating.first_differing(found.comparisons)
    order = {name: place for place, name in enumerate(LEVELS)}
    return Report(
        str(path),
        str(subject.new_root / subject.entry),
        KINDS[old.kind],
        tuple(sorted(found.levels, key=lambda one: order[one.name])),
        tuple(found.comparisons),
        first=locating.first(differing, []) if differing else None,
        notes=tuple(dict.fromkeys(found.notes)),
        reached=tuple(found.reached),
        seconds=time.monotonic() - started,
        settings=options.settings(),
    )


class _Verification:
    def __init__(self, old: OldGraph, subject: Subject, options: Options, top: Path, progress: Told) -> None:
        self.old = old
        self.subject = subject
        self.options = options
        self.top = top
        self.progress = progress
        self.levels: list[Level] = []
        self.comparisons: list[Comparison] = []
        self.notes = subject.notes
        self.reached: list[tuple[str, int]] = []
        self.variables = replaying.carried(subject)
        self.pairs: dict[Key, Pair] = {}
        self.arrays: dict[Key, Mapping[str, Any]] = {}

    def run(self) -> None:
        broken = parses(self.subject)
        self.levels.append(broken or all_parse(self.subject))
        if broken:
            return
        self.progress("opening the old graph")
        contents = self._open()
        state = self._state(contents)
        self.variables = [one for one in self.variables if "before:" + one.tf1_name in contents.arrays]
        self.progress("running the new program")
        run = self._replay(state, self.top / "new")
        new = comparing.read(self.top / "new" / "seen")
        calls = [one for one in new.records if "function" in one]
        self.levels.append(imports(run))
        if not run.succeeded:
            self.levels.append(Level(RUNS, "failed", f"the new program {ended(run)}, after {len(calls)} calls"))
        elif not calls:
            self.levels.append(Level(RUNS, "failed", "the new program called none of the manifest's functions"))
        wanted = [found for one in calls for found in self._wanted(contents, state, one, new.arrays(one))]
        self._note_reached(wanted)
        if wanted:
            self.progress("running the old graph on the same inputs")
            self._compare(contents, state, wanted)
            self._judge(state, wanted)
        if not any(level.name == RUNS for level in self.levels):
            self.levels.append(Level(RUNS, "passed", f"the new program, in {run.seconds:.0f} s"))
        for name in (VARIABLES, FORWARD, TRAINING):
            self.levels.append(level_of(name, [one for one in self.comparisons if one.level == name]))
        done = {level.name for level in self.levels}
        self.levels += [Level(name, "skipped", "not asked of a graph") for name in LEVELS if name not in done]

    def _open(self) -> Contents:
        names = {output.tensor for one in self.subject.executions for output in one.outputs if output.tensor}
        names |= {one.placeholder for each in self.subject.executions for one in each.parameters if one.placeholder}
        records = self._child({"tensors": sorted(names)}, "open")
        record = records[0]
        if "inputs" not in record:
            raise VerifyError(f"{self.old.path} can't be opened: {record['refused']}.")
        return Contents(
            [tuple(one) for one in record["inputs"]],
            frozenset(record["there"]),
            [Result(*one) for one in record["results"]],
            record["train"],
            trace.arrays(str(self.top / "open"), record),
        )

    def _child(self, job: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Runs the graph in a process of its own; its records."""
        folder = self.top / name
        folder.mkdir()
        graph = {"kind": self.old.kind, "path": str(self.old.path.resolve()), "checkpoint": self.old.checkpoint}
        if self.old.checkpoint:
            graph["checkpoint"] = str(Path(self.old.checkpoint).resolve())
        (folder / "job.json").write_text(json.dumps({"graph": graph, "trace": str(folder), **job}))
        script = launcher(folder, "loaded_graphs")
        run = run_program(
            self.options.python,
            script,
            [str(folder / "job.json")],
            timeout=2 * self.options.seconds,
            memory=self.options.memory,
            environment={**ENVIRONMENT, **self.options.environment},
        )
        records = [one for one in trace.read(str(folder)) if "end" not in one]
        if not records:
            raise VerifyError(f"{self.old.path} can't be run: it {ended(run)}.")
        return records

    def _state(self, contents: Contents) -> dict[str, Any]:
        """The graph's variables in new terms.

        Raises:
            VerifyError: the graph is of another model.
        """
        where = self.old.checkpoint or self.old.path
        state, refused = replaying.in_new_terms("before:", contents.arrays, self.variables)
        known = [one for one in self.variables if not one.slot]
        missing = [one for one in known if "before:" + one.tf1_name not in contents.arrays]
        shapes = {one.tf1_name: one.shape for one in self.subject.program.variables if one.shape is not None}
        wrong = [
            (one, contents.arrays["before:" + one.tf1_name].shape)
            for one in known
            if one not in missing
            and one.tf1_name in shapes
            and not fits(contents.arrays["before:" + one.tf1_name].shape, shapes[one.tf1_name])
        ]
        if known and (len(missing) == len(known) or (missing and self.old.kind == "meta")):
            raise VerifyError(
                f"{where} has no variable {missing[0].tf1_name}: it is of another model than the program."
            )
        if wrong:
            one, shape = wrong[0]
            raise VerifyError(
                f"{where} has {one.tf1_name} in the shape {list(shape)}, the program in {list(shapes[one.tf1_name] or ())}: "
                f"it is of another model."
            )
        for path, why in refused.items():
            raise VerifyError(f"{path} can't be carried over from {where}: {why}.")
        for one in missing:
            self.notes.append(f"{where} has no {one.tf1_name}: the new program keeps its own.")
        return state

    def _replay(self, state: Mapping[str, Any], folder: Path, graphs: Sequence[Sequence[int]] = ()) -> Run:
        """Runs the new program; the graphs of the calls `graphs` (a function's number and the call's) are dumped."""
        given = folder / "given"
        for one in (given, folder / "seen"):
            one.mkdir(parents=True)
        writer = trace.Writer(str(given), 1e9)
        writer.write({"alone": True}, {"state:" + path: value for path, value in state.items()})
        config: dict[str, Any] = {
            "until": 1 << 60,
            "whole": False,
            "steps": self.options.steps,
            "free": False,
        }
        if graphs:
            config["graphs"] = {"records": graphs, "folder": str(folder / "graphs")}
        paths = [one.path for one in self.variables]
        return replaying.run_new(self.subject, self.options, folder, paths, config)

    def _wanted(
        self, contents: Contents, state: Mapping[str, Any], record: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> list[Wanted]:
        """What the graph is asked for a call: by the first execution that became this function."""
        number = self.subject.targets().index(record["function"])
        wanted = Wanted(self.subject.executions[number], number, record, arrays)
        matching.feed(wanted, contents)
        if not wanted.blocked:
            matching.fetch(wanted, contents, trains=_changed(state, arrays))
        place = f"{wanted.execution.old.file}:{wanted.execution.old.line}"
        self.notes += [f"{place}: {told}" for told in wanted.told]
        return [] if wanted.blocked or not (wanted.fetches or wanted.targets) else [wanted]

    def _note_reached(self, wanted: Sequence[Wanted]) -> None:
        for number, one in enumerate(self.subject.executions):
            if one.kind == "function":
                where = f"{one.old.file}:{one.old.line}"
                self.reached.append((where, sum(each.number == number for each in wanted)))

    def _run_graph(
        self, wanted: Mapping[int, Wanted], name: str, dumps: Mapping[int, Path] | None = None
    ) -> tuple[dict[int, Mapping[str, Any]], list[str]]:
        """Has the graph compute what is wanted; the records by the numbers of `wanted`, and what went wrong."""
        given = self.top / f"{name}-inputs"
        given.mkdir()
        inputs = {
            f"{place}:{key}": one.arrays[key]
            for place, one in wanted.items()
            for key in one.feeds.values()
            if key in one.arrays
        }
        record: dict[str, Any] = {"inputs": True}
        trace.Writer(str(given), 1e9).write(record, inputs)
        runs = [
            {
                "key": place,
                "feeds": {tensor: f"{place}:{key}" for tensor, key in one.feeds.items()},
                "constants": {f"{place}:{key}": value for key, value in one.constants.items()},
                "fetches": one.fetches,
                "targets": one.targets,
                "dump": str(dumps[place]) if dumps else None,
            }
            for place, one in wanted.items()
        ]
        records = self._child({"runs": runs, "given": {"folder": str(given), "record": record}}, name)
        refusals = [one["refused"] for one in records if "refused" in one]
        return {one["key"]: one for one in records if "key" in one and "refused" not in one}, refusals

    def _compare(self, contents: Contents, state: Mapping[str, Any], wanted: Sequence[Wanted]) -> None:
        """Runs the graph for each call, and compares."""
        found, refusals = self._run_graph(dict(enumerate(wanted)), "runs")
        if refusals:
            self.levels.append(Level(RUNS, "failed", f"the old graph can't be run: {refusals[0]}"))
        for place, record in found.items():
            arrays = trace.arrays(str(self.top / "runs"), dict(record))
            self.comparisons += self._compared(wanted[place], place, record, contents, state, arrays)

    def _judge(self, state: Mapping[str, Any], wanted: Sequence[Wanted]) -> None:
        """Tells rounding from error, by float64: here it goes through the optimizer, too."""
        if not self.options.double or all(one.passed for one in self.comparisons):
            return
        self.progress("running what differs in float64")

        def dump(records: Sequence[Key], folder: Path) -> list[Run]:
            chosen = {place: one for place, one in enumerate(wanted) if (one.number, one.record["call"]) in records}
            names = {place: f"{one.number}-{one.record['call']}" for place, one in chosen.items()}
            graphs = folder / "old" / "graphs"
            try:
                self._run_graph(chosen, "again", {place: graphs / name for place, name in names.items()})
            except VerifyError as error:
                return [Run(1, "", str(error), 0.0)]
            calls = [[one.record["function"], one.record["call"]] for one in chosen.values()]
            return [self._replay(state, folder / "new", calls)]

        sides = Sides(self.pairs, lambda pair: self.arrays[pair.number, int(pair.old["nth"])], dump)
        self.comparisons = double.judge_sides(self.subject, sides, self.comparisons, self.options, self.top / "double")

    def _compared(
        self,
        one: Wanted,
        step: int,
        record: Mapping[str, Any],
        contents: Contents,
        state: Mapping[str, Any],
        found: Mapping[str, Any],
    ) -> list[Comparison]:
        names = [one.fetches.get(f"fetch:{place}", "") for place in range(len(one.execution.outputs))]
        left = [f"fetch:{place}" for place, name in enumerate(names) if not name]
        old = {"functions": step, "nth": one.record["call"], "fetches": names, "depth": record["depth"], "left": left}
        pair = Pair(one.execution, one.number, old, one.record, False)
        a = {key: value for key, value in contents.arrays.items() if key.startswith("before:")} | dict(found)
        b = {**one.arrays, **{"before:" + path: value for path, value in state.items()}}
        key = one.number, int(one.record["call"])
        self.pairs[key], self.arrays[key] = pair, a
        if not one.targets:
            b = {key: value for key, value in b.items() if not key.startswith("after:")}
        around = comparing.state_of(a, self.variables)
        missing = comparing.mapped(pair, self.variables, around, first=step == 0)
        return [*missing, *comparing.execution(pair, self.variables, around, a, b, self.options.tolerances)]


def _changed(state: Mapping[str, Any], arrays: Mapping[str, Any]) -> bool:
    """Whether a call changed a variable."""
    return any(
        "after:" + path in arrays and not np.array_equal(arrays["after:" + path], value)
        for path, value in state.items()
    )
