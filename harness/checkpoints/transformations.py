"""From a TF1 value to the value that takes its place: the one place where either is computed.

Nothing here needs TensorFlow. A mapping (of a manifest, or of `mapping`) names a transformation and its details, which are
plain data; `to_new` carries them out. The name says what happens in one word, the details say how; those that are given are
carried out in this order:

| detail | what it does |
|---|---|
| rows | [start, stop]: the rows that are taken (TF1 keeps a cell's input and recurrent kernels in one) |
| order | for each block of the last axis in the new order, its number in the old one; the axis has as many blocks |
| forget_bias, forget_block | what TF1 adds at run time is added to that block (in the new order) |
| axes | the order of the axes, for "transpose"; without it they are reversed |
| scale | a factor; "negative-lr" has -learning_rate instead |
| dtype | the new dtype |
| shape, into | where the new value has several parts: its shape, and [start, stop] of this part on each axis |

"other" with `iterations` and `beta` is a power that Adam keeps (beta ** (steps + 1)): the new value is the number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_CHUNK = 1 << 22  # elements that are reordered at a time
_ROUNDING = 0.25  # how far from a whole number a count of steps may be


class TransformationError(ValueError):
    """A value that a transformation can't be carried out on, as a sentence."""


def to_new(
    value: Any, transformation: str = "none", details: Mapping[str, Any] | None = None, *, overwrite: bool = False
) -> Array:
    """The new value for a TF1 value; a part of it, where `details` has `into` (see `assemble`).

    With `overwrite` the memory of `value` may be used for the result, so that a large value needs no second copy.
    """
    details = details or {}
    result: Array = np.asarray(value)
    owned = overwrite and result is value and result.flags.writeable
    if transformation == "other":
        return _other(result, details)
    if "rows" in details:
        start, stop = details["rows"]
        if not result.ndim or not 0 <= start <= stop <= result.shape[0]:
            raise TransformationError(f"a value of shape {shown(result.shape)} has no rows {start} to {stop}")
        result = result[start:stop]
    if "order" in details:
        result = _reorder(result, list(details["order"]), owned)
        owned = True
    if details.get("forget_bias"):
        count = len(details.get("order", (0,) * 4))
        block = details.get("forget_block", 1)
        result = result if owned else result.copy()
        owned = True
        width = result.shape[-1] // count
        result[..., block * width : (block + 1) * width] += np.asarray(details["forget_bias"], result.dtype)
    if transformation == "transpose" or "axes" in details:
        result = np.transpose(result, details.get("axes"))
    factor = _factor(transformation, details)
    if factor != 1.0:
        scale = np.asarray(factor, result.dtype)
        result = np.multiply(result, scale, out=result) if owned else result * scale
    if "dtype" in details:
        result = result.astype(details["dtype"], copy=False)
    return result


def assemble(parts: Iterable[tuple[Array, Mapping[str, Any]]]) -> Array:
    """The new value from its parts, each of them with the details that `to_new` made it by.

    What no part covers is zero.
    """
    whole: Array | None = None
    for part, details in parts:
        if "into" not in details:
            return part
        if whole is None:
            whole = np.zeros(tuple(details["shape"]), part.dtype)
        place = tuple(slice(start, stop) for start, stop in details["into"])
        try:
            whole[place] = part.reshape(whole[place].shape)
        except ValueError:
            raise TransformationError(
                f"a value of shape {shown(part.shape)} does not fit into {shown(whole[place].shape)}"
            ) from None
    if whole is None:
        raise TransformationError("a value without parts")
    return whole


def for_slot(details: Mapping[str, Any], scale: float | None = None) -> dict[str, Any]:
    """The details for an optimizer's slot of a variable: as the variable itself, but for what is added to its values."""
    kept = {key: value for key, value in details.items() if key not in ("forget_bias", "forget_block")}
    return kept if scale is None else {**kept, "scale": scale}


def steps_of(power: float, beta: float, dtype: Any = np.float32) -> int | None:
    """The number of steps after which Adam's power has this value; None where rounding has left too little of it.

    The power is a product of rounded betas, so the rounded beta is its base.
    """
    base = float(np.asarray(beta, dtype))
    if not 0.0 < base < 1.0 or not power > float(np.finfo(dtype).tiny) / float(np.finfo(dtype).eps):
        return None
    steps = math.log(power) / math.log(base) - 1
    return round(steps) if abs(steps - round(steps)) <= _ROUNDING and steps > -_ROUNDING else None


def shown(shape: Sequence[int | None]) -> str:
    """A shape as it is written in sentences."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def _factor(transformation: str, details: Mapping[str, Any]) -> float:
    factor = details.get("scale", 1.0)
    if transformation == "negative-lr" and "scale" not in details:
        rate = details.get("learning_rate")
        factor = -rate if isinstance(rate, int | float) else None
    if not isinstance(factor, int | float):
        raise TransformationError(
            f"the learning rate is known only at run time ({details.get('learning_rate')}): its value is needed here"
        )
    return float(factor)


def _other(value: Array, details: Mapping[str, Any]) -> Array:
    if "iterations" not in details or "beta" not in details:
        raise TransformationError("the transformation `other` is known only for the powers that Adam keeps")
    if value.size != 1:
        raise TransformationError(f"a power of Adam's is one number, not a value of shape {shown(value.shape)}")
    beta = details["beta"]
    if not isinstance(beta, int | float):
        raise TransformationError(f"beta is known only at run time ({beta}): its value is needed here")
    steps = steps_of(float(value.reshape(())), float(beta), value.dtype)
    if steps is None:
        raise TransformationError(f"{float(value.reshape(()))!r} is no power of {beta} that tells the number of steps")
    return np.asarray(steps, details.get("dtype", "int64"))


def _reorder(value: Array, order: Sequence[int], owned: bool) -> Array:
    """The blocks of the last axis in a new order, some rows at a time."""
    count = len(order)
    if not value.ndim or value.shape[-1] % count or sorted(order) != list(range(count)):
        raise TransformationError(f"the last axis of a value of shape {shown(value.shape)} has no {count} equal blocks")
    if not owned:
        return np.concatenate([np.split(value, count, -1)[block] for block in order], -1)
    rows = value.reshape(-1, value.shape[-1]) if value.flags.c_contiguous else None
    if rows is None:
        return _reorder(value, order, False)
    step = max(1, _CHUNK // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        rows[start : start + step] = _reorder(rows[start : start + step], order, False)
    return value


def shape_after(shape: Sequence[int], transformation: str, details: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of the new value (of the whole, where this is a part of it) for a TF1 value of some shape."""
    if "into" in details:
        return tuple(details["shape"])
    sizes = tuple(shape)
    if "rows" in details and sizes:
        start, stop = details["rows"]
        sizes = (max(0, min(stop, sizes[0]) - start), *sizes[1:])
    if transformation == "transpose" or "axes" in details:
        axes = details.get("axes") or range(len(sizes))[::-1]
        sizes = tuple(sizes[axis] for axis in axes) if sorted(axes) == list(range(len(sizes))) else ()
    return sizes
