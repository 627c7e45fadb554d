"""Sessions that look after themselves (MonitoredTrainingSession and its kin), and the hooks that run with them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import host
from ..frames import Use
from ..interpreter import Interpreter
from ..values import GraphValue, Hook, Known, MonitoredSession, Value
from . import running
from .arguments import of_function

HOOKS = (
    "StopAtStepHook", "LoggingTensorHook", "CheckpointSaverHook", "SummarySaverHook", "StepCounterHook", "NanTensorHook",
)  # fmt: skip
# What only says how the session waits, reports or is set up: nothing of it outlives the session.
PLAIN = frozenset({"config", "stop_grace_period_secs", "max_wait_secs", "log_step_count_steps"})
# The arguments that are understood only at these values.
FIXED: dict[str, tuple[object, ...]] = {
    "master": ("",), "is_chief": (True,), "scaffold": (None,), "checkpoint_filename_with_path": (None,),
}  # fmt: skip


@dataclass(eq=False)
class Creator(Value):
    """A session creator: what a MonitoredSession is made by."""

    nodes: dict[str, ast.expr] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


def _hook(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    made = Hook(node, run.chain, name=name.rpartition(".")[2])
    made.arguments = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    return run.add(made)


def _creator(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    return Creator(arguments.nodes, {key: arguments.value(key) or Value() for key in arguments.nodes})


def _session(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    made = MonitoredSession(node, run.chain, name=name.rpartition(".")[2])
    made.arguments = dict(arguments.nodes)
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    creator = made.values.pop("session_creator", None)
    if isinstance(creator, Creator):
        del made.arguments["session_creator"]
        made.arguments.update(creator.nodes)
        made.values.update(creator.values)
    elif creator is not None and not _is(creator, (None,)):
        return run.problem(node, "a session creator that is not followed")
    for key, allowed in FIXED.items():
        if key in made.values and not _is(made.values[key], allowed):
            run.problem(node, f"a monitored session with {key}")
    for key in ("chief_only_hooks", "hooks"):
        given = made.values.get(key)
        members = host.items(run, given) if given is not None and not _is(given, (None,)) else []
        if members is None or not all(isinstance(member, Hook) for member in members):
            return run.problem(node, "session hooks that are not TensorFlow's own, or that are not known")
        made.hooks.extend(members)
    return run.add(made)


def _is(value: Value, allowed: tuple[object, ...]) -> bool:
    return isinstance(value, Known) and value.value in allowed


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of monitored sessions: whether to stop, and runs, which the hooks watch."""
    if not isinstance(owner, MonitoredSession):
        return None
    if name == "should_stop":
        run.uses.append(Use(owner, name, node, run.chain))
        return Value()
    before = len(run.executions)
    result = running.session_method(run, owner, name, node)
    for execution in run.executions[before:]:
        execution.session = owner
    return result


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"train.{name}": _hook for name in HOOKS},
    **{f"estimator.{name}": _hook for name in HOOKS},
    "train.MonitoredTrainingSession": _session,
    "train.SingularMonitoredSession": _session,
    "train.MonitoredSession": _session,
    "train.ChiefSessionCreator": _creator,
}
