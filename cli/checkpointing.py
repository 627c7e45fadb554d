"""What `tf-modernize checkpoint` does and prints. Results go to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tf_modernize.codemods.manifest import Program, from_json, plain

if TYPE_CHECKING:
    from tf_modernize.harness.checkpoints import Checkpoint, VariableMapping
    from tf_modernize.harness.checkpoints.rules import Rules

VERSION = 1
_WIDE = 10_000  # columns where the output is no terminal: nothing is folded or cut
_NAMED = 5
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def run_show(ckpt: str, as_json: bool) -> int:
    """`checkpoint show`."""

    def work(console: Console, errors: Console) -> int:
        from tf_modernize.harness.checkpoints import read

        checkpoint = read(ckpt)
        if as_json:
            _print_json(_shown(checkpoint))
            return 0
        table = _table("variable", "shape", "dtype", "what it is")
        for name, one in checkpoint.tensors.items():
            what = checkpoint.roles[name].text()
            if one.slices > 1:
                what += f", in {one.slices} partitions"
            table.add_row(Text(name), Text(_shape(one.shape)), one.dtype, Text(what))
        console.print(table)
        console.print(f"{checkpoint.prefix}: {_totals(checkpoint)}")
        if checkpoint.object_based:
            console.print("It was written by objects (TensorFlow 2, or tf.keras), not by TF1's Saver.")
        return 0

    return _run(work)


def run_map(ckpt: str, model: str, manifest: Path | None, rules: str | None, as_json: bool) -> int:
    """`checkpoint map`."""

    def work(console: Console, errors: Console) -> int:
        from tf_modernize.harness.checkpoints import build, map_variables, read

        checkpoint = read(ckpt)
        chosen, programs = _rules(rules), _programs(manifest)
        mapping = map_variables(checkpoint, build(model, manifest=programs).targets, programs, chosen)
        if as_json:
            _print_json(_mapped(checkpoint, mapping))
        else:
            _print_mapping(console, checkpoint, mapping)
            _print_unmapped(errors, mapping)
        return 0 if mapping.complete else 1

    return _run(work)


def run_convert(
    ckpt: str, model: str, to: Path, format: Any, manifest: Path | None, rules: str | None, quiet: bool
) -> int:
    """`checkpoint convert`."""

    def work(console: Console, errors: Console) -> int:
        from tf_modernize.harness.checkpoints import MappingError, convert, read

        checkpoint = read(ckpt)
        chosen, programs = _rules(rules), _programs(manifest)
        with _progress(errors, checkpoint.nbytes, quiet) as progress:
            try:
                done = convert(checkpoint, model, to, format=format, manifest=programs, rules=chosen, progress=progress)
            except MappingError as error:
                _print_unmapped(errors, error.mapping)
                return 1
        if done.not_finite:
            named = ", ".join(done.not_finite[:_NAMED]) + (" …" if len(done.not_finite) > _NAMED else "")
            said = f"Warning: values that are not finite (NaN or infinite) were converted as they are: {named}."
            errors.print(Text(said, "yellow"))
        if not quiet:
            for note in done.notes:
                console.print(f"Note: {note}.")
            size = _size(done.nbytes)
            console.print(f"{done.path}: {done.variables} variables from {size}, at step {done.step}.")
            console.print("It was read back, and all values are equal.")
        return 0

    return _run(work)


# -- what every command does --------------------------------------------------------------------------------------------


def _run(work: Callable[[Console, Console], int]) -> int:
    """Runs a command on TensorFlow, which is loaded without its chatter; what the user has to know becomes a sentence."""
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)
    errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    from tf_modernize.harness.loading import load_tensorflow

    try:
        load_tensorflow()
    except ImportError as error:
        said = f"Checkpoints need TensorFlow 2, which can't be imported ({error}): pip install 'tf-modernize[verify]'."
        errors.print(Text(said, "red"))
        return 2
    from tf_modernize.harness.checkpoints import CheckpointError

    try:
        return work(console, errors)
    except CheckpointError as error:
        said = str(error)
        errors.print(Text(said if said.endswith((".", "?")) else said + ".", "red"))
        return 2


@contextlib.contextmanager
def _progress(console: Console, nbytes: int, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """A bar over the bytes that are read, and then those that are compared."""
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Converting", total=2 * nbytes)
        yield lambda name, read: bar.update(task, advance=read)


def _rules(source: str | None) -> Rules | None:
    from tf_modernize.harness.checkpoints import rules

    return None if source is None else rules.load(source)


def _programs(file: Path | None) -> Sequence[Program]:
    from tf_modernize.harness.checkpoints import CheckpointError

    if file is None:
        return ()
    try:
        return from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} can't be read as a manifest ({error})") from None


# -- printing -----------------------------------------------------------------------------------------------------------


def _print_mapping(console: Console, checkpoint: Checkpoint, mapping: VariableMapping) -> None:
    table = _table("TF1 variable", "shape", "new variable", "change", "by")
    for one in mapping.mapped:
        shape = _shape(checkpoint.tensors[one.source].shape)
        change = "" if one.transformation == "none" else _change(one.transformation, one.details)
        table.add_row(Text(one.source), Text(shape), Text(one.path), Text(change), one.by)
    for step in mapping.steps:
        sources = [name for name, _ in step.powers] + ([step.global_step] if step.global_step else [])
        table.add_row(Text(", ".join(sources)), "[]", Text(step.path), "number of steps", "step")
    console.print(table)
    told = {name for step in mapping.steps for name, _ in step.powers}
    told |= {step.global_step for step in mapping.steps if step.global_step}
    for left in mapping.left:
        if left.source not in told:
            console.print(f"Left: {left.source}: {left.reason}.")
    for path in mapping.kept:
        console.print(f"Keeps its initial value: {path}.")
    for note in mapping.notes:
        console.print(f"Note: {note}.")
    old = {one.source for one in mapping.mapped} | told
    new = {one.key for one in mapping.mapped} | {step.key for step in mapping.steps}
    done = "nothing is unmapped" if mapping.complete else f"{len(mapping.unmapped)} are not mapped"
    console.print(f"{len(old)} of {len(checkpoint.tensors)} TF1 variables go to {len(new)} new ones; {done}.")


def _change(transformation: str, details: Any) -> str:
    """A transformation in a few words."""
    words = {
        "gates": "gates reordered",
        "split": "",
        "forget-bias": f"gates reordered, forget gate + {details.get('forget_bias', 0):g}",
        "negative-lr": f"× -{details.get('learning_rate')}",
        "transpose": "transposed",
    }
    said = [words.get(transformation, transformation)]
    if "rows" in details:
        said.append(f"rows {details['rows'][0]} to {details['rows'][1]}")
    if "into" in details:
        said.append("into " + ", ".join(f"{start}:{stop}" for start, stop in details["into"]))
    if "scale" in details:
        said.append(f"× {details['scale']}")
    if "dtype" in details:
        said.append(f"as {details['dtype']}")
    return ", ".join(one for one in said if one)


def _print_unmapped(console: Console, mapping: VariableMapping) -> None:
    for one in mapping.unmapped:
        if not one.follows:
            side = "TF1" if one.side == "tf1" else "new"
            console.print(Text(f"Not mapped ({side}): {one.name} {_shape(one.shape)}: {one.reason}.", "red"))
            if one.candidates:
                console.print(f"    nearest: {', '.join(one.candidates)}")
    following = sum(one.follows for one in mapping.unmapped)
    if mapping.unmapped:
        also = f", {following} of them slots and averages of the others" if following else ""
        console.print(
            f"{len(mapping.unmapped)} variables are not mapped{also}. Rules (--rules) say where they go, or that they stay "
            "behind: see docs/checkpoints.md."
        )


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _shown(checkpoint: Checkpoint) -> dict[str, Any]:
    tensors = []
    for name, one in checkpoint.tensors.items():
        role = checkpoint.roles[name]
        entry = {
            "name": name,
            "shape": list(one.shape),
            "dtype": one.dtype,
            "bytes": one.nbytes,
            "partitions": one.slices,
        }
        tensors.append(entry | {key: value for key, value in plain(role).items() if value and key != "group"})
    return {
        "checkpoint_version": VERSION,
        "prefix": checkpoint.prefix,
        "format": checkpoint.format,
        "shards": checkpoint.shards,
        "count": len(checkpoint.tensors),
        "parameters": checkpoint.parameters,
        "bytes": checkpoint.nbytes,
        "tensors": tensors,
    }


def _mapped(checkpoint: Checkpoint, mapping: VariableMapping) -> dict[str, Any]:
    data: dict[str, Any] = plain(mapping)
    for entry, one in zip(data["mapped"], mapping.mapped, strict=True):
        entry["value"] = None if one.value is None else getattr(one.value, "__name__", "a function")
    return {"mapping_version": VERSION, "prefix": checkpoint.prefix, "complete": mapping.complete, **data}


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _totals(checkpoint: Checkpoint) -> str:
    kinds = [checkpoint.roles[name].kind for name in checkpoint.tensors]
    variables = kinds.count("variable")
    rest = len(kinds) - variables
    others = f" and {rest} of optimizers, averages and steps" if rest else ""
    shards = f", {checkpoint.shards} shards" if checkpoint.shards > 1 else ""
    return (
        f"{variables} variables with {checkpoint.parameters:,} parameters{others}; {_size(checkpoint.nbytes)}, "
        f"format {checkpoint.format}{shards}."
    )


def _size(nbytes: float) -> str:
    unit = 0
    while nbytes >= 1000 and unit < len(_UNITS) - 1:
        nbytes, unit = nbytes / 1000, unit + 1
    return f"{nbytes:.0f} {_UNITS[0]}" if not unit else f"{nbytes:.1f} {_UNITS[unit]}"
