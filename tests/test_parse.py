"""The parse stage: Python 2, encodings, line ends, and the syntax of every Python 3."""

from __future__ import annotations

import ast
import codecs
import sys

import pytest

from tf_modernize.codemods import line_ends, python2
from tf_modernize.codemods.engine import Options, upgrade
from tf_modernize.codemods.parse import LARGEST, ParseError, parse

HEAD = "import tensorflow as tf\n"


def error_of(source: str | bytes) -> ParseError | None:
    try:
        parse(source if isinstance(source, bytes) else (HEAD + source).encode(), "x.py")
    except ParseError as error:
        return error
    return None


@pytest.mark.parametrize(
    "source",
    [
        "print 'loss'\n",
        "print loss, rate\n",
        "print not loss\n",
        "print `loss`\n",
        "print u'loss'\n",
        "try:\n    pass\nexcept ValueError, e:\n    pass\n",
        "try:\n    pass\nexcept (ValueError, tf.errors.OpError), e:\n    pass\n",
        "raise ValueError, 'no'\n",
        "raise ValueError, 'no', trace\n",
        "exec 'x = 1'\n",
        "exec code in names\n",
        "x = `1`\n",
        "x = 0777\n",
        "x = 10L\n",
        "x = 0xFFL\n",
        "x = 1 <> 2\n",
        "x = ur'a'\n",
        "f = lambda (a, b): a\n",
        "def f(x, (a, b)):\n    pass\n",
        "class A:\n    def f(self):\n        print 'a'\n    async = 3\n",
    ],
)
def test_python_2_that_can_not_be_parsed(source: str) -> None:
    error = error_of(source)
    assert error and error.python2 and error.line > 1, error


@pytest.mark.parametrize(
    "source",
    [
        'print ("loss"), 1\n',
        'print ("loss %d") % 3\n',
        'print ("loss %d" + "%d") % (3, 4), 5\n',
        'print ("loss {}").format(3)\n',
        "print >>sys.stderr, 'loss'\n",
        "print >>log\n",
        "print -x\n",
        "print [1, 2][0]\n",
        "exec (code) in names\n",
        "def f():\n    for i in x:\n        try:\n            pass\n        except E:\n            print ('a'), i\n",
    ],
)
def test_python_2_that_is_parsed_as_something_else(source: str) -> None:
    ast.parse(source)
    error = error_of(source)
    assert error and error.python2, source
    if "print" in source:
        assert error_of("from __future__ import print_function\n" + source) is None


@pytest.mark.parametrize(
    "source",
    [
        "print\n",  # Python 3 runs these: what they do is clear, if not what was meant
        "print ('loss')\n",
        "print ('loss'),\n",
        "print ('loss', 1)\n",
        "print('loss', file=sys.stderr), \n",
        "exec (code, names)\n",
        "log = print >> 1\n",
        "x = 3 / 2\n",
        "for i in xrange(3): pass\n",
        "try:\n    pass\nexcept (ValueError, TypeError):\n    pass\n",
    ],
)
def test_python_3(source: str) -> None:
    assert error_of(source) is None


@pytest.mark.parametrize(
    "source",
    [
        '"""\nprint loss\n"""\nx = (\n',
        "# except E, e:\nx = (\n",
        "s = 'a <> b'\nx = (\n",
        "s = u'a'\nx = )\n",
        "for i in xrange(3):\nx = 1\n",
    ],
)
def test_an_error_is_not_put_down_to_python_2(source: str) -> None:
    error = error_of(source)
    assert error and not error.python2 and "can't be parsed" in str(error)


@pytest.mark.parametrize("name, found", [("e", True), ("error", True), ("OSError", False), ("Mine", False)])
def test_an_exception_that_is_named_as_python_2_did(name: str, found: bool) -> None:
    """Python 3.14 parses `except ValueError, e:`; here its tree is made of the one with brackets."""
    source = f"try:\n    pass\nexcept (ValueError, {name}):\n    pass\n"
    tree = ast.parse(source)
    assert not python2.statement(tree, source)
    kind = tree.body[0].handlers[0].type  # type: ignore[attr-defined]
    kind.col_offset = kind.elts[0].col_offset
    assert bool(python2.statement(tree, source)) == found


NAMES = "import tensorflow as tf\nx = tf.placeholder(tf.float32)\n"


def told(source: str) -> list[str]:
    (result,) = upgrade({"x.py": (NAMES + source).encode()}, Options(target="compat"))
    return [one.message for one in result.files["x.py"].diagnostics if one.symbol == "python2-name"]


def test_names_of_python_2_are_told_once() -> None:
    first, second = told("for i in xrange(3):\n    print(unicode(i), xrange)\n")
    assert "`unicode`" in first and "`str`" in first and "`xrange`" in second


@pytest.mark.parametrize(
    "source",
    [
        "xrange = range\nxrange(3)\n",
        "from six.moves import xrange\nxrange(3)\n",
        "from six.moves import *\nxrange(3)\n",
        "try:\n    xrange\nexcept NameError:\n    xrange = range\nfor i in xrange(3): pass\n",
        "import sys\nif sys.version_info[0] < 3:\n    range = xrange\n",
        "def f(long, reduce=None):\n    return long, reduce\n",
        "tf.reduce_sum(x, name='xrange')  # unicode\n",
    ],
)
def test_names_that_are_bound_or_asked_for(source: str) -> None:
    assert told(source) == []


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"x = '\xe9'\n", "it is not utf-8"),
        (b"# coding: ascii\nx = '\xe9'\n", "it is not ascii"),
        (b"# coding: nonsense\n", "encoding declaration is wrong"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "encoding declaration is wrong"),
        (b"# coding: rot13\nx = 1\n", "no encoding for source"),
        (b"# coding: utf-16\nx = 1\n", "utf-16"),
        (b"# coding: unicode_escape\nx = '\\xe9'\n", "can't be written back"),
        ("x = 1\n".encode("utf-16"), "it is not utf-8"),
        ("x = 1\n".encode("utf-16-le"), "NUL bytes"),
        (b"x = 1\n" * (LARGEST // 6 + 1), "larger than"),
        (b"x = " + b"(" * 5000 + b")" * 5000, "can't be parsed"),
        (b"x = " + b"-" * 100_000 + b"1\n", "too deeply"),
    ],
)
def test_what_is_no_source(data: bytes, sentence: str) -> None:
    error = error_of(data)
    assert error and sentence in str(error) and not error.python2


@pytest.mark.parametrize("coding", ["latin-1", "cp1252", "utf-8", "shift_jis", "gb18030", "mac-roman"])
def test_encodings(coding: str) -> None:
    word = "\u65e5\u672c" if coding in ("shift_jis", "gb18030") else "caf\xe9"
    source = f"# -*- coding: {coding} -*-\nx = '{word}'\n".encode(coding)
    module = parse(source, "x.py")
    assert module.encode(module.utf8.decode()) == source


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_that_are_all_the_same(end: str) -> None:
    source = "# -*- coding: latin-1 -*-\nx = '\xe9'\n\x0cy = '''\n\t'''  \nz = 1".replace("\n", end).encode("latin-1")
    module = parse(source, "x.py")
    assert b"\r" not in module.utf8 and module.encode(module.utf8.decode()) == source
    assert module.text(module.tree.body[1]).startswith("y = '''\n") and module.tree.body[2].lineno == 5
    assert module.encode("a\n") == ("a" + end).encode()


def test_mixed_ends_stay_with_their_lines() -> None:
    old = "a\r\nb\nc\rd\r\n"
    text, ends = line_ends.taken(old)
    assert text == "a\nb\nc\nd\n" and ends == ("\r\n", "\n", "\r", "\r\n")
    assert line_ends.restore(text, text, ends) == old
    assert line_ends.restore(text, "new\na\nb\nmore\nd\nlast\n", ends) == "new\r\na\r\nb\nmore\nd\r\nlast\r\n"
    assert line_ends.restore(text, "a\nc\nd", ends) == "a\r\nc\rd"
    assert line_ends.restore("c\n\nd\n", "c\n\n", ("\r", "\r\n", "\n")) == "c\r\r\n"
    assert line_ends.restore("\nc\n", "c\n\n", ("\n", "\r")).count("\r") == 2


SYNTAX = """import tensorflow as tf

if (session := tf.Session()) is not None:
    pass
def f(v, /, *rest, key=tf.neg(1), **more):
    match v:
        case tf.float32 | tf.int32 if tf.neg(v):
            return tf.neg(v)
        case {"x": tf.float64, **others}:
            return tf.neg(others)
        case [tf.string, *tail] | tf.TensorShape(dims=tail):
            return tail
    return f"{tf.neg(v)!r:>{tf.neg(v)}} \xe9 {f'{tf.neg(v)}'} {{tf.neg}}" f'''
  {tf.neg(v)} {tf.neg({'tf.neg': f"{tf.neg(v)}"}['tf.neg'])}'''
async def g():
    async with tf.Session() as s, tf.Graph().as_default() as q:
        async for i in tf.neg(s):
            yield await tf.neg(i)
    print([x async for x in tf.neg(s)])
x: tf.Tensor = tf.neg(1.0)
a, *b = *tf.unstack(x), tf.neg(x)
lam = lambda q, *, r=tf.neg(2.0): tf.neg(q)
d = {**tf.neg(x), "a": tf.neg(x)}
print(x[tf.neg(1):tf.neg(2), ..., *b], file=tf.neg(1)) if sys else 0
with (tf.Session() as s1, tf.neg("a") as s2):
    @tf.neg("A")
    class C(tf.layers.Layer, metaclass=tf.neg):
        y: "tf.neg" = b'tf.neg'
"""
LATER = {
    (3, 11): "try:\n    pass\nexcept* tf.errors.OpError as e:\n    tf.neg(e)\n",
    (3, 12): "type T[A: tf.Tensor] = tf.Tensor\ndef h[B: tf.Tensor, *C, **D](x: B) -> B:\n    return tf.neg(x)\n"
    'class G[E]:\n    z = f"{tf.neg(f"{\'x\'}")}"\n',
    (3, 13): "def k[A = tf.Tensor](x: A = tf.neg(1)): pass\n",
    (3, 14): 'p = t"{tf.neg(1)}"\n',
}


@pytest.mark.parametrize("since", [(3, 0), *LATER])
def test_every_syntax_is_followed(since: tuple[int, int]) -> None:
    """`tf.neg` is tf.negative now, wherever an expression stands; texts stay."""
    if sys.version_info < since:
        pytest.skip("this Python has not that syntax")
    source = SYNTAX if since == (3, 0) else HEAD + "x = tf.placeholder(tf.float32)\n" + LATER[since]
    if sys.version_info < (3, 11):
        source = source.replace(", *b]", "]")
    (result,) = upgrade({"x.py": source.encode()}, Options(target="compat"))
    after = (result.files["x.py"].after or b"").decode()
    ast.parse(after)
    texts = ["{tf.neg}", "'tf.neg'", '"tf.neg"']
    for text in texts:
        assert after.count(text) == source.count(text)
    left = after
    for text in texts:
        left = left.replace(text, "")
    assert "tf.neg(" not in left and "tf.neg)" not in left, left
    assert left.count("tf.negative") == source.count("tf.neg(") + source.count("=tf.neg)")
