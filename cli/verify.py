"""`tf-modernize verify`: its options. What it does is in `verifying`, which is imported only when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(dir_okay=False, path_type=Path)
_THERE = click.Path(exists=True, path_type=Path)
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command(
    short_help="Prove that upgraded programs compute what the old ones did.",
    epilog="Exit codes: 0 proved; 1 different; 2 it could not be run, wrong usage, or an internal error.",
)
@click.argument("old", type=click.Path(path_type=Path), metavar="OLD")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS...]")
@click.option(
    "--manifest",
    type=_FILE,
    metavar="FILE",
    help="The manifest that `upgrade` wrote. [default: tf-modernize-manifest.json beside NEW, or above it]",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="CKPT",
    help="A TF1 checkpoint that both programs start from, in place of their initial values.",
)
@click.option("--python", metavar="PY", help="The interpreter with TensorFlow 2. [default: this one]")
@click.option(
    "--tf1-python",
    metavar="PY",
    help="An interpreter with TensorFlow 1 for the old program. [default: compat.v1 of TensorFlow 2]",
)
@click.option("--entry", metavar="FILE", help="The file of the project that is run, relative to its top.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="How many times each execution is compared, from equal states.",
)
@click.option(
    "--free-run",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="How many executions are compared while each program goes on from its own state; 0 for none.",
)
@click.option(
    "--timeout",
    type=_POSITIVE,
    default=300,
    show_default=True,
    metavar="S",
    help="End a program after S seconds with what was seen until then; stop it for good after twice that.",
)
@click.option(
    "--memory",
    default="8G",
    show_default=True,
    metavar="SIZE",
    help="What a program may allocate, like 512M or 8G; `none` for no limit.",
)
@click.option(
    "--with",
    "files",
    type=_THERE,
    multiple=True,
    metavar="PATH",
    help="A file or folder that is copied into the working folder of both programs. May be given again.",
)
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A variable of the environment for both programs, which see few others; without a value, the one that it "
    "has here. May be given again.",
)
@click.option(
    "--rtol", type=_POSITIVE, metavar="X", help="Relative tolerance, float32, one forward pass. [default: 1e-6]"
)
@click.option("--atol", type=_POSITIVE, metavar="X", help="Absolute tolerance, for values about 1. [default: 1e-5]")
@click.option(
    "--update-rtol",
    type=_POSITIVE,
    metavar="X",
    help="Tolerance for what a training step changes, relative to the change. [default: 1e-4]",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write the report, as JSON, to FILE; `-` is standard output.",
)
@click.option("--html", type=_FILE, metavar="FILE", help="Write the report, as a page with pictures, to FILE.")
@click.option("--no-locate", is_flag=True, help="Don't look for the first value in between that differs.")
@click.option("--no-float64", is_flag=True, help="Don't run again in float64 to tell rounding from error.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
def verify(**options: Any) -> None:
    """Runs OLD, the TF1 files, and NEW, what `upgrade` made of them, from equal states on equal inputs, and compares them.

    OLD and NEW are files or folders; OLD may also be a .meta graph, a SavedModel or a frozen .pb. Each program runs in a
    process of its own, in an empty folder, with the ARGS that stand after `--`. It needs the extra `verify`:
    pip install tf-modernize[verify].
    """
    from .verifying import Request, run

    raise click.exceptions.Exit(run(Request(**options)))
