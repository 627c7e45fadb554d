"""The account of every TensorFlow 1 name in a program's input: rewritten, kept, left with a reason, or not TensorFlow.

The emitters say what they know of single names; the rest follows from the level that the program went to and from the facts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .api import lookup
from .names import Names
from .parse import Module
from .report import Account, Level, State
from .syntax import nodes

SAME = "TensorFlow 2 has it under the same name"


@dataclass(frozen=True)
class Seen:
    """What of a module's names its accounts are made of: all that is needed once its tree is gone."""

    uses: tuple[tuple[str, int, int], ...]  # name, line, column
    imports: tuple[tuple[str, int, int], ...]
    settled: tuple[Account, ...]  # what is no matter of the level
    has_names: bool


def seen(module: Module, names: Names) -> Seen:
    settled = []
    for node, why in names.unresolvable:
        text = " ".join(module.text(node).split())[:60]
        settled.append(Account(text, module.path, node.lineno, node.col_offset, "left", why))  # type: ignore[attr-defined]
    return Seen(
        tuple((use.name, use.node.lineno, use.node.col_offset) for use in names.uses),
        tuple(
            (one.name, one.alias.lineno, one.alias.col_offset) for one in names.imports if one.name and not one.foreign
        ),
        (*settled, *_shadowed(module, names)),
        bool(names),
    )


def accounts_of(
    names: Mapping[str, Seen],
    level: Level,
    target: str,
    known: Iterable[Account],
    reason: str,
) -> dict[str, tuple[Account, ...]]:
    """The accounts of each file. `known` are those that an emitter gave, `reason` why the program did not go native."""
    given = {(one.path, one.line, one.column): one for one in known}
    if level == "untouched":
        rest: tuple[State, str] = ("left", reason or "the program was left as it is")
    elif level == "compat" and target == "native":
        rest = ("left", f"still graph mode, on tensorflow.compat.v1: {reason}" if reason else "still graph mode")
    else:
        rest = ("rewritten", "")
    return {path: tuple(_of_module(path, one, given, rest)) for path, one in names.items()}


def _of_module(
    path: str, names: Seen, given: Mapping[tuple[str, int, int], Account], rest: tuple[State, str]
) -> list[Account]:
    found: list[Account] = []
    for name, line, column in names.uses:
        place = (path, line, column)
        if place in given:
            found.append(replace(given[place], name=name))
        elif is_unchanged(name):
            found.append(Account(name, *place, "kept", SAME))
        else:
            found.append(Account(name, *place, *rest))
    found.extend(_of_imports(path, names, found, rest))
    found.extend(names.settled)
    return sorted(found, key=lambda one: (one.line, one.column))


def _of_imports(path: str, names: Seen, uses: list[Account], rest: tuple[State, str]) -> list[Account]:
    """What became of the imports of parts of TensorFlow: left where a use of what they bind is left, else as the rest."""
    left = {use.name: use.reason for use in uses if use.state == "left"}
    found: list[Account] = []
    for name, line, column in names.imports:
        place = (path, line, column)
        because = [reason for used, reason in left.items() if used == name or used.startswith(name + ".")]
        if because:
            found.append(Account(name, *place, "left", because[0]))
        elif is_unchanged(name):
            found.append(Account(name, *place, "kept", SAME))
        else:
            found.append(Account(name, *place, *rest))
    return found


def is_unchanged(name: str) -> bool:
    """Whether a TF1 name means the same in TensorFlow 2, under the same name (a module by itself says nothing)."""
    fact = lookup(name)
    return name == "" or (fact is not None and fact.state == "same" and not fact.behaviour)


def _shadowed(module: Module, names: Names) -> list[Account]:
    """Uses of a name that an import binds to TensorFlow elsewhere in the module, but that means something else here."""
    if not names.bound or not _may_rebind(module, names):
        return []
    unclear = {node for node, _ in names.unresolvable}
    roots = {id(_root(node)) for node in unclear if isinstance(node, ast.expr)}
    return [
        Account(
            node.id,
            module.path,
            node.lineno,
            node.col_offset,
            "not-tensorflow",
            "this name is bound to something else here",
        )
        for node in nodes(module.tree)
        if type(node) is ast.Name
        and node.id in names.bound
        and type(node.ctx) is ast.Load
        and names.name_of(node) is None
        and id(node) not in roots
    ]


def _may_rebind(module: Module, names: Names) -> bool:
    """Whether the bytes hold a bound name without a dot behind it more often than imports do: only then is a walk worth it."""
    words = b"|".join(re.escape(name.encode()) for name in names.bound)
    bare = re.compile(rb"(?<![\w.])(?:" + words + rb")\b(?!\s*\.)")
    return sum(1 for _ in bare.finditer(module.utf8)) > len(names.imports)


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node
