"""Statements that an RNN layer leaves nothing to do: a state of zeros to begin with, the list of the steps of its input."""

from __future__ import annotations

import ast

from ...graph.frames import Statement
from ...graph.values import Cell, Known, Layer, Method, Tensor, Value, Variable, flatten
from ..context import Context

STATES = ("initial_state", "initial_state_fw", "initial_state_bw")


def find(context: Context, layers: list[Layer]) -> None:
    """Notes the statements that go, and what stands for the lists of steps."""
    for layer in layers:
        for site in layer.sites:
            if isinstance(site, ast.Call) and layer.cls != "Cell":
                for key in STATES:
                    if is_zeros(context, layer, layer.values[site].get(key)):
                        _drop(context, layer.nodes[site][key], layer, site)
                _unstacked(context, layer, site)


def is_zeros(context: Context, layer: Layer, value: Value | None) -> bool:
    """Whether a state is what `zero_state` of the layer's own cell gave, and no run feeds another."""
    leaves = list(flatten(value)) if value is not None else []
    wholes = {leaf.inputs[0] if isinstance(leaf, Tensor) and leaf.inputs else None for leaf in leaves}
    whole = wholes.pop() if len(wholes) == 1 else None
    if not isinstance(whole, Tensor) or whole.op != "zero_state" or any(leaf in context.fed for leaf in leaves):
        return False
    assert isinstance(whole.node, ast.Call)
    owners = [one.owner for one in context.run.meanings.get(whole.node.func, []) if isinstance(one, Method)]
    return bool(owners) and all(isinstance(owner, Cell) and owner in layer.cells for owner in owners)


def _drop(context: Context, node: ast.expr, layer: Layer, site: ast.Call) -> None:
    """Drops the statement that bound a name where nothing else reads it."""
    maker = _only_for(context, node, layer, site)
    if maker is not None:
        context.idle.add(maker.node)
        if maker.frame in context.units.frames:
            context.moves_of(maker).dropped.add(maker.node)


def _only_for(context: Context, node: ast.expr, layer: Layer, site: ast.Call) -> Statement | None:
    """The statement that bound a name which nothing but one call of a layer reads."""
    if not isinstance(node, ast.Name):
        return None
    here = statement_of(context, layer, site)
    makers = {maker for (_, name), found in here.reads.items() if name == node.id for maker in found}
    maker = next(iter(makers)) if len(makers) == 1 else None
    if maker is None or not _binds(maker.node, node.id) or maker.frame is not here.frame:
        return None
    names = [part for part in ast.walk(here.node) if isinstance(part, ast.Name) and part.id == node.id]
    others = [
        one
        for one in context.run.statements
        if one.frame is maker.frame
        and not any(part is site for part in ast.walk(one.node))
        and any(name == node.id and maker in found for (_, name), found in one.reads.items())
    ]
    return maker if not others and names == [node] else None


def statement_of(context: Context, layer: Layer, site: ast.Call) -> Statement:
    """The statement that a call of a layer stands in, in one activation."""
    found = (one for one in context.run.values if isinstance(one, Tensor) and one.layer is layer and one.node is site)
    return next(found).chain[-1]


def _binds(node: ast.stmt, name: str) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    return isinstance(target, ast.Name) and target.id == name


def _unstacked(context: Context, layer: Layer, site: ast.Call) -> None:
    """A list of steps that `tf.unstack(x, n, 1)` gave to nothing but the RNN: the layer takes x itself."""
    node = layer.nodes[site]["inputs"]
    maker = _only_for(context, node, layer, site)
    call = maker.node.value if maker is not None and isinstance(maker.node, ast.Assign) else None
    if maker is None or not isinstance(call, ast.Call):
        return
    path = maker.frame.module.path
    given = {"value": call.args[0]} if call.args else {}
    given.update(zip(("num", "axis"), call.args[1:], strict=False))
    given.update({one.arg: one.value for one in call.keywords if one.arg})
    source, axis = given.get("value"), given.get("axis")
    known = context.run.meanings.get(axis, []) if axis is not None else []
    along = bool(known) and all(isinstance(one, Known) and one.value == 1 for one in known)
    if context.names[path].name_of(call.func) != "unstack" or not along or not isinstance(source, ast.Name):
        return
    here = statement_of(context, layer, site)
    bound = maker.frame.history.get(source.id, [])
    if here.frame is maker.frame and not any(maker.index < one.index < here.index for one in bound):
        context.idle.add(maker.node)
        context.sequences[site] = source


# Layers that take the mask which Keras left on what they are given.
MASKABLE = frozenset({"RNN", "BidirectionalRNN", "BatchNormalization", "LayerNormalization"})


def leaves_mask(context: Context, layer: Layer) -> bool:
    """Whether a layer that had no lengths in TF1 would find the mask of this one on its inputs."""
    for other in context.run.values:
        if not isinstance(other, Layer):
            continue
        for one in other.every if other.parts else [other]:
            for values in other.values.values():
                free = one.cls in MASKABLE and "sequence_length" not in values
                if free and _comes_from(values.get("inputs"), layer):
                    return True
    return False


def _comes_from(value: Value | None, layer: Layer) -> bool:
    """Whether a tensor is an output of a layer, or of layers that hand its mask on."""
    if not isinstance(value, Tensor) or isinstance(value, Variable):
        return False
    if value.op == "element":
        return any(_comes_from(one, layer) for one in value.inputs)
    if value.layer is layer:
        return True
    return value.layer is not None and any(_comes_from(one, layer) for one in value.inputs)


def has_unknown_depth(layers: list[Layer]) -> bool:
    """Whether how deep the inputs of an RNN are is known only at run time: nothing symbolic can stand for them."""
    for layer in layers:
        for given in (values.get("inputs") for values in layer.values.values() if layer.cells):
            first = next(flatten(given), None) if given is not None else None
            if isinstance(first, Tensor) and (not first.shape or first.shape[-1] is None):
                return True
    return False


def only_states(layers: list[Layer], body: list[ast.stmt]) -> set[str]:
    """Names that the statements of a model read for nothing but the states that its RNNs begin with: None does as well."""
    given = {
        layer.nodes[site][key]
        for layer in layers
        if layer.cls != "Cell"
        for site in layer.nodes
        for key in STATES
        if key in layer.nodes[site]
    }
    names = [part for node in body for part in ast.walk(node) if isinstance(part, ast.Name)]
    return {one.id for one in given if isinstance(one, ast.Name)} - {one.id for one in names if one not in given}
