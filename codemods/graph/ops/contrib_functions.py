"""The functions of tf.contrib.layers that are no layers: regularizers, softmax, one_hot_encoding."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..interpreter import Interpreter
from ..values import Known, Regularizer, Sequence, Value, graph_values
from .arguments import of_function


def _regularizer(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    scale = arguments.value("scale") or Value()
    nothing = isinstance(scale, Known) and scale.value in {0.0, None}
    if graph_values(scale):
        return run.problem(node, "a regularizer whose scale is a tensor")
    return Regularizer(scale, nothing)


def _both_norms(run: Interpreter, name: str, node: ast.Call) -> Value:
    """contrib.layers.l1_l2_regularizer."""
    arguments = of_function(run, name, node)
    scales = [arguments.value(key) or Known(1.0) for key in ("scale_l1", "scale_l2")]
    if any(graph_values(scale) for scale in scales):
        return run.problem(node, "a regularizer whose scale is a tensor")
    nothing = all(isinstance(scale, Known) and not scale.value for scale in scales)
    return Regularizer(Sequence(scales), nothing)


def _same_shape(run: Interpreter, name: str, node: ast.Call) -> Value:
    """contrib.layers.softmax, which is tf.nn.softmax."""
    arguments = of_function(run, name, node)
    inputs = arguments.value("logits")
    return run.tensor(
        node,
        name,
        tuple(graph_values(inputs or Value())),
        getattr(inputs, "shape", None),
        getattr(inputs, "dtype", None),
    )


def _one_hot(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    labels, count = arguments.value("labels"), arguments.known("num_classes")
    shape = getattr(labels, "shape", None)
    sizes = (*shape, count if isinstance(count, int) else None) if shape is not None else None
    return run.tensor(node, name, tuple(graph_values(labels or Value())), sizes, "float32")


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "contrib.layers.l2_regularizer": _regularizer,
    "contrib.layers.l1_regularizer": _regularizer,
    "contrib.layers.l1_l2_regularizer": _both_norms,
    "contrib.layers.softmax": _same_shape,
    "contrib.layers.one_hot_encoding": _one_hot,
}
