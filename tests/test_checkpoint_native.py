"""Programs that `upgrade` took to the native level, and the checkpoints of the old ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from tf_modernize.cli.__main__ import cli
from tf_modernize.codemods.manifest import from_json
from tf_modernize.harness.checkpoints import build, map_variables, read
from tf_modernize.harness.running import run_program

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
PROGRAMS = (
    "actor_and_critic",  # two optimizers that have made no slots when the program is stopped
    "convnet_helpers",
    "flags_and_main",  # everything in main()
    "functions_handed_a_session",
    "layers_module_level",
    "rnn_both_ways",
    "rnn_steps_by_hand",
    "rnn_with_lengths",
    "scopes_and_reuse",
    "seq2seq_taught",
    "weights_in_dicts",
)


def upgrade(name: str, to: Path) -> Path:
    """The upgraded program; the manifest lies beside it."""
    result = CliRunner().invoke(cli, ["upgrade", str(FIXTURES / "programs" / name), "--output", str(to), "--quiet"])
    assert result.exit_code == 0, result.output
    return to / "before.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_variable_of_an_upgraded_program_is_mapped(
    name: str, as_new: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = upgrade(name, tmp_path / "new")
    recorded = json.loads((FIXTURES / "programs" / name / "expected.json").read_text())["variables"]
    (variables,) = recorded
    values: dict[str, Any] = {one[0]: np.zeros(one[1], one[2]) for one in variables}
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "old.ckpt"),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=list(map(tf.constant, values.values())),
    )
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    manifest = from_json(json.loads((tmp_path / "new" / "tf-modernize-manifest.json").read_text()))
    built = build(str(program), manifest=manifest)
    for known in (manifest, ()):  # what the manifest says, the names say as well
        mapping = map_variables(read("old.ckpt"), built.targets, known)
        assert mapping.complete, mapping.unmapped
        mapped = {one.source for one in mapping.mapped} | {one.source for one in mapping.left}
        assert mapped == set(values)


def test_an_upgraded_program_goes_on_from_the_checkpoint_of_the_old_one(tf2_python: str, tmp_path: Path) -> None:
    program = upgrade("saver_and_steps", tmp_path / "new")
    old = FIXTURES / "checkpoints" / "of_programs" / "saver_and_steps"
    model = tmp_path / "model"
    model.mkdir()
    manifest = program.with_name("tf-modernize-manifest.json")
    arguments = ["--model", str(program), "--manifest", str(manifest), "--to", str(model / "ckpt_dir")]
    result = CliRunner(env={"MODEL_DIR": str(tmp_path)}).invoke(cli, ["checkpoint", "convert", str(old), *arguments])
    assert result.exit_code == 0, result.output
    run = run_program(tf2_python, program, environment={"MODEL_DIR": str(model)})
    assert run.succeeded, run.problem()
    lines = run.stdout.splitlines()
    assert "Start from: 6" in lines
    expected = json.loads((FIXTURES / "programs" / "saver_and_steps" / "expected.json").read_text())["stdout"]
    numbers = [line for line in expected if line[0].isdigit() or line[0] == "-"]
    assert [line for line in lines if line in numbers] == numbers
