"""The command: what it prints, writes, refuses, and the codes that it ends with."""

from __future__ import annotations

import gc
import json
import os
import stat
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tf_modernize.cli.__main__ import main

TF1 = """import tensorflow as tf

x = tf.placeholder(tf.float32, [], name='x')
with tf.Session() as sess:
    print(sess.run(x + 1.0, {x: 2.0}))
"""
TF2 = "import tensorflow as tf\n\n\n@tf.function\ndef add(x):\n    return tf.add( x,1 )\n"
PLAIN = "def twice(x):\n    return 2*x\n"


def run(*args: object, cwd: Path, stdin: bytes = b"", code: int = 0) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tf_modernize.cli", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout.decode(), done.stderr.decode())
    assert b"Traceback" not in done.stdout + done.stderr
    return done


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def valid(document: Path, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.read_bytes())
    described = json.loads((files("tf_modernize.codemods") / "schemas" / schema).read_text())
    jsonschema.Draft202012Validator(described).validate(found)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a TF1 program, a TF2 program, a module without TensorFlow and a data file."""
    folder = tmp_path / "a"
    (folder / "sub").mkdir(parents=True)
    (folder / "x.py").write_text(TF1)
    (folder / "sub" / "two.py").write_text(TF2)
    (folder / "plain.py").write_text(PLAIN)
    (folder / "sub" / "data.txt").write_bytes(b"\x00\xff data")
    return folder


def test_shows_a_diff_and_writes_nothing(tree: Path) -> None:
    before = snapshot(tree)
    done = run("upgrade", "a", cwd=tree.parent)
    assert b"--- a/a/x.py" in done.stdout and b"\n+" in done.stdout
    assert b"3 files" in done.stdout and b"Nothing was written" in done.stdout
    assert snapshot(tree.parent / "a") == before and list(tree.parent.iterdir()) == [tree]


def test_a_plain_diff_applies_and_all_else_is_on_stderr(tree: Path) -> None:
    diff = run("upgrade", "a", "--diff", cwd=tree.parent)
    assert diff.stdout.startswith(b"--- a/a/x.py\n+++ b/a/x.py\n@@ ") and b"3 files" in diff.stderr
    run("upgrade", "a", "--output", "o", cwd=tree.parent)
    subprocess.run(["git", "apply", "-p1", "-"], cwd=tree.parent, input=diff.stdout, check=True)
    assert (tree / "x.py").read_bytes() == (tree.parent / "o" / "x.py").read_bytes()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_plain_diff_keeps_line_ends(tmp_path: Path, newline: bytes) -> None:
    source = TF1.encode().replace(b"\n", newline).rstrip(newline)
    (tmp_path / "x.py").write_bytes(source)
    diff = run("upgrade", "x.py", "--diff", cwd=tmp_path).stdout
    run("upgrade", "x.py", "--output", "o", cwd=tmp_path)
    subprocess.run(["git", "apply", "-p1", "-"], cwd=tmp_path, input=diff, check=True)
    assert (tmp_path / "x.py").read_bytes() == (tmp_path / "o" / "x.py").read_bytes()


def test_write_replaces_only_what_changes(tree: Path) -> None:
    before = snapshot(tree)
    inode = (tree / "plain.py").stat().st_ino
    (tree / "x.py").chmod(0o750)
    run("upgrade", "a", "--write", cwd=tree.parent)
    after = snapshot(tree)
    assert after.pop("tf-modernize-manifest.json")
    assert {name for name in before if after[name] != before[name]} == {"x.py"}
    assert stat.S_IMODE((tree / "x.py").stat().st_mode) == 0o750
    assert (tree / "plain.py").stat().st_ino == inode


def test_a_second_run_changes_nothing(tree: Path) -> None:
    run("upgrade", "a", "--write", cwd=tree.parent)
    first = snapshot(tree)
    run("upgrade", "a", "--write", cwd=tree.parent)
    assert snapshot(tree) == first
    assert run("upgrade", "a", "--diff", cwd=tree.parent).stdout == b""


def test_output_of_a_file_and_of_a_folder(tree: Path) -> None:
    run("upgrade", "a/x.py", "--output", "one", cwd=tree.parent)
    run("upgrade", "a", "--output", "all", cwd=tree.parent)
    assert (tree.parent / "one" / "x.py").read_bytes() == (tree.parent / "all" / "x.py").read_bytes()
    assert set(snapshot(tree.parent / "one")) == {"x.py", "tf-modernize-manifest.json"}
    written = snapshot(tree.parent / "all")
    assert written["sub/data.txt"] == b"\x00\xff data" and written["sub/two.py"] == TF2.encode()
    assert set(written) == {*snapshot(tree), "tf-modernize-manifest.json"}


def test_output_inside_its_input_is_left_out_of_it(tree: Path) -> None:
    run("upgrade", ".", "--output", "out", cwd=tree)
    first = snapshot(tree / "out")
    run("upgrade", ".", "--output", "out", cwd=tree)
    assert snapshot(tree / "out") == first and not (tree / "out" / "out").exists()


def test_output_keeps_links_and_permissions(tree: Path) -> None:
    (tree / "link.py").symlink_to("x.py")
    (tree / "x.py").chmod(0o755)
    (tree / "empty").mkdir()
    run("upgrade", "a", "--output", "o", cwd=tree.parent)
    out = tree.parent / "o"
    assert os.readlink(out / "link.py") == "x.py" and (out / "empty").is_dir()
    assert stat.S_IMODE((out / "x.py").stat().st_mode) == 0o755


@pytest.mark.parametrize("source, code", [(TF1, 1), (TF2, 0), (PLAIN, 0)])
def test_check(tmp_path: Path, source: str, code: int) -> None:
    (tmp_path / "x.py").write_text(source)
    run("upgrade", "x.py", "--check", cwd=tmp_path, code=code)
    assert (tmp_path / "x.py").read_text() == source


def test_check_of_what_is_still_graph_mode(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(TF1)
    run("upgrade", "x.py", "--target", "compat", "--write", cwd=tmp_path)
    run("upgrade", "x.py", "--target", "compat", "--check", cwd=tmp_path)


def test_stdin(tmp_path: Path) -> None:
    done = run("upgrade", "-", cwd=tmp_path, stdin=TF1.encode())
    (tmp_path / "x.py").write_text(TF1)
    run("upgrade", "x.py", "--output", "o", cwd=tmp_path)
    assert done.stdout == (tmp_path / "o" / "x.py").read_bytes()
    assert run("upgrade", "-", cwd=tmp_path, stdin=PLAIN.encode()).stdout == PLAIN.encode()
    diff = run("upgrade", "-", "--stdin-filename", "lib/net.py", "--diff", cwd=tmp_path, stdin=TF1.encode()).stdout
    assert diff.startswith(b"--- a/lib/net.py\n")
    broken = run(
        "upgrade", "-", "--stdin-filename", "net.py", cwd=tmp_path, stdin=b"import tensorflow as tf\nx = (", code=2
    )
    assert broken.stdout == b"import tensorflow as tf\nx = (" and b"net.py:2: " in broken.stderr


BROKEN = {
    "it is Python 2 source": b"import tensorflow as tf\nprint 'loss', 1\n",
    "it can't be parsed": b"import tensorflow as tf\nx = (1,\n",
    "it is not utf-8": b"import tensorflow as tf\nx = '\xe9'\n",
    "its encoding declaration is wrong": b"# coding: nonsense\nimport tensorflow as tf\n",
    "NUL bytes": "import tensorflow as tf\n".encode("utf-16-le"),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_cannot_be_parsed_gets_a_sentence_and_the_others_are_done(tree: Path, sentence: str) -> None:
    (tree / "broken.py").write_bytes(BROKEN[sentence])
    done = run("upgrade", "a", "--output", "o", "--report", "r.json", cwd=tree.parent, code=2)
    assert sentence in done.stderr.decode() and "a/broken.py" in done.stderr.decode()
    assert (tree.parent / "o" / "broken.py").read_bytes() == BROKEN[sentence]
    assert (tree.parent / "o" / "x.py").read_text() != TF1
    report = valid(tree.parent / "r.json", "report-1.json")
    found = {one["path"]: one for program in report["programs"] for one in program["files"]}
    assert found["broken.py"]["error"] and found["broken.py"]["diagnostics"][0]["code"].startswith("TFM9")


def test_links_to_nothing_and_out_of_the_tree(tree: Path) -> None:
    outside = tree.parent / "outside.py"
    outside.write_text(TF1)
    (tree / "gone.py").symlink_to("nowhere.py")
    (tree / "out.py").symlink_to(outside)
    done = run("upgrade", "a", "--write", cwd=tree.parent, code=2)
    assert b"gone.py: is a symbolic link to nothing" in done.stderr
    assert b"out.py: is a symbolic link out of the folder" in done.stderr
    assert outside.read_text() == TF1 and (tree / "x.py").read_text() != TF1


def test_a_link_that_is_named_is_written_through(tree: Path) -> None:
    (tree.parent / "link.py").symlink_to(tree / "x.py")
    run("upgrade", "link.py", "--write", cwd=tree.parent)
    assert (tree.parent / "link.py").is_symlink() and (tree / "x.py").read_text() != TF1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_files_without_permission(tree: Path) -> None:
    (tree / "secret.py").write_text(TF1)
    (tree / "secret.py").chmod(0)
    (tree / "fixed.py").write_text(TF1)
    (tree / "fixed.py").chmod(0o444)
    done = run("upgrade", "a", "--write", cwd=tree.parent, code=2)
    assert b"secret.py: can't be read (permission denied)" in done.stderr
    assert b"fixed.py: is write protected" in done.stderr
    assert (tree / "fixed.py").read_text() == TF1 and (tree / "x.py").read_text() != TF1


def test_a_folder_in_the_place_of_an_output_file(tree: Path) -> None:
    (tree.parent / "o" / "x.py").mkdir(parents=True)
    done = run("upgrade", "a", "--output", "o", cwd=tree.parent, code=2)
    assert b"x.py: can't be written (is a directory)" in done.stderr
    assert (tree.parent / "o" / "plain.py").read_text() == PLAIN


def test_gitignore_hidden_folders_and_environments_are_respected(tree: Path) -> None:
    for folder in ("ignored", ".hidden", "env", "kept"):
        (tree / folder).mkdir()
        (tree / folder / "x.py").write_text(TF1)
    (tree / "env" / "pyvenv.cfg").touch()
    (tree / ".gitignore").write_text("ignored/\nkept/*\n!kept/x.py\nsub/three.py\n")
    (tree / "sub" / "three.py").write_text(TF1)
    shown = run("upgrade", "a", "--diff", cwd=tree.parent).stdout.decode()
    changed = {line[6:] for line in shown.splitlines() if line.startswith("+++ b/")}
    assert changed == {"a/x.py", "a/kept/x.py"}
    named = run("upgrade", "a/ignored/x.py", "--diff", cwd=tree.parent).stdout
    assert b"+++ b/a/ignored/x.py" in named
    run("upgrade", "a", "--output", "o", cwd=tree.parent)
    assert (tree.parent / "o" / "ignored" / "x.py").read_text() == TF1 and not (tree.parent / "o" / "env").exists()


def test_an_ignored_folder_that_is_named_is_upgraded(tree: Path) -> None:
    (tree.parent / ".git").mkdir()
    (tree.parent / ".gitignore").write_text("/a/\n*.tmp.py\n")
    (tree / "other.tmp.py").write_text(TF1)
    assert b"+++ b/x.py" in run("upgrade", ".", "--diff", cwd=tree).stdout
    assert run("upgrade", ".", "--diff", cwd=tree.parent).stdout == b""


@pytest.mark.parametrize(
    "args, sentence",
    [
        (["nowhere.py"], "There is no nowhere.py"),
        (["a", "--write", "--output", "o"], "exclude each other"),
        (["a", "--check", "--write"], "--check writes nothing"),
        (["a", "--output", "a"], "write over its input"),
        (["-", "--write"], "goes alone"),
        (["a", "--stdin-filename", "x.py"], "for the path `-`"),
        (["a", "b", "--output", "o"], "both be written to x.py"),
        (["a", "--target", "tf3"], "tf3"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage(tree: Path, args: list[str], sentence: str) -> None:
    (tree.parent / "b").mkdir()
    (tree.parent / "b" / "x.py").write_text(TF1)
    before = snapshot(tree.parent)
    assert sentence in run("upgrade", *args, cwd=tree.parent, code=2).stderr.decode()
    assert snapshot(tree.parent) == before


def test_report_and_manifest_follow_their_schemas(tree: Path) -> None:
    run("upgrade", "a", "--output", "o", "--report", "r.json", cwd=tree.parent)
    report = valid(tree.parent / "r.json", "report-1.json")
    assert report["root"] == "a"
    found = {one["path"]: one for program in report["programs"] for one in program["files"]}
    assert set(found) == {"x.py", "sub/two.py"} and found["sub/two.py"]["level"] == "tf2"
    names = {(one["name"], one["line"]) for one in found["x.py"]["names"]}
    assert {("placeholder", 3), ("float32", 3), ("Session", 4)} <= names
    manifest = valid(tree.parent / "o" / "tf-modernize-manifest.json", "manifest-1.json")
    assert (manifest["old_root"], manifest["new_root"]) == ("../a", ".")
    assert [program["files"] for program in manifest["programs"]] == [["x.py"]]


def test_a_report_to_a_device_and_through_a_link(tree: Path) -> None:
    done = run("upgrade", "a", "--report", "/dev/stdout", "--quiet", cwd=tree.parent)
    assert json.loads(done.stdout)["report_version"] == 1 and Path("/dev/stdout").is_symlink()
    (tree.parent / "link.json").symlink_to("r.json")
    run("upgrade", "a", "--report", "link.json", cwd=tree.parent)
    assert (tree.parent / "link.json").is_symlink() and valid(tree.parent / "r.json", "report-1.json")


def test_a_manifest_is_kept_by_later_runs(tree: Path) -> None:
    run("upgrade", "a", "--write", cwd=tree.parent)
    first = valid(tree / "tf-modernize-manifest.json", "manifest-1.json")
    (tree / "y.py").write_text(TF1.replace("'x'", "'y'"))
    run("upgrade", "a", "--write", cwd=tree.parent)
    second = valid(tree / "tf-modernize-manifest.json", "manifest-1.json")
    assert first["programs"][0] in second["programs"]
    assert [program["files"] for program in second["programs"]] == [["x.py"], ["y.py"]]
    assert second["files"][0] == first["files"][0]


def test_a_tree_without_tensorflow_1_gets_no_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(TF2)
    run("upgrade", ".", "--write", cwd=tmp_path)
    assert snapshot(tmp_path) == {"x.py": TF2.encode()}


def test_half_a_program_is_told(tree: Path) -> None:
    (tree / "net.py").write_text(TF1)
    (tree / "x.py").write_text("from net import x\nimport plain\n" + TF1)
    alone = run("upgrade", "a/x.py", cwd=tree.parent).stdout.decode()
    assert "partial-program" in alone and "a/net.py" in alone and "plain.py" not in alone
    assert "1 file: 1 compat" in alone, "what the other file does to the graph is unknown"
    assert "partial-program" not in run("upgrade", "a/x.py", "a/net.py", cwd=tree.parent).stdout.decode()


def test_quiet_and_verbose(tree: Path) -> None:
    quiet = run("upgrade", "a", "--output", "o", "--quiet", cwd=tree.parent)
    assert quiet.stdout == quiet.stderr == b""
    verbose = run("upgrade", "a", "--output", "o", "--verbose", cwd=tree.parent).stdout.decode()
    assert "a/sub/two.py: tf2: " in verbose


def test_processes_give_the_same_result(tree: Path) -> None:
    for number in range(4):
        (tree / f"more{number}.py").write_text(TF1.replace("2.0", f"{number}.0"))
    run("upgrade", "a", "--output", "serial", "-j1", cwd=tree.parent)
    run("upgrade", "a", "--output", "spread", "-j2", cwd=tree.parent)
    assert snapshot(tree.parent / "serial") == snapshot(tree.parent / "spread")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_text(TF1)
    run("upgrade", ".", "--output", tmp_path / "o", "--report", "r.json", "--verbose", cwd=tmp_path)
    assert (tmp_path / "o" / name).exists()


def test_help_is_light(tmp_path: Path) -> None:
    times: list[float] = []
    for _ in range(5):
        started = os.times()
        done = run("--help", cwd=tmp_path)
        ended = os.times()
        times.append(ended.children_user + ended.children_system - started.children_user - started.children_system)
    assert b"upgrade" in done.stdout
    assert min(times) < 0.15, times


def test_help_loads_only_click(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "tf_modernize.cli", "upgrade", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"rich", "libcst", "pathspec", "tf_modernize.codemods.engine", "numpy", "tensorflow"}


def test_an_interrupted_reader_is_no_error(tree: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tf_modernize.cli", "upgrade", "a", "--diff"],
        cwd=tree.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    errors = process.stderr.read()
    process.wait(timeout=60)
    assert b"Traceback" not in errors and b"BrokenPipe" not in errors


def test_an_error_of_ours_is_a_sentence(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("tf_modernize.cli.run.collect", fails)
    monkeypatch.setattr(sys, "argv", ["tf-modernize", "upgrade", str(tree)])
    with pytest.raises(SystemExit) as ended:
        main()
    gc.unfreeze()
    assert ended.value.code == 2 and "Internal error: RuntimeError: out of luck" in capsys.readouterr().err
