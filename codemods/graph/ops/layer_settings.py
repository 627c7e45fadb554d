"""Settings of contrib layers, compared: a layer that is used again must be set up as it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from .. import host
from ..values import Regularizer, Setting, TFName, Value


def expressions(key: str, setting: Setting) -> Iterator[tuple[str, ast.expr]]:
    """The expressions of a setting that are written where the layer is: its own, or those that stand for its names."""
    if setting.node is not None and not setting.replaced:
        yield key, setting.node
    inner = set(setting.replaced)
    for place, expression in enumerate(setting.replaced.values()):
        if isinstance(expression, ast.expr) and not inner & set(ast.walk(expression)):
            yield f"{key} {place}", expression


def alike(one: Mapping[str, Setting], other: Mapping[str, Setting], values: bool = True) -> bool:
    """Whether two calls set a layer up alike; without `values` their values may differ, where the expressions don't."""
    if one.keys() != other.keys():
        return False
    for key, mine in one.items():
        its = other[key]
        if mine.node is None and its.node is None:
            if mine.text != its.text:
                return False
        elif mine.node is its.node and _written_alike(mine, its):
            continue
        elif mine.replaced or its.replaced or values:
            if not (_same(mine.value, its.value) or (mine.node is its.node and _all_same(mine.meant, its.meant))):
                return False
        elif mine.node is None or its.node is None:
            return False
    return True


def _written_alike(one: Setting, other: Setting) -> bool:
    """Whether the names of one expression give way to the same ones."""
    return (
        bool(one.replaced)
        and one.replaced.keys() == other.replaced.keys()
        and all(isinstance(mine, ast.expr) and mine is other.replaced[name] for name, mine in one.replaced.items())
    )


def _same(one: Value, two: Value) -> bool:
    if one is two:
        return True
    if isinstance(one, TFName) and isinstance(two, TFName):
        return one.name == two.name
    if isinstance(one, Regularizer) and isinstance(two, Regularizer):
        return _same(one.scale, two.scale)
    plain = host.plain(one), host.plain(two)
    return host.NOT_PLAIN not in plain and plain[0] == plain[1]


def _all_same(one: tuple[Value, ...], two: tuple[Value, ...]) -> bool:
    return len(one) == len(two) and all(map(_same, one, two))
