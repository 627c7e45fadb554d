"""What the native level did, as the manifest says it: executions, variables and slots, from the plan that was carried out.

A TF1 name is given only where the source makes it certain; an empty one means that it takes a run of the old program to know.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import cast

from ..graph.frames import Frame, Statement
from ..graph.values import GraphValue, Op, Optimizer, Placeholder, Tensor, TrainOp, Variable
from ..manifest import (
    Execution,
    Kind,
    NewPlace,
    Output,
    Parameter,
    Place,
    Program,
    SlotMap,
    Transformation,
    Value,
    VariableMap,
)
from ..plan.functions import Fetched, FunctionPlan, Run
from .context import Context
from .functions import is_returned
from .optimizers import SLOTS


def manifest_of(context: Context) -> Program:
    """The manifest's entry for a program that went native."""
    names = _placeholder_names(context)
    return Program(
        files=tuple(sorted(context.modules)),
        level="native",
        executions=tuple(_execution(context, run, names) for run in context.plan.runs),
        variables=tuple(_variable(context, one) for graph in context.run.graphs for one in graph.variables),
        slots=tuple(_slots(context)),
    )


def _execution(context: Context, run: Run, names: dict[Placeholder, str]) -> Execution:
    statement = run.execution.chain[-1]
    path = statement.frame.module.path
    node = run.execution.node
    old = Place(path, node.lineno, node.col_offset)
    outputs = tuple(_output(context, run, fetched, path) for fetched in run.fetched)
    if run.kind == "function" and run.function is not None:
        function = run.function
        new = NewPlace(function.frame.module.path, _qualname(function))
        parameters = tuple(
            _parameter(context, run, one.name, one.value, names)
            for one in function.parameters
            if one.value is not None and one.kind != "element"
        )
        constants = tuple(
            Parameter("", _tensor(value, names), _source(context, value), "bool", (), static=True, default=str(given))
            for value, given in function.constants.items()
        )
        return Execution("function", old, new, parameters + constants, outputs, tuple(_values(function)))
    kind: Kind = "dropped"
    if run.kind == "variable-read":
        kind = "variable-read"
    elif run.kind == "evaluated":
        kind = "evaluated"
    new_place = None if kind == "dropped" else NewPlace(path, _scope(statement.frame))
    return Execution(kind, old, new_place, outputs=outputs)


def _parameter(context: Context, run: Run, name: str, value: GraphValue, names: dict[Placeholder, str]) -> Parameter:
    feed = run.feeds.get(value)
    source = _source(context, value)
    default = None if feed is not None else source if isinstance(value, Placeholder) else None
    tensor = value if isinstance(value, Tensor) else None
    return Parameter(
        name,
        _tensor(value, names),
        source,
        (tensor.dtype or "") if tensor is not None else "",
        tensor.shape if tensor is not None else None,
        default=default,
    )


def _output(context: Context, run: Run, fetched: Fetched, path: str) -> Output:
    text = context.modules[path].text(fetched.node) if fetched.node is not None else fetched.text or ""
    text = " ".join(text.split())
    if run.function is None:
        return Output(text, _tensor(fetched.value, {}), None if isinstance(fetched.value, Op) else 0)
    returned = [one.value for one in run.function.returns if is_returned(run.function, one)]
    index = returned.index(fetched.value) if fetched.value in returned else None
    return Output(text, _tensor(fetched.value, {}), index, _name(run.function, fetched.value))


def _values(function: FunctionPlan) -> list[Value]:
    """The tensors that still have a name within the function, in the order in which it makes them."""
    found: list[Value] = []
    place = NewPlace(function.frame.module.path, _qualname(function))
    for unit in function.units:
        for part in unit.parts:
            if part.frame is not function.frame:
                continue
            for name, value in part.writes.items():
                if isinstance(value, Tensor) and not isinstance(value, (Variable, Placeholder)):
                    old = Place(part.frame.module.path, part.node.lineno, part.node.col_offset)
                    found.append(Value(name, "", old, place))
    return found


def _variable(context: Context, variable: Variable) -> VariableMap:
    owner = ""
    if variable.chain:
        owner = context.reach(variable, variable.chain[0].frame.top) or ""
    return VariableMap(
        variable.name,
        variable.name,
        dtype=variable.dtype or "",
        shape=variable.shape,
        trainable=variable.trainable,
        owner=owner,
    )


def _slots(context: Context) -> list[SlotMap]:
    """The slots that TF1's optimizers made, under their checkpoint names."""
    found: dict[tuple[str, str], SlotMap] = {}
    for train in context.run.values:
        if not isinstance(train, TrainOp) or train.optimizer is None or train.optimizer not in context.optimizers:
            continue
        loss = train.loss
        variables = train.variables
        if not train.explicit and isinstance(loss, GraphValue):
            variables = [one for one in variables if one in loss.roots]
        for variable in variables:
            for suffix, slot, transformation in SLOTS.get(train.optimizer.name, ()):
                name = _slot_name(train.optimizer, variable, suffix)
                how = cast(Transformation, transformation)
                made = SlotMap(name, variable.name, context.optimizers[train.optimizer], slot, transformation=how)
                found.setdefault((name, made.optimizer), made)
    return list(found.values())


def _slot_name(optimizer: Optimizer, variable: Variable, suffix: str) -> str:
    """`w/Adam_1`; under the optimizer's own name where one is given, and below the variable scope that it was run in."""
    given = optimizer.arguments.get("name")
    base, mark, count = suffix.partition("_")
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        base = given.value
    prefix = f"{optimizer.scope}/" if optimizer.scope else ""
    return f"{prefix}{variable.name}/{base}{mark}{count}"


# -- names --------------------------------------------------------------------------------------------------------------


def _placeholder_names(context: Context) -> dict[Placeholder, str]:
    """The TF1 names of the placeholders that no scope can have changed."""
    made = [one for one in context.run.values if isinstance(one, Placeholder)]
    given = {one: _given_name(one) for one in made}
    if len(context.run.graphs) > 1 or any(_is_scoped(one) for one in made):
        counts = Counter(name for name in given.values() if name)
        return {one: f"{name}:0" for one, name in given.items() if name and counts[name] == 1 and not _is_scoped(one)}
    names: dict[Placeholder, str] = {}
    used: Counter[str] = Counter()
    for one in made:
        base = given[one] or (
            "Placeholder" if one.op == "placeholder" else "PlaceholderWithDefault" if given[one] == "" else ""
        )
        if not base:
            continue
        names[one] = f"{base}_{used[base]}:0" if used[base] else f"{base}:0"
        used[base] += 1
    return names


def _given_name(one: Placeholder) -> str | None:
    """The name that the source gives; "" where it gives none, None where it isn't written out."""
    node = one.arguments.get("name")
    if node is None:
        return ""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_scoped(one: Placeholder) -> bool:
    return any(_within_with(statement) for statement in one.chain)


def _within_with(statement: Statement) -> bool:
    current: Statement | None = statement
    while current is not None:
        if isinstance(current.node, ast.With):
            return True
        current = current.parent
    return False


def _tensor(value: GraphValue, names: dict[Placeholder, str]) -> str:
    if isinstance(value, Variable):
        return f"{value.name}:0"
    return names.get(value, "") if isinstance(value, Placeholder) else ""


def _source(context: Context, value: GraphValue) -> str:
    """How the old source calls a value: the name that it was first bound to."""
    for statement in reversed(value.chain):
        for name, bound in statement.writes.items():
            if bound is value:
                return name
    return ""


def _name(function: FunctionPlan, value: GraphValue) -> str:
    for unit in function.units:
        for part in unit.parts:
            for name, bound in part.writes.items():
                if bound is value:
                    return name
    return ""


def _qualname(function: FunctionPlan) -> str:
    scope = _scope(function.frame)
    return f"{scope}.<locals>.{function.name}" if scope else function.name


def _scope(frame: Frame) -> str:
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
