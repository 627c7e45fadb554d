"""Variables without values: what is built needs no memory for them, until something is computed with them.

Keras and TensorFlow make every variable by way of TensorFlow's variable creators. While one of ours is in force, a variable of
some size gets a handle alone. It is given its value when it is read, unless nothing is to be run at all: a script is stopped
where it first calls a tf.function, which is traced, since tracing makes the variables of optimizers in the order in which the
program has them, or where it reads what it trains.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .reading import CheckpointError

SMALL = 1024  # elements: a variable of no more gets its value at once, but in a script


class NoValue(Exception):
    """Something was about to be computed with variables that have no value."""


@dataclass
class Pending:
    """The variables that have no value yet, by identity, each with what would give it: None where that was not kept."""

    variables: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    stopping: bool = False

    def initialize(self, variable: Any) -> bool:
        """Gives a variable its initial value, if it has none; False where nothing would give it."""
        _, given = self.variables.pop(id(variable), (None, None))
        if given is not None:
            variable.assign(given() if callable(given) else given)
        return given is not None

    def initialize_all(self, most: int | None = None) -> bool:
        """The same for all, or for those of no more elements."""
        chosen = [one for one, _ in self.variables.values() if most is None or one.shape.num_elements() <= most]
        given = [self.initialize(one) for one in chosen]
        return all(given)

    def forget(self, variable: Any) -> None:
        """The variable has got another value."""
        self.variables.pop(id(variable), None)


@contextlib.contextmanager
def deferred(pending: Pending, *, keep: bool, script: bool = False) -> Iterator[None]:
    """Within it, variables are made without values. `keep`: also tensors that were computed for them are kept for later."""
    import tensorflow as tf

    try:
        from tensorflow.python.framework import ops
        from tensorflow.python.ops.resource_variable_ops import UninitializedVariable
    except ImportError:  # another release of TensorFlow: everything works, with more memory
        yield
        return

    class Empty(UninitializedVariable):  # type: ignore[misc]
        """A variable that knows when it is read before it has a value: TensorFlow would give an empty tensor."""

        def _read_variable_op(self, *args: Any, **kwargs: Any) -> Any:
            if tf.executing_eagerly() and not tf.raw_ops.VarIsInitializedOp(resource=self.handle):
                if (pending.stopping and self.trainable) or not pending.initialize(self):
                    raise NoValue(f"{self.name} has no value")
            return super()._read_variable_op(*args, **kwargs)

        def assign_add(self, *args: Any, **kwargs: Any) -> Any:
            self._read_variable_op()
            return super().assign_add(*args, **kwargs)

        def assign_sub(self, *args: Any, **kwargs: Any) -> Any:
            self._read_variable_op()
            return super().assign_sub(*args, **kwargs)

    def create(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        given = arguments.get("initial_value")
        try:
            shape, dtype = _shape_of(given)
        except Exception:
            return next_creator(**arguments)
        if not shape.is_fully_defined() or (shape.num_elements() <= SMALL and not script):
            return next_creator(**arguments)
        wanted = arguments.get("dtype")
        variable = Empty(
            trainable=arguments.get("trainable"),
            name=arguments.get("name"),
            shape=shape,
            dtype=dtype if wanted is None else tf.as_dtype(wanted),
            constraint=arguments.get("constraint"),
            synchronization=arguments.get("synchronization"),
            aggregation=arguments.get("aggregation"),
        )
        kept = keep or callable(given) or shape.num_elements() <= SMALL
        pending.variables[id(variable)] = (variable, given if kept else None)
        return variable

    function = type(tf.function(lambda: None))
    original = function.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if tf.executing_eagerly() and pending.stopping:
            with contextlib.suppress(Exception):
                self.get_concrete_function(*args, **kwargs)
            raise NoValue("a tf.function was called")
        if tf.executing_eagerly() and not pending.initialize_all():
            raise NoValue("a tf.function was called")
        return original(self, *args, **kwargs)

    graph_mode = ops.disable_eager_execution  # what compat.v1's disable_v2_behavior calls

    def refuse() -> None:
        raise CheckpointError(
            "the program is in graph mode, where compat.v1's Saver restores its checkpoint as it is: only what `upgrade` made "
            "native has a model to convert it for"
        )

    function.__call__ = call
    if script:
        ops.disable_eager_execution = refuse
    pending.stopping = script
    try:
        with tf.variable_creator_scope(create), _nothing_saved() if script else contextlib.nullcontext():
            yield
    finally:
        function.__call__ = original
        ops.disable_eager_execution = graph_mode
        pending.stopping = False


@contextlib.contextmanager
def _nothing_saved() -> Iterator[None]:
    """Within it a program saves nothing: it has not trained, and its folder is the user's."""
    import tensorflow as tf

    kinds = (tf.train.Checkpoint, ("save", "write")), (tf.train.CheckpointManager, ("save",))
    originals = [(kind, name, getattr(kind, name)) for kind, names in kinds for name in names]
    for kind, name, _ in originals:
        setattr(kind, name, lambda self, file_prefix=None, *args, **kwargs: file_prefix)
    try:
        yield
    finally:
        for kind, name, original in originals:
            setattr(kind, name, original)


def _shape_of(given: Any) -> tuple[Any, Any]:
    """Shape and dtype of an initial value; a function is traced for them, which computes nothing."""
    import tensorflow as tf

    if callable(given):
        with tf.Graph().as_default():
            value = tf.convert_to_tensor(given())
    else:
        value = given if hasattr(given, "shape") and hasattr(given, "dtype") else tf.convert_to_tensor(given)
    return tf.TensorShape(value.shape), tf.as_dtype(value.dtype)
