"""One use at the compat level: a name that tensorflow.compat.v1, or a package that took it over, has in TensorFlow 2.21.

A rule takes a site and returns None when it is done, or a sentence that says why the use is left.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..api import Fact, gone, is_module, is_native, lookup, moved
from ..syntax import first_name
from . import mnist, rules_older, rules_shapes
from .fitting import means_the_same
from .packages import Place, contrib
from .sites import NEXT, Arguments, Rule, Site, is_constant, simple

# tf.layers and RNN cells are the classes of Keras 2; tf.keras in graph mode is too.
_LEGACY_KERAS = ("layers.", "nn.rnn_cell.", "keras.")


def rewrite_use(site: Site) -> str | None:
    """Rewrites one use for graph mode on TensorFlow 2.21; the sentence says why it is left."""
    name = site.full
    if name.startswith(_LEGACY_KERAS) or name in ("layers", "nn.rnn_cell", "keras"):
        site.needs.legacy_keras = True
    if site.use.api == "v2":
        return None
    if name == "" or (name.startswith("compat") and not site.private):
        _plain_root(site)
        return None
    rule = RULES.get(name)
    if rule is not None and (handled := rule(site)) != NEXT:
        return handled
    if name.startswith("contrib"):
        return _contrib(site)
    if name.startswith("examples."):
        return mnist.LEFT
    if name.startswith("estimator") and (site.fact is None or site.fact.compat is None):
        return "Estimators were removed from TensorFlow 2.16"
    if name.startswith(("python", "core")):
        new = moved(name)
        if new is not None and not site.is_local_alias:
            package, module, own = new.rsplit(".", 2)
            site.needs.imports.add(f"from tensorflow.{package} import {module}")
            site.spell(f"{module}.{own}")
            return None
        site.needs.kept.add(first_name(site.node))  # private: most modules are still there, at the same place
        lost = gone(name)
        return None if lost is None else f"TensorFlow 2.21 has no tensorflow.{lost}, which is private"
    if site.use.api == "plain" and (site.fact is None or site.fact.kind == "module") and _is_new(name):
        if not site.is_local_alias:
            site.edits.replace(_part(site, name), site.tf(f"compat.v2.{name}"))
        return None
    if site.fact is None or (site.fact.kind == "module" and site.rest and site.use.api == "plain"):
        known = is_module(name) or name.rpartition(".")[2].startswith("__")
        return None if known else f"TensorFlow 1.15 has no tf.{name}"
    if name.startswith("keras.") and site.fact.compat is None and site.fact.target == site.fact.name:
        return _keras(site)
    if site.fact.compat is None:
        if is_module(site.name):
            return None
        return f"TensorFlow 2.21 has no tf.{site.name}, and compat.v1 has not either"
    if site.call is not None and (site.fact.compat_renamed or site.fact.compat_places is not None):
        why = _arguments(site, site.fact, site.fact.compat_renamed)
        if why is not None:
            return why
    if site.fact.compat != site.name or site.private:
        site.rename(site.fact.compat)
    else:
        _plain_root(site)
    return None


def _is_new(name: str) -> bool:
    """Whether TensorFlow 2 alone has the name; a class's own attributes go with it. Keras' names depend on its version."""
    while name and not name.startswith("keras"):
        if lookup(name) is not None:
            return False
        if is_native(name):
            return True
        name = name.rpartition(".")[0]
    return False


def _keras(site: Site) -> str | None:
    """A name of tf.keras whose arguments are called otherwise in Keras 2."""
    if site.private:  # tf.contrib.keras
        site.rename(site.name)
    if site.call is not None and site.fact is not None:
        return _arguments(site, site.fact, site.fact.renamed)
    return None


def _arguments(site: Site, fact: Fact, renamed: Mapping[str, str]) -> str | None:
    """Renames keywords, and gives one to each argument whose place is another's now."""
    parameters = [parameter.name for parameter in fact.signature or ()]
    places = len(parameters) if fact.compat_places is None else fact.compat_places
    arguments = Arguments(site)
    unpacked = {item.keyword for item in arguments.items} & {"*", "**"}
    if unpacked and (renamed or ("*" in unpacked and places < len(parameters))):
        return f"the arguments of tf.{site.name} changed, and this call unpacks some of them"
    taken = set(renamed.values())  # a later parameter of such a name is another thing: the op's own name
    for index, item in enumerate(arguments.items):
        name = item.keyword or (parameters[index] if index < len(parameters) else "")
        if name in taken and name not in renamed and name in parameters:
            arguments.drop(index)
        elif name and (item.keyword or index >= places):
            arguments.keyword(index, renamed.get(name, name))
    arguments.done()
    return None


def _plain_root(site: Site) -> None:
    """`tf.compat.v1.x` is `tf.x` once `tf` is compat.v1."""
    if site.use.api != "v1" or not isinstance(site.node, ast.Attribute):
        return
    inner: ast.expr = site.node
    while isinstance(inner, ast.Attribute) and site.names.name_of(inner) != "":
        inner = inner.value
    if isinstance(inner, ast.Attribute) and site.names.name_of(inner.value) == "compat":
        root = inner.value.value if isinstance(inner.value, ast.Attribute) else None
        if root is not None and site.names.name_of(root) == "":
            site.edits.replace(inner, root)


def _contrib(site: Site) -> str | None:
    found = contrib(site.full)
    if found is None and _as_fact(site):
        return None
    if found is None:
        if site.full == "contrib":
            return None if isinstance(site.node, ast.Name) else "tf.contrib was removed from TensorFlow 2"
        return f"tf.{site.full} was removed from TensorFlow 2, and no package that is installed took it over"
    place, name = found
    rest = site.name[len(name) :] if site.private else ""  # the node stands for all of a private path
    if place.package == "tf":
        why = _fits(site, place.target + rest)
        if why is not None:
            return why
        if place.target.startswith(_LEGACY_KERAS):
            site.needs.legacy_keras = True
        part = _part(site, name)
        if not (isinstance(part, ast.Name) and site.use.alias):
            site.edits.replace(part, site.tf(place.target + rest))
        return None
    need_package(site, place)
    own = contrib(site.use.name) if site.private else (place, name)
    if own is not None and inherits(site, own[1], own[0]):
        return None
    site.needs.imports.add(f"import {_module_of(place)}")
    spelt = f"{place.package}.{place.target}" if place.target else place.package
    site.edits.replace(_part(site, name), spelt + rest)
    return None


def _fits(site: Site, name: str) -> str | None:
    """Why a call of a contrib function is none of what took its place. Arguments that are called otherwise are renamed."""
    fact, target = site.fact, lookup(name)
    if site.call is None or fact is None or target is None or not (fact.signature and target.signature):
        return None
    if fact.target == name and fact.renamed:
        return _arguments(site, fact, fact.renamed)
    if means_the_same(site.call, fact.signature, target.signature):
        return None
    return f"tf.{name}, which took the place of tf.{site.full}, has other arguments"


def _constructor(site: Site) -> str | None:
    """Tensors and ragged tensors are made by functions; their constructors are TensorFlow's own."""
    return NEXT if site.call is None else f"the constructor of tf.{site.name} has other arguments in TensorFlow 2"


def _as_fact(site: Site) -> bool:
    """A contrib name that compat.v1 has, with the same parameters."""
    fact = site.fact
    if fact is None or fact.behaviour:
        return False
    target = lookup(fact.compat or fact.target or "")
    if target is None or target.compat != target.name or target.kind != fact.kind:
        return False
    if target.signature != fact.signature:
        given = site.call is not None and fact.signature is not None and target.signature is not None
        if not given or not means_the_same(site.call, fact.signature, target.signature):  # type: ignore[arg-type]
            return False
    if target.requires:
        site.needs.legacy_keras = True
    site.rename(target.name)
    return True


def need_package(site: Site, place: Place) -> None:
    if place.package == "tf_slim":
        site.needs.slim.add(place.target)
        site.needs.legacy_keras = True


def _module_of(place: Place) -> str:
    return "tensorboard.plugins.projector" if place.package == "tensorboard" else place.package


def inherits(site: Site, name: str, place: Place) -> bool:
    """Whether the chain's first name is bound to the same package: by an import that is rewritten, or an alias."""
    root = site.node
    while isinstance(root, ast.Attribute):
        root = root.value
    bound = site.names.name_of(root)
    if not bound:
        return False
    found = contrib(bound)
    if found is None or found[0].package != place.package:
        return False
    rest = name[len(bound) :]
    return (found[0].target + rest).lstrip(".") == place.target


def _part(site: Site, name: str) -> ast.expr:
    """The part of the chain that means `name`."""
    if site.private:
        return site.node
    node = site.use.node
    while isinstance(node, ast.Attribute) and site.names.name_of(node) != name:
        node = node.value
    return node


# --- rules ------------------------------------------------------------------------------------------------------------


def _xavier(site: Site) -> str | None:
    """xavier_initializer() draws as glorot_uniform_initializer() does; another distribution stays with tf_slim's."""
    if site.call is None or not _from_tensorflow(site):
        return NEXT
    bound = site.bind(("uniform", "seed", "dtype"))
    if bound is None or ("uniform" in bound and not is_constant(bound["uniform"], True)):
        return NEXT
    arguments = Arguments(site)
    for index, item in enumerate(arguments.items):
        name = item.keyword or ("uniform", "seed", "dtype")[index]
        if name == "uniform":
            arguments.drop(index)
        elif item.keyword is None:
            arguments.keyword(index, name)
    arguments.done()
    site.rename("glorot_uniform_initializer")
    return None


def _flatten(site: Site) -> str | None:
    """contrib.layers.flatten(x) is tf.layers.flatten(x); with a scope or collections it stays with tf_slim's."""
    bound = site.bind(("inputs",)) if site.call is not None and _from_tensorflow(site) else None
    if not bound:
        return NEXT
    site.needs.legacy_keras = True
    site.rename("layers.flatten")
    return None


def sequence_loss(site: Site) -> str | None:
    """sequence_loss with its default averages, written out: sum(loss * weights) / sum(weights)."""
    bound = site.bind(("logits", "targets", "weights")) if site.call is not None else None
    if bound is None or len(bound) != 3:
        return "tf.contrib.seq2seq.sequence_loss was removed; only its form with the default averages is written out"
    if not simple(bound["weights"]):
        return "tf.contrib.seq2seq.sequence_loss was removed; give its weights a name, and it can be written out"
    if site.has_comment():
        return "tf.contrib.seq2seq.sequence_loss was removed; it is not written out where a comment stands inside"
    weights, target = bound["weights"], "div_no_nan" if site.level == "compat" else "math.divide_no_nan"
    cross_entropy = site.tf("nn.sparse_softmax_cross_entropy_with_logits")
    line = site.new_line()
    site.replace_call(
        f"{site.tf(target)}({line}{site.tf('reduce_sum')}({cross_entropy}(labels=",
        bound["targets"],
        ", logits=",
        bound["logits"],
        ") * ",
        weights,
        f"),{line}{site.tf('reduce_sum')}(",
        weights,
        "))",
    )
    return None


def _from_tensorflow(site: Site) -> bool:
    """Whether the chain starts at TensorFlow itself, not at an import of a part of contrib."""
    root = site.node
    while isinstance(root, ast.Attribute):
        root = root.value
    return site.names.name_of(root) == ""


RULES: dict[str, Rule] = {
    **rules_shapes.RULES,
    **rules_older.ORDERED,
    **rules_older.ENTROPIES,
    "contrib.layers.xavier_initializer": _xavier,
    "contrib.layers.xavier_initializer_conv2d": _xavier,
    "contrib.layers.flatten": _flatten,
    "contrib.seq2seq.sequence_loss": sequence_loss,
    "Tensor": _constructor,
    "RaggedTensor": _constructor,
}
