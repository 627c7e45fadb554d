"""The new program's variables, found by building its model: without their values, wherever that is possible.

While a model is built here, TensorFlow's variables of some size get a handle but no value, so that mapping a checkpoint costs
no memory, and converting it no more than the values that it has. A factory that needs values while it builds (it calls the
model on an array) is run again, with values.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .inventory import build_optimizers, collect, raw_variable, targets_of, trackable
from .reading import CheckpointError
from .targets import Targets

SMALL = 1024  # elements: a variable of no more gets its value at once


@dataclass
class Built:
    """A built program: `root` is the object whose checkpoint is written, `variables` are its variables by their keys.

    `initial` holds what would give their values to the variables that have none yet.
    """

    root: Any
    parts: Mapping[str, Any]
    targets: Targets
    variables: Mapping[str, Any]
    initial: dict[int, Any] = field(default_factory=dict)

    def initialize(self, key: str) -> None:
        """Gives a variable its initial value, if it has none."""
        variable = raw_variable(self.variables[key])
        initial = self.initial.pop(id(variable), None)
        if initial is not None:
            variable.assign(initial() if callable(initial) else initial)


def build(model: Any, *, values: bool = False) -> Built:
    """What a model is made of. `model` is "package.module:factory", "package.module", or an object that is there already.

    With `values` variables without a value remember where to take it from, where nothing else gives them one.
    """
    if not isinstance(model, str):
        return _built(model, {})
    import keras
    import tensorflow as tf

    initial: dict[int, Any] = {}
    here = os.getcwd()
    with _on_path(here), contextlib.redirect_stdout(sys.stderr):
        try:
            with _deferred(initial, values):
                made = _make(model)
        except tf.errors.FailedPreconditionError as error:
            made = _reached(model, error)
            if made is None:
                initial.clear()
                keras.backend.clear_session()
                made = _make(model)
        with _deferred(initial, values):
            return _built(made, initial)


# -- running the user's code --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _make(model: str) -> Any:
    """What the factory returns, or the module that holds the model. TensorFlow's "no value yet" is let through."""
    import tensorflow as tf

    name, _, attribute = model.partition(":")
    if not name:
        raise CheckpointError(f"--model {model} names no module: pkg.module:factory is wanted")
    try:
        module = _load(name)
        if not attribute:
            return module
        factory: Any = module
        for part in attribute.split("."):
            if not hasattr(factory, part):
                there = sorted(
                    one for one, value in vars(module).items() if callable(value) and not one.startswith("_")
                )
                raise CheckpointError(
                    f"{name} has no {attribute}" + (f"; it has {', '.join(there[:8])}" if there else "")
                )
            factory = getattr(factory, part)
        return factory() if isinstance(factory, types.FunctionType) or not trackable(factory) else factory
    except (CheckpointError, tf.errors.FailedPreconditionError):
        raise
    except SystemExit as error:
        raise CheckpointError(f"{model} ended the process ({error}) instead of giving a model") from None
    except Exception as error:
        place = _place(error, name)
        raise CheckpointError(f"{model} failed with {type(error).__name__}: {_first_line(error)}{place}") from None


def _load(name: str) -> types.ModuleType:
    """The module of a dotted name, or of a file."""
    if name.endswith(".py"):
        path = Path(name).resolve()
        if not path.is_file():
            raise CheckpointError(f"there is no {name}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        with _on_path(str(path.parent)):
            spec.loader.exec_module(module)
        return module
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise CheckpointError(
                f"there is no module {name}: it is looked for in the current folder and where Python finds its packages"
            ) from None
        raise


def _place(error: BaseException, name: str) -> str:
    """Where in the user's own code an exception comes from."""
    leaf = name.removesuffix(".py").replace("/", ".").rpartition(".")[2]
    trace, found = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if Path(file).stem == leaf:
            found = f" ({os.path.basename(file)}:{trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")


def _reached(model: str, error: BaseException) -> Any:
    """What a script had made when it first ran something, where `model` names a script and no factory."""
    if ":" in model:
        return None
    leaf = Path(model).stem if model.endswith(".py") else model.rpartition(".")[2]
    names: dict[str, Any] = {}
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if Path(frame.f_code.co_filename).stem == leaf:
            names.update({key: value for key, value in frame.f_locals.items() if not key.startswith("__")})
        trace = trace.tb_next
    return names if collect(names) else None


# -- variables without values -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _deferred(initial: dict[int, Any], values: bool) -> Iterator[None]:
    """Within it, variables of some size are made without a value; `initial` gets what would give it."""
    import tensorflow as tf

    try:
        from tensorflow.python.ops.resource_variable_ops import UninitializedVariable
    except ImportError:  # another release of TensorFlow: everything works, with more memory
        yield
        return

    def create(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        given = arguments.get("initial_value")
        try:
            shape, dtype = _shape_of(given)
        except Exception:
            return next_creator(**arguments)
        if not shape.is_fully_defined() or shape.num_elements() <= SMALL:
            return next_creator(**arguments)
        wanted = arguments.get("dtype")
        variable = UninitializedVariable(
            trainable=arguments.get("trainable"),
            name=arguments.get("name"),
            shape=shape,
            dtype=dtype if wanted is None else tf.as_dtype(wanted),
            constraint=arguments.get("constraint"),
            synchronization=arguments.get("synchronization"),
            aggregation=arguments.get("aggregation"),
        )
        if values or callable(given):
            initial[id(variable)] = given
        return variable

    with tf.variable_creator_scope(create):
        yield


def _shape_of(given: Any) -> tuple[Any, Any]:
    """Shape and dtype of an initial value; a function is traced for them, which computes nothing."""
    import tensorflow as tf

    if callable(given):
        with tf.Graph().as_default():
            value = tf.convert_to_tensor(given())
    else:
        value = given if hasattr(given, "shape") and hasattr(given, "dtype") else tf.convert_to_tensor(given)
    return tf.TensorShape(value.shape), tf.as_dtype(value.dtype)


def _built(made: Any, initial: dict[int, Any]) -> Built:
    import tensorflow as tf

    if isinstance(made, tf.train.Checkpoint):
        root = made
        parts = dict(tf.train.TrackableView.children(made))
    else:
        parts = collect(made)
        checkpoints = [one for one in parts.values() if isinstance(one, tf.train.Checkpoint)]
        if len(checkpoints) == 1:
            root, parts = checkpoints[0], dict(tf.train.TrackableView.children(checkpoints[0]))
        elif parts:
            parts = {name: one for name, one in parts.items() if not isinstance(one, tf.train.Checkpoint)}
            root = tf.train.Checkpoint(**parts)
    if not parts:
        raise CheckpointError(
            f"--model gives {type(made).__name__}, in which there is no model: a Keras model, or a pair or dict of a model "
            "and an optimizer, or a tf.train.Checkpoint is wanted"
        )
    build_optimizers(parts)
    variables, targets = targets_of(parts)
    if not any(not one.optimizer for one in targets.variables):
        raise CheckpointError(
            "the model has no variables yet: let the factory call it on tf.keras.Input(…) of its inputs"
        )
    return Built(root, parts, targets, variables, initial)
