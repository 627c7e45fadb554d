"""Collections of the graph, and the lists of variables that TF1 hands out."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from ..interpreter import Interpreter
from ..values import Known, Scope, Sequence, TFName, UpdateOps, Value, Variable
from . import losses, metrics
from .arguments import of_function

KEYS = {
    "GLOBAL_VARIABLES": "variables",
    "TRAINABLE_VARIABLES": "trainable_variables",
    "UPDATE_OPS": "update_ops",
    "REGULARIZATION_LOSSES": "regularization_losses",
    "LOSSES": "losses",
    "SUMMARIES": "summaries",
    "LOCAL_VARIABLES": "local_variables",
    "METRIC_VARIABLES": "local_variables",
    "MODEL_VARIABLES": "model_variables",
    "GLOBAL_STEP": "global_step",
}


class VariableList(Sequence):
    """A list of variables that the graph handed out; emit writes it as the list of what is in it."""

    every = False  # it is all that there are, the slots of optimizers among them


def _matching(variables: list[Variable], scope: str | None) -> list[Value]:
    if not scope:
        return list(variables)
    return [variable for variable in variables if re.match(scope, variable.name)]


def _scope_of(value: Value | None) -> str | None:
    if isinstance(value, Scope):
        return value.name
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None


def _in_file(run: Interpreter, node: ast.Call) -> Value | None:
    """What a file put into the collections of the graph is not known."""
    loaded = run.graph.loaded
    if loaded is None or loaded.form == "graph_def":
        return None
    return run.problem(node, "a collection of a graph that was read from a file")


def _variables(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    unknown = _in_file(run, node)
    if unknown is not None:
        return unknown
    scope = arguments.value("scope")
    if scope is not None and _scope_of(scope) is None and not (isinstance(scope, Known) and scope.value is None):
        return run.problem(node, "variables of a scope that is not known")
    variables = run.graph.variables
    if name == "trainable_variables":
        variables = [variable for variable in variables if variable.trainable]
    found = VariableList(_matching(variables, _scope_of(scope)))
    found.every = name != "trainable_variables" and not _scope_of(scope)
    return found


def _key(value: Value | None) -> str | None:
    if isinstance(value, TFName) and value.name.startswith("GraphKeys."):
        return KEYS.get(value.name.partition(".")[2])
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else None


def _get(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    key, scope = _key(arguments.value("key")), _scope_of(arguments.value("scope"))
    unknown = _in_file(run, node)
    if unknown is not None:
        return unknown
    if key is None:
        return run.problem(node, "a collection whose key is not known")
    if key in {"variables", "trainable_variables"}:
        wanted = [v for v in run.graph.variables if v.trainable or key == "variables"]
        return VariableList(_matching(wanted, scope))
    if key == "update_ops":
        layers = [layer for layer in run.graph.layers.values() if layer.updates]
        if scope:
            layers = [layer for layer in layers if re.match(scope, layer.name)]
        made = run.add(UpdateOps(node, run.chain))
        made.layers = layers
        return Sequence([made])
    if key == "local_variables" and not run.graph.collections.get(key):
        return metrics.local_variables(run, node, scope)
    if key in {"losses", "regularization_losses"}:
        given = arguments.value("scope")
        return losses.collected(run, node, key == "losses", key != "losses", total=False, scope=given)
    members = run.graph.collections.get(key, [])
    if key in KEYS.values() and members == []:
        return Sequence([])
    variables = [one for one in members if isinstance(one, Variable)]
    if members and len(variables) == len(members):
        return VariableList(_matching(variables, scope))
    if scope:
        return run.problem(node, "a collection of one scope")
    return Sequence(list(members))


def _add(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    key, value = _key(arguments.value("name")), arguments.value("value")
    if key is None or value is None:
        return run.problem(node, "a collection whose key is not known")
    if key in KEYS.values():
        return run.problem(node, f"a value added to the collection {key}")
    run.graph.collections.setdefault(key, []).append(value)
    return Known(None)


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "trainable_variables": _variables,
    "global_variables": _variables,
    "all_variables": _variables,
    "get_collection": _get,
    "add_to_collection": _add,
}
