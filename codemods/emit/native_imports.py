"""The imports of a module at the native level."""

from __future__ import annotations

import ast
import re

from .context import Context


def native_imports(context: Context, path: str) -> None:
    """Rewrites the imports of TensorFlow, drops those that nothing needs any more, adds those that are new."""
    module, edits, moves = context.modules[path], context.edits[path], context.moves[path]
    names = context.names[path]
    own = [found for found in names.imports if not found.foreign]
    for found in own:
        node = found.node
        if found.name == "" and found.api == "v1":
            bound = found.bound
            moves.replaced[node] = "import tensorflow" + (f" as {bound}" if bound != "tensorflow" else "")
        elif found.name.startswith("contrib") or (found.api == "v1" and found.name):
            if len(node.names) == 1 or all(any(one.alias is alias for one in own) for alias in node.names):
                moves.dropped.add(node)
            else:
                raise context.stop("an import of TensorFlow 1 names beside others", node, path)
    wanted = sorted(context.imports[path])
    have = module.utf8.decode()
    wanted = [line for line in wanted if not re.search(rf"^{re.escape(line)}\b", have, re.MULTILINE)]
    if not wanted:
        return
    anchor = _anchor(context, path)
    if anchor is None:
        first = next((one for one in module.tree.body if not _is_docstring(one)), None)
        if first is not None:
            moves.before.setdefault(first, [])[:0] = wanted
        return
    _ = edits
    following = moves.after.setdefault(anchor, [])
    following.extend(wanted)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _anchor(context: Context, path: str) -> ast.stmt | None:
    """The last import of the module's head."""
    last = None
    for node in context.modules[path].tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            last = node
        elif not _is_docstring(node) or last is not None:
            break
    return last
