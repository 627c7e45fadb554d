"""tf.metrics as Keras metrics: the class of each, and the update within the function of an evaluation."""

from __future__ import annotations

from ...plan.executions import MetricUse
from ..context import Context

KERAS = {
    "accuracy": "Accuracy", "mean": "Mean", "mean_squared_error": "MeanSquaredError", "precision": "Precision",
    "mean_absolute_error": "MeanAbsoluteError", "root_mean_squared_error": "RootMeanSquaredError", "recall": "Recall",
}  # fmt: skip


BY_LAST_AXIS = frozenset({"mean_squared_error", "mean_absolute_error"})
OF_BOOLS = frozenset({"precision", "recall"})


def update_line(context: Context, one: MetricUse, rendered: list[str], tf: str) -> str:
    """The update of a metric within the evaluation's function.

    Keras takes the mean over the last axis first, so that errors of vectors would count batch by batch, TF1's element by
    element; and it wants predictions between 0 and 1 where TF1 asked whether they are 0.
    """
    names = [name for name in ("values", "labels", "predictions", "weights") if name in one.metric.arguments]
    given = dict(zip(names, rendered, strict=True))
    if one.metric.name in BY_LAST_AXIS:
        given = {name: f"{tf}.reshape({text}, [-1, 1])" for name, text in given.items()}
    if one.metric.name in OF_BOOLS:
        given["predictions"] = f"{tf}.cast({given['predictions']}, {tf}.bool)"
    arguments = [f"sample_weight={text}" if name == "weights" else text for name, text in given.items()]
    return f"{context.metrics[one.metric]}.update_state({', '.join(arguments)})"
