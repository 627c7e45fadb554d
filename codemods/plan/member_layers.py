"""Layers that an object's own methods call: each becomes an attribute of the object."""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import Layer, Tensor
from . import objects
from .models import Models, Object
from .reasons import undecided
from .units import Units


def find(units: Units, models: Models, tensors: list[Tensor]) -> list[Tensor]:
    """Makes a model of each layer that methods of objects call; gives back the tensors of the other layers."""
    others: list[Tensor] = []
    sites: dict[ast.AST, Layer] = {}
    for tensor in tensors:
        statement, layer = tensor.chain[-1], tensor.layer
        one = objects.owner(statement.frame)
        if one is None or layer is None:
            others.append(tensor)
            continue
        node = tensor.node or ast.Pass()
        unit = units.leaf(tensor.chain)
        if unit is None or isinstance(unit.node, (ast.For, ast.While, ast.If, ast.Try)) or _in_loop(statement):
            raise undecided("layers made in a loop or under a condition", node, statement)
        if layer.of_contrib:
            raise undecided("layers of contrib in a class that holds its graph", node, statement)
        if sites.setdefault(node, layer) is not layer:
            raise undecided("one call that means different layers at different times", node, statement)
        if layer not in models.holders:
            scope = layer.name.rpartition("/")[0]
            models.holders[layer] = Object(scope, [layer], one.frame, statement, bare=True)
    return others


def _in_loop(statement: Statement) -> bool:
    outer = statement.parent
    while outer is not None:
        if isinstance(outer.node, (ast.For, ast.While)):
            return True
        outer = outer.parent
    return False
