"""Static shapes, where they follow from what is known. None is a shape of unknown rank; a size may be None, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import host, image_shapes
from .values import Known, Sequence, Shape, Tensor, TensorShape, TFName, Value


def broadcast(left: Value, right: Value) -> Shape:
    """The static shape of an elementwise operation, None where it is not known."""
    one, two = _shape_of(left), _shape_of(right)
    if one is None or two is None:
        return None
    if len(one) < len(two):
        one, two = two, one
    out = list(one)
    for place in range(1, len(two) + 1):
        mine, other = out[-place], two[-place]
        if mine == 1:
            out[-place] = other
        elif other != 1 and mine is None:
            out[-place] = other
    return tuple(out)


def product(left: Value, right: Value) -> Shape:
    """The static shape of a product of two matrices."""
    one, two = _shape_of(left), _shape_of(right)
    return (one[0], two[1]) if one is not None and two is not None and len(one) == len(two) == 2 else None


def _shape_of(value: Value) -> Shape:
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, Known) and isinstance(value.value, (int, float, bool)):
        return ()
    return None


def shape_of(value: Value | None) -> Shape:
    """The static shape that a shape argument means; None where it is not known."""
    if isinstance(value, TensorShape):
        return value.shape
    if isinstance(value, Tensor) and value.op == "shape" and isinstance(value.inputs[0], Tensor):
        return value.inputs[0].shape  # TF1 looks through tf.shape
    plain = host.plain(value) if value is not None else host.NOT_PLAIN
    if plain is host.NOT_PLAIN and isinstance(value, Sequence):
        sizes = [
            item.value if isinstance(item, Known) and isinstance(item.value, int) else None for item in value.items
        ]
        return tuple(sizes)
    if isinstance(plain, int) and not isinstance(plain, bool):
        return (plain,)
    if isinstance(plain, (list, tuple)) and all(size is None or isinstance(size, int) for size in plain):
        return tuple(plain)
    return None


def dtype_of(value: Value | None) -> str | None:
    """The dtype's name that an argument means ("float32")."""
    if isinstance(value, TFName):
        return value.name
    if isinstance(value, Known) and isinstance(value.value, str):
        return {"float": "float32", "double": "float64", "int": "int32"}.get(value.value, value.value)
    return None


def of_literal(value: Value | None) -> str | None:
    """The dtype that TensorFlow gives a Python number, string, or nested list of them."""
    if isinstance(value, Known):
        if isinstance(value.value, int) and not -(2**31) <= value.value < 2**31:
            return None
        return {bool: "bool", int: "int32", float: "float32", str: "string"}.get(type(value.value))
    if isinstance(value, Sequence):
        found = {of_literal(item) for item in value.items}
        return "float32" if found == {"int32", "float32"} else found.pop() if len(found) == 1 else None
    return None


def layer_shape(cls: str, inputs: Value | None, known: Callable[..., object]) -> Shape:
    """The output shape of a tf.layers layer."""
    shape = inputs.shape if isinstance(inputs, Tensor) else None
    if shape is None:
        return None
    if cls in {"Dropout", "BatchNormalization"}:
        return shape
    if cls == "Dense":
        return (*shape[:-1], _size(known("units")))
    if cls == "Flatten":
        return (shape[0], _product(shape[1:]))
    if cls in {"Conv2D", "MaxPooling2D", "AveragePooling2D"} and len(shape) == 4:
        if str(known("data_format", "channels_last")) != "channels_last":
            return None
        kernel = _pair(known("kernel_size" if cls == "Conv2D" else "pool_size"))
        strides = _pair(known("strides", 1))
        same = str(known("padding", "valid")).lower() == "same"
        rows = tuple(_window(shape[place + 1], kernel[place], strides[place], same) for place in range(2))
        filters = _size(known("filters")) if cls == "Conv2D" else shape[3]
        return (shape[0], *rows, filters)
    if cls == "Conv2DTranspose" and len(shape) == 4:
        return (shape[0], None, None, _size(known("filters")))
    return None


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _product(sizes: tuple[int | None, ...]) -> int | None:
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return total


def _pair(value: Any) -> tuple[int | None, int | None]:
    if isinstance(value, int):
        return (value, value)
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return (_size(value[0]), _size(value[1]))
    return (None, None)


def _window(size: int | None, kernel: int | None, stride: int | None, same: bool) -> int | None:
    if size is None or kernel is None or not stride:
        return None
    return -(-size // stride) if same else -(-(size - kernel + 1) // stride)


ELEMENTWISE = frozenset(
    "identity nn.relu nn.sigmoid nn.tanh sigmoid tanh nn.softmax exp log sqrt square abs negative nn.elu nn.leaky_relu "
    "nn.softplus stop_gradient nn.dropout zeros_like ones_like cast to_float clip_by_value nn.l2_normalize sign round "
    "nn.relu6 nn.selu nn.log_softmax floor pow add subtract multiply divide maximum minimum div "
    "nn.bias_add equal greater less".split()
)


def infer(name: str, arguments: list[Value], keywords: dict[str, Value]) -> Shape:
    """The shape that a call gives."""
    first = arguments[0] if arguments else next(iter(keywords.values()), None)
    shape = first.shape if isinstance(first, Tensor) else None
    if name in {"reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}:
        return () if len(arguments) == 1 and not keywords else _reduced(shape, arguments, keywords)
    if name == "contrib.seq2seq.sequence_loss":
        return ()
    if name in {"zeros", "ones", "random_normal", "truncated_normal", "random_uniform", "random.normal", "fill"}:
        return _shape_value(first)
    if name == "constant":
        return _shape_value(keywords.get("shape"))
    if name == "matmul" and len(arguments) >= 2 and not keywords:
        return product(arguments[0], arguments[1])
    if name == "reshape":
        target = keywords.get("shape", arguments[1] if len(arguments) > 1 else None)
        return _reshaped(shape, target)
    if name == "nn.embedding_lookup" and len(arguments) == 2 and isinstance(arguments[1], Tensor):
        ids = arguments[1].shape
        return (*ids, *shape[1:]) if ids is not None and shape is not None else None
    if name == "concat":
        return _joined(arguments, keywords)
    if name == "expand_dims" and shape is not None:
        axis = host.plain(keywords.get("axis", keywords.get("dim", arguments[1] if len(arguments) > 1 else Value())))
        if isinstance(axis, int) and -len(shape) - 1 <= axis <= len(shape):
            place = axis % (len(shape) + 1)
            return (*shape[:place], 1, *shape[place:])
        return None
    if name == "one_hot" and shape is not None:
        depth = host.plain(keywords.get("depth", arguments[1] if len(arguments) > 1 else Value()))
        return (*shape, _size(depth)) if "axis" not in keywords else None
    if name in {"nn.conv2d", "nn.max_pool", "nn.avg_pool"}:
        return _spatial(name, shape, arguments, keywords)
    if name in ELEMENTWISE:
        other = arguments[1] if len(arguments) > 1 else None
        if isinstance(other, Tensor) and name != "nn.dropout":  # whose rate is a number
            joint: Shape = broadcast(first, other) if first is not None else None
            return joint
        return shape
    if name in {"argmax", "argmin"} and shape is not None:
        axis = host.plain(
            keywords.get("axis", keywords.get("dimension", arguments[1] if len(arguments) > 1 else Known(0)))
        )
        if isinstance(axis, int) and -len(shape) <= axis < len(shape):
            sizes = list(shape)
            sizes.pop(axis)
            return tuple(sizes)
    return image_shapes.infer(name, arguments, keywords)


def _reduced(shape: Shape, arguments: list[Value], keywords: dict[str, Value]) -> Shape:
    """The shape after a reduction over known axes."""
    given = keywords.get("axis", keywords.get("reduction_indices", arguments[1] if len(arguments) > 1 else None))
    kept = [host.plain(keywords[key]) for key in ("keepdims", "keep_dims") if key in keywords]
    kept += [host.plain(arguments[2])] if len(arguments) > 2 else []
    plain = host.plain(given) if given is not None else host.NOT_PLAIN
    axes = [plain] if isinstance(plain, int) else plain
    if shape is None or not isinstance(axes, (list, tuple)) or kept not in ([], [False], [True]):
        return None
    if not all(isinstance(axis, int) and -len(shape) <= axis < len(shape) for axis in axes):
        return None
    gone = {axis % len(shape) for axis in axes}
    if kept == [True]:
        return tuple(1 if place in gone else size for place, size in enumerate(shape))
    return tuple(size for place, size in enumerate(shape) if place not in gone)


def _joined(arguments: list[Value], keywords: dict[str, Value]) -> Shape:
    """The shape of tf.concat(values, axis)."""
    parts = keywords.get("values", arguments[0] if arguments else None)
    axis = host.plain(keywords.get("axis", arguments[1] if len(arguments) > 1 else Value()))
    shapes = [item.shape if isinstance(item, Tensor) else None for item in getattr(parts, "items", [])]
    known = [shape for shape in shapes if shape is not None]
    if not known or len(known) < len(shapes) or not isinstance(axis, int) or len({len(one) for one in known}) > 1:
        return None
    sizes: list[int | None] = list(known[0])
    if not -len(sizes) <= axis < len(sizes):
        return None
    along = [one[axis] for one in known]
    sizes[axis] = sum(size for size in along if size is not None) if None not in along else None
    return tuple(sizes)


def _shape_value(value: Value | None) -> Shape:
    return shape_of(value) if value is not None else None


def _reshaped(shape: Shape, target: Value | None) -> Shape:
    if not isinstance(target, Sequence):
        return None
    sizes = [item.value if isinstance(item, Known) and isinstance(item.value, int) else None for item in target.items]
    known = [size for size in sizes if size is not None and size != -1]
    if shape is not None and None not in shape and -1 in sizes and None not in sizes:
        rest = _product(tuple(known)) or 1
        return tuple((_product(shape) or 0) // rest if size == -1 else size for size in sizes)
    return tuple(None if size == -1 else size for size in sizes)


def _spatial(name: str, shape: Shape, arguments: list[Value], keywords: dict[str, Value]) -> Shape:
    strides = host.plain(keywords.get("strides", Value()))
    same = host.plain(keywords.get("padding", Value()))
    if shape is None or len(shape) != 4 or not isinstance(strides, (list, tuple)) or same != "SAME":
        return None
    channels = shape[3]
    if name == "nn.conv2d":
        kernel = keywords.get("filter", arguments[1] if len(arguments) > 1 else None)
        channels = kernel.shape[-1] if isinstance(kernel, Tensor) and kernel.shape else None
    rows = tuple(_window(shape[place], 1, _size(strides[place]), True) for place in (1, 2))
    return (shape[0], *rows, channels)
