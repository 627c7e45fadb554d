"""Records what TF 1.15 does in some of fixtures/programs, for the tests of `verify`, which have no TF 1.15.

Usage: python scripts/record_traces.py TF1_PYTHON [PROGRAM...]    writes fixtures/traces/PROGRAM
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.verify import Options, Recording, subjects

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PROGRAMS = ("batch_norm_over_images", "embeddings", "linear_two_variables")
KEPT = ("*.npz", "records.jsonl")


def record(program: str, python: str) -> None:
    """One program's trace: two executions of each place, so that the data stay small."""
    with tempfile.TemporaryDirectory() as top:
        old, new = FIXTURES / "programs" / program / "before.py", Path(top, "new")
        run(Request(paths=(str(old),), output=new, quiet=True))
        (subject,) = subjects(old, new / "before.py", None)
        options = Options(tf1_python=python, steps=2, free_steps=2, least=0)
        recording = Recording(subject, options, Path(top, "recording"))
        assert recording.run.succeeded, recording.run.problem()
        target = FIXTURES / "traces" / program
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in (one for pattern in KEPT for one in recording.trace.folder.glob(pattern)):
            shutil.copy(file, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tf1_python")
    parser.add_argument("programs", nargs="*", default=PROGRAMS)
    arguments = parser.parse_args()
    for name in arguments.programs:
        record(name, arguments.tf1_python)
