"""`tf-modernize checkpoint`, and what it says of checkpoints, models and places that are not as they should be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result

from tf_modernize.cli.__main__ import cli

CHECKPOINTS = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoints"
MODEL = """
import keras


def factory():
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(4, name="dense")], name="net")
    return model, keras.optimizers.Adam(0.01)


def plain():
    return factory()[0]


def eager():
    import numpy as np

    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.dense = keras.layers.Dense(4, name="dense")

        def call(self, x):
            return self.dense(x)

    model = Net()
    model(np.zeros([1, 3], "float32"))
    return model


def failing():
    raise FileNotFoundError("vocabulary.txt")


def leaving():
    raise SystemExit(3)


def nothing():
    return None


def number():
    return 3


def unbuilt():
    return keras.Sequential([keras.layers.Dense(4)])


NUMBER = 3
"""
ADAM = {"dense/kernel": [3, 4], "dense/bias": [4]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a program and its checkpoint."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(MODEL)
    write("old.ckpt", dense())
    return tmp_path


def dense() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for name, shape in ADAM.items():
        for slot in ("", "/Adam", "/Adam_1"):
            values[name + slot] = rng.standard_normal(shape).astype("float32")
    powers = {"beta1_power": np.float32(0.9**8), "beta2_power": np.float32(0.999**8)}
    return {**values, **powers, "global_step": np.int64(7)}


def write(prefix: str, values: Mapping[str, Any]) -> None:
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["checkpoint", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def convert(*arguments: str, model: str = "net.py:factory", to: str = "new", code: int = 0) -> Result:
    return run("convert", "old.ckpt", "--model", model, "--to", to, *arguments, code=code)


# -- show ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", "", "checkpoint-moved"]
)
def test_a_checkpoint_is_found_by_its_prefix_its_files_and_its_folder(given: str, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded"
    shutil.copytree(CHECKPOINTS / "partitioned" / "recorded", recorded)
    if given == "checkpoint-moved":
        (recorded / "checkpoint").write_text('model_checkpoint_path: "/somewhere/else/model.ckpt"\n')
        given = ""
    shown = run("show", str(recorded / given)).stdout
    assert "wide/dense/kernel " in shown and "in 3 partitions" in shown
    assert "AdagradOptimizer: accumulator of weights, in 2 partitions" in shown


def test_show_says_what_each_variable_is() -> None:
    shown = json.loads(run("show", str(CHECKPOINTS / "gru" / "recorded"), "--json").stdout)
    names = [one["name"] for one in shown["tensors"]]
    assert names == sorted(names) and shown["count"] == len(names)
    assert shown["parameters"] == sum(
        int(np.prod(one["shape"])) for one in shown["tensors"] if one["kind"] == "variable"
    )
    slot = next(one for one in shown["tensors"] if one["name"] == "train/head/kernel/RMSProp_1")
    assert (slot["kind"], slot["optimizer"], slot["slot"]) == ("slot", "RMSPropOptimizer", "mg")
    assert slot["variable"] == "head/kernel" and slot["bytes"] == 4 * 14


@pytest.mark.parametrize("name, said", [("bidirectional_sharded", "format V2, 3 shards"), ("rnn_v1", "format V1")])
def test_show_tells_shards_and_format(name: str, said: str) -> None:
    assert said in run("show", str(CHECKPOINTS / name / "recorded")).stdout


def test_moving_averages_steps_and_powers_are_recognized(folder: Path) -> None:
    shown = run("show", "old.ckpt").stdout
    assert "global step" in shown and "Adam's beta1_power" in shown
    averages = run("show", str(CHECKPOINTS / "moving_average" / "recorded")).stdout
    assert "moving average of regression/dense/bias" in averages


# -- map ----------------------------------------------------------------------------------------------------------------


def test_map_lists_every_variable_and_how_it_changes(folder: Path) -> None:
    data = json.loads(run("map", "old.ckpt", "--model", "net.py:factory", "--json").stdout)
    assert data["complete"] and len(data["mapped"]) == 6
    assert data["steps"][0]["powers"] == [["beta1_power", pytest.approx(0.9)], ["beta2_power", pytest.approx(0.999)]]
    text = run("map", str(CHECKPOINTS / "stacked_lstm" / "recorded"), "--model",
               str(CHECKPOINTS / "stacked_lstm" / "after.py") + ":factory").stdout  # fmt: skip
    assert "gates reordered, forget gate + 1" in text and "gates reordered, rows 5 to 10" in text


def test_a_checkpoint_of_another_model_is_listed_with_what_is_nearest(folder: Path) -> None:
    other = str(CHECKPOINTS / "moving_average" / "recorded")
    said = run("map", other, "--model", "net.py:factory", code=1).stderr
    assert "Not mapped (TF1): regression/dense_1/kernel [4, 2]: nothing in the new program has its name." in said
    assert "Not mapped (new): net/dense/kernel [3, 4]" in said and "nearest: " in said
    assert run("convert", other, "--model", "net.py:factory", "--to", "new", code=1).stderr
    assert not list(folder.glob("*new*"))


def test_a_wrong_shape_is_a_checkpoint_of_another_model(folder: Path) -> None:
    write("old.ckpt", {**dense(), "dense/kernel": np.zeros([3, 5], "float32")})
    assert "net/dense/kernel would take it, but has the shape [3, 4], not [3, 5]" in convert(code=1).stderr


@pytest.mark.parametrize("model", ["net:plain", "net.py:plain", "net.py:eager"])
def test_models_are_named_by_module_or_file_and_may_compute_while_they_are_built(model: str, folder: Path) -> None:
    write("old.ckpt", {name: np.zeros(shape, "float32") for name, shape in ADAM.items()})
    assert "2 of 2 TF1 variables" in run("map", "old.ckpt", "--model", model).stdout


def test_a_script_is_stopped_before_it_runs_anything(folder: Path) -> None:
    Path("script.py").write_text(
        "import tensorflow as tf\n"
        "def main():\n"
        "    w = tf.Variable(tf.zeros([3]), name='w')\n"
        "    b = tf.Variable(1.0, name='b')\n"
        "    optimizer = tf.keras.optimizers.Adam(0.1)\n"
        "    @tf.function\n"
        "    def step():\n"
        "        optimizer.apply_gradients([(tf.ones([3]), w)])\n"
        "    step()\n"
        "    open('ran', 'w').close()\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    write("old.ckpt", {"w": np.zeros(3, "float32"), "b": np.float32(2)})
    said = run("map", "old.ckpt", "--model", "script.py", code=1)
    assert "w_0_momentum" in said.stderr and "2 of 2 TF1 variables" in said.stdout
    assert not Path("ran").exists()


def test_a_script_gets_no_arguments_of_the_command(folder: Path) -> None:
    parse = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--rate', default=0.1)\n"
    make = "import tensorflow as tf\nparser.parse_args()\nmodel = tf.Module()\n"
    make += "model.w = tf.Variable(tf.zeros([3]), name='w')\n"
    Path("script.py").write_text(parse + make)
    Path("strict.py").write_text(parse.replace("default=0.1", "required=True") + make)
    write("old.ckpt", {"w": np.zeros(3, "float32")})
    assert "1 of 1 TF1 variables" in run("map", "old.ckpt", "--model", "script.py").stdout
    assert "it is run without arguments" in run("map", "old.ckpt", "--model", "strict.py", code=2).stderr


def test_a_script_in_graph_mode_is_not_run(folder: Path) -> None:
    Path("script.py").write_text(
        "import tensorflow.compat.v1 as tf\n"
        "tf.disable_v2_behavior()\n"
        "open('ran', 'w').close()\n"
        "w = tf.Variable([1.0], name='w')\n"
    )
    write("old.ckpt", {"w": np.zeros(1, "float32")})
    assert "the program is in graph mode" in run("map", "old.ckpt", "--model", "script.py", code=2).stderr
    assert not Path("ran").exists()


ORDERED = """
import tensorflow as tf

a = tf.Variable([1.0, 2.0], name="a")
b = tf.Variable([3.0, 4.0], name="b")
optimizer = tf.keras.optimizers.Adam(0.1)
"""
STEP = """

@tf.function(input_signature=[])
def step():
    optimizer.apply_gradients([(tf.ones([2]), b), (tf.ones([2]), a)])
"""


def test_slots_are_written_in_the_order_in_which_a_script_trains(folder: Path) -> None:
    slots = {"a/Adam": [1, 1], "a/Adam_1": [2, 2], "b/Adam": [3, 3], "b/Adam_1": [4, 4]}
    write("old.ckpt", {name: np.array(value, "float32") for name, value in {"a": [0, 0], "b": [0, 0], **slots}.items()})
    Path("script.py").write_text(ORDERED)
    said = convert(model="script.py", code=2).stderr
    assert "keeps its slots in the order in which gradients are applied" in said and not Path("new").exists()
    Path("script.py").write_text(ORDERED + STEP)
    convert(model="script.py")
    names: dict[str, Any] = {}
    exec(ORDERED + STEP, names)
    a, b, optimizer = names["a"], names["b"], names["optimizer"]
    optimizer.build([b, a])
    checkpoint = tf.train.Checkpoint(a=a, b=b, optimizer=optimizer)
    checkpoint.restore(tf.train.latest_checkpoint("new")).assert_existing_objects_matched()
    values = [one.numpy().tolist() for one in optimizer.variables[2:]]
    assert values == [[3, 3], [4, 4], [1, 1], [2, 2]]


# -- convert ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["new", "deep/er/new", "new.weights.h5"])
def test_convert_writes_what_tensorflow_restores(to: str, folder: Path) -> None:
    said = convert(to=to).stdout
    assert "at step 7" in said and "all values are equal" in said
    assert [path.name for path in Path(to).parent.iterdir() if path.name.startswith(".")] == []
    values = dense()
    names: dict[str, Any] = {}
    exec(MODEL, names)
    model, optimizer = names["factory"]()
    optimizer.build(model.trainable_variables)
    if to.endswith(".h5"):
        model.compile(optimizer)
        model.load_weights(to)
    else:
        latest = tf.train.latest_checkpoint(to)
        tf.train.Checkpoint(model=model, optimizer=optimizer).restore(latest).assert_existing_objects_matched()
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), values["dense/kernel"])
    assert int(optimizer.iterations) == 7
    slots = {one.path.removeprefix(optimizer.name): one for one in optimizer.variables}
    np.testing.assert_array_equal(slots["/net_dense_bias_velocity"].numpy(), values["dense/bias/Adam_1"])


def test_what_is_not_finite_is_named_and_kept(folder: Path) -> None:
    values = dense()
    values["dense/kernel"][0, 0] = np.nan
    values["dense/bias/Adam"][1] = np.inf
    write("old.ckpt", values)
    assert "not finite (NaN or infinite) were converted as they are: dense/bias/Adam, dense/kernel" in convert().stderr
    assert np.isnan(kernel("new")[0, 0])


def test_steps_are_adams_where_the_global_step_is_another(folder: Path) -> None:
    write("old.ckpt", {**dense(), "global_step": np.int64(14)})
    assert "is 7, as Adam's powers tell, and not 14 as global_step is" in convert().stdout


def test_powers_that_disagree_are_refused(folder: Path) -> None:
    write("old.ckpt", {**dense(), "beta2_power": np.float32(0.999**3)})
    assert "can't be known: beta2_power: 2; beta1_power: 7" in convert(code=2).stderr
    assert not Path("new").exists()


def test_rules_come_from_json_and_python(folder: Path) -> None:
    values = {"odd": np.ones([4, 3], "float32"), "dense/bias": np.zeros(4, "float32"), "junk": np.zeros(9, "float32")}
    write("old.ckpt", values)
    junk = {"match": "junk", "path": None}
    plain = [{"match": "odd", "path": "net/dense/kernel", "transformation": "transpose"}, junk]
    Path("rules.json").write_text(json.dumps(plain))
    convert("--rules", "rules.json", model="net.py:plain")
    Path("mine.py").write_text(
        "def odd(name, shape):\n"
        "    if name == 'odd':\n"
        "        return {'path': 'dense/kernel', 'value': lambda value: 2 * value.T}\n"
        f"MINE = [odd, {junk}]\n"
    )
    convert("--rules", "mine.py:MINE", model="net.py:plain", to="other")
    np.testing.assert_array_equal(kernel("new"), np.ones([3, 4]))
    np.testing.assert_array_equal(kernel("other"), 2 * np.ones([3, 4]))


def kernel(folder: str) -> Any:
    """The value of the one layer's kernel in a checkpoint that was written."""
    names: dict[str, Any] = {}
    exec(MODEL, names)
    model = names["plain"]()
    tf.train.Checkpoint(model=model).restore(tf.train.latest_checkpoint(folder)).expect_partial()
    return model.layers[0].kernel.numpy()


# -- faults -------------------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda index, data: (index.unlink(), data.unlink()), "there is no checkpoint old.ckpt"),
        (lambda index, data: index.unlink(), "old.ckpt.index is missing"),
        (lambda index, data: data.unlink(), "old.ckpt.data-00000-of-00001 is missing"),
        (lambda index, data: cut(data), "old.ckpt.data-00000-of-00001 is cut off"),
        (lambda index, data: cut(index), "old.ckpt "),
        (lambda index, data: flip(index), "old.ckpt"),
        (lambda index, data: index.write_bytes(b""), "old.ckpt"),
    ],
)
def test_damaged_files_are_a_sentence(spoil: Callable[[Path, Path], Any], sentence: str, folder: Path) -> None:
    spoil(Path("old.ckpt.index"), Path("old.ckpt.data-00000-of-00001"))
    for command in (
        ("show",),
        ("map", "--model", "net.py:factory"),
        ("convert", "--model", "net.py:factory", "--to", "new"),
    ):
        said = run(command[0], "old.ckpt", *command[1:], code=2)
        assert sentence in said.stderr and len(said.stderr.splitlines()) == 1 and not said.stdout
    assert not list(folder.glob("*new*"))


def test_damaged_values_are_found_when_they_are_read(folder: Path) -> None:
    flip(Path("old.ckpt.data-00000-of-00001"))
    run("show", "old.ckpt")
    assert "is damaged (its checksum does not fit)" in convert(code=2).stderr
    assert not list(folder.glob("*new*"))


@pytest.mark.parametrize("spoil", [cut, flip])
def test_damaged_v1_files_are_a_sentence(spoil: Callable[[Path], None], folder: Path) -> None:
    shutil.copytree(CHECKPOINTS / "rnn_v1" / "recorded", "v1")
    spoil(Path("v1/model.ckpt"))
    model = str(CHECKPOINTS / "rnn_v1" / "after.py") + ":factory"
    said = run("convert", "v1/model.ckpt", "--model", model, "--to", "new", code=2).stderr
    assert "v1/model.ckpt" in said and len(said.splitlines()) == 1
    assert not list(folder.glob("*new*"))


@pytest.mark.parametrize(
    "given, sentence",
    [
        ("nowhere", "there is no checkpoint nowhere"),
        ("empty", "there is no checkpoint in empty"),
        ("net.py", "net.py"),
    ],
)
def test_what_is_no_checkpoint_is_a_sentence(given: str, sentence: str, folder: Path) -> None:
    Path("empty").mkdir()
    assert sentence in run("show", given, code=2).stderr


@pytest.mark.parametrize(
    "model, sentence",
    [
        ("nowhere:factory", "there is no module nowhere"),
        ("nowhere.py:factory", "there is no nowhere.py"),
        ("net.py:absent", "net.py has no absent; it has eager, factory"),
        ("net.py:failing", "net.py:failing failed with FileNotFoundError: vocabulary.txt (net.py:"),
        ("net.py:leaving", "ended the process (3)"),
        ("net.py:nothing", "gives NoneType, in which there is no model"),
        ("net.py:number", "gives int, in which there is no model"),
        ("net.py:NUMBER", "gives int, in which there is no model"),
        ("net.py:unbuilt", "the model has no variables yet"),
        ("net.py", "makes no model when it is imported or run"),
        (":factory", "names no module"),
    ],
)
def test_factories_that_give_no_model_are_a_sentence(model: str, sentence: str, folder: Path) -> None:
    assert sentence in run("map", "old.ckpt", "--model", model, code=2).stderr
    assert sentence in convert(model=model, code=2).stderr
    assert not list(folder.glob("*new*"))


@pytest.mark.parametrize(
    "to, sentence",
    [
        ("taken", "taken is there already"),
        ("net.py", "net.py is there already"),
        ("net.py/new", "is no folder"),
        ("/proc/new", "can't be written"),
    ],
)
def test_places_that_can_not_be_written_are_a_sentence(to: str, sentence: str, folder: Path) -> None:
    Path("taken").mkdir()
    Path("taken/file").touch()
    assert sentence in convert(to=to, code=2).stderr


def test_a_place_and_a_format_must_agree(folder: Path) -> None:
    assert "writes a file *.weights.h5" in convert("--format", "weights", code=2).stderr
    assert "writes a folder" in convert("--format", "checkpoint", to="new.weights.h5", code=2).stderr


@pytest.mark.parametrize(
    "text, sentence",
    [("{", "can't be read as JSON"), ('[{"match": "a"}]', "rule 1 has `match`"), (None, "no rules at")],
)
def test_rules_that_can_not_be_read_are_a_sentence(text: str | None, sentence: str, folder: Path) -> None:
    if text is not None:
        Path("rules.json").write_text(text)
    assert sentence in convert("--rules", "rules.json", code=2).stderr


def test_a_manifest_that_can_not_be_read_is_a_sentence(folder: Path) -> None:
    Path("manifest.json").write_text('{"manifest_version": 99}')
    assert "can't be read as a manifest" in convert("--manifest", "manifest.json", code=2).stderr


def test_an_object_checkpoint_is_shown_and_not_converted(folder: Path) -> None:
    tf.train.Checkpoint(w=tf.Variable([1.0])).write("objects")
    assert "written by objects" in run("show", "objects").stdout
    assert "was written by objects" in run("map", "objects", "--model", "net.py:factory", code=2).stderr
