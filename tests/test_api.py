"""The facts are right about the installed TensorFlow: no target dangles, and no argument does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tf_modernize.codemods import api

FACTS = [fact for fact in map(api.lookup, api.names()) if fact is not None]
HAND = Path(api.__file__).parent

# Runs in a process of its own: the tests beside this one must not pay for TensorFlow, nor find it imported.
RESOLVE = """
import importlib, inspect, json, sys
import tensorflow as tf
from tensorflow.python.util import tf_inspect

def resolve(root, name):
    value = importlib.import_module(root)
    for part in name.split("."):
        value = getattr(value, part)
    return value

def arguments(value):
    if inspect.isclass(value):
        value = value.__init__ if value.__init__ is not object.__init__ else value.__new__
    spec = tf_inspect.getfullargspec(value)
    return spec.args + spec.kwonlyargs + (["**"] if spec.varkw else [])

out = {}
for root, name in json.load(sys.stdin):
    try:
        value = resolve(root, name)
    except (AttributeError, ImportError) as error:
        out[root + ":" + name] = None
        continue
    try:
        out[root + ":" + name] = arguments(value) if callable(value) else []
    except (TypeError, ValueError):
        out[root + ":" + name] = ["**"]
json.dump(out, sys.stdout)
"""


def ask(names: list[tuple[str, str]], **environment: str) -> dict[str, Any]:
    """For each module and name, the arguments that the installed TensorFlow gives it, or None where it doesn't exist."""
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    python = os.environ.get("TF2_PYTHON", sys.executable)  # where TensorFlow is installed elsewhere
    command = [python, "-W", "ignore", "-c", RESOLVE]
    done = subprocess.run(command, env=env, input=json.dumps(names), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@cache
def native() -> dict[str, Any]:
    names = {fact.target for fact in FACTS if fact.target}
    names |= {fact.successor for fact in FACTS if fact.successor and not fact.successor.startswith("absl.")}
    return ask([("tensorflow", name) for name in sorted(names)])


def test_every_target_exists() -> None:
    assert [fact.name for fact in FACTS if fact.target and native()[f"tensorflow:{fact.target}"] is None] == []


def test_no_target_is_in_compat_v1() -> None:
    assert [fact.name for fact in FACTS if (fact.target or "").startswith("compat.v1")] == []


def test_every_successor_exists() -> None:
    names = [fact for fact in FACTS if fact.successor and not fact.successor.startswith("absl.")]
    assert [fact.name for fact in names if native()[f"tensorflow:{fact.successor}"] is None] == []


def test_every_target_argument_exists() -> None:
    dangling = []
    for fact in FACTS:
        if fact.target is None or fact.kind == "module":
            continue
        arguments = native()[f"tensorflow:{fact.target}"]
        written = {*fact.renamed.values(), *fact.defaults}
        if fact.signature is not None and fact.target_signature is not None:
            named = [p.name for p in fact.signature if p.kind in ("positional", "keyword")]
            written |= {fact.renamed.get(name, name) for name in named} - set(fact.dropped)
        missing = written - set(arguments)
        if missing and "**" not in arguments:
            dangling.append((fact.name, sorted(missing)))
    assert dangling == []


def test_target_signatures_are_those_of_the_installed_tensorflow() -> None:
    wrong = []
    for fact in FACTS:
        if fact.target and fact.target_signature is not None and not fact.target.startswith("raw_ops."):
            named = [p.name for p in fact.target_signature if p.kind in ("positional", "keyword")]
            arguments = [
                name for name in native()[f"tensorflow:{fact.target}"] if name not in ("self", "cls", "_cls", "**")
            ]
            if arguments and named != arguments and named != arguments[1:]:
                wrong.append((fact.name, named, arguments))
    assert wrong == []


def test_every_required_target_argument_can_be_written() -> None:
    """A call that passes what TF 1 asked for gives the target all that it asks for, or a rule of its own sees to it."""
    short = []
    for fact in FACTS:
        if fact.behaviour or fact.signature is None or fact.target_signature is None:
            continue
        if any(p.kind == "**" for p in fact.signature) or fact.name.startswith(("keras.", "contrib.keras.")):
            continue
        if fact.name == "data.Dataset":  # nobody calls it: it is abstract in both
            continue
        given = {fact.renamed.get(p.name, p.name) for p in fact.signature} | set(fact.defaults)
        lacking = [p.name for p in fact.target_signature if p.required and p.name not in given]
        if lacking:
            short.append((fact.name, lacking))
    assert short == []


def test_every_compat_spelling_exists() -> None:
    plain = {fact.compat for fact in FACTS if fact.compat and not fact.requires}
    legacy = {fact.compat for fact in FACTS if fact.compat and fact.requires == api.LEGACY_KERAS}
    slim = {fact.slim for fact in FACTS if fact.slim}
    found = ask([("tensorflow.compat.v1", name) for name in sorted(plain)])
    asked = [("tensorflow.compat.v1", name) for name in sorted(legacy)] + [("tf_slim", name) for name in sorted(slim)]
    found.update(ask(asked, TF_USE_LEGACY_KERAS="1"))
    assert [name for name, arguments in found.items() if arguments is None] == []


def test_sorted_unique_and_sourced() -> None:
    names = list(api.names())
    assert names == sorted(names, key=lambda name: name.encode() + b"\t")
    assert len(set(names)) == len(names) == len(FACTS)
    assert [fact.name for fact in FACTS if not fact.source] == []
    assert {fact.state for fact in FACTS} == {api.SAME, api.RENAMED, api.MOVED, api.CHANGED, api.REMOVED}
    assert {fact.requires for fact in FACTS} == {"", api.LEGACY_KERAS}


def test_states_agree_with_targets() -> None:
    for fact in FACTS:
        assert (fact.state == api.REMOVED) == (fact.target is None), fact
        assert fact.target == fact.name or fact.state not in (api.SAME, api.CHANGED), fact
        assert not set(fact.inert) - set(fact.dropped), fact
        if fact.signature is not None:
            own = {p.name for p in fact.signature}
            assert set(fact.when) <= own, fact
            assert set(fact.renamed) <= own or "**" in {p.kind for p in fact.signature}, fact


def test_every_behaviour_is_explained_and_used() -> None:
    used = {fact.behaviour for fact in FACTS} - {""}
    assert used == set(api.behaviours())
    assert all(item.summary and item.source for item in api.behaviours().values())
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in used)


def test_hand_written_rows_have_a_source() -> None:
    for file, columns in (("hand.tsv", 4), ("older.tsv", 6)):
        for line in (HAND / file).read_text("utf-8").splitlines():
            if not line.startswith("#"):
                parts = line.split("\t")
                assert len(parts) == columns and parts[-1], line


def check(name: str, **expected: object) -> None:
    fact = api.lookup(name)
    assert fact is not None, name
    assert {key: getattr(fact, key) for key in expected} == expected


def test_removed_from_the_native_namespace() -> None:
    for name in (
        "placeholder",
        "Session",
        "get_variable",
        "GraphKeys",
        "train.Saver",
        "app.run",
        "flags.DEFINE_string",
    ):
        check(name, state=api.REMOVED, target=None, compat=name, requires="")
    for name in ("layers.dense", "nn.rnn_cell.BasicLSTMCell", "keras.backend.get_session"):
        check(name, state=api.REMOVED, target=None, compat=name, requires=api.LEGACY_KERAS)
    check("contrib.layers.fully_connected", state=api.REMOVED, compat=None, slim="layers.fully_connected")
    check("contrib.rnn.BasicLSTMCell", compat="nn.rnn_cell.BasicLSTMCell", requires=api.LEGACY_KERAS)
    check("estimator.Estimator", state=api.REMOVED, target=None, compat=None)


def test_renamed_moved_and_changed() -> None:
    check("log", state=api.MOVED, target="math.log", behaviour="")
    check("random_normal", state=api.RENAMED, target="random.normal", behaviour="")
    check("to_float", target="cast", defaults={"dtype": "tf.float32"}, behaviour="")
    check("argmax", state=api.CHANGED, target="argmax", renamed={"dimension": "axis"}, behaviour="")
    check("reduce_sum", renamed={"reduction_indices": "axis", "keep_dims": "keepdims"}, defaults={}, behaviour="")
    check("nn.conv2d", renamed={"filter": "filters"}, inert=("use_cudnn_on_gpu",), behaviour="")
    check("truncated_normal_initializer", target="keras.initializers.TruncatedNormal", defaults={"stddev": "1.0"})
    check("nn.relu", state=api.SAME, target="nn.relu", behaviour="")
    check("float32", kind="constant", state=api.SAME)


def test_same_name_another_meaning() -> None:
    check("nn.dropout", target="nn.dropout", behaviour="dropout-rate")
    check("nn.softmax_cross_entropy_with_logits", behaviour="softmax-labels-gradient")
    check("where", behaviour="where-broadcast", when=("x", "y"))
    check("constant", behaviour="constant-fill", when=("shape",))


def test_older_than_tensorflow_1() -> None:
    check("mul", state=api.RENAMED, target="multiply")
    check("pack", target="stack")
    check("select", target="where", renamed={"t": "x", "e": "y"}, behaviour="where-broadcast")
    check("scalar_summary", compat="summary.scalar", compat_renamed={"tags": "name", "values": "tensor"})
    check("train.SummaryWriter", state=api.REMOVED, compat="summary.FileWriter")


def test_structural_successors_are_no_targets() -> None:
    check("train.AdamOptimizer", target=None, successor="keras.optimizers.Adam")
    check("contrib.layers.flatten", target=None, successor="keras.layers.Flatten")
    check("nn.dynamic_rnn", target=None, successor="keras.layers.RNN")


def test_unknown_names() -> None:
    assert api.lookup("") is None
    assert api.lookup("no_such_name") is None
    assert api.lookup("nn.") is None
    assert api.resolve("no.such.name") is None


def test_longest_prefix() -> None:
    found = api.resolve("GraphKeys.TRAINABLE_VARIABLES")
    assert found is not None
    assert (found[0].name, found[1]) == ("GraphKeys", "TRAINABLE_VARIABLES")


def test_private_paths() -> None:
    assert api.public("python.ops.math_ops.reduce_sum") == "reduce_sum"
    assert api.public("python.ops.rnn_cell.BasicLSTMCell") == "nn.rnn_cell.BasicLSTMCell"
    assert api.public("contrib.framework.python.ops.arg_scope.arg_scope") == "contrib.framework.arg_scope"
    assert api.public("python.no.such.path") is None
    assert api.public("python.framework.ops.IndexedSlices") == "IndexedSlices"  # by a path that 2.21 has not
    assert api.gone("python.util.nest.is_sequence") and api.gone("python.training.training_ops.apply_adam")
    assert api.gone("python.ops.math_ops.reduce_sum") is None
    known = set(api.names())
    table = (HAND / "private.tsv").read_text("utf-8").splitlines()[1:]
    assert [line for line in table if line.split("\t")[1] not in known] == []


def test_since() -> None:
    check("placeholder", since="2.0")
    check("estimator.Estimator", since="2.16")
    check("keras.backend.get_session", since="2.0")
    check("mul", since="1.0")
    check("nn.relu", since="")


def test_modules_and_native_names() -> None:
    assert api.is_module("nn") and api.is_module("contrib.layers") and api.is_module("nn.seq2seq")
    assert not api.is_module("nn.relu") and not api.is_module("nope")
    assert api.is_native("nn.gelu") and api.is_native("keras.layers.Dense")
    assert not api.is_native("placeholder") and not api.is_native("compat.v1.placeholder")


def test_reading_imports_neither_libcst_nor_tensorflow() -> None:
    code = (
        "import sys; from tf_modernize.codemods import api; api.lookup('nn.relu'); "
        "print([name for name in ('libcst', 'tensorflow', 'json', 're') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert "libcst" not in done.stdout and "tensorflow" not in done.stdout
