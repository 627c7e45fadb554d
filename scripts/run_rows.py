"""Runs snippets, each in names of its own, and writes what each left in `result`. It runs on CPython 3.7 with TF 1.15, too.

    python scripts/run_rows.py SNIPPETS.json RESULTS.json

SNIPPETS.json maps names to sources. A result is nested lists of numbers, or {"error": …}.
"""

import json
import random
import sys
import traceback

import numpy as np
import tensorflow as tf


def plain(value):
    """Arrays, tensors and tuples as lists; numbers with nine digits."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, bytes):
        return value.decode()
    array = np.asarray(value)
    if array.dtype.kind in "SUO":
        return [plain(one) for one in array.tolist()] if array.ndim else plain(array.item())
    if array.dtype.kind == "f":
        return np.vectorize(lambda one: float(f"{one:.9g}"), otypes=[float])(array).tolist() if array.size else []
    return array.tolist()


def run(source):
    random.seed(1)
    np.random.seed(1)
    names = {"__name__": "row"}
    try:
        if tf.__version__.startswith("1."):
            with tf.Graph().as_default():
                exec(compile(source, "<row>", "exec"), names)
        else:
            exec(compile(source, "<row>", "exec"), names)
        return plain(names["result"])
    except Exception:
        return {"error": "".join(traceback.format_exc().splitlines(True)[-6:])}


def main():
    with open(sys.argv[1]) as file:
        snippets = json.load(file)
    with open(sys.argv[2], "w") as file:
        json.dump({name: run(source) for name, source in snippets.items()}, file)


main()
