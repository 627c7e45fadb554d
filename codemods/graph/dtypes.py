"""The dtype that a call or an operator gives: that of its first tensor, but where the op says otherwise.

None is always right: what asks for a dtype leaves alone what has none. The lists are TensorFlow 1.15's ops whose first output
is of another type attribute than their first input, under the names that TensorFlow gives them.
"""

from __future__ import annotations

import ast

from .shapes import dtype_of, of_literal
from .values import Sequence, Tensor, Value, graph_values

# What gives one dtype whatever it is given.
GIVEN = {
    **dict.fromkeys(
        "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_not logical_xor is_nan is_inf "
        "is_finite nn.in_top_k math.in_top_k reduce_all reduce_any is_variable_initialized sequence_mask".split(),
        "bool",
    ),
    **dict.fromkeys("shape size rank shape_n to_int32".split(), "int32"),
    **dict.fromkeys("argmax argmin arg_max arg_min count_nonzero to_int64".split(), "int64"),
    **dict.fromkeys("to_float one_hot zeros ones random_normal truncated_normal random_uniform".split(), "float32"),
    **dict.fromkeys("random.normal random.uniform random.truncated_normal string_to_number".split(), "float32"),
    **dict.fromkeys("to_double".split(), "float64"),
    "as_string": "string",
    "strings.as_string": "string",
}
# Where the dtype stands among the arguments, if it is given by place.
PLACES = {
    "cast": 1,
    "saturate_cast": 1,
    "bitcast": 1,
    "constant": 1,
    "zeros": 1,
    "ones": 1,
    "zeros_like": 1,
    "ones_like": 1,
    "decode_raw": 1,
    "io.decode_raw": 1,
    "string_to_number": 1,
    "argmax": 3,
    "argmin": 3,
    "count_nonzero": 3,
    "random_normal": 3,
    "random.normal": 3,
    "truncated_normal": 3,
    "random.truncated_normal": 3,
    "random_uniform": 3,
    "random.uniform": 3,
    "sequence_mask": 2,
    "shape": 2,
    "size": 2,
    "one_hot": 5,
    "image.convert_image_dtype": 1,
}
# Words under which the dtype is given by keyword.
WORDS = ("dtype", "out_type", "output_type")
# What gives a dtype that its first tensor does not tell.
OTHERS = frozenset(
    "angle bincount case cond complex decode_csv dequantize dynamic_stitch edit_distance fill histogram_fixed_width "
    "imag multinomial parse_example parse_single_example parse_tensor py_func random_gamma random_poisson real scatter_nd "
    "searchsorted sparse_to_dense map_fn scan foldl foldr unique_with_counts argsort range bucketize "
    "nn.ctc_loss nn.top_k nn.compute_accidental_hits nn.sparse_softmax_cross_entropy_with_logits "
    "nn.softmax_cross_entropy_with_logits nn.softmax_cross_entropy_with_logits_v2 "
    "nn.sigmoid_cross_entropy_with_logits nn.weighted_cross_entropy_with_logits "
    "image.adjust_contrast image.crop_and_resize image.non_max_suppression image.resize_area image.resize_bicubic "
    "image.resize_bilinear image.resize_images image.resize image.per_image_standardization "
    "math.angle math.bincount math.imag math.real quantize_v2 signal.rfft signal.irfft".split()
)
_OTHER_STARTS = ("decode_", "encode_", "image.decode_", "image.encode_", "io.", "string", "losses.", "metrics.")
_LOSSES = {
    "nn.sparse_softmax_cross_entropy_with_logits",
    "nn.softmax_cross_entropy_with_logits",
    "nn.softmax_cross_entropy_with_logits_v2",
    "nn.sigmoid_cross_entropy_with_logits",
}
# What takes two operands of one dtype, so that either tells.
_BINARY = frozenset(
    "add subtract sub multiply mul maximum minimum pow mod floormod div floordiv floor_div squared_difference matmul".split()
)
_QUOTIENTS = frozenset("divide truediv realdiv math.divide math.truediv".split())
# Words for what is first where all is given by keyword.
_FIRST = (
    "x",
    "a",
    "input",
    "input_tensor",
    "inputs",
    "tensor",
    "value",
    "values",
    "features",
    "params",
    "images",
    "image",
)


def of_call(name: str, arguments: list[Value], keywords: dict[str, Value]) -> str | None:
    """The dtype that a call gives, None where it is not known."""
    for word in WORDS:
        if word in keywords:
            return dtype_of(keywords[word])
    place = PLACES.get(name)
    if place is not None and len(arguments) > place:
        return dtype_of(arguments[place])
    if name in GIVEN:
        return GIVEN[name]
    if name == "constant":
        return of_literal(arguments[0] if arguments else keywords.get("value"))
    if name in _LOSSES:
        return _first(keywords.get("logits"))
    if name in ("where", "select"):
        chosen = [*arguments[1:3], *(keywords[word] for word in ("x", "y") if word in keywords)]
        return _first(*chosen) if chosen else "int64"
    if name in OTHERS or name in {"cast", "saturate_cast", "bitcast"} or name.startswith(_OTHER_STARTS):
        return None
    if name in _QUOTIENTS:
        return _of_quotient(_first(*arguments, *keywords.values()))
    if name in _BINARY:
        literal = {of_literal(argument) for argument in arguments[:2]}
        return _first(*arguments, *keywords.values()) or (literal.pop() if len(literal) == 1 else None)
    given = arguments[:1] or [keywords[word] for word in _FIRST if word in keywords]
    found = _first(*(graph_values(given[0]) if given and isinstance(given[0], Sequence) else given))
    return None if name == "abs" and str(found).startswith("complex") else found


def of_operator(kind: type, left: Value, right: Value) -> str | None:
    """The dtype of a binary operation."""
    found = _first(left, right)
    return _of_quotient(found) if kind is ast.Div else found


def _of_quotient(operands: str | None) -> str | None:
    """Integers are divided into floats of a size that depends on theirs."""
    return operands if operands is not None and operands.startswith(("float", "bfloat", "complex")) else None


def _first(*values: Value | None) -> str | None:
    return next((value.dtype for value in values if isinstance(value, Tensor) and value.dtype), None)
