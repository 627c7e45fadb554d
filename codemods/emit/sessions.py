"""Parameters that only ever hold a session go, in the definition and in every call."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ..graph.values import Session
from ..parse import Module
from .context import Context


def drop_parameters(context: Context) -> None:
    """Drops every parameter whose value is a session at every call."""
    for definition, frames in context.run.activations.items():
        if not isinstance(definition, ast.FunctionDef):
            continue
        parameters = definition.args
        names = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
        gone = {
            name for name in names if frames and all(isinstance(frame.arguments.get(name), Session) for frame in frames)
        }
        if not gone:
            continue
        module = frames[0].module
        lost = ", ".join(f"`{name}`" for name in names if name in gone)
        context.interface(
            f"the function `{definition.name}` takes no session any more ({lost})", definition, module.path
        )
        spans = _parameter_spans(module, definition)
        _remove(
            context,
            module,
            [spans[name] for name in names],
            [place for place, name in enumerate(names) if name in gone],
        )
        for call, found in context.run.calls.items():
            if any(function.node is definition for function, _, _ in found):
                bound = any(function.bound is not None for function, _, _ in found)
                _drop_arguments(context, call, names[1:] if bound else names, gone)


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
    _remove(context, module, items, places)


def _remove(context: Context, module: Module, items: Sequence[tuple[int, int]], places: Sequence[int]) -> None:
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
