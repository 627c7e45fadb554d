"""Statements that only make RNN cells or put them somewhere: they go, since a cell is written where its layer is made."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..graph.cells import leaves as leaves_of
from ..graph.interpreter import Interpreter
from ..graph.values import Cell, GraphValue, Layer, Tensor, Value, graph_values


def only_cells(made: Iterable[GraphValue], written: Iterable[Value]) -> bool:
    """Whether a statement makes RNN cells, or puts them somewhere, and does nothing else in the graph."""
    found = [*made, *(leaf for value in written for leaf in graph_values(value))]
    return bool(found) and all(isinstance(value, Cell) for value in found)


def goes(run: Interpreter, node: ast.stmt) -> bool:
    """Whether a statement within a function does nothing but make cells, or is a function that does."""
    if isinstance(node, ast.FunctionDef):
        return makes_cells(run, node)
    mine = [statement for statement in run.statements if statement.node is node]
    changed = [owner for owner, chain in run.mutated if any(one.node is node for one in chain)]
    made = [value for statement in mine for value in statement.made]
    written = [value for statement in mine for value in statement.writes.values()]
    return only_cells(made, [*written, *changed])


def makes_cells(run: Interpreter, definition: ast.FunctionDef) -> bool:
    """Whether all that a function makes of the graph, whenever it is called, is cells."""
    frames = run.activations.get(definition, [])
    made = [value for frame in frames for one in frame.statements.values() for value in one.made]
    return bool(made) and all(isinstance(value, Cell) for value in made)


def settings(run: Interpreter, definition: ast.FunctionDef, layer: Layer, tensors: bool = False) -> Iterator[ast.expr]:
    """The expressions of a function's own body that the cells of a layer are made with; `tensors`: those known at the call."""
    wanted = {one for cell in layer.cells for one in _every(cell)}
    for node in ast.walk(definition):
        meanings = run.meanings.get(node, [])
        if isinstance(node, ast.Call) and meanings and all(value in wanted for value in meanings):
            for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from (one for one in _own(run, given) if is_tensor(run, one) is tensors)


def is_tensor(run: Interpreter, node: ast.expr) -> bool:
    """Whether an expression is a tensor that is known only when the graph runs: a keep_prob that is fed."""
    return any(isinstance(value, Tensor) and not value.constant for value in run.meanings.get(node, []))


def fed_rates(layer: Layer) -> Iterator[tuple[Cell, str, ast.expr]]:
    """The dropout rates of a layer's cells that are tensors: the cell, the setting, its expression."""
    for cell in layer.cells:
        for one in _every(cell):
            for key in ("input_keep_prob", "output_keep_prob"):
                value = one.values.get(key)
                if isinstance(value, Tensor) and not value.constant:
                    yield one, key, one.arguments[key]


def _own(run: Interpreter, node: ast.expr) -> Iterator[ast.expr]:
    """An argument of a cell, or of what makes a list of cells only what that list is long by."""
    if not only_cells((), run.meanings.get(node, [])):
        yield node
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        for generator in node.generators:
            if isinstance(generator.iter, ast.Call):
                yield from generator.iter.args


def _every(cell: Cell) -> Iterator[Cell]:
    yield cell
    for inner in cell.inner:
        yield from _every(inner)


def sizes(run: Interpreter, node: ast.AST) -> list[ast.expr]:
    """What `cell.state_size` and `cell.zero_state` say again of the settings of a cell."""
    if not isinstance(node, ast.Attribute) or node.attr not in {"state_size", "output_size", "zero_state"}:
        return []
    owners = [value for value in run.meanings.get(node.value, []) if isinstance(value, Cell)]
    leaves = [leaf for owner in owners for leaf in leaves_of(owner)]
    return [leaf.arguments[key] for leaf in leaves for key in ("num_units", "num_proj") if key in leaf.arguments]
