"""tf.metrics as Keras metrics: the class of each, and the update within the function of an evaluation."""

from __future__ import annotations

from ..plan.executions import MetricUse
from .context import Context

KERAS = {
    "accuracy": "Accuracy", "mean": "Mean", "mean_squared_error": "MeanSquaredError", "precision": "Precision",
    "mean_absolute_error": "MeanAbsoluteError", "root_mean_squared_error": "RootMeanSquaredError", "recall": "Recall",
}  # fmt: skip


def update_line(context: Context, one: MetricUse, rendered: list[str]) -> str:
    """The update of a metric within the evaluation's function."""
    names = [name for name in ("values", "labels", "predictions", "weights") if name in one.metric.arguments]
    arguments = [
        f"sample_weight={text}" if name == "weights" else text for name, text in zip(names, rendered, strict=True)
    ]
    return f"{context.metrics[one.metric]}.update_state({', '.join(arguments)})"
