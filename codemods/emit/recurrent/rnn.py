"""RNNs: how a call that runs a cell over sequences is written for Keras, as a layer with TF1's weights.

`dynamic_rnn` and `static_rnn` become a `tf.keras.layers.RNN` over a cell of TF1's own formula, the bidirectional ones a short
layer of two; a cell that is called by hand is its own layer. Lengths become masks, states stay in TF1's order.
"""

from __future__ import annotations

import ast

from ...edits import Edits
from ...graph import cells as facts
from ...graph.values import Cell, Known, Layer, Sequence, Tensor, TFName, Value
from ...plan.cells import fed_rates
from ..context import Context, RnnForm, quoted
from ..settings import spelled
from ..text import WIDTH, column, last
from . import rnn_idle
from .rnn_classes import both_ways, drops, every, note, note_both_ways, variant
from .rnn_idle import STATES, is_zeros, leaves_mask
from .rnn_weights import cell_access, told


def prepare(context: Context) -> None:
    """Finds what each RNN is asked for, which classes of cells its module needs, and which statements go with the cells."""
    context.fed.update(key for run in context.plan.runs for key in run.feeds)
    for layer in _layers(context):
        form = context.rnns[layer] = RnnForm()
        for site in layer.sites:
            assert isinstance(site, ast.Call)
            form.masked |= _given(layer, site, "sequence_length") is not None
            form.apart = form.masked and leaves_mask(context, layer)
            outputs, state = _targets(context, site)
            form.sequences |= outputs is None or _is_read(context, layer, site, outputs)
            form.state |= state is not None and _is_read(context, layer, site, state)
        note_both_ways(context, layer, _path(layer))
        for cell in layer.cells:
            for one in every(cell):
                note(context, one, _path(layer))
    rnn_idle.find(context, _layers(context))


def _layers(context: Context) -> list[Layer]:
    return [value for value in context.run.values if isinstance(value, Layer) and value.cells]


def _path(layer: Layer) -> str:
    return layer.chain[-1].frame.module.path


# -- constructors -------------------------------------------------------------------------------------------------------


def constructor(context: Context, layer: Layer, path: str, overlay: Edits, name: str = "") -> str:
    """The constructor of an RNN layer, in the `__init__` of its model; `name` is the expression of its name."""
    name = name or quoted(last(layer.name))
    if layer.cls == "Cell":
        return _cell(context, layer, layer.cells[0], path, overlay, name)
    texts = [_cell(context, layer, cell, path, overlay, quoted(told(cell))) for cell in layer.cells]
    name = f"name={name}"
    if layer.cls == "BidirectionalRNN":
        return _joined(context, path, f"{both_ways(context, layer, path)}(", [*texts, name])
    form = context.rnns[layer]
    flags = (("return_sequences", form.sequences), ("return_state", form.state), ("zero_output_for_mask", form.masked))
    parts = [*texts, *(f"{flag}=True" for flag, on in flags if on), name]
    return _joined(context, path, f"{context.tf(path)}.keras.layers.RNN(", parts)


def _joined(context: Context, path: str, head: str, parts: list[str]) -> str:
    """A call on one line, or its first arguments on lines of their own where that would be too long."""
    text = f"{head}{', '.join(parts)})"
    if len(text) <= WIDTH - 20 and "\n" not in text:
        return text
    indent = "\n" + context.indent(path)
    cells_first = [part for part in parts if "(" in part]
    rest = ", ".join(part for part in parts if "(" not in part)
    return f"{head}{indent}{f',{indent}'.join([*cells_first, rest])})"


def _cell(context: Context, layer: Layer, cell: Cell, path: str, overlay: Edits, name: str) -> str:
    """A cell's constructor."""
    if cell.kind == "MultiRNNCell":
        return _stack(context, layer, cell, path, overlay, name)
    cls = context.cells[path, variant(cell)].name
    parts = []
    for key, node in cell.arguments.items():
        text = _setting(context, layer, cell, key, node, path, overlay)
        if text:
            parts.append(text)
    if cell.initializer is not None and not cell.inner and "initializer" not in _named(cell):
        parts.append(f"initializer={spelled(context, cell.initializer, None, cell, layer, overlay)}")
    parts.append(f"name={name}")
    return f"{cls}({', '.join(parts)})"


def _named(cell: Cell) -> set[str]:
    return {"initializer" for one in ("initializer", "kernel_initializer") if facts.has(cell, one)}


DROPPED = frozenset(
    "state_is_tuple reuse name dtype use_peepholes use_peephole num_unit_shards num_proj_shards".split()
)


def _setting(context: Context, layer: Layer, cell: Cell, key: str, node: ast.expr, path: str, overlay: Edits) -> str:
    """One argument of a cell's constructor, "" where there is nothing to say."""
    value = cell.values.get(key)
    if key == "cell":
        return _cell(context, layer, cell.inner[0], path, overlay, quoted(told(cell.inner[0])))
    if key in DROPPED or (isinstance(value, Known) and value.value is None):
        return ""
    if key in {"input_keep_prob", "output_keep_prob"}:
        if not drops(cell, key):
            return ""
        if isinstance(value, Tensor) and not value.constant:
            return ""  # each call sets it
    if key not in {"num_units", "forget_bias", "cell", "cells"} and not facts.has(cell, key):
        return ""
    text = spelled(context, node, value, cell, layer, overlay)
    if key == "activation" and isinstance(value, Known):
        text = f"{context.tf(path)}.keras.activations.get({text})"
    if key.endswith("initializer") and isinstance(value, TFName):
        text += "()"
    key = "initializer" if key == "kernel_initializer" else key
    positional = key == "num_units" and isinstance(cell.node, ast.Call) and node in cell.node.args
    return text if positional else f"{key}={text}"


def _stack(context: Context, layer: Layer, cell: Cell, path: str, overlay: Edits, name: str) -> str:
    """StackedRNNCells of the cells of a MultiRNNCell."""
    if len(cell.inner) == 1:
        raise context.stop("a MultiRNNCell of one cell", cell.node or ast.Pass(), path)
    if any(one.kind == "MultiRNNCell" for one in cell.inner):
        raise context.stop("a MultiRNNCell within another", cell.node or ast.Pass(), path)
    texts = [_cell(context, layer, one, path, overlay, f'"cell_{place}"') for place, one in enumerate(cell.inner)]
    head, tf = "", context.tf(path)
    loop = _loop(context, layer, cell, overlay)
    pattern = texts[0].replace('"cell_0"', 'f"cell_{i}"')
    if loop and all(text == texts[0].replace('"cell_0"', f'"cell_{place}"') for place, text in enumerate(texts)):
        head = f"[{pattern} for i in {loop}]"
    elif sum(map(len, texts)) > WIDTH - 30:
        indent = "\n" + 2 * context.indent(path)
        head = f"[{indent}{f',{indent}'.join(texts)}]"
    else:
        head = f"[{', '.join(texts)}]"
    text = f"{tf}.keras.layers.StackedRNNCells({head}, name={name})"
    if len(text) <= WIDTH or "\n" in head:
        return text
    indent = "\n" + 2 * context.indent(path)
    return f"{tf}.keras.layers.StackedRNNCells({indent}{head},{indent}name={name})"


def _loop(context: Context, layer: Layer, cell: Cell, overlay: Edits) -> str:
    """What the comprehension runs over that makes a stack of cells that are all alike: `range(num_layers)`."""
    node = cell.arguments.get("cells")
    if isinstance(node, ast.Name):
        node = _bound_expression(context, cell, node)
    source = node.generators[0].iter if isinstance(node, ast.ListComp) and len(node.generators) == 1 else None
    if not isinstance(source, ast.Call) or not isinstance(source.func, ast.Name) or source.func.id not in RANGES:
        return f"range({len(cell.inner)})" if len(cell.inner) > 3 else ""
    if len(source.args) != 1:
        return ""
    return f"range({spelled(context, source.args[0], None, cell, layer, overlay)})"


RANGES = frozenset({"range", "xrange"})


def _bound_expression(context: Context, cell: Cell, name: ast.Name) -> ast.expr | None:
    """The expression that a name of a cell's own statement was bound to, where that is certain."""
    statement = cell.chain[-1]
    makers = {maker for (_, read), found in statement.reads.items() if read == name.id for maker in found}
    made = next(iter(makers)) if len(makers) == 1 else None
    return made.node.value if made is not None and isinstance(made.node, ast.Assign) else None


# -- calls --------------------------------------------------------------------------------------------------------------


def call(context: Context, node: ast.Call, layer: Layer, overlay: Edits, attribute: str) -> str:
    """A call of a layer (the `attribute`) within the model's own; its targets are edited to what it gives back."""
    path = _path_of_site(context, layer, node)
    if layer.cls == "Cell":
        return _by_hand(context, layer, node, f"{attribute}(", overlay, path)
    arguments = layer.nodes[node]
    tf = context.tf(path)
    inputs = overlay.render(context.sequences.get(node, arguments["inputs"]))
    listed = isinstance(layer.values[node].get("inputs"), Sequence)
    stacked = listed and node not in context.sequences
    swapped = not listed and _is_true(layer.values[node].get("time_major"))
    given = (
        f"{tf}.stack({inputs}, axis=1)" if stacked else f"{tf}.transpose({inputs}, [1, 0, 2])" if swapped else inputs
    )
    parts = [given]
    for key in STATES:
        state = _given(layer, node, key)
        if state is not None and not is_zeros(context, layer, layer.values[node].get(key)):
            parts.append(f"{key}={overlay.render(state)}")
    lengths = _given(layer, node, "sequence_length")
    if lengths is not None:
        steps = f"{inputs}.shape[1]" if node in context.sequences else _steps(tf, layer, node, inputs, swapped)
        parts.append(f"mask={tf}.sequence_mask({overlay.render(lengths)}, {steps})")
    text = f"{attribute}({', '.join(parts)})"
    wrapped = (f"{tf}.unstack(", ", axis=1)") if listed else (f"{tf}.transpose(", ", [1, 0, 2])") if swapped else None
    if wrapped is None and context.rnns[layer].apart:
        wrapped = (f"{tf}.identity(", ")  # without the mask")
    if layer.cls == "BidirectionalRNN":
        return _both(context, layer, node, text, wrapped, overlay, path)
    return _results(context, layer, node, text, wrapped, overlay, path)


def _path_of_site(context: Context, layer: Layer, node: ast.Call) -> str:
    return rnn_idle.statement_of(context, layer, node).frame.module.path


def _given(layer: Layer, node: ast.Call, key: str) -> ast.expr | None:
    value = layer.values[node].get(key)
    return None if value is None or (isinstance(value, Known) and value.value is None) else layer.nodes[node][key]


def _is_true(value: Value | None) -> bool:
    return isinstance(value, Known) and value.value is True


def _steps(tf: str, layer: Layer, node: ast.Call, inputs: str, swapped: bool) -> str:
    """How long the sequences of a call are, padding included."""
    value, axis = layer.values[node].get("inputs"), 0 if swapped else 1
    if isinstance(value, Sequence):
        return f"len({inputs})" if inputs.isidentifier() else str(len(value.items))
    shape = value.shape if isinstance(value, Tensor) else None
    if shape is not None and shape[axis] is not None:
        return f"{inputs}.shape[{axis}]" if inputs.isidentifier() else str(shape[axis])
    return f"{tf}.shape({inputs})[{axis}]"


def _targets(context: Context, node: ast.Call) -> tuple[ast.expr | None, ast.expr | None]:
    """What the outputs and the state of a call are unpacked into."""
    parent = context.parents.get(node)
    if isinstance(parent, ast.Assign) and parent.value is node and len(parent.targets) == 1:
        target = parent.targets[0]
        if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == 2:
            return target.elts[0], target.elts[1]
    return None, None


def _is_read(context: Context, layer: Layer, node: ast.Call, target: ast.expr) -> bool:
    """Whether any name of a target is read, with the value that it was given there."""
    if not all(isinstance(part, (ast.Name, ast.Tuple, ast.List, ast.expr_context)) for part in ast.walk(target)):
        return True
    names = {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    makers = {one.chain[-1] for one in context.run.values if isinstance(one, Tensor) and one.node is node}
    return any(
        name in names and makers & found
        for statement in context.run.statements
        for (_, name), found in statement.reads.items()
    )


def _results(
    context: Context,
    layer: Layer,
    node: ast.Call,
    text: str,
    wrapped: tuple[str, str] | None,
    overlay: Edits,
    path: str,
) -> str:
    """What stands in for a call of one RNN, with its targets."""
    form = context.rnns[layer]
    parent = context.parents.get(node)
    before, after = wrapped or ("", "")
    if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant) and parent.slice.value == 0:
        if any(fed_rates(layer)):
            raise context.stop("an RNN whose outputs and state are not taken apart at once", node, path)
        first = f"{text}[0]" if form.state else text
        overlay.replace(parent, f"{before}{first}{after.partition('  #')[0]}")
        return text
    outputs, state = _targets(context, node)
    if outputs is None or state is None or not isinstance(parent, ast.Assign):
        raise context.stop("an RNN whose outputs and state are not taken apart at once", node, path)
    outputs_text = _rates(context, layer, node, overlay, path) + overlay.render(outputs)
    if not form.state:
        overlay.replace(parent.targets[0], outputs_text)
        return f"{before}{text}{after}"
    states = _state_targets(context, layer, state, overlay, path)
    overlay.replace(parent.targets[0], f"{outputs_text}, {states}")
    if wrapped and _is_read(context, layer, node, outputs):
        if not isinstance(outputs, ast.Name):
            raise context.stop("an RNN whose outputs are taken apart at once", node, path)
        indent = column(context.modules[path], parent)
        return f"{text}\n{indent}{outputs.id} = {before}{outputs.id}{after}"
    return text


def _rates(context: Context, layer: Layer, node: ast.Call, overlay: Edits, path: str) -> str:
    """Statements that tell cells the dropout rates of this call, where those are fed."""
    found = []
    used = rnn_idle.statement_of(context, layer, node)
    for cell, key, expression in fed_rates(layer):
        rate = spelled(context, expression, None, cell, layer, overlay)
        found.append(f"self.{context.attributes[layer]}.{cell_access(layer, cell)}.{key} = {rate}")
    indent = column(context.modules[path], used.node)
    lines = _together(found, layer, context, context.indent(path))
    return "".join(f"{line}\n{indent}" for line in lines)


def _together(lines: list[str], layer: Layer, context: Context, tab: str) -> list[str]:
    """One loop for a whole stack of cells that are told the same."""
    stack = layer.cells[0]
    if layer.cls != "RNN" or stack.kind != "MultiRNNCell" or len(lines) != len(stack.inner):
        return lines
    head = f"self.{context.attributes[layer]}.cell.cells"
    ends = {line.removeprefix(f"{head}[{place}]") for place, line in enumerate(lines)}
    if len(ends) != 1:
        return lines
    return [f"for cell in {head}:", f"{tab}cell{ends.pop()}"]


def _state_targets(context: Context, layer: Layer, state: ast.expr, overlay: Edits, path: str) -> str:
    """The targets of the states that an RNN layer hands back one after the other."""
    if facts.is_single(layer.cells[0]):
        return overlay.render(state)
    if isinstance(state, ast.Name):
        return f"*{state.id}"
    if isinstance(state, (ast.Tuple, ast.List)):
        return ", ".join(overlay.render(one) for one in state.elts)
    raise context.stop("a state of an RNN that is kept in a way that is not followed", state, path)


def _both(
    context: Context,
    layer: Layer,
    node: ast.Call,
    text: str,
    wrapped: tuple[str, str] | None,
    overlay: Edits,
    path: str,
) -> str:
    """What stands in for a bidirectional call: the outputs of both directions, then both states."""
    if len({facts.is_single(cell) for cell in layer.cells}) > 1:
        raise context.stop("a bidirectional RNN of cells of two kinds", node, path)
    if wrapped is None:
        if any(fed_rates(layer)):
            raise context.stop("a bidirectional RNN whose dropout rates are fed", node, path)
        return text
    parent = context.parents.get(node)
    target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
    tf, listed = context.tf(path), isinstance(layer.values[node].get("inputs"), Sequence)
    if (
        not listed
        or not isinstance(target, ast.Tuple)
        or len(target.elts) != 3
        or not isinstance(target.elts[0], ast.Name)
    ):
        raise context.stop("a bidirectional RNN whose results are not taken apart at once", node, path)
    outputs, *states = target.elts
    read = [_is_read(context, layer, node, one) for one in states]
    joined = f"{tf}.concat({overlay.render(outputs)}, axis=2)"
    indent = column(context.modules[path], parent) if isinstance(parent, ast.stmt) else ""
    kept = f"({', '.join(overlay.render(one) for one in states)})" if any(read) else "_"
    rates = _rates(context, layer, node, overlay, path)
    overlay.replace(target, f"{rates}{overlay.render(outputs)}, {kept}")
    return f"{text}\n{indent}{overlay.render(outputs)} = {tf}.unstack({joined}, axis=1)"


def _by_hand(context: Context, layer: Layer, node: ast.Call, head: str, overlay: Edits, path: str) -> str:
    """One step of a cell, called as a layer. The one state of a GRU goes in and comes out in a list."""
    arguments = layer.nodes[node]
    inputs, state = overlay.render(arguments["inputs"]), overlay.render(arguments["state"])
    if any(fed_rates(layer)):
        raise context.stop("a step of an RNN cell whose dropout rates are fed", node, path)
    if not facts.is_single(layer.cells[0]):
        return f"{head}{inputs}, {state})"
    _, target = _targets(context, node)
    if target is None:
        raise context.stop("a step of an RNN cell whose results are not taken apart at once", node, path)
    overlay.replace(target, f"[{overlay.render(target)}]")
    return f"{head}{inputs}, [{state}])"
