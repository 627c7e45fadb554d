"""Running a program in an interpreter of its own, in an empty folder, with deterministic randomness.

Programs are foreign code: they get a scratch folder, a small environment, a time limit and, where the system has it, a
memory limit. What they leave running when their time is over is stopped with them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DETERMINISM = Path(__file__).with_name("determinism.py")
OBSERVERS = Path(__file__).with_name("observers") / "__init__.py"
SITECUSTOMIZE = """\
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("_deterministic_randomness", {path!r})
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install()
"""
# After the above: of the finders that wait for TensorFlow the last one installed is the outermost, and acts last.
OBSERVED = """
spec = importlib.util.spec_from_file_location("_observers", {path!r}, submodule_search_locations=[{folder!r}])
module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.install({config!r})
"""
# The interpreter's own sitecustomize, which this one hides.
CHAINED = """
import os

for folder in sys.path:
    file = os.path.join(folder, "sitecustomize.py")
    if os.path.isfile(file) and not os.path.samefile(file, __file__):
        with open(file, "rb") as source:
            exec(compile(source.read(), file, "exec"), {"__name__": "sitecustomize", "__file__": file})
        break
"""
# Everything else in the environment may be a secret, or change what a program does.
INHERITED = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "NUMBER_OF_PROCESSORS",
    "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_ENABLE_ONEDNN_OPTS",
)  # fmt: skip
MEMORY_SIGNS = (
    "MemoryError", "std::bad_alloc", "ResourceExhaustedError", "OOM when allocating", "Unable to allocate",
    "failed to map segment", "Cannot allocate memory",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """How a program ended: `code` is None where it was stopped at the time limit, negative where a signal ended it."""

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

    @property
    def out_of_memory(self) -> bool:
        return not self.succeeded and any(sign in self.stderr for sign in MEMORY_SIGNS)


@dataclass(frozen=True)
class Limits:
    """What a program may take: `seconds` of time, `memory` in bytes (None: as much as there is)."""

    seconds: float = 300
    memory: int | None = None


def run_program(
    python: str | Path,
    script: Path,
    arguments: Sequence[str] = (),
    *,
    timeout: float = 300,
    deterministic: bool = True,
    path: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    memory: int | None = None,
    observe: Path | None = None,
    files: Sequence[Path] = (),
) -> Run:
    """Runs a script in a new folder; MODEL_DIR names a folder inside it. `path` goes before the rest of PYTHONPATH.

    `observe` is the configuration of `observers`, `files` what is copied into the folder before, `memory` a limit in bytes.
    """
    script = script.resolve()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        folder, site, home = Path(top, "work"), Path(top, "site"), Path(top, "home")
        for one in (site, home, folder / "model"):
            one.mkdir(parents=True)
        for given in files:
            try:
                _copy(given, folder)
            except OSError as error:  # shutil's own among them
                return Run(127, "", f"{given} can't be copied into its folder: {error}", 0.0)
        (site / "sitecustomize.py").write_text(_sitecustomize(deterministic, observe))
        env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "HOME": str(home),
            "TMPDIR": top,
            "PYTHONPATH": os.pathsep.join(map(str, [site, *path, script.parent])),
            "PYTHONHASHSEED": "0",
            "MODEL_DIR": str(folder / "model"),
            "MPLBACKEND": "Agg",
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            **(environment or {}),
        }
        return _run([str(python), str(script), *arguments], folder, env, Path(top), Limits(timeout, memory))


def _sitecustomize(deterministic: bool, observe: Path | None) -> str:
    text = SITECUSTOMIZE.format(path=str(DETERMINISM)) if deterministic else "import importlib.util\nimport sys\n"
    if observe is not None:
        text += OBSERVED.format(path=str(OBSERVERS), folder=str(OBSERVERS.parent), config=str(observe))
    return text + CHAINED


def _run(command: Sequence[str], folder: Path, env: Mapping[str, str], top: Path, limits: Limits) -> Run:
    started = time.monotonic()
    out, err = top / "stdout", top / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            return Run(127, "", f"{command[0]} can't be started: {error.strerror or error}", 0.0)
        _limit_memory(child.pid, limits.memory)
        try:
            code: int | None = child.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _stop(child)
    told = [file.read_bytes().decode("utf-8", "replace") for file in (out, err)]
    if code is None:
        told[1] += f"\nno end within {limits.seconds:g} s"
    return Run(code, told[0], told[1], time.monotonic() - started)


def _limit_memory(process: int, memory: int | None) -> None:
    """Bounds what the process can allocate, where the system can (Linux)."""
    if memory is None or sys.platform != "linux":
        return
    import resource

    try:
        resource.prlimit(process, resource.RLIMIT_DATA, (memory, memory))
    except ProcessLookupError:  # it has ended already
        pass


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ends the program and all that it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()


def _copy(given: Path, folder: Path) -> None:
    """Copies a file or folder, under its name; of the current folder (`.`) what is in it. Links that lead nowhere are left."""
    name = given.name if given.name != ".." else given.resolve().name
    if given.is_dir():
        shutil.copytree(given, folder / name, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    else:
        shutil.copy2(given, folder / name)
