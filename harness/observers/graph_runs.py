"""Runs dumped graphs (dumps.py) on TensorFlow 2, in float64 where asked for. Runs in a process of its own.

A job is a JSON file: `trace`, the folder that the results are written to, and `runs`, each with the `folder` of a dump, a
`key` that its record is to have, `values`, a file with values that take the place of the dump's, and `decimals`, whether
constants are the numbers that were written.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from . import doubling, trace

_EXCHANGED = re.compile(r"(?:.*/)?(exchanged_gradient_\d+)$")


def main(job_file: str) -> None:
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    import tensorflow as tf

    writer = trace.Writer(job["trace"], 1e9)
    for run in job["runs"]:
        record: dict[str, Any] = {"key": run["key"]}
        arrays: dict[str, Any] = {}
        try:
            arrays = _run(tf, run, record)
        except doubling.Refused as refused:
            record["refused"] = str(refused)
        except Exception as error:
            record["refused"] = _told(error)
        writer.write(record, arrays)
    writer.finish("complete")


def _run(tf: Any, run: Any, record: Any) -> dict[str, Any]:
    folder = run["folder"]
    if not os.path.exists(os.path.join(folder, "about.json")):
        raise doubling.Refused("the execution was not reached again")
    with open(os.path.join(folder, "about.json"), encoding="utf-8") as file:
        about = json.load(file)
    given = trace.load(os.path.join(folder, "values.npz"), about["values"])
    if run.get("values"):
        given.update(trace.load(run["values"]["file"], run["values"]["names"]))
    graph = tf.compat.v1.GraphDef()
    with open(os.path.join(folder, "graph.pb"), "rb") as file:
        graph.ParseFromString(file.read())
    results = {**about["results"], **_bypass(graph, about["exchanged"])}
    targets = list(about["targets"])
    targets = _prune(graph, results, targets, [*about["inputs"], *about["captures"]], about["foreign"])
    moved, single = doubling.double(tf, graph, run["decimals"])
    record["single"] = sorted(single)
    given = {key: _wide(value, run["decimals"] and _constant(key)) for key, value in given.items()}
    return _evaluate(tf, graph, about, given, results, targets, moved)


def _bypass(graph: Any, exchanged: dict[str, str]) -> dict[str, str]:
    """Takes the operations that exchange gradients out of the way; returns the gradients: key -> tensor."""
    found = {}
    for nodes in [graph.node, *(one.node_def for one in graph.library.function)]:
        for node in nodes:
            match = _EXCHANGED.match(node.name)
            if match is None or match[1] not in exchanged or "Tin" not in node.attr:
                continue
            kinds = (
                ("gradient:",) if len(node.attr["Tin"].list.type) == 1 else ("gradient-values:", "gradient-indices:")
            )
            if nodes is graph.node:
                for kind, name in zip(kinds, node.input):
                    found[kind + exchanged[match[1]]] = name if ":" in name else name + ":0"
            types = list(node.attr["Tin"].list.type)
            node.op = "IdentityN"
            node.attr.clear()
            node.attr["T"].list.type.extend(types)
    return found


def _prune(graph: Any, results: dict[str, str], targets: list[str], given: list[str], foreign: list[str]) -> list[str]:
    """Leaves the nodes that are needed; returns the targets that are left.

    What needs a foreign tensor (a summary's writer) is left out where only the order of operations depends on it.
    """
    nodes = {node.name: node for node in graph.node}
    lost: set[str] = set()
    dependents: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            if not name.startswith("^"):
                dependents.setdefault(name.partition(":")[0], []).append(node.name)
    pending = [name.partition(":")[0] for name in foreign]
    takers = sorted({nodes[taker].op for name in pending for taker in dependents.get(name, [])})
    while pending:
        name = pending.pop()
        if name not in lost:
            lost.add(name)
            pending.extend(dependents.get(name, []))
    for name in results.values():
        if name.partition(":")[0] in lost:
            raise doubling.Refused(f"{', '.join(takers)} takes a resource that is no variable")
    targets = [name for name in targets if name not in lost]
    needed: set[str] = set()
    wanted = [*results.values(), *targets]
    while wanted:
        name = wanted.pop()
        if name in given or (":" not in name and name + ":0" in given and not name.startswith("^")):
            continue
        node = name.lstrip("^").partition(":")[0]
        if node in needed or node in lost:
            continue
        if node not in nodes:
            raise doubling.Refused(f"{node} is not in the graph")
        needed.add(node)
        wanted.extend(nodes[node].input)
    # Given tensors are mapped at the import, which wants their nodes to be there only where an other output is used.
    kept = [node for node in graph.node if node.name in needed]
    for node in kept:
        inputs = [name for name in node.input if not (name.startswith("^") and name[1:] in lost)]
        del node.input[:]
        node.input.extend(inputs)
    kept = [_copy(node) for node in kept]
    del graph.node[:]
    graph.node.extend(kept)
    return targets


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _evaluate(
    tf: Any,
    graph: Any,
    about: dict[str, Any],
    given: dict[str, Any],
    results: dict[str, str],
    targets: list[str],
    moved: dict[str, str],
) -> dict[str, Any]:
    v1 = tf.compat.v1
    with tf.Graph().as_default() as running:
        mapped: dict[str, Any] = {}
        feeds: dict[Any, Any] = {}
        used = {_full(name) for node in graph.node for name in node.input if not name.startswith("^")}
        for name, key in about["inputs"].items():
            value = given[key]
            mapped[name] = v1.placeholder(_dtype(tf, value), value.shape)
            feeds[mapped[name]] = value
        handles = {}
        assigned = []
        for name, key in about["captures"].items():
            value = given[key]
            handles[name] = mapped[name] = _handle(tf, name, _dtype(tf, value), value.shape)
            assigned.append((handles[name], value, False))
        here = {name: tensor for name, tensor in mapped.items() if name in used}
        v1.import_graph_def(graph, input_map=here, name="")
        for name, key in about["variables"].items():
            if key and _has(running, name):
                tensor = running.get_operation_by_name(name).outputs[0]
                assigned.append((tensor, given[key], tensor.dtype != tf.resource))
                handles[name] = tensor
        start = [_assign(tf, tensor, value, reference, feeds) for tensor, value, reference in assigned]
        after = {name: _read(tf, handles[at], given, about, at) for name, at in about["after"].items() if at in handles}
        fetched = {}
        for key, name in results.items():
            if name in mapped:
                fetched[key] = mapped[name]
            else:
                fetched[key] = running.get_tensor_by_name(_full(moved.get(name, name)))
        operations = [running.get_operation_by_name(name) for name in targets]
        with v1.Session(graph=running, config=_plain_config(tf)) as session:
            session.run(start, feeds)
            arrays, _ = session.run([fetched, operations], feeds)
            arrays.update(_joined(session.run(after), about["parts"]))
    arrays.update(_summaries(tf, arrays))
    return dict(arrays)


def _full(name: str) -> str:
    return name if ":" in name else name + ":0"


def _plain_config(tf: Any) -> Any:
    """Nothing is rewritten on the way: what is run is what was dumped."""
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def _has(graph: Any, name: str) -> bool:
    try:
        graph.get_operation_by_name(name)
    except KeyError:
        return False
    return True


def _constant(key: str) -> bool:
    """Whether a value is a constant of the old program: Keras has the learning rate in a variable."""
    return key.startswith("input:") or key.endswith("/learning_rate")


def _wide(value: Any, decimal: bool) -> Any:
    """The value in float64; a scalar that the new function took from outside is a constant that may have been written."""
    import numpy as np

    if value.dtype == np.float32:
        if decimal and value.ndim == 0 and np.isfinite(value):
            return np.asarray(doubling.written(value.item()))
        return value.astype(np.float64)
    return value.astype(np.complex128) if value.dtype == np.complex64 else value


def _dtype(tf: Any, value: Any) -> Any:
    return tf.string if value.dtype.kind in "SUO" else tf.as_dtype(value.dtype)


def _handle(tf: Any, name: str, dtype: Any, shape: Any) -> Any:
    return tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name="captured/" + name)


def _assign(tf: Any, tensor: Any, value: Any, reference: bool, feeds: dict[Any, Any]) -> Any:
    placeholder = tf.compat.v1.placeholder(_dtype(tf, value), value.shape)
    feeds[placeholder] = value
    if reference:
        return tf.raw_ops.Assign(ref=tensor, value=placeholder, validate_shape=False).op
    return tf.raw_ops.AssignVariableOp(resource=tensor, value=placeholder)


def _read(tf: Any, tensor: Any, given: dict[str, Any], about: dict[str, Any], at: str) -> Any:
    if tensor.dtype != tf.resource:
        return tensor
    key = about["captures"].get(at) or about["variables"][at]
    return tf.raw_ops.ReadVariableOp(resource=tensor, dtype=_dtype(tf, given[key]))


def _joined(found: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """The values after the run, partitioned variables whole."""
    import numpy as np

    joined: dict[str, Any] = {}
    for name, value in found.items():
        if name not in parts:
            joined["after:" + name] = value
            continue
        full, shape, offset, size = parts[name]
        whole = joined.setdefault("after:" + full, np.zeros(shape, value.dtype))
        whole[tuple(slice(o, o + s) for o, s in zip(offset, size))] = value
    return joined


def _summaries(tf: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in arrays.items():
        if key.startswith("fetch:") and isinstance(value, bytes):
            try:
                summary = tf.compat.v1.Summary.FromString(value)
            except Exception:  # other bytes
                continue
            for one in summary.value:
                if one.WhichOneof("value") == "simple_value":
                    found["summary:" + key[len("fetch:") :] + ":" + one.tag] = one.simple_value
    return found


def _told(error: Exception) -> str:
    """The gist of an error of TensorFlow's, in one line."""
    text = str(error)
    for pattern, told in (
        (r"No OpKernel was registered to support Op '(\w+)'", "{} has no float64 kernel"),
        (r"Op type not registered '(\w+)'", "{} is not known to this TensorFlow"),
    ):
        found = re.search(pattern, text)
        if found:
            return told.format(found[1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}"


if __name__ == "__main__":
    main(sys.argv[1])
