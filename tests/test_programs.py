"""The programs of fixtures/programs: upgraded, run on TensorFlow 2.21, compared with what TF 1.15 printed."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tf_modernize.codemods import projects
from tf_modernize.codemods.emit.verify import GRAPH_FILES
from tf_modernize.codemods.engine import upgrade
from tf_modernize.codemods.graph import recover
from tf_modernize.codemods.names.program import resolve_all
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.report import ProgramResult
from tf_modernize.harness.printed import difference
from tf_modernize.harness.running import Run

PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"
NAMES = sorted(path.parent.name for path in PROGRAMS.glob("*/before.py"))

# Programs that a perfect tool would take to the native level and this one does not yet, each with the reason. They must
# still run at the compat level; one that has become native must go from here.
KNOWN_SHORT: Mapping[str, str] = {
    "layers_in_loops": "tf.layers.dense",
    "crf_tagger": "a layer or variable whose settings depend on a tensor",
    "texts_and_nas_cell": "a graph value passed to cell",
    "slim_own_functions": "tf.contrib.layers.python.layers.utils.collect_named_outputs",
    "other_spellings": "tf.Session: TensorFlow 2 has no tf.Session",
    "two_models_in_one_run": "layers or variables made in a loop or under a condition",
    "variable_names": "a variable that get_variable finds again",
    "shapes_while_building": "a layer or variable whose settings depend on a tensor",
    "twin_towers": "variables of one function that have the same name",
    "train_then_predict": "checkpoints of two graphs",
    "sessions_of_their_own": "two sessions that are used in turn",
    "chosen_by_condition": "a fetch that can't be known from the source",
    "losses_in_a_collection": "a value added to the collection losses",
    "helper_that_runs": "one place that runs different things at different times",
    "random_draws": "host code that reads a tensor of the graph",
    "feeds_from_python": "a bool placeholder that is fed a value that is not known",
    "values_changed_after_the_build": "`rate`, which is bound again after the graph was built",
    "built_while_running": "`total`, which changes in a loop that builds graph",
}

# What no native program holds.
GRAPH_MODE = {"Session", "InteractiveSession", "placeholder", "feed_dict", "global_variables_initializer", "v1"}


def expected(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((PROGRAMS / name / "expected.json").read_text())
    if name in KNOWN_SHORT:
        assert record["level"] == "native", f"{name} is in KNOWN_SHORT, but not expected to be native"
        record["level"] = "compat"
    return record


def sources(name: str) -> dict[str, bytes]:
    folder = PROGRAMS / name
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}


def data(name: str) -> dict[str, bytes]:
    """The other files of a program: models that it reads."""
    folder = PROGRAMS / name
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.name != "expected.json"}


@cache
def upgraded(name: str) -> ProgramResult | None:
    """The one connected program of a folder; None where nothing in it is TensorFlow's."""
    results = upgrade(sources(name))
    assert len(results) <= 1, f"{name} is one program"
    return results[0] if results else None


def after(name: str) -> dict[str, bytes]:
    """The files of a program as the upgrade leaves them."""
    result = upgraded(name)
    changed = {path: file.after for path, file in result.files.items() if file.after is not None} if result else {}
    return {**sources(name), **changed}


def words(source: bytes, kind: int) -> Counter[str]:
    """The tokens of one kind."""
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    return Counter(token.string.strip() for token in tokens if token.type == kind)


def told(result: ProgramResult) -> str:
    """The diagnostics, for the message of a failed test."""
    found = [one for file in result.files.values() for one in file.diagnostics]
    return "\n".join(f"{one.path}:{one.line}: {one.message} ({one.symbol})" for one in found) or "no diagnostics"


def own_names(source: bytes) -> set[str]:
    """What a module binds itself."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", NAMES)
def test_level(name: str) -> None:
    record, result = expected(name), upgraded(name)
    if result is None:
        assert record["level"] == "none"
        return
    if name in KNOWN_SHORT:
        assert result.level != "native", f"{name} is native now: remove it from KNOWN_SHORT"
        assert KNOWN_SHORT[name] in told(result), told(result)
    assert result.level == record["level"], told(result)
    assert "internal-error" not in told(result), told(result)
    if record["level"] in ("tf2", "none"):
        assert all(file.after is None for file in result.files.values())
    if record["level"] == "native":
        for path, content in after(name).items():
            for kept in GRAPH_FILES:
                content = content.replace(b"compat.v1." + kept.encode(), kept.encode())
            left = GRAPH_MODE & set(words(content, tokenize.NAME)) - own_names(sources(name)[path])
            assert not left or name == "shadowed_in_tf1", f"{path} is called native and holds {left}"
    place = record.get("left_at")
    if place is not None:
        pointed = {
            file.before.decode().splitlines()[one.line - 1]
            for file in result.files.values()
            for one in file.diagnostics
        }
        assert any(place in line for line in pointed), f"no diagnostic points at {place!r}:\n{told(result)}"


@pytest.mark.parametrize("name", NAMES)
def test_source_is_kept(name: str) -> None:
    before, now = sources(name), after(name)
    assert before.keys() == now.keys()
    comments = [
        sum((words(one, tokenize.COMMENT) for one in texts.values()), Counter[str]()) for texts in (before, now)
    ]
    lost = comments[0] - comments[1]  # a function that is written out at its call takes them along
    assert not lost, f"comments are lost: {sorted(lost)}"
    for path, content in now.items():
        ast.parse(content)
        assert content.count(b"\r\n") == (content.count(b"\n") if b"\r\n" in before[path] else 0), (
            f"{path}: line endings"
        )
    again = {path: file.after for result in upgrade(now) for path, file in result.files.items()}
    assert not any(again.values()), f"a second run changes {[path for path, text in again.items() if text]}"


def recorded_variables(name: str) -> list[list[str]]:
    """The names of the variables of each graph under TF 1.15, without those that optimizers made.

    An Estimator built a graph of the same variables for each mode, and counts as one.
    """
    graphs = expected(name).get("variables", [])
    named = [[variable for variable, _, _, _, slot in graph if not slot] for graph in graphs]
    if name.startswith("estimator_"):
        named = list({tuple(sorted(graph)): graph for graph in named}.values())
    return [graph for graph in named if graph]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_variables(name: str) -> None:
    """Where the graph is understood without a problem, its variables have TF 1.15's names, in its order."""
    record = expected(name)
    if record["level"] in ("tf2", "none"):
        return
    files = sources(name)
    layout = projects.Layout(files)
    modules = {path: parse(source, path, layout.name(path)) for path, source in files.items()}
    found = recover(modules, resolve_all(modules, files, layout), "before.py")
    if not found.problems:
        named = [[variable.name for variable in graph.variables] for graph in found.graphs]
        assert [graph for graph in named if graph] == recorded_variables(name)


@pytest.mark.parametrize("name", NAMES)
def test_manifest_maps_variables(name: str) -> None:
    """A native program's manifest has every variable of the checkpoint."""
    result = upgraded(name)
    if result is None or result.level != "native":
        return
    assert result.manifest is not None
    mapped = {variable.tf1_name for variable in result.manifest.variables}
    assert mapped == {variable for graph in recorded_variables(name) for variable in graph}


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Run]]:
    """The upgraded programs that the selected tests want, all started."""
    start = request.getfixturevalue("start_program")
    wanted = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_prints_the_same"
    ]
    runs = {}
    for name in wanted:
        folder = tmp_path_factory.mktemp(name)
        for path, content in {**data(name), **after(name)}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        result = upgraded(name)
        runs[name] = start(folder / "before.py", result is not None and result.level == "compat")
    return runs


RUNNABLE = [
    name
    for name in NAMES
    if json.loads((PROGRAMS / name / "expected.json").read_text())["level"] in ("native", "compat", "tf2")
]


@pytest.mark.parametrize("name", RUNNABLE)
def test_prints_the_same(name: str, running: dict[str, Future[Run]]) -> None:
    record, result, run = expected(name), upgraded(name), running[name].result()
    assert run.succeeded, f"{run.problem(12)}\n{told(result) if result else ''}"
    if record["level"] != "tf2":
        found = difference("\n".join(record["stdout"]), run.stdout)
        assert found is None, found
