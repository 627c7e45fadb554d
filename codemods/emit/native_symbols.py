"""Every other TensorFlow name of a native program, rewritten one by one, and the reasons where that can't be."""

from __future__ import annotations

import ast

from ..diagnostics import Diagnostic
from ..graph.frames import Problem
from ..graph.values import (
    Sequence,
    Tensor,
    Variable,
    graph_values,
)
from ..symbols import Hooks, numpy, rewrite
from .context import Context


def reason(problem: Problem, message: str) -> Diagnostic:
    """Why a program can't go native, as a diagnostic."""
    node = problem.node
    return Diagnostic(
        "unit-left", "TFM910", f"not native because of {message}", problem.module.path,
        getattr(node, "lineno", 1), getattr(node, "col_offset", 0), getattr(node, "end_lineno", 0) or 0,
        getattr(node, "end_col_offset", 0) or 0,
    )  # fmt: skip


def rewrite_symbols(context: Context) -> list[Diagnostic]:
    """Everything else is rewritten name by name; what can't be makes the program stay."""
    reasons: list[Diagnostic] = []
    for path, module in context.modules.items():
        if path in context.helpers:
            continue

        idle = {inner for one in _untaken(context, path) for inner in ast.walk(one)}

        def keep(node: ast.AST, idle: set[ast.AST] = idle) -> bool:
            if node in idle:
                return False
            current: ast.AST | None = node
            while current is not None:
                if current in context.owned:
                    return False
                if not isinstance(current, ast.Attribute):
                    break
                current = current.value
            return not _is_owned_prefix(context, node)

        result = rewrite(
            module, context.names[path], context.edits[path], "native", keep, _hooks(context), context.unsafe
        )
        context.diagnostics.extend(result.unsafe)
        context.rewritten[path] = result
        for statement in result.needs.aliases:  # the statements of the edited text must stay as many
            context.edits[path].replace(statement, "pass")
            context.moves[path].dropped.add(statement)
        for node, why in result.left.items():
            name = context.names[path].name_of(node) or ""
            if name.startswith("examples"):
                context.note("examples-left", "TFM104", why, node, path)
                continue
            told = f"tf.{name}: {why}" if name else why
            reasons.append(reason(Problem(node, module, ""), _unreached(context, node, path) or told))
        context.diagnostics.extend(numpy.register(module, context.edits[path], result.needs.imports))
        context.imports[path].update(result.needs.imports)
        if result.needs.tensorflow:
            context.imports[path].add(f"import tensorflow as {result.needs.tensorflow}")
    return reasons


def _untaken(context: Context, path: str) -> list[ast.stmt]:
    """The statements of conditions that go, since the program never takes them."""
    opened = context.moves[path].opened
    return [one for node, truth in opened.items() for one in (node.orelse if truth else node.body)]


def _unreached(context: Context, node: ast.AST, path: str) -> str | None:
    """Why a name stands in graph code that was not followed, where nothing runs that code."""
    outer: ast.AST | None = node
    while outer is not None:
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)) and outer not in context.run.activations:
            return f"TensorFlow 1 in `{outer.name}`, which nothing in the project calls"
        outer = context.parents.get(outer)
    return None


def _is_owned_prefix(context: Context, node: ast.AST) -> bool:
    parent = context.parents.get(node)
    while isinstance(parent, ast.Attribute):
        if parent in context.owned:
            return True
        parent = context.parents.get(parent)
    return False


def _hooks(context: Context) -> Hooks:
    def labels(call: ast.Call) -> bool:
        for keyword in call.keywords:
            if keyword.arg == "labels":
                found = context.run.meanings.get(keyword.value, [])
                return not found or any(
                    isinstance(root, Variable) for value in found for leaf in graph_values(value) for root in leaf.roots
                )
        return True

    def shape_of(node: ast.expr) -> object:
        found = context.run.meanings.get(node, [])
        shapes = {value.shape for value in found if isinstance(value, Tensor)}
        return next(iter(shapes)) if len(shapes) == 1 and len(found) >= 1 else None

    def dtype_of(node: ast.expr) -> str | None:
        found = context.run.meanings.get(node, [])
        kinds = {value.dtype for value in found if isinstance(value, Tensor)}
        return next(iter(kinds)) if len(kinds) == 1 else None

    def count_of(node: ast.expr) -> int | None:
        found = context.run.meanings.get(node, [])
        counts = {len(value.items) if isinstance(value, Sequence) else None for value in found}
        return counts.pop() if len(counts) == 1 else None

    return Hooks(labels, shape_of, dtype_of, count_of)  # type: ignore[arg-type]
