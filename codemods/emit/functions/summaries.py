"""The summaries that a function writes, or hands back."""

from __future__ import annotations

import ast

from ...graph.values import (
    GraphValue,
    Placeholder,
    Summary,
    Tensor,
    Value,
    Variable,
)
from ...plan.units import weight_summary
from ..context import quoted
from ..text import comments_above, trailing_comment
from .writer import Writer


def written(writer: Writer) -> list[str]:
    use = None if writer.function.plain else writer.function.runs[0].summary
    wanted = [part.value for part in writer.function.returns if isinstance(part.value, Summary)]
    recorded = None if writer.function.plain else writer.context.recordings.get(writer.function.runs[0])
    if (use is None and recorded is None) or not wanted or not isinstance(wanted[0], Summary):
        return []
    members = wanted[0].members or [wanted[0]]
    _check_summaries(writer, members)
    if use is not None and not use.inside:
        entries = [f"{quoted(member.tag)}: {_summary_data(writer, member, True)}" for member in members]
        name = writer.free("summaries")
        writer.summaries = name
        return [f"{name} = {{{', '.join(entries)}}}"]
    lines = [recorded] if recorded is not None else []
    if use is not None:
        func = use.use.node.func
        target = writer.context.edits[writer.path].render(func.value) if isinstance(func, ast.Attribute) else ""
        lines = [f"with {target}.as_default(step=step):"]
    for member in members:
        unit = None if _weight(writer, member) else writer.context.units.unit(member)
        comments = comments_above(unit.statement.frame.module, unit.node) if unit is not None else []
        if unit is not None:
            writer.context.moves_of(unit.statement).taken.add(unit.node)
            trailing = trailing_comment(unit.statement.frame.module, unit.node)
            comments = [*comments, *([trailing] if trailing else [])]
        lines.extend(writer.tab + comment for comment in comments)
        lines.append(
            f"{writer.tab}{writer.tf}.summary.{member.kind}({quoted(member.tag)}, {_summary_data(writer, member, False)})"
        )
    return lines


def _check_summaries(writer: Writer, members: list[Summary]) -> None:
    """A name that a summary reads must still mean the same at the function's end."""
    for member in members:
        if _weight(writer, member):
            continue
        unit = writer.context.units.unit(member)
        if unit is None or unit.statement.frame is not member.chain[-1].frame:
            raise writer.stop("a summary made in a function", member.node)
        reads = {name for part in unit.parts for _, name in part.reads}
        for other in writer.function.units:
            if other.index > unit.index and reads & {name for part in other.parts for name in part.writes}:
                raise writer.stop("a summary of a name that means something else later", member.node)


def _weight(writer: Writer, member: Summary) -> str:
    """How a model's weight is reached that a summary within the model's function shows; "" if it shows anything else."""
    variable = weight_summary(writer.context.units, member)
    if variable is None or writer.context.models.owner(variable) is None:
        return ""
    return writer.context.reach(variable, writer.function.frame) or ""


def _summary_data(writer: Writer, member: Summary, apart: bool) -> str:
    arguments: dict[str, ast.expr] = member.arguments
    node = arguments.get("tensor") or arguments.get("values")
    if node is None:
        raise writer.stop("a summary without a value", member.node)
    text = _weight(writer, member) or writer.overlay.render(node)
    if apart:
        values = writer.context.run.meanings.get(node, [])
        return f"{writer.tf}.identity({text})" if any(isinstance(value, Variable) for value in values) else text
    values = writer.context.run.meanings.get(node, [])
    if member.kind == "scalar" and any(_unknown_rank(value) for value in values):
        text = f"{writer.tf}.reshape({text}, [])"
    extra = [
        f"{key}={writer.overlay.render(arguments[key])}"
        for key in ("max_outputs", "sample_rate", "description")
        if key in arguments
    ]
    return ", ".join([text, *extra])


def _unknown_rank(value: Value) -> bool:
    """Whether a tensor's rank follows from nothing but what is fed: TF2 wants a scalar summary's to be known."""
    fed = [root for root in value.roots if isinstance(root, Placeholder)] if isinstance(value, GraphValue) else []
    return isinstance(value, Tensor) and value.shape is None and any(root.shape is None for root in fed)
