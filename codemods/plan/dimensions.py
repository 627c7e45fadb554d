"""Sizes of tensors within a function that its weights are made with (`h.get_shape()[1]`): what says them before the tensors.

A size is traced back through what keeps it (an activation, a sum with a bias, a product of matrices) to the weight or layer that
gave it: there it is an expression of the source, or an axis of the weight's own shape. Else it is a number, where that is known.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..graph.interpreter import Interpreter
from ..graph.shapes import ELEMENTWISE
from ..graph.values import GraphValue, Layer, Tensor, Value, Variable

UNITS = {"Dense": "units", "Conv1D": "filters", "Conv2D": "filters", "Conv2DTranspose": "filters"}
JOINED = frozenset("add subtract multiply divide maximum minimum div nn.bias_add".split())


@dataclass(frozen=True)
class Size:
    """Where a size comes from: an axis of a member (a weight or layer), or a number."""

    member: Variable | Layer | None
    axis: int
    number: int | None

    @property
    def expression(self) -> ast.expr | None:
        """What the source says of the size where the member is made."""
        if isinstance(self.member, Layer):
            key = UNITS.get(self.member.cls, "")
            return next((given[key] for given in self.member.nodes.values() if key in given), None)
        shape = self.member.arguments.get("shape") if self.member is not None else None
        if isinstance(shape, (ast.List, ast.Tuple)) and -len(shape.elts) <= self.axis < len(shape.elts):
            return shape.elts[self.axis]
        return None


def asked(node: ast.AST) -> tuple[ast.expr, int] | None:
    """The tensor and the axis of which an expression asks the static size: `x.get_shape()[1]`, `x.shape.as_list()[-1]`."""
    axis = _index(node.slice) if isinstance(node, ast.Subscript) else None
    whole = shape_asked(node.value) if isinstance(node, ast.Subscript) else None
    return (whole, axis) if whole is not None and axis is not None else None


def shape_asked(node: ast.AST) -> ast.expr | None:
    """The tensor whose static shape an expression asks for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "as_list":
        return shape_asked(node.func.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_shape":
        return node.func.value
    return node.value if isinstance(node, ast.Attribute) and node.attr == "shape" else None


def _index(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _index(node.operand)
        return -inner if inner is not None else None
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def sizes(run: Interpreter, node: ast.AST) -> list[Size]:
    """What an expression that asks for a size means, each time that it was met; empty where one of these is not known."""
    found: list[Size] = []
    question = asked(node)
    for value in run.meanings.get(question[0], []) if question is not None else ():
        assert question is not None
        size = _of(value, question[1])
        if size is None:
            return []
        found.append(size)
    return found


def _of(value: Value, axis: int) -> Size | None:
    if not isinstance(value, Tensor):
        return None
    rank = len(value.shape) if value.shape is not None else None
    if axis >= 0 and rank is not None:
        axis -= rank  # counted from the end, sums and products need no ranks
    number = value.shape[axis] if value.shape is not None and rank is not None and -rank <= axis < 0 else None
    if isinstance(value, Variable):
        return Size(value, axis, number) if axis < 0 else None
    if value.layer is not None:
        made = value.layer.cls in UNITS and axis == -1 and not value.layer.of_contrib
        return Size(value.layer if made else None, axis, number) if made or number is not None else None
    found = _through(value, axis)
    return found if found is not None else Size(None, axis, number) if number is not None else None


def _through(value: Tensor, axis: int) -> Size | None:
    """The size of what a tensor has it from."""
    inputs = [one for one in value.inputs if isinstance(one, GraphValue)]
    if axis >= 0 or not inputs:
        return None
    product = value.op == "operator" and isinstance(getattr(value.node, "op", None), ast.MatMult)
    if product or (value.op in {"matmul", "nn.conv2d"} and _is_plain(value.node)):
        return _of(inputs[1], axis) if axis == -1 and len(inputs) == 2 else None
    if (value.op in JOINED and len(inputs) == 2) or (value.op == "operator" and value.shape is not None):
        found = [_of(one, axis) for one in inputs]
        return _agreed(found) if None not in found else None
    if value.op in ELEMENTWISE:
        return _of(inputs[0], axis) if len(inputs) == 1 or value.op == "nn.dropout" else None
    return None


def _is_plain(node: ast.AST | None) -> bool:
    """Whether a product transposes nothing, a convolution has its channels last."""
    words = {"transpose_a", "transpose_b", "adjoint_a", "adjoint_b", "data_format"}
    return isinstance(node, ast.Call) and not any(one.arg in words or one.arg is None for one in node.keywords)


def _agreed(found: list[Size | None]) -> Size | None:
    """The size of a sum whose parts have the same one, for all that the source says: what is stretched has the size 1."""
    sizes = [one for one in found if one is not None and one.number != 1]
    texts = {ast.dump(one.expression) if one.expression is not None else str(one.number) for one in sizes}
    return sizes[0] if len(texts) == 1 and texts != {"None"} else None
