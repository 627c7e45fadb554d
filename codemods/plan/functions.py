"""What becomes of each execution: a function, a variable read, something evaluated in place, or nothing.

Executions that fetch the same values with the same Python arguments share a function.
"""

from __future__ import annotations

import ast

from ..graph.frames import Execution, Frame, Statement
from ..graph.values import (
    Assign,
    Counted,
    DataIterator,
    Feature,
    GraphValue,
    Group,
    Instance,
    Known,
    Placeholder,
    Summary,
    TrainOp,
)
from ..notebooks import shows
from . import (
    beginnings,
    continued,
    datasets,
    estimators,
    loading,
    modelling,
    monitored,
    objects,
    ordering,
    pipelines,
    slices,
)
from .executions import (
    FunctionPlan,
    Parameter,
    Plan,
    Run,
    SummaryUse,
    all_inputs,
    effects,
    reach,
    resolve,
    target_at,
)
from .reasons import ToWriteOut, Undecided, undecided
from .units import Unit, Units, weight_summary


def make(units: Units) -> Plan:
    """Plans every execution. Raises Undecided with the reason where the program can't go native."""
    loading.check(units)
    plan = Plan(units, models=modelling.find(units), monitored=monitored.find(units))
    seen: dict[ast.Call, Run] = {}
    for execution in units.run.executions:
        run = loading.resolve(units, execution) if loading.is_loaded(execution) else resolve(units, execution)
        monitored.watch(units, plan.monitored, run)
        estimators.fetched(units, execution, run)
        known = seen.get(execution.node)
        if known is not None:
            if not _alike(known, run):
                raise undecided(
                    "one place that runs different things at different times", execution.node, execution.chain[-1]
                )
            continue
        seen[execution.node] = run
        plan.runs.append(run)
    beginnings.check_sessions(plan)
    beginnings.check_initializers(plan)
    beginnings.check_initial_values(plan)
    for run in plan.runs:
        if run.kind == "function":
            _pair_summary(plan, run)
            _assign_function(plan, run)
        elif run.kind == "loaded":
            loading.assign_function(plan, run)
    continued.settle(plan)
    for run in plan.runs:
        if run.kind == "iterator":
            datasets.assign(plan, run)
    pipelines.assign(plan)
    for function in plan.functions:
        ordering.order(plan, function)
        _discard(function)
    return plan


def _discard(function: FunctionPlan) -> None:
    """Assignments and metrics that run for their effect only give nothing back."""
    bare = all(
        isinstance(statement.node, ast.Expr)
        and statement.node.value is run.execution.node
        and not shows(statement.frame.module, statement.node)
        for run in function.runs
        for statement in [run.execution.chain[-1]]
    )
    kept = [part for part in function.returns if not isinstance(part.value, TrainOp)]
    if bare and all(isinstance(part.value, Assign | Counted) for part in kept):
        for part in (*function.returns, *(part for run in function.runs for part in run.fetched)):
            part.thrown_away = True


def _alike(one: Run, two: Run) -> bool:
    if one.kind == two.kind == "loaded":
        return True  # tensors of loaded graphs are known by the expressions that reach them, which are the same
    return (
        one.kind == two.kind
        and [fetched.value for fetched in one.fetched] == [fetched.value for fetched in two.fetched]
        and one.feeds.keys() == two.feeds.keys()
    )


def before_a_call(function: FunctionPlan, statement: Statement) -> bool:
    """Whether a statement may run before some call of a function: it stands before it, or a loop holds both."""
    for run in function.runs:
        chain = run.execution.chain
        if any(statement.index < one.index for one in chain[-1:]) or statement.frame not in {
            one.frame for one in chain
        }:
            return True
        loops = {one for one in chain if isinstance(one.node, (ast.For, ast.While))}
        outer = statement.parent
        while outer is not None:
            if outer in loops:
                return True
            outer = outer.parent
    return False


def _pair_summary(plan: Plan, run: Run) -> None:
    """Finds the add_summary that takes what this execution's summary fetch gave."""
    wanted = [part for part in run.fetched if isinstance(part.value, Summary) and part.at is None]
    if not wanted:
        return
    statement = run.execution.chain[-1]
    if len(wanted) > 1:
        raise undecided("several summaries fetched at once", run.execution.node, statement)
    name = target_at(statement.node, run.execution.node, wanted[0].place)
    if name is None:
        raise undecided("a summary that is not written at once", run.execution.node, statement)
    for use in plan.units.run.uses:
        node = use.arguments.get("summary")
        other = use.chain[-1]
        if use.method != "add_summary" or not isinstance(node, ast.Name) or node.id != name:
            continue
        if other.parent is statement.parent and other.index > statement.index and isinstance(other.node, ast.Expr):
            step = use.arguments.get("global_step")
            run.summary = SummaryUse(use, step, _step_is_known_before(plan, step, statement, other))
            return
    raise undecided("a summary that is not written at once", run.execution.node, statement)


def _step_is_known_before(plan: Plan, step: ast.expr | None, run: Statement, write: Statement) -> bool:
    """Whether a summary's step can be computed before the execution whose summary it counts."""
    if step is None:
        return True
    if any(isinstance(part, ast.Call) for part in ast.walk(step)):
        return False
    names = slices.names_in(step)
    between = [
        one for one in plan.units.run.statements if run.index <= one.index < write.index and one.frame is run.frame
    ]
    return not any(names & one.writes.keys() for one in between)


def _assign_function(plan: Plan, run: Run) -> None:
    units = plan.units
    execution = run.execution
    statement = execution.chain[-1]
    constants: dict[GraphValue, bool] = {}
    cut: set[GraphValue] = set()
    for key, feed in run.feeds.items():
        if isinstance(key, Placeholder):
            if key.dtype == "bool":
                if not isinstance(feed.value, Known):
                    raise undecided(
                        "a bool placeholder that is fed a value that is not known", execution.node, statement
                    )
                constants[key] = bool(feed.value.value)
        else:
            cut.add(key)
    needed = {root for part in run.fetched for root in _roots(part.value, cut)}
    for root in needed:
        if isinstance(root, Placeholder) and root not in run.feeds:
            if root.default is None:
                raise undecided("a placeholder that is needed but not fed", execution.node, statement)
            if root.dtype == "bool" and isinstance(root.default, Known):
                constants[root] = bool(root.default.value)
    constants = {key: value for key, value in constants.items() if key in needed}
    cut &= all_inputs(run)
    identity = (
        tuple((part.value, part.place, part.thrown_away) for part in run.fetched),
        frozenset(constants.items()),
        frozenset(cut),
        (run.summary.use.owner, run.summary.inside) if run.summary is not None else None,
    )
    for function in plan.functions:
        if function.key == identity:
            function.runs.append(run)
            run.function = function
            return
    made = FunctionPlan("", statement.frame, [run])
    made.key = identity
    made.constants = constants
    made.returns = run.fetched
    run.function = made
    starts: list[Unit] = []
    reads = []
    for part in run.fetched:
        if part.node is not None:
            reads.extend(slices.reads_of(part.node, part.at or statement))
        else:
            unit = units.unit(part.value)
            if unit is not None and unit.kind == "graph":
                starts.append(unit)
        starts.extend(_summary_units(units, part.value))
        starts.extend(_rate_units(units, part.value))
    found = slices.of(units, starts, reads, cut | pipelines.records(plan))
    made.units, made.outside = found.units, found.outside
    made.cut = dict.fromkeys(cut, "")
    continued.split(plan, made, starts, reads)
    begun = {one.owner.frame for one in made.handed}
    frames = {unit.statement.frame for unit in made.units} | {
        frame
        for frame, name in made.outside
        if frame in units.frames and frame not in begun and not _is_object(made, frame, name)
    }
    if {objects.owner(unit.statement.frame) for unit in made.units} == {None}:
        frames = {frame for frame in frames if frame.instance is None}  # it reads of an object what that goes on having
    if statement.frame in units.homes:
        made.frame = statement.frame
        made.home = units.homes[statement.frame]
    else:
        made.frame = _frame(plan, made, frames, execution)
    _said_at_home(plan, made, execution)
    plan.functions.append(made)
    needed |= _also_given(plan, made, needed)
    _parameters(plan, made, needed)
    _no_effects(plan, made)


def _also_given(plan: Plan, function: FunctionPlan, needed: set[GraphValue]) -> set[GraphValue]:
    """Placeholders that nothing fetched depends on, but that calls of functions are given for what else these compute."""
    found: set[GraphValue] = set()
    run = function.runs[0]
    for unit in function.units:
        for part in unit.parts:
            for value in part.reads_values.values():
                if not isinstance(value, Placeholder) or value in needed or value.default is not None:
                    continue
                if value not in run.feeds:
                    why = "a function that is given more than a run feeds"
                    called = _given_to(plan, part, value)
                    if called is None:
                        raise undecided(why, run.execution.node, run.execution.chain[-1])
                    raise ToWriteOut(why, run.execution.node, called)
                found.add(value)
    return found


def _given_to(plan: Plan, statement: Statement, value: GraphValue) -> Frame | None:
    """The activation of the function that a statement calls with a value."""
    for node in ast.walk(statement.node):
        for _, frame, _ in plan.units.run.calls.get(node, []) if isinstance(node, ast.Call) else ():
            if value in frame.arguments.values():
                return frame
    return None


def _said_at_home(plan: Plan, function: FunctionPlan, execution: Execution) -> None:
    """What a fetch in another module names (`model.loss`) has the name that it has where the function is written."""
    if function.frame.module is execution.chain[-1].frame.module:
        return
    for part in function.returns:
        if part.node is None:
            continue
        part.old = part.node
        if isinstance(part.value, (TrainOp, Summary, Group)):
            part.node, part.text = None, ""
            continue
        if not isinstance(part.node, (ast.Name, ast.Attribute, ast.Subscript)):
            why = "a fetch that is computed in another module than its graph"
            raise undecided(why, execution.node, execution.chain[-1])
        part.node, part.text = None, reach(plan.units, part.value, execution)


def _is_object(function: FunctionPlan, frame: Frame, name: str) -> bool:
    """Whether what is read from outside is an object, of which a method needs no name."""
    return isinstance(function.outside[frame, name].reads_values.get((frame, name)), Instance)


def _frame(plan: Plan, function: FunctionPlan, frames: set[Frame], execution: Execution) -> Frame:
    """Where a function is written: in the module, in the function that builds the graph, or in an object's class."""
    statement = execution.chain[-1]
    host = {one.frame for one in plan.units.run.instances} - {one.frame for one in objects.holders(plan.units.run)}
    inner = [frame for frame in frames if frame.parent is not None and frame not in host]
    try:
        own = objects.home(inner)
    except ValueError:
        raise undecided("a graph that is built in several functions", execution.node, statement) from None
    if own is None:
        if len(inner) > 1:
            raise undecided("a graph that is built in several functions", execution.node, statement)
        return inner[0] if inner else statement.frame.top
    outside = (frame for frame in (unit.statement.frame for unit in function.units) if frame.module is not own.module)
    if any(unit.statement.frame.parent is None for unit in function.units) or any(outside):
        raise undecided("a graph that is built within an object and outside", execution.node, statement)
    building = {unit.statement.frame for unit in function.units}
    for frame, name in function.outside:
        if frame.parent is not None and frame.instance is None and frame not in building:
            if _is_object(function, frame, name):
                continue
            raise undecided(f"`{name}`, which a fetch reads from the method that runs it", execution.node, statement)
    return own


def _roots(value: GraphValue, cut: set[GraphValue]) -> set[GraphValue]:
    """The roots that a value needs when some tensors are fed."""
    found: set[GraphValue] = set()
    seen: set[GraphValue] = set()
    stack = [value]
    while stack:
        current = stack.pop()
        if current in seen or current in cut:
            continue
        seen.add(current)
        if current.is_root:
            found.add(current)
        stack.extend(current.inputs)
        if isinstance(current, Group):
            stack.extend(member for member in current.members if isinstance(member, GraphValue))
    return found


def _summary_units(units: Units, value: GraphValue) -> list[Unit]:
    """The statements of the summaries that a merge takes: it finds them through the collection, not by name."""
    if not isinstance(value, Summary):
        return []
    found = [units.unit(member) for member in value.members if weight_summary(units, member) is None]
    return [unit for unit in found if unit is not None]


def _rate_units(units: Units, value: GraphValue) -> list[Unit]:
    """The statements that compute the learning rates of train ops, where those depend on the graph."""
    rates = [
        rate
        for leaf in effects(value)
        if isinstance(leaf, TrainOp) and leaf.optimizer
        for rate in leaf.optimizer.inputs
    ]
    found = [units.unit(rate) for rate in rates]
    return [unit for unit in found if unit is not None and unit.kind == "graph"]


def _no_effects(plan: Plan, function: FunctionPlan) -> None:
    """Host code with effects ran once, when the graph was built: within a function it would run at every trace."""
    inside = set(function.units)
    for node, chains in plan.units.run.impure.items():
        for chain in chains:
            if plan.units.leaf(chain) in inside:
                raise undecided("host code with effects within a statement of the graph", node, chain[-1])


def _parameters(plan: Plan, function: FunctionPlan, needed: set[GraphValue]) -> None:
    run = plan.units.run
    fed = list(function.runs[0].feeds)
    order = {value: (len(fed), place) for place, value in enumerate(run.values)}
    order.update({value: (place, 0) for place, value in enumerate(fed)})  # arguments are evaluated as the feeds were
    for root in sorted({*needed, *function.cut}, key=lambda value: order.get(value, (0, 0))):
        if root in function.cut:
            function.cut[root] = _bound_name(plan, root)
            function.parameters.append(Parameter(function.cut[root], root, "fed"))
        elif isinstance(root, Placeholder) and root not in function.constants and not root.handle:
            function.parameters.append(Parameter(_bound_name(plan, root), root))
        elif isinstance(root, Feature):
            function.parameters.append(Parameter(root.name, root, "feature"))
    used = set().union(*map(all_inputs, function.runs))
    draws = [
        draw
        for root in sorted(needed, key=lambda value: order.get(value, (0, 0)))
        if isinstance(root, DataIterator)
        for draw in root.draws
        if draw in used and (root.stage is None or root.stage.value is None)
    ]
    for root in needed:
        if isinstance(root, DataIterator) and root.stage is not None and root.stage.key in used:
            raise undecided("the key of a record", root.node or ast.Pass(), root.chain[-1])
        if isinstance(root, DataIterator) and root.stage is not None and root.stage.value in used:
            function.parameters.append(Parameter(_bound_name(plan, root.stage.value), root.stage.value, "element"))
    for place, draw in enumerate(draws):
        function.parameters.append(Parameter(f"element_{place + 1}" if place else "element", draw, "element"))
    if len({parameter.name for parameter in function.parameters}) != len(function.parameters):
        node = function.runs[0].execution
        raise undecided("two inputs of one execution that have the same name", node.node, node.chain[-1])
    summary = function.runs[0].summary
    if summary is not None and summary.inside:
        function.parameters.append(Parameter("step", None, "step"))


def _bound_name(plan: Plan, value: GraphValue) -> str:
    unit = plan.units.unit(value)
    if unit is not None:
        for part in unit.parts:
            for name, bound in part.writes.items():
                if bound is value:
                    return name.removeprefix("self.")
    given = getattr(value, "arguments", {}).get("name")
    if isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value.isidentifier():
        return given.value
    node = value.node or ast.Pass()
    raise Undecided("an input that no name is bound to", node, next(iter(plan.units.run.modules)))
