"""Methods that read tensors from their object (`self.images`) get them as parameters, before the graph is planned.

A tensor of the graph is no attribute any more where executions have become functions: what builds a part of the graph is given
what it reads. It is TF1 that means the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..edits import Edits
from ..graph.frames import Frame
from ..graph.interpreter import Interpreter
from ..graph.values import Instance, Value, flatten
from ..parse import Module
from ..plan import objects
from ..plan.units import frames_of_units, moves
from .origins import Origins, identity, split, written
from .words import attributes_named, fresh, is_dotted


@dataclass(eq=False)
class Handed:
    """A method, and the places where it reads each tensor of its object."""

    definition: ast.FunctionDef
    module: Module
    reads: dict[str, list[ast.Attribute]] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)


def handed_in(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which methods were given parameters, one method each; empty where there are none."""
    frames = frames_of_units(run)
    stores = [(owner, name) for owner, name, _, _ in run.stored]
    found: dict[str, Handed] = {}
    for definition, activations in run.activations.items():
        inner = [frame for frame in activations if frame not in frames and objects.owner(frame) is not None]
        if not inner or len(inner) != len(activations) or not isinstance(definition, ast.FunctionDef):
            continue
        if not all(_computes(frame) for frame in inner):
            continue
        one = _handed(run, definition, inner, stores)
        if one is not None:
            found.setdefault(one.module.path, one)
    return {path: _rewritten(one, origins.get(path)) for path, one in found.items()}


# -- which --------------------------------------------------------------------------------------------------------------


def _handed(
    run: Interpreter, definition: ast.FunctionDef, frames: list[Frame], stores: list[tuple[Instance, str]]
) -> Handed | None:
    one = Handed(definition, frames[0].module)
    parameters = definition.args
    if parameters.posonlyargs or not parameters.args or definition.decorator_list:
        return None
    own = parameters.args[0].arg
    for frame in frames:
        owner = objects.owner(frame)
        if owner is None or frame.arguments.get(own) is not owner:
            return None
        for name in _tensors_read(frame, owner):
            if stores.count((owner, name)) != 1:
                return None
            one.reads[name] = list(_reads(definition, own, name))
    stored = any(isinstance(part, ast.Name) and part.id == own for part in _bound(definition))
    if not any(one.reads.values()) or stored or not _calls(run, one):
        return None
    one.reads = {name: nodes for name, nodes in one.reads.items() if nodes}
    return one


def _computes(frame: Frame) -> bool:
    """Whether a method makes tensors itself: one that only names them makes feeds of them."""
    return any(moves(value) for statement in frame.statements.values() for value in statement.made)


def _tensors_read(frame: Frame, owner: Instance) -> list[str]:
    """The attributes that a method reads and that hold tensors, in the order of its statements."""
    found = {
        name.removeprefix("self."): value
        for statement in frame.statements.values()
        for (read, name), value in statement.reads_values.items()
        if read is owner.frame and name.startswith("self.")
    }
    return [name for name, value in found.items() if _holds(value)]


def _holds(value: Value) -> bool:
    leaves = list(flatten(value))
    return bool(leaves) and all(moves(leaf) for leaf in leaves)


def _reads(definition: ast.FunctionDef, own: str, name: str) -> Iterator[ast.Attribute]:
    for part in ast.walk(definition):
        if isinstance(part, ast.Attribute) and part.attr == name and isinstance(part.ctx, ast.Load):
            if isinstance(part.value, ast.Name) and part.value.id == own:
                yield part


def _bound(definition: ast.FunctionDef) -> Iterator[ast.Name]:
    for part in ast.walk(definition):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            yield part


def _calls(run: Interpreter, one: Handed) -> bool:
    """Collects the calls; False where the method is named in any other way."""
    named = attributes_named(run, one.definition.name)
    for call, found in run.calls.items():
        if any(function.node is one.definition for function, _, _ in found):
            bound = all(function.node is one.definition and function.bound is not None for function, _, _ in found)
            at_home = all(chain and chain[-1].frame.module is one.module for _, _, chain in found)
            if not bound or not at_home or not isinstance(call.func, ast.Attribute) or not is_dotted(call.func.value):
                return False
            one.calls.append(call)
    return bool(one.calls) and len(named) == len(one.calls)


# -- the text -----------------------------------------------------------------------------------------------------------


def _rewritten(one: Handed, known: Origins | None) -> tuple[Module, Origins]:
    module, definition = one.module, one.definition
    edits = Edits(module)
    taken = {part.id for part in ast.walk(definition) if isinstance(part, ast.Name)}
    taken |= {part.arg for part in ast.walk(definition) if isinstance(part, ast.arg)}
    gone = {name: node for name in one.reads for node in [_alias(one, name)] if node is not None}
    names = {name: name if name in gone else fresh(taken, [name]) for name in one.reads}
    for name, nodes in one.reads.items():
        for node in nodes if name not in gone else ():
            edits.replace(node, names[name])
    for statement in gone.values():
        edits.replace_span(module.starts[statement.lineno - 1], module.starts[statement.end_lineno or 0], "")
    end = module.span(definition.args.args[0])[1]
    edits.replace_span(end, end, "".join(f", {name}" for name in names.values()))
    for call in one.calls:
        _give(one, call, edits)
    old = known or identity(module.utf8.decode())
    text = edits.apply()
    lost = {line for node in gone.values() for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    of = [origin for line, origin in enumerate(old.of, 1) if line not in lost]
    return written(module, split(text), of)


def _alias(one: Handed, name: str) -> ast.Assign | None:
    """The statement that only gives a tensor its own name (`pred = self.pred`): the parameter has that name then."""
    module = one.module
    parameters = {part.arg for part in ast.walk(one.definition) if isinstance(part, ast.arg)}
    for outer in ast.walk(one.definition):
        body = getattr(outer, "body", None)
        for node in body if isinstance(body, list) and len(body) > 1 and name not in parameters else ():
            if not isinstance(node, ast.Assign) or [node.value] != one.reads[name] or len(node.targets) != 1:
                continue
            end = node.end_lineno or 0
            if end >= len(module.starts):
                continue
            line = module.utf8[module.starts[node.lineno - 1] : module.starts[end]].decode()
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id == name and line.strip() == module.text(node):
                return node
    return None


def _give(one: Handed, call: ast.Call, edits: Edits) -> None:
    """Puts the tensors before the other arguments of a call."""
    assert isinstance(call.func, ast.Attribute)
    owner = one.module.text(call.func.value)
    given = ", ".join(f"{owner}.{name}" for name in one.reads)
    rest = bool(call.args or call.keywords)
    place = one.module.utf8.index(b"(", one.module.span(call.func)[1]) + 1
    edits.replace_span(place, place, given + (", " if rest else ""))
