"""A use of a name that only its facts are needed for: its new name, and its call brought to the new signature."""

from __future__ import annotations

import ast

from ..api import Fact, lookup
from .sites import Arguments, Site, is_constant


def conform(site: Site, fact: Fact) -> str | None:
    """Brings a call's arguments to the target's signature."""
    assert site.call is not None and fact.target is not None
    if fact.signature is None or fact.target_signature is None:
        spell(site, fact)
        return None
    old = [parameter.name for parameter in fact.signature if parameter.kind == "positional"]
    new = [parameter.name for parameter in fact.target_signature if parameter.kind == "positional"]
    if fact.signature == fact.target_signature and not fact.renamed:
        spell(site, fact)
        return None
    arguments = Arguments(site)
    unpacked = any(item.keyword in ("*", "**") for item in arguments.items)
    if unpacked and (fact.renamed or fact.dropped or fact.defaults or old[: len(new)] != new[: len(old)]):
        return f"the arguments of tf.{fact.name} changed, and this call unpacks some of them"
    matched = _matched(fact, arguments, old)
    if matched is None:
        spell(site, fact)
        return None
    if isinstance(matched, str):
        return matched
    given, dropped = matched
    moved = False
    for index in dropped:
        arguments.drop(index)
    for target, index in sorted(given.items(), key=lambda one: one[1]):
        item = arguments.items[index]
        if item.keyword is None:
            behind = any(other < index and arguments.items[other].keyword is None for other in dropped)
            moved = moved or behind or index >= len(new) or new[index] != target
            if moved:
                arguments.keyword(index, target)
        elif item.keyword != target:
            arguments.keyword(index, target)
    missing = [
        parameter.name for parameter in fact.target_signature if parameter.required and parameter.name not in given
    ]
    if missing and not unpacked and not set(missing) & set(fact.defaults):
        return f"TensorFlow 2's tf.{fact.target} needs {', '.join(missing)}"
    for name, default in fact.defaults.items():
        if fact.renamed.get(name, name) not in given:
            arguments.append(f"{name}={default.replace('tf.', site.root + '.')}")
    arguments.done()
    spell(site, fact)
    return None


def _matched(fact: Fact, arguments: Arguments, old: list[str]) -> tuple[dict[str, int], set[int]] | str | None:
    """Which argument each of the target's parameters gets, and which are dropped; None for a call of any arguments."""
    given: dict[str, int] = {}
    dropped: set[int] = set()
    for index, item in enumerate(arguments.items):
        if item.keyword in ("*", "**"):
            continue
        if item.keyword is None and index >= len(old):
            return (
                None if any(p.kind == "*" for p in fact.signature or ()) else f"tf.{fact.name} gets too many arguments"
            )
        name = item.keyword or old[index]
        target = fact.renamed.get(name, name)
        if name in fact.dropped:
            if not _is_inert(fact, name, item.value):
                return f"TensorFlow 2's tf.{fact.target} has no argument {name}"
            dropped.add(index)
        elif target not in given:
            given[target] = index
        elif is_constant(item.value, None):  # the argument's other spelling says what it is
            dropped.add(index)
        elif is_constant(arguments.items[given[target]].value, None):
            dropped.add(given[target])
            given[target] = index
        else:
            return f"tf.{fact.name} gets {target} twice, by an older name and by a newer one"
    return given, dropped


def _is_inert(fact: Fact, name: str, value: ast.expr) -> bool:
    """Whether an argument that TensorFlow 2 lacks means nothing in this call: inert, None, or the default spelt out."""
    if name in fact.inert or (isinstance(value, ast.Constant) and value.value is None):
        return True
    default = next((p.default for p in fact.signature or () if p.name == name), None)
    return default is not None and ast.unparse(value).replace('"', "'") == default


def spell(site: Site, fact: Fact) -> None:
    """Gives a use the name that TensorFlow 2 has for it."""
    assert fact.target is not None
    if _reaches(site):
        site.respell(fact.target)
    else:
        site.rename(fact.target)


def _reaches(site: Site) -> bool:
    """Whether the chain works as it is: an alias of a module that TensorFlow 2 lacks does not."""
    root = site.node
    while isinstance(root, ast.Attribute):
        root = root.value
    start = site.names.name_of(root)
    if not start or root is site.node:
        return True
    fact = lookup(start)
    return fact is None or fact.target == start
