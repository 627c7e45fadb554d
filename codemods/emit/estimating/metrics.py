"""tf.metrics as Keras metrics: the class of each, and the update within the function of an evaluation."""

from __future__ import annotations

import ast

from ...graph.values import Metric
from ...plan.executions import MetricUse
from ..context import Context

KERAS = {
    "accuracy": "Accuracy", "mean": "Mean", "mean_squared_error": "MeanSquaredError", "precision": "Precision",
    "mean_absolute_error": "MeanAbsoluteError", "root_mean_squared_error": "RootMeanSquaredError", "recall": "Recall",
    "auc": "AUC", "mean_iou": "MeanIoU", "true_positives": "TruePositives", "false_positives": "FalsePositives",
    "true_negatives": "TrueNegatives", "false_negatives": "FalseNegatives",
}  # fmt: skip
COUNTING = frozenset({"true_positives", "false_positives", "true_negatives", "false_negatives"})
BY_LAST_AXIS = frozenset({"mean_squared_error", "mean_absolute_error"})
OF_BOOLS = COUNTING | {"precision", "recall"}
# What a metric is made with, rather than updated with.
SETTINGS = {"auc": ("num_thresholds",), "mean_iou": ("num_classes",)}
OF_THE_UPDATE = ("values", "labels", "predictions", "weights")


def constructor(context: Context, metric: Metric, path: str, tf: str) -> str:
    """The Keras metric that counts as one of tf.metrics did."""
    settings = SETTINGS.get(metric.name, ())
    others = {key for key in metric.arguments if key not in (*OF_THE_UPDATE, *settings, "name")}
    by_vectors = metric.name in BY_LAST_AXIS and "weights" in metric.arguments
    if others or by_vectors or metric.name not in KERAS:
        what = f" with {', '.join(sorted(others) or ['weights'])}" if metric.name in KERAS else ""
        raise context.stop(f"tf.metrics.{metric.name}{what}", metric.node or ast.Pass(), path)
    given = [
        f"{key}={context.edits[path].render(metric.arguments[key])}" for key in settings if key in metric.arguments
    ]
    return f"{tf}.keras.metrics.{KERAS[metric.name]}({', '.join(given)})"


def update_line(context: Context, one: MetricUse, rendered: list[str], tf: str) -> str:
    """The update of a metric within the evaluation's function.

    Keras takes the mean over the last axis first, so that errors of vectors would count batch by batch, TF1's element by
    element; and it wants predictions between 0 and 1 where TF1 asked whether they are 0.
    """
    names = [name for name in OF_THE_UPDATE if name in one.metric.arguments]
    given = dict(zip(names, rendered, strict=True))
    if one.metric.name in BY_LAST_AXIS:
        given = {name: f"{tf}.reshape({text}, [-1, 1])" for name, text in given.items()}
    if one.metric.name in OF_BOOLS:
        given["predictions"] = f"{tf}.cast({given['predictions']}, {tf}.bool)"
    if one.metric.name in COUNTING:
        given["labels"] = f"{tf}.cast({given['labels']}, {tf}.bool)"
    arguments = [f"sample_weight={text}" if name == "weights" else text for name, text in given.items()]
    return f"{context.metrics[one.metric]}.update_state({', '.join(arguments)})"
