"""The model of layers that a unit's own statements call: its class, its object, and the calls of it."""

from __future__ import annotations

import ast

from ...edits import Edits
from ...graph.values import GraphValue, Value
from ...plan.executions import FunctionPlan
from ...plan.models import BlockModel
from ..context import Context, quoted
from ..recurrent import rnn_classes
from ..recurrent.rnn_idle import has_unknown_depth, only_states
from ..text import WIDTH
from . import batch_norm, layer_calls
from .models import ClassText, statement_lines, symbolic_argument


def write(context: Context) -> None:
    """Registers the edits of every block's model: the class and the object before it; its statements move into the class."""
    for block in context.models.blocks:
        _block(context, block)


def _block(context: Context, block: BlockModel) -> None:
    made = block.object
    path = made.frame.module.path
    overlay = Edits(context.modules[path], context.edits[path])
    training = _training(context, block, overlay)
    for layer in made.layers:
        for site in layer.sites:
            overlay.replace(site, layer_calls.call(context, site, layer, overlay))
    working = [unit for unit in block.units if unit.node not in context.idle]
    body = [line for unit in working for line in statement_lines(context, path, unit.node, overlay)]
    outputs = block.outputs or _last_names(block)
    body.append(f"return {', '.join(outputs)}")
    plain, width = context.edits[path], WIDTH - 2 * len(context.indent(path))
    text = ClassText(
        context.classes[block],
        "Model",
        quoted(context.leaves[made]),
        init=[line for layer in made.layers for line in layer_calls.constructors(context, layer, path, plain, width)],
        arguments=[*block.inputs, *(f"{name}=False" for name in block.switches), *training],
        call=body,
    ).text(context.indent(path), context.tf(path))
    moves = context.moves[path]
    inputs: list[str] = []
    states = only_states(made.layers, [unit.node for unit in block.units])
    for name in block.inputs:
        shown = symbolic_argument(context, name, _value_read(block, name), path, inputs, made.first.frame)
        if name in states:
            shown = f"{name}=None"
        if shown is None:
            inputs = []
            break
        inputs.append(shown)
    lines = [f"{context.objects[made]} = {context.classes[block]}()"]
    if inputs and not has_unknown_depth(made.layers):
        lines.append(f"{context.objects[made]}({', '.join(inputs)})  # creates the variables")
    else:
        context.unbuilt.append((made, block.units[0].node, path))
    anchor: ast.stmt = block.block if block.block is not None else made.first.node
    batch_norm.define(context, made.layers, path, anchor)
    rnn_classes.define(context, made.layers, path, anchor)
    moves.before.setdefault(anchor, []).extend([text, "\n".join(lines) + "\n"])
    for unit in block.units:
        moves.taken.add(unit.node)


def _training(context: Context, block: BlockModel, overlay: Edits) -> list[str]:
    """In a model function, whether layers train depends on the mode: it becomes an argument."""
    if block.object.frame not in context.units.homes:
        return []
    given = [layer.nodes[site].get("training") for layer in block.object.layers for site in set(layer.sites)]
    nodes = [node for node in given if node is not None and not isinstance(node, ast.Constant)]
    path = block.object.frame.module.path
    if len({ast.unparse(node) for node in nodes}) > 1:
        raise context.stop("layers that train at different times", nodes[0], path)
    for node in nodes:
        context.trainings[block] = node
        overlay.replace(node, "training")
    return ["training=False"] if nodes else []


def _last_names(block: BlockModel) -> list[str]:
    return list(block.units[-1].statement.writes)[:1]


def _value_read(block: BlockModel, name: str) -> Value | None:
    """What a name meant where a block's statements first read it."""
    parts = (part for unit in block.units for part in unit.parts)
    return next((part.reads_values[where, read] for part in parts for where, read in part.reads if read == name), None)


def block_call(context: Context, block: BlockModel, overlay: Edits, function: FunctionPlan) -> list[str]:
    """The call of a block's model within a function."""
    made = block.object
    parts = list(block.inputs)
    for name in block.switches:
        value = _value_read(block, name)
        constant = function.constants.get(value) if isinstance(value, GraphValue) else None
        parts.append(f"{name}={constant if constant is not None else name}")
    if block in context.trainings:
        parts.append(f"training={overlay.render(context.trainings[block])}")
    outputs = block.outputs or _last_names(block)
    return [f"{', '.join(outputs)} = {context.objects[made]}({', '.join(parts)})"]
