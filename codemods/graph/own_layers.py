"""Objects of the program's own layers: of classes derived from tf.layers.Layer and tf.keras.layers.Layer."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from . import instances
from .frames import Frame, Statement
from .interpreter import Interpreter
from .values import Class, Function, Instance, Method, Sequence, TFName, Value, Variable

BASES = {"layers.Layer": "layers", "keras.layers.Layer": "keras", "layers.base.Layer": "layers"}
WEIGHTS = frozenset({"add_variable", "add_weight"})
LISTS = frozenset("weights variables trainable_weights trainable_variables".split())


@dataclass(eq=False)
class OwnLayer:
    """One such layer: `name` is its full TF1 name once it was called, `given` what its first call gave `call`."""

    instance: Instance
    kind: str
    node: ast.Call | None = None
    short: str = ""
    named: bool = False
    name: str = ""
    weights: list[Variable] = field(default_factory=list)
    call: ast.Call | None = None
    chain: tuple[Statement, ...] = ()
    given: dict[str, Value] = field(default_factory=dict)
    building: bool = False
    attributes: dict[str, Value] = field(default_factory=dict)
    called: list[tuple[Statement, ...]] = field(default_factory=list)  # the statements of each call


@dataclass(eq=False)
class Base(Value):
    """super() within such a class."""

    layer: OwnLayer


def kind_of(cls: Class) -> str:
    """ "layers" or "keras", of a class that is one of theirs; "" of any other."""
    return next((BASES[base.name] for base in cls.bases if isinstance(base, TFName) and base.name in BASES), "")


def of(run: Interpreter, instance: Value | None) -> OwnLayer | None:
    """The layer that an instance is."""
    if not isinstance(instance, Instance) or not kind_of(instance.cls):
        return None
    known: OwnLayer | None = run.own_layers.get(instance)
    if known is None:
        known = run.own_layers[instance] = OwnLayer(instance, kind_of(instance.cls))
    return known


def around(run: Interpreter, arguments: list[Value]) -> Value | None:
    """What super() gives in a method of such a class."""
    frame: Frame | None = run.frame
    while frame is not None and not isinstance(frame.node, ast.FunctionDef):
        frame = frame.parent
    own = arguments[1] if len(arguments) > 1 else next(iter(frame.arguments.values()), None) if frame else None
    layer = of(run, own)
    return Base(layer) if layer is not None else None


def attribute(layer: OwnLayer, name: str) -> Value:
    """An attribute of such a layer: its own, its class's, or one that it has from its base."""
    if name in layer.attributes:
        return layer.attributes[name]
    found = instances.find(layer.instance.cls, name)
    if isinstance(found, Function) and found.bound is None:
        return Function(found.node, found.frame, layer.instance)
    if found is not None:
        return found
    if name in WEIGHTS:
        return Method(layer.instance, name)
    if name in LISTS:
        return Sequence([one for one in layer.weights if one.trainable or not name.startswith("trainable")])
    return Value()
