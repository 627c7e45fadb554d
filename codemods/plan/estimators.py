"""Estimators: the model function's statements are units of their own in each mode; what each call of a mode runs and computes.

The function itself goes: what it makes once (optimizers, models, metrics) is made where the Estimator was, and each mode becomes
one function, `train_step`, `eval_step` or `predict_step`.
"""

from __future__ import annotations

import ast

from ..graph.frames import Execution, Use
from ..graph.ops.estimators import RunConfig
from ..graph.values import Dict, Estimator, GraphValue, Hook, Known, Metric, Sequence, Summary, Value, Variable, flatten
from .executions import Fetched, MetricUse, Run, Watched, reach, record
from .monitored import tensors_of, untold
from .reasons import undecided
from .units import Units

STEPS = {"train": "train_step", "evaluate": "eval_step", "predict": "predict_step"}
# The arguments of tf.metrics in the order in which Keras' update_state takes them.
UPDATES: dict[str, tuple[str, ...]] = {"mean": ("values", "weights")}
COMPARING = ("labels", "predictions", "weights")


def fetched(units: Units, execution: Execution, run: Run) -> None:
    """Adds what the metrics of an evaluation compute with to its fetches."""
    use = execution.use
    node = execution.fetch_node
    if use is not None and use.method == "predict" and isinstance(node, ast.Name):
        part = run.fetched[0]  # the name of the whole: what makes it is in the slice
        run.fetched.append(Fetched(part.value, node, None, ("whole",), at=execution.chain[-1]))
    if use is not None and use.method == "train" and isinstance(use.owner, Estimator) and keeps(use.owner):
        written = use.owner.specs["train"].values["summaries"]
        summaries = [value for value in flatten(written) if isinstance(value, Summary)]
        if summaries:
            record(run, summaries)
    if use is not None and use.method == "train":
        _watch(units, run, use)
    if use is None or use.method != "evaluate" or not isinstance(use.owner, Estimator):
        return
    statement = execution.chain[-1]
    given = use.owner.specs["eval"].values.get("eval_metric_ops")
    if given is None or (isinstance(given, Known) and given.value is None):
        return
    if not isinstance(given, Dict) or given.open:
        raise undecided("metrics that are not known", execution.node, statement)
    for key, value in zip(given.keys, given.values, strict=True):
        if not isinstance(key, Known) or not isinstance(key.value, str):
            raise undecided("metrics that are not known", execution.node, statement)
        metric = _metric(value)
        if metric is None:
            raise undecided("a metric that is none of tf.metrics", execution.node, statement)
        if metric.name.startswith("mean_") and "weights" in metric.arguments:
            raise undecided(f"tf.metrics.{metric.name} with weights", execution.node, statement)
        run.metrics.append(_use(key.value, metric))
    for one in run.metrics:
        for node, value in one.inputs:
            if isinstance(value, GraphValue):
                run.fetched.append(Fetched(value, node, None, ("metric", len(run.fetched)), at=one.metric.chain[-1]))
    run.metrics.sort(key=lambda one: one.key)


def _watch(units: Units, run: Run, use: Use) -> None:
    """Adds what the hooks of a training log to what it gives."""
    statement = use.chain[-1]
    hooks = [leaf for leaf in flatten(use.values.get("hooks", Value())) if isinstance(leaf, Hook)]
    if (
        hooks
        and len({other.node for other in units.run.uses if other.owner is use.owner and other.method == "train"}) > 1
    ):
        raise undecided("hooks of an Estimator that trains at several places", use.node, statement)
    members = list(run.fetches.items) if isinstance(run.fetches, Sequence) else []
    for hook in hooks:
        unusual = untold(hook)
        if unusual:
            raise undecided(f"a LoggingTensorHook with {unusual}", hook.node or use.node, statement)
        for tag, value in tensors_of(units, hook, statement, run.execution.chain[-1].frame):
            watched = Watched(hook, tag, value)
            run.watched.append(watched)
            if isinstance(value, Variable):
                continue
            known = next((part for part in run.asked if part.value is value), None)
            if known is None:
                known = Fetched(value, None, reach(units, value, run.execution), (len(members),))
                members.append(value)
                run.fetched.append(known)
                run.added.append(known)
            watched.part = known
    run.fetches = Sequence(members)


def keeps(estimator: Estimator) -> bool:
    """Whether an Estimator has a folder that outlives the program."""
    config = estimator.values.get("config")
    places = [estimator.values, config.values if isinstance(config, RunConfig) else {}]
    found = [values["model_dir"] for values in places if "model_dir" in values]
    return any(not (isinstance(value, Known) and value.value is None) for value in found)


def _metric(value: Value) -> Metric | None:
    members = value.items if isinstance(value, Sequence) else []
    return members[1] if len(members) == 2 and isinstance(members[1], Metric) else None


def _use(key: str, metric: Metric) -> MetricUse:
    names = UPDATES.get(metric.name, COMPARING)
    given = [name for name in names if name in metric.arguments]
    return MetricUse(key, metric, [(metric.arguments[name], metric.values[name]) for name in given])
