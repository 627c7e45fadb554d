"""What becomes of each execution: a function, a variable read, something evaluated in place, or nothing.

Executions that fetch the same values with the same Python arguments share a function.
"""

from __future__ import annotations

import ast

from ..graph.frames import Execution, Frame, Statement
from ..graph.values import (
    Assign,
    AverageOp,
    Counted,
    DataIterator,
    Feature,
    Gradients,
    GraphValue,
    Group,
    Init,
    Instance,
    Known,
    Metric,
    MonitoredSession,
    Placeholder,
    Session,
    Summary,
    Tensor,
    TrainOp,
    Value,
    Variable,
)
from ..notebooks import shows
from . import continued, datasets, estimators, loading, modelling, monitored, objects, pipelines, slices
from .executions import (
    FunctionPlan,
    Parameter,
    Plan,
    Run,
    SummaryUse,
    effects,
    reach,
    resolve,
    target_at,
)
from .reasons import ToWriteOut, Undecided, undecided
from .units import Unit, Units, ancestors, weight_summary


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
    _check_sessions(plan)
    _check_initializers(plan)
    _check_initial_values(plan)
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
        _order(plan, function)
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


# -- the whole ----------------------------------------------------------------------------------------------------------


def _check_sessions(plan: Plan) -> None:
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
        if any(isinstance(value, TrainOp | Assign) for value in _all_inputs(run)):
            changed = place.index


def _begins(plan: Plan, session: Session, after: int, before: Statement) -> bool:
    """Whether a session initializes or restores variables between two places."""
    inits = [run.execution for run in plan.runs if run.kind == "dropped" and _initialized(run)]
    starts = [one.chain[-1] for one in inits if one.session is session]
    uses = [use for use in plan.units.run.uses if use.method == "restore"]
    starts += [use.chain[-1] for use in uses if use.values.get("sess") is session]
    return any(after < one.index <= before.index for one in starts)


def _check_initializers(plan: Plan) -> None:
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


def _check_initial_values(plan: Plan) -> None:
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
                for one in _all_inputs(other)
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
        for value in _all_inputs(other)
    )


def resets(plan: Plan, run: Run, metric: Metric) -> bool:
    """Whether a run of an initializer may come after something counted: it is repeated, or follows what counts."""
    place = run.execution.chain[-1]
    if _looped(run.execution.chain, metric.chain):
        return True
    for other in plan.runs:
        counted = any(isinstance(one, Counted) and one.metric is metric and one.updating for one in _all_inputs(other))
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
    cut &= _all_inputs(run)
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


def _all_inputs(run: Run) -> set[GraphValue]:
    return ancestors(part.value for part in run.fetched)


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
    used = set().union(*map(_all_inputs, function.runs))
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


POWERS = frozenset(
    {"AdamOptimizer", "AdamWOptimizer", "AdaMaxOptimizer"}
)  # whose step count (the powers of beta) all of its updates share


def _order(plan: Plan, function: FunctionPlan) -> None:
    """Sorts out the train ops of a function: what the tape must see, what follows."""
    units = plan.units
    run = [leaf for part in function.returns for leaf in effects(part.value)]
    first = [
        one for leaf in run if isinstance(leaf, Assign | AverageOp) for one in leaf.inputs
    ]  # by control dependencies
    function.trains = list(dict.fromkeys(leaf for leaf in (*run, *first) if isinstance(leaf, TrainOp)))
    made = [value for unit in function.units for value in unit.made]
    function.gradients = [value for value in made if isinstance(value, Gradients)]
    inside = set(function.units)
    for value in made:
        if isinstance(value, TrainOp) and value not in function.trains:
            node = function.runs[0].execution
            raise undecided("a train op within a larger statement", node.node, node.chain[-1])
    adams = [
        train.optimizer for train in function.trains if train.optimizer is not None and train.optimizer.name in POWERS
    ]
    if len(set(adams)) < len(adams):
        node = function.runs[0].execution
        why = f"one {adams[0].name} that is applied twice in one run: TensorFlow 1 leaves open which step the second counts"
        raise undecided(why, node.node, node.chain[-1])
    losses: list[Value | None] = [train.loss for train in function.trains if train.loss is not None]
    losses.extend(found.loss for found in function.gradients)
    taped: set[Unit] = set()
    for loss in losses:
        if not isinstance(loss, GraphValue):
            continue
        unit = units.unit(loss)
        starts = [unit] if unit is not None and unit in inside else []
        taped.update(slices.of(units, starts, [], set(function.cut)).units)
    taped &= inside
    function.nested = [value for unit in taped for value in unit.made if isinstance(value, Gradients)]
    function.nested.sort(key=lambda value: value.chain[-1].index)
    function.gradients = [value for value in function.gradients if value not in function.nested]
    gradient_units = {units.unit(value) for value in (*function.gradients, *function.trains)}
    held = [units.unit(one) for one in (*function.nested, *function.gradients)]
    if any(held.count(units.unit(one)) > 1 for one in function.nested):
        node = function.runs[0].execution
        raise undecided("a loss within the expression that asks for its gradients", node.node, node.chain[-1])
    for train in function.trains:
        own = units.unit(train)
        if own is not None and train.loss is not None and isinstance(train.loss, GraphValue):
            taped.update(_inner(units, own, train, inside))
    taped -= {unit for unit in gradient_units if unit is not None}
    changed = True
    while changed:
        changed = False
        for unit in function.units:
            if unit in taped or unit in gradient_units or not _can_tape(unit):
                continue
            later = [other for other in taped if other.index > unit.index]
            if any(_conflict(unit, other) for other in later):
                taped.add(unit)
                changed = True
    function.taped = [unit for unit in function.units if unit in taped]


def _inner(units: Units, own: Unit, train: TrainOp, inside: set[Unit]) -> set[Unit]:
    """What the loss that a minimize call computes itself needs."""
    loss = train.loss
    if not isinstance(loss, GraphValue) or units.unit(loss) is not own:
        return set()
    node = train.arguments.get("loss")
    reads = slices.reads_of(node, own.statement) if node is not None else []
    return set(slices.of(units, [], reads, set()).units) & inside


def _can_tape(unit: Unit) -> bool:
    return not any(isinstance(value, (Assign, Gradients)) for value in unit.made)


def _conflict(unit: Unit, later: Unit) -> bool:
    """Whether moving a unit behind a later one changes what a name means."""
    mine = {name for part in unit.parts for name in part.writes}
    its = {name for part in later.parts for name in part.writes}
    reads = {name for part in unit.parts for _, name in part.reads}
    return bool(its & (mine | reads))
