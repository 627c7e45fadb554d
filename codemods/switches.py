"""The switches of a program that stand in its source: `use_crf = False` in a class of settings, and nothing that changes it.

A branch that such a switch turns off does not run, whatever the program is asked for. By words alone, so strictly: a name is a
switch only where the whole program binds it once, to a constant, and no text or keyword could set it otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

_CONTEXTS = (ast.Store, ast.Del)
_SETTERS = frozenset({"setattr", "__setattr__", "__dict__", "vars", "globals", "exec", "eval", "_replace"})


def switches(trees: Iterable[ast.Module]) -> dict[str, bool]:
    """The truth of each switch, by its name."""
    found: dict[str, bool] = {}
    bound: dict[str, int] = {}
    texts: list[str] = []
    for tree in trees:
        for name, value in _settings(tree):
            found[name] = bool(value)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Name, ast.Attribute)):
                name = node.id if isinstance(node, ast.Name) else node.attr
                if name in _SETTERS:
                    return {}
                if isinstance(node.ctx, _CONTEXTS):
                    bound[name] = bound.get(name, 0) + 1
            elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
                bound[node.arg] = bound.get(node.arg, 0) + 2
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.alias)):
                name = (node.asname or node.name) if isinstance(node, ast.alias) else node.name
                bound[name] = bound.get(name, 0) + 2
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    known = [name for name in found if bound.get(name) == 1]
    return {name: found[name] for name in known if not any(name in text for text in texts)}


def _settings(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """What the bodies of the module and of its classes bind to constants."""
    for body in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                yield from ((one.id, node.value.value) for one in node.targets if isinstance(one, ast.Name))


def idle(node: ast.If, known: Mapping[str, bool]) -> list[ast.stmt]:
    """The statements of an `if` that never run."""
    truth = _truth(node.test, known)
    return [] if truth is None else node.orelse if truth else node.body


def _truth(test: ast.expr, known: Mapping[str, bool]) -> bool | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        truth = _truth(test.operand, known)
        return None if truth is None else not truth
    if isinstance(test, ast.Attribute):
        return known.get(test.attr)
    return known.get(test.id) if isinstance(test, ast.Name) else None
