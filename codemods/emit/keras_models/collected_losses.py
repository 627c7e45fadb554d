"""Losses that TF1 took from its collections: those of the layers' regularizers are their models' `losses`, the others have names.

https://keras.io/api/layers/regularizers/ and https://www.tensorflow.org/guide/migrate
"""

from __future__ import annotations

import ast

from ...graph.ops.losses import Collected
from ...graph.values import Variable
from ...plan.models import Object
from .. import setup
from ..context import Context


def rewrite(context: Context) -> None:
    """Writes what the calls took from the collections."""
    for node, collected in context.run.collected.items():
        path = setup.module_of(context, node)
        if path is not None:
            context.own(node)
            context.edits[path].replace(node, _text(context, node, collected, path))


def name_losses(context: Context) -> None:
    """Gives the losses that only their collection held their names, once their calls are rewritten."""
    for statement, name in context.run.named_losses.items():
        path = setup.module_of(context, statement)
        if path is not None:
            context.edits[path].put_before(statement.value, f"{name} = ")


def _text(context: Context, node: ast.Call, collected: Collected, path: str) -> str:
    if collected.total and not collected.names and not collected.weights:
        return f"{context.tf(path)}.constant(0.0)"
    lists = [f"{context.objects[one]}.losses" for one in _models(context, node, collected.weights, path)]
    if not collected.total:
        parts = [f"[{', '.join(collected.names)}]"] if collected.names or not lists else []
        return _bracketed(context, node, [*parts, *lists])
    sums = [f"{context.tf(path)}.add_n({' + '.join(lists)})"] if lists else []
    return _bracketed(context, node, [*collected.names, *sums])


def _bracketed(context: Context, node: ast.Call, terms: list[str]) -> str:
    """A sum in the place of a call."""
    text = " + ".join(terms)
    operand = isinstance(context.parents.get(node), ast.operator | ast.BinOp | ast.Attribute)
    return f"({text})" if operand and len(terms) > 1 else text


def _models(context: Context, node: ast.Call, weights: list[Variable], path: str) -> list[Object]:
    """The models whose regularized weights are just these."""
    owners = (context.models.owner(one) for one in weights)
    made = list(dict.fromkeys(one.root for one in owners if one is not None))
    every = {weight for one in made for weight in one.weights() if weight.regularized}
    if every != set(weights) or any(one.shares for one in made):
        raise context.stop("losses of some regularizers of a model, but not of all", node, path)
    return made
