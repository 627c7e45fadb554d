"""Projects of several files: packages, names of imports, several entry points, helpers without TensorFlow."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import groups, upgrade
from tf_modernize.codemods.report import ProgramResult

MODEL = """import tensorflow as tf


def build(x, units):
    hidden = tf.layers.dense(x, units, activation=tf.nn.relu, name="hidden")
    return tf.layers.dense(hidden, 1, name="output")
"""
TRAIN = """import numpy as np
import tensorflow as tf

IMPORT

x = tf.placeholder(tf.float32, [None, 4], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
loss = tf.reduce_mean(tf.square(CALL - y))
train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
SAVER
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(5):
        print(sess.run([train_op, loss], {x: np.ones((2, 4)), y: np.ones((2, 1))})[1])
"""
EVALUATE = """import numpy as np
import tensorflow as tf

from net.sub.model import build

x = tf.placeholder(tf.float32, [None, 4], name="x")
prediction = NAME = build(x, 8)
saver = tf.train.Saver()
with tf.Session() as sess:
    saver.restore(sess, "model.ckpt")
    print(sess.run(prediction, {x: np.ones((2, 4))}))
"""


def train(imports: str, call: str, saver: str = "") -> str:
    return TRAIN.replace("IMPORT", imports).replace("CALL", call).replace("SAVER", saver)


def package(**files: str) -> dict[str, str]:
    """A package with a model in a package of its own; `__` in a name stands for a folder."""
    own = {path.replace("__", "/") + ".py": text for path, text in files.items()}
    return {"net/__init__.py": "", "net/sub/__init__.py": "", "net/sub/model.py": MODEL, **own}


def one(files: dict[str, str]) -> ProgramResult:
    (result,) = upgrade({path: text.encode() for path, text in files.items()})
    return result


def after(result: ProgramResult, path: str) -> str:
    file = result.files[path]
    return (file.before if file.after is None else file.after).decode()


def told(result: ProgramResult) -> str:
    return "\n".join(one.message for file in result.files.values() for one in file.diagnostics)


@pytest.mark.parametrize(
    ("imports", "call", "made"),
    [
        ("from net.sub.model import build", "build(x, 8)", "Build(8)"),
        ("from net.sub.model import build as make_net", "make_net(x, 8)", "make_net(8)"),
        ("from net.sub.model import *", "build(x, 8)", "Build(8)"),
        ("from net.sub import model", "model.build(x, 8)", "model.Build(8)"),
        ("import net.sub.model as m", "m.build(x, 8)", "m.Build(8)"),
        ("import net.sub.model", "net.sub.model.build(x, 8)", "net.sub.model.Build(8)"),
    ],
)
@pytest.mark.parametrize("packaged", [True, False])
def test_names_of_imports(imports: str, call: str, made: str, packaged: bool) -> None:
    """Whatever an import is called, with or without __init__ files, a call of the function becomes one of the class."""
    files = package(train=train(imports, call))
    result = one({path: text for path, text in files.items() if packaged or "__init__" not in path})
    assert result.level == "native", told(result)
    assert f"= {made}\n" in after(result, "train.py")
    assert imports.replace(" build", " Build") in after(result, "train.py")
    assert "the function `build` is the class `Build` now" in told(result)


@pytest.mark.parametrize(
    ("exported", "imports", "call"),
    [
        ("from .sub.model import build\n", "from net import build", "build(x, 8)"),
        ("from net.sub.model import build\n", "import net", "net.build(x, 8)"),
        ("from .sub.model import *\n", "from net import *", "build(x, 8)"),
        ("from .sub import model\n", "import net", "net.model.build(x, 8)"),
    ],
)
def test_names_that_a_package_hands_on(exported: str, imports: str, call: str) -> None:
    result = one(package(train=train(imports, call)) | {"net/__init__.py": exported})
    assert result.level == "native", told(result)
    assert ".Build" in after(result, "train.py") or "Build(8)" in after(result, "train.py")


def test_a_module_without_tensorflow_is_read_and_stays() -> None:
    """What a module of constants and arguments binds is known: the model is built for its shapes."""
    files = package(
        train=train("from net.sub.model import build\nfrom settings import UNITS", "build(x, UNITS)"),
        settings="UNITS = 4 * 2\n",
    )
    (group,) = groups({path: text.encode() for path, text in files.items()})
    assert group.files == ("net/sub/model.py", "train.py") and "settings.py" in group.beside
    result = one(files)
    assert result.level == "native", told(result)
    assert "settings.py" not in result.files and "Build(UNITS)" in after(result, "train.py")


def test_two_scripts_share_a_model() -> None:
    saver = "saver = tf.train.Saver()"
    files = package(
        train=train("from net.sub.model import build", "build(x, 8)", saver) + '    saver.save(sess, "model.ckpt")\n',
        evaluate=EVALUATE.replace("NAME = ", ""),
    )
    result = one(files)
    assert result.level == "native", told(result)
    assert "Checkpoint(build=build)" in after(result, "evaluate.py")
    assert "Checkpoint(build=build, optimizer=optimizer)" in after(result, "train.py")


def test_checkpoints_under_two_names_are_left() -> None:
    """TensorFlow 2 finds a weight by the names of the objects that hold it: another name would silently restore nothing."""
    saver = "build = 0\nsaver = tf.train.Saver()"
    files = package(
        train=train("from net.sub.model import build as make", "make(x, 8)", saver)
        + '    saver.save(sess, "model.ckpt")\n    print(build)\n',
        evaluate=EVALUATE.replace("NAME = ", ""),
    )
    result = one(files)
    names = {path: after(result, path).partition("Checkpoint(")[2].partition("=")[0] for path in result.files}
    assert result.level == "compat" or names["train.py"] == names["evaluate.py"]


def test_the_reason_for_code_that_nothing_runs() -> None:
    unused = MODEL + "\n\ndef old(x):\n    return tf.layers.dense(x, 3)\n"
    result = one(package(train=train("from net.sub.model import build", "build(x, 8)")) | {"net/sub/model.py": unused})
    assert result.level == "compat"
    assert "TensorFlow 1 in `old`, which nothing in the project calls" in told(result)


def test_a_loop_without_tensorflow_belongs_to_the_program() -> None:
    """It runs the session that it is handed, so it changes with the rest."""
    loop = "def fit(sess, train_op):\n    sess.run(train_op)\n"
    files = package(train=train("from net.sub.model import build\nfrom loop import fit", "build(x, 8)"), loop=loop)
    (group,) = groups({path: text.encode() for path, text in files.items()})
    assert "loop.py" in group.files


def test_a_reason_in_a_module_without_tensorflow_is_told() -> None:
    """It is in no report of its own, so that the script that imports it says it."""
    helper = "def changed(values):\n    values.discard(values)\n    return {len(value) for value in values}\n"
    files = package(
        train=train("from net.sub.model import build\nfrom helper import changed", "changed(build(x, 8))"),
        helper=helper,
    )
    result = one(files)
    assert result.level == "compat"
    assert "helper.py, line 2" in told(result)


MAIN = """

def main():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    y = build(x, 2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        print(sess.run(y, {x: [[1.0, 2.0, 3.0, 4.0]]}))


if __name__ == "__main__":
    main()
"""


def test_a_module_that_is_imported_and_started_itself() -> None:
    """What runs only there is part of the program: it is upgraded with the rest, in a graph of its own."""
    files = package(train=train("from net.sub.model import build", "build(x, 8)")) | {"net/sub/model.py": MODEL + MAIN}
    result = one(files)
    assert result.level == "native", told(result)
    assert "Session" not in after(result, "net/sub/model.py") and "Build(2" in after(result, "net/sub/model.py")
    assert "Build(8" in after(result, "train.py")


def test_graph_at_import_and_a_main_block() -> None:
    """Where importing builds graph, starting the module itself builds it a second time: that is not followed."""
    both = MODEL + "\n\nscale = tf.constant(2.0)\n" + MAIN
    result = one(package(train=train("from net.sub.model import build", "build(x, 8)")) | {"net/sub/model.py": both})
    assert result.level == "compat"
    assert "a module that builds graph where it is imported" in told(result)
