"""Why a program can't go native."""

from __future__ import annotations

import ast

from ..graph.frames import Frame, Statement


class Undecided(Exception):
    """A unit that can't go native: the reason, and where."""

    def __init__(self, message: str, node: ast.AST, path: str) -> None:
        super().__init__(message)
        self.node = node
        self.path = path


def undecided(message: str, node: ast.AST, statement: Statement) -> Undecided:
    return Undecided(message, node, statement.frame.module.path)


class ToOutline(Undecided):
    """Statements that would go native if they were a function of their own: what it takes and gives, by names."""

    def __init__(self, statements: list[ast.stmt], inputs: list[str], outputs: list[str], path: str) -> None:
        super().__init__("layers or variables made in a loop or under a condition", statements[0], path)
        self.statements = statements
        self.inputs = inputs
        self.outputs = outputs


class ToHoist(Undecided):
    """A statement that would go native if the variables that it makes, or the feeds, had statements of their own."""

    def __init__(
        self,
        statement: ast.stmt,
        calls: list[ast.Call],
        path: str,
        message: str = "a statement that makes both variables and tensors",
        wish: str = "variable",
        read: bool = False,
    ) -> None:
        super().__init__(message, statement, path)
        self.statement = statement
        self.calls = calls
        self.wish = wish
        self.read = read  # its old name means the value of the variable from here on


class ToRename(Undecided):
    """A name that means several things in turn, of which functions want an earlier one later."""

    def __init__(self, message: str, node: ast.AST, frame: Frame, name: str) -> None:
        super().__init__(message, node, frame.module.path)
        self.frame = frame
        self.name = name


class ToWriteOut(Undecided):
    """A function that would go native if it were written out at its call, where names reach what it needs."""

    def __init__(self, message: str, node: ast.AST, frame: Frame) -> None:
        super().__init__(message, node, frame.module.path)
        self.frame = frame
