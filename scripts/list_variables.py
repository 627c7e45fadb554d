"""Runs a program under TensorFlow 1.15 and lists, as JSON, the variables of each graph that it built.

    python list_variables.py OUTPUT.json PROGRAM.py

For each graph with variables, in the order in which the graphs were made: [name, shape, dtype, trainable, slot] of each
variable in creation order; `slot` says that an optimizer made it. scripts/record_fixtures.py calls it, with CPython 3.7.
"""

from __future__ import annotations

import json
import runpy
import sys
from typing import Any

import tensorflow as tf

graphs: Any = [tf.get_default_graph()]
optimizers: Any = []


def remember(made: Any, kept: Any) -> None:
    """Keeps every instance of a class."""
    original = made.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        kept.append(self)

    made.__init__ = init


def variables(graph: Any) -> Any:
    slots = {id(variable) for optimizer in optimizers for variable in optimizer.variables()}
    trainable = {id(variable) for variable in graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)}
    found = []
    for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES):
        name, shape = v.name.split(":")[0], v.shape.as_list() if v.shape.ndims is not None else None
        found.append([name, shape, v.dtype.base_dtype.name, id(v) in trainable, id(v) in slots])
    return found


remember(tf.Graph, graphs)
remember(tf.train.Optimizer, optimizers)
output, program = sys.argv[1:3]
sys.argv = [program]
try:
    runpy.run_path(program, run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
listed = []
for graph in graphs:
    if type(graph).__name__ != "Graph":
        continue  # the body of a function, which sees the variables of the graph around it
    with graph.as_default():
        listed.append(variables(graph))
with open(output, "w") as file:
    json.dump([each for each in listed if each], file)
