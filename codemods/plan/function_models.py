"""Functions that make layers and variables: which become classes, and which objects of them their calls make."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ..graph.frames import Frame, Statement
from ..graph.values import Layer, Tensor, Variable
from . import handing
from .models import FunctionModel, Member, Models, Object, Site, has_weights, scope_of
from .phases import sort_out
from .reasons import Undecided
from .units import Unit, Units, ancestors, moves

LAST = 1 << 60  # behind every count of Interpreter.now


@dataclass(eq=False)
class Made:
    """One thing that a call in a frame gave: `order` is its place in the order of evaluation."""

    order: tuple[int, int]
    node: ast.Call
    value: Layer | Variable | Frame


@dataclass(eq=False)
class Reading:
    """What each frame makes, which frame called it, and which definitions become classes or helpers."""

    units: Units
    made: dict[Frame, list[Made]] = field(default_factory=dict)
    callers: dict[Frame, tuple[ast.Call, Frame, tuple[Statement, ...]]] = field(default_factory=dict)
    models: set[ast.AST] = field(default_factory=set)
    helpers: set[ast.AST] = field(default_factory=set)


def find(units: Units, models: Models) -> None:
    """Makes models of the functions that make layers or variables beside other tensors."""
    reading = _read(units)
    _classify(reading)
    objects = _Objects(reading, models)
    for definition in _in_order(reading, reading.models):
        for frame in units.run.activations[definition]:
            objects.of(frame)
    for model in models.functions:
        _check(model)
    handing.find(units, models)
    for model in models.functions:  # those that are called come before those that call them
        sort_out(units, model)
    _settle(units, models)


# -- reading ------------------------------------------------------------------------------------------------------------


def _read(units: Units) -> Reading:
    reading = Reading(units)
    run = units.run

    def note(chain: tuple[Statement, ...], made: Made) -> None:
        if chain and chain[-1].frame not in units.frames:
            reading.made.setdefault(chain[-1].frame, []).append(made)

    for place, value in enumerate(run.values):
        if isinstance(value, Variable):
            if value.maker in {"Variable", "get_variable"} and isinstance(value.node, ast.Call):
                note(value.chain, Made((place, LAST), value.node, value))
                for found in value.found:
                    note(found.chain, Made(found.order, found.node, value))
        elif isinstance(value, Tensor) and value.layer is not None and isinstance(value.node, ast.Call):
            note(value.chain, Made((place, LAST), value.node, value.layer))
    for call, found_calls in run.calls.items():
        for _, frame, chain in found_calls:
            if chain:
                reading.callers[frame] = (call, chain[-1].frame, chain)
                note(chain, Made(frame.order, call, frame))
    return reading


def _classify(reading: Reading) -> None:
    """Sorts the definitions: classes make layers, or variables beside other tensors, or call such functions."""
    direct = {
        frame.node: frame
        for frame, made in reading.made.items()
        if any(not isinstance(one.value, Frame) for one in made)
    }
    for definition in direct:
        frames = reading.units.run.activations.get(definition, [])
        if not isinstance(definition, ast.FunctionDef):
            raise _stop("a layer or variable made in a lambda or comprehension", direct[definition])
        if all(_only_a_variable(reading, frame) for frame in frames):
            reading.helpers.add(definition)
        else:
            reading.models.add(definition)
    called: set[ast.AST] = set()
    work = _in_order(reading, reading.models | reading.helpers)
    while work:
        definition = work.pop()
        for frame in reading.units.run.activations[definition]:
            caller = reading.callers[frame][1] if frame in reading.callers else None
            if caller is None or caller in reading.units.frames:
                continue
            if definition in reading.helpers:
                called.add(definition)
            if caller.node not in reading.models | reading.helpers:
                if not isinstance(caller.node, ast.FunctionDef):
                    raise _stop("a layer or variable made in a lambda or comprehension", caller)
                reading.models.add(caller.node)
                work.append(caller.node)
    for definition in _in_order(reading, reading.helpers & called):
        for frame in reading.units.run.activations[definition]:
            if frame not in reading.callers or reading.callers[frame][1] in reading.units.frames:
                raise _stop("a helper that makes variables both for a model and for the program itself", frame)
    reading.helpers &= called


def _in_order(reading: Reading, definitions: set[ast.AST]) -> list[ast.AST]:
    """Definitions in the order in which the program first calls them."""
    return [one for one in reading.units.run.activations if one in definitions]


def _only_a_variable(reading: Reading, frame: Frame) -> bool:
    """Whether an activation does nothing but make one variable, which it returns."""
    variables = [one.value for one in reading.made.get(frame, []) if isinstance(one.value, Variable)]
    if len(variables) != 1 or any(isinstance(one.value, Layer) for one in reading.made[frame]):
        return False
    initial = ancestors(value for variable in variables for value in variable.initial)
    own = {value for statement in frame.statements.values() for value in statement.made}
    others = [value for value in own if moves(value) and value not in initial]
    return not others and frame.returned == variables


def _stop(message: str, frame: Frame) -> Undecided:
    return Undecided(message, frame.node, frame.module.path)


# -- objects ------------------------------------------------------------------------------------------------------------


class _Objects:
    """Makes the object of each activation, those that it holds first."""

    def __init__(self, reading: Reading, models: Models) -> None:
        self.reading = reading
        self.models = models
        self.of_frame: dict[Frame, Object] = {}
        self.of_members: dict[tuple[ast.AST, tuple[Member, ...]], Object] = {}
        self.by_definition: dict[ast.AST, FunctionModel] = {}

    def of(self, frame: Frame) -> Object:
        if frame in self.of_frame:
            return self.of_frame[frame]
        found = self._members(frame)
        definition = frame.node
        assert isinstance(definition, ast.FunctionDef)
        if frame not in self.reading.callers:
            raise _stop("a function with layers or variables that is called in a way that is not followed", frame)
        call, caller, chain = self.reading.callers[frame]
        model = self.by_definition.get(definition)
        if model is None:
            model = self.by_definition[definition] = FunctionModel(definition, frame.module.path)
            self.models.functions.append(model)
        members = list(dict.fromkeys(member for _, member, _ in found))
        identity = tuple(member for member in members if has_weights(member))
        made = self.of_members.get((definition, identity))
        if made is None:
            made = self.of_members[definition, identity] = self._new(model, members, frame, call, chain)
        self.of_frame[frame] = made
        made.activations.append(frame)
        if caller in self.reading.units.frames and model.calls.setdefault(call, made) is not made:
            raise _stop("one call that makes several models", frame)
        self._sites(model, made, found)
        return made

    def _members(self, frame: Frame) -> list[tuple[ast.Call, Member, ast.FunctionDef | None]]:
        """What an activation makes and finds, in the order of evaluation, with the helper that made a variable for it."""
        found: list[tuple[ast.Call, Member, ast.FunctionDef | None]] = []
        for one in sorted(self.reading.made.get(frame, []), key=lambda one: one.order):
            if not isinstance(one.value, Frame):
                found.append((one.node, one.value, None))
            elif one.value.node in self.reading.models:
                found.append((one.node, self.of(one.value), None))
            elif one.value.node in self.reading.helpers and isinstance(one.value.node, ast.FunctionDef):
                variable = one.value.returned[0]
                assert isinstance(variable, Variable)
                self.models.helpers[one.value.node] = one.value.module.path
                found.append((one.node, variable, one.value.node))
        return list(dict.fromkeys(found))

    def _new(
        self,
        model: FunctionModel,
        members: list[Member],
        frame: Frame,
        call: ast.Call,
        chain: tuple[Statement, ...],
    ) -> Object:
        unit = self.reading.units.leaf(chain)
        if unit is None:
            raise _stop("a function with layers or variables that is called in a way that is not followed", frame)
        own = [member for member in members if not (isinstance(member, Object) and self._is_shared(member))]
        made = Object(scope_of(own), own, unit.statement.frame, unit.statement, call, model)
        for member in own:
            if member in self.models.holders:
                raise _stop("a function that shares some of its layers or variables with another", frame)
            self.models.holders[member] = made
            if isinstance(member, Object):
                member.holder = made
        made.given = _handed(made, members)
        model.objects.append(made)
        return made

    def _is_shared(self, member: Object) -> bool:
        """Whether an object belongs to another one, or to the program, which called it first."""
        _, caller, _ = self.reading.callers[member.activations[0]]
        return member in self.models.holders or caller in self.reading.units.frames

    def _sites(
        self, model: FunctionModel, made: Object, found: list[tuple[ast.Call, Member, ast.FunctionDef | None]]
    ) -> None:
        grouped: dict[ast.Call, list[Member]] = {}
        for node, member, helper in found:
            kind = "layer" if isinstance(member, Layer) else "weight" if isinstance(member, Variable) else "object"
            site = model.sites.setdefault(node, Site(node, kind, helper=helper))
            if isinstance(member, Object):
                site.callee = member.model
            grouped.setdefault(node, []).append(member)
        for node, members in grouped.items():
            known = model.sites[node].members.setdefault(made, members)
            if [one for one in known if has_weights(one)] != [one for one in members if has_weights(one)]:
                raise Undecided("one call that means different layers at different times", node, model.path)


def _handed(made: Object, members: list[Member]) -> list[Object]:
    """What a new object must be handed: what it calls and others hold, and what such members of it want that it does not hold."""
    found: list[Object] = []
    for member in members:
        if isinstance(member, Object):
            wanted = member.given if member.holder is made else [member]
            found.extend(one for one in wanted if made not in one.holders() and one not in found)
    return found


def _check(model: FunctionModel) -> None:
    """Every object must hold the same: what differs from call to call is no class."""
    _check_given(model)
    parameters = model.definition.args
    if parameters.vararg or parameters.kwarg:
        raise Undecided("a function with layers that takes * or ** arguments", model.definition, model.path)
    for site in model.sites.values():
        kinds = {getattr(member, "cls", "") for members in site.members.values() for member in members}
        if len(kinds) > 1:
            raise Undecided("a function whose layers or variables differ from call to call", site.node, model.path)
    for made in model.objects:
        shorts = [short for member in made.members if has_weights(member) and (short := made.short(member))]
        if len(set(shorts)) != len(shorts):
            raise Undecided("variables of one function that have the same name", model.definition, model.path)


def _check_given(model: FunctionModel) -> None:
    """What is handed to one object must be handed to each, in the same order."""
    why = "a function that shares some of its layers or variables with another"
    for site in model.sites.values():
        places = {
            made.given.index(member) if isinstance(member, Object) and member in made.given else None
            for made, members in site.members.items()
            for member in members
        }
        site.given = None not in places
        if len(places) > 1 or (site.given and site.repeated):
            raise Undecided(why, site.node, model.path)
    if len({len(made.given) for made in model.objects}) > 1:
        raise Undecided(why, model.definition, model.path)


# -- units --------------------------------------------------------------------------------------------------------------


def _settle(units: Units, models: Models) -> None:
    """Statements that made variables and tensors at once are ordinary parts of the graph, where models own the variables."""
    for unit in units.ordered:
        if unit.kind == "mixed" or (unit.kind == "setup" and _calls_model(unit, models)):
            own = [one for one in unit.made if isinstance(one, Variable) and one.layer is None]
            if all(models.owner(one) is not None for one in own):
                unit.kind = "graph"


def _calls_model(unit: Unit, models: Models) -> bool:
    calls = {call for model in models.functions for call in model.calls}
    return any(part in calls for part in ast.walk(unit.node))
