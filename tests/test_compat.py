"""The compat level: a program before and after, still in graph mode."""

from __future__ import annotations

import ast
import subprocess
import textwrap

import pytest

from tf_modernize.codemods.emit import compat
from tf_modernize.codemods.engine import Options, upgrade
from tf_modernize.codemods.names import resolve
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.symbols.packages import SLIM, SLIM_TRAINING, contrib

SWITCH = "tf.disable_v2_behavior()\n"
LEGACY = 'import os\nos.environ["TF_USE_LEGACY_KERAS"] = "1"\n'


def emitted(files: dict[str, str]) -> compat.Emitted:
    modules = {path: parse(text.encode(), path, path[:-3].replace("/", ".")) for path, text in files.items()}
    program = {module.name: module for module in modules.values()}
    return compat.emit(modules, {path: resolve(module, program) for path, module in modules.items()})


def check(before: str, after: str) -> compat.Emitted:
    """Asserts what becomes of one module, and that a second run changes nothing."""
    before, after = textwrap.dedent(before).lstrip("\n"), textwrap.dedent(after).lstrip("\n")
    result = emitted({"x.py": before})
    text = result.texts.get("x.py", before)
    assert text == after
    ast.parse(text)
    assert emitted({"x.py": text}).texts.get("x.py", text) == text
    return result


def test_script() -> None:
    check(
        """
        import tensorflow as tf
        import numpy as np

        x = tf.placeholder(tf.float32)  # fed
        """,
        """
        import tensorflow.compat.v1 as tf
        import numpy as np
        tf.disable_v2_behavior()

        x = tf.placeholder(tf.float32)  # fed
        """,
    )


def test_docstring_and_future_imports_stay_first() -> None:
    check(
        '"""Doc."""\nfrom __future__ import division\nimport tensorflow as tf\ntf.layers.dense(x, 3)\n',
        '"""Doc."""\nfrom __future__ import division\n'
        + LEGACY
        + "import tensorflow.compat.v1 as tf\n"
        + SWITCH
        + "tf.layers.dense(x, 3)\n",
    )


def test_rnn_cells() -> None:
    result = check(
        """
        import tensorflow as tf
        from tensorflow.contrib import rnn
        cell = rnn.BasicLSTMCell(3)
        outputs, _ = rnn.static_rnn(cell, inputs)
        """,
        """
        import os
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow.compat.v1 as tf
        tf.disable_v2_behavior()
        cell = tf.nn.rnn_cell.BasicLSTMCell(3)
        outputs, _ = tf.nn.static_rnn(cell, inputs)
        """,
    )
    assert result.requirements == {"tf_keras"} and not result.diagnostics


def test_only_a_part_imported() -> None:
    check(
        "from tensorflow.contrib import rnn\ncell = rnn.GRUCell(3)\n",
        LEGACY + "import tensorflow.compat.v1 as tf\n" + SWITCH + "cell = tf.nn.rnn_cell.GRUCell(3)\n",
    )
    check(
        "from tensorflow import placeholder, float32\nx = placeholder(float32)\n",
        "from tensorflow.compat.v1 import placeholder, float32\n"
        "import tensorflow.compat.v1 as tf\n" + SWITCH + "x = placeholder(float32)\n",
    )
    source = "from tensorflow.examples.tutorials.mnist import input_data\ninput_data.read_data_sets('.')\n"
    assert emitted({"x.py": source}).texts == {}


def test_slim_keeps_its_name() -> None:
    result = check(
        """
        import tensorflow as tf
        from tensorflow.contrib import slim
        net = slim.conv2d(x, 3, [3, 3])
        """,
        """
        import os
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow.compat.v1 as tf
        tf.disable_v2_behavior()
        import sys
        import tf_keras.src.legacy_tf_layers
        # tf_slim looks for these where they were before TensorFlow 2.16.
        sys.modules["tf_keras.legacy_tf_layers"] = tf_keras.src.legacy_tf_layers
        sys.modules["tensorflow.python.framework.ops"].Tensor = tf.Tensor
        sys.modules["tensorflow.python.framework.ops"].IndexedSlices = tf.IndexedSlices
        sys.modules["tensorflow.python.ops.control_flow_ops"].cond = tf.cond
        import tf_slim as slim
        net = slim.conv2d(x, 3, [3, 3])
        """,
    )
    assert result.requirements == {"tf_keras", "tf_slim"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.contrib.layers.xavier_initializer()", "tf.glorot_uniform_initializer()"),
        ("tf.contrib.layers.xavier_initializer(True, 3)", "tf.glorot_uniform_initializer(seed=3)"),
        ("tf.contrib.util.constant_value(x)", "tf.get_static_value(x)"),
        ("tf.contrib.distributions.Normal(0., 1.)", "tf.distributions.Normal(0., 1.)"),
        ("tf.compat.v1.placeholder(tf.float32)", "tf.placeholder(tf.float32)"),
        ("tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)",) * 2,
        ("tf.log(x)",) * 2,
        ("tf.contrib.signal.stft(x, 3, 2)", "tf.signal.stft(x, 3, 2)"),
        ("tf.estimator.SessionRunHook", "tf.train.SessionRunHook"),
        ("tf.scalar_summary('a', x)", "tf.summary.scalar(name='a', tensor=x)"),
        ("tf.batch_matmul(x, y, adj_x=True)", "tf.matmul(a=x, b=y, adjoint_a=True)"),
        ("tf.train.SummaryWriter(d)", "tf.summary.FileWriter(d)"),
        ("tf.mul(x, y)", "tf.multiply(x, y)"),
    ],
)
def test_names(before: str, after: str) -> None:
    head = "import tensorflow as tf\n"
    check(head + before + "\n", "import tensorflow.compat.v1 as tf\n" + SWITCH + after + "\n")


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("tf.estimator.Estimator(f)", "Estimators were removed"),
        ("tf.contrib.crf.crf_decode(x)", "tf.contrib.crf.crf_decode was removed"),
        ("tf.contrib.rnn.UGRNNCell(3)", "tf.contrib.rnn.UGRNNCell was removed"),
        ("tf.contrib.opt.AdamGSOptimizer(s)", "tf.contrib.opt.AdamGSOptimizer was removed"),
        ("tf.no_such_name(x)", "TensorFlow 1.15 has no tf.no_such_name"),
    ],
)
def test_left(before: str, why: str) -> None:
    result = emitted({"x.py": f"import tensorflow as tf\n{before}\n"})
    assert [one.message.startswith(why) for one in result.diagnostics] == [True]
    assert [one.state for one in result.accounts] == ["left"]


def test_a_left_use_keeps_its_import() -> None:
    before = "from tensorflow.contrib import crf\ncrf.crf_decode(x)\n"
    result = emitted({"x.py": before})
    assert result.texts.get("x.py", before).startswith("from tensorflow.contrib import crf\n")
    assert len(result.diagnostics) == 1


def test_an_unused_import_of_contrib_goes() -> None:
    check(
        "import tensorflow as tf\nfrom tensorflow.contrib import rnn  # cells\ntf.log(x)\n",
        "import tensorflow.compat.v1 as tf\n" + SWITCH + "# cells\ntf.log(x)\n",
    )


def test_imports_in_other_places() -> None:
    check(
        "def f():\n    import tensorflow as tf\n    return tf.placeholder(tf.float32)\n",
        "def f():\n    import tensorflow.compat.v1 as tf\n    tf.disable_v2_behavior()\n"
        "    return tf.placeholder(tf.float32)\n",
    )
    check(
        "def f():\n    import tensorflow as tf\n    return tf.layers.dense(x, 3)\n",
        'def f():\n    import os\n    os.environ["TF_USE_LEGACY_KERAS"] = "1"\n'
        "    import tensorflow.compat.v1 as tf\n    tf.disable_v2_behavior()\n    return tf.layers.dense(x, 3)\n",
    )
    check(
        "import os, tensorflow as tf; tf.log(x)\n",
        "import os, tensorflow.compat.v1 as tf; tf.log(x)\n" + SWITCH,
    )
    check(
        "try:\n    import tensorflow as tf\nexcept ImportError:\n    tf = None\ntf.log(x)\n",
        "try:\n    import tensorflow.compat.v1 as tf\nexcept ImportError:\n    tf = None\n" + SWITCH + "tf.log(x)\n",
    )
    check(
        "import tensorflow\ntensorflow.log(x)\n",
        "import tensorflow.compat.v1 as tensorflow\ntensorflow.disable_v2_behavior()\ntensorflow.log(x)\n",
    )
    check(
        "from tensorflow import *\nplaceholder(float32)\n",
        "from tensorflow.compat.v1 import *\ndisable_v2_behavior()\nplaceholder(float32)\n",
    )


def test_private_paths() -> None:
    check(
        """
        import tensorflow as tf
        from tensorflow.python.ops import array_ops, rnn_cell
        from tensorflow.python.client import device_lib
        x = array_ops.concat([a, b], 1)
        cell = rnn_cell.GRUCell(3)
        device_lib.list_local_devices()
        """,
        """
        import os
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow.compat.v1 as tf
        from tensorflow.python.client import device_lib
        tf.disable_v2_behavior()
        x = tf.concat([a, b], 1)
        cell = tf.nn.rnn_cell.GRUCell(3)
        device_lib.list_local_devices()
        """,
    )


def test_already_there() -> None:
    source = "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\nx = tf.placeholder(tf.float32)\n"
    check(source, source)


def test_line_endings() -> None:
    source = b"import tensorflow as tf\r\nx = tf.layers.dense(y, 3)\r\n"
    (result,) = upgrade({"x.py": source}, Options(target="compat"))
    text = LEGACY + "import tensorflow.compat.v1 as tf\n" + SWITCH + "x = tf.layers.dense(y, 3)\n"
    assert result.files["x.py"].after == text.replace("\n", "\r\n").encode()


def test_one_program_has_one_keras() -> None:
    result = emitted(
        {
            "model.py": "import tensorflow as tf\ndef f(x): return tf.layers.dense(x, 3)\n",
            "train.py": "import tensorflow as tf\nfrom model import f\nf(tf.placeholder(tf.float32))\n",
            "compat.py": "import tensorflow as tf\n",
            "other.py": "from compat import tf\ntf.contrib.layers.flatten(x)\n",
        }
    )
    assert all(result.texts[path].startswith(LEGACY) for path in ("model.py", "train.py", "compat.py"))
    assert result.texts["other.py"] == "from compat import tf\ntf.layers.flatten(x)\n"


def test_where_contrib_went() -> None:
    place, name = contrib("contrib.slim.conv2d.x") or (None, "")
    assert place is not None and (place.package, place.target, name) == ("tf_slim", "conv2d", "contrib.slim.conv2d")
    assert contrib("contrib.slim.nets.vgg") is None
    assert contrib("contrib.rnn.UGRNNCell") is None


def test_what_parts_of_tf_slim_look_for() -> None:
    head = "import tensorflow as tf\nimport tensorflow.contrib.slim as slim\n"
    line = 'sys.modules["tensorflow.python.ops.control_flow_ops"].case = tf.case\n'
    assert line in emitted({"m.py": head + "d = slim.tfexample_decoder.Image()\n"}).texts["m.py"]
    assert line not in emitted({"m.py": head + "y = slim.conv2d(x, 4, 3)\n"}).texts["m.py"]


@pytest.mark.parametrize(
    ("body", "wrapped"),
    [
        ("d = tf.nn.conv2d_transpose(x, w, shape, [1, 2, 2, 1])\nn = tf.reshape(d, d.get_shape())", True),
        ("d = tf.nn.bias_add(tf.nn.conv2d_transpose(x, w, [b, 2 * h, 8, c[0]], s), v)\nn = d.shape.as_list()", True),
        ("d = tf.nn.conv2d_transpose(x, w, shape, [1, 2, 2, 1])\nn = tf.nn.relu(d)", False),
        ("d = tf.nn.conv2d_transpose(x, w, [tf.shape(x)[0], 8, 8, 3], s)\nn = d.get_shape()[-1]", False),
        ("d = tf.nn.conv2d_transpose(x, w, tf.shape(y), s)\nn = d.get_shape()[-1]", False),
        ("d = tf.reshape(tf.nn.conv2d_transpose(x, w, shape, s), shape)\nn = d.get_shape()", False),
        ("d = tf.nn.conv2d_transpose(x, w, shape, s)\ndef f(d):\n    return d.get_shape()", True),
        ("def f(d):\n    return d.get_shape()\ndef g():\n    d = tf.nn.conv2d_transpose(x, w, shape, s)", False),
    ],
)
def test_static_shapes_of_transposed_convolutions(body: str, wrapped: bool) -> None:
    text = emitted({"m.py": f"import tensorflow as tf\n{body}\n"}).texts["m.py"]
    assert ("tf.reshape(tf.nn.conv2d_transpose(" in text) == (wrapped or "tf.reshape(tf.nn.conv2d" in body)
    assert text.count("tf.reshape(") == body.count("tf.reshape(") + wrapped


def test_modules_of_contrib_by_private_paths() -> None:
    head = "import tensorflow as tf\n"
    reader = "from tensorflow.contrib.slim.python.slim.data import parallel_reader\nfiles = parallel_reader.get_data_files(x)\n"
    text = emitted({"m.py": head + reader}).texts["m.py"]
    assert "from tf_slim.data import parallel_reader\n" in text and "= parallel_reader.get_data_files(x)" in text
    unused = "from tensorflow.contrib.metrics.python.ops import set_ops\n"
    assert "set_ops" not in emitted({"m.py": head + unused}).texts["m.py"]
    (left,) = emitted({"m.py": head + unused + "y = set_ops.set_size(x)\n"}).blocked
    assert "contrib.metrics" in left.message


def test_every_successor_exists(tf2_python: str) -> None:
    """Every name that contrib.tsv writes, and that is taken for tf_slim's, is there in TensorFlow 2.21."""
    from tf_modernize.codemods.symbols import packages

    rows, _ = packages._rows()
    tf = sorted({place.target for place in rows.values() if place.package == "tf" and place.target})
    lines = (*compat.SLIM, *(line for part in compat.SLIM_PARTS.values() for line in part))
    script = f"""
        import os, sys
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        import tensorflow.compat.v1 as tf
        tf.disable_v2_behavior()
        {"; ".join(line.format(root="tf") for line in lines if not line.startswith("#"))}
        import tf_slim
        import tensorboard.plugins.projector
        def has(owner, name):
            for part in name.split("."):
                owner = getattr(owner, part, None)
            return owner is not None
        print([n for n in {tf!r} if not has(tf, n)],
              [n for n in {sorted(SLIM)!r} if not has(tf_slim, n)],
              [n for n in {sorted(SLIM_TRAINING)!r} if not has(tf_slim.training, n)])
    """
    done = subprocess.run([tf2_python, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[] [] []"], done.stderr
