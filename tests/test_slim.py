"""slim, contrib.layers and layers of the program's own: what their calls become, and what keeps a program in graph mode."""

from __future__ import annotations

import pytest
from test_native import native, reason

SLIM = "import tensorflow.contrib.slim as slim\nx = tf.placeholder(tf.float32, [None, 8, 8, 3])\n"
RUN = """sess = tf.Session()
sess.run(tf.global_variables_initializer())
print(sess.run(y, {x: np.ones((1, 8, 8, 3))}))
"""


def test_defaults_are_written_out() -> None:
    text = native(SLIM + "y = slim.conv2d(x, 4, 3)\n" + RUN)
    assert 'self.conv = tf.keras.layers.Conv2D(4, 3, padding="same", activation=tf.nn.relu, name="Conv")' in text
    text = native(SLIM + "y = slim.batch_norm(x, is_training=False)\n" + RUN)
    assert "tf.keras.layers.BatchNormalization(momentum=0.999, scale=False," in text


def test_a_pool_moves_by_two() -> None:
    assert "MaxPooling2D([2, 2])" in native(SLIM + "y = slim.max_pool2d(slim.conv2d(x, 4, 3), [2, 2])\n" + RUN)
    assert "MaxPooling2D(3, strides=2)" in native(SLIM + "y = slim.max_pool2d(slim.conv2d(x, 4, 3), 3)\n" + RUN)


def test_an_inner_scope_goes_before_an_outer_one_and_the_call_before_both() -> None:
    body = """with slim.arg_scope([slim.conv2d], padding="VALID", stride=2):
    with slim.arg_scope([slim.conv2d], stride=1):
        y = slim.conv2d(x, 4, 3, activation_fn=None)
"""
    assert 'Conv2D(4, 3, strides=1, padding="VALID", name="Conv")' in native(SLIM + body + RUN)


def test_a_scope_that_a_function_returns_is_opened_again() -> None:
    body = """def small(decay=0.01):
    with slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(decay), activation_fn=None) as scope:
        return scope


with slim.arg_scope([slim.conv2d], stride=2):
    with slim.arg_scope(small()):
        y = slim.conv2d(x, 4, 3)
"""
    text = native(SLIM + body + RUN)
    assert "kernel_regularizer=tf.keras.regularizers.L2(0.005)" in text
    assert "strides=2" in text  # the scope was made within the other
    assert "small" not in text


def test_a_normalizer_takes_the_place_of_the_bias_and_comes_before_the_activation() -> None:
    body = (
        "y = slim.conv2d(x, 4, 3, normalizer_fn=slim.batch_norm, normalizer_params={'is_training': False}, scope='c')\n"
    )
    text = native(SLIM + body + RUN)
    assert 'self.c = tf.keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="c")' in text
    assert 'name="c_BatchNorm")' in text
    assert "y = tf.nn.relu(self.c_bn(self.c(x), training=False))" in text


def test_repeat_is_a_statement_for_each_layer() -> None:
    text = native(SLIM + "y = slim.repeat(x, 2, slim.conv2d, 4, [3, 3], scope='conv1')\n" + RUN)
    assert "        y = self.conv1_1(x)\n        y = self.conv1_2(y)\n" in text


def test_an_initializer_that_several_layers_share_draws_for_each() -> None:
    body = "init = tf.truncated_normal_initializer(stddev=0.1)\ny = slim.conv2d(x, 4, 3, weights_initializer=init)\n"
    assert "kernel_initializer=init.clone()" in native(SLIM + body + RUN)


def test_losses_of_regularizers_are_their_models() -> None:
    body = """y = slim.conv2d(x, 4, 3, weights_regularizer=slim.l2_regularizer(0.1))
tf.losses.mean_squared_error(x[..., :1], y[..., :1])
total = tf.losses.get_total_loss()
train = tf.train.GradientDescentOptimizer(0.1).minimize(total)
"""
    run = "sess = tf.Session()\nsess.run(tf.global_variables_initializer())\nsess.run(train, {x: np.ones((1, 8, 8, 3))})\n"
    text = native(SLIM + body + run)
    assert "loss = tf.reduce_mean(tf.square(" in text
    assert "total = loss + tf.add_n(model.losses)" in text


def test_create_train_op_gives_the_loss() -> None:
    body = """loss = tf.reduce_mean(slim.conv2d(x, 4, 3))
step = slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(0.1))
"""
    run = "sess = tf.Session()\nsess.run(tf.global_variables_initializer())\nprint(sess.run(step, {x: np.ones((1, 8, 8, 3))}))\n"
    text = native(SLIM + body + run)
    assert 'tf.debugging.check_numerics(loss, "LossTensor is inf or nan")' in text
    assert "    optimizer.apply_gradients(zip(gradients, trainable_variables))\n    return loss\n" in text


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("y = slim.batch_norm(x)\n", "batch norm in training mode whose update ops are never run"),
        ("y = slim.conv2d(x, 4, 3, trainable=False)\n", "trainable"),
        ("y = slim.conv2d(x, 4, 3, normalizer_fn=slim.unit_norm)\n", "a layer whose normalizer is not known"),
        (
            "y = slim.conv2d(x, 4, 3, weights_regularizer=lambda w: tf.nn.l2_loss(w))\n",
            "a regularizer that is not known",
        ),
        ("y = slim.layer_norm(x, begin_norm_axis=2)\n", "tf.contrib.layers.layer_norm with begin_norm_axis"),
        ("y = slim.conv2d(slim.conv2d(x, 3, 3, scope='c'), 3, 3, scope='c')\n", "a second layer named c without reuse"),
        ("y = slim.repeat(x, 2, lambda n, s: n * 2.0, 'a')\n", "something that is not known to be a layer"),
        ("y = slim.bias_add(x)\n", "tf.contrib.layers.bias_add"),
    ],
)
def test_what_keras_has_not_is_left(body: str, why: str) -> None:
    assert why in reason(SLIM + body + RUN)


def test_names_that_mean_something_else_at_the_call_are_left() -> None:
    body = """def scope(size):
    sizes = np.array([size, size])
    with slim.arg_scope([slim.conv2d], kernel_size=sizes) as found:
        return found


with slim.arg_scope(scope(3)):
    y = slim.conv2d(x, 4)
"""
    assert "`kernel_size` of an arg_scope, whose names mean something else here" in reason(SLIM + body + RUN)


# -- layers of the program's own ----------------------------------------------------------------------------------------

OWN = """class Shift(tf.layers.Layer):
    def build(self, shape):
        self.b = self.add_variable("b", [shape[-1].value], initializer=tf.zeros_initializer())

    def call(self, inputs):
        return inputs + self.b


x = tf.placeholder(tf.float32, [None, 8, 8, 3])
"""


def test_a_layer_of_the_programs_own_stays_an_object() -> None:
    text = native(OWN + "shift = Shift(name='shift')\ny = shift(x)\n" + RUN)
    assert "class Shift(tf.keras.layers.Layer):" in text
    assert 'self.add_weight(name="b", shape=[shape[-1]], initializer=tf.zeros_initializer())' in text
    assert "shift.build((None, 8, 8, 3))  # creates the variables" in text


def test_two_layers_of_one_name_are_told_apart() -> None:
    text = native(OWN + "one = Shift()\ntwo = Shift()\ny = two(one(x))\n" + RUN)
    assert 'one = Shift(name="shift")' in text
    assert 'two = Shift(name="shift_1")' in text


def test_layers_that_can_not_be_followed_are_left() -> None:
    assert "that no name holds" in reason(OWN + "y = Shift()(x)\n" + RUN)
    early = OWN.replace("def build(self, shape):", "def __init__(self):\n        super().__init__()").replace(
        "shape[-1].value", "3"
    )
    assert "a weight that a layer makes outside of its build" in reason(early + "s = Shift()\ny = s(x)\n" + RUN)
    inner = OWN.replace("return inputs + self.b", "return tf.layers.dense(inputs, 3) + self.b")
    assert "makes others when it is called" in reason(inner + "s = Shift()\ny = s(x)\n" + RUN)


# -- modes around functions ---------------------------------------------------------------------------------------------

NET = """def net(x, reuse=None):
    with tf.variable_scope("net", reuse=reuse):
        return slim.dropout(slim.conv2d(x, 4, 3, scope="c"), 0.5)


"""


def test_a_mode_around_a_function_is_handed_to_its_class() -> None:
    body = """with slim.arg_scope([slim.dropout], is_training=True):
    train = net(x)
with slim.arg_scope([slim.dropout], is_training=False):
    y = net(x, reuse=True)
"""
    text = native(SLIM + NET + body + RUN)
    assert "def call(self, x, training=False):" in text
    assert "self.dropout(self.c(x), training=training)" in text
    assert "y = net(x, training=False)" in text


def test_a_mode_that_only_some_calls_are_given_is_left() -> None:
    body = """train = net(x)
with slim.arg_scope([slim.dropout], is_training=False):
    y = net(x, reuse=True)
"""
    assert "whose call is set up otherwise each time" in reason(SLIM + NET + body + RUN)


def test_a_normalized_layer_in_a_loop_is_left() -> None:
    body = """def net(y):
    for i in range(2):
        y = slim.conv2d(y, 4, 3, normalizer_fn=slim.instance_norm, scope="c%d" % i)
    return y


y = net(x)
"""
    assert "a layer with a normalizer in a loop" in reason(SLIM + body + RUN)


def test_variables_that_share_an_initializer_are_drawn_apart() -> None:
    body = """init = tf.truncated_normal_initializer(stddev=0.1)
zero = tf.constant_initializer(0.0)
x = tf.placeholder(tf.float32, [None, 2])
w = tf.get_variable("w", [2, 2], initializer=init)
v = tf.get_variable("v", [2, 2], initializer=init)
h = tf.layers.dense(tf.matmul(tf.matmul(x, w), v), 2, kernel_initializer=init, bias_initializer=zero)
y = tf.layers.dense(h, 2, bias_initializer=zero)
"""
    run = "sess = tf.Session()\nsess.run(tf.global_variables_initializer())\nprint(sess.run(y, {x: np.ones((1, 2))}))\n"
    text = native(body + run)
    assert 'v = tf.Variable(init.clone()([2, 2]), name="v")' in text
    assert "kernel_initializer=init.clone(), bias_initializer=zero" in text
