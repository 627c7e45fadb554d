"""NumPy 2 comes with the target: what programs of TensorFlow 1's time use of NumPy 1, before and after."""

from __future__ import annotations

import ast
import importlib
import io
import json
import subprocess
import tokenize
from pathlib import Path

import pytest

from tf_modernize.codemods.edits import Edits
from tf_modernize.codemods.engine import Options, upgrade_program
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.symbols.numpy import SCALARS, register
from tf_modernize.codemods.symbols.numpy_sites import table

HEAD = "import numpy as np\n"


def rewritten(source: str) -> tuple[str, set[str], list[str]]:
    """A module's new text, the imports that it needs, and the messages."""
    module = parse(source.encode(), "x.py")
    edits = Edits(module)
    imports: set[str] = set()
    diagnostics = register(module, edits, imports)
    assert all((one.symbol, one.code, one.path) == ("numpy-removed", "TFM105", "x.py") for one in diagnostics)
    return edits.apply(), imports, [one.message for one in diagnostics]


def comments(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sorted(token.string for token in tokens if token.type == tokenize.COMMENT)


def check(before: str, after: str, head: str = HEAD) -> set[str]:
    """Asserts the rewrite, and what holds for every rewrite."""
    text, imports, messages = rewritten(head + before)
    assert text == head + after
    assert messages == []
    ast.parse(text)
    assert comments(text) == comments(head + before)
    assert rewritten(text) == (text, set(), [])
    return imports


def left(before: str, head: str = HEAD) -> str:
    """Why something is left; nothing of it is changed."""
    text, imports, messages = rewritten(head + before)
    assert (text, imports, len(messages)) == (head + before, set(), 1)
    return messages[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x.astype(np.float)", "x.astype(float)"),
        ("np.zeros(3, dtype=np.bool)", "np.zeros(3, dtype=bool)"),
        ("np.array(a, np.int)  # np.int", "np.array(a, int)  # np.int"),
        ("np.empty(3, np.object), np.str, np.complex", "np.empty(3, object), str, complex"),
        ("np.long(3), np.unicode", "int(3), str"),
        ("np.float.fromhex(s)", "float.fromhex(s)"),
        ("np.float_, np.complex_, np.unicode_, np.string_", "np.float64, np.complex128, np.str_, np.bytes_"),
        ("np.bool8(1)", "np.bool_(1)"),
        ("np.Inf, np.infty, np.PINF, np.NaN, np.NAN", "np.inf, np.inf, np.inf, np.nan, np.nan"),
        ("x = np.NINF", "x = -np.inf"),
        ("np.NINF ** 2 - np.NINF", "(-np.inf) ** 2 - -np.inf"),
        ("np.NZERO, np.PZERO", "-0.0, 0.0"),
        ("np.product(x.shape)", "np.prod(x.shape)"),
        ("int(np.product(np.cumproduct(x)))", "int(np.prod(np.cumprod(x)))"),
        ("np.sometrue(np.alltrue(x, 0))", "np.any(np.all(x, 0))"),
        ("np.row_stack([a, b])", "np.vstack([a, b])"),
        ("np.trapz(y, x)", "np.trapezoid(y, x)"),
        ("np.round_(x, 2)", "np.round(x, 2)"),
        ("np.mat(x)", "np.asmatrix(x)"),
        ("np.rank(x)", "np.ndim(x)"),
        ("np.lib.pad(x, 1, 'constant')", "np.pad(x, 1, 'constant')"),
        ("np.linalg.linalg.norm(x)", "np.linalg.norm(x)"),
        ("raise np.AxisError(1)", "raise np.exceptions.AxisError(1)"),
        ("f = np.product", "f = np.prod"),
        ("def f(dtype=np.float): pass", "def f(dtype=float): pass"),
        ("np.\\\n  float(3)", "float(3)"),
        ("f'é {np.Inf} {np.float(3):.2f}'", "f'é {np.inf} {float(3):.2f}'"),
    ],
)
def test_names(before: str, after: str) -> None:
    assert not check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("np.asscalar(a)", "a.item()"),
        ("np.asscalar(a[0] + b)", "(a[0] + b).item()"),
        ("np.asscalar(np.product(a))", "np.prod(a).item()"),
        ("np.asscalar(a=f(x),)", "f(x).item()"),
        ("np.asscalar(\n    a\n    .b)", "(a\n    .b).item()"),
        ("np.alen(a)", "len(np.atleast_1d(a))"),
        ("np.asfarray(a)", "np.asarray(a, dtype=np.float64)"),
        ("np.asfarray(a, np.float32)", "np.asarray(a, np.float32)"),
        ("np.asfarray(a, dtype=np.float)", "np.asarray(a, dtype=float)"),
        ("np.asfarray(a, dtype='float32')", "np.asarray(a, dtype='float32')"),
        ("np.msort(a)", "np.sort(a, axis=0)"),
        ("np.msort(\n    a,  # the values\n)", "np.sort(\n    a,  # the values\naxis=0)"),
        ("np.in1d(a, b, invert=True)", "np.isin(a, b, invert=True).ravel()"),
        ("np.in1d(ar1=a, ar2=b)", "np.isin(element=a, test_elements=b).ravel()"),
        ("np.fastCopyAndTranspose(a)", "np.transpose(a).copy()"),
        ("np.ndfromtxt('f')", "np.genfromtxt('f')"),
        ("np.cast['float32'](x + 1)", "np.asarray(x + 1).astype('float32')"),
        ("np.cast[np.float](np.NaN)", "np.asarray(np.nan).astype(float)"),
        ("np.fromstring(b, np.uint8)", "np.frombuffer(b, np.uint8).copy()"),
        ("np.fromstring(b, dtype=np.uint8, sep='')", "np.frombuffer(b, dtype=np.uint8).copy()"),
        ("np.fromstring(string=b).astype(int)", "np.frombuffer(buffer=b).astype(int)"),
        ("np.reshape(x, newshape=(3, -1))", "np.reshape(x, shape=(3, -1))"),
        ("np.reshape( a = x, newshape = s)", "np.reshape( x, shape = s)"),
        ("np.reshape(a=x, newshape=s)", "np.reshape(x, shape=s)"),
        ("np.percentile(x, 5, interpolation='lower')", "np.percentile(x, 5, method='lower')"),
        ("np.unravel_index(i, dims=s)", "np.unravel_index(i, shape=s)"),
        ("np.histogram(x, 10, normed=True)", "np.histogram(x, 10, density=True)"),
        ("np.histogram(x, np.linspace(0, 1), normed=True)", "np.histogram(x, np.linspace(0, 1), density=True)"),
        ("np.histogram(x, bins, normed=False)", "np.histogram(x, bins, density=False)"),
        ("np.array(x, copy=False)", "np.array(x, copy=None)"),
        ("np.vstack(f(x) for x in xs)", "np.vstack([f(x) for x in xs])"),
        ("np.stack((f(x) for x in xs), 1)", "np.stack([f(x) for x in xs], 1)"),
        ("np.hstack(map(f, xs))", "np.hstack(list(map(f, xs)))"),
        ("np.row_stack(d.values())", "np.vstack(list(d.values()))"),
        ("np.sum(np.product(s) for s in shapes)", "sum(np.prod(s) for s in shapes)"),
        ("np.sum(np.float32(x) for x in xs)", "sum(np.float32(x) for x in xs)"),
        ("x = np.array(f)\nx = (x - x.min(0)) / x.ptp(0)", "x = np.array(f)\nx = (x - x.min(0)) / np.ptp(x, 0)"),
        ("np.linalg.lstsq(a, b)[0]", "np.linalg.lstsq(a, b, rcond=-1)[0]"),
        ("np.ones(3).tostring()", "np.ones(3).tobytes()"),
        ("np.ones(3).ptp(axis=0)", "np.ptp(np.ones(3), axis=0)"),
        ("image.astype(np.uint8).tostring()", "image.astype(np.uint8).tobytes()"),
        ("a = np.load(f)[0]\na = np.asarray(a)\na.tostring()", "a = np.load(f)[0]\na = np.asarray(a)\na.tostring()"),
        ("a = np.asarray(f)[0]\na.T.tostring()", "a = np.asarray(f)[0]\na.T.tobytes()"),
        ("tf.train.BytesList(value=[image.tostring()])", "tf.train.BytesList(value=[image.tobytes()])"),
        ("raw = image.tostring()\n_bytes_feature(raw)", "raw = image.tobytes()\n_bytes_feature(raw)"),
    ],
)
def test_calls(before: str, after: str) -> None:
    if before == after:
        assert "tobytes" in left(before)
    else:
        assert not check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from numpy import product\nproduct(x)", "from numpy import prod\nprod(x)"),
        ("from numpy import array, product as p\np(x)", "from numpy import array, prod as p\np(x)"),
        ("from numpy import alltrue\nall(alltrue(x))", "from numpy import all as alltrue\nall(alltrue(x))"),
        ("from numpy import product\nprod = 1; product(x)", "from numpy import prod as product\nprod = 1; product(x)"),
        ("from numpy import float\nfloat(3)", "from builtins import float\nfloat(3)"),
        ("from numpy import unicode", "from builtins import str as unicode"),
        ("from numpy import float, array, int\nfloat(3)", "from numpy import array\nfloat(3)"),
        ("from numpy import AxisError", "from numpy.exceptions import AxisError"),
        ("from numpy.linalg.linalg import norm, det\nnorm(x)", "from numpy.linalg import norm, det\nnorm(x)"),
        ("from numpy.lib import pad\npad(x)", "from numpy import pad\npad(x)"),
        ("from numpy import *\nproduct(x)", "from numpy import *\nprod(x)"),
        ("from numpy import reshape\nreshape(x, newshape=s)", "from numpy import reshape\nreshape(x, shape=s)"),
        ("import numpy\nnumpy.float(3)", "import numpy\nfloat(3)"),
        ("import numpy.random\nnumpy.product(3)", "import numpy.random\nnumpy.prod(3)"),
        (
            "from numpy import linalg, lib\nimport numpy\nlib.pad(x)",
            "from numpy import linalg, lib\nimport numpy\nnumpy.pad(x)",
        ),
        ("def f():\n    import numpy as n\n    return n.NaN", "def f():\n    import numpy as n\n    return n.nan"),
    ],
)
def test_imports(before: str, after: str) -> None:
    assert not check(before, after, head="")


def test_modules() -> None:
    assert check("np.math.sqrt(2)", "math.sqrt(2)") == {"import math"}
    assert check("import math\nnp.math.pi", "import math\nmath.pi") == set()
    assert check("np.warnings.filterwarnings('ignore')", "warnings.filterwarnings('ignore')") == {"import warnings"}


@pytest.mark.parametrize(
    "source",
    [
        "np.float32(3), np.int64, np.bool_, np.str_, np.inf, np.nan",
        "tf.float, x.float, x.np.float, self.product(x), product(x)",
        "def f(np):\n    return np.float(3)",
        "[np.float for np in xs]",
        "lambda np: np.product",
        "np.float = float\nnp.float(3)",
        "np.reshape(x, s), np.reshape(x, shape=s), x.reshape(s), other(newshape=3)",
        "np.array(x, copy=True), x.astype(t, copy=False)",
        "np.vstack([f(x) for x in xs]), np.stack(arrays), np.sum([x for x in xs]), np.sum(x)",
        "np.fromstring('1 2', sep=' ')",
        "np.linalg.lstsq(a, b, rcond=None), np.linalg.lstsq(a, b, -1)",
        "np.lib.stride_tricks.as_strided(x)",
        "rng = np.random\nrng.rand(3)",
        "import xml.etree.ElementTree as ET\nET.tostring(x), ET.tostring()",
        "text.tostring(3)",
        "'np.float'  # np.float",
        "np.random.seed(1)",
    ],
)
def test_no_change(source: str) -> None:
    check(source, source)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("np.sctypes", "name the dtypes"),
        ("np.irr(x)", "numpy-financial"),
        ("f = np.asscalar", "handed on"),
        ("np.asfarray(a, dtype=t)", "np.asarray"),
        ("np.asscalar(a  # the loss\n)", "a.item()"),
        ("np.fromstring(*args)", "frombuffer"),
        ("np.histogram(x, bins=b, normed=True)", "one width"),
        ("np.save(f, x, fix_imports=False)", "fix_imports"),
        ("image.tostring()", "tobytes"),
        ("image.ptp()", "np.ptp"),
        ("image.itemset(3, 1)", "a[index] = value"),
        ("math = 3\nnp.math.sqrt(2)", "something else here"),
        ("float = 3\nnp.float(2)", "something else here"),
        ("def f(int):\n    return np.int(3)", "something else here"),
        ("try:\n    import cupy as np\nexcept ImportError:\n    pass\nnp.float", "something else besides"),
        ("match x:\n    case np.float:\n        pass", "would bind here"),
        ("from numpy import asscalar\nasscalar(x)", "a.item()"),
        ("from numpy import array, AxisError", "exceptions.AxisError"),
        ("import numpy.linalg.linalg as la", "np.linalg"),
    ],
)
def test_left(source: str, why: str) -> None:
    assert why in left(source)


def test_a_shadowed_builtin_as_a_dtype() -> None:
    check("float = 3\nx.astype(np.float)", "float = 3\nx.astype(np.float64)")
    check("def f(object):\n    np.empty(3, dtype=np.object)", "def f(object):\n    np.empty(3, dtype=np.object_)")


def test_names_of_numpy_that_a_class_shadows() -> None:
    text, _, messages = rewritten(HEAD + "class A:\n    float = 3\n    def f(self):\n        return np.float(3)")
    assert text.endswith("return float(3)") and not messages


def test_both_levels_and_every_module_of_a_program() -> None:
    main = b"import tensorflow as tf\nimport data\nprint(tf.Session().run(tf.constant(data.size)))\n"
    data = b"import numpy as np\n\nsize = np.asscalar(np.product([2, 3])) + np.math.pi\n"
    after = b"import numpy as np\nimport math\n\nsize = np.prod([2, 3]).item() + math.pi\n"
    for target in ("native", "compat"):
        result = upgrade_program({"main.py": main, "data.py": data}, Options(target=target))  # type: ignore[arg-type]
        assert result.files["data.py"].after == after, target


def test_tf2_programs_stay() -> None:
    source = b"import tensorflow as tf\nimport numpy as np\n\n@tf.function\ndef f(x):\n    return x + np.float(3)\n"
    result = upgrade_program({"main.py": source}, Options(assume="tf2"))
    assert result.files["main.py"].after is None


# What NumPy 1.18 makes of these: the dtype and the values.
RECORDED = [
    ("np.asscalar(np.array([3.]))", "<f8", "3.0"),
    ("np.alen(3)", "<i8", "1"),
    ("np.asfarray([1, 2])", "<f8", "[1.0, 2.0]"),
    ("np.asfarray([1, 2], np.float32)", "<f4", "[1.0, 2.0]"),
    ("np.msort([[3, 1], [2, 5]])", "<i8", "[[2, 1], [3, 5]]"),
    ("np.in1d([[1, 2], [3, 4]], [1, 4], invert=True)", "|b1", "[False, True, True, False]"),
    ("np.fastCopyAndTranspose([[1, 2], [3, 4]])", "<i8", "[[1, 3], [2, 4]]"),
    ("np.cast[np.int](1.7)", "<i8", "1"),
    ("np.fromstring(b'abcd', dtype=np.uint8, count=2, sep='')", "|u1", "[97, 98]"),
    ("np.reshape(a=[1, 2, 3, 4], newshape=(2, 2), order='F')", "<i8", "[[1, 3], [2, 4]]"),
    ("np.percentile([1, 2, 4], 33, interpolation='nearest')", "<i8", "2"),
    ("np.unravel_index(5, dims=(2, 3))[1]", "<i8", "2"),
    ("np.histogram([1, 2, 2, 5], 4, normed=True)[0]", "<f8", "[0.25, 0.5, 0.0, 0.25]"),
    ("np.array([1, 2], dtype=np.float, copy=False, ndmin=2)", "<f8", "[[1.0, 2.0]]"),
    ("np.stack((np.ones(2) * i for i in range(3)), 1)", "<f8", "[[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]"),
    ("np.column_stack(zip([1, 2], [3, 4]))", "<i8", "[[1, 2], [3, 4]]"),
    ("np.row_stack({1: [1]}.values())", "<i8", "[[1]]"),
    ("np.sum(i * i for i in range(4))", "<i8", "14"),
    ("np.linalg.lstsq([[1, 1], [1, 1 + 1e-15]], [1., 2.])[2]", "<i4", "2"),
    ("np.ones((2, 2)).ptp(axis=0)", "<f8", "[0.0, 0.0]"),
    ("np.lib.pad([1], 1, 'constant')", "<i8", "[0, 1, 0]"),
    ("np.product([2, 3.])", "<f8", "6.0"),
    ("np.trapz([1, 2, 3], dx=2)", "<f8", "8.0"),
    ("np.NINF", "<f8", "-inf"),
    ("np.zeros(2, np.bool)", "|b1", "[False, False]"),
    ("np.array(['a'], np.unicode_)", "<U1", "['a']"),
    ("np.array([b'a'], np.string_)", "|S1", "[b'a']"),
    ("np.zeros(1, np.singlecomplex)", "<c8", "[0j]"),
    ("np.math.floor(2.5)", "<i8", "2"),
]
COMPUTE = """
import json, sys
import numpy as np

found = []
for source in json.load(sys.stdin):
    scope = {}
    exec(source, scope)
    value = np.asarray(scope["x"])
    found.append([value.dtype.str, repr(value.tolist())])
json.dump(found, sys.stdout)
"""


def test_the_values_are_those_of_numpy_1(tf2_python: str) -> None:
    sources = []
    for expression, _, _ in RECORDED:
        text, imports, messages = rewritten(f"{HEAD}x = {expression}\n")
        assert text != f"{HEAD}x = {expression}\n" and not messages
        sources.append("\n".join([*imports, text]))
    done = subprocess.run(
        [tf2_python, "-W", "error", "-c", COMPUTE],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        check=True,
    )
    for (expression, *recorded), found in zip(RECORDED, json.loads(done.stdout), strict=True):
        assert found == recorded, expression


CHECKED = """
import importlib, json, sys
import numpy as np

def find(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part)

bad = []
given = json.load(sys.stdin)
for name in given["there"]:
    try:
        find(name)
    except AttributeError as error:
        bad.append(str(error))
for name in given["gone"]:
    try:
        find(name)
    except AttributeError:
        continue
    bad.append("still there: " + name)
json.dump([np.__version__, bad], sys.stdout)
"""


def test_every_target_is_there(tf2_python: str) -> None:
    """Against the NumPy that comes with TensorFlow 2.21: what is written resolves, and what is replaced is gone."""
    rows = table().values()
    there = [row.replacement for row in rows if row.kind == "numpy"] + list(SCALARS.values()) + ["inf", "nan"]
    there += ["asarray", "isin", "sort", "frombuffer", "atleast_1d", "transpose", "genfromtxt", "ptp", "dtype"]
    # row_stack works until NumPy 2.6 or so; bool and long mean something else; modules under `core` are imported on demand.
    kept = {"row_stack", "bool", "long", "trapz", "core.defchararray"}
    gone = [
        row.name for row in rows if row.kind in {"numpy", "builtin", "value", "module", "left"} and row.name not in kept
    ]
    done = subprocess.run(
        [tf2_python, "-W", "ignore", "-c", CHECKED],
        input=json.dumps({"there": there, "gone": gone}),
        capture_output=True,
        text=True,
        check=True,
    )
    version, bad = json.loads(done.stdout)
    assert version.startswith("2.") and bad == []


def test_the_table() -> None:
    path = Path(__file__).parent.parent / "codemods" / "symbols" / "numpy.tsv"
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    assert all(len(line) == 4 and line[3] for line in lines)
    names = [line[0] for line in lines]
    assert names == sorted(set(names))
    for row in table().values():
        if row.kind == "builtin":
            assert row.replacement in SCALARS and hasattr(importlib.import_module("builtins"), row.replacement)
        if row.kind == "module":
            module, _, name = row.replacement.partition(".")
            assert not name or hasattr(importlib.import_module(module), name)
