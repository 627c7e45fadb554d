"""Runs every program of fixtures/programs under real TensorFlow 1.15 and records what it prints, and its variables.

    python scripts/record_fixtures.py --tf1-python PATH [NAME…] [--check]

PATH is a CPython 3.7 with tensorflow==1.15.5 (and protobuf<3.21, numpy<1.19), for instance from
`python3.7 -m venv tf1 && tf1/bin/pip install tensorflow==1.15.5 'protobuf<3.21' 'numpy<1.19'`. The runs draw
deterministic randomness (harness/determinism.py). A program of which two runs differ all the same (a value that races
with the update of what it reads) is refused. With names only those programs run; with --check nothing is written, and
the exit status is 1 where what is recorded no longer holds. A program that is no TF1 (its level is "tf2" or "none") is
not run: what it prints is no matter of TF 1.15.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from tf_modernize.harness.printed import difference
from tf_modernize.harness.running import run_program

LISTER = Path(__file__).with_name("list_variables.py")
VARIABLE = re.compile(r"^ {3}\[\n.*?\n {3}\]", re.MULTILINE | re.DOTALL)
PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf1-python", required=True, help="an interpreter that has TensorFlow 1.15")
    parser.add_argument("--check", action="store_true", help="compare with what is recorded, write nothing")
    parser.add_argument("names", nargs="*", help="folders of fixtures/programs; without one, all")
    args = parser.parse_args()
    failed = False
    for folder in sorted(path for path in PROGRAMS.iterdir() if (path / "before.py").exists()):
        if args.names and folder.name not in args.names:
            continue
        file = folder / "expected.json"
        expected = json.loads(file.read_text()) if file.exists() else {"level": "native"}
        if expected["level"] in ("tf2", "none"):
            continue
        run = run_program(args.tf1_python, folder / "before.py", timeout=60)
        if not run.succeeded:
            print(f"{folder.name}: FAILED\n{run.problem(12)}")
            failed = True
            continue
        again = run_program(args.tf1_python, folder / "before.py", timeout=60)
        unsteady = difference(run.stdout, again.stdout, 1e-5, 1e-6)
        if unsteady is not None:
            print(f"{folder.name}: TWO RUNS DIFFER, {unsteady}")
            failed = True
            continue
        # The variables of a model that is read from a file are the file's, not the program's.
        variables = [] if expected.get("loaded") else variables_of(args.tf1_python, folder / "before.py")
        found = difference("\n".join(expected.get("stdout", [])), run.stdout, 1e-5, 1e-6)
        if found is None and variables != expected.get("variables"):
            found = "other variables"
        print(f"{folder.name}: {run.seconds:.1f} s, {'as recorded' if found is None else found}")
        if args.check:
            failed |= found is not None
        elif found is not None or file.read_text() != as_text(expected):
            expected |= {"stdout": run.stdout.splitlines(), "variables": variables}
            file.write_text(as_text(expected))
    return 1 if failed else 0


def variables_of(python: str, program: Path) -> list[list[list[object]]]:
    """The variables of each graph of the program, as scripts/list_variables.py lists them."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "variables.json")
        run = run_program(python, LISTER, [str(output), str(program)], timeout=60, path=[program.parent])
        if not run.succeeded:
            sys.exit(f"{program}: {run.problem(12)}")
        listed: list[list[list[object]]] = json.loads(output.read_text())
        return listed


def as_text(expected: dict[str, object]) -> str:
    """JSON with a line for each printed line and each variable."""
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    return (
        VARIABLE.sub(lambda found: re.sub(r"\s*\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
