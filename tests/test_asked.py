"""Conditions that ask TensorFlow for a name are decided where TensorFlow 1.15 and 2.21 answer alike."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import upgrade_program

PROGRAM = """import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 2])
{test}
    y = tf.add(x, 1.0)
else:
    y = tf.subtract(x, 1.0)
with tf.Session() as sess:
    print(sess.run(y, {{x: [[1.0, 2.0]]}}))
"""


def native(test: str) -> str | None:
    result = upgrade_program({"m.py": PROGRAM.format(test=test).encode()})
    after = result.files["m.py"].after
    assert after is not None
    return after.decode() if result.level == "native" else None


@pytest.mark.parametrize(
    "test", ['if hasattr(tf, "scan"):', 'if "concat_v2" not in dir(tf):', 'if "relu" in dir(tf.nn):']
)
def test_taken(test: str) -> None:
    text = native(test)
    assert text is not None and "tf.add(" in text
    assert "tf.subtract" not in text and "if " not in text


@pytest.mark.parametrize("test", ['if hasattr(tf, "concat_v2"):', 'if "rectify" in dir(tf.nn):'])
def test_not_taken(test: str) -> None:
    text = native(test)
    assert text is not None and "tf.subtract(" in text
    assert "tf.add" not in text and "if " not in text


@pytest.mark.parametrize(
    "test",
    [
        'if hasattr(tf, "placeholder"):',  # TensorFlow 2 has it no more
        'if "crf" in dir(tf.contrib):',
        "if x in dir():",
    ],
)
def test_not_decided(test: str) -> None:
    text = native(test)
    assert text is None or ("tf.add" in text and "tf.subtract" in text)


def test_a_switch_of_the_program_stays() -> None:
    """What a person may switch on is no question to TensorFlow."""
    text = native('DEBUG = False\nif DEBUG and hasattr(tf, "scan"):')
    assert text is None or "DEBUG and" in text
