"""Objects that hold a graph: which they are, and which activations of methods build what they hold.

Such an object's graph goes into methods of its class. It must be built once, by one object of the class, and by methods that
each run once; what is read of a method's own names becomes an attribute.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator

from ..graph.frames import Frame
from ..graph.instances import line
from ..graph.interpreter import Interpreter
from ..graph.values import (
    GraphValue,
    Instance,
    LoadedGraph,
    LoadedTensor,
    Sequence,
    Session,
    TFName,
    TrainOp,
    Value,
    Variable,
    flatten,
)
from .reasons import Undecided


def holders(run: Interpreter) -> list[Instance]:
    """The objects that were ever given a value of the graph, in the order in which they were made."""
    given = {owner for owner, _, value, _ in run.stored if _holds(value)}
    return [one for one in run.instances if one in given]


def _holds(value: Value) -> bool:
    return any(isinstance(leaf, GraphValue) and not _is_loaded(leaf) for leaf in flatten(value))


def _is_loaded(value: GraphValue) -> bool:
    """Whether a value is of a graph that was read from a file: that stays a graph, which any object may hold."""
    in_file = value.graph is not None and value.graph.loaded is not None
    return isinstance(value, (LoadedGraph, LoadedTensor)) or (isinstance(value, Session) and in_file)


def frames(run: Interpreter) -> set[Frame]:
    """The frames whose statements build what objects hold, and those of all objects, whose attributes must not change."""
    found: set[Frame] = set()
    owners = holders(run)
    for owner, _, _, chain in run.stored:
        if owner in owners:
            found.update(statement.frame for statement in chain)
    return found | {one.frame for one in run.instances}


def owner(frame: Frame) -> Instance | None:
    """The object that a frame belongs to: its own, or that of the method that it is an activation of."""
    if frame.instance is not None:
        return frame.instance
    first = next(iter(frame.arguments.values()), None)
    if not isinstance(first, Instance) or not isinstance(frame.node, ast.FunctionDef) or frame.parent is None:
        return None
    return first if isinstance(frame.parent.node, ast.ClassDef) else None


def home(found: Iterable[Frame]) -> Frame | None:
    """The frame of the one object that frames belong to, None where they belong to none. Raises ValueError where they differ."""
    inner = [frame for frame in found if frame.parent is not None]
    owners = {owner(frame) for frame in inner}
    if owners <= {None}:
        return None
    if len(owners) > 1:
        raise ValueError
    one = owners.pop()
    return one.frame if one is not None else None


def check(run: Interpreter) -> None:
    """Raises Undecided for objects whose graphs are not followed."""
    seen: dict[ast.ClassDef, Instance] = {}
    for one in holders(run):
        path = one.frame.module.path
        if one.cls.node in seen:
            raise Undecided("several objects of a class that holds its graph", one.cls.node, path)
        seen[one.cls.node] = one
        for module in run.modules.values():
            hidden = next(
                (n for n in ast.walk(module.tree) if isinstance(n, ast.Attribute) and n.attr == "__dict__"), None
            )
            if hidden is not None:
                raise Undecided("attributes that are reached through __dict__", hidden, module.path)
        if any(isinstance(base, TFName) for cls in line(one.cls) for base in cls.bases):
            raise Undecided("a class derived from one of TensorFlow's that holds its graph", one.cls.node, path)


def holder(run: Interpreter, steps: Container[GraphValue], value: GraphValue) -> Instance | None:
    """The object that a value belongs to; a global step that an optimizer counts is the optimizer's."""
    if isinstance(value, Variable) and value in steps:
        trains = (one for one in run.values if isinstance(one, TrainOp) and one.global_step is value)
        value = next((one.optimizer for one in trains if one.optimizer is not None), value)
    return next((owner(statement.frame) for statement in reversed(value.chain)), None)


def reach(frame: Frame, one: Instance, sure: bool = False) -> str | None:
    """The expression by which a frame's names reach an object; with `sure` none that means another object at other times."""
    current: Frame | None = frame
    while current is not None:
        for name, value in _bound(current):
            if value is one and not (sure and _changes(current, name)):
                return name
        for name, value in _bound(current):
            for key, binding in value.frame.bindings.items() if isinstance(value, Instance) else ():
                if binding.value is one and not (sure and _changes(current, name)):
                    return name + key.removeprefix("self")
        for name, value in _bound(current):
            place = value.items.index(one) if isinstance(value, Sequence) and one in value.items else None
            if place is not None and not _changes(current, name):
                return f"{name}[{place}]"
        current = current.parent
    return None


def _changes(frame: Frame, name: str) -> bool:
    """Whether a name is bound more than once, or differently in each call."""
    return name in frame.arguments or len(frame.history.get(name, ())) > 1


def _bound(frame: Frame) -> Iterator[tuple[str, Value]]:
    yield from frame.arguments.items()
    for name, binding in frame.bindings.items():
        yield name, binding.value
