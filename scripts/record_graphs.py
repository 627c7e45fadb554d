"""Records fixtures/graphs: what programs of fixtures/programs leave without their source, from real TensorFlow 1.15.

    python scripts/record_graphs.py --tf1-python PATH

PATH is a CPython 3.7 with tensorflow==1.15.5, as scripts/record_fixtures.py takes it. What a run writes is told in
scripts/run_graph_program.py; it is kept as one archive for each program. Randomness is TensorFlow's own, as in what users
have: recording again gives other values, which no test depends on.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import tempfile
from pathlib import Path

from tf_modernize.harness.running import run_program

RUNNER = Path(__file__).with_name("run_graph_program.py")
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PROGRAMS = ("batch_norm_over_images", "weights_in_dicts")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf1-python", required=True, help="an interpreter that has TensorFlow 1.15")
    args = parser.parse_args()
    failed = False
    for name in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            program = FIXTURES / "programs" / name / "before.py"
            run = run_program(args.tf1_python, RUNNER, [str(program), folder], timeout=120, deterministic=False)
            if not run.succeeded:
                print(f"{name}: FAILED\n{run.problem(12)}")
                failed = True
                continue
            Path(folder, "checkpoint").unlink()  # it names the scratch folder
            recorded = FIXTURES / "graphs" / f"{name}.tar.xz"
            with tarfile.open(recorded, "w:xz") as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.add(file, file.name)
            size = recorded.stat().st_size
            print(f"{name}: {run.seconds:.1f} s, {size / 1024:.0f} kB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
