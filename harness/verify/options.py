"""What a user can ask of a verification."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .tolerances import Tolerances


@dataclass(frozen=True)
class Options:
    """`tf1_python` is an interpreter with TensorFlow 1: the old program runs there, else on `python`'s compat.v1.

    The first `steps` executions of each place are compared in lockstep, the first `free_steps` of all in a free run. Both
    sides end after `executions`, or by themselves after `seconds`, and are stopped after twice that. `memory` is in bytes.
    `files` are copied into the working folder, `environment` is added to the small one that programs get. `arguments` go
    to both programs. `layers` compares values in between also where nothing differs, for the picture.
    """

    python: str = sys.executable
    tf1_python: str | None = None
    manifest: Path | None = None
    checkpoint: Path | None = None
    entry: str | None = None
    arguments: tuple[str, ...] = ()
    steps: int = 5
    free_steps: int = 10
    executions: int = 1000
    seconds: float = 300.0
    memory: int | None = 8 << 30
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[Path, ...] = ()
    tolerances: Tolerances = field(default_factory=Tolerances)
    locate: bool = True
    double: bool = True
    layers: bool = False
