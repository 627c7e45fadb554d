"""Losses that TF1 collects: those of tf.losses, and those of the regularizers of layers; and what adds them up.

A loss that only its collection holds (`tf.losses.softmax_cross_entropy(…)` as a statement) gets a name, since what adds the
losses up must say which.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from ..interpreter import Interpreter
from ..values import Known, Sequence, Tensor, Value, Variable
from . import generic
from .arguments import Arguments, of_function

COLLECTING = (
    "mean_squared_error softmax_cross_entropy sparse_softmax_cross_entropy sigmoid_cross_entropy absolute_difference "
    "huber_loss log_loss hinge_loss cosine_distance compute_weighted_loss"
).split()
OF_CONTRIB = COLLECTING[:5]


@dataclass(eq=False)
class Collected:
    """What a call took from the collections: losses by their names, and weights by their regularizers."""

    names: list[str] = field(default_factory=list)
    weights: list[Variable] = field(default_factory=list)
    total: bool = False  # their sum, not the list


def _loss(run: Interpreter, name: str, node: ast.Call) -> Value:
    made = generic.call(run, name, node)
    if not isinstance(made, Tensor):
        return made
    keywords = {keyword.arg for keyword in node.keywords}
    if "loss_collection" not in keywords:
        made.shape = () if "reduction" not in keywords else None
        run.graph.collections.setdefault("losses", []).append(made)
        statement = run.chain[-1].node
        if isinstance(statement, ast.Expr) and statement.value is node:
            if statement not in run.named_losses:
                run.named_losses[statement] = _free(run, name.rpartition(".")[2])
            run.bind(run.named_losses[statement], made)
    elif "loss_collection" in keywords:
        return run.problem(node, "a loss that goes to a collection of its own")
    return made


def _free(run: Interpreter, function: str) -> str:
    """A name that the module does not use: `loss`, or that of the function."""
    tree = run.frame.module.tree
    taken = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)} | set(run.named_losses.values())
    taken |= {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
    base = function.removeprefix("sparse_").removeprefix("softmax_").removeprefix("sigmoid_")
    return next(name for name in ("loss", base, *(f"{base}_{count}" for count in range(2, 99))) if name not in taken)


def _add(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    loss = arguments.value("loss")
    if not isinstance(loss, Tensor) or "loss_collection" in arguments:
        return run.problem(node, "a loss added to a collection, which is not known to be a tensor")
    run.graph.collections.setdefault("losses", []).append(loss)
    return Known(None)


def collected(
    run: Interpreter, node: ast.Call, losses: bool, regularizers: bool, total: bool, scope: Value | None = None
) -> Value:
    """The list or the sum of what the collections hold by now."""
    if scope is not None and not (isinstance(scope, Known) and scope.value is None):
        return run.problem(node, "losses of one scope")
    made = Collected(total=total)
    terms: list[Tensor] = []
    if losses:
        for one in run.graph.collections.get("losses", []):
            held = _held(run, one)
            if held is None or not isinstance(one, Tensor):
                return run.problem(node, "a collected loss that no name holds here")
            run.load(held)
            made.names.append(held)
            terms.append(one)
    if regularizers:
        for one in run.graph.collections.get("regularization_losses", []):
            if isinstance(one, Tensor):
                terms.append(one)
                made.weights.extend(part for part in one.inputs if isinstance(part, Variable))
    known = run.collected.get(node)
    if known is not None and (known.names != made.names or known.weights != made.weights):
        return run.problem(node, "collected losses that differ from call to call")
    run.collected[node] = made
    if not total:
        return Sequence(list(terms))
    if not terms:
        return run.problem(node, "a sum of losses where there are none")
    return run.tensor(node, "collected losses", tuple(terms), (), "float32")


def _held(run: Interpreter, loss: Value) -> str | None:
    """The name that means a loss now."""
    frame = run.frame
    own = next((name for name, binding in frame.bindings.items() if binding.value is loss), None)
    if own is not None or frame is frame.top:
        return own
    return next((name for name, binding in frame.top.bindings.items() if binding.value is loss), None)


def _get_losses(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    if "loss_collection" in arguments:
        return run.problem(node, "losses of another collection")
    return collected(run, node, losses=True, regularizers=False, total=False, scope=arguments.value("scope"))


def _get_regularizers(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    total = name.endswith("_loss")
    if total and not run.graph.collections.get("regularization_losses"):
        known = run.collected.setdefault(node, Collected(total=True))
        if known.weights or arguments.value("scope") is not None:
            return run.problem(node, "collected losses that differ from call to call")
        return run.tensor(node, "constant", (), (), "float32")  # TF1's was the number 0
    return collected(run, node, losses=False, regularizers=True, total=total, scope=arguments.value("scope"))


def _get_total(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments: Arguments = of_function(run, name, node)
    regularizers = arguments.known("add_regularization_losses", True)
    if not isinstance(regularizers, bool):
        return run.problem(node, "a sum of losses, of which kinds is not known")
    return collected(run, node, losses=True, regularizers=regularizers, total=True, scope=arguments.value("scope"))


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"losses.{name}": _loss for name in COLLECTING},
    **{f"contrib.losses.{name}": _loss for name in OF_CONTRIB},
    **{f"{module}losses.add_loss": _add for module in ("", "contrib.")},
    **{f"{module}losses.get_losses": _get_losses for module in ("", "contrib.")},
    **{f"{module}losses.get_regularization_losses": _get_regularizers for module in ("", "contrib.")},
    "losses.get_regularization_loss": _get_regularizers,
    **{f"{module}losses.get_total_loss": _get_total for module in ("", "contrib.")},
}
