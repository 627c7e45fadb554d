"""RNN cells: TF1's own facts about them, and the sizes and structures of their states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .values import Cell, Known, Sequence, StateTuple, Tensor, Value


@dataclass(frozen=True)
class CellKind:
    """A TF1 class of cells: the base of its names, its weights in the order in which they are made."""

    base: str
    weights: tuple[str, ...]
    lstm: bool = False  # its state is c and h
    gates: int = 1  # how many the kernel computes


PEEPHOLES = ("w_f_diag", "w_i_diag", "w_o_diag")
BLOCK_PEEPHOLES = ("w_i_diag", "w_f_diag", "w_o_diag")
KINDS = {
    "BasicRNNCell": CellKind("basic_rnn_cell", ("kernel", "bias")),
    "BasicLSTMCell": CellKind("basic_lstm_cell", ("kernel", "bias"), True, 4),
    "LSTMCell": CellKind("lstm_cell", ("kernel", "bias", *PEEPHOLES, "projection/kernel"), True, 4),
    "LSTMBlockCell": CellKind("lstm_cell", ("kernel", "bias", *BLOCK_PEEPHOLES), True, 4),
    "GRUCell": CellKind("gru_cell", ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")),
}
WRAPPERS = ("DropoutWrapper", "ResidualWrapper")


def weights(cell: Cell) -> tuple[str, ...]:
    """The names of a cell's weights below its scope."""
    peepholes = has(cell, "use_peepholes") or has(cell, "use_peephole")
    return tuple(
        name
        for name in KINDS[cell.kind].weights
        if (peepholes or name not in PEEPHOLES) and (name != "projection/kernel" or has(cell, "num_proj"))
    )


def weight_shape(cell: Cell, name: str, depth: int | None) -> tuple[int | None, ...]:
    """The shape of one weight, where inputs have a depth."""
    units, height = size(units_of(cell)), size(output_size(cell))
    wide = 2 if name.startswith("gates/") else KINDS[cell.kind].gates
    width = None if units is None else wide * units
    if name in PEEPHOLES:
        return (units,)
    if name == "projection/kernel":
        return (units, height)
    rows = None if depth is None or height is None else depth + height
    return (width,) if name.endswith("bias") else (rows, width)


def has(cell: Cell, setting: str) -> bool:
    """Whether a setting is given and is not None or False."""
    value = cell.values.get(setting)
    return value is not None and not (isinstance(value, Known) and not value.value)


def leaves(cell: Cell) -> list[Cell]:
    """The cells with weights of their own, in the order in which they are called."""
    return [leaf for one in cell.inner for leaf in leaves(one)] if cell.inner else [cell]


def units_of(cell: Cell) -> Value:
    """The number of a cell's own units."""
    return cell.values.get("num_units", Value())


def output_size(cell: Cell) -> Value:
    """The size of a cell's output."""
    if cell.inner:
        return output_size(cell.inner[-1])
    return cell.values["num_proj"] if has(cell, "num_proj") else units_of(cell)


def state_size(cell: Cell) -> Value:
    """What `cell.state_size` gives."""
    return state(cell, lambda size: size)


def state(cell: Cell, make: Callable[[Value], Value]) -> Value:
    """A state of a cell: `make` makes each of its parts of the part's size."""
    if cell.kind == "MultiRNNCell":
        return Sequence([state(one, make) for one in cell.inner], "tuple")
    if cell.inner:
        return state(cell.inner[0], make)
    if KINDS[cell.kind].lstm:
        return StateTuple([make(units_of(cell)), make(output_size(cell))])
    return make(units_of(cell))


def is_single(cell: Cell) -> bool:
    """Whether a cell's state is one tensor."""
    return not isinstance(state(cell, lambda size: size), Sequence)


def depth_of(value: Value | None) -> int | None:
    """The static size of a tensor's last axis."""
    return value.shape[-1] if isinstance(value, Tensor) and value.shape else None


def size(value: Value) -> int | None:
    """A size as a part of a static shape."""
    return value.value if isinstance(value, Known) and isinstance(value.value, int) else None
