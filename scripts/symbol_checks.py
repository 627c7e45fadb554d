"""What a program uses of its packages, and whether these have it and take its arguments.

`uses` reads a source; `RESOLVE` runs in a process that imports TensorFlow 2.21, reads uses from its standard input, and writes
what is wrong with each.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Called:
    """A name of a package, and how it is called (`count` positional arguments; -1 where it isn't)."""

    name: str
    count: int = -1
    keywords: tuple[str, ...] = ()


def uses(source: str) -> set[Called]:
    """Every chain of names that begins with what an import binds, in a source that must compile."""
    compile(source, "<upgraded>", "exec")
    tree = ast.parse(source)
    bound = {local: target for node in ast.walk(tree) for local, target in _bound(node)}
    calls = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found: set[Called] = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Attribute, ast.Name)) or node in inner or not isinstance(node.ctx, ast.Load):
            continue
        name = _chain(node, bound)
        if name is None:
            continue
        call = calls.get(node)
        if (
            call is None
            or any(isinstance(one, ast.Starred) for one in call.args)
            or any(not k.arg for k in call.keywords)
        ):
            found.add(Called(name))
        else:
            found.add(Called(name, len(call.args), tuple(k.arg or "" for k in call.keywords)))
    return found


def _bound(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        whole = [(one.asname, one.name) if one.asname else (one.name.partition(".")[0],) * 2 for one in node.names]
        return [(local, target) for local, target in whole]
    if isinstance(node, ast.ImportFrom):
        return [(one.asname or one.name, f"{node.module}.{one.name}") for one in node.names]
    return []


def _chain(node: ast.expr, bound: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in bound:
        return None
    return ".".join([bound[node.id], *reversed(parts)])


def wrong(python: str, asked: Iterable[Called], legacy_keras: bool) -> dict[Called, str]:
    """What the installed packages say against uses, by use."""
    ordered = list(asked)
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    env.update({"TF_USE_LEGACY_KERAS": "1"} if legacy_keras else {})
    data = json.dumps([(one.name, one.count, one.keywords) for one in ordered])
    done = subprocess.run([python, "-W", "ignore", "-c", RESOLVE], env=env, input=data, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return {one: why for one, why in zip(ordered, json.loads(done.stdout), strict=True) if why}


RESOLVE = """
import importlib, inspect, json, os, sys
import tensorflow as tf
if os.environ.get("TF_USE_LEGACY_KERAS"):
    import tf_keras.src.legacy_tf_layers, tensorflow.compat.v1 as v1
    sys.modules["tf_keras.legacy_tf_layers"] = tf_keras.src.legacy_tf_layers
    sys.modules["tensorflow.python.framework.ops"].Tensor = v1.Tensor
    sys.modules["tensorflow.python.framework.ops"].IndexedSlices = v1.IndexedSlices
    for name in ("cond", "case", "Assert", "while_loop"):
        setattr(sys.modules["tensorflow.python.ops.control_flow_ops"], name, getattr(v1, name))
    for name in ("stack", "unstack"):
        setattr(sys.modules["tensorflow.python.ops.array_ops"], name, getattr(v1, name))
    sys.modules["tensorflow.python.ops.variable_scope"].variable = v1.Variable

def resolve(dotted):
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        try:
            for part in parts[length:]:
                value = getattr(value, part)
        except AttributeError:
            continue
        return value
    raise AttributeError(dotted)

# Keywords that Keras takes for every layer, beyond the signatures of its classes.
KERAS = {"name", "dtype", "trainable", "autocast", "input_shape", "input_dim", "activity_regularizer", "weight_decay"}
KERAS |= {"implementation", "document_count", "lr", "decay", "schedule_decay"}  # taken by older classes that Keras 2 keeps

def why(dotted, count, keywords):
    try:
        value = resolve(dotted)
    except AttributeError:
        return "does not exist"
    if count < 0:
        return ""
    if not callable(value):
        return "can't be called"
    if ".raw_ops." in dotted and count:
        return "takes keywords only"
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*[None] * count, **dict.fromkeys(keywords))
    except TypeError as error:
        return str(error)
    if inspect.isclass(value) and "keras" in value.__module__:
        known = set(KERAS)
        for base in value.__mro__:
            try:
                known |= set(inspect.signature(base.__init__).parameters)
            except (TypeError, ValueError):
                pass
        other = set(keywords) - known
        if other:
            return "no such argument: " + ", ".join(sorted(other))
    return ""

print(json.dumps([why(*one) for one in json.load(sys.stdin)]))
"""
