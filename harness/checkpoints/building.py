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
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .reading import CheckpointError
from .slots import NAMES
from .targets import CellKind, KerasCell, Target, TargetOptimizer, Targets

SMALL = 1024  # elements: a variable of no more gets its value at once
_DEPTH = 4  # how deep variables are looked for in lists, dicts and plain objects


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
        return factory() if isinstance(factory, types.FunctionType) or not _trackable(factory) else factory
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
    return names if _collect(names) else None


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


def raw_variable(variable: Any) -> Any:
    """TensorFlow's own variable beneath a Keras variable."""
    import keras

    return variable.value if isinstance(variable, keras.Variable) else variable


# -- what there is ------------------------------------------------------------------------------------------------------


def _trackable(one: Any) -> bool:
    import tensorflow as tf

    return isinstance(one, tf.__internal__.tracking.Trackable) and not isinstance(one, type)


def _built(made: Any, initial: dict[int, Any]) -> Built:
    import tensorflow as tf

    if isinstance(made, tf.train.Checkpoint):
        root = made
        parts = dict(tf.train.TrackableView.children(made))
    else:
        parts = _collect(made)
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
    _build_optimizers(parts)
    variables, targets = _targets(parts)
    if not any(not one.optimizer for one in targets.variables):
        raise CheckpointError(
            "the model has no variables yet: let the factory call it on tf.keras.Input(…) of its inputs"
        )
    return Built(root, parts, targets, variables, initial)


def _collect(made: Any) -> dict[str, Any]:
    """The models, optimizers and variables in what the factory returned, by name."""
    import keras

    if isinstance(made, keras.Model):
        optimizer = getattr(made, "optimizer", None)
        return {"model": made} if optimizer is None else {"model": made, "optimizer": optimizer}
    if _trackable(made) and not isinstance(made, Sequence | Mapping):
        return {"optimizer" if isinstance(made, keras.optimizers.Optimizer) else "model": made}
    if isinstance(made, tuple | list):
        found: dict[str, Any] = {}
        for one in made:
            for name, part in _collect(one).items():
                count = sum(key == name or key.startswith(f"{name}_") for key in found)
                if all(part is not other for other in found.values()):
                    found[f"{name}_{count}" if count else name] = part
        return found
    names = made if isinstance(made, Mapping) else getattr(made, "__dict__", None)
    if names is None:
        return {}
    return {str(name): one for name, one in names.items() if not str(name).startswith("__") and _holds(one)} | (
        {} if isinstance(made, Mapping | types.ModuleType) else _inner(names)
    )


def _inner(names: Mapping[str, Any]) -> dict[str, Any]:
    """What plain objects among an object's attributes hold."""
    found: dict[str, Any] = {}
    for name, one in names.items():
        if not _trackable(one) and type(one).__module__ != "builtins" and hasattr(one, "__dict__"):
            found |= {
                f"{name}_{key}": value for key, value in vars(one).items() if not key.startswith("__") and _holds(value)
            }
    return found


def _holds(one: Any, depth: int = _DEPTH) -> bool:
    """Whether it is a model, an optimizer, a variable, or a list or dict of these."""
    import tensorflow as tf

    if isinstance(one, type | types.ModuleType) or not depth:
        return False
    if isinstance(one, Mapping):
        return any(_holds(each, depth - 1) for each in one.values())
    if isinstance(one, list | tuple):
        return any(_holds(each, depth - 1) for each in one)
    if isinstance(one, tf.train.CheckpointManager):
        return False
    return _trackable(one) and bool(
        getattr(one, "variables", None) is not None or isinstance(one, tf.Variable | tf.train.Checkpoint)
    )


def _build_optimizers(parts: Mapping[str, Any]) -> None:
    """An optimizer makes its variables when it first updates something: here at once, for all that can be trained."""
    import keras

    optimizers = [one for one, _ in _walk(parts) if isinstance(one, keras.optimizers.Optimizer)]
    unbuilt = [one for one in optimizers if not one.built]
    if not unbuilt:
        return
    if len(optimizers) > 1:
        named = ", ".join(one.name for one in unbuilt)
        raise CheckpointError(
            f"which variables {named} is for can't be known among several optimizers: let the factory call "
            "optimizer.build(variables) for each, in the order in which gradients are applied"
        )
    unbuilt[0].build(_trainable(parts))


def _trainable(parts: Mapping[str, Any]) -> list[Any]:
    """All that can be trained, in the order in which a model lists it."""
    import keras
    import tensorflow as tf

    found: dict[int, Any] = {}
    for part in parts.values():
        if isinstance(part, keras.Layer):
            found.update({id(one): one for one in part.trainable_variables})
    inside = {id(raw_variable(one)) for one in found.values()}
    for one, _ in _walk(
        {name: part for name, part in parts.items() if not isinstance(part, keras.optimizers.Optimizer)}
    ):
        if isinstance(one, keras.Variable | tf.Variable) and one.trainable and id(raw_variable(one)) not in inside:
            if getattr(one, "dtype", None) is not None and tf.as_dtype(one.dtype).is_floating:
                found[id(one)] = one
                inside.add(id(raw_variable(one)))
    return list(found.values())


def _walk(parts: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Everything that checkpoints track, each with the names that lead to it; what is not an optimizer's comes first."""
    import keras
    import tensorflow as tf

    found: dict[int, tuple[Any, str]] = {}
    order = sorted(parts, key=lambda name: isinstance(parts[name], keras.optimizers.Optimizer))
    for start in order:
        pending = deque([(start, tf.__internal__.tracking.wrap(parts[start]))])
        while pending:
            key, one = pending.popleft()
            if id(one) in found or not _trackable(one):
                continue
            found[id(one)] = (one, key)
            if not isinstance(one, keras.Variable | tf.Variable):
                pending.extend((f"{key}/{name}", each) for name, each in tf.train.TrackableView.children(one).items())
    return list(found.values())


# -- facts --------------------------------------------------------------------------------------------------------------


def _targets(parts: Mapping[str, Any]) -> tuple[dict[str, Any], Targets]:
    import keras
    import tensorflow as tf

    objects = _walk(parts)
    variables = {key: one for one, key in objects if isinstance(one, keras.Variable | tf.Variable)}
    keys = {id(one): key for key, one in variables.items()}
    keys |= {id(raw_variable(one)): key for key, one in variables.items()}
    cells = _keras_cells(objects)
    owned: dict[str, tuple[str, str, str]] = {}
    optimizers = []
    for one, key in objects:
        if isinstance(one, keras.optimizers.Optimizer):
            optimizers.append(_optimizer(one, key))
            owned |= _slots(one, key, keys)
    names = {name: part.name for name, part in parts.items() if isinstance(part, keras.Layer)}
    targets = []
    for key, one in variables.items():
        path = one.path if isinstance(one, keras.Variable) else one.name.partition(":")[0]
        prefix = names.get(key.partition("/")[0], "")
        optimizer, slot, of = owned.get(key, ("", "", ""))
        shape = tuple(int(size) for size in one.shape)
        dtype = tf.as_dtype(one.dtype).name
        inside = prefix if prefix and path.startswith(f"{prefix}/") else ""
        targets.append(Target(key, path, shape, dtype, inside, cells.get(id(one)), optimizer, slot, of))
    return variables, Targets(tuple(targets), tuple(optimizers))


def _optimizer(one: Any, key: str) -> TargetOptimizer:
    import keras

    ours = type(one).__module__.startswith("keras.")
    rate = one._learning_rate
    constant = float(rate.numpy()) if isinstance(rate, keras.Variable) else None
    betas = {f"beta{number}_power": getattr(one, f"beta_{number}", None) for number in (1, 2)}
    kept = {name: float(beta) for name, beta in betas.items() if isinstance(beta, int | float)}
    return TargetOptimizer(key, one.name, type(one).__name__ if ours else "", constant, kept)


def _slots(one: Any, key: str, keys: Mapping[int, str]) -> dict[str, tuple[str, str, str]]:
    """What each of an optimizer's variables is: the optimizer's key, the slot, and the key of what it stands beside."""
    by_path: dict[str, list[str]] = {}
    owned: dict[str, tuple[str, str, str]] = {}
    for variable in one.variables:
        mine = keys.get(id(variable))
        if mine is None:
            continue
        owned[mine] = (key, "", "")
        by_path.setdefault(variable.path, []).append(mine)
        if variable.path in (f"{one.name}/iteration", f"{one.name}/learning_rate"):
            owned[mine] = (key, variable.path.rpartition("/")[2], "")
    for reference in getattr(one, "_trainable_variables", []):
        of = keys.get(id(reference)) or keys.get(id(raw_variable(reference)))
        spelt = getattr(reference, "path", None) or str(reference.name).replace(":", "_")
        for slot in NAMES:
            # Two variables of one path have slots of one path, in the same order.
            found = by_path.get(f"{one.name}/{spelt.replace('/', '_')}_{slot}")
            if of is not None and found:
                owned[found.pop(0)] = (key, slot, of)
    return owned


def _keras_cells(objects: Sequence[tuple[Any, str]]) -> dict[int, KerasCell]:
    """The variables of Keras' own recurrent cells, by identity."""
    import keras

    layers = keras.layers
    kinds: dict[type, CellKind] = {layers.LSTMCell: "lstm", layers.SimpleRNNCell: "rnn", layers.GRUCell: "gru"}
    directions: dict[int, Literal["forward", "backward"]] = {}
    places: dict[int, int] = {}
    for one, _ in objects:
        if isinstance(one, layers.Bidirectional):
            directions |= {id(inner): "forward" for inner, _ in _walk({"": one.forward_layer})}
            directions |= {id(inner): "backward" for inner, _ in _walk({"": one.backward_layer})}
        elif isinstance(one, layers.StackedRNNCells):
            places |= {id(cell): number for number, cell in enumerate(one.cells)}
    found: dict[int, KerasCell] = {}
    for one, key in objects:
        kind = kinds.get(type(one))
        if kind is None or not one.built:
            continue
        if kind == "gru" and one.reset_after:
            kind = "gru-reset-after"
        for part in ("kernel", "recurrent_kernel", "bias"):
            variable = getattr(one, part, None)
            if variable is not None:
                inputs = int(one.kernel.shape[0])
                direction = directions.get(id(one), "")
                found[id(variable)] = KerasCell(key, kind, part, inputs, int(one.units), direction, places.get(id(one)))
    return found
