"""Iterators of tf.data that are initialized again, with feeds, or chosen by a handle; what sparse placeholders are fed."""

from __future__ import annotations

import ast

from tf_modernize.codemods.engine import Options, upgrade_program

HEAD = """import numpy as np
import tensorflow as tf
one = tf.data.Dataset.range(4)
two = tf.data.Dataset.range(9)
"""
SWITCHED = """iterator = tf.data.Iterator.from_structure(one.output_types, one.output_shapes)
doubled = iterator.get_next() * 2
"""
FED = """x = tf.placeholder(tf.float32, [None])
dataset = tf.data.Dataset.from_tensor_slices(x).batch(2)
iterator = dataset.make_initializable_iterator()
doubled = iterator.get_next() * 2
sess = tf.Session()
"""
HANDLE = """handle = tf.placeholder(tf.string, [])
iterator = tf.data.Iterator.from_string_handle(handle, one.output_types, one.output_shapes)
doubled = iterator.get_next() * 2
first = one.make_one_shot_iterator()
second = two.make_one_shot_iterator()
sess = tf.Session()
"""
SPARSE = """x = tf.sparse_placeholder(tf.float32, [3, 4])
total = tf.sparse_reduce_sum(x)
sess = tf.Session()
"""


def upgraded(source: str) -> tuple[str, str, list[str]]:
    """The level, the new text and the reasons against the native level. A second run must change nothing."""
    result = upgrade_program({"program.py": (HEAD + source).encode()})
    file = result.files["program.py"]
    text = (file.after or file.before).decode()
    ast.parse(text)
    assert upgrade_program({"program.py": text.encode()}).files["program.py"].after is None
    return result.level, text, [one.message for one in file.diagnostics if one.symbol == "unit-left"]


def native(source: str) -> str:
    level, text, reasons = upgraded(source)
    assert level == "native", reasons
    return text


def reason(source: str) -> str:
    level, _, reasons = upgraded(source)
    assert level == "compat"
    return reasons[0].removeprefix("not native because of ")


def test_each_initialization_makes_an_iterator() -> None:
    text = native(
        SWITCHED
        + "begin = iterator.make_initializer(one)\nsess = tf.Session()\nsess.run(begin)\nprint(sess.run(doubled))\n"
        + "sess.run(iterator.make_initializer(two))\nprint(sess.run(doubled))\n"
    )
    assert "iterator = iter(one)\n" in text
    assert "iterator = iter(two)\nprint(" in text
    assert "@tf.function(input_signature=[one.element_spec])" in text


def test_a_dataset_that_means_something_else_by_then() -> None:
    text = "begin = iterator.make_initializer(one)\none = one.skip(1)\nsess = tf.Session()\nsess.run(begin)\n"
    assert reason(SWITCHED + text + "print(sess.run(doubled))\n").startswith("`one`, which is bound again")


def test_an_initializer_that_is_not_known() -> None:
    text = "inits = [iterator.make_initializer(one), iterator.make_initializer(two)]\nsess = tf.Session()\n"
    loop = "for init in inits:\n    sess.run(init)\n    print(sess.run(doubled))\n"
    assert "runs different things" in reason(SWITCHED + text + loop) or "can't be known" in reason(
        SWITCHED + text + loop
    )


def test_a_dataset_that_is_fed_is_made_by_a_function() -> None:
    run = "sess.run(iterator.initializer, {x: np.arange(5)})\nprint(sess.run(doubled))\n"
    text = native(FED + run)
    assert "def make_dataset(x):\n    dataset = tf.data.Dataset.from_tensor_slices(x).batch(2)\n" in text
    assert "iterator = iter(make_dataset(np.asarray(np.arange(5), np.float32)))" in text


def test_arrays_of_the_dtype_are_not_converted() -> None:
    run = "sess.run(iterator.initializer, {x: data.astype(np.float32)})\nprint(sess.run(doubled))\n"
    assert "iter(make_dataset(data.astype(np.float32)))" in native(
        FED.replace("sess =", "data = np.ones(3)\nsess =") + run
    )


def test_feeds_with_effects_of_an_initializer() -> None:
    more = FED.replace("(x).batch(2)", "((x, y)).batch(2)").replace("get_next()", "get_next()[0]")
    run = "sess.run(iterator.initializer, {y: np.random.rand(2), x: np.random.rand(2)})\nprint(sess.run(doubled))\n"
    assert "with effects" in reason("y = tf.placeholder(tf.float32, [None])\n" + more + run)


def test_a_dataset_that_depends_on_a_variable() -> None:
    text = FED.replace("x = tf.placeholder(tf.float32, [None])", "x = tf.Variable([1.0, 2.0])")
    assert reason(text + "sess.run(iterator.initializer)\nprint(sess.run(doubled))\n").startswith(
        "a dataset that depends on variables"
    )


def test_a_handle_chooses_the_iterator() -> None:
    text = native(
        HANDLE
        + "a, b = sess.run([first.string_handle(), second.string_handle()])\n"
        + "print(sess.run(doubled, {handle: b}), sess.run(doubled, {handle: a}))\n"
    )
    assert "print(compute_doubled(second.get_next()).numpy(), compute_doubled(first.get_next()).numpy())" in text
    assert "handle" not in text


def test_a_handle_that_is_not_known() -> None:
    text = "a, b = sess.run([first.string_handle(), second.string_handle()])\n"
    loop = "for which in np.random.permutation([a, b]):\n    print(sess.run(doubled, {handle: which}))\n"
    assert "a handle that is fed" in reason(HANDLE + text + loop)


def test_sparse_values_become_sparse_tensors() -> None:
    text = native(
        SPARSE + "value = tf.SparseTensorValue([[0, 1]], [2.0], [3, 4])\nprint(sess.run(total, {x: value}))\n"
    )
    assert "@tf.function(input_signature=[tf.SparseTensorSpec([3, 4], tf.float32)])" in text
    assert "value = tf.SparseTensor([[0, 1]], [2.0], [3, 4])" in text
    assert "compute_total(tf.cast(value, tf.float32)).numpy()" in text


def test_a_tuple_becomes_a_sparse_tensor() -> None:
    text = native(SPARSE + "parts = ([[0, 1]], [2.0], [3, 4])\nprint(sess.run(total, {x: parts}))\n")
    assert "tf.cast(tf.SparseTensor(*parts), tf.float32)" in text


def test_a_sparse_value_that_is_not_known() -> None:
    assert "a sparse placeholder" in reason(SPARSE + "print(sess.run(total, {x: np.load('x.npy')}))\n")


def test_an_element_that_is_fetched_as_it_is() -> None:
    pairs = "pairs = tf.data.Dataset.from_tensor_slices((np.ones(4), np.ones(4))).make_one_shot_iterator()\n"
    one = "numbers = one.make_one_shot_iterator()\n"
    draws = "a, b = pairs.get_next()\nwhole = pairs.get_next()\nnumber = numbers.get_next()\nsess = tf.Session()\n"
    runs = "x, y = sess.run([a, b])\nprint(sess.run(whole), sess.run(number), sess.run((a, b)))\n"
    text = native(pairs + one + draws + runs)
    assert "x, y = [value.numpy() for value in pairs.get_next()]" in text
    assert "tf.nest.map_structure(lambda value: value.numpy(), pairs.get_next())" in text
    assert "numbers.get_next().numpy()" in text
    assert "tuple(value.numpy() for value in pairs.get_next())" in text
    assert "def " not in text


def test_an_element_of_several_tensors_among_other_fetches() -> None:
    pairs = "pairs = tf.data.Dataset.from_tensor_slices((np.ones(4), np.ones(4))).make_one_shot_iterator()\n"
    text = "whole = pairs.get_next()\nv = tf.Variable(1.0)\nsess = tf.Session()\nprint(sess.run([whole, v]))\n"
    assert "an element of several tensors" in reason(pairs + text)


BATCHES = """def batches(count):
    dataset = tf.data.Dataset.range(count).batch(2)
    return dataset.make_one_shot_iterator().get_next()


train = batches(4)
test = batches(6)
sess = tf.Session()
"""


def test_a_function_that_gives_an_element_gives_the_dataset() -> None:
    text = native(BATCHES + "print(sess.run(train * 2), sess.run(test))\n")
    assert "    dataset = tf.data.Dataset.range(count).batch(2)\n    return dataset\n" in text
    assert "train_dataset = batches(4)\ntrain_iterator = iter(train_dataset)\n" in text
    assert "test_iterator.get_next().numpy()" in text


def test_a_function_that_computes_with_an_element() -> None:
    text = BATCHES.replace("get_next()\n", "get_next() + 1\n")
    assert reason(text + "print(sess.run(train * 2), sess.run(test))\n") == "an iterator made in a function"


def test_a_seeded_shuffle_that_begins_again_is_unsafe() -> None:
    source = "data = tf.data.Dataset.range(4).shuffle(4, seed=1)\niterator = data.make_initializable_iterator()\n"
    draw = "number = iterator.get_next() * 2\nsess = tf.Session()\n"
    run = "sess.run(iterator.initializer)\nprint(sess.run(number))\n"

    def codes(text: str) -> set[str]:
        result = upgrade_program({"program.py": (HEAD + text).encode()})
        assert result.level == ("compat" if result.files["program.py"].diagnostics else "native")
        unsafe = upgrade_program({"program.py": (HEAD + text).encode()}, Options(unsafe_fixes=True))
        assert unsafe.level == "native"
        return {one.code for one in unsafe.files["program.py"].diagnostics}

    assert codes(source + draw + run) == set()
    assert codes(source + draw + run + run) == {"TFM411"}
    assert codes(source.replace("seed=1)", "seed=1).repeat()") + draw + run) == {"TFM411"}
    assert codes(source.replace(", seed=1", "") + draw + run + run) == set()
