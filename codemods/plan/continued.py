"""Graph that goes on outside of the object that began it: a script trains the loss of a network that is an object.

The function of such an execution belongs where the graph ends. It first asks the object, through one method, for all that it
reads of what the object built; so each op still runs once for each execution.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..graph.frames import Frame, Statement
from ..graph.values import (
    Assign,
    Gradients,
    GraphValue,
    Instance,
    Op,
    Placeholder,
    Summary,
    Tensor,
    Variable,
    graph_values,
)
from . import objects, slices
from .executions import Fetched, FunctionPlan, Handed, Plan
from .reasons import Undecided, undecided
from .units import Unit, moves

WHY = "a graph that is built within an object and outside"
Read = tuple[Frame, str, Statement, Statement]


def split(plan: Plan, function: FunctionPlan, starts: list[Unit], reads: list[Read]) -> bool:
    """Leaves to objects what they built, where a function's graph goes on outside of them; whether it does."""
    execution = function.runs[0].execution
    owners = set(objects.holders(plan.units.run))
    built: dict[Instance | None, list[Unit]] = {}
    for unit in function.units:
        one = objects.owner(unit.statement.frame)
        built.setdefault(one if one in owners else None, []).append(unit)
    inner = [one for one in built if one is not None]
    if not inner or (len(built) == 1 and not _fetches_beside(function, inner[0])):
        return False
    last = None if None in built or len(built) == 1 else inner[-1]
    begun = [one for one in inner if one is not last]
    for one in begun:
        why = _why_not(built[one], built)
        if why or function.cut:
            raise undecided(why or WHY, execution.node, execution.chain[-1])
    taken = {unit: one for one in begun for unit in built[one]}
    handed = _handed(plan, function, taken)
    rest = slices.of(plan.units, starts, reads, set(handed) | function.cut.keys())
    if set(rest.units) & set(taken) or not all(isinstance(value, Tensor) for value in handed):
        raise undecided(WHY, execution.node, execution.chain[-1])
    function.units, function.outside = rest.units, rest.outside
    for one in begun:
        values = [value for value, maker in handed.items() if taken[maker] is one]
        function.handed.append(Handed(one, _method(plan, function, one, values), values))
    return True


def _fetches_beside(function: FunctionPlan, one: Instance) -> bool:
    """Whether an execution from outside of an object fetches variables that the object does not have."""
    return any(
        objects.owner(frame) is None
        and objects.owner(reader.frame) is not one
        and any(isinstance(value, Variable) for value in graph_values(reader.reads_values[frame, name]))
        for (frame, name), reader in function.outside.items()
        if (frame, name) in reader.reads_values
    )


def _why_not(own: list[Unit], built: dict[Instance | None, list[Unit]]) -> str:
    """Why an object's part can't be computed first, by itself; "" where it can."""
    mine = {part for unit in own for part in unit.parts}
    others = {part for units in built.values() for unit in units for part in unit.parts} - mine
    if any(makers & others for part in mine for makers in part.reads.values()):
        return WHY
    foreign = {value for part in others for value in part.made}
    for unit in own:
        for value in unit.made:
            if isinstance(value, (Assign, Op, Gradients, Summary)):
                return WHY
            if any(before in foreign for before in value.inputs):
                return WHY
    return ""


def _handed(plan: Plan, function: FunctionPlan, taken: dict[Unit, Instance]) -> dict[GraphValue, Unit]:
    """What the rest of a function reads of what objects built, in the order in which they did."""
    wanted: set[GraphValue] = set()
    for unit in function.units:
        for part in unit.parts if unit not in taken else ():
            for value in part.reads_values.values():
                wanted.update(graph_values(value))
    wanted.update(part.value for part in function.returns)
    found = {value: plan.units.unit(value) for value in plan.units.run.values if value in wanted and moves(value)}
    return {value: unit for value, unit in found.items() if unit in taken}


def _method(plan: Plan, function: FunctionPlan, one: Instance, values: list[GraphValue]) -> FunctionPlan:
    """The method that hands over what an object built, without its parameters yet."""
    roots = _roots(values)
    constants = {root: value for root, value in function.constants.items() if root in roots}
    key = (one, tuple(values), frozenset(constants.items()))
    known = next((method for method in plan.functions if method.plain and method.key == key), None)
    if known is not None:
        known.runs.extend(function.runs)
        return known
    made = FunctionPlan("", one.frame, list(function.runs), key=key, plain=True, constants=constants)
    starts = [unit for unit in map(plan.units.unit, values) if unit is not None]
    found = slices.of(plan.units, starts, [], set())
    made.units, made.outside = found.units, found.outside
    for place, value in enumerate(values):
        made.returns.append(Fetched(value, None, _attribute(one, value, function), (place,)))
    plan.functions.append(made)
    return made


def _roots(values: Iterable[GraphValue]) -> set[GraphValue]:
    return {root for value in values if isinstance(value, Tensor) for root in value.roots}


def _attribute(one: Instance, value: GraphValue, function: FunctionPlan) -> str:
    for name, binding in one.frame.bindings.items():
        if binding.value is value:
            return name
    execution = function.runs[0].execution
    raise undecided("a tensor of an object that is none of its attributes", execution.node, execution.chain[-1])


def settle(plan: Plan) -> None:
    """Gives the methods their parameters; of methods that compute the same, one is left."""
    for function in plan.functions:
        for handed in function.handed:
            roots = _roots(handed.values)
            if not handed.callee.parameters:
                handed.callee.parameters = [
                    type(one)(one.name, one.value, one.kind) for one in function.parameters if one.value in roots
                ]
            if any(not isinstance(one.value, Placeholder) for one in handed.callee.parameters):
                node = function.runs[0].execution
                raise Undecided(WHY, node.node, node.chain[-1].frame.module.path)
    for function in plan.functions:
        for handed in function.handed:
            found = [one for one in plan.functions if _gives(one, handed)]
            handed.callee = min(found, key=lambda one: (one.plain, len(one.returns) * (-1 if one.plain else 1)))
    used = {handed.callee for function in plan.functions for handed in function.handed}
    plan.functions = [one for one in plan.functions if not one.plain or one in used]


def _gives(one: FunctionPlan, handed: Handed) -> bool:
    """Whether a method computes what an object is to hand over, perhaps with more of the same inputs."""
    values = [part.value for part in one.returns]
    simple = not (one.cut or one.handed or one.trains or one.runs[0].watched or (one.runs[0].summary and not one.plain))
    return (
        simple
        and one.frame is handed.callee.frame
        and one.constants == handed.callee.constants
        and set(values) >= set(handed.values)
        and len(set(values)) == len(values)
        and all(isinstance(value, Tensor) and not isinstance(value, Assign) for value in values)
        and _roots(values) == _roots(handed.values)
        and not any(part.thrown_away or len(part.place) > 1 or part.at is not None for part in one.returns)
        and {parameter.value for parameter in one.parameters} == {each.value for each in handed.callee.parameters}
    )
