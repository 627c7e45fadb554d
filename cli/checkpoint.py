"""`tf-modernize checkpoint`: its commands and options. What they do is in `checkpointing`, which is imported when one runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_EPILOG = (
    "Exit codes: 0 done; 1 the checkpoint and the model do not fit each other; 2 wrong usage, or something that could not "
    "be read, run or written."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What `map` and `convert` have in common."""
    for option in (
        click.option(
            "--rules",
            metavar="FILE",
            help="Rules for what the tool can't know: a JSON file, or rules.py:NAME for a list in a Python file.",
        ),
        click.option(
            "--manifest",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The manifest that `upgrade` wrote: it knows where the variables went.",
        ),
        click.option(
            "--model",
            required=True,
            metavar="MODULE:FACTORY",
            help="What makes the new model: a function without arguments that returns a Keras model, a pair or dict of a model "
            "and an optimizer, or a tf.train.Checkpoint. MODULE is a dotted name or a file; alone, it is imported and searched.",
        ),
    ):
        command = option(command)
    return command


@click.group(short_help="Show, map and convert TF1 checkpoints.")
def checkpoint() -> None:
    """What is in a TF1 checkpoint, where it belongs in a native program, and its conversion.

    CKPT is a checkpoint's prefix (model.ckpt-1000), one of its files, or a folder with a `checkpoint` file. Needs TensorFlow.
    """


@checkpoint.command(epilog=_EPILOG)
@click.argument("ckpt")
@_JSON
def show(**options: Any) -> None:
    """Lists what a checkpoint holds, and what each of it is. No value is read."""
    from .checkpointing import run_show

    raise click.exceptions.Exit(run_show(**options))


@checkpoint.command(epilog=_EPILOG)
@click.argument("ckpt")
@_model_options
@_JSON
def map(**options: Any) -> None:
    """Says which variable of a new model takes which value, and how it changes on the way.

    No value is read, and the model is built without values. What can't be mapped, on either side, is listed with its nearest
    candidates.
    """
    from .checkpointing import run_map

    raise click.exceptions.Exit(run_map(**options))


@checkpoint.command(epilog=_EPILOG)
@click.argument("ckpt")
@_model_options
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="The folder to write a TensorFlow 2 checkpoint into, or a file *.weights.h5.",
)
@click.option(
    "--format",
    type=click.Choice(["checkpoint", "weights"]),
    help="checkpoint: tf.train.Checkpoint(model=…, optimizer=…). weights: Keras' .weights.h5. [default: by the name of PLACE]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def convert(**options: Any) -> None:
    """Writes a checkpoint's values, with the optimizer's state and steps, as TensorFlow 2 reads them.

    What was written is read back and compared; on any failure nothing is left at PLACE.
    """
    from .checkpointing import run_convert

    raise click.exceptions.Exit(run_convert(**options))
