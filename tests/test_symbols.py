"""The symbols stage at the native level: a TF1 expression and what TensorFlow 2 has for it, or why it is left."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest

from tf_modernize.codemods import api
from tf_modernize.codemods.edits import Edits
from tf_modernize.codemods.names import resolve
from tf_modernize.codemods.parse import parse
from tf_modernize.codemods.symbols import Rewritten, rewrite
from tf_modernize.codemods.symbols.sites import Hooks

HEAD = "import tensorflow as tf\n"


def native(source: str, hooks: Hooks | None = None) -> tuple[str, Rewritten]:
    module = parse(source.encode(), "x.py")
    edits = Edits(module)
    result = rewrite(module, resolve(module), edits, "native", hooks=hooks)
    return edits.apply(), result


def comments(source: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sorted(token.string for token in tokens if token.type == tokenize.COMMENT)


def check(before: str, after: str, hooks: Hooks | None = None) -> Rewritten:
    """Asserts the rewrite, and what holds for every rewrite."""
    text, result = native(HEAD + before, hooks)
    assert text == HEAD + after
    assert result.diagnostics == []
    ast.parse(text)
    assert comments(text) == comments(HEAD + before)
    for use in resolve(parse(text.encode(), "x.py")).uses:
        assert use.name == "" or api.is_native(use.name) or api.is_module(use.name), use.name
    return result


def left(before: str) -> str:
    """Why an expression is left; nothing of it is changed."""
    text, result = native(HEAD + before)
    assert text == HEAD + before
    assert len(result.diagnostics) == 1 and len(result.accounts) == 1
    return result.diagnostics[0].message


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.log(x)", "tf.math.log(x)"),
        ("tf.log(tf.log(x))", "tf.math.log(tf.math.log(x))"),
        ("tf.compat.v1.log(x)", "tf.math.log(x)"),
        ("f = tf.log", "f = tf.math.log"),
        ("f = tf.log\nf(x)", "f = tf.math.log\nf(x)"),
        ("tf.reduce_mean(x, reduction_indices=1, keep_dims=True)", "tf.reduce_mean(x, axis=1, keepdims=True)"),
        ("tf.argmax(x, dimension=1)", "tf.argmax(x, axis=1)"),
        ("tf.argmax(x, 1, 'name')", "tf.argmax(x, 1, name='name')"),
        ("tf.arg_min(x, 0)", "tf.argmin(x, 0)"),
        ("tf.transpose(x, [1, 0], 'name')", "tf.transpose(x, [1, 0], name='name')"),
        ("tf.expand_dims(x, dim=-1)", "tf.expand_dims(x, axis=-1)"),
        ("tf.squeeze(x, squeeze_dims=[1])", "tf.squeeze(x, axis=[1])"),
        ("tf.to_float(x)", "tf.cast(x, tf.float32)"),
        ("tf.to_int64(x, name='n')", "tf.cast(x, name='n', dtype=tf.int64)"),
        ("tf.to_float(\n    x  # a comment\n)", "tf.cast(\n    x, tf.float32  # a comment\n)"),
        ("tf.random_normal([2], stddev=.1)", "tf.random.normal([2], stddev=.1)"),
        ("tf.truncated_normal([2])", "tf.random.truncated_normal([2])"),
        ("tf.set_random_seed(1)", "tf.random.set_seed(1)"),
        ("tf.multinomial(x, 1, 7)", "tf.random.categorical(x, 1, seed=7)"),
        ("tf.div(x, 2.0)", "tf.divide(x, 2.0)"),
        ("tf.where(x)", "tf.where(x)"),
        ("tf.where(x > 0, a, b)", "tf.raw_ops.Select(condition=x > 0, x=a, y=b)"),
        ("tf.nn.xw_plus_b(x, w, b)", "tf.nn.bias_add(tf.matmul(x, w), b)"),
        ("tf.while_loop(c, b, [i])", "tf.while_loop(c, b, [i])[0]"),
        ("tf.cond(p, lambda: a, fn2=lambda: b)", "tf.cond(p, lambda: a, false_fn=lambda: b)"),
        ("tf.name_scope(n, 'default', [x])", "tf.name_scope(n or 'default')"),
        ("tf.name_scope(None, 'default')", "tf.name_scope('default')"),
        ("tf.matrix_diag(x)", "tf.linalg.diag(x)"),
        ("tf.argmax(x, None, None, 1)", "tf.argmax(x, name=None, axis=1)"),
        ("tf.reduce_sum(x, axis=None, reduction_indices=0)", "tf.reduce_sum(x, axis=0)"),
        ("tf.log(*given, **more)", "tf.math.log(*given, **more)"),
        ("tf.string_split(x)", 'tf.SparseTensor(*tf.raw_ops.StringSplit(input=x, delimiter=" "))'),
        ("tf.string_split([s], ',')", "tf.SparseTensor(*tf.raw_ops.StringSplit(input=[s], delimiter=','))"),
        ("tf.space_to_batch(x, p, 2)", "tf.space_to_batch(x, [2, 2], p)"),
        ("tf.batch_to_space(x, crops=c, block_size=n)", "tf.batch_to_space(x, [n, n], c)"),
        ("tf.nn.relu_layer(x, w, b)", "tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w), b))"),
        ("tf.constant([1, 2], shape=[1, 2])", "tf.constant([1, 2], shape=[1, 2])"),
    ],
)
def test_arrays(before: str, after: str) -> None:
    check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.concat(1, [a, b])", "tf.concat(axis=1, values=[a, b])"),
        ("tf.concat(dim, [a, b])", "tf.concat(axis=dim, values=[a, b])"),
        ("tf.concat(concat_dim=1, values=x)", "tf.concat(axis=1, values=x)"),
        ("tf.concat([a, b], 1)", "tf.concat([a, b], 1)"),
        ("tf.concat(x, 1)", "tf.concat(x, 1)"),
        ("tf.concat(a, b)", "tf.concat(a, b)"),
        ("tf.split(0, 2, x)", "tf.split(axis=0, num_or_size_splits=2, value=x)"),
        ("tf.split(split_dim=0, num_split=2, value=x)", "tf.split(axis=0, num_or_size_splits=2, value=x)"),
        ("tf.split(x, 2, 1)", "tf.split(x, 2, 1)"),
        ("tf.reverse(x, [False, True])", "tf.reverse(x, [1])"),
        ("tf.reverse(x, dims=[True])", "tf.reverse(x, axis=[0])"),
        ("tf.reverse(x, [1])", "tf.reverse(x, [1])"),
        ("tf.pack([a, b])", "tf.stack([a, b])"),
        ("tf.list_diff(a, b)", "tf.raw_ops.ListDiff(x=a, y=b)"),
        ("tf.image.per_image_whitening(x)", "tf.image.per_image_standardization(x)"),
        (
            "tf.nn.sparse_softmax_cross_entropy_with_logits(z, y)",
            "tf.nn.sparse_softmax_cross_entropy_with_logits(logits=z, labels=y)",
        ),
        (
            "tf.nn.softmax_cross_entropy_with_logits(z, y)",
            "tf.nn.softmax_cross_entropy_with_logits(logits=z, labels=tf.stop_gradient(y))",
        ),
    ],
)
def test_older_than_tensorflow_1(before: str, after: str) -> None:
    check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.nn.dropout(x, 0.8)", "tf.nn.dropout(x, rate=0.2)"),
        ("tf.nn.dropout(x, keep_prob=keep)", "tf.nn.dropout(x, rate=1 - keep)"),
        ("tf.nn.dropout(x, 1.0 - rate)", "tf.nn.dropout(x, rate=rate)"),
        ("tf.nn.dropout(x, a + b)", "tf.nn.dropout(x, rate=1 - (a + b))"),
        ("tf.nn.dropout(x, (a + b))", "tf.nn.dropout(x, rate=1 - (a + b))"),
        ("tf.nn.dropout(x, k if t else 1.0)", "tf.nn.dropout(x, rate=1 - (k if t else 1.0))"),
        ("tf.nn.dropout(x, keep, None, 3)", "tf.nn.dropout(x, rate=1 - keep, noise_shape=None, seed=3)"),
        ("tf.nn.dropout(x, rate=0.2)", "tf.nn.dropout(x, rate=0.2)"),
        (
            "tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z, dim=0)",
            "tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(y), logits=z, axis=0)",
        ),
        (
            "tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(y), logits=z)",
            "tf.nn.softmax_cross_entropy_with_logits(labels=tf.stop_gradient(y), logits=z)",
        ),
        (
            "tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)",
            "tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)",
        ),
        ("tf.nn.conv2d(x, w, [1, 1, 1, 1], 'SAME', True)", "tf.nn.conv2d(x, w, [1, 1, 1, 1], 'SAME')"),
        (
            "tf.nn.conv2d(x, filter=w, strides=s, padding='SAME', use_cudnn_on_gpu=False, name='n')",
            "tf.nn.conv2d(x, filters=w, strides=s, padding='SAME', name='n')",
        ),
        (
            "tf.nn.max_pool(value=x, ksize=k, strides=s, padding='SAME')",
            "tf.nn.max_pool(input=x, ksize=k, strides=s, padding='SAME')",
        ),
        ("tf.nn.embedding_lookup(e, ids, 'mod', 'n')", "tf.nn.embedding_lookup(e, ids, name='n')"),
        (
            "tf.nn.erosion2d(x, kernel=f, strides=s, rates=r, padding='SAME')",
            "tf.nn.erosion2d(x, filters=f, strides=s, dilations=r, padding='SAME', data_format='NHWC')",
        ),
        ("tf.nn.in_top_k(p, t, 3)", "tf.nn.in_top_k(predictions=p, targets=t, k=3)"),
        (
            "tf.image.resize_bilinear(x, [1, 2], align_corners=True)",
            "tf.raw_ops.ResizeBilinear(images=x, size=[1, 2], align_corners=True)",
        ),
    ],
)
def test_nn(before: str, after: str) -> None:
    check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tf.random_normal_initializer()", "tf.keras.initializers.RandomNormal(stddev=1.0)"),
        ("tf.random_normal_initializer(stddev=0.1)", "tf.keras.initializers.RandomNormal(stddev=0.1)"),
        ("tf.truncated_normal_initializer(0.0, 0.02)", "tf.keras.initializers.TruncatedNormal(0.0, 0.02)"),
        ("tf.random_uniform_initializer(-1, 1)", "tf.keras.initializers.RandomUniform(-1, 1)"),
        ("tf.random_uniform_initializer()", "tf.keras.initializers.RandomUniform(minval=0.0, maxval=1.0)"),
        ("tf.glorot_uniform_initializer(seed=3)", "tf.keras.initializers.GlorotUniform(seed=3)"),
        ("tf.constant_initializer(0.1, tf.float32)", "tf.constant_initializer(0.1)"),
        ("tf.zeros_initializer(dtype=tf.float32)", "tf.zeros_initializer()"),
        ("tf.zeros_initializer", "tf.zeros_initializer"),
        ("tf.contrib.layers.xavier_initializer()", "tf.keras.initializers.GlorotUniform()"),
        ("tf.contrib.layers.l2_regularizer(5e-4)", "tf.keras.regularizers.L2(0.00025)"),
        ("tf.contrib.layers.l2_regularizer(scale=a + b)", "tf.keras.regularizers.L2(l2=(a + b) / 2)"),
        (
            "tf.contrib.layers.variance_scaling_initializer(factor=1.0, mode='FAN_AVG', uniform=True)",
            'tf.keras.initializers.VarianceScaling(scale=1.0, mode="fan_avg", distribution="uniform")',
        ),
        (
            "tf.contrib.layers.variance_scaling_initializer()",
            'tf.keras.initializers.VarianceScaling(scale=2.0117274, distribution="truncated_normal")',
        ),
        (
            "tf.contrib.layers.variance_scaling_initializer(a + b, mode='FAN_AVG')",
            'tf.keras.initializers.VarianceScaling(scale=(a + b) * 1.0058637, mode="fan_avg", '
            'distribution="truncated_normal")',
        ),
        (
            "tf.contrib.layers.xavier_initializer(uniform=False)",
            'tf.keras.initializers.VarianceScaling(scale=1.0058637, mode="fan_avg", distribution="truncated_normal")',
        ),
    ],
)
def test_initializers_and_regularizers(before: str, after: str) -> None:
    check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "tf.losses.sparse_softmax_cross_entropy(labels=y, logits=z)",
            "tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z))",
        ),
        (
            "tf.losses.mean_squared_error(y, z)",
            "tf.reduce_mean(tf.square(tf.cast(z, tf.float32) - tf.cast(y, tf.float32)))",
        ),
        (
            "tf.losses.hinge_loss(y, z)",
            "tf.reduce_mean(tf.nn.relu(1 - (2 * tf.cast(y, tf.float32) - 1) * z))",
        ),
        (
            "tf.contrib.seq2seq.sequence_loss(z, y, w)",
            "tf.math.divide_no_nan(\n"
            "    tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z) * w),\n"
            "    tf.reduce_sum(w))",
        ),
    ],
)
def test_losses(before: str, after: str) -> None:
    check(before, after)


def test_losses_with_weights() -> None:
    floats = Hooks(dtype_of=lambda node: "float32", shape_of=lambda node: (None, 3))
    check(
        "tf.losses.mean_squared_error(y, z, weights=w)",
        "tf.math.divide_no_nan(\n"
        "    tf.reduce_mean(tf.square(z - y) * w),\n"
        "    tf.reduce_mean(tf.cast(w != 0, tf.float32)))",
        floats,
    )
    check(
        "tf.losses.absolute_difference(y, z, w, reduction=tf.losses.Reduction.SUM)",
        "tf.reduce_sum(tf.abs(z - y) * w)",
        floats,
    )
    check("tf.losses.huber_loss(y, z, weights=2.0)", "2.0 * tf.reduce_mean(tf.keras.losses.huber(y, z))", floats)


def test_what_the_graph_knows() -> None:
    floats = Hooks(dtype_of=lambda node: "float32", labels_need_stop_gradient=lambda call: False)
    check("tf.losses.mean_squared_error(y, z)", "tf.reduce_mean(tf.square(z - y))", floats)
    check("tf.div(x, y)", "tf.divide(x, y)", floats)
    before = "tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z)"
    check(before, before, floats)
    check("tf.div(x, 2)", "tf.math.floordiv(x, 2)", Hooks(dtype_of=lambda node: "int32"))
    check("tf.where(c, a, b)", "tf.where(c, a, b)", Hooks(shape_of=lambda node: (3, 4)))
    check("tf.where(c, a, b)", "tf.raw_ops.Select(condition=c, x=a, y=b)", Hooks(shape_of=lambda node: None))


def test_an_alias_of_a_module_that_is_gone() -> None:
    result = check(
        "cl = tf.contrib.layers\nr = cl.l2_regularizer(1.0)",
        "\nr = tf.keras.regularizers.L2(0.5)",
    )
    assert len(result.needs.aliases) == 1


def test_getattr_with_a_literal() -> None:
    check("getattr(tf, 'log')(x)", "tf.math.log(x)")


def test_absl() -> None:
    result = check(
        "flags = tf.app.flags\nflags.DEFINE_string(flag_name='a', default_value='', docstring='b')\nF = flags.FLAGS",
        "from absl import flags\nflags.DEFINE_string(name='a', default='', help='b')\nF = flags.FLAGS",
    )
    assert not result.needs.imports
    result = check(
        "def main(_): pass\ntf.logging.info('x')\ntf.app.run()",
        "def main(_): pass\nlogging.info('x')\napp.run(main)",
    )
    assert result.needs.imports == {"from absl import app", "from absl import logging"}
    result = check("logging = 1\ntf.logging.info('x')", "logging = 1\nabsl.logging.info('x')")
    assert result.needs.imports == {"import absl.logging"}


def test_gfile() -> None:
    check("tf.gfile.Exists(filename=p)", "tf.io.gfile.exists(path=p)")
    check("tf.gfile.Open(p, 'rb')", "tf.io.gfile.GFile(p, 'rb')")


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("tf.placeholder(tf.float32)", "no tf.placeholder"),
        ("tf.layers.dense(x, 3)", "no tf.layers.dense"),
        ("tf.div(x, 2)", "floors integers"),
        ("tf.nn.dropout(*args)", "not seen here"),
        ("tf.reduce_mean(x, **kwargs)", "unpacks"),
        ("tf.while_loop(c, b, given)", "not seen here"),
        ("tf.cond(p, lambda: [a], lambda: [b])", "list of one"),
        ("tf.losses.mean_squared_error(y, z, weights=w)", "averages over weights"),
        ("tf.nn.embedding_lookup([a, b], ids)", "list of variables"),
        ("tf.contrib.layers.xavier_initializer(uniform=u)", "is not seen here"),
        ("tf.reduce_sum(x, axis=0, reduction_indices=1)", "gets axis twice"),
        ("tf.reduce_sum(*given)", "unpacks some of them"),
        ("tf.reduce_sum(x, **given)", "unpacks some of them"),
        ("tf.image.draw_bounding_boxes(*given)", "unpacks some of them"),
        ("tf.nn.ctc_beam_search_decoder(x, n)", "merged by default"),
        ("tf.losses.mean_squared_error(y, z, reduction=r)", "the reduction of tf.losses.mean_squared_error"),
        ("tf.contrib.crf.crf_decode(x)", "no tf.contrib.crf.crf_decode"),
        ("tf.app.run()", "does not define"),
        ("tf.string_split(*given)", "not seen here"),
        ("tf.matrix_diag(x, k=1)", "RIGHT_LEFT"),
    ],
)
def test_left(before: str, why: str) -> None:
    assert why in left(before)


@pytest.mark.parametrize(
    "source",
    [
        "tf.nn.relu(x)",
        "tf.keras.layers.Dense(3)(x)",
        "tf.reduce_mean(x, axis=1, keepdims=True)",
        "x.log(1)",
        "def f(tf):\n    return tf.log(1)",
        "tf.nn.dropout(x, rate=0.5)",
        "tf.concat([a, b], 1)",
        "tf.matmul(a, b)  # tf.log(x)",
        "with tf.device('/cpu:0'): pass",
    ],
)
def test_no_change(source: str) -> None:
    check(source, source)


def test_kept_nodes_only() -> None:
    module = parse((HEAD + "a = tf.log(x)\nb = tf.log(y)\n").encode(), "x.py")
    edits = Edits(module)
    rewrite(module, resolve(module), edits, "native", keep=lambda node: node.lineno == 3)  # type: ignore[attr-defined]
    assert edits.apply() == HEAD + "a = tf.log(x)\nb = tf.math.log(y)\n"
