"""Compares `tf-modernize upgrade` with TensorFlow's tf_upgrade_v2: CPU time, start-up included, and peak memory.

    python benchmarks/upgrade_speed.py [--pairs 5] [--jobs 1] [--work build/benchmark]

The tree is tensorpack, tf-slim and dm-sonnet 1.36, unpacked from PyPI. The two tools run in turn, so that a busy machine hits
both; the figures are medians. Needs the extra `verify` in the interpreter that runs this, for tf_upgrade_v2.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = ("tensorpack==0.11", "tf-slim==1.1.0", "dm-sonnet==1.36")


def unpack(folder: Path) -> Path:
    """The packages' sources, downloaded once."""
    tree = folder / "tree"
    if not tree.exists():
        wheels = folder / "wheels"
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            str(wheels),
        ]
        subprocess.run([*command, *PACKAGES], check=True)
        for wheel in sorted(wheels.glob("*.whl")):
            zipfile.ZipFile(wheel).extractall(tree)
    return tree


def measure(command: list[str], log: Path) -> tuple[float, float]:
    """CPU seconds and peak MiB of a command and of its children."""
    with open(log, "wb") as out:
        child = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {child.returncode}: see {log}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("build/benchmark"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    tree = unpack(args.work)
    outputs = {name: args.work / name for name in ("tf-modernize", "tf_upgrade_v2")}
    ours = [sys.executable, "-m", "tf_modernize.cli", "upgrade", str(tree), "--output", str(outputs["tf-modernize"])]
    if not (Path(sys.executable).parent / "tf_upgrade_v2").exists():
        sys.exit("tf_upgrade_v2 is not installed beside this interpreter: install the extra `verify`")
    theirs = [str(Path(sys.executable).parent / "tf_upgrade_v2"), "--intree", str(tree)]
    theirs += ["--outtree", str(outputs["tf_upgrade_v2"]), "--reportfile", str(args.work / "report.txt")]
    commands = {"tf-modernize": [*ours, "-j", str(args.jobs), "--quiet", "--no-cache"], "tf_upgrade_v2": theirs}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for pair in range(args.pairs):
        for name, command in commands.items():
            shutil.rmtree(outputs[name], ignore_errors=True)
            found[name].append(measure(command, args.work / f"{name}.log"))
            print(f"pair {pair + 1}  {name:14} {found[name][-1][0]:7.2f} s  {found[name][-1][1]:6.0f} MiB", flush=True)
            written = len(list(outputs[name].rglob("*.py")))
            expected = len(list(tree.rglob("*.py")))
            if written != expected:
                print(f"  incomplete: {written} of {expected} files")
    cpu, memory = (
        {name: statistics.median(run[index] for run in runs) for name, runs in found.items()} for index in (0, 1)
    )
    lines = sum(path.read_bytes().count(b"\n") for path in tree.rglob("*.py"))
    print(f"{lines} lines; CPU {cpu['tf-modernize']:.2f} s against {cpu['tf_upgrade_v2']:.2f} s: ", end="")
    print(f"{cpu['tf-modernize'] / cpu['tf_upgrade_v2']:.2f}", end="")
    print(f"; memory {memory['tf-modernize']:.0f} MiB against {memory['tf_upgrade_v2']:.0f} MiB: ", end="")
    print(f"{memory['tf-modernize'] / memory['tf_upgrade_v2']:.2f}")


if __name__ == "__main__":
    main()
