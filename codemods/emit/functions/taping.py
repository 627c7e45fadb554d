"""What stands under a function's tape, and the tapes within it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...graph.values import (
    Assign,
    Gradients,
    GraphValue,
    Value,
    Variable,
)
from ...plan.units import Unit, ancestors
from .writer import Writer


@dataclass(frozen=True)
class Inner:
    """A tape within the tape: for which statement, what it watches, and the places of the statements that it sees."""

    at: Unit
    tape: str
    watched: list[str]
    places: range
    last: str  # the last statement under it, where the gradient's own statement computes what is differentiated


def taped(writer: Writer) -> list[str]:
    """The statements under the tape. Gradients that are differentiated themselves have a tape of their own."""
    inner = [_inner(writer, found) for found in writer.function.nested]
    lines: list[str] = []
    for place, unit in enumerate(writer.function.taped):
        held = next((one for one in inner if place in one.places), None)
        if held is None:
            own = next((one for one in inner if one.at is unit and not one.places), None)
            lines.extend(_block(writer, own, []) if own is not None else [])
            lines.extend(_and_watched(writer, unit))
            continue
        if place == held.places[0]:
            lines.extend(_block(writer, held, [writer.function.taped[one] for one in held.places]))
    return lines


def _block(writer: Writer, inner: Inner, units: list[Unit]) -> list[str]:
    """A tape within the tape: what lies between a tensor and what is differentiated with regard to it."""
    body = [f"{inner.tape}.watch({name})" for name in inner.watched]
    body.extend(line for unit in units for line in _and_watched(writer, unit))
    body.extend([inner.last] if inner.last else [])
    head = f"with {writer.tf}.GradientTape() as {inner.tape}:"
    return [head, *(writer.tab + line if line else "" for line in body)]


def _inner(writer: Writer, found: Gradients) -> Inner:
    """What a tape within the tape must see of the function's statements."""
    own = writer.context.units.unit(found)
    taped = writer.function.taped
    if found.pairs or own is None or any(isinstance(one, Variable) for one in found.variables):
        raise writer.stop("gradients of gradients", found.node)
    watched = [_named(writer, one, found) for one in found.variables]
    loss = found.loss
    between = [place for place, unit in enumerate(taped) if unit is not own and _lies_between(writer, unit, found)]
    places = range(min(between), max(between) + 1) if between else range(0)
    node: ast.expr = found.arguments["ys"]
    last, text = "", writer.overlay.render(node)
    if isinstance(loss, GraphValue) and writer.context.units.unit(loss) is own:
        name = writer.free("output")
        last, text = f"{name} = {text}", name
    inside = [taped[place] for place in places]
    if own in inside or any(isinstance(value, Gradients | Assign) for unit in inside for value in unit.made):
        raise writer.stop("gradients of gradients", found.node)
    if any(one in unit.made for unit in inside for one in found.variables):
        raise writer.stop("gradients of gradients", found.node)
    tape = writer.free("inner_tape")
    writer.inner[found] = tape, text
    return Inner(own, tape, watched, places, last)


def _lies_between(writer: Writer, unit: Unit, found: Gradients) -> bool:
    """Whether a statement computes what is differentiated from what it is differentiated by."""
    if not isinstance(found.loss, GraphValue):
        return False
    wanted, given = ancestors([found.loss]), set(found.variables)
    return any(value in wanted - given and ancestors([value]) & given for value in unit.made)


def _named(writer: Writer, value: Value, found: Gradients) -> str:
    """The name of a tensor that is differentiated by."""
    if value in writer.parameters:
        return writer.parameters[value]
    for unit in writer.function.units:
        name = next((name for name, bound in unit.statement.writes.items() if bound is value), None)
        if name is not None and not writer.method:
            return name
    raise writer.stop("a gradient with regard to a tensor that is computed", found.node)


def _and_watched(writer: Writer, unit: Unit) -> list[str]:
    """A statement; behind it, the tape is told of a tensor that it computes and that is differentiated by."""
    lines = writer.statement(unit)
    for found in writer.function.gradients:
        for one in found.variables:
            if one in unit.made and not isinstance(one, Variable):
                lines = [*lines, f"{writer.tape}.watch({_named(writer, one, found)})"]
    return lines


def watched(writer: Writer) -> list[str]:
    """The parameters with regard to which gradients are taken."""
    found = [one for gradients in writer.function.gradients for one in gradients.variables]
    lines = [f"{writer.tape}.watch({writer.parameters[one]})" for one in found if one in writer.parameters]
    return list(dict.fromkeys(lines))
