"""A use of a name that only its facts are needed for: its new name, and its call brought to the new signature."""

from __future__ import annotations

import ast

from ..api import Fact, lookup
from .sites import Arguments, Site


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
    if unpacked and (fact.renamed or fact.dropped or old[: len(new)] != new[: len(old)]):
        return f"the arguments of tf.{fact.name} changed, and this call unpacks some of them"
    given: set[str] = set()
    moved = False
    for index, item in enumerate(arguments.items):
        if item.keyword in ("*", "**"):
            continue
        if item.keyword is None and index >= len(old):
            return None if any(p.kind == "*" for p in fact.signature) else f"tf.{fact.name} gets too many arguments"
        name = item.keyword or old[index]
        target = fact.renamed.get(name, name)
        if name in fact.dropped:
            if not _is_inert(fact, name, item.value):
                return f"TensorFlow 2's tf.{fact.target} has no argument {name}"
            arguments.drop(index)
            moved = moved or item.keyword is None
            continue
        given.add(target)
        if item.keyword is None:
            moved = moved or index >= len(new) or new[index] != target
            if moved:
                arguments.keyword(index, target)
        elif name != target:
            arguments.keyword(index, target)
    missing = [
        parameter.name for parameter in fact.target_signature if parameter.required and parameter.name not in given
    ]
    if missing and not unpacked and not set(missing) & set(fact.defaults):
        return f"TensorFlow 2's tf.{fact.target} needs {', '.join(missing)}"
    if not unpacked:
        for name, default in fact.defaults.items():
            if fact.renamed.get(name, name) not in given:
                arguments.append(f"{name}={default.replace('tf.', site.root + '.')}")
    arguments.done()
    spell(site, fact)
    return None


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
