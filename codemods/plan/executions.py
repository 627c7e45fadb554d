"""What each execution fetches and feeds, and what kind of thing becomes of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..graph.frames import Execution, Frame, Statement, Use
from ..graph.sparse import is_sparse
from ..graph.values import (
    Assign,
    Counted,
    DataIterator,
    Dict,
    Gradients,
    GraphValue,
    Group,
    Hook,
    Init,
    Instance,
    IteratorInit,
    Known,
    Metric,
    MonitoredSession,
    Op,
    Placeholder,
    Schedule,
    Sequence,
    StringHandle,
    Summary,
    Tensor,
    TrainOp,
    UpdateOps,
    Value,
    Variable,
)
from . import slices
from .models import Models
from .reasons import ToHoist, Undecided, undecided
from .units import Unit, Units, ancestors


@dataclass(eq=False)
class Fetched:
    """One leaf of what an execution fetches: its value, and the expression that reaches it."""

    value: GraphValue
    node: ast.expr | None  # an expression within the execution's own statement
    text: str | None  # else how the value is reached from the unit's names
    place: tuple[int | str, ...] = ()  # where in the structure of the result
    thrown_away: bool = False  # unpacked into `_`
    at: Statement | None = None  # where a metric takes it, which is no part of the result
    old: ast.expr | None = None  # how the execution wrote it, where the function, in another module, says it otherwise

    @property
    def several(self) -> bool:
        """Whether it gives several arrays: an op with several results, taken whole."""
        return isinstance(self.value, Tensor) and self.value.several


@dataclass(eq=False)
class Feed:
    """What stands in for a parameter at one execution."""

    value: Value
    node: ast.expr | None
    key: ast.expr | None = None
    holder: str | None = None  # the name of the dict that holds it


@dataclass(eq=False)
class Run:
    """One execution, resolved. kind: function | variable-read | evaluated | assigned | dropped | iterator | loaded."""

    execution: Execution
    kind: str
    fetched: list[Fetched] = field(default_factory=list)
    feeds: dict[GraphValue, Feed] = field(default_factory=dict)
    function: FunctionPlan | None = None
    statement: Statement | None = None
    summary: SummaryUse | None = None
    watched: list[Watched] = field(default_factory=list)  # what hooks of its session fetch beside
    added: list[Fetched] = field(default_factory=list)  # of these, what the run itself does not fetch
    fetches: Value = field(default_factory=Value)  # the structure of all of it
    metrics: list[MetricUse] = field(default_factory=list)  # of an Estimator's evaluation
    datasets: dict[IteratorInit, FunctionPlan] = field(default_factory=dict)  # what makes those that it feeds
    recorded: list[Summary] = field(default_factory=list)  # summaries that its session or Estimator writes by itself
    afresh: list[Variable] = field(default_factory=list)  # of an initializer: the variables that start again

    @property
    def asked(self) -> list[Fetched]:
        """What the run itself gives, without what only its function computes with."""
        return [part for part in self.fetched if part.at is None]


@dataclass(eq=False)
class Watched:
    """What a session's hook fetches at a run: a tensor under a tag; `part` is the fetch that gives it, none for a variable."""

    hook: Hook
    tag: str
    value: GraphValue
    part: Fetched | None = None


@dataclass(eq=False)
class MetricUse:
    """A metric that an evaluation gives under a key: `inputs` are the arguments of its update."""

    key: str
    metric: Metric
    inputs: list[tuple[ast.expr, Value]] = field(default_factory=list)


@dataclass(eq=False)
class SummaryUse:
    """The add_summary that takes an execution's summary: written inside the function, at `step`."""

    use: Use
    step: ast.expr | None
    inside: bool = True  # else the function hands the values back, and they are written where add_summary was


@dataclass(eq=False)
class Parameter:
    """A parameter of a function: a placeholder, a fed tensor, an iterator's element, or the step of its summaries."""

    name: str
    value: GraphValue | None
    kind: str = "placeholder"


@dataclass(eq=False)
class Shared:
    """A forward slice within a function's units that another function computes: `output` is what `unit` binds."""

    unit: Unit
    closure: set[Unit]
    callee: FunctionPlan
    output: str


@dataclass(eq=False)
class Handed:
    """What a function that goes on with an object's graph takes from the object: `values`, of what its method returns."""

    owner: Instance
    callee: FunctionPlan
    values: list[GraphValue]


@dataclass(eq=False)
class FunctionPlan:
    """One function of the result. A `plain` one is no tf.function: others call it, and it gives its `output`."""

    name: str
    frame: Frame
    runs: list[Run]
    key: object = None  # executions with the same key share the function
    parameters: list[Parameter] = field(default_factory=list)
    constants: dict[GraphValue, bool] = field(default_factory=dict)
    cut: dict[GraphValue, str] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)
    taped: list[Unit] = field(default_factory=list)
    trains: list[TrainOp] = field(default_factory=list)
    gradients: list[Gradients] = field(default_factory=list)
    nested: list[Gradients] = field(default_factory=list)  # of which gradients are taken: each has a tape of its own
    returns: list[Fetched] = field(default_factory=list)
    outside: dict[tuple[Frame, str], Statement] = field(default_factory=dict)
    shared: list[Shared] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    plain: bool = False
    holder: str = ""  # the name of the object that has it as an attribute
    output: str = ""
    home: Frame | None = None  # where it goes, if not into the frame that builds its graph

    @property
    def mode(self) -> str:
        """The method of an Estimator that runs it, or ""."""
        use = self.runs[0].execution.use
        return use.method if use is not None else ""


@dataclass(eq=False)
class Saving:
    """When checkpoints are written: every so many steps or seconds, at the start and at the end."""

    steps: ast.expr | None = None
    seconds: ast.expr | None = None


@dataclass(eq=False)
class Monitored:
    """One monitored session. `block` is its `with` statement, `place` the statement that makes it."""

    session: MonitoredSession
    place: Statement
    block: ast.With | None
    step: Variable | None
    stop: Hook | None = None
    directory: ast.expr | None = None
    saving: Saving | None = None
    watching: list[Hook] = field(default_factory=list)
    counting: bool = False  # hooks report the speed, which nothing takes over
    executions: list[Execution] = field(default_factory=list)
    tests: list[Use] = field(default_factory=list)  # should_stop
    end: Use | None = None  # close
    summaries: list[Summary] = field(default_factory=list)  # that it writes, every so many steps (100)
    summary_steps: ast.expr | None = None
    may_end: bool = False  # an iterator that it runs may come to its end


@dataclass(eq=False)
class Plan:
    """The native plan of a program."""

    units: Units
    runs: list[Run] = field(default_factory=list)
    functions: list[FunctionPlan] = field(default_factory=list)
    loaded: list[FunctionPlan] = field(default_factory=list)  # parts of graphs that were read from files
    pipelines: dict[DataIterator, FunctionPlan | None] = field(default_factory=dict)  # and what they map
    models: Models = field(default_factory=Models)
    monitored: list[Monitored] = field(default_factory=list)


def resolve(units: Units, execution: Execution) -> Run:
    statement = execution.chain[-1]
    if units.leaf(execution.chain) is None:
        raise undecided("an execution in code that is not followed", execution.node, statement)
    node = execution.fetch_node if execution.kind == "run" else _receiver(execution.node)
    if node is None:
        raise undecided("a run without fetches", execution.node, statement)
    if isinstance(node, ast.ListComp) and _assigns_in_place(units, execution, node):
        return Run(execution, "assigned", statement=statement)
    fetched = list(_expand(units, execution, node, execution.fetches, ()))
    run = Run(execution, "function", fetched, statement=statement, fetches=execution.fetches)
    for part in fetched:
        part.thrown_away = bool(part.place) and target_at(statement.node, execution.node, part.place[:1]) == "_"
    run.feeds = _feeds(units, execution)
    if any(isinstance(part.value, Tensor) and is_sparse(part.value) for part in fetched):
        raise undecided("a fetch of a sparse tensor, which came back as a tuple", execution.node, statement)
    if any(not isinstance(key, Placeholder) and key.constant for key in run.feeds):
        raise undecided("a constant that is fed", execution.node, statement)
    values = [part.value for part in fetched]
    leaves = [leaf for value in values for leaf in effects(value)]
    if (
        values
        and all(isinstance(leaf, (Init, UpdateOps)) for leaf in leaves)
        and any(isinstance(leaf, Init) for leaf in leaves)
    ):
        run.kind = "dropped"
    elif values and all(isinstance(value, StringHandle) for value in values):
        run.kind = "dropped"
    elif any(isinstance(leaf, IteratorInit) for leaf in leaves) and all(
        isinstance(value, (Init, IteratorInit)) for value in values
    ):
        run.kind = "iterator"
    elif any(isinstance(leaf, (Init, IteratorInit)) for leaf in leaves):
        raise undecided("an initializer run together with other things", execution.node, statement)
    elif all(isinstance(value, Variable) or _is_count(value) for value in values) and not _trains(values):
        run.kind = "variable-read"
    elif all(isinstance(value, Schedule) for value in values) or all(
        value.constant and not isinstance(value, (Op, Assign)) for value in values
    ):
        run.kind = "evaluated"
    elif _in_place(units, execution, run):
        run.kind = "evaluated"
    elif drawn_from(run) is not None and not isinstance(execution.session, MonitoredSession):
        run.kind = "drawn"
    elif any(_is_whole(value) and _is_structure(value) for value in values):
        raise undecided("an element of several tensors that is fetched with other things", execution.node, statement)
    return run


def _is_count(value: GraphValue) -> bool:
    """Whether a value is what a metric counted so far."""
    return isinstance(value, Counted) and not value.updating


def drawn_from(run: Run) -> DataIterator | None:
    """The iterator of which a run gives an element as it is: the whole of it, or all of its parts in their order."""
    values = [part.value for part in run.fetched]
    if not values or any(not isinstance(key, Placeholder) or not key.handle for key in run.feeds):
        return None
    first = values[0]
    if len(values) == 1 and run.fetched[0].place == ():
        draw = first if _is_whole(first) else first.inputs[0] if first.inputs else first
        iterator = draw.inputs[0] if draw.inputs and _is_whole(draw) else None
        given = isinstance(iterator, DataIterator) and (
            draw is first or (iterator.stage is not None and first is iterator.stage.value)
        )
        return iterator if given and isinstance(iterator, DataIterator) else None
    draw = first.inputs[0] if first.inputs else first
    if (
        not isinstance(draw, Tensor)
        or not _is_whole(draw)
        or [part.place for part in run.fetched] != [(place,) for place in range(len(values))]
    ):
        return None
    whole = len(values) > 1 and values == [draw.elements.get(place) for place in range(len(draw.elements))]
    iterator = draw.inputs[0]
    return iterator if whole and isinstance(iterator, DataIterator) else None


def _is_whole(value: GraphValue) -> bool:
    return isinstance(value, Tensor) and value.op == "iterator.get_next"


def _is_structure(value: GraphValue) -> bool:
    """Whether an element surely is of several tensors."""
    iterator = value.inputs[0] if value.inputs else None
    components = iterator.dataset.components if isinstance(iterator, DataIterator) and iterator.dataset else None
    return isinstance(components, (Sequence, Dict)) or (isinstance(value, Tensor) and bool(value.elements))


def is_scalar(plan: Plan, value: GraphValue) -> bool:
    """Whether a tensor has no axes: its shape says so, or each execution feeds its placeholder a plain number."""
    if not isinstance(value, Tensor):
        return False
    if value.shape is not None or not isinstance(value, Placeholder):
        return value.shape == ()
    fed = [run.feeds[value].value for run in plan.runs if value in run.feeds]
    return bool(fed) and all(isinstance(one, Known) and isinstance(one.value, int | float) for one in fed)


def _assigns_in_place(units: Units, execution: Execution, node: ast.ListComp) -> bool:
    """Whether a run only makes and does assignments between variables, one for each round of a comprehension."""
    fetches, statement = execution.fetches, execution.chain[-1]
    if (
        not isinstance(fetches, Sequence)
        or not fetches.items
        or execution.feeds is not None
        or len(node.generators) != 1
    ):
        return False
    simple = isinstance(statement.node, ast.Expr) and statement.node.value is execution.node
    for one in fetches.items:
        if not isinstance(one, Assign) or any(not isinstance(root, Variable) for root in one.roots):
            return False
    assigned = {one.variable for one in fetches.items if isinstance(one, Assign)}
    read = {
        root
        for one in fetches.items
        if isinstance(one, Assign) and isinstance(one.value, GraphValue)
        for root in one.value.roots
    }
    reads = slices.reads_of(node, statement)
    graph = any(
        unit is not None and unit.kind in {"graph", "placeholder"}
        for unit in (units.of.get(one) for _, _, one, _ in reads)
    )
    return simple and not node.generators[0].ifs and not assigned & read and not graph


def _receiver(node: ast.Call) -> ast.expr | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def effects(value: GraphValue) -> Iterator[GraphValue]:
    if isinstance(value, Group):
        for member in value.members:
            if isinstance(member, GraphValue):
                yield from effects(member)
        if not value.members:
            yield value
    else:
        yield value


def _trains(values: list[GraphValue]) -> bool:
    return any(isinstance(leaf, (TrainOp, Assign)) for value in values for leaf in effects(value))


def _expand(
    units: Units, execution: Execution, node: ast.expr, value: Value, place: tuple[int | str, ...]
) -> Iterator[Fetched]:
    if isinstance(value, GraphValue):
        name = _taken_out(units, execution, node, value)
        yield Fetched(value, None, name, place) if name is not None else Fetched(value, node, None, place)
    elif isinstance(value, Sequence):
        literal = isinstance(node, (ast.List, ast.Tuple)) and not any(
            isinstance(part, ast.Starred) for part in node.elts
        )
        for index, item in enumerate(value.items):
            if literal and isinstance(node, (ast.List, ast.Tuple)):
                yield from _expand(units, execution, node.elts[index], item, (*place, index))
            else:
                yield from _held(units, execution, item, (*place, index))
    elif isinstance(value, Dict):
        for index, (key, item) in enumerate(zip(value.keys, value.values, strict=True)):
            name = key.value if isinstance(key, Known) and isinstance(key.value, str) else None
            if name is None:
                raise undecided("a dict of fetches whose keys are not strings", execution.node, execution.chain[-1])
            if isinstance(node, ast.Dict):
                yield from _expand(units, execution, node.values[index], item, (*place, name))
            else:
                yield from _held(units, execution, item, (*place, name))
    else:
        raise undecided("a fetch that can't be known from the source", execution.node, execution.chain[-1])


def _taken_out(units: Units, execution: Execution, node: ast.expr, value: GraphValue) -> str | None:
    """The plain name of a value that an execution takes out of a list or dict (`ops["loss"]`)."""
    if not isinstance(node, ast.Subscript):
        return None
    held = units.run.meanings.get(node.value, [])
    if len(held) != 1 or not isinstance(held[0], (Dict, Sequence)):
        return None
    try:
        text = reach(units, value, execution)
    except Undecided:
        return None
    return text if text.isidentifier() else None


def _held(units: Units, execution: Execution, value: Value, place: tuple[int | str, ...]) -> Iterator[Fetched]:
    if isinstance(value, GraphValue):
        yield Fetched(value, None, reach(units, value, execution), place)
    elif isinstance(value, Sequence):
        for index, item in enumerate(value.items):
            yield from _held(units, execution, item, (*place, index))
    else:
        raise undecided("fetches that are held in a way that is not followed", execution.node, execution.chain[-1])


def reach(units: Units, value: GraphValue, execution: Execution) -> str:
    """The expression by which the unit's own names reach a value. Raises Undecided where none does."""
    for unit in units.ordered:
        for part in unit.parts:
            for name, bound in part.writes.items():
                text = _path(name, bound, value)
                if text is not None and part.frame in units.frames:
                    return text
    raise undecided("a fetched value that no name reaches", execution.node, execution.chain[-1])


def _path(text: str, bound: Value, value: GraphValue) -> str | None:
    if bound is value:
        return text
    if isinstance(bound, Sequence):
        for index, item in enumerate(bound.items):
            found = _path(f"{text}[{index}]", item, value)
            if found is not None:
                return found
    if isinstance(bound, Dict):
        for key, item in zip(bound.keys, bound.values, strict=True):
            if isinstance(key, Known):
                found = _path(f"{text}[{key.value!r}]", item, value)
                if found is not None:
                    return found
    return None


def _feeds(units: Units, execution: Execution) -> dict[GraphValue, Feed]:
    feeds = execution.feeds
    if feeds is None:
        return {}
    if not isinstance(feeds, Dict) or feeds.open:
        raise undecided("feeds that can't be known from the source", execution.node, execution.chain[-1])
    result: dict[GraphValue, Feed] = {}
    node = execution.feed_node
    literal = node if isinstance(node, ast.Dict) else None
    for index, key in enumerate(feeds.keys):
        if not isinstance(key, Tensor):
            raise undecided("a feed whose key is not known to be a tensor", execution.node, execution.chain[-1])
        holder = None
        if literal is None:
            if not isinstance(node, ast.Name):
                raise _built_in_place(units, execution)
            holder = node.id
        own = literal.keys[index] if literal is not None and index < len(literal.keys) else None
        result[key] = Feed(feeds.values[index], feeds.nodes[index], own, holder)
    return result


def _built_in_place(units: Units, execution: Execution) -> Undecided:
    """Feeds that a call gives within a run: they can have a statement of their own before it, where it runs them once."""
    why, statement, node = "feeds that are built where they are used", execution.chain[-1], execution.feed_node
    simple = isinstance(statement.node, ast.Assign | ast.AugAssign | ast.Expr | ast.Return)
    inside = [part for part in ast.walk(statement.node) if isinstance(part, ONLY_SOMETIMES)]
    if not simple or not isinstance(node, ast.Call) or any(node in set(ast.walk(part)) for part in inside):
        return undecided(why, execution.node, statement)
    return ToHoist(statement.node, [node], statement.frame.module.path, why, "feed")


# What may evaluate a part of it never, or more than once.
ONLY_SOMETIMES = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _in_place(units: Units, execution: Execution, run: Run) -> bool:
    """Whether the fetch is an expression of its own that needs nothing but variables and host values."""
    if run.feeds or len(run.fetched) != 1:
        return False
    value, node = run.fetched[0].value, run.fetched[0].node
    if (
        node is None
        or isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))
        or isinstance(value, (TrainOp, Group))
    ):
        return False
    if any(not isinstance(root, Variable) and not getattr(root, "random", False) for root in value.roots):
        return False
    reads = slices.reads_of(node, execution.chain[-1])
    for frame, name, maker, _ in reads:
        unit = units.of.get(maker)
        if frame in units.frames and unit is not None and unit.kind in {"graph", "placeholder"}:
            bound = maker.writes.get(name)
            if not isinstance(bound, Variable):
                return False
    return True


def record(run: Run, summaries: list[Summary]) -> None:
    """Adds summaries to a run that are written within its function, every so many steps."""
    chain = run.execution.chain
    whole = Summary(None, chain, tuple(summaries), "summary.merge", kind="merge", members=summaries)
    run.recorded = summaries
    run.fetched.append(Fetched(whole, None, "", ("summaries",), at=chain[-1]))


def target_at(node: ast.stmt, call: ast.Call, place: tuple[int | str, ...]) -> str | None:
    """The name that an assignment gives to one part of an execution's result."""
    if not isinstance(node, ast.Assign) or node.value is not call or len(node.targets) != 1:
        return None
    target: ast.expr = node.targets[0]
    for index in place:
        if not isinstance(target, (ast.Tuple, ast.List)) or not isinstance(index, int) or index >= len(target.elts):
            return None
        target = target.elts[index]
    return target.id if isinstance(target, ast.Name) else None


def all_inputs(run: Run) -> set[GraphValue]:
    """Everything that what a run fetches depends on."""
    return ancestors(part.value for part in run.fetched)
