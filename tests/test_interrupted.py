"""A run that ends while it writes: each file is old or new, whole; nothing of ours is left, or the next run takes it away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_modernize.cli import recovery

MAIN = """import tensorflow as tf
import net

x = tf.placeholder(tf.float32, [], name='x')
with tf.Session() as sess:
    print(sess.run(net.more(net.net(x)), {x: 2.0}))
"""
NET = "import tensorflow as tf\nimport deep\n\n\ndef net(x):\n    return tf.log(x)\n\n\ndef more(x):\n    return deep.more(x)\n"
DEEP = "import tensorflow as tf\n\n\ndef more(x):\n    return tf.log(x) + 1.0\n"
OTHER = "import tensorflow as tf\nprint(tf.Session().run(tf.log(2.0)))\n"
FILES = {"main.py": MAIN, "net.py": NET, "deep.py": DEEP, "zother.py": OTHER}
PROGRAM = {"main.py", "net.py", "deep.py"}

# Ends the run, or lets an operation fail, at the n-th time that one of our files is staged or replaced.
DRIVER = """
import errno, os, signal, sys
how, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
del sys.argv[1:4]
real = getattr(os, where)
seen = 0

def operation(*args):
    global seen
    if where == "fsync" or str(args[-1]).endswith(".py"):
        seen += 1
        if seen == count:
            if how == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.kill(os.getpid(), getattr(signal, how))
    return real(*args)

setattr(os, where, operation)
from tf_modernize.cli.__main__ import main
main()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(tree: Path, *driven: object, code: int = 0, limit: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", DRIVER, *map(str, driven)] if driven else ["-m", "tf_modernize.cli"]
    command = [sys.executable, *start, "upgrade", "--no-cache", ".", "--write"]
    if limit:
        command = ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh", *command]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files as an upgrade that nothing disturbs leaves them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    run(folder)
    found = {name: (folder / name).read_text() for name in FILES}
    assert all(found[name] != FILES[name] for name in FILES)
    return found


def written(tree: Path, new: dict[str, str]) -> set[str]:
    """The files that are new. The others must be as they were."""
    found = {name for name in FILES if (tree / name).read_text() == new[name]}
    assert all((tree / name).read_text() == FILES[name] for name in FILES.keys() - found)
    return found


def hidden(tree: Path) -> list[str]:
    return [name for name in os.listdir(tree) if name.startswith(".")]


@pytest.mark.parametrize(
    "name, code, where, count, done",
    [
        ("SIGINT", 130, "fsync", 2, set()),
        ("SIGINT", 130, "replace", 1, PROGRAM),
        ("SIGINT", 130, "replace", 3, PROGRAM),
        ("SIGINT", 130, "replace", 4, {*PROGRAM, "zother.py"}),
        ("SIGTERM", 143, "replace", 2, PROGRAM),
        ("SIGHUP", 129, "fsync", 1, set()),
    ],
)
def test_interrupted(
    tree: Path, new: dict[str, str], name: str, code: int, where: str, count: int, done: set[str]
) -> None:
    """Before the first file of a program is replaced nothing of it is; after that all of it is."""
    told = run(tree, name, where, count, code=code)
    assert written(tree, new) == done and not hidden(tree)
    if name == "SIGINT":
        assert told.stderr.strip() == "Interrupted: what was not yet written stays as it was."
    manifest = tree / "tf-modernize-manifest.json"
    listed = {path for one in json.loads(manifest.read_text())["programs"] for path in one["files"]} if done else set()
    assert listed == done, "the manifest tells of what was written"
    run(tree)
    assert written(tree, new) == set(FILES)


@pytest.mark.parametrize("where, count, at_once", [("fsync", 2, 0), ("replace", 2, 1), ("replace", 3, 2)])
def test_killed(tree: Path, new: dict[str, str], where: str, count: int, at_once: int) -> None:
    """What `kill -9` leaves is finished, or taken away, by the next run."""
    run(tree, "SIGKILL", where, count, code=-signal.SIGKILL)
    assert len(written(tree, new)) == at_once and hidden(tree)
    again = run(tree)
    assert written(tree, new) == set(FILES) and not hidden(tree)
    told = f"An earlier run was ended while it wrote; {3 - at_once} files that it had left are replaced now."
    assert (told in again.stderr) == bool(at_once)


def test_killed_and_then_changed(tree: Path, new: dict[str, str]) -> None:
    """A file that its user has changed since then is not replaced by what was made of the old one."""
    run(tree, "SIGKILL", "replace", 2, code=-signal.SIGKILL)
    (left,) = PROGRAM - written(tree, new) - {sorted(PROGRAM)[1]}
    (tree / left).write_text(FILES[left] + "# mine\n")
    run(tree)
    assert (tree / left).read_text().endswith("# mine\n") and not hidden(tree)


@pytest.mark.parametrize("where, count", [("fsync", 1), ("fsync", 3), ("replace", 1)])
def test_a_full_disk(tree: Path, new: dict[str, str], where: str, count: int) -> None:
    """One program is left whole, as it was; the other one is done."""
    done = run(tree, "full", where, count, code=2)
    assert "(no space left on device); it is left as it is, and so are the 2 files that belong with it." in done.stderr
    assert written(tree, new) == {"zother.py"} and not hidden(tree)
    assert "1 file written" in done.stdout


def test_files_that_may_not_grow(tree: Path, new: dict[str, str]) -> None:
    """The kernel's own refusal, in the middle of a file."""
    (tree / "main.py").write_text(MAIN + "# " + "long " * 2000 + "\n")
    done = run(tree, code=2, limit="2")
    assert "main.py: can't be written (file too large); it is left as it is" in done.stderr
    assert (tree / "net.py").read_text() == NET and (tree / "zother.py").read_text() == new["zother.py"]
    assert not hidden(tree)


def test_a_note_of_others_replaces_nothing(tmp_path: Path) -> None:
    """A note may come with a tree from anywhere: it reaches only the files that it lies above, and only with ours."""
    inside, outside = tmp_path / "a", tmp_path / "outside.py"
    inside.mkdir()
    outside.write_text("old")
    (inside / "mine.py").write_text("old")
    for name in (".x.1.tf-modernize", "x"):
        (inside / name).write_text("new")
    old, new = recovery._digest(outside), recovery._digest(inside / "x")
    files = [
        [str(inside / ".x.1.tf-modernize"), str(outside), old, new],
        [str(inside / "x"), str(inside / "mine.py"), old, new],
    ]
    for process in (os.getppid(), 2**22 + 1):
        (inside / recovery.NOTE).write_text(json.dumps({"process": process, "files": files}))
        assert recovery.finish(inside) == 0
    assert outside.read_text() == "old" and (inside / "mine.py").read_text() == "old"
    (inside / recovery.NOTE).write_text("{")
    assert recovery.finish(inside) == 0


def test_temporary_files_of_a_run_that_goes_on_stay(tmp_path: Path) -> None:
    running, ended = f".x.py.abc.{os.getppid()}.tf-modernize", f".x.py.abc.{2**22 + 1}.tf-modernize"
    for name in (running, ended, "notes.1.tf-modernize", ".x.tf-modernize"):
        (tmp_path / name).touch()
    recovery.clean([tmp_path, tmp_path / "gone"])
    assert set(os.listdir(tmp_path)) == {running, "notes.1.tf-modernize", ".x.tf-modernize"}


def test_interrupted_while_processes_work(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group of a terminal's processes, at whatever they are: no traceback, and none goes on."""
    for number in range(8):
        lines = (f"v{name} = tf.Variable({number}.0, name='v{name}')\n" for name in range(4000))
        (tmp_path / f"x{number}.py").write_text("import tensorflow as tf\n" + "".join(lines) + "tf.Session()\n")
    command = [sys.executable, "-m", "tf_modernize.cli", "upgrade", "--no-cache", ".", "-j2", "--quiet"]
    for delay in (0.6, 2.0):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (130, -signal.SIGINT) and "concurrent" not in errors, errors
        if process.returncode == 130:
            assert errors.strip() == "Interrupted: what was not yet written stays as it was."
