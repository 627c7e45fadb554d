"""Moving averages: made where they were applied first, from the initial values, and moved on by the functions that ran that."""

from __future__ import annotations

import ast

from ..edits import Edits
from ..graph.frames import Frame
from ..graph.values import AverageOp
from ..plan.unit import Unit
from .classes import members
from .context import Context


def made_by(unit: Unit) -> list[AverageOp]:
    return [one for one in unit.made if isinstance(one, AverageOp)]


def moved(context: Context, unit: Unit, edits: Edits, frame: Frame) -> list[str] | None:
    """What a function runs for a statement that moves averages on; None for any other statement."""
    found = made_by(unit)
    return [_call(context, unit, one, edits, frame) for one in found] if found else None


def constructors(context: Context, unit: Unit) -> list[str]:
    """What stays of the statement: TensorFlow 2 makes the averages when they are first applied."""
    edits, frame = context.edits_of(unit.statement), members.home(unit.statement.frame)
    calls = [_call(context, unit, one, edits, frame) for one in made_by(unit) if one.first]
    return [f"{call}  # the averages begin at the initial values" for call in calls]


def _call(context: Context, unit: Unit, one: AverageOp, edits: Edits, frame: Frame) -> str:
    node, path = one.node, unit.statement.frame.module.path
    plain = isinstance(unit.node, ast.Assign | ast.Expr) and unit.node.value is node
    if not plain or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        raise context.stop("moving averages within a larger statement", node or ast.Pass(), path)
    if any(context.models.owner(variable) is not None for variable in one.variables):
        raise context.stop("moving averages of the weights of a model", node, path)
    if one.explicit:
        return edits.render(node)
    return f"{edits.render(node.func)}({context.variables(one.variables, frame, node)})"
