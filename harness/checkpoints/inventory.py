"""What a built program consists of: its models and optimizers, its variables, and the facts that mapping needs of them."""

from __future__ import annotations

import types
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .reading import CheckpointError
from .roles import counted
from .slots import NAMES
from .targets import CellKind, KerasCell, Target, TargetOptimizer, Targets

_DEPTH = 4  # how deep variables are looked for in lists, dicts and plain objects


def raw_variable(variable: Any) -> Any:
    """TensorFlow's own variable beneath a Keras variable."""
    import keras

    return variable.value if isinstance(variable, keras.Variable) else variable


def path_of(variable: Any) -> str:
    """Keras' path of a variable, or the name of one of TensorFlow's own."""
    path = getattr(variable, "path", None)
    return path if isinstance(path, str) else str(variable.name).partition(":")[0]


def trackable(one: Any) -> bool:
    """Whether TensorFlow's checkpoints know such an object."""
    import tensorflow as tf

    return isinstance(one, tf.__internal__.tracking.Trackable) and not isinstance(one, type)


def collect(made: Any) -> dict[str, Any]:
    """The models, optimizers and variables in what the factory returned, by name."""
    import keras

    if isinstance(made, keras.Model):
        optimizer = getattr(made, "optimizer", None)
        return {"model": made} if optimizer is None else {"model": made, "optimizer": optimizer}
    if trackable(made) and not isinstance(made, Sequence | Mapping):
        return {"optimizer" if isinstance(made, keras.optimizers.Optimizer) else "model": made}
    if isinstance(made, tuple | list):
        found: dict[str, Any] = {}
        for one in made:
            for name, part in collect(one).items():
                count = sum(key == name or key.startswith(f"{name}_") for key in found)
                if all(part is not other for other in found.values()):
                    found[f"{name}_{count}" if count else name] = part
        return found
    names = made if isinstance(made, Mapping) else getattr(made, "__dict__", None)
    if names is None:
        return {}
    held = {str(name): one for name, one in names.items() if not str(name).startswith("__") and _holds(one)}
    inner = _inner(names, {id(names)})
    return held | {name: one for name, one in inner.items() if all(one is not other for other in held.values())}


def _inner(names: Mapping[Any, Any], seen: set[int], depth: int = _DEPTH) -> dict[str, Any]:
    """What plain objects among these hold, a GAN of the program's own in its attributes; each object's once."""
    found: dict[str, Any] = {}
    for name, one in names.items():
        if str(name).startswith("__") or not _plain(one) or id(one) in seen or not depth:
            continue
        seen.add(id(one))
        inner = _inner(vars(one), seen, depth - 1)
        own = {key: value for key, value in vars(one).items() if not key.startswith("__") and _holds(value)}
        found |= {f"{name}_{key}": value for key, value in {**inner, **own}.items()}
    return found


def _plain(one: Any) -> bool:
    """Whether it is an object of a class that is neither Python's nor TensorFlow's: a metric's variables are in no checkpoint."""
    if isinstance(one, type | types.ModuleType | types.FunctionType) or trackable(one):
        return False
    known = type(one).__module__.partition(".")[0] in ("builtins", "keras", "tensorflow")
    return not known and isinstance(getattr(one, "__dict__", None), dict)


def _holds(one: Any, depth: int = _DEPTH) -> bool:
    """Whether it is a model, an optimizer, a variable, or a list or dict of these."""
    import keras
    import tensorflow as tf

    if isinstance(one, type | types.ModuleType) or not depth:
        return False
    if isinstance(one, Mapping):
        return any(_holds(each, depth - 1) for each in one.values())
    if isinstance(one, list | tuple):
        return any(_holds(each, depth - 1) for each in one)
    if isinstance(one, tf.train.CheckpointManager):
        return False
    return trackable(one) and bool(
        getattr(one, "variables", None) is not None
        or isinstance(one, tf.Variable | keras.Variable | tf.train.Checkpoint)
    )


def optimizers_of(parts: Mapping[str, Any]) -> list[Any]:
    """Every Keras optimizer among the parts."""
    import keras

    return [one for one, _ in _walk(parts) if isinstance(one, keras.optimizers.Optimizer)]


def build_optimizers(parts: Mapping[str, Any], trained: Mapping[str, Sequence[str]]) -> list[str]:
    """An optimizer makes its variables when it first updates something: here at once, for what it is known to train.

    `trained` has the paths of the variables by the optimizer's name; without it, a single optimizer is for all that can be
    trained. Checkpoints keep an optimizer's variables by their numbers, so their order matters: a model's own order is taken,
    and the names of the optimizers are returned for which there is none.
    """
    import keras
    import tensorflow as tf

    optimizers = optimizers_of(parts)
    unbuilt = [one for one in optimizers if not one.built]
    if not unbuilt:
        return []
    models = [part for part in parts.values() if isinstance(part, keras.Layer)]
    everything = _trainable(parts, models)
    by_path = {path_of(one): one for one, _ in _walk(parts) if isinstance(one, keras.Variable | tf.Variable)}
    assumed = []
    for optimizer, paths in _told(unbuilt, trained):
        if paths and all(path in by_path for path in paths):
            chosen = [by_path[path] for path in paths]
        elif len(optimizers) == 1:
            chosen = everything
        else:
            raise CheckpointError(
                f"which variables {optimizer.name} is for can't be known among several optimizers: let the factory call "
                "optimizer.build(variables) for each, in the order in which gradients are applied"
            )
        identities = {id(raw_variable(one)) for one in chosen}
        own = (model.trainable_variables for model in models)
        natural = next((one for one in own if {id(raw_variable(each)) for each in one} == identities), None)
        if natural is None and len(chosen) > 1:
            assumed.append(optimizer.name)
        optimizer.build(chosen if natural is None else natural)
    return assumed


def _told(optimizers: Sequence[Any], trained: Mapping[str, Sequence[str]]) -> list[tuple[Any, Sequence[str]]]:
    """What each optimizer trains, by its name; Keras counts names over the whole process, so that only their order is sure."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name in sorted(trained, key=counted):
        by_stem[counted(name)[0]].append(name)
    told = []
    for optimizer in sorted(optimizers, key=lambda one: counted(one.name)):
        name = optimizer.name
        left = by_stem[counted(name)[0]]
        if name not in trained and left:
            name = left[0]
        if name in left:
            left.remove(name)
        told.append((optimizer, trained.get(name, ())))
    return told


def _trainable(parts: Mapping[str, Any], models: Sequence[Any]) -> list[Any]:
    """All that can be trained, models first, in the order in which these list it."""
    import keras
    import tensorflow as tf

    found = {id(raw_variable(one)): one for model in models for one in model.trainable_variables}
    rest = {name: part for name, part in parts.items() if not isinstance(part, keras.optimizers.Optimizer)}
    for one, _ in _walk(rest):
        if isinstance(one, keras.Variable | tf.Variable) and one.trainable and tf.as_dtype(one.dtype).is_floating:
            found.setdefault(id(raw_variable(one)), one)
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
            if id(one) in found or not trackable(one):
                continue
            found[id(one)] = (one, key)
            if not isinstance(one, keras.Variable | tf.Variable):
                pending.extend((f"{key}/{name}", each) for name, each in tf.train.TrackableView.children(one).items())
    return list(found.values())


# -- facts --------------------------------------------------------------------------------------------------------------


def targets_of(parts: Mapping[str, Any]) -> tuple[dict[str, Any], Targets]:
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
        path = path_of(one)
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
    known = {id(one) for one, _ in objects}
    stacked = [  # no checkpoint looks into their list
        (cell, f"{key}/cells/{number}")
        for one, key in objects
        if isinstance(one, layers.StackedRNNCells)
        for number, cell in enumerate(one.cells)
        if id(cell) not in known
    ]
    found: dict[int, KerasCell] = {}
    for one, key in [*objects, *stacked]:
        kind = kinds.get(type(one))
        if kind is None or not one.built:
            continue
        if kind == "gru" and one.reset_after:
            kind = "gru-reset-after"
        for part in ("kernel", "recurrent_kernel", "bias"):
            variable = getattr(one, part, None)
            if variable is not None:
                inputs = int(one.kernel.shape[0])
                direction: Literal["", "forward", "backward"] = directions.get(id(one), "")
                found[id(variable)] = KerasCell(key, kind, part, inputs, int(one.units), direction, places.get(id(one)))
    return found
