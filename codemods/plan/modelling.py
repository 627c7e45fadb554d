"""Which layers and variables become which Keras model: those of functions first, then those of a unit's own statements."""

from __future__ import annotations

import ast

from ..graph.values import Layer, Tensor, Variable
from . import block_models, function_models, member_layers, own_layers, regions
from .models import Models
from .reasons import Undecided
from .units import Units


def find(units: Units) -> Models:
    """Sorts the layers and the functions' variables of a program into models, and makes their units parts of the graph."""
    models = Models()
    own_layers.find(units, models)
    function_models.find(units, models)
    _no_methods(units, models)
    regions.check(units, models)
    if any(isinstance(value, Layer) for value in units.run.values):
        direct = [
            value
            for value in units.run.values
            if isinstance(value, Tensor)
            and not isinstance(value, Variable)
            and value.layer is not None
            and value.chain[-1].frame in units.frames
        ]
        direct = member_layers.find(units, models, direct)
        block_models.find(units, models, direct)
        for unit in units.ordered:
            if unit.kind == "layers":
                unit.kind = "graph"
    for member, holder in list(models.holders.items()):
        if isinstance(member, Layer):
            models.holders.update(dict.fromkeys(member.every, holder))
    return models


def _no_methods(units: Units, models: Models) -> None:
    """Methods that make layers or variables are lifted to the module, where they can be: the others are left."""
    for definition in (*(model.definition for model in models.functions), *models.helpers):
        frame = next(iter(units.run.activations[definition]))
        if frame.parent is not None and isinstance(frame.parent.node, ast.ClassDef):
            raise Undecided("a method that makes layers or variables", definition, frame.module.path)
