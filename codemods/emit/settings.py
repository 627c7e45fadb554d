"""Settings of an object that is written somewhere else than where the source made it: expressions spelt by the names there."""

from __future__ import annotations

import ast

from ..edits import Edits
from ..graph.frames import Frame, Statement
from ..graph.values import GraphValue, Known, Value
from .context import Context, quoted


def spelled(
    context: Context, node: ast.expr, value: Value | None, made: GraphValue, used: GraphValue, overlay: Edits
) -> str:
    """An expression of the statement that made one value, as the statement of another one can write it.

    Parameters of a helper are what its caller gave. What can't be written so is written as the number or string that it is.
    """
    here, there = made.chain[-1], used.chain[-1]
    text = None
    if not _within_comprehension(context, node):
        text = _text(context, node, here, there, made.chain, overlay)
    if text is not None:
        return text
    if isinstance(value, Known) and isinstance(value.value, (int, float, str, bool)):
        return quoted(value.value)
    raise context.stop("a setting that can't be written where its layer is made", node, here.frame.module.path)


def _names(node: ast.expr) -> list[ast.Name]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Name)]


def _within_comprehension(context: Context, node: ast.expr) -> bool:
    """Whether an expression reads what a comprehension or lambda around it binds."""
    names = {one.id for one in _names(node)}
    current = context.parents.get(node)
    while isinstance(current, (ast.expr, ast.keyword, ast.comprehension)):
        bound: set[str] = set()
        if isinstance(current, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            targets = [one.target for one in current.generators]
            bound = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        elif isinstance(current, ast.Lambda):
            bound = {one.arg for one in current.args.args}
        if names & bound:
            return True
        current = context.parents.get(current)
    return False


def _text(
    context: Context,
    node: ast.expr,
    here: Statement,
    there: Statement,
    chain: tuple[Statement, ...],
    overlay: Edits,
) -> str | None:
    """The expression's text, None where a name means something else there, or nothing."""
    if _encloses(here.frame, there.frame):
        if any(not _is_stable(one.id, here, there) for one in _names(node)):
            return None
        return overlay.render(node)
    if here.frame.module is not there.frame.module and not isinstance(node, (ast.Name, ast.Constant)):
        return None
    inner = Edits(here.frame.module, context.edits[here.frame.module.path])
    for name in _names(node):
        found = here.frame.arguments.get(name.id)
        if found is None:
            if name.id in here.frame.bindings or here.frame.module is not there.frame.module:
                return None
            continue
        if len(here.frame.history.get(name.id, [])) > 1:
            return None
        given = _argument(context, here.frame, name.id)
        outer = next((one for one in reversed(chain) if one.frame is not here.frame), None)
        if given is None or outer is None:
            return quoted(found.value) if isinstance(found, Known) and node is name else None
        text = _text(context, given, outer, there, chain[: chain.index(outer) + 1], overlay)
        if text is None:
            return None
        inner.replace(name, text)
    return inner.render(node)


def _encloses(outer: Frame, inner: Frame) -> bool:
    current: Frame | None = inner
    while current is not None:
        if current is outer:
            return True
        current = current.parent
    return False


def _is_stable(name: str, here: Statement, there: Statement) -> bool:
    """Whether a name means the same in both statements."""
    if here.frame is not there.frame and name in there.frame.bindings:
        return False
    bound = here.frame.history.get(name, [])
    return not any(here.index < one.index < there.index for one in bound) and not any(
        isinstance(one.node, (ast.For, ast.While)) and one in here_blocks(here) for one in bound
    )


def here_blocks(statement: Statement) -> list[Statement]:
    """The blocks around a statement."""
    found = []
    outer = statement.parent
    while outer is not None:
        found.append(outer)
        outer = outer.parent
    return found


def _argument(context: Context, frame: Frame, name: str) -> ast.expr | None:
    """The expression that a call gave for a parameter of the function that a frame is an activation of."""
    definition = frame.node
    if not isinstance(definition, (ast.FunctionDef, ast.Lambda)):
        return None
    for call, found in context.run.calls.items():
        if any(one is frame for _, one, _ in found):
            names = [one.arg for one in (*definition.args.posonlyargs, *definition.args.args)]
            given = dict(zip(names, call.args, strict=False))
            given.update({one.arg: one.value for one in call.keywords if one.arg})
            return given.get(name)
    return None
