"""tf.nn: dropout's rate, the gradient to the labels, lookups in lists of variables."""

from __future__ import annotations

import ast
from decimal import Decimal, InvalidOperation

from .sites import NEXT, Arguments, Rule, Site, is_atom


def _dropout(site: Site) -> str | None:
    """tf.nn.dropout(x, keep_prob) -> tf.nn.dropout(x, rate=1 - keep_prob)."""
    names = ("x", "keep_prob", "noise_shape", "seed", "name", "rate")
    bound = site.bind(names) if site.call is not None else None
    if bound is None:
        return "tf.nn.dropout takes a rate in TensorFlow 2, and how it is called is not seen here"
    if "keep_prob" not in bound:
        if "rate" not in bound:
            return "tf.nn.dropout is called without keep_prob and rate"
        return site.respell("nn.dropout") if len(site.call.args) <= 1 else NEXT  # type: ignore[union-attr]
    if "rate" in bound:
        return "tf.nn.dropout is called with both keep_prob and rate"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "keep_prob":
            as_rate(site, arguments, index, item.value)
        elif item.keyword is None and index > 1:
            arguments.keyword(index, name)
    arguments.done()
    return site.respell("nn.dropout")


def as_rate(site: Site, arguments: Arguments, index: int, keep: ast.expr) -> None:
    """The probability to drop, from the probability to keep: 0.8 -> 0.2, `1 - rate` -> rate, p -> 1 - p."""
    literal = complement(keep)
    if literal:
        site.edits.replace(keep, literal)
    elif (
        isinstance(keep, ast.BinOp)
        and isinstance(keep.op, ast.Sub)
        and isinstance(keep.left, ast.Constant)
        and keep.left.value in (1, 1.0)
        and is_atom(keep.right)
    ):
        site.edits.replace(keep, keep.right)
    elif is_atom(keep) or arguments.is_bracketed(index):
        arguments.wrap(index, "1 - ", "")
    else:
        arguments.wrap(index, "1 - (", ")")
    arguments.keyword(index, "rate")


def complement(node: ast.expr) -> str:
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return ""
    try:
        value = Decimal(repr(node.value))
    except InvalidOperation:
        return ""
    return str(1 - value) if 0 < value <= 1 else ""


def _softmax_cross_entropy(site: Site) -> str | None:
    """The v1 function has no gradient to the labels, TensorFlow 2's has."""
    names = ("_sentinel", "labels", "logits", "dim", "name", "axis")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or "_sentinel" in bound:
        return "tf.nn.softmax_cross_entropy_with_logits has a gradient to the labels in TensorFlow 2"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "labels" and site.hooks.labels_need_stop_gradient(site.call):  # type: ignore[arg-type]
            if not _is_stopped(site, item.value):
                arguments.wrap(index, f"{site.tf('stop_gradient')}(", ")")
        elif item.keyword == "dim":
            arguments.keyword(index, "axis")
    arguments.done()
    return site.respell("nn.softmax_cross_entropy_with_logits")


def _is_stopped(site: Site, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and site.names.name_of(node.func) == "stop_gradient"


def _softmax_cross_entropy_v2(site: Site) -> str | None:
    """The name without _v2 is TensorFlow 2's; `dim` became `axis`."""
    if site.call is None:
        site.rename("nn.softmax_cross_entropy_with_logits")
        return None
    if site.bind(("labels", "logits", "axis", "name", "dim")) is None:
        return "tf.nn.softmax_cross_entropy_with_logits_v2 is renamed, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "dim":
            arguments.keyword(index, "axis")
    arguments.done()
    site.rename("nn.softmax_cross_entropy_with_logits")
    return None


def _cross_entropy(site: Site) -> str | None:
    """Keyword calls of the cross entropies are as they were; TF1 allowed no others."""
    if site.call is None or site.call.args:
        return f"how tf.{site.name} is called is not seen here"
    return site.respell(site.name)


def _lookup(parameters: tuple[str, ...]) -> Rule:
    """Lookups in one variable: TensorFlow 2 dropped partition_strategy, which means something only for a list of them."""

    def rule(site: Site) -> str | None:
        bound = site.bind(parameters) if site.call is not None else None
        if bound is None:
            return f"tf.{site.name} splits a list of variables otherwise in TensorFlow 2, and its arguments are not seen here"
        first = bound.get(parameters[0])
        if first is None or _may_be_list(site, first):
            return f"tf.{site.name} splits a list of variables otherwise in TensorFlow 2"
        gone = {"partition_strategy", "validate_indices"}
        arguments = Arguments(site)
        moved = False
        for index, item in enumerate(arguments.items):
            name = item.keyword or parameters[index]
            if name in gone:
                arguments.drop(index)
                moved = True
            elif item.keyword is None and (moved or (index >= 2 and parameters[2] == "partition_strategy")):
                arguments.keyword(index, name)
        arguments.done()
        return site.respell(site.name)

    return rule


def _may_be_list(site: Site, node: ast.expr) -> bool:
    """Whether an expression is a list of variables, as far as the module's assignments tell."""
    if isinstance(node, (ast.List, ast.Tuple, ast.ListComp)):
        return True
    if isinstance(node, ast.Call):
        return site.names.name_of(node.func) == "create_partitioned_variables"
    if not isinstance(node, ast.Name):
        return False
    return any(
        isinstance(one, ast.Assign)
        and isinstance(one.value, (ast.List, ast.Tuple, ast.ListComp))
        and any(isinstance(target, ast.Name) and target.id == node.id for target in one.targets)
        for one in ast.walk(site.module.tree)
    )


def _ctc_loss(site: Site) -> str | None:
    """The v1 loss with the last class as the blank."""
    names = (
        "labels",
        "inputs",
        "sequence_length",
        "preprocess_collapse_repeated",
        "ctc_merge_repeated",
        "ignore_longer_outputs_than_inputs",
        "time_major",
        "logits",
    )
    bound = site.bind(names) if site.call is not None else None
    if bound is None or set(bound) - {"labels", "inputs", "sequence_length", "time_major", "logits"}:
        return "tf.nn.ctc_loss has other arguments in TensorFlow 2, and not all of these"
    renamed = {"inputs": "logits", "sequence_length": "logit_length", "time_major": "logits_time_major"}
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        arguments.keyword(index, renamed.get(name, name))
    arguments.append("label_length=None")
    arguments.append("blank_index=-1")
    arguments.done()
    return site.respell(site.name)


_SAMPLED = (
    "weights",
    "biases",
    "labels",
    "inputs",
    "num_sampled",
    "num_classes",
    "num_true",
    "sampled_values",
    "remove_accidental_hits",
    "partition_strategy",
    "name",
)

RULES: dict[str, Rule] = {
    "nn.dropout": _dropout,
    "nn.softmax_cross_entropy_with_logits": _softmax_cross_entropy,
    "nn.softmax_cross_entropy_with_logits_v2": _softmax_cross_entropy_v2,
    "nn.sparse_softmax_cross_entropy_with_logits": _cross_entropy,
    "nn.sigmoid_cross_entropy_with_logits": _cross_entropy,
    "nn.embedding_lookup": _lookup(("params", "ids", "partition_strategy", "name", "validate_indices", "max_norm")),
    "nn.nce_loss": _lookup(_SAMPLED),
    "nn.sampled_softmax_loss": _lookup((*_SAMPLED, "seed")),
    "nn.ctc_loss": _ctc_loss,
}
