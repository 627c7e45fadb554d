"""States and cells as the source names them: `state.h`, `LSTMStateTuple(c, h)`, `cell.zero_state(…)`, `cell.state_size`.

A state is a list where TF1 had a tuple with names, and a cell is a part of the layer that runs it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...edits import Part
from ...graph import cells as facts
from ...graph.values import Cell, Known, Layer, StateTuple, Tensor
from ...plan.cells import makes_cells
from ..context import Context, quoted
from ..settings import spelled
from ..setup import module_of
from .rnn import DROPPED
from .rnn_idle import STATES

STATE_TUPLES = frozenset({"nn.rnn_cell.LSTMStateTuple", "contrib.rnn.LSTMStateTuple"})
Parts = list[Part]


def rewrite(context: Context) -> None:
    """Rewrites what is said of states and cells, and drops the functions that only make cells."""
    for node in list(context.run.meanings):
        path = module_of(context, node)
        if path is not None and isinstance(node, (ast.Call, ast.Attribute)):
            _expression(context, node, path)
    _own_settings(context)
    for definition in context.run.activations:
        if isinstance(definition, ast.FunctionDef) and makes_cells(context.run, definition):
            path = module_of(context, definition)
            if path is not None:
                context.moves[path].dropped.add(definition)


# The arguments of an RNN's call that are written anew.
WRITTEN = frozenset({"cell", "cell_fw", "cell_bw", "inputs", "sequence_length", "state", *STATES})


def _own_settings(context: Context) -> None:
    """What of a call, and of a cell, nothing says any more."""
    for value in context.run.values:
        if isinstance(value, Layer) and value.cells:
            for nodes in value.nodes.values():
                for key, node in nodes.items():
                    if key not in WRITTEN:
                        context.own(node)
        elif isinstance(value, Cell):
            for key in DROPPED & value.arguments.keys():
                context.own(value.arguments[key])
        elif isinstance(value, Tensor) and value.op == "zero_state":
            for key in value.arguments.keys() - {"batch_size"}:
                context.own(value.arguments[key])
    for statement in context.idle:
        context.own(statement)


def _expression(context: Context, node: ast.Call | ast.Attribute, path: str) -> None:
    edits = context.edits[path]
    if isinstance(node, ast.Attribute):
        if _is_part(context, node):
            edits.replace(node, node.value, f"[{'ch'.index(node.attr)}]")
        elif node.attr in {"state_size", "output_size"} and _owners(context, node):
            edits.replace(node, *_size(context, node, path))
    elif _is_cell(context, node):
        context.owned.add(node.func)
    elif context.names[path].name_of(node.func) in STATE_TUPLES:
        context.owned.add(node.func)
        parts = [*node.args, *(one.value for one in node.keywords)]
        edits.replace(node, "[", parts[0], ", ", parts[1], "]")
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "zero_state" and _owners(context, node.func):
        edits.replace(node, *_zeros(context, node, path))


def _is_cell(context: Context, node: ast.Call) -> bool:
    values = context.run.meanings.get(node, [])
    return bool(values) and all(isinstance(value, Cell) for value in values)


def _is_part(context: Context, node: ast.Attribute) -> bool:
    owners = context.run.meanings.get(node.value, [])
    return node.attr in {"c", "h"} and bool(owners) and all(isinstance(owner, StateTuple) for owner in owners)


def _owners(context: Context, node: ast.Attribute) -> list[Cell]:
    """The cells that an attribute is one of."""
    return [value for value in context.run.meanings.get(node.value, []) if isinstance(value, Cell)]


def _owner(context: Context, node: ast.expr, path: str) -> Cell:
    owners = _owners(context, node) if isinstance(node, ast.Attribute) else []
    if len(owners) != 1:
        raise context.stop("a name that means different RNN cells in turn", node, path)
    return owners[0]


def _zeros(context: Context, node: ast.Call, path: str) -> Parts:
    """A state of zeros, written out."""
    cell = _owner(context, node.func, path)
    batch: ast.expr = next(
        one for one in (*node.args, *(key.value for key in node.keywords if key.arg == "batch_size"))
    )
    tf = context.tf(path)
    return _structure(context, cell, node, path, lambda size: [f"{tf}.zeros([", batch, ", ", *size, "])"])


def _size(context: Context, node: ast.Attribute, path: str) -> Parts:
    cell = _owner(context, node, path)
    if node.attr == "output_size":
        return _units(context, facts.leaves(cell)[-1], node, path, True)
    return _structure(context, cell, node, path, lambda size: size)


def _structure(context: Context, cell: Cell, node: ast.expr, path: str, make: Callable[[Parts], Parts]) -> Parts:
    """A state of a cell as an expression: nested lists of what is made of each size."""
    if cell.kind == "MultiRNNCell":
        inner = [_structure(context, one, node, path, make) for one in cell.inner]
    elif cell.inner:
        return _structure(context, cell.inner[0], node, path, make)
    elif facts.KINDS[cell.kind].lstm:
        inner = [make(_units(context, cell, node, path, projected)) for projected in (False, True)]
    else:
        return make(_units(context, cell, node, path, False))
    parts: Parts = ["["]
    for place, one in enumerate(inner):
        parts.extend([", "] if place else [])
        parts.extend(one)
    return [*parts, "]"]


def _units(context: Context, cell: Cell, node: ast.expr, path: str, projected: bool) -> Parts:
    key = "num_proj" if projected and facts.has(cell, "num_proj") else "num_units"
    given, value = cell.arguments[key], cell.values[key]
    here = next((one for one in context.run.statements if any(part is node for part in ast.walk(one.node))), None)
    if isinstance(given, ast.Name) and here is not None and here.frame is cell.chain[-1].frame:
        return [given]
    if isinstance(value, Known):
        return [quoted(value.value)]
    return [spelled(context, given, value, cell, cell, context.edits[path])]
