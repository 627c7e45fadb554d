"""Input that can't be upgraded: each file of it gets a sentence, stays byte for byte, and the others are done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TF1 = """import tensorflow as tf

x = tf.placeholder(tf.float32, [], name='x')
with tf.Session() as sess:
    print(sess.run(x + 1.0, {x: 2.0}))
"""
HEAD = "import tensorflow as tf\n"
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def run(
    *args: object, cwd: Path, code: int = 0, before: list[str] | None = None, driver: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the command, within a program of its own where a test has to reach into it."""
    start = ["-c", driver] if driver else ["-m", "tf_modernize.cli"]
    command = [*(before or []), sys.executable, *start, "upgrade", "--no-cache", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr and "Internal error" not in done.stderr, done.stderr
    return done


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden and temporary ones included."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one program of one file."""
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "x.py").write_text(TF1)
    return folder


BAD = {
    "print2.py": (HEAD + "print 'loss'\n", "2: it is Python 2 source: convert it to Python 3 first"),
    "except2.py": (HEAD + "try:\n    pass\nexcept E, e:\n    pass\n", "4: it is Python 2 source"),
    "silent2.py": (HEAD + "print ('loss'), 1\n", "2: it is Python 2 source"),
    "open.py": (HEAD + "x = (1,\n", "2: it can't be parsed ('(' was never closed)"),
    "indent.py": (HEAD + "if x:\n        y\n\tz\n", "it can't be parsed (inconsistent use of tabs and spaces"),
    "latin.py": ((HEAD + "x = '\xe9'\n").encode("latin-1"), "2: it is not utf-8"),
    "later.py": ((HEAD + "#\n#\nx = '\xe9'\n").encode("latin-1"), "4: it is not utf-8"),
    "utf16.py": (TF1.encode("utf-16"), "it is not utf-8"),
    "coding.py": ("# coding: klingon\n" + TF1, "1: its encoding declaration is wrong (unknown encoding: klingon)"),
    "rot.py": ("# coding: rot13\n" + TF1, "1: it declares rot13, which is no encoding for source"),
    "binary.py": (b"\x7fELF\x02tensorflow" + bytes(range(1, 128)), "1: it can't be parsed"),
    "zeros.py": (bytes(1000) + b"tensorflow", "1: it holds NUL bytes"),
    "brackets.py": (TF1 + "y = " + "[" * 3000 + "]" * 3000, "6: it can't be parsed (too many nested parentheses)"),
    "signs.py": (TF1 + "y = " + "-" * 20_000 + "1\n", "1: it is nested too deeply"),
    "calls.py": (TF1 + "y = x" + "(1)" * 2800 + "\n", "1: it is nested too deeply"),
    "huge.py": (TF1 + "y = [\n" + "    1234567,\n" * 300_000 + "]\n", "1: it is larger than 3 MB"),
}


def test_each_bad_file_is_told_and_the_others_are_done(tree: Path) -> None:
    for name, (content, _) in BAD.items():
        (tree / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tree / "empty.py").touch()
    (tree / "blank.py").write_text("\n\x0c\n")
    (tree / "comment.py").write_text("# tf")
    before = snapshot(tree)
    done = run("a", "--write", cwd=tree.parent, code=2)
    after = snapshot(tree)
    assert after.pop("tf-modernize-manifest.json")
    assert {name for name in after if after[name] != before.get(name)} == {"x.py"}
    assert b"Session" not in after["x.py"]
    sentences = {line.partition(":")[0]: line for line in done.stderr.splitlines()}
    assert sentences.keys() == {f"a/{name}" for name in BAD}
    for name, (_, sentence) in BAD.items():
        assert sentence in sentences[f"a/{name}"], sentences[f"a/{name}"]
    assert done.stderr.count("\n") == len(BAD), "one line for each"
    again = run("a", "--check", cwd=tree.parent, code=2)
    assert again.stderr == done.stderr


def test_deep_code_that_can_be_followed(tree: Path) -> None:
    """A sum of many terms and a long chain of elif are what machines write."""
    (tree / "sum.py").write_text(TF1 + "y = " + " + ".join(["len('a')"] * 300) + "\n")
    chain = "".join(f"elif k == {number}:\n    pass\n" for number in range(400))
    (tree / "elif.py").write_text("k = 3\nif k == -1:\n    pass\n" + chain + TF1)
    done = run("a", "--write", cwd=tree.parent)
    assert "3 files: 3 native" in done.stdout


def test_a_file_that_imports_one_that_can_not_be_read_stays_in_graph_mode(tree: Path) -> None:
    (tree / "net.py").write_text(HEAD + "def net(x):\n    print 'net'\n    return tf.log(x)\n")
    (tree / "main.py").write_text("import net\n" + TF1)
    done = run("a", cwd=tree.parent, code=2)
    assert "a/main.py:1:1: partial-program (TFM905) it imports net.py, which could not be read" in done.stdout
    assert "a/net.py:3: it is Python 2 source" in done.stderr and "1 native, 1 compat" in done.stdout


def test_imports_in_a_circle(tree: Path) -> None:
    """Where they meet a program from outside they are followed; a circle that nothing enters has no beginning."""
    (tree / "one.py").write_text("import two\n" + HEAD + "def net(x):\n    return tf.log(x)\n")
    (tree / "two.py").write_text("import one\nimport two\n" + HEAD + "def loss(x):\n    return one.net(x) + 1.0\n")
    entered = TF1.replace("x + 1.0", "two.loss(x)").replace(HEAD, HEAD + "import two\n")
    (tree / "x.py").write_text(entered)
    run("a", "--write", cwd=tree.parent)
    assert "Session" not in (tree / "x.py").read_text() and "tf.math.log" in (tree / "one.py").read_text()
    (tree / "left.py").write_text("import right\n" + TF1)
    (tree / "right.py").write_text("import left\n")
    done = run("a", cwd=tree.parent)
    assert "not native because of modules that import each other in a circle" in done.stdout


def test_links_that_lead_back_to_themselves(tree: Path) -> None:
    (tree / "loop.py").symlink_to("loop.py")
    (tree / "data").symlink_to("data")
    (tree / "up").symlink_to("..")
    done = run("a", "--output", "o", cwd=tree.parent, code=2)
    assert done.stderr == "a/loop.py: is a symbolic link that leads back to itself; it is left as it is.\n"
    out = tree.parent / "o"
    assert os.readlink(out / "data") == "data" and "Session" not in (out / "x.py").read_text()
    for name in ("loop.py", "data"):
        assert "leads back to itself" in run(f"a/{name}", cwd=tree.parent, code=2).stderr


def test_what_is_no_file(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    os.mkfifo(tree / "data")
    done = run("a", "--output", "o", cwd=tree.parent, code=2)
    assert done.stderr == "a/pipe.py: is not a regular file; it is left as it is.\n"


@pytest.mark.skipif(bool(UNPRIVILEGED) and not shutil.which("setpriv"), reason="root reads and writes everything")
def test_what_may_not_be_read_or_written(tree: Path) -> None:
    for folder in ("closed", "fixed", "free"):
        (tree / folder).mkdir()
        (tree / folder / "y.py").write_text(TF1)
    for name in ("secret.py", "protected.py"):
        (tree / name).write_text(TF1)
    modes = {"closed": 0o000, "fixed": 0o555, "secret.py": 0o000, "protected.py": 0o444}
    for name, mode in modes.items():
        (tree / name).chmod(mode)
    try:
        done = run("a", "--write", cwd=tree.parent, code=2, before=UNPRIVILEGED)
    finally:
        (tree / "closed").chmod(0o700)
    assert set(done.stderr.splitlines()) == {
        "a/closed: can't be read (permission denied); it is left out.",
        "a/secret.py: can't be read (permission denied); it is left as it is.",
        "a/fixed/y.py: can't be written (permission denied); it is left as it is.",
        "a/protected.py: is write protected; it is left as it is.",
    }
    assert "2 files written" in done.stdout
    left = {name for name, content in snapshot(tree).items() if content == TF1.encode()}
    assert left == {"closed/y.py", "fixed/y.py", "secret.py", "protected.py"}
    told = (tree / "tf-modernize-manifest.json").read_text()
    assert "free/y.py" in told and "protected.py" not in told, "the manifest tells of what was written"


VANISHING = """
import os, shutil, sys
from tf_modernize.codemods import engine
from tf_modernize.cli.__main__ import main

def groups(files, real=engine.groups):
    shutil.rmtree("a/gone")
    return real(files)

def walk(base, real=os.walk, **more):
    for folder, names, files in real(base, **more):
        yield folder, names, files
        if folder.endswith("going") and os.path.isdir(folder):
            shutil.rmtree(folder)

if "--write" in sys.argv:
    engine.groups = groups
else:
    os.walk = walk
sys.argv[0] = "tf-modernize"
main()
"""


def test_a_folder_that_vanishes(tree: Path) -> None:
    """After it was read, and while it is looked through."""
    for folder in ("gone", "going", "going/deep"):
        (tree / folder).mkdir()
        (tree / folder / "y.py").write_text(TF1)
    done = run("a", "--write", cwd=tree.parent, code=2, driver=VANISHING)
    assert done.stderr == ("a/gone/y.py: can't be read any more (no such file or directory); it is left as it is.\n")
    assert "Session" not in (tree / "x.py").read_text() and not (tree / "gone").exists()
    (tree / "x.py").write_text(TF1)
    done = run("a", "--output", "o", cwd=tree.parent, code=2, driver=VANISHING)
    assert "a/going/deep: can't be read (no such file or directory); it is left out." in done.stderr
    assert "Session" not in (tree.parent / "o" / "x.py").read_text()


def test_the_current_folder_is_gone(tree: Path) -> None:
    driver = f"import os, shutil; shutil.rmtree({str(tree)!r})\nfrom tf_modernize.cli.__main__ import main\nmain()"
    done = run(".", cwd=tree, code=2, driver=driver)
    assert "the current folder: can't be used (no such file or directory)" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [["a"], ["a", "--diff"], ["a", "--report", "/dev/full", "--quiet"]])
def test_an_output_that_is_full(tree: Path, args: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "tf_modernize.cli", "upgrade", *args]
        done = subprocess.run(command, cwd=tree.parent, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and "(no space left on device)" in done.stderr and "Traceback" not in done.stderr
