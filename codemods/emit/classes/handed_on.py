"""Functions that go on with an object's graph: they ask its method for what it computes, and call that what the object did."""

from __future__ import annotations

import re

from ...graph.values import GraphValue, Instance, Placeholder
from ...plan import objects, slices
from ...plan.executions import FunctionPlan
from ..context import Context


def names(context: Context, function: FunctionPlan, taken: set[str]) -> dict[GraphValue, str]:
    """What a function calls the values that objects hand to it."""
    if not function.handed:
        return {}
    used = taken | {parameter.name for parameter in function.parameters} | {"tape", "gradients"}
    parts = [part for unit in function.units for part in unit.parts]
    ours = {value for handed in function.handed for value in handed.values}
    used |= {key[1] for part in parts for key in part.reads if part.reads_values.get(key) not in ours}
    used |= {name for part in parts for name in part.writes}
    for fetched in function.returns:
        if fetched.node is not None and fetched.value not in ours:
            used |= slices.names_in(fetched.node)
    found: dict[GraphValue, str] = {}
    for handed in function.handed:
        for value in handed.values:
            wanted = _attribute(handed.owner, value)
            candidate, count = wanted, 2
            while candidate in used:
                candidate, count = f"{wanted}_{count}", count + 1
            found[value] = candidate
            used.add(candidate)
    return found


def _attribute(one: Instance, value: GraphValue) -> str:
    return next(key for key, binding in one.frame.bindings.items() if binding.value is value).removeprefix("self.")


def calls(context: Context, function: FunctionPlan, given: dict[GraphValue, str]) -> list[str]:
    """The statements that ask the objects."""
    lines = []
    parameters = {parameter.value: parameter.name for parameter in function.parameters}
    for handed in function.handed:
        arguments = ", ".join(parameters[parameter.value] for parameter in handed.callee.parameters)
        targets = ", ".join(given.get(part.value, "_") for part in handed.callee.returns)
        lines.append(f"{targets} = {reached(context, function, handed.owner)}.{handed.callee.name}({arguments})")
    return lines


def reached(context: Context, function: FunctionPlan, one: Instance) -> str:
    """The expression by which a function reaches an object."""
    found = objects.reach(function.frame, one)
    if found is None:
        node = function.runs[0].execution.node
        raise context.stop("an object that no name reaches where it runs", node, function.frame.module.path)
    return found


def is_foreign(function: FunctionPlan, value: Placeholder) -> bool:
    """Whether a placeholder is another's than of the frame, or the object, that a function belongs to."""
    one = objects.owner(value.chain[-1].frame) if function.handed else None
    return one is not None and one is not function.frame.instance


def _begun(context: Context, function: FunctionPlan, value: GraphValue) -> Instance | None:
    """The object that a function goes on from and that a value belongs to."""
    one = objects.holder(context.run, context.steps, value)
    return one if any(handed.owner is one for handed in function.handed) else None


def spelt(context: Context, function: FunctionPlan, text: str, value: GraphValue) -> str:
    """An expression of a value's own object (`self.…`), as a function that goes on from there reaches it."""
    one = _begun(context, function, value)
    if one is None or one is function.frame.instance:
        return text
    return re.sub(r"\bself\.", lambda _: f"{reached(context, function, one)}.", text)
