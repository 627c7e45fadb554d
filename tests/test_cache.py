"""The cache of results: what has not changed is not read again, and comes out the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tf_modernize.cli.upgrade import upgrade
from tf_modernize.codemods import engine

SCRIPT = """import tensorflow as tf
from helper import SIZE

x = tf.placeholder(tf.float32, [SIZE], name="x")
with tf.Session() as sess:
    print(sess.run(x * NUMBER.0, {x: [1.0, 2.0]}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two programs that share a helper without TensorFlow."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in "12":
        (folder / f"program{number}.py").write_text(SCRIPT.replace("NUMBER", number))
    (folder / "helper.py").write_text("SIZE = 2\n")
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The programs that were read, in order."""
    found: list[tuple[str, ...]] = []
    original = engine.upgrade_program

    def noted(files, *args):  # type: ignore[no-untyped-def]
        found.append(tuple(files))
        return original(files, *args)

    monkeypatch.setattr(engine, "upgrade_program", noted)
    return found


def run(tree: Path, *arguments: str) -> dict[str, bytes]:
    """All that an upgrade writes, what it prints included."""
    output = tree.parent / "output"
    report = tree.parent / "report.json"
    result = CliRunner().invoke(upgrade, [str(tree), "--output", str(output), "--report", str(report), *arguments])
    assert result.exit_code == 0, result.output
    written = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    return {**written, "": result.stdout_bytes, "report": report.read_bytes()}


def test_a_second_run_reads_nothing(tree: Path, read: list[tuple[str, ...]]) -> None:
    first = run(tree)
    assert read == [("program1.py",), ("program2.py",)]
    assert run(tree) == first
    assert len(read) == 2


def test_only_the_program_that_changed_is_read(tree: Path, read: list[tuple[str, ...]]) -> None:
    first = run(tree)
    changed = tree / "program2.py"
    changed.write_text(changed.read_text().replace("2.0, {", "3.0, {"))
    second = run(tree)
    assert read[2:] == [("program2.py",)]
    assert second["program1.py"] == first["program1.py"] and b"x * 3.0" in second["program2.py"]


def test_a_helper_that_changed_is_read_again(tree: Path, read: list[tuple[str, ...]]) -> None:
    """What a module without TensorFlow binds goes into the result, so that its programs depend on it."""
    run(tree)
    (tree / "helper.py").write_text("SIZE = 3\n")
    run(tree)
    assert read[2:] == [("program1.py",), ("program2.py",)]


def test_options_have_results_of_their_own(tree: Path, read: list[tuple[str, ...]]) -> None:
    native = run(tree)
    compat = run(tree, "--target", "compat")
    assert len(read) == 4 and b"compat.v1" in compat["program1.py"]
    assert run(tree) == native and len(read) == 4


def test_no_cache(tree: Path, read: list[tuple[str, ...]], own_cache: Path) -> None:
    run(tree, "--no-cache")
    run(tree, "--no-cache")
    assert len(read) == 4 and not own_cache.exists()


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "foreign", "folder"])
def test_damaged_entries_are_ignored(tree: Path, read: list[tuple[str, ...]], own_cache: Path, damage: str) -> None:
    first = run(tree)
    for path in own_cache.iterdir():
        data = path.read_bytes()
        path.unlink()
        if damage == "folder":
            path.mkdir()
        elif damage == "foreign":
            path.write_bytes(b"cos\nsystem\n(S'touch " + os.fsencode(tree / "harm") + b"'\ntR.")
        else:
            path.write_bytes({"empty": b"", "cut": data[:-9], "changed": data[:-1] + b"?"}[damage])
    assert run(tree) == first
    assert len(read) == 4 and not (tree / "harm").exists()


def test_a_result_of_foreign_classes_is_refused(tree: Path, read: list[tuple[str, ...]], own_cache: Path) -> None:
    """Even with a digest that fits, nothing but results comes out of an entry."""
    import hashlib
    import zlib

    first = run(tree)
    for path in own_cache.iterdir():
        data = zlib.compress(b"cos\nsystem\n(S'touch " + os.fsencode(tree / "harm") + b"'\ntR.")
        path.write_bytes(hashlib.sha256(data).digest() + data)
    assert run(tree) == first
    assert not (tree / "harm").exists()


def test_a_folder_that_can_not_be_written_is_no_matter(tree: Path, own_cache: Path) -> None:
    own_cache.parent.mkdir(exist_ok=True)
    own_cache.write_text("a file where the folder would be")
    assert run(tree) == run(tree, "--no-cache")


def test_internal_errors_are_not_kept(tree: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    def broken(files, *args):  # type: ignore[no-untyped-def]
        return engine.given_up(files, "internal error in this program: out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(engine, "upgrade_program", broken)
        CliRunner().invoke(upgrade, [str(tree), "--check"])
    assert not own_cache.exists()
    assert b"tf.function" in run(tree)["program1.py"]
