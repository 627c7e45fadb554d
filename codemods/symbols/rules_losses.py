"""tf.losses, written out: the mean of a plain expression, and with weights what TF1 divided by.

TF1's default reduction divides the sum of the weighted losses by the number of losses whose weight is not 0. With means on both
sides that needs no shape: mean(loss * w) / mean(w != 0). No Keras loss does that (.23 to 7.0 off).
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..edits import Part
from .compat import sequence_loss
from .rules_nn import complement
from .sites import Rule, Site, atom, is_atom, is_constant, simple

Parts = tuple[Part, ...]
Build = Callable[[Site, dict[str, ast.expr]], Parts | str]
Shape = Callable[[Site, dict[str, ast.expr]], int | None]

_BY_COUNT = ("SUM_BY_NONZERO_WEIGHTS", "SUM_OVER_NONZERO_WEIGHTS")


def loss(parameters: str, build: Build, rank: Shape = lambda site, bound: None) -> Rule:
    """A loss of what `build` writes, or a sentence that says why not; `rank` is how many dimensions the losses have."""
    names = (*parameters.split(),)

    def rule(site: Site) -> str | None:
        bound = site.bind(names) if site.call is not None else None
        if bound is None:
            return f"tf.{site.name} is gone, and its arguments are not seen here"
        if site.has_comment():
            return f"tf.{site.name} is gone; it is not written out where a comment stands inside"
        if "loss_collection" in bound and not is_constant(bound["loss_collection"], None):
            return f"tf.{site.name} with a collection of its own is not written out"
        reduction = _reduction(site, bound.get("reduction"))
        if reduction is None:
            return f"the reduction of tf.{site.name} is not seen here"
        built = build(site, bound)
        if isinstance(built, str):
            return built
        weights = bound.get("weights")
        weighted = weights is not None and not is_constant(weights, 1, 1.0)
        reduced = (
            _weighted(site, built, weights, rank(site, bound), reduction)
            if weighted
            else _plain(site, built, reduction)
        )
        if isinstance(reduced, str):
            return reduced
        kept = {id(one) for part in reduced if isinstance(part, ast.AST) for one in ast.walk(part)}
        gone = [one for value in bound.values() for one in ast.walk(value) if id(one) not in kept]
        site.needs.dropped.update(gone)
        site.replace_call(*reduced)
        return None

    return rule


def _reduction(site: Site, node: ast.expr | None) -> str | None:
    """The name of a reduction, None where it is not known."""
    if node is None:
        return _BY_COUNT[0]
    name = site.names.name_of(node) or ""
    if not name.startswith("losses.Reduction."):
        return None
    last = name.rpartition(".")[2]
    known = ("SUM", "NONE", "MEAN", "SUM_OVER_BATCH_SIZE", *_BY_COUNT)
    return last if last in known else None


def _plain(site: Site, built: Parts, reduction: str) -> Parts:
    """Losses without weights: all means are the same one."""
    if reduction == "NONE":
        return built if len(built) == 1 or _is_call(built) else ("(", *built, ")")
    return (f"{site.tf('reduce_sum' if reduction == 'SUM' else 'reduce_mean')}(", *built, ")")


def _weighted(site: Site, built: Parts, weights: ast.expr | None, rank: int | None, reduction: str) -> Parts | str:
    """Losses times weights, over what TF1 divided by."""
    assert weights is not None
    shape = site.hooks.shape_of(weights)
    of_one = isinstance(weights, ast.Constant) and type(weights.value) in (int, float)
    if of_one or (shape is not None and len(shape) == 0):
        if reduction == "MEAN":
            return f"tf.{site.name} that divides by its one weight is not written out"
        return (*_factor(site, weights), " * ", *_plain(site, built, reduction))
    if shape is None or rank is None or len(shape) != rank:
        return f"tf.{site.name} averages over weights that are not 0; how they fit the losses is not known here"
    if not simple(weights):
        return f"tf.{site.name} averages over weights that are not 0: give them a name, and it can be written out"
    factor = _factor(site, weights)
    product = (*(built if _is_call(built) else ("(", *built, ")")), " * ", *factor)
    if reduction == "NONE":
        return ("(", *product, ")")
    if reduction in ("SUM", "SUM_OVER_BATCH_SIZE"):
        return (f"{site.tf('reduce_sum' if reduction == 'SUM' else 'reduce_mean')}(", *product, ")")
    counted: Parts = (
        factor if reduction == "MEAN" else (f"{site.tf('cast')}(", *atom(weights), f" != 0, {site.tf('float32')})")
    )
    line = site.new_line()
    mean = site.tf("reduce_mean")
    return (
        *(f"{site.tf('math.divide_no_nan')}({line}{mean}(", *product),
        *(f"),{line}{mean}(", *counted, "))"),
    )


def _factor(site: Site, weights: ast.expr) -> Parts:
    """Weights as a factor: TF1 cast them to float32."""
    return atom(weights) if isinstance(weights, ast.Constant) else _float(site, weights)


def _is_call(parts: Parts) -> bool:
    """Whether what is written is one call, which needs no brackets as an operand."""
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    start, depth = text.find("("), 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and place > start:
            return place == len(text) - 1 and text[:start].replace(".", "_").isidentifier()
    return False


def _rank_of(*names: str, less: int = 0) -> Shape:
    """How many dimensions the losses have: those of some arguments, which TF1 asked to be alike, or fewer."""

    def rank(site: Site, bound: dict[str, ast.expr]) -> int | None:
        shapes = [site.hooks.shape_of(bound[name]) for name in names if name in bound]
        known = {len(shape) for shape in shapes if shape is not None}
        return known.pop() - less if len(known) == 1 else None

    return rank


ELEMENTS = _rank_of("predictions", "labels")
OF_LOGITS = _rank_of("logits")
OF_ROWS = _rank_of("logits", less=1)


def _float(site: Site, node: ast.expr) -> Parts:
    """An operand that TF1 cast to float32."""
    if site.dtype_of(node) == "float32":
        return atom(node)
    return (f"{site.tf('cast')}(", node, f", {site.tf('float32')})")


def _difference(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    return (*_float(site, bound["predictions"]), " - ", *_float(site, bound["labels"]))


def mean_squared_error(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    difference = _difference(site, bound)
    return difference if isinstance(difference, str) else (f"{site.tf('square')}(", *difference, ")")


def absolute_difference(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    difference = _difference(site, bound)
    return difference if isinstance(difference, str) else (f"{site.tf('abs')}(", *difference, ")")


def sparse(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    if not {"labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels: Parts = (bound["labels"],)
    shapes = site.hooks.shape_of(bound["labels"]), site.hooks.shape_of(bound["logits"])
    if shapes[0] is not None and shapes[1] is not None and len(shapes[0]) == len(shapes[1]):
        labels = (f"{site.tf('squeeze')}(", bound["labels"], ", axis=-1)")
    name = site.tf("nn.sparse_softmax_cross_entropy_with_logits")
    return (f"{name}(labels=", *labels, ", logits=", bound["logits"], ")")


def softmax(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    if not {"onehot_labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels: Parts = _float(site, bound["onehot_labels"])
    smoothing = bound.get("label_smoothing")
    if smoothing is not None and not is_constant(smoothing, 0, 0.0):
        shape = site.hooks.shape_of(bound["onehot_labels"]) or site.hooks.shape_of(bound["logits"])
        if not shape or shape[-1] is None:
            return f"tf.{site.name} with label smoothing over a number of classes that is not known here"
        labels = _smooth(labels, smoothing, f" / {shape[-1]}")
    if site.hooks.labels_need_stop_gradient(site.call):  # type: ignore[arg-type]
        labels = (f"{site.tf('stop_gradient')}(", *labels, ")")
    elif labels == atom(bound["onehot_labels"]):
        labels = (bound["onehot_labels"],)
    name = site.tf("nn.softmax_cross_entropy_with_logits")
    return (f"{name}(labels=", *labels, ", logits=", bound["logits"], ")")


def _smooth(labels: Parts, smoothing: ast.expr, share: str) -> Parts:
    """labels * (1 - s) + s / n, as TF1 smoothed them."""
    rest = complement(smoothing)
    kept: Parts = (rest,) if rest else ("(1 - ", *atom(smoothing), ")")
    return (*labels, " * ", *kept, " + ", *atom(smoothing), share)


def sigmoid(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    if not {"multi_class_labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels = _float(site, bound["multi_class_labels"])
    smoothing = bound.get("label_smoothing")
    if smoothing is not None and not is_constant(smoothing, 0, 0.0):
        labels = _smooth(labels, smoothing, " / 2")
    elif labels == atom(bound["multi_class_labels"]):
        labels = (bound["multi_class_labels"],)
    name = site.tf("nn.sigmoid_cross_entropy_with_logits")
    return (f"{name}(labels=", *labels, ", logits=", bound["logits"], ")")


def _losses(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    """Losses that the program computed itself."""
    if "losses" not in bound:
        return f"tf.{site.name} lacks an argument"
    given = bound["losses"]
    if site.dtype_of(given) != "float32":
        return f"tf.{site.name} of losses that are not known to be float32"
    return (given,) if is_atom(given) else ("(", given, ")")


def _huber(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    if "reduction" in bound:  # Keras' takes the mean over the last axis
        return f"tf.{site.name} with another reduction is not written out"
    delta = (", delta=", bound["delta"]) if "delta" in bound else ()
    return (f"{site.tf('keras.losses.huber')}(", bound["labels"], ", ", bound["predictions"], *delta, ")")


def _hinge(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    """Labels are 0 and 1 and become -1 and 1."""
    if not {"labels", "logits"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels = (f"{site.tf('cast')}(", bound["labels"], f", {site.tf('float32')})")
    return (f"{site.tf('nn.relu')}(1 - (2 * ", *labels, " - 1) * ", *atom(bound["logits"]), ")")


def _log(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    """The epsilon is added within the logarithms, not clipped as in Keras."""
    if not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    labels, predictions = bound["labels"], bound["predictions"]
    if not (simple(labels) and simple(predictions)) or site.dtype_of(labels) != "float32":
        return f"tf.{site.name} is gone: give its arguments names, and it can be written out"
    epsilon: Parts = (bound["epsilon"],) if "epsilon" in bound else ("1e-7",)
    log = site.tf("math.log")
    return (
        *("-", labels, f" * {log}(", predictions, " + ", *epsilon, ")"),
        *(" - (1 - ", labels, f") * {log}(1 - ", predictions, " + ", *epsilon, ")"),
    )


def _cosine(site: Site, bound: dict[str, ast.expr]) -> Parts | str:
    """Nothing is normalized."""
    axis = bound.get("axis", bound.get("dim"))
    if axis is None or not {"labels", "predictions"} <= set(bound):
        return f"tf.{site.name} lacks an argument"
    product = (*_float(site, bound["predictions"]), " * ", *_float(site, bound["labels"]))
    return (f"1 - {site.tf('reduce_sum')}(", *product, ", axis=", axis, ", keepdims=True)")


_TAIL = " weights scope loss_collection reduction"
RULES: dict[str, Rule] = {
    "losses.mean_squared_error": loss("labels predictions" + _TAIL, mean_squared_error, ELEMENTS),
    "losses.absolute_difference": loss("labels predictions" + _TAIL, absolute_difference, ELEMENTS),
    "losses.sparse_softmax_cross_entropy": loss("labels logits" + _TAIL, sparse, OF_ROWS),
    "losses.softmax_cross_entropy": loss(
        "onehot_labels logits weights label_smoothing scope loss_collection reduction", softmax, OF_ROWS
    ),
    "losses.sigmoid_cross_entropy": loss(
        "multi_class_labels logits weights label_smoothing scope loss_collection reduction", sigmoid, OF_LOGITS
    ),
    "losses.huber_loss": loss("labels predictions weights delta scope loss_collection reduction", _huber),
    "losses.hinge_loss": loss("labels logits" + _TAIL, _hinge, OF_LOGITS),
    "losses.log_loss": loss("labels predictions weights epsilon scope loss_collection reduction", _log, ELEMENTS),
    "losses.cosine_distance": loss(
        "labels predictions axis weights scope loss_collection reduction dim", _cosine, ELEMENTS
    ),
    "losses.compute_weighted_loss": loss("losses weights scope loss_collection reduction", _losses, _rank_of("losses")),
    "contrib.seq2seq.sequence_loss": sequence_loss,
}
