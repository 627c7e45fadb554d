"""MomentumOptimizer with a rate that changes: Keras' SGD folds the rate into its velocity, TF1 multiplied when it stepped.

After the rate has changed the two differ (.71 off in one program); with a constant rate they agree, and SGD is written.
"""

from __future__ import annotations

import ast

from ..graph.values import Optimizer
from .context import Context

CLASS = """\
class {name}({tf}.keras.optimizers.SGD):
{tab}\"\"\"SGD whose velocity does not hold the learning rate, so that the rate may change, as in TensorFlow 1.\"\"\"

{tab}def update_step(self, gradient, variable, learning_rate):
{tab}{tab}velocity = self.momentums[self._get_variable_index(variable)]
{tab}{tab}self.assign(velocity, self.momentum * velocity + gradient)
{tab}{tab}step = gradient + self.momentum * velocity if self.nesterov else velocity
{tab}{tab}self.assign_sub(variable, {tf}.cast(learning_rate, gradient.dtype) * step)
"""


def define(context: Context, optimizer: Optimizer, path: str) -> str:
    """The name of the class, which is put before the first statement of a module that makes such an optimizer."""
    known = next((name for (where, name) in context.momentums.values() if where == path), None)
    name = known or context.fresh("Momentum")
    context.momentums[optimizer] = (path, name)
    if known is None:
        text = CLASS.format(name=name, tf=context.tf(path), tab=context.indent(path))
        context.moves[path].before.setdefault(_top(context, optimizer), []).append(text)
    return name


def _top(context: Context, optimizer: Optimizer) -> ast.stmt:
    """The statement of the module that makes an optimizer, or holds what does."""
    node: ast.AST = optimizer.node or ast.Pass()
    while not isinstance(context.parents.get(node), (ast.Module, type(None))):
        node = context.parents[node]
    assert isinstance(node, ast.stmt)
    return node
