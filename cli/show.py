"""What the user sees: diffs, findings, sentences for what went wrong, a summary. Rich is loaded only here."""

from __future__ import annotations

import difflib
import io
import os
import sys
import tokenize
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tf_modernize.codemods.diagnostics import Diagnostic
from tf_modernize.codemods.report import LEVELS, FileResult, ProgramResult, summary

from . import notebooks
from .sources import Problem, Source

SHOWN_FINDINGS = 20
COLOURS = {b"+++": "bold", b"---": "bold", b"@@": "cyan", b"+": "green", b"-": "red"}


class Show:
    """The output of one run. `apart`: standard output belongs to a diff or a source, so all else goes to standard error."""

    def __init__(self, quiet: bool, verbose: bool, apart: bool) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.out = self.errors if apart else Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

    def configuration(self, file: Path | None) -> None:
        """Which file the options come from that the command line does not give, with --verbose."""
        if self.verbose and file is not None:
            self.out.print(_text((os.path.relpath(file), "bold"), (": the configuration of this run", "")))

    @contextmanager
    def progress(self, files: int) -> Iterator[Callable[[int], None]]:
        """A progress bar over the files, on a terminal."""
        if self.quiet or files < 2 or not self.errors.is_terminal:
            yield lambda done: None
            return
        from rich.progress import Progress

        with Progress(console=self.errors, transient=True) as bar:
            task = bar.add_task("Upgrading", total=files)
            yield lambda done: bar.advance(task, done)

    def diffs(self, files: Sequence[tuple[Source, FileResult]], plain: bool) -> None:
        """A unified diff of each file that changes; plain ones byte for byte, so that `patch -p1` takes them. Notebooks' are
        those of their cells."""
        if self.quiet and not plain:
            return
        for source, one in files:
            lines = list(_diff(source, one))
            if plain:
                sys.stdout.buffer.writelines(lines)
                sys.stdout.buffer.flush()
            else:
                encoding = _encoding(one.before)
                for line in lines:
                    self.out.print(Text(line.decode(encoding, "replace").rstrip("\r\n"), style=_style(line)))

    def findings(self, programs: Sequence[ProgramResult], places: notebooks.Places) -> None:
        """The diagnostics, and with --verbose each file's level and each name that is left."""
        if self.quiet:
            return
        files = [one for program in programs for one in program.files.values()]
        if self.verbose:
            for one in sorted(files, key=lambda one: one.path):
                self.out.print(_text((places.file(one.path), "bold"), (f": {one.level}: {LEVELS[one.level]}", "")))
        findings = sorted(
            (one for file in files if not file.error for one in file.diagnostics),
            key=lambda one: (one.path, one.line, one.column),
        )
        for diagnostic in findings if self.verbose else findings[:SHOWN_FINDINGS]:
            self.out.print(_finding(diagnostic, places))
        if len(findings) > SHOWN_FINDINGS and not self.verbose:
            self.out.print(
                f"… and {len(findings) - SHOWN_FINDINGS} more: --verbose shows all, --report FILE writes them down."
            )
        if self.verbose:
            for file in files:
                for finding in file.ignored:
                    self.out.print(_finding(finding, places, "ignored: "))
                for account in file.accounts:
                    if account.state == "left":
                        place = places.at(file.path, account.line, account.column)
                        self.out.print(_text((place, "bold"), (f": tf.{account.name} is left: {account.reason}", "")))

    def note(self, sentence: str) -> None:
        """Something about the run that its user should know."""
        if not self.quiet:
            self.errors.print(_text((sentence, "")))

    def problems(self, problems: Sequence[Problem]) -> None:
        """What could not be done, always shown."""
        for problem in problems:
            sentence = problem.sentence if problem.sentence.endswith((".", "?")) else problem.sentence + "."
            self.errors.print(_text((printable(problem.shown), "bold"), (": ", ""), (printable(sentence), "red")))

    def summary(self, programs: Sequence[ProgramResult], files: int, done: str) -> None:
        """A few lines about the whole run."""
        if self.quiet:
            return
        counts = summary(programs)
        counts["level_none"] += files - counts["files"]
        levels = [f"{counts[f'level_{level}']} {what}" for level, what in _SHORT.items() if counts[f"level_{level}"]]
        self.out.print(f"{_number(files, 'file')}: {', '.join(levels)}." if files else "No Python files there.")
        names = [f"{counts[state]} {what}" for state, what in _STATES.items() if counts[state]]
        if names:
            self.out.print(f"TensorFlow names: {', '.join(names)}.")
        if counts["ignored_diagnostics"]:
            self.out.print(f"{_number(counts['ignored_diagnostics'], 'finding')} ignored, as wanted.")
        needed = sorted({name for program in programs for name in program.requirements})
        if needed:
            self.out.print(f"The result needs, beside TensorFlow: {', '.join(needed)}.")
        self.out.print(done)


_STATES = {"rewritten": "rewritten", "kept": "the same in TensorFlow 2", "left": "left", "ignored": "left as wanted"}
_SHORT = {
    "native": "native",
    "compat": "compat (still graph mode)",
    "untouched": "untouched",
    "tf2": "TensorFlow 2 already",
    "none": "without TensorFlow",
}


def printable(text: str) -> str:
    """A path as it can be printed: file names need not be UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _text(*parts: tuple[str, str]) -> Text:
    return Text.assemble(*((printable(text), style) for text, style in parts))


def _finding(one: Diagnostic, places: notebooks.Places, kind: str = "") -> Text:
    place = places.at(one.path, one.line, one.column)
    return _text((place, "bold"), (f": {kind}", ""), (f"{one.symbol} ({one.code})", "yellow"), (f" {one.message}", ""))


def _diff(source: Source, one: FileResult) -> Iterator[bytes]:
    name = os.fsencode(source.shown).replace(os.sep.encode(), b"/")
    if source.notebook is not None:
        yield from notebooks.diff(name, source.notebook, one.after or b"")
        return
    old, new = (b"a/" + name, b"b/" + name) if not name.startswith((b"/", b"../")) else (name, name)
    before, after = one.before, one.after or b""
    for line in difflib.diff_bytes(difflib.unified_diff, _lines(before), _lines(after), old, new, lineterm=b"\n"):
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    """The lines with their ends, split at line feeds alone, as diff and patch do."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _encoding(data: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:
        return "utf-8"


def _style(line: bytes) -> str:
    return next((style for start, style in COLOURS.items() if line.startswith(start)), "")
