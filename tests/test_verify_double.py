"""Rounding is told from error by float64: on whole programs, and the judgement by itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.observers.doubling import written
from tf_modernize.harness.running import run_program
from tf_modernize.harness.verify import Options, Report, verify
from tf_modernize.harness.verify.double import RECORDS, _by_example, _chosen, _verdict
from tf_modernize.harness.verify.model import FORWARD, GRADIENTS, TRAINING, Comparison
from tf_modernize.harness.verify.tolerances import Tolerances

FIXTURES = Path(__file__).parents[1] / "fixtures"
QUICK = Options(steps=2, free_steps=0, least=0, seconds=120, locate=False)
BEFORE = """\
import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
w = tf.Variable([[0.3], [-1.2], [0.7]], name="w")
y = tf.matmul(x, w)
kept = tf.identity(y, name="kept")
scaled = tf.multiply(y, 2.0, name="scaled")
normal = tf.nn.lrn(tf.reshape(y, [-1, 1, 1, 1]), name="normal")

rows = np.random.RandomState(0).rand(6, 3)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for part in (rows, rows + 1):
        print(sess.run(kept, {x: part}))
        print(sess.run(scaled, {x: part}))
        print(sess.run(normal, {x: part}))
"""
# Grappler would fold constants.
CANCELS = "return kept + 2000.0 * tf.reduce_max(x) - 2000.0 * tf.reduce_max(x)"


def upgraded(folder: Path, source: str, *changes: tuple[str, str]) -> tuple[Path, Path]:
    """The old program and its upgrade, which is then changed."""
    old, new = folder / "old", folder / "new"
    old.mkdir()
    (old / "main.py").write_text(source)
    run(Request(paths=(str(old),), output=new, quiet=True))
    text = (new / "main.py").read_text()
    for before, after in changes:
        assert text.count(before) == 1, text
        text = text.replace(before, after)
    (new / "main.py").write_text(text)
    return old, new


def verified(options: Options, forks: Forks, old: Path, new: Path) -> Report:
    (report,) = verify(old, new, dataclasses.replace(options, run=forks.run))
    return report


def test_cancellation_is_rounding_a_small_error_is_not_and_an_op_without_float64_leaves_it_open(
    tmp_path: Path, forks: Forks
) -> None:
    old, new = upgraded(
        tmp_path,
        BEFORE,
        ("return kept", CANCELS),
        ("return scaled", "return scaled * 1.0001"),
        ("return normal", "return normal * 1.0001"),
    )
    report = verified(QUICK, forks, old, new)
    by_name = {one.name: one for one in report.comparisons if one.level == FORWARD and one.nth == 0}
    kept, scaled, normal = by_name["kept"], by_name["scaled"], by_name["normal"]
    assert not kept.equal and kept.rounding is True and kept.passed and "rounding" in kept.note
    assert kept.error > 1e-5
    assert scaled.rounding is False and "in float64 too" in scaled.note
    assert normal.rounding is None and not normal.passed and "LRN has no float64 kernel" in normal.note
    assert report.exit_code == 1


def test_only_rounding_is_proved(tmp_path: Path, forks: Forks) -> None:
    old, new = upgraded(tmp_path, BEFORE, ("return kept", CANCELS))
    report = verified(QUICK, forks, old, new)
    assert report.exit_code == 0
    told = next(level.told for level in report.levels if level.name == FORWARD)
    assert "equal in float64 only" in told
    assert len([one for one in report.comparisons if one.rounding]) == 2  # both executions


def test_batch_norms_gradients_and_updates_have_a_float64_form(tmp_path: Path, forks: Forks) -> None:
    """With tolerances that no float32 program meets, all but the moving variance (which lacks Bessel's factor) is rounding."""
    source = FIXTURES / "programs" / "batch_norm_over_images" / "before.py"
    old, new = upgraded(tmp_path, source.read_text())
    tight = Tolerances(rtol=1e-11, atol=1e-13, update=1e-12)
    report = verified(dataclasses.replace(QUICK, steps=1, tolerances=tight), forks, old, new)
    judged = [one for one in report.comparisons if one.level in (FORWARD, GRADIENTS, TRAINING) and not one.equal]
    assert {one.level for one in judged} == {FORWARD, GRADIENTS, TRAINING}
    for one in judged:
        if one.name.endswith("moving_variance"):
            assert one.rounding is False, one
        else:
            assert one.rounding is True, one


@pytest.fixture(scope="module")
def widened(tf2_python: str) -> dict[str, dict[str, Any]]:
    """What fixtures/graphs/widened.py says, by the names of its graphs."""
    run = run_program(tf2_python, FIXTURES / "graphs" / "widened.py", deterministic=False, timeout=120)
    assert run.succeeded, run.problem(20)
    found: dict[str, dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "name", ["loops 1", "loops 2", "optimizers 1", "optimizers 2", "images 1", "images 2", "LSTM", "GRU", "eager style"]
)
def test_a_graph_in_float64_computes_the_same(widened: dict[str, dict[str, Any]], name: str) -> None:
    assert widened[name]["off"] < 5e-6  # single precision leaves 1e-7 to 2e-6 here
    assert widened[name]["compared"] >= 3
    assert widened[name]["single"] == []


@pytest.mark.parametrize("name", ["narrow 1", "narrow 2"])
def test_what_has_no_float64_kernel_stays_in_float32_and_is_named(
    widened: dict[str, dict[str, Any]], name: str
) -> None:
    assert widened[name]["off"] < 5e-6  # single precision leaves 1e-7 to 2e-6 here
    assert widened[name]["single"] == ["Bitcast", "LRN", "ResizeBilinear"]


@pytest.mark.parametrize(
    ("name", "why"), [("python_function 1", "PyFunc"), ("table", "LookupTableFindV2 takes a resource")]
)
def test_what_lies_outside_of_the_graph_is_told(widened: dict[str, dict[str, Any]], name: str, why: str) -> None:
    assert why in widened[name]["refused"]


def comparison(nth: int = 0, error: float = 1e-3, execution: int = 1, **more: object) -> Comparison:
    one = Comparison(FORWARD, "y", 2 * nth, nth, execution, False, error, 1e-5, 1.0)
    return dataclasses.replace(one, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wide", "single", "verdict"),
    [
        (comparison(error=1e-15), (), True),
        (comparison(error=9e-7), (), True),  # a thousand times better
        (comparison(error=1e-3), (), False),
        (comparison(error=2e-5), (), None),  # better, but not that much
        (comparison(error=1e-3), ("LRN",), None),
        (comparison(error=1e-15), ("LRN",), True),  # both sides rounded alike
        (comparison(error=float("inf")), (), None),
    ],
)
def test_verdict(wide: Comparison, single: tuple[str, ...], verdict: bool | None) -> None:
    assert _verdict(comparison(), wide, comparison(), single)[0] is verdict


def test_a_float64_run_that_computes_something_else_has_no_say() -> None:
    rounding, note = _verdict(comparison(), comparison(error=1e-15), comparison(error=7.0), ())
    assert rounding is None
    assert "other values" in note


def test_the_first_of_each_place_and_the_worst_are_run() -> None:
    found = [comparison(nth, error) for nth, error in ((3, 1e-3), (1, 1e-4), (2, 5e-4))]
    found += [comparison(4, 1e-4, execution=7), comparison(0, 1e-3, execution=8, equal=True)]
    found += [comparison(0, float("inf"), execution=9), comparison(0, 0.0, execution=10, note="the shapes are")]
    assert _chosen(found) == [(1, 1), (7, 4), (1, 3)]
    assert len(_chosen([comparison(0, 1e-3, execution=number) for number in range(50)])) == RECORDS


def test_what_was_not_run_is_judged_by_what_differed_more() -> None:
    example = comparison(3, 1e-3, rounding=True, note="rounding: ...")
    smaller, larger, other = comparison(1, 1e-4), comparison(2, 1e-2), comparison(1, 1e-4, name="z")
    judged = _by_example([smaller, larger, example, other])
    assert [one.rounding for one in judged] == [True, None, True, None]
    error = dataclasses.replace(example, rounding=False)
    assert [one.rounding for one in _by_example([smaller, example, error])] == [None, True, False]


@pytest.mark.parametrize(
    ("held", "number"),
    [
        (0.1, 0.1),
        (1e-3, 1e-3),
        (-2.5, -2.5),
        (0.0, 0.0),
        (1 / 0.9, 1 / 0.9),
        (1 / 255, 1 / 255),
        (float("inf"), None),
        (0.1234567, None),
    ],
)
def test_the_number_that_was_written(held: float, number: float | None) -> None:
    single = float(np.float32(held))
    assert written(single) == (single if number is None else number)
