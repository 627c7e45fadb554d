"""What a run hands back: results for each file and connected program, and the report that is written from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .diagnostics import Diagnostic
from .manifest import Program, plain

VERSION = 1

Level = Literal["native", "compat", "untouched", "tf2", "none"]
State = Literal["rewritten", "kept", "left", "ignored", "not-tensorflow"]
# The codes that say why a program, or a file, is not at the level that was asked for.
STOPPING = frozenset({"TFM905", "TFM907", "TFM910", "TFM931", "TFM932"})

LEVELS: Mapping[str, str] = {
    "native": "native TensorFlow 2: no session, no compat.v1",
    "compat": "still graph mode, on tensorflow.compat.v1",
    "untouched": "left as it was, with the reason",
    "tf2": "TensorFlow 2 already",
    "none": "no TensorFlow in it",
}


@dataclass(frozen=True)
class Account:
    """What became of one use of a TF1 name in the input. `reason` is empty only for "rewritten"; what is "ignored" is left,
    and the user has said that this is so to be."""

    name: str
    path: str
    line: int
    column: int
    state: State
    reason: str = ""


@dataclass(frozen=True)
class FileResult:
    """One file: `after` is None where nothing changes, `error` a sentence where it could not be read or handled; `ignored`
    are findings that the user does not want to be told."""

    path: str
    before: bytes
    after: bytes | None
    level: Level
    diagnostics: tuple[Diagnostic, ...] = ()
    accounts: tuple[Account, ...] = ()
    error: str | None = None
    ignored: tuple[Diagnostic, ...] = ()
    cells: tuple[int, ...] = ()  # of a notebook: the line on which each code cell begins


@dataclass(frozen=True)
class ProgramResult:
    """One connected program. All its TensorFlow files have the same level, but for those that are skipped."""

    level: Level
    files: Mapping[str, FileResult]
    dialect: Literal["tf1", "tf2", "none"] = "none"
    evidence: str = ""
    manifest: Program | None = None
    requirements: tuple[str, ...] = ()  # packages that the result needs beside TensorFlow

    @property
    def is_accepted(self) -> bool:
        """Whether all that keeps the program from the level that was asked for is ignored, and something is."""
        told = any(one.code in STOPPING for file in self.files.values() for one in file.diagnostics)
        return not told and any(one.code in STOPPING for file in self.files.values() for one in file.ignored)


def is_left(result: FileResult) -> bool:
    """Whether TF1 remains in the file's result: a name left with a reason, or a file that could not be handled."""
    return result.error is not None or any(account.state == "left" for account in result.accounts)


def summary(programs: Iterable[ProgramResult]) -> dict[str, int]:
    """Counts over a whole run: files by level, files changed and failed, names by state, diagnostics."""
    counts: Counter[str] = Counter({f"level_{level}": 0 for level in LEVELS})
    counts.update(dict.fromkeys(("files", "changed", "failed", "diagnostics", "ignored_diagnostics"), 0))
    counts.update(dict.fromkeys((state.replace("-", "_") for state in get_args(State)), 0))
    for program in programs:
        for result in program.files.values():
            counts["files"] += 1
            counts[f"level_{result.level}"] += 1
            counts["changed"] += result.after is not None
            counts["failed"] += result.error is not None
            counts["diagnostics"] += len(result.diagnostics)
            counts["ignored_diagnostics"] += len(result.ignored)
            for account in result.accounts:
                counts[account.state.replace("-", "_")] += 1
    return dict(counts)


def to_json(programs: Sequence[ProgramResult], read: int, tool: str, target: str, root: str) -> dict[str, Any]:
    """The report as plain data, as schemas/report-1.json describes it. Its paths are relative to `root`.

    `read` counts all files that were looked at: those that are in no program have nothing to do with TensorFlow.
    """
    return {
        "report_version": VERSION,
        "tool": tool,
        "target": target,
        "root": root,
        "summary": {"read": read, **summary(programs)},
        "programs": [
            {
                "level": program.level,
                "dialect": program.dialect,
                "evidence": program.evidence,
                "requirements": list(program.requirements),
                "files": [_file(result) for _, result in sorted(program.files.items())],
            }
            for program in programs
        ],
    }


def _file(result: FileResult) -> dict[str, Any]:
    return {
        "path": result.path,
        "level": result.level,
        "changed": result.after is not None,
        "error": result.error,
        "diagnostics": plain(result.diagnostics),
        "ignored": plain(result.ignored),
        "names": plain(result.accounts),
        **({"cells": list(result.cells)} if result.cells else {}),
    }
