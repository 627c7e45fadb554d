"""The engine as a LibCST codemod."""

from __future__ import annotations

import libcst
from libcst.codemod import CodemodContext

from tf_modernize.codemods.codemod import Upgrade

TF1 = """import tensorflow as tf
x = tf.placeholder(tf.float32)
y = x * 2
with tf.Session() as sess:
    print(sess.run(y, {x: 3}))
"""


def test_it_does_what_the_engine_does() -> None:
    context = CodemodContext(filename="/project/x.py")
    tree = Upgrade(context).transform_module(libcst.parse_module(TF1))
    assert "def compute_y(x):" in tree.code and "Session" not in tree.code
    again = Upgrade(CodemodContext(filename="/project/x.py")).transform_module(tree)
    assert again.code == tree.code


def test_findings_are_warnings() -> None:
    context = CodemodContext(filename="/project/x.py")
    Upgrade(context).transform_module(libcst.parse_module(TF1.replace("x * 2", "tf.while_loop(f, g, [x])")))
    assert any("unit-left (TFM910)" in warning for warning in context.warnings)
