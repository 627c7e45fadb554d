"""What `tf-modernize verify` does: run the harness, tell, write."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import writing

if TYPE_CHECKING:
    from tf_modernize.harness.verify import Options, Report

MISSING_EXTRA = "`verify` runs TensorFlow, which is not installed here: pip install tf-modernize[verify]"


@dataclass(frozen=True)
class Request:
    """The options of one verification, as the command line gives them."""

    old: Path
    new: Path
    arguments: Sequence[str] = ()
    manifest: Path | None = None
    checkpoint: Path | None = None
    python: str | None = None
    tf1_python: str | None = None
    entry: str | None = None
    steps: int = 5
    free_run: int = 10
    timeout: float = 300
    memory: str = "8G"
    files: Sequence[Path] = ()
    environment: Sequence[str] = ()
    rtol: float | None = None
    atol: float | None = None
    update_rtol: float | None = None
    json_file: Path | None = None
    html: Path | None = None
    no_locate: bool = False
    no_float64: bool = False
    quiet: bool = False


def run(request: Request) -> int:
    """Does one verification and gives its exit code."""
    environment = _environment(request.environment)
    memory = _memory(request.memory)
    pythons = [_python("--python", request.python), _python("--tf1-python", request.tf1_python)]
    if not _has_extra(request.python):
        click.echo(f"Error: {MISSING_EXTRA}", err=True)
        return 2

    from tf_modernize.harness.verify import VerifyError, verify
    from tf_modernize.harness.verify.document import exit_code

    from .verdict import Show

    options = _options(request, environment, memory, pythons[0], pythons[1])
    show = Show(request.quiet, apart=str(request.json_file) == "-")
    reports: list[Report] = []
    error: str | None = None
    try:
        with show.progress() as told:
            reports = verify(request.old, request.new, options, told)
    except VerifyError as refused:
        error = str(refused)
    reports = [dataclasses.replace(one, settings=options.settings()) for one in reports]
    show.reports(reports)
    if error:
        show.error(error)
    written = _write_documents(request, reports, error)
    return 2 if error or not written else exit_code(reports)


def _has_extra(python: str | None) -> bool:
    """NumPy is needed here, TensorFlow in the interpreter that runs the programs."""
    needed = ["numpy"] if python else ["numpy", "tensorflow"]
    return all(importlib.util.find_spec(name) is not None for name in needed)


def _options(
    request: Request, environment: Mapping[str, str], memory: int | None, python: str | None, tf1_python: str | None
) -> Options:
    from tf_modernize.harness.verify import Options
    from tf_modernize.harness.verify.tolerances import Tolerances

    given = {"rtol": request.rtol, "atol": request.atol, "update": request.update_rtol}
    # Theirs is where the observers come in, so what the user wants on it goes before the rest.
    path = environment.get("PYTHONPATH", "")
    return Options(
        python=python or sys.executable,
        tf1_python=tf1_python,
        manifest=request.manifest,
        checkpoint=request.checkpoint,
        entry=request.entry,
        arguments=tuple(request.arguments),
        steps=request.steps,
        free_steps=request.free_run,
        seconds=request.timeout,
        memory=memory,
        files=tuple(request.files),
        environment={name: value for name, value in environment.items() if name != "PYTHONPATH"},
        path=tuple(Path(one).absolute() for one in path.split(os.pathsep) if one),
        tolerances=Tolerances(**{name: value for name, value in given.items() if value is not None}),
        locate=not request.no_locate,
        double=not request.no_float64,
        layers=request.html is not None,
    )


def _python(option: str, named: str | None) -> str | None:
    """An interpreter's whole path: programs run in another folder."""
    if named is None:
        return None
    found = shutil.which(os.path.expanduser(named))
    if found is None:
        raise click.UsageError(f"{option}: there is no program {named}.")
    return os.path.abspath(found)


def _memory(text: str) -> int | None:
    """A size in bytes; None for no limit."""
    if text.lower() == "none":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    size = float(found[1]) * 1024 ** "_kmgt".index(found[2] or "_") if found else 0
    if size < 1:
        raise click.UsageError(f"--memory: {text} is not a size like 512M or 8G, or `none`.")
    return int(size)


def _environment(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or "\0" in one:
            raise click.UsageError(f"--env: {one!r} is not NAME or NAME=VALUE.")
        if not equals and name not in os.environ:
            raise click.UsageError(f"--env: {name} is not set here; give it a value: --env {name}=VALUE.")
        found[name] = value if equals else os.environ[name]
    return found


def _write_documents(request: Request, reports: Sequence[Report], error: str | None) -> bool:
    """The JSON and the page, where they are asked for; False where one could not be written."""
    documents: list[tuple[Path, bytes]] = []
    if request.json_file:
        from tf_modernize.harness.verify.document import to_json

        data: dict[str, Any] = to_json(reports, error)
        text = json.dumps(data, indent=1, ensure_ascii=True, allow_nan=False) + "\n"
        if str(request.json_file) == "-":
            sys.stdout.write(text)
        else:
            documents.append((request.json_file, text.encode()))
    if request.html:
        from tf_modernize.harness.verify.page import page

        documents.append((request.html, page(reports, error).encode()))
    done = True
    for path, content in documents:
        try:
            writing.write(path, content)
        except writing.WriteError as problem:
            click.echo(f"Error: {path} {problem.sentence}.", err=True)
            done = False
    return done
