"""Static shapes: TensorFlow 2 infers the batch size of a transposed convolution from its input, TF1 took it from output_shape.

Where the input's batch size is open, TF1 still knew the result's whole shape, and code that reads it
(`tf.reshape(y, deconv.get_shape())`) fails in TensorFlow 2. tf.reshape to the same output_shape says it again.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .sites import NEXT, Rule, Site, simple

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _transposed(site: Site) -> str | None:
    """out = tf.nn.conv2d_transpose(x, w, shape, …) whose static shape is read -> tf.reshape(tf.nn.conv2d_transpose(…), shape)."""
    call = site.call
    if call is None or not _is_read(site.module.tree, call):
        return NEXT
    shape = next((one.value for one in call.keywords if one.arg == "output_shape"), None)
    if shape is None and len(call.args) > 2 and not any(isinstance(one, ast.Starred) for one in call.args):
        shape = call.args[2]
    if shape is None:
        return f"TensorFlow 2 does not know the static shape of tf.{site.name} that is read here"
    if isinstance(shape, ast.Call) or (isinstance(shape, (ast.List, ast.Tuple)) and _is_open(shape.elts)):
        return NEXT  # a tensor: TF1 did not know the batch size either
    if not _may_repeat(shape):
        return (
            NEXT
            if site.level == "compat"
            else f"the output_shape of tf.{site.name}, whose static shape is read, is computed"
        )
    site.replace_call(f"{site.tf('reshape')}(", call, ", ", shape, ")")
    return NEXT


def _is_read(tree: ast.Module, call: ast.Call) -> bool:
    """Whether the static shape of what a call's value is assigned to is read in the same function."""
    scope: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and any(inner is call for inner in ast.walk(node)):
            scope = node  # ast.walk goes from the outermost to the innermost
    names = {
        target.id
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and _holds(node.value, call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("get_shape", "shape")
        and isinstance(node.value, ast.Name)
        and node.value.id in names
        for node in ast.walk(scope)
    )


def _holds(value: ast.expr, call: ast.Call) -> bool:
    """Whether a value is made of a call's, without being reshaped."""
    return value is call or any(_holds(part, call) for part in _operands(value))


def _operands(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, ast.BinOp):
        yield from (value.left, value.right)
    elif isinstance(value, ast.Call) and not (isinstance(value.func, ast.Attribute) and value.func.attr == "reshape"):
        yield from value.args


def _is_open(sizes: list[ast.expr]) -> bool:
    """Whether the first of the sizes is a tensor's, as in [tf.shape(x)[0], 8, 8, 3]."""
    return bool(sizes) and any(isinstance(node, ast.Call) for node in ast.walk(sizes[0]))


def _may_repeat(shape: ast.expr) -> bool:
    if isinstance(shape, (ast.List, ast.Tuple)):
        return all(_may_repeat(one) for one in shape.elts)
    if isinstance(shape, ast.BinOp):
        return _may_repeat(shape.left) and _may_repeat(shape.right)
    return simple(shape) or (isinstance(shape, ast.Subscript) and simple(shape.value) and simple(shape.slice))


RULES: dict[str, Rule] = {
    "nn.conv2d_transpose": _transposed,
}
