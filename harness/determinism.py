"""Randomness that is the same under TensorFlow 1.15 and 2.21: a program and its rewrite print comparable numbers.

Every random draw (initializers, noise, dropout masks, samplers) becomes a fixed function of its kind, its shape and its
parameters, computed with integer arithmetic that both versions do alike. NumPy and the standard library's `random`
start from a seed. It works below the public names, at the functions that make the raw ops, which every alias,
initializer, layer and Keras itself go through.

What it can't see: since draws of one kind and shape are equal, a draw that is frozen, repeated or swapped with another
of its shape. And shuffles without a seed keep the order (`Dataset.shuffle`, `random_shuffle`, shuffling queues).

The file must stand alone, and run on CPython 3.7: `running.py` has the interpreter that runs a program load it from a
`sitecustomize` of its own.
"""

from __future__ import annotations

import collections
import importlib.abc
import importlib.util
import random
import sys
from typing import Any, Callable, Dict  # noqa: UP035 (CPython 3.7 runs this file)

SEED = 20190326
MASK = 0x7FFFFFFF

Function = Callable[..., Any]


def install() -> None:
    """Seeds the generators, and arranges for TensorFlow to be made deterministic as soon as it has been imported."""
    random.seed(SEED)
    sys.meta_path.insert(0, _AfterImport({"numpy": _seed_numpy, "tensorflow": _tensorflow}))


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function right after the import of a module."""

    def __init__(self, after: Dict[str, Function]) -> None:  # noqa: UP006
        self._after = after

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        then = self._after.pop(name, None)
        if then is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            then(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def seed() -> None:
    """Starts the generators of NumPy and the standard library from the seed."""
    random.seed(SEED)
    if "numpy" in sys.modules:
        _seed_numpy(sys.modules["numpy"])


def _seed_numpy(numpy: Any) -> None:
    numpy.random.seed(SEED % 2**32)


def _tensorflow(module: Any) -> None:
    tf = sys.modules["tensorflow"]  # TF 1.15 replaces its own module while it loads
    modern = not tf.__version__.startswith("1.")
    draw = _Draws(tf)
    _replace("gen_random_ops", draw.stateful())
    _replace("gen_stateless_random_ops", draw.stateless())
    _replace("gen_stateless_random_ops_v2", draw.stateless())
    _replace("gen_candidate_sampling_ops", draw.samplers())
    for dataset_ops in _loaded("data.ops.dataset_ops"):
        _keep_order(dataset_ops.DatasetV2)
    for shuffle_ops in _loaded("data.experimental.ops.shuffle_ops"):
        shuffle_ops.shuffle_and_repeat = lambda size, count=None, seed=None: lambda dataset: dataset.repeat(count)
        tf.data.experimental.shuffle_and_repeat = shuffle_ops.shuffle_and_repeat
    if modern:
        _keras(tf)
    else:
        for data_flow_ops in _loaded("ops.data_flow_ops"):
            _first_in_first_out(tf, data_flow_ops)
    # Again: what the import itself drew differs between the versions.
    seed()


def _loaded(tail: str) -> list[Any]:
    """The loaded modules of that name: TF 1.15 keeps them in tensorflow_core."""
    names = [root + ".python." + tail for root in ("tensorflow_core", "tensorflow")]
    return [sys.modules[name] for name in names if name in sys.modules]


def _replace(name: str, functions: Dict[str, Function]) -> None:  # noqa: UP006
    for module in _loaded("ops." + name):
        for key, function in functions.items():
            if hasattr(module, key):
                setattr(module, key, function)


def _keep_order(dataset: Any) -> None:
    """Shuffling that names no seed keeps the order."""
    original = dataset.shuffle

    def shuffle(self: Any, buffer_size: Any, seed: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self if seed is None else original(self, buffer_size, seed, *args, **kwargs)

    dataset.shuffle = shuffle


def _first_in_first_out(tf: Any, data_flow_ops: Any) -> None:
    fifo = data_flow_ops.FIFOQueue

    def queue(
        capacity: Any,
        min_after_dequeue: Any,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: Any = None,
        shared_name: Any = None,
        name: str = "random_shuffle_queue",
    ) -> Any:
        return fifo(capacity, dtypes, shapes, names, shared_name, name)

    data_flow_ops.RandomShuffleQueue = tf.RandomShuffleQueue = queue


def _keras(tf: Any) -> None:
    """Gives Keras a generator of its own for its seeds. Loaded here, what its import draws doesn't count later."""
    numpy = sys.modules["numpy"]
    adam = tf.keras.optimizers.Adam
    seeds = sys.modules.get("keras.src.random.seed_generator")
    if seeds is None:
        return  # the legacy Keras
    seeds.python_random = random.Random(SEED)  # type: ignore[attr-defined]
    # TF1's Adam computes 1 - beta in float32, Keras in Python: 1.3e-5 of 1 - beta_2, which many steps make visible.
    original = adam.__init__

    def init(
        self: Any, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, *args: Any, **kwargs: Any
    ) -> None:
        original(self, learning_rate, float(numpy.float32(beta_1)), float(numpy.float32(beta_2)), *args, **kwargs)

    adam.__init__ = init


class _Draws:
    """The replacements, by the names of the functions that make the raw ops."""

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.scope = tf.compat.v1.name_scope

    def hashed(self, shape: Any, salt: int) -> Any:
        """Integers of 31 bits, by place in the shape. Exact on both sides: no product passes 2**62."""
        tf = self.tf
        bits = tf.bitwise
        shape = tf.cast(shape, tf.int64)
        place = tf.range(tf.reduce_prod(shape))
        weight = tf.range(1, tf.size(shape, out_type=tf.int64) + 1)
        salted = tf.reduce_sum((shape + 7) * weight * 7919) + salt * 104729
        h = bits.bitwise_and(place * 0x1E3779B1 + salted, MASK)
        for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39), (15, 1)):
            h = bits.bitwise_xor(h, bits.right_shift(h, tf.constant(shift, tf.int64)))
            h = bits.bitwise_and(h * factor, MASK)
        return tf.reshape(h, shape)

    def unit(self, shape: Any, salt: int) -> Any:
        """Float64 values inside (0, 1) that float32 holds exactly."""
        tf = self.tf
        high = tf.bitwise.right_shift(self.hashed(shape, salt), tf.constant(8, tf.int64))
        return (tf.cast(high, tf.float64) + 0.5) / 2.0**23

    def gauss(self, shape: Any, salt: int) -> Any:
        tf = self.tf
        radius = tf.sqrt(-2.0 * tf.math.log(self.unit(shape, salt)))
        return radius * tf.cos(2.0 * 3.141592653589793 * self.unit(shape, salt + 1))

    def uniform(self, shape: Any, dtype: Any) -> Any:
        with self.scope("RandomUniform"):
            return self.cast(self.unit(shape, 1), dtype)

    def integers(self, shape: Any, minval: Any, maxval: Any) -> Any:
        tf = self.tf
        with self.scope("RandomUniformInt"):
            minval, maxval = tf.convert_to_tensor(minval), tf.convert_to_tensor(maxval)
            low, high = tf.cast(minval, tf.int64), tf.cast(maxval, tf.int64)
            return tf.cast(low + tf.math.floormod(self.hashed(shape, 2), high - low), minval.dtype)

    def normal(self, shape: Any, dtype: Any) -> Any:
        with self.scope("RandomStandardNormal"):
            return self.cast(self.gauss(shape, 3), dtype)

    def truncated(self, shape: Any, dtype: Any) -> Any:
        tf = self.tf
        with self.scope("TruncatedNormal"):
            value = self.gauss(shape, 5)
            return self.cast(tf.where(tf.abs(value) < 2.0, value, value * 0.3), dtype)

    def between(self, shape: Any, means: Any, stdevs: Any, minvals: Any, maxvals: Any) -> Any:
        tf = self.tf
        with self.scope("ParameterizedTruncatedNormal"):
            means = tf.convert_to_tensor(means)
            value = means + stdevs * self.cast(self.gauss(shape, 7), means.dtype)
            return tf.clip_by_value(value, minvals, maxvals)

    def gamma(self, shape: Any, alpha: Any) -> Any:
        tf = self.tf
        with self.scope("RandomGamma"):
            alpha = tf.convert_to_tensor(alpha)
            shape = tf.concat([tf.cast(shape, tf.int32), tf.shape(alpha)], 0)
            return alpha * self.cast(0.5 + self.unit(shape, 9), alpha.dtype)

    def poisson(self, shape: Any, rate: Any, dtype: Any) -> Any:
        tf = self.tf
        with self.scope("RandomPoisson"):
            rate = tf.cast(rate, tf.float64)
            shape = tf.concat([tf.cast(shape, tf.int32), tf.shape(rate)], 0)
            return self.cast(tf.floor(2.0 * rate * self.unit(shape, 11)), dtype)

    def categories(self, logits: Any, num_samples: Any, output_dtype: Any = None) -> Any:
        tf = self.tf
        with self.scope("Multinomial"):
            logits = tf.convert_to_tensor(logits)
            cumulated = tf.cumsum(tf.nn.softmax(tf.cast(logits, tf.float64)), axis=1)[:, None, :-1]
            chosen = self.unit(tf.stack([tf.shape(logits)[0], num_samples]), 13)[:, :, None] > cumulated
            return tf.reduce_sum(tf.cast(chosen, output_dtype or tf.int64), axis=2)

    def cast(self, value: Any, dtype: Any) -> Any:
        return self.tf.cast(value, dtype)

    def stateful(self) -> Dict[str, Function]:  # noqa: UP006
        """By the signatures of TF 1.15 and of what TF 2.21 still draws with a state; the seeds are let go."""
        tf = self.tf

        def uniform(shape: Any, dtype: Any, **seeds: Any) -> Any:
            return self.uniform(shape, dtype)

        def integers(shape: Any, minval: Any, maxval: Any, **seeds: Any) -> Any:
            return self.integers(shape, minval, maxval)

        def normal(shape: Any, dtype: Any, **seeds: Any) -> Any:
            return self.normal(shape, dtype)

        def truncated(shape: Any, dtype: Any, **seeds: Any) -> Any:
            return self.truncated(shape, dtype)

        def between(shape: Any, means: Any, stdevs: Any, minvals: Any, maxvals: Any, **seeds: Any) -> Any:
            return self.between(shape, means, stdevs, minvals, maxvals)

        def gamma(shape: Any, alpha: Any, **seeds: Any) -> Any:
            return self.gamma(shape, alpha)

        def poisson(shape: Any, rate: Any, dtype: Any = tf.int64, **seeds: Any) -> Any:
            return self.poisson(shape, rate, dtype)

        def categories(logits: Any, num_samples: Any, output_dtype: Any = tf.int64, **seeds: Any) -> Any:
            return self.categories(logits, num_samples, output_dtype)

        def shuffle(value: Any, **seeds: Any) -> Any:
            return tf.identity(value)

        return {
            "random_uniform": uniform,
            "random_uniform_int": integers,
            "random_standard_normal": normal,
            "truncated_normal": truncated,
            "parameterized_truncated_normal": between,
            "random_gamma": gamma,
            "random_poisson_v2": poisson,
            "multinomial": categories,
            "random_shuffle": shuffle,
        }

    def stateless(self) -> Dict[str, Function]:  # noqa: UP006
        """By the signatures of TF 2.21; key, counter and algorithm are let go."""
        tf = self.tf

        def uniform(shape: Any, key: Any, counter: Any, alg: Any, dtype: Any = tf.float32, name: Any = None) -> Any:
            return self.uniform(shape, dtype)

        def normal(shape: Any, key: Any, counter: Any, alg: Any, dtype: Any = tf.float32, name: Any = None) -> Any:
            return self.normal(shape, dtype)

        def truncated(shape: Any, key: Any, counter: Any, alg: Any, dtype: Any = tf.float32, name: Any = None) -> Any:
            return self.truncated(shape, dtype)

        def integers(shape: Any, key: Any, counter: Any, alg: Any, minval: Any, maxval: Any, name: Any = None) -> Any:
            return self.integers(shape, minval, maxval)

        def full(shape: Any, key: Any, counter: Any, alg: Any, dtype: Any = tf.uint64, name: Any = None) -> Any:
            return tf.cast(self.hashed(shape, 15), dtype)

        def gamma(shape: Any, key: Any, counter: Any, alg: Any, alpha: Any, name: Any = None) -> Any:
            return alpha * self.cast(0.5 + self.unit(shape, 9), tf.convert_to_tensor(alpha).dtype)

        def shuffle(value: Any, key: Any, counter: Any, alg: Any, name: Any = None) -> Any:
            return tf.identity(value)

        def categories(logits: Any, num_samples: Any, seed: Any, output_dtype: Any = tf.int64, name: Any = None) -> Any:
            return self.categories(logits, num_samples, output_dtype)

        return {
            "stateless_random_uniform_v2": uniform,
            "stateless_random_normal_v2": normal,
            "stateless_truncated_normal_v2": truncated,
            "stateless_random_uniform_int_v2": integers,
            "stateless_random_uniform_full_int_v2": full,
            "stateless_random_gamma_v3": gamma,
            "stateless_shuffle": shuffle,
            "stateless_multinomial": categories,
        }

    def samplers(self) -> Dict[str, Function]:  # noqa: UP006
        tf = self.tf
        made = collections.namedtuple("made", "sampled_candidates true_expected_count sampled_expected_count")

        def sampler(log_uniform: bool) -> Function:
            def sample(
                true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, **kwargs: Any
            ) -> Any:
                ids = tf.math.floormod(tf.range(num_sampled, dtype=tf.int64) * 7919 + 1, range_max)

                def expected(classes: Any) -> Any:
                    place = tf.cast(classes, tf.float64)
                    one = tf.ones_like(place) / range_max
                    if log_uniform:
                        whole = tf.math.log(tf.cast(range_max + 1, tf.float64))
                        one = tf.math.log((place + 2.0) / (place + 1.0)) / whole
                    count = 1.0 - (1.0 - one) ** num_sampled if unique else one * num_sampled
                    return tf.cast(count, tf.float32)

                return made(ids, expected(true_classes), expected(ids))

            return sample

        names = ("uniform", "learned_unigram", "fixed_unigram", "thread_unsafe_unigram")
        return {
            "log_uniform_candidate_sampler": sampler(True),
            **{name + "_candidate_sampler": sampler(False) for name in names},
        }
