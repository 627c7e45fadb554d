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

from .building import Built, build
from .inventory import raw_variable
from .mapping import map_variables
from .reading import Checkpoint, CheckpointError, read
from .rules import Rules
from .targets import Target
from .transformations import Array, TransformationError, assemble, shown, steps_of, to_new
from .work import Mapped, Step, VariableMapping
from .writing import Writer, checkpoint_writer, value_of, weights_writer

Format = Literal["checkpoint", "weights"]
Progress = Callable[[str, int], None]
Put = Callable[[str, Array], None]
WEIGHTS = ".weights.h5"
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
    built = build(model, values=True, manifest=manifest)
    mapping = map_variables(checkpoint, built.targets, manifest, rules)
    if not mapping.complete:
        raise MappingError(mapping)
    if built.assumed:
        raise CheckpointError(
            f"{', '.join(built.assumed)} keeps its slots in the order in which gradients are applied, which nothing tells here: "
            "let the factory call optimizer.build(variables) in that order"
        )
    written = _Written(progress or (lambda name, nbytes: None))
    with _beside(target) as scratch:
        kept = _kept(built, mapping)
        writer = weights_writer(built, scratch / target.name) if weights else checkpoint_writer(built, scratch)

        def put(key: str, value: Array) -> None:
            written.digests[key] = _digest(value)
            writer.put(key, value)

        for key, value in kept.items():
            put(key, value)
        _assign(checkpoint, built, mapping, put, written)
        step = max((_count(checkpoint, one, put, written) for one in mapping.steps), default=0)
        if not step and any(one.slot == "average" and one.key in written.digests for one in built.targets.variables):
            written.notes.append("at step 0 a Keras optimizer starts its averages anew, whatever they hold")
        place = writer.finish(step)
        _compare(built, writer, written)
        _move(place if weights else scratch, target)
    return Converted(
        path=str(target if weights else target / place.name),
        format="weights" if weights else "checkpoint",
        variables=len(written.digests),
        nbytes=sum(checkpoint.tensors[name].nbytes for name in {one.source for one in mapping.mapped}),
        step=step,
        not_finite=tuple(written.odd),
        notes=(*mapping.notes, *written.notes),
        mapping=mapping,
    )


class _Written:
    """What was given to the new variables: a digest of each value, to compare with what is read back."""

    def __init__(self, tell: Progress) -> None:
        self.tell = tell
        self.digests: dict[str, str] = {}
        self.odd: list[str] = []
        self.notes: list[str] = []


# -- from the old values to the new variables ---------------------------------------------------------------------------


def _kept(built: Built, mapping: VariableMapping) -> dict[str, Array]:
    """The values of the variables that nothing in the checkpoint fills."""
    filled = {one.key for one in mapping.mapped} | {one.key for one in mapping.steps}
    kept = [key for key in built.variables if key not in filled]
    for key in kept:
        built.pending.initialize(raw_variable(built.variables[key]))
    return {key: np.array(value_of(built.variables[key])) for key in kept}


def _assign(checkpoint: Checkpoint, built: Built, mapping: VariableMapping, put: Put, written: _Written) -> None:
    """Reads each TF1 value once, and hands on each new one as soon as all its parts are there."""
    targets = {one.key: one for one in built.targets.variables}
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
            pending[one.key].append((_new(value, one, overwrite), one.details))
            missing[one.key] -= 1
            if not missing[one.key]:
                _put_whole(put, targets[one.key], assemble(pending.pop(one.key)))
        del value
        written.tell(source, checkpoint.tensors[source].nbytes)


def _put_whole(put: Put, target: Target, value: Array) -> None:
    if value.shape != target.shape or (value.dtype.name != target.dtype and value.dtype != object):
        found, wanted = (
            f"{dtype} {shown(shape)}" for dtype, shape in ((value.dtype, value.shape), (target.dtype, target.shape))
        )
        raise CheckpointError(f"the value for {target.path} is {found}, not {wanted}")
    put(target.key, value)


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


def _count(checkpoint: Checkpoint, step: Step, put: Put, written: _Written) -> int:
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
    put(step.key, np.asarray(number, np.int64))
    return number


# -- reading back -------------------------------------------------------------------------------------------------------


def _compare(built: Built, writer: Writer, written: _Written) -> None:
    for key, value in writer.values():
        if _digest(value) != written.digests[key]:
            path = next(one.path for one in built.targets.variables if one.key == key)
            raise CheckpointError(f"{path} was written, but reading it back gives something else")
        written.tell(key, value.nbytes)


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
