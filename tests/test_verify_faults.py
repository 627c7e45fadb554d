"""What can go wrong with the programs, their files and their checkpoints: each a sentence and an exit code, and what was
compared until then is kept."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.verify import Options, Recording, Report, VerifyError, compare, subjects, verify
from tf_modernize.harness.verify.subjects import Subject

BEFORE = """\
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 2], name="x")
w = tf.Variable([[1.0], [2.0]], name="w")
v = tf.Variable([3.0], name="v")
y = tf.matmul(x, w) + v
loss = tf.reduce_mean(tf.square(y))
train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)

rows = np.arange(8, dtype=np.float32).reshape(4, 2)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(6):
        # here
        _, value = sess.run([train, loss], {x: rows})
        print(value)
    print(sess.run(w))
"""
QUICK = Options(steps=3, free_steps=0, least=0, seconds=60, double=False)


Write = Callable[..., tuple[Path, Path]]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes an old program, its upgrade and the manifest, which then fits a new one that is changed as well."""

    def write(before: str = BEFORE, change: tuple[str, str] | None = None) -> tuple[Path, Path]:
        old, new = tmp_path / "old", tmp_path / "new"
        old.mkdir()
        (old / "main.py").write_text(before)
        run(Request(paths=(str(old),), output=new, quiet=True))
        changed(new / "main.py", change)
        return old, new

    return write


def changed(file: Path, change: tuple[str, str] | None) -> None:
    text = file.read_text()
    if change is not None:
        assert text.count(change[0]) == 1, text
        file.write_text(text.replace(*change))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Recording]:
    """The program above, recorded once."""
    top = tmp_path_factory.mktemp("recorded")
    (top / "old").mkdir()
    (top / "old" / "main.py").write_text(BEFORE)
    run(Request(paths=(str(top / "old"),), output=top / "new", quiet=True))
    (subject,) = subjects(top / "old", top / "new", None)
    return subject, Recording(subject, QUICK, top / "recording")


@pytest.fixture
def compared(recorded: tuple[Subject, Recording], forks: Forks, tmp_path: Path) -> Callable[..., Report]:
    """Compares what a change makes of the new program with the recorded old one."""

    def compare_changed(change: tuple[str, str] | None = None, **options: object) -> Report:
        subject, recording = recorded
        new = tmp_path / "new"
        shutil.copytree(subject.new_root, new)
        changed(new / "main.py", change)
        asked = dataclasses.replace(QUICK, **{"run": forks.run, **options})  # type: ignore[arg-type]
        return compare(recording, dataclasses.replace(subject, new_root=new), asked, tmp_path / "seen")

    return compare_changed


def one(old: Path, new: Path, options: Options = QUICK) -> Report:
    (report,) = verify(old, new, options)
    return report


def state(report: Report, level: str) -> str:
    return next((one.state for one in report.levels if one.name == level), "")


def told(report: Report, level: str) -> str:
    return next((one.told for one in report.levels if one.name == level), "")


def test_equal(written: Write) -> None:
    report = one(*written())
    assert report.exit_code == 0, report.levels
    assert [level.name for level in report.levels if level.state == "passed"] == [
        "parses", "imports", "runs", "variables map", "initial values", "inputs equal", "forward equal",
        "gradients equal", "training steps equal", "reads equal",
    ]  # fmt: skip


def test_new_program_crashes(compared: Callable[..., Report]) -> None:
    crash = "for step in range(6):\n    if step == 2:\n        raise KeyError('lost')"
    report = compared(("for step in range(6):", crash))
    assert report.exit_code == 2
    assert "ended with exit code 1: KeyError: 'lost', after 2 compared executions" in told(report, "runs")
    assert state(report, "forward equal") == "passed"
    assert sum(one.level == "forward equal" for one in report.comparisons) == 2


def test_new_program_crashes_after_all_that_was_compared(compared: Callable[..., Report]) -> None:
    """The old program was ended from inside, so nobody knows whether it crashes there as well."""
    report = compared(("print(w.numpy())", "print(w.numpy())\nassert not rows.size"))
    assert report.exit_code == 0, report.levels
    assert state(report, "reads equal") == "passed"
    assert any("After all that was compared, the new program ended with exit code 1" in note for note in report.notes)


def test_old_program_crashes(written: Write) -> None:
    report = one(*written(before=BEFORE.replace("# here", "assert step < 1, 'no more'")))
    assert report.exit_code == 2
    assert "the old program ended with exit code 1: AssertionError: no more, after 1 recorded" in told(report, "runs")
    assert state(report, "training steps equal") == "passed"


def test_new_program_hangs(compared: Callable[..., Report]) -> None:
    hang = "import time\nfor step in range(6):\n    if step == 1:\n        time.sleep(1000)"
    report = compared(("for step in range(6):", hang), seconds=5)
    assert report.exit_code == 2
    assert "the new program did not end within 10 s, after 1 compared executions" in told(report, "runs")
    assert state(report, "gradients equal") == "passed"


@pytest.mark.skipif(sys.platform != "linux", reason="the system can't limit a process's memory")
def test_new_program_runs_out_of_memory(compared: Callable[..., Report]) -> None:
    much = "for step in range(6):\n    if step == 1:\n        np.ones(6 << 30, np.uint8)"
    report = compared(("for step in range(6):", much), memory=4 << 30, run=None)
    assert report.exit_code == 2
    assert "the new program ran out of memory" in told(report, "runs")
    assert state(report, "forward equal") == "passed"


def test_missing_file(written: Write, tmp_path: Path) -> None:
    before = BEFORE.replace("rows = np.arange", "factor = float(open('factor.txt').read())\nrows = factor * np.arange")
    old, new = written(before=before)
    report = one(old, new)
    assert report.exit_code == 2
    assert "the old program misses a file" in told(report, "runs")
    assert "factor.txt" in told(report, "runs")
    (tmp_path / "factor.txt").write_text("1.0")
    report = one(old, new, dataclasses.replace(QUICK, files=(tmp_path / "factor.txt",)))
    assert report.exit_code == 0, report.levels


def test_missing_module(compared: Callable[..., Report]) -> None:
    report = compared(("import numpy as np", "import numpy as np\nimport no_such_module"))
    assert report.exit_code == 2
    assert "No module named 'no_such_module'" in told(report, "imports")
    assert "must be installed for the interpreter" in told(report, "imports")
    assert "misses a file" not in told(report, "imports")


def test_not_a_number_on_one_side(compared: Callable[..., Report]) -> None:
    report = compared(("tf.reduce_mean(tf.square(y))", "tf.reduce_mean(tf.square(y)) / tf.constant(0.0)"))
    assert report.exit_code == 1
    assert state(report, "forward equal") == "different"
    assert report.first is not None
    assert report.first.what == "loss"


def test_not_a_number_on_both_sides(written: Write) -> None:
    before = BEFORE.replace("loss = tf.reduce_mean(tf.square(y))", "loss = tf.reduce_mean(tf.log(-tf.square(y)))")
    report = one(*written(before=before))
    assert report.exit_code == 0, report.levels
    assert any("NaN" in note for note in report.notes)


def test_wrong_shape(compared: Callable[..., Report]) -> None:
    report = compared(("[3.0]", "[3.0, 3.0]"))
    assert report.exit_code == 1
    assert "v (v) at execution 1: has the shape [2], not [1]" in told(report, "variables map")


def test_missing_variable(compared: Callable[..., Report]) -> None:
    report = compared(('name="v"', 'name="other"'))
    assert report.exit_code == 1
    assert "v (v) at execution 1: is not there" in told(report, "variables map")


def test_new_file_does_not_parse(compared: Callable[..., Report]) -> None:
    report = compared(("import numpy as np", "import numpy as"))
    assert report.exit_code == 2
    assert "main.py is not valid Python" in told(report, "parses")


def test_new_file_of_no_known_encoding(compared: Callable[..., Report]) -> None:
    report = compared(("import numpy as np", "# coding: no-such-encoding\nimport numpy as np"))
    assert report.exit_code == 2
    assert "main.py is not valid Python: unknown encoding" in told(report, "parses")


def test_new_file_that_is_not_there(written: Write) -> None:
    old, new = written()
    (new / "main.py").unlink()
    report = one(old, new)
    assert report.exit_code == 2
    assert "main.py can't be read among the new files (No such file or directory)" in told(report, "parses")


def test_function_that_an_edit_moved(written: Write) -> None:
    old, new = written()
    text = (new / "main.py").read_text()
    start, end = text.index("@tf.function"), text.index("for step")
    inside = text[start:end].replace("def train_step(", "def train_step(self, ")
    method = "class Net:\n" + textwrap.indent(inside, "    ") + "net = Net()\n"
    (new / "main.py").write_text(text[:start] + method + text[end:].replace("train_step(", "net.train_step("))
    report = one(old, new)
    assert report.exit_code == 0, report.levels
    assert report.notes[0] == "main.py was edited after `upgrade` wrote it."


def test_function_that_an_edit_renamed(written: Write) -> None:
    old, new = written()
    (new / "main.py").write_text((new / "main.py").read_text().replace("train_step", "one_step"))
    report = one(old, new)
    assert report.exit_code == 2
    assert "main.py has no function train_step any more, which main.py:16 became: keep its name" in told(report, "runs")


def test_function_that_is_traced_no_more(written: Write) -> None:
    old, new = written()
    text = (new / "main.py").read_text()
    (new / "main.py").write_text("".join(line for line in text.splitlines(True) if not line.startswith("@tf.function")))
    report = one(old, new)
    assert report.exit_code == 1
    assert "main.py:16: the new program never calls train_step, which this execution became, as a tf.function" in told(
        report, "runs"
    )


def test_interpreter_that_is_not_there(written: Write) -> None:
    report = one(*written(), dataclasses.replace(QUICK, tf1_python="/no/such/python"))
    assert report.exit_code == 2
    assert "/no/such/python can't be started: No such file or directory" in told(report, "runs")


def test_interpreter_with_another_tensorflow(written: Write) -> None:
    report = one(*written(), dataclasses.replace(QUICK, tf1_python=sys.executable))
    assert report.exit_code == 2
    assert "has TensorFlow 2." in told(report, "runs")
    assert "and TensorFlow 1 is needed" in told(report, "runs")


def test_arguments_that_a_program_does_not_take(written: Write) -> None:
    parse = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--rate', required=True)\n"
    parse += "parser.parse_args()\n"
    old, new = written(before=parse + BEFORE)
    report = one(old, new)
    assert report.exit_code == 2
    assert "did not take its arguments (main.py: error: the following arguments are required: --rate" in told(
        report, "runs"
    )
    assert "after `--`" in told(report, "runs")


def test_no_execution_is_reached(written: Write) -> None:
    report = one(*written(before=BEFORE.replace("with tf.Session", "import sys\nsys.exit(0)\nwith tf.Session")))
    assert report.exit_code == 2
    assert "came to its end without an execution that the manifest knows" in told(report, "runs")


def test_old_file_of_another_version(written: Write) -> None:
    old, new = written()
    (old / "main.py").write_text(BEFORE + "\n")
    with pytest.raises(VerifyError, match="is not the file that `upgrade` read"):
        verify(old, new, QUICK)


def test_no_manifest(written: Write, tmp_path: Path) -> None:
    old, new = written()
    (new / "tf-modernize-manifest.json").unlink()
    with pytest.raises(VerifyError, match=r"There is no tf-modernize-manifest\.json beside"):
        verify(old, new, QUICK)
    (new / "tf-modernize-manifest.json").write_text("{}")
    with pytest.raises(VerifyError, match="is not a manifest of tf-modernize"):
        verify(old, new, QUICK)


def test_what_is_not_native_is_named(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "main.py").write_text(BEFORE)
    (tmp_path / "old" / "queue.py").write_text(BEFORE.replace("range(6)", "range(getattr(sess, 'steps'))"))
    run(Request(paths=(str(tmp_path / "old"),), output=tmp_path / "new", quiet=True))
    found = subjects(tmp_path / "old", tmp_path / "new", None)
    assert [one.entry for one in found] == ["main.py"]
    assert found[0].notes == ["queue.py is at the level compat: it is not verified."]
    assert subjects(tmp_path / "old" / "main.py", tmp_path / "new" / "main.py", None)[0].notes == []


def test_nothing_native(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print(1)\n")
    manifest = {
        "manifest_version": 1, "tool": "tf-modernize", "target": "native", "old_root": ".", "new_root": ".",
        "files": [], "programs": [],
    }  # fmt: skip
    (tmp_path / "tf-modernize-manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VerifyError, match="has no native program"):
        verify(tmp_path, tmp_path, QUICK)


def checkpoint(folder: Path, values: dict[str, object]) -> Path:
    """A checkpoint by names, as TF1's Saver writes it."""
    import numpy as np
    import tensorflow as tf

    prefix = folder / "model.ckpt"
    with tf.Graph().as_default():
        names = list(values)
        arrays = [tf.constant(np.asarray(values[name], np.float32)) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=arrays
        )
        with tf.compat.v1.Session() as sess:
            sess.run(save)
    return prefix


def test_weights_of_a_checkpoint(written: Write, tmp_path: Path) -> None:
    prefix = checkpoint(tmp_path, {"w": [[-1.0], [0.5]], "v": [8.0]})
    old, new = written()
    report = one(old, new, dataclasses.replace(QUICK, checkpoint=prefix))
    assert report.exit_code == 0, report.levels
    values = {
        one.name: one.scale for one in report.comparisons if one.level == "training steps equal" and one.step == 0
    }
    assert values["v"] > 7.0, "the checkpoint's values were not used"


def test_checkpoint_of_another_model(written: Write, tmp_path: Path) -> None:
    old, new = written()
    for values, why in (
        ({"w": [[1.0], [2.0]]}, "v is not in it"),
        ({"w": [[1.0], [2.0], [3.0]], "v": [1.0]}, r"w has the shape \[2, 1\] in the program, \[3, 1\]"),
    ):
        prefix = checkpoint(tmp_path, values)
        report = one(old, new, dataclasses.replace(QUICK, checkpoint=prefix))
        assert report.exit_code == 2
        told_of = told(report, "variables map")
        assert "is a checkpoint of another model" in told_of
        assert why.replace("\\", "") in told_of


@pytest.mark.parametrize("what", ["missing", "truncated", "corrupt"])
def test_checkpoint_that_cannot_be_read(written: Write, tmp_path: Path, what: str) -> None:
    prefix = checkpoint(tmp_path, {"w": [[1.0], [2.0]], "v": [3.0]})
    data, index = Path(f"{prefix}.data-00000-of-00001"), Path(f"{prefix}.index")
    if what == "missing":
        prefix = tmp_path / "other.ckpt"
    elif what == "truncated":
        data.write_bytes(data.read_bytes()[:5])
    else:
        index.write_bytes(index.read_bytes()[:20] + b"\xff" * 40 + index.read_bytes()[60:])
    old, new = written()
    with pytest.raises(VerifyError, match=r"ckpt"):
        verify(old, new, dataclasses.replace(QUICK, checkpoint=prefix))


def test_steps_that_are_lost(compared: Callable[..., Report]) -> None:
    report = compared(("for step in range(6):", "for step in range(2):"))
    assert report.exit_code == 1
    assert "the new program came to this execution 2 of 4 times" in told(report, "runs")


def test_variables_that_are_too_large_to_keep(written: Write) -> None:
    """Of each place the first execution is still compared, and the report says so."""
    report = one(*written(), dataclasses.replace(QUICK, trace_bytes=50))
    assert report.exit_code == 0, report.levels
    assert [times for _, times in report.reached] == [1]
    assert any("only first executions were compared" in note for note in report.notes)
