"""tf.metrics that a session ran: Keras metrics that are made once, counted in functions, and reset where TF1 did."""

from __future__ import annotations

import ast

from ..edits import Edits
from ..graph.values import Counted, GraphValue, Init, Metric, flatten
from ..plan import objects
from ..plan.beginnings import resets
from ..plan.executions import FunctionPlan, MetricUse, Run, effects
from ..plan.unit import Unit
from ..plan.units import ancestors
from .classes import members
from .context import Context
from .estimating.metrics import OF_THE_UPDATE, constructor, update_line
from .text import snake


def prepare(context: Context) -> None:
    """Names every metric that something counts or reads, before anything is written."""
    for metric in _of_sessions(context):
        assert isinstance(metric.node, ast.Call)
        context.owned.add(metric.node.func)
        for key, argument in metric.arguments.items():
            if key == "name":
                context.own(argument)
        if metric in used(context):
            context.metrics[metric] = _name(context, metric)


def _of_sessions(context: Context) -> list[Metric]:
    return [one for one in context.run.values if isinstance(one, Metric) and one.scope]


def used(context: Context) -> set[Metric]:
    """The metrics that executions count or read."""
    fetched = ancestors(part.value for run in context.plan.runs for part in run.fetched)
    return {one.metric for one in fetched if isinstance(one, Counted) and one.metric is not None}


def _name(context: Context, metric: Metric) -> str:
    """What a metric is called: as its value was, else as its update."""
    unit, path = context.units.unit(metric), metric.chain[-1].frame.module.path
    node = unit.node if unit is not None else None
    if unit is None or metric.chain[-1] is not unit.statement or not isinstance(node, ast.Assign):
        raise context.stop("a metric made where it is not followed", metric.node or ast.Pass(), path)
    plain = node.value.value if isinstance(node.value, ast.Subscript) else node.value
    if plain is not metric.node or len(node.targets) != 1:
        raise context.stop("a metric made where it is not followed", metric.node or ast.Pass(), path)
    frame = unit.statement.frame
    bound = sorted(
        (isinstance(value, Counted) and value.updating, name)
        for name, value in unit.statement.writes.items()
        if name != "_" and any(isinstance(leaf, Counted) for leaf in flatten(value))
    )
    wanted = bound[0][1] if bound else snake(metric.name)
    owner = objects.owner(frame)
    if owner is not None:
        short = wanted.removeprefix("self.")
        return members.new_attribute(context, owner, short, {short}, metric)
    stays = bool(bound) and len(frame.history.get(wanted, [])) == 1
    return wanted if stays else context.fresh(f"{wanted}_metric")


def made_by(context: Context, unit: Unit) -> list[Metric]:
    """The metrics that a statement makes and that are used."""
    return [one for one in unit.made if isinstance(one, Metric) and one.scope and one in context.metrics]


def constructors(context: Context, unit: Unit) -> list[str]:
    """What stays of a statement that makes metrics."""
    path = unit.statement.frame.module.path
    tf = context.tf(path)
    return [f"{context.metrics[one]} = {constructor(context, one, path, tf)}" for one in made_by(context, unit)]


def updates(context: Context, function: FunctionPlan, unit: Unit, edits: Edits) -> list[str]:
    """The updates that a function does for a statement that makes metrics."""
    counted = ancestors(part.value for part in function.returns)
    tf = context.tf(unit.statement.frame.module.path)
    lines = []
    for metric in made_by(context, unit):
        if not any(isinstance(one, Counted) and one.updating and one.metric is metric for one in counted):
            path, node = function.frame.module.path, metric.node or ast.Pass()
            raise context.stop("a metric that is computed with where nothing counts it", node, path)
        if any(isinstance(part.value, Counted) and not part.value.updating for part in function.returns):
            message = (
                "this metric is counted and read in one run, which TensorFlow 1 left the order of; it is read last now"
            )
            context.note("racing-updates", "TFM402", message, unit.node, unit.statement.frame.module.path)
        given = [edits.render(metric.arguments[name]) for name in OF_THE_UPDATE if name in metric.arguments]
        lines.append(update_line(context, MetricUse("", metric), given, tf))
    return lines


def result(context: Context, value: GraphValue) -> str | None:
    """How a metric's value is read, None for anything else."""
    if not isinstance(value, Counted) or value.metric not in context.metrics:
        return None
    return f"{context.metrics[value.metric]}.result()"


def reset(context: Context, run: Run) -> list[str]:
    """What sets metrics back where their initializer ran, if anything can have counted before."""
    metrics = [
        one for part in run.fetched for leaf in effects(part.value) if isinstance(leaf, Init) for one in leaf.metrics
    ]
    assert run.statement is not None
    lines = []
    for metric in dict.fromkeys(metrics):
        if metric not in context.metrics or not resets(context.plan, run, metric):
            continue
        frame = metric.chain[-1].frame
        here, name = run.statement.frame, context.metrics[metric]
        if name.startswith("self."):
            owner = objects.owner(frame)
            reached = objects.reach(here, owner) if owner is not None else None
            name = f"{reached}{name.removeprefix('self')}" if reached is not None else ""
        elif here is not frame and frame.parent is not None:
            name = ""
        if not name:
            path = here.module.path
            raise context.stop("a metric that no name reaches where it is reset", run.execution.node, path)
        lines.append(f"{name}.reset_state()")
    return lines
