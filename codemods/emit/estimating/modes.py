"""Modes that arg_scopes gave to the layers of functions called within them: their classes take them as a parameter."""

from __future__ import annotations

import ast

from ...graph import host
from ...graph.ops.arg_scopes import mode_of, stands_for
from ...graph.values import Setting, Value
from ...plan.models import FunctionModel
from ..context import Context, quoted


def of_model(context: Context, model: FunctionModel) -> list[str]:
    """The parameter of a class whose layers take their mode from around its calls; none of any other."""
    calls = [
        *model.calls,
        *(node for one in context.models.functions for node, site in one.sites.items() if site.callee is model),
    ]
    return [mode_of(model.definition)] if any(call in context.run.modes for call in calls) else []


def given(context: Context, model: FunctionModel, node: ast.Call) -> str | ast.AST:
    """What one call gives for it: the arg_scope's expression, or what the function around the call was given itself."""
    if node not in context.run.modes:
        raise context.stop("a function that is called within an arg_scope and without one", node, model.path)
    setting: Setting | None = context.run.modes[node]
    if setting is None:
        around = next(one.definition for one in context.models.functions if node in one.sites)
        return mode_of(around)
    found = stands_for(setting)
    if isinstance(found, Value):
        return quoted(host.plain(found))
    if isinstance(found, ast.AST) and any(part in setting.replaced for part in ast.walk(found)):
        raise context.stop("a mode that an arg_scope computes", node, model.path)
    return found
