"""Notebooks: what is read of them, what of them changes, and what stays byte for byte."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tf_modernize.codemods.engine import Options, upgrade
from tf_modernize.codemods.notebooks import Notebook, NotebookError, layout, magics, read
from tf_modernize.harness.running import Run

CELLS = [
    ("markdown", "# A line through points \xe9"),
    ("code", "%matplotlib inline\n!pip install -q \\\n    numpy\nimport numpy as np\nimport tensorflow as tf"),
    (
        "code",
        '# the line\nx = tf.placeholder(tf.float32, [None, 1], name="x")\nw = tf.Variable(tf.ones([1, 1]), name="w")\n'
        "y = tf.matmul(x, w)\n# \xe9 the end of the cell",
    ),
    ("code", ""),
    ("raw", "raw tf.placeholder"),
    (
        "code",
        "loss = tf.reduce_mean(tf.square(y - 3.0))\n"
        "train = tf.train.GradientDescentOptimizer(0.25).minimize(loss)\nloss",
    ),
    ("code", "%%bash\necho x = (tf.Session"),
    ("code", "sess = tf.InteractiveSession()\nsess.run(tf.global_variables_initializer())"),
    (
        "code",
        "%%time\nfiles = !ls\nfor i in range(3):\n    %time sess.run(train, {x: np.ones([3, 1])})\n"
        "%timeit -n 3 sess.run(loss, {x: [[1.0]]})\n%time v = sess.run(loss, {x: [[1.0]]})\nprint(v)\nnp.ones?",
    ),
    ("code", "# How good is it?\nsess.run(loss, {x: [[2.0]]})"),
    (
        "code",
        "text = '''\n%matplotlib\n'''\nz = (4\n  % 3)\nprint(y.eval({x: [[1.0]]}), z);\nsess.run(y, {x: [[1.0]]});",
    ),
]
AFTER = {
    3: '# the line\nw = tf.Variable(tf.ones([1, 1]), name="w")\n\n\n'
    '@tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])\ndef compute_y(x):\n'
    "    y = tf.matmul(x, w)\n    return y\n\n\n# \xe9 the end of the cell",
    8: "",
    9: "%%time\nfiles = !ls\nfor i in range(3):\n    %time train_step(np.ones([3, 1]))\n"
    "%timeit -n 3 compute_loss([[1.0]]).numpy()\n%time v = compute_loss([[1.0]]).numpy()\nprint(v)\nnp.ones?",
    10: "# How good is it?\ncompute_loss([[2.0]]).numpy()",
    11: "text = '''\n%matplotlib\n'''\nz = (4\n  % 3)\nprint(compute_y([[1.0]]).numpy(), z);\ncompute_y([[1.0]]);",
}


def made(cells: list[tuple[str, str]], version: int = 4, one_string: bool = False) -> dict[str, Any]:
    """A notebook of cells as plain data, with outputs, ids and metadata."""
    found = []
    for number, (kind, text) in enumerate(cells):
        source: Any = text if one_string else text.splitlines(keepends=True)
        cell: dict[str, Any] = {"cell_type": kind, "id": f"id{number}", "metadata": {"tf": "tf.Session \xe9"}}
        if kind == "code":
            cell["execution_count" if version == 4 else "prompt_number"] = number
            cell["outputs"] = [{"output_type": "stream", "text": ["tf.placeholder \xe9\n", "1e5"], "n": 1.50}]
        if version == 3 and kind == "code":
            cell |= {"language": "python", "input": source}
        else:
            cell["source"] = source
        found.append(cell)
    if version == 3:
        return {"metadata": {"name": "line"}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": found}]}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": found, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def opened(data: bytes) -> Notebook:
    notebook = read(data)
    assert notebook is not None
    return notebook


def upgraded(data: bytes, **more: Any) -> tuple[bytes, str]:
    """The notebook after an upgrade, and its level."""
    notebook = opened(data)
    (result,) = upgrade({"n.ipynb": notebook.code.encode()}, Options(**more))
    after = result.files["n.ipynb"].after
    new = data if after is None else notebook.rewritten(after.decode())
    assert new is not None
    return new, result.level


def around(data: bytes) -> str:
    """The text of a notebook without the sources of its code cells."""
    text = data.decode()
    cells = layout.code_cells(text, json.loads(text.removeprefix("\ufeff"))["nbformat"])
    ends = [0, *(place for cell in cells for place in (cell.start, cell.end)), len(text)]
    return "|".join(text[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))


def sources(data: bytes) -> dict[int, str]:
    return {cell.number: cell.source for cell in opened(data).cells}


FORMS: dict[str, Callable[[], bytes]] = {
    "jupyter": lambda: (json.dumps(made(CELLS), indent=1, ensure_ascii=False) + "\n").encode(),
    "sorted": lambda: json.dumps(made(CELLS), indent=1, sort_keys=True).encode(),
    "colab": lambda: json.dumps(made(CELLS), indent=2).replace("'", "\\u0027").encode(),
    "tabs": lambda: json.dumps(made(CELLS), indent="\t", ensure_ascii=False).encode(),
    "windows": lambda: json.dumps(made(CELLS), indent=4).replace("\n", "\r\n").encode(),
    "one line": lambda: json.dumps(made(CELLS)).encode(),
    "no spaces": lambda: json.dumps(made(CELLS), separators=(",", ":")).encode(),
    "one string": lambda: json.dumps(made(CELLS, one_string=True), indent=1).encode(),
    "mark": lambda: b"\xef\xbb\xbf" + json.dumps(made(CELLS), indent=1).encode(),
    "version 3": lambda: json.dumps(made(CELLS, version=3), indent=1).encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["native", "compat"])
def test_only_the_sources_of_changed_cells_change(form: str, target: str) -> None:
    before = FORMS[form]()
    after, level = upgraded(before, target=target)
    assert level == target
    assert around(after) == around(before)
    old, new = sources(before), sources(after)
    assert old == {number: text for number, (kind, text) in enumerate(CELLS, 1) if kind == "code"}
    if target == "native":
        changed = {number: text for number, text in new.items() if text != old[number]}
        assert changed.keys() == AFTER.keys() | {6} and {**changed, **AFTER} == changed
        assert changed[6].startswith("optimizer = tf.keras.optimizers.SGD(0.25)\n\n\n@tf.function")
        assert "def train_step(x):" in changed[6] and not changed[6].endswith("\n")
    else:
        assert new == {**old, 2: old[2].replace("tensorflow", "tensorflow.compat.v1") + "\ntf.disable_v2_behavior()"}
    assert upgraded(after, target=target)[0] == after, "a second run changes nothing"
    for number, text in new.items():
        if text == old[number]:
            for raw in (before, after):
                assert json.dumps(text.split("\n")[0])[1:-1] in raw.decode() or form == "colab"


def test_lines_keep_their_spelling_within_a_changed_cell() -> None:
    before = FORMS["colab"]()
    after = upgraded(before)[0].decode()
    assert "text = \\u0027\\u0027\\u0027\\n" in after and "print(compute_y([[1.0]])" in after
    assert "\\u00e9 the end of the cell" in after and after.isascii()
    assert "\xe9 the end of the cell" in upgraded(FORMS["jupyter"]())[0].decode()


def test_an_empty_cell_that_gets_lines() -> None:
    """Lists that were empty are laid out as others; a cell of nothing but IPython's lines counts as one."""
    cells = [("code", ""), ("code", "x = 1")]
    for indent, new in ((1, '"source": [\n    "a\\n",\n    "b"\n   ]'), (None, '"source": ["a\\n", "b"]')):
        text = json.dumps({"nbformat": 4, "cells": made(cells)["cells"]}, indent=indent)
        found = layout.written(text, layout.code_cells(text, 4), ["a\nb", "x = 1"])
        assert new in found and json.loads(found)["cells"][0]["source"] == ["a\n", "b"]


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "  %load_ext autoreload",
        "!ls *.py",
        "!!ls",
        "?print",
        "print??",
        "tf.Session?",
        "%pip install a \\\n  b",
        "files = !ls",
        "a, b = %magic x",
        "%time f(x)",
        "%time y = f(x) ; ",
        "%timeit -n 3 -r 1 f(x)",
        "%time if x: pass",
        "%%time",
        "%%capture out\n%load_ext x\nprint(1)",
        "x = '''\n%no\n''' \nfor i in y:\n    %yes\n    f(i,\n      % 3)\n%%no",
        "# %no\nx = 3 % \\\n  % y\n!yes",
        "s = 'it\\'s (' # [\n!yes",
        'd = """ \' """; e = \'"""\'\n%yes',
    ],
)
def test_magics_are_python_and_come_back(line: str) -> None:
    masked: list[str] = []
    source = f"import numpy\n{line}" if not line.startswith("%%") else line
    body = magics.as_python(source, masked)
    assert body is not None and body != source and masked
    assert "yes" not in body and body.count("%no") == source.count("%no")
    assert body.count("\n") == source.count("\n"), "places in the cell stay right"
    assert magics.shown(body, masked) == source


@pytest.mark.parametrize(
    "source", ["%%bash\nls", "\n%%writefile a.py\nimport tensorflow as tf", "%%html\n<b>", "%%cython -a\nx = 1"]
)
def test_cells_of_other_languages(source: str) -> None:
    assert magics.as_python(source, []) is None


def test_what_is_python_is_no_magic() -> None:
    for source in ("x = (1\n% 3)", "'''\n!ls\n'''", "a = b\\\n% c", "x = 5 %2", "def f():\n    pass"):
        masked: list[str] = []
        assert magics.as_python(source, masked) == source and not masked


@pytest.mark.parametrize(
    "text",
    [
        'y = 1\n"tf-modernize: cell 2"\nx = 3\n',
        'x = 3\n"tf-modernize: cell 3"\n"tf-modernize: cell 2"\ny = 1\n',
        'if y:\n    "tf-modernize: cell 2"\n    "tf-modernize: cell 3"\n',
        'x = 3\n"tf-modernize: cell 2"\ny = 1\n"tf-modernize: cell 3"\n"tf-modernize: magic 0 of"\nz()\n',
        'x = 3\n"tf-modernize: cell 2"\ny = 1\n"tf-modernize: cell 3"\n"tf-modernize: magic 0 of"; z(\n  1)\n',
        'x = 3\n"tf-modernize: cell 2"\ny = 1\n"tf-modernize: cell 3"\nz()\n',
    ],
)
def test_a_text_that_does_not_fall_into_the_cells(text: str) -> None:
    cells = [("code", "x = 2"), ("code", "y = 1"), ("code", "%time z()")]
    notebook = opened(json.dumps(made(cells)).encode())
    assert notebook.rewritten(notebook.code) == notebook.text.encode() and notebook.sources(text) is None


def test_a_program_that_does_not_fall_into_its_cells_stays_in_graph_mode() -> None:
    """The run that `%time` measures is an initializer's, of which nothing is left."""
    cells = [
        ("code", "import tensorflow as tf\nw = tf.Variable(1.0)\nsess = tf.Session()"),
        ("code", "%time sess.run(tf.global_variables_initializer())\nprint(sess.run(w))"),
    ]
    notebook = opened(json.dumps(made(cells)).encode())
    (result,) = upgrade({"n.ipynb": notebook.code.encode()})
    assert result.level == "compat"
    assert "no longer falls into the cells" in result.files["n.ipynb"].diagnostics[0].message


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b'{"cells": [', "it is not valid JSON (Expecting value, line 1)"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["\xe9"]}]}', "it is not UTF-8"),
        (b"[]", "it is no notebook of format 3 or 4"),
        (b'{"nbformat": 2, "worksheets": []}', "it is no notebook of format 3 or 4"),
        (b'{"nbformat": 4}', "its cells are not as the format says"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "its cells are not as the format says"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}', "its cells are not as the format says"),
        (b'{"nbformat": 4, "cells": {}}', "its cells are not as the format says"),
        (b'{"nbformat": 4, "metadata": [1], "cells": []}', "its cells are not as the format says"),
        (b'{"nbformat": 4, "cells": ' + b"[" * 100_000, "it is"),
    ],
)
def test_what_is_no_notebook(data: bytes, sentence: str) -> None:
    with pytest.raises(NotebookError, match=re.escape(sentence)):
        read(data)


def test_line_ends_within_sources() -> None:
    """They are what the cell has, not what the file has."""
    first = "import tensorflow as tf\r\nx = tf.placeholder(tf.float32, [])\r\n\r\nz = 1\r\n"
    second = "\n\nwith tf.Session() as sess:\n    print(sess.run(tf.log(x), {x: 2.0}))\n\n\n"
    after, level = upgraded(json.dumps(made([("code", first), ("code", second)])).encode())
    found = sources(after)
    assert level == "native" and "\r\n\r\nz = 1\r\n" in found[1] and "\n" not in found[1].replace("\r\n", "")
    assert found[2].startswith("\n\n") and found[2].endswith("compute_log(2.0).numpy())\n\n\n") and "\r" not in found[2]


def test_other_languages_are_left() -> None:
    for metadata in ({"kernelspec": {"language": "R"}}, {"language_info": {"name": "julia"}}):
        assert read(json.dumps({**made(CELLS), "metadata": metadata}).encode()) is None
    for metadata in ({}, {"kernelspec": {"name": "x"}}, {"language_info": {"name": "ipython", "version": "2.7"}}):
        assert read(json.dumps({**made(CELLS), "metadata": metadata}).encode()) is not None


PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"
SCRIPTS = [
    path.parent.name for path in sorted(PROGRAMS.glob("*/before.py")) if len(list(path.parent.rglob("*.py"))) == 1
]


# Not native in cells yet: a loop of layers that becomes a function is not followed there.
SHORT = frozenset({"loops_at_the_top"})


@pytest.mark.parametrize("target", ["native", "compat"])
@pytest.mark.parametrize("name", SCRIPTS[::4])
def test_a_script_in_cells_is_the_same_program(name: str, target: str) -> None:
    """It goes to the same level and becomes the same statements, wherever the cells begin."""
    source = (PROGRAMS / name / "before.py").read_bytes().decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n")
    chance, body, lines = Random(name), ast.parse(source).body, source.split("\n")
    starts = [min([one.lineno, *(each.lineno for each in getattr(one, "decorator_list", []))]) for one in body]
    places = [start for before, start in zip(body, starts[1:], strict=False) if (before.end_lineno or 0) < start]
    cuts = [1, *sorted(chance.sample(places, min(5, len(places)))), len(lines) + 1]
    cells = ["\n".join(lines[start - 1 : end - 1]) for start, end in pairwise(cuts)]
    before = json.dumps(made([("code", text) for text in cells]), indent=1).encode()
    results = upgrade({"n.py": (source + "\n").encode()}, Options(target=target))  # type: ignore[arg-type]
    if not results:
        assert not upgrade({"n.ipynb": opened(before).code.encode()})
        return
    after, level = upgraded(before, target=target)
    if name in SHORT and target == "native":
        assert level == "compat" and results[0].level == "native"
        return
    assert level == results[0].level and around(after) == around(before)
    script = (results[0].files["n.py"].after or source.encode()).decode()
    assert statements("\n".join(sources(after).values())) == statements(script)
    assert upgraded(after, target=target)[0] == after


def statements(source: str) -> Counter[str]:
    """The statements of a source. An expression at the end of a cell keeps its value, which a script's does not."""
    return Counter(ast.unparse(node).removesuffix(".numpy()") for node in ast.parse(source).body)


def run(*args: object, cwd: Path, code: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tf_modernize.cli", "upgrade", "--no-cache", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout.decode(), done.stderr.decode())
    out = subprocess.CompletedProcess(command, code, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in out.stdout + out.stderr
    return out


def test_the_command(tmp_path: Path) -> None:
    """Named and in folders, beside modules that a notebook imports; shown by cell, written, checked, in the report."""
    tree = tmp_path / "a"
    (tree / ".ipynb_checkpoints").mkdir(parents=True)
    before = FORMS["jupyter"]()
    for name in ("n.ipynb", ".ipynb_checkpoints/n.ipynb"):
        (tree / name).write_bytes(before)
    uses = "import tensorflow as tf\nimport net\nx = tf.placeholder(tf.float32, [])"
    cells = [("code", uses), ("code", "with tf.Session() as s:\n    print(s.run(net.net(x), {x: 2.0}))")]
    (tree / "uses.ipynb").write_text(json.dumps(made(cells), indent=1))
    (tree / "net.py").write_text("import tensorflow as tf\n\n\ndef net(x):\n    return tf.log(x)\n")
    (tree / "other.ipynb").write_text(json.dumps(made([("code", "import numpy")]), indent=1))
    shown = run("a", cwd=tmp_path).stdout
    assert "--- a/a/n.ipynb:cell 9\n+++ b/a/n.ipynb:cell 9\n@@ -1,8 +1,8 @@\n %%time\n files = !ls\n" in shown
    assert "a/n.ipynb:cell 6:3:1: symbolic-host-code (TFM912)" in shown and "4 files: 3 native, 1 without" in shown
    assert run("a", "--diff", cwd=tmp_path).stdout.count("\n+++ b/a/n.ipynb:cell ") >= 5
    run("a", "--check", cwd=tmp_path, code=1)
    run("a/n.ipynb", "--output", "o", cwd=tmp_path)
    assert (tmp_path / "o" / "n.ipynb").read_bytes() == upgraded(before)[0]
    piped = run("-", "--stdin-filename", "n.ipynb", cwd=tmp_path, stdin=before)
    assert piped.stdout.encode() == upgraded(before)[0]
    run("a", "--write", "--report", "r.json", cwd=tmp_path)
    assert (tree / "n.ipynb").read_bytes() == upgraded(before)[0]
    assert (tree / ".ipynb_checkpoints" / "n.ipynb").read_bytes() == before
    assert (
        "compute_net(2.0).numpy()" in (tree / "uses.ipynb").read_text()
        and "tf.math.log" in (tree / "net.py").read_text()
    )
    report = json.loads((tmp_path / "r.json").read_text())
    files = {one["path"]: one for program in report["programs"] for one in program["files"]}
    assert files["n.ipynb"]["cells"][:3] == [1, 7, 13] and "cells" not in files["net.py"]
    run("a", "--check", cwd=tmp_path)


def test_bad_notebooks_at_the_command(tmp_path: Path) -> None:
    head = ("code", "import tensorflow as tf\nx = tf.placeholder(tf.float32)")
    files = {
        "broken.ipynb": '{"nbformat": 4, "cells": "tensorflow"',
        "syntax.ipynb": json.dumps(made([head, ("markdown", ""), ("code", "y = 1\nz = (")])),
        "python2.ipynb": json.dumps(made([head, ("code", "print 'a'")])),
        "left.ipynb": json.dumps(made([head, ("code", "!pip install 'tensorflow-gpu==1.15'")])),
        "written.ipynb": json.dumps(made([head, ("code", "%%writefile net.py\nimport tensorflow as tf")])),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = run(".", "--output", "o", cwd=tmp_path, code=2)
    assert set(done.stderr.splitlines()) == {
        "broken.ipynb: it is not valid JSON (Expecting ',' delimiter, line 1); it is left as it is.",
        "syntax.ipynb:cell 3:2: it can't be parsed ('(' was never closed).",
        "python2.ipynb:cell 2:1: it is Python 2 source: convert it to Python 3 first.",
    }
    for name in ("broken.ipynb", "syntax.ipynb", "python2.ipynb"):
        assert (tmp_path / "o" / name).read_text() == files[name]
    assert "left.ipynb:cell 2:1:1: notebook-left (TFM929) TensorFlow 1 is left in `!pip install" in done.stdout
    assert "written.ipynb:cell 2:1:1: notebook-left (TFM929)" in done.stdout
    broken = run("-", "--stdin-filename", "n.ipynb", cwd=tmp_path, code=2, stdin=b'{"tensorflow')
    assert broken.stdout == '{"tensorflow' and "n.ipynb: it is not valid JSON" in broken.stderr


def test_an_upgraded_notebook_runs(tmp_path: Path, start_program: Callable[[Path, bool], Future[Run]]) -> None:
    """Its cells one after the other, without IPython's lines; the values are those of gradient descent on one number."""
    for target in ("native", "compat"):
        data = upgraded(FORMS["jupyter"](), target=target)[0]
        code = opened(data).code.replace("get_ipython().tf_modernize_magic", "")
        script = tmp_path / f"{target}.py"
        script.write_text(code)
        done = start_program(script, target == "compat").result()
        assert done.succeeded, done.problem()
        loss, value = done.stdout.split("\n")[:2]
        weight = 3.0 - 2.0 * 0.5**3
        assert abs(float(loss) - (weight - 3.0) ** 2) < 1e-6 and value == f"[[{weight}]] 1"
