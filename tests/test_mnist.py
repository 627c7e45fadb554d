"""The MNIST reader of the tutorials: left by default, read from tf.keras.datasets where unsafe fixes are asked for."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from tf_modernize.codemods.engine import Options, upgrade_program
from tf_modernize.codemods.report import ProgramResult

IMPORT = "import tensorflow as tf\nfrom tensorflow.examples.tutorials.mnist import input_data\n"
USE = """
x = tf.placeholder(tf.float32, [None, 784])
total = tf.reduce_sum(x)
with tf.Session() as sess:
    images, labels = mnist.train.next_batch(10)
    print(sess.run(total, {x: images}))
"""


def upgraded(read: str, unsafe: bool = True, target: Any = "native") -> tuple[ProgramResult, str]:
    options = Options(target=target, unsafe_fixes=unsafe)
    result = upgrade_program({"program.py": (IMPORT + f"mnist = {read}\n" + USE).encode()}, options)
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    again = upgrade_program({"program.py": text.encode()}, options).files["program.py"]
    assert again.after is None, "a second run changes the result"
    return result, text


def codes(result: ProgramResult) -> set[str]:
    return {one.code for file in result.files.values() for one in file.diagnostics}


def test_the_reader_is_left_and_told() -> None:
    result, text = upgraded('input_data.read_data_sets("data")', unsafe=False)
    assert "from tensorflow.examples.tutorials.mnist import input_data" in text
    assert codes(result) == {"TFM104"}
    assert all("--unsafe-fixes" in one.message for file in result.files.values() for one in file.diagnostics)


@pytest.mark.parametrize("target", ["native", "compat"])
def test_the_reader_becomes_a_function_of_the_module(target: str) -> None:
    result, text = upgraded('input_data.read_data_sets("data", one_hot=True, validation_size=0)', target=target)
    assert result.level == target
    assert codes(result) == {"TFM405"}
    assert "mnist = read_mnist(one_hot=True, validation_size=0)" in text
    assert "tensorflow.examples" not in text
    assert "tf.keras.datasets.mnist.load_data()" in text


@pytest.mark.parametrize("argument", ["fake_data=True", "dtype=tf.uint8", "seed=3", "**options"])
def test_other_data_are_left(argument: str) -> None:
    result, _ = upgraded(f'input_data.read_data_sets("data", {argument})')
    assert "TFM104" in codes(result)


def test_names_of_the_module_stay() -> None:
    _, text = upgraded('input_data.read_data_sets("data")\nDataSet = read_mnist = None')
    assert "mnist = read_mnist_2()" in text
    assert "class DataSet_2:" in text


RECORDED = ([[4, 6, 3], [0, 1, 5], [2, 5, 4], [2, 0, 1, 3, 6, 6, 0], [3]], 2, [6, 0, 3, 2, 1, 5, 4])


def batches(sizes: list[int], shuffle: bool) -> tuple[list[list[int]], int, list[int]]:
    """The labels of each batch, the epochs and the labels at the end, of a data set of seven."""
    _, text = upgraded('input_data.read_data_sets("data")')
    definition = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    space: dict[str, Any] = {"np": np}
    exec(compile(ast.Module([definition], []), "program.py", "exec"), space)
    data = space["DataSet"](np.arange(14).reshape(7, 2), np.arange(7))
    np.random.seed(4)
    found = [data.next_batch(size, shuffle=shuffle) for size in sizes]
    assert all((images[:, 0] == 2 * labels).all() for images, labels in found)
    return [labels.tolist() for _, labels in found], data.epochs_completed, data.labels.tolist()


def test_batches_are_those_of_the_reader() -> None:
    """Recorded with tensorflow.contrib.learn.python.learn.datasets.mnist.DataSet of TF 1.15.5."""
    assert batches([3, 3, 3, 7, 1], True) == RECORDED
    assert batches([3, 3, 3], False) == ([[0, 1, 2], [3, 4, 5], [6, 0, 1]], 1, [0, 1, 2, 3, 4, 5, 6])
