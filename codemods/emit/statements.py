"""Edits of whole statements as spans: a statement dropped or written anew, lines put before or after one."""

from __future__ import annotations

import ast
import re

from ..edits import Edits
from ..parse import Module

_COMMENT = re.compile(rb"#[^\r\n]*")
_NEWLINE = re.compile(rb"\r\n|\n|\r")
_LINE_END = re.compile(rb"[^\r\n]*")


class Statements:
    """Changes to the statements of one module, registered by `done`: one edit for each statement."""

    def __init__(self, module: Module, edits: Edits) -> None:
        self.module = module
        self.edits = edits
        self._blocks = {child: block for block in _blocks(module.tree) for child in block}
        self._top = frozenset(module.tree.body)
        self._before: dict[ast.stmt, list[str]] = {}
        self._after: dict[ast.stmt, list[str]] = {}
        self._instead: dict[ast.stmt, list[str]] = {}

    def drop(self, statement: ast.stmt) -> None:
        self._instead[statement] = []

    def instead(self, statement: ast.stmt, lines: list[str]) -> None:
        self._instead[statement] = lines

    def before(self, statement: ast.stmt, lines: list[str]) -> None:
        self._before.setdefault(statement, []).extend(lines)

    def after(self, statement: ast.stmt, lines: list[str]) -> None:
        if statement in self._instead:
            self._instead[statement].extend(lines)
        else:
            self._after.setdefault(statement, []).extend(lines)

    def stays(self, statement: ast.stmt) -> bool:
        """Whether anything of a statement is left."""
        return bool(self._instead.get(statement, True))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which this one stands."""
        return self._blocks[statement]

    def top(self, statement: ast.stmt) -> ast.stmt:
        """The statement of the module itself that holds this one."""
        body = self.module.tree.body
        if statement in self._top:
            return statement
        return next(one for one in body if one.lineno <= statement.lineno <= (one.end_lineno or one.lineno))

    def first_on_line(self, statement: ast.stmt) -> ast.stmt:
        """The first statement of its block on the same line (`import os; import tensorflow`)."""
        for other in self.block(statement):
            if other.lineno == statement.lineno:
                return other
        return statement

    def done(self) -> None:
        for statement in {**self._before, **self._instead}:
            self._replace(statement)
        for statement, lines in self._after.items():
            end = self._line_end(self.module.span(statement)[1])
            indent = self._indent(self.first_on_line(statement))
            new = "".join("\n" + (indent + line if line else "") for line in lines)
            # The line's end is part of the edit: an edit without length would belong to the statement as well.
            newline = _NEWLINE.match(self.module.utf8, end)
            behind = newline[0].decode() if newline else ""
            self.edits.replace_span(end, end + len(behind), new + behind)

    def _replace(self, statement: ast.stmt) -> None:
        module = self.module
        start, end = module.span(statement)
        between = "\n" + self._indent(statement)
        ahead = self._before.get(statement, [])
        if statement not in self._instead:
            self.edits.replace(statement, *(line + between for line in ahead), statement)
            return
        # A comment within an import statement goes before what takes the statement's place.
        comments = (
            [found[0].decode() for found in _COMMENT.finditer(module.utf8, start, end)] if _is_import(statement) else []
        )
        lines = [*ahead, *comments, *self._instead[statement]]
        alone = self._alone(statement)
        if not lines and alone and self._has_others(statement):
            self._delete(statement)
            return
        if all(line.startswith("#") for line in lines) and not (alone and self._has_others(statement)):
            lines.append("pass")
        self.edits.replace_span(start, end, (between if alone or comments else "; ").join(lines))

    def _delete(self, statement: ast.stmt) -> None:
        """Takes a statement's lines away; a comment behind it stays."""
        utf8 = self.module.utf8
        start, end = self.module.span(statement)
        stop = self._line_end(end)
        behind = utf8[end:stop].lstrip()
        if behind:
            self.edits.replace_span(start, stop - len(behind))
            return
        newline = _NEWLINE.match(utf8, stop)
        self.edits.replace_span(self.module.starts[statement.lineno - 1], newline.end() if newline else stop)

    def _has_others(self, statement: ast.stmt) -> bool:
        return any(other is not statement and self.stays(other) for other in self.block(statement))

    def _alone(self, statement: ast.stmt) -> bool:
        """Whether the statement has its lines to itself."""
        start, end = self.module.span(statement)
        line = self.module.starts[statement.lineno - 1]
        rest = self.module.utf8[end : self._line_end(end)].strip()
        return not self.module.utf8[line:start].strip() and (not rest or rest.startswith(b"#"))

    def _indent(self, statement: ast.stmt) -> str:
        line = self.module.starts[statement.lineno - 1]
        ahead = self.module.utf8[line : self.module.span(statement)[0]]
        return ahead[: len(ahead) - len(ahead.lstrip())].decode()

    def _line_end(self, position: int) -> int:
        found = _LINE_END.match(self.module.utf8, position)
        return found.end() if found else position


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Import, ast.ImportFrom))


def _blocks(tree: ast.Module) -> list[list[ast.stmt]]:
    """Every list of statements below a module."""
    found: list[list[ast.stmt]] = []
    pending: list[list[ast.stmt]] = [tree.body]
    while pending:
        block = pending.pop()
        found.append(block)
        for statement in block:
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if isinstance(inner, list) and inner:
                    pending.append(inner)
            for name in ("handlers", "cases"):
                pending.extend(handler.body for handler in getattr(statement, name, ()))
    return found
