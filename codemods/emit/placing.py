"""Where the new functions go, and what stays of the statements that made an optimizer and a train op at once."""

from __future__ import annotations

import ast

from .. import notebooks
from ..graph.frames import Frame, Statement
from ..graph.instances import line
from ..graph.ops import slots
from ..graph.values import (
    DataIterator,
    GraphValue,
    Optimizer,
    TrainOp,
    Variable,
)
from ..plan.executions import FunctionPlan
from ..plan.units import Unit
from . import averages, functions, handed_data, metrics, queues
from .classes import members
from .context import Context
from .verify import read_too_early


def place(context: Context, function: FunctionPlan) -> None:
    """Puts a function before the statement of its frame that runs one first, once all that it reads is there."""
    frame = function.frame
    if isinstance(function.key, tuple) and function.key[0] == "pipeline":
        queues.place(context, function.key[1], _text(context, function))
        return
    if frame.instance is not None:
        _in_class(context, function)
        return
    needed = max(
        [
            *(
                maker.index
                for (where, name), reader in function.outside.items()
                for maker in reader.reads[where, name]
                if where is frame
            ),
            *(unit.index for unit in function.units if unit.kind == "setup"),
            *(_made_at(context, parameter.value) for parameter in function.parameters if parameter.value is not None),
        ],
        default=-1,
    )
    candidates = [_of_frame(run.execution.chain, frame) for run in context.plan.runs if run.kind == "function"]
    mine = [_of_frame(run.execution.chain, frame) for run in function.runs]
    first = [one for one in mine if one is not None]
    if len(first) != len(mine):
        node = function.runs[0].execution.node
        raise context.stop("an execution outside of the function that builds its graph", node, frame.module.path)
    own = min(first, key=lambda one: one.index)
    anchor = min(
        (one for one in candidates if one is not None and needed <= one.index <= own.index),
        key=lambda one: one.index,
        default=own,
    ).node
    if frame.module.path.endswith(notebooks.SUFFIX):
        anchor = _in_cell(context, function, needed, own) or anchor
    text = _text(context, function)
    blocks = context.moves[frame.module.path].before.setdefault(anchor, [])
    place = next(
        (place for place, block in enumerate(blocks) if not block.startswith(("@", "def ", "class "))), len(blocks)
    )
    blocks.insert(place, text)


def _in_cell(context: Context, function: FunctionPlan, needed: int, own: Statement) -> ast.stmt | None:
    """In a notebook a function stands at the end of the cell that builds the last of it, or in that which first runs it."""
    frame = function.frame
    ends = [unit for unit in context.units.ordered if unit.statement.frame is frame and notebooks.is_mark(unit.node)]
    built = max([needed, *(unit.index for unit in function.units if unit.statement.frame is frame)])
    later = [unit for unit in ends if built < unit.index <= own.index]
    return min(later, key=lambda unit: unit.index).node if later else own.node if ends else None


def _text(context: Context, function: FunctionPlan) -> str:
    """A function's text, in which no name is read before it is bound."""
    text = functions.text(context, function)
    early = read_too_early(next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)))
    if early is not None:
        node, path = function.runs[0].execution.node, function.frame.module.path
        raise context.stop(f"`{early}`, which is both read from outside and bound by the graph", node, path)
    return text


def _in_class(context: Context, function: FunctionPlan) -> None:
    """Puts a method before the first of its class that runs one, behind what builds the graph: else at the class's end."""
    text = _text(context, function)
    frames = {unit.statement.frame for unit in function.units}
    owners = {frame.parent.node for frame in frames if frame.parent is not None}
    assert function.frame.instance is not None
    cls = next((one.node for one in line(function.frame.instance.cls) if one.node in owners), function.frame.node)
    assert isinstance(cls, ast.ClassDef)
    building = [cls.body.index(one) for one in cls.body if any(frame.node is one for frame in frames)]
    runs = {statement.frame.node for run in context.plan.runs for statement in run.execution.chain}
    later = cls.body[max(building, default=-1) + 1 :]
    anchor = next((one for one in later if one in runs), None)
    moves = context.moves[function.frame.module.path]
    if anchor is not None:
        moves.before.setdefault(anchor, []).append(text)
    else:
        moves.after.setdefault(cls.body[-1], []).append(text)


def _made_at(context: Context, value: GraphValue) -> int:
    unit = context.units.unit(value)
    return unit.index if unit is not None else -1


def _of_frame(chain: tuple[Statement, ...], frame: Frame) -> Statement | None:
    """The outermost statement of a frame in a chain; the blocks of sessions and scopes are open."""
    return next((one for one in chain if one.frame is frame), None)


def keep_optimizers(context: Context) -> None:
    """Statements that make an optimizer and a train op at once keep the optimizer."""
    for unit in context.units.ordered:
        if unit.kind != "graph":
            continue
        made = [value for value in unit.made if isinstance(value, Optimizer)]
        trains = [value for value in unit.made if isinstance(value, TrainOp)]
        lines = []
        moves = context.moves_of(unit.statement)
        edits = context.edits_of(unit.statement)
        for optimizer in made:
            if optimizer.node is not None:
                lines.append(f"{context.optimizers[optimizer]} = {edits.render(optimizer.node)}")
        lines.extend(metrics.constructors(context, unit))
        lines.extend(averages.constructors(context, unit))
        for train in trains:
            lines.extend(_slots(context, unit, train))
        for value in unit.made:
            if isinstance(value, DataIterator) and value.stage is not None:
                lines.extend(queues.lines(context, value))
            elif isinstance(value, DataIterator) and context.iterators[value].call is not None:
                lines.extend(handed_data.lines(context, value))
            elif isinstance(value, DataIterator) and context.iterators[value].inline and value not in context.loops:
                form = context.iterators[value]
                assert form.source is not None
                lines.append(f"{form.name} = iter({edits.render(form.source)})")
        if lines:
            moves.dropped.discard(unit.node)
            moves.taken.discard(unit.node)
            moves.replaced[unit.node] = "\n".join(lines)


def _slots(context: Context, unit: Unit, train: TrainOp) -> list[str]:
    """Builds an optimizer that trains several lists of variables, or whose slots don't start at Keras' values."""
    optimizer = train.optimizer
    assert optimizer is not None
    trains = [value for value in context.run.values if isinstance(value, TrainOp) and value.optimizer is optimizer]
    lists = [_trained(one) for one in trains]
    starts_at_one = optimizer.name == "RMSPropOptimizer"
    if train is not trains[-1] or not (starts_at_one or any(set(one) != set(lists[0]) for one in lists)):
        return []
    name, path = context.optimizers[optimizer], unit.statement.frame.module.path
    context.built[optimizer] = unit.statement
    every = [
        variable
        for variable in context.run.values
        if isinstance(variable, Variable) and any(variable in one for one in lists)
    ]
    lines = [f"{name}.build({context.variables(every, members.home(unit.statement.frame), unit.node)})"]
    if starts_at_one:
        tab, tf = context.indent(path), context.tf(path)
        lines += [
            f"for variable in {name}.variables:",
            f'{tab}if variable.path.endswith("velocity"):',
            f"{tab}{tab}variable.assign({tf}.ones_like(variable))  # as TF1's RMSProp starts",
        ]
    return lines


def _trained(train: TrainOp) -> list[Variable]:
    """The variables that a train op changes: those given, else those that its loss depends on."""
    if train.explicit or not isinstance(train.loss, GraphValue):
        return train.variables
    reached = slots.reached(train.loss)
    return [one for one in train.variables if one in reached]
