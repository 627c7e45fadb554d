"""Verification: old and new program run from equal states on equal inputs, and where they part.

`verify(old, new)` is the whole; docs/verify.md says what is proved. Programs run in child processes; here TensorFlow is loaded
only to read a checkpoint.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..running import Run
from . import comparing, double, graphs, locating, reads, repeating, replaying
from .levels import all_parse, ended, imports, level_of, parses
from .model import (
    FORWARD,
    FREE,
    GRADIENTS,
    INITIAL,
    INPUTS,
    LEVELS,
    READS,
    RUNS,
    TRAINING,
    VARIABLES,
    Between,
    Comparison,
    FirstDifference,
    Level,
    Report,
    VerifyError,
)
from .options import Options
from .recording import Recording
from .subjects import Subject, qualnames, subjects

__all__ = ["Options", "Recording", "Report", "VerifyError", "compare", "subjects", "verify"]

Told = Callable[[str], None]


def verify(
    old: str | Path, new: str | Path, options: Options | None = None, progress: Told | None = None
) -> list[Report]:
    """Runs OLD and NEW (files or projects) and compares them: a report for each program that the manifest has for them.

    OLD may also be what is left of a program without its source: a .meta, a SavedModel or a frozen .pb.

    Raises:
        VerifyError: nothing could be run: no manifest, no native program, an old file that `upgrade` did not read.
    """
    options = options or Options()
    if graphs.is_graph(old):
        return graphs.verify(Path(old), Path(new), options, progress or (lambda told: None))
    found = subjects(Path(old), Path(new), options.manifest, options.entry)
    told = progress or (lambda told: None)
    if len(found) == 1:
        return [_verify(found[0], options, told)]
    return [_verify_or_say_why(subject, options, told) for subject in found]


def _verify_or_say_why(subject: Subject, options: Options, progress: Told) -> Report:
    """One of several programs: that it can't be run must not hide what was found of the others."""
    try:
        return _verify(subject, options, progress)
    except VerifyError as error:
        names = str(subject.old_root / subject.entry), str(subject.new_root / subject.entry)
        failed = Level(RUNS, "failed", str(error))
        return Report(*names, "", (failed,), notes=tuple(subject.notes), settings=options.settings())


def _verify(subject: Subject, options: Options, progress: Told) -> Report:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        broken = parses(subject)
        if broken:
            return Report(str(subject.old_root / subject.entry), str(subject.new_root / subject.entry), "", (broken,))
        progress("running the old program")
        recording = Recording(subject, options, Path(top))
        return compare(recording, subject, options, Path(top), progress)


def compare(
    recording: Recording, subject: Subject, options: Options, folder: Path, progress: Told = lambda told: None
) -> Report:
    """Compares the new program of a subject with a recording of its old one; `folder` is for what is seen on the way."""
    started = time.monotonic()
    found = _Verification(recording, subject, options, folder, progress)
    found.run()
    return Report(
        str(subject.old_root / subject.entry),
        str(subject.new_root / subject.entry),
        recording.oracle,
        tuple(sorted(found.levels, key=lambda one: LEVELS.index(one.name))),
        tuple(found.comparisons),
        tuple(found.between),
        found.first,
        tuple(found.notes),
        tuple(found.reached),
        recording.run.seconds + time.monotonic() - started,
        options.settings(),
    )


class _Verification:
    """The stages, one after the other; what was found until a stage failed is kept."""

    def __init__(self, recording: Recording, subject: Subject, options: Options, top: Path, progress: Told) -> None:
        self.recording = recording
        self.subject = subject
        self.options = options
        self.top = top
        self.progress = progress
        self.levels: list[Level] = []
        self.comparisons: list[Comparison] = []
        self.between: list[Between] = []
        self.first: FirstDifference | None = None
        self.notes = subject.notes
        self.reached: list[tuple[str, int]] = []

    def run(self) -> None:
        broken = parses(self.subject) or self._renamed()
        if broken:
            self.levels.append(broken)
            return
        self.levels.append(all_parse(self.subject))
        old = self.recording.trace
        if not self._old_ran(self.recording.run, old):
            return
        self.progress("running the new program in lockstep")
        new_run = replaying.replay(self.subject, old.folder, self.options, self.top / "new")
        new = comparing.read(self.top / "new" / "seen")
        self.comparisons += comparing.lockstep(self.subject, old, new, self.options.tolerances)
        self.comparisons += reads.compare(self.subject, old, new, self.options.tolerances)
        if self.options.double:
            self._judge(new)
        self._compare_old_with_itself()
        lost = self._reach(old, new)
        self._new_ran(new_run, new, lost)
        self._note(old)
        self._locate(old, new)
        if self.options.free_steps and new_run.succeeded and comparing.pairs(self.subject, old, new):
            self.progress("running the new program freely")
            replaying.replay(self.subject, old.folder, self.options, self.top / "free", free=True)
            free = comparing.read(self.top / "free" / "seen")
            self.comparisons += comparing.free_run(self.subject, old, free, self.options.tolerances)
            self._compare_old_with_itself()
        self._levels_of_comparisons()

    def _renamed(self) -> Level | None:
        """The failed level, where an edit took away a function that an execution became."""
        for one in self.subject.executions:
            if one.kind == "function" and one.new and one.new.file in self.subject.edited:
                if one.new.qualname not in qualnames(self.subject.new_root / one.new.file):
                    where = f"{one.old.file}:{one.old.line}"
                    told = f"{one.new.file} has no function {one.new.qualname} any more, which {where} became: keep its name"
                    return Level(RUNS, "failed", told)
        return None

    def _judge(self, new: comparing.Trace) -> None:
        """Tells rounding from error, by float64."""
        if any(not one.passed and one.level in double.JUDGED for one in self.comparisons):
            self.progress("running what differs in float64")
            self.comparisons = double.judge(
                self.subject, self.recording, new, self.comparisons, self.options, self.top / "double"
            )

    def _compare_old_with_itself(self) -> None:
        if any(not one.passed for one in self.comparisons):
            self.progress("running the old program once more")
            self.comparisons = repeating.judge(self.subject, self.recording, self.comparisons, self.options.tolerances)

    def _locate(self, old: comparing.Trace, new: comparing.Trace) -> None:
        """Looks into the first execution that differs; with `layers` into the first one where none does."""
        found = locating.first_differing(self.comparisons)
        if found is None:
            pairs = comparing.pairs(self.subject, old, new)
            if self.options.layers and pairs:
                self._look_into(pairs[0].number, int(pairs[0].old["nth"]))
            return
        if self.options.locate and found.level in locating.COMPUTED:
            self._look_into(found.execution, found.nth)
        self.first = locating.first(found, self.between)

    def _look_into(self, execution: int, nth: int) -> None:
        self.progress("looking for the first difference")
        folder = self.top / "look"
        self.between += locating.between(self.recording, self.subject, self.options, folder, execution, nth)

    def _old_ran(self, run: Run, old: comparing.Trace) -> bool:
        """The old program's end: without a single record there is nothing to compare."""
        recorded = sum(one.get("kind") == "function" for one in old.records)
        seen = any("execution" in one for one in old.records)
        wrong = self._wrong_checkpoint(old)
        if wrong:
            self.levels.append(Level(VARIABLES, "failed", wrong))
            return False
        if not run.succeeded:
            told = f"the old program {ended(run)}"
            if not seen:
                self.levels.append(Level(RUNS, "failed", told))
                return False
            self.levels.append(Level(RUNS, "failed", f"{told}, after {recorded} recorded executions"))
        elif not seen:
            told = "the old program came to its end without an execution that the manifest knows"
            if not self.options.arguments:
                told += ": are there arguments, given after `--`, with which it comes to one?"
            self.levels.append(Level(RUNS, "failed", told))
            return False
        return True

    def _wrong_checkpoint(self, old: comparing.Trace) -> str:
        """Why the checkpoint is not the old program's; optimizer slots may be missing from one that is."""
        variables = {one.tf1_name for one in self.subject.program.variables}
        for one in old.records:
            told = one.get("checkpoint", {"missing": (), "shapes": ()})
            missing = [name for name in told["missing"] if name in variables]
            if told["shapes"] or missing:
                why = told["shapes"][0] if told["shapes"] else f"{missing[0]} is not in it"
                more = len(told["shapes"]) + len(missing) - 1
                others = f", and {more} more" if more else ""
                return f"{self.options.checkpoint} is a checkpoint of another model: {why}{others}"
        return ""

    def _new_ran(self, run: Run, new: comparing.Trace, lost: Sequence[str]) -> None:
        self.levels.append(imports(run))
        if any(level.name == RUNS for level in self.levels):
            return
        count = sum("function" in one for one in new.records)
        if (
            not run.succeeded
            and count
            and not lost
            and self.recording.trace.end
            and _came_as_far(self.recording.trace, new)
        ):
            # Ended from inside, the old program has not shown what it would do there.
            self.levels.append(Level(RUNS, "passed", "both, to where the old program was ended"))
            self.notes.append(f"After all that was compared, the new program {ended(run)}.")
        elif not run.succeeded:
            after = f", after {count} compared executions" if count else ""
            self.levels.append(Level(RUNS, "failed", f"the new program {ended(run)}{after}"))
        elif lost and new.end not in ("limit", "time"):
            self.levels.append(Level(RUNS, "different", "; ".join(lost)))
        else:
            self.notes.extend(lost)
            self.levels.append(Level(RUNS, "passed", f"both, in {run.seconds:.0f} s for the new program"))

    def _reach(self, old: comparing.Trace, new: comparing.Trace) -> list[str]:
        """Counts what was compared of each execution; says where the new program came to one less often than the old."""
        pairs = comparing.pairs(self.subject, old, new)
        numbers = [pair.number for pair in pairs]
        lost = []
        for number, one in enumerate(self.subject.executions):
            if one.kind != "function":
                continue
            where, times = f"{one.old.file}:{one.old.line}", numbers.count(number)
            self.reached.append((where, times))
            recorded = sum(record.get("execution") == number for record in old.records)
            if not recorded:
                self.notes.append(f"{where}: the old program did not come to this execution; it is not proved.")
            elif times < recorded:
                counted = f"came to this execution {times} of {recorded} times"
                if not times and one.new:
                    counted = f"never calls {one.new.qualname}, which this execution became, as a tf.function"
                lost.append(f"{where}: the new program {counted}")
        apart = next((pair for pair in pairs if pair.new.get("started", pair.step) != pair.step), None)
        if apart is not None and not lost:
            where, started = f"{apart.execution.old.file}:{apart.execution.old.line}", apart.new["started"]
            lost.append(
                f"{where}: the new program came here after {started} executions, the old one after {apart.step}"
            )
        return lost or self._other_counts(old, new)

    def _other_counts(self, old: comparing.Trace, new: comparing.Trace) -> list[str]:
        """Where programs that came to their own ends called a function more or less often than the old one."""
        if old.calls is None or (new.calls is None and new.end != "more"):
            return []
        if new.end == "more":
            found = ["the new program goes on calling functions after the old one's last execution"]
        else:
            names = [qualname for _, qualname, _ in self.subject.functions()]
            counts = [
                (name, old.calls.get(str(k), 0), (new.calls or {}).get(str(k), 0)) for k, name in enumerate(names)
            ]
            found = [f"{name} is called {b} times, not {a}" for name, a, b in counts if a != b]
        return found if found and self.recording.again().calls == old.calls else []

    def _note(self, old: comparing.Trace) -> None:
        """What a reader should know besides."""
        strange = [one for one in self.comparisons if one.equal and "infinite" in one.note]
        if strange:
            self.notes.append(
                f"{strange[0].name} is NaN or infinite on both sides, from execution {strange[0].step + 1} on."
            )
        if old.nbytes > self.options.trace_bytes:
            size = f"{self.options.trace_bytes / (1 << 30):.3g} GiB"
            self.notes.append(
                f"The variables are large: once {size} were recorded, only first executions were compared."
            )
        if old.end in ("limit", "time"):
            why = f"{self.options.executions} executions" if old.end == "limit" else f"{self.options.seconds:g} s"
            self.notes.append(f"The old program was ended after {why}.")

    def _levels_of_comparisons(self) -> None:
        for name in (VARIABLES, INITIAL, INPUTS, FORWARD, GRADIENTS, TRAINING, READS, FREE):
            found = [one for one in self.comparisons if one.level == name]
            self.levels.append(level_of(name, found))


def _came_as_far(old: comparing.Trace, new: comparing.Trace) -> bool:
    """Whether the new program came past all that was recorded of the old one."""
    steps = [one["functions"] + (one["kind"] == "function") for one in old.records if "functions" in one]
    reads = [one["functions"] for one in old.records if one.get("kind") in ("variable-read", "evaluated")]
    last = max(steps, default=0)
    read = last not in reads or any(one.get("read") == last for one in new.records)
    return read and new.calls is not None and sum(new.calls.values()) >= last
