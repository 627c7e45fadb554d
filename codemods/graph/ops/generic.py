"""Every other TensorFlow call: a tensor that depends on the graph values among its arguments."""

from __future__ import annotations

import ast

from .. import dtypes, host, shapes
from ..interpreter import Interpreter
from ..values import (
    Array,
    Foreign,
    Function,
    GraphValue,
    Initializer,
    Known,
    Sequence,
    Shape,
    Summary,
    Tensor,
    Value,
    graph_values,
)
from . import op_names, plain_names

SYNONYMS = {
    "random.uniform": "random_uniform", "random.normal": "random_normal", "random.truncated_normal": "truncated_normal",
    "math.reduce_mean": "reduce_mean", "math.reduce_sum": "reduce_sum", "linalg.matmul": "matmul",
    "train.get_checkpoint_state": "train.get_checkpoint_state", "mat_mul": "matmul",
    "initializers.global_variables": "global_variables_initializer", "initializers.variables": "variables_initializer",
    "contrib.framework.get_or_create_global_step": "train.get_or_create_global_step",
    "contrib.framework.get_global_step": "train.get_global_step", "train.exponential_decay_v2": "train.exponential_decay",
    "scalar_summary": "summary.scalar", "merge_all_summaries": "summary.merge_all", "histogram_summary": "summary.histogram",
    "summary.merge_all_v2": "summary.merge_all", "image_summary": "summary.image", "audio_summary": "summary.audio",
    "merge_summary": "summary.merge",
}  # fmt: skip
SEVERAL = frozenset(
    "self_adjoint_eig linalg.eigh svd linalg.svd qr linalg.qr nn.moments nn.top_k unique unique_with_counts meshgrid "
    "nn.ctc_greedy_decoder nn.ctc_beam_search_decoder split unstack lu nn.weighted_moments setdiff1d "
    "nn.fractional_avg_pool nn.fractional_max_pool nn.fused_batch_norm".split()
)
RANDOM = frozenset(
    "random_normal random_uniform truncated_normal random_shuffle multinomial random_gamma random_poisson random_crop "
    "nn.dropout nn.nce_loss nn.sampled_softmax_loss random.categorical random.shuffle random.multinomial random.gamma "
    "random.poisson image.random_flip_left_right image.random_flip_up_down image.random_brightness image.random_contrast "
    "image.random_hue image.random_saturation nn.log_uniform_candidate_sampler nn.uniform_candidate_sampler "
    "nn.learned_unigram_candidate_sampler nn.fixed_unigram_candidate_sampler nn.fractional_avg_pool "
    "nn.fractional_max_pool".split()
)
# Initializers that Keras layers take for their kernels ("glorot") and biases when they are told none.
INITIALIZERS = {
    "xavier_initializer": "glorot", "xavier_initializer_conv2d": "glorot", "glorot_uniform_initializer": "glorot",
    "glorot_uniform": "glorot", "zeros_initializer": "zeros", "zeros": "zeros",
}  # fmt: skip
OF_ARRAYS = frozenset({"constant", "set_random_seed"})  # these take host values only
SOMETIMES_NOTHING = frozenset({"cast", "to_float", "to_int32", "to_int64", "to_double", "convert_to_tensor"})
HOST_PREFIXES = (
    "app.", "flags.", "logging.", "gfile.", "io.gfile.", "python_io.", "errors.", "compat.as_", "test.",
    "train.latest_checkpoint", "train.get_checkpoint_state", "train.checkpoint_exists", "set_random_seed",
    "train.Feature", "train.Example", "train.SequenceExample", "train.Int64List", "train.FloatList", "train.BytesList",
    "random.set_random_seed",    "as_dtype", "DType",
    "TensorShape", "initializers.", "keras.initializers.", "contrib.layers.xavier_initializer", "sysconfig.", "version",
    "contrib.layers.variance_scaling_initializer",
    "train.write_graph", "train.load_checkpoint", "train.list_variables", "Assert",
)  # fmt: skip
# What Keras has for data: it never built graph.
HOST_KERAS = (
    "keras.datasets.", "keras.preprocessing.", "keras.utils.to_categorical", "keras.utils.normalize", "keras.utils.get_file",
    "keras.utils.Progbar", "keras.backend.epsilon", "keras.backend.floatx", "keras.backend.image_data_format",
)  # fmt: skip
OF_KERAS_ARRAYS = frozenset({"to_categorical", "normalize", "pad_sequences"})
# What the graph stage has no model of, and what changes the graph or its running in ways that generic ops don't.
NOT_MODELLED = (
    "contrib.", "train.", "estimator.", "keras.", "metrics.", "nn.rnn_cell.", "nn.dynamic_rnn", "nn.static_rnn",
    "nn.bidirectional_dynamic_rnn", "nn.static_bidirectional_rnn", "nn.raw_rnn", "layers.", "import_graph_def", "saved_model.",
    "FIFOQueue", "RandomShuffleQueue", "PaddingFIFOQueue",
    "make_template", "placeholder", "lookup.", "contrib", "distribute.", "tpu.", "Print",
    "add_check_numerics_ops", "profiler.", "local_variables", "moving_average_variables", "report_uninitialized_variables",
    "is_variable_initialized", "get_local_variable", "scatter_", "count_up_to", "load_op_library", "hessians",
    "losses.get_", "losses.add_loss", "losses.compute_weighted_loss", "nn.moments", "summary.", "data.", "get_session_tensor",
    "python.", "examples.", "losses.",
)  # fmt: skip
MODELLED = frozenset(
    "losses.mean_squared_error losses.softmax_cross_entropy losses.sparse_softmax_cross_entropy losses.sigmoid_cross_entropy "
    "losses.absolute_difference losses.huber_loss losses.log_loss losses.hinge_loss losses.cosine_distance "
    "losses.compute_weighted_loss nn.moments contrib.seq2seq.sequence_loss "
    "contrib.losses.mean_squared_error contrib.losses.softmax_cross_entropy contrib.losses.sparse_softmax_cross_entropy "
    "contrib.losses.sigmoid_cross_entropy contrib.losses.absolute_difference".split()
)


def call(run: Interpreter, name: str, node: ast.Call) -> Value:
    """A call that makes a tensor of what it is given, or a host value."""
    arguments = [
        run.evaluate(argument.value if isinstance(argument, ast.Starred) else argument) for argument in node.args
    ]
    keywords = {keyword.arg or "**": run.evaluate(keyword.value) for keyword in node.keywords}
    if name.startswith("examples."):
        return Value()
    if name.endswith("_initializer") or name.startswith(("initializers.", "keras.initializers.")):
        plain = not node.args and not node.keywords
        last = name.rpartition(".")[2].lower()
        kind = INITIALIZERS.get(last, "") if plain else ""
        return Initializer(kind, not last.startswith(("constant", "zeros", "ones", "identity")))
    if name.endswith("_regularizer") or name.startswith(HOST_PREFIXES):
        return Value()
    if name.startswith(HOST_KERAS) and not any(graph_values(one) for one in (*arguments, *keywords.values())):
        return _of_keras(name)
    if plain_names.is_host(name):
        mixed = any(graph_values(one) for one in (*arguments, *keywords.values()))
        return run.problem(node, f"a graph value passed to tf.{name}") if mixed else Value()
    if name.startswith(NOT_MODELLED) and name not in MODELLED and not plain_names.is_op(name):
        return run.problem(node, f"tf.{name}")
    several = _several(run, name, node, arguments, keywords)
    if several is not None:
        return several
    everything = [*arguments, *keywords.values()]
    for given in everything:
        if isinstance(given, Foreign) and name not in OF_ARRAYS:
            return host.foreign(run, given, node)
    inputs = tuple(value for given in everything for value in graph_values(given))
    if any(isinstance(given, Function) for given in everything):
        return run.problem(node, f"a function handed to tf.{name}")
    made = run.tensor(
        node,
        name,
        inputs,
        shapes.infer(name, arguments, keywords),
        dtypes.of_call(name, arguments, keywords),
        name in RANDOM,
    )
    made.several = name in SEVERAL and not _is_false(keywords.get("compute_uv"))
    if name not in SOMETIMES_NOTHING:
        made.tf1_name = op_names.reserve(run, name, keywords.get("name"))
    return made


def _of_keras(name: str) -> Value:
    """What Keras' functions for data give: arrays, where that is sure."""
    last = name.rpartition(".")[2]
    if last == "load_data":
        return Sequence([Sequence([Array(), Array()], "tuple") for _ in range(2)], "tuple")
    return Array() if last in OF_KERAS_ARRAYS else Value()


def _is_false(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value is False


def _several(
    run: Interpreter, name: str, node: ast.Call, arguments: list[Value], keywords: dict[str, Value]
) -> Value | None:
    """Functions that give a list of tensors whose length the source shows."""
    first = arguments[0] if arguments else keywords.get("value", next(iter(keywords.values()), None))
    if name == "clip_by_global_norm" and isinstance(first, Sequence):
        inputs = tuple(graph_values(Sequence([*arguments, *keywords.values()])))
        whole = run.tensor(node, name, inputs)
        parts: list[Value] = [
            run.tensor(node, "element", (whole,), getattr(item, "shape", None), getattr(item, "dtype", None))
            for item in first.items
        ]
        return Sequence([Sequence(parts), run.tensor(node, "element", (whole,), ())], "tuple")
    defaults = keywords.get("record_defaults", arguments[1] if len(arguments) > 1 else None)
    if name in {"decode_csv", "io.decode_csv"} and isinstance(first, Tensor) and isinstance(defaults, Sequence):
        whole = run.tensor(node, name, (first,))
        return Sequence([run.tensor(node, "element", (whole,), first.shape) for _ in defaults.items])
    if name in {"split", "unstack"} and isinstance(first, Tensor):
        given = keywords.get(
            "num_or_size_splits" if name == "split" else "num", arguments[1] if len(arguments) > 1 else None
        )
        count = given.value if isinstance(given, Known) else len(given.items) if isinstance(given, Sequence) else None
        shape: Shape = None
        if name == "unstack":
            axis = host.plain(keywords.get("axis", arguments[2] if len(arguments) > 2 else Known(0)))
            if first.shape is not None and isinstance(axis, int) and -len(first.shape) <= axis < len(first.shape):
                axis %= len(first.shape)
                count = first.shape[axis] if count is None else count
                shape = (*first.shape[:axis], *first.shape[axis + 1 :])
        elif first.shape is not None and isinstance(count, int) and count > 0:
            axis = host.plain(keywords.get("axis", arguments[2] if len(arguments) > 2 else Known(0)))
            if isinstance(given, Known) and isinstance(axis, int) and -len(first.shape) <= axis < len(first.shape):
                axis %= len(first.shape)
                length = first.shape[axis]
                shape = (*first.shape[:axis], None if length is None else length // count, *first.shape[axis + 1 :])
        if isinstance(count, int) and 0 < count <= 256:
            inputs = tuple(graph_values(Sequence([*arguments, *keywords.values()])))
            whole = run.tensor(node, name, inputs, None, first.dtype)
            return Sequence([run.tensor(node, "element", (whole,), shape, first.dtype) for _ in range(count)])
    return None


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods that every tensor has."""
    if name in {"consumers", "get_config"}:
        return Value()
    if isinstance(owner, Summary):
        return run.problem(node, f"a method .{name}() of a summary")
    return None
