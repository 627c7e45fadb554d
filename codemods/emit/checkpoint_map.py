"""Where the values of a TF1 checkpoint live in the native program: variables, and what optimizers made beside them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from ..graph.frames import Frame, Statement
from ..graph.values import Known, Optimizer, Slot, TrainOp, Variable
from ..manifest import SlotMap, Transformation, VariableMap
from ..plan.models import Object
from .classes import members, scope_names
from .context import Context
from .optimizers import OPTIMIZERS
from .recurrent.rnn_weights import weight_steps
from .setup import module_of


@dataclass(frozen=True)
class KerasSlot:
    """The name of a Keras optimizer's variable for one of TF1's slots; `needs` is the argument without which there is none."""

    name: str
    transformation: Transformation = "none"
    needs: Literal["", "momentum", "centered"] = ""


SLOTS: dict[tuple[str, str], KerasSlot] = {
    ("MomentumOptimizer", "momentum"): KerasSlot("momentum", "negative-lr"),
    ("AdamOptimizer", "m"): KerasSlot("momentum"),
    ("AdamOptimizer", "v"): KerasSlot("velocity"),
    ("AdaMaxOptimizer", "m"): KerasSlot("momentum"),
    ("AdaMaxOptimizer", "v"): KerasSlot("norm"),
    ("AdamWOptimizer", "m"): KerasSlot("momentum"),
    ("AdamWOptimizer", "v"): KerasSlot("velocity"),
    ("RMSPropOptimizer", "rms"): KerasSlot("velocity"),
    ("RMSPropOptimizer", "mg"): KerasSlot("average_gradient"),
    ("RMSPropOptimizer", "momentum"): KerasSlot("momentum", needs="momentum"),
    ("AdagradOptimizer", "accumulator"): KerasSlot("accumulator"),
    ("AdadeltaOptimizer", "accum"): KerasSlot("accumulated_grad"),
    ("AdadeltaOptimizer", "accum_update"): KerasSlot("accumulated_delta_var"),
    ("FtrlOptimizer", "accum"): KerasSlot("accumulator"),
    ("FtrlOptimizer", "linear"): KerasSlot("linear"),
}
# Adam's powers say how many steps were taken: power = beta ** (iterations + 1).
BETAS = {"beta1_power": ("beta1", 0.9), "beta2_power": ("beta2", 0.999)}


def variables(context: Context) -> tuple[VariableMap, ...]:
    """Every variable of the program's graphs, in the order of their creation."""
    optimizers = _optimizer_names(context)
    return tuple(_variable(context, one, optimizers) for graph in context.run.graphs for one in graph.variables)


def _variable(context: Context, variable: Variable, optimizers: dict[Optimizer, str]) -> VariableMap:
    frame = _frame(context, variable)
    details: dict[str, Any] = {}
    where = qualname(frame)
    owner = context.reach(variable, frame) or ""
    if owner and where:
        details["function"] = where
    path = variable_path(context, variable)
    if variable in context.steps:
        holder = context.steps[variable].removesuffix(".iterations")
        path = next(
            (f"{optimizers[one]}/iteration" for one, name in context.optimizers.items() if name == holder), path
        )
        details["dtype"] = "int64"
    return VariableMap(
        variable.name,
        path,
        details=details,
        dtype=variable.dtype or "",
        shape=variable.shape,
        trainable=variable.trainable,
        owner=owner,
    )


def _frame(context: Context, variable: Variable) -> Frame:
    """The frame whose names reach a variable: that of the statement that had it made."""
    unit = context.units.unit(variable)
    if unit is not None:
        home = members.home(unit.statement.frame)
        return context.units.homes.get(home, home)
    return variable.chain[0].frame


def qualname(frame: Frame) -> str:
    """The __qualname__ of the function that a frame is an activation of; "" of a module."""
    parts: list[str] = []
    current: Frame | None = frame
    while current is not None:
        if isinstance(current.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts[:0] = [current.node.name, "<locals>"] if parts else [current.node.name]
        elif isinstance(current.node, ast.ClassDef):
            parts.insert(0, current.node.name)
        current = current.parent
    return ".".join(parts)


# -- paths --------------------------------------------------------------------------------------------------------------


def variable_path(context: Context, variable: Variable) -> str:
    """The path or name that the new program gives a variable."""
    twins = context.units.twins
    if variable in twins.same:
        return twins.renamed(variable, variable_path(context, twins.variable(variable)))
    made = context.models.owner(variable)
    if made is not None and made.bare:
        return variable.name
    if made is not None:
        own = [variable] if variable.layer is None else [variable.layer]
        names = [context.leaves[member] for member in own]
        if variable.layer is not None:
            names.extend(weight_steps(variable))
        holder: Object | None = made
        while holder is not None:
            names.insert(0, context.leaves[holder])
            holder = holder.holder
        return scope_names.prefix(context, variable.chain) + "/".join(names)
    if variable.maker not in {"Variable", "get_variable"} or not isinstance(variable.node, ast.Call):
        return variable.name
    return _given_name(context, variable, variable.node)


def _given_name(context: Context, variable: Variable, node: ast.Call) -> str:
    """The name in the call that makes the variable now: TensorFlow 2 counts none up, and calls what has none `Variable`."""
    path = module_of(context, node)
    if path is None:
        return variable.name
    call = ast.parse(context.edits[path].render(node).strip(), mode="eval").body
    named = [one.value for one in call.keywords if one.arg == "name"] if isinstance(call, ast.Call) else []
    scope = scope_names.prefix(context, variable.chain)
    if not named:
        return f"{scope}Variable"
    if isinstance(named[0], ast.Constant):
        return scope + str(named[0].value)
    if isinstance(named[0], ast.JoinedStr):
        return variable.name
    given = next((one.value for one in node.keywords if one.arg == "name"), variable.arguments.get("name"))
    known = context.run.meanings.get(given, []) if given is not None else []
    spelt = [one.value for one in known if isinstance(one, Known) and isinstance(one.value, str)]
    fitting = [one for one in spelt if re.fullmatch(rf"(.*/)?{re.escape(one)}(_\d+)?", variable.name)]
    if variable.name in spelt or not fitting:
        return variable.name
    return max(fitting, key=len)


# -- optimizers ---------------------------------------------------------------------------------------------------------


def slots(context: Context) -> tuple[SlotMap, ...]:
    """What TF1's optimizers made beside the program's variables, and what of the Keras optimizers takes its place."""
    optimizers = _optimizer_names(context)
    found: dict[str, SlotMap] = {}
    for train in [*context.run.values, *context.units.twins.same]:
        if isinstance(train, TrainOp) and train.optimizer in optimizers:
            for slot in train.slots:
                found.setdefault(slot.name, _slot(context, train.optimizer, slot, optimizers[train.optimizer]))
    return tuple(found.values())


def _slot(context: Context, optimizer: Optimizer, slot: Slot, name: str) -> SlotMap:
    twins = context.units.twins
    first = twins.optimizer(optimizer)
    holder = context.optimizers[first]
    outer = _around(context, optimizer, first.chain)
    if slot.variable is None:
        argument, default = BETAS[slot.kind]
        beta = _setting(context, optimizer, argument, default)
        details = {"beta": beta, "iterations": "log(value) / log(beta) - 1"}
        return SlotMap(slot.name, "", holder, "iteration", f"{outer}{name}/iteration", "other", details)
    form = SLOTS[optimizer.name, slot.kind]
    if optimizer in context.momentums:  # its velocity is TF1's own
        form = KerasSlot(form.name)
    if form.needs and not _setting(context, optimizer, form.needs, 0.0):
        return SlotMap(slot.name, slot.variable.name, holder, "", details={"note": "without momentum Keras keeps none"})
    details = {}
    if form.transformation == "negative-lr":
        details["learning_rate"] = _setting(context, optimizer, "learning_rate", None)
    path = variable_path(context, slot.variable)
    reference = path.replace("/", "_") + (
        "" if context.models.owner(twins.variable(slot.variable)) is not None else "_0"
    )
    built = context.built.get(first)
    outer = _around(context, optimizer, (*first.chain[:-1], built)) if built is not None else ""
    full = f"{outer}{name}/{reference}_{form.name}"
    return SlotMap(slot.name, slot.variable.name, holder, form.name, full, form.transformation, details)


def _around(context: Context, optimizer: Optimizer, chain: tuple[Statement, ...]) -> str:
    """The name scopes around where an optimizer makes variables of its own: they are part of the variables' paths."""
    twins = context.units.twins
    text = scope_names.prefix(context, chain)
    return twins.renamed(optimizer, text) if optimizer in twins.same else text


def _setting(context: Context, optimizer: Optimizer, argument: str, default: Any) -> Any:
    """The value of an optimizer's argument, its source text where it is known only at run time."""
    value, node = optimizer.values.get(argument), optimizer.arguments.get(argument)
    if node is None:
        return default
    if isinstance(value, Known):
        return value.value
    path = module_of(context, node)
    return context.modules[path].text(node) if path is not None else default


def _optimizer_names(context: Context) -> dict[Optimizer, str]:
    """The names of the Keras optimizers, as far as a program's own optimizers count them: `adam`, `adam_1`."""
    counts: Counter[str] = Counter()
    names: dict[Optimizer, str] = {}
    others = [one for one in context.units.twins.same if isinstance(one, Optimizer)]
    for optimizer in (*context.optimizers, *others):
        given = optimizer.values.get("name")
        if isinstance(given, Known) and isinstance(given.value, str):
            names[optimizer] = given.value
            continue
        own = context.momentums.get(optimizer)
        base = _keras_snake(own[1] if own else OPTIMIZERS[optimizer.name].cls)
        names[optimizer] = f"{base}_{counts[base]}" if counts[base] else base
        counts[base] += 1
    return names


def _keras_snake(name: str) -> str:
    """Keras' own way to a name from a class's: `rm_sprop`, `sgd`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
