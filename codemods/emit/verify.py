"""The last look at what was written: no name is used that nothing binds any more, no TF1 name is left, no comment is lost."""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from ..parse import Module
from .text import comments_in


def unbound(old: ast.Module, new: ast.Module) -> ast.Name | None:
    """The first name that the new source reads and no longer binds anywhere, though the old one did."""
    before, after = _bound(old), _bound(new)
    if "*" in after:
        return None
    gone = before - after
    for node in ast.walk(new):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id in gone
            and not hasattr(builtins, node.id)
        ):
            return node
    return None


def _bound(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
    return found


def lost_comments(module: Module, text: str) -> dict[ast.stmt, list[str]]:
    """The comments of the old source that the new text lacks, by the statement that they stand in."""
    old = module.utf8.decode()
    missing = Counter(comments_in(old)) - Counter(comments_in(text))
    if not missing:
        return {}
    found: dict[ast.stmt, list[str]] = {}
    for number, line in enumerate(old.splitlines(), 1):
        for comment in comments_in_line(line, missing):
            statement = _innermost(module.tree, number)
            if statement is not None:
                missing[comment] -= 1
                found.setdefault(statement, []).append(comment)
    return found


def comments_in_line(line: str, wanted: Counter[str]) -> list[str]:
    place = line.find("#")
    while place >= 0:
        text = line[place:].strip()
        if wanted.get(text, 0) > 0:
            return [text]
        place = line.find("#", place + 1)
    return []


def _innermost(tree: ast.Module, line: int) -> ast.stmt | None:
    best = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            if best is None or node.lineno >= best.lineno:
                best = node
    return best
