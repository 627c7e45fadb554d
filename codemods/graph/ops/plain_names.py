"""Names under modules that the graph stage has no model of, which are plain all the same: host code, and ops of tensors."""

from __future__ import annotations

# What computes on host values and knows no graph: protos of records and clusters, data sets, checkpoints' contents.
HOST = (
    "train.BytesList", "train.FloatList", "train.Int64List", "train.Feature", "train.Example", "train.SequenceExample",
    "train.ClusterSpec", "train.ClusterDef", "train.JobDef", "train.ServerDef", "train.NewCheckpointReader",
    "train.load_variable", "contrib.framework.load_checkpoint", "contrib.framework.load_variable",
    "contrib.framework.list_variables", "contrib.util.make_tensor_proto", "contrib.util.make_ndarray",
    "saved_model.contains_saved_model", "saved_model.maybe_saved_model_directory",
    "saved_model.loader.maybe_saved_model_directory",
)  # fmt: skip
# Ops that make a tensor of what they are given, and nothing else.
TENSORS = (
    "scatter_nd", "contrib.framework.argsort", "contrib.framework.sort", "contrib.metrics.set_", "contrib.signal.",
    "contrib.stateless.", "contrib.nn.conv1d_transpose", "contrib.framework.nest.",
)  # fmt: skip
NO_TENSORS = frozenset({"scatter_nd_update", "scatter_nd_add", "scatter_nd_sub"})


def is_host(name: str) -> bool:
    return name.startswith(HOST)


def is_op(name: str) -> bool:
    return name.startswith(TENSORS) and name not in NO_TENSORS
