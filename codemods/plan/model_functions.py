"""The model functions of Estimators: their statements are units of their own in each mode."""

from __future__ import annotations

import ast

from ..graph.frames import Frame
from ..graph.interpreter import Interpreter
from ..graph.values import Estimator, Variable, flatten
from .reasons import undecided
from .unit import Unit, Units


def homes(run: Interpreter) -> dict[Frame, Frame]:
    """The activations of model functions, each with the frame that makes its Estimator."""
    found: dict[Frame, Frame] = {}
    for value in run.values:
        if isinstance(value, Estimator) and value.model_fn is not None:
            for frame in run.activations.get(value.model_fn.node, []):
                found[frame] = value.chain[-1].frame
    return found


def settle(units: Units) -> None:
    """Sorts the statements of model functions: host statements are as good in a mode's function, all else is gone."""
    for unit in units.ordered:
        if unit.statement.frame in units.homes:
            if unit.kind == "host":
                unit.kind = "graph" if _is_plain(units, unit) else "gone"
            if isinstance(unit.node, ast.If) and unit.statement.decided:
                unit.kind = "gone"
    for use in units.run.uses:
        if isinstance(use.owner, Estimator):
            unit = units.of[use.chain[-1]]
            unit.kind = "host"
            unit.made = []


def _is_plain(units: Units, unit: Unit) -> bool:
    """Whether a host statement may run in a function as well: it binds names, and has no effects."""
    node = unit.node
    if isinstance(node, (ast.Return, ast.If, ast.Pass, ast.FunctionDef)) or unit.statement.executions:
        return False
    written = [leaf for value in unit.statement.writes.values() for leaf in flatten(value)]
    if any(isinstance(leaf, Variable) for leaf in written):
        return False  # found again: it was made with another mode's
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return True
    if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or _only_builds(unit, node.value)):
        return False
    raise undecided("host code of its own in a model function", node, unit.statement)


def _only_builds(unit: Unit, node: ast.expr) -> bool:
    """Whether an expression calls TensorFlow for something that its mode does not run, like a summary of an evaluation."""
    name = unit.statement.frame.names.name_of(node.func) if isinstance(node, ast.Call) else None
    return name is not None and not name.startswith(("logging.", "compat.v1.logging."))
