"""The pytest plugin, used as a repository's own tests would."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tf_modernize.harness.pytest_plugin import assert_equivalent

pytest_plugins = ["pytester"]

OLD = """import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None], name="x")
w = tf.Variable(0.5, name="w")
shifted = x * w + 1.0
total = tf.reduce_sum(shifted)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(total, feed_dict={x: np.ones([3], np.float32)}))
"""
TESTS = """
from tf_modernize.harness import pytest_plugin


def test_right(assert_equivalent):
    (report,) = assert_equivalent("tf1", "right", python=PYTHON, steps=2, free_steps=0)
    assert report.exit_code == 0


def test_wrong():
    pytest_plugin.assert_equivalent("tf1", "wrong", python=PYTHON, manifest="right/tf-modernize-manifest.json", free_steps=0)


def test_generous(assert_equivalent):
    assert_equivalent("tf1", "wrong", python=PYTHON, manifest="right/tf-modernize-manifest.json", free_steps=0, atol=0.5)


def test_nothing_there(assert_equivalent):
    assert_equivalent("tf1", "nowhere")
"""


def test_a_repository_tests_its_own_upgrade(pytester: pytest.Pytester, tf2_python: str) -> None:
    (pytester.path / "tf1").mkdir()
    (pytester.path / "tf1" / "sums.py").write_text(OLD)
    upgrade = [sys.executable, "-m", "tf_modernize.cli", "upgrade", "tf1", "--output", "right", "--quiet"]
    subprocess.run(upgrade, cwd=pytester.path, check=True, timeout=120)
    text = (pytester.path / "right" / "sums.py").read_text()
    assert "x * w + 1.0" in text
    (pytester.path / "wrong").mkdir()
    (pytester.path / "wrong" / "sums.py").write_text(text.replace("+ 1.0", "+ 1.1"))
    pytester.makepyfile(f"PYTHON = {tf2_python!r}\n" + TESTS)
    # In a process of its own: the plugin comes from the installed package alone.
    result = pytester.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*test_wrong*",
            "*Different: the new program does not compute what the old one did.",
            "*forward equal: different: *total*",
            "*First difference, at execution 1: shifted*off by 0.1*",
            "*old: sums.py:6: shifted = x * w + 1.0",
            "*new: sums.py:*: shifted = x * w + 1.1",
            "*test_nothing_there*",
            "nowhere is not there.",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py:*")  # the failures point at the tests


def test_the_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys


        def test_light(assert_equivalent):
            heavy = ("numpy", "tensorflow", "libcst", "rich", "tf_modernize.codemods", "tf_modernize.harness.verify")
            assert not [one for one in heavy if one in sys.modules]
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match=r"no option 'step'; it has .*steps"):
        assert_equivalent("old", "new", step=3)
