"""The losses of a function, its gradients, and the updates that these make."""

from __future__ import annotations

import ast

from ...graph.values import (
    Assign,
    AverageOp,
    Optimizer,
    Tensor,
    TrainOp,
    Variable,
)
from ...plan.units import Unit
from ..classes import handed_on
from ..setup import NOISE
from ..text import snake
from .writer import Writer


def follows_update(writer: Writer, unit: Unit) -> bool:
    """Whether a unit assigns to what the same run trains (weight clipping) or keeps averages of it, where TF1 left the
    order open, or whether a control dependency lets it wait for the step."""
    trained = {variable for train in writer.function.trains for variable in train.variables}
    assigned = [value for value in unit.made if isinstance(value, Assign) and value.variable in trained]
    moved = [one for one in unit.made if isinstance(one, AverageOp) and trained.intersection(one.variables)]
    behind = any(
        isinstance(one, Assign | AverageOp) and any(isinstance(value, TrainOp) for value in one.inputs)
        for one in unit.made
    )
    if (assigned or moved) and not behind:
        node, path = unit.node, unit.statement.frame.module.path
        what = "assignment" if assigned else "moving average"
        message = f"this {what} and the training step of the same run raced in TensorFlow 1; it follows the step now"
        writer.context.note("racing-updates", "TFM402", message, node, path)
    return bool(assigned or moved or behind)


def losses(writer: Writer) -> tuple[dict[TrainOp, str], list[str]]:
    """The expression of each loss; those that have no name get one, as the last statement under the tape."""
    names: dict[TrainOp, str] = {}
    lines: list[str] = []
    checks: list[str] = []
    for train in writer.function.trains:
        if train.loss is None:
            continue
        node: ast.expr = train.arguments["loss"]
        text = writer.overlay.render(node)
        if not text.isidentifier():
            name = writer.free("loss")
            lines.append(f"{name} = {text}")
            text = name
        if train.checked:
            checks.append(f'{writer.tf}.debugging.check_numerics({text}, "LossTensor is inf or nan")')
        names[train] = text
    writer.losses = names
    return names, [*lines, *checks]


def updates(writer: Writer, losses: dict[TrainOp, str]) -> list[str]:
    """Gradients first, for every train op; then the updates."""
    first: list[str] = []
    then: list[str] = []
    several = len(writer.function.trains) > 1
    for train in writer.function.trains:
        optimizer = train.optimizer
        assert optimizer is not None
        name = _optimizer(writer, optimizer)
        prefix = "_".join(word for word in snake(name).split("_") if word not in NOISE) if several else ""
        if train.loss is not None:
            gradients, text = _gradients(writer, train, losses[train], prefix, first)
            pairs = f"zip({gradients}, {text})"
        else:
            node: ast.expr = train.arguments["grads_and_vars"]
            pairs = writer.overlay.render(node)
            if optimizer in writer.context.dense:
                each = f"({writer.tf}.convert_to_tensor(gradient), variable)"
                pairs = f"[{each} for gradient, variable in {pairs} if gradient is not None]"
        then.extend(_rate(writer, optimizer))
        then.append(f"{name}.apply_gradients({pairs})")
        step = train.global_step
        if isinstance(step, Variable) and step not in writer.context.steps:
            reached = writer.context.reach(step, writer.function.frame)
            if reached is None:
                raise writer.stop("a global step that no name reaches", train.node)
            then.append(f"{reached}.assign_add(1)")
    return [*first, *then]


def _gradients(writer: Writer, train: TrainOp, loss: str, prefix: str, lines: list[str]) -> tuple[str, str]:
    arguments = train.arguments
    text = writer.variable_list(train.variables, train.loss, arguments.get("var_list"), train.explicit, train.node)
    if not text.isidentifier():
        name = writer.free(f"{prefix}_variables" if prefix else "trainable_variables")
        lines.append(f"{name} = {text}")
        text = name
    gradients = writer.free(f"{prefix}_gradients" if prefix else "gradients")
    call = f"{writer.tape}.gradient({loss}, {text})"
    if train.optimizer is not None and train.optimizer in writer.context.dense:
        lines.append(f"{gradients} = [{writer.tf}.convert_to_tensor(gradient) for gradient in {call}]")
    else:
        lines.append(f"{gradients} = {call}")
    return gradients, text


def _rate(writer: Writer, optimizer: Optimizer) -> list[str]:
    node = writer.context.rates.get(optimizer)
    if node is None:
        return []
    rate = writer.overlay.render(node)
    if any(isinstance(one, Tensor) and one.shape is None for one in writer.context.run.meanings.get(node, ())):
        rate = f"{writer.tf}.reshape({rate}, [])"  # Keras asks for the rank, which TF1 looked at when it ran
    return [f"{_optimizer(writer, optimizer)}.learning_rate.assign({rate})"]


def _optimizer(writer: Writer, optimizer: Optimizer) -> str:
    return handed_on.spelt(writer.context, writer.function, writer.context.optimizers[optimizer], optimizer)
