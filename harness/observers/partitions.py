"""Partitioned variables, whole: as a checkpoint has them, under one name."""

from __future__ import annotations

from typing import Any


def slices(info: Any) -> tuple[slice, ...]:
    """Where a part lies in the whole, by its `_save_slice_info`."""
    return tuple(slice(start, start + size) for start, size in zip(info.var_offset, info.var_shape))


def joined(values: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """The values by the names of variables, with the parts of partitioned ones put together."""
    import numpy as np

    found: dict[str, Any] = {}
    for name, value in values.items():
        info = getattr(variables[name], "_save_slice_info", None)
        if not info:
            found[name] = value
            continue
        whole = found.setdefault(info.full_name, np.zeros(info.full_shape, value.dtype))
        whole[slices(info)] = value
    return found
