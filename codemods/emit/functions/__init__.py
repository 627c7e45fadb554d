"""The text of a new tf.function: its signature, the slice, the tape, the update, what it returns."""

from __future__ import annotations

from ...graph.values import TrainOp
from ...plan.executions import FunctionPlan
from ..classes import handed_on
from ..context import Context
from . import returning, signature, summaries, taping, training
from .writer import Writer
from .writer import as_loop as as_loop
from .writer import is_returned as is_returned


def text(context: Context, function: FunctionPlan) -> str:
    """The function's source at the indentation of the module, without blank lines around it."""
    writer = Writer(context, function)
    parameters = [parameter.name for parameter in function.parameters]
    names = ", ".join(["self", *parameters] if writer.method else parameters)
    lines = [*([] if function.plain else signature.decorator(writer)), f"def {function.name}({names}):"]
    lines.extend(writer.tab + line if line else "" for line in _spaced(_body(writer)))
    return "\n".join(lines) + "\n"


def _body(writer: Writer) -> list[str]:
    function = writer.function
    lines: list[str] = []
    taped = set(function.taped)
    rest = [unit for unit in function.units if unit not in taped]
    asked = handed_on.calls(writer.context, function, writer.given)
    if function.trains or function.gradients:
        losses, inner = training.losses(writer)
        block = asked + taping.taped(writer) + inner
        count = len(function.gradients) + sum(train.loss is not None for train in function.trains)
        persistent = "persistent=True" if count > 1 else ""
        watched = taping.watched(writer)
        lines.append(f"with {writer.tf}.GradientTape({persistent}) as {writer.tape}:")
        lines.extend(writer.tab + line if line else "" for line in [*watched, *(block or ["pass"])])
    else:
        losses = {}
        lines.extend(asked)
        lines.extend(line for unit in function.taped for line in writer.statement(unit))
    late = [unit for unit in rest if training.follows_update(writer, unit)]
    for unit in rest:
        if unit not in late and not any(isinstance(value, TrainOp) for value in unit.made):
            lines.extend(writer.statement(unit))
    lines.extend(summaries.written(writer))
    if function.trains:
        lines.extend(returning.before_updates(writer))
    lines.extend(training.updates(writer, losses))
    lines.extend(line for unit in late for line in writer.statement(unit))
    lines.extend(returning.metric_updates(writer))
    lines.extend(returning.result(writer))
    return lines or ["pass"]


def _spaced(lines: list[str]) -> list[str]:
    """Lines with one blank line around a function within them, but for where a block begins or ends."""
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1] and not found[-1].endswith(":")):
            found.append(line)
    while found and not found[-1]:
        found.pop()
    return found
