"""The last look at what was written: no name is used that nothing binds any more, no TF1 name is left, no comment is lost."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterator

from ..api import is_module, is_native, native
from ..ignoring import is_ignore
from ..names import Names, resolve
from ..parse import Module, parse
from ..symbols.fitting import refused
from .text import comments_in, split_lines

# What compat.v1 has for programs without graph mode: TensorFlow's own way to run a graph that was read from a file.
GRAPH_FILES = frozenset({"GraphDef", "MetaGraphDef", "wrap_function"})


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


def gone(names: Names) -> tuple[ast.expr, str] | None:
    """The first TensorFlow name of what was written that TensorFlow 2.21 has not, or that does not take its arguments there,
    and what is wrong with it; tf.examples is told elsewhere."""
    for use in names.uses:
        if use.api == "v1" and use.name.partition(".")[0] in GRAPH_FILES:
            continue
        if not use.name or use.name.startswith(("__", "examples")):
            continue
        if use.api == "v1" or not _exists(use.name):
            return use.node, f"tf.{use.name}, which is used in a way that is not followed"
        call, signature = names.call_of(use.node), native(use.name)
        why = refused(call, signature) if call is not None and signature else None
        if why is not None:
            return use.node, f"arguments that TensorFlow 2's tf.{use.name} does not take: {why}"
    return None


def written_names(module: Module, text: str) -> Names:
    """The TensorFlow names of a module's new text."""
    return resolve(parse(module.encode(text), module.path, module.name))


def _exists(name: str) -> bool:
    """Whether TensorFlow 2.21 has a name, or the class that it is an attribute of."""
    owner = name.rpartition(".")[0]
    return is_native(name) or is_module(name) or (is_native(owner) and not is_module(owner))


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


def read_too_early(function: ast.FunctionDef) -> str | None:
    """A name that a function binds, but reads before: its meaning outside of the function is out of reach there."""
    local = {
        node.id for node in _own_nodes(function.body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } | {node.name for node in function.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    known = {one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    pending: list[ast.stmt] = list(function.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.With):
            pending[:0] = node.body
            parts: list[ast.AST] = [*node.items]
        else:
            parts = [node]
        if isinstance(node, ast.FunctionDef):
            known.add(node.name)
            continue
        names = [one for part in parts for one in _own_nodes([part]) if isinstance(one, ast.Name)]
        stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
        simple = not isinstance(node, (ast.For, ast.While, ast.If, ast.Try))
        for one in names:
            early = one.id in local and one.id not in known
            if isinstance(one.ctx, ast.Load) and early and (simple or one.id not in stored):
                return one.id
        known |= stored
    return None


def _own_nodes(body: list[ast.stmt] | list[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of statements, without those of functions and comprehensions within them, which have names of their own."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(
            node, (ast.FunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp)
        ):
            continue
        stack.extend(ast.iter_child_nodes(node))


def lost_comments(module: Module, text: str) -> dict[ast.stmt, list[str]]:
    """The comments of the old source that the new text lacks, by the statement that they stand in.

    One that has findings of a statement ignored goes with its statement.
    """
    old = module.utf8.decode()
    missing = Counter(comments_in(old)) - Counter(comments_in(text))
    missing = Counter({comment: count for comment, count in missing.items() if not is_ignore(comment)})
    if not missing:
        return {}
    found: dict[ast.stmt, list[str]] = {}
    for number, line in enumerate(split_lines(old), 1):
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
