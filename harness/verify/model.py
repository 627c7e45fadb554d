"""What a verification found: data, for the table, the JSON, the page and the exit code alike."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

# What is proved, one after the other; the names are those of reports.
PARSES, IMPORTS, RUNS = "parses", "imports", "runs"
VARIABLES, INITIAL, INPUTS = "variables map", "initial values", "inputs equal"
FORWARD, GRADIENTS, TRAINING = "forward equal", "gradients equal", "training steps equal"
READS, FREE = "reads equal", "free run"
LEVELS = (PARSES, IMPORTS, RUNS, VARIABLES, INITIAL, INPUTS, FORWARD, GRADIENTS, TRAINING, READS, FREE)

State = Literal["passed", "different", "failed", "skipped"]


class VerifyError(Exception):
    """Why nothing could be verified, as a sentence."""


@dataclass(frozen=True)
class Place:
    """A line of the old or the new source; `function` is the qualified name where one is known."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}" if self.line else self.file
        return f"{at} ({self.function})" if self.function else at


def ratio(error: float, allowed: float, equal: bool) -> float:
    """An error in units of what is allowed."""
    if math.isfinite(error) and allowed > 0:
        return error / allowed
    return 0.0 if equal else math.inf


@dataclass(frozen=True)
class Comparison:
    """One tensor of one execution on both sides.

    `error` is the absolute difference, and `allowed` what was allowed, at the place where the difference exceeds it most;
    `scale` is the largest magnitude of the old value. `note` says what is wrong where that is no number: shapes,
    a value that is missing, NaNs. `rounding` is what a run in float64 said: True where it is rounding, None where none was made.
    `unsettled` says that the old program differs from itself as much.
    """

    level: str
    name: str
    step: int
    nth: int
    execution: int
    equal: bool
    error: float = 0.0
    allowed: float = 0.0
    scale: float = 0.0
    note: str = ""
    rounding: bool | None = None
    unsettled: bool = False
    old: Place | None = None
    new: Place | None = None

    @property
    def passed(self) -> bool:
        return self.equal or bool(self.rounding) or self.unsettled

    @property
    def ratio(self) -> float:
        """The error in units of what is allowed; infinite where no number says how far off it is."""
        return ratio(self.error, self.allowed, self.equal)


@dataclass(frozen=True)
class Level:
    """One level: what it came to, and what was seen, as a sentence."""

    name: str
    state: State
    told: str
    compared: int = 0
    largest: float = 0.0  # the largest error in units of what is allowed


@dataclass(frozen=True)
class Between:
    """A value in between, on both sides, in the order in which the old program computes them."""

    name: str
    tensor: str
    old: Place
    new: Place
    error: float
    allowed: float
    equal: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        """The error in units of what is allowed; infinite where no number says how far off it is."""
        return ratio(self.error, self.allowed, self.equal)


@dataclass(frozen=True)
class FirstDifference:
    """Where the two part: the first value in between that differs, or the output or gradient if none does."""

    what: str
    step: int
    error: float
    old: Place | None
    new: Place | None
    tensor: str = ""
    told: str = ""


@dataclass(frozen=True)
class Report:
    """All of it. `exit_code`: 0 proved, 1 different, 2 could not be run."""

    old: str
    new: str
    oracle: str
    levels: tuple[Level, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    between: tuple[Between, ...] = ()
    first: FirstDifference | None = None
    notes: tuple[str, ...] = ()
    reached: tuple[tuple[str, int], ...] = ()  # each place of an execution, and how often it was compared
    seconds: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        states = {level.state for level in self.levels}
        if "different" in states:
            return 1
        compared = any(one.name in (FORWARD, TRAINING, READS) and one.state == "passed" for one in self.levels)
        return 0 if compared and "failed" not in states else 2

    @property
    def verdict(self) -> str:
        """One sentence that says what came out."""
        if self.exit_code == 0:
            return "Proved: the new program computes what the old one did, as far as it was run."
        if self.exit_code == 1:
            return "Different: the new program does not compute what the old one did."
        failed = next((level for level in self.levels if level.state == "failed"), None)
        if failed is not None:
            return f"Not proved: {failed.told or failed.name}."
        return "Not proved: the run came to nothing that could be compared. Are there arguments (after --) with which it does?"

    def to_json(self) -> dict[str, Any]:
        """Plain data, as schemas/verify-1.json describes it."""
        return {
            "verify_version": 1,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            **dataclasses.asdict(self),
        }
