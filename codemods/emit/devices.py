"""Devices that the program chose by hand: with the blocks that graph mode needed, they go, and that is told."""

from __future__ import annotations

import ast

from .context import Context


def note(context: Context, node: ast.With, path: str) -> None:
    """Tells of devices that are no longer chosen by hand: TensorFlow places what the functions compute."""
    for item in node.items:
        call = item.context_expr
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "device":
            context.note(
                "device-left-open",
                "TFM923",
                "the device is no longer chosen here, TensorFlow places the operations itself",
                call,
                path,
            )
