"""Keras models for tf.layers: a class for a function or a block of statements, an object for each scope.

Layers become attributes, in the order of their creation, with their TF1 names spelt out; what the function or block computed
becomes `call`; the object is called on a symbolic input at once, so that its variables exist where TF1 would have made them.
"""

from __future__ import annotations

import ast
import keyword
import re

from ..edits import Edits
from ..graph.values import (
    Dict,
    GraphValue,
    Known,
    Placeholder,
    Sequence,
    Tensor,
    Value,
    flatten,
)
from ..plan.executions import FunctionPlan
from ..plan.models import BlockModel, FunctionModel, Object, is_setting_statement
from . import batch_norm, layer_calls
from .context import Context, quoted
from .layer_calls import last
from .text import column, comments_above, reindent, snake, trailing_comment

RESERVED = frozenset(
    "input output weights variables losses metrics path dtype name trainable layers build call inputs outputs "
    "trainable_variables non_trainable_variables loss optimizer summary compile fit evaluate predict save".split()
)


def prepare(context: Context) -> None:
    """Names every model and its layers, so that the other parts can reach them."""
    batch_norm.prepare(context)
    for model in context.models.functions:
        base = last(model.objects[0].scope) or model.definition.name
        alike = len({last(one.scope) for one in model.objects}) == 1
        name = _camel(base if alike and len(model.objects) == 1 else model.definition.name)
        context.classes[model] = context.fresh(name)
        for one in model.objects:
            wanted = snake(last(one.scope) or model.definition.name)
            context.objects[one] = _object_name(
                context, wanted, {model.definition.name} if len(model.objects) == 1 else set()
            )
            _attributes(context, one)
    for block in context.models.blocks:
        base = last(block.object.scope) or "model"
        context.classes[block] = context.fresh(_camel(base))
        free = {name for unit in block.units for part in unit.parts for name in part.writes} - set(block.outputs)
        context.objects[block.object] = _object_name(context, snake(base), set(free) - _read_elsewhere(context, block))
        _attributes(context, block.object)


def _read_elsewhere(context: Context, block: BlockModel) -> set[str]:
    """Names of a block that its own statements go on using: they can't name the object."""
    return {name for unit in block.units for part in unit.parts for name in part.writes}


def _object_name(context: Context, wanted: str, free: set[str]) -> str:
    wanted = wanted if wanted.isidentifier() and not keyword.iskeyword(wanted) else f"model_{wanted}"
    return context.fresh(wanted, free)


def _camel(name: str) -> str:
    words = [word for word in re.split(r"[_\W]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) if word]
    text = "".join(word[:1].upper() + word[1:] for word in words) or "Model"
    return text if text.isidentifier() else f"Model{text}"


def _attributes(context: Context, made: Object) -> None:
    taken: set[str] = set()
    for layer in made.layers:
        base = last(layer.name)
        base = snake(base) if not layer.weights or not base.isidentifier() else base
        base = f"{base}_layer" if base in RESERVED or not base.isidentifier() or keyword.iskeyword(base) else base
        name, count = base, 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        taken.add(name)
        context.attributes[layer] = name
        context.owners[layer] = made


def write(context: Context) -> None:
    """Registers the edits of every model: the class in the place of the function or block, the objects, the calls."""
    for model in context.models.functions:
        _function(context, model)
    for block in context.models.blocks:
        _block(context, block)


def own(context: Context) -> None:
    """Layer calls are written here, not name by name."""
    for value in context.run.values:
        if isinstance(value, Tensor) and value.layer is not None and isinstance(value.node, ast.Call):
            context.owned.add(value.node.func)


# -- the class ----------------------------------------------------------------------------------------------------------


def _class(
    context: Context,
    name: str,
    made: Object,
    path: str,
    init: list[str],
    body: list[str],
    call: str,
    overlay: Edits,
    named: bool,
    doc: list[str],
    kept: list[str],
) -> str:
    tab, tf = context.indent(path), context.tf(path)
    scope = last(made.scope)
    lines = [f"class {name}({tf}.keras.Model):", *(tab + line if line else "" for line in doc)]
    if doc:
        lines.append("")
    shown = quoted(scope) if scope else quoted(snake(name))
    lines.append(f"{tab}def __init__(self{''.join(', ' + one for one in init)}{', name' if named else ''}):")
    lines.append(f"{tab}{tab}super().__init__(name={'name' if named else shown})")
    lines.extend(f"{tab}{tab}self.{one} = {one}" for one in kept)
    lines.extend(
        f"{tab}{tab}self.{context.attributes[layer]} = {layer_calls.constructor(context, layer, path, overlay)}"
        for layer in made.layers
    )
    lines.extend(["", f"{tab}def call(self{call}):"])
    lines.extend(tab + tab + line if line else "" for line in body)
    return "\n".join(lines) + "\n"


def _lines(context: Context, frame_path: str, node: ast.stmt, overlay: Edits) -> list[str]:
    """A statement's lines with its comments, at no indentation."""
    module = context.modules[frame_path]
    lines = comments_above(module, node)
    old = column(module, node)
    body = reindent(overlay.render(node), old, "").split("\n")
    comment = trailing_comment(module, node)
    if comment and body:
        body[-1] += f"  {comment}"
    return [*lines, *body]


# -- functions ----------------------------------------------------------------------------------------------------------


def _function(context: Context, model: FunctionModel) -> None:
    path, definition = model.path, model.definition
    made = model.objects[0]
    overlay = Edits(context.modules[path], context.edits[path])
    kept = [name for name, role in model.roles.items() if role == "both"]
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and node.id in kept and isinstance(node.ctx, ast.Load):
            overlay.replace(node, f"self.{node.id}")
    for site, place in model.sites.items():
        overlay.replace(site, layer_calls.call(context, site, made.layers[place], overlay))
    statements = list(_flat(context, definition.body))
    doc: list[str] = []
    if statements and _is_docstring(statements[0]):
        doc = _lines(context, path, statements.pop(0), overlay)
    body = [line for node in statements for line in _lines(context, path, node, overlay)]
    init = [_parameter(definition, name, overlay) for name, role in model.roles.items() if role in {"init", "both"}]
    call = "".join(f", {_parameter(definition, name, overlay)}" for name, role in model.roles.items() if role == "call")
    named = len({last(one.scope) for one in model.objects}) > 1
    plain = Edits(context.modules[path], context.edits[path])
    text = _class(context, context.classes[model], made, path, init, body or ["pass"], call, plain, named, doc, kept)
    context.moves[path].replaced[definition] = text
    batch_norm.define(context, made.layers, path, definition)
    for one in model.objects:
        _object(context, model, one, named)
    for node, one in model.calls.items():
        _call(context, model, node, one)


def _flat(context: Context, body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements with the blocks of scopes looked through."""
    from ..graph.ops.scopes import Entered

    found: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.With):
            values = [value for item in node.items for value in context.run.meanings.get(item.context_expr, [])]
            if values and all(isinstance(value, Entered) for value in values):
                for item in node.items:
                    context.own(item.context_expr)
                found.extend(_flat(context, node.body))
                continue
        if not is_setting_statement(context.run, node):
            found.append(node)
    return found


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parameter(definition: ast.FunctionDef, name: str, overlay: Edits) -> str:
    parameters = definition.args
    plain = [*parameters.posonlyargs, *parameters.args]
    names = [one.arg for one in plain]
    if name in names:
        place = names.index(name) - (len(names) - len(parameters.defaults))
        if place >= 0:
            return f"{name}={overlay.render(parameters.defaults[place])}"
    return name


def _arguments(model: FunctionModel, node: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call by the function's parameter names."""
    parameters = model.definition.args
    names = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
    given = dict(zip(names, node.args, strict=False))
    given.update({one.arg: one.value for one in node.keywords if one.arg})
    return given


def _call(context: Context, model: FunctionModel, node: ast.Call, made: Object) -> None:
    """A call of the function: of the object, without what its constructor took."""
    path = _path_of(context, node)
    given = _arguments(model, node)
    positional = {id(one) for one in node.args}
    parts: list[str | ast.AST] = [context.objects[made], "("]
    first = True
    for name, value in given.items():
        if model.roles.get(name) != "call":
            context.own(value)
            continue
        frame_value = _meaning(context, value)
        tensor = (
            any(isinstance(leaf, GraphValue) for leaf in flatten(frame_value)) if frame_value is not None else False
        )
        parts.extend([] if first else [", "])
        bool_switch = isinstance(frame_value, Placeholder) and frame_value.dtype == "bool"
        parts.extend([value] if id(value) in positional and tensor and not bool_switch else [f"{name}=", value])
        first = False
    context.edits[path].replace(node, *parts, ")")


def _meaning(context: Context, node: ast.expr) -> Value | None:
    values = context.run.meanings.get(node, [])
    return values[0] if values else None


def _path_of(context: Context, node: ast.AST) -> str:
    from .setup import module_of

    path = module_of(context, node)
    assert path is not None
    return path


def _object(context: Context, model: FunctionModel, made: Object, named: bool) -> None:
    """The object, made before the statement that called the function first."""
    node = made.call
    assert node is not None
    path = made.first.frame.module.path
    given = _arguments(model, node)
    render = context.edits[path].render
    settings = [
        f"{name}={render(given[name])}"
        for name, role in model.roles.items()
        if role in {"init", "both"} and name in given
    ]
    positional = [name for name, role in model.roles.items() if role in {"init", "both"}]
    if all(name in given for name in positional):
        settings = [render(given[name]) for name in positional]
    if named:
        settings.append(f"name={quoted(last(made.scope))}")
    lines = [f"{context.objects[made]} = {context.classes[model]}({', '.join(settings)})"]
    frames = [frame for function, frame, _ in context.run.calls[node] if function.node is model.definition]
    inputs: list[str] = []
    for name, role in model.roles.items():
        if role != "call":
            continue
        value = frames[0].arguments.get(name)
        text = _input(context, value, path)
        if text is None:
            if value is not None and any(isinstance(leaf, GraphValue) for leaf in flatten(value)):
                inputs = []
                break
            if name in given:
                inputs.append(f"{name}={render(given[name])}")
            continue
        if isinstance(value, Placeholder) and value.dtype == "bool":
            inputs.append(f"{name}=False")
        else:
            inputs.append(text if not any("=" in one.partition("(")[0] for one in inputs) else f"{name}={text}")
    if inputs:
        lines.append(f"{context.objects[made]}({', '.join(inputs)})  # creates the variables")
    else:
        context.unbuilt.append((made, node, path))
    _put(context, made, path, lines)


def _put(context: Context, made: Object, path: str, lines: list[str]) -> None:
    moves = context.moves[path]
    moves.before.setdefault(made.first.node, []).append("\n".join(lines) + "\n")


def _input(context: Context, value: Value | None, path: str) -> str | None:
    """A symbolic input of a value's static shape; None where that is not known."""
    tf = context.tf(path)
    if isinstance(value, Tensor):
        if value.dtype == "bool":
            return "False"
        if value.shape is None or len(value.shape) == 0:
            return None
        batch = "" if value.shape[0] is None else f", batch_size={value.shape[0]}"
        dtype = "" if value.dtype in {None, "float32"} else f", dtype={quoted(value.dtype)}"
        if value.dtype == "float64":
            raise context.stop("layers over float64 tensors", value.node or ast.Pass(), path)
        return f"{tf}.keras.Input([{', '.join(map(str, value.shape[1:]))}]{batch}{dtype})"
    if isinstance(value, Dict) and all(isinstance(key, Known) for key in value.keys):
        parts = [_input(context, item, path) for item in value.values]
        if parts and all(part is not None for part in parts):
            names = [quoted(key.value) for key in value.keys if isinstance(key, Known)]
            return "{" + ", ".join(f"{name}: {part}" for name, part in zip(names, parts, strict=True)) + "}"
    if isinstance(value, Sequence) and value.items:
        parts = [_input(context, item, path) for item in value.items]
        if all(part is not None for part in parts):
            return f"[{', '.join(part for part in parts if part)}]"
    return None


# -- blocks -------------------------------------------------------------------------------------------------------------


def _block(context: Context, block: BlockModel) -> None:
    made = block.object
    path = made.frame.module.path
    overlay = Edits(context.modules[path], context.edits[path])
    for layer in made.layers:
        for site in layer.sites:
            overlay.replace(site, layer_calls.call(context, site, layer, overlay))
    body = [line for unit in block.units for line in _lines(context, path, unit.node, overlay)]
    outputs = block.outputs or _last_names(block)
    body.append(f"return {', '.join(outputs)}")
    call = "".join(f", {name}" for name in block.inputs) + "".join(f", {name}=False" for name in block.switches)
    text = _class(context, context.classes[block], made, path, [], body, call, context.edits[path], False, [], [])
    moves = context.moves[path]
    inputs: list[str] = []
    for name in block.inputs:
        shown = _input(context, _value_read(block, name), path)
        if shown is None:
            inputs = []
            break
        inputs.append(shown)
    lines = [f"{context.objects[made]} = {context.classes[block]}()"]
    if inputs:
        lines.append(f"{context.objects[made]}({', '.join(inputs)})  # creates the variables")
    else:
        context.unbuilt.append((made, block.units[0].node, path))
    anchor: ast.stmt = block.block if block.block is not None else made.first.node
    batch_norm.define(context, made.layers, path, anchor)
    moves.before.setdefault(anchor, []).extend([text, "\n".join(lines) + "\n"])
    for unit in block.units:
        moves.taken.add(unit.node)


def _last_names(block: BlockModel) -> list[str]:
    return list(block.units[-1].statement.writes)[:1]


def _value_read(block: BlockModel, name: str) -> Value | None:
    """What a name meant where a block's statements first read it."""
    parts = (part for unit in block.units for part in unit.parts)
    return next((part.reads_values[where, read] for part in parts for where, read in part.reads if read == name), None)


def block_call(context: Context, block: BlockModel, overlay: Edits, function: FunctionPlan) -> list[str]:
    """The call of a block's model within a function."""
    made = block.object
    parts = list(block.inputs)
    for name in block.switches:
        value = _value_read(block, name)
        constant = function.constants.get(value) if isinstance(value, GraphValue) else None
        parts.append(f"{name}={constant if constant is not None else name}")
    outputs = block.outputs or _last_names(block)
    return [f"{', '.join(outputs)} = {context.objects[made]}({', '.join(parts)})"]
