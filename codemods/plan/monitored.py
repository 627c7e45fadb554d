"""Monitored sessions: how each begins, when it stops and saves, and what its hooks watch at each run.

TensorFlow 1 restored the newest checkpoint of `checkpoint_dir`, saved at the start, every so often and at the end, and left
the `with` block without a word where the data ended. The stop hook looks at the step after each run: a session that begins at
or beyond its last step still runs once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..graph.frames import Execution, Frame, Statement
from ..graph.values import (
    DataIterator,
    Dict,
    GraphValue,
    Hook,
    Init,
    Known,
    MonitoredSession,
    Sequence,
    Summary,
    Tensor,
    TrainOp,
    Value,
    Variable,
    graph_values,
)
from .executions import Fetched, Monitored, Run, Saving, Watched, effects, reach, record, target_at
from .reasons import undecided
from .units import Units

DEFAULT_SECONDS = 600


def find(units: Units) -> list[Monitored]:
    """The monitored sessions of a program. Raises Undecided where one does what has no plain form."""
    found = [_monitored(units, value) for value in units.run.values if isinstance(value, MonitoredSession)]
    for one in found:
        _alone(units, one)
        same = [other for other in found if other.session.graph is one.session.graph]
        if len(same) > 1 and any(other.directory is None for other in same[1:]):
            raise _stop(one, "a second monitored session, which starts the variables afresh")
    return found


def _alone(units: Units, one: Monitored) -> None:
    """A session has variables of its own: nothing may have used them before, or start them afresh behind it."""
    monitored = {id(execution) for execution in one.executions}
    for execution in units.run.executions:
        if id(execution) in monitored or isinstance(execution.session, MonitoredSession):
            continue
        values = [leaf for value in graph_values(execution.fetches) for leaf in effects(value)]
        mine = [value for value in values if value.graph is one.session.graph]
        touches = any(isinstance(root, Variable) for value in mine for root in value.roots)
        starts = any(isinstance(value, Init) and value.variables for value in mine)
        if starts or (touches and execution.chain[-1].index < one.place.index):
            raise _stop(one, "a monitored session beside another session over the same variables")


def _stop(one: Monitored, message: str) -> Exception:
    return undecided(message, one.session.node or one.place.node, one.place)


def _monitored(units: Units, session: MonitoredSession) -> Monitored:
    place = session.chain[-1]
    block = place.node if isinstance(place.node, ast.With) else None
    graph = session.graph
    variables = graph.variables if graph is not None else []
    step = next((one for one in variables if one.name == "global_step"), None)
    one = Monitored(session, place, block, step)
    if place.frame not in units.frames or not isinstance(place.node, (ast.With, ast.Assign)):
        raise _stop(one, "a monitored session that is made within an expression or a function")
    if block is not None and (len(block.items) != 1 or block.items[0].context_expr is not session.node):
        raise _stop(one, "a monitored session among other context managers")
    one.executions = [execution for execution in units.run.executions if execution.session is session]
    uses = [use for use in units.run.uses if use.owner is session]
    one.tests = [use for use in uses if use.method == "should_stop"]
    one.end = next((use for use in uses if use.method == "close"), None)
    _checkpoints(one)
    _hooks(one)
    one.may_end = block is not None and any(_may_end(execution) for execution in one.executions)
    if one.stop is None and any(isinstance(hook, Hook) and hook.name == "StopAtStepHook" for hook in session.hooks):
        raise _stop(one, "several hooks that stop a session")
    needs = one.stop is not None or one.saving is not None or bool(one.summaries)
    if needs and step is None:
        raise _stop(one, "a monitored session without a global step")
    if needs and block is not None and any(_leaves(node) for node in block.body):
        raise _stop(one, "a monitored session that is left by return, break or continue")
    return one


def _given(session: MonitoredSession | Hook, name: str) -> ast.expr | None:
    """An argument's expression, None where it is not given or None."""
    value = session.values.get(name)
    return None if isinstance(value, Known) and value.value is None else session.arguments.get(name)


def _checkpoints(one: Monitored) -> None:
    session = one.session
    one.directory = _given(session, "checkpoint_dir")
    if one.directory is None or session.name != "MonitoredTrainingSession":
        return
    one.counting = True
    steps, seconds = _given(session, "save_checkpoint_steps"), _given(session, "save_checkpoint_secs")
    both_off = "save_checkpoint_secs" in session.arguments and seconds is None and steps is None
    if steps is not None and seconds is not None:
        raise _stop(one, "a monitored session that saves by steps and by seconds")
    if not both_off:
        default = None if steps is not None or seconds is not None else ast.Constant(DEFAULT_SECONDS)
        one.saving = Saving(steps, seconds if seconds is not None else default)
    if "summary_dir" in session.arguments:
        raise _stop(one, "a monitored session with summary_dir")
    summaries = session.graph.collections.get("summaries", []) if session.graph is not None else []
    steps, off = _given(session, "save_summaries_steps"), "save_summaries_steps" in session.arguments
    if summaries and _given(session, "save_summaries_secs") is not None:
        raise _stop(one, "summaries that are written every so many seconds")
    if summaries and (steps is not None or not off):
        one.summaries = [value for value in summaries if isinstance(value, Summary)]
        one.summary_steps = steps


def _hooks(one: Monitored) -> None:
    stops = [hook for hook in one.session.hooks if isinstance(hook, Hook) and hook.name == "StopAtStepHook"]
    one.stop = stops[0] if len(stops) == 1 else None
    for hook in one.session.hooks:
        assert isinstance(hook, Hook)
        if hook.name == "StepCounterHook":
            one.counting = True
        elif hook.name == "CheckpointSaverHook":
            _saver_hook(one, hook)
        elif hook.name in {"LoggingTensorHook", "NanTensorHook"}:
            one.watching.append(hook)
        elif hook.name != "StopAtStepHook":
            raise _stop(one, f"a tf.train.{hook.name}")
    if one.watching and len({execution.node for execution in one.executions}) != 1:
        raise _stop(one, "hooks that watch a session which runs several things")
    for hook in one.watching:
        unusual = untold(hook)
        if unusual:
            raise _stop(one, f"a LoggingTensorHook with {unusual}")
        fails = hook.values.get("fail_on_nan_loss")
        if fails is not None and not (isinstance(fails, Known) and fails.value is True):
            raise _stop(one, "a NanTensorHook that stops without failing")


def untold(hook: Hook) -> str:
    """The argument of a LoggingTensorHook that no plain line stands for, or ""."""
    names = ("every_n_secs", "at_end") if hook.name == "LoggingTensorHook" else ()
    return next((name for name in names if _given(hook, name) is not None), "")


def _saver_hook(one: Monitored, hook: Hook) -> None:
    for name in ("saver", "scaffold", "listeners", "checkpoint_basename"):
        if _given(hook, name) is not None:
            raise _stop(one, f"a CheckpointSaverHook with {name}")
    if one.saving is not None or one.directory is not None:
        raise _stop(one, "a CheckpointSaverHook beside checkpoint_dir")
    raise _stop(one, "a CheckpointSaverHook in a session without checkpoint_dir, which saves what it never restores")


def loops_left(loop: ast.While) -> bool:
    """Whether a loop's body begins another round early."""
    return any(_leaves(node) and not _only_breaks(node) for node in loop.body)


def _only_breaks(node: ast.AST) -> bool:
    return not any(isinstance(part, ast.Continue) for part in ast.walk(node))


def _leaves(node: ast.AST, loops: int = 0) -> bool:
    """Whether a statement leaves the block around it: what follows the block would not be reached."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
        return False
    if isinstance(node, ast.Return) or (isinstance(node, (ast.Break, ast.Continue)) and not loops):
        return True
    loops += isinstance(node, (ast.For, ast.While))
    return any(_leaves(child, loops) for child in ast.iter_child_nodes(node))


# -- the end of the data ------------------------------------------------------------------------------------------------


def _may_end(execution: Execution) -> bool:
    """Whether a run draws from an iterator that may come to its end, and no `except` of the program is there for it."""
    roots = {root for value in graph_values(execution.fetches) for root in _roots(value)}
    draws = [root for root in roots if isinstance(root, DataIterator)]
    ends = any(root.dataset is None or not root.dataset.endless for root in draws)
    return ends and not any(isinstance(one.node, ast.Try) and _catches(one.node) for one in execution.chain)


def _roots(value: GraphValue) -> Iterator[GraphValue]:
    for leaf in effects(value):
        yield from leaf.roots


def _catches(node: ast.Try) -> bool:
    return any(
        handler.type is None or any(_names(part) in {"OutOfRangeError", "Exception"} for part in ast.walk(handler.type))
        for handler in node.handlers
    )


def _names(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# -- what hooks watch ---------------------------------------------------------------------------------------------------


def watch(units: Units, sessions: list[Monitored], run: Run) -> None:
    """Adds what hooks fetch at a run to its fetches, where the run does not give it a name already."""
    own = next((one for one in sessions if run.execution in one.executions), None)
    if own is not None and own.summaries:
        if run.kind != "function" or len({execution.node for execution in own.executions}) != 1:
            raise _stop(own, "summaries of a monitored session that runs several things")
        record(run, own.summaries)
    if own is None or not own.watching:
        return
    if run.kind != "function":
        raise _stop(own, "hooks that watch a session which trains nothing")
    fetches = run.execution.fetches
    if isinstance(fetches, Dict) or any(len(part.place) > 1 for part in run.fetched):
        raise undecided("hooks beside a dict or nested list of fetches", run.execution.node, run.execution.chain[-1])
    members = list(fetches.items) if isinstance(fetches, Sequence) else [fetches]
    asked = [part for part in run.fetched if part.at is None]
    statement = run.execution.chain[-1]
    named = {part.value: part for part in asked if _target(statement, run, part) not in {None, "_"}}
    for hook in own.watching:
        for tag, value in tensors_of(units, hook, own.place):
            watched = Watched(hook, tag, value)
            run.watched.append(watched)
            if isinstance(value, Variable) and value not in named:
                continue  # read where it is told
            if value not in named:
                part = Fetched(value, None, reach(units, value, run.execution), (len(members),))
                members.append(value)
                run.fetched.append(part)
                named[value] = part
                run.added.append(part)
            watched.part = named[value]
    if run.added:
        for part in asked:
            part.place = part.place or (0,)
        run.fetches = Sequence(members)


def _target(statement: Statement, run: Run, part: Fetched) -> str | None:
    return target_at(statement.node, run.execution.node, part.place)


def tensors_of(units: Units, hook: Hook, place: Statement, frame: Frame | None = None) -> list[tuple[str, GraphValue]]:
    """The tensors that a hook fetches under their tags, in the order in which they are told."""
    given = hook.values.get("loss_tensor" if hook.name == "NanTensorHook" else "tensors")
    node = hook.node or place.node
    if isinstance(given, (Tensor, Known)):
        pairs: list[tuple[Value, Value]] = [(given, given)]
    elif isinstance(given, Dict) and not given.open:
        pairs = sorted(zip(given.keys, given.values, strict=True), key=lambda pair: str(getattr(pair[0], "value", "")))
    elif isinstance(given, Sequence):
        pairs = [(item, item) for item in given.items]
    else:
        raise undecided("a hook whose tensors are not known", node, place)
    found: list[tuple[str, GraphValue]] = []
    for key, item in pairs:
        value = _named(units, item.value, frame) if isinstance(item, Known) and isinstance(item.value, str) else item
        if not isinstance(value, Tensor):
            raise undecided("a hook whose tensors are not known", node, place)
        if not (isinstance(key, Known) and isinstance(key.value, str)) and hook.name != "NanTensorHook":
            raise undecided("a hook that tells tensors without tags of their own", node, place)
        found.append((str(key.value) if isinstance(key, Known) else "", value))
    return found


def _named(units: Units, name: str, frame: Frame | None) -> Value | None:
    """The tensor of a name, where the source makes that certain; of a model function, in one mode."""
    wanted = name.partition(":")[0]
    named = [
        value
        for value in units.run.values
        if isinstance(value, Tensor) and wanted in {value.tf1_name, getattr(value, "name", ""), _told_name(value)}
        if frame is None or any(statement.frame is frame for statement in value.chain)
    ]
    return named[0] if len(named) == 1 else None


def _told_name(value: Tensor) -> str:
    """The name that a call gives to its last operation, of the functions that make it so."""
    node = value.node
    if value.op not in {"nn.softmax", "nn.log_softmax"} or not isinstance(node, ast.Call):
        return ""
    given = next((one.value for one in node.keywords if one.arg == "name"), None)
    return str(given.value) if isinstance(given, ast.Constant) else ""


def trains(run: Run) -> bool:
    """Whether a run changes the step: only then may a checkpoint be due."""
    return any(
        isinstance(leaf, TrainOp) or hasattr(leaf, "variable") for part in run.fetched for leaf in effects(part.value)
    )
