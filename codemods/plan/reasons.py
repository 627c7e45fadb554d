"""Why a program can't go native."""

from __future__ import annotations

import ast

from ..graph.frames import Statement


class Undecided(Exception):
    """A unit that can't go native: the reason, and where."""

    def __init__(self, message: str, node: ast.AST, path: str) -> None:
        super().__init__(message)
        self.node = node
        self.path = path


def undecided(message: str, node: ast.AST, statement: Statement) -> Undecided:
    return Undecided(message, node, statement.frame.module.path)
