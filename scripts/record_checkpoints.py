"""Records the checkpoints of fixtures/checkpoints: each `before.py` is run under real TensorFlow 1.15.

Those in `of_programs` are of programs of fixtures/programs: checkpoints that these write themselves, and checkpoints of their
last values with what they compute from them, which scripts/run_program_to_checkpoint.py writes.

    python scripts/record_checkpoints.py --tf1-python PATH [NAME…]

PATH is a CPython 3.7 with tensorflow==1.15.5, as scripts/record_fixtures.py takes it. What a run writes is told in
scripts/run_checkpoint_program.py. Randomness is deterministic, so recording again gives the same values.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tf_modernize.harness.running import run_program

RUNNER = Path(__file__).with_name("run_checkpoint_program.py")
EXECUTER = Path(__file__).with_name("run_program_to_checkpoint.py")
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CHECKPOINTS = FIXTURES / "checkpoints"
# Programs of fixtures/programs, and the checkpoint of their own that is kept of each.
PROGRAMS = {"saver_and_steps": "ckpt_dir/model.ckpt-6"}
# Programs whose last values are kept, whether they save them or not. Those of a frozen graph are in the graph.
EXECUTED = (
    "estimator_model_fn",
    "estimator_with_model_dir",
    "frozen_graph_inference",
    "gan_class",
    "monitored_session_with_hooks",
    "own_layers",
    "project_of_three_files",
    "rnn_state_carried",
    "rnn_with_lengths",
    "saved_layers_in_lists",
    "seq2seq_taught",
    "slim_arg_scope",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf1-python", required=True, help="an interpreter that has TensorFlow 1.15")
    parser.add_argument(
        "names", nargs="*", help="folders of fixtures/checkpoints or fixtures/programs; without one, all"
    )
    args = parser.parse_args()
    failed = False
    recordings = [(RUNNER, one, one.with_name("recorded")) for one in sorted(CHECKPOINTS.glob("*/before.py"))]
    for name in EXECUTED:
        recordings.append((EXECUTER, FIXTURES / "programs" / name / "before.py", CHECKPOINTS / "of_programs" / name))
    for runner, program, recorded in recordings:
        if args.names and program.parent.name not in args.names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = run_program(args.tf1_python, runner, [str(program), folder], timeout=120)
            if not run.succeeded:
                print(f"{program.parent.name}: FAILED\n{run.problem(12)}")
                failed = True
                continue
            shutil.rmtree(recorded, ignore_errors=True)
            recorded.mkdir()
            for file in sorted(Path(folder).iterdir()):
                shutil.copy(file, recorded / file.name)
            state = recorded / "checkpoint"  # it names the scratch folder
            if state.exists():
                state.write_text(state.read_text().replace(f"{folder}/", ""))
            size = sum(file.stat().st_size for file in recorded.iterdir())
            print(f"{program.parent.name}: {run.seconds:.1f} s, {size / 1024:.0f} kB")
    for name, prefix in PROGRAMS.items():
        if args.names and name not in args.names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            program = FIXTURES / "programs" / name / "before.py"
            run = run_program(args.tf1_python, program, timeout=120, environment={"MODEL_DIR": folder})
            files = sorted(Path(folder).glob(f"{prefix}.[di]*"))  # without the graph
            failed |= not run.succeeded or not files
            print(f"{name}: {run.seconds:.1f} s" if files else f"{name}: FAILED\n{run.problem(12)}")
            recorded = CHECKPOINTS / "of_programs" / name
            shutil.rmtree(recorded, ignore_errors=True)
            recorded.mkdir(parents=True)
            for file in files:
                shutil.copy(file, recorded / file.name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
