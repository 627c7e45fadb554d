"""What of a function stands under its tape, and the order of its statements."""

from __future__ import annotations

from ..graph.values import (
    Assign,
    AverageOp,
    Gradients,
    GraphValue,
    TrainOp,
    Value,
)
from . import slices
from .executions import (
    FunctionPlan,
    Plan,
    effects,
)
from .reasons import undecided
from .units import Unit, Units

POWERS = frozenset(
    {"AdamOptimizer", "AdamWOptimizer", "AdaMaxOptimizer"}
)  # whose step count (the powers of beta) all of its updates share


def order(plan: Plan, function: FunctionPlan) -> None:
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
