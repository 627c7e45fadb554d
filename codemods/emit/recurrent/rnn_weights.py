"""Where the weights of layers are: their paths below their layers, and how they are reached from their layers' attributes."""

from __future__ import annotations

from ...graph import cells as facts
from ...graph.values import Cell, Layer, Variable


def weight_steps(weight: Variable) -> list[str]:
    """The path of a layer's weight below the layer."""
    layer, name = weight.layer, weight.name
    if layer is None or not layer.cells:
        return [weight.leaf]
    cell = _holder(layer, name)
    names, _ = _trail(cell, name, told(cell))
    if layer.cls == "BidirectionalRNN":
        return [_direction(layer, cell), *names]
    return names if layer.cls == "RNN" else names[1:]


def weight_access(weight: Variable) -> str:
    """How a layer's weight is reached from the layer."""
    layer, name = weight.layer, weight.name
    if layer is None or not layer.cells:
        return weight.leaf
    cell = _holder(layer, name)
    _, steps = _trail(cell, name, "")
    first = [_direction(layer, cell), "cell"] if layer.cls == "BidirectionalRNN" else ["cell"]
    return ".".join([*(first if layer.cls != "Cell" else []), *steps])


def cell_access(layer: Layer, cell: Cell) -> str:
    """How a cell is reached from the layer's attribute."""
    outer = next(one for one in layer.cells if cell in _every(one))
    first = [_direction(layer, outer), "cell"] if layer.cls == "BidirectionalRNN" else ["cell"]
    return ".".join([*first, *_down(outer, cell)])


def _every(cell: Cell) -> list[Cell]:
    return [cell, *(one for inner in cell.inner for one in _every(inner))]


def _down(outer: Cell, cell: Cell) -> list[str]:
    for place, one in enumerate(outer.inner if outer is not cell else ()):
        if cell in _every(one):
            return [f"cells[{place}]" if outer.kind == "MultiRNNCell" else "cell", *_down(one, cell)]
    return []


def told(cell: Cell) -> str:
    """The name that Keras is told for a cell that stands in no stack."""
    if cell.inner:
        return {"MultiRNNCell": "multi_rnn_cell", "DropoutWrapper": "dropout_wrapper"}.get(
            cell.kind, "residual_wrapper"
        )
    return cell.scope.rpartition("/")[2]


def _direction(layer: Layer, cell: Cell) -> str:
    return "fw" if cell is layer.cells[0] else "bw"


def _trail(cell: Cell, name: str, known: str) -> tuple[list[str], list[str]]:
    """The names down to a weight, and the attributes."""
    if not cell.inner:
        rest = name.removeprefix(f"{cell.scope}/").split("/")
        return [known, *rest], rest
    place, inner = next(
        (place, one) for place, one in enumerate(cell.inner) if any(_has(leaf, name) for leaf in facts.leaves(one))
    )
    stacked = cell.kind == "MultiRNNCell"
    names, steps = _trail(inner, name, f"cell_{place}" if stacked else told(inner))
    return [known, *names], [f"cells[{place}]" if stacked else "cell", *steps]


def _has(leaf: Cell, name: str) -> bool:
    return name.startswith(f"{leaf.scope}/")


def _holder(layer: Layer, name: str) -> Cell:
    """The cell of a layer that a weight belongs to, itself or within it."""
    return next(cell for cell in layer.cells if any(_has(leaf, name) for leaf in facts.leaves(cell)))
