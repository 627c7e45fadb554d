"""What a model function made once is moved to where its Estimator was made: models, optimizers, and what they are made with."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...graph.frames import Frame
from ...graph.values import Estimator, Variable
from ...plan.units import Unit
from ..context import Context
from ..keras_models.models import statement_lines
from ..text import comments_above


@dataclass
class Moved:
    """The texts that stood in a model function. `classes` are empty where they stay at its place."""

    classes: list[str] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)


def of(context: Context, value: Estimator) -> Moved:
    """Takes everything out of a model function, which goes."""
    assert value.model_fn is not None and isinstance(value.model_fn.node, ast.FunctionDef)
    definition, home = value.model_fn.node, value.chain[-1].frame
    path = home.module.path
    moves = context.moves[path]
    moved = Moved()
    context.emptied[definition] = value.chain[-1].node
    placed: list[tuple[int, str]] = []
    units = _units(context, definition)
    above: dict[ast.stmt, list[str]] = {}  # comments of conditions whose block begins with a statement
    for node in _statements(definition):
        if isinstance(node, ast.If) and any(unit.statement.decided for unit in units.get(node, [])):
            above.update(dict.fromkeys(node.body[:1], comments_above(home.module, node)))
        for block in moves.before.pop(node, []):
            if block.startswith("class "):
                moved.classes.append(block)
            elif block.startswith(("@", "def ")):
                moved.functions.append(block)
            else:
                placed.append((node.lineno, block.rstrip("\n")))
        if node in moves.replaced:
            comments = [*above.get(node, []), *comments_above(home.module, node)]
            placed.append((node.lineno, "\n".join([*comments, moves.replaced.pop(node)])))
        elif any(_stays(context, unit) for unit in units.get(node, [])):
            lines = statement_lines(context, path, node, context.edits[path])
            placed.append((node.lineno, "\n".join([*above.get(node, []), *lines])))
        placed.extend((node.lineno, block.rstrip("\n")) for block in moves.after.pop(node, []))
    _with_what_they_read(context, path, placed, moved.classes, units)
    moved.setup = [text for _, text in sorted(placed, key=lambda one: one[0])]
    _parameters(context, value, moved, path)
    _check(context, value, moved, home)
    if home is value.model_fn.frame:
        if moved.classes:
            moves.replaced[definition] = "\n".join(moved.classes)
            moved.classes = []
        else:
            moves.taken.add(definition)
    else:
        moves.taken.add(definition)
    return moved


def _units(context: Context, definition: ast.FunctionDef) -> dict[ast.stmt, list[Unit]]:
    """The units of a model function's statements, of each mode."""
    found: dict[ast.stmt, list[Unit]] = {}
    for unit in context.units.ordered:
        if unit.statement.frame.node is definition:
            found.setdefault(unit.node, []).append(unit)
    return found


def _stays(context: Context, unit: Unit) -> bool:
    """Whether a statement makes something that is there once, but for the global step that an optimizer counts itself."""
    steps = [value for value in unit.made if isinstance(value, Variable) and value in context.steps]
    return unit.kind == "setup" and not steps


def _statements(definition: ast.FunctionDef) -> list[ast.stmt]:
    inner = [node for node in ast.walk(definition) if isinstance(node, ast.stmt) and node is not definition]
    return sorted(inner, key=lambda node: (node.lineno, node.col_offset))


def _with_what_they_read(
    context: Context,
    path: str,
    placed: list[tuple[int, str]],
    classes: list[str],
    units: dict[ast.stmt, list[Unit]],
) -> None:
    """Adds the host statements whose names the moved ones read."""
    done: set[ast.stmt] = set()
    changed = True
    while changed:
        changed = False
        wanted = {name for text in [*classes, *(text for _, text in placed)] for name in _read(text)}
        for node, found in units.items():
            plain = isinstance(node, ast.Assign) and not any(unit.made for unit in found) and node not in done
            bound = {name for unit in found for part in unit.parts for name in part.writes}
            if plain and found[0].kind == "graph" and bound & wanted:
                done.add(node)
                placed.append((node.lineno, "\n".join(statement_lines(context, path, node, context.edits[path]))))
                changed = True


def _read(text: str) -> set[str]:
    """The names that a text takes from around it, or binds and reads itself."""
    return {one.get_name() for table, top in _tables(text) for one in table.get_symbols() if _is_read(one, top)}


def _is_read(one: symtable.Symbol, top: bool) -> bool:
    return one.is_referenced() and (top or one.is_global())


def _stored(text: str) -> set[str]:
    """The names that a text binds where it stands."""
    return {one.get_name() for table, top in _tables(text) if top for one in table.get_symbols() if one.is_assigned()}


def _tables(text: str) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    whole = symtable.symtable(text, "moved", "exec")
    pending = [(whole, True)]
    while pending:
        table, top = pending.pop()
        yield table, top
        pending.extend((inner, False) for inner in table.get_children())


def _parameters(context: Context, value: Estimator, moved: Moved, path: str) -> None:
    """`params` is bound where the Estimator was, if anything reads it."""
    text = "\n".join([*moved.classes, *moved.setup, *moved.functions])
    given = value.arguments.get("params")
    if "params" not in _read(text) or (isinstance(given, ast.Name) and given.id == "params"):
        return
    if given is None:
        raise context.stop("a model function that reads params which the Estimator was not given", _node(value), path)
    home = value.chain[-1].frame
    if _binding(home, "params") is not None:
        raise context.stop("`params`, which the model function and the program both bind", _node(value), path)
    moved.setup.insert(0, f"params = {context.edits[path].render(given)}")


def _node(value: Estimator) -> ast.AST:
    return value.node or value.chain[-1].node


def _binding(frame: Frame | None, name: str) -> Frame | None:
    while frame is not None:
        if name in frame.bindings:
            return frame
        frame = frame.parent
    return None


def _check(context: Context, value: Estimator, moved: Moved, home: Frame) -> None:
    """The names of what moved must mean the same where it goes."""
    assert value.model_fn is not None and isinstance(value.model_fn.node, ast.FunctionDef)
    path = home.module.path
    setup = "\n".join(moved.setup)
    gone = {model.definition.name for model in context.models.functions}  # whose objects may take their names
    for name in _stored(setup) - {"params"} - gone:
        if _binding(home, name) is not None:
            raise context.stop(f"`{name}`, which the model function and the program both bind", _node(value), path)
    arguments = {one.arg for one in value.model_fn.node.args.args} - {"params"}
    for name in _read(setup):
        if name in arguments:
            raise context.stop(f"`{name}`, on which what a model function makes once depends", _node(value), path)
    for text in [*moved.setup, *moved.functions]:
        for name in _read(text):
            seen, meant = _binding(home, name), _binding(value.model_fn.frame, name)
            if name not in arguments and meant is not None and seen is not meant:
                raise context.stop(f"`{name}`, which means something else where the Estimator is", _node(value), path)
