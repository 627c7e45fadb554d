"""RNNs: cells are made once, and take their weights at their first call, under the variable scope of that call.

The calls that run a cell over a sequence become a layer with the weights' full TF1 names, which they get as TF1 gives them:
`rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .. import cells, host
from ..interpreter import Interpreter
from ..values import (
    Cell,
    GraphValue,
    Known,
    Layer,
    Scope,
    Sequence,
    Shape,
    StateTuple,
    Tensor,
    TFName,
    Value,
    Variable,
    graph_values,
)
from .arguments import Arguments, of_function

WRAPPER_PARAMETERS = {
    "DropoutWrapper": (
        "cell", "input_keep_prob", "output_keep_prob", "state_keep_prob", "variational_recurrent", "input_size", "dtype",
        "seed", "dropout_state_filter_visitor",
    ),
    "ResidualWrapper": ("cell", "residual_fn"),
}  # fmt: skip
# Settings that change what a cell computes, or where its weights are, in ways that no emitted cell has.
UNUSUAL = (
    "num_unit_shards", "num_proj_shards", "input_size", "state_keep_prob", "variational_recurrent", "seed",
    "dropout_state_filter_visitor", "residual_fn", "trainable",
)  # fmt: skip


def _is(value: Value | None, *plain: object) -> bool:
    return isinstance(value, Known) and any(value.value is one for one in plain)


# -- cells --------------------------------------------------------------------------------------------------------------


def _cell(run: Interpreter, name: str, node: ast.Call) -> Value:
    """A cell's constructor."""
    kind = name.rpartition(".")[2]
    wrapper = WRAPPER_PARAMETERS.get(kind)
    arguments = Arguments(run, node, wrapper) if wrapper is not None else of_function(run, name, node)
    values = {key: value for key in arguments.nodes if (value := arguments.value(key)) is not None}
    for key in UNUSUAL:
        if key in values and not _is(values[key], None, False, 1.0):
            return run.problem(node, f"tf.{name} with {key}")
    if _is(values.get("state_is_tuple"), False):
        return run.problem(node, "an RNN cell whose state is no tuple")
    if "dtype" in values and not _is(values["dtype"], None) and not _is_float32(values["dtype"]):
        return run.problem(node, "an RNN cell of another type than float32")
    if "name" in values and arguments.text("name") is None and not _is(values["name"], None):
        return run.problem(node, "an RNN cell whose name is not known")
    inputs = tuple(leaf for value in values.values() for leaf in graph_values(value))
    made = Cell(node, run.chain, inputs, kind, values)
    made.arguments = arguments.nodes
    if kind == "MultiRNNCell" or wrapper is not None:
        inner = _inner(run, values, kind)
        if inner is None:
            return run.problem(node, f"tf.{name} over cells that are not known")
        made.inner = inner
    return run.add(made)


def _is_float32(value: Value) -> bool:
    return isinstance(value, TFName) and value.name == "float32"


def _inner(run: Interpreter, values: dict[str, Value], kind: str) -> tuple[Cell, ...] | None:
    given = values.get("cells" if kind == "MultiRNNCell" else "cell", Value())
    members = host.items(run, given) if kind == "MultiRNNCell" else [given]
    if not members or not all(isinstance(one, Cell) for one in members):
        return None
    return tuple(one for one in members if isinstance(one, Cell))


def _state_tuple(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = Arguments(run, node, ("c", "h"))
    parts = [arguments.value("c"), arguments.value("h")]
    return StateTuple([part for part in parts if part is not None]) if None not in parts else Value()


# -- weights ------------------------------------------------------------------------------------------------------------


@contextmanager
def _scope(run: Interpreter, full: str) -> Iterator[None]:
    """A variable scope, with the name scope that TF1 opens with it."""
    graph = run.graph
    graph.open_scope(full, None)
    graph.name_scopes.append(graph.unique(full.rpartition("/")[2]))
    try:
        yield
    finally:
        graph.close_scope()
        graph.name_scopes.pop()


def _place(run: Interpreter, cell: Cell) -> None:
    """Gives a cell and those within it the scopes that their weights have when they are called here and now."""
    graph = run.graph
    if cell.kind == "MultiRNNCell":
        full = graph.in_variable_scope(graph.unique_scope("multi_rnn_cell"))
        cell.scope = cell.scope or full
        with _scope(run, full):
            for place, inner in enumerate(cell.inner):
                with _scope(run, graph.in_variable_scope(f"cell_{place}")):
                    _place(run, inner)
    elif cell.inner:
        _place(run, cell.inner[0])
    elif not cell.scope:
        given = cell.values.get("name")
        base = given.value if isinstance(given, Known) and given.value else cells.KINDS[cell.kind].base
        full = graph.in_variable_scope(graph.unique_scope(base))
        graph.scope_counts[full] = graph.scope_counts.get(full, 0) + 1
        cell.scope, cell.initializer = full, graph.scopes[-1].initializer


def _depths(cell: Cell, depth: int | None) -> Iterator[tuple[Cell, int | None]]:
    """The cells that have weights, each with the depth of what it is given."""
    if cell.kind == "MultiRNNCell":
        for inner in cell.inner:
            yield from _depths(inner, depth)
            depth = cells.size(cells.output_size(inner))
    elif cell.inner:
        yield from _depths(cell.inner[0], depth)
    else:
        yield cell, depth


def _layer(run: Interpreter, node: ast.Call, cls: str, name: str, used: tuple[Cell, ...], depth: int | None) -> Layer:
    """The layer that a call of cells makes, or finds again: the same cells, or their weights under reuse."""
    leaves = [leaf for cell in used for leaf in cells.leaves(cell)]
    if len(set(leaves)) != len(leaves):
        run.problem(node, "an RNN cell that stands for several layers")
    key = leaves[0].scope
    known = run.graph.layers.get(key)
    if known is not None and known.cells != used:
        reuse = run.graph.scopes[-1].reuse or any(cells.has(leaf, "reuse") for leaf in leaves)
        if not reuse or [leaf.scope for one in known.cells for leaf in cells.leaves(one)] != [
            leaf.scope for leaf in leaves
        ]:
            run.problem(node, f"a second cell named {key} without reuse")
    if known is not None:
        if known.cls != cls:
            run.problem(node, "an RNN cell that is called in several ways")
        return known
    layer = run.add(Layer(node, run.chain, (), cls, name, cells=used))
    run.graph.layers[key] = layer
    for cell in used:
        for leaf, width in _depths(cell, depth):
            for weight in cells.weights(leaf):
                variable = Variable(
                    node, run.chain, (), "weight", cells.weight_shape(leaf, weight, width), "float32",
                    name=f"{leaf.scope}/{weight}", maker="layer",
                )  # fmt: skip
                variable.layer = layer
                layer.weights.append(run.add_variable(variable))
    return layer


def _call(run: Interpreter, node: ast.Call, op: str, layer: Layer, arguments: Arguments) -> Tensor:
    """The op that one call of a layer is, before its results are taken apart."""
    if node not in layer.sites:
        layer.sites.append(node)
    layer.nodes[node] = arguments.nodes
    layer.values[node] = {key: arguments.value(key) for key in arguments.nodes}
    found = [leaf for key in arguments.nodes for leaf in graph_values(arguments.value(key) or Value())]
    settings = [one for cell in layer.cells for one in cell.inputs]
    whole = run.tensor(node, op, (*found, *settings, *layer.weights))
    whole.layer = layer
    whole.random = any(_drops(cell) for cell in layer.cells)
    return whole


def _drops(cell: Cell) -> bool:
    rates = [cell.values.get("input_keep_prob"), cell.values.get("output_keep_prob")]
    return any(rate is not None and not _is(rate, 1.0, 1) for rate in rates) or any(map(_drops, cell.inner))


def _part(run: Interpreter, node: ast.Call, whole: Tensor, shape: Shape) -> Tensor:
    return run.tensor(node, "element", (whole,), shape, "float32")


def _states(run: Interpreter, node: ast.Call, whole: Tensor, cell: Cell, batch: int | None) -> Value:
    return cells.state(cell, lambda size: _part(run, node, whole, (batch, cells.size(size))))


# -- running over sequences ---------------------------------------------------------------------------------------------


def _full_scope(run: Interpreter, arguments: Arguments, default: str, node: ast.Call) -> str:
    given = arguments.value("scope")
    if isinstance(given, Scope) and given.variable:
        return given.name
    if given is not None and arguments.text("scope") is None and not _is(given, None):
        run.problem(node, "an RNN whose scope is not known")
    return run.graph.in_variable_scope(arguments.text("scope") or default)


def _checked(run: Interpreter, arguments: Arguments, node: ast.Call) -> bool:
    """Whether a call's arguments are such that the RNN is known."""
    if not all(isinstance(arguments.value(key), Cell) for key in ("cell", "cell_fw", "cell_bw") if key in arguments):
        run.problem(node, "an RNN whose cell is not known")
        return False
    dtype = arguments.value("dtype")
    if dtype is not None and not _is_float32(dtype) and not _is(dtype, None):
        run.problem(node, "an RNN of another type than float32")
    if "time_major" in arguments and not _is(arguments.value("time_major"), True, False):
        run.problem(node, "an RNN over an unknown axis")
    return True


def _one_way(run: Interpreter, name: str, node: ast.Call) -> Value:
    """dynamic_rnn and static_rnn."""
    arguments = of_function(run, name, node)
    if not _checked(run, arguments, node):
        return Value()
    cell, inputs = arguments.value("cell"), arguments.value("inputs")
    assert isinstance(cell, Cell)
    steps, first = _steps(run, name, inputs, node)
    if first is None:
        return Value()
    scope = _full_scope(run, arguments, "rnn", node)
    with _scope(run, scope):
        _place(run, cell)
        layer = _layer(run, node, "RNN", scope, (cell,), cells.depth_of(first))
    whole = _call(run, node, name, layer, arguments)
    batch = _batch(first, arguments, steps is not None)
    outputs = _outputs(run, node, whole, first, steps, batch, cells.size(cells.output_size(cell)))
    return Sequence([outputs, _states(run, node, whole, cell, batch)], "tuple")


def _steps(run: Interpreter, name: str, inputs: Value | None, node: ast.Call) -> tuple[int | None, Tensor | None]:
    """The number of inputs where they are a list, and the tensor, or the first of the list."""
    if not name.rpartition(".")[2].startswith("static"):
        if not isinstance(inputs, Tensor):
            run.problem(node, "an RNN over inputs that are not known to be one tensor")
            return None, None
        _check_type(run, inputs, node)
        return None, inputs
    members = host.items(run, inputs) if inputs is not None else None
    first = members[0] if members else None
    if not members or not isinstance(first, Tensor) or not all(isinstance(one, Tensor) for one in members):
        run.problem(node, "a static RNN over inputs that are not known to be a list of tensors")
        return None, None
    _check_type(run, first, node)
    return len(members), first


def _check_type(run: Interpreter, first: Tensor, node: ast.Call) -> None:
    if first.dtype not in {None, "float32"}:
        run.problem(node, "an RNN of another type than float32")


def _batch(first: Tensor, arguments: Arguments, listed: bool) -> int | None:
    axis = 1 if _is(arguments.value("time_major"), True) and not listed else 0
    return first.shape[axis] if first.shape is not None and len(first.shape) > axis else None


def _outputs(
    run: Interpreter,
    node: ast.Call,
    whole: Tensor,
    first: Tensor,
    steps: int | None,
    batch: int | None,
    size: int | None,
) -> Value:
    if steps is not None:
        return Sequence([_part(run, node, whole, (batch, size)) for _ in range(steps)])
    return _part(run, node, whole, (*first.shape[:2], size) if first.shape is not None else None)


def _both_ways(run: Interpreter, name: str, node: ast.Call) -> Value:
    """bidirectional_dynamic_rnn and static_bidirectional_rnn."""
    arguments = of_function(run, name, node)
    if not _checked(run, arguments, node):
        return Value()
    forward, backward, inputs = (arguments.value(key) for key in ("cell_fw", "cell_bw", "inputs"))
    assert isinstance(forward, Cell) and isinstance(backward, Cell)
    steps, first = _steps(run, name, inputs, node)
    if first is None:
        return Value()
    scope = _full_scope(run, arguments, "bidirectional_rnn", node)
    with _scope(run, scope):
        for short, cell in (("fw", forward), ("bw", backward)):
            with _scope(run, run.graph.in_variable_scope(short)):
                _place(run, cell)
        layer = _layer(run, node, "BidirectionalRNN", scope, (forward, backward), cells.depth_of(first))
    whole = _call(run, node, name, layer, arguments)
    batch = _batch(first, arguments, steps is not None)
    sizes = [cells.size(cells.output_size(cell)) for cell in (forward, backward)]
    states = [_states(run, node, whole, cell, batch) for cell in (forward, backward)]
    if steps is not None:
        width = None if None in sizes else sum(size or 0 for size in sizes)
        return Sequence([_outputs(run, node, whole, first, steps, batch, width), *states], "tuple")
    outputs = [_outputs(run, node, whole, first, None, batch, size) for size in sizes]
    return Sequence([Sequence(outputs, "tuple"), Sequence(states, "tuple")], "tuple")


# -- methods of cells ---------------------------------------------------------------------------------------------------


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """What a cell does: one step by hand, a state of zeros."""
    if not isinstance(owner, Cell):
        return None
    if name in {"__call__", "call"}:
        return _by_hand(run, owner, node)
    if name == "zero_state":
        return _zero_state(run, owner, node)
    return run.problem(node, f"a method .{name}() of an RNN cell")


def _by_hand(run: Interpreter, cell: Cell, node: ast.Call) -> Value:
    arguments = Arguments(run, node, ("inputs", "state", "scope"))
    inputs = arguments.value("inputs")
    if isinstance(inputs, Tensor):
        _check_type(run, inputs, node)
    if not isinstance(inputs, Tensor) or "state" not in arguments or "scope" in arguments:
        return run.problem(node, "a call of an RNN cell that is not followed")
    _place(run, cell)
    scope = cell.scope or cells.leaves(cell)[0].scope
    layer = _layer(run, node, "Cell", scope, (cell,), cells.depth_of(inputs))
    again = any(
        value.node is node and value.layer is layer and value.chain[-1].frame is run.chain[-1].frame
        for value in run.values
        if isinstance(value, Tensor) and not isinstance(value, Variable)
    )
    whole = _call(run, node, "rnn_cell", layer, arguments)
    if again:
        whole.layer = None  # one step of a loop after the first: the same layer at the same place
    batch = inputs.shape[0] if inputs.shape else None
    output = _part(run, node, whole, (batch, cells.size(cells.output_size(cell))))
    return Sequence([output, _states(run, node, whole, cell, batch)], "tuple")


def _zero_state(run: Interpreter, cell: Cell, node: ast.Call) -> Value:
    arguments = Arguments(run, node, ("batch_size", "dtype"))
    if not _is_float32(arguments.value("dtype") or Value()):
        return run.problem(node, "a state of another type than float32")
    given = arguments.value("batch_size") or Value()
    whole = run.tensor(node, "zero_state", tuple(graph_values(given)))
    whole.arguments = arguments.nodes
    return _states(run, node, whole, cell, cells.size(given))


MADE = ("BasicRNNCell", "BasicLSTMCell", "LSTMCell", "GRUCell", "MultiRNNCell", "DropoutWrapper", "ResidualWrapper")
FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"{module}.{name}": _cell for module in ("nn.rnn_cell", "contrib.rnn") for name in MADE},
    "contrib.rnn.LSTMBlockCell": _cell,
    **{f"{module}.LSTMStateTuple": _state_tuple for module in ("nn.rnn_cell", "contrib.rnn")},
    "nn.dynamic_rnn": _one_way,
    "nn.bidirectional_dynamic_rnn": _both_ways,
    **{f"{module}.static_rnn": _one_way for module in ("nn", "contrib.rnn")},
    **{f"{module}.static_bidirectional_rnn": _both_ways for module in ("nn", "contrib.rnn")},
}
