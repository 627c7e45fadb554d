"""A function that builds a graph of its own and runs it, called several times: each call does the same, so one stands for all."""

from __future__ import annotations

import ast

from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import GraphValue, Value, graph_values


def drop(run: Interpreter) -> None:
    """Forgets the later activations of functions whose every activation builds the same in a fresh graph."""
    for definition, frames in list(run.activations.items()):
        if len(frames) < 2 or not isinstance(definition, ast.FunctionDef):
            continue
        made = [[value for value in run.values if _within(value.chain, frame)] for frame in frames]
        runs = [[execution for execution in run.executions if _within(execution.chain, frame)] for frame in frames]
        if not all(made) or not all(runs):
            continue
        graphs = [{value.graph for value in values} for values in made]
        fresh = all(not (one & other) for place, one in enumerate(graphs) for other in graphs[:place])
        if fresh and all(_shape(values) == _shape(made[0]) for values in made[1:]):
            for frame in frames[1:]:
                forget(run, frame)


def _within(chain: tuple[Statement, ...], frame: Frame) -> bool:
    return any(statement.frame is frame for statement in chain)


def _shape(values: list[GraphValue]) -> list[tuple[str, ast.AST | None, str, object]]:
    return [
        (type(value).__name__, value.node, getattr(value, "name", ""), getattr(value, "dtype", None))
        for value in values
    ]


def forget(run: Interpreter, frame: Frame) -> None:
    """Forgets what an activation made and ran, with those within it."""
    gone = {value for value in run.values if _within(value.chain, frame)}
    graphs = {value.graph for value in gone}
    run.values = [value for value in run.values if value not in gone]
    run.graphs = [graph for graph in run.graphs if graph not in graphs]
    run.executions = [one for one in run.executions if not _within(one.chain, frame)]
    run.uses = [one for one in run.uses if not _within(one.chain, frame)]
    run.mutated = [(owner, chain) for owner, chain in run.mutated if not _within(chain, frame)]
    frames = {frame}
    for call, found in list(run.calls.items()):
        frames.update(inner for _, inner, chain in found if _within(chain, frame))
        run.calls[call] = [(function, inner, chain) for function, inner, chain in found if inner not in frames]
        if not run.calls[call]:
            del run.calls[call]
    for definition, found_frames in list(run.activations.items()):
        run.activations[definition] = [one for one in found_frames if one not in frames]
    run.statements = [one for one in run.statements if one.frame not in frames]
    for statement in run.statements:
        statement.made = [value for value in statement.made if value not in gone]
        statement.executions = [one for one in statement.executions if not _within(one.chain, frame)]
    for node, values in run.meanings.items():
        if len(values) > 1:
            kept = [value for value in values if not _is_gone(value, gone)]
            run.meanings[node] = kept or values[:1]


def _is_gone(value: Value, gone: set[GraphValue]) -> bool:
    return any(one in gone for one in graph_values(value))
