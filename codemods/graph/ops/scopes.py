"""Scopes and graphs: variable_scope, name_scope, Graph.as_default, control_dependencies, and `with` in general."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..frames import GraphState
from ..interpreter import Interpreter
from ..values import Graph, GraphValue, Known, Scope, Session, TFName, Value, flatten
from . import loading
from .arguments import of_function

Leave = Callable[[], object]


def enter(run: Interpreter, node: ast.With) -> list[Leave]:
    """Enters the managers of a with statement; the results leave them again."""
    left: list[Leave] = []
    for item in node.items:
        manager = run.evaluate(item.context_expr)
        bound: Value = manager
        if isinstance(manager, Entered):
            leave, bound = manager.enter(run)
            left.append(leave)
        elif isinstance(manager, Session):
            run.default_sessions.append(manager)
            left.append(run.default_sessions.pop)
            if manager.graph is not None:
                left.append(_into(run, manager.graph))
        if item.optional_vars is not None:
            host.assign_target(run, item.optional_vars, bound, None)
    return left


class Entered(Value):
    """A context manager that changes the graph's state."""

    def __init__(self, enter: Callable[[Interpreter], tuple[Leave, Value]]) -> None:
        self.enter = enter


def _into(run: Interpreter, graph: GraphState) -> Leave:
    """Makes a graph the default one."""
    outer, run.graph = run.graph, graph

    def leave() -> None:
        run.graph = outer

    return leave


def _nothing() -> None:
    return None


def _variable_scope(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "variable_scope", node)
    target = arguments.value("name_or_scope")
    default = arguments.text("default_name")
    reuse = arguments.known("reuse")
    reuse_value = arguments.value("reuse")
    if isinstance(reuse_value, TFName):
        reuse = "auto"
    elif reuse is host.NOT_PLAIN:
        run.problem(node, "a variable scope whose reuse is not known")
    for unusual in ("regularizer", "partitioner", "custom_getter", "caching_device", "auxiliary_name_scope"):
        value = arguments.value(unusual)
        if value is not None and not (isinstance(value, Known) and value.value is None):
            run.problem(node, f"a variable scope with {unusual}")
    graph = run.graph

    def opened(run: Interpreter) -> tuple[Leave, Value]:
        if isinstance(target, Scope):
            full, short = target.name, target.name.rpartition("/")[2]
        elif isinstance(target, Known) and isinstance(target.value, str):
            full, short = graph.in_variable_scope(target.value), target.value
        elif isinstance(target, Known) and target.value is None and default is not None:
            short = graph.unique_scope(default)
            full = graph.in_variable_scope(short)
        else:
            run.problem(node, "a variable scope whose name is not known")
            full, short = graph.in_variable_scope("?"), "?"
        graph.open_scope(full, reuse if isinstance(reuse, (bool, str)) else None, arguments.nodes.get("initializer"))
        graph.name_scopes.append(graph.unique(short))

        def leave() -> None:
            graph.close_scope()
            graph.name_scopes.pop()

        return leave, Scope(full)

    return Entered(opened)


def _name_scope(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "name_scope", node)
    values = [arguments.value(key) for key in ("name", "default_name")]
    text = next((value.value for value in values if isinstance(value, Known) and isinstance(value.value, str)), None)
    graph = run.graph

    def opened(run: Interpreter) -> tuple[Leave, Value]:
        if text is None or text == "" or text.endswith("/"):
            run.problem(node, "a name scope whose name is not a plain string")
        graph.name_scopes.append(graph.unique(text or "?"))

        def leave() -> None:
            graph.name_scopes.pop()

        return leave, Scope(graph.name_scopes[-1], variable=False)

    return Entered(opened)


def _get_variable_scope(run: Interpreter, name: str, node: ast.Call) -> Value:
    return Scope(run.graph.scopes[-1].name)


def _graph(run: Interpreter, name: str, node: ast.Call) -> Value:
    state = GraphState()
    run.graphs.append(state)
    return Graph(state)


def _default_graph(run: Interpreter, name: str, node: ast.Call) -> Value:
    return Graph(run.graph)


def _reset(run: Interpreter, name: str, node: ast.Call) -> Value:
    """From here on names start again; what was built stays what it was."""
    run.graph = GraphState()
    run.graphs.append(run.graph)
    return _Forgotten(None)


class _Forgotten(Known):
    """The None of a call that only sets the graph up: its statement goes."""


def is_setting(value: Value) -> bool:
    """Whether a call's value says that it only set graph mode up."""
    return isinstance(value, _Forgotten)


def _setting(run: Interpreter, name: str, node: ast.Call) -> Value:
    return _Forgotten(None)


def _graph_method(run: Interpreter, owner: Graph, name: str, node: ast.Call) -> Value:
    if name == "as_default":

        def opened(run: Interpreter) -> tuple[Leave, Value]:
            return _into(run, owner.state), owner

        return Entered(opened)
    if name == "finalize":
        return _Forgotten(None)
    found = loading.graph_method(run, owner, name, node)
    return found if found is not None else run.problem(node, f"a method .{name}() of a graph")


def _control(run: Interpreter, name: str, node: ast.Call) -> Value:
    before: list[Value] = [value for argument in node.args for value in flatten(run.evaluate(argument))]
    if any(not isinstance(value, GraphValue) for value in before):
        run.problem(node, "control dependencies that are not known")
    graph = run.graph

    def opened(run: Interpreter) -> tuple[Leave, Value]:
        graph.controls.append(before)

        def leave() -> None:
            graph.controls.pop()

        return leave, Value()

    return Entered(opened)


def _device(run: Interpreter, name: str, node: ast.Call) -> Value:
    for argument in node.args:
        run.evaluate(argument)
    return Entered(lambda run: (_nothing, Value()))


def method(run: Interpreter, owner: Value, name: str, node: ast.Call) -> Value:
    """Methods of graphs and of scope objects."""
    if isinstance(owner, Graph):
        return _graph_method(run, owner, name, node)
    if name == "reuse_variables":
        run.graph.scopes[-1].reuse = True
        return _Forgotten(None)
    return run.problem(node, f"a method .{name}() of a scope")


SETTINGS = (
    "disable_v2_behavior", "disable_eager_execution", "disable_v2_tensorshape", "disable_resource_variables",
    "enable_resource_variables", "disable_control_flow_v2", "enable_control_flow_v2",
)  # fmt: skip
FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "variable_scope": _variable_scope,
    "name_scope": _name_scope,
    "get_variable_scope": _get_variable_scope,
    "Graph": _graph,
    "get_default_graph": _default_graph,
    "reset_default_graph": _reset,
    "control_dependencies": _control,
    "device": _device,
    **dict.fromkeys(SETTINGS, _setting),
}
