"""Initializers that several variables are given by one name: Keras' give the same numbers each time, TF1's drew anew."""

from __future__ import annotations

import ast

from ...graph.values import Initializer, Layer, Variable
from ..context import Context


def own(context: Context, node: ast.expr) -> str:
    """What a shared initializer needs behind it to be one of its own: ".clone()"."""
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return ""
    found = [one for one in context.run.meanings.get(node, []) if isinstance(one, Initializer) and one.drawn]
    return ".clone()" if any(_uses(context, one) > 1 for one in found) else ""


def _uses(context: Context, initializer: Initializer) -> int:
    """How many variables and layers are made with one initializer."""
    count = 0
    for value in context.run.values:
        nodes: list[ast.expr] = []
        if isinstance(value, Variable) and "initializer" in value.arguments:
            nodes = [value.arguments["initializer"]]
        elif isinstance(value, Layer):
            made = next(iter(value.nodes.values()), {})
            nodes = [node for key, node in made.items() if key.endswith("_initializer")]
        count += sum(any(one is initializer for one in context.run.meanings.get(node, [])) for node in nodes)
    return count
