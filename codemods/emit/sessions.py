"""Parameters that only ever hold a session, or an iterator's initializer, go, in the definition and in every call."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ..graph.frames import Frame
from ..graph.values import Coordinator, IteratorInit, Known, Placeholder, Session, Threads, Value, graph_values
from ..parse import Module
from ..plan import objects
from ..plan.units import moves
from .context import Context


def drop_parameters(context: Context) -> None:
    """Drops every parameter whose value is a session at every call, or goes with the graph."""
    for definition, frames, names, gone in _going(context):
        module = frames[0].module
        lost = ", ".join(f"`{name}`" for name in names if name in gone)
        context.interface(
            f"the function `{definition.name}` takes no session any more ({lost})", definition, module.path
        )
        spans = _parameter_spans(module, definition)
        remove(
            context,
            module,
            [spans[name] for name in names],
            [place for place, name in enumerate(names) if name in gone],
        )
        for call, given in _calls(context, definition, names):
            _drop_arguments(context, call, given, gone)


def dropped_arguments(context: Context) -> set[ast.AST]:
    """What calls give for parameters that go."""
    found: set[ast.AST] = set()
    for definition, _, names, gone in _going(context):
        for call, given in _calls(context, definition, names):
            found.update(one for name, one in zip(given, call.args, strict=False) if name in gone)
            found.update(keyword.value for keyword in call.keywords if keyword.arg in gone)
    return found


def own_annotations(context: Context) -> None:
    """The annotations of parameters that go are written by nothing else."""
    for definition, _, _, gone in _going(context):
        for parameter in (*definition.args.posonlyargs, *definition.args.args):
            if parameter.arg in gone and parameter.annotation is not None:
                context.own(parameter.annotation)


def _going(context: Context) -> Iterator[tuple[ast.FunctionDef, list[Frame], list[str], set[str]]]:
    """The functions that lose parameters: their activations, all their parameters, those that go."""
    for definition, frames in context.run.activations.items():
        if isinstance(definition, ast.FunctionDef) and frames:
            parameters = definition.args
            names = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
            gone = {name for name in names if all(_goes(context, frame, name) for frame in frames)}
            if gone:
                yield definition, frames, names, gone


def _calls(context: Context, definition: ast.FunctionDef, names: list[str]) -> Iterator[tuple[ast.Call, list[str]]]:
    """The calls of a function, with the parameters that each gives by position."""
    for call, found in context.run.calls.items():
        if any(function.node is definition for function, _, _ in found):
            bound = any(function.bound is not None for function, _, _ in found)
            yield call, names[1:] if bound else names


def _goes(context: Context, frame: Frame, name: str) -> bool:
    """Whether a parameter holds a session, or what only builds graph is given: a value that no longer exists there."""
    value = frame.arguments.get(name)
    if isinstance(value, (Session, IteratorInit, Coordinator, Threads)):
        return True
    if type(value) is Value or (isinstance(value, Known) and value.value is None):
        return name in frame.bindings and isinstance(frame.bindings[name].value, Session)
    leaves = graph_values(value) if value is not None else []
    if frame not in context.units.frames or objects.owner(frame) is None:
        return False
    return bool(leaves) and all(moves(leaf) or isinstance(leaf, Placeholder) for leaf in leaves)


def _parameter_spans(module: Module, definition: ast.FunctionDef) -> dict[str, tuple[int, int]]:
    """Each parameter's span with its default."""
    parameters = [*definition.args.posonlyargs, *definition.args.args]
    defaults = definition.args.defaults
    spans = {}
    for place, parameter in enumerate(parameters):
        start, end = module.span(parameter)
        index = place - (len(parameters) - len(defaults))
        spans[parameter.arg] = (start, module.span(defaults[index])[1] if index >= 0 else end)
    return spans


def _drop_arguments(context: Context, call: ast.Call, names: list[str], gone: set[str]) -> None:
    from .setup import module_of

    path = module_of(context, call)
    if path is None:
        return
    module = context.modules[path]
    if any(isinstance(one, ast.Starred) for one in call.args):
        raise context.stop("a session among starred arguments", call, path)
    items: list[tuple[int, int]] = [module.span(one) for one in call.args]
    places = [place for place, name in enumerate(names[: len(call.args)]) if name in gone]
    for keyword in call.keywords:
        items.append(module.span(keyword))
        if keyword.arg in gone:
            places.append(len(items) - 1)
    remove(context, module, items, places)


def remove(context: Context, module: Module, items: Sequence[tuple[int, int]], places: Sequence[int]) -> None:
    """Removes items of a list in brackets, each with the comma that set it off."""
    edits = context.edits[module.path]
    kept = [place for place in range(len(items)) if place not in places]
    for place in places:
        start, end = items[place]
        after = [other for other in kept if other > place]
        if after:
            edits.replace_span(start, items[place + 1][0], "")
        elif kept and place == max(kept) + 1:
            edits.replace_span(items[place - 1][1], items[-1][1], "")
            return
        elif not kept:
            edits.replace_span(items[0][0], items[-1][1], "")
            return
        _ = end
