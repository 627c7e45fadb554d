"""Runs the rows of fixtures/rows under real TensorFlow 1.15 and records what each leaves in `result`.

    python scripts/record_rows.py --tf1-python PATH [--check]

PATH is as for record_fixtures.py. With --check nothing is written, and the exit status is 1 where a value is another.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import rows as kept

from tf_modernize.harness.running import run_program


def run(python: str, snippets: dict[str, str]) -> dict[str, object]:
    """The results of snippets on an interpreter, with deterministic randomness."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "snippets.json"), Path(folder, "results.json")
        source.write_text(json.dumps(snippets), "utf-8")
        done = run_program(python, Path(__file__).with_name("run_rows.py"), [str(source), str(target)], timeout=600)
        if not done.succeeded:
            sys.exit(done.problem(20))
        results: dict[str, object] = json.loads(target.read_text("utf-8"))
        return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf1-python", required=True, help="an interpreter that has TensorFlow 1.15")
    parser.add_argument("--check", action="store_true", help="compare with what is recorded, write nothing")
    options = parser.parse_args()
    found = run(options.tf1_python, {name: row.source for name, row in kept.rows().items()})
    failed = {name: value["error"] for name, value in found.items() if isinstance(value, dict) and "error" in value}
    for name, error in failed.items():
        print(f"{name}: FAILED\n{error}")
    old = kept.recorded()
    other = [name for name in {*old, *found} if kept.differs(old.get(name), found.get(name), 1e-6)]
    print(f"{len(found)} rows, {len(other)} of them other than recorded")
    if options.check:
        return 1 if other or failed else 0
    by_file: dict[str, dict[str, object]] = {}
    for name, value in found.items():
        if name in failed:
            continue
        file, _, row = name.partition(": ")
        by_file.setdefault(file, {})[row] = value
    for file, values in by_file.items():
        lines = (f" {json.dumps(row)}: {json.dumps(value)}" for row, value in values.items())
        (kept.FOLDER / f"{file}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
