"""The two forms in which TensorFlow 2 takes values: an object checkpoint, and Keras' .weights.h5.

A writer is given the value of each variable once, and after `finish` gives them back from what it wrote. A checkpoint is
written by TensorFlow from the variables themselves, and read back by restoring it. Keras would copy every value several times,
so it only lays out the file here, for variables that are empty; the values are then put into their places one at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .building import Built
from .inventory import raw_variable
from .reading import CheckpointError
from .transformations import Array

NAME = "ckpt"
_LARGE = 1 << 20  # bytes: for less, a copy costs nothing


@dataclass(frozen=True)
class Writer:
    """`put` takes a variable's key and value; `finish` the number of steps; `values` gives what was written, by key."""

    put: Callable[[str, Array], None]
    finish: Callable[[int], Path]
    values: Callable[[], Iterable[tuple[str, Array]]]


def checkpoint_writer(built: Built, folder: Path) -> Writer:
    """Writes tf.train.Checkpoint(…) of the built program into a folder, with the state file that names it."""
    import tensorflow as tf

    def put(key: str, value: Array) -> None:
        variable = raw_variable(built.variables[key])
        built.pending.forget(variable)
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=_tensor(value, variable.dtype))

    def finish(step: int) -> Path:
        with sentences("the checkpoint could not be written"):
            manager = tf.train.CheckpointManager(built.root, str(folder), max_to_keep=None, checkpoint_name=NAME)
            written.append(Path(manager.save(checkpoint_number=step)))
        return written[0]

    def values() -> Iterator[tuple[str, Array]]:
        # The variables are emptied first: what they hold next can only come from the file, for which there is room now.
        for variable in built.variables.values():
            raw = raw_variable(variable)
            tf.raw_ops.AssignVariableOp(resource=raw.handle, value=tf.zeros([0], raw.dtype))
        with sentences("what was written could not be read back"):
            built.root.restore(str(written[0])).assert_existing_objects_matched()
        for key, variable in built.variables.items():
            yield key, value_of(variable)

    written: list[Path] = []
    return Writer(put, finish, values)


def weights_writer(built: Built, file: Path) -> Writer:
    """Writes what `model.save_weights` does, the optimizer's state included."""
    import h5py
    import tensorflow as tf

    model = _only_model(built)
    # Until a value comes, a variable is empty, of a shape that tells which it is.
    for number, variable in enumerate(built.variables.values(), 1):
        raw = raw_variable(variable)
        tf.raw_ops.AssignVariableOp(resource=raw.handle, value=tf.zeros([0, number], raw.dtype))
    with sentences("the weights could not be written"):
        model.save_weights(file)
        opened = h5py.File(file, "r+")
    places: dict[int, str] = {}
    opened.visititems(lambda name, one: places.setdefault(one.shape[1], name) and None if _is_place(one) else None)
    by_key = {key: places.get(number) for number, key in enumerate(built.variables, 1)}
    lacking = [key for key, place in by_key.items() if place is None]
    if lacking:
        opened.close()
        path = next(one.path for one in built.targets.variables if one.key == lacking[0])
        raise CheckpointError(f"Keras weights have no place for {path}: use --format checkpoint")

    def put(key: str, value: Array) -> None:
        place = by_key[key]
        with sentences("the weights could not be written"):
            attributes = dict(opened[place].attrs)
            del opened[place]
            opened.create_dataset(place, data=value).attrs.update(attributes)

    def finish(step: int) -> Path:
        with sentences("the weights could not be written"):
            opened.close()
        return file

    def values() -> Iterator[tuple[str, Array]]:
        with sentences("what was written could not be read back"), h5py.File(file, "r") as again:
            for key, place in by_key.items():
                yield key, np.asarray(again[place][()])

    return Writer(put, finish, values)


def value_of(variable: Any) -> Array:
    """The value of a variable, without a copy where that is possible."""
    value = raw_variable(variable).read_value()
    try:
        return np.asarray(memoryview(value))
    except (TypeError, ValueError, BufferError):
        return np.asarray(value)


@contextlib.contextmanager
def sentences(what: str) -> Iterator[None]:
    """Errors while files are written and read, as a sentence."""
    import tensorflow as tf

    try:
        yield
    except CheckpointError:
        raise
    except (tf.errors.OpError, AssertionError, ValueError, KeyError, OSError) as error:
        said = str(getattr(error, "message", "") or error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{what} ({said[0].strip()})") from None


def _tensor(value: Array, dtype: Any) -> Any:
    """A tensor of a value; a large one shares its memory, which nobody changes any more."""
    import tensorflow as tf

    if value.nbytes >= _LARGE and value.flags.c_contiguous and value.flags.writeable and value.dtype.kind in "fiu":
        return tf.experimental.dlpack.from_dlpack(value.__dlpack__())
    return tf.convert_to_tensor(value, dtype)


def _is_place(one: Any) -> bool:
    return len(getattr(one, "shape", None) or ()) == 2 and one.shape[0] == 0


def _only_model(built: Built) -> Any:
    """The model that the weights are of; an optimizer goes with it as its own, which is where Keras looks for its state."""
    import keras

    models = [one for one in built.parts.values() if isinstance(one, keras.Model)]
    optimizers = [one for one in built.parts.values() if isinstance(one, keras.optimizers.Optimizer)]
    if len(models) != 1 or len(optimizers) > 1 or len(built.parts) > len(models) + len(optimizers):
        names = ", ".join(built.parts)
        raise CheckpointError(f"Keras weights hold one model and its optimizer, not {names}: use --format checkpoint")
    if optimizers and getattr(models[0], "optimizer", None) is None:
        models[0].optimizer = optimizers[0]
    return models[0]
