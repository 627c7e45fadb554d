"""Variables that a function makes are weights of its class: `self.add_weight` in `build`, by the call or by its helper."""

from __future__ import annotations

import ast

from ...edits import Edits
from ...graph.values import Function, Known, Tensor, TFName, Variable
from ...plan.initial_values import INITIALS
from ...plan.models import Site
from ...plan.phases import drawn_in, initial_call
from ..context import Context, quoted
from . import initializers

TAKEN = frozenset("name shape dtype initializer initial_value trainable collections use_resource".split())
STRINGS = {"Zeros()": '"zeros"', "Ones()": '"ones"'}  # as Keras spells them for short
# TensorFlow's own initializers of these names take no Keras dtype.
KERAS_INITIALIZERS = {
    "constant_initializer": "Constant",
    "zeros_initializer": "Zeros",
    "ones_initializer": "Ones",
    "initializers.constant": "Constant",
    "initializers.zeros": "Zeros",
    "initializers.ones": "Ones",
}


def add_weight(
    context: Context, variable: Variable, node: ast.Call, path: str, overlay: Edits, name: str, holder: str
) -> list[str]:
    """The call that adds a weight to `holder`, in the place of the TF1 call that made the variable: lines, where it is long."""
    arguments = variable.arguments
    unusual = set(arguments) - {
        "name",
        "shape",
        "dtype",
        "initializer",
        "initial_value",
        "trainable",
        "collections",
        "use_resource",
    }
    if unusual or any(isinstance(one, ast.Starred) for one in node.args):
        raise context.stop(f"a variable of a model with {', '.join(sorted(unusual)) or 'a * argument'}", node, path)
    shape, initializer = _initial(context, variable, node, path, overlay)
    parts = [f"name={name}", f"shape={shape}"]
    if variable.dtype not in {None, "float32"} and "dtype" in arguments:
        parts.append(f"dtype={overlay.render(arguments['dtype'])}")
    elif variable.dtype not in {None, "float32"}:
        parts.append(f"dtype={quoted(variable.dtype)}")
    if initializer:
        parts.append(f"initializer={initializer}")
    if "trainable" in arguments:
        parts.append(f"trainable={overlay.render(arguments['trainable'])}")
    return [f"{holder}.add_weight(", *parts]


def _initial(context: Context, variable: Variable, node: ast.Call, path: str, overlay: Edits) -> tuple[str, str]:
    """The shape and the initializer of a weight; none where it is what both TF1 and Keras take when none is given."""
    call = initial_call(variable)
    if call is not None:
        tensor = variable.initial[0]
        assert isinstance(tensor, Tensor)
        return _of_call(context, tensor, call, path, overlay)
    shape = variable.arguments.get("shape")
    if shape is None:
        return _of_expression(context, variable, node, path, overlay)
    return _listed(context, shape, overlay), _initializer(context, variable, node, path, overlay)


def _listed(context: Context, shape: ast.expr, overlay: Edits) -> str:
    """A shape's expression: TF1 also takes a number for one of rank 1."""
    text = overlay.render(shape)
    numbers = any(isinstance(one, Known) and isinstance(one.value, int) for one in context.run.meanings.get(shape, []))
    return f"[{text}]" if numbers else text


def _of_expression(context: Context, variable: Variable, node: ast.Call, path: str, overlay: Edits) -> tuple[str, str]:
    """An initial value that is computed from one that is drawn or filled (`tf.zeros([n]) + 0.1`): the initializer computes it."""
    given = variable.arguments.get("initial_value") or variable.arguments.get("initializer")
    drawn = drawn_in(context.run, variable)
    if given is None or drawn is None:
        raise context.stop("a variable of a model whose initial value is no initializer's", node, path)
    shape = drawn.args[0] if drawn.args else next(one.value for one in drawn.keywords if one.arg == "shape")
    inner = Edits(context.modules[path], overlay)
    text = _listed(context, shape, overlay)
    inner.replace(shape, "shape")
    return text, f"lambda shape, dtype: {inner.render(given)}"


def _initializer(context: Context, variable: Variable, node: ast.Call, path: str, overlay: Edits) -> str:
    given = variable.arguments.get("initializer")
    if given is None and variable.scope_initializer is not None:
        given = variable.scope_initializer
        if any(isinstance(part, ast.Name) and not _is_module(context, part) for part in ast.walk(given)):
            raise context.stop("a variable whose initializer a scope gives", node, path)
    if given is None:
        return ""
    meanings = context.run.meanings.get(given, [])
    if meanings and all(isinstance(one, Known) and one.value is None for one in meanings):
        return ""
    if any(isinstance(one, (Function, Known, Tensor)) for one in meanings):
        raise context.stop("a variable of a model whose initial value is no initializer's", node, path)
    text = overlay.render(given) + initializers.own(context, given)
    if any(isinstance(one, TFName) for one in meanings):
        text += "()"
    tf = context.tf(path)
    long = {f"{tf}.keras.initializers.{cls}": short for cls, short in STRINGS.items()}
    return long.get(text, text)


def _is_module(context: Context, node: ast.Name) -> bool:
    return any(isinstance(one, TFName) for one in context.run.meanings.get(node, []))


def _of_call(context: Context, tensor: Tensor, call: ast.Call, path: str, overlay: Edits) -> tuple[str, str]:
    """A drawn or filled initial value as an initializer."""
    form = INITIALS[tensor.op]
    given = dict(zip(form.parameters, call.args, strict=False))
    given.update({one.arg: one.value for one in call.keywords if one.arg and one.arg in form.parameters})
    unknown = {one.arg for one in call.keywords} - {*form.parameters, "dtype", "name"}
    if unknown or len(call.args) > len(form.parameters) or any(isinstance(one, ast.Starred) for one in call.args):
        raise context.stop("a variable of a model whose initial value is no initializer's", call, path)
    shape = given.pop("shape", None)
    if shape is None and tensor.shape != ():
        raise context.stop("a variable of a model whose initial value has no shape of its own", call, path)
    text = _listed(context, shape, overlay) if shape is not None else "[]"
    parts: list[str] = []
    if "value" in given:
        parts.append(overlay.render(given.pop("value")))
    defaults = dict(form.defaults)
    for parameter in form.parameters:
        if parameter in given:
            parts.append(f"{parameter}={overlay.render(given[parameter])}")
        elif parameter in defaults:
            parts.append(f"{parameter}={defaults[parameter]}")
    short = STRINGS.get(f"{form.cls}({', '.join(parts)})")
    return text, short or f"{context.tf(path)}.keras.initializers.{form.cls}({', '.join(parts)})"


# -- helpers ------------------------------------------------------------------------------------------------------------


def rewrite_initializers(context: Context) -> None:
    """Where weights are added, the program's initializers are Keras' own."""
    if not any(site.kind == "weight" for model in context.models.functions for site in model.sites.values()):
        return
    for path, module in context.modules.items():
        for node in ast.walk(module.tree):
            name = context.names[path].name_of(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
            if name in KERAS_INITIALIZERS:
                context.edits[path].replace(node, f"{context.tf(path)}.keras.initializers.{KERAS_INITIALIZERS[name]}")


def rewrite_helpers(context: Context) -> None:
    """Functions that make a variable for a model take its layer, and add a weight to it."""
    for definition, path in context.models.helpers.items():
        sites = [
            site for model in context.models.functions for site in model.sites.values() if site.helper is definition
        ]
        made = {site.example.node: site.example for site in sites if isinstance(site.example, Variable)}
        for variable in made.values():
            _helper(context, definition, path, variable)


def _helper(context: Context, definition: ast.FunctionDef, path: str, variable: Variable) -> None:
    edits, module = context.edits[path], context.modules[path]
    node = variable.node
    assert isinstance(node, ast.Call)
    holder = "layer"
    if any(isinstance(part, ast.Name) and part.id == holder for part in ast.walk(definition)):
        raise context.stop("a helper that has a name `layer` of its own", definition, path)
    name = variable.arguments.get("name")
    known = edits.render(name) if name is not None else "name"
    overlay = Edits(module, edits)
    pieces = add_weight(context, variable, node, path, overlay, known, holder)
    edits.replace(node, f"{pieces[0]}{', '.join(pieces[1:])})")
    parameters = definition.args
    first = next(iter((*parameters.posonlyargs, *parameters.args)), None)
    if first is None:
        raise context.stop("a helper without parameters that makes a variable", definition, path)
    start = module.span(first)[0]
    edits.replace_span(start, start, f"{holder}, ")
    if name is None:
        if (
            parameters.kwonlyargs
            or parameters.vararg
            or parameters.kwarg
            or "name" in {one.arg for one in (*parameters.posonlyargs, *parameters.args)}
        ):
            raise context.stop("a helper whose variable has no name", definition, path)
        end = module.span(
            parameters.defaults[-1] if parameters.defaults else (*parameters.posonlyargs, *parameters.args)[-1]
        )[1]
        edits.replace_span(end, end, ", name=None" if parameters.defaults else ", name")
    call = initial_call(variable)
    if call is not None:
        _drop_initial(context, definition, path, variable)


def _drop_initial(context: Context, definition: ast.FunctionDef, path: str, variable: Variable) -> None:
    """The statement that bound the initial value goes."""
    given = variable.arguments.get("initial_value") or variable.arguments.get("initializer")
    if not isinstance(given, ast.Name):
        return
    reads = [
        part
        for part in ast.walk(definition)
        if isinstance(part, ast.Name) and part.id == given.id and isinstance(part.ctx, ast.Load)
    ]
    for part in ast.walk(definition):
        if isinstance(part, ast.Assign) and len(part.targets) == 1 and len(reads) == 1:
            target = part.targets[0]
            if isinstance(target, ast.Name) and target.id == given.id:
                context.moves[path].dropped.add(part)


def site_pieces(context: Context, site: Site, path: str, overlay: Edits, variable: Variable, name: str) -> list[str]:
    """What a class's `build` makes a weight by: a call of add_weight, or of the helper."""
    if site.helper is None:
        assert isinstance(variable.node, ast.Call)
        return add_weight(context, variable, site.node, path, overlay, name, "self")
    arguments = [overlay.render(one) for one in site.node.args]
    arguments += [f"{one.arg}={overlay.render(one.value)}" for one in site.node.keywords if one.arg]
    if variable.arguments.get("name") is None:
        arguments.append(f"name={name}")
    return [f"{overlay.render(site.node.func)}(", "self", *arguments]
