"""Graphs that are read from files: how they are wrapped, and what is left in graph mode."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

HEAD = "import numpy as np\nimport tensorflow as tf\n\n"
READ = """graph_def = tf.GraphDef()
with tf.gfile.GFile("model.pb", "rb") as f:
    graph_def.ParseFromString(f.read())
"""
IMPORT = READ + 'with tf.Graph().as_default() as graph:\n    tf.import_graph_def(graph_def, name="")\n'
CLASS = """class Reader:
    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            graph_def = tf.GraphDef()
            with open("model.pb", "rb") as f:
                graph_def.ParseFromString(f.read())
            tf.import_graph_def(graph_def, name="")
        self.x = self.graph.get_tensor_by_name("x:0")
        self.y = self.graph.get_tensor_by_name("y:0")
        self.sess = tf.Session(graph=self.graph)

    def read(self, batch):
        return self.sess.run(self.y, {self.x: batch})


"""
WRAPPED = 'graph = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph_def, name=""), [])\n'


def upgraded(source: str) -> tuple[str, str, str]:
    """The level, the new text, and what is told."""
    result = upgrade_program({"program.py": (HEAD + source).encode()}, Options())
    file = result.files["program.py"]
    text = (file.before if file.after is None else file.after).decode()
    if result.level == "native":
        again = upgrade_program({"program.py": text.encode()}, Options())
        assert again.files["program.py"].after is None, "a second run changes it"
    return result.level, text, "\n".join(one.message for one in file.diagnostics)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (
            IMPORT
            + 'x = graph.get_tensor_by_name("x:0")\ny = graph.get_tensor_by_name("y:0")\n'
            + "with tf.Session(graph=graph) as sess:\n    print(sess.run(y, {x: np.ones(3)}))\n",
            WRAPPED
            + 'x = graph.graph.get_tensor_by_name("x:0")\ny = graph.graph.get_tensor_by_name("y:0")\n'
            + "compute_y = graph.prune(x, y)\nprint(compute_y(tf.constant(np.ones(3), x.dtype)).numpy())\n",
        ),
        (  # tensors by their names alone
            IMPORT
            + 'with tf.Session(graph=graph) as sess:\n    a, b = sess.run(["a:0", "b:0"], {"x:0": np.ones(3)})\n',
            'compute_a_and_b = graph.prune("x:0", ["a:0", "b:0"])\n'
            + "a, b = [value.numpy() for value in "
            + "compute_a_and_b(tf.constant(np.ones(3), compute_a_and_b.inputs[0].dtype))]\n",
        ),
        (  # the default graph, elements handed back
            READ
            + 'x, y = tf.import_graph_def(graph_def, return_elements=["x:0", "y:0"])\n'
            + "with tf.Session() as sess:\n    for i in range(3):\n        print(sess.run(y, feed_dict={x: [i]}))\n",
            "graph = tf.compat.v1.wrap_function("
            + 'lambda: tf.import_graph_def(graph_def, return_elements=["x:0", "y:0"]), [])\n'
            + "x, y = graph.outputs\ncompute_y = graph.prune(x, y)\nfor i in range(3):\n"
            + "    print(compute_y(tf.constant([i], x.dtype)).numpy())\n",
        ),
        (  # an operation, and a plain number for whatever dtype
            'with tf.Session() as sess:\n    saver = tf.train.import_meta_graph("m.meta")\n    saver.restore(sess, "m")\n'
            + "    graph = tf.get_default_graph()\n"
            + '    train = graph.get_operation_by_name("train")\n    sess.run(train, {"training:0": 1})\n',
            "restore = graph.prune(meta_graph.saver_def.filename_tensor_name, meta_graph.saver_def.restore_op_name)\n"
            + 'restore(tf.constant("m"))\ntrain = graph.graph.get_operation_by_name("train")\n'
            + 'run_train = graph.prune("training:0", train)\nrun_train(tf.cast(1, run_train.inputs[0].dtype))\n',
        ),
        (  # an object that holds the graph and its session
            CLASS + "reader = Reader()\nfor i in range(2):\n    print(reader.read(np.ones(3) * i))\n",
            '        self.x = self.graph.graph.get_tensor_by_name("x:0")\n'
            + '        self.y = self.graph.graph.get_tensor_by_name("y:0")\n'
            + "        self.compute_y = self.graph.prune(self.x, self.y)\n\n    def read(self, batch):\n"
            + "        return self.compute_y(tf.constant(batch, self.x.dtype)).numpy()\n",
        ),
        (  # a dimension
            IMPORT
            + 'x = graph.get_tensor_by_name("x:0")\nprint(x.shape[1].value, x.get_shape().as_list())\n'
            + 'with tf.Session(graph=graph) as sess:\n    print(sess.run("y:0", {x: np.ones(3)}))\n',
            "print(x.shape[1], x.get_shape().as_list())\n",
        ),
    ],
)
def test_native(source: str, wanted: str) -> None:
    level, text, told = upgraded(source)
    assert level == "native", told
    assert wanted in text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            READ
            + 'x = tf.placeholder(tf.float32)\ny, = tf.import_graph_def(graph_def, {"x:0": x}, ["y:0"])\n'
            + "with tf.Session() as sess:\n    print(sess.run(y, {x: 1.0}))\n",
            "tf.import_graph_def with input_map",
        ),
        (
            IMPORT
            + 'with graph.as_default():\n    best = tf.argmax(graph.get_tensor_by_name("y:0"), 1)\n'
            + 'with tf.Session(graph=graph) as sess:\n    print(sess.run(best, {"x:0": np.ones(3)}))\n',
            "an op beside a graph that was read from a file",
        ),
        (
            'with tf.Session() as sess:\n    saver = tf.train.import_meta_graph("m.meta")\n    saver.restore(sess, "m")\n'
            + '    y = tf.get_collection("outputs")[0]\n    print(sess.run(y))\n',
            "a collection of a graph that was read from a file",
        ),
        (
            'with tf.Session() as sess:\n    saver = tf.train.import_meta_graph("m.meta")\n    saver.restore(sess, "m")\n'
            + '    sess.run(tf.global_variables_initializer())\n    print(sess.run("y:0"))\n',
            "an initializer of a graph that was read from a file",
        ),
        (
            'with tf.Session() as sess:\n    saver = tf.train.import_meta_graph("m.meta")\n    print(sess.run("y:0"))\n',
            "a graph from a .meta file that is not restored just once",
        ),
        (
            IMPORT
            + IMPORT.replace("tf.Graph().as_default() as graph", "graph.as_default()")
            + 'with tf.Session(graph=graph) as sess:\n    print(sess.run("y:0"))\n',
            "two graphs that are read into one",
        ),
        (
            CLASS.replace("\n\n\n", "\n\n    def end(self):\n        return [self.sess]\n\n\n")
            + "print(Reader().read(np.ones(3)))\n",
            "a session that an object keeps, used in a way that is not followed",
        ),
        (
            IMPORT
            + 'feeds = {"x:0": np.ones(3)}\nfeeds["z:0"] = 2.0\n'
            + 'with tf.Session(graph=graph) as sess:\n    print(sess.run("y:0", feeds))\n',
            "a feed whose value is not written in the source",
        ),
    ],
)
def test_left(source: str, reason: str) -> None:
    level, _, told = upgraded(source)
    assert level == "compat"
    assert reason in told
