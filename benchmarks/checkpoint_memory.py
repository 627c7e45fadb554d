"""Memory and time of `checkpoint show`, `map` and `convert` on a large checkpoint.

    python benchmarks/checkpoint_memory.py [--megabytes 1000] [--tensors 8] [--folder FOLDER]

A name-based checkpoint of that size is written into FOLDER (a temporary one by default), as TF1's Saver names variables: dense
layers with Adam's slots, or with --lstm one LSTM cell. Each command then runs in a process of its own, whose peak (resident
set) is given beside that of a process that only imports TensorFlow, and beside the limit: that import, the model with its
optimizer, 1.5 times the largest tensor, and 200 MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MB = 1 << 20
IMPORT = "import keras, tensorflow"
MODEL = """\
import keras


def factory():
    model = keras.Sequential([keras.Input([{width}])], name="net")
    for number in range({layers}):
        model.add(keras.layers.Dense({width}, use_bias=False, name=f"dense_{{number}}"))
    return model, keras.optimizers.Adam(0.01)
"""
LSTM = """\
import keras


def factory():
    return keras.Sequential([keras.Input([5, {width}]), keras.layers.LSTM({width}, name="rnn")], name="net")
"""
MEASURE = """\
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(status != 0)
"""
COMMAND = "import sys; from tf_modernize.cli.__main__ import main; sys.argv[0] = 'tf-modernize'; main()"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, help="the size of the checkpoint")
    parser.add_argument("--tensors", type=int, default=9, help="how many tensors it has, a third of them variables")
    parser.add_argument("--lstm", action="store_true", help="one LSTM kernel, as wide as it is high, instead")
    parser.add_argument("--folder", help="where to write, with room for three times the size")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        largest = prepare(folder, args.megabytes, args.tensors, args.lstm)
        size = sum(file.stat().st_size for file in Path(folder).glob("old.ckpt*")) / MB
        base, _ = peak([sys.executable, "-c", IMPORT], folder)
        limit = base + size + 1.5 * largest + 200
        print(f"checkpoint {size:.0f} MB, largest tensor {largest:.0f} MB")
        print(f"TensorFlow's import {base:.0f} MB, limit {limit:.0f} MB")
        failed = False
        for name, to, most in (
            ("show", "", base + 200),
            ("map", "", base + 200),
            ("convert", "new", limit),
            ("convert", "new.weights.h5", limit),
        ):
            used, seconds = peak(command(name, to), folder)
            failed |= used > most
            verdict = " TOO MUCH" if used > most else ""
            print(f"{name} {to}: peak {used:.0f} MB ({used - base:+.0f} MB over the import), {seconds:.1f} s{verdict}")
    return 1 if failed else 0


def prepare(folder: str, megabytes: int, tensors: int, lstm: bool) -> float:
    """Puts a program and its checkpoint into a folder; the size of its largest tensor in MB."""
    layers = 1 if lstm else max(1, tensors // 3)
    width = int((megabytes * MB / 4 / (8 if lstm else 3 * layers)) ** 0.5)
    Path(folder, "net.py").write_text((LSTM if lstm else MODEL).format(width=width, layers=layers))
    write(folder, width, layers, lstm)
    return width * width * 4 / MB * (8 if lstm else 1)


def command(name: str, to: str = "") -> list[str]:
    """One of the commands, on what `prepare` made."""
    arguments = ["--model", "net:factory"] * (name != "show") + ["--to", to] * (name == "convert")
    return [sys.executable, "-c", COMMAND, "checkpoint", name, "old.ckpt", *arguments]


def write(folder: str, width: int, layers: int, lstm: bool) -> None:
    """A checkpoint by names, written tensor by tensor in a process of its own."""
    code = f"""
import numpy as np, tensorflow as tf
rng = np.random.default_rng(0)
names = ["rnn/basic_lstm_cell/kernel"] if {lstm} else [
    f"dense_{{n}}/kernel" + slot for n in range({layers}) for slot in ("", "/Adam", "/Adam_1")]
shape = [2 * {width}, 4 * {width}] if {lstm} else [{width}, {width}]
pieces = []
def put(name, value):
    piece = f"piece{{len(pieces)}}"
    tf.raw_ops.SaveV2(prefix=piece, tensor_names=[name], shape_and_slices=[""], tensors=[value])
    pieces.append(piece)
for name in names:
    put(name, tf.constant(rng.standard_normal(shape, np.float32)))
if {lstm}:
    put("rnn/basic_lstm_cell/bias", tf.zeros([4 * {width}]))
else:
    put("beta1_power", tf.constant(0.9 ** 6)); put("beta2_power", tf.constant(0.999 ** 6))
put("global_step", tf.constant(5, tf.int64))
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=pieces, destination_prefix="old.ckpt")
"""
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, stderr=subprocess.DEVNULL)


def peak(command: list[str], folder: str) -> tuple[float, float]:
    """The peak of the resident set of a process in MB, and its time in seconds.

    A process is started by a small one: Linux counts what its parent had when it was started.
    """
    started = time.monotonic()
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE, *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[3:])} failed: {done.stderr[-2000:]}")
    return int(done.stdout.split()[-1]) / 1024, time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
