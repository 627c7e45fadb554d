"""Several objects of a class that holds its graph: the class is written once, or the program is left."""

from __future__ import annotations

import json

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

PROGRAM = """import numpy as np
import tensorflow as tf


class Net(object):
    def __init__(self, sess, name, size=3, rate=0.1):
        self.sess = sess
        self.name = name
        self.size = size
        self.rate = rate
        self.build()

    def build(self):
        with tf.variable_scope(self.name):
            self.x = tf.placeholder(tf.float32, [None, 2])
            self.mode = tf.placeholder(tf.bool)
            w = tf.get_variable("w", [2, 3], initializer=tf.zeros_initializer())
            self.y = tf.layers.dropout(tf.matmul(self.x, w), 0.5, training=self.mode)
            self.loss = tf.reduce_mean(tf.square(self.y))
        self.train_op = tf.train.AdamOptimizer(self.rate).minimize(self.loss)

    def predict(self, x, mode=False):
        return self.sess.run(self.y, {self.x: x, self.mode: mode})

    def train(self, x):
        return self.sess.run([self.loss, self.train_op], {self.x: x, self.mode: True})


sess = tf.Session()
one = Net(sess, "one")
two = Net(sess, "two")
sess.run(tf.global_variables_initializer())
rows = np.ones([4, 2])
print(one.train(rows)[0])
print(two.predict(rows))
"""


def upgraded(source: str) -> tuple[str, str, list[str]]:
    result = upgrade_program({"program.py": source.encode()}, Options())
    file = result.files["program.py"]
    reasons = [found.message for found in file.diagnostics if found.symbol == "unit-left"]
    return result.level, (file.after or file.before).decode(), reasons


def changed(*replacements: tuple[str, str]) -> str:
    source = PROGRAM
    for old, new in replacements:
        assert old in source
        source = source.replace(old, new)
    return source


def test_the_class_is_written_once() -> None:
    level, text, reasons = upgraded(PROGRAM)
    assert level == "native", reasons
    assert '        self.w = tf.Variable(tf.zeros_initializer()([2, 3]), name=f"{self.name}/w")' in text
    assert text.count("def train_step(") == 1
    assert text.count("def compute_y(") == 1
    assert 'one = Net("one")\ntwo = Net("two")\n' in text


def test_what_one_object_never_runs_is_there_for_the_others() -> None:
    _, text, _ = upgraded(changed(("print(one.train(rows)[0])\n", "print(one.predict(rows), two.train(rows)[0])\n")))
    assert "        return [self.train_step(x).numpy(), None]" in text


def test_rates_may_differ() -> None:
    level, text, reasons = upgraded(changed(('Net(sess, "two")', 'Net(sess, "two", rate=0.2)')))
    assert level == "native", reasons
    assert "tf.keras.optimizers.Adam(self.rate, epsilon=1e-8)" in text


def test_variables_are_reached_through_the_object_that_has_them() -> None:
    copies = """
source = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="one")
target = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="two")
copy = [tf.assign(t, s) for t, s in zip(target, source)]
sess.run(copy)
"""
    level, text, reasons = upgraded(PROGRAM + copies)
    assert level == "native", reasons
    assert "source = [one.w]\ntarget = [two.w]\n" in text


def test_the_manifest_names_the_variables_of_each() -> None:
    result = upgrade_program({"program.py": PROGRAM.encode()}, Options())
    assert result.manifest is not None
    assert [(one.tf1_name, one.path) for one in result.manifest.variables] == [
        ("one/w", "one/w"),
        ("two/w", "two/w"),
    ]
    slots = {one.tf1_name: one.path for one in result.manifest.slots}
    assert slots["one/w/Adam"] == "adam/one_w_0_momentum", json.dumps(slots)
    assert slots["two/w/Adam"] == "adam_1/two_w_0_momentum"
    assert slots["beta1_power_1"] == "adam_1/iteration"


@pytest.mark.parametrize(
    ("replacements", "why"),
    [
        ([('"w", [2, 3]', '"w", [2, self.size]'), ('Net(sess, "two")', 'Net(sess, "two", 4)')], "build different graphs"),
        ([("with tf.variable_scope(self.name)", "with tf.name_scope(self.name)"),
          ('tf.get_variable("w", [2, 3], initializer=tf.zeros_initializer())', 'tf.Variable(tf.zeros([2, 3]), name="w")')],
         "no scope that they are given tells apart"),
        ([('with tf.variable_scope(self.name)', 'with tf.variable_scope("net", reuse=tf.AUTO_REUSE)')], "different graphs"),
        ([("        self.train_op =", "        self.saver = tf.train.Saver()\n        self.train_op =")], "savers"),
        ([("        self.build()\n", "        self.build()\n        self.sess.run(tf.global_variables_initializer())\n")],
         "run different things"),
        ([("two.predict(rows)", "two.predict(rows, True), one.predict(rows)")], "run different things"),
        ([("print(two.predict(rows))", "print(sess.run(two.y, {two.x: rows, two.mode: False}))")], "run from outside"),
        ([("print(two.predict(rows))", "print(sess.run(one.y + two.y, {one.x: rows, one.mode: False, two.x: rows, "
           "two.mode: False}))")], "goes on outside"),
        ([("self.loss = tf.reduce_mean(tf.square(self.y))",
           "self.loss = tf.reduce_mean(tf.square(self.y)) + tf.add_n([tf.nn.l2_loss(v) for v in "
           "tf.trainable_variables()])")], "build different graphs"),
        ([('"one"', '"two"'), ('tf.variable_scope(self.name)', 'tf.variable_scope(None, default_name=self.name)')],
         "no scope that they are given tells apart"),
    ],
)  # fmt: skip
def test_what_is_left(replacements: list[tuple[str, str]], why: str) -> None:
    level, _, reasons = upgraded(changed(*replacements))
    assert level == "compat"
    assert why in reasons[0]
