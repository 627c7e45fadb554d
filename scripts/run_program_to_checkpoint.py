"""Runs a whole program under TensorFlow 1.15, and keeps a checkpoint of its last values and what it computes from them.

    python run_program_to_checkpoint.py PROGRAM.py FOLDER

FOLDER gets `model.ckpt…`, the variables as they are when the program's sessions are closed, and `recorded.npz`: for each place
that ran something, its last execution run once more from these values. The keys are `FILE:LINE/` with the name of what was
fed (`feed:x:0`), of what came from an iterator or a queue (`element:000012:IteratorGetNext:0`), or the number of a fetch
(`fetch:0`). Each execution is run whole, with what it trains, and the values are put back after it.
scripts/record_checkpoints.py calls it, with CPython 3.7.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.client.session import BaseSession
from tensorflow.python.util import nest

program, folder = (os.path.abspath(one) for one in sys.argv[1:3])
own = os.path.dirname(program) + os.sep
run_of_session, close_session = BaseSession.run, BaseSession.close
executions: dict[Any, dict[str, Any]] = {}  # of each session that is open: place -> its last execution
recorded: list[tuple[dict[str, Any], dict[str, Any]]] = []  # values of the variables, and what was computed from them
values: dict[str, Any] = {}  # the last ones of all sessions: that which predicts knows nothing of an optimizer


def place() -> str:
    """The line of the program at which something is run."""
    frame: Any = sys._getframe(2)
    while frame is not None and not frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    return "" if frame is None else "%s:%d" % (frame.f_code.co_filename[len(own) :], frame.f_lineno)  # noqa: UP031


def of_program() -> bool:
    """Whether the program's own source called `Session.run`, `.eval` or `.run`, and no part of TensorFlow."""
    frame: Any = sys._getframe(2)
    while not frame.f_code.co_filename.startswith(own):
        if frame.f_code.co_name not in ("eval", "run", "_eval_using_default_session", "_run_using_default_session"):
            return False
        frame = frame.f_back
    return True


def elements(graph: Any, fetches: Any, fed: Any) -> list[Any]:
    """What the fetches take from iterators, and from the queues of numpy_input_fn, whose first output nobody asked for."""
    pending = [getattr(one, "op", one) for one in map(graph.as_graph_element, nest.flatten(fetches))]
    found: set[Any] = set()
    while pending:
        op = pending.pop()
        if op not in found:
            found.add(op)
            pending.extend([one.op for one in op.inputs if one.name not in fed] + op.control_inputs)
    taken: list[Any] = []
    for op in sorted(found, key=lambda one: one._id):
        if op.type == "IteratorGetNext":
            taken.extend(op.outputs)
        elif op.type.startswith("QueueDequeue"):
            taken.extend(op.outputs[1:])
    return taken


def run(self: Any, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
    """In place of `Session.run`: the same, and the last of each place is kept."""
    monitored = isinstance(fetches, dict) and "caller" in fetches  # what was asked for, beside what hooks want
    where = place() if monitored or of_program() else ""
    if not where:
        return run_of_session(self, fetches, feed_dict, options, run_metadata)
    asked = fetches["caller"] if monitored else fetches
    fed = {}
    for key, value in (feed_dict or {}).items():
        tensor = self.graph.as_graph_element(key, allow_operation=False)
        fed[tensor.name] = np.asarray(value, tensor.dtype.as_numpy_dtype)
    taken = elements(self.graph, asked, fed)
    result, more = run_of_session(self, [fetches, taken], feed_dict, options, run_metadata)
    keys = {one.name: "element:%06d:%s" % (one.op._id, one.name) for one in taken}  # noqa: UP031
    given = {**fed, **{one.name: value for one, value in zip(taken, more)}}  # noqa: B905 (CPython 3.7)
    executions.setdefault(self, {})[where] = {"fetches": asked, "given": given, "keys": keys}
    return result


def close(self: Any) -> None:
    """In place of `Session.close`: before it, the session's executions are run once more from its last values."""
    if self in executions:
        again(self, executions.pop(self))
    close_session(self)


def again(session: Any, last: dict[str, Any]) -> None:
    variables = {one.op.name: one for one in session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
    own_values = run_of_session(session, variables)
    values.update(own_values)
    found: dict[str, Any] = {}
    for where, one in last.items():
        results = run_of_session(session, nest.flatten(one["fetches"]), one["given"])
        for name, variable in variables.items():
            variable.load(own_values[name], session)
        found.update((f"{where}/fetch:{number}", value) for number, value in enumerate(results) if value is not None)
        for name, value in one["given"].items():
            found["{}/{}".format(where, one["keys"].get(name, "feed:" + name))] = value
    recorded.append((own_values, found))


def save() -> None:
    """Writes the checkpoint, and all that was computed from what it holds."""
    kept = {}
    for state, found in recorded:
        if all(np.array_equal(value, values[name]) for name, value in state.items()):
            kept.update(found)
    np.savez_compressed(os.path.join(folder, "recorded.npz"), **kept)
    if not values:
        return
    with tf.Graph().as_default(), tf.Session() as session:
        saved = {name: tf.Variable(value, name=name) for name, value in values.items()}
        run_of_session(session, tf.global_variables_initializer())
        saver = tf.train.Saver(saved)
        saver.save(session, os.path.join(folder, "model.ckpt"), write_meta_graph=False, write_state=False)


tf.logging.set_verbosity(tf.logging.ERROR)
BaseSession.run, BaseSession.close = run, close
sys.argv = [program]
sys.path.insert(0, own)
try:
    runpy.run_path(program, run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
for left in list(executions):  # sessions that the program did not close
    again(left, executions.pop(left))
save()
