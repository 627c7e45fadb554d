"""How the places where a session ran something reach the object whose methods they call now."""

from __future__ import annotations

import ast

from ...graph.values import GraphValue
from ...plan import objects
from ...plan.executions import Run
from ..context import Context


def prefix(context: Context, run: Run) -> str:
    """What stands before a method's name at its call: `self.`, `model.`; nothing where the function is no method."""
    assert run.function is not None and run.statement is not None
    one = run.function.frame.instance
    if one is None:
        return ""
    for part in (run.execution.node, run.execution.fetch_node, run.execution.feed_node):
        for node in ast.walk(part) if part is not None else ():
            if isinstance(node, ast.Attribute):
                owners = context.run.meanings.get(node.value, [])
                if owners and all(owner is one for owner in owners):
                    return context.edits_of(run.statement).render(node.value) + "."
    found = objects.reach(run.statement.frame, one)
    if found is None:
        raise context.stop(
            "an object that no name reaches where it runs", run.execution.node, run.statement.frame.module.path
        )
    return f"{found}."


def of(context: Context, run: Run, text: str, value: GraphValue) -> str:
    """An expression `self.…` of an object, as the place of an execution reaches it."""
    assert run.statement is not None
    if not text.startswith("self."):
        return text
    one = objects.holder(context.run, context.steps, value)
    found = objects.reach(run.statement.frame, one) if one is not None else None
    if found is None:
        raise context.stop(
            "an object that no name reaches where it runs", run.execution.node, run.statement.frame.module.path
        )
    return found + text.removeprefix("self")
