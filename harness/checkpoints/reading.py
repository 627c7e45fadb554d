"""Reading a checkpoint: where it is, what it holds, and its values one at a time. TensorFlow's own reader does the work."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from . import layout
from .roles import Role, Tensor, roles
from .transformations import Array

_PART = re.compile(r"(.+)\.(?:index|meta|data-\d{5}-of-\d{5})")
_V1_PART = re.compile(r"(.+)-\d{5}-of-\d{5}")
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class CheckpointError(Exception):
    """Something that keeps a checkpoint from being read, mapped or converted, as a sentence for the user."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was opened: its keys are known, none of its values was read."""

    prefix: str
    format: Literal["V1", "V2"]
    tensors: Mapping[str, Tensor]
    shards: int
    _reader: Any

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        return roles(self.tensors.values())

    @property
    def parameters(self) -> int:
        """The number of elements of the variables, without what optimizers and averages keep beside them."""
        return sum(one.size for one in self.tensors.values() if self.roles[one.name].kind == "variable")

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self.tensors.values())

    @property
    def object_based(self) -> bool:
        """Whether TensorFlow 2 (or a tf.keras model of TF1) wrote it, by objects and not by names."""
        return OBJECT_GRAPH in self.tensors

    def value(self, name: str) -> Array:
        """The value of one key, read now."""
        with _sentences(f"{self.prefix}: the value of {name}"):
            value: Array = np.asarray(self._reader.get_tensor(name))
        return value


def locate(path: str | os.PathLike[str]) -> str:
    """The prefix of the checkpoint that is meant: by itself, by one of its files, or by its folder."""
    given = os.fspath(path)
    if os.path.isdir(given):
        return _in_folder(given)
    if os.path.isfile(given + ".index"):
        return given
    part = _PART.fullmatch(given)
    if part and os.path.isfile(part[1] + ".index"):
        return part[1]
    if (
        part
        and given.endswith(".meta")
        and (os.path.isfile(part[1]) or glob.glob(glob.escape(part[1]) + "-?????-of-?????"))
    ):
        return locate(part[1])
    if os.path.isfile(given) and not part:
        sharded = _V1_PART.fullmatch(given)
        return _v1_shards(sharded[1]) if sharded else given
    if glob.glob(glob.escape(given) + "-?????-of-?????"):
        return _v1_shards(given)
    if part and os.path.isfile(given):
        raise CheckpointError(f"{given} has no {os.path.basename(part[1])}.index beside it, which names what it holds")
    data = glob.glob(glob.escape(given) + ".data-*")
    if data:
        raise CheckpointError(f"{given}.index is missing: only {os.path.basename(data[0])} is there")
    raise CheckpointError(f"there is no checkpoint {given}: give its prefix, one of its files, or its folder")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Opens a checkpoint of the V2 or V1 format, sharded or not. No value is read."""
    import tensorflow as tf

    prefix = locate(path)
    version: Literal["V1", "V2"] = "V2" if os.path.isfile(prefix + ".index") else "V1"
    laid = layout.read(prefix) if version == "V2" else None
    short = layout.short_shards(prefix) if laid else []
    if short:
        raise CheckpointError(f"{short[0]}: take another copy of the checkpoint")
    with _sentences(prefix):
        reader = tf.train.load_checkpoint(prefix)
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    tensors = {}
    for name in sorted(shapes):
        shape = tuple(int(size) for size in shapes[name])
        size = int(np.prod(shape, dtype=np.int64)) if shape else 1
        entry = laid.entries.get(name) if laid else None
        nbytes = entry.nbytes if entry else size * int(dtypes[name].size or 0)
        tensors[name] = Tensor(name, shape, dtypes[name].name, size, entry.slices if entry else 0, nbytes)
    if not tensors:
        raise CheckpointError(f"{prefix} holds no variables")
    shards = laid.shards if laid else max(1, len(glob.glob(prefix)))
    return Checkpoint(prefix, version, tensors, shards, reader)


def _in_folder(folder: str) -> str:
    state = Path(folder, "checkpoint")
    if state.is_file():
        try:
            text = state.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{state} can't be read ({error})") from None
        found = re.search(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', text, re.MULTILINE)
        if not found:
            raise CheckpointError(f"{state} names no checkpoint: give the prefix of one")
        named = re.sub(r"\\(.)", r"\1", found[1])
        # A folder that was moved still names the place where it was written.
        tried = [os.path.join(folder, named), os.path.join(folder, os.path.basename(named))]
        for prefix in tried:
            try:
                return locate(prefix)
            except CheckpointError:
                continue
        raise CheckpointError(f"{state} names {named}, which is not there: give the prefix of a checkpoint")
    there = sorted(path.name.removesuffix(".index") for path in Path(folder).glob("*.index"))
    if len(there) == 1:
        return os.path.join(folder, there[0])
    if there:
        raise CheckpointError(
            f"{folder} holds {len(there)} checkpoints and no state file: give one of {', '.join(there)}"
        )
    raise CheckpointError(f"there is no checkpoint in {folder}")


def _v1_shards(prefix: str) -> str:
    """A V1 checkpoint of several files, as the pattern that TensorFlow's reader takes; all of them must be there."""
    files = glob.glob(glob.escape(prefix) + "-?????-of-?????")
    count = int(files[0][-5:])
    if len(files) != count:
        raise CheckpointError(f"{prefix} has {len(files)} of its {count} files")
    return f"{prefix}-?????-of-{count:05d}"


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """TensorFlow's errors about a file as sentences."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, ValueError, RuntimeError, OSError) as error:
        said = str(getattr(error, "message", "") or error).splitlines()[0].strip()
        kinds: tuple[tuple[str, Callable[[], str]], ...] = (
            ("hecksum", lambda: f"{what} is damaged (its checksum does not fit): take another copy of the file"),
            ("truncated", lambda: f"{what} is cut off: take another copy of the file"),
            ("ata loss", lambda: f"{what} is damaged ({said})"),
            ("corrupt", lambda: f"{what} is damaged ({said})"),
        )
        sentence = next((make() for word, make in kinds if word in said), f"{what} can't be read ({said})")
        raise CheckpointError(sentence) from None
