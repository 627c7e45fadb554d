"""The new program's variables, found by building its model, wherever that is possible without their values (`deferring`).

A factory's variables get their values where it computes something with them. A script is not run: what it had made when it
would first have computed something is what it consists of.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import runpy
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_modernize.codemods.manifest import Program

from .deferring import SMALL, NoValue, Pending, deferred
from .inventory import build_optimizers, collect, optimizers_of, targets_of, trackable
from .reading import CheckpointError
from .targets import Targets


@dataclass
class Built:
    """A built program: `root` is the object whose checkpoint is written, `variables` are its variables by their keys.

    `pending` are those that have no value yet. `assumed` are the optimizers of which nothing says in which order they keep
    their slots.
    """

    root: Any
    parts: Mapping[str, Any]
    targets: Targets
    variables: Mapping[str, Any]
    pending: Pending
    assumed: tuple[str, ...] = ()


def build(model: Any, *, values: bool = False, manifest: Sequence[Program] = ()) -> Built:
    """What a model is made of. `model` is "package.module:factory", "package.module", or an object that is there already.

    A module may be named by its file. With `values` every variable without a value remembers where to take it from. The
    manifest tells which variables an optimizer is for that has made none of its own yet.
    """
    pending = Pending()
    if not isinstance(model, str):
        if isinstance(model, Mapping):
            _trace_for_optimizers(model)
        return _built(model, pending, manifest)
    name, _, attribute = model.partition(":")
    if not name:
        raise CheckpointError(f"--model {model} names no module: pkg.module:factory is wanted")
    with _on_path(os.getcwd()), _without_arguments(name), contextlib.redirect_stdout(sys.stderr):
        if attribute:
            made = _factory(model, name, attribute, pending, values)
        else:
            made = _script(model, name, pending, values)
        with deferred(pending, keep=values):
            return _built(made, pending, manifest)


def _factory(model: str, name: str, attribute: str, pending: Pending, values: bool) -> Any:
    """What a factory returns; built once more, with all values, where it needs one that was not kept."""
    import keras

    before = set(sys.modules)
    try:
        with deferred(pending, keep=values), _sentences(model, name):
            return _make(name, attribute)
    except NoValue:
        keras.backend.clear_session()  # its names count from the start again
    for fresh in set(sys.modules) - before:
        if _is_users(sys.modules[fresh], name):
            del sys.modules[fresh]
    with _sentences(model, name):
        return _make(name, attribute)


def _script(model: str, name: str, pending: Pending, values: bool) -> Any:
    """What a module has made when it is imported, or run, until it would first compute something with its variables."""
    made: Any = None
    with deferred(pending, keep=values, script=True):
        try:
            with _sentences(model, name):
                made = _run(name)
        except NoValue as error:
            made = _reached(error, name)
        _trace_for_optimizers(made)
    pending.initialize_all(SMALL)
    if not collect(made):
        raise CheckpointError(
            f"{model} makes no model when it is imported or run: give a factory, {name}:FUNCTION, that returns one"
        )
    return made


def _trace_for_optimizers(names: Mapping[str, Any]) -> None:
    """Traces the tf.functions whose arguments are known: optimizers make their variables when gradients are applied."""
    import tensorflow as tf

    if all(one.built for one in optimizers_of(collect(names))):
        return
    function = type(tf.function(lambda: None))
    found = list(names.values())
    methods = [
        getattr(one, name)
        for one in {id(one): one for one in found if not isinstance(one, type)}.values()
        for kind in type(one).__mro__
        for name, value in vars(kind).items()
        if isinstance(value, function)
    ]
    for one in found + methods:
        if isinstance(one, function) and one.input_signature is not None:
            with contextlib.suppress(Exception):
                one.get_concrete_function()


# -- running the user's code --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


@contextlib.contextmanager
def _without_arguments(name: str) -> Iterator[None]:
    """The command line is this tool's own: a program that reads one would take it for its own."""
    arguments, sys.argv = sys.argv, [name]
    try:
        yield
    finally:
        sys.argv = arguments


def _make(name: str, attribute: str) -> Any:
    """What the factory returns; the attribute itself, where it is a model already."""
    module = _load(name)
    factory: Any = module
    for part in attribute.split("."):
        if not hasattr(factory, part):
            there = sorted(one for one, value in vars(module).items() if callable(value) and not one.startswith("_"))
            raise CheckpointError(f"{name} has no {attribute}" + (f"; it has {', '.join(there[:8])}" if there else ""))
        factory = getattr(factory, part)
    return factory if trackable(factory) or not callable(factory) else factory()


@contextlib.contextmanager
def _sentences(model: str, name: str) -> Iterator[None]:
    """What goes wrong in the user's code as a sentence."""
    try:
        yield
    except (CheckpointError, NoValue):
        raise
    except SystemExit as error:
        raise CheckpointError(
            f"{model} ended the process ({error}) instead of giving a model; it is run without arguments: if it needs some, "
            "give a factory, MODULE:FUNCTION, that returns the model without them"
        ) from None
    except Exception as error:
        place = _place(error, name)
        raise CheckpointError(f"{model} failed with {type(error).__name__}: {_first_line(error)}{place}") from None


def _run(name: str) -> dict[str, Any]:
    """The names of a module that was imported; of a script that has a guard for it, that was run."""
    spec = None if name.endswith(".py") else importlib.util.find_spec(name)
    file = Path(name) if name.endswith(".py") else Path(spec.origin or "") if spec is not None else Path()
    if not file.is_file() or b"__main__" not in file.read_bytes():
        return vars(_load(name))
    sys.argv = [str(file)]
    try:
        if spec is not None:
            return runpy.run_module(name, run_name="__main__", alter_sys=True)
        with _on_path(str(file.resolve().parent)):
            return runpy.run_path(str(file), run_name="__main__")
    except SystemExit:  # it wants arguments, or is done
        return vars(_load(name))


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


def _reached(error: BaseException, name: str) -> dict[str, Any]:
    """The names that a script's module and functions had bound when it was stopped."""
    leaf = Path(name).stem if name.endswith(".py") else name.rpartition(".")[2]
    names: dict[str, Any] = {}
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if Path(frame.f_code.co_filename).stem == leaf:
            names.update({key: value for key, value in frame.f_locals.items() if not key.startswith("__")})
        trace = trace.tb_next
    return names


def _is_users(module: Any, name: str) -> bool:
    """Whether a module lies in the current folder, or beside the file that was named."""
    file = getattr(module, "__file__", None)
    tops = [Path.cwd()] + ([Path(name).resolve().parent] if name.endswith(".py") else [])
    return file is not None and "site-packages" not in file and any(Path(file).is_relative_to(top) for top in tops)


# -- what was built ---------------------------------------------------------------------------------------------------


def _built(made: Any, pending: Pending, manifest: Sequence[Program]) -> Built:
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
    assumed = build_optimizers(parts, _trained(manifest))
    variables, targets = targets_of(parts)
    if not any(not one.optimizer for one in targets.variables):
        raise CheckpointError(
            "the model has no variables yet: let the factory call it on tf.keras.Input(…) of its inputs"
        )
    return Built(root, parts, targets, variables, pending, tuple(assumed))


def _trained(manifest: Sequence[Program]) -> dict[str, list[str]]:
    """The paths of the variables that each optimizer of a manifest trains, by its name, in the order of its slots."""
    found: dict[str, list[str]] = {}
    for program in manifest:
        paths = {one.tf1_name: one.path for one in program.variables}
        for slot in program.slots:
            path = paths.get(slot.variable)
            mine = found.setdefault(slot.path.partition("/")[0], []) if slot.path and path else None
            if mine is not None and path and path not in mine:
                mine.append(path)
    return found
