"""slim.repeat and slim.stack: several layers in one call, each on what the one before it gives."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...api import lookup
from ..interpreter import Interpreter
from ..values import Known, Layer, Shape, TFName, Value
from . import arg_scopes, contrib_names
from .arg_scopes import Given
from .contrib_kinds import KINDS
from .contrib_layers import SIGNATURES, Call, Shaped, apply, result_of, through


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
        layer = apply(call)
        if layer is None:
            break
        parts.append(layer)
        inputs = Shaped(last_shape(layer, node, getattr(inputs, "shape", None)), call.kind)
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
    return result_of(call, made)


def last_shape(layer: Layer, node: ast.Call, shape: Shape) -> Shape:
    return [out for _, out in through(layer, node, shape)][-1]


def _positional(run: Interpreter, name: str, node: ast.Call, row: list[Given]) -> dict[str, Given]:
    """Arguments behind the inputs, by the layer function's own parameters."""
    fact = lookup(SIGNATURES.get(name, name))
    names = [one.name for one in fact.signature or ()][1:] if fact is not None else []
    if len(row) > len(names):
        run.problem(node, "a layer with arguments that are not known")
    return dict(zip(names, row, strict=False))


def _text(call: Call, text: str, node: ast.Call) -> Given:
    return Given(Known(text), node, call.run.frame, call.run.chain[-1].index)


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "contrib.layers.repeat": _repeat,
    "contrib.layers.stack": _stack,
}
