"""The levels of a report, from what was seen, as sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from ..running import Run
from . import comparing
from .model import IMPORTS, PARSES, Comparison, Level
from .subjects import Subject, texts

_MISSING_FILE = re.compile(r"FileNotFoundError|No such file or directory|\bNotFoundError")
_IMPORT_ERROR = re.compile(r"^(ImportError|ModuleNotFoundError)\b", re.MULTILINE)


def parses(subject: Subject) -> Level | None:
    """The failed level, where a new file is no Python."""
    for path in subject.program.files:
        try:
            ast.parse(texts(subject.new_root, [path])[path])
        except OSError as error:
            why = error.strerror or error
            return Level(
                PARSES, "failed", f"{path} can't be read among the new files ({why}); the manifest counts it there"
            )
        except (SyntaxError, ValueError, LookupError) as error:
            return Level(PARSES, "failed", f"{path} is not valid Python: {error}")
    return None


def all_parse(subject: Subject) -> Level:
    """The passed level, after `parses` found nothing."""
    count = len(subject.program.files)
    return Level(PARSES, "passed", f"{count} file{'s' * (count != 1)}")


def imports(run: Run) -> Level:
    """Whether the new program's run came past its imports."""
    imported = run.succeeded or not _IMPORT_ERROR.search(run.problem(1))
    return Level(IMPORTS, "passed" if imported else "failed", "" if imported else f"the new program {ended(run)}")


def level_of(name: str, found: Sequence[Comparison]) -> Level:
    """A level from its comparisons."""
    if not found:
        return Level(name, "skipped", "nothing to compare")
    bad = [one for one in found if not one.passed]
    largest = comparing.worst(found)
    if not bad:
        rounding = sum(not one.equal and not one.unsettled for one in found)
        unsettled = sum(one.unsettled for one in found)
        told = f"{len(found)} values"
        if rounding:
            told += f", {rounding} of them equal in float64 only"
        if unsettled:
            told += f", {unsettled} of them not settled by the old program, which differs from itself as much"
        return Level(name, "passed", told, len(found), largest)
    first = bad[0]
    told = f"{len(bad)} of {len(found)} values differ, first {first.name} at execution {first.step + 1}"
    told += f": {first.note}" if first.note else f": off by {first.error:.3g}, {first.allowed:.3g} allowed"
    return Level(name, "different", told, len(found), largest)


def ended(run: Run) -> str:
    """How a program that did not succeed ended, in words."""
    if run.code is None:
        return f"did not end within {run.seconds:.0f} s"
    last = run.problem(1) or "without a word"
    if run.out_of_memory:
        return f"ran out of memory: {last}"
    if last.startswith("ModuleNotFoundError"):
        return f"misses a module ({last}): it must be installed for the interpreter that runs the program"
    if _MISSING_FILE.search(last):
        return f"misses a file ({last}): it runs in an empty folder, and what it reads must be given to it"
    if run.code < 0:
        return f"was ended by signal {-run.code}: {last}"
    if run.code == 2 and "usage:" in run.stderr:
        return f"did not take its arguments ({last}): what stands after `--` is given to both programs"
    return f"ended with exit code {run.code}: {last}"
