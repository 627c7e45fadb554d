"""Compares `tf-modernize upgrade` with TensorFlow's tf_upgrade_v2 over the packages of fetching.py, as one tree of 1,500 files.

    python benchmarks/upgrade_speed.py [PACKAGE…] [--only upgrade|check|jobs|profile] [--pairs 3] [--work FOLDER]

The commands run in turn, so that a busy machine hits all of them, and the figures are medians: CPU time with the start of the
interpreter, wall time, and the peak memory of a process. Four looks, all of them where none is chosen:

* upgrade: both tools at one process, without our cache;
* check: `--check` over the tree as the upgrade left it, without what the cache holds of it, and with it;
* jobs: one process against two (wall time: it says something on a machine that does nothing else);
* profile: where the CPU time of one run goes, by stage.

Needs the extra `verify` in the interpreter that runs this, for tf_upgrade_v2.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fetching

LOOKS = ("upgrade", "check", "jobs", "profile")
OURS = [sys.executable, "-m", "tf_modernize.cli", "upgrade", "--quiet"]


@dataclass(frozen=True)
class Run:
    """What one run of a command took: seconds, and MiB of its largest process."""

    cpu: float
    wall: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help=f"without one, all: {', '.join(fetching.PACKAGES)}"
    )
    parser.add_argument("--only", choices=LOOKS, help="one look instead of all")
    parser.add_argument("--pairs", type=int, default=3, help="how often each command runs")
    parser.add_argument("--work", type=Path, help="where the sources and results are kept")
    args = parser.parse_args()
    work = fetching.work_folder(args.work)
    tree = _tree(fetching.chosen(args.packages), work)
    files = sorted(tree.rglob("*.py"))
    print(
        f"{len(files)} files, {sum(path.read_bytes().count(bytes([10])) for path in files)} lines, {os.cpu_count()} cores"
    )
    looks = {"upgrade": _upgrade, "check": _check, "jobs": _jobs, "profile": _profile}
    for name in [args.only] if args.only else LOOKS:
        print(f"\n{name}", flush=True)
        looks[name](tree, work, args.pairs)


def _tree(names: Sequence[str], work: Path) -> Path:
    """The Python files of the packages, one folder each."""
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in names:
        for path, data in fetching.sources(name, work).items():
            place = tree / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return tree


# -- the looks -----------------------------------------------------------------------------------------------------------


def _upgrade(tree: Path, work: Path, pairs: int) -> None:
    script = Path(sys.executable).parent / "tf_upgrade_v2"
    if not script.exists():
        sys.exit("tf_upgrade_v2 is not installed beside this interpreter: install the extra `verify`")
    outputs = {"tf-modernize": work / "ours", "tf_upgrade_v2": work / "theirs"}
    theirs = [str(script), "--intree", str(tree), "--outtree", str(outputs["tf_upgrade_v2"])]
    commands = {
        "tf-modernize": [*OURS, str(tree), "--output", str(outputs["tf-modernize"]), "-j", "1", "--no-cache"],
        "tf_upgrade_v2": [*theirs, "--reportfile", str(work / "report.txt")],
    }
    expected = len(list(tree.rglob("*.py")))
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(pairs):
        for name, command in commands.items():
            shutil.rmtree(outputs[name], ignore_errors=True)
            runs[name].append(_measured(name, command, work))
            written = len(list(outputs[name].rglob("*.py")))
            if written != expected:  # tf_upgrade_v2 ends at the first file that it can't print back
                print(f"  incomplete: {name} wrote {written} of {expected} files, so the figures can't be compared")
    _compare(runs, "tf-modernize", "tf_upgrade_v2")


def _check(tree: Path, work: Path, pairs: int) -> None:
    migrated = work / "migrated"
    shutil.rmtree(migrated, ignore_errors=True)
    _measured("upgrade", [*OURS, str(tree), "--output", str(migrated), "-j", "1", "--no-cache"], work)
    script = Path(sys.executable).parent / "tf_upgrade_v2"
    theirs = [str(script), "--intree", str(migrated), "--outtree", str(work / "theirs")]
    commands = {
        "without the cache": [*OURS, str(migrated), "--check", "-j", "1", "--no-cache"],
        "with the cache": [*OURS, str(migrated), "--check", "-j", "1"],
        "tf_upgrade_v2": [*theirs, "--reportfile", str(work / "report.txt")],
    }
    own = {"XDG_CACHE_HOME": str(work / "cache")}
    _measured("filling the cache", commands["with the cache"], work, own)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(pairs):
        for name, command in commands.items():
            runs[name].append(_measured(name, command, work, own))
    _compare(runs, "without the cache", "tf_upgrade_v2")
    _compare(runs, "with the cache", "tf_upgrade_v2")


def _jobs(tree: Path, work: Path, pairs: int) -> None:
    output = work / "ours"
    runs: dict[str, list[Run]] = {"one process": [], "two processes": []}
    for _ in range(pairs):
        for jobs, name in enumerate(runs, 1):
            shutil.rmtree(output, ignore_errors=True)
            command = [*OURS, str(tree), "--output", str(output), "-j", str(jobs), "--no-cache"]
            runs[name].append(_measured(name, command, work))
    _compare(runs, "two processes", "one process")


def _profile(tree: Path, work: Path, pairs: int) -> None:
    """One run within this process, its own time by the stage that spent it, and its costliest functions."""
    from tf_modernize.cli.__main__ import cli

    output = work / "ours"
    shutil.rmtree(output, ignore_errors=True)
    profile = cProfile.Profile()
    command = ["upgrade", str(tree), "--output", str(output), "-j", "1", "--no-cache", "--quiet"]
    profile.runcall(cli.main, command, standalone_mode=False)
    found = pstats.Stats(profile)
    stages: Counter[str] = Counter()
    for (path, _, name), (_, _, own, _, callers) in found.stats.items():  # type: ignore[attr-defined]
        stage = _stage(path, name)
        if stage or not callers:
            stages[stage or "Python"] += own
        for (caller, _, called_by), numbers in callers.items() if not stage else ():
            stages[_stage(caller, called_by) or "Python"] += numbers[2]
    whole = sum(stages.values())
    for stage, seconds in stages.most_common():
        if seconds >= whole / 200:
            print(f"  {seconds / whole:5.1%}  {stage}")
    found.strip_dirs().sort_stats("tottime").print_stats(15)


def _stage(path: str, name: str) -> str:
    """The stage that a function belongs to; empty where its caller has to answer for it."""
    if "builtins.compile" in name:
        return "parse (Python's own parser)"
    _, found, rest = path.replace("\\", "/").rpartition("/codemods/")
    if found:
        return rest.partition("/")[0].removesuffix(".py")
    return "cli" if "/cli/" in path.replace("\\", "/") and "tf_modernize" in path else ""


# -- measuring -----------------------------------------------------------------------------------------------------------


def _measured(name: str, command: list[str], work: Path, more: Mapping[str, str] | None = None) -> Run:
    """Runs a command and says what it took, its children included."""
    log = work / f"{name.replace(' ', '-')}.log"
    start = time.monotonic()
    with open(log, "wb") as out:
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""} | dict(more or {})
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {child.returncode}: see {log}")
    run = Run(usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024)
    print(f"  {name:18} CPU {run.cpu:6.2f} s  wall {run.wall:6.2f} s  {run.memory:5.0f} MiB", flush=True)
    return run


def _compare(runs: Mapping[str, Sequence[Run]], one: str, other: str) -> None:
    """The medians of one command over those of the other."""
    ratios = []
    for field in ("cpu", "wall", "memory"):
        first, second = (statistics.median(getattr(run, field) for run in runs[name]) for name in (one, other))
        ratios.append(f"{field} {first / second:.3f}")
    print(f"  {one} over {other}: {', '.join(ratios)}", flush=True)


if __name__ == "__main__":
    main()
