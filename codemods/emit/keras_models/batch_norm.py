"""Batch normalization: what Keras computes otherwise than TF1, and where that matters.

TF1's fused kernel (the default on inputs of rank 4) folds the unbiased variance of the batch into the moving variance, Keras the
biased one: they differ by 1/N of the variance (semantics: measured 1.8e-7 with the correction).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...graph.values import GraphValue, Known, Layer, Normalized, Placeholder, Tensor, UpdateOps
from ...plan.executions import FunctionPlan
from ..context import Context

SAMPLES = 1000  # below this many samples 1/N is too much, and the layer corrects its variance itself
BATCH = 8  # as large as a batch is taken to be at least

CLASS = """\
class {name}({tf}.keras.layers.BatchNormalization):
{tab}\"\"\"Moves its variance toward the unbiased variance of the batch, as TF1's fused kernel does.\"\"\"

{tab}def call(self, inputs, training=False):
{tab}{tab}decayed = self.momentum * self.moving_variance
{tab}{tab}outputs = super().call(inputs, training=training)
{tab}{tab}if training:
{tab}{tab}{tab}count = {tf}.cast({tf}.size(inputs) // inputs.shape[-1], decayed.dtype)
{tab}{tab}{tab}unbiased = (self.moving_variance - decayed) * count / {tf}.maximum(count - 1, 1)
{tab}{tab}{tab}self.moving_variance.assign(decayed + unbiased)
{tab}{tab}return outputs
"""


def prepare(context: Context) -> None:
    """Finds the layers that must correct their moving variance."""
    for value in context.run.values:
        for one in _uses(value):
            trains = one.training is not None and not (isinstance(one.training, Known) and not one.training.value)
            samples = _samples(one)
            if trains and samples is not None and samples * BATCH < SAMPLES:
                context.exact.add(one.layer)
    if context.exact:
        context.fused = context.fresh("FusedBatchNormalization")


def _uses(value: GraphValue) -> Iterable[Normalized]:
    return value.normalized if isinstance(value, Tensor) else ()


def define(context: Context, layers: Iterable[Layer], path: str, anchor: ast.stmt) -> None:
    """Puts the class before the first model of a module that uses it."""
    if path in context.corrected or not any(one in context.exact for layer in layers for one in layer.every):
        return
    context.corrected.add(path)
    text = CLASS.format(name=context.fused, tf=context.tf(path), tab=context.indent(path))
    context.moves[path].before.setdefault(anchor, []).append(text)


def _samples(use: Normalized) -> int | None:
    """How many positions of one example the fused kernel sums over; None where it is not used, or the shape not known."""
    if use.shape is None or not use.fused:
        return None
    samples = 1
    for size in use.shape[1:-1]:
        samples *= size or 1
    return samples


def check(context: Context, function: FunctionPlan) -> None:
    """Batch norm must move its averages exactly where TF1 ran its update ops, and Keras' form must be close enough."""
    if function.plain and function.returns:
        return  # a method that hands over what an object built: it is looked at as a part of what calls it
    updated = {
        layer
        for train in function.trains
        for value in _all_inputs(train)
        if isinstance(value, UpdateOps)
        for layer in value.layers
    }
    updated |= {
        layer
        for part in function.returns
        for value in _all_inputs(part.value)
        if isinstance(value, UpdateOps)
        for layer in value.layers
    }
    parts = [function, *(handed.callee for handed in function.handed)]
    seen = {value for part in parts for unit in part.units for value in unit.made}
    for value in seen:
        for use in _uses(value):
            _check_use(context, function, value, use, updated)


def _check_use(
    context: Context, function: FunctionPlan, value: GraphValue, use: Normalized, updated: set[Layer]
) -> None:
    training, node = use.training, value.node or ast.Pass()
    on = (
        training.value
        if isinstance(training, Known)
        else function.constants.get(training)
        if isinstance(training, Placeholder)
        else None
    )
    path = value.chain[-1].frame.module.path
    if training is not None and on is None:
        raise context.stop("batch norm whose mode is not known", node, path)
    if on and use.layer not in updated and not use.layer.forced:
        raise context.stop("batch norm in training mode whose update ops are never run", node, path)
    if on:
        _note_samples(context, use, node, path)


def _note_samples(context: Context, use: Normalized, node: ast.AST, path: str) -> None:
    samples = _samples(use)
    if use.shape is None:
        raise context.stop("batch norm over a shape that is not known", node, path)
    if samples is None or use.layer in context.exact:
        return
    context.note(
        "batch-norm-variance",
        "TFM401",
        "Keras moves the variance toward the batch's own, TF1's fused kernel toward N/(N-1) of it: "
        f"with {samples} positions and N = batch x {samples} the difference is below 1/N",
        node,
        path,
    )


def _all_inputs(value: GraphValue) -> set[GraphValue]:
    seen: set[GraphValue] = set()
    stack: list[GraphValue] = [value]
    while stack:
        current = stack.pop()
        if current not in seen:
            seen.add(current)
            stack.extend(current.inputs)
            members = getattr(current, "members", [])
            stack.extend(one for one in members if isinstance(one, GraphValue))
    return seen
