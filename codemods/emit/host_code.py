"""What stays of the source's own statements: what goes with the graph and its sessions, and what must not read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..graph import host
from ..graph.frames import Statement
from ..graph.ops.scopes import Entered, is_setting
from ..graph.values import (
    Config,
    GraphValue,
    Instance,
    IteratorInit,
    Known,
    Sequence,
    Session,
    StringHandle,
    TensorShape,
    TFName,
    Variable,
    graph_values,
)
from ..plan.phases import is_scope
from ..plan.units import Unit, moves
from . import devices, sessions, setup
from .context import Context, quoted


def drop_statements(context: Context) -> None:
    """What goes from where it stood: placeholders, sessions, initializers, everything that moves into functions."""
    for unit in context.units.ordered:
        moves = context.moves_of(unit.statement)
        node = unit.node
        if isinstance(node, ast.With):
            _with(context, unit)
        elif isinstance(node, ast.If) and unit.kind == "opened":
            moves.opened[node] = True in context.run.decided[node]
            message = (
                "only the branch that this program takes is kept: what it makes can't depend on a condition any more"
            )
            context.note("decided-condition", "TFM914", message, node, unit.statement.frame.module.path)
        elif unit.kind in {"placeholder", "session", "graph", "cell"}:
            if not isinstance(node, ast.FunctionDef) and unit.statement.executions and unit.kind != "graph":
                continue
            if unit.kind == "session" and unit.statement.executions:
                continue
            moves.dropped.add(node)
        elif isinstance(node, ast.Expr) and any(
            is_setting(value) for value in context.run.meanings.get(node.value, [])
        ):
            moves.dropped.add(node)
            context.own(node)
        elif isinstance(node, ast.Assign) and _is_empty_merge(context, node.value):
            context.edits_of(unit.statement).replace(node.value, "None")
            context.own(node.value)
        elif any(value in context.steps for value in unit.made if isinstance(value, Variable)):
            moves.dropped.add(node)
            context.own(node)
        elif unit.kind == "host" and isinstance(node, (ast.Assign, ast.Expr)) and _is_configuration(context, unit):
            moves.dropped.add(node)
        elif unit.kind == "host" and isinstance(node, ast.Assign):
            _drop_collection_keys(context, unit, node)
    _open_scopes(context)
    for use in context.run.uses:
        if isinstance(use.owner, Session) and use.method != "should_stop":
            statement = use.chain[-1]
            if not isinstance(statement.node, ast.Expr):
                raise context.stop("a session closed within an expression", use.node, statement.frame.module.path)
            context.moves_of(statement).dropped.add(statement.node)


def _open_scopes(context: Context) -> None:
    """Functions that stay functions lose their variable scopes: they make no variables."""
    classes = {model.definition for model in context.models.functions}
    for path, module in context.modules.items():
        for node in ast.walk(module.tree):
            frames = context.run.activations.get(node, [])
            if node in classes or not frames or any(frame in context.units.frames for frame in frames):
                continue
            for part in ast.walk(node):
                if isinstance(part, ast.With) and is_scope(context.run, part) and _has_variable_scope(context, part):
                    context.moves[path].unwrapped.add(part)


def _has_variable_scope(context: Context, node: ast.With) -> bool:
    return any(
        isinstance(item.context_expr, ast.Call)
        and context.names[path].name_of(item.context_expr.func) == "variable_scope"
        for item in node.items
        if (path := setup.module_of(context, item.context_expr)) is not None
    )


def _is_empty_merge(context: Context, node: ast.expr) -> bool:
    """Whether an expression merges summaries where there are none: TF1 gave None."""
    if not isinstance(node, ast.Call):
        return False
    path = setup.module_of(context, node)
    name = context.names[path].name_of(node.func) if path is not None else None
    values = context.run.meanings.get(node, [])
    return name in {"summary.merge_all", "merge_all_summaries"} and all(isinstance(one, Known) for one in values)


def _drop_collection_keys(context: Context, unit: Unit, node: ast.Assign) -> None:
    """What only names the collections that variables are put into goes, as their argument does; others of a tuple stay."""
    target, value = node.targets[0], node.value
    if len(node.targets) != 1:
        return
    if isinstance(target, ast.Name) and _is_collection_keys(context, unit, target, value):
        context.moves_of(unit.statement).dropped.add(node)
        context.own(node)
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts)):
        return
    pairs = list(zip(target.elts, value.elts, strict=True))
    going = [place for place, pair in enumerate(pairs) if _is_collection_keys(context, unit, *pair)]
    if going and len(pairs) - len(going) > 1:
        module = unit.statement.frame.module
        for items in (target.elts, value.elts):
            sessions.remove(context, module, [module.span(one) for one in items], going)
            for place in going:
                context.own(items[place])


def _is_collection_keys(context: Context, unit: Unit, target: ast.expr, value: ast.expr) -> bool:
    """Whether a name is given the keys of collections, and read for nothing but the variables' argument."""
    if not isinstance(target, ast.Name):
        return False
    values = context.run.meanings.get(value, [])
    keys = [item for one in values if isinstance(one, Sequence) for item in one.items]
    if not any(isinstance(key, TFName) and key.name.startswith("GraphKeys.") for key in keys):
        return False
    reads = [
        part
        for part in ast.walk(unit.statement.frame.node)
        if isinstance(part, ast.Name) and part.id == target.id and isinstance(part.ctx, ast.Load)
    ]
    parents = [context.parents[part] for part in reads]
    return all(isinstance(parent, ast.keyword) and parent.arg == "collections" for parent in parents)


def _is_configuration(context: Context, unit: Unit) -> bool:
    """Whether a statement only makes or changes a session's configuration."""
    node = unit.node
    if any(isinstance(value, Config) for value in unit.statement.writes.values()):
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        owner: ast.expr = node.targets[0].value
        while isinstance(owner, ast.Attribute):
            owner = owner.value
        return any(isinstance(value, Config) for value in context.run.meanings.get(owner, []))
    return False


def _with(context: Context, unit: Unit) -> None:
    """Scopes, devices and sessions are looked through; other managers stay."""
    node = unit.node
    assert isinstance(node, ast.With)
    if node in context.name_scopes:
        return
    kinds = []
    for item in node.items:
        values = context.run.meanings.get(item.context_expr, [])
        kinds.append(bool(values) and all(isinstance(value, (Entered, Session)) for value in values))
        expression = item.context_expr
        if kinds[-1] and isinstance(expression, ast.Call):
            context.owned.add(expression.func)
    if all(kinds):
        context.moves_of(unit.statement).unwrapped.add(node)
        devices.note(context, node, unit.statement.frame.module.path)
    elif any(kinds):
        raise context.stop(
            "a with statement that enters a scope and something else", node, unit.statement.frame.module.path
        )


def check_reads(context: Context) -> None:
    """Statements that stay must not read what moves: printing and asserting it is dropped, known values are written out."""
    dropped = sessions.dropped_arguments(context)
    sessions.own_annotations(context)
    for unit in context.units.ordered:
        if (
            unit.kind in {"graph", "placeholder", "session", "cell", "feed", "gone"}
            or unit.statement.frame in context.units.homes
        ):
            continue
        for part in unit.parts:
            if part.node in context.moves_of(part).dropped or isinstance(part.node, (ast.FunctionDef, ast.ClassDef)):
                continue
            _host_read(context, unit, part, dropped)


def _host_read(context: Context, unit: Unit, part: Statement, dropped: set[ast.AST]) -> None:
    node = part.node
    inner = _own_expressions(node)
    for expression in inner:
        for name in [
            one
            for one in _evaluated(expression, dropped)
            if isinstance(one, (ast.Name, ast.Attribute)) and isinstance(one.ctx, ast.Load)
        ]:
            values = context.run.meanings.get(name, [])
            if isinstance(name, ast.Attribute) and not _is_of_object(context, name):
                continue
            mentioned = isinstance(node, ast.Expr) and node.value is name
            printed = _is_print(node) and context.parents.get(name) is expression
            leaves = [leaf for value in values for leaf in graph_values(value)]
            if not any(_goes(context, leaf) or (printed and isinstance(leaf, Variable)) for leaf in leaves):
                continue
            if _within_execution(context, name, expression) or name in context.rates.values():
                continue
            known = _known_around(context, name, expression, _is_print(node))
            if known is not None:
                context.edits_of(part).replace(*known)
                continue
            if (isinstance(node, ast.Assert) or printed or mentioned) and not part.executions:
                context.moves_of(part).dropped.add(node)
                what = (
                    "an assertion about" if isinstance(node, ast.Assert) else "a print of" if printed else "a line with"
                )
                context.note(
                    "symbolic-host-code", "TFM912", f"{what} a symbolic tensor, dropped: there is none any more", node,
                    part.frame.module.path,
                )  # fmt: skip
                return
            raise context.stop("host code that reads a tensor of the graph", node, part.frame.module.path)


def _is_of_object(context: Context, node: ast.Attribute) -> bool:
    """Whether an expression is an attribute of one of the program's objects."""
    return any(isinstance(owner, Instance) for owner in context.run.meanings.get(node.value, []))


def _evaluated(expression: ast.expr, dropped: set[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of an expression that are evaluated where it stands: not the bodies of lambdas, nor arguments that go."""
    stack: list[ast.AST] = [expression]
    while stack:
        node = stack.pop()
        if node in dropped:
            continue
        yield node
        stack.extend(() if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node))


def _goes(context: Context, value: GraphValue) -> bool:
    """Whether a value no longer exists outside of functions."""
    if isinstance(value, (IteratorInit, StringHandle)):
        return True
    unit = context.units.unit(value)
    return moves(value) and unit is not None and unit.kind != "setup"


def _own_expressions(node: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement itself, not those of the statements within it."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _is_print(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "print"
    )


def _within_execution(context: Context, node: ast.AST, top: ast.AST) -> bool:
    runs = {run.execution.node for run in context.plan.runs} | {use.node for use in context.run.uses}
    current: ast.AST | None = node
    while current is not None:
        if current in runs:
            return True
        if current is top:
            return False
        current = context.parents.get(current)
    return False


def _known_around(context: Context, node: ast.AST, top: ast.AST, shown: bool) -> tuple[ast.expr, str] | None:
    """The outermost expression around a name whose value is known while the graph is built, and that value written out.

    A static shape that is shown is written as TF1 showed it.
    """
    current: ast.AST | None = node
    found = None
    while current is not None:
        values = context.run.meanings.get(current, [])
        if isinstance(current, ast.expr) and len(values) == 1:
            value = values[0]
            plain = host.plain(value) if not isinstance(value, TensorShape) else host.NOT_PLAIN
            if plain is not host.NOT_PLAIN:
                found = (current, quoted(plain))
            elif shown and isinstance(value, TensorShape) and value.shape is not None:
                found = (current, quoted(_tf1_shape(value.shape)))
        if current is top:
            break
        current = context.parents.get(current)
    return found


def _tf1_shape(shape: tuple[int | None, ...]) -> str:
    """How TF1 prints a static shape: (?, 3)."""
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
