"""Runs one program under TensorFlow 1.15 and keeps what it leaves without its source: a .meta, a SavedModel, a frozen graph.

    python run_graph_program.py PROGRAM.py FOLDER

When the program leaves its first session, FOLDER gets `model.ckpt…` with its .meta, `saved_model/` and `frozen.pb`. Inputs and
outputs are what the program fed and fetched. scripts/record_graphs.py calls it, with CPython 3.7.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any

import tensorflow as tf

program, folder = sys.argv[1:3]
tf.logging.set_verbosity(tf.logging.ERROR)
fed: dict[str, Any] = {}
fetched: dict[str, Any] = {}
run, leave = tf.Session.run, tf.Session.__exit__


def noted(session: Any, fetches: Any, feed_dict: Any = None, *args: Any, **kwargs: Any) -> Any:
    for tensor in feed_dict or {}:
        fed[tensor.name] = tensor
    for fetch in fetches if isinstance(fetches, (list, tuple)) else [fetches]:
        if isinstance(fetch, tf.Tensor) and not fetch.dtype._is_ref_dtype:
            fetched[fetch.name] = fetch
    return run(session, fetches, feed_dict, *args, **kwargs)


def exported(session: Any, *exception: Any) -> Any:
    tf.Session.run, tf.Session.__exit__ = run, leave
    with session.graph.as_default():
        saver = tf.train.Saver()
        saver.save(session, os.path.join(folder, "model.ckpt"))
        outputs = [tensor.op.name for tensor in fetched.values()]
        frozen = tf.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), outputs)
        with open(os.path.join(folder, "frozen.pb"), "wb") as file:
            file.write(frozen.SerializeToString())
        inputs = {name.partition(":")[0]: tensor for name, tensor in fed.items()}
        results = {name.partition(":")[0].replace("/", "_"): tensor for name, tensor in fetched.items()}
        tf.saved_model.simple_save(session, os.path.join(folder, "saved_model"), inputs, results)
    return leave(session, *exception)


tf.Session.run, tf.Session.__exit__ = noted, exported
sys.argv[:] = [program]
runpy.run_path(program, run_name="__main__")
