"""Keras models for tf.layers and for functions that make variables: what they, their attributes and objects are called, and
what both kinds share. function_models.py writes classes for functions, block_models.py for a unit's own statements.

Layers become attributes, in the order of their creation, with their TF1 names spelt out; what the function or block computed
becomes `call`; the object is called on a symbolic input at once, so that its variables exist where TF1 would have made them.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...edits import Edits
from ...graph.frames import Frame
from ...graph.values import Dict, Known, Layer, Sequence, Tensor, Value, Variable
from ...plan import objects
from ...plan.executions import is_scalar
from ...plan.models import BlockModel, FunctionModel, Member, Object, Site
from ...plan.phases import name_argument, name_node
from ..classes import sizes
from ..classes.members import going, new_attribute
from ..context import Context, quoted
from ..recurrent import rnn
from ..text import column, comments_above, last, reindent, snake, trailing_comment
from . import batch_norm, layer_names

# What keras.Model and keras.layers.Layer have themselves.
RESERVED = frozenset(
    "activity_regularizer add_loss add_metric add_variable add_weight autocast build build_from_config built call "
    "call_signature_parameters compile compile_from_config compiled_loss compiled_metrics compute_dtype "
    "compute_loss compute_mask compute_metrics compute_output_shape compute_output_spec count_params "
    "distribute_reduction_method distribute_strategy dtype dtype_policy evaluate export fit from_config "
    "get_build_config get_compile_config get_config get_layer get_metrics_result get_quantization_layer_structure "
    "get_state_tree get_weights input input_dtype input_spec jit_compile layers load_own_variables load_weights "
    "loss losses make_predict_function make_test_function make_train_function metrics metrics_names "
    "metrics_variables name non_trainable_variables non_trainable_weights output path predict predict_on_batch "
    "predict_step quantization_mode quantize quantized_build quantized_call rematerialized_call reset_metrics "
    "run_eagerly save save_own_variables save_weights set_state_tree set_weights stateless_call "
    "stateless_compute_loss summary supports_jit supports_masking symbolic_call test_on_batch test_step to_json "
    "train_on_batch train_step trainable trainable_variables trainable_weights variable_dtype variables weights "
    "inputs outputs optimizer".split()
)


def prepare(context: Context) -> None:
    """Names every model and what it holds, so that the other parts can reach them."""
    batch_norm.prepare(context)
    rnn.prepare(context)
    for model in context.models.functions:
        _name_class(context, model)
        _name_members(context, model)
    for model in reversed(context.models.functions):  # those that hold others first
        for made in model.objects:
            _name_object(context, model, made)
    for block in context.models.blocks:
        frame = block.object.frame
        of_mode = frame.node.name.removesuffix("_fn") if frame in context.units.homes else "model"  # type: ignore[attr-defined]
        base = last(block.object.scope) or of_mode
        context.classes[block] = context.fresh(_camel(base))
        free = {name for unit in block.units for part in unit.parts for name in part.writes} - set(block.outputs)
        context.objects[block.object] = _object_name(context, snake(base), free - _read_elsewhere(block), "model")
        context.leaves[block.object] = last(block.object.scope) or snake(context.classes[block])
        taken: set[str] = set()
        for layer in block.object.layers:
            context.attributes[layer] = _attribute(block.object.short(layer), _keeps_capitals(layer), taken)
            context.leaves[layer] = block.object.short(layer)
            layer_names.name_parts(context, block.object, layer, taken)


def _read_elsewhere(block: BlockModel) -> set[str]:
    """Names of a block that its own statements go on using: they can't name the object."""
    return {name for unit in block.units for part in unit.parts for name in part.writes}


def _name_class(context: Context, model: FunctionModel) -> None:
    scope = last(model.objects[0].scope)
    calls = list(model.calls)
    told = len(model.objects) > 1 or (bool(calls) and _is_told(context, model, calls[0], scope))
    others = {_camel(_thing(one.definition.name)) for one in context.models.functions if one is not model}
    named = scope and not told and _camel(scope) not in others
    wanted = _camel(scope if named else _thing(model.definition.name))
    context.classes[model] = context.fresh(wanted, {model.definition.name})  # which the class takes the place of


VERBS = frozenset("build make create define construct add get".split())


def _thing(name: str) -> str:
    """What a function makes, by its name: `build_layers` makes layers."""
    verb, _, rest = snake(name).partition("_")
    return rest if verb in VERBS and rest.strip("_") and not rest[0].isdigit() else name


def _is_told(context: Context, model: FunctionModel, call: ast.Call, scope: str) -> bool:
    """Whether a call gives the function the name of its scope."""
    site = Site(call, "object", {model.objects[0]: list(model.objects)}, callee=model)
    return bool(scope) and name_argument(context.run, site) is not None


def _name_members(context: Context, model: FunctionModel) -> None:
    """The attributes of a class, which are the same in each of its objects, and the names that Keras is told."""
    taken = {kept_attribute(name) for name in model.phases.kept}
    context.given[model] = _names_of_given(model, taken)
    for site in model.sites.values():
        again = all(one in context.attributes for members in site.members.values() for one in members)
        if site.given or again:
            continue
        wish, capitals = _wish(model, site)
        attribute = _attribute(_plural(wish) if site.repeated else wish, capitals, taken)
        for made, members in site.members.items():
            for member in members:
                context.attributes[member] = attribute
                layer_names.name_parts(context, made, member, taken)
                if not isinstance(member, Object):
                    context.leaves[member] = _leaf(context, made, member, site, attribute)
    for made in model.objects:
        names = [context.leaves[one] for one in made.members if isinstance(one, Variable)]
        if len(set(names)) != len(names):
            raise context.stop("variables of one function that have the same name", model.definition, model.path)


def _names_of_given(model: FunctionModel, taken: set[str]) -> list[str]:
    """What a class calls the objects that it is handed: parameters of its constructor, and attributes."""
    used = taken | set(model.roles)
    return [
        _attribute(last(one.scope) or (one.model.definition.name if one.model else "model"), False, used)
        for one in model.objects[0].given
    ]


def _plural(word: str) -> str:
    return f"{word}_list" if word.endswith("s") else f"{word}s"


def _wish(model: FunctionModel, site: Site) -> tuple[str, bool]:
    """What an attribute would best be called, and whether it may keep its capitals."""
    member = site.example
    shorts = {made.short(one) for made, members in site.members.items() for one in members}
    target = _target(model.definition, site.node)
    if isinstance(member, Variable):
        named = name_node(site) is not None or site.helper is not None
        return target or (member.name.rpartition("/")[2] if named else "variable"), True
    if isinstance(member, Layer):
        return (shorts.pop() if len(shorts) == 1 else snake(member.cls)), _keeps_capitals(member)
    assert site.callee is not None
    return (shorts.pop() if len(shorts) == 1 and "" not in shorts else site.callee.definition.name), False


def _keeps_capitals(layer: Layer) -> bool:
    """Whether an attribute is called just as TF1 called the layer; contrib's own names (Conv_1) are none for attributes."""
    return bool(layer.weights) and not layer.of_contrib


def _target(definition: ast.FunctionDef, node: ast.Call) -> str:
    """The name that a statement binds to what a call gives."""
    for part in ast.walk(definition):
        if isinstance(part, ast.Assign) and part.value is node and isinstance(part.targets[0], ast.Name):
            return part.targets[0].id
    return ""


def _leaf(context: Context, made: Object, member: Layer | Variable, site: Site, attribute: str) -> str:
    """A layer's or weight's name within its object: TF1's, where that is the source's and not one that TF1 counted up."""
    if isinstance(member, Variable):
        given = member.arguments.get("name")
        if given is None:
            return attribute
        if site.helper is not None:
            return _given(context, member, given)
    if len({one.short(other) for one, members in site.members.items() for other in members}) > 1:
        node = name_node(site)
        if isinstance(node, ast.Constant):
            return _counted(str(node.value), site, made, member)
    return made.short(member)


def _counted(base: str, site: Site, made: Object, member: Member) -> str:
    """The name of one of a loop's members, which the source names alike."""
    place = site.members[made].index(member)
    return f"{base}_{place}" if place else base


def _given(context: Context, variable: Variable, node: ast.expr) -> str:
    """What a helper's call names a variable: TF1's name without the scope, and without the number that TF1 may have added."""
    last_part = last(variable.name)
    known = [one.value for one in context.run.meanings.get(node, []) if isinstance(one, Known)]
    fitting = [one for one in known if isinstance(one, str) and re.fullmatch(rf"{re.escape(one)}(_\d+)?", last_part)]
    return last_part if last_part in known or not fitting else max(fitting, key=len)


def kept_attribute(name: str) -> str:
    """The attribute that keeps a setting: its own name, unless Keras has that for something else."""
    return name if name == "name" or name not in RESERVED else f"given_{name}"


def _attribute(wish: str, capitals: bool, taken: set[str]) -> str:
    base = wish if capitals and wish.isidentifier() else snake(wish)
    base = f"{base}_layer" if base in RESERVED or not base.isidentifier() or keyword.iskeyword(base) else base
    name, count = base, 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    taken.add(name)
    return name


def has_own_weights(model: FunctionModel) -> bool:
    """Whether the class adds weights itself: it is a layer then."""
    return any(site.kind == "weight" for site in model.sites.values())


def takes_name(model: FunctionModel) -> bool:
    """Whether the constructor has a parameter `name` from the source: it is what Keras is told."""
    return model.roles.get("name") in {"init", "both"}


def _name_object(context: Context, model: FunctionModel, made: Object) -> None:
    own = made.activations[0].arguments.get("name") if takes_name(model) else None
    if takes_name(model) and not (isinstance(own, Known) and isinstance(own.value, str) and "/" not in own.value):
        raise context.stop("a parameter `name` that can't name a Keras layer", model.definition, model.path)
    if made.holder is not None:
        attribute = context.attributes[made]
        context.objects[made] = f"{context.objects[made.holder]}.{attribute}{made.holder.place(made)}"
        inner = made.holder.short(made) or attribute
        site = next((one for one in _sites_of(made.holder) if made in one.members.get(made.holder, [])), None)
        if site is not None and site.repeated and name_argument(context.run, site) is None:
            inner = _counted(snake(model.definition.name), site, made.holder, made)
        context.leaves[made] = str(own.value) if isinstance(own, Known) else inner
        return
    scope = last(made.scope)
    one = objects.owner(made.frame)
    if one is not None:
        wish = snake(scope or model.definition.name)
        context.objects[made] = new_attribute(context, one, wish, going(context, one), Value())
        context.leaves[made] = scope or context.objects[made].removeprefix("self.")
        return
    free = {model.definition.name} if len(model.objects) == 1 else set()
    kind = "layer" if has_own_weights(model) else "model"
    context.objects[made] = _object_name(context, snake(scope or model.definition.name), free, kind)
    alone = sum(one.scope == made.scope for one in model.objects) == 1
    unscoped = snake(context.classes[model]) if alone else context.objects[made]
    context.leaves[made] = str(own.value) if isinstance(own, Known) else scope or unscoped


def _sites_of(made: Object) -> Iterable[Site]:
    return made.model.sites.values() if made.model is not None else ()


def _object_name(context: Context, wanted: str, free: Iterable[str], kind: str) -> str:
    """A name for an object: in the functions that call it, what it gives often has its scope's name."""
    wanted = wanted if wanted.isidentifier() and not keyword.iskeyword(wanted) else f"{kind}_{wanted}"
    taken = (wanted in context.taken and wanted not in free) or hasattr(builtins, wanted)
    return context.fresh(f"{wanted}_{kind}" if taken else wanted, free)


def _camel(name: str) -> str:
    words = [word for word in re.split(r"[_\W]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) if word]
    text = "".join(word[:1].upper() + word[1:] for word in words) or "Model"
    return text if text.isidentifier() else f"Model{text}"


def is_named(context: Context, model: FunctionModel) -> bool:
    """Whether the objects of a class are told their names by a parameter of ours, since these differ."""
    return not takes_name(model) and len({context.leaves[made] for made in model.objects}) > 1


# -- what both kinds share ----------------------------------------------------------------------------------------------


def statement_lines(context: Context, path: str, node: ast.stmt, overlay: Edits) -> list[str]:
    """A statement's lines with its comments, at no indentation."""
    module = context.modules[path]
    lines = comments_above(module, node)
    old = column(module, node)
    body = reindent(overlay.render(node), old, "").split("\n")
    comment = trailing_comment(module, node)
    if comment and body:
        body[-1] += f"  {comment}"
    return [*lines, *body]


def put(context: Context, made: Object, path: str, lines: list[str]) -> None:
    moves = context.moves[path]
    moves.before.setdefault(made.first.node, []).append("\n".join(lines) + "\n")


def symbolic_argument(
    context: Context, name: str, value: Value | None, path: str, before: list[str], frame: Frame
) -> str | None:
    """What a model is first called with for a tensor: a symbolic input, or a number for a scalar, by keyword.

    `frame` is where the model is made.
    """
    if isinstance(value, Tensor) and value.dtype == "float32" and is_scalar(context.plan, value):
        return f"{name}=1.0"
    text = symbolic_input(context, value, path, frame)
    by_keyword = any("=" in one.partition("(")[0] for one in before)
    return f"{name}={text}" if text is not None and by_keyword else text


def symbolic_input(context: Context, value: Value | None, path: str, frame: Frame) -> str | None:
    """A symbolic input of a value's static shape; None where that is not known.

    The sizes are in the source's own words in an object's methods, and elsewhere where they are known to the program alone.
    """
    tf = context.tf(path)
    if isinstance(value, Tensor):
        if value.dtype == "bool":
            return "False"
        if value.shape is None or len(value.shape) == 0:
            return None
        known = sizes.of(context, value, frame)
        if len(value.shape) > 1 and known[-1] == "None":
            return None
        if objects.owner(frame) is None:
            known = [text if size is None else str(size) for size, text in zip(value.shape, known, strict=True)]
        batch = "" if value.shape[0] is None else f", batch_size={value.shape[0]}"
        dtype = "" if value.dtype in {None, "float32"} else f", dtype={quoted(value.dtype)}"
        if value.dtype == "float64":
            raise context.stop("layers over float64 tensors", value.node or ast.Pass(), path)
        return f"{tf}.keras.Input([{', '.join(known[1:])}]{batch}{dtype})"
    if isinstance(value, Dict) and all(isinstance(key, Known) for key in value.keys):
        parts = [symbolic_input(context, item, path, frame) for item in value.values]
        if parts and all(part is not None for part in parts):
            names = [quoted(key.value) for key in value.keys if isinstance(key, Known)]
            return "{" + ", ".join(f"{name}: {part}" for name, part in zip(names, parts, strict=True)) + "}"
    if isinstance(value, Sequence) and value.items:
        parts = [symbolic_input(context, item, path, frame) for item in value.items]
        if all(part is not None for part in parts):
            return f"[{', '.join(part for part in parts if part)}]"
    return None


def zeros(context: Context, value: Tensor, path: str) -> str | None:
    """A tensor of zeros of a value's static shape, for one example."""
    if not value.shape:
        return None
    dtype = "" if value.dtype in {None, "float32"} else f", {context.tf(path)}.{value.dtype}"
    return f"{context.tf(path)}.zeros([{', '.join(str(size or 1) for size in value.shape)}]{dtype})"


@dataclass
class ClassText:
    """The text of a model's class, piece by piece: lines without indentation, parameters without `self`."""

    name: str
    base: str  # "Model" or "Layer"
    told: str  # the expression of its own name
    doc: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    init: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    build: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    call: list[str] = field(default_factory=list)

    def text(self, tab: str, tf: str) -> str:
        kind = "Model" if self.base == "Model" else "layers.Layer"
        lines = [f"class {self.name}({tf}.keras.{kind}):", *(tab + line if line else "" for line in self.doc)]
        lines.extend([""] if self.doc else [])
        lines.extend(_method("__init__", self.parameters, [f"super().__init__(name={self.told})", *self.init], tab))
        if self.build:
            lines.extend(["", *_method("build", self.shapes, self.build, tab)])
        lines.extend(["", *_method("call", self.arguments, self.call or ["pass"], tab)])
        return "\n".join(lines) + "\n"


def _method(name: str, parameters: list[str], body: list[str], tab: str) -> list[str]:
    head = f"{tab}def {name}({', '.join(['self', *parameters])}):"
    return [head, *(tab + tab + line if line else "" for line in body)]
