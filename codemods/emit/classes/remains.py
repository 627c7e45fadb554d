"""What is left of methods that built a graph: methods and statements that do nothing any more go as well."""

from __future__ import annotations

import ast

from ...graph.frames import Frame
from ...graph.values import Class, Instance, Known, Placeholder, Saver, Session, Super, Value
from ...plan import objects
from ..context import Context
from ..moves import Moves


def drop_nothings(context: Context) -> None:
    """`self.loss = None` goes where all that the attribute ever held goes."""
    for one in objects.holders(context.run):
        for owner, name, value, chain in context.run.stored:
            unit = context.units.leaf(chain)
            if owner is not one or not isinstance(value, Known) or value.value is not None or unit is None:
                continue
            others = [
                (other, context.units.leaf(its))
                for whose, called, other, its in context.run.stored
                if whose is one and called == name and other is not value
            ]
            goes = [
                isinstance(other, (Placeholder, Session))
                or (found is not None and found.kind == "graph")
                or (isinstance(other, Saver) and name == "saver")
                for other, found in others
            ]
            if (
                goes
                and all(goes)
                and unit.kind == "host"
                and isinstance(unit.node, ast.Assign)
                and len(unit.node.targets) == 1
            ):
                context.moves_of(unit.statement).dropped.add(unit.node)


def drop_lists(context: Context) -> None:
    """Lists of variables that only what moved into methods read."""
    for frame, name, statement in context.written_out:
        moves = context.moves[frame.module.path]
        gone = {*moves.taken, *moves.dropped, *moves.replaced}
        stays = [
            node
            for node in ast.walk(frame.node)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
            if not any(node in set(ast.walk(one)) for one in gone)
        ]
        if not stays and (frame, name) not in context.promoted:
            moves.dropped.add(statement)


def drop_empty(context: Context) -> None:
    """Methods of which nothing is left go, with the statements that call them."""
    definitions = {
        frame.node: frame
        for frame in context.units.frames
        if isinstance(frame.node, ast.FunctionDef) and objects.owner(frame) in objects.holders(context.run)
    }
    while True:
        found = next((one for one, frame in definitions.items() if _is_empty(context, one, frame)), None)
        if found is None or not isinstance(found, ast.FunctionDef):
            return
        moves = context.moves[definitions.pop(found).module.path]
        moves.dropped.add(found)
        for call in _calls(context, found):
            statement = context.parents[call]
            if isinstance(statement, ast.Expr):
                path = next(path for path, module in context.modules.items() if _root(context, call) is module.tree)
                context.moves[path].dropped.add(statement)
                context.moves[path].replaced.pop(statement, None)


def _root(context: Context, node: ast.AST) -> ast.AST:
    while node in context.parents:
        node = context.parents[node]
    return node


def _calls(context: Context, definition: ast.AST) -> list[ast.Call]:
    return [
        call
        for call, found in context.run.calls.items()
        if any(function.node is definition for function, _, _ in found)
    ]


def _is_empty(context: Context, definition: ast.FunctionDef, frame: Frame) -> bool:
    """Whether nothing of a method is left, and nothing but statements of their own call it."""
    moves = context.moves[frame.module.path]
    if definition.name.startswith("__") or definition in moves.dropped or not _goes(moves, definition.body):
        return False
    calls = _calls(context, definition)
    mentions = sum(
        isinstance(node, ast.Attribute) and node.attr == definition.name and _may_be_object(context, node.value)
        for module in context.modules.values()
        for node in ast.walk(module.tree)
    )
    return mentions == len(calls) and all(isinstance(context.parents[call], ast.Expr) for call in calls)


def _may_be_object(context: Context, node: ast.expr) -> bool:
    """Whether an expression is one of the program's objects, for all that is known."""
    values = context.run.meanings.get(node, [])
    return not values or any(type(value) is Value or isinstance(value, (Instance, Class, Super)) for value in values)


def _goes(moves: Moves, body: list[ast.stmt]) -> bool:
    for node in body:
        if node in moves.replaced or moves.before.get(node) or moves.after.get(node):
            return False
        if node in moves.dropped or node in moves.taken:
            continue
        if isinstance(node, ast.With) and node in moves.unwrapped and _goes(moves, node.body):
            continue
        if (
            isinstance(node, ast.If)
            and node in moves.opened
            and _goes(moves, node.body if moves.opened[node] else node.orelse)
        ):
            continue
        if isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        return False
    return True
