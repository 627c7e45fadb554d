"""A forward slice that several executions share becomes a function of its own, which each of them calls.

It must be closed: what else the callers compute reads nothing of it but the one value that it gives, so that each op still
runs once for each execution. Where an execution fetches just that value, its tf.function is the one that is called.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..graph.values import Assign, DataIterator, Gradients, GraphValue, Op, Placeholder, Tensor
from . import slices
from .executions import FunctionPlan, Parameter, Plan, Shared
from .units import Unit, Units, summarizes

SMALLEST = 3  # statements that are worth a function


def share(plan: Plan) -> None:
    """Finds what functions share, best first, and plans the functions that they call for it."""
    while True:
        found = max(_candidates(plan), key=lambda one: one[0], default=None)
        if found is None:
            return
        _, unit, closure, callers, callee = found
        _apply(plan, unit, closure, callers, callee)


Candidate = tuple[int, Unit, set[Unit], list[FunctionPlan], FunctionPlan | None]


def _candidates(plan: Plan) -> Iterable[Candidate]:
    free = [one for one in plan.functions if not (one.shared or one.plain or one.cut or one.handed)]
    for unit in {unit for function in free for unit in function.units}:
        users = [one for one in free if unit in one.units]
        name = _output(unit)
        if len(users) < 2 or name is None:
            continue
        closure = set(slices.of(plan.units, [unit], [], set()).units)
        if any(_has_effects(one) for one in closure):
            continue
        users = [one for one in users if closure <= set(one.units) and one.frame is users[0].frame]
        callee = next((one for one in users if _gives_just(one, unit, closure, name)), None)
        callers = [one for one in users if one is not callee and _is_closed(plan.units, one, unit, closure)]
        callers = [one for one in callers if _same_constants(one, callee or callers[0], closure, unit)]
        if not callers or len(closure) < (SMALLEST if callee is None else SMALLEST - 1):
            continue
        if callee is None and len(callers) < 2:
            continue
        saved = len(closure) * (len(callers) - (0 if callee is not None else 1))
        yield saved, unit, closure, callers, callee


def _output(unit: Unit) -> str | None:
    """The one name that a unit binds to a tensor."""
    names = {name: value for part in unit.parts for name, value in part.writes.items()}
    if len(unit.parts) != 1 or len(names) != 1:
        return None
    name, value = next(iter(names.items()))
    return name if isinstance(value, Tensor) and not isinstance(value, Placeholder) else None


def _has_effects(unit: Unit) -> bool:
    return any(isinstance(value, (Assign, Op, Gradients)) for value in unit.made) or summarizes(unit)


def _gives_just(function: FunctionPlan, unit: Unit, closure: set[Unit], name: str) -> bool:
    """Whether a function computes exactly a unit's value and hands back that."""
    value = unit.statement.writes.get(name)
    return (
        set(function.units) == closure
        and [part.value for part in function.returns] == [value]
        and function.returns[0].place == ()
        and not function.constants
        and function.runs[0].summary is None
    )


def _is_closed(units: Units, function: FunctionPlan, unit: Unit, closure: set[Unit]) -> bool:
    inner = {part for one in closure if one is not unit for part in one.parts}
    for other in function.units:
        if other not in closure and any(makers & inner for part in other.parts for makers in part.reads.values()):
            return False
    for part in function.returns:
        if part.node is not None:
            statement = function.runs[0].execution.chain[-1]
            if any(maker in inner for _, _, maker, _ in slices.reads_of(part.node, statement)):
                return False
        elif units.unit(part.value) in closure - {unit}:
            return False
    return True


def _roots(unit: Unit) -> set[GraphValue]:
    return {root for value in unit.made if isinstance(value, Tensor) for root in value.roots}


def _same_constants(one: FunctionPlan, other: FunctionPlan, closure: set[Unit], unit: Unit) -> bool:
    """Whether bool placeholders that the slice reads are fed alike."""
    roots = {root for member in closure for root in _roots(member)}
    return all(one.constants.get(root) == other.constants.get(root) for root in roots)


def _apply(
    plan: Plan, unit: Unit, closure: set[Unit], callers: list[FunctionPlan], callee: FunctionPlan | None
) -> None:
    name = _output(unit) or ""
    if callee is None:
        callee = _plain(plan, unit, closure, callers, name)
        plan.functions.insert(min(plan.functions.index(one) for one in callers), callee)
    else:
        plan.functions.remove(callee)
        plan.functions.insert(min(plan.functions.index(one) for one in callers), callee)
    for caller in callers:
        caller.shared.append(Shared(unit, closure, callee, name))
        if set(caller.taped) & closure:
            caller.taped = [one for one in caller.units if one in closure or one in caller.taped]


def _plain(plan: Plan, unit: Unit, closure: set[Unit], callers: list[FunctionPlan], name: str) -> FunctionPlan:
    made = FunctionPlan("", callers[0].frame, [run for caller in callers for run in caller.runs])
    found = slices.of(plan.units, [unit], [], set())
    made.units, made.outside, made.plain, made.output = found.units, found.outside, True, name
    roots = {root for member in closure for root in _roots(member)}
    draws = {draw for root in roots if isinstance(root, DataIterator) for draw in root.draws}
    draws |= {root.stage.value for root in roots if isinstance(root, DataIterator) and root.stage and root.stage.value}
    made.constants = {root: value for root, value in callers[0].constants.items() if root in roots}
    made.parameters = [_copy(one) for one in callers[0].parameters if one.value in roots or one.value in draws]
    return made


def _copy(parameter: Parameter) -> Parameter:
    return Parameter(parameter.name, parameter.value, parameter.kind)
