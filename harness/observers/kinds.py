"""What kinds of operations compute a tensor: how a result is known again in a graph that has another name for it."""

from __future__ import annotations

import re
from typing import Any

# What only moves values about, or is there on one side for reasons of its own.
_PLUMBING = (
    "Identity", "IdentityN", "Const", "Placeholder", "PlaceholderWithDefault", "Variable", "VarHandleOp",
    "ReadVariableOp", "NoOp", "Shape", "ShapeN", "StridedSlice", "Pack", "Reshape", "Squeeze", "ExpandDims", "Cast",
    "Fill", "Size", "Rank", "Range", "Prod", "Assert", "StopGradient", "PreventGradient", "Switch", "Merge", "BiasAdd",
    "Add", "Sub", "Mul", "PartitionedCall", "StatefulPartitionedCall", "IteratorGetNext", "Transpose", "PyFunc",
)  # fmt: skip
_SAME = {"SparseSoftmaxCrossEntropyWithLogits": "SoftmaxCrossEntropyWithLogits", "RealDiv": "Div", "Select": "Where"}


def ancestors(tensor: Any) -> set[Any]:
    """The operations that a tensor is computed from; what is only run before it is not among them."""
    found: set[Any] = set()
    pending = [tensor.op]
    while pending:
        op = pending.pop()
        if op not in found:
            found.add(op)
            pending.extend(one.op for one in op.inputs)
    return found


class Kinds:
    """Of the tensors of one graph."""

    def __init__(self, graph: Any) -> None:
        self._functions = {one.signature.name: one for one in graph.as_graph_def().library.function}

    def of(self, ancestors: set[Any]) -> list[str]:
        """The kinds of operations, those of functions that are called included; of several versions the first's name."""
        found: set[str] = set()
        pending = [op.node_def for op in ancestors]
        called: set[str] = set()
        while pending:
            node = pending.pop()
            kind = re.sub(r"V\d+$", "", node.op)
            if kind not in _PLUMBING:
                found.add(_SAME.get(kind, kind))
            names = [node.op, *(value.func.name for value in node.attr.values() if value.HasField("func"))]
            for name in names:
                if name in self._functions and name not in called:
                    called.add(name)
                    found.discard(name)
                    pending.extend(self._functions[name].node_def)
        return sorted(found)
