"""Static sizes of tensors as an object's methods can say them: in the source's own words where it has some."""

from __future__ import annotations

import ast

from ...graph.frames import Frame
from ...graph.values import Placeholder, Tensor
from ..context import Context


def of(context: Context, value: Tensor, frame: Frame) -> list[str]:
    """The sizes of a tensor whose rank is known, as the statements of a frame can say them."""
    assert value.shape is not None
    return [_size(context, value, place, frame) for place in range(len(value.shape))]


def _size(context: Context, value: Tensor, place: int, frame: Frame) -> str:
    assert value.shape is not None
    source: ast.expr | None = None
    made = value.chain[-1].frame if value.chain else frame
    if isinstance(value, Placeholder):
        shape = value.arguments.get("shape")
        if isinstance(shape, (ast.List, ast.Tuple)) and len(shape.elts) == len(value.shape):
            source = shape.elts[place]
    elif value.layer is not None and value.layer.cls == "Dense" and place == len(value.shape) - 1:
        found = value.layer.nodes.get(value.node) if isinstance(value.node, ast.Call) else None
        source = found.get("units") if found is not None else None
    if source is not None and not isinstance(source, ast.Constant) and _is_readable(source, made, frame):
        return context.edits[made.module.path].render(source)
    return str(value.shape[place])


def _is_readable(node: ast.expr, made: Frame, frame: Frame) -> bool:
    """Whether an expression of one method means the same in another."""
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    if any(isinstance(one, ast.Call) for one in ast.walk(node)):
        return False
    if made is frame:
        return all(len(frame.history.get(name, [])) <= 1 for name in names)
    return all(name == "self" or name not in made.bindings for name in names)
