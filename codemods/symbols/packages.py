"""Where the names of tensorflow.contrib went in graph mode, read from contrib.tsv, and what tf_slim has of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ..api import lookup

# The public names of tf_slim 1.1, and of its modules that programs reach by name.
SLIM = frozenset(
    """
    adaptive_clipping_fn add_arg_scope add_model_variable apply_regularization arg_scope arg_scope_func_key
    arg_scoped_arguments assert_global_step assert_or_get_global_step assign_from_checkpoint assign_from_checkpoint_fn
    assign_from_values assign_from_values_fn avg_pool2d avg_pool3d batch_norm bias_add bucketize conv1d conv2d
    conv2d_in_plane conv2d_transpose conv3d conv3d_transpose convolution convolution1d convolution2d
    convolution2d_in_plane convolution2d_transpose convolution3d convolution3d_transpose create_global_step
    current_arg_scope data data_decoder data_provider dataset dataset_data_provider dense_to_sparse dropout elu
    evaluation filter_variables flatten fully_connected GDN gdn get_global_step get_local_variables
    get_model_variables get_or_create_global_step get_trainable_variables get_unique_variable get_variable_full_name
    get_variables get_variables_by_name get_variables_by_suffix get_variables_to_restore global_variable group_norm
    has_arg_scope images_to_sequence initializers instance_norm l1_l2_regularizer l1_regularizer l2_regularizer
    layer_norm layers learning legacy_fully_connected legacy_linear legacy_relu linear local_variable losses
    max_pool2d max_pool3d maxout metrics model_analyzer model_variable one_hot_encoding optimize_loss optimizers
    parallel_reader prefetch_queue queues recompute_grad regularizers relu relu6 repeat rev_block RevBlock
    scale_gradient separable_conv2d separable_convolution2d sequence_to_images softmax spatial_softmax stack
    sum_regularizer summaries summarize_activation summarize_activations summarize_biases summarize_collection
    summarize_tensor summarize_tensors summarize_variables summarize_weights summary tfexample_decoder training
    unit_norm utils variable VariableDeviceChooser variance_scaling_initializer xavier_initializer
    xavier_initializer_conv2d OPTIMIZER_CLS_NAMES OPTIMIZER_SUMMARIES
    """.split()
)
SLIM_TRAINING = frozenset(
    "add_gradients_summaries clip_gradient_norms clip_gradient_norms_fn create_train_op multiply_gradients train".split()
)


@dataclass(frozen=True)
class Place:
    """A name of another package, or of compat.v1 (package "tf"); package "-": gone."""

    package: str
    target: str


@lru_cache(maxsize=1)
def _rows() -> tuple[dict[str, Place], frozenset[str]]:
    """The rows, and the names among them that are modules."""
    rows: dict[str, Place] = {}
    for line in files(__package__).joinpath("contrib.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            name, package, target = line.split("\t")
            rows[name] = Place(package, "" if target == "-" else target)
    return rows, frozenset(name.rpartition(".")[0] for name in rows)


def contrib(name: str) -> tuple[Place, str] | None:
    """Where a contrib name went, and the part of the name that this stands for (the rest follows it unchanged)."""
    rows, modules = _rows()
    head = name
    while head:
        place = rows.get(head)
        if place is not None:
            return None if place.package == "-" or (head != name and head in modules) else (place, head)
        parent, _, last = head.rpartition(".")
        below = rows.get(parent + ".*")
        if below is not None:
            if last == "python":  # a folder of contrib's own: a row names each of its modules that went elsewhere
                return None
            if below.package == "tf" and lookup(f"{below.target}.{last}") is None:
                return None
            known = {"": SLIM, "training": SLIM_TRAINING}.get(below.target) if below.package == "tf_slim" else None
            if known is not None and last not in known:
                return None
            return Place(below.package, f"{below.target}.{last}".lstrip(".")), head
        head = parent
    return None
