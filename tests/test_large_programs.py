"""Programs of which not every syntax tree stays in memory: they come out as small ones do, and their trees do go."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from tf_modernize.codemods import engine
from tf_modernize.codemods.names import resolve
from tf_modernize.codemods.names.walk import exports_of
from tf_modernize.codemods.parse import parse

PROGRAMS = Path(__file__).parent.parent / "fixtures" / "programs"
# Native ones, of several files, and such as stay in graph mode or as they are.
NAMES = (
    "in_two_files",
    "part_of_what_a_function_gives",
    "project_of_three_files",
    "chosen_by_condition",
    "crf_tagger",
    "layers_in_loops",
    "other_spellings",
)
LIBRARY = {
    "library/__init__.py": b"",
    "library/compat.py": b"import tensorflow as tf\n",
    "library/layers.py": b"from .compat import tf\n\n\ndef dense(x):\n    return tf.layers.dense(x, 3)\n",
    "library/crf.py": b"from library.compat import tf\n\n\ndef f(x):\n    return tf.contrib.training.HParams(a=x)\n",
    "library/train.py": b"from . import layers\nfrom .compat import tf\n\nx = tf.placeholder(tf.float32, [None, 2])\n"
    b"y = layers.dense(x)\n\n\ndef main(_):\n    with tf.Session() as sess:\n        run(sess)\n\n\ndef run(sess):\n"
    b"    print(sess.graph.as_graph_def())\n    print(xrange(3))\n\n\ntf.app.run()\n",
}


def same(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> list[engine.ProgramResult]:
    """What becomes of files, which must be the same with every tree kept and with none."""
    kept = engine.upgrade(files)
    monkeypatch.setattr(engine, "KEPT", 0)
    assert engine.upgrade(files) == kept
    return kept


@pytest.mark.parametrize("name", NAMES)
def test_programs_come_out_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = PROGRAMS / name
    same({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}, monkeypatch)


def test_a_library_comes_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = same(LIBRARY, monkeypatch)
    assert result.level == "compat"
    changed = {path: one.after for path, one in result.files.items() if one.after}
    assert b"TF_USE_LEGACY_KERAS" in changed["library/compat.py"]
    assert any("xrange" in told.message for told in result.files["library/train.py"].diagnostics)


def test_some_trees_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = engine.upgrade(LIBRARY)
    monkeypatch.setattr(engine, "KEPT", 100)
    assert engine.upgrade(LIBRARY) == kept


def test_a_tree_goes_and_comes_back() -> None:
    module = parse(b"import tensorflow as tf\nx = tf.zeros([1])\n", "m.py", "m", kept=False)
    names = resolve(module)
    tree = weakref.ref(module.tree)
    exports = exports_of(module)
    assert [use.name for use in names.uses] == ["zeros"]
    del names
    gc.disable()
    try:
        module.release()
        assert tree() is None  # without the cycle collector
    finally:
        gc.enable()
    assert exports_of(module) is exports
    assert len(module.tree.body) == 2 and module.starts == [0, 24, 42]


def test_a_kept_tree_stays() -> None:
    module = parse(b"x = 1\n", "m.py", "m")
    tree = module.tree
    module.release()
    assert module.tree is tree
