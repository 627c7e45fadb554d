"""What is loaded into the process of an observed program, old or new, before it runs.

The files of this package stand alone: they import nothing of the project's but each other, and run on CPython 3.7 with
TensorFlow 1.15 as on today's. `running` has the interpreter load them by path from a `sitecustomize` of its own, under
the name PACKAGE. The program runs as it is; what is seen of it goes into a trace (`trace.py`).
"""

from __future__ import annotations

import atexit
import importlib
import importlib.abc
import importlib.util
import json
import sys
from typing import Any

_at_end: list[Any] = []


def end() -> None:
    """Called where the program came to its own end; a forked process has to do it, others do it at their exit."""
    while _at_end:
        _at_end.pop()()


def at_end(function: Any) -> None:
    _at_end.append(function)


def install(config_file: str) -> None:
    """Reads what to observe, and starts as soon as TensorFlow has been imported."""
    atexit.register(end)
    with open(config_file, encoding="utf-8") as file:
        config = json.load(file)
    side = importlib.import_module(__name__ + (".sessions" if config["side"] == "old" else ".functions"))
    if "tensorflow" in sys.modules:  # a forked process
        side.observe(sys.modules["tensorflow"], config)
        return
    sys.meta_path.insert(0, _AfterTensorFlow(side, config))


class _AfterTensorFlow(importlib.abc.MetaPathFinder):
    def __init__(self, side: Any, config: Any) -> None:
        self._side = side
        self._config = config
        self._done = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "tensorflow" or self._done:
            return None
        self._done = True
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            tf = sys.modules["tensorflow"]
            _refuse_another(str(getattr(tf, "__version__", "")), self._config.get("tensorflow"))
            self._side.observe(tf, self._config)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _refuse_another(version: str, wanted: int | None) -> None:
    """Ends the program where the interpreter's TensorFlow is of another generation than its source is written for."""
    if wanted and version.partition(".")[0] != str(wanted):
        sys.exit(
            f"{sys.executable} has TensorFlow {version or 'of an unknown version'}, and TensorFlow {wanted} is needed"
        )
