"""Many programs on TensorFlow 2 without importing it for each: a process that has it forks for every program.

TensorFlow's import takes four seconds of CPU, most small programs less than one. The process that forks never runs an op,
so nothing but modules is shared. What a program chooses before it imports TensorFlow must be chosen for the process that
forks: `legacy_keras`, for programs of the compat level. Anything else needs `running.run_program`.

Run as a script (by `Forks`) this file is that process: a request is a line of JSON on stdin, the answer one on stdout.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .running import Run

PROMPT = "forks are ready"


class Forks:
    """The process that forks, on an interpreter that has TensorFlow 2. Close it, or use it as a context."""

    def __init__(
        self, python: str | Path, *, legacy_keras: bool = False, environment: Mapping[str, str] | None = None
    ) -> None:
        # Here and not above: the process that forks runs this file alone, on another interpreter.
        from .running import SITECUSTOMIZE

        self._python = str(python)
        self._environment = {**({"TF_USE_LEGACY_KERAS": "1"} if legacy_keras else {}), **(environment or {})}
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()
        determinism = Path(__file__).with_name("determinism.py")
        Path(self._folder.name, "sitecustomize.py").write_text(SITECUSTOMIZE.format(path=str(determinism)))
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None
        self._folder.cleanup()

    def run(
        self,
        script: Path,
        arguments: Sequence[str] = (),
        *,
        timeout: float = 300,
        path: Sequence[Path] = (),
        observe: Path | None = None,
    ) -> Run:
        """As `running.run_program` does, with deterministic randomness; where the fork itself fails, by it."""
        from .running import OBSERVERS, Run, run_program

        with self._lock, tempfile.TemporaryDirectory() as top:
            folder = Path(top, "work")
            (folder / "model").mkdir(parents=True)
            request = {
                "script": str(script.resolve()),
                "arguments": list(arguments),
                "folder": str(folder),
                "path": [str(script.resolve().parent), *map(str, path)],
                "stdout": f"{top}/stdout",
                "stderr": f"{top}/stderr",
                "timeout": timeout,
                "observe": [str(OBSERVERS), str(observe)] if observe else None,
            }
            answer = self._ask(request)
            if answer is not None and (answer["code"] is None or answer["code"] >= 0):
                stdout, stderr = (Path(request[key]).read_text(errors="replace") for key in ("stdout", "stderr"))  # type: ignore[arg-type]
                return Run(answer["code"], stdout, stderr, answer["seconds"])
        return run_program(self._python, script, arguments, timeout=timeout, path=path, observe=observe)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._server is None or self._server.poll() is not None:
            environment = {
                **os.environ,
                "PYTHONPATH": self._folder.name,
                "PYTHONHASHSEED": "0",
                "MPLBACKEND": "Agg",
                "CUDA_VISIBLE_DEVICES": "",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                **self._environment,
            }
            self._server = subprocess.Popen(
                [self._python, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
        assert self._server.stdin is not None and self._server.stdout is not None
        try:
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
        except BrokenPipeError:
            return None
        for line in self._server.stdout:
            if line.startswith(PROMPT):
                answer: dict[str, Any] = json.loads(line[len(PROMPT) :])
                return answer
        return None


def serve() -> None:
    importlib.import_module("tensorflow")
    for line in sys.stdin:
        request = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            _be_the_program(request)
        code = _wait(child, started + request["timeout"])
        print(PROMPT + json.dumps({"code": code, "seconds": time.monotonic() - started}), flush=True)


def _wait(child: int, until: float) -> int | None:
    """The program's exit code, minus the signal that ended it, or None where it was stopped at the time limit."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)


def _be_the_program(request: Mapping[str, Any]) -> None:
    """Runs the program in this process, and ends it."""
    code = 1
    try:
        os.setsid()
        os.chdir(request["folder"])
        os.environ["MODEL_DIR"] = os.path.join(request["folder"], "model")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = [request["script"], *request["arguments"]]
        sys.path[:1] = request["path"]
        if request["observe"]:
            _observe(*request["observe"])
        _seed_at_import()
        code = _run(request["script"])
        if request["observe"]:
            sys.modules["_observers"].end()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(script: str) -> int:
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _observe(observers: str, config: str) -> None:
    folder = os.path.dirname(observers)
    spec = importlib.util.spec_from_file_location("_observers", observers, submodule_search_locations=[folder])
    assert spec is not None and spec.loader is not None
    module = sys.modules["_observers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install(config)


def _seed_at_import() -> None:
    """Seeds as determinism.py does: at the start, and after the program's first import of TensorFlow."""
    seed = importlib.import_module("_deterministic_randomness").seed  # from the sitecustomize
    original: Any = builtins.__import__

    def imported(name: str, *args: Any, **kwargs: Any) -> Any:
        module = original(name, *args, **kwargs)
        if name.partition(".")[0] == "tensorflow":
            builtins.__import__ = original
            seed()
        return module

    builtins.__import__ = imported
    seed()


if __name__ == "__main__":
    serve()
