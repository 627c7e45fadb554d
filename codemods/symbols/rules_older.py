"""Calls as TensorFlow was before 1.0, whose arguments came in another order: taken only where the source shows that they do.

https://www.tensorflow.org/versions/r1.0/install/migration; the names that 1.0 removed are in older.tsv.
"""

from __future__ import annotations

import ast

from .sites import NEXT, Arguments, Rule, Site

_LISTS = (ast.List, ast.Tuple, ast.ListComp)


def _concat(site: Site) -> str | None:
    """tf.concat(1, [a, b]) -> tf.concat(axis=1, values=[a, b])."""
    call = site.call
    if call is None:
        return NEXT
    positional = len(call.args) >= 2 and _is_number(call.args[0]) and not _is_number(call.args[1])
    listed = len(call.args) >= 2 and isinstance(call.args[1], _LISTS) and not isinstance(call.args[0], _LISTS)
    return _ordered(site, ("concat_dim", "values", "name"), {"concat_dim": "axis"}, positional or listed)


def _split(site: Site) -> str | None:
    """tf.split(1, 4, x) -> tf.split(axis=1, num_or_size_splits=4, value=x)."""
    call = site.call
    if call is None:
        return NEXT
    positional = len(call.args) >= 3 and _is_number(call.args[0]) and not _is_number(call.args[2])
    renamed = {"split_dim": "axis", "num_split": "num_or_size_splits"}
    return _ordered(site, ("split_dim", "num_split", "value", "name"), renamed, positional)


def _ordered(site: Site, names: tuple[str, ...], renamed: dict[str, str], positional: bool) -> str | None:
    """Gives each argument its keyword, where positions or a keyword show the older order."""
    assert site.call is not None
    if not positional and not any(keyword.arg in renamed for keyword in site.call.keywords):
        return NEXT
    arguments = Arguments(site)
    if any(item.keyword == "*" for item in arguments.items) or len(site.call.args) > len(names):
        return NEXT
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        arguments.keyword(index, renamed.get(name, name))
    arguments.done()
    return site.respell(site.name)


def _reverse(site: Site) -> str | None:
    """tf.reverse(x, [False, True]) -> tf.reverse(x, [1]): it took a bool for each dimension."""
    bound = site.bind(("tensor", "dims", "name")) if site.call is not None else None
    dims = bound.get("dims") if bound else None
    if not isinstance(dims, (ast.List, ast.Tuple)) or not dims.elts:
        return NEXT
    values = [one.value if isinstance(one, ast.Constant) else None for one in dims.elts]
    if not all(isinstance(value, bool) for value in values):
        return NEXT
    site.edits.replace(dims, f"[{', '.join(str(place) for place, value in enumerate(values) if value)}]")
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        if item.keyword == "dims":
            arguments.keyword(index, "axis")
    arguments.done()
    return site.respell("reverse")


def is_older_entropy(call: ast.Call) -> bool:
    """Whether a cross entropy gets (logits, labels) by position, which TensorFlow 1.0 refused."""
    return len(call.args) == 2 and not any(isinstance(one, ast.Starred) for one in call.args)


def older_entropy(site: Site) -> str | None:
    """tf.nn.softmax_cross_entropy_with_logits(z, y) -> (logits=z, labels=y)."""
    if site.call is None or not is_older_entropy(site.call):
        return NEXT
    arguments = Arguments(site)
    for index, name in enumerate(("logits", "labels")):
        arguments.keyword(index, name)
    arguments.done()
    return site.respell(site.name)


def _is_number(node: ast.expr) -> bool:
    """Whether a node is an integer that is written out."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) is int


ORDERED: dict[str, Rule] = {"concat": _concat, "split": _split, "reverse": _reverse}
ENTROPIES: dict[str, Rule] = dict.fromkeys(
    (
        "nn.softmax_cross_entropy_with_logits",
        "nn.sparse_softmax_cross_entropy_with_logits",
        "nn.sigmoid_cross_entropy_with_logits",
    ),
    older_entropy,
)
