"""Classes derived from tf.layers.Layer and tf.keras.layers.Layer become Keras 3 layers; their objects stay what they are.

    self.add_variable("w", [n, m])  ->  self.add_weight(name="w", shape=[n, m])

https://keras.io/guides/making_new_layers_and_models_via_subclassing/
"""

from __future__ import annotations

import ast

from ...graph.frames import Frame
from ...graph.ops.own_layers import PARAMETERS
from ...graph.own_layers import BASES, WEIGHTS, OwnLayer, kind_of
from ...graph.values import Class, Known, Tensor, TFName, Value, Variable
from ...plan.models import Object
from ..context import Context, quoted
from ..setup import module_of
from .models import put

OF_A_SHAPE = frozenset({"as_list", "ndims"})  # what `build` may ask of its input's shape, which is a tuple now


def prepare(context: Context) -> None:
    """How each layer and its weights are reached, and what they are called."""
    for layer, made in context.models.own:
        name = _name(made.frame, layer.instance)
        path = made.frame.module.path
        if name is None:
            raise context.stop("a layer of the program's own that no name holds", layer.call or ast.Pass(), path)
        context.objects[made] = name
        alike = [other for other, _ in context.models.own if other.short == layer.short]
        context.leaves[made] = layer.short if alike[0] is layer else layer.name.replace("/", "_")
        attributes = {id(value): key for key, value in layer.attributes.items()}
        for weight in layer.weights:
            if id(weight) not in attributes:
                raise context.stop("a weight that no attribute holds", weight.node or ast.Pass(), path)
            context.attributes[weight] = attributes[id(weight)]
            context.leaves[weight] = weight.name.rpartition("/")[2]
    for cls in _classes(context):
        for base in cls.node.bases:
            context.owned.add(base)


def _name(frame: Frame, value: Value) -> str | None:
    current: Frame | None = frame
    while current is not None:
        for name, binding in current.bindings.items():
            if binding.value is value:
                return name
        current = current.parent
    return None


def _classes(context: Context) -> list[Class]:
    found = {layer.instance.cls for layer in context.run.own_layers.values()}
    return [cls for cls in found if kind_of(cls)]


def write(context: Context) -> None:
    """Registers the edits of the classes, the names of their objects, and where their weights are made."""
    for cls in _classes(context):
        _class(context, cls)
    counts: dict[Class, int] = {}
    for layer, made in context.models.own:
        counts[layer.instance.cls] = counts.get(layer.instance.cls, 0) + 1
        _object(context, layer, made, counts[layer.instance.cls])


def _class(context: Context, cls: Class) -> None:
    path = cls.frame.module.path
    edits, tf = context.edits[path], context.tf(path)
    for node, base in zip(cls.node.bases, cls.bases, strict=True):
        if isinstance(base, TFName) and base.name in BASES:
            edits.replace(node, f"{tf}.keras.layers.Layer")
    for part in ast.walk(cls.node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in WEIGHTS:
            values = context.run.meanings.get(part, [])
            if values and all(isinstance(value, Variable) for value in values):
                _weight(context, part, path)
        elif isinstance(part, ast.Attribute) and part.attr == "value":
            values = context.run.meanings.get(part, [])
            if values and all(isinstance(value, Known) and isinstance(value.value, int) for value in values):
                edits.replace(part, part.value)
    for method in cls.node.body:
        if isinstance(method, ast.FunctionDef) and method.name in {"build", "compute_output_shape"}:
            _shapes(context, method, path)


def _weight(context: Context, node: ast.Call, path: str) -> None:
    """Keras takes a weight's shape first; TF1 took its name."""
    edits = context.edits[path]
    assert isinstance(node.func, ast.Attribute)
    edits.replace(node.func, node.func.value, ".add_weight")
    for parameter, argument in zip(PARAMETERS, node.args, strict=False):
        edits.put_before(argument, f"{parameter}=")
    if any(keyword.arg == "use_resource" for keyword in node.keywords):
        raise context.stop("a weight with use_resource", node, path)


def _shapes(context: Context, method: ast.FunctionDef, path: str) -> None:
    names = [one.arg for one in method.args.args][1:2]
    edits = context.edits[path]
    for part in ast.walk(method):
        if not isinstance(part, ast.Attribute) or not isinstance(part.value, ast.Name) or part.value.id not in names:
            continue
        parent = context.parents.get(part)
        if part.attr == "as_list" and isinstance(parent, ast.Call):
            edits.replace(parent, "list(", part.value, ")")
        elif part.attr == "ndims":
            edits.replace(part, "len(", part.value, ")")
        else:
            raise context.stop(f"`.{part.attr}` of a layer's input shape, which is a tuple in Keras", part, path)


def _object(context: Context, layer: OwnLayer, made: Object, count: int) -> None:
    node, path = layer.node, made.frame.module.path
    if node is None:
        raise context.stop(
            "a layer of the program's own that is made where it is not followed", layer.call or ast.Pass(), path
        )
    _told(context, layer, node, context.leaves[made], count)
    inputs = next(iter(layer.given.values()))
    if "build" not in layer.instance.cls.attributes:
        return
    if not isinstance(inputs, Tensor) or inputs.shape is None:
        context.unbuilt.append((made, node, path))
        return
    sizes = ", ".join(map(str, inputs.shape)) + ("," if len(inputs.shape) == 1 else "")
    put(context, made, path, [f"{context.objects[made]}.build(({sizes}))  # creates the variables"])


def _told(context: Context, layer: OwnLayer, node: ast.Call, told: str, count: int) -> None:
    """The object's name: the source's, or TF1's, where its class takes one; Keras counts the first as TF1 does."""
    path = module_of(context, node)
    assert path is not None
    keyword = next((one.value for one in node.keywords if one.arg == "name"), None)
    if keyword is not None:
        given = context.run.meanings.get(keyword, [])
        if not any(isinstance(one, Known) and one.value == told for one in given):
            context.edits[path].replace(keyword, quoted(told))
        return
    if layer.named:
        raise context.stop("a layer of the program's own whose name its constructor decides", node, path)
    init = layer.instance.cls.node.body
    definition = next((one for one in init if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    takes = definition is None or definition.args.kwarg is not None
    takes = takes or any(one.arg == "name" for one in (*definition.args.args, *definition.args.kwonlyargs))  # type: ignore[union-attr]
    if takes:
        end = context.modules[path].span(node)[1] - 1
        comma = ", " if node.args or node.keywords else ""
        context.edits[path].replace_span(end, end, f"{comma}name={quoted(told)}")
    elif count > 1 or told != layer.short:
        raise context.stop(
            "a second object of a layer class that takes no name", node, module_of(context, node) or path
        )
