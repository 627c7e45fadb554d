"""Coverage of TensorFlow's own tf_upgrade_v2: its tables are read from the installed package, and ours must know each row."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import Any

from tf_modernize.codemods import api
from tf_modernize.codemods.api import Fact
from tf_modernize.codemods.symbols.native import RULES

READ = """
import json, sys
from tensorflow.tools.compatibility import tf_upgrade_v2
spec = tf_upgrade_v2.TFAPIChangeSpec()
json.dump({
    "symbols": spec.symbol_renames, "keywords": spec.function_keyword_renames, "reorders": spec.function_reorders,
    "transformers": sorted(spec.function_transformers), "warnings": sorted(spec.function_warnings),
}, sys.stdout)
"""
# Names that compat.v1 got after TensorFlow 1.15, and attributes of classes: no program of TensorFlow 1.15 has them by themselves.
NEWER = (
    "CXX_VERSION", "executing_eagerly_outside_functions", "mixed_precision.", "keras.", "saved_model.constants.",
    "saved_model.signature_def_utils.", "test.mock", "tpu.", "losses.Reduction.", "lite.constants.",
    "contrib.data.CheckpointInputPipelineHook", "contrib.data.StatsAggregator", "contrib.data.assert_element_shape",
    "contrib.data.latency_stats", "contrib.data.set_stats_aggregator",
)  # fmt: skip
# Reported: it turns them into calls of another meaning (a summary of TensorFlow 2 writes at once), or into compat.v1.
REPORTED = ("contrib.summary.", "contrib.data.make_saveable_from_iterator", "contrib.saved_model.", "initializers.uniform_unit",
            "uniform_unit", "tpu.experimental.")  # fmt: skip


@cache
def tables(python: str) -> dict[str, Any]:
    done = subprocess.run([python, "-W", "ignore", "-c", READ], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def own(name: str) -> str:
    """A name as ours are written; its aliases of contrib are the modules' (`contrib_layers.flatten`, `slim.l2_regularizer`)."""
    if name.startswith("tf."):
        return name[3:]
    head, _, rest = name.partition(".")
    return f"contrib.{head.removeprefix('contrib_')}.{rest}"


def fact_of(name: str) -> Fact | None:
    """The fact; of names that TensorFlow 1.15 has not, None."""
    fact = api.lookup(own(name))
    assert fact is not None or own(name).startswith(NEWER) or own(name) == "contrib.tpu.core", name
    return fact


def test_the_tables_are_there(tf2_python: str) -> None:
    counts = {key: len(rows) for key, rows in tables(tf2_python).items()}
    assert counts == {"symbols": 1100, "keywords": 131, "reorders": 118, "transformers": 59, "warnings": 238}


def test_renames(tf2_python: str) -> None:
    lacking = []
    for old, new in tables(tf2_python)["symbols"].items():
        fact = fact_of(old)
        if fact is None or own(old).startswith((*REPORTED, *NEWER)):
            continue
        if not (fact.target or fact.compat):
            lacking.append((old, new))
        elif (
            not new.startswith("tf.compat.v1")
            and api.is_native(own(new))
            and not (fact.target or fact.successor or fact.requires)
        ):
            lacking.append((old, new))
    assert lacking == []


def test_renamed_keywords(tf2_python: str) -> None:
    lacking = []
    for name, renames in tables(tf2_python)["keywords"].items():
        if name.startswith("*"):  # methods of optimizers, which are written anew
            continue
        fact = fact_of(name)
        if fact is None or not fact.target or fact.name in RULES or (fact.behaviour and not fact.when):
            continue
        known = {**fact.renamed, **dict.fromkeys(fact.dropped)}
        lacking += [(name, old, new) for old, new in renames.items() if known.get(old, "") not in (new, None)]
    assert lacking == []


def test_reordered_arguments(tf2_python: str) -> None:
    """Both signatures are known, so that arguments find their places, or a rule knows them."""
    lacking = []
    for name in tables(tf2_python)["reorders"]:
        fact = fact_of(name)
        if fact is not None and fact.target and fact.name not in RULES:
            if fact.signature is None or fact.target_signature is None:
                lacking.append(name)
    assert lacking == []


def test_transformed_calls(tf2_python: str) -> None:
    """What takes code there has a rule here, is told by the facts alone, or is reported with the behaviour that changed."""
    lacking = []
    for name in tables(tf2_python)["transformers"]:
        if name in ("*.make_one_shot_iterator", "*.make_initializable_iterator"):
            continue  # the graph's business
        fact = fact_of(name)
        if fact is not None and fact.name not in RULES and not (fact.target or fact.behaviour):
            lacking.append(name)
    assert lacking == []


def test_warned_of(tf2_python: str) -> None:
    """What it only warns of is rewritten, or known to have changed, or gone."""
    lacking = []
    for name in tables(tf2_python)["warnings"]:
        fact = api.lookup(own(name)) if name.startswith("tf.") else None
        if fact is None or fact.kind == "module" or fact.name in RULES:
            continue
        if fact.target and not (fact.behaviour or fact.renamed or fact.dropped or fact.target != fact.name):
            lacking.append(name)
    assert lacking == []
