"""Prints of symbolic tensors within functions that build graph (`print("loss:", loss)`) go, and are told.

They showed what the graph's value is called. Where the function is one that executions call, or the `call` of a model, there is
none any more, and a statement with an effect must not stand there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ..diagnostics import Diagnostic
from ..emit.text import column, trailing_comment
from ..graph.frames import Statement
from ..graph.interpreter import Interpreter
from ..graph.values import GraphValue, Variable
from ..parse import Module
from ..plan.units import frames_of_units, moves
from .origins import Origins, at, identity, split, written
from .outlining import own_lines

MESSAGE = "a print of a symbolic tensor, dropped: there is none any more"


def dropped(
    run: Interpreter, origins: Mapping[str, Origins], told: list[Diagnostic]
) -> dict[str, tuple[Module, Origins]]:
    """The modules without such prints; empty where there are none. What goes is added to `told`, at its old place."""
    going: dict[str, dict[ast.stmt, Module]] = {}
    for statement in _prints(run):
        going.setdefault(statement.frame.module.path, {})[statement.node] = statement.frame.module
    found: dict[str, tuple[Module, Origins]] = {}
    for path, nodes in going.items():
        module = next(iter(nodes.values()))
        for node in nodes:
            place, line, column = at(origins, path, node.lineno, node.col_offset)
            told.append(Diagnostic("symbolic-host-code", "TFM912", MESSAGE, place, line, column))
        found[path] = _without(module, list(nodes), origins.get(path) or identity(module.utf8.decode()))
    return found


def _prints(run: Interpreter) -> Iterator[Statement]:
    frames = frames_of_units(run)
    for statement in run.statements:
        inner = statement.frame not in frames and isinstance(statement.frame.node, ast.FunctionDef)
        if inner and _shows_tensors(run, statement.node) and own_lines(statement.frame.module, [statement.node]):
            yield statement


def _shows_tensors(run: Interpreter, node: ast.stmt) -> bool:
    """Whether a statement prints symbolic tensors, and beside them texts and numbers alone."""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "print":
        return False
    shown = [_is_symbolic(run, one) for one in call.args]
    return any(shown) and all(one or isinstance(arg, ast.Constant) for one, arg in zip(shown, call.args, strict=True))


def _is_symbolic(run: Interpreter, node: ast.expr) -> bool:
    values = run.meanings.get(node, [])
    return bool(values) and all(
        isinstance(one, GraphValue) and (moves(one) or isinstance(one, Variable)) for one in values
    )


def _without(module: Module, nodes: list[ast.stmt], old: Origins) -> tuple[Module, Origins]:
    """The lines that are left: a comment behind the print, and `pass` where its block would be empty."""
    alone = {body[0] for part in ast.walk(module.tree) for body in _bodies(part) if len(body) == 1}
    left: dict[int, str] = {}
    for node in nodes:
        rest = " ".join([*(["pass"] if node in alone else []), *filter(None, [trailing_comment(module, node)])])
        left.update(dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), ""))
        left[node.lineno] = column(module, node) + rest if rest else ""
    kept = [
        (left.get(number, line), of) for number, (line, of) in enumerate(zip(_split(module), old.of, strict=True), 1)
    ]
    kept = [one for number, one in enumerate(kept, 1) if left.get(number) != ""]
    lines, of = [line for line, _ in kept], [origin for _, origin in kept]
    return written(module, lines, of)


def _split(module: Module) -> list[str]:
    return split(module.utf8.decode())


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body:
            yield body
