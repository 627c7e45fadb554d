"""Programs that can't run on TensorFlow 2.21 stay as they are; a name that nothing reaches keeps none from the compat level."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program
from tf_modernize.codemods.report import ProgramResult

HEAD = "import tensorflow as tf\nx = tf.placeholder(tf.float32)\n"
GONE = "tf.contrib.opt.LazyAdamOptimizer"


def upgraded(*sources: str) -> ProgramResult:
    files = {f"m{index}.py": (HEAD + source).encode() for index, source in enumerate(sources)}
    return upgrade_program(files, Options(target="compat"))


@pytest.mark.parametrize(
    "source",
    [
        f"{GONE}(x)",
        f"def main():\n    return {GONE}(x)\nmain()",
        f"def main():\n    def inner():\n        return {GONE}(x)\n    return inner\nmain()",
        f"class Model:\n    def __init__(self):\n        self.build()\n    def build(self):\n        {GONE}(x)\nModel()",
        f"class Model:\n    def build(self):\n        {GONE}(x)\nclass Small(Model):\n    pass\nSmall()",
        f"class Model({GONE}):\n    pass",
        f"@{GONE}\ndef f(): pass",
        f"def f(x={GONE}): pass",
        "from tensorflow.contrib.opt import LazyAdamOptimizer\ndef f(): return LazyAdamOptimizer(x)",
        f"try:\n    {GONE}(x)\nexcept AttributeError:\n    tf.nn.deconv(x)",
        f"class Config:\n    cluster = True\nif Config().cluster:\n    {GONE}(x)",
        f"class Config:\n    cluster = False\nif not Config.cluster:\n    {GONE}(x)",
        f"cluster = False\ndef main(cluster):\n    if cluster:\n        {GONE}(x)\nmain(True)",
        f"class Config:\n    cluster = False\nsetattr(Config, 'clu' + 'ster', True)\nif Config.cluster:\n    {GONE}(x)",
        f"dir = 'out'\nif dir:\n    {GONE}(x)",
        "e = tf.estimator.Estimator(f)",
    ],
)
def test_reached(source: str) -> None:
    result = upgraded(source)
    assert result.level == "untouched"
    (one,) = result.files.values()
    assert one.after is None
    assert one.diagnostics[0].code == "TFM907"
    assert {account.state for account in one.accounts} <= {"left", "kept"}
    assert all(account.reason for account in one.accounts if account.state == "left")


@pytest.mark.parametrize(
    "source",
    [
        f"def unused():\n    return {GONE}(x)",
        f"class Unused:\n    def build(self):\n        return {GONE}(x)",
        f"class Unused:\n    def build(self):\n        return {GONE}(x)\nclass Other:\n    __doc__ = Unused.__doc__",
        f"if tf.__version__ < '1.5':\n    {GONE}(x)",
        f'if "LazyAdamOptimizer" in dir(tf.contrib.opt):\n    {GONE}(x)',
        f'if hasattr(tf.contrib.opt, "LazyAdamOptimizer"):\n    {GONE}(x)',
        'if "concat_v2" in dir(tf):\n    def join(x):\n        return tf.concat_v2(x)\nelse:\n    join = tf.concat\njoin([x], 0)',
        "try:\n    join = tf.concat_v2\nexcept AttributeError:\n    join = tf.concat\njoin([x], 0)",
        "try:\n    y = tf.nn.relu(x)\nexcept AttributeError:\n    y = tf.nn.rectify(x)",
        f"class Config:\n    cluster = False\nif Config().cluster:\n    {GONE}(x)\nelse:\n    print(x)",
        f"CLUSTER = True\ndef main():\n    if not CLUSTER:\n        {GONE}(x)\nmain()",
        "try:\n    from tensorflow.contrib.opt import LazyAdamOptimizer\nexcept ImportError:\n    LazyAdamOptimizer = None\n"
        "def f():\n    return LazyAdamOptimizer(x)\nf()",
    ],
)
def test_not_reached(source: str) -> None:
    result = upgraded(source)
    assert result.level == "compat"
    assert result.files["m0.py"].after is not None


def test_the_whole_program_stays() -> None:
    result = upgraded(f"def f():\n    return {GONE}(x)", "from m0 import f\nf()")
    assert [one.level for one in result.files.values()] == ["untouched", "untouched"]
    assert not any(one.after for one in result.files.values())


def test_a_program_with_an_entry_that_runs_does_not_stay() -> None:
    """Scripts that share a module of TensorFlow are one program; one that fails does not keep the others."""
    helper = "def f():\n    return tf.zeros(2)"
    assert upgraded(helper, f"from m0 import f\n{GONE}(f())", "from m0 import f\nf()").level == "compat"
    assert upgraded(helper, f"from m0 import f\n{GONE}(f())").level == "untouched"


def test_switches_of_a_file_without_tensorflow() -> None:
    own = f"{HEAD}from config import Config\nif Config().cluster:\n    {GONE}(x)\n".encode()
    for value, level in (("True", "untouched"), ("False", "compat")):
        beside = {"config.py": f"class Config:\n    cluster = {value}\n".encode()}
        assert upgrade_program({"main.py": own}, Options(target="compat"), beside).level == level


def test_names_of_tensorflow_2_are_found_from_compat_v1() -> None:
    after = (
        upgraded("with tf.Session() as sess:\n    sess.run(x, feed_dict={x: 1})\ntf.random.set_seed(1)")
        .files["m0.py"]
        .after
    )
    assert after is not None and b"tf.compat.v2.random.set_seed(1)" in after
