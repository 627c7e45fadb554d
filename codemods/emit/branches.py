"""tf.cond over a bool placeholder: its value is Python's now, and so is the choice.

Where a function knows which way it goes, only that branch is written; elsewhere Python chooses, or AutoGraph does where a
tf.function is given a tensor.
"""

from __future__ import annotations

import ast

from ..edits import Edits, Part
from ..graph.values import GraphValue, Placeholder, Tensor
from . import setup
from .context import Context

NAMES = ("pred", "true_fn", "false_fn", "strict", "name", "fn1", "fn2")


def rewrite(context: Context) -> None:
    """Writes `f() if flag else g()` for each such call."""
    for node, given in _calls(context):
        path = setup.module_of(context, node)
        if path is None:
            continue
        yes, no = _body(given["true"]), _body(given["false"])
        opening, closing = ("", "") if _stands_alone(context, node) else ("(", ")")
        pred = (given["pred"],) if isinstance(given["pred"], ast.Name | ast.Attribute) else ("(", given["pred"], ")")
        context.edits[path].replace(node, opening, *yes, " if ", *pred, " else ", *no, closing)
        context.owned.add(node.func)


def fold(context: Context, path: str, constants: dict[GraphValue, bool], overlay: Edits) -> None:
    """Within a function that knows the bool, leaves the branch that it takes."""
    for node, given in _calls(context):
        values = context.run.meanings.get(given["pred"], [])
        known = {constants.get(value) for value in values if isinstance(value, GraphValue)}
        if setup.module_of(context, node) != path or len(values) != 1 or known in ({None}, set()):
            continue
        body = _body(given["true" if known == {True} else "false"])
        opening, closing = ("", "") if _stands_alone(context, node) else ("(", ")")
        overlay.replace(node, opening, *body, closing)


def _calls(context: Context) -> list[tuple[ast.Call, dict[str, ast.expr]]]:
    """The calls of tf.cond that ask a bool placeholder, with what they ask and their branches."""
    found = []
    for node, values in context.run.meanings.items():
        if not isinstance(node, ast.Call) or not any(isinstance(one, Tensor) and one.op == "cond" for one in values):
            continue
        if any(isinstance(one, ast.Starred) for one in node.args):
            continue
        given = dict(zip(NAMES, node.args, strict=False)) | {one.arg: one.value for one in node.keywords if one.arg}
        asked = context.run.meanings.get(given.get("pred"), [])  # type: ignore[arg-type]
        branches = {"true": given.get("true_fn", given.get("fn1")), "false": given.get("false_fn", given.get("fn2"))}
        flags = bool(asked) and all(isinstance(one, Placeholder) and one.dtype == "bool" for one in asked)
        if flags and branches["true"] is not None and branches["false"] is not None:
            found.append((node, {"pred": given["pred"], "true": branches["true"], "false": branches["false"]}))
    return found


def _body(branch: ast.expr) -> list[Part]:
    """What a branch computes, as an expression."""
    if isinstance(branch, ast.Lambda) and not branch.args.args:
        loose = isinstance(branch.body, ast.Lambda | ast.IfExp | ast.Tuple)
        return ["(", branch.body, ")"] if loose else [branch.body]
    return [branch, "()"]


def _stands_alone(context: Context, node: ast.Call) -> bool:
    """Whether a call is a statement's whole value, or an argument: no operator is around it."""
    around = context.parents.get(node)
    return isinstance(around, ast.Assign | ast.Return | ast.keyword) or (
        isinstance(around, ast.Call) and node in around.args
    )
