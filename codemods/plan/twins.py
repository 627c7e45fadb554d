"""Several objects of a class that holds its graph: the class is written for the first of them.

TF1 built the graph once for each object, under a scope whose name the object was given. Where the others built just what the
first did, node for node, what they built is forgotten here: their class makes it anew. What the program reads of them from
outside is reached through the object that has it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import zip_longest
from typing import Any

from ..graph.frames import Execution, Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import (
    Cell,
    Dict,
    Gradients,
    GraphValue,
    Init,
    Instance,
    Known,
    Layer,
    Optimizer,
    Saver,
    Summary,
    TrainOp,
    Value,
    Variable,
    Writer,
    graph_values,
)
from . import objects
from .reasons import Undecided
from .repeats import forget

WHY = "several objects of a class that holds its graph"
Key = tuple[ast.AST, ...]


@dataclass(eq=False)
class Twins:
    """Which object stands for which, and what the first built in the place of what another built."""

    first: dict[Instance, Instance] = field(default_factory=dict)
    same: dict[GraphValue, GraphValue] = field(default_factory=dict)
    scopes: list[tuple[Instance, str, str]] = field(default_factory=list)  # object, first's scope, its own

    def of(self, one: Instance | None) -> Instance | None:
        """The object that a class is written for."""
        return self.first.get(one, one) if one is not None else None

    def variable(self, one: Variable) -> Variable:
        """The first object's variable in the place of another's, any other as it is."""
        found = self.same.get(one, one)
        assert isinstance(found, Variable)
        return found

    def optimizer(self, one: Optimizer) -> Optimizer:
        """The first object's optimizer in the place of another's, any other as it is."""
        found = self.same.get(one, one)
        assert isinstance(found, Optimizer)
        return found

    def renamed(self, value: GraphValue, text: str) -> str:
        """A name of what the first built, as it is of another's."""
        one = owner_of(value)
        old, new = next((old, new) for twin, old, new in self.scopes if twin is one)
        return "/".join(new if part == old else part for part in text.split("/"))


def fold(run: Interpreter) -> Twins:
    """Forgets what all but the first object of each class built. Raises Undecided where it is not the same."""
    found = Twins()
    firsts: dict[ast.ClassDef, Instance] = {}
    for one in objects.holders(run):
        first = firsts.setdefault(one.cls.node, one)
        if first is not one:
            found.first[one] = first
    for twin, first in found.first.items():
        _Pairing(run, found, first, twin).check()
    for twin, first in found.first.items():
        _check_outside(run, found, twin)
        _forget(run, first, twin, next((new for one, _, new in found.scopes if one is twin), None))
    return found


def owner_of(value: GraphValue) -> Instance | None:
    """The object that built a value."""
    return next((one for one in map(objects.owner, (each.frame for each in value.chain)) if one is not None), None)


def _own(chain: tuple[Statement, ...], one: Instance) -> Key:
    """What an object's methods do within a chain; empty where they are not active."""
    place = next((at for at, statement in enumerate(chain) if objects.owner(statement.frame) is one), None)
    return tuple(statement.node for statement in chain[place:]) if place is not None else ()


class _Pairing:
    """Whether one object built what the first of its class did."""

    def __init__(self, run: Interpreter, twins: Twins, first: Instance, twin: Instance) -> None:
        self.run, self.twins, self.first, self.twin = run, twins, first, twin
        self.same: dict[GraphValue, GraphValue] = {}
        self.scope: tuple[str, str] | None = None
        self.why = f"{WHY}, and build different graphs"

    def stop(self, why: str) -> Undecided:
        return Undecided(why, self.twin.cls.node, self.twin.frame.module.path)

    def check(self) -> None:
        theirs, ours = self._built(self.first), self._built(self.twin)
        if theirs.keys() != ours.keys() or any(len(theirs[key]) != len(ours[key]) for key in ours):
            raise self.stop(self.why)
        pairs = [pair for key in ours for pair in zip(ours[key], theirs[key], strict=True)]
        self.same = dict(pairs)
        order = {value: place for place, value in enumerate(self.run.values)}
        for mine, its in sorted(pairs, key=lambda pair: order[pair[0]]):
            if isinstance(mine, (Saver, Writer, Summary)):
                raise self.stop(f"{WHY}, with savers or summaries of their own")
            if not self._alike(mine, its):
                raise self.stop(self.why)
        for key in self._attributes():
            if not self._equal(*(one.frame.bindings[key].value for one in (self.twin, self.first))):
                raise self.stop(f"{WHY}, and hold different things")
        for execution in self.run.executions:
            if _own(execution.chain, self.twin) and not any(self._runs_alike(execution, one) for one in self._runs()):
                raise self.stop(f"{WHY}, and run different things")
        self.twins.same.update(self.same)
        if self.scope is not None:
            self.twins.scopes.append((self.twin, *self.scope))

    def _built(self, one: Instance) -> dict[Key, list[GraphValue]]:
        found: dict[Key, list[GraphValue]] = {}
        for value in self.run.values:
            key = _own(value.chain, one)
            if key:
                if any(objects.owner(each.frame) not in {None, one} for each in value.chain):
                    raise self.stop(f"{WHY}, within or around objects of another")
                found.setdefault((*key, value.node or self.first.cls.node), []).append(value)
        return found

    def _attributes(self) -> list[str]:
        """The attributes that hold values of the graph, in either object."""
        bound = [
            {key for key, binding in one.frame.bindings.items() if graph_values(binding.value)}
            for one in (self.first, self.twin)
        ]
        if bound[0] != bound[1]:
            raise self.stop(f"{WHY}, and hold different things")
        return sorted(bound[0])

    # -- one value against another --------------------------------------------------------------------------------------

    def _alike(self, mine: GraphValue, its: GraphValue) -> bool:
        """Whether two values are the same op, of the same things, but for the scope in their names."""
        if type(mine) is not type(its):
            return False
        named = isinstance(mine, (Variable, Layer, Cell, Optimizer))
        for one in fields(mine):
            left, right = getattr(mine, one.name), getattr(its, one.name)
            if one.name in SKIPPED or (one.name == "inputs" and isinstance(mine, (TrainOp, Gradients, Init))):
                continue
            if one.name in {"name", "scope"} and named:
                if isinstance(mine, Optimizer) and one.name == "name":
                    if left != right:
                        return False
                elif not self._names(left, right, isinstance(mine, Variable)):
                    return False
            elif one.name == "variables":
                if not self._equal(self._reached(mine, left), self._reached(its, right)):
                    return False
            elif one.name == "values" and isinstance(mine, (Optimizer, Layer)):
                if not self._settings(mine, left, right):
                    return False
            elif not self._equal(left, right):
                return False
        return True

    def _names(self, mine: str, its: str, is_variable: bool) -> bool:
        """Whether two names differ in the scope alone that the objects were given."""
        if mine == its:
            return not is_variable
        ours, theirs = mine.split("/"), its.split("/")
        places = [at for at, (one, two) in enumerate(zip_longest(ours, theirs)) if one != two]
        if not places or len(ours) != len(theirs):
            return False
        scope = (theirs[places[0]], ours[places[0]])
        if self.scope is None:
            self.scope = scope
            if not self._is_given(*scope):
                self.why = f"{WHY}, whose variables no scope that they are given tells apart"
                return False
        return all((theirs[at], ours[at]) == self.scope for at in places)

    def _is_given(self, its: str, mine: str) -> bool:
        """Whether a scope of the class's methods takes both names from what the object was given."""
        for definition, frames in self.run.activations.items():
            if not any(objects.owner(frame) is self.twin for frame in frames):
                continue
            for node in ast.walk(definition):
                for item in node.items if isinstance(node, ast.With) else ():
                    call = item.context_expr
                    name = frames[0].names.name_of(call.func) if isinstance(call, ast.Call) else None
                    if name != "variable_scope" or not isinstance(call, ast.Call) or not call.args:
                        continue
                    given = call.args[0]
                    known = [one.value for one in self.run.meanings.get(given, []) if isinstance(one, Known)]
                    if isinstance(given, (ast.Name, ast.Attribute)) and {its, mine} <= set(known):
                        return True
        return False

    def _settings(self, mine: GraphValue, left: dict[Any, Any], right: dict[Any, Any]) -> bool:
        """Whether settings are the same, or written in the source as what each object was given."""
        if left.keys() != right.keys():
            return False
        for key in left:
            if isinstance(left[key], dict):
                if not self._settings(mine, left[key], right[key]):
                    return False
            elif not self._equal(left[key], right[key]):
                numbers = all(
                    isinstance(one, Known) and isinstance(one.value, float) for one in (left[key], right[key])
                )
                if not numbers or isinstance(mine.arguments.get(key), (ast.Constant, type(None))):
                    return False
        return True

    @staticmethod
    def _reached(value: GraphValue, variables: list[Any]) -> list[Any]:
        """Of the variables that TF1 went through, those that the loss depends on."""
        if isinstance(value, (TrainOp, Gradients)) and not value.explicit:
            loss = graph_values(value.loss) if value.loss is not None else []
            roots = {root for one in loss for root in one.roots}
            return [one for one in variables if not isinstance(one, Variable) or one in roots]
        return variables if not isinstance(value, Init) else []

    def _equal(self, mine: Any, its: Any) -> bool:
        if isinstance(mine, GraphValue):
            if mine in self.same:
                return self.same[mine] is its
            return mine is its and owner_of(mine) is None
        if isinstance(mine, Known) and isinstance(its, Known):
            if isinstance(mine.value, str) and self.scope == (its.value, mine.value):
                return True
            return type(mine.value) is type(its.value) and mine.value == its.value
        if isinstance(mine, Instance):
            return mine is its or (mine is self.twin and its is self.first)
        if isinstance(mine, (list, tuple)):
            if not isinstance(its, (list, tuple)) or len(mine) != len(its):
                return False
            return all(self._equal(one, two) for one, two in zip(mine, its, strict=True))
        if isinstance(mine, dict):
            return (
                isinstance(its, dict)
                and len(mine) == len(its)
                and all(self._equal(one, two) for one, two in zip(mine.items(), its.items(), strict=True))
            )
        if is_dataclass(mine):
            if type(mine) is not type(its):
                return False
            return all(
                self._equal(getattr(mine, one.name), getattr(its, one.name))
                for one in fields(mine)
                if one.name not in SKIPPED
            )
        return bool(mine is its or (not isinstance(mine, (ast.AST, Frame)) and mine == its))

    # -- what runs ------------------------------------------------------------------------------------------------------

    def _runs(self) -> list[Execution]:
        return [one for one in self.run.executions if _own(one.chain, self.first)]

    def _runs_alike(self, mine: Execution, its: Execution) -> bool:
        if mine.node is not its.node or mine.kind != its.kind:
            return False
        ours, theirs = (one.feeds if isinstance(one.feeds, Dict) else None for one in (mine, its))
        if (ours is None) != (theirs is None) or not self._equal(mine.session, its.session):
            return False
        if ours is not None and theirs is not None:
            if ours.open or theirs.open or not self._equal(ours.keys, theirs.keys):
                return False
            if not all(_feeds_alike(one, two) for one, two in zip(ours.values, theirs.values, strict=True)):
                return False
        if graph_values(mine.fetches) and all(isinstance(one, Init) for one in graph_values(mine.fetches)):
            return self._starts_alone(mine)
        return self._equal(mine.fetches, its.fetches)

    def _starts_alone(self, execution: Execution) -> bool:
        """Whether an initializer that the later object runs starts nothing afresh: it is of a session of its own."""
        return isinstance(execution.session, GraphValue) and owner_of(execution.session) is self.twin


# What says where a value stands, what was derived from it, or what only names it.
SKIPPED = frozenset(
    "node chain tf1_name arguments graph _roots elements sites nodes slots made attributes frame found".split()
)


def _feeds_alike(one: Value, two: Value) -> bool:
    """Whether the values of two feeds are the same, as far as they decide what is computed."""
    if (isinstance(one, Known) and isinstance(one.value, bool)) or (
        isinstance(two, Known) and isinstance(two.value, bool)
    ):
        return isinstance(one, Known) and isinstance(two, Known) and one.value is two.value
    return True


def _check_outside(run: Interpreter, twins: Twins, twin: Instance) -> None:
    """What goes on outside of the objects may take variables of them, and nothing else; a run may ask for what one has."""
    path = twin.frame.module.path
    for value in run.values:
        if owner_of(value) is None and any(_is_inner(twins, one, twin) for one in value.inputs):
            raise Undecided(f"{WHY}, whose graph goes on outside of them", twin.cls.node, path)
    for execution in run.executions:
        if _own(execution.chain, twin):
            continue
        asked = [*graph_values(execution.fetches), *_keys(execution.feeds)]
        if any(_is_inner(twins, one, twin) for one in asked):
            raise Undecided(f"{WHY}, that run from outside", twin.cls.node, path)


def _is_inner(twins: Twins, value: GraphValue, twin: Instance) -> bool:
    return value in twins.same and owner_of(value) is twin and not isinstance(value, Variable)


def _keys(feeds: Value | None) -> Iterator[GraphValue]:
    for key in feeds.keys if isinstance(feeds, Dict) else ():
        if isinstance(key, GraphValue):
            yield key


def _forget(run: Interpreter, first: Instance, twin: Instance, its_scope: str | None) -> None:
    """Forgets what an object built and ran, and that it was one."""
    frames = [frame for found in run.activations.values() for frame in found if objects.owner(frame) is twin]
    stand_ins = {
        frame.node: frame for found in run.activations.values() for frame in found if objects.owner(frame) is first
    }
    calls = {
        call: [
            (function, stand_ins[frame.node] if frame in frames and frame.node in stand_ins else frame, chain)
            for function, frame, chain in found
        ]
        for call, found in run.calls.items()
        if any(frame in frames for _, frame, _ in found) and not any(_own(chain, twin) for _, _, chain in found)
    }
    graphs = run.graphs  # which the objects share
    for frame in frames:
        forget(run, frame)
    run.graphs = graphs
    run.calls.update(calls)
    run.stored = [one for one in run.stored if one[0] is not twin]
    run.instances.remove(twin)
    run.holding.pop(twin, None)
    own = {node for frame in stand_ins.values() for node in ast.walk(frame.node)}
    for node in own:
        found = run.meanings.get(node, [])
        kept = [one for one in found if one is not twin and not _is_scope(one, its_scope)]
        if len(found) > 1 and len(kept) < len(found):
            run.meanings[node] = kept or found[:1]


def _is_scope(value: Value, name: str | None) -> bool:
    return isinstance(value, Known) and isinstance(value.value, str) and value.value == name
