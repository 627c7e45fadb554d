"""The names stage: every way in which programs reach TensorFlow, and what only looks like it."""

from __future__ import annotations

import ast
import textwrap

import pytest

from tf_modernize.codemods.names import Names, resolve
from tf_modernize.codemods.parse import Module, parse


def module(source: str, name: str = "main", path: str = "") -> Module:
    return parse(textwrap.dedent(source).lstrip("\n").encode(), path or name.replace(".", "/") + ".py", name)


def names(source: str, **others: str) -> Names:
    program = {name.replace("__", "."): module(text, name.replace("__", ".")) for name, text in others.items()}
    return resolve(module(source), program)


def found(source: str, **others: str) -> list[str]:
    return [use.name for use in names(source, **others).uses]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import tensorflow as tf\ntf.nn.relu(x)", ["nn.relu"]),
        ("import tensorflow\ntensorflow.nn.relu(x)", ["nn.relu"]),
        ("import tensorflow as T\nT.matmul(a, T.ones([1]))", ["matmul", "ones"]),
        ("import tensorflow.compat.v1 as tf\ntf.placeholder(tf.float32)", ["placeholder", "float32"]),
        ("from tensorflow.compat import v1 as tf\ntf.Session()", ["Session"]),
        ("import tensorflow as tf\ntf.compat.v1.Session()", ["Session"]),
        ("from tensorflow import placeholder\nplaceholder(1)", ["placeholder"]),
        ("from tensorflow.contrib import slim\nslim.conv2d(x)", ["contrib.slim.conv2d"]),
        ("import tensorflow.contrib.layers as cl\ncl.flatten(x)", ["contrib.layers.flatten"]),
        ("import tensorflow.contrib.slim\ntensorflow.contrib.slim.conv2d(x)", ["contrib.slim.conv2d"]),
        ("from tensorflow.python.ops import array_ops\narray_ops.concat(x)", ["python.ops.array_ops.concat"]),
        ("from tensorflow.keras.layers import Dense as D\nD(3)", ["keras.layers.Dense"]),
        ("import tensorflow as tf\nT = tf\nT.log(x)", ["", "log"]),
        ("import tensorflow as tf\nlayers = tf.layers\nlayers.dense(x)", ["layers", "layers.dense"]),
        ("import tensorflow as tf\nlayers, nn = tf.layers, tf.nn\nnn.relu(x)", ["layers", "nn", "nn.relu"]),
        ("import tensorflow as tf\ntf = tf.compat.v1\ntf.log(x)", ["", "log"]),
        ("import tensorflow as tf\ngetattr(tf, 'log')(x)", ["log", ""]),
        ("import tensorflow as tf\nf = getattr(tf.nn, 'relu')\nf(x)", ["nn.relu", "nn", "nn.relu"]),
        ("import importlib\ntf = importlib.import_module('tensorflow')\ntf.log(x)", ["log"]),
        (
            "try:\n    import tensorflow.compat.v1 as tf\nexcept ImportError:\n    import tensorflow as tf\ntf.log(x)",
            ["log"],
        ),
        ("try:\n    import tensorflow as tf\nexcept ImportError:\n    tf = None\ntf.log(x)", ["log"]),
        (
            "try:\n    from tensorflow.contrib import rnn\n"
            "except ImportError:\n    from tensorflow.nn import rnn_cell as rnn\nrnn.GRUCell(3)",
            ["contrib.rnn.GRUCell"],
        ),
        ("def f():\n    import tensorflow as tf\n    return lambda: tf.log(1)", ["log"]),
        ("from tensorflow import *\nplaceholder(float32)\nprint(len(x))", ["placeholder", "float32"]),
        ("import tensorflow as tf\nx = tf.ones(1)[0].get_shape()", ["ones"]),
        ("import tensorflow as tf\ndef f(act=tf.nn.relu): return act(1)", ["nn.relu"]),
        ("import tensorflow as tf\n[tf.log(x) for x in tf.unstack(y)]", ["log", "unstack"]),
    ],
)
def test_reaches_tensorflow(source: str, expected: list[str]) -> None:
    assert found(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import tf\ntf.log(x)",
        "def f(tf):\n    return tf.log(1)\nimport tensorflow as tf",
        "import tensorflow as tf\ndef f():\n    for tf in range(3):\n        tf.log(1)",
        "import tensorflow as tf\n[tf.real for tf in range(3)]",
        "import tensorflow as tf\nlambda tf: tf.log(1)",
        "import tensorflow as tf\ndef f():\n    tf = np\n    tf.log(1)",
        "def f():\n    import tensorflow as tf\ntf.log(1)",
        "class A:\n    import tensorflow as tf\n    def f(self):\n        return tf.log(1)",
        "from .tensorflow import log\nlog(1)",
        "import tensorflow_probability as tfp\ntfp.log(1)",
        "from mypackage import tf\ntf.log(1)",
    ],
)
def test_is_not_tensorflow(source: str) -> None:
    assert found(source) == []


def test_self_attribute() -> None:
    source = """
        import tensorflow as tf
        class Model:
            def __init__(self):
                self.tf = tf
            def build(self):
                return self.tf.nn.relu(self.x.y)
    """
    assert found(source) == ["", "nn.relu"]


def test_self_attribute_rebound_is_not_tensorflow() -> None:
    source = """
        import tensorflow as tf
        class Model:
            def __init__(self, other):
                self.act = tf.nn.relu
                self.act = other
            def build(self):
                return self.act(1)
    """
    assert found(source) == ["nn.relu"]


def test_api() -> None:
    found = names("import tensorflow as tf\nimport tensorflow.compat.v1 as tf1\ntf.log\ntf1.log\ntf.compat.v2.abs\n")
    assert [(use.name, use.api) for use in found.uses] == [("log", "plain"), ("log", "v1"), ("abs", "v2")]


def test_inner_nodes_have_names() -> None:
    source = module("import tensorflow as tf\ntf.contrib.layers.flatten(x)")
    chain = source.tree.body[1].value.func  # type: ignore[attr-defined]
    meant = resolve(source)
    assert meant.name_of(chain) == "contrib.layers.flatten"
    assert meant.name_of(chain.value) == "contrib.layers"
    assert meant.name_of(chain.value.value.value) == ""
    assert meant.name_of(ast.Name("x")) is None


def test_own_compat_module() -> None:
    compat = "try:\n    import tensorflow.compat.v1 as tfv1\nexcept ImportError:\n    import tensorflow as tfv1\n"
    assert found("from pkg.compat import tfv1 as tf\ntf.log(x)", pkg__compat=compat) == ["log"]
    assert found("import pkg.compat as c\nc.tfv1.nn.relu(x)", pkg__compat=compat) == ["nn.relu"]
    assert found("from pkg import compat\ncompat.tfv1.log(x)", pkg__compat=compat) == ["log"]
    assert found("from pkg.compat import *\ntfv1.log(x)", pkg__compat=compat) == ["log"]
    assert found("import pkg.compat\npkg.compat.tfv1.log(x)", pkg__compat=compat) == ["log"]
    assert found("from other.compat import tfv1 as tf\ntf.log(x)", pkg__compat=compat) == []


def test_relative_import_from_the_program() -> None:
    program = {"pkg.compat": module("import tensorflow as tf", "pkg.compat")}
    meant = resolve(module("from .compat import tf\ntf.log(1)", "pkg.model"), program)
    assert [use.name for use in meant.uses] == ["log"]
    assert [found.foreign for found in meant.imports] == [True]


def test_modules_that_import_each_other() -> None:
    program = {"a": module("from b import *", "a"), "b": module("from a import *\nimport tensorflow as tf", "b")}
    assert [use.name for use in resolve(module("from a import tf\ntf.log(1)"), program).uses] == ["log"]


def test_unresolvable() -> None:
    meant = names("import tensorflow as tf\nf = getattr(tf.nn, name)\n")
    assert [why for _, why in meant.unresolvable] == ["which name of tf.nn `getattr` reads is known only at run time"]
    meant = names("import tensorflow as tf\nif x:\n    tf = stub\ntf.log(1)\n")
    assert len(meant.unresolvable) == 1 and not meant.uses


def test_imports() -> None:
    source = "import tensorflow as tf\nfrom tensorflow.contrib import rnn, slim as s\n"
    meant = names(source + "def f():\n    import tensorflow.compat.v1\n")
    assert [(i.bound, i.name, i.api, i.top) for i in meant.imports] == [
        ("tf", "", "plain", True),
        ("rnn", "contrib.rnn", "plain", True),
        ("s", "contrib.slim", "plain", True),
        ("tensorflow", "", "v1", False),
    ]
    assert dict(meant.bound) == {"tf": "", "rnn": "contrib.rnn", "s": "contrib.slim"}


def test_aliases_are_marked() -> None:
    meant = names("import tensorflow as tf\nlog = tf.log\nlog(1)")
    assert [(use.name, use.alias) for use in meant.uses] == [("log", False), ("log", True)]
