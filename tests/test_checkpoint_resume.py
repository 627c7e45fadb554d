"""Checkpoints that TF 1.15 wrote: converted, they give its outputs, and training goes on as it did."""

from __future__ import annotations

import runpy
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tf_modernize.harness.checkpoints import assemble, build, convert, rules, to_new

CHECKPOINTS = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoints"
NAMES = sorted(path.parent.name for path in CHECKPOINTS.glob("*/before.py"))
STEPS = 5
TOLERANCE = 1e-5


@pytest.mark.parametrize("format", ["checkpoint", "weights"])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_training_go_on(name: str, format: str, tmp_path: Path) -> None:
    program, recorded = CHECKPOINTS / name / "after.py", CHECKPOINTS / name / "recorded"
    new = runpy.run_path(str(program))
    if format == "weights" and "step" in new:
        pytest.skip("two models in one program have no place in one file of weights")
    data = np.load(recorded / "recorded.npz")
    chosen = rules.check(new.get("RULES", []))
    place = tmp_path / ("new" if format == "checkpoint" else "new.weights.h5")
    converted = convert(recorded, f"{program}:factory", place, rules=chosen)
    assert not converted.not_finite

    made = new["factory"]()
    variables = build(made).variables
    restore(made, place)
    model = made["model"] if isinstance(made, dict) and "model" in made else made
    model = model[0] if isinstance(model, tuple) else model
    expected = data["output"]
    first = batch(data, 0)
    np.testing.assert_allclose(new["output"](model, **first), expected, rtol=0, atol=TOLERANCE)
    if "loss" not in new and "step" not in new:
        return
    losses = [train(new, made, model, batch(data, number)) for number in range(STEPS, 2 * STEPS)]
    np.testing.assert_allclose(losses, data["losses"], rtol=0, atol=TOLERANCE)

    parts: dict[str, list[Any]] = defaultdict(list)
    for one in converted.mapping.mapped:
        parts[one.key].append((to_new(data[f"final/{one.source}"], one.transformation, one.details), one.details))
    for key, value in parts.items():
        np.testing.assert_allclose(variables[key].numpy(), assemble(value), rtol=0, atol=TOLERANCE, err_msg=key)
    for one in converted.mapping.steps:
        assert variables[one.key].numpy() == 2 * STEPS


def batch(data: Mapping[str, Any], number: int) -> dict[str, Any]:
    start = f"batch/{number}/"
    return {key.removeprefix(start): data[key] for key in data if key.startswith(start)}


def restore(made: Any, place: Path) -> None:
    """As a user does it, on a model that was just built."""
    if isinstance(made, tuple):
        made = {"model": made[0], "optimizer": made[1]}
    elif not isinstance(made, dict):
        made = {"model": made}
    if "optimizer" in made:
        made["optimizer"].build(made["model"].trainable_variables)
    if place.suffix == ".h5":
        made["model"].compile(optimizer=made.get("optimizer"))
        made["model"].load_weights(place)
    else:
        latest = tf.train.latest_checkpoint(place)
        tf.train.Checkpoint(**made).restore(latest).assert_existing_objects_matched()


def train(new: Mapping[str, Any], made: Any, model: Any, values: Mapping[str, Any]) -> float:
    if "step" in new:
        return float(new["step"](made, **values))
    optimizer = made["optimizer"] if isinstance(made, dict) else made[1]
    with tf.GradientTape() as tape:
        loss = new["loss"](model, **values)
    # TF1's Adam takes sparse gradients as if they were dense.
    gradients = [tf.convert_to_tensor(one) for one in tape.gradient(loss, model.trainable_variables)]
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return float(loss)
