"""What a native program has: the facts about its variables and optimizers that mapping needs. `building` finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CellKind = Literal["lstm", "gru", "gru-reset-after", "rnn"]


@dataclass(frozen=True)
class KerasCell:
    """One of Keras' own recurrent cells, as each of its variables knows it. `index` is its place in a stack of cells."""

    key: str
    kind: CellKind
    part: str
    inputs: int
    units: int
    direction: Literal["", "forward", "backward"] = ""
    index: int | None = None


@dataclass(frozen=True)
class Target:
    """A variable of the new program.

    `key` is its own (the way to it from the checkpoint's root), `path` what users see, which two variables may share.
    `prefix` is the name of the model that the path starts with, if it does. A variable of an optimizer knows it by its key,
    with the slot's name and the key of the variable that it stands beside.
    """

    key: str
    path: str
    shape: tuple[int, ...]
    dtype: str
    prefix: str = ""
    cell: KerasCell | None = None
    optimizer: str = ""
    slot: str = ""
    of: str = ""


@dataclass(frozen=True)
class TargetOptimizer:
    """An optimizer of the new program: `kind` is Keras' class, "" for a class of the user's own.

    `learning_rate` is None where it changes by a schedule. `betas` are those of Adam's family, by TF1's names of the powers.
    """

    key: str
    name: str
    kind: str
    learning_rate: float | None
    betas: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Targets:
    """All variables, in the order in which they are found, and the optimizers."""

    variables: tuple[Target, ...]
    optimizers: tuple[TargetOptimizer, ...] = ()
