"""Verification of right rewrites: against what TF 1.15 did, and against compat.v1 for programs of many shapes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.observers.places import Places
from tf_modernize.harness.verify import Options, Recording, Report, compare, subjects, verify
from tf_modernize.harness.verify.model import FORWARD, FREE, GRADIENTS, INITIAL, INPUTS, READS, TRAINING, VARIABLES

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
TRACES = sorted(path.name for path in (FIXTURES / "traces").iterdir())


def upgraded(sources: dict[str, str], folder: Path) -> tuple[Path, Path]:
    old, new = folder / "old", folder / "new"
    for path, text in sources.items():
        (old / path).parent.mkdir(parents=True, exist_ok=True)
        (old / path).write_text(text)
    run(Request(paths=(str(old),), output=new, quiet=True))
    return old, new


def failures(report: Report) -> str:
    """For the message of a failed test."""
    levels = [f"{one.name}: {one.told}" for one in report.levels if one.state in ("different", "failed")]
    return "\n".join([*levels, str(report.first)])


def counts(report: Report) -> dict[str, int]:
    return {one.name: one.compared for one in report.levels if one.state == "passed"}


@pytest.mark.parametrize("name", TRACES)
def test_against_tensorflow_1(name: str, forks: Forks, tmp_path: Path) -> None:
    """The trace was recorded under TF 1.15 by scripts/record_traces.py."""
    before = FIXTURES / "programs" / name / "before.py"
    shutil.copytree(before.parent, tmp_path / "old", ignore=shutil.ignore_patterns("expected.json"))
    run(Request(paths=(str(tmp_path / "old"),), output=tmp_path / "new", quiet=True))
    (subject,) = subjects(tmp_path / "old", tmp_path / "new", None)
    options = Options(steps=2, free_steps=2, tf1_python="python-with-tensorflow-1", run=forks.run, double=False)
    recording = Recording(subject, options, tmp_path / "recording", FIXTURES / "traces" / name)
    report = compare(recording, subject, options, tmp_path / "seen")
    assert report.exit_code == 0, failures(report)
    assert {VARIABLES, INITIAL, INPUTS, GRADIENTS, TRAINING} <= counts(report).keys()


PROGRAMS = {
    "three executions on one line": """
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [2])
v = tf.Variable([1.0, 2.0], name="v")
double = x * v
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(double, {x: [3.0, 4.0]}), sess.run(v), sess.run(
        double,
        {x: np.ones(2)}))
""",
    "functions local to main": """
import tensorflow as tf


def main():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    w = tf.get_variable("w", [2, 1], initializer=tf.ones_initializer())
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(4):
            print(sess.run([train, loss], {x: [[1, 2], [3, 4]]})[1])
        print(sess.run(w))


if __name__ == "__main__":
    main()
""",
    "an iterator, and a loop until its end": """
import numpy as np
import tensorflow as tf

rows = np.arange(12, dtype=np.float32).reshape(6, 2)
dataset = tf.data.Dataset.from_tensor_slices((rows, rows[:, 0])).batch(2)
features, labels = tf.data.make_one_shot_iterator(dataset).get_next()
w = tf.Variable(tf.zeros([2, 1]), name="w")
loss = tf.reduce_mean(tf.square(tf.matmul(features, w)[:, 0] - labels))
train = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    while True:
        try:
            _, value = sess.run([train, loss])
            print(value)
        except tf.errors.OutOfRangeError:
            break
""",
    "rows of lookups trained by slices": """
import numpy as np
import tensorflow as tf

ids = tf.placeholder(tf.int32, [None], name="ids")
table = tf.get_variable("table", [5, 3], initializer=tf.random_uniform_initializer(-1.0, 1.0))
loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, ids)))
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(3):
        print(sess.run([loss, train], feed_dict={ids: [1, 3, 1]})[0])
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_against_compat(name: str, forks: Forks, tmp_path: Path) -> None:
    old, new = upgraded({"main.py": PROGRAMS[name]}, tmp_path)
    (report,) = verify(old, new, Options(steps=3, free_steps=4, least=0, run=forks.run))
    assert report.exit_code == 0, failures(report)
    assert not report.notes
    assert all(times for _, times in report.reached)
    assert counts(report).keys() >= {VARIABLES, INITIAL, FORWARD}


def test_what_is_compared(forks: Forks, tmp_path: Path) -> None:
    """Every execution of the first program is: two of a function, and a variable that is read."""
    old, new = upgraded({"main.py": PROGRAMS["three executions on one line"]}, tmp_path)
    (report,) = verify(old, new, Options(steps=3, free_steps=4, least=0, run=forks.run))
    found = [(one.level, one.name) for one in report.comparisons if one.level in (FORWARD, READS, FREE)]
    assert found.count((FORWARD, "double")) == found.count((FREE, "double")) == 2
    assert found.count((READS, "v")) == 1
    inputs = [one for one in report.comparisons if one.level == INPUTS]
    assert [one.scale for one in inputs] == [4.0, 1.0]


def test_a_project(forks: Forks, tmp_path: Path) -> None:
    """Of the files that import one another, the one that nothing imports is run."""
    sources = {
        "package/__init__.py": "",
        "package/settings.py": "import tensorflow as tf\n\nRATE = 0.5\nDTYPE = tf.float32\n",
        "train.py": """
import tensorflow as tf
from package.settings import DTYPE, RATE

x = tf.placeholder(DTYPE, [2], name="x")
w = tf.Variable([1.0, 2.0], name="w")
loss = tf.reduce_sum(tf.square(x - w))
train = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(3):
        print(sess.run([train, loss], {x: [0.5, 0.5]})[1])
""",
    }
    old, new = upgraded(sources, tmp_path)
    (report,) = verify(old, new, Options(steps=3, free_steps=3, least=0, run=forks.run))
    assert report.exit_code == 0, failures(report)
    assert Path(report.old).name == "train.py"


def test_a_random_program_is_not_held_against_itself(forks: Forks, tmp_path: Path) -> None:
    """What the old program does otherwise at each run (data from the clock) says nothing of the new one."""
    source = """
import time
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [2], name="x")
w = tf.Variable([1.0, 2.0], name="w")
y = tf.reduce_sum(x * w)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(y, {x: np.full(2, time.time_ns() % 1000003)}))
"""
    old, new = upgraded({"main.py": source}, tmp_path)
    (report,) = verify(old, new, Options(steps=3, free_steps=0, least=0, run=forks.run))
    assert report.exit_code == 0, failures(report)
    assert any(one.unsettled for one in report.comparisons if one.level == INPUTS)


def test_places_of_executions(tmp_path: Path) -> None:
    """Executions of one line, within one another and over several lines are told apart by what the interpreter runs."""
    text = """\
class Session:
    def run(self, number, *rest):
        return seen(number)
sess = Session()
x = sess.run(0), sess.run(1)
y = sess.run(2, [
    sess.run(3), {
    4: sess.run(4)}])
z = [sess.run(5) for _ in range(2)] if y else sess.run(6)
(sess
 .run(7))
"""
    import ast
    import sys

    file = tmp_path / "program.py"
    file.write_text(text)
    calls = sorted(
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run"
    )
    places = Places([(str(file), *place) for place in calls])
    found = []

    def seen(number: int) -> int:
        found.append((number, places.at(sys._getframe(2))))
        return 0

    exec(compile(text, str(file), "exec"), {"seen": seen})
    order = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}
    assert found == [(number, order[number]) for number in (0, 1, 3, 4, 2, 6, 7)]
