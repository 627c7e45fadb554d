"""Names of modules that functions bind again (`global count`): their host values may be others at another time.

A name that a function declares global, and that more than one statement of its module binds, is a counter, a flag or a cache.
What it held when the function was last read says nothing about when it runs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator


def changing(tree: ast.Module) -> frozenset[str]:
    """The names of a module that functions bind, and that are bound in several places."""
    declared: set[str] = set()
    counts = Counter(_bound(tree.body, set(), declared))
    return frozenset(name for name in declared if counts[name] > 1)


def _bound(body: list[ast.stmt], own: set[str], declared: set[str], inside: bool = False) -> Iterator[str]:
    """The names of the module that statements bind, once for each place: in a function, only those declared global."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
            inner = list(_bound(node.body, names, declared, True))
            declared.update(inner)
            yield from inner
        elif isinstance(node, ast.ClassDef):
            yield from _bound(node.body, own, declared, True)
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                if not inside or node.id in own:
                    yield node.id
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                if not inside or node.target.id in own:
                    yield node.target.id  # it reads what it binds: with the Store of its target, two places
            stack.extend(ast.iter_child_nodes(node))
