"""The graph of one execution, written down so that it can be run once more elsewhere, and in float64.

A dump is a folder: `graph.pb` (a GraphDef), `about.json` and `values.npz`, which are what `graph_runs.py` takes. Both sides
write the same form:

| key of about.json | what it holds |
|---|---|
| inputs | what is put in the place of tensors: name of the tensor -> name of the value |
| variables | variables that are nodes of the graph: name of the node -> name of the value ("" where it has none yet) |
| captures | variables whose handles are given to the graph: name of the handle's tensor -> name of the value |
| after | variables to be read when all has run: name of the value -> node or handle |
| parts | for the parts of partitioned variables: name of the value -> name, shape and offset of the whole |
| results | what is computed: key -> name of the tensor |
| exchanged | the nodes that exchange gradients: name -> path of the variable |
| targets | operations that are run besides |
| foreign | tensors for which there is nothing to put in place |
"""

from __future__ import annotations

import json
import os
from typing import Any, Callable

from .trace import plain, save

# What an execution takes from outside of the graph: it is put in place where the graph is run once more.
_OUTSIDE = (
    "IteratorGetNext",
    "IteratorGetNextSync",
    "QueueDequeueV2",
    "QueueDequeueManyV2",
    "QueueDequeueUpToV2",
    "LookupTableFind",
    "LookupTableFindV2",
    "LookupTableSize",
    "LookupTableSizeV2",
    "ReaderReadV2",
)
_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")


def folder_of(top: str, number: int, nth: int) -> str:
    return os.path.join(top, "{}-{}".format(number, nth))  # noqa: UP032


def _write(folder: str, graph: bytes, about: dict[str, Any], values: dict[str, Any]) -> None:
    import numpy as np

    os.makedirs(folder)
    with open(os.path.join(folder, "graph.pb"), "wb") as file:
        file.write(graph)
    kept = {name: plain(np, value) for name, value in values.items()}
    held = {name: value for name, value in kept.items() if value is not None}
    about["values"] = save(os.path.join(folder, "values.npz"), held)
    with open(os.path.join(folder, "about.json"), "w", encoding="utf-8") as lines:
        json.dump(about, lines)


class OfSession:
    """The dump of a `Session.run`: made before it, and written after, with what it took from outside."""

    def __init__(self, graph: Any, ancestors: Any, run: Callable[[Any], Any]) -> None:
        self._graph = graph
        self._values: dict[str, Any] = {}
        self._nodes: dict[str, str] = {}
        self._parts: dict[str, Any] = {}
        known: dict[str, Any] = {}
        for key in ("variables", "local_variables"):
            for variable in graph.get_collection(key):
                known.setdefault(variable.op.name, variable)
        # Through control flow, a variable may be used without being among the ancestors of what is fetched.
        for op in graph.get_operations():
            if op.type in _VARIABLES:
                value = _value(run, known.get(op.name, op))
                self._nodes[op.name] = "variable:" + op.name if value is not None else ""
                if value is not None:
                    self._values["variable:" + op.name] = value
        for name, variable in known.items():
            info = getattr(variable, "_save_slice_info", None)
            if info:
                self._parts[name] = [info.full_name, list(info.full_shape), list(info.var_offset), list(info.var_shape)]
        outside = [op for op in ancestors if op.type in _OUTSIDE]
        self.extra = {"outside:" + output.name: output for op in outside for output in op.outputs}

    def write(self, folder: str, fetches: dict[str, str], extra: Any, arrays: Any) -> None:
        """`fetches` are names of tensors and operations, `extra` what is computed besides, `arrays` what was fed and came out."""
        inputs = {}
        for key, value in arrays.items():
            kind, _, name = key.partition(":")
            if kind in ("feed", "outside"):
                inputs[name] = key
                self._values[key] = value
        results = {key: name for key, name in fetches.items() if ":" in name}
        for key, tensor in extra.items():
            if key.startswith("gradient"):
                results[key] = tensor.name
        about = {
            "inputs": inputs,
            "variables": self._nodes,
            "captures": {},
            "after": {name: name for name in self._nodes},
            "parts": self._parts,
            "results": results,
            "exchanged": {},
            "targets": [name for name in fetches.values() if name and ":" not in name],
            "foreign": [],
        }
        _write(folder, self._graph.as_graph_def().SerializeToString(), about, self._values)


def _value(run: Callable[[Any], Any], variable: Any) -> Any:
    """The value of a variable, or of a variable's operation; None where it has none."""
    if getattr(variable, "type", None) == "VarHandleOp":
        reads = [one for one in variable.outputs[0].consumers() if one.type == "ReadVariableOp"]
        if not reads:
            return None
        variable = reads[0]
    if hasattr(variable, "outputs"):
        variable = variable.outputs[0]
    try:
        return run(variable)
    except Exception:  # it has not been initialized
        return None


class OfCall:
    """The dump of a call of a `tf.function`: what `ConcreteFunction._call_flat` is given within a `with`."""

    def __init__(self, tf: Any, kind: Any, variables: dict[str, Any], exchanged: list[str]) -> None:
        self._tf = tf
        self._kind = kind
        self._paths = {id(_handle(variable)): path for path, variable in variables.items()}
        self._exchanged = exchanged
        self._original: Any = None
        self._done = False
        self.about: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._graph = b""

    def __enter__(self) -> OfCall:
        self._original = original = self._kind._call_flat

        def call(concrete: Any, tensor_inputs: Any, captured_inputs: Any) -> Any:
            if not self._done:
                self._done = True
                self._look(concrete.graph, list(tensor_inputs), list(captured_inputs))
            return original(concrete, tensor_inputs, captured_inputs)

        self._kind._call_flat = call
        return self

    def __exit__(self, *exception: object) -> None:
        self._kind._call_flat = self._original

    def write(self, folder: str) -> None:
        if self._done:
            _write(folder, self._graph, self.about, self._values)

    def _look(self, graph: Any, tensors: list[Any], captured: list[Any]) -> None:
        tf = self._tf
        inputs: dict[str, str] = {}
        captures: dict[str, str] = {}
        foreign = []
        for tensor, value in zip(graph.inputs, tensors + captured):
            if value.dtype == tf.resource:
                read = self._read(value)
                if read is None:
                    foreign.append(tensor.name)
                    continue
                key = captures[tensor.name] = "variable:" + self._paths.get(id(value), tensor.name)
                self._values[key] = read
            elif value.dtype == tf.variant:
                foreign.append(tensor.name)
            else:
                key = inputs[tensor.name] = "input:" + tensor.name
                self._values[key] = value.numpy()
        results = {}
        for place, output in enumerate(tf.nest.flatten(graph.structured_outputs)):
            if isinstance(output, tf.Tensor):
                results["fetch:%d" % place] = output.name  # noqa: UP031
        self.about = {
            "inputs": inputs,
            "variables": {},
            "captures": captures,
            "after": {key[len("variable:") :]: name for name, key in captures.items()},
            "parts": {},
            "results": results,
            "exchanged": {"exchanged_gradient_%d" % n: path for n, path in enumerate(self._exchanged)},  # noqa: UP031
            "targets": [op.name for op in graph.control_outputs],
            "foreign": foreign,
        }
        self._graph = graph.as_graph_def().SerializeToString()

    def _read(self, handle: Any) -> Any:
        """The value of the variable that a handle belongs to; None where it belongs to something else."""
        data = getattr(handle, "_handle_data", None)
        if data is None or not data.is_set or not data.shape_and_type:
            return None
        try:
            dtype = self._tf.as_dtype(data.shape_and_type[0].dtype)
            return self._tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype).numpy()
        except Exception:  # a table, an iterator
            return None


def _handle(variable: Any) -> Any:
    return getattr(getattr(variable, "_value", variable), "handle", None)
