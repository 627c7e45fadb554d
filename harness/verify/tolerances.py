"""How far two values may lie apart and still be called equal: stated here once, overridable, and printed with every report.

The start is what TensorFlow's own guide to migrated models takes for one forward pass in float32 (rtol 1e-6, atol 1e-5:
"Validating correctness & numerical equivalence"), and these widen it:

* `atol` is meant for values about 1; for a tensor of smaller values it shrinks with the largest of them, so that an output
  of 1e-4 is not equal to everything;
* each matrix product or convolution on the way rounds once more: sqrt(1 + depth);
* a gradient may be what is left of sums that cancel (a bias before a batch norm): `rtol` of the largest gradient of that
  step is allowed besides;
* what an update changed is compared with the size of the change, not of the variable, whose own last digit is allowed besides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# The spacing of a dtype's values against float32's.
FACTORS = {
    "float16": 8192.0,
    "bfloat16": 65536.0,
    "float32": 1.0,
    "float64": 1e-6,
    "complex64": 1.0,
    "complex128": 1e-6,
}
EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Tolerances:
    """`rtol` and `atol` for float32 on one forward pass; `update` is relative to the change that an update makes.

    `free_rtol` and `free_atol` hold for values of a free run, whose rounding piles up.
    """

    rtol: float = 1e-6
    atol: float = 1e-5
    update: float = 1e-4
    free_rtol: float = 1e-3
    free_atol: float = 1e-4


@dataclass(frozen=True)
class Verdict:
    """`error` and `allowed` belong to the place that is worst in units of what is allowed."""

    equal: bool
    error: float = 0.0
    allowed: float = 0.0
    scale: float = 0.0
    note: str = ""


def compare(old: Any, new: Any, rtol: float, atol: float, *, floor: Any = 0.0) -> Verdict:
    """Two values by |old - new| <= atol * min(1, scale) + rtol * |old| + floor; integers, bools and strings must be the same.

    The scale is the largest magnitude of the old value. NaNs and infinities must stand in the same places.
    """
    a, b = np.asarray(old), np.asarray(new)
    if a.shape != b.shape:
        if a.size == b.size == 1:
            a, b = a.reshape(()), b.reshape(())
        else:
            return Verdict(False, note=f"the shapes are {list(a.shape)} and {list(b.shape)}")
    if a.dtype.kind not in "fc" and a.dtype.name != "bfloat16":
        if a.dtype.kind in "SU" or b.dtype.kind in "SU":
            return _text(a, b)
        differ = int(np.count_nonzero(a != b))
        error = float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0))
        return Verdict(not differ, error, 0.0, note=f"{differ} of {a.size} values differ" if differ else "")
    factor = FACTORS.get(a.dtype.name, 1.0)
    wide: Any = np.complex128 if a.dtype.kind == "c" else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)) or not _same_infinities(a, b, finite):
        nans = int(np.count_nonzero(np.isnan(a))), int(np.count_nonzero(np.isnan(b)))
        return Verdict(False, math.inf, note=f"{nans[0]} NaNs in the old value, {nans[1]} in the new")
    if not a.size or not finite.any():
        return Verdict(True, note="NaN or infinite" if a.size else "")
    difference, size = np.abs(a - b)[finite], np.abs(a)[finite]
    scale = float(size.max())
    allowed = factor * (atol * min(1.0, scale) + rtol * size) + (
        np.asarray(floor) if np.ndim(floor) == 0 else floor[finite]
    )
    excess = np.where(difference == 0, 0.0, difference / np.maximum(allowed, np.finfo(np.float64).tiny))
    worst = int(np.argmax(excess))
    note = "" if finite.all() else f"{int((~finite).sum())} values are NaN or infinite on both sides"
    return Verdict(bool(excess[worst] <= 1.0), float(difference[worst]), float(allowed[worst]), scale, note)


def _same_infinities(a: Any, b: Any, finite: Any) -> bool:
    return bool(np.array_equal(np.nan_to_num(a[~finite], nan=0.5), np.nan_to_num(b[~finite], nan=0.5)))


def _text(a: Any, b: Any) -> Verdict:
    def plain(value: Any) -> list[str]:
        return [
            one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in value.ravel().tolist()
        ]

    differ = sum(x != y for x, y in zip(plain(a), plain(b), strict=True))
    return Verdict(not differ, float(bool(differ)), 0.0, note=f"{differ} of {a.size} strings differ" if differ else "")


def forward(old: Any, new: Any, depth: int, tolerances: Tolerances) -> Verdict:
    """A fetch, or a value in between."""
    factor = math.sqrt(1 + depth)
    return compare(old, new, tolerances.rtol * factor, tolerances.atol * factor)


def gradient(old: Any, new: Any, largest: float, depth: int, tolerances: Tolerances) -> Verdict:
    """A gradient, in a step whose largest gradient has the magnitude `largest`."""
    factor = math.sqrt(1 + depth)
    return compare(old, new, tolerances.rtol * factor, tolerances.atol * factor, floor=tolerances.rtol * largest)


def update(before: Any, old: Any, new: Any, depth: int, tolerances: Tolerances) -> Verdict:
    """A variable after an update, by what the update changed and the variable's own last digits."""
    if np.asarray(old).dtype.kind not in "fc":
        return compare(old, new, 0.0, 0.0)
    factor = FACTORS.get(np.asarray(old).dtype.name, 1.0)
    wide = np.asarray(old, np.float64)
    if np.shape(before) != np.shape(old):
        return compare(old, new, tolerances.rtol, tolerances.atol)
    with np.errstate(invalid="ignore"):
        change = np.abs(wide - np.asarray(before, np.float64))
    largest = float(np.max(change[np.isfinite(change)], initial=0.0))
    floor = factor * (tolerances.update * math.sqrt(1 + depth) * largest + 2 * EPSILON * np.abs(wide))
    return compare(old, new, 0.0, 0.0, floor=floor)


def free(old: Any, new: Any, tolerances: Tolerances) -> Verdict:
    """A value of a free run: one in float64 as one in float32, in which TF1's optimizers keep their rates and powers."""
    wider = 1 / min(1.0, FACTORS.get(np.asarray(old).dtype.name, 1.0))
    return compare(old, new, tolerances.free_rtol * wider, tolerances.free_atol * wider)


def described(tolerances: Mapping[str, float]) -> str:
    """The tolerances of a report's settings, in words."""
    return (
        "A forward pass in float32: rtol {rtol:g} and atol {atol:g}, times sqrt(1 + depth); a gradient: {rtol:g} of the "
        "step's largest besides; what an update changed: {update:g} of the change; a free run: rtol {free_rtol:g}, "
        "atol {free_atol:g}."
    ).format(**tolerances)
