"""From TF1 values to new ones: gates, splits, parts, signs, counts of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tf_modernize.harness.checkpoints.cells import Cell, Kind, parts, with_forget_bias
from tf_modernize.harness.checkpoints.transformations import (
    TransformationError,
    assemble,
    for_slot,
    shape_after,
    steps_of,
    to_new,
)


def cell(kind: Kind, forget_bias: float = 0.0) -> Cell:
    return Cell("rnn/cell", kind, 3, 2, forget_bias, {})


def whole(cell: Cell, leaves: dict[str, Any], part: str) -> Any:
    """One of the Keras cell's values from all of the old ones."""
    given = [(to_new(leaves[leaf], one.transformation, one.details), one.details)
             for leaf in leaves for one in parts(cell, leaf) if one.part == part]  # fmt: skip
    return assemble(given)


def test_an_lstm_kernel_is_split_by_rows_and_its_gates_reordered() -> None:
    i, j, f, o = (np.full([5, 2], value, np.float32) for value in (1, 2, 3, 4))
    kernel = np.concatenate([i, j, f, o], 1) + np.arange(5, dtype=np.float32)[:, None] / 10
    new = {one.part: to_new(kernel, one.transformation, one.details) for one in parts(cell("lstm"), "kernel")}
    assert new["kernel"].shape == (3, 8) and new["recurrent_kernel"].shape == (2, 8)
    np.testing.assert_allclose(new["kernel"][:, ::2], [[1, 3, 2, 4], [1.1, 3.1, 2.1, 4.1], [1.2, 3.2, 2.2, 4.2]])
    np.testing.assert_allclose(new["recurrent_kernel"][1, ::2], [1.4, 3.4, 2.4, 4.4])


def test_the_forget_bias_is_added_to_values_and_not_to_slots() -> None:
    bias = np.array([1, 1, 2, 2, 3, 3, 4, 4], np.float32)
    (one,) = parts(with_forget_bias(cell("lstm"), 0.5), "bias")
    np.testing.assert_array_equal(to_new(bias, one.transformation, one.details), [1, 1, 3.5, 3.5, 2, 2, 4, 4])
    np.testing.assert_array_equal(to_new(bias, "gates", for_slot(one.details)), [1, 1, 3, 3, 2, 2, 4, 4])
    np.testing.assert_array_equal(to_new(bias, "gates", for_slot(one.details, -2.0)), [-2, -2, -6, -6, -4, -4, -8, -8])


def test_a_gru_is_put_together_from_gates_and_candidate() -> None:
    leaves = {
        "gates/kernel": np.concatenate([np.full([5, 2], 1.0), np.full([5, 2], 2.0)], 1),
        "candidate/kernel": np.full([5, 2], 3.0),
        "gates/bias": np.array([1.0, 1.0, 2.0, 2.0]),
        "candidate/bias": np.array([3.0, 3.0]),
    }
    np.testing.assert_array_equal(whole(cell("gru"), leaves, "kernel"), [[2, 2, 1, 1, 3, 3]] * 3)
    np.testing.assert_array_equal(whole(cell("gru"), leaves, "recurrent_kernel"), [[2, 2, 1, 1, 3, 3]] * 2)
    np.testing.assert_array_equal(whole(cell("gru"), leaves, "bias"), [2, 2, 1, 1, 3, 3])


def test_a_cudnn_gru_has_two_biases() -> None:
    leaves = {
        "gates/bias": np.array([1.0, 1.0, 2.0, 2.0]),
        "candidate/input_projection/bias": np.array([3.0, 3.0]),
        "candidate/hidden_projection/bias": np.array([4.0, 4.0]),
    }
    new = whole(cell("cudnn-gru"), leaves, "bias")
    np.testing.assert_array_equal(new, [[2, 2, 1, 1, 3, 3], [0, 0, 0, 0, 4, 4]])


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwriting_gives_the_same_and_spares_a_copy(overwrite: bool) -> None:
    value = np.random.default_rng(0).standard_normal([7, 12], np.float32)
    details = {"rows": [2, 7], "order": [0, 2, 1, 3], "forget_bias": 1.0, "forget_block": 1, "scale": -0.5}
    expected = value[2:7].reshape(5, 4, 3)[:, [0, 2, 1, 3]].copy()
    expected[:, 1] += 1
    kept = value.copy()
    new = to_new(value, "gates", details, overwrite=overwrite)
    np.testing.assert_array_equal(new, -0.5 * expected.reshape(5, 12))
    assert np.shares_memory(new, value) == overwrite
    if not overwrite:
        np.testing.assert_array_equal(value, kept)


@pytest.mark.parametrize(
    "shape, transformation, details",
    [
        ((4, 6), "none", {}),
        ((4, 6), "split", {"rows": [1, 3]}),
        ((4, 6), "transpose", {}),
        ((2, 3, 4), "transpose", {"axes": [2, 0, 1]}),
        ((), "none", {"dtype": "int64"}),
    ],
)
def test_shapes_are_known_beforehand(shape: tuple[int, ...], transformation: str, details: dict[str, Any]) -> None:
    assert to_new(np.zeros(shape), transformation, details).shape == shape_after(shape, transformation, details)


def test_momentum_changes_its_sign_by_a_rate_that_is_known() -> None:
    np.testing.assert_allclose(to_new(np.ones(2), "negative-lr", {"learning_rate": 0.1}), [-0.1, -0.1])
    with pytest.raises(TransformationError, match="known only at run time"):
        to_new(np.ones(2), "negative-lr", {"learning_rate": "FLAGS.rate"})


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("steps", [0, 1, 7, 100])
def test_steps_are_told_by_adams_powers(beta: float, steps: int) -> None:
    power = np.float32(1.0)
    for _ in range(steps + 1):
        power = np.float32(power * np.float32(beta))
    assert steps_of(float(power), beta) == steps
    assert to_new(power, "other", {"beta": beta, "iterations": "log(value) / log(beta) - 1"}) == steps


def test_a_long_training_still_tells_its_steps_by_the_slower_power() -> None:
    fast = slow = np.float32(1.0)
    for _ in range(20_001):
        fast, slow = np.float32(fast * np.float32(0.9)), np.float32(slow * np.float32(0.999))
    assert steps_of(float(fast), 0.9) is None
    assert steps_of(float(slow), 0.999) == 20_000
    assert steps_of(0.3, 0.9) is None


@pytest.mark.parametrize(
    "value, transformation, details",
    [
        (np.zeros([4, 6]), "split", {"rows": [0, 5]}),
        (np.zeros([4, 6]), "gates", {"order": [0, 2, 1, 3]}),
        (np.zeros([]), "gates", {"order": [1, 0]}),
        (np.zeros([2]), "other", {"beta": 0.9, "iterations": ""}),
        (np.float32(0.9), "other", {}),
    ],
)
def test_what_does_not_fit_is_an_error(value: Any, transformation: str, details: dict[str, Any]) -> None:
    with pytest.raises(TransformationError):
        to_new(value, transformation, details)
