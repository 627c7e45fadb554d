"""What units are: the statements of a program that are planned one by one (see units.py for which is which)."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import GraphValue
from .twins import Twins


@dataclass(eq=False)
class Unit:
    """One unit statement and what it makes.

    kind: "host" (stays), "setup" (stays, rewritten: variables, optimizers, datasets), "graph" (moves into functions),
    "placeholder" and "session" (go), "cell" (goes: RNN cells are written where their layers are made), "feed" (a dict of
    feeds), "opened" (a condition that is decided).
    """

    statement: Statement
    kind: str = "host"
    made: list[GraphValue] = field(default_factory=list)
    parts: list[Statement] = field(default_factory=list)

    @property
    def index(self) -> int:
        return self.statement.index

    @property
    def node(self) -> ast.stmt:
        return self.statement.node


@dataclass(eq=False)
class Units:
    """The unit statements of a program."""

    run: Interpreter
    frames: set[Frame]
    twins: Twins = field(default_factory=Twins)
    of: dict[Statement, Unit] = field(default_factory=dict)
    ordered: list[Unit] = field(default_factory=list)
    homes: dict[Frame, Frame] = field(default_factory=dict)  # activations of model functions, see model_functions

    def leaf(self, chain: Iterable[Statement]) -> Unit | None:
        """The unit that the innermost statement of the unit frames belongs to."""
        found: Statement | None = None
        for statement in chain:
            if statement.frame not in self.frames:
                break
            found = statement
        return self.of.get(found) if found is not None else None

    def unit(self, value: GraphValue) -> Unit | None:
        return self.leaf(value.chain)
