"""tf.layers: each call makes a layer with a TF1 name of its own, or finds the one that reuse gives it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from .. import shapes
from ..interpreter import Interpreter
from ..values import Known, Layer, Normalized, Regularizer, Value, Variable, graph_values
from .arguments import Arguments, of_function


@dataclass(frozen=True)
class LayerKind:
    """A tf.layers function: its Keras class, the base of its default names, the weights that it makes."""

    cls: str
    base: str
    weights: tuple[str, ...] = ()


KINDS = {
    "layers.dense": LayerKind("Dense", "dense", ("kernel", "bias")),
    "layers.conv1d": LayerKind("Conv1D", "conv1d", ("kernel", "bias")),
    "layers.conv2d": LayerKind("Conv2D", "conv2d", ("kernel", "bias")),
    "layers.conv3d": LayerKind("Conv3D", "conv3d", ("kernel", "bias")),
    "layers.conv2d_transpose": LayerKind("Conv2DTranspose", "conv2d_transpose", ("kernel", "bias")),
    "layers.conv3d_transpose": LayerKind("Conv3DTranspose", "conv3d_transpose", ("kernel", "bias")),
    "layers.separable_conv1d": LayerKind(
        "SeparableConv1D", "separable_conv1d", ("depthwise_kernel", "pointwise_kernel", "bias")
    ),
    "layers.separable_conv2d": LayerKind(
        "SeparableConv2D", "separable_conv2d", ("depthwise_kernel", "pointwise_kernel", "bias")
    ),
    "layers.batch_normalization": LayerKind(
        "BatchNormalization", "batch_normalization", ("gamma", "beta", "moving_mean", "moving_variance")
    ),
    "layers.dropout": LayerKind("Dropout", "dropout"),
    "layers.flatten": LayerKind("Flatten", "flatten"),
    "layers.max_pooling1d": LayerKind("MaxPooling1D", "max_pooling1d"),
    "layers.max_pooling2d": LayerKind("MaxPooling2D", "max_pooling2d"),
    "layers.average_pooling1d": LayerKind("AveragePooling1D", "average_pooling1d"),
    "layers.average_pooling2d": LayerKind("AveragePooling2D", "average_pooling2d"),
    "layers.max_pooling3d": LayerKind("MaxPooling3D", "max_pooling3d"),
    "layers.average_pooling3d": LayerKind("AveragePooling3D", "average_pooling3d"),
}
NOT_TRAINABLE = frozenset({"moving_mean", "moving_variance"})


def _layer(run: Interpreter, name: str, node: ast.Call) -> Value:
    kind = KINDS[name]
    arguments = of_function(run, name, node)
    inputs = arguments.value("inputs")
    given, named = arguments.text("name"), arguments.value("name")
    if named is not None and given is None and not (isinstance(named, Known) and named.value is None):
        run.problem(node, "a layer whose name is not known")
    graph = run.graph
    short = given or graph.unique_scope(kind.base)
    full = graph.in_variable_scope(short)
    graph.scope_counts[full] = graph.scope_counts.get(full, 0) + 1
    reuse = graph.scopes[-1].reuse or arguments.known("reuse") is True
    layer = graph.layers.get(full)
    if layer is not None and kind.weights and not reuse:
        return run.problem(node, f"a second layer named {full} without reuse")
    if layer is None:
        layer = _make(run, kind, full, node, arguments.nodes, _regularized(arguments))
    layer.sites.append(node)
    layer.nodes[node] = arguments.nodes
    layer.values[node] = {key: arguments.value(key) for key in arguments.nodes}
    found = [value for key in arguments.nodes for value in graph_values(arguments.value(key) or Value())]
    shape = shapes.layer_shape(kind.cls, inputs, arguments.known)
    tensor = run.tensor(node, name, (*found, *layer.weights), shape, getattr(inputs, "dtype", None))
    tensor.layer = layer
    training = arguments.value("training")
    if kind.cls == "BatchNormalization":
        fused = (
            shape is not None
            and len(shape) == 4
            and "axis" not in arguments
            and not _is_false(arguments.nodes.get("fused"))
        )
        tensor.normalized = (Normalized(layer, shape, training, fused),)
    if kind.cls == "Dropout" and training is not None and not (isinstance(training, Known) and training.value is False):
        tensor.random = True
    return tensor


def _regularized(arguments: Arguments) -> set[str]:
    """The regularizers that a call gives, and that are some."""
    given = {key: arguments.value(key) for key in arguments.nodes if key.endswith("_regularizer")}
    return {
        key
        for key, value in given.items()
        if not (isinstance(value, Known) and value.value is None)
        and not (isinstance(value, Regularizer) and value.nothing)
    }


def _make(
    run: Interpreter,
    kind: LayerKind,
    full: str,
    node: ast.Call,
    nodes: dict[str, ast.expr],
    regularized: set[str],
) -> Layer:
    layer = run.add(Layer(node, run.chain, (), kind.cls, full))
    run.graph.layers[full] = layer
    for weight in kind.weights:
        if weight == "bias" and _is_false(nodes.get("use_bias")):
            continue
        if weight in {"gamma", "beta"} and _is_false(nodes.get("scale" if weight == "gamma" else "center")):
            continue
        variable = Variable(node, run.chain, (), "weight", None, "float32", name=f"{full}/{weight}", maker="layer")
        variable.trainable = weight not in NOT_TRAINABLE and not _is_false(nodes.get("trainable"))
        variable.layer = layer
        layer.weights.append(run.add_variable(variable))
        if f"{weight.removesuffix('_kernel')}_regularizer" in regularized:
            variable.regularized = True
            loss = run.tensor(node, "regularizer", (variable,), (), "float32")
            run.graph.collections.setdefault("regularization_losses", []).append(loss)
    if kind.cls == "BatchNormalization":
        layer.updates = True
    return layer


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = dict.fromkeys(KINDS, _layer)
