"""The native level, rule by rule: what a few lines of TF1 become, and what keeps a program in graph mode."""

from __future__ import annotations

import ast

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

HEAD = "import numpy as np\nimport tensorflow as tf\n"


def upgraded(source: str) -> tuple[str, str, list[str]]:
    """The level, the new text and the reasons for a program of one file. A second run must change nothing."""
    result = upgrade_program({"program.py": (HEAD + source).encode()}, Options())
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    ast.parse(text)
    again = upgrade_program({"program.py": text.encode()}, Options()).files["program.py"]
    assert again.after is None, "a second run changes the result"
    return result.level, text, [one.message for one in file.diagnostics if one.symbol == "unit-left"]


def native(source: str) -> str:
    level, text, reasons = upgraded(source)
    assert level == "native", reasons
    return text


def reason(source: str) -> str:
    level, _, reasons = upgraded(source)
    assert level == "compat"
    assert reasons
    return reasons[0]


LINE = """x = tf.placeholder(tf.float32, [None, 2])
w = tf.Variable(tf.ones([2, 1]), name="w")
y = tf.matmul(x, w)
loss = tf.reduce_mean(tf.square(y))
"""
START = "sess = tf.Session()\nsess.run(tf.global_variables_initializer())\n"


def test_a_fetch_becomes_a_function_of_its_placeholders() -> None:
    text = native(LINE + START + "print(sess.run(y, {x: [[1.0, 2.0]]}))\n")
    assert "@tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])\ndef compute_y(x):" in text
    assert "print(compute_y([[1.0, 2.0]]).numpy())" in text
    assert "loss" not in text


def test_a_train_op_becomes_a_step_under_a_tape() -> None:
    train = "train = tf.train.AdamOptimizer(0.1).minimize(loss)\n"
    text = native(LINE + train + START + "_, value = sess.run([train, loss], {x: np.ones((3, 2))})\n")
    assert "optimizer = tf.keras.optimizers.Adam(0.1, epsilon=1e-8)" in text
    assert "    gradients = tape.gradient(loss, trainable_variables)" in text
    assert "value = train_step(np.ones((3, 2))).numpy()" in text


def test_arguments_are_evaluated_in_the_order_of_the_feeds() -> None:
    graph = "a = tf.placeholder(tf.float32); b = tf.placeholder(tf.float32)\nc = a - b\n" + START
    run = "print(sess.run(c, {b: np.random.rand(), a: np.random.rand()}))\n"
    assert "def compute_c(b, a):" in native(graph + run)
    other = "print(sess.run(c, {a: np.random.rand(), b: np.random.rand()}))\n"
    assert "compute_c(a=np.random.rand(), b=np.random.rand())" in native(graph + run + other)


def test_a_feed_that_nothing_needs_keeps_its_effects() -> None:
    draw = "def draw():\n    return np.random.rand(1, 2)\n\n\n"
    text = native(
        draw + "z = tf.placeholder(tf.float32)\n" + LINE + START + "v = sess.run(y, {x: [[1, 2]], z: draw()})\n"
    )
    assert "draw()\nv = compute_y([[1, 2]]).numpy()" in text


def test_a_variable_is_read_and_a_constant_evaluated_in_place() -> None:
    text = native(LINE + START + "print(sess.run(w), w.eval(), sess.run(tf.constant(2) + 3))\n")
    assert "print(w.numpy(), w.numpy(), (tf.constant(2) + 3).numpy())" in text


def test_variables_are_read_after_the_update_of_the_same_run() -> None:
    train = "train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)\n"
    text = native(LINE + train + START + "_, l, v = sess.run([train, loss, w], {x: np.ones((1, 2))})\n")
    assert text.index("apply_gradients") < text.index("return loss, w")


def test_unnamed_variables_get_their_names_in_the_checkpoint() -> None:
    text = native(
        "def make(n):\n    return tf.Variable(tf.zeros([n]))\n\n\na = make(1)\nb = make(2)\n"
        + START
        + "print(sess.run([a, b]))\n"
    )
    assert "def make(n, name):\n    return tf.Variable(tf.zeros([n]), name=name)" in text
    assert 'a = make(1, name="Variable")\nb = make(2, name="Variable_1")' in text


def test_scopes_name_variables_and_go() -> None:
    text = native(
        'with tf.variable_scope("net"):\n    w = tf.get_variable("w", [2, 3])\n    v = tf.Variable(1.0)\n'
        + START
        + "sess.run(w)\n"
    )
    assert 'w = tf.Variable(tf.keras.initializers.GlorotUniform()([2, 3]), name="net/w")' in text
    assert 'v = tf.Variable(1.0, name="net/Variable")' in text


def test_a_bool_placeholder_vanishes_into_the_calls() -> None:
    graph = (
        "x = tf.placeholder(tf.float32, [None, 4])\ntraining = tf.placeholder(tf.bool)\n"
        "net = tf.layers.dense(x, 3)\nnet = tf.layers.dropout(net, training=training)\nout = tf.layers.dense(net, 1)\n"
    )
    text = native(
        graph
        + START
        + "sess.run(out, {x: np.ones((1, 4)), training: True})\nsess.run(out, {x: np.ones((1, 4)), training: False})\n"
    )
    assert "training=True" in text and "training=False" in text
    assert 'self.dense_1 = tf.keras.layers.Dense(1, name="dense_1")' in text
    assert "model(tf.keras.Input([4]))  # creates the variables" in text


def test_reuse_is_one_object_called_twice() -> None:
    net = (
        'def net(x, reuse=False):\n    with tf.variable_scope("net", reuse=reuse):\n'
        "        return tf.layers.dense(x, 2)\n\n\n"
    )
    graph = "a = tf.placeholder(tf.float32, [None, 3]); b = tf.placeholder(tf.float32, [None, 3])\n"
    text = native(
        net
        + graph
        + "c = net(a) + net(b, reuse=True)\n"
        + START
        + "sess.run(c, {a: np.ones((1, 3)), b: np.ones((1, 3))})\n"
    )
    assert "class Net(tf.keras.Model):" in text and "net = Net()" in text
    assert "c = net(a) + net(b)" in text


def test_a_slice_that_several_share_is_written_once() -> None:
    graph = LINE + "h = tf.nn.relu(y)\nh = tf.nn.dropout(h, 0.5)\ntotal = tf.reduce_sum(h)\nmean = tf.reduce_mean(h)\n"
    runs = "sess.run(total, {x: np.ones((1, 2))})\nsess.run(mean, {x: np.ones((1, 2))})\n"
    text = native(graph + START + runs)
    assert "def forward(x):" in text and text.count("tf.nn.dropout") == 1 and text.count("h = forward(x)") == 2


def test_schedules_follow_the_optimizers_iterations() -> None:
    steps = (
        "step = tf.Variable(0, trainable=False)\nrate = tf.train.exponential_decay(0.1, step, 10, 0.9)\n"
        "train = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)\n"
    )
    text = native(LINE + steps + START + "sess.run(train, {x: np.ones((1, 2))})\nprint(sess.run([step, rate]))\n")
    assert "rate = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)" in text
    assert "optimizer.iterations" in text and "tf.Variable(0" not in text


def test_any_tensor_can_be_fed() -> None:
    text = native(LINE + START + "print(sess.run(loss, {y: [[3.0]]}))\n")
    assert "def compute_loss(y):" in text


def test_control_dependencies_run_what_they_name() -> None:
    graph = (
        LINE
        + "n = tf.Variable(0, name='n')\nwith tf.control_dependencies([tf.assign_add(n, 1)]):\n    out = tf.identity(y)\n"
    )
    assert "in the head of a with statement" in reason(graph + START + "sess.run(out, {x: np.ones((1, 2))})\n")
    named = graph.replace("[tf.assign_add(n, 1)]", "[count]").replace(
        "with tf.c", "count = tf.assign_add(n, 1)\nwith tf.c"
    )
    text = native(named + START + "sess.run(out, {x: np.ones((1, 2))})\n")
    assert text.index("count = n.assign_add(1)") < text.index("out = tf.identity(y)")


RUN = START + "sess.run(z, {x: [[1, 2]]})\n"
STEP = "step = tf.train.get_or_create_global_step()\nrate = tf.train.exponential_decay(0.1, step, 5, 0.9)\n"


def test_files_are_looked_for_and_a_branch_that_empties_goes() -> None:
    text = native(
        LINE
        + "saver = tf.train.Saver()\nsess = tf.Session()\n"
        + "if tf.train.checkpoint_exists('a' + 'b'):\n    saver.restore(sess, 'ab')\n"
        + "else:\n    sess.run(tf.global_variables_initializer())\nif not np.e:\n    tf.summary.FileWriter('logs', sess.graph)\n"
        + "print(sess.run(y, {x: [[1, 2]]}))\n"
    )
    assert "if tf.io.gfile.exists(('a' + 'b') + \".index\"):\n    checkpoint.read('ab')\n" in text
    assert "else" not in text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (LINE + "z = tf.layers.dense(y, 1)\n" + RUN + START.splitlines()[1] + "\n", "initializer that runs again"),
        ("i = 1.0\n" + LINE + "z = y * i\ni = 2.0\n" + RUN, "bound again after the graph was built"),
        ("ks = [1.0]\n" + LINE + "z = y * ks[0]\nks.append(2.0)\n" + RUN, "changed after the graph was built"),
        (
            LINE + START + "for i in range(3):\n    z = y * float(i)\n    sess.run(z, {x: [[1, 2]]})\n",
            "changes in a loop that builds graph",
        ),
        (LINE + "z = y + np.random.rand()\n" + RUN, "host code with effects"),
        (
            "import sys\n" + LINE + START + "sess.run(y if sys.argv else w, {x: [[1, 2]]})\n",
            "a fetch that can't be known",
        ),
        (
            LINE + "z = [tf.matmul(x, tf.Variable(tf.ones([2, 1]))) for _ in range(2)]\n" + RUN,
            "both variables and tensors",
        ),
        (
            "class Net:\n    def __init__(self):\n        self.z = tf.Variable(1.0) * 2\n\n\n"
            "net, other = Net(), Net()\n" + START + "sess.run(net.z)\n",
            "several objects of a class that holds its graph",
        ),
        (LINE + "c = y == y\nz = y\n" + RUN, "compared by identity"),
        ("from other import weights\n" + LINE + "z = y + weights(2)\n" + RUN, "a value of other.weights in the graph"),
        ("from other import *\n" + LINE + "a, b = layer(2)\nz = tf.add(y, b)\n" + RUN, "a value of layer in the graph"),
        (
            "x = tf.placeholder(tf.float32)\nt = tf.train.GradientDescentOptimizer(0.1).minimize(x)\n"
            + START
            + "sess.run(t, {x: 1})\n",
            "without a variable that is known",
        ),
    ],
)
def test_what_keeps_a_program_in_graph_mode(source: str, why: str) -> None:
    assert why in reason(source)


def test_momentum_keeps_the_rate_out_of_its_velocity_only_where_the_rate_changes() -> None:
    train = "m = tf.train.MomentumOptimizer(%s, 0.9)\nz = m.minimize(loss, global_step=step)\n"
    assert "m = Momentum(rate, momentum=0.9)" in native(LINE + STEP + train % "rate" + RUN)
    assert "m = tf.keras.optimizers.SGD(0.1, momentum=0.9)" in native(LINE + STEP + train % "0.1" + RUN)


def test_a_constant_that_some_run_feeds_is_a_parameter_there() -> None:
    text = native("a = tf.constant(2)\nb = a * 3\n" + START + "print(sess.run(b, {a: 5}))\nprint(sess.run(b))\n")
    assert "def compute_b(a):" in text and "compute_b(5)" in text


def test_variables_start_again_where_their_initializer_runs_again() -> None:
    again = START.splitlines()[1] + "\n"
    text = native(LINE + "z = y\n" + RUN + again + "print(sess.run(z, {x: [[1, 2]]}))\n")
    assert "w.assign(" in text and text.index("compute_z(") < text.index("w.assign(")
    assert "w.assign(" not in native(LINE + "z = y\n" + RUN)


def test_data_of_other_packages_is_fed_and_is_a_constant() -> None:
    text = native(
        "import other\ndata = other.load()\nc = tf.constant(other.load())\n"
        + LINE
        + START
        + "sess.run(y, {x: data.x})\n"
    )
    assert "compute_y(data.x)" in text


def test_a_default_that_is_a_constant_goes_with_its_placeholder() -> None:
    source = (
        "c = tf.placeholder_with_default(tf.constant([1.0, 2.0]), [2])\nd = tf.placeholder_with_default([1, 2], [2])\n"
    )
    source += "z = c * tf.to_float(d)\n" + START
    text = native(source + "print(sess.run(z))\nprint(sess.run(z, {d: [3, 4]}))\n")
    assert "placeholder" not in text
    assert "compute_z(tf.constant([1.0, 2.0]), [1, 2])" in text and "compute_z(tf.constant([1.0, 2.0]), [3, 4])" in text


def test_a_learning_rate_of_unknown_shape_is_a_scalar() -> None:
    train = (
        "t = tf.train.GradientDescentOptimizer(rate).minimize(loss)\n"
        + START
        + "sess.run(t, {x: [[1, 2]], rate: 0.1})\n"
    )
    assert ".assign(tf.reshape(rate, []))" in native(LINE + "rate = tf.placeholder(tf.float32)\n" + train)
    assert ".assign(rate)" in native(LINE + "rate = tf.placeholder(tf.float32, [])\n" + train)


def test_prints_of_tensors_go_and_static_shapes_stay_as_they_were_shown() -> None:
    text = native(
        LINE + 'print(y)\nprint("shape", y.shape, x.get_shape().as_list())\n' + START + "sess.run(y, {x: [[1, 2]]})\n"
    )
    assert "print(y)" not in text
    assert 'print("shape", "(?, 1)", [None, 2])' in text


NET = """
images = tf.placeholder(tf.float32, [None, %d, %d, 2], name="images")
# The network.
with tf.variable_scope("net"):
    h = tf.layers.batch_normalization(images, training=True)
    logits = tf.layers.dense(tf.layers.flatten(h), 1)
cost = tf.reduce_mean(logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train = tf.train.GradientDescentOptimizer(0.1).minimize(cost)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
sess.run(train, {images: np.ones((4, %d, %d, 2))})
"""


def test_a_fused_batch_norm_over_few_samples_corrects_its_variance() -> None:
    text = native(NET % (4, 4, 4, 4))
    assert "class FusedBatchNormalization(tf.keras.layers.BatchNormalization):" in text
    assert 'self.batch_normalization = FusedBatchNormalization(name="batch_normalization")' in text
    assert text.index("class FusedBatchNormalization") < text.index("class Net(")
    assert "FusedBatchNormalization" not in native(NET % (16, 16, 16, 16))


def test_names_of_weights_are_asked_by_their_paths() -> None:
    """Where each question has the same answer for the Keras path."""
    start = NET % (16, 16, 16, 16)
    chosen = "found = tf.trainable_variables()\nchosen = [v for v in found if %s]\nprint(len(chosen))\n"
    assert "if v.path.startswith('net/dense')]" in native(start + chosen % "v.name.startswith('net/dense')")
    assert "if 'bias' not in v.path]" in native(start + chosen % "'bias' not in v.name")
    assert "`.name` of a layer's weight" in reason(start + chosen % "v.name.endswith(':0')")
    assert "`.name` of a layer's weight" in reason(start + chosen % "len(v.name) > 3")


def test_one_adam_applied_twice_in_one_run_is_left() -> None:
    """TF 1.15 may count the second update as the same step or as the next."""
    twice = (
        LINE
        + """v = tf.Variable(tf.ones([2, 1]), name="v")
other = tf.reduce_mean(tf.square(tf.matmul(x, v)))
optimizer = tf.train.%s(0.1)
both = [optimizer.minimize(loss, var_list=[w]), optimizer.minimize(other, var_list=[v])]
"""
        + START
        + "sess.run(both, {x: np.ones((3, 2))})\n"
    )
    assert "applied twice in one run" in reason(twice % "AdamOptimizer")
    assert "optimizer.apply_gradients" in native(twice % "GradientDescentOptimizer")


def test_comments_stay() -> None:
    source = "# about x\n" + LINE.replace("tf.matmul(x, w)", "tf.matmul(x,  # the input\n              w)") + START
    text = native(
        source.replace("sess = ", "# open it\nsess = ")
        + "print(sess.run([y,  # the fetch\n                w], {x: [[1, 2]]}))  # behind\n"
    )
    for comment in ("# about x", "# the input", "# open it", "# the fetch", "# behind"):
        assert comment in text


def test_a_string_may_hold_what_only_splitlines_takes_for_the_end_of_a_line() -> None:
    held = "'a\x0cb\x1cc\u2028'"
    source = LINE.replace("tf.matmul(x, w)", f"tf.matmul(x, w) + float(len(\n    {held}))")
    assert held in native(source + START + "print(sess.run(loss, {x: [[1.0, 2.0]]}))\n")
