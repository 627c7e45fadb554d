"""Calls whose TF1 form the graph stage knows are written here, not name by name: assignments, lists of variables."""

from __future__ import annotations

import ast

from ..graph.frames import Frame
from ..graph.ops.arg_scopes import EnteredArgs
from ..graph.ops.collections import VariableList
from ..graph.ops.monitored import Creator
from ..graph.ops.scopes import Entered
from ..graph.ops.training import GradientList
from ..graph.values import (
    Assign,
    Config,
    Coordinator,
    DataIterator,
    Gradients,
    Group,
    Hook,
    Init,
    Layer,
    MetricVariables,
    MonitoredSession,
    Optimizer,
    Placeholder,
    Saver,
    Schedule,
    Session,
    SparseValue,
    StringHandle,
    Summary,
    Tensor,
    Threads,
    TrainOp,
    UpdateOps,
    Value,
    Variable,
    Writer,
)
from . import setup
from .classes import members
from .context import Context


def rewrite_calls(context: Context) -> None:
    """Calls whose TF1 form the graph stage knows: assignments, lists of variables, sessions, initializers."""
    for node, values in list(context.run.meanings.items()):
        if not isinstance(node, ast.Call):
            continue
        path = setup.module_of(context, node)
        if path is None:
            continue
        value = values[0]
        if isinstance(value, Assign):
            _assign(context, node, path)
        elif isinstance(value, Tensor) and value.op == "initialized_value" and isinstance(node.func, ast.Attribute):
            context.edits[path].replace(node, node.func.value)
        elif isinstance(value, VariableList) and _same_items(values):
            _variable_list(context, node, value, path)
        elif isinstance(value, SparseValue) and context.names[path].name_of(node.func) == "SparseTensorValue":
            context.edits[path].replace(node.func, f"{context.tf(path)}.SparseTensor")
            context.owned.add(node.func)
        if any(_structural(one) for one in values):
            _own_call(context, node, values[0])
    for value in context.run.values:
        if isinstance(value.node, ast.Call) and _structural(value):
            _own_call(context, value.node, value)
    for execution in context.run.executions:
        context.owned.add(execution.node.func)  # tf.train.global_step is a function


# Calls that go altogether, with what they were given.
GONE = (
    Session,
    Init,
    Config,
    Entered,
    UpdateOps,
    VariableList,
    DataIterator,
    StringHandle,
    MetricVariables,
    Coordinator,
    Threads,
)
# Of these, only what they compute with lives on.
KEPT_ARGUMENTS = {
    TrainOp: ("loss", "var_list", "grads_and_vars"),
    Gradients: ("loss", "var_list", "ys", "xs", "grad_ys"),
}


def _own_call(context: Context, node: ast.Call, value: Value) -> None:
    context.owned.add(node.func)
    if isinstance(value, DataIterator):
        return
    if isinstance(value, GONE) and not isinstance(value, (EnteredArgs, MonitoredSession)):
        context.own(node)
    for kind, kept in KEPT_ARGUMENTS.items():
        if isinstance(value, kind):
            for key, argument in getattr(value, "arguments", {}).items():
                if key not in kept:
                    context.own(argument)


def _structural(value: Value) -> bool:
    kinds = (
        Placeholder, Session, Init, Saver, Writer, Optimizer, TrainOp, Gradients, GradientList, Group, UpdateOps, Summary, Assign,
        Config, Entered, DataIterator, StringHandle, Coordinator, Threads, Schedule, VariableList, Layer, Hook, Creator,
        MetricVariables,
    )  # fmt: skip
    if isinstance(value, Variable):
        return value.maker in {"Variable", "get_variable", "global_step"}
    return isinstance(value, kinds)


def _assign(context: Context, node: ast.Call, path: str) -> None:
    """tf.assign(v, x) is v.assign(x)."""
    name = context.names[path].name_of(node.func)
    if name is None:
        return
    from ..symbols.sites import atom

    arguments = {keyword.arg: keyword.value for keyword in node.keywords}
    for parameter, given in zip(("ref", "value"), node.args, strict=False):
        arguments[parameter] = given
    method = name.rpartition(".")[2]
    context.edits[path].replace(node, *atom(arguments["ref"]), f".{method}(", arguments["value"], ")")
    context.owned.add(node.func)


def _variable_list(context: Context, node: ast.Call, value: VariableList, path: str) -> None:
    """tf.trainable_variables() and collections of variables, written as the list of what was in them."""
    outermost = _outermost_list(context, node)
    if outermost is None:
        raise context.stop("a list of variables that is taken apart in a way that is not followed", node, path)
    target, variables = outermost
    frame = _frame_of(context, node, path)
    context.edits[path].replace(target, context.variables(variables, frame, node))
    for part in ast.walk(target):
        context.owned.add(part)


def _same_items(values: list[Value]) -> bool:
    """Whether an expression, however often it was evaluated, meant lists of the same things."""
    lists = [getattr(value, "items", None) for value in values]
    return bool(lists) and all(isinstance(one, list) and one == lists[0] for one in lists)


def _outermost_list(context: Context, node: ast.Call) -> tuple[ast.expr, list[Variable]] | None:
    """The list itself, or the comprehension around it that only filters it."""
    current: ast.AST | None = node
    found = None
    while isinstance(current, (ast.expr, ast.comprehension)):
        if isinstance(current, ast.expr):
            values = context.run.meanings.get(current, [])
            items = getattr(values[0], "items", None) if _same_items(values) else None
            if items is not None and all(isinstance(item, Variable) for item in items):
                found = (current, list(items))
        current = context.parents.get(current)
    return found


def _frame_of(context: Context, node: ast.AST, path: str) -> Frame:
    current: ast.AST | None = node
    while current is not None:
        if isinstance(current, ast.FunctionDef) and current in context.run.activations:
            return members.home(context.run.activations[current][0])
        current = context.parents.get(current)
    return context.run.module_frames[path]
