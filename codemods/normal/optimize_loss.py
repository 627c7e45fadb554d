"""tf.contrib.layers.optimize_loss is written as what it does: an optimizer, its gradients, clipped, and the step.

It stood in a variable scope of its own, which names the slots, kept a rate that is a number in a variable, ran the update ops
first, and gave the loss. It is TF1 that means the same.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..api import lookup
from ..emit.text import column, indentation
from ..graph.interpreter import Interpreter
from ..graph.values import Function, GraphValue, Known, Optimizer, Tensor, TFName, Value
from ..parse import Module
from .origins import Origin, Origins, identity, split, written
from .outlining import own_lines
from .words import fresh, words

NAME = "contrib.layers.optimize_loss"
# What a name stands for, with the rate in place of {}.
OPTIMIZERS = {
    "Adagrad": "AdagradOptimizer({})",
    "Adam": "AdamOptimizer({})",
    "Ftrl": "FtrlOptimizer({})",
    "Momentum": "MomentumOptimizer({}, 0.9)",
    "RMSProp": "RMSPropOptimizer({})",
    "SGD": "GradientDescentOptimizer({})",
}
# Arguments that are taken as they are given by default only.
DEFAULTS = ("gradient_noise_scale", "gradient_multipliers", "learning_rate_decay_fn", "update_ops")
MERGED = frozenset({"summary.merge_all", "merge_all_summaries", "summary.merge_all_v2"})


def written_otherwise(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which a call was written as what it does, one call each; empty where there is none."""
    found: dict[str, tuple[Module, Origins]] = {}
    for value in run.values:
        if not isinstance(value, Tensor) or value.op != NAME or not isinstance(value.node, ast.Call):
            continue
        module = value.chain[-1].frame.module
        statement = value.chain[-1].node
        lines = _Call(run, module, value.node).lines(statement) if module.path not in found else None
        if lines is not None:
            old = origins.get(module.path) or identity(module.utf8.decode())
            found[module.path] = _replaced(module, statement, lines, old)
    return found


def _replaced(module: Module, statement: ast.stmt, lines: list[str], old: Origins) -> tuple[Module, Origins]:
    text = split(module.utf8.decode())
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    here = old.of[first - 1]
    of = [Origin(here.line, here.text, here.path)] * len(lines)
    now = [*text[: first - 1], *lines, *text[last:]]
    return written(module, now, [*old.of[: first - 1], *of, *old.of[last:]])


class _Call:
    """One call, and what its arguments mean."""

    def __init__(self, run: Interpreter, module: Module, node: ast.Call) -> None:
        self.run, self.module, self.node = run, module, node
        fact = lookup(NAME)
        names = [one.name for one in fact.signature or ()] if fact is not None else []
        self.given = dict(zip(names, node.args, strict=False))
        self.given.update({one.arg: one.value for one in node.keywords if one.arg is not None})
        self.whole = len(self.given) == len(node.args) + len(node.keywords)

    def lines(self, statement: ast.stmt) -> list[str] | None:
        """The statements that take the call's place; None where it can't be told what the call does."""
        target = self._target(statement)
        root = next((name for name, bound in self._bindings().items() if _is_tensorflow(bound)), None)
        if target is None or root is None or not self._is_plain():
            return None
        taken = words(self.module)
        head, rate = self._rate(root, taken)
        optimizer = self._optimizer(root, rate)
        if optimizer is None:
            return None
        name = fresh(taken, ["optimizer"])
        body = [*head, f"{name} = {optimizer}", *self._step(root, target, name, taken)]
        indent, tab = column(self.module, statement), indentation(self.module)
        scope = self._text("name") or "None"
        lines = [f'{indent}with {root}.variable_scope({scope}, "OptimizeLoss"):', *(indent + tab + one for one in body)]
        return [*lines, f"{indent}return {target}"] if isinstance(statement, ast.Return) else lines

    def _target(self, statement: ast.stmt) -> str | None:
        if not own_lines(self.module, [statement]):
            return None
        if isinstance(statement, ast.Return) and statement.value is self.node:
            return fresh(words(self.module), ["train_op"])
        if isinstance(statement, ast.Assign) and statement.value is self.node and len(statement.targets) == 1:
            target = statement.targets[0]
            return self.module.text(target) if isinstance(target, (ast.Name, ast.Attribute)) else None
        return None

    def _bindings(self) -> dict[str, Value]:
        frame = self.run.module_frames[self.module.path]
        return {name: binding.value for name, binding in frame.bindings.items()}

    def _is_plain(self) -> bool:
        """Whether the arguments are those that are followed, and nothing merges the summaries that the call makes."""
        if not self.whole or any(isinstance(one, ast.Starred) for one in self.node.args):
            return False
        if any(not self._is_known(name, None) for name in DEFAULTS) or not self._is_known(
            "increment_global_step", True
        ):
            return False
        merged = any(use.name in MERGED for names in self.run.names.values() for use in names.uses)
        silent = isinstance(self.given.get("summaries"), (ast.List, ast.Tuple)) and not self.given["summaries"].elts  # type: ignore[attr-defined]
        return silent or not merged

    def _is_known(self, name: str, wanted: object) -> bool:
        node = self.given.get(name)
        value = self._value(name)
        return node is None or (isinstance(value, Known) and value.value is wanted)

    def _value(self, name: str) -> Value | None:
        values = self.run.meanings.get(self.given[name], []) if name in self.given else []
        return values[0] if len(values) == 1 else None

    def _text(self, name: str) -> str:
        return self.module.text(self.given[name]) if name in self.given and not self._is_known(name, None) else ""

    def _rate(self, root: str, taken: set[str]) -> tuple[list[str], str]:
        """The rate, and the variable that keeps one that is a number."""
        text = self._text("learning_rate")
        if not text or isinstance(self._value("learning_rate"), GraphValue):
            return [], text
        name = fresh(taken, ["learning_rate", "rate"])
        initial = f"initializer={root}.constant_initializer({text})"
        return [f'{name} = {root}.get_variable("learning_rate", [], trainable=False, {initial})'], name

    def _optimizer(self, root: str, rate: str) -> str | None:
        value, text = self._value("optimizer"), self._text("optimizer")
        if isinstance(value, Known) and value.value in OPTIMIZERS and rate:
            return f"{root}.train.{OPTIMIZERS[value.value].format(rate)}"
        if isinstance(value, TFName) and value.name.startswith("train.") and value.name.endswith("Optimizer") and rate:
            return f"{text}({rate})"
        if isinstance(value, Function) and not isinstance(self.given["optimizer"], ast.Lambda):
            return f"{text}({rate})"
        return text if isinstance(value, Optimizer) else None

    def _step(self, root: str, target: str, optimizer: str, taken: set[str]) -> list[str]:
        """The statements that compute the gradients and apply them."""
        loss, variables = self._text("loss"), self._text("variables")
        step = self._text("global_step") or f"{root}.train.get_global_step()"
        if self._is_known("clip_gradients", None):
            listed = f", variables_to_train={variables}" if variables else ""
            made = f"{root}.contrib.training.create_train_op({loss}, {optimizer}, global_step={step}"
            return [f"{target} = {made}{listed}, check_numerics=False)"]
        gradients, trained = fresh(taken, ["gradients"]), fresh(taken, ["variables", "trained"])
        listed = f", {variables}" if variables else ""
        updates = f"{root}.control_dependencies({root}.get_collection({root}.GraphKeys.UPDATE_OPS))"
        tab = indentation(self.module)
        clipped = f"{root}.clip_by_global_norm({gradients}, {self._text('clip_gradients')})"
        compute = f"{gradients}, {trained} = zip(*{optimizer}.compute_gradients({loss}{listed}))"
        apply = f"{optimizer}.apply_gradients(zip({gradients}, {trained}), global_step={step})"
        lines = [compute, f"{gradients}, _ = {clipped}", f"{target} = {apply}"]
        if any(layer.updates for layer in self.run.graph.layers.values()):
            return [f"with {updates}:", *(tab + one for one in lines)]
        return lines


def _is_tensorflow(value: Value) -> bool:
    return isinstance(value, TFName) and value.name == ""
