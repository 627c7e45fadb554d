"""Options that every command has that reads a tree of sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def split(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values that may be given again, and several at once with commas between."""
    return tuple(one.strip() for value in values for one in value.split(",") if one.strip())


def listed(*names: str, metavar: str, help: str) -> Callable[[_Command], _Command]:
    """An option that may be given again, and takes several values at once."""
    return click.option(*names, multiple=True, callback=split, metavar=metavar, help=help)


def tree_options(command: _Command) -> _Command:
    """Which files are taken, and which configuration counts."""
    for option in reversed(
        (
            listed(
                "--exclude",
                metavar="PATTERNS",
                help="Leave out what these patterns fit, in .gitignore's syntax, relative to the working folder.",
            ),
            listed(
                "--extend-exclude", metavar="PATTERNS", help="Leave out these too, beside the configuration's exclude."
            ),
            click.option(
                "--force-exclude/--no-force-exclude",
                default=None,
                help="Leave out also what is named itself, where it is excluded or ignored. [default: it is taken]",
            ),
            click.option(
                "--config",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                metavar="FILE",
                help="The TOML file with the table [tool.tf-modernize]. [default: the nearest pyproject.toml that has it]",
            ),
            click.option("--isolated", is_flag=True, help="Read no configuration."),
        )
    ):
        command = option(command)
    return command


def code_options(command: _Command) -> _Command:
    """Which diagnostics are told."""
    for option in reversed(
        (
            listed(
                "--select", metavar="CODES", help="Tell only of these codes, symbols, or beginnings of codes (TFM4)."
            ),
            listed("--ignore", metavar="CODES", help="Don't tell of these; the report counts them as ignored."),
        )
    ):
        command = option(command)
    return command
