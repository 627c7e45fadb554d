"""Programs run on TensorFlow 1.15, upgraded, and run on 2.21 from the converted checkpoint: they compute the same."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import tf_modernize
from tf_modernize.cli.__main__ import cli
from tf_modernize.codemods.manifest import Execution, from_json
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.verify.replaying import inputs

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RECORDED = FIXTURES / "checkpoints" / "of_programs"
NAMES = sorted(one.parent.name for one in RECORDED.glob("*/recorded.npz"))


@pytest.mark.parametrize("name", NAMES)
def test_computes_from_the_converted_checkpoint_what_tf_115_computed(
    name: str, forks: Forks, as_new: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, model = tmp_path / "new", tmp_path / "model"
    model.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_DIR", str(model))
    result = CliRunner().invoke(cli, ["upgrade", str(FIXTURES / "programs" / name), "--output", str(new), "--quiet"])
    assert result.exit_code == 0, result.output
    program, manifest = new / "before.py", new / "tf-modernize-manifest.json"
    checkpoint = converted(name, program, manifest, tmp_path / "converted")
    assert not list(model.glob("*ckpt*")), "a script that is only looked at saves nothing"
    (upgraded,) = from_json(json.loads(manifest.read_text()))
    recorded = dict(np.load(RECORDED / name / "recorded.npz"))
    known = {
        place: one
        for one in upgraded.executions
        if one.kind == ("function" if checkpoint else "evaluated")
        for place in places(one, FIXTURES / "programs" / name)
        if any(f"{place}/fetch:{number}" in recorded for number in compared(one))
    }
    assert known
    request = {
        "program": str(program),
        "manifest": str(manifest),
        "checkpoint": checkpoint,
        "recorded": str(RECORDED / name / "recorded.npz"),
        "executions": [
            {
                "place": place,
                "qualname": one.new.qualname if one.new else "",
                "inputs": recorded_inputs(place, one, recorded),
                "outputs": len(one.outputs),
            }
            for place, one in known.items()
        ],
        "to": str(tmp_path / "found.npz"),
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    packages = [Path(one).parent for one in tf_modernize.__path__]
    run = forks.run(Path(__file__).with_name("execute_converted.py"), [str(tmp_path / "request.json")], path=packages)
    assert run.succeeded, run.problem(20)
    found = np.load(tmp_path / "found.npz")
    for place, one in known.items():
        for number, index in compared(one).items():
            wanted, got = recorded[f"{place}/fetch:{number}"], found[f"{place}/{index}"]
            np.testing.assert_allclose(
                got, wanted, rtol=1e-5, atol=1e-5, err_msg=f"{place}: {one.outputs[number].fetch}"
            )


def converted(name: str, program: Path, manifest: Path, to: Path) -> str:
    """The prefix of the converted checkpoint; of a frozen graph, which has none, an empty one."""
    old = RECORDED / name / "model.ckpt"
    if not old.with_suffix(".ckpt.index").exists():
        return ""
    arguments = ["--model", str(program), "--manifest", str(manifest), "--to", str(to)]
    result = CliRunner().invoke(cli, ["checkpoint", "convert", str(old), *arguments])
    assert result.exit_code == 0, result.output
    (index,) = to.glob("ckpt-*.index")
    return str(index.with_suffix(""))


def compared(one: Execution) -> dict[int, int]:
    """The numbers of the fetches that the new program still gives, and of the results that these became."""
    return {number: output.index for number, output in enumerate(one.outputs) if output.index is not None}


def places(one: Execution, root: Path) -> list[str]:
    """The lines at which a run of the old program may have been seen at this execution."""
    tree = ast.parse((root / one.old.file).read_text())
    here = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (node.lineno, node.col_offset) == (one.old.line, one.old.column)
    )
    return [f"{one.old.file}:{line}" for line in range(here.lineno, (here.end_lineno or 0) + 1)]


def recorded_inputs(place: str, one: Execution, recorded: dict[str, Any]) -> dict[str, list[str]]:
    """The keys of what was recorded for each parameter of the new function; of a frozen graph, for each tensor that is fed."""
    here = {key[len(place) + 1 :]: value for key, value in recorded.items() if key.startswith(f"{place}/")}
    if one.kind == "evaluated":
        return {key.removeprefix("feed:"): [f"{place}/{key}"] for key in here if key.startswith("feed:")}
    matched, unknown = inputs(one, here)
    assert not unknown
    return {name: [f"{place}/{key}" for key in keys] for name, keys in matched.items()}
