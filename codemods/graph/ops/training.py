"""Optimizers, gradients, learning-rate schedules and the global step."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..interpreter import Interpreter
from ..values import (
    Gradients,
    GraphValue,
    Known,
    Optimizer,
    Schedule,
    Sequence,
    Tensor,
    TrainOp,
    Value,
    Variable,
    graph_values,
)
from . import slots
from .arguments import Arguments, of_function, of_method

OPTIMIZERS = (
    "GradientDescentOptimizer", "MomentumOptimizer", "AdamOptimizer", "RMSPropOptimizer", "AdagradOptimizer",
    "AdadeltaOptimizer", "FtrlOptimizer",
)  # fmt: skip
OF_CONTRIB = ("AdamWOptimizer", "AdaMaxOptimizer")
SCHEDULES = (
    "exponential_decay", "natural_exp_decay", "inverse_time_decay", "polynomial_decay", "piecewise_constant",
    "piecewise_constant_decay", "cosine_decay", "cosine_decay_restarts",
)  # fmt: skip


def _optimizer(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    rate = arguments.value("learning_rate")
    inputs = tuple(graph_values(rate)) if rate is not None else ()
    made = Optimizer(node, run.chain, inputs, name.rpartition(".")[2])
    made.arguments = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    made.scope = run.graph.scopes[-1].name
    return run.add(made)


def _schedule(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    step = arguments.value("global_step") or arguments.value("x")
    inputs = tuple(graph_values(step)) if step is not None else ()
    made = Schedule(node, run.chain, inputs, name, (), "float32")
    made.name, made.call, made.step = name.rpartition(".")[2], node, step
    made.arguments = arguments.nodes
    return run.add(made)


def _global_step(run: Interpreter, name: str, node: ast.Call) -> Value:
    for argument in node.args:
        run.evaluate(argument)
    known = next((one for one in run.graph.variables if one.maker == "global_step" or one.name == "global_step"), None)
    if known is not None:
        return known
    if name.endswith("get_global_step"):
        return run.problem(node, "a global step that does not exist yet")
    full = run.graph.in_variable_scope("global_step")
    made = Variable(node, run.chain, (), "global_step", (), "int64", name=full, trainable=False, maker="global_step")
    run.graph.store[full] = made
    return run.add_variable(made)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of optimizers."""
    if not isinstance(owner, Optimizer):
        return None
    if name == "minimize":
        return _minimize(run, owner, node)
    if name == "compute_gradients":
        arguments = of_method(run, name, node)
        return _gradients(run, node, owner, arguments.value("loss"), arguments)
    if name == "apply_gradients":
        return _apply(run, owner, node)
    return run.problem(node, f"a method .{name}() of an optimizer")


def _variables(run: Interpreter, node: ast.Call, arguments: Arguments) -> tuple[list[Variable], bool]:
    given = arguments.value("var_list")
    if given is None or (isinstance(given, Known) and given.value is None):
        return [variable for variable in run.graph.variables if variable.trainable], False
    members = [given] if isinstance(given, Variable) else host.items(run, given)
    if members is None or not all(isinstance(member, Variable) for member in members):
        run.problem(node, "a var_list that is not known")
        return [], True
    return [member for member in members if isinstance(member, Variable)], True


def _minimize(run: Interpreter, owner: Optimizer, node: ast.Call) -> Value:
    arguments = of_method(run, "minimize", node)
    loss = arguments.value("loss")
    if not isinstance(loss, Tensor):
        return run.problem(node, "a loss that is not known to be a tensor")
    for unusual in ("grad_loss", "decay_var_list"):
        if unusual in arguments:
            run.problem(node, f"minimize with {unusual}")
    variables, explicit = _variables(run, node, arguments)
    if not variables and not run.problems:
        run.problem(node, "minimize without a variable that is known")
    made = TrainOp(node, run.chain, (*_controls(run), loss, *owner.inputs))
    made.optimizer, made.loss, made.variables, made.explicit = owner, loss, variables, explicit
    made.global_step = arguments.value("global_step")
    made.arguments = arguments.nodes
    _check_step(run, node, made.global_step)
    slots.create(run, made, slots.trained(made), arguments.text("name"))
    return run.add(made)


def _controls(run: Interpreter) -> tuple[GraphValue, ...]:
    return tuple(value for group in run.graph.controls for value in group if isinstance(value, GraphValue))


def _check_step(run: Interpreter, node: ast.Call, step: Value | None) -> None:
    if step is not None and not isinstance(step, Variable) and not (isinstance(step, Known) and step.value is None):
        run.problem(node, "a global step that is not known to be a variable")


def _gradients(
    run: Interpreter, node: ast.Call, owner: Optimizer | None, loss: Value | None, arguments: Arguments
) -> Value:
    if not isinstance(loss, Tensor):
        return run.problem(node, "a loss that is not known to be a tensor")
    variables, explicit = _variables(run, node, arguments)
    if not variables and not run.problems:
        run.problem(node, "gradients without a variable that is known")
    made = Gradients(node, run.chain, (*_controls(run), loss))
    made.loss, made.variables, made.pairs, made.optimizer, made.explicit = loss, list(variables), True, owner, explicit
    made.arguments = arguments.nodes
    run.add(made)
    pairs: list[Value] = [
        Sequence(
            [run.tensor(node, "gradient", (made, variable), variable.shape, variable.dtype), variable],
            "tuple",
        )
        for variable in variables
    ]
    result = GradientList(pairs)
    result.gradients = made
    return result


class GradientList(Sequence):
    """The list that compute_gradients or tf.gradients gave, with the gradients that it came from."""

    gradients: Gradients


def _tf_gradients(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "gradients", node)
    loss, wanted = arguments.value("ys"), arguments.value("xs")
    weights = arguments.value("grad_ys")
    plain = weights is None or isinstance(weights, Tensor) or (isinstance(weights, Known) and weights.value is None)
    if "stop_gradients" in arguments or not plain:
        return run.problem(node, f"tf.gradients with {'stop_gradients' if plain else 'grad_ys'}")
    if isinstance(loss, Sequence) and len(loss.items) == 1:
        return run.problem(node, "tf.gradients of a list")
    members = [wanted] if isinstance(wanted, Tensor) else host.items(run, wanted or Value())
    if not isinstance(loss, Tensor) or members is None or not all(isinstance(member, Tensor) for member in members):
        return run.problem(node, "tf.gradients of something that is not known")
    made = Gradients(node, run.chain, (loss, *[member for member in members if isinstance(member, Tensor)]))
    made.loss, made.variables, made.explicit = loss, list(members), True
    made.arguments = arguments.nodes
    made.single = isinstance(wanted, Tensor)
    made.inputs = (*made.inputs, *graph_values(weights or Value()))
    run.add(made)
    result = GradientList(
        [
            run.tensor(node, "gradient", (made,), getattr(member, "shape", None), getattr(member, "dtype", None))
            for member in members
        ]
    )
    result.gradients = made
    return result


def _apply(run: Interpreter, owner: Optimizer, node: ast.Call) -> Value:
    arguments = of_method(run, "apply_gradients", node)
    if "decay_var_list" in arguments:
        run.problem(node, "apply_gradients with decay_var_list")
    pairs = arguments.value("grads_and_vars")
    members = host.items(run, pairs) if pairs is not None else None
    if members is None:
        return run.problem(node, "gradients to apply that are not known")
    variables: list[Variable] = []
    for member in members:
        parts = host.items(run, member)
        if parts is None or len(parts) != 2 or not isinstance(parts[1], Variable):
            return run.problem(node, "gradients to apply whose variables are not known")
        variables.append(parts[1])
    made = TrainOp(node, run.chain, (*_controls(run), *graph_values(pairs or Value()), *owner.inputs))
    made.optimizer, made.gradients, made.variables, made.explicit = owner, pairs, variables, True
    made.global_step = arguments.value("global_step")
    made.arguments = arguments.nodes
    _check_step(run, node, made.global_step)
    slots.create(run, made, slots.trained(made), arguments.text("name"))
    return run.add(made)


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"train.{name}": _optimizer for name in OPTIMIZERS},
    **{f"contrib.opt.{name}": _optimizer for name in OF_CONTRIB},
    **{f"train.{name}": _schedule for name in SCHEDULES},
    "train.get_or_create_global_step": _global_step,
    "train.create_global_step": _global_step,
    "train.get_global_step": _global_step,
    "gradients": _tf_gradients,
}
