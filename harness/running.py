"""Running a program in an interpreter of its own, in an empty folder, with deterministic randomness."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DETERMINISM = Path(__file__).with_name("determinism.py")
SITECUSTOMIZE = """\
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("_deterministic_randomness", {path!r})
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install()
"""


@dataclass(frozen=True)
class Run:
    """How a program ended: `code` is None where it was stopped at the time limit."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    def problem(self, last: int = 6) -> str:
        """The end of what it wrote to stderr."""
        return "\n".join(self.stderr.strip().splitlines()[-last:])


def run_program(
    python: str | Path,
    script: Path,
    arguments: Sequence[str] = (),
    *,
    timeout: float = 300,
    deterministic: bool = True,
    path: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Runs a script in a new folder; MODEL_DIR names a folder inside it. `path` goes before the rest of PYTHONPATH."""
    script = script.resolve()
    with tempfile.TemporaryDirectory() as top:
        folder, site, model = Path(top, "work"), Path(top, "site"), Path(top, "work", "model")
        site.mkdir()
        model.mkdir(parents=True)
        if deterministic:
            (site / "sitecustomize.py").write_text(SITECUSTOMIZE.format(path=str(DETERMINISM)))
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [site, *path, script.parent])),
            "PYTHONHASHSEED": "0",
            "MODEL_DIR": str(model),
            "MPLBACKEND": "Agg",
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **(environment or {}),
        }
        started = time.monotonic()
        try:
            done = subprocess.run(
                [str(python), str(script), *arguments],
                cwd=folder,
                env=env,
                timeout=timeout,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Run(None, "", f"no end within {timeout:g} s", time.monotonic() - started)
    return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - started)
