"""TF1's recurrent cells against Keras': which parts of which variable go where.

TF1 keeps input and recurrent kernel in one, rows of the input first. Its LSTM has the gates i, j, f, o and adds the forget
bias at run time; Keras has i, f, c, o. Its GRU has r, u in one variable and the candidate in another; Keras has z, r, h.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tf_modernize.codemods.manifest import Transformation

from .roles import Tensor
from .targets import CellKind

Kind = Literal["lstm", "gru", "cudnn-gru", "rnn"]

# The name that TF1 gives a cell's scope -> what it is, and the forget bias that its class has by default.
NAMES: Mapping[str, tuple[Kind, float]] = {
    "basic_lstm_cell": ("lstm", 1.0),
    "lstm_cell": ("lstm", 1.0),
    "lstm_fused_cell": ("lstm", 1.0),
    "cudnn_compatible_lstm_cell": ("lstm", 0.0),
    "gru_cell": ("gru", 0.0),
    "cudnn_compatible_gru_cell": ("cudnn-gru", 0.0),
    "basic_rnn_cell": ("rnn", 0.0),
}
KERAS_KINDS: Mapping[Kind, CellKind] = {"lstm": "lstm", "gru": "gru", "cudnn-gru": "gru-reset-after", "rnn": "rnn"}
LEAVES: Mapping[Kind, frozenset[str]] = {
    "lstm": frozenset({"kernel", "bias"}),
    "rnn": frozenset({"kernel", "bias"}),
    "gru": frozenset({"gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias"}),
    "cudnn-gru": frozenset(
        {
            "gates/kernel",
            "gates/bias",
            "candidate/input_projection/kernel",
            "candidate/input_projection/bias",
            "candidate/hidden_projection/kernel",
            "candidate/hidden_projection/bias",
        }
    ),
}
_LSTM_ORDER = [0, 2, 1, 3]
_FORGET = 1
_SCOPE = re.compile(rf"(?:(.*)/)?({'|'.join(NAMES)})(?:_\d+)?")
_STACK = re.compile(r"cell_(\d+)")


@dataclass(frozen=True)
class Part:
    """What one TF1 variable gives one variable of the Keras cell."""

    part: str
    transformation: Transformation
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A recurrent cell in a TF1 checkpoint: `variables` are its keys by what they are in the cell."""

    scope: str
    kind: Kind
    inputs: int
    units: int
    forget_bias: float
    variables: Mapping[str, str]

    @property
    def direction(self) -> str:
        parts = set(self.scope.split("/"))
        return "forward" if "fw" in parts else "backward" if "bw" in parts else ""

    @property
    def index(self) -> int | None:
        found = [_STACK.fullmatch(one) for one in self.scope.split("/")]
        return next((int(one[1]) for one in reversed(found) if one), None)


def scope_of(name: str) -> str:
    """The scope of the cell that a variable belongs to by its name, "" where it has none."""
    parts = name.split("/")
    for end in range(len(parts) - 1, 0, -1):
        if _SCOPE.fullmatch("/".join(parts[:end])):
            return "/".join(parts[:end])
    return ""


def cells(variables: Iterable[Tensor], named: Mapping[str, tuple[Kind, float]]) -> list[Cell]:
    """The cells among a checkpoint's variables; `named` says of further scopes what cells they are.

    A cell that has more variables than its kind (peepholes, a projection) is none of these: it has no counterpart in Keras.
    """
    grouped: dict[str, dict[str, Tensor]] = {}
    for one in variables:
        scope = next((scope for scope in named if one.name.startswith(f"{scope}/")), "") or scope_of(one.name)
        if scope:
            leaf = one.name[len(scope) + 1 :].replace("weights", "kernel").replace("biases", "bias")
            grouped.setdefault(scope, {})[leaf] = one
    found = []
    for scope, members in grouped.items():
        kind, forget_bias = named.get(scope) or NAMES[_SCOPE.fullmatch(scope)[2]]  # type: ignore[index]
        if members.keys() == LEAVES[kind]:
            sizes = _sizes(kind, members)
            if sizes:
                names = {leaf: one.name for leaf, one in members.items()}
                found.append(Cell(scope, kind, *sizes, forget_bias, names))
    return found


def with_forget_bias(cell: Cell, forget_bias: float) -> Cell:
    """The cell as the program made it, where its forget bias is not the default."""
    return dataclasses.replace(cell, forget_bias=forget_bias)


def parts(cell: Cell, leaf: str) -> list[Part]:
    """What a variable of the cell gives to the Keras cell's kernel, recurrent_kernel and bias."""
    inputs, units = cell.inputs, cell.units
    rows = {"kernel": [0, inputs], "recurrent_kernel": [inputs, inputs + units]}
    if cell.kind == "rnn":
        if leaf == "bias":
            return [Part("bias", "none", {})]
        return [Part(part, "split", {"rows": taken}) for part, taken in rows.items()]
    if cell.kind == "lstm":
        if leaf == "kernel":
            return [Part(part, "gates", {"rows": taken, "order": _LSTM_ORDER}) for part, taken in rows.items()]
        if not cell.forget_bias:
            return [Part("bias", "gates", {"order": _LSTM_ORDER})]
        added = {"order": _LSTM_ORDER, "forget_bias": cell.forget_bias, "forget_block": _FORGET}
        return [Part("bias", "forget-bias", added)]
    return _gru_parts(cell, leaf, rows)


def _gru_parts(cell: Cell, leaf: str, rows: Mapping[str, list[int]]) -> list[Part]:
    units = cell.units
    gates = leaf.startswith("gates/")
    order = {"order": [1, 0]} if gates else {}
    columns = [0, 2 * units] if gates else [2 * units, 3 * units]
    transformation: Transformation = "gates" if gates else "split"
    if leaf.endswith("bias"):
        if cell.kind == "gru":
            details = {**order, "shape": [3 * units], "into": [columns]}
        else:
            row = [1, 2] if "hidden" in leaf else [0, 1]
            details = {**order, "shape": [2, 3 * units], "into": [row, columns]}
        return [Part("bias", transformation, details)]
    found = []
    for part, taken in rows.items():
        height = taken[1] - taken[0]
        place = {"shape": [height, 3 * units], "into": [[0, height], columns]}
        if "projection" not in leaf:
            found.append(Part(part, transformation, {"rows": taken, **order, **place}))
        elif ("hidden" in leaf) == (part == "recurrent_kernel"):
            found.append(Part(part, transformation, place))
    return found


def _sizes(kind: Kind, members: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """The numbers of inputs and units, where the shapes of all variables fit one another."""
    first = "kernel" if kind in ("lstm", "rnn") else "gates/kernel"
    gates = {"lstm": 4, "rnn": 1, "gru": 2, "cudnn-gru": 2}[kind]
    kernel = members[first].shape
    if len(kernel) != 2 or kernel[1] % gates or kernel[0] <= kernel[1] // gates:
        return None
    units = kernel[1] // gates
    inputs = kernel[0] - units
    wanted = {
        first: (inputs + units, gates * units),
        first.replace("kernel", "bias"): (gates * units,),
        "candidate/kernel": (inputs + units, units),
        "candidate/bias": (units,),
        "candidate/input_projection/kernel": (inputs, units),
        "candidate/hidden_projection/kernel": (units, units),
        "candidate/input_projection/bias": (units,),
        "candidate/hidden_projection/bias": (units,),
    }
    return (inputs, units) if all(one.shape == wanted[leaf] for leaf, one in members.items()) else None
