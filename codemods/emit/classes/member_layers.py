"""Layers of objects: attributes made and built where TF1 called them first, under name scopes that say TF1's names."""

from __future__ import annotations

import ast

from ...edits import Edits
from ...graph.frames import Frame, Statement
from ...graph.values import Layer, Tensor, Value, Variable
from ...plan.executions import FunctionPlan
from ...plan.models import Object
from ...plan.phases import is_of_the_call
from ..context import Context
from ..keras_models import batch_norm, layer_calls
from ..keras_models.models import RESERVED
from ..recurrent import rnn_classes
from ..text import last, snake
from . import members, scope_names, sizes


def prepare(context: Context) -> None:
    """Names the layers, and keeps the variable scopes around them as name scopes."""
    for layer, made in _bare(context):
        base = last(layer.name) if layer.weights else snake(last(layer.name))
        wish = base if base.isidentifier() else snake(base)
        wish = f"{wish}_layer" if wish in RESERVED and not wish.isidentifier() else wish
        one = made.frame.instance
        if one is not None:
            text = members.new_attribute(context, one, wish, members.going(context, one), layer)
        else:
            text = context.fresh(wish)
        context.objects[made] = text
        context.attributes[layer] = text.removeprefix("self.")
        context.leaves[layer] = last(layer.name)
        for statement in scope_names.around(context, layer.chain) if layer.weights else ():
            scope_names.keep(context, statement)
        for site in layer.sites:
            for key, argument in layer.nodes[site].items() if site is not layer.sites[0] else ():
                if not is_of_the_call(key):  # what a layer is made with is said once
                    context.own(argument)


def _bare(context: Context) -> list[tuple[Layer, Object]]:
    return [(one, made) for one, made in context.models.holders.items() if made.bare and isinstance(one, Layer)]


# -- what is written -----------------------------------------------------------------------------------------------------


def write(context: Context) -> None:
    """Makes each layer before the statement that called it first."""
    for layer, made in _bare(context):
        statement = made.first
        path = statement.frame.module.path
        one = made.frame.instance
        assert isinstance(layer.node, ast.AST)
        outermost = next(
            one for one in statement_chain(layer, statement) if one.frame is made.frame or one is statement
        )
        above = one.cls.node if one is not None else outermost.node
        batch_norm.define(context, [layer], path, above)
        rnn_classes.define(context, [layer], path, above)
        text = context.objects[made]
        lines = [f"{text} = {layer_calls.constructor(context, layer, path, context.edits[path])}"]
        if layer.weights:
            shape = _input_shape(context, layer, statement.frame)
            if shape is None:
                context.unbuilt.append((made, layer.node, path))
            else:
                lines.append(f"{text}.build({shape})")
        unit = context.units.leaf(statement_chain(layer, statement))
        anchor = unit.node if unit is not None else statement.node
        context.moves[path].before.setdefault(anchor, []).append("\n".join(lines) + "\n")


def statement_chain(layer: Layer, statement: Statement) -> tuple[Statement, ...]:
    return layer.chain if layer.chain and layer.chain[-1] is statement else (*layer.chain, statement)


def _input_shape(context: Context, layer: Layer, frame: Frame) -> str | None:
    """The shape that a layer is built for, in the source's own words where it has some."""
    node = layer.sites[0]
    assert isinstance(node, ast.Call)
    value = layer.values[node].get("inputs")
    if not isinstance(value, Tensor) or value.shape is None or not value.shape:
        return None
    if value.dtype == "float64":
        raise context.stop("layers over float64 tensors", node, frame.module.path)
    return f"[{', '.join(sizes.of(context, value, frame))}]"


def calls(context: Context, function: FunctionPlan, overlay: Edits) -> None:
    """Writes the calls of layers within a method."""
    for unit in function.units:
        for value in unit.made:
            if isinstance(value, Tensor) and not isinstance(value, Variable) and is_call(context, value):
                assert isinstance(value.node, ast.Call) and value.layer is not None
                called = context.objects[context.models.holders[value.layer]]
                overlay.replace(value.node, layer_calls.call(context, value.node, value.layer, overlay, called))


def is_call(context: Context, value: Value) -> bool:
    """Whether a tensor is what a layer of an object gives."""
    if not isinstance(value, Tensor) or isinstance(value, Variable) or value.layer is None:
        return False
    made = context.models.holders.get(value.layer)
    return made is not None and made.bare
