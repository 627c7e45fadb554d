"""What TensorFlow's own calls do to the graph: a table from TF1 names, and from methods of graph values, to handlers."""

from __future__ import annotations

import ast

from ...api import lookup, public
from ..interpreter import Interpreter
from ..own_layers import Base
from ..values import GraphValue, Instance, Value
from . import (
    arg_scopes,
    averages,
    collections,
    contrib_chains,
    contrib_functions,
    contrib_layers,
    contrib_names,
    control,
    data,
    estimators,
    generic,
    layers,
    loading,
    losses,
    metrics,
    monitored,
    own_layers,
    queues,
    rnn,
    running,
    scopes,
    summaries,
    train_ops,
    training,
    variables,
)

FUNCTIONS = {
    **variables.FUNCTIONS,
    **collections.FUNCTIONS,
    **layers.FUNCTIONS,
    **rnn.FUNCTIONS,
    **arg_scopes.FUNCTIONS,
    **contrib_layers.FUNCTIONS,
    **contrib_chains.FUNCTIONS,
    **contrib_functions.FUNCTIONS,
    **losses.FUNCTIONS,
    **training.FUNCTIONS,
    **train_ops.FUNCTIONS,
    **running.FUNCTIONS,
    **monitored.FUNCTIONS,
    **averages.FUNCTIONS,
    **control.FUNCTIONS,
    **estimators.FUNCTIONS,
    **metrics.FUNCTIONS,
    **summaries.FUNCTIONS,
    **data.FUNCTIONS,
    **queues.FUNCTIONS,
    **scopes.FUNCTIONS,
    **loading.FUNCTIONS,
}
METHODS = (
    rnn.method,
    loading.method,
    variables.method,
    training.method,
    estimators.method,
    averages.method,
    metrics.method,
    control.method,
    monitored.method,
    running.method,
    summaries.method,
    data.method,
    queues.method,
    generic.method,
)


def call_tensorflow(run: Interpreter, name: str, node: ast.Call) -> Value:
    """A call of a TensorFlow function or class, by its TF1 name."""
    name = public(name) or name
    name = contrib_names.canonical(generic.SYNONYMS.get(name, name))
    if name not in FUNCTIONS:
        name = _after_1(name, node)
    handler = FUNCTIONS.get(name)
    if handler is not None:
        return handler(run, name, node)
    return generic.call(run, name, node)


def _after_1(name: str, node: ast.Call) -> str:
    """The name that TensorFlow 1.0 gave to what older programs call by another, where the arguments are the same."""
    fact = lookup(name)
    if fact is None or fact.since[:1] not in ("0", "1") or fact.compat not in FUNCTIONS:
        return name
    return name if any(keyword.arg in fact.compat_renamed for keyword in node.keywords) else fact.compat


def call_method(run: Interpreter, owner: Value, name: str, node: ast.Call) -> Value:
    """A call of a method of a graph value, a graph or a scope."""
    if isinstance(owner, (Instance, Base)):
        return own_layers.method(run, owner, name, node)
    if not isinstance(owner, GraphValue):
        return scopes.method(run, owner, name, node)
    for handler in METHODS:
        found = handler(run, owner, name, node)
        if found is not None:
            return found
    return run.problem(node, f"a method .{name}() of a graph value")
