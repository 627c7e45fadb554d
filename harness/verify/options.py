"""What a user can ask of a verification."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..running import Run
from .tolerances import Tolerances


@dataclass(frozen=True)
class Options:
    """`tf1_python` is an interpreter with TensorFlow 1: the old program runs there, else on `python`'s compat.v1.

    The first `steps` executions of each place are compared in lockstep, and the 8th, 16th and so on; the first `free_steps`
    of all in a free run. Both sides are ended from inside when each place has had its steps and `least` executions are over,
    or after `executions`, or after `seconds`; they are stopped after twice that time. `memory` is in bytes. Once the trace has
    `trace_bytes`, only the first execution of each place is recorded.
    `files` are copied into the working folder, `environment` is added to the small one that programs get. `arguments` go
    to both programs. `layers` compares values in between also where nothing differs, for the picture. `run` runs the new
    program in the place of `running.run_program`, as `forking.Forks.run` does, `run_old` the old one on `python`'s compat.v1.
    """

    python: str = sys.executable
    tf1_python: str | None = None
    manifest: Path | None = None
    checkpoint: Path | None = None
    entry: str | None = None
    arguments: tuple[str, ...] = ()
    steps: int = 5
    free_steps: int = 10
    least: int = 200
    executions: int = 1000
    seconds: float = 300.0
    trace_bytes: int = 4 << 30
    memory: int | None = 8 << 30
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[Path, ...] = ()
    tolerances: Tolerances = field(default_factory=Tolerances)
    locate: bool = True
    double: bool = True
    layers: bool = False
    run: Callable[..., Run] | None = None
    run_old: Callable[..., Run] | None = None

    def settings(self) -> dict[str, Any]:
        """What was asked for, as plain data for a report: of the environment the names alone, values may be secrets."""
        names = [one.name for one in dataclasses.fields(self) if one.name not in ("run", "run_old")]
        found = {name: _plain(getattr(self, name)) for name in names}
        return {**found, "environment": sorted(self.environment), "tolerances": dataclasses.asdict(self.tolerances)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
