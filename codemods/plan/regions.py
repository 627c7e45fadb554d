"""Statements among a unit's own that want to be written otherwise, in TF1, before they can be planned.

Loops and conditions that make layers or variables want to be a function: classes take those. A statement that makes variables
amid its tensors (`tf.matmul(x, tf.Variable(...))`) wants to make them first.
"""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import Gradients, Layer, Optimizer, Summary, Tensor, TrainOp, Variable, graph_values
from .models import Models
from .reasons import ToHoist, ToOutline, undecided
from .units import Unit, Units, ancestors

BLOCKS = (ast.For, ast.If)
KINDS = frozenset({"graph", "layers", "mixed"})


def check(units: Units, models: Models) -> None:
    """Raises ToOutline or ToHoist for the first such statement."""
    for unit in units.ordered:
        if unit.kind == "layers" and isinstance(unit.node, BLOCKS) and _makes(units, models, unit):
            raise _outlined(units, unit)
        if unit.kind == "mixed" and _makes(units, models, unit):
            if isinstance(unit.node, BLOCKS):
                raise _outlined(units, unit)
            if isinstance(unit.node, (ast.Assign, ast.AugAssign, ast.Expr, ast.AnnAssign)):
                raise ToHoist(unit.node, _variable_calls(units, models, unit), unit.statement.frame.module.path)


def _own(units: Units, models: Models, unit: Unit) -> list[Variable | Layer]:
    """The layers and variables of a unit that no function's model has."""
    found: list[Variable | Layer] = []
    for value in unit.made:
        if isinstance(value, Layer) and value.chain[-1].frame in units.frames:
            found.append(value)
        elif isinstance(value, Variable) and value.layer is None and models.owner(value) is None:
            found.append(value)
    return found


def _makes(units: Units, models: Models, unit: Unit) -> bool:
    return bool(_own(units, models, unit))


def _variable_calls(units: Units, models: Models, unit: Unit) -> list[ast.Call]:
    """The calls within a statement that make variables: of TensorFlow, or of a helper that gives one."""
    mine = set(_own(units, models, unit))
    found = []
    for part in ast.walk(unit.node):
        values = units.run.meanings.get(part, []) if isinstance(part, ast.Call) else []
        if isinstance(part, ast.Call) and len(values) == 1 and values[0] in mine:
            found.append(part)
    made = {value for call in found for value in units.run.meanings[call]}
    if made != mine or any(isinstance(one, Variable) and _needs_order(unit, one) for one in mine):
        raise undecided("a statement that makes both variables and tensors", unit.node, unit.statement)
    return sorted(found, key=lambda call: (call.lineno, call.col_offset))


def _needs_order(unit: Unit, variable: Variable) -> bool:
    """Whether a variable's initial value is computed from what the statement itself computes besides."""
    inner = ancestors(variable.initial)
    return any(
        isinstance(value, Tensor) and not isinstance(value, Variable) and value in inner and not value.constant
        for value in unit.made
        if not value.is_root
    )


# -- regions ------------------------------------------------------------------------------------------------------------


def _outlined(units: Units, unit: Unit) -> Exception:
    siblings = _siblings(unit.statement)
    if siblings is None:
        return undecided("layers made in a loop or under a condition", unit.node, unit.statement)
    by_node = {one.node: one for one in units.ordered if one.statement.frame is unit.statement.frame}
    place = siblings.index(unit.node)
    first = last = place
    while first > 0 and _joins(by_node.get(siblings[first - 1])):
        first -= 1
    while last + 1 < len(siblings) and _joins(by_node.get(siblings[last + 1])):
        last += 1
    while (
        first < place
        and not _has_weights(by_node[siblings[first]])
        and not _is_filled(units, by_node[siblings[first]], [by_node[one] for one in siblings[first + 1 : last + 1]])
    ):
        first += 1
    while last > place and not _has_weights(by_node[siblings[last]]):
        last -= 1
    chosen = [by_node[one] for one in siblings[first : last + 1]]
    inputs, outputs = _interface(units, chosen)
    if outputs is None or not outputs:
        return undecided("layers made in a loop or under a condition", unit.node, unit.statement)
    return ToOutline(siblings[first : last + 1], inputs, outputs, unit.statement.frame.module.path)


def _is_filled(units: Units, unit: Unit, later: list[Unit]) -> bool:
    """Whether a statement makes a list that later ones fill."""
    made = list(unit.statement.writes.values())
    return any(owner in made and units.leaf(chain) in later for owner, chain in units.run.mutated)


def _joins(unit: Unit | None) -> bool:
    if unit is None or unit.kind not in KINDS or isinstance(unit.node, (ast.FunctionDef, ast.With)):
        return False
    return not any(isinstance(value, (TrainOp, Gradients, Optimizer, Summary)) for value in unit.made)


def _has_weights(unit: Unit) -> bool:
    return unit.kind in {"layers", "mixed"}


def _siblings(statement: Statement) -> list[ast.stmt] | None:
    """The list of statements that a statement stands in."""
    for part in ast.walk(statement.frame.node):
        for field in ("body", "orelse"):
            body = getattr(part, field, None)
            if isinstance(body, list) and any(one is statement.node for one in body):
                return body
    return None


def _interface(units: Units, chosen: list[Unit]) -> tuple[list[str], list[str] | None]:
    """The tensors that statements read from outside, and the names that they give; None where they give a host value."""
    frame = chosen[0].statement.frame
    statements = {part for unit in chosen for part in unit.parts}
    inputs: list[str] = []
    for unit in chosen:
        for part in unit.parts:
            for (where, name), makers in part.reads.items():
                value = part.reads_values[where, name]
                tensors = [leaf for leaf in graph_values(value) if isinstance(leaf, Tensor)]
                plain = all(isinstance(leaf, Variable) or leaf.constant for leaf in tensors)
                if where is frame and makers - statements and tensors and not plain and name not in inputs:
                    inputs.append(name)
    written = {name for statement in statements for name in statement.writes}
    around = {one for unit in chosen for value in unit.made for one in value.chain} - statements
    outputs: list[str] = []
    for statement in units.run.statements:
        if statement in statements or statement in around:
            continue
        for (where, name), makers in statement.reads.items():
            if where is frame and name in written and makers & statements and name not in outputs:
                if not graph_values(statement.reads_values[where, name]):
                    return inputs, None
                outputs.append(name)
    return inputs, outputs
