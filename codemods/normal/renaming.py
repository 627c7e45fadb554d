"""Names that mean one variable after another (`w1` of two networks) get a name for each: TF1 that means the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..edits import Edits
from ..emit.text import snake
from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import Variable
from ..parse import Module
from ..plan.reasons import ToRename
from .origins import Origins, identity, split, written
from .words import fresh, words

Meaning = tuple[Statement, list[ast.Name]]  # the statement that binds the name, and the places that mean it so


def renamed(
    why: ToRename, run: Interpreter, modules: Mapping[str, Module], origins: Mapping[str, Origins]
) -> tuple[Module, Origins] | None:
    """The module with a name for each meaning but the first; None where a place may mean either."""
    module = modules[why.path]
    meanings = _meanings(why.frame, why.name, run)
    if meanings is None or len(meanings) < 2:
        return None
    edits = Edits(module)
    taken = words(module)
    for statement, places in meanings[1:]:
        new = fresh(taken, _wishes(why.name, statement))
        for place in places:
            edits.replace(place, new)
    old = origins.get(why.path) or identity(module.utf8.decode())
    text = edits.apply()
    return written(module, split(text), old.of)


def _meanings(frame: Frame, name: str, run: Interpreter) -> list[Meaning] | None:
    """Every binding of a name by a plain assignment of a variable, with the places that read it and no other."""
    scope = frame.node
    if not isinstance(scope, (ast.Module, ast.FunctionDef)) or name in frame.globals or name in frame.arguments:
        return None
    binders = sorted((one for one in frame.statements.values() if name in one.writes), key=lambda one: one.index)
    binders = [one for one in binders if not any(other.parent is one for other in binders)]
    found: dict[Statement, list[ast.Name]] = {}
    for one in binders:
        node = one.node
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if not isinstance(target, ast.Name) or not isinstance(one.writes[name], Variable):
            return None
        found[one] = [target]
    places = [part for part in ast.walk(scope) if isinstance(part, ast.Name) and part.id == name]
    owner = _innermost(frame)
    for place in places:
        if not isinstance(place.ctx, ast.Load):
            if not any(place in targets for targets in found.values()):
                return None
            continue
        reader = owner.get(place)
        makers = reader.reads.get((frame, name), set()) if reader is not None else set()
        if len(makers) != 1 or next(iter(makers)) not in found:
            return None
        found[next(iter(makers))].append(place)
    exported = any(
        isinstance(part, ast.alias) and part.name == name
        for module in run.modules.values()
        for part in ast.walk(module.tree)
    )
    return None if exported else list(found.items())


def _innermost(frame: Frame) -> dict[ast.Name, Statement]:
    """The innermost statement of the frame around each name."""
    found: dict[ast.Name, Statement] = {}
    for statement in sorted(frame.statements.values(), key=lambda one: (one.node.lineno, -(one.node.end_lineno or 0))):
        for part in ast.walk(statement.node):
            if isinstance(part, ast.Name):
                found[part] = statement
    return found


def _wishes(name: str, statement: Statement) -> list[str]:
    """The name with that of the variable's outermost scope before it, or else a number behind it."""
    value = statement.writes[name]
    scope = value.name.split("/")[0] if isinstance(value, Variable) and "/" in value.name else ""
    scoped = f"{snake(scope)}_{name}"
    return [scoped, name] if scope and scoped.isidentifier() else [name]
