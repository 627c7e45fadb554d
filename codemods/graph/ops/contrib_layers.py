"""tf.contrib.layers and slim: each call makes a Keras layer or several, under TF1's names, with what the arg_scopes say.

A call with a normalizer_fn makes a layer and its normalizer, and applies the activation after both; slim.repeat and slim.stack
make a chain of layers. Either is one `Layer` with parts, so that a call stays a call of one thing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

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
    layer = _apply(call)
    if layer is None:
        return Value()
    layer.nodes[node]["inputs"] = inputs.node
    for key, name_of_it in (("scope", "name"), ("reuse", "reuse")):
        if key in given:
            layer.nodes[node][name_of_it] = given[key].node
    return _result(call, layer)


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


def _result(call: Call, layer: Layer) -> Tensor:
    """The tensor that a call of a layer gives."""
    node, inputs = call.node, call.inputs
    settings = [one for part in [layer, *layer.every] for one in part.calls.get(node, {}).values()]
    found = [*graph_values(inputs), *(value for one in settings for value in graph_values(one.value))]
    results = list(_through(layer, node, getattr(inputs, "shape", None)))
    shape = results[-1][1] if results else None
    tensor = _tensor(call, (*found, *layer.weights), shape)
    tensor.layer = layer
    tensor.normalized = tuple(one for part, out in results for one in _normalized(part, node, out))
    tensor.random = any(
        part.cls == "Dropout" and not _is(part.calls[node].get("training"), False) for part, _ in results
    )
    return tensor


def _through(layer: Layer, node: ast.Call, shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The layers that a call applies, in order, each with the shape of what it gives."""
    if layer.cls:
        shape = shapes.layer_shape(layer.cls, Tensor(None, (), shape=shape), _known(layer))
        yield layer, shape
    for part in layer.parts:
        for inner, out in list(_through(part, node, shape)):
            shape = out
            yield inner, out


def _known(layer: Layer) -> Callable[..., object]:
    def known(name: str, default: object = None) -> object:
        setting = layer.settings.get(name)
        if setting is None:
            return default
        if setting.node is None and "{tf}" not in setting.text:
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


def _apply(call: Call) -> Layer | None:
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
    if made is not None and not made.weights and not _alike(made.settings, layer.settings):
        made = None
    if made is None:
        made = run.add(layer)
        graph.layers[full] = made
        _weights(call, made)
    elif not _alike(made.settings, layer.settings):
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
        _depthwise(layer)
    for tf1, keras in kind.arguments.items():
        if layer.cls == "DepthwiseConv2D" and (tf1 == "num_outputs" or keras.startswith("pointwise")):
            continue
        if call.given(tf1) and not _without_biases(call, tf1) and not _is_nothing(call, tf1):
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
    if layer.cls == "LayerNormalization" and len(getattr(call.inputs, "shape", None) or ()) != 2:
        call.problem("tf.contrib.layers.layer_norm over more than the last axis, which Keras has otherwise")
    activation = _activation(call)
    if activation is not None and kind.normalized and not call.given("normalizer_fn"):
        settings["activation"] = activation


def _depthwise(layer: Layer) -> None:
    layer.cls = "DepthwiseConv2D"


def _is_nothing(call: Call, name: str) -> bool:
    value = call.value(name)
    return isinstance(value, Regularizer) and value.nothing


def _has_biases(call: Call) -> bool:
    if call.given("normalizer_fn"):
        return False
    return call.value("biases_initializer") is None or call.given("biases_initializer")


def _without_biases(call: Call, name: str) -> bool:
    return name.startswith("biases_") and not _has_biases(call)


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
        arguments = arg_scopes.entries(run, parameters.value, call.node, "parameters of a normalizer")
    inner = Call(run, name, call.node, arguments, _Shaped(getattr(call.inputs, "shape", None), call.kind))
    return _apply(inner)


class _Shaped(Value):
    """What a normalizer is given: a tensor of the rank of the layer's own input."""

    def __init__(self, shape: Shape, kind: ContribKind) -> None:
        self.shape = shape


def _site(call: Call, layer: Layer, normalizer: Layer | None) -> None:
    """Remembers what this call of a layer is given, beside what its constructor was."""
    calls: dict[str, Setting] = {}
    if layer.cls in {"BatchNormalization", "Dropout"}:
        known = Setting(Known(True), text="True")
        calls["training"] = call.setting("is_training") if "is_training" in call.arguments else known
    activation = _activation(call)
    if activation is not None and "activation" not in layer.settings:
        calls["after"] = activation
    old = layer.calls.get(call.node)
    if old is not None and not _alike(old, calls, values=False):
        call.problem(f"the layer {layer.name}, whose call is set up otherwise each time")
    layer.calls[call.node] = calls
    if call.node not in layer.sites:
        layer.sites.append(call.node)
    nodes = dict(one for key, setting in (layer.settings | calls).items() for one in _expressions(key, setting))
    for key, node in (normalizer.nodes[call.node] if normalizer is not None else {}).items():
        nodes[key if key.split()[0] in {"training", "after"} else f"normalizer {key}"] = node
    layer.nodes[call.node] = nodes
    layer.values[call.node] = {}


def _expressions(key: str, setting: Setting) -> Iterator[tuple[str, ast.expr]]:
    """The expressions of a setting that are written where the layer is: its own, or those that stand for its names."""
    if setting.node is not None and not setting.replaced:
        yield key, setting.node
    inner = set(setting.replaced)
    for place, expression in enumerate(setting.replaced.values()):
        if isinstance(expression, ast.expr) and not inner & set(ast.walk(expression)):
            yield f"{key} {place}", expression


def _alike(one: Mapping[str, Setting], other: Mapping[str, Setting], values: bool = True) -> bool:
    """Whether two calls set a layer up alike; without `values` their values may differ, where the expressions don't."""
    if one.keys() != other.keys():
        return False
    for key, mine in one.items():
        its = other[key]
        if mine.node is None and its.node is None:
            if mine.text != its.text:
                return False
        elif mine.node is its.node and _written_alike(mine, its):
            continue
        elif mine.replaced or its.replaced or values:
            if not (_same(mine.value, its.value) or (mine.node is its.node and _all_same(mine.meant, its.meant))):
                return False
        elif mine.node is None or its.node is None:
            return False
    return True


def _written_alike(one: Setting, other: Setting) -> bool:
    """Whether the names of one expression give way to the same ones."""
    return (
        bool(one.replaced)
        and one.replaced.keys() == other.replaced.keys()
        and all(isinstance(mine, ast.expr) and mine is other.replaced[name] for name, mine in one.replaced.items())
    )


def _same(one: Value, two: Value) -> bool:
    if one is two:
        return True
    if isinstance(one, TFName) and isinstance(two, TFName):
        return one.name == two.name
    if isinstance(one, Regularizer) and isinstance(two, Regularizer):
        return _same(one.scale, two.scale)
    plain = host.plain(one), host.plain(two)
    return host.NOT_PLAIN not in plain and plain[0] == plain[1]


def _all_same(one: tuple[Value, ...], two: tuple[Value, ...]) -> bool:
    return len(one) == len(two) and all(map(_same, one, two))


# -- repeat and stack ---------------------------------------------------------------------------------------------------


def _repeat(run: Interpreter, name: str, node: ast.Call) -> Value:
    """slim.repeat(inputs, 3, slim.conv2d, 64, [3, 3], scope="conv1"): conv1/conv1_1 to conv1/conv1_3."""
    if len(node.args) < 3 or any(isinstance(one, ast.Starred) for one in node.args):
        return run.problem(node, f"tf.{name} whose arguments are not seen")
    values = [run.evaluate(one) for one in node.args]
    count = values[1].value if isinstance(values[1], Known) else None
    if not isinstance(count, int) or not 0 < count <= 32:
        return run.problem(node, f"tf.{name} over a number that is not known")
    given = [arg_scopes.given(run, one, value) for one, value in zip(node.args[3:], values[3:], strict=True)]
    return _chain(run, node, "Repeat", values[0], values[2], [given] * count)


def _stack(run: Interpreter, name: str, node: ast.Call) -> Value:
    """slim.stack(inputs, slim.fully_connected, [32, 64], scope="fc"): fc/fc_1 and fc/fc_2."""
    if len(node.args) != 3 or any(isinstance(one, ast.Starred) for one in node.args):
        return run.problem(node, f"tf.{name} whose arguments are not seen")
    values = [run.evaluate(one) for one in node.args]
    literal = node.args[2]
    if not isinstance(literal, (ast.List, ast.Tuple)) or any(isinstance(one, ast.Starred) for one in literal.elts):
        return run.problem(node, f"tf.{name} over arguments that are not written out")
    rows = [list(one.elts) if isinstance(one, (ast.List, ast.Tuple)) else [one] for one in literal.elts]
    return _chain(
        run, node, "Stack", values[0], values[1], [[arg_scopes.given(run, one) for one in row] for row in rows]
    )


def _chain(
    run: Interpreter, node: ast.Call, base: str, inputs: Value, function: Value, rows: list[list[Given]]
) -> Value:
    """The layers that repeat and stack apply, each to what the one before it gives."""
    name = contrib_names.canonical(function.name) if isinstance(function, TFName) else ""
    if name not in KINDS or not KINDS[name].weights:
        return run.problem(node, f"slim.{base.lower()} of something that is not known to be a layer")
    keywords = {one.arg: arg_scopes.given(run, one.value) for one in node.keywords if one.arg is not None}
    if len(keywords) != len(node.keywords):
        return run.problem(node, "a call with * or ** whose arguments decide what the graph is")
    graph = run.graph
    scope = keywords.pop("scope", None)
    text = scope.value.value if scope is not None and isinstance(scope.value, Known) else None
    if scope is not None and not isinstance(text, str):
        return run.problem(node, "a layer whose scope is not known")
    short = text or graph.unique_scope(base)
    stem = text or contrib_names.own_name(name)
    full = graph.in_variable_scope(short)
    graph.open_scope(full, None)
    graph.name_scopes.append(graph.unique(short))
    parts: list[Layer] = []
    for place, row in enumerate(rows):
        arguments = {**keywords, **_positional(run, name, node, row)}
        call = Call(run, name, node, arguments, inputs)
        call.arguments["scope"] = _text(call, f"{stem}_{place + 1}", node)
        layer = _apply(call)
        if layer is None:
            break
        parts.append(layer)
        inputs = _Shaped(_last_shape(layer, node, getattr(inputs, "shape", None)), call.kind)
    graph.close_scope()
    graph.name_scopes.pop()
    first = run.evaluate(node.args[0])
    made = graph.layers.get(f"{full}/{base}")
    if made is None or [id(one) for one in made.parts] != [id(one) for one in parts]:
        made = run.add(Layer(node, run.chain, (), "", full))
        made.parts = parts
        made.weights = [weight for part in parts for weight in part.weights]
        graph.layers[f"{full}/{base}"] = made
    if node not in made.sites:
        made.sites.append(node)
    made.values[node] = {}
    made.nodes[node] = {"inputs": node.args[0]}
    for place, part in enumerate(parts):
        for key, one in part.nodes[node].items():
            made.nodes[node][key if key.split()[0] in {"training", "after"} else f"{place} {key}"] = one
    call = Call(run, name, node, {}, first)
    return _result(call, made)


def _last_shape(layer: Layer, node: ast.Call, shape: Shape) -> Shape:
    return [out for _, out in _through(layer, node, shape)][-1]


def _positional(run: Interpreter, name: str, node: ast.Call, row: list[Given]) -> dict[str, Given]:
    """Arguments behind the inputs, by the layer function's own parameters."""
    from ...api import lookup

    fact = lookup(SIGNATURES.get(name, name))
    names = [one.name for one in fact.signature or ()][1:] if fact is not None else []
    if len(row) > len(names):
        run.problem(node, "a layer with arguments that are not known")
    return dict(zip(names, row, strict=False))


def _text(call: Call, text: str, node: ast.Call) -> Given:
    return Given(Known(text), node, call.run.frame, call.run.chain[-1].index)


def _regularizer(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    scale = arguments.value("scale") or Value()
    nothing = isinstance(scale, Known) and scale.value in {0.0, None}
    if graph_values(scale):
        return run.problem(node, "a regularizer whose scale is a tensor")
    return Regularizer(scale, nothing)


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
    **dict.fromkeys(KINDS, _layer),
    "contrib.layers.repeat": _repeat,
    "contrib.layers.stack": _stack,
    "contrib.layers.l2_regularizer": _regularizer,
    "contrib.layers.l1_regularizer": _regularizer,
    "contrib.layers.softmax": _same_shape,
    "contrib.layers.one_hot_encoding": _one_hot,
}
