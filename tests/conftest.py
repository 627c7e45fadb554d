"""What tests share: the interpreter that has TensorFlow 2.21, and programs run on it while other tests go on."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from tf_modernize.harness.forking import Forks
from tf_modernize.harness.running import Run, run_program

Start = Callable[[Path, bool], "Future[Run]"]


@pytest.fixture(scope="session")
def tf2_python() -> str:
    """The interpreter that runs programs on TensorFlow 2.21: this one, or the one that TF2_PYTHON names."""
    named = os.environ.get("TF2_PYTHON")
    if named:
        return named
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed here: install the extra `verify`, or set TF2_PYTHON")
    return sys.executable


@pytest.fixture(scope="session")
def start_program(tf2_python: str) -> Iterator[Start]:
    """Starts a program with deterministic randomness; its `result()` waits for the end.

    Those that need nothing set before TensorFlow's import (no legacy Keras) share an import: `shared` says so.
    """
    forks = [Forks(tf2_python) for _ in range(2)]
    free: SimpleQueue[Forks] = SimpleQueue()
    for one in forks:
        free.put(one)

    def run(script: Path, shared: bool) -> Run:
        if not shared:
            return run_program(tf2_python, script, timeout=120)
        one = free.get()
        try:
            found: Run = one.run(script, timeout=120)
        finally:
            free.put(one)
        return found

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield lambda script, shared: pool.submit(run, script, shared)
        pool.shutdown(cancel_futures=True)
    for one in forks:
        one.close()
