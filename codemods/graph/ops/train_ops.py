"""slim.learning.create_train_op: update ops, gradients and the step in one; fetching it gives the loss."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..interpreter import Interpreter
from ..values import GraphValue, Known, Optimizer, Tensor, TrainOp, UpdateOps, Value, Variable, graph_values
from . import slots
from .arguments import Arguments, of_function

# Arguments that change nothing at the values given here.
HARMLESS: dict[str, tuple[object, ...]] = {
    "clip_gradient_norm": (0, 0.0, None),
    "summarize_gradients": (False,),
    "gradient_multipliers": (None, {}),
    "gate_gradients": (),
    "aggregation_method": (None,),
    "colocate_gradients_with_ops": (True, False),
    "update_ops": (None,),
    "transform_grads_fn": (None,),
}


def _create(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    loss, optimizer = arguments.value("total_loss"), arguments.value("optimizer")
    if not isinstance(loss, Tensor) or not isinstance(optimizer, Optimizer):
        return run.problem(node, "a train op whose loss or optimizer is not known")
    for key, allowed in HARMLESS.items():
        if key in arguments and not any(arguments.known(key) == one for one in allowed):
            return run.problem(node, f"tf.{name} with {key}")
    variables, explicit = _variables(run, node, arguments)
    if variables is None:
        return run.problem(node, "a var_list that is not known")
    controls = tuple(value for group in run.graph.controls for value in group if isinstance(value, GraphValue))
    updates = run.add(UpdateOps(node, run.chain))
    updates.layers = [layer for layer in run.graph.layers.values() if layer.updates]
    made = TrainOp(node, run.chain, (*controls, updates, loss, *optimizer.inputs))
    made.optimizer, made.loss, made.variables, made.explicit = optimizer, loss, variables, explicit
    made.gives_loss = True
    made.checked = arguments.known("check_numerics", True) is not False
    made.global_step = _step(run, node, arguments)
    made.arguments = {"loss": arguments.nodes["total_loss"]}
    if explicit:
        made.arguments["var_list"] = arguments.nodes["variables_to_train"]
    slots.create(run, made, slots.trained(made), None)
    made.tf1_name = ""  # fetching it gives the loss, behind the update
    return run.add(made)


def _variables(run: Interpreter, node: ast.Call, arguments: Arguments) -> tuple[list[Variable] | None, bool]:
    given = arguments.value("variables_to_train")
    if given is None or (isinstance(given, Known) and given.value is None):
        return [variable for variable in run.graph.variables if variable.trainable], False
    members = host.items(run, given)
    if members is None or not all(isinstance(member, Variable) for member in members):
        return None, True
    return [member for member in members if isinstance(member, Variable)], True


def _step(run: Interpreter, node: ast.Call, arguments: Arguments) -> Value | None:
    """The step that is counted: that of the graph, which is made where there is none."""
    if "global_step" in arguments:
        step = arguments.value("global_step")
        if not isinstance(step, Variable) and not (isinstance(step, Known) and step.value is None):
            return run.problem(node, "a global step that is not known to be a variable")
        return step if isinstance(step, Variable) else None
    known = run.graph.store.get("global_step") or next(
        (variable for variable in run.graph.variables if variable.name == "global_step"), None
    )
    if known is not None:
        return known
    made = Variable(
        None, run.chain, (), "global_step", (), "int64", name="global_step", trainable=False, maker="global_step"
    )
    made.implicit = True
    run.graph.store["global_step"] = made
    return run.add_variable(made)


def _optimize_loss(run: Interpreter, name: str, node: ast.Call) -> Value:
    """What is written otherwise before anything is planned (see normal/optimize_loss.py): for now, a value like the loss."""
    arguments = of_function(run, name, node)
    rate = arguments.value("learning_rate")
    if rate is not None and not isinstance(rate, GraphValue) and not (isinstance(rate, Known) and rate.value is None):
        full = run.graph.in_variable_scope(run.graph.unique_scope("OptimizeLoss"))
        kept = Variable(None, run.chain, (), "get_variable", (), "float32", name=f"{full}/learning_rate")
        kept.trainable, kept.implicit, kept.maker = False, True, "get_variable"
        run.add_variable(kept)
    return run.tensor(node, name, tuple(graph_values(arguments.value("loss") or Value())), ())


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "contrib.slim.learning.create_train_op": _create,
    "contrib.training.create_train_op": _create,
    "contrib.layers.optimize_loss": _optimize_loss,
}
