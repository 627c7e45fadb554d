"""Attributes that a program sets on a network function (`lenet.default_image_size = 28`): the class that it becomes has them."""

from __future__ import annotations

import ast

from ...graph.values import Function
from ..context import Context
from ..setup import module_of

OF_KERAS = frozenset(
    "name path dtype input output inputs outputs weights variables losses metrics layers built".split()
)


def rewrite(context: Context) -> None:
    """Asks the class for what the function had; a second definition of an attribute of Keras' own stops the program."""
    classes = {model.definition: name for model, name in context.classes.items() if hasattr(model, "definition")}
    for node, values in context.run.meanings.items():
        parent = context.parents.get(node)
        function = values[0] if len(values) == 1 else None
        if (
            not isinstance(node, ast.Name)
            or not isinstance(parent, ast.Attribute)
            or not isinstance(function, Function)
        ):
            continue
        path = module_of(context, node)
        if function.node in classes and path is not None:
            if parent.attr in OF_KERAS:
                raise context.stop(f"an attribute `{parent.attr}` of a function with layers", node, path)
            context.edits[path].replace(node, classes[function.node])
