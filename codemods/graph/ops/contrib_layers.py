"""tf.contrib.layers and slim: each call makes a Keras layer or several, under TF1's names, with what the arg_scopes say.

A call with a normalizer_fn makes a layer and its normalizer, and applies the activation after both; slim.repeat and slim.stack
make a chain of layers. Either is one `Layer` with parts, so that a call stays a call of one thing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from .. import host, shapes
from ..interpreter import Interpreter
from ..values import (
    Function,
    GraphValue,
    Known,
    Layer,
    Normalized,
    Regularizer,
    Scope,
    Setting,
    Shape,
    Tensor,
    TFName,
    Value,
    Variable,
    graph_values,
)
from . import arg_scopes, contrib_names
from .arg_scopes import Given
from .arguments import of_function
from .contrib_kinds import HARMLESS, KINDS, NORMALIZERS, ContribKind
from .layer_settings import alike, expressions

RELU = "{tf}.nn.relu"
OWN = frozenset(
    {
        "inputs",
        "scope",
        "reuse",
        "normalizer_fn",
        "normalizer_params",
        "activation_fn",
        "is_training",
        "updates_collections",
    }
)
# contrib's partials of other functions, which take the same arguments.
SIGNATURES = {f"contrib.layers.{name}": "contrib.layers.fully_connected" for name in ("linear", "relu", "relu6", "elu")}
NOT_TRAINABLE = frozenset({"moving_mean", "moving_variance"})
REGULARIZED = {
    "weights_regularizer": ("weights", "depthwise_weights", "pointwise_weights"),
    "biases_regularizer": ("biases",),
}


class Call:
    """One application of a layer function within a call of the source, which may apply several."""

    def __init__(
        self, run: Interpreter, name: str, node: ast.Call, arguments: Mapping[str, Given], inputs: Value
    ) -> None:
        self.run = run
        self.name = name
        self.kind: ContribKind = KINDS[name]
        self.node = node
        self.arguments = {**arg_scopes.defaults_of(run, name), **arguments}
        self.inputs = inputs

    def value(self, name: str) -> Value | None:
        argument = self.arguments.get(name)
        return argument.value if argument is not None else None

    def plain(self, name: str, default: object) -> object:
        value = self.value(name)
        return default if value is None else host.plain(value)

    def given(self, name: str) -> bool:
        """Whether an argument is given, and is not None."""
        value = self.value(name)
        return value is not None and not (isinstance(value, Known) and value.value is None)

    def setting(self, name: str) -> Setting:
        made = arg_scopes.setting(self.run, self.arguments[name])
        if made is None:
            self.run.problem(self.node, f"`{name}` of an arg_scope, whose names mean something else here")
            return Setting(Value())
        return made

    def mode(self) -> Setting:
        """is_training: of an arg_scope around a call of the function, that call's."""
        argument = self.arguments["is_training"]
        if argument.scope is None or argument.scope is self.run.frame:
            return self.setting("is_training")
        made = arg_scopes.handed(self.run, argument)
        if made is None:
            self.problem("`is_training` of an arg_scope around a function, which can't be handed to it")
        return made or Setting(Value(), text="False")

    def problem(self, message: str) -> None:
        self.run.problem(self.node, message)


def _layer(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, SIGNATURES.get(name, name), node)
    given = {key: arg_scopes.given(run, one, arguments.value(key)) for key, one in arguments.nodes.items()}
    inputs = given.pop("inputs", None)
    if inputs is None:
        return run.problem(node, "a layer without inputs")
    call = Call(run, name, node, given, inputs.value)
    if name == "contrib.layers.dropout" and graph_values(call.value("keep_prob") or Value()):
        return _fed_dropout(call, inputs)
    layer = apply(call)
    if layer is None:
        return Value()
    layer.nodes[node]["inputs"] = inputs.node
    for key, name_of_it in (("scope", "name"), ("reuse", "reuse")):
        if key in given:
            layer.nodes[node][name_of_it] = given[key].node
    return result_of(call, layer)


def _fed_dropout(call: Call, inputs: Given) -> Value:
    """A dropout whose rate is a tensor: Keras has no layer for it; tf.nn.dropout takes it where it is always on."""
    if call.plain("is_training", True) is not True or call.given("noise_shape") or call.given("seed"):
        return call.run.problem(call.node, "a dropout whose rate is a tensor, and which is not always on")
    rate = call.value("keep_prob") or Value()
    found = [*graph_values(inputs.value), *graph_values(rate)]
    tensor = _tensor(call, tuple(found), getattr(inputs.value, "shape", None))
    tensor.random = True
    tensor.arguments = {"inputs": inputs.node, "keep_prob": call.arguments["keep_prob"].node}
    if call.setting("keep_prob").replaced:
        call.problem("a dropout whose rate is a tensor of another place")
    return tensor


def _tensor(call: Call, inputs: tuple[GraphValue, ...], shape: Shape) -> Tensor:
    return call.run.tensor(call.node, call.name, inputs, shape, getattr(call.inputs, "dtype", None))


def result_of(call: Call, layer: Layer) -> Tensor:
    """The tensor that a call of a layer gives."""
    node, inputs = call.node, call.inputs
    settings = [one for part in [layer, *layer.every] for one in part.calls.get(node, {}).values()]
    found = [*graph_values(inputs), *(value for one in settings for value in graph_values(one.value))]
    results = list(through(layer, node, getattr(inputs, "shape", None)))
    shape = results[-1][1] if results else None
    tensor = _tensor(call, (*found, *layer.weights), shape)
    tensor.layer = layer
    tensor.normalized = tuple(one for part, out in results for one in _normalized(part, node, out))
    tensor.random = any(
        part.cls == "Dropout" and not _is(part.calls[node].get("training"), False) for part, _ in results
    )
    return tensor


def through(layer: Layer, node: ast.Call, shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The layers that a call applies, in order, each with the shape of what it gives."""
    if layer.cls:
        shape = shapes.layer_shape(layer.cls, Tensor(None, (), shape=shape), _known(layer))
        yield layer, shape
    for part in layer.parts:
        for inner, out in list(through(part, node, shape)):
            shape = out
            yield inner, out


def _known(layer: Layer) -> Callable[..., object]:
    def known(name: str, default: object = None) -> object:
        setting = layer.settings.get(name)
        if setting is None:
            return default
        if setting.node is None and setting.text and "{tf}" not in setting.text:
            return ast.literal_eval(setting.text.replace("{{", "{").replace("}}", "}"))
        return host.plain(setting.value)

    return known


def _normalized(layer: Layer, node: ast.Call, shape: Shape) -> Iterator[Normalized]:
    if layer.cls == "BatchNormalization":
        setting = layer.calls[node].get("training")
        rank = len(shape) if shape is not None else None
        yield Normalized(layer, shape, setting.value if setting else Known(False), layer.fused and rank in {2, 4})


def _is(setting: Setting | None, value: object) -> bool:
    return setting is not None and isinstance(setting.value, Known) and setting.value.value is value


# -- one layer ----------------------------------------------------------------------------------------------------------


def apply(call: Call) -> Layer | None:
    """Makes or finds the layer of a call, with its normalizer."""
    run, kind = call.run, call.kind
    graph = run.graph
    short = _scope(call)
    if short is None:
        return None
    reuse = call.plain("reuse", None)
    if reuse not in {None, True, False}:
        call.problem("a layer whose reuse is not known")
    full = graph.in_variable_scope(short)
    before = graph.layers.get(full)
    graph.open_scope(full, reuse is True or None)
    graph.name_scopes.append(graph.unique(short))
    if before is not None and kind.weights and not graph.scopes[-1].reuse:
        call.problem(f"a second layer named {full} without reuse")
    layer = Layer(call.node, run.chain, (), kind.cls, full)
    _settings(call, layer)
    made = before if before is not None and before.cls == layer.cls else None
    if made is not None and not made.weights and not alike(made.settings, layer.settings):
        made = None
    if made is None:
        made = run.add(layer)
        graph.layers[full] = made
        _weights(call, made)
    elif not alike(made.settings, layer.settings):
        call.problem(f"the layer {full}, which is set up otherwise when it is used again")
    normalizer = _normalizer(call)
    if normalizer is not None and not any(part is normalizer for part in made.parts):
        if made.parts or before is made:
            call.problem(f"the layer {full}, which is set up otherwise when it is used again")
        made.parts.append(normalizer)
        made.weights.extend(normalizer.weights)
    _site(call, made, normalizer)
    graph.close_scope()
    graph.name_scopes.pop()
    return made


def _scope(call: Call) -> str | None:
    scope = call.value("scope")
    if scope is None or (isinstance(scope, Known) and scope.value is None):
        return call.run.graph.unique_scope(call.kind.base)
    if isinstance(scope, Known) and isinstance(scope.value, str):
        return scope.value
    call.problem("a layer whose scope is " + ("a scope object" if isinstance(scope, Scope) else "not known"))
    return None


def _settings(call: Call, layer: Layer) -> None:
    """What the Keras layer's constructor is given, by its parameters, in the order in which they are written."""
    kind, settings = call.kind, layer.settings
    unknown = [key for key in call.arguments if key not in OWN and key not in kind.arguments and key not in HARMLESS]
    for key in unknown:
        call.problem(f"tf.{call.name} with {key}")
    for key, allowed in HARMLESS.items():
        if call.given(key) and not any(call.plain(key, None) == one for one in allowed):
            call.problem(f"tf.{call.name} with {key}")
    if call.name == "contrib.layers.separable_conv2d" and not call.given("num_outputs"):
        layer.cls = "DepthwiseConv2D"
    for tf1, keras in kind.arguments.items():
        if layer.cls == "DepthwiseConv2D" and (tf1 == "num_outputs" or keras.startswith("pointwise")):
            continue
        if call.given(tf1) and (_has_biases(call) or not tf1.startswith("biases_")) and not _is_nothing(call, tf1):
            settings[keras] = call.setting(tf1)
            if settings[keras].node is not None and any(
                not one.constant for one in graph_values(settings[keras].value)
            ):
                call.problem("a layer whose settings depend on a tensor")
            if tf1.endswith("_regularizer") and not isinstance(call.value(tf1), Regularizer):
                call.problem(f"tf.{call.name} with a regularizer that is not known")
        elif keras in kind.defaults:
            settings[keras] = Setting(Value(), text=kind.defaults[keras])
    for keras, text in kind.defaults.items():
        settings.setdefault(keras, Setting(Value(), text=text))
    if kind.normalized and not _has_biases(call):
        settings["use_bias"] = Setting(Known(False), text="False")
    if layer.cls == "SeparableConv2D":
        for what in ("initializer", "regularizer"):
            if f"depthwise_{what}" in settings:
                settings.setdefault(f"pointwise_{what}", settings[f"depthwise_{what}"])
    if layer.cls == "LayerNormalization":
        _normalized_axes(call, layer)
    activation = _activation(call)
    if activation is not None and kind.normalized and not call.given("normalizer_fn"):
        settings["activation"] = activation


def _normalized_axes(call: Call, layer: Layer) -> None:
    """contrib's layer_norm takes the moments over all axes but the batch's, and has parameters for each channel."""
    rank = len(getattr(call.inputs, "shape", None) or ())
    first = call.plain("begin_norm_axis", 1)
    if first == -1 or (rank and first == rank - 1):
        return
    if rank < 2:
        call.problem("tf.contrib.layers.layer_norm over a shape that is not known")
    layer.cls = "GroupNormalization"
    layer.settings["groups"] = Setting(Value(), text="1")


def _is_nothing(call: Call, name: str) -> bool:
    value = call.value(name)
    return isinstance(value, Regularizer) and value.nothing


def _has_biases(call: Call) -> bool:
    if call.given("normalizer_fn"):
        return False
    return call.value("biases_initializer") is None or call.given("biases_initializer")


def _activation(call: Call) -> Setting | None:
    """The activation of a call: TF1's default is relu for layers with weights, none for a normalizer."""
    if call.kind.fixed_activation is not None and "activation_fn" not in call.arguments:
        text = call.kind.fixed_activation
        return Setting(Value(), text=text) if text else None
    value = call.value("activation_fn")
    if value is None:
        return Setting(TFName("nn.relu"), text=RELU) if call.kind.normalized else None
    if not call.given("activation_fn"):
        return None
    if isinstance(value, Function):
        _follow(call, value)
    elif not isinstance(value, TFName) or value.name.startswith(("contrib.", "layers.")):
        call.problem("a layer whose activation is not known")
    return call.setting("activation_fn")


def _follow(call: Call, function: Function) -> None:
    """An activation of the program's own must be no more than a function of its input."""
    run, made = call.run, len(call.run.graph.variables)
    run.language.call_function(run, function, call.node, [Tensor(call.node, run.chain, ())], {})
    if len(run.graph.variables) > made:
        call.problem("an activation that makes variables")


def _weights(call: Call, layer: Layer) -> None:
    run, graph = call.run, call.run.graph
    names = dict(call.kind.weights)
    if layer.cls == "DepthwiseConv2D":
        names.pop("pointwise_weights")
    if "biases" in names and not _has_biases(call):
        names.pop("biases")
    for name, argument, default in (("gamma", "scale", layer.cls != "BatchNormalization"), ("beta", "center", True)):
        if name in names:
            wanted = call.plain(argument, default)
            if not isinstance(wanted, bool):
                call.problem(f"tf.{call.name} whose {argument} is not known")
            if not wanted:
                names.pop(name)
    for name, keras in names.items():
        variable = Variable(
            call.node, run.chain, (), "weight", None, "float32", name=f"{layer.name}/{name}", maker="layer"
        )
        variable.trainable = name not in NOT_TRAINABLE
        variable.layer, variable.attribute = layer, keras
        layer.weights.append(run.add_variable(variable))
        for argument, weights in REGULARIZED.items():
            if name in weights and call.given(argument) and not _is_nothing(call, argument):
                variable.regularized = True
                loss = run.tensor(call.node, "regularizer", (variable,), (), "float32")
                graph.collections.setdefault("regularization_losses", []).append(loss)
    if layer.cls == "BatchNormalization":
        _updates(call, layer)


def _updates(call: Call, layer: Layer) -> None:
    """Where the moving averages are moved: by update ops, or wherever the layer is computed."""
    value = call.value("updates_collections")
    if "updates_collections" in call.arguments and not call.given("updates_collections"):
        layer.forced = True
    elif value is None or _is_update_ops(value):
        layer.updates = True
    else:
        call.problem("a batch norm whose update ops go to a collection of their own")
    layer.fused = call.plain("fused", None) in {None, True}


def _is_update_ops(value: Value) -> bool:
    return (isinstance(value, TFName) and value.name == "GraphKeys.UPDATE_OPS") or (
        isinstance(value, Known) and value.value == "update_ops"
    )


def _normalizer(call: Call) -> Layer | None:
    """The normalizer of a call, made within its scope."""
    if not call.kind.normalized or not call.given("normalizer_fn"):
        return None
    run, value = call.run, call.value("normalizer_fn")
    name = contrib_names.canonical(value.name) if isinstance(value, TFName) else ""
    if name not in NORMALIZERS:
        call.problem("a layer whose normalizer is not known")
        return None
    arguments: Mapping[str, Given] = {}
    parameters = call.arguments.get("normalizer_params")
    if parameters is not None:
        found = arg_scopes.entries(run, parameters.value, call.node, "parameters of a normalizer")
        arguments = {key: replace(one, scope=parameters.scope) for key, one in found.items()}
    inner = Call(run, name, call.node, arguments, Shaped(getattr(call.inputs, "shape", None), call.kind))
    return apply(inner)


class Shaped(Value):
    """What a normalizer is given: a tensor of the rank of the layer's own input."""

    def __init__(self, shape: Shape, kind: ContribKind) -> None:
        self.shape = shape


def _site(call: Call, layer: Layer, normalizer: Layer | None) -> None:
    """Remembers what this call of a layer is given, beside what its constructor was."""
    calls: dict[str, Setting] = {}
    if layer.cls in {"BatchNormalization", "Dropout"}:
        known = Setting(Known(True), text="True")
        calls["training"] = call.mode() if "is_training" in call.arguments else known
    activation = _activation(call)
    if activation is not None and "activation" not in layer.settings:
        calls["after"] = activation
    old = layer.calls.get(call.node)
    if old is not None and not alike(old, calls, values=False):
        call.problem(f"the layer {layer.name}, whose call is set up otherwise each time")
    layer.calls[call.node] = calls
    if call.node not in layer.sites:
        layer.sites.append(call.node)
    nodes = dict(one for key, setting in (layer.settings | calls).items() for one in expressions(key, setting))
    for key, node in (normalizer.nodes[call.node] if normalizer is not None else {}).items():
        nodes[key if key.split()[0] in {"training", "after"} else f"normalizer {key}"] = node
    layer.nodes[call.node] = nodes
    layer.values[call.node] = {}


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = dict.fromkeys(KINDS, _layer)
