"""What a method builds and hands back for an attribute (`self.train_op = self.train()`) is stored by the method itself.

An optimizer, a placeholder or a train op that only a method's own names hold can't be reached from the functions that executions
become; methods that store what they build are planned statement by statement. It is TF1 that means the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..edits import Edits
from ..graph.frames import Frame
from ..graph.interpreter import Interpreter
from ..graph.values import flatten
from ..parse import Module
from ..plan import objects
from ..plan.units import frames_of_units, moves
from .inlining import builds
from .origins import Origins, identity, split, written
from .words import attributes_named


@dataclass(eq=False)
class Stored:
    """A method's last statement, and the statement that stores what it hands back."""

    module: Module
    own: str
    returned: ast.Return
    statement: ast.Assign
    call: ast.Call


def stored(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which a method stores what it builds now, one method each; empty where there is none."""
    found: dict[str, tuple[Module, Origins]] = {}
    for one in _all(run):
        if one.module.path not in found:
            old = origins.get(one.module.path) or identity(one.module.utf8.decode())
            text = _text(one)
            lines = split(text)
            if len(lines) == len(old.of):
                found[one.module.path] = written(one.module, lines, old.of)
    return found


def _all(run: Interpreter) -> Iterator[Stored]:
    units = frames_of_units(run)
    for definition, frames in run.activations.items():
        if not isinstance(definition, ast.FunctionDef) or len(frames) != 1 or definition.decorator_list:
            continue
        owner = objects.owner(frames[0])
        if owner is None or not (_hands_back(frames[0]) if frames[0] in units else builds(frames[0])):
            continue
        one = _candidate(run, definition, frames[0])
        if one is not None:
            yield one


def _hands_back(frame: Frame) -> bool:
    """Whether a method that stores some of what it builds hands back a tensor, and runs nothing."""
    runs = any(statement.executions for statement in frame.statements.values())
    return not runs and any(moves(leaf) for value in frame.returned for leaf in flatten(value))


def _candidate(run: Interpreter, definition: ast.FunctionDef, frame: Frame) -> Stored | None:
    calls = [(call, chain) for call, every in run.calls.items() for _, one, chain in every if one is frame]
    returns = [part for part in ast.walk(definition) if isinstance(part, ast.Return)]
    if len(calls) != 1 or not calls[0][1] or returns != [definition.body[-1]] or returns[0].value is None:
        return None
    call, chain = calls[0]
    caller, node = chain[-1].frame, chain[-1].node
    same = objects.owner(caller) is objects.owner(frame) and caller.module is frame.module
    if not same or not isinstance(node, ast.Assign) or node.value is not call or not _is_named_once(run, definition):
        return None
    if len(node.targets) != 1 or not _fits(node.targets[0], returns[0].value) or not definition.args.args:
        return None
    return Stored(frame.module, definition.args.args[0].arg, returns[0], node, call)


def _fits(target: ast.expr, value: ast.expr) -> bool:
    """Whether a target is attributes of `self`, one for each thing that is handed back."""
    if isinstance(target, ast.Tuple):
        parts = value.elts if isinstance(value, ast.Tuple) else []
        return len(parts) == len(target.elts) and all(_is_attribute(one) for one in target.elts)
    return _is_attribute(target)


def _is_attribute(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _is_named_once(run: Interpreter, definition: ast.FunctionDef) -> bool:
    return len(attributes_named(run, definition.name)) == 1


def _text(one: Stored) -> str:
    edits = Edits(one.module)
    target, value = one.statement.targets[0], one.returned.value
    assert value is not None
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    told = ", ".join(f"{one.own}.{name.attr}" for name in names if isinstance(name, ast.Attribute))
    edits.replace(one.returned, f"{told} = ", value)
    edits.replace(one.statement, one.call)
    return edits.apply()
