"""How the places where a session ran something reach the object whose methods they call now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..graph.frames import Frame
from ..graph.values import GraphValue, Instance, TrainOp, Value, Variable
from ..plan import objects
from ..plan.executions import Run

if TYPE_CHECKING:
    from .context import Context


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
    found = reach(run.statement.frame, one)
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
    one = holder(context, value)
    found = reach(run.statement.frame, one) if one is not None else None
    if found is None:
        raise context.stop(
            "an object that no name reaches where it runs", run.execution.node, run.statement.frame.module.path
        )
    return found + text.removeprefix("self")


def holder(context: Context, value: GraphValue) -> Instance | None:
    """The object that a value belongs to; a global step that an optimizer counts is the optimizer's."""
    if isinstance(value, Variable) and value in context.steps:
        trains = (one for one in context.run.values if isinstance(one, TrainOp) and one.global_step is value)
        value = next((one.optimizer for one in trains if one.optimizer is not None), value)
    return next((objects.owner(statement.frame) for statement in reversed(value.chain)), None)


def reach(frame: Frame, one: Instance) -> str | None:
    """The expression by which a frame's names reach an object."""
    current: Frame | None = frame
    while current is not None:
        for name, value in _bound(current):
            if value is one:
                return name
        for name, value in _bound(current):
            for key, binding in value.frame.bindings.items() if isinstance(value, Instance) else ():
                if binding.value is one:
                    return name + key.removeprefix("self")
        current = current.parent
    return None


def _bound(frame: Frame) -> Iterator[tuple[str, Value]]:
    yield from frame.arguments.items()
    for name, binding in frame.bindings.items():
        yield name, binding.value
