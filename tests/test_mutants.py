"""The mutants of fixtures/mutants: wrong programs that verification must catch, and right ones that it must not flag.

The suite takes the entries that the fixtures list first; with MUTANTS=all in the environment (`make mutants`) the others too.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.running import Run
from tf_modernize.harness.verify import Options, Recording, Report, compare, subjects
from tf_modernize.harness.verify.model import FORWARD, GRADIENTS, INITIAL, INPUTS, READS, RUNS, TRAINING, VARIABLES
from tf_modernize.harness.verify.oracles import ENVIRONMENT

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "mutants"
PROGRAMS = sorted(path.parent.name for path in FOLDER.glob("*/before.py"))
LISTS = ("mutants", "more") if os.environ.get("MUTANTS") == "all" else ("mutants",)
# Where a mutant of each kind must show, whatever else differs then. A variable that an update left wrong is wrong before
# the next execution; one that is not trained has no slots.
LEVELS = {
    "forward": {FORWARD, GRADIENTS},
    "gradient": {GRADIENTS, FORWARD, VARIABLES},
    "update": {TRAINING, VARIABLES},
    "state": {INITIAL},
    "initial": {INITIAL, VARIABLES},
    "inputs": {INPUTS},
    "reads": {READS},
    "missing": {RUNS},
}

Entry = Mapping[str, Any]


@cache
def entries(program: str) -> Mapping[str, list[Entry]]:
    found: dict[str, list[Entry]] = json.loads((FOLDER / program / "mutants.json").read_text())
    return found


def named(*lists: str) -> list[Any]:
    return [
        pytest.param(program, entry["name"], id=f"{program}: {entry['name']}")
        for program in PROGRAMS
        for key in lists
        for entry in entries(program)[key]
    ]


def entry_of(program: str, name: str) -> Entry:
    (found,) = [one for key in ("mutants", "more", "equal") for one in entries(program)[key] if one["name"] == name]
    return found


def mutated(text: str, entry: Entry) -> str:
    """The upgraded source with the replacements, each of a text that is there once; in the function `within`, if named."""
    start, end = 0, len(text)
    if "within" in entry:
        start = text.index(f"def {entry['within']}(")
        end = text.index("\n\n\n", start)
    part = text[start:end]
    for old, new in entry["replace"]:
        assert part.count(old) == 1, f"{old!r} is there {part.count(old)} times in\n{part}"
        part = part.replace(old, new)
    return text[:start] + part + text[end:]


# CPython 3.11 counts the depth of syntax trees for all threads together: only one parses, while the others' programs run.
PARSING = threading.Lock()


def _while_others_work(run_program: Callable[..., Run]) -> Callable[..., Run]:
    def run_unlocked(*args: Any, **kwargs: Any) -> Run:
        PARSING.release()
        try:
            return run_program(*args, **kwargs)
        finally:
            PARSING.acquire()

    return run_unlocked


class Bench:
    """Base programs, upgraded and recorded once, and their mutants compared with the recording."""

    def __init__(self, python: str, folder: Path) -> None:
        self._new = Forks(python, environment=ENVIRONMENT)
        self._old = Forks(python, legacy_keras=True, environment=ENVIRONMENT)
        run_new, run_old = _while_others_work(self._new.run), _while_others_work(self._old.run)
        self._options = Options(python, free_steps=0, double=False, run=run_new, run_old=run_old)
        self._folder = folder
        self._recordings: dict[str, Recording] = {}

    def close(self) -> None:
        self._new.close()
        self._old.close()

    def report(self, program: str, entry: Entry) -> Report:
        top = self._folder / program
        if program not in self._recordings:
            (top / "old").mkdir(parents=True)
            shutil.copy(FOLDER / program / "before.py", top / "old")
            run(Request(paths=(str(top / "old"),), output=top / "new", quiet=True))
            (subject,) = subjects(top / "old", top / "new", None)
            self._recordings[program] = Recording(subject, self._options, top / "recording")
        mutant = top / f"mutant-{len(list(top.iterdir()))}"
        shutil.copytree(top / "new", mutant)
        source = mutant / "before.py"
        source.write_text(mutated(source.read_text(), entry))
        (subject,) = subjects(top / "old", mutant, None)
        return compare(self._recordings[program], subject, self._options, mutant / "seen")


@dataclass(frozen=True)
class Job:
    program: str
    name: str


@pytest.fixture(scope="session")
def reports(
    request: pytest.FixtureRequest, tf2_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[Job, Future[Report]]]:
    """The reports of all entries that the selected tests want; two programs at a time, each with all of its entries."""
    wanted: dict[str, list[Job]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "reports" in item.fixturenames:
            job = Job(str(item.callspec.params["program"]), str(item.callspec.params["name"]))
            wanted.setdefault(job.program, []).append(job)
    found: dict[Job, Future[Report]] = {job: Future() for jobs in wanted.values() for job in jobs}
    folder = tmp_path_factory.mktemp("mutants")
    benches = [Bench(tf2_python, folder) for _ in range(2)]

    def work(bench: Bench, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                with PARSING:
                    report = bench.report(job.program, entry_of(job.program, job.name))
                found[job].set_result(report)
            except BaseException as error:
                found[job].set_exception(error)

    def all_of(bench: Bench, programs: list[str]) -> None:
        while programs:
            work(bench, wanted[programs.pop()])

    programs = sorted(wanted)
    with ThreadPoolExecutor(max_workers=len(benches)) as pool:
        for bench in benches:
            pool.submit(all_of, bench, programs)
        yield found
        programs.clear()
    for bench in benches:
        bench.close()


def told(report: Report) -> str:
    """For the message of a failed test."""
    return "\n".join([*(f"{one.name}: {one.state}: {one.told}" for one in report.levels), str(report.first)])


@pytest.mark.parametrize(("program", "name"), named(*LISTS))
def test_mutant_is_caught(program: str, name: str, reports: Mapping[Job, Future[Report]]) -> None:
    report, entry = reports[Job(program, name)].result(), entry_of(program, name)
    assert report.exit_code == 1, f"not caught\n{told(report)}"
    different = {level.name for level in report.levels if level.state == "different"}
    assert different & LEVELS[entry["kind"]], told(report)
    assert report.first is not None or entry["kind"] == "missing", told(report)
    if report.first is None:
        return
    if entry["kind"] == "forward":
        assert report.first.what == entry["first"], told(report)
    else:
        assert entry["first"] in report.first.what, told(report)


@pytest.mark.parametrize(("program", "name"), named("equal"))
def test_equal_program_is_not_flagged(program: str, name: str, reports: Mapping[Job, Future[Report]]) -> None:
    report = reports[Job(program, name)].result()
    assert report.exit_code == 0, told(report)


def test_there_are_enough() -> None:
    """The list that the suite takes is not a sample of the easy ones: every kind, and most programs have each."""
    mutants = [entry for program in PROGRAMS for entry in entries(program)["mutants"]]
    kinds = {entry["kind"] for entry in mutants}
    assert len(mutants) >= 60 and kinds == LEVELS.keys()
    for program in PROGRAMS:
        names = [one["name"] for key in ("mutants", "more", "equal") for one in entries(program)[key]]
        assert len(names) == len(set(names)), f"{program}: two entries of one name"
