"""Every public name of TF 1.15 called: what comes out exists in TensorFlow 2.21, takes its arguments, or is reported."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tf_modernize.codemods.engine import Options, upgrade_program

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import count_symbols
import symbol_calls
import symbol_checks


@pytest.fixture(scope="module")
def outcomes(tf2_python: str) -> list[count_symbols.Outcome]:
    made = [count_symbols.outcome(*one) for one in symbol_calls.programs()]
    return count_symbols.checked(made, tf2_python)


def test_every_call_is_rewritten_rightly_or_reported(outcomes: list[count_symbols.Outcome]) -> None:
    assert len(outcomes) > 14_000
    wrong = [
        f"{one.name} ({one.form}): {one.kind}, {one.reason}" for one in outcomes if one.kind in count_symbols.ERRORS
    ]
    assert wrong == []


def test_the_page_is_up_to_date(outcomes: list[count_symbols.Outcome]) -> None:
    assert count_symbols.page(outcomes) == count_symbols.PAGE.read_text("utf-8"), "run scripts/count_symbols.py"


@pytest.mark.parametrize("path", sorted(symbol_calls.modules()))
def test_one_file_with_every_call_of_a_module(path: str) -> None:
    """Where one call keeps the others from the native level, the report says what became of each."""
    source = symbol_calls.modules()[path]
    file = upgrade_program({path: source.encode()}, Options(assume="tf1")).files[path]
    assert file.error is None
    ast.parse(file.after or file.before)
    lines = {number for number, line in enumerate(source.splitlines(), 1) if line.startswith("result = ")}
    accounts = {one.line: one for one in file.accounts}
    assert lines <= accounts.keys()
    assert [one for one in accounts.values() if one.state != "rewritten" and not one.reason] == []


def test_the_check_sees_what_is_wrong(tf2_python: str) -> None:
    source = "import tensorflow as tf\ntf.log(1)\ntf.reduce_sum(1, keep_dims=True)\ntf.nn.relu(1)\n"
    wrong = symbol_checks.wrong(tf2_python, symbol_checks.uses(source), legacy_keras=False)
    assert sorted(one.name for one in wrong) == ["tensorflow.log", "tensorflow.reduce_sum"]
