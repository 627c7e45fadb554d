"""One use at the native level: what TensorFlow 2 has under its own names, with the same meaning.

Most names need no more than the facts: another name, keywords renamed, arguments that moved given by keyword. A name whose
meaning changed has a rule (`rules_*`); one that has neither is left, with the reason, and its program stays in graph mode.
"""

from __future__ import annotations

import ast

from ..api import REMOVED, Fact, behaviours, is_module, is_native
from . import (
    mnist,
    rules_arrays,
    rules_contrib,
    rules_control,
    rules_files,
    rules_images,
    rules_initializers,
    rules_losses,
    rules_moved,
    rules_nn,
    rules_older,
    rules_shapes,
)
from .conforming import conform, spell
from .sites import NEXT, Rule, Site

RULES: dict[str, Rule] = {
    **rules_arrays.RULES,
    **rules_contrib.RULES,
    **rules_control.RULES,
    **rules_files.RULES,
    **rules_images.RULES,
    **rules_initializers.RULES,
    **rules_losses.RULES,
    **rules_moved.RULES,
    **rules_nn.RULES,
    **rules_older.ORDERED,
    **rules_shapes.RULES,
}


def rewrite_use(site: Site) -> str | None:
    """Rewrites one use for TensorFlow 2 proper; the sentence says why it can't be."""
    name = site.full
    if site.use.api == "v2" or site.use.node in site.needs.dropped:
        return None
    if name == "":
        if isinstance(site.node, ast.Attribute) and site.use.api == "v1":
            site.edits.replace(site.node, site.root)
        return None
    rule = RULES.get(site.name)
    if rule is not None and (handled := rule(site)) != NEXT:
        return handled
    if name.partition(".")[0] in ("app", "flags", "logging"):
        return rules_moved.absl(site)
    if name.startswith("examples."):
        return mnist.LEFT
    fact = site.fact
    if fact is None:
        if name.startswith(("python.", "core.")):
            return f"tensorflow.{name} is private"
        known = is_module(name) or name.startswith("__") or is_native(name)
        return None if known else f"TensorFlow 1.15 has no tf.{name}"
    if fact.kind == "module":
        if fact.target is not None or (name == fact.name and _alias_dropped(site)):
            return None
        return f"TensorFlow 2 has no tf.{fact.name}"
    if fact.state == REMOVED or fact.target is None:
        return f"TensorFlow 2 has no tf.{fact.name}" + _told(fact)
    if fact.behaviour and not _untouched(site, fact):
        return _changed(fact)
    if site.call is None:
        if fact.renamed and not _same_order(fact):
            return f"the arguments of tf.{fact.name} changed, and how it is called is not seen here"
        spell(site, fact)
        return None
    return conform(site, fact)


def _alias_dropped(site: Site) -> bool:
    """Takes out `layers = tf.layers`: what the alias stood for is spelt out where it was used."""
    for statement in site.module.tree.body:
        if isinstance(statement, ast.Assign) and statement.value is site.use.node and len(statement.targets) == 1:
            if isinstance(statement.targets[0], ast.Name):
                site.needs.aliases.add(statement)
                site.edits.replace(statement)
                return True
    return False


def _untouched(site: Site, fact: Fact) -> bool:
    """Whether the call passes none of the arguments on which the meaning changed."""
    if not fact.when or site.call is None or fact.signature is None:
        return False
    bound = site.bind([parameter.name for parameter in fact.signature if parameter.kind == "positional"])
    return bound is not None and not set(fact.when) & set(bound)


def _changed(fact: Fact) -> str:
    """The sentence for a name whose meaning changed, and that no rule takes."""
    return f"tf.{fact.name} does not mean the same in TensorFlow 2" + _told(fact)


def _told(fact: Fact) -> str:
    behaviour = behaviours().get(fact.behaviour)
    summary = behaviour.summary if behaviour and fact.behaviour != "unchecked" else ""
    return f": {summary[0].lower()}{summary[1:]}" if summary else ""


def _same_order(fact: Fact) -> bool:
    """Whether positional arguments mean the same before and after, as far as a caller is likely to pass them."""
    if fact.signature is None or fact.target_signature is None:
        return False
    old = [fact.renamed.get(parameter.name, parameter.name) for parameter in fact.signature][:2]
    return old == [parameter.name for parameter in fact.target_signature][: len(old)]
