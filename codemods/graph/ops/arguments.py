"""A call's arguments by the TF1 function's own parameter names, from the facts' signatures."""

from __future__ import annotations

import ast

from ...api import lookup
from .. import host
from ..interpreter import Interpreter
from ..values import Known, Value

METHOD_PARAMETERS: dict[str, tuple[str, ...]] = {
    "minimize": (
        "loss", "global_step", "var_list", "gate_gradients", "aggregation_method", "colocate_gradients_with_ops", "name",
        "grad_loss",
    ),
    "compute_gradients": ("loss", "var_list", "gate_gradients", "aggregation_method", "colocate_gradients_with_ops", "grad_loss"),
    "apply_gradients": ("grads_and_vars", "global_step", "name"),
    "run": ("fetches", "feed_dict", "options", "run_metadata"),
    "eval": ("feed_dict", "session"),
    "op.run": ("feed_dict", "session"),
    "save": (
        "sess", "save_path", "global_step", "latest_filename", "meta_graph_suffix", "write_meta_graph", "write_state",
        "strip_default_attrs",
    ),
    "restore": ("sess", "save_path"),
    "add_summary": ("summary", "global_step"),
    "add_graph": ("graph", "global_step"),
    "assign": ("value", "use_locking", "name", "read_value"),
    "assign_add": ("delta", "use_locking", "name", "read_value"),
    "assign_sub": ("delta", "use_locking", "name", "read_value"),
}  # fmt: skip


class Arguments:
    """The expressions of a call by parameter name; `complete` is false where stars hide some of them."""

    def __init__(self, run: Interpreter, node: ast.Call, parameters: tuple[str, ...]) -> None:
        self.run = run
        self.node = node
        self.nodes: dict[str, ast.expr] = {}
        self.complete = True
        self._values: dict[str, Value] = {}
        for place, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred) or place >= len(parameters):
                run.evaluate(argument.value if isinstance(argument, ast.Starred) else argument)
                self.complete = False
                break
            self.nodes[parameters[place]] = argument
        for keyword in node.keywords:
            if keyword.arg is None:
                run.evaluate(keyword.value)
                self.complete = False
            else:
                self.nodes[keyword.arg] = keyword.value
        for name, argument in self.nodes.items():
            self._values[name] = run.evaluate(argument)
        if not self.complete:
            run.problem(node, "a call with * or ** whose arguments decide what the graph is")

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def value(self, name: str) -> Value | None:
        """The value of an argument, None where it is not given."""
        return self._values.get(name)

    def known(self, name: str, default: object = None) -> object:
        """The Python value of an argument that is known, else `default`; host.NOT_PLAIN where it is given but not known."""
        value = self._values.get(name)
        return default if value is None else host.plain(value)

    def text(self, name: str) -> str | None:
        """The string that an argument is, None where it is not given, is None, or is not known."""
        value = self._values.get(name)
        return value.value if isinstance(value, Known) and isinstance(value.value, str) else None


def of_function(run: Interpreter, name: str, node: ast.Call) -> Arguments:
    """The arguments of a TensorFlow function, by its signature in TF 1.15."""
    fact = lookup(name)
    signature = fact.signature if fact is not None and fact.signature is not None else ()
    return Arguments(run, node, tuple(parameter.name for parameter in signature if parameter.name != "self"))


def of_method(run: Interpreter, name: str, node: ast.Call) -> Arguments:
    """The arguments of a method of a graph value."""
    return Arguments(run, node, METHOD_PARAMETERS[name])
