"""Runs an upgraded program from a converted checkpoint; tests/test_checkpoint_executed.py starts it.

    python execute_converted.py REQUEST.json

The program runs as it is. Where it first calls a tf.function, the converted checkpoint is restored into what the program has
made by then, as `convert` itself found it; from there on, each function that the request names is called with the recorded
inputs in the place of the program's own, each time from the restored values. What these calls give goes to one .npz. Without
a checkpoint the program has loaded a frozen graph, and is run to its end.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_modernize.codemods.manifest import from_json
from tf_modernize.harness.checkpoints import build

request = json.loads(Path(sys.argv[1]).read_text())
recorded = np.load(request["recorded"])
wanted: dict[str, list[Any]] = {}  # by the function's qualified name
for one in request["executions"]:
    wanted.setdefault(one["qualname"], []).append(one)
Function = type(tf.function(lambda: None))
original = Function.__call__
found: dict[str, Any] = {}
restored: Any = None
busy = False


def call(self: Any, *args: Any, **kwargs: Any) -> Any:
    """In place of a tf.function's call."""
    global busy
    if busy or not tf.executing_eagerly():
        return original(self, *args, **kwargs)
    busy = True
    if restored is None:
        with contextlib.suppress(Exception):
            self.get_concrete_function(*args, **kwargs)  # makes what `convert` saw: an optimizer's slots
        find(sys._getframe(1))
    python = inspect.unwrap(self._python_function)
    for execution in wanted.pop(getattr(python, "__func__", python).__qualname__, []):
        bound = inspect.signature(self._python_function).bind(*args, **kwargs)
        replace(bound.arguments, execution["inputs"])
        self.get_concrete_function(*bound.args, **bound.kwargs)
        restore()
        keep(execution["place"], original(self, *bound.args, **bound.kwargs))
    busy = False
    if not wanted:
        finish()
    return original(self, *args, **kwargs)


def find(frame: Any) -> None:
    """The root of what the program has made, from the names of its frames: of the inner ones where two have a name."""
    global restored
    names: dict[str, Any] = {}
    while frame is not None:
        if Path(frame.f_code.co_filename).stem == Path(request["program"]).stem:
            names = {key: value for key, value in frame.f_locals.items() if not key.startswith("__")} | names
        frame = frame.f_back
    manifest = from_json(json.loads(Path(request["manifest"]).read_text()))
    restored = build(names, manifest=manifest)


def restore() -> None:
    restored.root.restore(request["checkpoint"]).assert_existing_objects_matched().assert_consumed()


def replace(arguments: dict[str, Any], inputs: dict[str, list[str]]) -> None:
    """Puts recorded values in the place of arguments; parts of an iterator's element are several, in one structure."""
    for names, keys in inputs.items():
        held = [arguments[name] for name in names.split(",")]
        parts = tf.nest.flatten(held) if keys[0].partition("/")[2].startswith("element:") else held
        pairs = zip(keys, parts, strict=False)  # of an element's parts the first: features without labels
        values = [tf.constant(recorded[key]) if tf.is_tensor(part) else recorded[key] for key, part in pairs]
        packed = values if parts is held else tf.nest.pack_sequence_as(held, values)
        arguments.update(zip(names.split(","), packed, strict=True))


def keep(place: str, result: Any) -> None:
    for number, value in enumerate(tf.nest.flatten(result)):
        if value is not None:
            found[f"{place}/{number}"] = value.numpy()


def finish() -> None:
    np.savez(request["to"], **found)
    sys.stdout.flush()
    os._exit(0)


sys.argv = [request["program"]]
sys.path.insert(0, str(Path(request["program"]).parent))
if request["checkpoint"]:
    Function.__call__ = call
    runpy.run_path(request["program"], run_name="__main__")
else:  # a frozen graph, whose constants are the values: the program has pruned it to functions of what is fed
    names = runpy.run_path(request["program"], run_name="__main__")
    functions = [one for one in names.values() if hasattr(one, "prune")]
    for execution in request["executions"]:
        fed = {name: recorded[key] for name, (key,) in execution["inputs"].items()}
        (one,) = [
            each
            for each in functions
            if {tensor.name for tensor in each.inputs} == set(fed) and len(each.outputs) == execution["outputs"]
        ]
        keep(execution["place"], one(*(tf.constant(fed[tensor.name]) for tensor in one.inputs)))
    finish()
