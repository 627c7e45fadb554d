"""Input pipelines of queues: what they become as datasets, and what keeps a program in graph mode."""

from __future__ import annotations

import ast

import pytest

from tf_modernize.codemods.engine import upgrade_program

HEAD = 'import tensorflow as tf\nfilenames = ["one.csv", "two.csv"]\n'
LINES = """queue = tf.train.string_input_producer(filenames, shuffle=False)
reader = tf.TextLineReader()
key, value = reader.read(queue)
"""
BATCH = "batch = tf.train.batch([tf.string_to_number(value)], 4)\n"
START = """sess = tf.Session()
coord = tf.train.Coordinator()
threads = tf.train.start_queue_runners(sess=sess, coord=coord)
"""
STOP = "coord.request_stop()\ncoord.join(threads)\n"
RUN = START + "print(sess.run(batch))\n" + STOP


def upgraded(source: str) -> tuple[str, str, list[str]]:
    """The level, the new text and what is told of it. A second run must change nothing."""
    result = upgrade_program({"program.py": (HEAD + source).encode()})
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    ast.parse(text)
    assert upgrade_program({"program.py": text.encode()}).files["program.py"].after is None
    return result.level, text, [f"{one.code} {one.message}" for one in file.diagnostics]


def native(source: str) -> str:
    level, text, told = upgraded(source)
    assert level == "native", told
    return text


def reason(source: str) -> str:
    level, _, told = upgraded(source)
    assert level == "compat"
    return told[0].removeprefix("TFM910 not native because of ")


def test_lines_in_batches() -> None:
    text = native(LINES + BATCH + RUN)
    assert "def parse_example(value):\n    return tf.strings.to_number(value)\n" in text
    assert "tf.data.TextLineDataset(filenames)" in text
    assert ".batch(4, drop_remainder=True)" in text
    assert "Coordinator" not in text and "threads" not in text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("filenames", ".shuffle(len(filenames))"),
        ('["one.csv"]', "TextLineDataset"),
        ("filenames, num_epochs=2, shuffle=False", ".repeat(2)"),
        ("filenames, shuffle=False", ".repeat()"),
        ("filenames, seed=3", ".shuffle(len(filenames), seed=3)"),
    ],
)
def test_files_are_shuffled_and_repeated_as_the_queue_was(given: str, written: str) -> None:
    lines = LINES.replace("filenames, shuffle=False", given)
    text, told = upgraded(lines + BATCH + RUN)[1:]
    assert written in text
    assert any("TFM410" in one for one in told) == (".shuffle" in written)


def test_a_file_once() -> None:
    lines = LINES.replace("filenames, shuffle=False", "filenames, num_epochs=1, shuffle=False")
    assert ".repeat" not in native(lines + BATCH + RUN)


def test_header_lines_are_those_of_each_file() -> None:
    text = native(LINES.replace("Reader()", "Reader(skip_header_lines=1)") + BATCH + RUN)
    assert ".flat_map(lambda name: tf.data.TextLineDataset(name).skip(1))" in text


def test_records_of_fixed_length() -> None:
    text = native(LINES.replace("TextLineReader()", "FixedLengthRecordReader(8, header_bytes=2)") + BATCH + RUN)
    assert "tf.data.FixedLengthRecordDataset(filenames, 8, header_bytes=2)" in text


def test_a_record_without_a_batch() -> None:
    run = START + "print(sess.run(tf.strings.join([value, value])))\n" + STOP
    text = native(LINES + run)
    assert "compute_value" in text or "(value)" in text
    assert "iterator.get_next()" in text


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ("4, allow_smaller_final_batch=True", ".batch(4)"),
        ("4, dynamic_pad=True", ".padded_batch(4, drop_remainder=True)"),
    ],
)
def test_batches(arguments: str, written: str) -> None:
    assert written in native(LINES + BATCH.replace("], 4)", f"], {arguments})") + RUN)


def test_a_loop_that_asks_whether_to_stop() -> None:
    loop = "try:\n    while not coord.should_stop():\n        print(sess.run(batch))\n"
    caught = "except tf.errors.OutOfRangeError:\n    print('done')\n"
    text = native(LINES + BATCH + START + loop + caught + "finally:\n    coord.request_stop()\ncoord.join(threads)\n")
    assert "try:\n    while True:\n" in text
    assert "finally" not in text
    bare = native(LINES + BATCH + START + loop + "finally:\n    coord.request_stop()\n    coord.join(threads)\n")
    assert "try" not in bare and "\nwhile True:\n    print(" in bare


def test_an_exception_that_a_coordinator_is_told_of() -> None:
    loop = "try:\n    for _ in range(3):\n        print(sess.run(batch))\n"
    text = native(LINES + BATCH + START + loop + "except Exception as e:\n    coord.request_stop(e)\n" + STOP)
    assert "except tf.errors.OutOfRangeError:\n    pass\n" in text


LEFT = {
    "two readers of one queue": (
        LINES + "_, other = reader.read(queue)\nbatch = tf.train.batch([value, other], 4)\n" + RUN,
        "a queue that two things take from in turn",
    ),
    "two batches of one reader": (
        LINES + BATCH + BATCH.replace("batch =", "more =") + RUN.replace("run(batch)", "run([batch, more])"),
        "a queue that two things take from in turn",
    ),
    "a batch and the reader itself": (
        LINES + BATCH + RUN.replace("run(batch)", "run([batch, value])"),
        "a queue that two things take from in turn",
    ),
    "a key that is used": (LINES + BATCH + RUN.replace("run(batch)", "run([batch, key])"), "the key of a record"),
    "rows at once": (LINES + BATCH.replace("], 4)", "], 4, enqueue_many=True)") + RUN, "tf.train.batch of other"),
    "what no queue gives": ("batch = tf.train.batch([tf.constant(1.0)], 4)\n" + RUN, "tf.train.batch of other"),
    "a variable for each example": (
        "w = tf.Variable(2.0)\n" + LINES + BATCH.replace("(value)", "(value) * w") + RUN,
        "tf.train.batch of tensors that depend on variables",
    ),
    "a queue of its own": (
        "q = tf.FIFOQueue(4, tf.float32)\nput = q.enqueue(1.0)\ngot = q.dequeue()\n"
        "sess = tf.Session()\nsess.run(put)\nprint(sess.run(got))\n",
        "tf.FIFOQueue",
    ),
    "names that change": (
        LINES + "filenames = []\n" + BATCH + RUN,
        "`filenames`, which is bound again before the dataset is made of it",
    ),
    "a stop in the middle": (
        LINES
        + BATCH
        + START
        + "while not coord.should_stop():\n    coord.request_stop()\n    print(sess.run(batch))\n"
        + "coord.join(threads)\n",
        "a Coordinator that is told to stop in the middle of a loop",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    source, why = LEFT[name]
    assert reason(source).startswith(why)
