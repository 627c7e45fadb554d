"""Which layers become which Keras model: those that a function makes, or those that a block of statements makes.

A function whose body calls layers becomes a class, and each scope that it was called under an object of it; a second call
under the same scope with reuse is a second call of the object. Layers called among the unit's own statements become one
model for each variable scope, with the statements between them as its `call`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ..graph.frames import Frame, GraphState, Statement
from ..graph.interpreter import Interpreter
from ..graph.ops.scopes import Entered, is_setting
from ..graph.values import GraphValue, Known, Layer, Placeholder, Tensor, Value, Variable, flatten, graph_values
from .reasons import Undecided, undecided
from .units import Unit, Units


@dataclass(eq=False)
class Object:
    """One model: its layers in the order in which they were made, under one scope."""

    scope: str
    layers: list[Layer]
    frame: Frame
    first: Statement  # the unit statement that makes it
    call: ast.Call | None = None  # the call of the function that makes it


@dataclass(eq=False)
class FunctionModel:
    """A function that becomes a class. `roles` says what becomes of each parameter: call, init, both, dropped."""

    definition: ast.FunctionDef
    path: str
    objects: list[Object] = field(default_factory=list)
    calls: dict[ast.Call, Object] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    sites: dict[ast.Call, int] = field(default_factory=dict)  # layer call -> its place among the object's layers


@dataclass(eq=False)
class BlockModel:
    """Statements of a unit that become a model: what they read from outside and what is read of them."""

    object: Object
    units: list[Unit]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    switches: list[str] = field(default_factory=list)  # names of bool placeholders
    block: ast.With | None = None


@dataclass(eq=False)
class Models:
    functions: list[FunctionModel] = field(default_factory=list)
    blocks: list[BlockModel] = field(default_factory=list)
    of_unit: dict[Unit, BlockModel] = field(default_factory=dict)


def find(units: Units) -> Models:
    """Sorts the layers of a program into models, and makes their units ordinary parts of the graph."""
    models = Models()
    layers = [value for value in units.run.values if isinstance(value, Layer)]
    if not layers:
        return models
    tensors = [
        value
        for value in units.run.values
        if isinstance(value, Tensor) and not isinstance(value, Variable) and value.layer is not None
    ]
    inside: dict[ast.FunctionDef, list[Tensor]] = {}
    direct: list[Tensor] = []
    for tensor in tensors:
        frame = tensor.chain[-1].frame
        if frame in units.frames:
            direct.append(tensor)
        elif isinstance(frame.node, ast.FunctionDef):
            inside.setdefault(frame.node, []).append(tensor)
        else:
            raise undecided("a layer called in a lambda or comprehension", tensor.node or ast.Pass(), tensor.chain[-1])
    for definition, made in inside.items():
        models.functions.append(_function(units, definition, made))
    for group in _blocks(units, direct):
        _block(units, models, group)
    for unit in units.ordered:
        if unit.kind == "layers":
            unit.kind = "graph"
    return models


# -- functions ----------------------------------------------------------------------------------------------------------


def _function(units: Units, definition: ast.FunctionDef, tensors: list[Tensor]) -> FunctionModel:
    activations = units.run.activations[definition]
    path = activations[0].module.path
    model = FunctionModel(definition, path)
    calls = {
        frame: (call, chain)
        for call, found in units.run.calls.items()
        for function, frame, chain in found
        if function.node is definition
    }
    by_layers: dict[tuple[Layer, ...], Object] = {}
    for frame in activations:
        mine = [tensor for tensor in tensors if tensor.chain[-1].frame is frame]
        sites = [tensor.node for tensor in mine]
        if len(set(sites)) != len(sites):
            raise Undecided("a layer called in a loop", definition, path)
        layers = tuple(tensor.layer for tensor in mine if tensor.layer is not None)
        if frame not in calls:
            raise Undecided("a function with layers that is called in a way that is not followed", definition, path)
        call, chain = calls[frame]
        unit = units.leaf(chain)
        if unit is None or chain[-1].frame not in units.frames:
            raise Undecided("a function with layers that is called by another function", definition, path)
        for place, site in enumerate(sites):
            if isinstance(site, ast.Call) and model.sites.setdefault(site, place) != place:
                raise Undecided("a function whose layers differ from call to call", definition, path)
        made = by_layers.get(layers)
        if made is None:
            if any(set(layers) & set(other) for other in by_layers):
                raise Undecided("a function that shares some of its layers between calls", definition, path)
            made = by_layers[layers] = Object(
                _scope_of(layers, definition, path), list(layers), unit.statement.frame, unit.statement, call
            )
            model.objects.append(made)
        if model.calls.setdefault(call, made) is not made:
            raise Undecided("one call that makes several models", definition, path)
    if len({len(one.layers) for one in model.objects}) != 1:
        raise Undecided("a function whose layers differ from call to call", definition, path)
    _roles(units, model, activations)
    return model


def _scope_of(layers: tuple[Layer, ...], definition: ast.AST, path: str) -> str:
    scopes = {layer.name.rpartition("/")[0] for layer in layers if layer.weights}
    if len(scopes) > 1:
        raise Undecided("layers under several scopes in one function", definition, path)
    return next(iter(scopes), "")


SWITCHES = frozenset({"training", "inputs"})


def _roles(units: Units, model: FunctionModel, activations: list[Frame]) -> None:
    """What each parameter of the function becomes."""
    parameters = model.definition.args
    if parameters.vararg or parameters.kwarg:
        raise Undecided("a function with layers that takes * or ** arguments", model.definition, model.path)
    names = [one.arg for one in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)]
    uses = _uses(units, model)
    for name in names:
        values = [_given(frame, name) for frame in activations]
        is_graph = any(
            isinstance(leaf, GraphValue) for value in values if isinstance(value, Value) for leaf in flatten(value)
        )
        kinds = uses.get(name, set())
        if is_graph and "init" in kinds:
            raise Undecided("a layer whose settings depend on a tensor", model.definition, model.path)
        if is_graph or kinds == {"call"}:
            model.roles[name] = "call"
        elif not kinds or kinds == {"scope"}:
            model.roles[name] = "dropped"
        elif kinds <= {"init", "scope"}:
            model.roles[name] = "init"
        elif "init" in kinds:
            model.roles[name] = "both"
        else:
            model.roles[name] = "call"
        if model.roles[name] in {"init", "both"}:
            _check_same(units, model, name, activations)


def _given(frame: Frame, name: str) -> Value | None:
    return frame.arguments.get(name)


def _check_same(units: Units, model: FunctionModel, name: str, activations: list[Frame]) -> None:
    """A setting must be the same at every call of one object."""
    seen: dict[Object, Value | None] = {}
    by_frame = {
        frame: model.calls[call]
        for call, found in units.run.calls.items()
        for function, frame, _ in found
        if call in model.calls
    }
    for frame in activations:
        made, value = by_frame[frame], _given(frame, name)
        if made in seen:
            old = seen[made]
            alike = old is value or (isinstance(old, Known) and isinstance(value, Known) and old.value == value.value)
            if not alike:
                raise Undecided(f"a layer whose settings differ between calls (`{name}`)", model.definition, model.path)
        seen[made] = value


def _uses(units: Units, model: FunctionModel) -> dict[str, set[str]]:
    """Where each name is read in the function: in a layer's settings (init), in scopes, or anywhere else (call)."""
    found: dict[str, set[str]] = {}

    def visit(node: ast.AST, role: str) -> None:
        if isinstance(node, ast.stmt) and is_setting_statement(units.run, node):
            role = "scope"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, set()).add(role)
        if isinstance(node, ast.With):
            for item in node.items:
                values = units.run.meanings.get(item.context_expr, [])
                scope = bool(values) and all(isinstance(value, Entered) for value in values)
                visit(item.context_expr, "scope" if scope else role)
            for statement in node.body:
                visit(statement, role)
            return
        if isinstance(node, ast.Call) and node in model.sites:
            layer = model.objects[0].layers[model.sites[node]]
            arguments: dict[str, ast.expr] = layer.nodes.get(node, {})
            for key, given in arguments.items():
                visit(given, "call" if key in SWITCHES else "scope" if key in {"name", "reuse", "scope"} else "init")
            return
        for child in ast.iter_child_nodes(node):
            visit(child, role)

    for statement in model.definition.body:
        visit(statement, "call")
    return found


def is_setting_statement(run: Interpreter, node: ast.stmt) -> bool:
    """Whether a statement only switches reuse on, perhaps under a condition."""
    if isinstance(node, ast.If):
        return all(is_setting_statement(run, one) for one in (*node.body, *node.orelse))
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return isinstance(node, ast.Pass)
    values = run.meanings.get(node.value, [])
    return bool(values) and all(is_setting(value) for value in values)


# -- blocks -------------------------------------------------------------------------------------------------------------


def _blocks(units: Units, tensors: list[Tensor]) -> list[list[Tensor]]:
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
    if len(set(layers)) != len(layers):
        raise undecided("layers that are called twice outside of a function", tensors[0].node or ast.Pass(), statement)
    if any(len(layer.sites) > 1 for layer in layers):
        raise undecided("layers that are reused outside of a function", tensors[0].node or ast.Pass(), statement)
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
    candidates = {
        unit
        for unit in units.ordered
        if unit.statement.frame is frame and first <= unit.index <= last and unit.kind in {"graph", "layers"}
    }
    chosen = _ancestors(units, chosen, candidates)
    scopes = {layer.name.rpartition("/")[0] for layer in layers if layer.weights}
    if len(scopes) > 1:
        raise undecided("layers under several scopes in one block", tensors[0].node or ast.Pass(), statement)
    ordered = sorted(chosen, key=lambda unit: unit.index)
    made = Object(next(iter(scopes), ""), layers, frame, ordered[0].statement)
    model = BlockModel(made, ordered, block=block)
    _merge(units, models, model)


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


def _merge(units: Units, models: Models, model: BlockModel) -> None:
    """Makes one unit of a model's statements: in a slice it is one call of the model."""
    statements = {part for unit in model.units for part in unit.parts}
    frame = model.object.frame
    for unit in model.units:
        for part in unit.parts:
            for (where, name), makers in part.reads.items():
                value = part.reads_values[where, name]
                outside = [maker for maker in makers if maker not in statements]
                if where not in units.frames or not outside:
                    continue
                if isinstance(value, Placeholder) and value.dtype == "bool":
                    _add(model.switches, name)
                elif any(
                    isinstance(leaf, Tensor) and not leaf.constant for leaf in graph_values(value)
                ) and not _is_variable(value):
                    _add(model.inputs, name)
    written = {name for statement in statements for name in statement.writes}
    for statement in units.run.statements:
        if statement in statements:
            continue
        for (where, name), makers in statement.reads.items():
            if where is frame and name in written and makers & statements and not _encloses(statement, statements):
                _add(model.outputs, name)
                last = max((one for one in statements if name in one.writes), key=lambda one: one.index)
                if makers - {last}:
                    raise undecided(f"`{name}`, which means different layers' outputs in turn", last.node, last)
    merged = Unit(
        model.units[-1].statement,
        "graph",
        [value for unit in model.units for value in unit.made],
        sorted(statements, key=lambda one: one.index),
    )
    for statement in statements:
        units.of[statement] = merged
    units.ordered = sorted(
        [*(unit for unit in units.ordered if unit not in model.units), merged], key=lambda unit: unit.index
    )
    models.blocks.append(model)
    models.of_unit[merged] = model


def _encloses(statement: Statement, statements: set[Statement]) -> bool:
    return any(inner.parent is statement for inner in statements)


def _is_variable(value: Value) -> bool:

    return all(isinstance(leaf, Variable) for leaf in graph_values(value))


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
