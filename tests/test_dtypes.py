"""What dtype a call is known to give: `tf.div` divides floats, floors integers, and is left where nothing tells which."""

from __future__ import annotations

import pytest

from tf_modernize.codemods import engine

PROGRAM = """import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
labels = tf.placeholder(tf.int32, [None], name="labels")
y = tf.div({}, 7)

with tf.Session() as sess:
    print(sess.run(y, feed_dict={{x: [[1.0, 2.0, 3.0]], labels: [1]}}))
"""


@pytest.mark.parametrize(
    ("operand", "written"),
    [
        ("x", "divide"),
        ("tf.abs(x)", "divide"),
        ("tf.reduce_sum(input_tensor=x)", "divide"),
        ("tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)", "divide"),
        ("tf.reduce_sum(tf.cast(labels, tf.float32))", "divide"),
        ("x / 2", "divide"),
        ("tf.concat([x, x], 0)", "divide"),
        ("tf.where(x > 0, x, -x)", "divide"),
        ("labels", "math.floordiv"),
        ("labels * 2", "math.floordiv"),
        ("tf.maximum(3, labels)", "math.floordiv"),
        ("tf.ones([2], tf.int32)", "math.floordiv"),
        ("tf.ones([2], dtype=tf.int64)", "math.floordiv"),
        ("tf.zeros_like(x, tf.int32)", "math.floordiv"),
        ("tf.random_uniform([2], 1, 5, tf.int32)", "math.floordiv"),
        ("tf.shape(x)", "math.floordiv"),
        ("tf.where(x > 0)", "math.floordiv"),
        ("tf.argmax(x, 1)", "math.floordiv"),
        ("labels / 2", ""),
        ("tf.truediv(labels, 2)", ""),
        ("tf.decode_raw(tf.as_string(labels), tf.float32)", "divide"),
        ("tf.bitcast(labels, kind)", ""),
        ("tf.gather(indices=labels, params=[1.5, 2.5])", ""),
    ],
)
def test_division(operand: str, written: str) -> None:
    result = engine.upgrade_program({"x.py": PROGRAM.format(operand).replace("kind", "str(1)").encode()})
    after = (result.files["x.py"].after or b"").decode()
    found = next((name for name in ("tf.divide(", "tf.math.floordiv(") if name in after), "tf.(")
    assert found == f"tf.{written}(", after
    assert (result.level == "native") == bool(written)
