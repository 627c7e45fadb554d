"""Triage and dialect: what a program is taken for, and on what evidence."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.dialect import Dialect, of_program
from tf_modernize.codemods.names import resolve
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.triage import mentions_tensorflow


def dialect(*sources: str, assume: str | None = None) -> Dialect:
    modules = {f"m{i}.py": parse(source.encode(), f"m{i}.py", f"m{i}") for i, source in enumerate(sources)}
    program = {module.name: module for module in modules.values()}
    names = {path: resolve(module, program) for path, module in modules.items()}
    return of_program(modules, names, assume)  # type: ignore[arg-type]


HEAD = "import tensorflow as tf\n"


@pytest.mark.parametrize(
    ("source", "evidence"),
    [
        ("tf.placeholder(tf.float32)", "tf.placeholder"),
        ("tf.log(x)", "tf.log"),
        ("tf.layers.dense(x, 3)", "tf.layers.dense"),
        ("x = tf.compat.v1.placeholder('x')", "tf.compat.v1.placeholder"),
        ("with tf.compat.v1.Session() as sess:\n    sess.run(f())", "tf.compat.v1.Session"),
        ("tf.compat.v1.disable_eager_execution()", "tf.compat.v1.disable_eager_execution"),
        ("tf.compat.v1.layers.dense(x, 3)", "tf.compat.v1.layers.dense"),
        ("tf.placeholder(1)\ntf.Session()\ntf.random.set_seed(1)", "tf.placeholder"),
        ("tf.reduce_mean(x, keep_dims=True)", "keep_dims"),
        ("tf.nn.dropout(x, keep_prob=0.5)", "keep_prob"),
        ("tf.contrib.layers.flatten(x)", "tf.contrib.layers.flatten"),
        ("tf.enable_eager_execution()", "tf.enable_eager_execution"),
        ("tf.constant(1)\nsess.run(x, feed_dict={})", "feeds a session"),
        ("try:\n    tf.placeholder(1)\nexcept ValueError:\n    pass", "tf.placeholder"),
    ],
)
def test_tensorflow_1(source: str, evidence: str) -> None:
    found = dialect(HEAD + source)
    assert found.dialect == "tf1"
    assert evidence in found.evidence


@pytest.mark.parametrize(
    "source",
    [
        "@tf.function\ndef f(x):\n    return tf.nn.relu(x)",
        "model = tf.keras.Sequential([tf.keras.layers.Dense(3)])",
        "tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)\nwith tf.GradientTape() as tape: pass",
        "if tf.__version__.startswith('1'):\n    sess = tf.Session()",
        "try:\n    tf.set_random_seed(1)\nexcept AttributeError:\n    tf.random.set_seed(1)",
        "if hasattr(tf, 'set_random_seed'):\n    tf.set_random_seed(1)",
        "tf.nn.dropout(x, 0.8)",
        "tf.reduce_mean(x, axis=1, keepdims=True)",
        "v = tf.compat.v1.get_variable('x', [1])",
        "import keras\nx = tf.compat.v1.placeholder('x')",
        "@tf.function\ndef f(x):\n    return tf.compat.v1.where(x)",
        "with tf.Graph().as_default():\n    x = tf.compat.v1.placeholder('x')\ntf.random.set_seed(1)\ntf.summary.flush()",
        "s = tf.compat.v1.Session(config=c)\ntf.compat.v1.keras.backend.set_session(s)",
        "import tensorflow.compat.v1 as tf1\ntf1.logging.set_verbosity(tf1.logging.ERROR)",
        "def f():\n    import tensorflow.compat.v1 as tf\n    return tf.placeholder(tf.float32)",
        "is_tf2 = tf.__version__.startswith('2')\nif not is_tf2:\n    sess = tf.Session()",
        "from tensorflow.python.ops import math_ops\nmath_ops.log(1)",
        "tf.keras.optimizers.Adam(lr=0.1)",
        "tf.lookup.experimental\ntf.experimental.numpy.ones(1)",
    ],
)
def test_tensorflow_2(source: str) -> None:
    assert dialect(HEAD + source).dialect == "tf2"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import tensorflow.compat.v1 as tf\ntf.log(1)", "tf1"),
        ("import tensorflow.compat.v1 as tf\ntf.get_variable('x')", "tf1"),
        ("import tensorflow.compat.v1 as tf\ntf.nn.relu(1)", "tf2"),
        ("import tensorflow.compat.v1 as tf\ntf.enable_v2_behavior()\ntf.log(1)", "tf2"),
        ("import tensorflow.compat.v2 as tf\ntf.nn.relu(1)", "tf2"),
    ],
)
def test_compat_as_tensorflow(source: str, found: str) -> None:
    assert dialect(source).dialect == found


def test_one_old_name_makes_no_tensorflow_1() -> None:
    """A package of TensorFlow 2 with a file that was forgotten: told, and left alone."""
    new = HEAD + "@tf.function\ndef f(x):\n    with tf.GradientTape() as tape: pass\n    tf.random.set_seed(1)"
    found = dialect(new, HEAD + "from m0 import f\ntf.to_float(f(1))")
    assert found.dialect == "tf2"
    assert [(one.name, one.path) for one in found.strays] == [("to_float", "m1.py")]


def test_names_that_graphs_share_are_told() -> None:
    found = dialect(HEAD + "with tf.compat.v1.variable_scope('a'):\n    tf.compat.v1.get_variable('x', [1])")
    assert found.dialect == "tf2"
    assert [one.name for one in found.undecided] == ["variable_scope", "get_variable"]


def test_what_is_the_same_as_it_is_called_is_not_undecided() -> None:
    assert dialect(HEAD + "tf.constant(1)").undecided == ()
    assert [one.name for one in dialect(HEAD + "tf.constant(1, shape=[2])").undecided] == ["constant"]


def test_nothing() -> None:
    assert dialect("import numpy as np\nnp.log(1)").dialect == "none"


def test_the_program_decides() -> None:
    layers = HEAD + "def f(x): return tf.nn.dropout(x, 0.8)"
    assert dialect(layers).dialect == "tf2"
    assert dialect(layers, HEAD + "from m0 import f\nf(tf.placeholder(tf.float32))").dialect == "tf1"


def test_assumed() -> None:
    source = HEAD + "tf.nn.dropout(x, 0.8)"
    assert [one.name for one in dialect(source).undecided] == ["nn.dropout"]
    assert dialect(source, assume="tf1").dialect == "tf1"
    assert dialect(HEAD + "tf.placeholder(1)", assume="tf2").dialect == "tf2"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"import tensorflow as tf", True),
        (b"from .compat import tf", True),
        (b"x = tf.log(1)", True),
        (b"import numpy as np", False),
        (b"tfidf = 1; my_tf = 2", False),
        (b"from .compat import tfv1", False),
    ],
)
def test_triage(data: bytes, found: bool) -> None:
    assert mentions_tensorflow(data) is found


def test_triage_knows_the_project() -> None:
    assert mentions_tensorflow(b"from .compat import tfv1", [b"tfv1"])
