"""The symbols stage: one rewriter of a single TensorFlow name or call, for both levels.

`rewrite` registers span edits for the uses of a module and tells what it could not take to the level, and what the module
must import. What changes structure (sessions, layers, optimizers) is not its business.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ..api import is_native
from ..diagnostics import Diagnostic
from ..edits import Edits
from ..names import Names, Use, fact_of
from ..parse import Module
from ..report import Account
from . import mnist, unsafe
from .sites import Hooks, Level, Needs, Site

__all__ = ["Hooks", "Needs", "Rewritten", "module_root", "rewrite"]


@dataclass
class Rewritten:
    """What `rewrite` made of a module's uses."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    needs: Needs = field(default_factory=Needs)
    left: dict[ast.expr, str] = field(default_factory=dict)  # the node of each use that was left, and why
    accounts: list[Account] = field(default_factory=list)
    unsafe: list[Diagnostic] = field(default_factory=list)  # what was written that may not mean the same


def rewrite(
    module: Module,
    names: Names,
    edits: Edits,
    level: Level,
    keep: Callable[[ast.AST], bool] = lambda node: True,
    hooks: Hooks | None = None,
    wanted: Collection[str] = (),
) -> Rewritten:
    """Registers the edits that take every use for which `keep(node)` is true to the level.

    `wanted` are the codes of what may be written though it may not mean the same.
    """
    result = Rewritten()
    root = module_root(names)
    if level == "compat":
        from .compat import rewrite_use
    else:
        from .native import rewrite_use
    hooks = hooks or Hooks()
    for use in names.uses:
        if not keep(use.node):
            continue
        site = _site(module, names, edits, result.needs, use, root, level, hooks)
        if {"TFM104", "TFM405"} <= set(wanted) and mnist.rewrite(site):
            place = module.path, use.node.lineno, use.node.col_offset
            result.unsafe.append(Diagnostic("mnist-read", "TFM405", f"unsafe: {mnist.MESSAGE}", *place))
            continue
        why = rewrite_use(site)
        if why is not None and level == "native":
            found = unsafe.rewritten(site, why, wanted)
            if isinstance(found, Diagnostic):
                result.unsafe.append(found)
                continue
            why = found
        if why is not None:
            result.left[use.node] = why
            result.diagnostics.append(_diagnostic(module, use, why))
            line, column = use.node.lineno, use.node.col_offset
            result.accounts.append(Account(use.name, module.path, line, column, "left", why))
        elif _is_nowhere(site):
            why = f"neither TensorFlow 1.15 nor 2.21 has tf.{use.name}"
            line, column = use.node.lineno, use.node.col_offset
            result.diagnostics.append(Diagnostic("unresolvable-name", "TFM903", why, module.path, line, column))
    for node, why in names.unresolvable:
        if keep(node):
            result.diagnostics.append(
                Diagnostic("unresolvable-name", "TFM903", why, module.path, node.lineno, node.col_offset)  # type: ignore[attr-defined]
            )
    return result


def _site(
    module: Module, names: Names, edits: Edits, needs: Needs, use: Use, root: str, level: Level, hooks: Hooks
) -> Site:
    fact, path = fact_of(use.name)
    name = fact.name if fact else use.name
    node = use.node
    while isinstance(node, ast.Attribute) and names.name_of(node) != path:
        node = node.value
    if names.name_of(node) != path:  # the alias itself means more than the known beginning of its name
        node = use.node
        while isinstance(node, ast.Attribute):
            node = node.value
    spelt = _root(module, names, use.node)
    bound = bool(spelt) or root in names.bound or any(found.name == "" for found in names.imports)
    rest = use.name[len(path) + 1 :]
    site = Site(module, names, edits, needs, use, node, name, rest, fact, spelt or root, level, hooks, bound)
    site.call = names.call_of(node)
    return site


def _is_nowhere(site: Site) -> bool:
    """Whether a name of compat.v1 is no one's: a misspelling, in code that nobody ran."""
    fact = site.fact
    if site.use.api != "v1" or fact is None or fact.kind != "module" or not site.rest or "__" in site.rest:
        return False
    if fact.name.startswith(("contrib", "estimator", "keras")):
        return False
    name = site.full
    while name != fact.name and not is_native(name):
        name = name.rpartition(".")[0]
    return name == fact.name


def _root(module: Module, names: Names, node: ast.expr) -> str:
    """How the chain spells TensorFlow itself: its innermost part that means it."""
    found = ""
    while True:
        if names.name_of(node) == "":
            found = module.text(node)
        if not isinstance(node, ast.Attribute):
            return found
        node = node.value


def module_root(names: Names) -> str:
    """How the module spells TensorFlow where a chain does not: an import's name for it, or the one to be imported."""
    spelt = [found.bound for found in names.imports if found.name == "" and found.bound != "*"]
    if spelt:
        return "tf" if "tf" in spelt else spelt[0]
    return "tensorflow" if "tf" in names.taken and names.bound.get("tf") != "" else "tf"


def _diagnostic(module: Module, use: Use, why: str) -> Diagnostic:
    start = use.node
    symbol, code = ("contrib-left", "TFM102") if use.name.startswith("contrib") else ("name-left", "TFM103")
    if use.name.startswith("examples"):
        symbol, code = "examples-left", "TFM104"
    return Diagnostic(
        symbol, code, why, module.path, start.lineno, start.col_offset, start.end_lineno or 0, start.end_col_offset or 0
    )
