"""Summaries and the writers that they go to."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..frames import Use
from ..interpreter import Interpreter
from ..values import GraphValue, Known, Sequence, Summary, TFName, Value, Writer, graph_values
from .arguments import of_function, of_method

KINDS = ("scalar", "histogram", "image", "audio", "text")


def _summary(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    inputs = tuple(value for key in arguments.nodes for value in graph_values(arguments.value(key) or Value()))
    made = Summary(node, run.chain, inputs, name)
    made.kind = name.rpartition(".")[2]
    given = arguments.text("name")
    if given is None:
        return run.problem(node, "a summary whose name is not known")
    for unusual in ("collections", "family"):
        if unusual in arguments:
            run.problem(node, f"a summary with {unusual}")
    made.tag = run.graph.unique(given.replace(" ", "_"))
    made.arguments = arguments.nodes
    run.graph.collections.setdefault("summaries", []).append(made)
    return run.add(made)


def _is_default(value: Value | None) -> bool:
    """Whether an argument says which summaries are merged anyway: those of TF1's own collection."""
    if isinstance(value, TFName):
        return value.name == "GraphKeys.SUMMARIES"
    return value is None or (isinstance(value, Known) and value.value in (None, "summaries"))


def _merge(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    if name.endswith("merge_all"):
        members: list[Value] | None = list(run.graph.collections.get("summaries", []))
        if not _is_default(arguments.value("key")) or not _is_default(arguments.value("scope")):
            run.problem(node, "summaries of one collection or scope")
    else:
        given = arguments.value("inputs")
        members = list(given.items) if isinstance(given, Sequence) else None
    if members is None or not all(isinstance(member, Summary) for member in members):
        return run.problem(node, "summaries that are not known")
    if not members:
        return Known(None)
    found = [inner for member in members if isinstance(member, Summary) for inner in (member.members or [member])]
    made = Summary(node, run.chain, tuple(found), name)
    made.kind, made.members = "merge", found
    return run.add(made)


def _writer(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "summary.FileWriter", node)
    made = Writer(node, run.chain)
    made.arguments = arguments.nodes
    for unusual in ("session", "filename_suffix"):
        if unusual in arguments:
            run.problem(node, f"a FileWriter with {unusual}")
    return run.add(made)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of writers."""
    if not isinstance(owner, Writer):
        return None
    if name in {"add_summary", "add_graph"}:
        arguments = of_method(run, name, node)
        values = {key: arguments.value(key) or Value() for key in arguments.nodes}
        run.uses.append(Use(owner, name, node, run.chain, arguments.nodes, values))
        return Known(None)
    if name in {"flush", "close"}:
        run.uses.append(Use(owner, name, node, run.chain))
        return Known(None)
    for argument in node.args:
        run.evaluate(argument)
    return run.problem(node, f"a method .{name}() of a summary writer")


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"summary.{kind}": _summary for kind in KINDS},
    "summary.merge_all": _merge,
    "summary.merge": _merge,
    "summary.FileWriter": _writer,
    "train.SummaryWriter": _writer,
}
