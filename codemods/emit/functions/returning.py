"""What a function gives back."""

from __future__ import annotations

import ast
import re

from ...graph.values import (
    Counted,
    Dict,
    Known,
    Schedule,
    Sequence,
    Summary,
    TrainOp,
    Value,
    Variable,
    flatten,
)
from ...plan.executions import Fetched
from .. import metrics
from ..classes import handed_on
from ..context import quoted
from ..estimating.metrics import update_line
from .writer import Writer


def before_updates(writer: Writer) -> list[str]:
    """Fetched expressions are computed before the variables change; variables themselves are read after."""
    lines = []
    for part in writer.function.returns:
        simple = part.node is None or writer.overlay.render(part.node).isidentifier()
        if (
            not writer.returned(part)
            or isinstance(part.value, Counted | Variable | TrainOp)
            or (simple and not isinstance(part.value, Schedule))
        ):
            continue
        name = writer.free("value")
        lines.append(f"{name} = {_fetched(writer, part)}")
        writer.bound[part] = name
    return lines


def metric_updates(writer: Writer) -> list[str]:
    """The updates of an evaluation's metrics."""
    if writer.function.plain:
        return []
    used = writer.function.runs[0].metrics
    return [
        update_line(writer.context, one, [writer.overlay.render(node) for node, _ in one.inputs], writer.tf)
        for one in used
    ]


def result(writer: Writer) -> list[str]:
    if writer.function.plain and writer.function.returns:
        return [f"return {', '.join(_fetched(writer, part) for part in writer.function.returns)}"]
    if writer.function.plain:
        unit, output = writer.function.units[-1], writer.function.output
        frame = writer.function.frame if output.startswith("self.") else unit.statement.frame
        return [f"return {writer.names.get((frame, output), output)}"]
    returned = [part for part in writer.function.returns if writer.returned(part)]
    if not returned:
        return []
    whole = writer.function.runs[0].execution.fetch_node
    if writer.function.mode == "predict" and isinstance(whole, ast.Name):
        return [f"return {whole.id}"]
    fetches = writer.function.runs[0].fetches
    if isinstance(fetches, Sequence) and _whole(writer, fetches, (), returned) is None:
        entries = [
            _structure(writer, item, (index,), returned)
            for index, item in enumerate(fetches.items)
            if any(part.place[0] == index for part in returned)
        ]
        nested = any(len(part.place) > 1 for part in returned)
        if len(entries) > 1 and nested and fetches.kind == "list":
            return [f"return [{', '.join(entries)}]"]
        return [f"return {', '.join(entries)}"]
    return [f"return {_structure(writer, fetches, (), returned)}"]


def _structure(writer: Writer, value: Value, place: tuple[int | str, ...], returned: list[Fetched]) -> str:
    """A fetch, or the list or dict of fetches that stands at one place, as the function hands it back."""
    for part in returned:
        if part.place == place:
            return _fetched(writer, part)
    name = _whole(writer, value, place, returned)
    if name is not None:
        return name
    if isinstance(value, Sequence):
        entries = [_structure(writer, item, (*place, index), returned) for index, item in enumerate(value.items)]
        comma = "," if len(entries) == 1 and value.kind == "tuple" else ""
        return f"[{', '.join(entries)}]" if value.kind == "list" else f"({', '.join(entries)}{comma})"
    if isinstance(value, Dict):
        names = [key.value for key in value.keys if isinstance(key, Known)]
        pairs = zip(names, value.values, strict=True)
        return (
            "{"
            + ", ".join(f"{quoted(name)}: {_structure(writer, item, (*place, name), returned)}" for name, item in pairs)
            + "}"
        )
    raise writer.stop("a train op within a nested list of fetches", writer.function.runs[0].execution.node)


def _whole(writer: Writer, value: Value, place: tuple[int | str, ...], returned: list[Fetched]) -> str | None:
    """The name of a list of tensors that is fetched as a whole."""
    node: ast.expr | None = writer.function.runs[0].execution.fetch_node
    for index in place:
        if not isinstance(node, (ast.List, ast.Tuple)) or not isinstance(index, int):
            return None
        node = node.elts[index]
    parts = [part for part in returned if part.place[: len(place)] == place]
    whole = isinstance(node, ast.Name) and len(parts) == len(list(flatten(value)))
    if not isinstance(node, ast.Name) or not whole:
        return None
    return node.id if all((part.text or "").startswith(f"{node.id}[") for part in parts) else None


def _fetched(writer: Writer, part: Fetched) -> str:
    """The expression of a fetch at the function's end."""
    if part in writer.bound:
        return writer.bound[part]
    if part.value in writer.given:
        return writer.given[part.value]
    counted = metrics.result(writer.context, part.value)
    if counted is not None:
        return counted
    if isinstance(part.value, TrainOp):
        return writer.losses[part.value]
    if isinstance(part.value, Summary):
        return writer.summaries
    if isinstance(part.value, Variable) and part.value in writer.context.steps:
        return handed_on.spelt(writer.context, writer.function, writer.context.steps[part.value], part.value)
    if part.node is not None:
        return writer.overlay.render(part.node)
    held = re.match(r"(self\.)?\w+", part.text or "")
    for (_, key), name in writer.names.items():
        if held is not None and held[0] == key:
            return name + (part.text or "")[held.end() :]
    return part.text or ""
