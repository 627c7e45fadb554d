"""Programs of fixtures/programs, written otherwise: what holds of every upgrade holds of them, and layout changes nothing.

The suite takes some of them; MUTATIONS=5000 takes so many, each of them new.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from mutating import LAYOUT, MUTATIONS, mutated

from tf_modernize.codemods.engine import Options, upgrade
from tf_modernize.codemods.names.program import resolve_all
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.projects import Layout
from tf_modernize.codemods.report import FileResult

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"
LONG = int(os.environ.get("MUTATIONS", "0"))
SMALL = 4000  # bytes: large programs take their time, and show no more


def _small() -> dict[str, str]:
    """The programs of one small file that TensorFlow 1 is in."""
    found = {}
    for path in sorted(PROGRAMS.glob("*/before.py")):
        data = path.read_bytes()
        if (
            len(list(path.parent.rglob("*.py"))) == 1
            and len(data) <= (1 << 20 if LONG else SMALL)
            and b"\r" not in data
        ):
            try:
                found[path.parent.name] = data.decode()
            except UnicodeDecodeError:
                continue
    return found


SOURCES = _small()


def result_of(source: str, target: str) -> FileResult | None:
    results = upgrade({"x.py": source.encode()}, Options(target=target))  # type: ignore[arg-type]
    return results[0].files["x.py"] if results else None


@cache
def plain(name: str, target: str) -> FileResult | None:
    return result_of(SOURCES[name], target)


def after(source: str, result: FileResult | None) -> str:
    return source if result is None or result.after is None else result.after.decode()


def comments(source: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return Counter(token.string.strip() for token in tokens if token.type == tokenize.COMMENT)


def names_in(source: str) -> Counter[tuple[str, int, int]]:
    """Every use of a TensorFlow name, and where it is."""
    module = parse(source.encode(), "x.py", "x")
    (names,) = resolve_all({"x.py": module}, {"x.py": source.encode()}, Layout(["x.py"])).values()
    return Counter((use.name, use.node.lineno, use.node.col_offset) for use in names.uses)


def statements(source: str) -> dict[str, list[str]]:
    """The simple statements of a module, spelt as they are, by their meaning."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Expr, ast.Assign)):
            found.setdefault(ast.dump(node), []).append(ast.get_source_segment(source, node) or "")
    return found


def accounts(result: FileResult) -> list[tuple[str, str]]:
    """What became of each name; one that only the run knows is told as it is spelt."""
    return [(re.sub(r"\s", "", one.name), one.state) for one in result.accounts]


def program(source: str, target: str) -> list[str]:
    """The statements. At the compat level, the switch stands behind the imports that no comment sets apart; at the native one
    a comment keeps a branch that has nothing else in it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.Pass):
            node.orelse = []
    lines = [ast.unparse(node) for node in tree.body]
    return sorted(lines) if target == "compat" else lines


mutations = st.lists(st.tuples(st.sampled_from(sorted(MUTATIONS)), st.integers(0, 1 << 32)), min_size=1, max_size=4)


@settings(
    max_examples=LONG or 100,
    derandomize=not LONG,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
@given(name=st.sampled_from(sorted(SOURCES)), target=st.sampled_from(["native", "native", "compat"]), chosen=mutations)
def test_mutations(name: str, target: str, chosen: list[tuple[str, int]]) -> None:
    before = SOURCES[name]
    for kind, seed in chosen:
        before = mutated(before, kind, seed)
    result = result_of(before, target)
    assert_sound(before, result, target)
    # Two statements on one line may keep an idiom from being known.
    if all(kind in LAYOUT and kind != "joined_lines" for kind, _ in chosen):
        assert_same_but_layout(name, target, before, result)


def assert_sound(before: str, result: FileResult | None, target: str) -> None:
    """What holds of every upgrade."""
    new = after(before, result)
    compile(new, "x.py", "exec")
    assert not comments(before) - comments(new), "comments are kept"
    if result is None:
        return
    assert result.error is None and "internal-error" not in {one.symbol for one in result.diagnostics}, result
    again = result_of(new, target)
    assert again is None or again.after is None, "a second run changes nothing"
    if result.level in ("native", "compat", "untouched"):
        told = Counter((one.name, one.line, one.column) for one in result.accounts)
        assert not names_in(before) - told, "every name is accounted for"
    assert after(before, result_of(before, target)) == new, "the same program gives the same text"


def assert_same_but_layout(name: str, target: str, before: str, result: FileResult | None) -> None:
    """Layout changes neither the level, nor the names, nor the program that comes out."""
    known = plain(name, target)
    assert (known is None) == (result is None)
    if known is None or result is None:
        return
    assert known.level == result.level, result.diagnostics
    assert accounts(known) == accounts(result)
    new = after(before, result)
    assert program(new, target) == program(after(SOURCES[name], known), target)
    old = statements(before)
    for meaning, texts in statements(new).items():
        if meaning in old and "\n" not in "".join(old[meaning]):
            assert set(texts) <= set(old[meaning]), "what stays is spelt as it was"
