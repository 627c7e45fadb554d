"""Conditions that do something besides building graph (`if plot: picture = open(…); decoded = decoder(z)`): they stay.

The tensors that they build move into functions without the condition. That is right only where nothing but a branch of it binds
their names, so that a run that wants them stands under the condition as well, and where they change nothing outside.
"""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.interpreter import Interpreter
from ..graph.values import Assign, GraphValue, Op, Tensor, Variable, graph_values


def busy_ifs(run: Interpreter) -> set[Statement]:
    """The conditions whose own statements are planned one by one."""
    found = {one for chains in run.impure.values() for chain in chains for one in chain if isinstance(one.node, ast.If)}
    collected = {value for graph in run.graphs for values in graph.collections.values() for value in values}
    changed = {one for owner, chain in run.mutated if graph_values(owner) for one in chain}
    return {
        one
        for one in found - changed
        if one.made and all(_is_plain(value) and value not in collected for value in one.made) and _binds_alone(one)
    }


def _is_plain(value: GraphValue) -> bool:
    return isinstance(value, Tensor) and not isinstance(value, (Variable, Assign, Op))


def _binds_alone(statement: Statement) -> bool:
    """Whether the names that a condition gives tensors are bound in one of its branches, and nowhere else."""
    assert isinstance(statement.node, ast.If)
    branches = [
        {part for one in body for part in ast.walk(one)} for body in (statement.node.body, statement.node.orelse)
    ]
    for name, value in statement.writes.items():
        if not graph_values(value):
            continue
        binders = [one.node for one in statement.frame.history.get(name, [])]
        if name.startswith("self.") or not any(all(one in branch for one in binders) for branch in branches):
            return False
    return not any(key in statement.frame.arguments for key in statement.writes)
