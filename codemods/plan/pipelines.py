"""Input pipelines of queues: what is computed for each example, before the batch, becomes a function that a dataset maps."""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import DataIterator, GraphValue, Sequence, Stage, Tensor, flatten, graph_values
from . import slices
from .executions import Fetched, FunctionPlan, Parameter, Plan, Run
from .reasons import undecided
from .units import ancestors


def assign(plan: Plan) -> None:
    """Plans the functions of the batches that runs draw."""
    for run in plan.runs:
        for iterator in _drawn(run):
            if iterator in plan.pipelines or iterator.stage is None:
                continue
            _check_key(iterator, iterator.chain[-1], [part.value for part in run.fetched])
            if iterator.stage.taken:
                raise undecided(
                    "a queue that two things take from in turn", run.execution.node, run.execution.chain[-1]
                )
            before = iterator.stage.before
            function = _function(plan, run, iterator, before) if before is not None else None
            plan.pipelines[iterator] = function
    made = [one for one in plan.pipelines.values() if one is not None]
    plan.functions.extend(sorted(made, key=lambda one: one.returns[0].value.chain[-1].index))


def _drawn(run: Run) -> list[DataIterator]:
    """The iterators whose elements a run's function takes."""
    if run.kind == "drawn":
        values = [part.value for part in run.fetched]
    elif run.function is None:
        return []
    else:
        values = [one.value for one in run.function.parameters if one.kind == "element" and one.value is not None]
    return [root for value in values for root in value.roots if isinstance(root, DataIterator)]


def records(plan: Plan) -> set[GraphValue]:
    """The records that readers hand out: functions take them as they are."""
    found = [one.stage for one in plan.units.run.values if isinstance(one, DataIterator) and one.stage is not None]
    return {stage.value for stage in found if stage.value is not None}


def _check_key(iterator: DataIterator, statement: Statement, wanted: list[GraphValue]) -> None:
    key = iterator.stage.key if iterator.stage is not None else None
    if key is not None and key in ancestors(wanted):
        raise undecided("the key of a record", iterator.node or statement.node, statement)


def _function(plan: Plan, run: Run, iterator: DataIterator, before: DataIterator) -> FunctionPlan | None:
    stage, statement = iterator.stage, iterator.chain[-1]
    assert stage is not None and before.stage is not None
    node = stage.arguments["tensors"]
    leaves = [leaf for leaf in flatten(stage.fetches) if isinstance(leaf, GraphValue)]
    _check_key(before, statement, leaves)
    given = _given(plan, before, before.stage, statement)
    made = FunctionPlan("", statement.frame, [run], ("pipeline", iterator), plain=True)
    made.parameters = [Parameter(name, value) for name, value in given]
    made.returns = _returns(stage, node, leaves)
    reads = slices.reads_of(node, statement)
    cut = {value for _, value in given} | set(before.draws)
    found = slices.of(plan.units, [], reads, cut)
    made.units, made.outside = [unit for unit in found.units if before not in unit.made], found.outside
    if any(unit.statement.frame is not statement.frame for unit in made.units):
        raise undecided("a batch of what several functions compute", node, statement)
    same = [part.value for part in made.returns] == [value for _, value in given]
    return None if same and not made.units else made


def _returns(stage: Stage, node: ast.expr, leaves: list[GraphValue]) -> list[Fetched]:
    items = stage.fetches.items if isinstance(stage.fetches, Sequence) else []
    if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) == len(items):
        firsts = [next(iter(graph_values(item))) for item in items]
        return [Fetched(leaf, element, None) for leaf, element in zip(firsts, node.elts, strict=True)]
    if isinstance(stage.fetches, Sequence):
        return [Fetched(leaves[0], None, f"tuple({ast.unparse(node)})")]
    return [Fetched(leaves[0], node, None)]


def _given(plan: Plan, before: DataIterator, stage: Stage, statement: Statement) -> list[tuple[str, GraphValue]]:
    """What a dataset hands to the function, by the names that the program has for it."""
    if stage.value is not None:
        return [(_name(plan, stage.value, statement), stage.value)]
    drawn = before.draws[0]
    if stage.kind == "dequeue":
        return [(_name(plan, drawn, statement), drawn)]
    whole = _bound(plan, drawn)
    if whole is not None:
        return [(f"*{whole}", drawn)]
    count = len(drawn.elements)
    given = stage.queue.values.get("tensor_list") if stage.queue is not None else None
    if not isinstance(given, Sequence) or len(given.items) != count:
        raise undecided("slices that are not taken one by one", before.node or statement.node, statement)
    return [(_name(plan, drawn.elements[place], statement), drawn.elements[place]) for place in range(count)]


def _name(plan: Plan, value: Tensor, statement: Statement) -> str:
    name = _bound(plan, value)
    if name is None:
        raise undecided("what a queue gives and no name is bound to", value.node or statement.node, statement)
    return name


def _bound(plan: Plan, value: GraphValue) -> str | None:
    unit = plan.units.unit(value)
    elements = list(value.elements.values()) if isinstance(value, Tensor) else []
    for part in unit.parts if unit is not None else ():
        for name, bound in part.writes.items():
            whole = bool(elements) and isinstance(bound, Sequence) and bound.items == elements
            if (bound is value or whole) and name.isidentifier():
                return name
    return None
