"""Backward slices: the unit statements that a fetch needs, and what they read from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..graph.frames import Frame, Statement
from ..graph.values import (
    Assign,
    DataIterator,
    Dict,
    GraphValue,
    Instance,
    Op,
    Placeholder,
    Sequence,
    Tensor,
    UpdateOps,
    Value,
    Variable,
    graph_values,
)
from . import objects
from .units import Unit, Units


@dataclass(eq=False)
class Slice:
    """What a function's body consists of: units in the order of the source; what they read that stays outside."""

    units: list[Unit] = field(default_factory=list)
    placeholders: list[Placeholder] = field(default_factory=list)
    outside: dict[tuple[Frame, str], Statement] = field(default_factory=dict)


def of(
    units: Units, starts: Iterable[Unit], reads: Iterable[tuple[Frame, str, Statement, Statement]], cut: set[GraphValue]
) -> Slice:
    """The slice of some units and of names read by an execution's own expression: (frame, name, maker, reader)."""
    result = Slice()
    chosen: set[Unit] = set()
    work: list[Unit] = list(starts)
    for frame, name, maker, reader in reads:
        _follow(units, frame, name, maker, reader, work, result, cut)
    while work:
        unit = work.pop()
        if unit in chosen:
            continue
        chosen.add(unit)
        work.extend(_controls(units, unit))
        if any(isinstance(one, DataIterator) and _is_source(unit, one) for one in unit.made):
            continue  # what fills a queue is no part of what takes from it
        for part in unit.parts:
            for (frame, name), makers in part.reads.items():
                if not makers and frame in units.frames and objects.owner(frame) is not None:
                    _given(units, frame, name, part, work, result, cut)
                for maker in makers:
                    if units.of.get(maker) is not unit:
                        _follow(units, frame, name, maker, part, work, result, cut)
    result.units = sorted(chosen, key=lambda unit: unit.index)
    return result


def _is_source(unit: Unit, iterator: DataIterator) -> bool:
    """Whether a statement only draws from what it makes: from a queue, or from an iterator that a function makes."""
    return iterator.stage is not None or iterator.chain[-1].frame is not unit.statement.frame


def _controls(units: Units, unit: Unit) -> list[Unit]:
    """The units of what runs first wherever this one's values are computed, though no name is read for it."""
    inputs = (one for value in unit.made for one in value.inputs)
    effects = [one for one in inputs if isinstance(one, (Assign, Op)) and not isinstance(one, UpdateOps)]
    found = [units.unit(one) for one in effects]
    return [other for other in found if other is not None and other is not unit and other.kind == "graph"]


def _follow(
    units: Units,
    frame: Frame,
    name: str,
    maker: Statement,
    reader: Statement,
    work: list[Unit],
    result: Slice,
    cut: set[GraphValue],
) -> None:
    if frame not in units.frames:
        return
    unit = units.of.get(maker)
    value = maker.writes.get(name)
    if value is not None and isinstance(value, GraphValue) and value in cut:
        return
    if unit is not None and unit.kind in {"placeholder", "cell"}:
        return
    if unit is not None and unit.kind == "graph" and not (isinstance(value, Variable) and value in unit.made):
        work.append(unit)
        if value is not None:
            work.extend(_changes(units, value, reader))
        return
    result.outside[frame, name] = reader
    if value is not None:
        work.extend(_changes(units, value, reader))


def _given(
    units: Units,
    frame: Frame,
    name: str,
    reader: Statement,
    work: list[Unit],
    result: Slice,
    cut: set[GraphValue],
) -> None:
    """What a method was given for a parameter: a value of the graph is followed, anything else is read from outside."""
    value = reader.reads_values[frame, name]
    found = [(leaf, units.unit(leaf)) for leaf in graph_values(value) if leaf not in cut]
    made = [unit for _, unit in found if unit is not None and unit.kind == "graph"]
    work.extend(made)
    if not isinstance(value, Instance) and not any(unit.kind in {"graph", "placeholder"} for _, unit in found if unit):
        result.outside[frame, name] = reader


def _changes(units: Units, value: Value, reader: Statement) -> list[Unit]:
    """The units that changed a list, a dict or a static shape in place before it was read, where that belongs to the graph."""
    if isinstance(value, Tensor):
        shaped = [units.leaf(chain) for owner, chain in units.run.shaped if owner is value]
        return [unit for unit in shaped if unit is not None and unit.kind == "graph" and unit.index < reader.index]
    if not isinstance(value, (Sequence, Dict)):
        return []
    found = []
    for owner, chain in units.run.mutated:
        if owner is value:
            unit = units.leaf(chain)
            if unit is not None and unit.kind == "graph" and unit.index < reader.index:
                found.append(unit)
    return found


def names_in(expression: ast.AST) -> set[str]:
    """The names that an expression reads, attributes of objects among them."""
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return names | {f"self.{node.attr}" for node in ast.walk(expression) if isinstance(node, ast.Attribute)}


def reads_of(expression: ast.AST, statement: Statement) -> list[tuple[Frame, str, Statement, Statement]]:
    """What an expression within a statement reads."""
    wanted = names_in(expression)
    return [
        (frame, name, maker, statement)
        for (frame, name), makers in statement.reads.items()
        if name in wanted
        for maker in makers
    ]
