"""Functions that make variables: the classes that they become, and TF1 that is written otherwise before it is planned."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_native import HEAD, START, native, reason

from tf_modernize.codemods.emit.keras_models.models import RESERVED
from tf_modernize.codemods.engine import Options, upgrade_program

X = "x = tf.placeholder(tf.float32, [None, 4])\n"
PRINT = "print(sess.run(y, {x: np.ones((2, 4))}))\n"

LINEAR = """def linear(inputs, size, scope):
    with tf.variable_scope(scope):
        w = tf.get_variable("w", [inputs.get_shape()[1], size])
        b = tf.get_variable("b", [size], initializer=tf.zeros_initializer())
        return tf.matmul(inputs, w) + b


"""


def test_a_function_becomes_a_layer() -> None:
    text = native(LINEAR + X + "y = linear(linear(x, 3, 'one'), 2, 'two')\n" + START + PRINT)
    assert "class Linear(tf.keras.layers.Layer):\n    def __init__(self, size, name):" in text
    assert 'self.w = self.add_weight(name="w", shape=[input_shape[1], self.size])' in text
    assert 'self.b = self.add_weight(name="b", shape=[self.size], initializer="zeros")' in text
    assert "return tf.matmul(inputs, self.w) + self.b" in text
    assert 'one = Linear(3, name="one")' in text
    assert "y = two(one(x))" in text


def test_reuse_is_a_second_call() -> None:
    text = native(
        LINEAR
        + X
        + "y = linear(x, 2, 'one')\nwith tf.variable_scope(tf.get_variable_scope(), reuse=True):\n"
        + "    z = linear(2.0 * x, 2, 'one')\n"
        + START
        + "print(sess.run([y, z], {x: np.ones((2, 4))}))\n"
    )
    assert text.count("= Linear(") == 1
    assert "z = one(2.0 * x)" in text


def test_a_helper_adds_its_weight_to_the_layer() -> None:
    text = native(
        "def weight(shape):\n    initial = tf.truncated_normal(shape, stddev=0.1)\n    return tf.Variable(initial)\n\n\n"
        + "def layer(x, n):\n    w = weight([4, n])\n    return tf.matmul(x, w)\n\n\n"
        + X
        + "y = layer(x, 2)\n"
        + START
        + PRINT
    )
    assert "def weight(layer, shape, name):\n    return layer.add_weight(name=name, shape=shape, initializer=" in text
    assert 'self.w = weight(self, [4, self.n], name="w")' in text


def test_a_loop_makes_a_list() -> None:
    text = native(
        "def stack(x, sizes):\n    for i, size in enumerate(sizes):\n"
        + "        x = tf.layers.dense(x, size, name='fc%d' % i)\n    return x\n\n\n"
        + X
        + "y = stack(x, [3, 2])\n"
        + START
        + PRINT
    )
    assert "self.denses.append(tf.keras.layers.Dense(size, name='fc%d' % i))" in text
    assert "for dense in self.denses:\n            x = dense(x)" in text


def test_what_a_condition_makes_in_a_loop_has_an_iterator_of_its_own() -> None:
    text = native(
        "def stack(x, bias):\n    for i in range(2):\n        w = tf.get_variable('w%d' % i, [4, 4])\n"
        + "        x = tf.matmul(x, w)\n        if bias[i]:\n            x += tf.get_variable('b%d' % i, [4])\n    return x\n\n\n"
        + X
        + "y = stack(x, [True, False])\n"
        + START
        + PRINT
    )
    assert "x += next(" in text


def test_a_weight_that_is_handed_back_is_reached_through_the_layer() -> None:
    text = native(
        "def layer(x):\n    w = tf.get_variable('w', [4, 2])\n    return tf.matmul(x, w), w\n\n\n"
        + X
        + "y, kernel = layer(x)\nnorm = tf.reduce_sum(kernel)\n"
        + START
        + PRINT
        + "print(sess.run(norm))\n"
    )
    assert "y = layer(x)" in text
    assert "norm = tf.reduce_sum(layer.w)" in text


def test_weights_that_share_an_initializer_get_one_each() -> None:
    text = native(
        "def layer(x):\n    init = tf.random_normal_initializer(stddev=0.1)\n"
        + "    w = tf.get_variable('w', [4, 4], initializer=init)\n"
        + "    v = tf.get_variable('v', [4, 4], initializer=init)\n    return tf.matmul(tf.matmul(x, w), v)\n\n\n"
        + X
        + "y = layer(x)\n"
        + START
        + PRINT
    )
    assert text.count("initializer=init.clone()") == 2


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "def f(x, n=[1]):\n    return tf.matmul(x, tf.get_variable('w', [tf.shape(x)[1], 2]))\n\n\n",
            "a layer or variable whose settings depend on a tensor",
        ),
        ("def f(x, **kw):\n    return tf.layers.dense(x, 2)\n\n\n", "takes * or ** arguments"),
        (
            "def f(x):\n    w = tf.get_variable('w', [4, 2])\n    return {'y': tf.matmul(x, w), 'w': w}['y'], [w]\n\n\n",
            "a function that returns the variables it makes",
        ),
    ],
)
def test_what_makes_no_class(source: str, why: str) -> None:
    assert why in reason(source + X + "y = f(x)\n" + START + "print(sess.run(y, {x: np.ones((2, 4))}))\n")


# -- TF1 written otherwise first ----------------------------------------------------------------------------------------

BUILDER = '''def build(n, rate=0.1):
    """The whole graph."""
    x = tf.placeholder(tf.float32, [None, n])  # the input
    w = tf.Variable(tf.ones([n, 1]), name="w")
    loss = tf.reduce_sum(tf.matmul(x, w))
    train = tf.train.GradientDescentOptimizer(rate).minimize(loss)
    return x, loss, train


'''


def test_a_function_that_builds_the_graph_is_written_out() -> None:
    text = native(
        BUILDER + "inputs, cost, step = build(2)\n" + START + "print(sess.run([step, cost], {inputs: [[1, 2]]})[1])\n"
    )
    assert "def build" not in text
    assert "# The whole graph." in text
    assert 'w = tf.Variable(tf.ones([2, 1]), name="w")' in text
    assert "def train_step(inputs):" in text
    assert "optimizer = tf.keras.optimizers.SGD(0.1)" in text


def test_names_that_mean_something_else_are_kept_apart() -> None:
    text = native(
        "w = 7\n"
        + BUILDER
        + "inputs, cost, step = build(2)\n"
        + START
        + "print(w, sess.run([step, cost], {inputs: [[1, 2]]})[1])\n"
    )
    assert 'w_2 = tf.Variable(tf.ones([2, 1]), name="w")' in text
    assert "print(w, " in text


def test_places_are_those_of_the_source() -> None:
    source = HEAD + BUILDER + "x, loss, train = build(2)\n" + START + "print(sess.run([train, loss], {x: [[1, 2]]}))\n"
    result = upgrade_program({"program.py": source.encode()}, Options())
    file = result.files["program.py"]
    lines = source.splitlines()
    assert result.level == "native"
    for one in file.accounts:
        assert lines[one.line - 1][one.column :].startswith(("tf.", "tensorflow")), one
    assert result.manifest is not None
    for execution in result.manifest.executions:
        assert "sess.run(" in lines[execution.old.line - 1][execution.old.column :]
        for value in execution.values:
            assert f"{value.name} = " in lines[value.old.line - 1] or value.name in lines[value.old.line - 1]


def test_a_statement_keeps_what_is_no_variable() -> None:
    text = native(X + "y = tf.nn.relu(tf.matmul(x, tf.Variable(tf.ones([4, 2]), name='w')))\n" + START + PRINT)
    assert "w = tf.Variable(tf.ones([4, 2]), name='w')\n" in text
    assert "y = tf.nn.relu(tf.matmul(x, w))" in text


def test_a_nested_function_takes_what_it_read_around_it() -> None:
    text = native(
        "def main():\n    size = 3\n\n    def layer(inputs, scope):\n        with tf.variable_scope(scope):\n"
        + "            return tf.matmul(inputs, tf.get_variable('w', [4, size]))\n\n"
        + "    x = tf.placeholder(tf.float32, [None, 4])\n    y = layer(x, 'a') + layer(x, 'b')\n"
        + "    with tf.Session() as sess:\n        sess.run(tf.global_variables_initializer())\n"
        + "        print(sess.run(y, {x: np.ones((2, 4))}))\n\n\nmain()\n"
    )
    assert "    def __init__(self, size, name):" in text
    assert 'a = Layer(size, name="a")' in text


def test_reserved_names_are_those_of_keras() -> None:
    code = (
        "import tensorflow as tf\n"
        "names = {n for one in (tf.keras.Model, tf.keras.layers.Layer, tf.keras.layers.Layer()) for n in dir(one)}\n"
        "print(*sorted(n for n in names if not n.startswith('_')))\n"
    )
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(names) - RESERVED
