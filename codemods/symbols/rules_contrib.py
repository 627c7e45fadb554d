"""The functions of tf.contrib.layers and slim that are no layers, and the losses of tf.contrib.losses."""

from __future__ import annotations

from .rules_losses import absolute_difference, loss, mean_squared_error, sigmoid, softmax, sparse
from .rules_nn import as_rate
from .sites import Arguments, Rule, Site


def _softmax(site: Site) -> str | None:
    """slim.softmax(logits) -> tf.nn.softmax(logits): both take the last axis. Where it is handed on, its calls lose `scope`."""
    if site.call is None:
        site.rename("nn.softmax")
        return None
    return _renamed(site, ("logits", "scope"), "nn.softmax")


def _one_hot(site: Site) -> str | None:
    """slim.one_hot_encoding(labels, n) -> tf.one_hot(labels, n)."""
    names = ("labels", "num_classes", "on_value", "off_value", "outputs_collections", "scope")
    return _renamed(site, names, "one_hot", {"labels": "indices", "num_classes": "depth"})


def _renamed(site: Site, names: tuple[str, ...], target: str, renamed: dict[str, str] | None = None) -> str | None:
    bound = site.bind(names) if site.call is not None else None
    if bound is None:
        return f"tf.{site.name} is gone, and its arguments are not seen here"
    if "outputs_collections" in bound:
        return f"tf.{site.name} with outputs_collections"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "scope":
            arguments.drop(index)
        elif item.keyword and name in (renamed or {}):
            arguments.keyword(index, (renamed or {})[name])
    arguments.done()
    site.rename(target)
    return None


def _dropout(site: Site) -> str | None:
    """slim.dropout(x, keep_prob) whose keep_prob is a tensor, always on -> tf.nn.dropout(x, rate=1 - keep_prob)."""
    names = ("inputs", "keep_prob", "noise_shape", "is_training", "outputs_collections", "scope", "seed")
    bound = site.bind(names) if site.call is not None else None
    if bound is None or "keep_prob" not in bound:
        return f"tf.{site.name} is gone, and its arguments are not seen here"
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or names[index]
        if name == "keep_prob":
            as_rate(site, arguments, index, item.value)
        elif name == "inputs" and item.keyword:
            arguments.keyword(index, "x")
        elif name != "inputs":
            arguments.drop(index)
    arguments.done()
    site.rename("nn.dropout")
    return None


def _both(name: str, rule: Rule) -> dict[str, Rule]:
    return {f"contrib.layers.{name}": rule, f"contrib.slim.{name}": rule}


def _losses(name: str, rule: Rule) -> dict[str, Rule]:
    return {f"contrib.losses.{name}": rule, f"contrib.slim.losses.{name}": rule}


RULES: dict[str, Rule] = {
    **_both("softmax", _softmax),
    **_both("one_hot_encoding", _one_hot),
    **_both("dropout", _dropout),
    **_losses("mean_squared_error", loss("predictions labels weights scope", mean_squared_error)),
    **_losses("absolute_difference", loss("predictions labels weights scope", absolute_difference)),
    **_losses("sparse_softmax_cross_entropy", loss("logits labels weights scope", sparse)),
    **_losses("softmax_cross_entropy", loss("logits onehot_labels weights label_smoothing scope", softmax)),
    **_losses("sigmoid_cross_entropy", loss("logits multi_class_labels weights label_smoothing scope", sigmoid)),
}
