"""A checkpoint's path as the folder and the name of its files, which CheckpointManager is told apart.

Where the source shows where the name begins (the last of what is joined, what is behind the last slash of a sum of strings) its
two parts are written; any other path that is computed without effects is given to `os.path`.
"""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.values import Known
from .context import Context, quoted

Split = tuple[list[Part], list[Part]]


def split(context: Context, node: ast.expr, path: str) -> Split:
    """The parts of the two expressions, as edits take them."""
    found = _constant(node) or _joined(context, node, path) or _sum(context, node)
    if found is not None:
        return found
    if _is_pure(node):
        context.need(path, "os", "import os")
        return ["os.path.dirname(", node, ') or "."'], ["os.path.basename(", node, ")"]
    raise context.stop("a checkpoint's path that can't be split into folder and name", node, path)


def _constant(node: ast.expr) -> Split | None:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None
    head, _, tail = node.value.rpartition("/")
    return [quoted(head or ("/" if node.value.startswith("/") else "."))], [quoted(tail)]


def _joined(context: Context, node: ast.expr, path: str) -> Split | None:
    """`os.path.join(…, name)`, where the last has no slash of its own."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) < 2 or not _is_join(context, node, path):
        return None
    if any(isinstance(one, ast.Starred) for one in node.args) or not _has_no_slash(context, node.args[-1]):
        return None
    *first, last = node.args
    if len(first) == 1:
        return [first[0]], [last]
    parts: list[Part] = [node.func, "("]
    for place, one in enumerate(first):
        parts.extend([", ", one] if place else [one])
    return [*parts, ")"], [last]


def _is_join(context: Context, node: ast.Call, path: str) -> bool:
    return context.modules[path].text(node.func) in {"os.path.join", "path.join", "osp.join", "join"}


def _sum(context: Context, node: ast.expr) -> Split | None:
    """`folder + "/" + name`, split at the last slash, behind which there is none."""
    terms = _terms(node)
    for place in reversed(range(len(terms))):
        term = terms[place]
        if isinstance(term, ast.Constant) and isinstance(term.value, str) and "/" in term.value:
            head, _, tail = term.value.rpartition("/")
            folder = _added([*terms[:place], *([quoted(head)] if head else [])])
            name = _added([*([quoted(tail)] if tail else []), *terms[place + 1 :]])
            return (folder, name) if folder and name else None
        if not _has_no_slash(context, term):
            return None
    return None


def _terms(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]


def _added(terms: list[Part]) -> list[Part]:
    parts: list[Part] = []
    for term in terms:
        parts.extend([" + ", term] if parts else [term])
    return parts


def _has_no_slash(context: Context, node: ast.expr) -> bool:
    """Whether a part of a path is known to name no folder."""
    if isinstance(node, ast.Constant):
        return "/" not in str(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        values = [one for given in node.args for one in context.run.meanings.get(given, [])]
        return bool(values) and all(isinstance(one, Known) and "/" not in str(one.value) for one in values)
    values = context.run.meanings.get(node, [])
    return bool(values) and all(isinstance(one, Known) and "/" not in str(one.value) for one in values)


PURE = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.BinOp)
PURE_CALLS = frozenset({"join", "format", "str", "dirname", "basename", "abspath", "expanduser", "realpath"})


def _is_pure(node: ast.AST) -> bool:
    """Whether an expression may be evaluated twice: names, and what puts strings together."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            function = part.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name not in PURE_CALLS:
                return False
        elif isinstance(part, ast.expr) and not isinstance(part, PURE):
            return False
    return True
