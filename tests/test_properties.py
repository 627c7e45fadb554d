"""Properties that build graph once: where they are written out, and where they stay."""

from __future__ import annotations

import pytest

from tf_modernize.codemods.normal.properties import written_out
from tf_modernize.codemods.parse import parse

SOURCE = '''import functools
import tensorflow as tf


def lazy(function):
    attribute = "_cache_" + function.__name__

    @property
    @functools.wraps(function)
    def decorator(self):
        if not hasattr(self, attribute):
            with tf.variable_scope(function.__name__):
                setattr(self, attribute, function(self))
        return getattr(self, attribute)

    return decorator


class Model(object):
    def __init__(self, x):
        self.x = x
        self.y
        self.z

    @lazy
    def y(self):
        """The output."""
        hidden = self.x * 2.0
        return tf.layers.dense(
            hidden, 2)

    @lazy
    def z(self):
        return self.y + 1.0
'''
WRITTEN = """import tensorflow as tf


class Model(object):
    def __init__(self, x):
        self.x = x
        with tf.variable_scope("y"):
            # The output.
            hidden = self.x * 2.0
            self.y = tf.layers.dense(
                hidden, 2)
        with tf.variable_scope("z"):
            self.z = self.y + 1.0
"""


def written(source: str) -> str | None:
    found = written_out({"model.py": parse(source.encode(), "model.py", "model")})
    return found["model.py"][0].utf8.decode() if found else None


def test_they_are_written_where_the_constructor_asks() -> None:
    assert written(SOURCE) == WRITTEN


def test_lines_keep_their_origins() -> None:
    _, origins = written_out({"model.py": parse(SOURCE.encode(), "model.py", "model")})["model.py"]
    made = next(number for number, line in enumerate(origins.lines, 1) if "tf.layers.dense" in line)
    assert SOURCE.split("\n")[origins.of[made - 1].line - 1].strip() == "return tf.layers.dense("


def test_a_decorator_without_a_scope() -> None:
    plain = SOURCE.replace("            with tf.variable_scope(function.__name__):\n    ", "")
    text = written(plain)
    assert text is not None and "        self.z = self.y + 1.0\n" in text and "variable_scope" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        self.y\n        self.z\n", "        self.z\n        self.y\n"),  # built within the other's scope
        ("        self.z\n", ""),  # asked for from elsewhere
        ("        self.y\n", "        self.prepare()\n        self.y\n"),
        ("        self.y\n", "        prepare(self)\n        self.y\n"),
        ("        self.y\n", "        hidden = 3\n        self.y\n        self.w = hidden\n"),
        ("        self.y\n", "        self.y  # first\n"),
        ("return self.y + 1.0", "return self.y + hidden"),
        ("        return self.y + 1.0", "        if self.x:\n            return self.y\n        return self.y + 1.0"),
        ("return self.y + 1.0", "return (lambda: self.y)()"),
        ("(object)", "(Base)"),
        ("return getattr(self, attribute)", "return getattr(self, attribute) + 1"),
        ("if not hasattr", "if hasattr"),
        ("        self.x = x\n", "        self.x = x\n        self.y = None\n"),
        ("class Model", "class Other(Model):\n    pass\n\n\nclass Model"),
        ("        self.x = x\n", "        self.x = x\n        self._cache_y = None\n"),
    ],
)
def test_what_may_mean_something_else_stays(old: str, new: str) -> None:
    assert old in SOURCE
    assert written(SOURCE.replace(old, new, 1)) is None


def test_a_decorator_that_others_use_stays() -> None:
    text = written(SOURCE + "\n\nclass Other(object):\n    @lazy\n    def w(self):\n        return 1\n")
    assert (
        text is not None and "def lazy" in text and "import functools" in text and 'with tf.variable_scope("y")' in text
    )
