"""Layers called among a unit's own statements: one model for each variable scope, the statements between them its `call`."""

from __future__ import annotations

import ast

from ..graph.frames import Frame, GraphState, Statement
from ..graph.values import Placeholder, Tensor, Value, Variable, graph_values
from . import cells, member_layers, own_layers
from .models import BlockModel, Models, Object, scope_of
from .reasons import undecided
from .units import Unit, Units


def find(units: Units, models: Models, tensors: list[Tensor]) -> None:
    """Makes models of the layers that the unit's own statements call."""
    for group in _groups(units, tensors):
        if _is_repeated(group) and group[0].chain[-1].frame not in units.homes:
            for tensor in group:
                if tensor.layer is not None:
                    member_layers.alone(units, models, tensor, tensor.layer, tensor.chain[-1].frame)
            continue
        twin = _of_another_mode(units, models, group)
        if twin is None:
            _block(units, models, group)
        else:
            _repeat(units, models, twin, group[0].chain[-1].frame)


def _is_repeated(group: list[Tensor]) -> bool:
    """Whether a layer is called again, or reused: such layers stay by themselves."""
    layers = [tensor.layer for tensor in group if tensor.layer is not None]
    return len(set(layers)) != len(layers) or any(len(set(layer.sites)) > 1 for layer in layers)


def _of_another_mode(units: Units, models: Models, tensors: list[Tensor]) -> BlockModel | None:
    """The model that another mode of a model function made of the same layers."""
    frame = tensors[0].chain[-1].frame
    layers = {tensor.layer for tensor in tensors}
    others = [one for one in models.blocks if frame in units.homes and one.object.frame.node is frame.node]
    found = next((one for one in others if layers & set(one.object.layers)), None)
    if found is not None and layers != set(found.object.layers):
        raise undecided("layers that differ from mode to mode", tensors[0].node or ast.Pass(), tensors[0].chain[-1])
    return found


def _repeat(units: Units, models: Models, model: BlockModel, frame: Frame) -> None:
    """The same statements in another mode: another call of the model."""
    chosen: list[Unit] = []
    for unit in model.units:
        statement = frame.statements.get(unit.node)
        if statement is None:
            raise undecided("layers that differ from mode to mode", unit.node, unit.statement)
        chosen.append(units.of[statement])
    _merge(units, models, model, chosen, frame)


def _groups(units: Units, tensors: list[Tensor]) -> list[list[Tensor]]:
    """The layers called among a unit's own statements, by the variable scope around them."""
    groups: dict[tuple[Frame, ast.With | None, GraphState | None], list[Tensor]] = {}
    for tensor in tensors:
        statement = tensor.chain[-1]
        block = _scope_block(units, statement)
        groups.setdefault((statement.frame, block, tensor.graph), []).append(tensor)
    return list(groups.values())


def _scope_block(units: Units, statement: Statement) -> ast.With | None:
    """The outermost variable scope around a statement."""
    found = None
    outer = statement.parent
    while outer is not None and outer.frame is statement.frame:
        if isinstance(outer.node, ast.With) and any(
            _is_variable_scope(units, item.context_expr, outer) for item in outer.node.items
        ):
            found = outer.node
        outer = outer.parent
    return found


def _is_variable_scope(units: Units, node: ast.expr, statement: Statement) -> bool:
    return isinstance(node, ast.Call) and statement.frame.names.name_of(node.func) == "variable_scope"


def _block(units: Units, models: Models, tensors: list[Tensor]) -> None:
    statement = tensors[0].chain[-1]
    frame = statement.frame
    layers = [tensor.layer for tensor in tensors if tensor.layer is not None]
    if _is_repeated(tensors):
        raise undecided("layers that are called twice outside of a function", tensors[0].node or ast.Pass(), statement)
    block = _scope_block(units, statement)
    members = {units.leaf(tensor.chain) for tensor in tensors}
    if any(unit is None or isinstance(unit.node, (ast.For, ast.While, ast.If, ast.Try)) for unit in members):
        raise undecided("layers made in a loop or under a condition", tensors[0].node or ast.Pass(), statement)
    chosen = {unit for unit in members if unit is not None}
    first, last = min(unit.index for unit in chosen), max(unit.index for unit in chosen)
    if block is not None:
        inside = [
            unit
            for unit in units.ordered
            if unit.statement.frame is frame and _scope_block(units, unit.statement) is block
        ]
        first = min(unit.index for unit in inside if unit.kind in {"graph", "layers"})
    own = own_layers.callers(units)
    if any(min(one.index for one in chosen) < unit.index < last for unit in own):
        raise undecided("a layer of the program's own between others", tensors[0].node or ast.Pass(), statement)
    candidates = {
        unit
        for unit in units.ordered
        if unit.statement.frame is frame and first <= unit.index <= last and unit.kind in {"graph", "layers"}
        if unit.made or frame not in units.homes
    } - own
    chosen = _ancestors(units, chosen, candidates)
    ordered = sorted(chosen, key=lambda unit: unit.index)
    made = Object(scope_of(layers), list(layers), frame, ordered[0].statement)
    models.holders.update(dict.fromkeys(layers, made))
    model = BlockModel(made, ordered, block=block)
    models.blocks.append(model)
    _merge(units, models, model, ordered, frame)


def _ancestors(units: Units, chosen: set[Unit], candidates: set[Unit]) -> set[Unit]:
    found: set[Unit] = set()
    work = list(chosen)
    while work:
        unit = work.pop()
        if unit in found:
            continue
        found.add(unit)
        for part in unit.parts:
            for makers in part.reads.values():
                for maker in makers:
                    other = units.of.get(maker)
                    if other is not None and other in candidates:
                        work.append(other)
    return found


def _merge(units: Units, models: Models, model: BlockModel, chosen: list[Unit], frame: Frame) -> None:
    """Makes one unit of a model's statements: in a slice it is one call of the model."""
    statements = {part for unit in chosen for part in unit.parts}
    for unit in chosen:
        for part in unit.parts:
            for (where, name), makers in part.reads.items():
                value = part.reads_values[where, name]
                outside = [maker for maker in makers if maker not in statements]
                if where not in units.frames or (makers and not outside):
                    continue
                if isinstance(value, Placeholder) and value.dtype == "bool":
                    _add(model.switches, name)
                elif any(
                    isinstance(leaf, Tensor) and not leaf.constant for leaf in graph_values(value)
                ) and not _is_variable(value):
                    _add(model.inputs, name)
    for layer in model.object.layers:
        for cell, _, node in cells.fed_rates(layer):
            for name in (part.id for part in ast.walk(node) if isinstance(part, ast.Name)):
                if any(where is frame and read == name for where, read in cell.chain[-1].reads):
                    _add(model.inputs, name)
    written = {name for statement in statements for name in statement.writes}
    around = {one for unit in chosen for value in unit.made for one in value.chain} - statements
    for statement in units.run.statements:
        if statement in statements:
            continue
        for (where, name), makers in statement.reads.items():
            if where is frame and name in written and makers & statements and statement not in around:
                _add(model.outputs, name)
                last = max((one for one in statements if name in one.writes), key=lambda one: one.index)
                if makers - {last}:
                    raise undecided(f"`{name}`, which means different layers' outputs in turn", last.node, last)
    merged = Unit(
        _place(units, chosen, statements).statement,
        "graph",
        [value for unit in chosen for value in unit.made],
        sorted(statements, key=lambda one: one.index),
    )
    for statement in statements:
        units.of[statement] = merged
    units.ordered = sorted(
        [*(unit for unit in units.ordered if unit not in chosen), merged], key=lambda unit: unit.index
    )
    models.of_unit[merged] = model


def _place(units: Units, chosen: list[Unit], statements: set[Statement]) -> Unit:
    """The unit in whose place a model is called: the last of its own, or one before the first that reads what it gives."""
    readers = [
        unit.index
        for unit in units.ordered
        if unit not in chosen and unit.kind == "graph" and isinstance(unit.node, (ast.Assign, ast.AugAssign, ast.Expr))
        if any(makers & statements for part in unit.parts for makers in part.reads.values())
    ]
    makers = [
        maker.index
        for one in statements
        for found in one.reads.values()
        for maker in found
        if maker not in statements and maker in units.of and units.of[maker].kind == "graph"
    ]
    before = [unit for unit in chosen if unit.index < min(readers, default=chosen[-1].index + 1)]
    if before and before[-1].index > max(makers, default=-1):
        return before[-1]
    return chosen[-1]


def _is_variable(value: Value) -> bool:

    return all(isinstance(leaf, Variable) for leaf in graph_values(value))


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
