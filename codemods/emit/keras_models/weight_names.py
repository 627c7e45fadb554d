"""What the source asks of a layer's weight, which is a Keras variable now: its name is its path."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from ...graph.values import Known, Value, Variable
from .. import setup
from ..checkpoint_map import variable_path
from ..context import Context, quoted

# What a Keras variable has in common with a TF1 variable.
SHARED_ATTRIBUTES = frozenset({"assign", "assign_add", "assign_sub", "shape", "numpy"})
READS = frozenset({"value", "read_value"})


def check_layer_weights(context: Context) -> None:
    """A layer's weight is a Keras variable now, whose `name` is the leaf alone and which has no `op`."""
    for node, values in context.run.meanings.items():
        if not isinstance(node, ast.Attribute) or node.attr in SHARED_ATTRIBUTES or node in context.owned:
            continue
        owners = context.run.meanings.get(node.value, [])
        if not any(isinstance(owner, Variable) and context.models.owner(owner) is not None for owner in owners):
            continue
        path = setup.module_of(context, node)
        parent = context.parents.get(node)
        if path is None or (
            isinstance(parent, ast.Call) and any(one.execution.node is parent for one in context.plan.runs)
        ):
            continue
        if len(values) == 1 and isinstance(values[0], Known):
            context.edits[path].replace(node, quoted(values[0].value))
        elif node.attr == "name" and _path_answers(context, node, parent, owners):
            context.edits[path].replace(node, node.value, ".path")
        elif node.attr in READS and isinstance(parent, ast.Call) and not (parent.args or parent.keywords):
            _read(context, parent, node.value, path)
        else:
            raise context.stop(f"`.{node.attr}` of a layer's weight, which Keras has otherwise", node, path)


def _read(context: Context, call: ast.Call, variable: ast.expr, path: str) -> None:
    """`weight.value()`: where it is computed with or assigned at once, the weight itself says so; else it is a tensor."""
    at_once = isinstance(context.parents.get(call), (ast.Call, ast.BinOp))
    before, after = ("", "") if at_once else (f"{context.tf(path)}.convert_to_tensor(", ")")
    context.edits[path].replace(call, before, variable, after)


def _path_answers(context: Context, node: ast.Attribute, parent: ast.AST | None, owners: Sequence[Value]) -> bool:
    """Whether a question about the names of weights (`name.startswith("net")`, `"bias" in name`) has the same answer for
    each of their Keras paths: asked here, of all the variables that come by."""
    asked = _question(context, node, parent)
    return asked is not None and all(
        isinstance(owner, Variable)
        and context.models.owner(owner) is not None
        and asked(f"{owner.name}:0") == asked(variable_path(context, owner))
        for owner in owners
    )


def _question(context: Context, node: ast.Attribute, parent: ast.AST | None) -> Callable[[str], bool] | None:
    if isinstance(parent, ast.Compare) and parent.comparators == [node] and isinstance(parent.left, ast.Constant):
        text, inside = parent.left.value, isinstance(parent.ops[0], ast.In)
        if isinstance(text, str) and isinstance(parent.ops[0], ast.In | ast.NotIn):
            return lambda name: (text in name) is inside
    if isinstance(parent, ast.Attribute) and parent.attr in {"startswith", "endswith"}:
        call = context.parents.get(parent)
        if isinstance(call, ast.Call) and call.func is parent and len(call.args) == 1 and not call.keywords:
            given = call.args[0]
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                method = parent.attr
                return lambda name: bool(getattr(name, method)(given.value))
    return None
