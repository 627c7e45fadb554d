"""Checkpoints that are large are moved without ever being held twice: measured on processes of their own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "checkpoint_memory.py"
SIZE = 240  # MB, in six tensors of 40


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("checkpoint_memory", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def large(benchmark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, float]:
    """A folder with a program and its checkpoint, and what TensorFlow takes when it is only imported."""
    folder = str(tmp_path_factory.mktemp("large"))
    benchmark.prepare(folder, SIZE, 6, False)
    return folder, benchmark.peak([sys.executable, "-c", benchmark.IMPORT], folder)[0]


@pytest.mark.parametrize("command", ["show", "map"])
def test_looking_at_a_checkpoint_reads_no_values(command: str, benchmark: Any, large: tuple[str, float]) -> None:
    folder, base = large
    used, _ = benchmark.peak(benchmark.command(command), folder)
    assert used - base < 60  # a fourth of the model


def test_converting_holds_the_model_once(benchmark: Any, large: tuple[str, float]) -> None:
    folder, base = large
    used, _ = benchmark.peak(benchmark.command("convert", "new"), folder)
    assert used - base < SIZE + 1.5 * SIZE / 6 + 100


def test_converting_to_weights_does_not_hold_the_model(benchmark: Any, large: tuple[str, float]) -> None:
    folder, base = large
    used, _ = benchmark.peak(benchmark.command("convert", "new.weights.h5"), folder)
    assert used - base < SIZE
