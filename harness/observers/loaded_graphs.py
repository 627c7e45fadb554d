"""The old side without its source: a .meta with its checkpoint, a SavedModel or a frozen graph, opened and run on TensorFlow 2.

Runs in a process of its own, with deterministic randomness: the random operations of the graph are replaced by the draws that
programs get (`determinism.py`), so that dropout masks agree. A job is a JSON file with the `graph` (kind, path, checkpoint),
the `trace` to write to, and the `runs`; without runs it is told what the graph holds.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Iterator

from . import doubling, dumps, trace
from .kinds import Kinds
from .kinds import ancestors as made_from
from .partitions import joined
from .sessions import _ancestors, _depth

_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
# Kinds of random operations, by the functions of determinism.py that take their places.
_DRAWS = {
    "RandomUniform": "random_uniform",
    "RandomUniformInt": "random_uniform_int",
    "RandomStandardNormal": "random_standard_normal",
    "TruncatedNormal": "truncated_normal",
    "ParameterizedTruncatedNormal": "parameterized_truncated_normal",
    "RandomGamma": "random_gamma",
    "RandomPoissonV2": "random_poisson_v2",
    "Multinomial": "multinomial",
    "RandomShuffle": "random_shuffle",
}
# Scopes of what is built around a model: no results of it.
_AROUND = ("gradients", "save", "report_uninitialized", "init")
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def main(job_file: str) -> None:
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    import tensorflow as tf

    tf.compat.v1.disable_v2_behavior()
    writer = trace.Writer(job["trace"], 1e9)
    try:
        loaded = _Loaded(tf, job["graph"])
        if "runs" not in job:
            values = {"before:" + name: value for name, value in loaded.variables().items()}
            writer.write(loaded.description(job["tensors"]), values)
        given = trace.arrays(job["given"]["folder"], job["given"]["record"]) if "given" in job else {}
        for run in job.get("runs", []):
            writer.write(*loaded.run(run, given))
    except Exception as error:
        writer.write({"refused": _told(error)})
    writer.finish("complete")


class _Loaded:
    def __init__(self, tf: Any, about: Any) -> None:
        self.tf = tf
        self._kind = about["kind"]
        self._about = about
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._session = tf.compat.v1.Session(graph=self._graph)
            self._saver: Any = None
            getattr(self, "_open_" + self._kind.replace("-", "_"))(about["path"])
            collected = [*tf.compat.v1.global_variables(), *tf.compat.v1.local_variables()]
            self._known = {one.op.name: one for one in collected}
            self._tables = tf.compat.v1.tables_initializer() if self._kind == "meta" else None
        if self._kind == "meta":
            self._restore()
        self._changed = False
        self._first = {name: self._value(one) for name, one in self._known.items()}

    def _open_meta(self, path: str) -> None:
        tf = self.tf
        meta = tf.compat.v1.MetaGraphDef()
        with open(path, "rb") as file:
            meta.ParseFromString(file.read())
        _prepare(tf, meta.graph_def)
        self._saver = tf.compat.v1.train.import_meta_graph(meta, clear_devices=True)

    def _open_saved_model(self, path: str) -> None:
        from tensorflow.python.saved_model import loader_impl

        loader = loader_impl.SavedModelLoader(path)
        graphs = loader._saved_model.meta_graphs
        for meta in graphs:
            _prepare(self.tf, meta.graph_def)
        tags = next((one for one in graphs if "serve" in one.meta_info_def.tags), graphs[0]).meta_info_def.tags
        loader.load(self._session, list(tags))

    def _open_frozen(self, path: str) -> None:
        graph = self.tf.compat.v1.GraphDef()
        with open(path, "rb") as file:
            graph.ParseFromString(file.read())
        _prepare(self.tf, graph)
        self.tf.compat.v1.import_graph_def(graph, name="")

    def _restore(self) -> None:
        """Puts every variable at its first value: the checkpoint's, else its initializer's."""
        tf = self.tf
        if self._saver is None:
            raise doubling.Refused("it has no Saver that its variables could be restored with")
        for variable in self._known.values():
            try:
                self._session.run(variable.initializer)
            except tf.errors.FailedPreconditionError:  # made from another one, which the checkpoint has
                pass
        self._session.run(self._tables)
        self._saver.restore(self._session, self._about["checkpoint"])

    def _value(self, variable: Any) -> Any:
        try:
            return self._session.run(variable)
        except self.tf.errors.FailedPreconditionError:
            return None

    def _start(self) -> None:
        """The variables as they were at the start."""
        for name, variable in self._known.items():
            initializer = variable.initializer
            if self._first[name] is not None and initializer is not None:
                self._session.run(initializer, {initializer.inputs[1]: self._first[name]})

    def variables(self) -> dict[str, Any]:
        """The values of the variables by TF1 name, partitioned ones whole; of a frozen graph the constants."""
        if self._kind == "frozen":
            tf = self.tf
            found = [one for one in self._graph.get_operations() if one.type == "Const"]
            return {one.name: tf.make_ndarray(one.get_attr("value")) for one in found}
        values = {name: self._value(variable) for name, variable in self._known.items()}
        return joined({name: value for name, value in values.items() if value is not None}, self._known)

    def description(self, wanted: list[str]) -> dict[str, Any]:
        """What the graph holds that has to do with inputs and results; of the `wanted` names those that are there."""
        operations = self._graph.get_operations()
        inputs = [
            [one.type, output.name, output.dtype.base_dtype.name, _shape(output)]
            for one in operations
            if one.type in ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2", "IteratorGetNext")
            for output in one.outputs
        ]
        train = [getattr(one, "name", str(one)) for one in self._graph.get_collection("train_op")]
        return {
            "inputs": inputs,
            "there": [name for name in wanted if self._element(name) is not None],
            "results": list(self._results([one[1] for one in inputs])),
            "train": train,
        }

    def _element(self, name: str) -> Any:
        try:
            return self._graph.as_graph_element(name)
        except (KeyError, ValueError):
            return None

    def _results(self, inputs: list[str]) -> Iterator[list[Any]]:
        """The tensors that nothing of the model takes further, what they depend on, and what kinds of operations make them."""
        kinds = Kinds(self._graph)
        for op in self._graph.get_operations():
            if _around(op) or op.type in (*_VARIABLES, "Placeholder", "Const", "NoOp", "Assert"):
                continue
            for output in op.outputs:
                if output.dtype._is_ref_dtype or any(not _around(one) for one in output.consumers()):
                    continue
                if any("Apply" in one.type for one in _ancestors(self._graph, [output], set())):
                    continue  # of an optimizer, computed after an update
                made_by = made_from(output)
                needed = [name for name in inputs if self._graph.as_graph_element(name).op in made_by]
                yield [output.name, output.dtype.name, _shape(output), needed, kinds.of(made_by)]

    def run(self, run: Any, given: Any) -> Any:
        """One execution, from the first state; its record and its arrays."""
        if self._changed:
            self._start()
        self._changed = bool(run["targets"])
        record: dict[str, Any] = {"key": run["key"]}
        feeds = {}
        for name, key in run["feeds"].items():
            tensor = self._graph.as_graph_element(name)
            feeds[tensor] = given[key].astype(tensor.dtype.as_numpy_dtype) if key in given else run["constants"][key]
        tensors = {key: self._graph.as_graph_element(name) for key, name in run["fetches"].items()}
        operations = [self._graph.as_graph_element(name) for name in run["targets"]]
        arrays: dict[str, Any] = {}
        ancestors = _ancestors(self._graph, [*tensors.values(), *operations], set(run["feeds"]))
        record["depth"] = _depth(ancestors)
        dump = None
        if run.get("dump"):
            dump = dumps.OfSession(self._graph, ancestors, self._session.run)
            tensors.update(dump.extra)
        try:
            found, _ = self._session.run([tensors, operations], feeds)
        except Exception as error:
            record["refused"] = _told(error)
            return record, arrays
        arrays.update(found)
        if dump is not None:
            given = {"feed:" + tensor.name: value for tensor, value in feeds.items()}
            given.update({key: value for key, value in found.items() if key.startswith("outside:")})
            names = {**run["fetches"], **{f"target:{place}": name for place, name in enumerate(run["targets"])}}
            dump.write(run["dump"], names, {}, given)
        if operations:
            arrays.update({"after:" + name: value for name, value in self.variables().items()})
        return record, arrays


def _around(op: Any) -> bool:
    parts = op.name.split("/")
    return (
        parts[0].rstrip("_0123456789") in _AROUND
        or "gradients" in (part.rstrip("_0123456789") for part in parts)
        or op.type.startswith(("Save", "Restore", "Apply", "ResourceApply", "SparseApply", "Assign"))
    )


def _shape(tensor: Any) -> Any:
    return None if tensor.shape.rank is None else tensor.shape.as_list()


def _prepare(tf: Any, graph: Any) -> None:
    """Takes the recorded shapes away, which newer kernels contradict, and makes the randomness deterministic."""
    definitions: dict[str, Any] = {}
    for nodes in [graph.node, *(function.node_def for function in graph.library.function)]:
        within = nodes is not graph.node
        for node in nodes:
            for name in ("_output_shapes", "_class"):
                if name in node.attr:
                    del node.attr[name]
            node.device = ""
            if node.op in _DRAWS and not within:
                _draw(tf, node, definitions)
    for definition in definitions.values():
        graph.library.function.add().CopyFrom(definition)


def _draw(tf: Any, node: Any, definitions: dict[str, Any]) -> None:
    """A call of a function that draws in the place of a random operation."""
    from tensorflow.python.framework import op_def_registry

    signature = op_def_registry.get(node.op)
    types = [kind for _, _, kind, _ in doubling.types(signature.input_arg, node.attr)]
    output = next(kind for _, _, kind, _ in doubling.types(signature.output_arg, node.attr))
    key = repr((node.op, types, output))
    if key not in definitions:
        draws = sys.modules["_deterministic_randomness"]._Draws(tf)
        draw = draws.stateful()[_DRAWS[node.op]]
        more = {
            name: tf.as_dtype(node.attr[attribute].type)
            for name, attribute in (("dtype", "dtype"), ("output_dtype", "output_dtype"))
            if attribute in node.attr and attribute in draw.__code__.co_varnames
        }

        def python(*inputs: Any) -> Any:
            return tf.identity(draw(*inputs, **more))

        with tf.init_scope():
            specs = [tf.TensorSpec(None, tf.as_dtype(kind)) for kind in types]
            definitions[key] = tf.function(python, input_signature=specs).get_concrete_function().function_def
    inputs = list(node.input)
    new = tf.compat.v1.NodeDef(name=node.name, op="PartitionedCall", input=inputs)
    new.attr["Tin"].list.type.extend(types)
    new.attr["Tout"].list.type.append(output)
    new.attr["f"].func.name = definitions[key].signature.name
    node.CopyFrom(new)


def _told(error: Exception) -> str:
    """What TensorFlow says about a graph or a checkpoint, as a sentence for its user."""
    import re

    text = f"{type(error).__name__}: {getattr(error, 'message', '') or error}"
    for pattern, told in (
        (
            r"Op type not registered '(\w+)'",
            "its operation {} is not known to TensorFlow 2 (a library of its own, or contrib)",
        ),
        (r"Key (\S+) not found in checkpoint", "the checkpoint has no {}: it is of another model"),
        (r"Could not find callback|callback pyfunc", "it has a py_func, whose Python function is not in the graph"),
        (r"Assign requires shapes of both tensors to match.*", "the checkpoint is of another model ({})"),
        (r"shape in shape_and_slice spec (.*)", "the checkpoint is of another model (shapes {})"),
        (
            r"[Dd]ata ?[Ll]oss|[Cc]hecksum|truncated|OutOfRange|Read less bytes|corrupt|"
            r"Error parsing message",
            "it, or its checkpoint, is damaged or cut off",
        ),
    ):
        found = re.search(pattern, text)
        if found:
            return told.format(found[1] if found.re.groups else found[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300]
