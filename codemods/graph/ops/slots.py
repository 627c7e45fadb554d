"""The variables that TF1's optimizers made beside those of the program, under the names that a checkpoint has them by.

`w/Adam` and `w/Adam_1` count per variable scope, `beta1_power` per name scope. A variable that the loss does not reach with a
gradient gets none.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..interpreter import Interpreter
from ..values import Gradients, GraphValue, Known, Optimizer, Placeholder, Slot, Tensor, TrainOp, Variable

# Each optimizer's own name, and its slots in the order in which it makes them.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "GradientDescentOptimizer": ("GradientDescent", ()),
    "MomentumOptimizer": ("Momentum", ("momentum",)),
    "AdamOptimizer": ("Adam", ("m", "v")),
    "AdamWOptimizer": ("AdamW", ("m", "v")),
    "AdaMaxOptimizer": ("AdaMax", ("m", "v")),
    "RMSPropOptimizer": ("RMSProp", ("rms", "momentum")),
    "AdagradOptimizer": ("Adagrad", ("accumulator",)),
    "AdadeltaOptimizer": ("Adadelta", ("accum", "accum_update")),
    "FtrlOptimizer": ("Ftrl", ("accum", "linear")),
}
POWERS = ("beta1_power", "beta2_power")
# Which of these powers an optimizer keeps.
POWERS_OF = {"AdamOptimizer": POWERS, "AdamWOptimizer": POWERS, "AdaMaxOptimizer": POWERS[:1]}
# Ops through which TF1 passes no gradient, so that what is behind them is not trained.
NO_GRADIENT = frozenset(
    "stop_gradient argmax argmin equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not "
    "shape size rank floor zeros_like ones_like".split()
)


def create(run: Interpreter, train: TrainOp, variables: Iterable[Variable], name: str | None) -> None:
    """Makes the slots that applying gradients to `variables` needs, and gives the train op its name."""
    optimizer = train.optimizer
    assert optimizer is not None
    graph = run.graph
    own, kinds = KINDS[optimizer.name]
    given = optimizer.values.get("name")
    if isinstance(given, Known) and isinstance(given.value, str):
        own = given.value
    if optimizer.name == "RMSPropOptimizer" and _is_true(optimizer, "centered"):
        kinds = ("rms", "mg", "momentum")
    made = optimizer.slots
    for power in POWERS_OF.get(optimizer.name, ()):
        if (power, None) not in made:
            made[power, None] = Slot(graph.unique(power), power, None)
    for variable in variables:
        for kind in kinds:
            if (kind, variable) not in made:
                full = graph.in_variable_scope(graph.unique_scope(f"{variable.name}/{own}"))
                graph.open_scope(full, None)
                graph.close_scope()
                made[kind, variable] = Slot(full, kind, variable)
    train.slots = tuple(made.values())
    train.tf1_name = graph.unique(name or own)


def _is_true(optimizer: Optimizer, argument: str) -> bool:
    value = optimizer.values.get(argument)
    return isinstance(value, Known) and value.value is True


def trained(train: TrainOp) -> list[Variable]:
    """The variables of a train op that get a gradient."""
    losses = [train.loss] if isinstance(train.loss, GraphValue) else _losses(train.inputs)
    found = {variable for loss in losses for variable in reached(loss)}
    return [variable for variable in train.variables if variable in found or not losses]


def _losses(values: Iterable[GraphValue]) -> list[GraphValue]:
    """The losses whose gradients the values are computed from."""
    found: list[GraphValue] = []
    seen: set[GraphValue] = set()
    stack = list(values)
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        if isinstance(value, Gradients):
            if isinstance(value.loss, GraphValue):
                found.append(value.loss)
            continue
        if not isinstance(value, (Variable, Placeholder)):
            stack.extend(value.inputs)
    return found


def reached(loss: GraphValue) -> set[GraphValue]:
    """All that a loss has a gradient with regard to."""
    found: set[GraphValue] = set()
    stack = [loss]
    while stack:
        value = stack.pop()
        if value in found:
            continue
        found.add(value)
        if not (isinstance(value, Tensor) and value.op in NO_GRADIENT):
            stack.extend(value.inputs)
    return found
