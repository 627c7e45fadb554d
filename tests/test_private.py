"""Private paths of TensorFlow (`tensorflow.python.…`): most are still there, some have a public name, some are gone."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

HEAD = """\
import tensorflow as tf
from tensorflow.python.framework import ops, tensor_shape
from tensorflow.python.ops import control_flow_ops
from tensorflow.python.util import compat, nest

x = tf.placeholder(tf.float32, [None])
"""


def upgraded(line: str) -> tuple[str, str, list[str]]:
    """The level, the text and the messages of a program with that line."""
    source = (HEAD + line + "\n").encode()
    result = upgrade_program({"program.py": source}, Options(target="compat"))
    one = result.files["program.py"]
    return result.level, (one.after or source).decode(), [told.message for told in one.diagnostics]


@pytest.mark.parametrize(
    "before, after",
    [
        ("isinstance(x, ops.IndexedSlices)", "isinstance(x, tf.IndexedSlices)"),
        ("compat.as_bytes(x)", "tf.compat.as_bytes(x)"),
        ("nest.is_sequence(x)", "tf.nest.is_nested(x)"),
        ("control_flow_ops.cond(x, f, g)", "tf.cond(x, f, g)"),
        ("ops.convert_to_tensor(x)", "tf.convert_to_tensor(x)"),
        ("ops.get_default_graph().as_graph_def()", "tf.get_default_graph().as_graph_def()"),
    ],
)
def test_public_name(before: str, after: str) -> None:
    level, text, messages = upgraded(before)
    assert level == "compat" and after in text and not messages


def test_moved() -> None:
    level, text, messages = upgraded(
        "from tensorflow.python import pywrap_tensorflow\n\nw = pywrap_tensorflow.EventsWriter(b'x')"
    )
    assert level == "compat" and not messages
    assert "import pywrap_tensorflow" not in text
    assert "from tensorflow.python.client import _pywrap_events_writer\n" in text
    assert text.endswith("w = _pywrap_events_writer.EventsWriter(b'x')\n")


def test_still_there() -> None:
    level, _, messages = upgraded("nest.assert_same_structure(x, ops.Graph)")
    assert level == "compat" and not messages


def test_gone() -> None:
    level, text, messages = upgraded("def f():\n    return tensor_shape.scalar()")
    assert level == "compat" and "return tensor_shape.scalar()" in text
    assert messages == ["TensorFlow 2.21 has no tensorflow.python.framework.tensor_shape.scalar, which is private"]
    assert upgraded("tensor_shape.scalar()")[0] == "untouched"


def test_gone_module() -> None:
    level, _, messages = upgraded(
        "from tensorflow.python.training import training_ops\n\ny = training_ops.apply_adam(x)"
    )
    assert level == "untouched" and "has no tensorflow.python.training.training_ops" in messages[0]


def test_gone_in_tf2() -> None:
    source = b"import tensorflow as tf\nfrom tensorflow.python.training import training_ops\n\n"
    source += b"@tf.function\ndef f(x):\n    return training_ops.apply_adam(x)\n"
    result = upgrade_program({"program.py": source})
    assert result.level == "tf2"
    assert [one.symbol for one in result.files["program.py"].diagnostics] == ["tf1-in-tf2"]


def test_no_name_of_either() -> None:
    source = b"import tensorflow.compat.v1 as tf\n\ntf.disable_v2_behavior()\ns = tf.Session()\n"
    source += b"s.run(tf.summary.historgram('a', 1.0))\n"
    result = upgrade_program({"program.py": source}, Options(target="compat"))
    messages = [one.message for one in result.files["program.py"].diagnostics]
    assert messages == ["neither TensorFlow 1.15 nor 2.21 has tf.summary.historgram"]
