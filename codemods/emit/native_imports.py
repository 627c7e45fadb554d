"""The imports of a module at the native level."""

from __future__ import annotations

import ast
import re

from .context import Context
from .imports import changes, merged
from .text import is_docstring


def native_imports(context: Context, path: str) -> None:
    """Rewrites the imports of TensorFlow, drops those that nothing needs any more, adds those that are new."""
    module, moves = context.modules[path], context.moves[path]
    for node, lines in changes(context.names[path], context.rewritten[path], "native").items():
        kept = [line for line in lines if line is not None]
        if kept:
            moves.replaced[node] = "\n".join(merged(kept))
        else:
            moves.dropped.add(node)
    for statement in context.rewritten[path].needs.aliases:
        context.edits[path].replace(statement, "pass")  # something must stand there until it is taken out
        moves.dropped.add(statement)
    _definitions(context, path)
    wanted = sorted(context.imports[path], key=lambda line: (line.startswith("from "), line))
    have = module.utf8.decode()
    wanted = [line for line in wanted if not re.search(rf"^{re.escape(line)}\b", have, re.MULTILINE)]
    if not wanted:
        return
    anchor = _anchor(context, path)
    if anchor is None:
        first = next((one for one in module.tree.body if not is_docstring(one)), None)
        if first is not None:
            moves.before.setdefault(first, [])[:0] = wanted
        return
    following = moves.after.setdefault(anchor, [])
    following.extend(wanted)


def _definitions(context: Context, path: str) -> None:
    """Puts definitions that calls need before the first statement that is no import."""
    blocks = context.rewritten[path].needs.blocks
    first = next(
        (one for one in context.modules[path].tree.body if not is_docstring(one) and not isinstance(one, IMPORTS)), None
    )
    if blocks and first is not None:
        context.moves[path].before.setdefault(first, [])[:0] = blocks


IMPORTS = (ast.Import, ast.ImportFrom)


def _anchor(context: Context, path: str) -> ast.stmt | None:
    """The last import of the module's head."""
    last = None
    for node in context.modules[path].tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            last = node
        elif not is_docstring(node) or last is not None:
            break
    return last


def numpy_name(context: Context, path: str) -> str:
    """How a module spells NumPy; asks for the import where it does not."""
    for node in context.modules[path].tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "numpy":
                    return alias.asname or "numpy"
    context.imports[path].add("import numpy as np")
    return "np"
