"""Datasets that were fed where their iterator was initialized: a plain function makes each of what it is given."""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import DataIterator, Dataset, GraphValue, IteratorInit, Placeholder
from . import objects, slices
from .executions import Fetched, FunctionPlan, Parameter, Plan, Run
from .reasons import undecided


def assign(plan: Plan, run: Run) -> None:
    """Plans the functions of the datasets that a run's initializers are fed for."""
    for part in run.fetched:
        init = part.value
        if not isinstance(init, IteratorInit) or init.iterator is None:
            continue
        dataset = init.dataset or init.iterator.dataset
        source, maker = _source(init, init.iterator)
        if dataset is None or dataset.constant or source is None:
            continue
        run.datasets[init] = _function(plan, run, dataset, source, maker)


def _source(init: IteratorInit, iterator: DataIterator) -> tuple[ast.expr | None, Statement]:
    """The expression of the dataset, and the statement that it stands in."""
    if init.source is not None:
        return init.source, init.chain[-1]
    return source_of(iterator.node), iterator.chain[-1]


def source_of(node: ast.AST | None) -> ast.expr | None:
    """The dataset's expression in `dataset.make_…_iterator()` or `tf.data.make_…_iterator(dataset)`."""
    if not isinstance(node, ast.Call):
        return None
    if node.args:
        return node.args[0]
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def _function(plan: Plan, run: Run, dataset: Dataset, source: ast.expr, maker: Statement) -> FunctionPlan:
    known = next((one for one in plan.functions if one.key == ("dataset", dataset)), None)
    if known is not None:
        known.runs.append(run)
        return known
    made = FunctionPlan("", maker.frame, [run], ("dataset", dataset), plain=True)
    made.returns = [Fetched(dataset, source, None)]
    found = slices.of(plan.units, [], slices.reads_of(source, maker), set())
    made.units, made.outside = found.units, found.outside
    owner = objects.owner(maker.frame)
    if any(unit.statement.frame is not maker.frame for unit in made.units):
        raise undecided("a dataset that is fed and made in several functions", source, maker)
    if owner is not None:
        made.frame = owner.frame
    for root in _placeholders(plan, dataset):
        made.parameters.append(Parameter(_name(plan, root), root))
    plan.functions.append(made)
    return made


def _placeholders(plan: Plan, dataset: Dataset) -> list[GraphValue]:
    return [value for value in plan.units.run.values if isinstance(value, Placeholder) and value in dataset.roots]


def _name(plan: Plan, root: GraphValue) -> str:
    """What the program calls a placeholder."""
    unit = plan.units.unit(root)
    for part in unit.parts if unit is not None else ():
        for name, bound in part.writes.items():
            if bound is root and name.removeprefix("self.").isidentifier():
                return name.removeprefix("self.")
    raise undecided("a dataset that is fed by a placeholder without a name", root.node or ast.Pass(), root.chain[-1])
