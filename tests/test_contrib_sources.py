"""Parts of contrib that are written into programs: where they go, what they are called, and when they are not written.

What they compute is compared with TensorFlow 1.15 in fixtures/programs (kmeans_of_contrib, crf_tagger, texts_and_nas_cell).
"""

from __future__ import annotations

import ast
import builtins

import pytest

from tf_modernize.codemods import engine
from tf_modernize.codemods.api import lookup
from tf_modernize.codemods.normal.contrib_sources import definition, table

HEAD = "import numpy as np\nimport tensorflow as tf\n"
USE = """scores = tf.placeholder(tf.float32, [4, 3])
sess = tf.Session()
value = sess.run(scores * 2.0, {scores: np.ones([4, 3])})
"""


def upgraded(source: str) -> tuple[str, list[str]]:
    result = engine.upgrade_program({"x.py": source.encode()}).files["x.py"]
    return (result.after or source.encode()).decode(), [one.code for one in result.diagnostics]


@pytest.mark.parametrize(
    ("head", "call"),
    [
        (HEAD, "tf.contrib.crf.viterbi_decode"),
        (HEAD + "from tensorflow.contrib import crf\n", "crf.viterbi_decode"),
        (HEAD + "from tensorflow.contrib.crf import viterbi_decode\n", "viterbi_decode"),
        (HEAD + "from tensorflow.contrib.crf import viterbi_decode as decode\n", "decode"),
    ],
)
def test_every_way_to_import(head: str, call: str) -> None:
    text, codes = upgraded(f"{head}\n{USE}print({call}(value, np.zeros([3, 3])))\n")
    assert "TFM106" in codes and "contrib" not in text.replace("tf.contrib.crf had them", "")
    assert "print(viterbi_decode(value, np.zeros([3, 3])))" in text
    assert text.count("def viterbi_decode(") == 1
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert names[0] == "viterbi_decode"
    exec(compile(text.split("@tf.function")[0].replace("import tensorflow as tf", ""), "x.py", "exec"), space := {})
    assert space["viterbi_decode"](space["np"].eye(3), space["np"].zeros([3, 3]))[0] == [0, 1, 2]


def test_other_names_of_an_import_stay() -> None:
    head = HEAD + "from tensorflow.contrib.rnn import BasicLSTMCell, NASCell\n"
    text, codes = upgraded(f"{head}\n{USE}cells = [BasicLSTMCell(4), NASCell(4)]\n")
    assert "TFM106" in codes
    assert "class NASCell(" in text and "cells = [tf.nn.rnn_cell.BasicLSTMCell(4), NASCell(4)]" in text


@pytest.mark.parametrize(
    "source",
    [
        HEAD + "viterbi_decode = None\n" + USE + "tf.contrib.crf.viterbi_decode(value, None)\n",  # the name is taken
        "import tensorflow as tf\nnp = 3\n" + USE + "tf.contrib.crf.viterbi_decode(value, None)\n",
        "import tensorflow as tf\ntry:\n    from tensorflow.contrib.crf import viterbi_decode\nexcept ImportError:\n"
        "    viterbi_decode = None\n" + USE + "viterbi_decode(value, None)\n",
        "import tensorflow as tf; import numpy as np; x = 1\n" + USE + "tf.contrib.crf.viterbi_decode(value, None)\n",
    ],
)
def test_left_where_there_is_no_room(source: str) -> None:
    text, codes = upgraded(source)
    assert "TFM106" not in codes and "def viterbi_decode(" not in text


def test_findings_stand_at_the_lines_of_the_source() -> None:
    source = (
        f"{HEAD}\n{USE}tags = tf.contrib.crf.viterbi_decode(value, value)\nx = tf.py_func(len, [scores], tf.int64)\n"
    )
    result = engine.upgrade_program({"x.py": source.encode()}, engine.Options(target="compat")).files["x.py"]
    places = {one.name: (one.line, one.column, one.state) for one in result.accounts}
    assert places["contrib.crf.viterbi_decode"] == (7, 7, "rewritten")
    assert places["py_func"][:2] == (8, 4)
    again = engine.upgrade_program({"x.py": result.after or b""}, engine.Options(target="compat")).files["x.py"]
    assert again.after is None


@pytest.mark.parametrize("name", sorted(set(table().values())))
def test_definitions_are_whole(name: str) -> None:
    """Each defines its own name, and needs nothing but what its file says, TensorFlow, and what Python has."""
    one = definition(name)
    tree = ast.parse("\n".join(one.lines))
    assert [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))] == [name]
    bound = {line.split(" as ")[-1] for line in one.imports} | {name, "tf", *one.needs, *dir(builtins)}
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} <= bound


def test_names_are_those_of_contrib() -> None:
    assert all(lookup(name) is not None or name.startswith(("contrib.", "nn.seq2seq.")) for name in table())
