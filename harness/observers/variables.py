"""The variables of a running TF2 program, by their paths."""

from __future__ import annotations

import sys
import weakref
from typing import Any


class Variables:
    """Knows each `tf.Variable` and Keras variable that the program has made and still holds."""

    def __init__(self) -> None:
        self._raw: list[Any] = []
        self._keras: list[Any] = []
        resources = sys.modules["tensorflow.python.ops.resource_variable_ops"]
        _note(resources.BaseResourceVariable, self._raw)
        for name in ("keras.src.backend.common.variables", "keras.src.backend.common.keras_variable"):
            module = sys.modules.get(name)
            for kind in ("Variable", "KerasVariable"):
                if hasattr(module, kind):
                    _note(getattr(module, kind), self._keras)
                    return

    def by_path(self) -> dict[str, Any]:
        """Path -> variable: of several that live, the newest one."""
        found: dict[str, Any] = {}
        inner = set()
        for reference in self._keras:
            variable = reference()
            if variable is not None and getattr(variable, "_value", None) is not None:
                inner.add(id(variable._value))
                found[variable.path] = variable
        for reference in self._raw:
            variable = reference()
            if variable is not None and id(variable) not in inner:
                found[variable.name.rpartition(":")[0]] = variable
        return found


def _note(kind: Any, into: list[Any]) -> None:
    """Notes each object of a class once it has been initialized."""
    original = kind.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        into.append(weakref.ref(self))

    kind.__init__ = init
