"""Whether TensorFlow has a name that code asks for: `"concat_v2" in dir(tf)`, `hasattr(tf, "scan")`.

It is decided only where TensorFlow 1.15 and 2.21 give the same answer.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..api import is_module, is_native, lookup
from .values import TFName, Value

_OTHERS = ("compat", "contrib", "core", "keras", "python")  # parts whose names the tables do not hold in full


@dataclass(eq=False)
class Listing(Value):
    """`dir(owner)`: the names of a module of TensorFlow."""

    owner: TFName


def has(owner: Value, name: object) -> bool | None:
    """Whether a module of TensorFlow has a name; None where that is not known, or not the same in both."""
    if not isinstance(owner, TFName) or not isinstance(name, str) or name.startswith("_"):
        return None
    if owner.name and (not is_module(owner.name) or owner.name.partition(".")[0] in _OTHERS):
        return None
    dotted = f"{owner.name}.{name}".lstrip(".")
    if dotted in _OTHERS:
        return None
    before = lookup(dotted) is not None
    return before if before == is_native(dotted) else None


def asks(test: ast.expr) -> bool:
    """Whether a condition asks for names and for nothing else."""
    if isinstance(test, ast.BoolOp):
        return all(asks(part) for part in test.values)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return asks(test.operand)
    asked: ast.expr = test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.In, ast.NotIn)):
        asked = test.comparators[0]
    wanted = "hasattr" if asked is test else "dir"
    return isinstance(asked, ast.Call) and isinstance(asked.func, ast.Name) and asked.func.id == wanted
