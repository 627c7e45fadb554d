"""TF1's optimizer slots against the variables of Keras' optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tf_modernize.codemods.manifest import Transformation

from .roles import CENTERED, SLOTS, Role
from .transformations import for_slot


@dataclass(frozen=True)
class Form:
    """The variable of a Keras optimizer that takes a slot's place.

    `negative_rate`: Keras folds the learning rate into it, with the other sign. `absent`: why Keras may do without it.
    `alone`: it is the only thing that Keras would keep, so that without it nothing tells that the optimizer is meant.
    """

    name: str
    negative_rate: bool = False
    absent: str = ""
    alone: bool = False


_UNUSED = "without momentum Keras keeps none"
# Keras' class -> TF1's class, and the form of each slot.
FORMS: Mapping[str, tuple[str, Mapping[str, Form]]] = {
    "SGD": ("MomentumOptimizer", {"momentum": Form("momentum", negative_rate=True)}),
    "Adam": ("AdamOptimizer", {"m": Form("momentum"), "v": Form("velocity")}),
    "AdamW": ("AdamWOptimizer", {"m": Form("momentum"), "v": Form("velocity")}),
    "Adamax": ("AdaMaxOptimizer", {"m": Form("momentum"), "v": Form("norm")}),
    "RMSprop": (
        "RMSPropOptimizer",
        {
            "rms": Form("velocity"),
            "mg": Form("average_gradient"),
            "momentum": Form("momentum", absent=_UNUSED),
        },
    ),
    "Adagrad": ("AdagradOptimizer", {"accumulator": Form("accumulator")}),
    "Adadelta": (
        "AdadeltaOptimizer",
        {"accum": Form("accumulated_grad"), "accum_update": Form("accumulated_delta_var")},
    ),
    "Ftrl": ("FtrlOptimizer", {"accum": Form("accumulator"), "linear": Form("linear")}),
}
_BY_CLASS = dict(SLOTS.values())
NAMES: tuple[str, ...] = (
    "average",
    *dict.fromkeys(form.name for _, forms in FORMS.values() for form in forms.values()),
)


def form(role: Role, kind: str, count: int) -> Form | None:
    """The form of a slot in an optimizer of this Keras class; None where the two are not of one kind.

    A slot under a name of the user's own (`w/Mine_1`) is told by its number, if there are as many as the class keeps.
    """
    if kind not in FORMS:
        return None
    optimizer, forms = FORMS[kind]
    if role.optimizer:
        return forms.get(role.slot) if role.optimizer == optimizer else None
    kinds = CENTERED if kind == "RMSprop" and count == len(CENTERED) else _BY_CLASS[optimizer]
    if count != len(kinds) or not role.slot.isdigit() or int(role.slot) >= count:
        return None
    return forms[kinds[int(role.slot)]]


def changed(
    form: Form, transformation: Transformation, details: Mapping[str, Any], rate: float | None
) -> tuple[Transformation, dict[str, Any]]:
    """How a slot changes: as its variable does, but for what is added to values; and by the rate, where Keras folds it in."""
    kind: Transformation = "gates" if transformation == "forget-bias" else transformation
    if not form.negative_rate or rate is None:
        return kind, for_slot(details)
    if kind == "none":
        return "negative-lr", {**for_slot(details), "learning_rate": rate}
    return kind, for_slot(details, -rate)
