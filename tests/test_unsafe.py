"""--unsafe-fixes: what may not mean the same is written where it is asked for, and told each time."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tf_modernize.cli.__main__ import cli
from tf_modernize.codemods import engine
from tf_modernize.codemods.diagnostics import RULES, find
from tf_modernize.codemods.report import FileResult
from tf_modernize.codemods.symbols.unsafe import FIXES

PROGRAM = """import tensorflow as tf
from tensorflow.contrib import slim

x = tf.placeholder(tf.float32, {shape})
{made} = {value}
y = {result}

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(y, feed_dict={{x: read()}}))
"""


def image(value: str, comment: str = "") -> str:
    return PROGRAM.format(shape="[None, 8, 8, 3]", made="small", value=value + comment, result="tf.square(small)")


def weights(initializer: str) -> str:
    value = f'tf.get_variable("w", [2, 3], initializer={initializer})'
    return PROGRAM.format(shape="[None, 2]", made="w", value=value, result="tf.matmul(x, w)")


def division(value: str) -> str:
    return "import sys\n" + PROGRAM.format(shape="[]", made="z", value="tf.cast(x, sys.argv[1])", result=value)


def one(source: str, **options: Any) -> FileResult:
    result = engine.upgrade_program({"x.py": source.encode()}, engine.Options(**options))
    assert not engine.has_internal_error(result)
    return result.files["x.py"]


@pytest.mark.parametrize(
    ("source", "symbol", "written"),
    [
        (
            image("tf.image.resize_images(x, [4, 4], tf.image.ResizeMethod.BICUBIC, preserve_aspect_ratio=True)"),
            "resize-half-pixels",
            'tf.image.resize(x, [4, 4], preserve_aspect_ratio=True, method="bicubic")',
        ),
        (
            image("tf.image.resize_images(images=x, size=[4, 4], preserve_aspect_ratio=True, align_corners=False)"),
            "resize-half-pixels",
            "tf.image.resize(images=x, size=[4, 4], preserve_aspect_ratio=True)",
        ),
        (
            image("tf.image.resize_images(x, [4, 4], 1, False, True)"),
            "resize-half-pixels",
            'tf.image.resize(x, [4, 4], preserve_aspect_ratio=True, method="nearest")',
        ),
        (
            image("tf.image.resize_image_with_pad(x, 4, 6)"),
            "resize-half-pixels",
            "tf.image.resize_with_pad(x, 4, 6)",
        ),
        (division("tf.div(z, 2)"), "assumed-floats", "tf.divide(z, 2)"),
        (
            weights("tf.uniform_unit_scaling_initializer(seed=2)"),
            "initializer-scale",
            'tf.keras.initializers.VarianceScaling(seed=2, distribution="uniform")',
        ),
        (
            image("tf.image.sample_distorted_bounding_box([8, 8, 3], x[:, 0, :1, 0:4])[0]"),
            "unchecked-meaning",
            "tf.image.sample_distorted_bounding_box([8, 8, 3], x[:, 0, :1, 0:4])[0]",
        ),
    ],
)
def test_what_is_written(source: str, symbol: str, written: str) -> None:
    left = one(source)
    assert left.level == "compat"
    assert any(f"(--unsafe-fixes: {symbol})" in found.message for found in left.diagnostics)
    done = one(source, unsafe_fixes=True)
    assert done.level == "native" and written in (done.after or b"").decode()
    (found,) = done.diagnostics
    assert found.symbol == symbol and found.message.startswith("unsafe: ")
    assert found.line == (7 if "tf.div" in source else 5)
    again = one((done.after or b"").decode(), unsafe_fixes=True)
    assert again.after is None and ast.parse(done.after or b"")


@pytest.mark.parametrize(
    "source",
    [
        image("tf.image.resize_images(x, [4, 4], align_corners=True, preserve_aspect_ratio=True)"),
        image("tf.image.resize_images(x, [4, 4], method=chosen)"),
        image("tf.image.resize_images(x, [4, 4], tf.image.ResizeMethod.AREA, preserve_aspect_ratio=True)"),
        image("tf.image.resize_images(*[x, [4, 4]])"),
        division("tf.div(*[z, 2])"),
        weights("tf.uniform_unit_scaling_initializer(1.43)"),
    ],
)
def test_what_stays(source: str) -> None:
    for unsafe in (True, False):
        done = one(source, unsafe_fixes=unsafe)
        assert done.level != "native" and not any("unsafe" in found.message for found in done.diagnostics)


def test_resizing_by_area_is_as_it_was() -> None:
    done = one(image("tf.image.resize_images(x, [4, 4], tf.image.ResizeMethod.AREA)"))
    assert b"tf.raw_ops.ResizeArea(images=x, size=[4, 4])" in (done.after or b"") and not done.diagnostics


def test_the_compat_level_has_none() -> None:
    source = image("tf.image.resize_image_with_pad(x, 4, 6)")
    assert one(source, target="compat", unsafe_fixes=True).after == one(source, target="compat").after


@pytest.mark.parametrize(
    ("comment", "options"),
    [
        ("  # tf-modernize: ignore[TFM406]", {}),
        ("  # tf-modernize: ignore[resize-half-pixels]", {}),
        ("", {"ignored": {"x.py": {"TFM406"}}}),
    ],
)
def test_what_is_ignored_is_not_written(comment: str, options: Mapping[str, Any]) -> None:
    done = one(image("tf.image.resize_image_with_pad(x, 4, 6)", comment), unsafe_fixes=True, **options)
    assert done.level == "compat" and [found.symbol for found in done.diagnostics] == ["unit-left"]


def test_every_unsafe_fix_has_its_rule_and_the_other_way_round() -> None:
    symbols = {fix.symbol for fix in FIXES.values()} | {
        "unchecked-meaning",
        "mnist-read",
        "examples-left",
        "shuffle-order",
    }
    assert symbols == {rule.symbol for rule in RULES if rule.fix == "unsafe"}
    assert all(find(symbol) for symbol in symbols)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.py").write_text(image("tf.image.resize_image_with_pad(x, 4, 6)"))

    def output(*arguments: str) -> str:
        return CliRunner().invoke(cli, ["upgrade", "x.py", *arguments]).output

    for _ in range(2):  # the second time from the cache
        assert "compat.v1" in output() and "resize-half-pixels (TFM406) unsafe: " in output("--unsafe-fixes")
    (tmp_path / "pyproject.toml").write_text("[tool.tf-modernize]\nunsafe-fixes = true\n")
    assert "TFM406" in output() and "compat.v1" in output("--no-unsafe-fixes")
