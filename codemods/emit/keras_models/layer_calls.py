"""How a tf.layers call is written for Keras: the layer's constructor, with its TF1 name, and its call."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...edits import Edits
from ...graph.values import Layer
from ..context import Context, quoted
from ..recurrent import rnn
from ..text import joined, last
from . import contrib_calls, initializers


@dataclass(frozen=True)
class LayerForm:
    """How a layer's TF1 arguments are written for Keras: how many stay positional, which go, which Keras has no default for."""

    positional: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()


COMMON = ("inputs", "name", "reuse", "training", "scope", "_reuse")
FORMS = {
    "Dense": LayerForm(("units", "activation")),
    "Conv1D": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "Conv2D": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "Conv3D": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "Conv2DTranspose": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "Conv3DTranspose": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "SeparableConv1D": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "SeparableConv2D": LayerForm(("filters", "kernel_size", "strides", "padding")),
    "BatchNormalization": LayerForm((), ("fused",)),
    "Dropout": LayerForm(("rate",), defaults=(("rate", "0.5"),)),
    "Flatten": LayerForm((), ("outputs_collections",)),
    "MaxPooling1D": LayerForm(("pool_size", "strides", "padding")),
    "MaxPooling2D": LayerForm(("pool_size", "strides", "padding")),
    "AveragePooling1D": LayerForm(("pool_size", "strides", "padding")),
    "AveragePooling2D": LayerForm(("pool_size", "strides", "padding")),
    "MaxPooling3D": LayerForm(("pool_size", "strides", "padding")),
    "AveragePooling3D": LayerForm(("pool_size", "strides", "padding")),
}
# Of these, Keras takes trainable=False for "in inference mode" as well.
RUNS_FROZEN = frozenset({"BatchNormalization"})
REFUSED = (
    "renorm",
    "virtual_batch_size",
    "adjustment",
    "renorm_clipping",
    "activity_regularizer",
    "trainable",
    "noise_shape",
    "seed",
)


def constructor(context: Context, layer: Layer, path: str, overlay: Edits, name: str = "") -> str:
    """The constructor of a layer; `name` is the expression of its name, where that is not TF1's own."""
    if layer.cells:
        return rnn.constructor(context, layer, path, overlay, name)
    node = layer.sites[0] if layer.sites else None
    assert isinstance(node, ast.Call)
    arguments: dict[str, ast.expr] = layer.nodes[node]
    form = FORMS[layer.cls]
    refused = [key for key in arguments if key in REFUSED and (key != "trainable" or layer.cls in RUNS_FROZEN)]
    if refused:
        raise context.stop(f"a tf.layers call with {', '.join(refused)}", node, path)
    parts: list[str] = []
    given = {key: value for key, value in arguments.items() if key not in COMMON and key not in form.dropped}
    keywords = {one.arg for one in node.keywords}
    order = list(form.positional)
    for place, key in enumerate(order):
        if key not in given:
            break
        if key in keywords or place != len(parts):
            break
        parts.append(overlay.render(given.pop(key)))
    parts.extend(f"{key}={overlay.render(value)}{initializers.own(context, value)}" for key, value in given.items())
    parts.extend(value for key, value in form.defaults if key not in arguments)
    if layer.weights:
        parts.append(f"name={name or quoted(last(layer.name))}")
    cls = context.fused if layer in context.exact else f"{context.tf(path)}.keras.layers.{layer.cls}"
    return f"{cls}({', '.join(parts)})"


def constructors(
    context: Context, layer: Layer, path: str, overlay: Edits, width: int, name: str = "", looped: bool = False
) -> list[str]:
    """The lines that make each layer of a call, in a loop as the next one of a list; `name` is the first one's."""
    if looped and layer.every != [layer]:
        raise context.stop("a layer with a normalizer in a loop", layer.node or ast.Pass(), path)
    lines: list[str] = []
    for one in layer.every:
        attribute, told = f"self.{context.attributes[one]}", name if one is layer else ""
        head, tail = (f"{attribute}.append(", ")") if looped else (f"{attribute} = ", "")
        if one.calls:
            made = joined(head, contrib_calls.pieces(context, one, path, overlay, told), width)
        else:
            made = (head + constructor(context, one, path, overlay, told)).split("\n")
        lines += [*made[:-1], made[-1] + tail]
    return lines


def call(context: Context, node: ast.Call, layer: Layer, overlay: Edits, called: str = "") -> str:
    """A layer's call within the model's own."""
    if layer.cells:
        return rnn.call(context, node, layer, overlay, called or f"self.{context.attributes[layer]}")
    arguments: dict[str, ast.expr] = layer.nodes[node]
    inputs = overlay.render(arguments["inputs"])
    if layer.of_contrib:
        return contrib_calls.call(context, node, layer, inputs, overlay, called)
    text = f"{called or 'self.' + context.attributes[layer]}({inputs}"
    if layer.cls in {"BatchNormalization", "Dropout"}:
        training = overlay.render(arguments["training"]) if "training" in arguments else "False"
        text += f", training={training}"
    return text + ")"
