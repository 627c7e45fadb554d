"""`tf-modernize upgrade`: its options. What it does is in `run`, which is imported only when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import code_options, tree_options

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    short_help="Upgrade TF1 files and folders.",
    epilog="Exit codes: 0 done, also where something is left and reported; 1 under --check if anything would change "
    "or is left; 2 wrong usage, an internal error, or a file that could not be read, parsed or written.",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option("--write", is_flag=True, help="Write the upgraded files in place.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the upgraded tree into DIR, other files copied.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if anything would change or is left.")
@click.option("--diff", is_flag=True, help="Print a plain unified diff on stdout, everything else on stderr.")
@click.option(
    "--target",
    type=click.Choice(["native", "compat"]),
    help="native: eager, tf.function and Keras 3 wherever that is sure to mean the same, else compat. "
    "compat: graph mode on tensorflow.compat.v1 throughout. [default: native]",
)
@click.option(
    "--assume",
    type=click.Choice(["tf1", "tf2"]),
    help="What a program is written for, where nothing in it tells.",
)
@click.option("--report", type=_FILE, metavar="FILE", help="Write the report, as JSON, to FILE.")
@click.option(
    "--manifest",
    type=_FILE,
    metavar="FILE",
    help="Write the manifest, as JSON, to FILE. [default with --write or --output: tf-modernize-manifest.json at the top "
    "of what is written]",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes to spread the programs over. [default: one for each core, for trees of some size]",
)
@click.option(
    "--cache/--no-cache",
    default=None,
    help="Take programs that have not changed since an earlier run from the user's cache folder. [default: cache]",
)
@click.option(
    "--unsafe-fixes/--no-unsafe-fixes",
    default=None,
    help="Write also what may not mean the same, each time with a finding that says why; `rules` lists them. [default: no]",
)
@code_options
@tree_options
@click.option("--stdin-filename", metavar="NAME", help="The name to report for `-`, the source on standard input.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every finding, and every file with its level.")
def upgrade(**options: Any) -> None:
    """Upgrades TF1 files, and folders of them, to native TensorFlow 2 / Keras 3.

    Without --write, --output, --check or --diff it shows a diff and a summary, and writes nothing. PATHS may be `-`: then
    the source is read from standard input, and the upgraded source goes to standard output.

    In folders every *.py and *.ipynb file is taken that neither .gitignore nor --exclude leaves out, but for what is hidden
    and virtual environments. Files that are named themselves are taken all the same. The table [tool.tf-modernize] of
    pyproject.toml has the options for every run; the command line wins.
    """
    from . import config
    from .run import Request, run

    file, isolated = options.pop("config"), options.pop("isolated")
    if isolated and file:
        raise click.UsageError("--config and --isolated exclude each other.")
    found = config.load([options["stdin_filename"] or path for path in options["paths"]], file, isolated)
    exclusion, choice = config.exclusion(options, found), config.choice(options, found)
    for name in ("exclude", "extend_exclude", "force_exclude", "select", "ignore"):
        del options[name]
    merged = config.merged(options, found)
    request = Request(**merged, exclusion=exclusion, choice=choice, configured_by=found.file)
    raise click.exceptions.Exit(run(request))
