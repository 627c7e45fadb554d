"""tf.train.ExponentialMovingAverage over variables: TensorFlow 2 has it, and makes the averages when it is applied first."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..interpreter import Interpreter
from ..values import AverageOp, GraphValue, Known, MovingAverage, Value, Variable, graph_values, is_none
from .arguments import of_function
from .collections import VariableList


def _average(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    made = MovingAverage(node, run.chain)
    made.arguments = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    made.name = arguments.text("name") or made.name
    updates = made.values.get("num_updates")
    if updates is not None and not isinstance(updates, Variable) and not is_none(updates):
        return run.problem(node, "a moving average whose count of updates is not known to be a variable")
    if graph_values(made.values.get("decay", Value())):
        return run.problem(node, "a moving average whose decay is a tensor")
    made.inputs = (updates,) if isinstance(updates, Variable) else ()
    return run.add(made)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of moving averages."""
    if not isinstance(owner, MovingAverage):
        return None
    given = [run.evaluate(one) for one in (*node.args, *(keyword.value for keyword in node.keywords))]
    if name == "apply" and len(given) <= 1:
        return _apply(run, owner, node, given[0] if given else None)
    if name == "average" and len(given) == 1 and isinstance(given[0], Variable):
        return owner.shadows.get(given[0], Known(None))
    if name == "average_name" and len(given) == 1 and isinstance(given[0], Variable):
        return Known(run.graph.in_variable_scope(f"{given[0].name}/{owner.name}"))
    return run.problem(node, f"a method .{name}() of a moving average")


def _apply(run: Interpreter, owner: MovingAverage, node: ast.Call, given: Value | None) -> Value:
    members = host.items(run, given) if given is not None and not is_none(given) else None
    variables: list[Value] = [one for one in run.graph.variables if one.trainable]
    if given is not None and not is_none(given):
        if members is None:
            return run.problem(node, "a moving average of what is not known")
        variables = members
    if not variables or not all(isinstance(one, Variable) for one in variables):
        return run.problem(node, "a moving average of a tensor, which TensorFlow 1 began at 0")
    found = [one for one in variables if isinstance(one, Variable)]
    made = AverageOp(node, run.chain, (*owner.inputs, *found), keeper=owner, variables=found)
    made.explicit = given is not None and not is_none(given)
    for one in found:
        if one not in owner.shadows:
            made.first = True
            full = run.graph.in_variable_scope(f"{one.name}/{owner.name}")
            shadow = Variable(node, run.chain, (), "average", one.shape, one.dtype, name=full, trainable=False)
            shadow.maker, shadow.implicit, shadow.average = "average", True, (owner, one)
            owner.shadows[one] = run.add_variable(shadow)
    return run.add(made)


def _averaged(run: Interpreter, name: str, node: ast.Call) -> Value:
    """tf.moving_average_variables(): what averages are kept of."""
    if node.args or node.keywords:
        return run.problem(node, f"tf.{name} of a scope")
    keepers = {one.average[1] for one in run.graph.variables if one.average is not None}
    return VariableList([one for one in run.graph.variables if one in keepers])


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "train.ExponentialMovingAverage": _average,
    "moving_average_variables": _averaged,
}
