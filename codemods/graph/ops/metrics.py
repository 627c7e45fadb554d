"""tf.metrics: each counts in local variables of its own, which an initializer of their own sets back to their start."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from ..interpreter import Interpreter
from ..values import Counted, GraphValue, Metric, MetricVariables, Sequence, Value, graph_values, is_absent
from .arguments import of_function

# Those with an exact counterpart among Keras' metrics, each with the name scope that it opens where it is given no name.
METRICS = {
    "accuracy": "accuracy", "mean": "mean", "mean_squared_error": "mean_squared_error", "precision": "precision",
    "mean_absolute_error": "mean_absolute_error", "root_mean_squared_error": "root_mean_squared_error", "recall": "recall",
    "auc": "auc", "mean_iou": "mean_iou", "true_positives": "true_positives", "false_positives": "false_positives",
    "true_negatives": "true_negatives", "false_negatives": "false_negatives",
}  # fmt: skip


def _metric(run: Interpreter, name: str, node: ast.Call) -> Value:
    """(value, update). Within a model function the Estimator runs the update, elsewhere a session does."""
    arguments = of_function(run, name, node)
    for unusual in ("metrics_collections", "updates_collections"):
        if not is_absent(arguments.value(unusual)):
            run.problem(node, f"a metric with {unusual}")
    inputs = tuple(value for key in arguments.nodes for value in graph_values(arguments.value(key) or Value()))
    made = Metric(node, run.chain, inputs, name=name.rpartition(".")[2])
    made.arguments = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    run.add(made)
    if run.graph.estimator is not None:
        return Sequence([run.tensor(node, "metric", (made,), ()), made], "tuple")
    made.scope = run.graph.unique(arguments.text("name") or METRICS[made.name])
    run.graph.metrics.append(made)
    value = run.add(Counted(node, run.chain, (), "metric", (), "float32", metric=made))
    update = run.add(Counted(node, run.chain, inputs, "metric", (), "float32", metric=made, updating=True))
    return Sequence([value, update], "tuple")


def local_variables(run: Interpreter, node: ast.Call, scope: str | None) -> Value:
    """The local variables of the graph, or of a scope: here only metrics make some."""
    found = [one for one in run.graph.metrics if not scope or re.match(scope, f"{one.scope}/")]
    return Sequence([run.add(MetricVariables(node, run.chain, metric=one)) for one in found])


def of_variables(values: list[Value]) -> list[Metric] | None:
    """The metrics whose local variables these are, None where there are others among them."""
    found = [one.metric for one in values if isinstance(one, MetricVariables) and one.metric is not None]
    return found if found and len(found) == len(values) else None


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """A metric's local variables have no method that is followed."""
    return run.problem(node, f"a method .{name}() of a local variable") if isinstance(owner, MetricVariables) else None


def _local_variables(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    if "scope" in arguments:
        return run.problem(node, "local variables of one scope")
    return local_variables(run, node, None)


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"metrics.{name}": _metric for name in METRICS},
    "local_variables": _local_variables,
}
