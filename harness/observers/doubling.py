"""A graph in float64: the same operations, with every float32 (and complex64) in them twice as wide.

In the result, each tensor that was float32 is float64, in the graph and in the functions of its library. An operation that
has no float64 form keeps its own, between casts, and is named in `single`; where that can't be, `Refused` says why. The
fused batch norms, which have none, become functions of elementary operations.

With `decimals` a scalar constant that was written with up to six digits (or is 1 divided by such a number, as the scale of
a dropout) becomes that number: 0.1, and not the float32 next to it. What one side computes in Python and the other in the
graph may so be the same number again.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator

_WIDER = {1: 2, 8: 18}  # DT_FLOAT -> DT_DOUBLE, DT_COMPLEX64 -> DT_COMPLEX128
# Where the width is part of the meaning, or of something that outlives the graph.
_KEPT = ("Bitcast", "DecodeRaw", "DecodePaddedRaw", "ParseTensor", "SerializeTensor")
_KEPT_PARTS = ("Table", "Iterator", "Dataset", "Summary", "Queue")
_KEPT_ATTRIBUTES = ("_lower_using_switch_merge", "_handle_dtypes")
_BATCH_NORMS = {
    "FusedBatchNorm": 5,
    "FusedBatchNormV2": 5,
    "FusedBatchNormV3": 6,
    "FusedBatchNormGrad": 5,
    "FusedBatchNormGradV2": 5,
    "FusedBatchNormGradV3": 5,
}
_ELSEWHERE = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
_DIGITS = 6


class Refused(Exception):
    """Why a graph can't be run in float64, as a sentence."""


def double(tf: Any, graph: Any, decimals: bool = False) -> tuple[dict[str, str], set[str]]:
    """Widens a GraphDef in place.

    Returns the references that have moved ("node:0" -> "other:0"), and the kinds of operations that stay in float32.
    """
    doubling = _Doubling(tf, graph, decimals)
    moved = doubling.nodes(graph.node, "")
    for function in list(graph.library.function):
        doubling.function(function)
    for definition in doubling.batch_norms.values():
        graph.library.function.add().CopyFrom(definition)
    return moved, doubling.single


def written(value: float) -> float:
    """The number that was written where this float32 stands, if it has few digits, or is 1 / such a number; else the value."""
    import numpy as np

    candidates = [float(f"{value:.{_DIGITS}g}")]
    if value and np.isfinite(value):
        candidates.append(1 / float(f"{1 / value:.{_DIGITS}g}"))
    return next((one for one in candidates if np.float32(one) == np.float32(value)), float(value))


class _Doubling:
    def __init__(self, tf: Any, graph: Any, decimals: bool) -> None:
        from tensorflow.python.framework import kernels, op_def_registry

        self.single: set[str] = set()
        self.batch_norms: dict[str, Any] = {}
        self._tf = tf
        self._number = written if decimals else float
        self._registered = op_def_registry.get
        self._kernels_of = kernels.get_registered_kernels_for_op
        self._kernels: dict[str, Any] = {}
        self._own = {one.signature.name: one.signature for one in graph.library.function}
        # Taken before they are widened: what a call gives is known by the signature as it was.
        self._signatures = {name: _copy(one) for name, one in self._own.items()}

    def function(self, function: Any) -> None:
        moved = self.nodes(function.node_def, "function")
        for name, reference in list(function.ret.items()):
            function.ret[name] = moved.get(reference, reference)
        for argument in [*function.signature.input_arg, *function.signature.output_arg]:
            argument.type = _WIDER.get(argument.type, argument.type)
        for attributes in [function.attr, *(one.attr for one in function.arg_attr.values())]:
            _strip(attributes)
            _widen(attributes)

    def nodes(self, nodes: Any, within: str) -> dict[str, str]:
        """Widens the nodes of a graph, or of a function, whose references are of another form."""
        moved: dict[str, str] = {}
        added: list[Any] = []
        for node in nodes:
            _strip(node.attr)
            if not within:
                node.device = ""
            if node.op in _BATCH_NORMS and node.attr["T"].type == 1:
                self._batch_norm(node, moved, within)
                continue
            if node.op == "Const":
                _widen_constant(self._tf, node, self._number)
                continue
            self._node(node, added, moved, within)
        nodes.extend(added)
        skip = {node.name for node in added}
        for node in nodes:
            for place, reference in enumerate(node.input):
                if reference in moved and not (node.name in skip and moved[reference].startswith(node.name)):
                    node.input[place] = moved[reference]
        return moved

    def _node(self, node: Any, added: list[Any], moved: dict[str, str], within: str) -> None:
        signature = self._signatures.get(node.op) or self._registered(node.op)
        if node.op in _ELSEWHERE:
            raise Refused(f"{node.op} calls a Python function of the program")
        if signature is None:
            raise Refused(f"{node.op} is not known to this TensorFlow")
        before = _copy(node)
        own = node.op in self._signatures
        if not own:
            _widen(node.attr)
            if _kept(node.op) or not self._runs(signature, node):
                node.CopyFrom(before)
        was_in, was_out = (list(types(args, before.attr)) for args in (signature.input_arg, signature.output_arg))
        if own:
            return  # its signature widens with it
        now_in, now_out = (list(types(args, node.attr)) for args in (signature.input_arg, signature.output_arg))
        narrow = False
        data = [place for place, name in enumerate(node.input) if not name.startswith("^")]
        for place, (_, _, old, reference), (_, _, new, _) in zip(data, was_in, now_in):
            if old not in _WIDER or new != old:
                continue
            if reference:
                raise Refused(f"{node.op} has no float64 kernel")
            narrow = True
            cast = f"{node.name}/to_single_{place}"
            added.append(self._cast(cast, node.input[place], _WIDER[old], old))
            node.input[place] = f"{cast}:y:0" if within else cast
        for flat, ((argument, nth, old, reference), (_, _, new, _)) in enumerate(zip(was_out, now_out)):
            if old not in _WIDER or new != old:
                continue
            if reference:
                raise Refused(f"{node.op} has no float64 kernel")
            narrow = narrow or bool(was_in)
            cast = f"{node.name}/to_double_{flat}"
            sources = [f"{node.name}:{argument}:{nth}"] if within else [f"{node.name}:{flat}", node.name]
            sources = sources if flat == 0 else sources[:1]
            added.append(self._cast(cast, sources[0], old, _WIDER[old]))
            for source in sources:
                moved[source] = f"{cast}:y:0" if within else f"{cast}:0"
        resources = any(old == 20 for _, _, old, _ in was_in) and "dtype" in node.attr
        if narrow and not node.op.startswith("TensorArray"):  # whose flow is a float32 of no meaning
            if resources:
                raise Refused(f"{node.op} has no float64 kernel")
            self.single.add(node.op)

    def _cast(self, name: str, source: str, old: int, new: int) -> Any:
        node = self._tf.compat.v1.NodeDef(name=name, op="Cast", input=[source])
        node.attr["SrcT"].type = old
        node.attr["DstT"].type = new
        node.attr["Truncate"].b = False
        return node

    def _runs(self, signature: Any, node: Any) -> bool:
        """Whether the CPU has a kernel for the types that the node has now."""
        for attribute in signature.attr:
            if attribute.HasField("allowed_values") and attribute.name in node.attr:
                allowed = attribute.allowed_values.list.type
                value = node.attr[attribute.name]
                if allowed and any(one not in allowed for one in _types_of(value)):
                    return False
        if node.op not in self._kernels:
            self._kernels[node.op] = [
                one for one in self._kernels_of(node.op).kernel if one.device_type in ("CPU", "DEFAULT")
            ]
        kernels = self._kernels[node.op]
        return not kernels or any(
            all(
                constraint.name not in node.attr
                or all(one in constraint.allowed_values.list.type for one in _types_of(node.attr[constraint.name]))
                for constraint in kernel.constraint
            )
            for kernel in kernels
        )

    def _batch_norm(self, node: Any, moved: dict[str, str], within: str) -> None:
        tf = self._tf
        gradient = "Grad" in node.op
        count = len([name for name in node.input if not name.startswith("^")])
        training = node.attr["is_training"].b if "is_training" in node.attr else True
        layout = node.attr["data_format"].s.decode() or "NHWC"
        epsilon = self._number(node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4)
        factor = node.attr["exponential_avg_factor"].f if "exponential_avg_factor" in node.attr else 1.0
        key = repr((node.op, count, training, layout, epsilon, factor))
        if key not in self.batch_norms:
            outputs = _BATCH_NORMS[node.op]
            if gradient:
                python = _gradient_of_batch_norm(tf, training, layout, epsilon)
            else:
                python = _batch_norm(tf, training, layout, epsilon, self._number(factor), outputs)
            self.batch_norms[key] = _definition(tf, python, count)
        definition = self.batch_norms[key].signature
        names = [one.name for one in self._registered(node.op).output_arg]
        control = [name for name in node.input if name.startswith("^")]
        new = tf.compat.v1.NodeDef(name=node.name, op="PartitionedCall", input=[*node.input[:count], *control])
        new.attr["Tin"].list.type.extend([2] * count)
        new.attr["Tout"].list.type.extend([2] * len(names))
        new.attr["f"].func.name = definition.name
        node.CopyFrom(new)
        if within:
            for place, name in enumerate(names):
                moved[f"{node.name}:{name}:0"] = f"{node.name}:output:{place}"


def _kept(op: str) -> bool:
    return op in _KEPT or (any(part in op for part in _KEPT_PARTS) and op not in ("ScalarSummary", "HistogramSummary"))


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _strip(attributes: Any) -> None:
    """Takes away what only says how to run it, or is no longer true of it."""
    for name in list(attributes):
        if name.startswith("_") and name not in _KEPT_ATTRIBUTES:
            del attributes[name]


def _widen(attributes: Any) -> None:
    for value in attributes.values():
        kind = value.WhichOneof("value")
        if kind == "type":
            value.type = _WIDER.get(value.type, value.type)
        elif kind == "list":
            for place, one in enumerate(value.list.type):
                value.list.type[place] = _WIDER.get(one, one)
            for one in value.list.func:
                _widen(one.attr)
        elif kind == "func":
            _widen(value.func.attr)


def _widen_constant(tf: Any, node: Any, number: Callable[[Any], float]) -> None:
    import numpy as np

    if node.attr["dtype"].type not in _WIDER:
        return
    value = tf.make_ndarray(node.attr["value"].tensor)
    if value.dtype == np.float32:
        scalar = value.size == 1 and bool(np.isfinite(value).all())
        wide = np.full(value.shape, number(value.item())) if scalar else value.astype(np.float64)
    else:
        wide = value.astype(np.complex128)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(wide))
    node.attr["dtype"].type = _WIDER[node.attr["dtype"].type]


def _types_of(value: Any) -> list[int]:
    kind = value.WhichOneof("value")
    return [value.type] if kind == "type" else list(value.list.type) if kind == "list" else []


def types(arguments: Iterable[Any], attributes: Any) -> Iterator[tuple[str, int, int, bool]]:
    """For each tensor of a node its argument, its place in that, its type and whether it is a reference."""
    for argument in arguments:
        if argument.type_list_attr:
            types = list(attributes[argument.type_list_attr].list.type)
        else:
            one = argument.type or attributes[argument.type_attr].type
            types = [one] * (attributes[argument.number_attr].i if argument.number_attr else 1)
        for place, one in enumerate(types):
            yield argument.name, place, one, argument.is_ref


def _definition(tf: Any, python: Callable[..., Any], count: int) -> Any:
    """The FunctionDef of a function of float64 tensors."""
    with tf.init_scope():
        signature = [tf.TensorSpec(None, tf.float64)] * count
        return tf.function(python, input_signature=signature).get_concrete_function().function_def


def _axes(layout: str) -> tuple[list[int], list[int]]:
    """The axes that are averaged over, and the shape of a parameter."""
    rank = len(layout)
    channel = layout.index("C")
    return [axis for axis in range(rank) if axis != channel], [-1 if axis == channel else 1 for axis in range(rank)]


def _batch_norm(tf: Any, training: bool, layout: str, epsilon: float, factor: float, outputs: int) -> Any:
    axes, shape = _axes(layout)

    def fused_batch_norm(x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
        m, v = mean, variance
        new_mean, new_variance = mean, variance
        if training:
            m = tf.reduce_mean(x, axes)
            v = tf.reduce_mean(tf.math.squared_difference(x, tf.reshape(m, shape)), axes)
            count = tf.cast(tf.size(x) / tf.size(m), tf.float64)
            new_mean, new_variance = m, v * count / tf.maximum(count - 1.0, 1.0)
            if factor != 1.0:
                new_mean = (1.0 - factor) * mean + factor * new_mean
                new_variance = (1.0 - factor) * variance + factor * new_variance
        y = (x - tf.reshape(m, shape)) * tf.reshape(scale * tf.math.rsqrt(v + epsilon), shape)
        found = [y + tf.reshape(offset, shape), new_mean, new_variance, m, v, m]
        return tuple(tf.identity(one) for one in found[:outputs])

    return fused_batch_norm


def _gradient_of_batch_norm(tf: Any, training: bool, layout: str, epsilon: float) -> Any:
    axes, shape = _axes(layout)

    def gradient(dy: Any, x: Any, scale: Any, mean: Any, variance: Any) -> Any:
        if training:
            mean = tf.reduce_mean(x, axes)
            variance = tf.reduce_mean(tf.math.squared_difference(x, tf.reshape(mean, shape)), axes)
        factor = tf.math.rsqrt(variance + epsilon)
        normal = (x - tf.reshape(mean, shape)) * tf.reshape(factor, shape)
        d_scale, d_offset = tf.reduce_sum(dy * normal, axes), tf.reduce_sum(dy, axes)
        d_x = dy
        if training:
            count = tf.cast(tf.size(x) / tf.size(mean), tf.float64)
            d_x = dy - (tf.reshape(d_offset, shape) + normal * tf.reshape(d_scale, shape)) / count
        d_x = d_x * tf.reshape(scale * factor, shape)
        return d_x, d_scale, d_offset, tf.identity(mean), tf.identity(variance)

    def of_five(dy: Any, x: Any, scale: Any, mean: Any, variance: Any, *more: Any) -> Any:
        return gradient(dy, x, scale, mean, variance)

    return of_five
