"""Layers of the program's own stay objects of its own classes: models that are there already."""

from __future__ import annotations

import ast

from ..graph.own_layers import OwnLayer
from .models import Models, Object
from .reasons import undecided
from .units import Unit, Units


def find(units: Units, models: Models) -> None:
    """Makes each layer that was called the owner of its weights."""
    layers: list[OwnLayer] = [layer for layer in units.run.own_layers.values() if layer.name]
    for layer in layers:
        unit = units.leaf(layer.chain)
        if unit is None or layer.chain[-1].frame not in units.frames:
            raise undecided(
                "a layer of the program's own that a function calls", layer.call or ast.Pass(), layer.chain[-1]
            )
        made = Object(layer.name, list(layer.weights), unit.statement.frame, unit.statement, layer.call)
        models.own.append((layer, made))
        models.holders.update(dict.fromkeys(layer.weights, made))


def callers(units: Units) -> set[Unit]:
    """The statements that call layers of the program's own."""
    layers: list[OwnLayer] = list(units.run.own_layers.values())
    found = (units.leaf(chain) for layer in layers for chain in layer.called)
    return {unit for unit in found if unit is not None}
