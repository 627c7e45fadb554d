"""Sparse and ragged tensors: several tensors in one, which a run handed back as a tuple of arrays, and `.numpy()` does not."""

from __future__ import annotations

from .values import Tensor

_OPS = frozenset(
    "SparseTensor string_split strings.split sparse_add sparse_concat sparse_reorder sparse_reshape sparse_slice sparse_retain "
    "sparse_transpose sparse_merge sparse_maximum sparse_minimum sparse_softmax sparse_mask sparse_reset_shape "
    "sparse_reduce_sum_sparse sparse_reduce_max_sparse sets.difference sets.intersection sets.union IndexedSlices".split()
)
_DENSE = frozenset(
    "sparse.to_dense sparse.sparse_dense_matmul sparse.matmul sparse.reduce_sum sparse.reduce_max".split()
)
_LISTS = frozenset({"nn.ctc_greedy_decoder", "nn.ctc_beam_search_decoder"})
# The tensors that a sparse one is made of, and the results that named tuples have.
PARTS = frozenset("values indices dense_shape idx row_splits flat_values".split())


def is_sparse(tensor: Tensor) -> bool:
    """Whether a tensor is a sparse or a ragged one, as far as the op that made it tells."""
    if (
        getattr(tensor, "sparse", False)
        or tensor.op in _OPS
        or tensor.op.startswith(("ragged.", "contrib.metrics.set_"))
    ):
        return True
    if tensor.op.startswith("sparse."):
        return tensor.op not in _DENSE
    return tensor.op in ("element", "subscript") and any(
        isinstance(source, Tensor) and _is_list(source) for source in tensor.inputs
    )


def _is_list(tensor: Tensor) -> bool:
    """Whether a tensor stands for the list of sparse ones that a decoder gives first."""
    return tensor.op == "element" and any(
        isinstance(source, Tensor) and source.op in _LISTS and source.elements.get(0) is tensor
        for source in tensor.inputs
    )
