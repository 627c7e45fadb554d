"""Which classes of RNN cells a module needs, with which settings, and where they are put."""

from __future__ import annotations

import ast

from ...graph import cells as facts
from ...graph.values import Cell, Known, Layer
from ..context import CellClass, Context
from . import cells

SETTINGS = ("activation", "cell_clip", "proj_clip", "num_proj", "bias_initializer")


def _features(cell: Cell) -> set[str]:
    found = {one for one in SETTINGS if facts.has(cell, one)}
    if any(facts.has(cell, one) for one in ("initializer", "kernel_initializer")) or cell.initializer is not None:
        found.add("initializer")
    if facts.has(cell, "use_peepholes") or facts.has(cell, "use_peephole"):
        found.add("peepholes")
    found |= {one for one in ("input_keep_prob", "output_keep_prob") if drops(cell, one)}
    if cell.inner and any(facts.has(leaf, "num_proj") for leaf in facts.leaves(cell)):
        found.add("num_proj")
    return found


def variant(cell: Cell) -> str:
    """The class that a cell needs: connections that not every cell of its kind has make it another."""
    features = _features(cell)
    return "".join(("Peephole" * ("peepholes" in features), "Projected" * ("num_proj" in features), cell.kind))


def every(cell: Cell) -> list[Cell]:
    """A cell and all that are within it."""
    return [cell, *(one for inner in cell.inner for one in every(inner))]


def note(context: Context, cell: Cell, path: str) -> None:
    if cell.kind == "MultiRNNCell":
        return
    key = path, variant(cell)
    if key not in context.cells:
        bound = context.names[path].bound.get(key[1])
        name = context.fresh(key[1], free={key[1]} if bound is not None else ())
        context.cells[key] = CellClass(cell.kind, name)
    context.cells[key].features.update(_features(cell))


def drops(cell: Cell, key: str) -> bool:
    rate = cell.values.get(key)
    return rate is not None and not (isinstance(rate, Known) and rate.value == 1)


def define(context: Context, layers: list[Layer], path: str, anchor: ast.stmt) -> None:
    """Puts the classes of cells before the first model of a module that uses them."""
    wanted = [one for layer in layers for cell in layer.cells for one in every(cell) if one.kind != "MultiRNNCell"]
    blocks = context.moves[path].before.setdefault(anchor, [])
    tab, tf = context.indent(path), context.tf(path)
    for cell in wanted:
        made = context.cells[path, variant(cell)]
        if not made.written:
            made.written = True
            write = cells.wrapper if cell.inner else cells.source
            blocks.append(write(made.kind, made.name, tf, made.features).replace("    ", tab))
    for layer in layers:
        both = context.both_ways.get((path, _is_single(layer))) if layer.cls == "BidirectionalRNN" else None
        if both is not None and not both.written:
            both.written = True
            blocks.append(cells.source(both.kind, both.name, tf, both.features).replace("    ", tab))


def note_both_ways(context: Context, layer: Layer, path: str) -> None:
    """Names the bidirectional layer of a module that has one."""
    key = path, _is_single(layer)
    if layer.cls == "BidirectionalRNN" and key not in context.both_ways:
        features = {"single"} if key[1] else set()
        context.both_ways[key] = CellClass(layer.cls, context.fresh(layer.cls), features)


def _is_single(layer: Layer) -> bool:
    """Whether a state of the layer's cells is one tensor."""
    return all(facts.is_single(cell) for cell in layer.cells)


def both_ways(context: Context, layer: Layer, path: str) -> str:
    """The name of the class of a bidirectional layer."""
    return context.both_ways[path, _is_single(layer)].name
