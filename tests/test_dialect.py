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
        ("tf.compat.v1.get_variable('x')", "tf.compat.v1.get_variable"),
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
    ],
)
def test_tensorflow_2(source: str) -> None:
    assert dialect(HEAD + source).dialect == "tf2"


def test_nothing() -> None:
    assert dialect("import numpy as np\nnp.log(1)").dialect == "none"


def test_the_program_decides() -> None:
    layers = HEAD + "def f(x): return tf.nn.dropout(x, 0.8)"
    assert dialect(layers).dialect == "tf2"
    assert dialect(layers, HEAD + "from m0 import f\nf(tf.placeholder(tf.float32))").dialect == "tf1"


def test_assumed() -> None:
    source = HEAD + "tf.nn.dropout(x, 0.8)"
    assert [use.name for _, use in dialect(source).undecided] == ["nn.dropout"]
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
