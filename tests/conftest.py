"""What tests share: the interpreter that has TensorFlow 2.21, and programs run on it while other tests go on."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from tf_modernize.harness.forking import Forks
from tf_modernize.harness.running import Run
from tf_modernize.harness.verify.oracles import ENVIRONMENT

Start = Callable[[Path, bool], "Future[Run]"]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test sees what another one, or the user, keeps in the cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "tf-modernize"


@pytest.fixture
def as_new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For tests that run programs in this process: their modules and command line flags are gone after it."""
    from absl import flags

    def forget() -> None:
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "").is_relative_to(tmp_path_factory.getbasetemp()):
                del sys.modules[name]

    forget()  # what other tests have left
    defined = set(flags.FLAGS)
    yield
    forget()
    for name in set(flags.FLAGS) - defined:
        if not flags.FLAGS.find_module_defining_flag(name).startswith("absl."):
            delattr(flags.FLAGS, name)


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
    """Starts a program with deterministic randomness, of the compat level (on the legacy Keras) or not.

    The future's `result()` waits for the end. Two programs run at a time, on one import of TensorFlow for each kind.
    """
    free = SimpleQueue[Mapping[bool, Forks]]()
    for _ in range(2):
        free.put({compat: Forks(tf2_python, legacy_keras=compat) for compat in (False, True)})

    def run(script: Path, compat: bool) -> Run:
        forks = free.get()
        try:
            return forks[compat].run(script, timeout=120)
        finally:
            free.put(forks)

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield lambda script, compat: pool.submit(run, script, compat)
        pool.shutdown(cancel_futures=True)
    for _ in range(2):
        for one in free.get().values():
            one.close()


@pytest.fixture(scope="session")
def forks(tf2_python: str) -> Iterator[Forks]:
    """Runs new programs for verifications, on one import of TensorFlow."""
    with Forks(tf2_python, environment=ENVIRONMENT) as made:
        yield made
