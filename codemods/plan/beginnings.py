"""Where sessions and variables begin: initializers that run again, sessions in turn, values that a variable begins with."""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import (
    Assign,
    Counted,
    Init,
    Metric,
    MonitoredSession,
    Session,
    Tensor,
    TrainOp,
    Value,
    Variable,
)
from .executions import (
    Plan,
    Run,
    all_inputs,
    effects,
)
from .reasons import undecided
from .units import ancestors


def check_sessions(plan: Plan) -> None:
    """Each session has variables of its own. Those that there are now can stand for all of them only where each session
    begins, by its initializer or by a restore, after the one before it changed anything."""
    begun: list[Value] = []
    changed = -1  # where the session in turn last changed a variable
    for run in sorted(plan.runs, key=lambda one: one.execution.chain[-1].index):
        session, place = run.execution.session, run.execution.chain[-1]
        touches = any(isinstance(root, Variable) for part in run.fetched for root in part.value.roots)
        if not isinstance(session, Session) or not touches or run.kind == "dropped":
            continue
        if isinstance(session, MonitoredSession):  # these begin by themselves
            continue
        if not begun or begun[-1] is not session:
            again = any(one is session for one in begun)
            if (again and len(begun) > 1) or (changed >= 0 and not _begins(plan, session, changed, place)):
                raise undecided("two sessions that are used in turn", run.execution.node, place)
            begun.append(session)
            changed = -1
        if any(isinstance(value, TrainOp | Assign) for value in all_inputs(run)):
            changed = place.index


def _begins(plan: Plan, session: Session, after: int, before: Statement) -> bool:
    """Whether a session initializes or restores variables between two places."""
    inits = [run.execution for run in plan.runs if run.kind == "dropped" and _initialized(run)]
    starts = [one.chain[-1] for one in inits if one.session is session]
    uses = [use for use in plan.units.run.uses if use.method == "restore"]
    starts += [use.chain[-1] for use in uses if use.values.get("sess") is session]
    return any(after < one.index <= before.index for one in starts)


def check_initializers(plan: Plan) -> None:
    """Running the initializer a second time starts the variables afresh, unless they are restored at once."""
    seen: list[Run] = []
    for run in plan.runs:
        if run.kind not in {"dropped", "iterator"}:
            continue
        variables = _initialized(run)
        if not variables:
            continue
        looped = any(_looped(run.execution.chain, variable.chain) for variable in variables)
        again = any(set(variables) & set(_initialized(other)) for other in seen)
        if looped or (again and _used_between(plan, seen[-1], run)) or _assigned_before(plan, run, variables):
            run.afresh = [] if _restored_next(plan, run) else variables
            if run.afresh and run.kind == "iterator":
                why = "an initializer that runs again and starts the variables afresh"
                raise undecided(why, run.execution.node, run.execution.chain[-1])
        seen.append(run)


def check_initial_values(plan: Plan) -> None:
    """A variable that begins with another's initial value takes the value that this has now: nothing may have changed it."""
    run = plan.units.run
    initial = ancestors(value for one in run.values if isinstance(one, Variable) for value in one.initial)
    for value in run.values:
        if not isinstance(value, Tensor) or value.op != "initialized_value":
            continue
        place, source = value.chain[-1], value.inputs[0]
        used = any(
            value in other.inputs and other not in initial and not isinstance(other, Variable) for other in run.values
        )
        late = any(
            other.execution.chain[-1].index < place.index
            and any(
                (isinstance(one, Assign) and one.variable is source)
                or (isinstance(one, TrainOp) and source in one.variables)
                for one in all_inputs(other)
            )
            for other in plan.runs
        )
        if value not in initial or used or late:
            raise undecided("an initial value taken from another variable", value.node or ast.Pass(), place)


def _initialized(run: Run) -> list[Variable]:
    """The variables that an initializer starts, but for the local ones."""
    inits = [leaf for part in run.fetched for leaf in effects(part.value) if isinstance(leaf, Init) and not leaf.local]
    return list(dict.fromkeys(variable for leaf in inits for variable in leaf.variables))


def _assigned_before(plan: Plan, run: Run, variables: list[Variable]) -> bool:
    """Whether something before an initializer gave its variables other values: TensorFlow 1 lets it run that late."""
    place = run.execution.chain[-1]
    return any(
        isinstance(value, Assign) and value.variable in variables
        for other in plan.runs
        if other.execution.chain[-1].frame is place.frame and other.execution.chain[-1].index < place.index
        for value in all_inputs(other)
    )


def resets(plan: Plan, run: Run, metric: Metric) -> bool:
    """Whether a run of an initializer may come after something counted: it is repeated, or follows what counts."""
    place = run.execution.chain[-1]
    if _looped(run.execution.chain, metric.chain):
        return True
    for other in plan.runs:
        counted = any(isinstance(one, Counted) and one.metric is metric and one.updating for one in all_inputs(other))
        there = other.execution.chain[-1]
        if counted and (there.frame is not place.frame or there.index < place.index):
            return True
    return False


def _used_between(plan: Plan, one: Run, other: Run) -> bool:
    """Whether anything that touches variables runs between two runs of an initializer."""
    places = [one.execution.chain[-1].index, other.execution.chain[-1].index]
    between = [run for run in plan.runs if places[0] < run.execution.chain[-1].index < places[1]]
    between += [run for run in plan.runs if run.execution.chain[-1].frame is not one.execution.chain[-1].frame]
    return any(
        isinstance(root, Variable)
        for run in between
        if run.kind != "dropped"
        for part in run.fetched
        for root in part.value.roots
    )


def _looped(chain: tuple[Statement, ...], made: tuple[Statement, ...]) -> bool:
    """Whether a loop repeats an execution, but not the making of a variable."""
    return any(isinstance(statement.node, (ast.For, ast.While)) and statement not in made for statement in chain)


def _restored_next(plan: Plan, run: Run) -> bool:
    """Whether a restore of all variables follows in the same block before anything else runs."""
    statement = run.execution.chain[-1]
    for use in plan.units.run.uses:
        other = use.chain[-1]
        if use.method == "restore" and other.parent is statement.parent and other.index > statement.index:
            between = [
                r for r in plan.runs if statement.index < r.execution.chain[-1].index < other.index and r is not run
            ]
            return not between
    return False
