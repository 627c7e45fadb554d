"""Writing a TF1 checkpoint's values as a TensorFlow 2 checkpoint, or as Keras weights, one value at a time.

What was written is read back by the very call that its user will make, into variables that were emptied before, and compared
with what was meant to be there. It is written beside its place and renamed, so that a failure leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tf_modernize.codemods.manifest import Program

from .building import Built, build, raw_variable
from .mapping import Mapped, Step, VariableMapping, map_variables
from .reading import Checkpoint, CheckpointError, read
from .rules import Rules
from .transformations import Array, TransformationError, assemble, shown, steps_of, to_new

Format = Literal["checkpoint", "weights"]
Progress = Callable[[str, int], None]
WEIGHTS = ".weights.h5"
_NAME = "ckpt"
_CHUNK = 1 << 22  # elements looked at together


class MappingError(CheckpointError):
    """A checkpoint and a model that do not fit each other: the mapping says where."""

    def __init__(self, mapping: VariableMapping) -> None:
        count = len(mapping.unmapped)
        super().__init__(f"{count} {'variable is' if count == 1 else 'variables are'} not mapped")
        self.mapping = mapping


@dataclass(frozen=True)
class Converted:
    """What a conversion wrote: `path` is the prefix of the checkpoint, or the file of the weights."""

    path: str
    format: Format
    variables: int
    nbytes: int
    step: int
    not_finite: tuple[str, ...]
    notes: tuple[str, ...]
    mapping: VariableMapping


def convert(
    source: str | os.PathLike[str] | Checkpoint,
    model: Any,
    to: str | os.PathLike[str],
    *,
    format: Format | None = None,
    manifest: Sequence[Program] = (),
    rules: Rules | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Converts a TF1 checkpoint for a model, as `building.build` takes it. Raises MappingError where the two do not fit.

    `progress` is told the name of each variable that was read, written or compared, with the number of its bytes.
    """
    target = Path(os.path.abspath(to))
    weights = format == "weights" or (format is None and target.name.endswith(WEIGHTS))
    if weights != target.name.endswith(WEIGHTS):
        other = "--format checkpoint writes a folder" if not weights else f"--format weights writes a file *{WEIGHTS}"
        raise CheckpointError(f"{to}: {other}")
    _check_free(target, os.fspath(to))
    checkpoint = source if isinstance(source, Checkpoint) else read(source)
    built = build(model, values=True)
    mapping = map_variables(checkpoint, built.targets, manifest, rules)
    if not mapping.complete:
        raise MappingError(mapping)
    tell = progress or (lambda name, nbytes: None)
    written = _Written()
    _assign(checkpoint, built, mapping, written, tell)
    numbers = [_count(checkpoint, built, step, written) for step in mapping.steps]
    _keep(built, written)
    step = max(numbers, default=0)
    with _beside(target) as scratch:
        if weights:
            place = _write_weights(built, scratch / target.name)
        else:
            place = _write_checkpoint(built, scratch, step)
        _spoil(built, weights)
        _read_back(built, place, written, tell)
        _move(place if weights else scratch, target)
    path = str(target if weights else target / place.name)
    notes = (*mapping.notes, *written.notes)
    nbytes = sum(checkpoint.tensors[name].nbytes for name in {one.source for one in mapping.mapped})
    return Converted(
        path,
        "weights" if weights else "checkpoint",
        len(written.digests),
        nbytes,
        step,
        tuple(written.odd),
        notes,
        mapping,
    )


class _Written:
    """What was given to the new variables: a digest of each value, to compare with what is read back."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.odd: list[str] = []
        self.notes: list[str] = []


# -- from the old values to the new variables ---------------------------------------------------------------------------


def _assign(checkpoint: Checkpoint, built: Built, mapping: VariableMapping, written: _Written, tell: Progress) -> None:
    by_source: dict[str, list[Mapped]] = defaultdict(list)
    missing: dict[str, int] = defaultdict(int)
    for one in mapping.mapped:
        by_source[one.source].append(one)
        missing[one.key] += 1
    pending: dict[str, list[tuple[Array, Mapping[str, Any]]]] = defaultdict(list)
    for source, entries in by_source.items():
        value = checkpoint.value(source)
        if not _finite(value):
            written.odd.append(source)
        overwrite = _apart(entries)
        for one in entries:
            part = _new(value, one, overwrite)
            missing[one.key] -= 1
            pending[one.key].append((part, one.details))
            del part
            if not missing[one.key]:
                _put(built, one.key, assemble(pending.pop(one.key)), written, one.path)
        del value
        tell(source, checkpoint.tensors[source].nbytes)


def _new(value: Array, one: Mapped, overwrite: bool) -> Array:
    try:
        if one.value is None:
            return to_new(value, one.transformation, one.details, overwrite=overwrite)
        return to_new(np.asarray(one.value(value)), one.transformation, one.details)
    except TransformationError as error:
        raise CheckpointError(f"{one.source} can't become {one.path}: {error}") from None
    except Exception as error:
        if one.value is None:
            raise
        raise CheckpointError(
            f"the rule for {one.source} failed on its value ({type(error).__name__}: {error})"
        ) from None


def _apart(entries: Sequence[Mapped]) -> bool:
    """Whether each entry has rows of its own, so that one may overwrite them without harm to another."""
    if len(entries) == 1:
        return True
    rows = sorted(tuple(one.details.get("rows", (0, 1 << 62))) for one in entries)
    return all(before[1] <= after[0] for before, after in itertools.pairwise(rows))


def _put(built: Built, key: str, value: Array, written: _Written, path: str) -> None:
    variable = built.variables[key]
    if tuple(value.shape) != tuple(variable.shape):
        raise CheckpointError(
            f"the value for {path} has the shape {shown(value.shape)}, not {shown([int(size) for size in variable.shape])}"
        )
    written.digests[key] = _digest(value)
    variable.assign(value)
    built.initial.pop(id(raw_variable(variable)), None)


def _count(checkpoint: Checkpoint, built: Built, step: Step, written: _Written) -> int:
    """The number of steps that an optimizer has taken, from Adam's powers and the global step."""
    told: dict[int, list[str]] = defaultdict(list)
    silent = []
    for name, beta in step.powers:
        value = checkpoint.value(name)
        steps = steps_of(float(value), beta, value.dtype)
        if steps is None:
            silent.append(name)
        else:
            told[steps].append(name)
    if len(told) > 1:
        said = "; ".join(f"{', '.join(names)}: {steps}" for steps, names in sorted(told.items()))
        raise CheckpointError(
            f"the steps of {step.path} can't be known: {said}. Give a manifest, or check the optimizer's beta_1 and beta_2"
        )
    counted = int(checkpoint.value(step.global_step)) if step.global_step else None
    number = next(iter(told), counted)
    if number is None:
        number = 0
        written.notes.append(f"{step.path}: {', '.join(silent)} no longer tell the number of steps, which starts at 0")
    elif counted is not None and counted != number:
        if step.scheduled:
            raise CheckpointError(
                f"{step.path}: {step.global_step} is {counted}, but Adam's powers tell {number} steps, and the learning rate "
                "follows the steps: which of them it followed in TF1 can't be known"
            )
        written.notes.append(
            f"{step.path} is {number}, as Adam's powers tell, and not {counted} as {step.global_step} is"
        )
    _put(built, step.key, np.asarray(number, np.int64), written, step.path)
    return number


def _keep(built: Built, written: _Written) -> None:
    for key, variable in built.variables.items():
        if key not in written.digests:
            built.initialize(key)
            written.digests[key] = _digest(_value(variable))


# -- writing and reading back -------------------------------------------------------------------------------------------


def _write_checkpoint(built: Built, folder: Path, step: int) -> Path:
    import tensorflow as tf

    with _sentences("the checkpoint could not be written"):
        manager = tf.train.CheckpointManager(built.root, str(folder), max_to_keep=None, checkpoint_name=_NAME)
        return Path(manager.save(checkpoint_number=step))


def _write_weights(built: Built, file: Path) -> Path:
    model = _only_model(built)
    file.parent.mkdir(exist_ok=True)
    with _sentences("the weights could not be written"):
        model.save_weights(file)
    return file


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


def _spoil(built: Built, weights: bool) -> None:
    """Takes the values out of the variables, so that what they hold next can only come from the file.

    A checkpoint is restored at once, for which there must be room; weights are loaded one by one, into variables that have
    their shape.
    """
    import tensorflow as tf

    for variable in built.variables.values():
        raw = raw_variable(variable)
        if not weights:
            value = tf.zeros([0], raw.dtype)
        elif raw.dtype.is_floating:
            value = tf.fill(raw.shape, tf.constant(float("nan"), raw.dtype))
        else:
            value = tf.fill(raw.shape, raw.dtype.max)
        tf.raw_ops.AssignVariableOp(resource=raw.handle, value=value)


def _read_back(built: Built, place: Path, written: _Written, tell: Progress) -> None:
    with _sentences("what was written could not be read back"):
        if place.name.endswith(WEIGHTS):
            _only_model(built).load_weights(place)
        else:
            built.root.restore(str(place)).assert_existing_objects_matched()
    for key, variable in built.variables.items():
        value = _value(variable)
        if tuple(value.shape) != tuple(variable.shape) or _digest(value) != written.digests[key]:
            path = next(one.path for one in built.targets.variables if one.key == key)
            hint = ": use --format checkpoint" if place.name.endswith(WEIGHTS) else ""
            raise CheckpointError(f"{path} was written, but reading it back gives something else{hint}")
        tell(key, value.nbytes)


def _value(variable: Any) -> Array:
    value: Array = np.asarray(raw_variable(variable).read_value())
    return value


def _digest(value: Array) -> str:
    digest = hashlib.blake2b(f"{value.dtype} {value.shape}".encode(), digest_size=16)
    if value.dtype == object:
        digest.update(repr(value.tolist()).encode())
    else:
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _finite(value: Array) -> bool:
    if value.dtype.kind not in "fcV":
        return True
    flat = value.reshape(-1)
    return all(bool(np.isfinite(flat[start : start + _CHUNK]).all()) for start in range(0, flat.size, _CHUNK))


# -- files --------------------------------------------------------------------------------------------------------------


def _check_free(target: Path, given: str) -> None:
    """The place must be free, and one that can be written to, before the long work starts."""
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise CheckpointError(f"{given} is there already: name another place, or remove it first")
    folder = target.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise CheckpointError(f"{given} can't be written: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CheckpointError(f"{given} can't be written: {folder} is write protected")


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the target, which is removed in the end, with those made for it that stayed empty."""
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
    except OSError as error:
        raise CheckpointError(f"{target} can't be written ({error.strerror})") from None
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _move(written: Path, target: Path) -> None:
    try:
        if written.is_dir():
            os.chmod(written, 0o777 & ~_umask())
        os.replace(written, target)
    except OSError as error:
        raise CheckpointError(f"{target} can't be written ({error.strerror})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _sentences(what: str) -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except CheckpointError:
        raise
    except (tf.errors.OpError, AssertionError, ValueError, KeyError, OSError) as error:
        said = str(getattr(error, "message", "") or error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{what} ({said[0].strip()})") from None
