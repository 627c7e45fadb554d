"""Checks that send a program back: a function must read what the graph was built from, and nothing that runs may go."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ..graph.frames import Frame, Statement
from ..graph.values import (
    UNKNOWN,
    Function,
    Value,
    Variable,
)
from ..plan.functions import before_a_call
from ..plan.reasons import ToHoist, ToRename
from ..plan.units import BLOCKS
from .context import Context


def check_stable(context: Context) -> None:
    """What a function reads from outside must still be what it was when the graph was built, as long as it is called."""
    for function in context.plan.functions:
        inside = {
            name
            for unit in function.units
            for part in unit.parts
            if part.frame in context.units.frames
            for name in part.writes
        }
        for (frame, name), reader in function.outside.items():
            path = frame.module.path
            value = reader.reads_values.get((frame, name))
            if isinstance(value, Variable) and value in context.models.aliases.values():
                continue  # it is read through the object that has it
            later = [one for one in frame.history.get(name, []) if one.index > reader.index and not drops(context, one)]
            if not isinstance(value, Function) and any(before_a_call(function, one) for one in later):
                why = f"`{name}`, which is bound again after the graph was built"
                raise ToRename(why, reader.node, frame, name)
            if not isinstance(value, Function) and any(
                _in_one_loop(one, reader) for one in frame.history.get(name, [])
            ):
                raise context.stop(f"`{name}`, which changes in a loop that builds graph", reader.node, path)
            if name in inside and frame is function.frame:
                why = f"`{name}`, which is both read from outside and bound by the graph"
                made = _making(frame, name, value)
                if made is not None and isinstance(made.value, ast.Call):
                    raise ToHoist(made, [made.value], path, why, read=True)
                raise context.stop(why, reader.node, path)
            for owner, chain in context.run.mutated:
                changed = owner is value and type(owner) not in UNKNOWN and chain[-1].index > reader.index
                if changed and before_a_call(function, chain[-1]):
                    raise context.stop(f"`{name}`, which is changed after the graph was built", reader.node, path)


def _making(frame: Frame, name: str, value: Value | None) -> ast.Assign | None:
    """The statement that makes a variable and binds it to a name that tensors get later."""
    found = [
        one.node for one in frame.statements.values() if isinstance(value, Variable) and one.writes.get(name) is value
    ]
    made = found[0] if len(found) == 1 else None
    plain = isinstance(made, ast.Assign) and len(made.targets) == 1 and made.value is getattr(value, "node", None)
    return made if plain and isinstance(made, ast.Assign) else None


def _in_one_loop(one: Statement, reader: Statement) -> bool:
    """Whether a loop binds a name in each of its rounds, and graph within it reads that."""
    loops: set[Statement] = set()
    outer: Statement | None = reader
    while outer is not None:
        if isinstance(outer.node, (ast.For, ast.While)):
            loops.add(outer)
        outer = outer.parent
    outer = one
    while outer is not None:
        if outer in loops and outer is not reader:
            return True
        outer = outer.parent
    return False


def check_gone(context: Context) -> None:
    """Nothing that runs, and no host code with effects, may stand in a statement that goes."""
    inside = {unit for function in context.plan.functions for unit in function.units}
    for node, chains in context.run.impure.items():
        for chain in chains:
            unit = context.units.leaf(chain)
            if unit is not None and unit.kind == "graph" and unit not in inside:
                raise context.stop(
                    "host code with effects within a statement of the graph", node, unit.statement.frame.module.path
                )
    for path, going in context.moves.items():
        for statement in (*going.dropped, *going.taken):
            if isinstance(statement, BLOCKS) and any(
                run.kind != "dropped" and run.execution.node in set(ast.walk(statement)) for run in context.plan.runs
            ):
                raise context.stop("an execution within a statement of the graph", statement, path)


def check_scopes(context: Context, texts: Mapping[str, str]) -> None:
    """A class of several objects must not spell out the scope that the first of them was given."""
    for one, scope, _ in context.units.twins.scopes:
        path = one.frame.module.path
        if path in texts and _spelt(ast.parse(texts[path]), scope) > _spelt(context.modules[path].tree, scope):
            raise context.stop("several objects of a class that names what they hold", one.cls.node, path)


def _spelt(tree: ast.AST, scope: str) -> int:
    """How often a tree has a scope within a string."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return sum(scope in text.split("/") for text in texts)


def check_attributes(context: Context, texts: Mapping[str, str]) -> None:
    """No attribute may be read that was stored in the old program, and is nowhere stored in the new one."""
    old = {path: module.tree for path, module in context.modules.items()}
    new = {path: ast.parse(texts[path]) if path in texts else tree for path, tree in old.items()}
    before = {name for tree in old.values() for name in _stored(tree)}
    after = {name for tree in new.values() for name in _stored(tree)}
    read = {node.attr for tree in old.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    gone = before - after
    for path, tree in new.items():
        lost = next((name for name in _read_of_self(tree) if name not in after | read), None)
        if lost is not None:
            raise context.stop(f"the attribute `{lost}`, which nothing makes", old[path].body[0], path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in gone:
                at = next(
                    (one for one in ast.walk(old[path]) if isinstance(one, ast.Attribute) and one.attr == node.attr),
                    old[path].body[0],
                )
                raise context.stop(
                    f"the attribute `{node.attr}`, which is used in a way that is not followed", at, path
                )


def _read_of_self(tree: ast.AST) -> Iterator[str]:
    """The attributes of `self` that plain classes read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and all(
            isinstance(base, ast.Name) and base.id == "object" for base in node.bases
        ):
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load):
                    if isinstance(part.value, ast.Name) and part.value.id == "self":
                        yield part.attr


def _stored(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name


def drops(context: Context, statement: Statement) -> bool:
    return statement.node in context.moves_of(statement).dropped
