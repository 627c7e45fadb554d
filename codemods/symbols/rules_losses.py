"""tf.losses, written out: without weights they are means of plain expressions; semantics with weights are not Keras'."""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..edits import Part
from .compat import sequence_loss
from .sites import Rule, Site, atom, is_constant, simple

Build = Callable[[Site, dict[str, ast.expr]], tuple[Part, ...] | str]


def loss(parameters: str, build: Build) -> Rule:
    """A loss whose value is the mean of what `build` writes, or a sentence that says why not."""
    names = (*parameters.split(),)

    def rule(site: Site) -> str | None:
        bound = site.bind(names) if site.call is not None else None
        if bound is None:
            return f"tf.{site.name} is gone, and its arguments are not seen here"
        if site.has_comment():
            return f"tf.{site.name} is gone; it is not written out where a comment stands inside"
        weights = bound.get("weights")
        if weights is not None and not is_constant(weights, 1, 1.0):
            return f"tf.{site.name} averages over weights that are not 0, which no Keras loss does"
        if "reduction" in bound or "loss_collection" in bound:
            return f"tf.{site.name} with another reduction or collection is not written out"
        built = build(site, bound)
        if isinstance(built, str):
            return built
        site.replace_call(f"{site.tf('reduce_mean')}(", *built, ")")
        return None

    return rule


def _float(site: Site, node: ast.expr) -> tuple[Part, ...]:
    """An operand that TF1 cast to float32."""
    if site.dtype_of(node) == "float32":
        return atom(node)
    return (f"{site.tf('cast')}(", node, f", {site.tf('float32')})")


def _difference(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    return (*_float(site, bound["predictions"]), " - ", *_float(site, bound["labels"]))


def mean_squared_error(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    difference = _difference(site, bound)
    return difference if isinstance(difference, str) else (f"{site.tf('square')}(", *difference, ")")


def absolute_difference(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    difference = _difference(site, bound)
    return difference if isinstance(difference, str) else (f"{site.tf('abs')}(", *difference, ")")


def sparse(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    if not {"labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels: tuple[Part, ...] = (bound["labels"],)
    shapes = site.hooks.shape_of(bound["labels"]), site.hooks.shape_of(bound["logits"])
    if shapes[0] is not None and shapes[1] is not None and len(shapes[0]) == len(shapes[1]):
        labels = (f"{site.tf('squeeze')}(", bound["labels"], ", axis=-1)")
    name = site.tf("nn.sparse_softmax_cross_entropy_with_logits")
    return (f"{name}(labels=", *labels, ", logits=", bound["logits"], ")")


def softmax(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    if not {"onehot_labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    smoothing = bound.get("label_smoothing")
    if smoothing is not None and not is_constant(smoothing, 0, 0.0):
        return f"tf.{site.name} with label smoothing is not written out"
    labels: tuple[Part, ...] = _float(site, bound["onehot_labels"])
    if site.hooks.labels_need_stop_gradient(site.call):  # type: ignore[arg-type]
        labels = (f"{site.tf('stop_gradient')}(", *labels, ")")
    name = site.tf("nn.softmax_cross_entropy_with_logits")
    return (f"{name}(labels=", *labels, ", logits=", bound["logits"], ")")


def sigmoid(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    if not {"multi_class_labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    smoothing = bound.get("label_smoothing")
    if smoothing is not None and not is_constant(smoothing, 0, 0.0):
        return f"tf.{site.name} with label smoothing is not written out"
    name = site.tf("nn.sigmoid_cross_entropy_with_logits")
    return (f"{name}(labels=", *_float(site, bound["multi_class_labels"]), ", logits=", bound["logits"], ")")


def _huber(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    delta = (", delta=", bound["delta"]) if "delta" in bound else ()
    return (f"{site.tf('keras.losses.huber')}(", bound["labels"], ", ", bound["predictions"], *delta, ")")


def _hinge(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    """Labels are 0 and 1 and become -1 and 1."""
    if not {"labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels = (f"{site.tf('cast')}(", bound["labels"], f", {site.tf('float32')})")
    return (f"{site.tf('nn.relu')}(1 - (2 * ", *labels, " - 1) * ", *atom(bound["logits"]), ")")


def _log(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    """The epsilon is added within the logarithms, not clipped as in Keras."""
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels, predictions = bound["labels"], bound["predictions"]
    if not (simple(labels) and simple(predictions)) or site.dtype_of(labels) != "float32":
        return f"tf.{site.name} is gone: give its arguments names, and it can be written out"
    epsilon: tuple[Part, ...] = (bound["epsilon"],) if "epsilon" in bound else ("1e-7",)
    log = site.tf("math.log")
    return (
        *("-", labels, f" * {log}(", predictions, " + ", *epsilon, ")"),
        *(" - (1 - ", labels, f") * {log}(1 - ", predictions, " + ", *epsilon, ")"),
    )


def _cosine(site: Site, bound: dict[str, ast.expr]) -> tuple[Part, ...] | str:
    """Nothing is normalized."""
    axis = bound.get("axis", bound.get("dim"))
    if axis is None or not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    product = (*_float(site, bound["predictions"]), " * ", *_float(site, bound["labels"]))
    return (f"1 - {site.tf('reduce_sum')}(", *product, ", axis=", axis, ", keepdims=True)")


_TAIL = " weights scope loss_collection reduction"
RULES: dict[str, Rule] = {
    "losses.mean_squared_error": loss("labels predictions" + _TAIL, mean_squared_error),
    "losses.absolute_difference": loss("labels predictions" + _TAIL, absolute_difference),
    "losses.sparse_softmax_cross_entropy": loss("labels logits" + _TAIL, sparse),
    "losses.softmax_cross_entropy": loss(
        "onehot_labels logits weights label_smoothing scope loss_collection reduction", softmax
    ),
    "losses.sigmoid_cross_entropy": loss(
        "multi_class_labels logits weights label_smoothing scope loss_collection reduction", sigmoid
    ),
    "losses.huber_loss": loss("labels predictions weights delta scope loss_collection reduction", _huber),
    "losses.hinge_loss": loss("labels logits" + _TAIL, _hinge),
    "losses.log_loss": loss("labels predictions weights epsilon scope loss_collection reduction", _log),
    "losses.cosine_distance": loss("labels predictions axis weights scope loss_collection reduction dim", _cosine),
    "contrib.seq2seq.sequence_loss": sequence_loss,
}
