"""The old side: what a TF1 program feeds and fetches at each execution, seen from outside of `Session.run`.

Runs under TensorFlow 1.15, and under 2.21 with compat.v1. Nothing is added to the program's graph: names stay, and a graph
that is finalized can be observed.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from . import at_end, dumps
from .bindings import Bindings
from .partitions import joined, slices
from .places import Places
from .trace import Writer, load

_DEEP = (
    "MatMul",
    "BatchMatMul",
    "BatchMatMulV2",
    "Conv2D",
    "Conv3D",
    "Conv2DBackpropInput",
    "DepthwiseConv2dNative",
    "Einsum",
)


_CALLER = "caller"  # the key under which a monitored session fetches what the program asked for
_OF_HOOKS = ("before_run", "after_run", "after_create_session", "end", "_create_session")


def observe(tf: Any, config: dict[str, Any]) -> None:
    """Patches `BaseSession.run` and `Optimizer.apply_gradients` for good."""
    observer = _Observer(tf, config)
    at_end(observer.end)
    session, optimizer = _module("client.session").BaseSession, _module("training.optimizer").Optimizer
    observer.run_of_session = session.run
    apply = optimizer.apply_gradients

    def run(self: Any, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        return observer.run(self, fetches, feed_dict, options, run_metadata)

    def apply_gradients(self: Any, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = list(grads_and_vars)
        train = apply(self, pairs, *args, **kwargs)
        observer.applied.append((getattr(train, "op", train), pairs))
        return train

    session.run = run
    optimizer.apply_gradients = apply_gradients
    _observe_predictions(observer)


def _observe_predictions(observer: _Observer) -> None:
    """An Estimator's `predict` runs while its results are taken one by one: what it runs is where it was called."""
    estimators = sys.modules.get("tensorflow_estimator.python.estimator.estimator")
    if estimators is None:
        try:
            estimators = importlib.import_module("tensorflow_estimator.python.estimator.estimator")
        except ImportError:  # TensorFlow 2 has none
            return
    predict = estimators.Estimator.predict

    def observed(self: Any, *args: Any, **kwargs: Any) -> Any:
        return observer.numbered(observer.execution(sys._getframe(1)), predict(self, *args, **kwargs))

    estimators.Estimator.predict = observed


def _module(tail: str) -> Any:
    """A loaded module of TensorFlow: 1.15 keeps them in tensorflow_core."""
    return next(
        sys.modules[root + ".python." + tail]
        for root in ("tensorflow_core", "tensorflow")
        if root + ".python." + tail in sys.modules
    )


class _Observer:
    """Counts the executions of each place, and records the first `steps` of each."""

    def __init__(self, tf: Any, config: dict[str, Any]) -> None:
        self.tf = tf
        self.run_of_session: Any = None
        self.applied: list[tuple[Any, list[tuple[Any, Any]]]] = []
        self._writer = Writer(config["trace"], config["seconds"])
        self._numbers = [one["number"] for one in config["places"]]
        self._kinds = [one["kind"] for one in config["places"]]
        self._targets = [one["target"] for one in config["places"]]
        self._places = Places([(one["file"], one["line"], one["column"]) for one in config["places"]])
        self._library = _library()
        self._steps = config["steps"]
        self._bytes = config["bytes"]
        self._least, self._limit = config["executions"]
        self._seen = [0] * len(self._kinds)  # successful executions, by place
        self._calls: dict[Any, int] = {}  # the same, by the new function that they became
        self._functions = 0
        given = config.get("checkpoint")
        self._checkpoint = load(given["file"], given["names"]) if given else {}
        self._loaded: set[int] = set()
        self._from_checkpoint = False
        self._bound: list[tuple[int, str]] = []
        self._predicting: int | None = None
        self._graphs = config.get("graphs")  # what is to be dumped, and where
        self._detail = config.get("detail")
        if self._detail:
            values = [(one["file"], one["line"], one["name"]) for one in self._detail["values"]]
            Bindings(values, self._on_bound).__enter__()  # until the program ends

    def end(self) -> None:
        """The program has come to its own end: how often it would have called each new function."""
        self._writer.write({"calls": {str(target): calls for target, calls in self._calls.items()}})

    def numbered(self, number: int | None, generator: Any) -> Any:
        """A generator that runs, as far as is seen, where it was made."""
        while True:
            outer, self._predicting = self._predicting, number
            try:
                value = next(generator)
            except StopIteration:
                return
            finally:
                self._predicting = outer
            yield value

    def _on_bound(self, number: int, value: Any) -> None:
        if isinstance(value, self.tf.Tensor):
            self._bound.append((number, value.name))

    def run(self, session: Any, fetches: Any, feeds: Any, options: Any, metadata: Any) -> Any:
        """In place of `Session.run`: the same, and a record of it where it is wanted."""
        number = self.execution(sys._getframe(2))
        if self._predicting is not None and not _is_of_hooks(fetches):
            number = None  # of the session's own beginning and end
        if number is not None and _is_of_hooks(fetches):
            return self._hooked(number, session, fetches, feeds, options, metadata)
        if number is None:
            return self.run_of_session(session, fetches, feeds, options, metadata)
        return self._observed(number, session, fetches, feeds, options, metadata)

    def _hooked(self, number: int, session: Any, fetches: Any, feeds: Any, options: Any, metadata: Any) -> Any:
        """A run of a monitored session, which fetches for its hooks beside what the program asked for."""
        mine = fetches[_CALLER]
        hooks = {key: value for key, value in fetches.items() if key != _CALLER}
        result, others = self._observed(number, session, mine, feeds, options, metadata, hooks)
        return {**others, _CALLER: result}

    def _observed(
        self, number: int, session: Any, fetches: Any, feeds: Any, options: Any, metadata: Any, hooks: Any = None
    ) -> Any:
        """Runs an execution that is known, and records it; what hooks fetch comes beside its result."""
        kind = self._kinds[number]
        nth = self._seen[number]
        wanted = nth < self._steps or nth & (nth - 1) == 0  # and the 8th, the 16th, …: schedules show late
        if nth and self._writer.nbytes > self._bytes:  # a large model: of each place the first execution still
            wanted = False
        self._from_checkpoint = kind == "function" and bool(self._checkpoint) and id(session) not in self._loaded
        if self._from_checkpoint:
            self._loaded.add(id(session))
            self._load(session)
        if not wanted:
            asked = fetches if hooks is None else [fetches, hooks]
            result = self.run_of_session(session, asked, feeds, options, metadata)
            self._count(number)
        else:
            result = self._record(number, session, fetches, feeds, options, metadata, hooks)
        if self._graphs and not self._graphs["records"]:
            self._writer.finish("graphs")
        if self._functions >= self._least and self._complete():
            self._writer.finish("complete")
        if self._functions >= self._limit:
            self._writer.finish("limit")
        if self._writer.late:
            self._writer.finish("time")
        return result

    def execution(self, frame: Any) -> int | None:
        """The execution that the first frame outside of TensorFlow is at; none of what hooks run for themselves."""
        while frame is not None and frame.f_code.co_filename.startswith(self._library):
            if frame.f_code.co_name in _OF_HOOKS:
                return None
            frame = frame.f_back
        if frame is not None and self._predicting is not None:
            return self._predicting
        return None if frame is None else self._places.at(frame)

    def _count(self, number: int) -> dict[str, Any]:
        target = self._targets[number]
        counted = {
            "execution": self._numbers[number],
            "kind": self._kinds[number],
            "nth": self._seen[number],
            "call": self._calls.get(target, 0),
            "functions": self._functions,
        }
        self._seen[number] += 1
        if self._kinds[number] == "function":
            self._calls[target] = self._calls.get(target, 0) + 1
            self._functions += 1
        return counted

    def _complete(self) -> bool:
        return all(seen >= (self._steps if kind == "function" else 1) for seen, kind in zip(self._seen, self._kinds))

    def _record(
        self, number: int, session: Any, fetches: Any, feeds: Any, options: Any, metadata: Any, hooks: Any = None
    ) -> Any:
        function = self._kinds[number] == "function"
        graph = session.graph
        arrays: dict[str, Any] = {}
        fed = self._feeds(graph, feeds, arrays)
        leaves = list(_leaves(fetches))
        extra: dict[str, Any] = {}
        record: dict[str, Any] = {"loaded": self._from_checkpoint}
        if self._kinds[number] != "dropped":
            for name, value in self._variables(session).items():
                arrays["before:" + name] = value
        if function:
            ancestors = _ancestors(graph, leaves, fed)
            record["depth"] = _depth(ancestors)
            extra = self._extra(graph, ancestors, fed)
            if self._detail and self._detail["record"] == [number, self._seen[number]]:
                tensors = self._between(graph, ancestors, fed)
                record["between"] = [value for value, _ in tensors]
                record["tensors"] = [tensor.name for _, tensor in tensors]
                record["depths"] = [_depth(_ancestors(graph, [tensor], fed)) for _, tensor in tensors]
                extra.update((f"between:{place}", tensor) for place, (_, tensor) in enumerate(tensors))
        dump = None
        if self._graphs and [number, self._seen[number]] in self._graphs["records"]:
            dump = dumps.OfSession(graph, ancestors, lambda value: self.run_of_session(session, value))
            extra.update(dump.extra)
        asked = [fetches, extra, {} if hooks is None else hooks]
        result, more, others = self.run_of_session(session, asked, feeds, options, metadata)
        record.update(self._count(number))
        record["fetches"] = [_name(graph, leaf) for leaf in leaves]
        for place, value in enumerate(_leaves(result, fetches)):
            if value is not None:
                arrays[f"fetch:{place}"] = value
                arrays.update(self._summaries(place, value))
        arrays.update(more)
        if dump is not None:
            folder = dumps.folder_of(self._graphs["folder"], record["execution"], record["nth"])  # type: ignore[index]
            self._graphs["records"].remove([number, record["nth"]])  # type: ignore[index]
            dump.write(folder, {f"fetch:{place}": name for place, name in enumerate(record["fetches"])}, extra, arrays)
        if function:
            for name, value in self._variables(session).items():
                arrays["after:" + name] = value
        self._writer.write(record, arrays)
        return result if hooks is None else [result, others]

    def _summaries(self, place: int, value: Any) -> dict[str, Any]:
        """The scalars of a summary that was fetched, by their tags."""
        if not isinstance(value, bytes):
            return {}
        try:
            summary = self.tf.compat.v1.Summary.FromString(value)
        except Exception:  # other bytes
            return {}
        scalars = [one for one in summary.value if one.WhichOneof("value") == "simple_value"]
        return {f"summary:{place}:{one.tag}": one.simple_value for one in scalars}

    def _feeds(self, graph: Any, feeds: Any, arrays: dict[str, Any]) -> set[str]:
        """Notes what is fed, cast as the session casts it; returns the names of the tensors."""
        import numpy as np

        fed = set()
        for key, value in (feeds or {}).items():
            try:
                tensor = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
            except (TypeError, ValueError):  # a SparseTensor, a handle
                continue
            fed.add(tensor.name)
            readers = [op.type for op in tensor.consumers()]
            if readers and all(one.startswith("IteratorFromStringHandle") for one in readers):
                continue  # it only says which iterator's element is wanted
            try:
                arrays["feed:" + tensor.name] = np.asarray(value, dtype=tensor.dtype.as_numpy_dtype)
            except (TypeError, ValueError):  # the session will say what is wrong with it
                continue
        return fed

    def _extra(self, graph: Any, ancestors: set[Any], fed: set[str]) -> dict[str, Any]:
        """What the execution computes besides its fetches: elements of iterators, and the gradients that it applies."""
        extra: dict[str, Any] = {}
        for op in ancestors:
            outputs = op.outputs if op.type == "IteratorGetNext" else _from_arrays(op)
            if outputs and not any(output.name in fed for output in outputs):
                for output in outputs:
                    extra[f"element:{op._id:06d}:{output.name}"] = output
        pairs = [pair for op, applied in self.applied if op in ancestors for pair in applied]
        names = [variable.op.name for gradient, variable in pairs if gradient is not None]
        for gradient, variable in pairs:
            if gradient is None or names.count(variable.op.name) > 1:
                continue
            if hasattr(gradient, "indices"):
                extra["gradient-values:" + variable.op.name] = gradient.values
                extra["gradient-indices:" + variable.op.name] = gradient.indices
            else:
                extra["gradient:" + variable.op.name] = gradient
        return extra

    def _between(self, graph: Any, ancestors: set[Any], fed: set[str]) -> list[tuple[int, Any]]:
        """The tensors that the wanted values were bound to and that this execution computes, or can without any effect.

        A loss is among the latter: the gradients of a mean don't need it.
        """
        found = []
        for number, name in self._bound:
            try:
                tensor = graph.as_graph_element(name, allow_tensor=True, allow_operation=False)
            except (KeyError, ValueError):  # of another graph
                continue
            if name in fed or not graph.is_fetchable(tensor) or _reference(tensor):
                continue
            if all(_without_effect(op) for op in _ancestors(graph, [tensor], fed) - ancestors):
                found.append((number, tensor))
        return found

    def _variables(self, session: Any) -> dict[str, Any]:
        """The values of the variables that have one, by TF1 name; parts of a partitioned one joined."""
        known: dict[str, Any] = {}
        for key in ("variables", "local_variables"):
            for variable in session.graph.get_collection(key):
                known.setdefault(variable.op.name, variable)
        try:
            values = self.run_of_session(session, known)
        except self.tf.errors.FailedPreconditionError:
            values = {}
            for name, variable in known.items():
                try:
                    values[name] = self.run_of_session(session, variable)
                except self.tf.errors.FailedPreconditionError:
                    pass
        return joined(values, known)

    def _load(self, session: Any) -> None:
        """Puts the checkpoint's values into the variables that it names, and tells of those that it can't be put into."""
        told: dict[str, Any] = {"missing": [], "shapes": []}
        for variable in session.graph.get_collection("variables"):
            info = getattr(variable, "_save_slice_info", None)
            name = info.full_name if info else variable.op.name
            value = self._checkpoint.get(name)
            shape = info.full_shape if info else variable.shape.as_list()
            if value is None:
                told["missing"].append(name)
            elif len(shape) != value.ndim or any(a not in (None, b) for a, b in zip(shape, value.shape)):
                told["shapes"].append(
                    f"{name} has the shape {list(shape)} in the program, {list(value.shape)} in the checkpoint"
                )
            else:
                if info:
                    value = value[slices(info)]
                initializer = variable.initializer
                self.run_of_session(session, initializer, {initializer.inputs[1]: value})
        self._writer.write({"checkpoint": told})


def _from_arrays(op: Any) -> list[Any]:
    """What numpy_input_fn's queue gives: the first output is the number of the row, which nobody asked for."""
    of_arrays = op.type.startswith("QueueDequeue") and op.inputs[0].op.name.startswith("enqueue_input")
    return list(op.outputs[1:]) if of_arrays else []


def _is_of_hooks(fetches: Any) -> bool:
    """Whether a monitored session runs this: what was asked for is under one key, what hooks fetch under the hooks."""
    return (
        isinstance(fetches, dict)
        and _CALLER in fetches
        and all(key == _CALLER or hasattr(key, "before_run") for key in fetches)
    )


def _library() -> tuple[str, ...]:
    """Where TensorFlow's own code lies, and this package."""
    packages = {os.path.dirname(os.path.abspath(__file__))}
    for name in ("tensorflow", "tensorflow_core", "tensorflow_estimator", "tf_keras", "tf_slim", "keras"):
        module = sys.modules.get(name)
        if module is not None and getattr(module, "__file__", None):
            packages.add(os.path.dirname(module.__file__ or ""))
    return tuple(one + os.sep for one in packages)


def _leaves(value: Any, like: Any = None) -> Any:
    """The leaves of a structure of fetches, in the order of the source; of a result, by the structure of its fetches."""
    like = value if like is None else like
    if isinstance(like, (list, tuple)):
        for one, kind in zip(value, like):
            for leaf in _leaves(one, kind):
                yield leaf
    elif isinstance(like, dict):
        for key, kind in like.items():
            for leaf in _leaves(value[key], kind):
                yield leaf
    else:
        yield value


def _name(graph: Any, fetch: Any) -> str:
    """The TF1 name of a fetched tensor or operation; empty for what is neither."""
    try:
        return str(graph.as_graph_element(fetch).name)
    except (TypeError, ValueError, KeyError):
        return ""


def _reference(tensor: Any) -> bool:
    return bool(tensor.dtype._is_ref_dtype)


def _ancestors(graph: Any, leaves: Any, fed: set[str]) -> set[Any]:
    """The operations that the fetches depend on, cut where a tensor is fed."""
    pending = []
    for leaf in leaves:
        try:
            element = graph.as_graph_element(leaf)
        except (TypeError, ValueError, KeyError):
            for part in ("values", "indices", "dense_shape"):
                if hasattr(getattr(leaf, part, None), "op"):
                    pending.append(getattr(leaf, part).op)
            continue
        if element.name not in fed:
            pending.append(getattr(element, "op", element))
    found: set[Any] = set()
    while pending:
        op = pending.pop()
        if op in found:
            continue
        found.add(op)
        pending.extend(tensor.op for tensor in op.inputs if tensor.name not in fed)
        pending.extend(op.control_inputs)
    return found


def _without_effect(op: Any) -> bool:
    return op.type not in ("Placeholder", "PlaceholderV2") and not op.op_def.is_stateful


def _depth(ops: set[Any]) -> int:
    return sum(op.type in _DEEP for op in ops)
