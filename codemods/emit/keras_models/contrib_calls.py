"""How a layer of contrib is written for Keras: its constructor, its call, and what goes of the arg_scopes around.

A layer without a normalizer takes its activation in the constructor. With one, the call applies them in TF1's order:
`tf.nn.relu(self.conv1_bn(self.conv1(net), training=training))`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from decimal import Decimal

from ...edits import Edits
from ...graph import host
from ...graph.ops import contrib_names
from ...graph.ops.arg_scopes import ArgScope, EnteredArgs
from ...graph.ops.contrib_kinds import KINDS
from ...graph.values import Initializer, Known, Layer, Regularizer, Setting, Tensor, TFName
from ...symbols.rules_nn import complement
from ...symbols.sites import is_atom
from ..context import Context, quoted
from ..setup import module_of
from ..text import column

# The order in which a constructor's arguments are written; the first ones stay without their names.
POSITIONAL = ("units", "filters", "kernel_size", "pool_size", "rate")
ORDER = (
    *POSITIONAL, "groups", "strides", "padding", "dilation_rate", "depth_multiplier", "activation", "use_bias", "momentum",
    "epsilon", "center", "scale", "kernel_initializer", "depthwise_initializer", "pointwise_initializer",
    "bias_initializer", "kernel_regularizer", "depthwise_regularizer", "pointwise_regularizer", "bias_regularizer",
)  # fmt: skip
HALVED = re.compile(r"(?<![\w.])(\d[\d.]*(?:e-?\d+)?) / 2(?![\d.])")  # a regularizer's scale that took a name's place


def pieces(context: Context, layer: Layer, path: str, overlay: Edits, name: str = "") -> list[str]:
    """The constructor of a layer: the beginning of the call, and its arguments."""
    cls = context.fused if layer in context.exact else f"{context.tf(path)}.keras.layers.{layer.cls}"
    parts = [f"{cls}("]
    settings = layer.settings
    for key in ORDER:
        if key not in settings or _is_default(layer, key):
            continue
        text = render(context, settings[key], path, overlay)
        if key == "rate":
            text = _rest(settings[key], text)
        elif key.endswith("_initializer"):
            text = _own_instance(settings[key], text)
        parts.append(text if key in POSITIONAL else f"{key}={text}")
    return [*parts, f"name={name or quoted(context.leaves[layer])}"] if layer.weights else parts


def _own_instance(setting: Setting, text: str) -> str:
    """An initializer that Keras calls twice gives the same numbers twice: one that a name holds is cloned for each layer."""
    shared = setting.node is not None and not isinstance(setting.node, ast.Call) and not setting.replaced
    return f"{text}.clone()" if shared and isinstance(setting.value, Initializer) and setting.value.drawn else text


def _is_default(layer: Layer, key: str) -> bool:
    """Whether Keras takes the same without being told: its own initializers; a pool's stride is its size."""
    value, node = layer.settings[key].value, layer.settings[key].node
    if isinstance(value, Initializer) and isinstance(node, ast.Call):
        return value.kind == ("zeros" if key == "bias_initializer" else "glorot")
    if key != "strides" or "pool_size" not in layer.settings:
        return False
    size, stride = (_plain(layer.settings[one]) for one in ("pool_size", "strides"))
    return layer.settings[key].node is None and size in (2, [2, 2], (2, 2)) and stride == 2


def _plain(setting: Setting) -> object:
    return ast.literal_eval(setting.text) if setting.node is None else host.plain(setting.value)


def _rest(setting: Setting, text: str) -> str:
    """1 - keep_prob, computed where that is a number; Keras' own word for TF1's default."""
    node = setting.node
    if node is None and not isinstance(setting.value, Known):
        return text
    number = node if node is not None else ast.Constant(host.plain(setting.value))
    literal = complement(number)
    return literal or (f"1 - {text}" if is_atom(number) else f"1 - ({text})")


def call(context: Context, node: ast.Call, layer: Layer, inputs: str, overlay: Edits, called: str = "") -> str:
    """A call of a layer and of its parts, each on what the one before it gives; `called` is the layer's own expression."""
    text, attribute = inputs, context.attributes[layer]
    called = called or f"self.{attribute}"
    path = overlay.module.path
    given = layer.calls.get(node, {})
    if layer.cls:
        training = f", training={render(context, given['training'], path, overlay)}" if "training" in given else ""
        text = f"{called}({text}{training})"
    parts = [(part, called.replace(attribute, context.attributes[part], 1)) for part in layer.parts]
    target = _target(context, node) if not layer.cls else None
    if target is not None:
        lines = [
            call(context, node, part, target if place else text, overlay, name)
            for place, (part, name) in enumerate(parts)
        ]
        return f"\n{column(overlay.module, context.parents[node])}{target} = ".join(lines)  # type: ignore[arg-type]
    for part, name in parts:
        text = call(context, node, part, text, overlay, name)
    if "after" in given:
        function = render(context, given["after"], path, overlay)
        simple = given["after"].node is None or isinstance(given["after"].node, (ast.Name, ast.Attribute))
        text = f"{function}({text})" if simple else f"({function})({text})"
    return text


def _target(context: Context, node: ast.Call) -> str | None:
    """The one name that a call's result is bound to: the layers of a chain then get a statement each."""
    parent = context.parents.get(node)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        return parent.targets[0].id
    return None


def render(context: Context, setting: Setting, path: str, overlay: Edits) -> str:
    """A setting's text."""
    node = setting.node
    if node is None:
        return setting.text.format(tf=context.tf(path))
    base = overlay if setting.path == path else context.edits[setting.path]
    edits = Edits(context.modules[setting.path], base)
    for name, stands_for in setting.replaced.items():
        if isinstance(stands_for, ast.expr):
            atom = is_atom(stands_for)
            edits.replace(name, *((stands_for,) if atom or name is node else ("(", stands_for, ")")))
        else:
            edits.replace(name, quoted(host.plain(stands_for)))
    text = edits.render(node)
    if "\n" in text and "#" not in text and '"""' not in text:
        text = " ".join(text.split())
    return HALVED.sub(_halve, text) if isinstance(setting.value, Regularizer) else text


def _halve(found: re.Match[str]) -> str:
    """Half of a number, where that is as short as the number itself."""
    half = Decimal(found[1]) / 2
    text = repr(float(half))
    return text if Decimal(text) == half else found[0]


# -- what goes ----------------------------------------------------------------------------------------------------------


def own(context: Context) -> None:
    """The names of contrib's functions in calls of layers and in arg_scopes are this level's business."""
    for node, values in context.run.meanings.items():
        if isinstance(node, ast.Call) and any(isinstance(value, EnteredArgs) for value in values):
            context.owned.add(node.func)
            _own_functions(context, node)
        elif isinstance(node, ast.Call) and any(_is_contrib(value) for value in values):
            _own_functions(context, node)
        elif isinstance(node, ast.Dict):  # parameters of a normalizer
            for key, given in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "updates_collections":
                    context.owned.update(ast.walk(given))
    for value in context.run.values:
        if isinstance(value, Tensor) and value.layer is not None and isinstance(value.node, ast.Call):
            _own_functions(context, value.node)
            for one in value.layer.every:
                for setting in one.calls.get(value.node, {}).values():
                    if setting.node is not None and isinstance(setting.value, TFName):
                        _own_functions(context, setting.node)


def rewrite_handed_on(context: Context) -> None:
    """A call of slim.softmax under another name (`prediction_fn(logits, scope="Predictions")`) is one of tf.nn.softmax."""
    for node, values in context.run.meanings.items():
        softmax = [isinstance(value, Tensor) and value.op == "contrib.layers.softmax" for value in values]
        path = module_of(context, node) if isinstance(node, ast.Call) and any(softmax) else None
        if path is None or not isinstance(node, ast.Call) or context.names[path].name_of(node.func) is not None:
            continue
        given = [*node.args, *(one.value for one in node.keywords if one.arg == "logits")]
        if not all(softmax) or len(given) != 1:
            raise context.stop("slim.softmax under another name, called in a way that is not followed", node, path)
        context.edits[path].replace(node, node.func, "(", given[0], ")")


def _is_contrib(value: object) -> bool:
    return isinstance(value, Tensor) and value.layer is not None and bool(value.layer.calls or value.layer.parts)


def _own_functions(context: Context, node: ast.AST) -> None:
    """Owns what names a layer function of contrib below a node."""
    for one in ast.walk(node):
        values = context.run.meanings.get(one, []) if isinstance(one, (ast.Name, ast.Attribute)) else []
        for value in values:
            if isinstance(value, TFName) and (
                contrib_names.canonical(value.name) in KINDS or value.name.startswith("GraphKeys.")
            ):
                context.owned.add(one)


def drop(context: Context) -> None:
    """Functions that only open and return an arg_scope go; so do dicts that only arg_scopes and normalizers took."""
    for definition in _scope_functions(context):
        path = context.run.activations[definition][0].module.path
        context.moves[path].dropped.add(definition)


def _scope_functions(context: Context) -> Iterator[ast.FunctionDef]:
    for definition, frames in context.run.activations.items():
        if isinstance(definition, ast.FunctionDef) and all(
            frame.returned and all(isinstance(value, ArgScope) for value in frame.returned) for frame in frames
        ):
            yield definition
