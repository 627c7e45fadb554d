"""tf.nn: dropout's rate, the gradient to the labels, lookups in lists of variables."""

from __future__ import annotations

import ast
from decimal import Decimal, InvalidOperation

from .rules_older import is_older_entropy, older_entropy
from .sites import NEXT, Arguments, Rule, Site, is_atom, is_constant


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
    names: tuple[str, ...] = ("_sentinel", "labels", "logits", "dim", "name", "axis")
    older = site.call is not None and is_older_entropy(site.call)
    if older:
        names = ("logits", "labels")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or "_sentinel" in bound:
        return "tf.nn.softmax_cross_entropy_with_logits has a gradient to the labels in TensorFlow 2"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "labels" and site.hooks.labels_need_stop_gradient(site.call):  # type: ignore[arg-type]
            if not _is_stopped(site, item.value):
                arguments.wrap(index, f"{site.tf('stop_gradient')}(", ")")
        if item.keyword is None:
            arguments.keyword(index, name)
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
    if site.call is not None and is_older_entropy(site.call):
        return older_entropy(site)
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
        by_rows = is_constant(bound.get("partition_strategy"), "div")  # as TensorFlow 2 does
        if site.name == "nn.embedding_lookup" and isinstance(first, (ast.List, ast.Tuple)) and not by_rows:
            return _lookup_in_list(site, first, bound)
        if first is None or (not by_rows and _may_be_list(site, first)):
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


def _lookup_in_list(site: Site, tables: ast.List | ast.Tuple, bound: dict[str, ast.expr]) -> str | None:
    """tf.nn.embedding_lookup([a, b], ids) -> a lookup in [a[0], b[0], a[1], …]: id i is row i // n of table i % n."""
    shapes = {tuple(shape) if (shape := site.hooks.shape_of(one)) is not None else None for one in tables.elts}
    shape = shapes.pop() if len(shapes) == 1 else None
    plain = set(bound) <= {"params", "ids", "partition_strategy"} and is_constant(
        bound.get("partition_strategy", ast.Constant("mod")), "mod"
    )
    if not plain or shape is None or None in shape or len(shape) != 2 or site.has_comment():
        return f"tf.{site.name} splits a list of variables otherwise in TensorFlow 2"
    if len(tables.elts) == 1:
        site.replace_call(f"{site.tf('nn.embedding_lookup')}(", tables.elts[0], ", ", bound["ids"], ")")
        return None
    stacked = f"{site.tf('nn.embedding_lookup')}({site.tf('reshape')}({site.tf('stack')}("
    site.replace_call(stacked, tables, f", axis=1), [-1, {shape[1]}]), ", bound["ids"], ")")
    return None


def _beam_search(site: Site) -> str | None:
    """A beam search that merges nothing is TensorFlow 2's; TF1 merged repeated labels unless it was told not to."""
    names = ("inputs", "sequence_length", "beam_width", "top_paths", "merge_repeated")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or not is_constant(bound.get("merge_repeated"), False):
        return NEXT
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.value is bound["merge_repeated"]:
            arguments.drop(index)
    arguments.done()
    return site.respell(site.name)


def _fused_batch_norm(site: Site) -> str | None:
    """tf.nn.fused_batch_norm(x, scale, offset) -> the first three results of the op that it is."""
    names = ("x", "scale", "offset", "mean", "variance", "epsilon", "data_format", "is_training", "name")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or not {"x", "scale", "offset"} <= set(bound) or "name" in bound:
        return NEXT
    epsilon = bound.get("epsilon")
    known = epsilon is None or (
        isinstance(epsilon, ast.Constant) and isinstance(epsilon.value, float) and epsilon.value > 1.001e-5
    )
    if not known or site.has_comment():
        return "the epsilon of tf.nn.fused_batch_norm, which TF1 kept above 1.001e-5, is not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        arguments.keyword(index, item.keyword or names[index])
    for name, default in (("mean", "[]"), ("variance", "[]"), ("epsilon", "0.001")):
        if name not in bound:
            arguments.append(f"{name}={default}")
        elif is_constant(bound[name], None):
            site.edits.replace(bound[name], default)
    arguments.done()
    site.replace_call(site.call, "[:3]")  # type: ignore[arg-type]
    site.rename("raw_ops.FusedBatchNormV3")
    return None


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
    "nn.ctc_beam_search_decoder": _beam_search,
    "nn.fused_batch_norm": _fused_batch_norm,
}
