"""Placeholders and variables: their TF1 names, and the assignments to them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .. import host, shapes
from ..interpreter import Interpreter
from ..values import (
    Assign,
    Found,
    GraphValue,
    Known,
    Op,
    Placeholder,
    SparseValue,
    Tensor,
    TensorShape,
    TFName,
    Value,
    Variable,
    graph_values,
    is_none,
)
from . import op_names
from .arguments import Arguments, of_function, of_method


def _placeholder(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    default = arguments.value("input") if name == "placeholder_with_default" else None
    dtype = shapes.dtype_of(arguments.value("dtype"))
    if default is not None:
        dtype = _default_dtype(default)
        if graph_values(default) and not all(value.constant for value in graph_values(default)):
            run.problem(node, "a placeholder whose default depends on the graph")
    if dtype is None:
        run.problem(node, "a placeholder whose dtype is not known")
    made = Placeholder(node, run.chain, (), name, shapes.shape_of(arguments.value("shape")), dtype)
    made.arguments, made.sparse = arguments.nodes, name == "sparse_placeholder"
    made.default = default
    if made.sparse:
        if graph_values(arguments.value("shape") or Value()):
            run.problem(node, "a sparse placeholder whose shape is a tensor")
        whole = made.shape is not None and None not in made.shape
        for _ in range(2 if whole else 3):  # values, indices, and the shape where it is fed, too
            if arguments.text("name") is None:
                run.graph.unique("Placeholder")
        return run.add(made)
    made.tf1_name = run.graph.unique(
        arguments.text("name") or ("Placeholder" if default is None else "PlaceholderWithDefault")
    )
    if arguments.value("name") is not None and arguments.text("name") is None and not is_none(arguments.value("name")):
        made.tf1_name = ""
    return run.add(made)


def _sparse_value(run: Interpreter, name: str, node: ast.Call) -> Value:
    of_function(run, name, node)
    return SparseValue()


def _default_dtype(value: Value) -> str | None:
    found = graph_values(value)
    return getattr(found[0], "dtype", None) if found else shapes.of_literal(value)


def _variable(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "Variable", node)
    given = arguments.text("name")
    if arguments.value("name") is not None and given is None and not is_none(arguments.value("name")):
        run.problem(node, "a variable whose name is not known")
    scope = run.graph.name_scopes[-1]
    full = run.graph.unique(given or "Variable")
    initial = arguments.value("initial_value")
    made = Variable(node, run.chain, (), "Variable", name=full, maker="Variable")
    made.explicit = given is not None and not scope and full == given
    made.trainable = arguments.known("trainable", True) is not False
    made.shape, made.dtype = _initial(initial, arguments)
    made.initial, made.arguments = tuple(graph_values(initial) if initial is not None else ()), arguments.nodes
    _initial_inputs(run, node, initial)
    _check_unusual(
        run, node, arguments, ("caching_device", "variable_def", "import_scope", "constraint", "aggregation")
    )
    if "collections" in arguments:
        _join_collections(run, made, arguments)
    return run.add_variable(made)


def _initial(initial: Value | None, arguments: Arguments) -> tuple[Any, str | None]:
    dtype = shapes.dtype_of(arguments.value("dtype"))
    if isinstance(initial, Tensor):
        return initial.shape, dtype or initial.dtype
    if isinstance(initial, Known) and isinstance(initial.value, (bool, int, float, str)):
        kinds = {bool: "bool", int: "int32", float: "float32", str: "string"}
        return (), dtype or kinds[type(initial.value)]
    return None, dtype


def _initial_inputs(run: Interpreter, node: ast.AST, initial: Value | None) -> None:
    for value in graph_values(initial) if initial is not None else []:
        if any(not isinstance(root, (Variable,)) and not getattr(root, "random", False) for root in value.roots):
            run.problem(node, "a variable whose initial value depends on a placeholder or an iterator")


def _check_unusual(run: Interpreter, node: ast.AST, arguments: Arguments, names: tuple[str, ...]) -> None:
    for name in names:
        if name in arguments and not is_none(arguments.value(name)):
            run.problem(node, f"a variable with {name}")


def _join_collections(run: Interpreter, variable: Variable, arguments: Arguments) -> None:
    for key in host.items(run, arguments.value("collections") or Value()) or []:
        if isinstance(key, Known) and isinstance(key.value, str):
            run.graph.collections.setdefault(key.value, []).append(variable)
        elif isinstance(key, TFName) and key.name.startswith("GraphKeys."):
            if key.name == "GraphKeys.LOCAL_VARIABLES":
                run.problem(arguments.node, "a local variable")
        else:
            run.problem(arguments.node, "a variable in collections that are not known")


def _get_variable(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "get_variable", node)
    given = arguments.text("name")
    if given is None:
        return run.problem(node, "a variable whose name is not known")
    scope = run.graph.scopes[-1]
    full = run.graph.in_variable_scope(given)
    known = run.graph.store.get(full)
    if known is not None:
        if not scope.reuse:
            return run.problem(node, f"a second get_variable of {full} without reuse")
        known.found.append(Found(node, run.chain, run.now()))
        return known
    if scope.reuse is True:
        return run.problem(node, f"get_variable of {full} with reuse, before it exists")
    initial = arguments.value("initializer")
    made = Variable(node, run.chain, (), "get_variable", name=full, maker="get_variable")
    made.scope_initializer = scope.initializer
    made.trainable = arguments.known("trainable", True) is not False
    made.shape = shapes.shape_of(arguments.value("shape"))
    made.dtype = shapes.dtype_of(arguments.value("dtype")) or "float32"
    if isinstance(initial, Tensor):
        made.shape, made.dtype = initial.shape, initial.dtype
    made.initial, made.arguments = tuple(graph_values(initial) if initial is not None else ()), arguments.nodes
    _initial_inputs(run, node, initial)
    _check_unusual(
        run, node, arguments, ("regularizer", "partitioner", "custom_getter", "constraint", "caching_device")
    )
    if "collections" in arguments:
        _join_collections(run, made, arguments)
    run.graph.store[full] = made
    made.name = run.graph.unique_at_top(full)
    return run.add_variable(made)


def _assign(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    return _assignment(run, node, name, arguments.value("ref"), arguments.value("value"), arguments.value("name"))


def _assignment(
    run: Interpreter, node: ast.Call, how: str, target: Value | None, value: Value | None, name: Value | None
) -> Value:
    if not isinstance(target, Variable):
        return run.problem(node, "an assignment to something that is not known to be a variable")
    inputs = tuple(graph_values(value)) if value is not None else ()
    made = Assign(node, run.chain, (*inputs, *_controls(run)), how, target.shape, target.dtype)
    made.variable, made.value, made.how = target, value, how
    made.tf1_name = op_names.reserve(run, how, name)
    if how != "assign":
        made.inputs = (*made.inputs, target)
    return run.add(made)


def _controls(run: Interpreter) -> tuple[GraphValue, ...]:
    return tuple(value for group in run.graph.controls for value in group if isinstance(value, (Assign, Op)))


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of variables and tensors that say something of them or assign."""
    if isinstance(owner, Variable) and name in {"assign", "assign_add", "assign_sub"}:
        arguments = of_method(run, name, node)
        value = arguments.value("value" if name == "assign" else "delta")
        return _assignment(run, node, name, owner, value, arguments.value("name"))
    if isinstance(owner, Variable) and name in {"read_value", "value", "initialized_value"}:
        op = name if name == "initialized_value" else "identity"
        return run.tensor(node, op, (owner,), owner.shape, owner.dtype)
    if isinstance(owner, Tensor) and name == "get_shape":
        return TensorShape(owner.shape)
    if isinstance(owner, Tensor) and name == "set_shape":
        shape = shapes.shape_of(run.evaluate(node.args[0])) if node.args else None
        owner.shape = shape if shape is not None else owner.shape
        run.shaped.append((owner, run.chain))
        return Known(None)
    return None


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "placeholder": _placeholder,
    "sparse_placeholder": _placeholder,
    "SparseTensorValue": _sparse_value,
    "placeholder_with_default": _placeholder,
    "Variable": _variable,
    "get_variable": _get_variable,
    "assign": _assign,
    "assign_add": _assign,
    "assign_sub": _assign,
}
