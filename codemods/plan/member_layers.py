"""Layers that stay by themselves: those that an object's own methods call become its attributes, and those that the unit's own
statements call several times get names of their own."""

from __future__ import annotations

import ast

from ..graph.frames import Frame, Statement
from ..graph.values import Layer, Tensor, Value, Variable
from . import objects
from .models import Models, Object
from .reasons import undecided
from .units import Units


def find(units: Units, models: Models, tensors: list[Tensor]) -> list[Tensor]:
    """Makes a model of each layer that methods of objects call; gives back the tensors of the other layers."""
    others: list[Tensor] = []
    for tensor in tensors:
        one = objects.owner(tensor.chain[-1].frame)
        if one is None or tensor.layer is None:
            others.append(tensor)
        else:
            alone(units, models, tensor, tensor.layer, one.frame)
    return others


def alone(units: Units, models: Models, tensor: Tensor, layer: Layer, frame: Frame) -> None:
    """Makes a model of one layer, of which a tensor is the result."""
    statement, node = tensor.chain[-1], tensor.node or ast.Pass()
    unit = units.leaf(tensor.chain)
    if unit is None or isinstance(unit.node, (ast.For, ast.While, ast.If, ast.Try)) or _in_loop(statement):
        raise undecided("layers made in a loop or under a condition", node, statement)
    if layer.of_contrib:
        raise undecided("layers of contrib in a class that holds its graph, or that are called twice", node, statement)
    others = [_layer(value) for value in units.run.meanings.get(node, [])]
    if any(other is not None and other is not layer for other in others):
        raise undecided("one call that means different layers at different times", node, statement)
    if layer not in models.holders:
        scope = layer.name.rpartition("/")[0]
        models.holders[layer] = Object(scope, [layer], frame, statement, bare=True)


def _layer(value: Value) -> Layer | None:
    return value.layer if isinstance(value, Tensor) and not isinstance(value, Variable) else None


def _in_loop(statement: Statement) -> bool:
    outer = statement.parent
    while outer is not None:
        if isinstance(outer.node, (ast.For, ast.While)):
            return True
        outer = outer.parent
    return False
