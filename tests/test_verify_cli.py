"""`tf-modernize verify`: what it prints, writes and refuses, and the codes that it ends with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

OLD = """import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 2], name="x")
w = tf.Variable([[0.5], [-0.25]], name="w")
product = tf.matmul(x, w)
scaled = product * 3.0
loss = tf.reduce_mean(tf.square(scaled - 1.0))
train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(4):
        data = np.full([3, 2], 0.5 + step, np.float32)
        _, value = sess.run([train_op, loss], feed_dict={x: data})
        print("loss %.4f" % value)
"""


def run(*args: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tf_modernize.cli", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def valid(document: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found: dict[str, Any] = json.loads(document, parse_constant=refuse)
    described = json.loads((files("tf_modernize.harness") / "schemas" / "verify-1.json").read_text())
    jsonschema.Draft202012Validator(described).validate(found)
    return found


@dataclass(frozen=True)
class Pair:
    """A folder with a program in `old` and its native form in `new`."""

    folder: Path
    python: str

    def verify(self, *options: object, code: int) -> subprocess.CompletedProcess[str]:
        return run("verify", "old", "new", "--python", self.python, *options, cwd=self.folder, code=code)


@pytest.fixture
def pair(tmp_path: Path, tf2_python: str) -> Pair:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.py").write_text(OLD)
    run("upgrade", "old", "--output", "new", "-q", cwd=tmp_path)
    return Pair(tmp_path, tf2_python)


def test_a_right_rewrite_is_proved(pair: Pair) -> None:
    done = pair.verify("--json", "-", code=0)
    report = valid(done.stdout)
    assert (report["exit_code"], report["error"], len(report["programs"])) == (0, None, 1)
    states = {level["name"]: level["state"] for level in report["programs"][0]["levels"]}
    assert states["forward equal"] == states["gradients equal"] == states["training steps equal"] == "passed"
    assert report["programs"][0]["settings"]["tolerances"]["rtol"] == 1e-6
    assert "training steps equal" in done.stderr and "Proved" in done.stderr
    assert "rtol 1e-06" in done.stderr


def test_a_wrong_rewrite_is_shown_where_it_is_wrong(pair: Pair) -> None:
    new = pair.folder / "new" / "train.py"
    text = new.read_text()
    assert "product * 3.0" in text
    new.write_text(text.replace("product * 3.0", "product * 3.01"))
    done = pair.verify("--json", "r.json", "--html", "deep/r.html", "--free-run", "2", code=1)
    assert "First difference at execution 1" in done.stdout
    assert "product * 3.0\n" in done.stdout and "product * 3.01\n" in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("Different")
    report = valid((pair.folder / "r.json").read_text())
    assert report["exit_code"] == 1
    assert report["programs"][0]["first"]["what"] == "scaled"
    page = (pair.folder / "deep" / "r.html").read_text()
    assert "product * 3.01" in page and "first difference" in page


def test_a_program_that_fails_is_not_proved(pair: Pair) -> None:
    new = pair.folder / "new" / "train.py"
    new.write_text("import nowhere_to_be_found\n" + new.read_text())
    done = pair.verify("--quiet", "--json", "r.json", code=2)
    assert done.stdout.startswith("Not proved: ") and "No module named 'nowhere_to_be_found'" in done.stdout
    assert "nowhere_to_be_found" in (pair.folder / "r.json").read_text()


# --- what could not be run, without TensorFlow ------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    (tmp_path / "old.py").write_text(OLD)
    (tmp_path / "new.py").write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--memory", "lots"], "--memory: lots is not a size"),
        (["--memory", "0"], "--memory: 0 is not a size"),
        (["--python", "no-such-python"], "--python: there is no program no-such-python"),
        (["--tf1-python", "./no-such-python"], "--tf1-python: there is no program ./no-such-python"),
        (["--env", "SURELY_NOT_SET_HERE"], "SURELY_NOT_SET_HERE is not set here"),
        (["--env", "=x"], "is not NAME or NAME=VALUE"),
        (["--steps", "0"], "--steps"),
        (["--with", "nothing.csv"], "nothing.csv"),
        (["--rtol", "tight"], "--rtol"),
    ],
)
def test_wrong_usage_is_a_sentence(bare: Path, options: list[str], told: str) -> None:
    assert told in run("verify", "old.py", "new.py", *options, cwd=bare, code=2).stderr


def test_without_a_manifest_nothing_is_proved(bare: Path) -> None:
    arguments = ("--python", sys.executable, "--json", "r.json", "--html", "r.html", "--memory", "1.5g")
    done = run("verify", "old.py", "new.py", *arguments, cwd=bare, code=2)
    assert "tf-modernize-manifest.json" in done.stderr and "--manifest" in done.stderr
    assert done.stdout == ""
    report = valid((bare / "r.json").read_text())
    assert (report["exit_code"], report["programs"]) == (2, [])
    assert "tf-modernize-manifest.json" in report["error"]
    assert "tf-modernize-manifest.json" in (bare / "r.html").read_text()


def test_a_report_that_cant_be_written_ends_with_2(bare: Path) -> None:
    done = run("verify", "old.py", "new.py", "--python", sys.executable, "--html", "new.py/r.html", cwd=bare, code=2)
    assert "new.py/r.html can't be written" in done.stderr


def test_a_missing_file_is_named(bare: Path) -> None:
    done = run("verify", "gone.py", "new.py", "--python", sys.executable, cwd=bare, code=2)
    assert "gone.py is not there" in done.stderr


@pytest.mark.parametrize("missing", ["numpy", "tensorflow"])
def test_without_the_extra_it_is_named(bare: Path, missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['tf-modernize', 'verify', 'old.py', 'new.py']; "
        "from tf_modernize.cli.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "pip install tf-modernize[verify]" in done.stderr and "Traceback" not in done.stderr


def test_help_imports_nothing_heavy(bare: Path) -> None:
    code = (
        "import sys; sys.argv = ['tf-modernize', 'verify', '--help']\n"
        "from tf_modernize.cli.__main__ import main\n"
        "try:\n    main()\nfinally:\n    print([one for one in ('rich', 'numpy', 'tensorflow', 'libcst') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("[]"), done.stdout + done.stderr
    assert "--tf1-python" in done.stdout


# --- the end of the command, before that of the program ---------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="the signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_program_too(tmp_path: Path, number: int) -> None:
    """What `timeout` and CI send; neither the program nor a temporary folder stays."""
    (tmp_path / "temporary").mkdir()
    waits = "import os\nimport time\nopen(os.environ['STARTED'], 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    (tmp_path / "old.py").write_text(waits + OLD)
    run("upgrade", "old.py", "--output", "new", "-q", cwd=tmp_path)
    command = [sys.executable, "-m", "tf_modernize.cli", "verify", "old.py", "new/old.py", "--env", "STARTED=started"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    verify = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    program = _number(tmp_path / "temporary", verify)
    verify.send_signal(number)
    _, told = verify.communicate(timeout=60)
    assert verify.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert b"Traceback" not in told
    assert list((tmp_path / "temporary").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)


def _number(folder: Path, verify: subprocess.Popen[bytes]) -> int:
    """The number of the process that writes it below the folder."""
    while True:
        text = "".join(file.read_text() for file in folder.glob("*/work/started"))
        if text:
            return int(text)
        assert verify.poll() is None
        time.sleep(0.05)
