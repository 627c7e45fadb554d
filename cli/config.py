"""The configuration: `[tool.tf-modernize]` of the nearest pyproject.toml, for what the command line leaves open.

Nearest is meant from the folder that all the paths are in, upwards; a pyproject.toml without the table is passed by.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .codes import Choice
    from .excluding import Exclusion

TABLE = "tool.tf-modernize"
NAME = "tf-modernize"

# What each key holds. Keys are named as the options are.
FLAG, NUMBER, LIST, LISTS = (
    "true or false",
    "a whole number above 0",
    "a list of strings",
    "a table of lists of strings",
)
CHOICES: Mapping[str, tuple[str, ...]] = {"target": ("native", "compat"), "assume": ("tf1", "tf2")}
KEYS: Mapping[str, str] = {
    **{key: " or ".join(f'"{one}"' for one in choices) for key, choices in CHOICES.items()},
    "select": LIST,
    "ignore": LIST,
    "per-file-ignores": LISTS,
    "unsafe-fixes": FLAG,
    "exclude": LIST,
    "extend-exclude": LIST,
    "force-exclude": FLAG,
    "jobs": NUMBER,
    "cache": FLAG,
}


class ConfigError(click.ClickException):
    """What is wrong with a configuration: a sentence, and exit code 2, as for options."""

    exit_code = 2


@dataclass(frozen=True)
class Config:
    """A table's values, and where it is; patterns in it are relative to `folder`."""

    values: Mapping[str, Any]
    folder: Path
    file: Path | None = None


def load(paths: Sequence[str], file: Path | None = None, isolated: bool = False) -> Config:
    """The configuration for a run over these paths."""
    if isolated:
        return Config({}, Path())
    if file is not None:
        table = _table(file)
        if table is None:
            raise ConfigError(f"{file} has no table [{TABLE}].")
        return _checked(table, file)
    for folder in (start := _start(paths), *start.parents):
        place = folder / "pyproject.toml"
        table = _table(place) if os.path.isfile(place) else None
        if table is not None:
            return _checked(table, place)
    return Config({}, Path())


def merged(options: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """The options of a command with the configuration's values where the command line gives none (None, or an empty list)."""
    found = {name: value for name, value in options.items() if value is not None and value != ()}
    for key, value in config.values.items():
        name = key.replace("-", "_")
        if name in options:
            found.setdefault(name, tuple(value) if isinstance(value, list) else value)
    return found


def exclusion(options: Mapping[str, Any], config: Config) -> Exclusion:
    """What is left out. A list on the command line takes the place of the configuration's list of the same name."""
    from .excluding import HIDDEN, Exclusion, Patterns

    found: list[Patterns] = [Patterns((HIDDEN,), Path())]
    for name in ("exclude", "extend_exclude"):
        given, configured = options.get(name), config.values.get(name.replace("_", "-"))
        if given:
            found.append(Patterns(given, Path()))
        elif configured:
            found.append(Patterns(tuple(configured), config.folder))
    force = options.get("force_exclude")
    return Exclusion(tuple(found), bool(config.values.get("force-exclude") if force is None else force))


def choice(options: Mapping[str, Any], config: Config) -> Choice:
    """What is told. Names that no diagnostic has are an error."""
    from .codes import Choice, check

    given: dict[str, tuple[str, ...]] = {}
    for name in ("select", "ignore"):
        check(options[name], click.UsageError, silencing=name == "ignore")
        check(config.values.get(name, ()), _fault(config, name), silencing=name == "ignore")
        given[name] = options[name] or tuple(config.values.get(name, ()))
    per_file = config.values.get("per-file-ignores", {})
    for names in per_file.values():
        check(names, _fault(config, "per-file-ignores"), silencing=True)
    return Choice(
        **given, per_file={pattern: tuple(names) for pattern, names in per_file.items()}, folder=config.folder
    )


def _fault(config: Config, key: str) -> Callable[[str], Exception]:
    return lambda sentence: ConfigError(f"{_shown(config.file or Path())}: {key} in [{TABLE}]: {sentence}")


def similar(name: str, known: Sequence[str]) -> str:
    """A question after what was probably meant, or what there is."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."


# --- reading -----------------------------------------------------------------------------------------------------------


def _start(paths: Sequence[str]) -> Path:
    """The folder that all the paths are in."""
    places = [os.path.abspath(path) for path in paths if path != "-"] or [os.getcwd()]
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    return Path(os.path.commonpath(folders))


def _table(file: Path) -> dict[str, Any] | None:
    """The table of a file; None where it has none. What does not have its name in it is not parsed."""
    try:
        data = file.read_bytes()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{_shown(file)} can't be read ({why}): --isolated runs without it.") from None
    if NAME.encode() not in data:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(data.decode())
    except ValueError as error:
        raise ConfigError(f"{_shown(file)} is no TOML: {error}. --isolated runs without it.") from None
    tools = document.get("tool")
    table = tools.get(NAME) if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{_shown(file)}: {TABLE} must be a table.")
    return table


def _checked(table: Mapping[str, Any], file: Path) -> Config:
    for key, value in table.items():
        if key not in KEYS:
            raise ConfigError(f"{_shown(file)}: [{TABLE}] has no key {key}: {similar(key, list(KEYS))}")
        if not _fits(key, value):
            raise ConfigError(f"{_shown(file)}: {key} in [{TABLE}] must be {KEYS[key]}, not {_told(value)}.")
    return Config(table, file.parent, file)


def _fits(key: str, value: object) -> bool:
    kind = KEYS[key]
    if key in CHOICES:
        return value in CHOICES[key]
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if kind == LISTS:
        return isinstance(value, dict) and all(map(_is_list, value.values()))
    return _is_list(value)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _told(value: object) -> str:
    """A value as TOML writes it, where it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return "a table" if isinstance(value, dict) else repr(value)


def _shown(file: Path) -> str:
    return os.path.relpath(file)
