"""What each key of a TF1 checkpoint is, told by its name and shape alone.

TF1's optimizers put their slots under the variable's name (`w/Adam`, `w/Adam_1`), prefixed by the variable scope around the
optimizer (`train/w/Adam`), moving averages likewise (`w/ExponentialMovingAverage`). Adam's powers stand alone (`beta1_power`,
`beta1_power_1` for a second Adam).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["variable", "slot", "beta-power", "average", "average-state", "step"]


@dataclass(frozen=True)
class Tensor:
    """A key of a checkpoint. `slices` counts its pieces where it was saved partitioned, 0 where that is not known."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    slices: int = 0
    nbytes: int = 0


@dataclass(frozen=True)
class Role:
    """What a key is. `optimizer` is TF1's class ("" where a name of the user's own hides it), `slot` TF1's name for it.

    `group` tells the optimizers of one class apart: the scope around it and the name it gave.
    """

    kind: Kind
    variable: str = ""
    optimizer: str = ""
    slot: str = ""
    group: str = ""

    def text(self) -> str:
        """The role in words."""
        if self.kind == "slot":
            made = self.optimizer or f"an optimizer named {self.group.rpartition('/')[2]}"
            return f"{made}: {self.slot or 'slot'} of {self.variable}"
        if self.kind == "average":
            return f"moving average of {self.variable}"
        if self.kind == "average-state":
            return "state of a moving average that corrects its bias"
        if self.kind == "beta-power":
            return f"Adam's {self.slot}"
        return {"step": "global step", "variable": "variable"}[self.kind]


# The name that each optimizer gives its slots -> its class, and the slots in the order in which they are counted.
SLOTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Momentum": ("MomentumOptimizer", ("momentum",)),
    "Adam": ("AdamOptimizer", ("m", "v")),
    "AdaMax": ("AdaMaxOptimizer", ("m", "v")),
    "AdamW": ("AdamWOptimizer", ("m", "v")),
    "RMSProp": ("RMSPropOptimizer", ("rms", "momentum")),
    "Adagrad": ("AdagradOptimizer", ("accumulator",)),
    "Adadelta": ("AdadeltaOptimizer", ("accum", "accum_update")),
    "Ftrl": ("FtrlOptimizer", ("accum", "linear")),
}
# A centered RMSProp has one more, in between.
CENTERED = ("rms", "mg", "momentum")
_AVERAGE = "ExponentialMovingAverage"
# What an average keeps that starts at zero and corrects itself for that.
_UNBIASED = ("biased", "local_step")
_POWER = re.compile(r"(?:(.*)/)?(beta[12]_power)(?:_(\d+))?")
_COUNTED = re.compile(r"(.+?)(?:_(\d+))?")
_INTEGERS = frozenset({"int32", "int64"})


def roles(tensors: Iterable[Tensor]) -> dict[str, Role]:
    """The role of every key."""
    known = {one.name: one for one in tensors}
    return {name: _role(one, known) for name, one in known.items()}


def counted(name: str) -> tuple[str, int]:
    """A name that TF1 made unique as its stem and its number: "Adam_1" is ("Adam", 1)."""
    found = _COUNTED.fullmatch(name)
    return (found[1], int(found[2] or 0)) if found else (name, 0)


def _role(tensor: Tensor, known: Mapping[str, Tensor]) -> Role:
    name, scalar = tensor.name, not tensor.shape
    power = _POWER.fullmatch(name)
    if power and scalar:
        scope, kind, number = power.groups()
        return Role("beta-power", slot=kind, group=f"{scope or ''}/{number or 0}")
    if name.rpartition("/")[2] == "global_step" and scalar and tensor.dtype in _INTEGERS:
        return Role("step")
    owner, _, leaf = name.rpartition("/")
    stem, number = counted(leaf)
    if owner and stem in SLOTS:
        variable = _variable(owner, tensor, known)
        if variable:
            return _slot(owner, variable, stem, number, known)
    if owner and stem == _AVERAGE:
        variable = _variable(owner, None, known)
        if variable:
            return Role("average", variable)
    if leaf in _UNBIASED and all(f"{owner}/{one}" in known for one in _UNBIASED):
        return Role("average-state", owner)
    if owner in known and known[owner].shape == tensor.shape and known[owner].dtype == tensor.dtype:
        return Role("slot", owner, "", str(number), stem)
    return Role("variable")


def _variable(owner: str, tensor: Tensor | None, known: Mapping[str, Tensor]) -> str:
    """The variable that a slot's name speaks of: the whole of it, or what follows the scope around the optimizer."""
    parts = owner.split("/")
    for start in range(len(parts)):
        candidate = "/".join(parts[start:])
        if candidate in known and (tensor is None or known[candidate].shape == tensor.shape):
            return candidate
    return "" if tensor is not None else owner


def _slot(owner: str, variable: str, stem: str, number: int, known: Mapping[str, Tensor]) -> Role:
    optimizer, slots = SLOTS[stem]
    if stem == "RMSProp" and f"{owner}/{stem}_{len(slots)}" in known:
        slots = CENTERED
    scope = owner.removesuffix(variable).strip("/")
    if number >= len(slots):  # a second optimizer of one name on one variable
        return Role("slot", variable, optimizer, slots[number % len(slots)], f"{scope}/{stem}_{number // len(slots)}")
    return Role("slot", variable, optimizer, slots[number], f"{scope}/{stem}")
