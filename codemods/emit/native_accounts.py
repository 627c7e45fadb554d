"""What became of each TensorFlow name of a native program: gone or written anew, or still there as it was."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator

from ..accounts import SAME, is_unchanged
from ..names import Use, fact_of
from ..report import Account
from .context import Context

AS_WRITTEN = "TensorFlow 2 takes this use of it as it is written"
# What the emitter looks after itself and leaves as it is where nothing about it changes.
MAY_STAY = frozenset({"Variable"})


def accounts(context: Context) -> list[Account]:
    """The accounts of every use that was not left. Those that are left have diagnostics of their own."""
    found: list[Account] = []
    for path in context.modules.keys() - context.helpers:
        names = context.names[path]
        left = context.rewritten[path].left if path in context.rewritten else {}
        kept = context.edits[path].kept()
        for use in names.uses:
            if use.node not in left:
                found.append(_account(context, path, use, kept))
    return found


def _account(context: Context, path: str, use: Use, kept: list[tuple[int, int]]) -> Account:
    place = (use.name, path, use.node.lineno, use.node.col_offset)
    same = is_unchanged(use.name)
    owned = use.node in context.owned and (use.name not in MAY_STAY or use.node in context.weights)
    if _is_gone(context, path, use.node):
        stays = same and context.names[path].call_of(use.node) is None and _is_in_a_signature(context, use.node)
    else:
        stays = not owned and all(_within(kept, *span) for span in _spans(context, path, use))
    if not stays or not (same or _is_target(use.name)):
        return Account(*place, "rewritten")
    return Account(*place, "kept", SAME if same else AS_WRITTEN)


def _is_in_a_signature(context: Context, node: ast.AST) -> bool:
    """Whether a name of a statement that went is a dtype of a placeholder that became some function's parameter."""
    functions = [one for one in context.plan.functions if not one.plain]
    values = {parameter.value for function in functions for parameter in function.parameters}
    arguments = (one for value in values if value is not None for one in value.arguments.values())
    return any(inner is node for one in arguments for inner in ast.walk(one))


def _is_target(name: str) -> bool:
    """Whether a name is TensorFlow 2's, too, though not all uses of it mean the same."""
    fact, _ = fact_of(name)
    return fact is not None and fact.target == fact.name


def _is_gone(context: Context, path: str, node: ast.AST) -> bool:
    """Whether the statement around a name was dropped, or replaced by other text. One that moved is still there."""
    moves = context.moves[path]
    current: ast.AST | None = node
    while current is not None:
        if current in moves.taken:
            return False
        if current in moves.dropped:
            return True
        if current in moves.replaced:
            return not isinstance(current, ast.FunctionDef)
        outer = context.parents.get(current)
        if isinstance(outer, ast.If) and outer in moves.opened:  # a decided condition goes, and the branch not taken
            if not any(one is current for one in (outer.body if moves.opened[outer] else outer.orelse)):
                return True
        current = outer
    return False


def _spans(context: Context, path: str, use: Use) -> Iterator[tuple[int, int]]:
    """The bytes that are the use's own: its chain and, of a call, everything but the arguments that are expressions."""
    module = context.modules[path]
    start, end = module.span(use.node)
    call = context.names[path].call_of(use.node)
    if call is None:
        yield start, end
        return
    for one in (*call.args, *(keyword.value for keyword in call.keywords)):
        if not isinstance(one, ast.Constant):
            inner, after = module.span(one)
            if inner >= start:
                yield start, inner
                start = after
    yield start, module.span(call)[1]


def _within(kept: list[tuple[int, int]], start: int, end: int) -> bool:
    place = bisect_right(kept, start, key=lambda span: span[0]) - 1
    return place >= 0 and end <= kept[place][1]
