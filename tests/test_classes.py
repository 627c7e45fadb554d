"""Classes that hold a graph: what their methods become, and which of them are left."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

CLASS = """import numpy as np
import tensorflow as tf


class Net(object):
    def __init__(self, rate=2.0):
        self.rate = rate
        self.x = tf.placeholder(tf.float32, [None, 2], name="x")
        self.w = tf.Variable(tf.ones([2, 1]), name="w")
        {built}
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())

    def predict(self, x):
        return self.sess.run(self.y, {{self.x: x}})
{methods}

net = Net()
"""
BUILT = "self.y = tf.matmul(self.x, self.w) * self.rate"
USE = "print(net.predict([[1.0, 2.0]]))\n"


def program(built: str = BUILT, methods: str = "", after: str = USE) -> str:
    lines = "\n        ".join(built.split("\n"))
    return CLASS.format(built=lines, methods=methods) + after


def upgraded(source: str) -> tuple[str, str, list[str]]:
    result = upgrade_program({"program.py": source.encode()}, Options())
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    return result.level, text, [one.message for one in file.diagnostics if one.symbol == "unit-left"]


def native(source: str) -> str:
    level, text, reasons = upgraded(source)
    assert level == "native", reasons
    return text


def test_an_execution_becomes_a_method() -> None:
    text = native(program())
    assert '    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])\n' in text
    assert "    def compute_y(self, x):\n        y = tf.matmul(x, self.w) * self.rate\n        return y\n" in text
    assert "        return self.compute_y(x).numpy()" in text
    assert "sess" not in text and "placeholder" not in text


def test_what_only_the_constructor_knows_becomes_an_attribute() -> None:
    text = native(program("v = tf.Variable(3.0)\nself.y = tf.matmul(self.x, self.w) * v * rate"))
    assert "        self.v = tf.Variable(3.0)" in text
    assert "y = tf.matmul(x, self.w) * self.v * self.rate" in text


def test_a_name_and_an_attribute_that_are_not_the_same_stay_apart() -> None:
    text = native(program("y = tf.matmul(self.x, self.w)\nself.y = y * 2.0 + y"))
    assert "        y = tf.matmul(x, self.w)\n        y_2 = y * 2.0 + y\n        return y_2\n" in text


def test_a_method_that_only_built_graph_goes() -> None:
    build = "\n    def build(self):\n        self.y = tf.matmul(self.x, self.w)\n"
    text = native(program("self.build()", build))
    assert "build" not in text


def test_what_is_fetched_from_outside_is_asked_of_the_object() -> None:
    after = "print(net.sess.run([net.y, net.w], {net.x: [[1.0, 2.0]]}))\n"
    text = native(program(after=after))
    assert "print([value.numpy() for value in net.compute_y([[1.0, 2.0]])])" in text
    assert "    def compute_y(self, x):" in text and "return y, self.w" in text


def test_a_method_that_nothing_calls_is_rewritten() -> None:
    unused = "\n    def weights(self):\n        return self.sess.run(self.w)\n"
    assert "        return self.w.numpy()\n" in native(program(methods=unused))


def test_a_static_method_is_given_no_object() -> None:
    static = "\n    @staticmethod\n    def product(a, b):\n        return tf.matmul(a, b)\n"
    text = native(program("self.y = self.product(self.x, self.w)", static))
    assert "        y = self.product(x, self.w)\n" in text


def test_inherited_methods_run_what_the_subclass_builds() -> None:
    source = """import tensorflow as tf


class Base(object):
    def __init__(self):
        self.x = tf.placeholder(tf.float32, [None, 2], name="x")
        self.build()
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())

    def predict(self, x):
        return self.sess.run(self.y, {self.x: x})


class Net(Base):
    def __init__(self):
        self.scale = 2.0
        super(Net, self).__init__()

    def build(self):
        self.y = tf.matmul(self.x, tf.Variable(tf.ones([2, 1]), name="w") * self.scale)


print(Net().predict([[1.0, 2.0]]))
"""
    text = native(source)
    assert '        self.w = tf.Variable(tf.ones([2, 1]), name="w")\n' in text
    assert text.index("class Net(Base)") < text.index("    def compute_y(self, x):")
    assert "        y = tf.matmul(x, self.w * self.scale)\n" in text


def test_a_graph_that_goes_on_outside_asks_the_object() -> None:
    after = "z = net.y + 1.0\nprint(net.sess.run([z, net.y], {net.x: [[1.0, 2.0]]}))\n"
    text = native(program(after=after))
    assert "def compute_z_and_y(x):\n    y = net.compute_y(x)\n    z = y + 1.0\n    return z, y\n" in text
    assert "    def compute_y(self, x):\n" in text


def test_what_goes_on_under_the_same_name_gets_another_one() -> None:
    after = "y = net.y\ny = y + 1.0\nprint(net.sess.run([y, net.y], {net.x: [[1.0, 2.0]]}))\n"
    text = native(program(after=after))
    assert "    y_2 = net.compute_y(x)\n    y = y_2 + 1.0\n    return y, y_2\n" in text


def test_another_name_of_what_is_handed_over() -> None:
    after = "y = net.y\ncost = y\nz = cost * 3.0\nprint(net.sess.run([z, y], {net.x: [[1.0, 2.0]]}))\n"
    assert "    y = net.compute_y(x)\n    z = y * 3.0\n    return z, y\n" in native(program(after=after))


def test_one_method_hands_over_all_that_was_read() -> None:
    built = BUILT + "\nself.loss = tf.reduce_mean(self.y)\nself.top = tf.reduce_max(self.y)"
    after = """opt = tf.train.GradientDescentOptimizer(0.1)
train_op = opt.minimize(net.loss)
print(net.sess.run([train_op, net.loss, net.top], {net.x: [[1.0, 2.0]]})[1:])
print(net.sess.run([net.loss, net.top], {net.x: [[1.0, 2.0]]}))
"""
    text = native(program(built, after=after))
    assert "        loss, top = net.compute_loss_and_top(x)\n" in text
    assert "gradients = tape.gradient(loss, trainable_variables)" in text
    assert text.count("def compute_loss_and_top") == 1


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            program(methods="\n    def faster(self):\n        self.rate *= 2\n", after="net.faster()\n" + USE),
            "`self.rate`",
        ),
        (program(after="net.rate = 3.0\n" + USE), "`self.rate`, which is bound again"),
        (program(after="setattr(net, 'rate', 3.0)\n" + USE), "`self.rate`, which is bound again"),
        (program(after="net.__dict__['rate'] = 3.0\n" + USE), "reached through __dict__"),
        (program(after="other = Net(3.0)\n" + USE), "several objects of a class"),
        (
            program(
                "self.y = tf.matmul(self.x, self.w)\nself.parts = [self.y * 2.0]",
                after="z = net.parts[0] + 1.0\nprint(net.sess.run(z, {net.x: [[1.0, 2.0]]}))\n",
            ),
            "and outside",
        ),
        (
            program(
                "self.by = By()\nself.y = tf.matmul(self.x, self.w) * self.by.by", after="net.by.by = 3.0\n" + USE
            ).replace("class Net", "class By(object):\n    def __init__(self):\n        self.by = 2.0\n\n\nclass Net"),
            "`self.by`, which is bound again",
        ),
        (program(after="del net.x\n"), "an attribute of the graph that is deleted"),
        (program(methods="\n    def output(self):\n        return self.y\n"), "the attribute `y`"),
        (
            program(
                methods="\n    @property\n    def out(self):\n        return self.y * 2.0\n",
                after="print(net.sess.run(net.out, {net.x: [[1.0, 2.0]]}))\n",
            ),
            "a property that gives a value of the graph",
        ),
        (
            program(
                methods="\n    def scaled(self, x, by):\n        return self.sess.run(self.y * by, {self.x: x})\n",
                after="print(net.scaled([[1.0, 2.0]], 3.0))\n",
            ),
            "`by`",
        ),
        (
            program(
                methods="\n    def more(self):\n        self.y = self.y + 1.0\n", after="net.more()\nnet.more()\n" + USE
            ),
            "a method that builds graph several times",
        ),
        (
            program("self.y = tf.matmul(self.x, self.w)\nif np.random.rand() > 0.5:\n    self.y = self.y * 2.0"),
            "a fetch that can't be known from the source",
        ),
    ],
)
def test_what_keeps_a_class_in_graph_mode(source: str, why: str) -> None:
    level, _, reasons = upgraded(source)
    assert level == "compat"
    assert any(why in one for one in reasons), reasons


def test_a_sum_that_begins_with_a_constant() -> None:
    built = "total = tf.constant(0.0)\ntotal += tf.nn.l2_loss(self.w)\nself.y = tf.matmul(self.x, self.w) + total"
    text = native(program(built))
    assert "        total = tf.constant(0.0)\n        total += tf.nn.l2_loss(self.w)\n" in text
    assert text.count("tf.constant(0.0)") == 1
