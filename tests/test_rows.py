"""The rows of fixtures/rows: each small program upgraded, run on TensorFlow 2.21, and compared with what TF 1.15 gave."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

from tf_modernize.codemods.engine import upgrade
from tf_modernize.codemods.report import FileResult

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import record_rows
import rows as kept

ROWS = kept.rows()
RECORDED = kept.recorded()


@cache
def upgraded(name: str) -> FileResult:
    return upgrade({"row.py": ROWS[name].source.encode()})[0].files["row.py"]


@pytest.fixture(scope="session")
def results(tf2_python: str) -> dict[str, object]:
    """What the native programs give, all in one process."""
    native = {name: upgraded(name) for name in ROWS if upgraded(name).level == "native"}
    return record_rows.run(tf2_python, {name: (one.after or one.before).decode() for name, one in native.items()})


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str, results: dict[str, object]) -> None:
    row, file = ROWS[name], upgraded(name)
    told = "; ".join(one.message for one in file.diagnostics)
    assert file.level in (("compat", "untouched") if row.reason else ("native",)), told
    if row.reason:
        assert row.reason in told
        return
    after = (file.after or b"").decode()
    assert "compat.v1" not in after and "Session" not in after
    found = kept.differs(RECORDED[name], results[name], row.error)
    assert found is None, f"{found}\n{after}"


def test_every_row_is_recorded() -> None:
    assert RECORDED.keys() == ROWS.keys()
