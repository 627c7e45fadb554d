"""Runs one program of fixtures/checkpoints under TensorFlow 1.15: five steps, a checkpoint, five more steps.

    python run_checkpoint_program.py BEFORE.py FOLDER

FOLDER gets the checkpoint (`model.ckpt…` and `checkpoint`) and `recorded.npz`: the batch of each step (`batch/<step>/<name>`),
the output for the first batch at the checkpoint (`output`), the loss before each of the later steps (`losses`), and the
variables at the end (`final/<name>`). scripts/record_checkpoints.py calls it, with CPython 3.7.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from typing import Any

import numpy as np
import tensorflow as tf

STEPS = 5
program, folder = sys.argv[1:3]
tf.logging.set_verbosity(tf.logging.ERROR)
tf.set_random_seed(1)
names = runpy.run_path(program)
built = names["build"]()
saver = built.get("saver") or tf.train.Saver()
rng = np.random.RandomState(0)
batches = [names["batch"](rng) for _ in range(2 * STEPS)]
recorded = {f"batch/{number}/{name}": value for number, one in enumerate(batches) for name, value in one.items()}
losses = []
os.mkdir(os.path.join(folder, "scratch"))
with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
    session.run(tf.global_variables_initializer())

    def run(number: int, what: Any, training: bool) -> Any:
        feeds = {built[name]: value for name, value in batches[number].items()}
        if training and "training" in built:
            feeds[built["training"]] = True
        return session.run(what, feeds)

    for number in range(STEPS):
        run(number, built["train"], True)
    saver.save(session, os.path.join(folder, "model.ckpt"), write_meta_graph=False)
    recorded["output"] = run(0, built["output"], False)
    for number in range(STEPS, 2 * STEPS):
        losses.append(run(number, [built["loss"], built["train"]], True)[0])
    recorded["losses"] = np.array(losses)
    final = saver.save(session, os.path.join(folder, "scratch", "model.ckpt"), write_meta_graph=False)
reader = tf.train.load_checkpoint(final)  # variables as a checkpoint has them: partitioned ones whole
for key in reader.get_variable_to_shape_map():
    recorded[f"final/{key}"] = reader.get_tensor(key)
shutil.rmtree(os.path.join(folder, "scratch"))
np.savez_compressed(os.path.join(folder, "recorded.npz"), **recorded)
