"""Layers of the program's own: subclasses of tf.layers.Layer and tf.keras.layers.Layer, built and called as TF1 does.

A tf.layers layer is named in the variable scope of its first call, whose counter counts given names, too; a Keras layer is
named when it is made, and its variables stand under the name scope of its first call.
"""

from __future__ import annotations

import ast
import re

from .. import host, shapes
from ..interpreter import Interpreter
from ..own_layers import WEIGHTS, Base, OwnLayer, of
from ..values import (
    Dict,
    Function,
    Known,
    Regularizer,
    Tensor,
    TensorShape,
    Value,
    Variable,
)
from .arguments import Arguments

PARAMETERS = (
    "name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint", "partitioner", "use_resource",
    "synchronization", "aggregation",
)  # fmt: skip


def method(run: Interpreter, owner: Value, name: str, node: ast.Call) -> Value:
    """A call of such a layer, or of a method that it has from its base."""
    if isinstance(owner, Base):
        return _base_method(run, owner.layer, name, node)
    layer = of(run, owner)
    assert layer is not None
    if name == "__call__":
        return _call(run, layer, node)
    if name in WEIGHTS:
        return _weight(run, layer, node)
    return run.problem(node, f"a method .{name}() of a layer")


def _base_method(run: Interpreter, layer: OwnLayer, name: str, node: ast.Call) -> Value:
    keywords = {one.arg: run.evaluate(one.value) for one in node.keywords}
    values = [run.evaluate(one) for one in node.args]
    if name != "__init__":
        return (
            Known(None)
            if name in {"build", "compute_output_shape", "get_config"}
            else run.problem(node, f"super().{name}()")
        )
    for spread in [value for key, value in keywords.items() if key is None and isinstance(value, Dict)]:
        keywords |= {str(host.plain(key)): one for key, one in zip(spread.keys, spread.values, strict=True)}
    given = keywords.get("name", values[1] if layer.kind == "layers" and len(values) > 1 else None)
    if isinstance(given, Known) and isinstance(given.value, str):
        layer.short, layer.named = given.value, True
    elif given is not None and not (isinstance(given, Known) and given.value is None):
        return run.problem(node, "a layer whose name is not known")
    if layer.kind == "keras" and not layer.named:
        layer.short = _counted(run, _snake(layer.instance.cls.node.name))
    return Known(None)


def _snake(name: str) -> str:
    """TF1's and Keras' way from a class's name to a layer's."""
    text = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return f"private{text}" if text.startswith("_") else text


def _counted(run: Interpreter, name: str) -> str:
    count = run.graph.keras_names.get(name, 0)
    run.graph.keras_names[name] = count + 1
    return f"{name}_{count}" if count else name


# -- calls --------------------------------------------------------------------------------------------------------------


def _call(run: Interpreter, layer: OwnLayer, node: ast.Call) -> Value:
    call, build = (layer.instance.cls.attributes.get(name) for name in ("call", "build"))
    values = [run.evaluate(one) for one in node.args]
    if not isinstance(call, Function) or not values or not isinstance(values[0], Tensor):
        return run.problem(node, "a layer of the program's own that is called on something else than a tensor")
    if any(isinstance(one, ast.Starred) for one in node.args):
        return run.problem(node, "a call with * or ** whose arguments decide what the graph is")
    graph = run.graph
    first = not layer.name
    layer.called.append(run.chain)
    if first:
        _enter_first(run, layer)
        layer.call, layer.chain = node, run.chain
    graph.open_scope(layer.name, None if first else True)
    graph.name_scopes.append(layer.name if first else graph.unique(layer.short))
    if first and isinstance(build, Function):
        layer.building = True
        _method(run, layer, build, node, [TensorShape(values[0].shape)], {})
        layer.building = False
    made = len(graph.variables), len(graph.layers)
    keywords = {one.arg: run.evaluate(one.value) for one in node.keywords if one.arg}
    result = _method(run, layer, call, node, values, keywords)
    if (len(graph.variables), len(graph.layers)) != made:
        run.problem(node, "a layer of the program's own that makes others when it is called")
    if first:
        names = [one.arg for one in call.node.args.args][1:]
        layer.given = dict(zip(names, values, strict=False)) | {str(key): one for key, one in keywords.items()}
    graph.close_scope()
    graph.name_scopes.pop()
    return result


def _enter_first(run: Interpreter, layer: OwnLayer) -> None:
    graph = run.graph
    if layer.kind == "keras":
        layer.name = graph.unique(layer.short or _counted(run, _snake(layer.instance.cls.node.name)))
        return
    layer.short = graph.unique_scope(layer.short or _snake(layer.instance.cls.node.name))
    layer.name = graph.in_variable_scope(layer.short)
    graph.unique(layer.short)


def _method(
    run: Interpreter,
    layer: OwnLayer,
    function: Function,
    node: ast.Call,
    values: list[Value],
    keywords: dict[str, Value],
) -> Value:
    bound = Function(function.node, function.frame, layer.instance)
    return run.language.call_function(run, bound, node, values, keywords)


# -- weights ------------------------------------------------------------------------------------------------------------


def _weight(run: Interpreter, layer: OwnLayer, node: ast.Call) -> Value:
    arguments = Arguments(run, node, PARAMETERS)
    name = arguments.text("name")
    if not layer.building:
        return run.problem(node, "a weight that a layer makes outside of its build")
    if name is None:
        return run.problem(node, "a weight whose name is not known")
    for unusual in ("constraint", "partitioner", "synchronization", "aggregation"):
        if unusual in arguments and arguments.known(unusual) is not None:
            return run.problem(node, f"a weight with {unusual}")
    dtype = shapes.dtype_of(arguments.value("dtype"))
    if dtype not in {None, "float32"}:
        return run.problem(node, "a weight that is not of float32")
    made = Variable(node, run.chain, (), "weight", name=f"{layer.name}/{name}", maker="own layer")
    made.shape = shapes.shape_of(arguments.value("shape")) if "shape" in arguments else ()
    made.dtype = dtype or "float32"
    made.trainable = arguments.known("trainable", True) is not False
    made.arguments = arguments.nodes
    layer.weights.append(made)
    regularizer = arguments.value("regularizer")
    if regularizer is not None and not (isinstance(regularizer, Known) and regularizer.value is None):
        if layer.kind == "keras" or not isinstance(regularizer, Regularizer):
            return run.problem(node, "a weight with a regularizer")
        if not regularizer.nothing:
            made.regularized = True
    run.add_variable(made)
    if made.regularized:
        loss = run.tensor(node, "regularizer", (made,), (), "float32")
        run.graph.collections.setdefault("regularization_losses", []).append(loss)
    return made
