"""A pytest plugin: a test of your own that says that an upgraded program computes what the old one did.

    def test_upgrade(assert_equivalent):
        assert_equivalent("tf1/train.py", "tf2/train.py", steps=3)

docs/verify.md explains it. This module is imported by every pytest run of its environment, so it imports nothing but pytest
until it is asked for something.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .verify import Options, Report

Check = Callable[..., "list[Report]"]


def assert_equivalent(old: str | Path, new: str | Path, **options: Any) -> list[Report]:
    """Runs OLD and NEW (files or projects) as `tf-modernize verify` does, and fails the test where they are not proved equal.

    `options` are those of `harness.verify.Options`: `steps`, `free_steps`, `seconds`, `tf1_python`, `checkpoint`, `entry`,
    `files`, `arguments` and so on; of the tolerances `rtol`, `atol`, `update`, `free_rtol` and `free_atol` go beside them. Paths
    may be strings. The reports, one for each program, are returned for further looks.
    """
    __tracebackhide__ = True
    if importlib.util.find_spec("numpy") is None:
        pytest.fail("assert_equivalent needs the extra `verify`: pip install tf-modernize[verify]", pytrace=False)
    from .verify import VerifyError, verify
    from .verify.document import exit_code

    try:
        reports = verify(old, new, _options(options))
    except VerifyError as error:
        pytest.fail(str(error), pytrace=False)
    if exit_code(reports):
        raise AssertionError("\n\n".join(_told(report) for report in reports if report.exit_code))
    return reports


@pytest.fixture(name="assert_equivalent", scope="session")
def _assert_equivalent() -> Check:
    """`assert_equivalent(old, new, **options)`: see `tf_modernize.harness.pytest_plugin`."""
    return assert_equivalent


def _options(given: Mapping[str, Any]) -> Options:
    """The options, with paths for strings and the tolerances among them in their place."""
    from .verify import Options
    from .verify.tolerances import Tolerances

    within = {one.name for one in dataclasses.fields(Tolerances)}
    known = {one.name for one in dataclasses.fields(Options)}
    unknown = sorted(set(given) - within - known)
    if unknown:
        among = ", ".join(sorted((known | within) - {"run"}))
        raise TypeError(f"assert_equivalent has no option {unknown[0]!r}; it has {among}")
    found = {name: value for name, value in given.items() if name in known}
    tolerances = {name: value for name, value in given.items() if name in within}
    if tolerances:
        found["tolerances"] = dataclasses.replace(given.get("tolerances", Tolerances()), **tolerances)
    for name in ("manifest", "checkpoint"):
        if found.get(name) is not None:
            found[name] = Path(found[name])
    for name in ("files", "path"):
        if name in found:
            found[name] = tuple(Path(one) for one in _several(found[name]))
    for name in ("python", "tf1_python"):
        if found.get(name) is not None:
            found[name] = str(found[name])
    if "arguments" in found:
        found["arguments"] = tuple(map(str, _several(found["arguments"])))
    return Options(**found)


def _several(value: Any) -> Sequence[Any]:
    """One path or word stands for a list of one."""
    return [value] if isinstance(value, str | Path) else list(value)


def _told(report: Report) -> str:
    """What a person needs of a report: the verdict, the levels that did not pass, the first difference."""
    from .verify.document import first_difference
    from .verify.excerpts import excerpt

    lines = [report.verdict, f"  old: {report.old}, on {report.oracle or 'nothing'}", f"  new: {report.new}"]
    lines += [f"  {one.name}: {one.state}: {one.told}" for one in report.levels if one.state in ("different", "failed")]
    first = first_difference(report)
    if first is not None:
        what = f"{first.what} ({first.tensor})" if first.tensor else first.what
        lines.append(f"First difference, at execution {first.step + 1}: {what}: {first.told}")
        for side, entry, place in (("old", report.old, first.old), ("new", report.new, first.new)):
            found = excerpt(entry, place)
            if place is not None:
                lines.append(f"  {side}: {place}{f': {found.text}' if found else ''}")
    lines += [f"Note: {note}" for note in report.notes]
    return "\n".join(lines)
