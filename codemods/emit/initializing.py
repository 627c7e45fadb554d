"""Initializers that run again: each variable is assigned its initial value anew, and each optimizer begins again.

Random initial values are drawn anew, as TensorFlow 1 drew them: what is written is the expression that made the variable.
"""

from __future__ import annotations

import ast

from ..edits import Edits
from ..graph.frames import Frame, Statement
from ..graph.values import GraphValue, Init, Instance, Optimizer, Schedule, TrainOp, Variable
from ..plan.executions import Run, effects
from ..plan.phases import arguments_of
from ..plan.slices import names_in
from . import metrics
from .context import Context

NAME = "initialize_variables"
WHY = "an initializer that runs again and starts the variables afresh"
# The slots that don't begin at zero: the end of their path in Keras, and what they begin at.
BEGINNINGS = {
    "RMSPropOptimizer": ("velocity", "{tf}.ones_like(variable)"),
    "AdagradOptimizer": ("accumulator", "{tf}.fill(variable.shape, {name}.initial_accumulator_value)"),
    "FtrlOptimizer": ("accumulator", "{tf}.fill(variable.shape, {name}.initial_accumulator_value)"),
}


def rewrite(context: Context, run: Run) -> None:
    """An initializer: variables are made with their initial values, so it goes where nothing can have changed them."""
    assert run.statement is not None
    node, moves = run.statement.node, context.moves_of(run.statement)
    if not isinstance(node, ast.Expr | ast.Assign) or node.value is not run.execution.node:
        path = run.statement.frame.module.path
        raise context.stop("an initializer run within an expression", run.execution.node, path)
    lines = [*_afresh(context, run), *metrics.reset(context, run)]
    if not lines:
        moves.dropped.add(node)
        return
    moves.dropped.discard(node)
    moves.replaced[node] = "\n".join(lines)


def _afresh(context: Context, run: Run) -> list[str]:
    """What starts the variables of a run again: a few lines, or the call of a function that holds them."""
    assert run.statement is not None
    if not run.afresh:
        return []
    frame = _home(context, run)
    lines = _lines(context, run, frame)
    alike = [other for other in context.plan.runs if other.afresh == run.afresh and _home(context, other) is frame]
    if len(lines) <= 2 and (len(alike) == 1 or len(lines) == 1) and run.statement.frame is frame:
        return lines
    key = (frame, tuple(run.afresh))
    if key not in context.initializing:
        name = context.fresh(NAME)
        context.initializing[key] = name
        tab = context.indent(frame.module.path)
        text = "\n".join([f"def {name}():", *(tab + line for line in lines)]) + "\n"
        places = [place for other in alike for place in [_in_frame(other, frame)] if place is not None]
        if len(places) != len(alike):
            raise context.stop(WHY, run.execution.node, frame.module.path)
        anchor = min(places, key=lambda one: one.index)
        context.moves[frame.module.path].before.setdefault(anchor.node, []).insert(0, text)
    return [f"{context.initializing[key]}()"]


def _in_frame(run: Run, frame: Frame) -> Statement | None:
    return next((one for one in run.execution.chain if one.frame is frame), None)


def _home(context: Context, run: Run) -> Frame:
    """The frame whose names the variables are bound to."""
    frames = {frame for variable in run.afresh for frame in [_unit_frame(context, variable)]}
    frame = frames.pop() if len(frames) == 1 else None
    if (
        frame is None
        or frame.instance is not None
        or any(isinstance(one, Instance) for one in frame.arguments.values())
    ):
        assert run.statement is not None
        raise context.stop(WHY, run.execution.node, run.statement.frame.module.path)
    return frame


def _unit_frame(context: Context, variable: Variable) -> Frame | None:
    unit = context.units.unit(variable)
    return unit.statement.frame if unit is not None else None


def _lines(context: Context, run: Run, frame: Frame) -> list[str]:
    lines: list[str] = []
    for variable in run.afresh:
        if variable in context.steps:
            continue
        reached = None if context.models.owner(variable) is not None else context.reach(variable, frame)
        value = _initial_value(context, variable, frame) if reached is not None else None
        if reached is None or value is None:
            raise context.stop(WHY, run.execution.node, frame.module.path)
        lines.append(f"{reached}.assign({value})")
    for optimizer in _optimizers(context, run):
        lines.extend(_begin_again(context, optimizer, frame))
    return lines


def _optimizers(context: Context, run: Run) -> list[Optimizer]:
    """The optimizers whose slots the initializer has: those that trained before it was made."""
    order = {value: place for place, value in enumerate(context.run.values)}
    inits = [leaf for part in run.fetched for leaf in effects(part.value) if isinstance(leaf, Init) and leaf.every]
    return [
        optimizer
        for optimizer in context.optimizers
        if any(
            isinstance(train, TrainOp) and train.optimizer is optimizer and train.graph is init.graph
            for init in inits
            for train in context.run.values[: order[init]]
        )
    ]


def _begin_again(context: Context, optimizer: Optimizer, frame: Frame) -> list[str]:
    path = frame.module.path
    name, tf, tab = context.optimizers[optimizer], context.tf(path), context.indent(path)
    counted = f"{name}.iterations" in context.steps.values() or isinstance(
        optimizer.values.get("learning_rate"), Schedule
    )
    if optimizer.name == "GradientDescentOptimizer":
        return [f"{name}.iterations.assign(0)"] if counted else []
    fixed = not isinstance(optimizer.values.get("learning_rate"), Schedule)
    lines = [f"for variable in {name}.variables:"]
    branch = "if"
    if optimizer.name in BEGINNINGS:
        end, value = BEGINNINGS[optimizer.name]
        lines += [
            f'{tab}if variable.path.endswith("{end}"):',
            f"{tab}{tab}variable.assign({value.format(tf=tf, name=name)})",
        ]
        branch = "elif"
    if fixed:
        lines.append(f'{tab}{branch} not variable.path.endswith("learning_rate"):')
    elif branch == "elif":
        lines.append(f"{tab}else:")
    inner = tab + tab if fixed or branch == "elif" else tab
    return [*lines, f"{inner}variable.assign({tf}.zeros_like(variable))"]


def _initial_value(context: Context, variable: Variable, frame: Frame) -> str | None:
    """The expression that made a variable's initial value, in names of `frame`; None where it can't be said there again."""
    parts = context.initial.get(variable)
    maker = variable.chain[-1].frame
    if parts is None or any(isinstance(one, Variable) for one in variable.initial):
        return None
    overlay = Edits(maker.module, context.edits[maker.module.path])
    expressions = [part for part in parts if isinstance(part, ast.expr)]
    if maker is not frame and not _substitute(context, variable, frame, overlay, expressions):
        return None
    given = [] if maker is frame else [one for one, _ in _given(context, variable)]
    for expression in [*(expressions if maker is frame else given)]:
        for name in names_in(expression):
            values = context.run.meanings.get(_named(expression, name), [])
            drawn = any(isinstance(one, GraphValue) and not one.constant for one in values)
            if drawn or len(frame.history.get(name, [])) > 1:
                return None
    return "".join(part if isinstance(part, str) else overlay.render(part) for part in parts)


def _named(expression: ast.AST, name: str) -> ast.AST:
    found = (part for part in ast.walk(expression) if isinstance(part, ast.Name) and part.id == name)
    return next(found, expression)


def _given(context: Context, variable: Variable) -> list[tuple[ast.expr, str]]:
    """The arguments of the call of the function that made a variable, with the names of its parameters."""
    maker = variable.chain[-1].frame
    calls = [call for call, found in context.run.calls.items() for _, one, _ in found if one is maker]
    if len(calls) != 1 or not isinstance(maker.node, ast.FunctionDef):
        return []
    return [(value, name) for name, value in arguments_of(maker.node, calls[0]).items()]


def _substitute(context: Context, variable: Variable, frame: Frame, overlay: Edits, parts: list[ast.expr]) -> bool:
    """Writes what a helper was given for its parameters, where nothing else of its own names is read."""
    maker = variable.chain[-1].frame
    if maker.parent is not maker.top or variable.chain[-2].frame is not frame or maker.module is not frame.module:
        return False
    given = {name: value for value, name in _given(context, variable)}
    for expression in parts:
        for part in ast.walk(expression):
            if isinstance(part, ast.Name) and part.id in given:
                overlay.replace(part, context.edits[frame.module.path].render(given[part.id]))
            elif isinstance(part, ast.Name) and part.id in maker.bindings:
                return False
    return True
