"""The new side: a TF2 program replayed in lockstep with what was recorded of the old one, `tf.function` seen from outside.

At its n-th call a function gets the inputs, the variables and, inside its optimizers, the gradients that the old program
had at the execution that it stands for. So each call is compared from equal states, and no rounding piles up.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

from . import at_end, dumps, trace
from .bindings import Bindings
from .kinds import Kinds, ancestors
from .variables import Variables

_SMALL = 1 << 20  # elements of a value that is read: larger ones are not kept


def observe(tf: Any, config: dict[str, Any]) -> None:
    """Patches `tf.function`'s calls, the variables' and optimizers' classes and `.numpy()` for good."""
    _ = tf.keras.optimizers  # TensorFlow loads Keras when it is asked for
    observer = _Observer(tf, config)
    at_end(observer.end)
    function = sys.modules["tensorflow.python.eager.polymorphic_function.polymorphic_function"].Function
    observer.call_of_function = function.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return observer.call(self, args, kwargs)

    function.__call__ = call
    _exchange_gradients(tf, observer)
    _note_reads(tf, observer)


def _exchange_gradients(tf: Any, observer: Any) -> None:
    """Has every Keras optimizer hand its gradients over, after clipping, and go on with the recorded ones."""
    module = sys.modules.get("keras.src.backend.tensorflow.optimizer")
    if module is None:  # the legacy Keras
        return
    optimizer = module.TFOptimizer
    update = optimizer._backend_update_step

    def update_step(self: Any, grads: Any, trainable_variables: Any, learning_rate: Any) -> Any:
        exchanged = [
            None if gradient is None else observer.exchanged(gradient, _path(variable))
            for gradient, variable in zip(grads, trainable_variables)
        ]
        return update(self, exchanged, trainable_variables, learning_rate)

    optimizer._backend_update_step = update_step


def _note_reads(tf: Any, observer: Any) -> None:
    """Notes what the program reads by `.numpy()`: values that were executions in TF1 and are no function now."""
    tensors = sys.modules["tensorflow.python.framework.ops"]._EagerTensorBase
    resources = sys.modules["tensorflow.python.ops.resource_variable_ops"].BaseResourceVariable
    kinds = [tensors, resources]
    keras = sys.modules.get("keras.src.backend")
    if keras is not None:
        kinds.append(keras.Variable)
    for kind in kinds:
        _note_numpy(kind, observer)


def _note_numpy(kind: Any, observer: Any) -> None:
    original = kind.numpy

    def numpy(self: Any) -> Any:
        value = original(self)
        observer.read(sys._getframe(1), self, value)
        return value

    kind.numpy = numpy


def _path(variable: Any) -> str:
    return str(variable.path if hasattr(variable, "path") else variable.name.rpartition(":")[0])


class _Observer:
    def __init__(self, tf: Any, config: dict[str, Any]) -> None:
        self.tf = tf
        self.call_of_function: Any = None
        self._writer = trace.Writer(config["trace"], config["seconds"])
        self._functions: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for one in config["functions"]:
            key = (os.path.realpath(one["file"]), one["qualname"])
            self._functions.setdefault(key, []).append((one["line"], one["number"]))
        self._numbers = [one["number"] for one in config["functions"]]
        self._files = {os.path.realpath(file) for file in config["files"]}
        self._replay = config["replay"]
        self._records: dict[tuple[int, int], dict[str, Any]] = {}
        # What the variables are when so many calls are over, where values are read then.
        self._states: dict[int, dict[str, Any]] = {}
        self._alone: dict[str, Any] | None = None  # each call begins with this state and its own inputs: no old program
        self._steps = config.get("steps", 0)
        for one in trace.read(self._replay):
            if "alone" in one:
                self._alone = {**one, "inputs": {}, "static": []}
            elif "after" in one:
                self._states.setdefault(one["after"], one)
            else:
                self._records[one["function"], one["call"]] = one
        self._until = config["until"]
        self._whole = config["whole"]  # the old program came to its own end after so many calls
        self._free = config["free"]
        self._detail = config.get("detail")
        self._paths = config["paths"]
        self._limit = config["functions_limit"]
        self._calls: dict[int, int] = {}
        self._identities: dict[int, int | None] = {}
        self._kept: list[Any] = []  # so that no id is used twice
        self._variables = Variables()
        self._started = 0
        self._results: list[Any] = []
        self._busy = False
        self._gradients: dict[str, Any] | None = None
        self._recorded: dict[str, Any] = {}
        self._graphs = config.get("graphs")  # what is to be dumped, and where
        self._exchanged: list[str] = []  # the paths of the variables, by the number in the name of the operation

    def call(self, function: Any, args: Any, kwargs: Any) -> Any:
        """In place of a `tf.function`'s call; one from within a trace or another observed call doesn't count."""
        number = None if self._busy or self.tf.inside_function() else self._number(function)
        if number is None:
            return self.call_of_function(function, *args, **kwargs)
        if self._started >= self._until:  # here and not after the last call: values may be read between
            self._writer.finish("more" if self._whole else "complete")
        nth = self._calls.get(number, 0)
        record = self._alone if nth < self._steps else self._records.get((number, nth))
        if record is None:
            result = self.call_of_function(function, *args, **kwargs)
        else:
            result = self._step(function, args, kwargs, number, nth, record)
        self._results = self.tf.nest.flatten(result)
        self._calls[number] = nth + 1
        self._started += 1
        if self._started in self._states and not self._free:
            self._load(trace.arrays(self._replay, self._states[self._started]), {})
        if self._graphs and not self._graphs["records"]:
            self._writer.finish("graphs")
        if self._alone and all(self._calls.get(one, 0) >= self._steps for one in self._numbers):
            self._writer.finish("complete")
        if self._started >= self._limit:
            self._writer.finish("limit")
        if self._writer.late:
            self._writer.finish("time")
        return result

    def end(self) -> None:
        """The program has come to its own end: how often it called each function."""
        self._writer.write({"calls": {str(number): calls for number, calls in self._calls.items()}})

    def read(self, frame: Any, tensor: Any, value: Any) -> None:
        """Notes what the program itself reads, but for the results of the functions, which are compared as such."""
        if self._busy or any(tensor is one for one in self._results):
            return
        if os.path.realpath(frame.f_code.co_filename) not in self._files or getattr(value, "size", 1) > _SMALL:
            return
        record = {"read": self._started, "line": frame.f_lineno, "file": frame.f_code.co_filename}
        self._writer.write(record, {"value": value})

    def _number(self, function: Any) -> int | None:
        """Which function of the manifest this is, by the file, the qualified name and the line of its definition."""
        if id(function) not in self._identities:
            self._kept.append(function)
            self._identities[id(function)] = self._find(function)
        return self._identities[id(function)]

    def _find(self, function: Any) -> int | None:
        python = inspect.unwrap(function._python_function)
        python = getattr(python, "__func__", python)
        code = getattr(python, "__code__", None)
        if code is None:
            return None
        known = self._functions.get((os.path.realpath(code.co_filename), python.__qualname__), [])
        if len(known) <= 1:
            return known[0][1] if known else None
        # Several definitions of one name: the first that begins at or after the first decorator's line.
        later = [(line, number) for line, number in sorted(known) if line >= code.co_firstlineno]
        return later[0][1] if later else None

    def _step(self, function: Any, args: Any, kwargs: Any, number: int, nth: int, record: dict[str, Any]) -> Any:
        self._busy = True
        try:
            given = trace.arrays(self._replay, record)
            seen: dict[str, Any] = {"function": number, "call": nth, "started": self._started}
            arrays: dict[str, Any] = {}
            args, kwargs = self._inputs(function, args, kwargs, given, record, seen, arrays)
            # Traced first: what the first call would make (the slots of optimizers) is there to be loaded.
            concrete = function.get_concrete_function(*args, **kwargs)
            if self._alone:
                self._note_inputs(function, args, kwargs, seen, arrays)
                seen["kinds"] = _kinds(self.tf, concrete.graph)
            self._state(given, arrays, seen, load=not self._free or self._started == 0)
            if self._detail and self._detail["record"] == [number, nth]:
                self._between(function, args, kwargs, given, seen, arrays)
            self._recorded = {} if self._free else {k: v for k, v in given.items() if k.startswith("gradient")}
            self._gradients = {}
            result = self._call(function, args, kwargs, number, nth)
            nest = sys.modules["tensorflow.python.util.nest"]
            seen["keys"] = []
            for place, (keys, value) in enumerate(nest.flatten_with_tuple_paths(result)):
                seen["keys"].append(str(keys[-1]) if keys else "")
                if hasattr(value, "numpy"):
                    arrays[f"fetch:{place}"] = value.numpy()
                elif value is not None:
                    arrays[f"fetch:{place}"] = value
            arrays.update(self._gradients)
            self._gradients = None
            self._snapshot("after:", arrays, seen)
            self._writer.write(seen, arrays)
            return result
        finally:
            self._busy = False

    def _call(self, function: Any, args: Any, kwargs: Any, number: int, nth: int) -> Any:
        if not self._graphs or [number, nth] not in self._graphs["records"]:
            return self.call_of_function(function, *args, **kwargs)
        kind = sys.modules["tensorflow.python.eager.polymorphic_function.concrete_function"].ConcreteFunction
        with dumps.OfCall(self.tf, kind, self._variables.by_path(), self._exchanged) as dump:
            result = self.call_of_function(function, *args, **kwargs)
        dump.write(dumps.folder_of(self._graphs["folder"], number, nth))
        self._graphs["records"].remove([number, nth])
        return result

    def _inputs(
        self,
        function: Any,
        args: Any,
        kwargs: Any,
        given: dict[str, Any],
        record: dict[str, Any],
        seen: dict[str, Any],
        arrays: dict[str, Any],
    ) -> Any:
        """The call's arguments with the recorded inputs in the place of the actual ones, which are noted."""
        tf = self.tf
        bound = inspect.signature(function._python_function).bind(*args, **kwargs)
        seen["unmatched"] = []
        for name, keys in record["inputs"].items():
            names = name.split(",")
            if not all(one in bound.arguments for one in names):
                seen["unmatched"].append(f"{name} is not among the arguments")
                continue
            # A placeholder's argument is one value, if a list of rows; an iterator's element may be a structure.
            whole = keys[0].startswith("feed:")
            held = [bound.arguments[one] for one in names]
            actual = held if whole else tf.nest.flatten(held)
            if 0 < len(actual) < len(keys) and not whole:  # of an element's parts the first: features without labels
                keys = keys[: len(actual)]
            if len(actual) != len(keys):
                seen["unmatched"].append(f"{name} has {len(actual)} parts, not {len(keys)}")
                continue
            for key, value in zip(keys, actual):
                arrays["actual:" + key] = _as_fed(value, given[key])
            if name in record["static"]:
                continue
            values = [
                tf.constant(given[key]) if tf.is_tensor(value) else given[key] for key, value in zip(keys, actual)
            ]
            packed = values if whole else tf.nest.pack_sequence_as(held, values)
            bound.arguments.update(zip(names, packed))
        return bound.args, bound.kwargs

    def _note_inputs(self, function: Any, args: Any, kwargs: Any, seen: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Notes what the function is given, cast as its signature casts it: name -> keys of its parts."""
        bound = inspect.signature(function._python_function).bind(*args, **kwargs)
        bound.apply_defaults()
        specs = dict(zip(bound.arguments, getattr(function, "input_signature", None) or ()))
        seen["inputs"] = {}
        for name, value in bound.arguments.items():
            spec = specs.get(name)
            dtype = spec.dtype.as_numpy_dtype if isinstance(spec, self.tf.TensorSpec) else None
            parts = [value] if dtype is not None else self.tf.nest.flatten(value)
            keys = [f"input:{name}:{place}" for place in range(len(parts))]
            seen["inputs"][name] = keys
            for key, part in zip(keys, parts):
                part = part.numpy() if hasattr(part, "numpy") else part
                arrays[key] = _as_dtype(part, dtype)

    def _state(self, given: dict[str, Any], arrays: dict[str, Any], seen: dict[str, Any], load: bool) -> None:
        """Notes the variables as the program has them, and puts the recorded ones in their place."""
        self._snapshot("before:", arrays, seen)
        seen["refused"] = {}
        if load:
            self._load(given, seen["refused"])

    def _load(self, given: dict[str, Any], refused: dict[str, str]) -> None:
        variables = self._variables.by_path()
        for key, value in given.items():
            path = key[len("state:") :]
            if not key.startswith("state:") or path not in variables:
                continue
            variable = variables[path]
            if tuple(variable.shape) != value.shape:
                refused[path] = f"has the shape {list(variable.shape)}, not {list(value.shape)}"
                continue
            variable.assign(value.astype(_numpy_dtype(self.tf, variable)))

    def _snapshot(self, prefix: str, arrays: dict[str, Any], seen: dict[str, Any]) -> None:
        variables = self._variables.by_path()
        seen["missing"] = [path for path in self._paths if path not in variables]
        for path in self._paths:
            if path in variables:
                arrays[prefix + path] = variables[path].numpy()

    def exchanged(self, gradient: Any, path: str) -> Any:
        """The recorded gradient where there is one, else this one; by an op, so that it happens at each call."""
        import numpy as np

        tf = self.tf
        name = f"exchanged_gradient_{len(self._exchanged)}"
        self._exchanged.append(path)
        if isinstance(gradient, tf.IndexedSlices):

            def swap_slices(values: Any, indices: Any) -> Any:
                if self._gradients is not None:
                    self._gradients["gradient-values:" + path] = np.array(values)
                    self._gradients["gradient-indices:" + path] = np.array(indices)
                key = "gradient-values:" + path
                if key not in self._recorded or not self._busy:
                    return values, indices
                return (
                    self._recorded[key].astype(values.dtype),
                    self._recorded["gradient-indices:" + path].astype(indices.dtype),
                )

            values, indices = tf.numpy_function(
                swap_slices,
                [gradient.values, gradient.indices],
                [gradient.values.dtype, gradient.indices.dtype],
                name=name,
            )
            values.set_shape([None, *gradient.values.shape[1:]])
            indices.set_shape([None])
            return tf.IndexedSlices(values, indices, gradient.dense_shape)

        def swap(value: Any) -> Any:
            if self._gradients is not None:
                self._gradients["gradient:" + path] = np.array(value)
            recorded = self._recorded.get("gradient:" + path) if self._busy else None
            if recorded is None or recorded.shape != value.shape:
                return value
            return recorded.astype(value.dtype)

        gradient = tf.convert_to_tensor(gradient)
        exchanged = tf.numpy_function(swap, [gradient], gradient.dtype, name=name)
        exchanged.set_shape(gradient.shape)
        return exchanged

    def _between(
        self,
        function: Any,
        args: Any,
        kwargs: Any,
        given: dict[str, Any],
        seen: dict[str, Any],
        arrays: dict[str, Any],
    ) -> None:
        """Runs the function once eagerly to note what its names are bound to; the variables are loaded again after it."""
        tf = self.tf
        values = [(one["file"], one["line"], one["name"]) for one in self._detail["values"]]  # type: ignore[index]
        order: list[int] = []

        def bound(number: int, value: Any) -> None:
            if tf.is_tensor(value) and hasattr(value, "numpy"):
                arrays[f"between:{len(order)}"] = value.numpy()
                order.append(number)

        args, kwargs = _cast(tf, function, args, kwargs)
        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            with Bindings(values, bound):
                function._python_function(*args, **kwargs)
        except Exception as error:
            seen["eager"] = f"{type(error).__name__}: {error}"
        finally:
            tf.config.run_functions_eagerly(before)
        seen["between"] = order
        if not self._free:
            self._load(given, {})


def _numpy_dtype(tf: Any, variable: Any) -> Any:
    return tf.as_dtype(variable.dtype).as_numpy_dtype


def _as_fed(value: Any, like: Any) -> Any:
    """An actual argument as an array of the dtype that was fed, None where it can't be one."""
    import numpy as np

    try:
        array = np.asarray(value)
        return array.astype(like.dtype) if like.dtype.kind not in "SU" else array
    except (TypeError, ValueError):
        return None


def _kinds(tf: Any, graph: Any) -> list[list[str]]:
    """For each result the kinds of operations that compute it."""
    kinds = Kinds(graph)
    outputs = tf.nest.flatten(graph.structured_outputs)
    return [kinds.of(ancestors(one)) if isinstance(one, tf.Tensor) else [] for one in outputs]


def _as_dtype(value: Any, dtype: Any) -> Any:
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list, an object of the program
        return None
    return array if dtype is None or array.dtype.kind in "OSU" else array.astype(dtype)


def _cast(tf: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """The arguments as tensors of the signature's dtypes: a function that runs eagerly casts nothing."""
    signature = getattr(function, "input_signature", None)
    bound = inspect.signature(function._python_function).bind(*args, **kwargs)
    if signature is None:
        return bound.args, bound.kwargs
    for (name, value), spec in zip(list(bound.arguments.items()), signature):
        if isinstance(spec, tf.TensorSpec):
            bound.arguments[name] = tf.convert_to_tensor(value, spec.dtype)
        else:
            bound.arguments[name] = tf.nest.map_structure(tf.convert_to_tensor, value)
    return bound.args, bound.kwargs
