"""Which statements build graph, which set it up, which run it.

A unit statement is a statement of a frame that runs sessions (the module, `main`, `train`), or of the module itself. What
functions called from it make is its own. A loop or condition that only builds graph counts as one statement; the blocks of
scopes, devices and sessions are looked through.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import (
    Assign,
    Coordinator,
    DataIterator,
    Dataset,
    Dict,
    Gradients,
    Graph,
    GraphValue,
    Hook,
    Init,
    IteratorInit,
    Layer,
    MetricVariables,
    MonitoredSession,
    Op,
    Optimizer,
    Placeholder,
    Queue,
    Reader,
    Saver,
    Schedule,
    Session,
    StringHandle,
    Summary,
    Tensor,
    Threads,
    TrainOp,
    UpdateOps,
    Value,
    Variable,
    Writer,
    flatten,
    graph_values,
)
from . import model_functions, objects, repeats, twins
from .busy import busy_ifs
from .cells import only_cells
from .reasons import undecided
from .unit import Unit as Unit
from .unit import Units as Units


def find(run: Interpreter) -> Units:
    """Sorts a program's statements into units."""
    repeats.drop(run)
    _fed_constants(run)
    same = twins.fold(run)
    frames = frames_of_units(run)
    units = Units(run, frames, same)
    units.homes = model_functions.homes(run)
    busy = busy_ifs(run)
    for statement in run.statements:
        if statement.frame in frames:
            top = _lifted(run, statement, statement.frame in units.homes, busy)
            unit = units.of.get(top)
            if unit is None:
                unit = units.of[top] = Unit(top)
                units.ordered.append(unit)
            unit.parts.append(statement)
            units.of[statement] = unit
    for value in run.values:
        unit = units.unit(value)
        if unit is not None:
            unit.made.append(value)
    units.ordered.sort(key=lambda unit: unit.index)
    objects.check(run)
    running = {units.leaf(chain) for chain in [*(e.chain for e in run.executions), *(use.chain for use in run.uses)]}
    for unit in units.ordered:
        stays = unit in running or _runs(unit) or unit.statement in busy
        unit.kind = "host" if stays else _kind(unit)
        if opened(run, unit.statement) or _is_asked(run, unit.node):
            unit.kind = "opened"
    for unit in units.ordered:
        made = [value for value in unit.made if moves(value) and not isinstance(value, UpdateOps)]
        if isinstance(unit.node, ast.With) and made and unit.kind == "graph":
            raise undecided("an op made in the head of a with statement", unit.node, unit.statement)
    _built_twice(units)
    _changes_in_place(units)
    _sums(units)
    _closures(units)
    _initial_values(units)
    model_functions.settle(units)
    return units


def frames_of_units(run: Interpreter) -> set[Frame]:
    """The activations whose statements are units: of modules, of what runs sessions, of what builds what objects hold."""
    frames = set(run.module_frames.values()) | objects.frames(run)
    for chain in [*(execution.chain for execution in run.executions), *(use.chain for use in run.uses)]:
        frames.update(statement.frame for statement in chain)
    for value in run.values:
        if isinstance(value, Session):
            frames.update(statement.frame for statement in value.chain)
    return frames


def _fed_constants(run: Interpreter) -> None:
    """What depends on a constant that some execution feeds is no constant: it moves into functions, too."""
    keys = [key for one in run.executions if isinstance(one.feeds, Dict) for key in one.feeds.keys]
    fed = [key for key in keys if isinstance(key, Tensor) and not isinstance(key, Placeholder) and key.constant]
    for key in fed:
        key.fed = True
    for value in run.values if fed else ():
        value.forget_roots()


BLOCKS = (ast.For, ast.While, ast.If, ast.Try, ast.With)


def _runs(unit: Unit) -> bool:
    """Whether a block of control flow runs something: its statements are units of their own, and it stays."""
    return isinstance(unit.node, BLOCKS) and not _only_builds(unit.statement)


def opened(run: Interpreter, statement: Statement) -> bool:
    """Whether a statement of a method is a condition that this program decides, around what is made once: a variable, an
    optimizer. Only the branch that runs is written."""
    node = statement.node
    if not isinstance(node, ast.If) or len(run.decided.get(node, ())) != 1 or objects.owner(statement.frame) is None:
        return False
    once = (Variable, Layer, Optimizer, TrainOp, Gradients, Saver)
    return _only_builds(statement) and any(isinstance(value, once) for value in statement.made)


def _is_asked(run: Interpreter, node: ast.AST) -> bool:
    """Whether a statement asks TensorFlow for a name that both versions have, or lack: its other branch never runs."""
    return isinstance(node, ast.If) and node in run.asked and len(run.decided[node]) == 1


def _lifted(run: Interpreter, statement: Statement, open_ifs: bool, busy: set[Statement]) -> Statement:
    """The outermost control statement around a statement that builds graph and runs nothing, else the statement.

    In a model function an `if` of which it is known which way it goes is looked through; so is, anywhere, one that does
    something besides, which must stay: what it builds is wanted only where it ran.
    """
    result = statement
    outer = statement.parent
    while outer is not None and outer.frame is statement.frame:
        through = (open_ifs and outer.decided) or opened(run, outer) or _is_asked(run, outer.node) or outer in busy
        if isinstance(outer.node, (ast.For, ast.While, ast.If, ast.Try)) and not through and _only_builds(outer):
            result = outer
        outer = outer.parent
    return result


def _only_builds(statement: Statement) -> bool:
    if statement.executions or any(isinstance(value, Session) for value in statement.made):
        return False
    if statement.made:
        return True
    return any(graph_values(value) for value in statement.writes.values())


def moves(value: Value) -> bool:
    """Whether a value can only exist within a function: a tensor that depends on the graph's inputs or variables."""
    if isinstance(
        value,
        (
            Variable,
            Layer,
            Optimizer,
            Schedule,
            DataIterator,
            Saver,
            Writer,
            Session,
            Hook,
            Init,
            IteratorInit,
            StringHandle,
        ),
    ):
        return False
    if isinstance(value, Dataset):
        return not value.constant
    if isinstance(value, (Tensor, Op)):
        return not value.constant or isinstance(value, (Op, Assign))
    return False


def _holds(value: Value) -> bool:
    return any(moves(leaf) for leaf in flatten(value))


def _kind(unit: Unit) -> str:
    made = [value for value in unit.made if not (isinstance(value, Variable) and value.implicit)]
    writes = [value for part in unit.parts for value in part.writes.values()]
    if any(isinstance(value, Dict) and any(isinstance(key, GraphValue) for key in value.keys) for value in writes):
        return "feed"
    kinds = {type(value) for value in made}
    if kinds and kinds <= {
        Session,
        MonitoredSession,
        Hook,
        Init,
        IteratorInit,
        DataIterator,
        StringHandle,
        MetricVariables,
        Queue,
        Reader,
        Coordinator,
        Threads,
    }:
        return "session" if not any(isinstance(value, DataIterator) for value in made) else "iterator"
    if kinds <= {Dataset, DataIterator, IteratorInit} and DataIterator in kinds and any(map(moves, made)):
        return "iterator"  # over a dataset that is fed: both are made where it is initialized
    if (
        writes
        and not kinds
        and all(isinstance(value, (Session, Graph, IteratorInit, StringHandle)) for value in writes)
    ):
        return "session"
    defaults = ancestors(
        leaf
        for value in made
        if isinstance(value, Placeholder) and value.default
        for leaf in graph_values(value.default)
    )
    if kinds and all(isinstance(value, Placeholder) or value in defaults for value in made):
        return "placeholder"
    if any(isinstance(value, Layer) for value in made):
        return "layers"
    if only_cells(made, writes):
        return "cell"
    if any(isinstance(value, (Saver, Writer, Session)) for value in made):
        return "setup"
    if any(isinstance(value, Variable) for value in made) and not _counts_only(made):
        return "setup" if not _beside_initial_values(made) else "mixed"
    if any(isinstance(value, Optimizer) for value in made):
        return "graph" if any(isinstance(value, TrainOp) for value in made) else "setup"
    if any(isinstance(value, Summary) for value in made):
        return "graph"
    if any(moves(value) for value in made) or any(_holds(value) for value in writes):
        return "graph"
    if any(isinstance(value, (Schedule, Dataset, DataIterator)) for value in made):
        return "setup"
    return "host"


def ancestors(values: Iterable[GraphValue]) -> set[GraphValue]:
    """The values and all that they are computed from."""
    found: set[GraphValue] = set()
    stack = list(values)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack.extend(value.inputs)
    return found


def summarizes(unit: Unit) -> bool:
    """Whether a unit's own statements make a summary, rather than functions that it calls."""
    return any(isinstance(value, Summary) and value.chain[-1].frame is unit.statement.frame for value in unit.made)


def weight_summary(units: Units, member: Summary) -> Variable | None:
    """The variable that a summary made within a function shows, if it shows one as it is."""
    if member.chain[-1].frame in units.frames or len(member.inputs) != 1:
        return None
    return member.inputs[0] if isinstance(member.inputs[0], Variable) else None


def _counts_only(made: list[GraphValue]) -> bool:
    """Whether a statement makes a train op and, for it, the global step that it counts."""
    variables = [value for value in made if isinstance(value, Variable)]
    return all(value.maker == "global_step" for value in variables) and any(isinstance(one, TrainOp) for one in made)


def _beside_initial_values(made: list[GraphValue]) -> bool:
    """Whether a statement that makes variables makes tensors, too, that are more than initial values."""
    initial = ancestors(value for variable in made if isinstance(variable, Variable) for value in variable.initial)
    return any(moves(value) and value not in initial for value in made)


def _built_twice(units: Units) -> None:
    """A method that builds graph of its object's does so once: its statements can't move into functions as two."""
    seen: dict[ast.AST, Frame] = {}
    for unit in units.ordered:
        frame = unit.statement.frame
        if unit.kind in {"host", "session", "feed"} or objects.owner(frame) is None or frame.instance is not None:
            continue
        if seen.setdefault(unit.node, frame) is not frame:
            raise undecided("a method that builds graph several times", unit.node, unit.statement)


def _changes_in_place(units: Units) -> None:
    """A statement that changes a list or dict of tensors, or a tensor's static shape, belongs to the graph, too."""
    for tensor, chain in units.run.shaped:
        unit = units.leaf(chain)
        if unit is not None and unit.kind == "host" and isinstance(unit.node, ast.Expr) and _holds(tensor):
            unit.kind = "graph"
    for owner, chain in units.run.mutated:
        unit = units.leaf(chain)
        if unit is None or unit.kind != "host":
            continue
        if isinstance(owner, Dict) and any(isinstance(key, GraphValue) for key in owner.keys):
            unit.kind = "feed"
        elif _holds(owner):
            unit.kind = "graph"
        elif only_cells((), [owner]):
            unit.kind = "cell"


def _sums(units: Units) -> None:
    """A constant that a sum of tensors begins with in a method (`loss = tf.constant(0.0)`, `loss += …`) belongs to the sum."""
    sums = [unit for unit in units.ordered if unit.kind == "graph" and isinstance(unit.node, ast.AugAssign)]
    for unit in sums if units.run.instances else ():
        frame, target = unit.statement.frame, unit.node.target  # type: ignore[attr-defined]
        if not isinstance(target, ast.Name) or objects.owner(frame) is None:
            continue
        for maker in unit.statement.reads.get((frame, target.id), ()):
            first = units.of.get(maker)
            if first is not None and first.kind == "host" and isinstance(first.node, ast.Assign) and first.made:
                if all(isinstance(value, Tensor) and value.constant for value in first.made):
                    first.kind = "graph"


def _closures(units: Units) -> None:
    """A function that reads tensors around it moves into the functions that call it."""
    for statement in units.run.statements:
        definition = statement.frame.node
        if statement.frame in units.frames or statement.frame.parent not in units.frames:
            continue
        if _gives_feeds(statement.frame):
            continue
        for frame, name in statement.reads:
            if frame in units.frames and _holds(statement.reads_values[frame, name]):
                outer = statement.frame.parent
                own = (
                    outer.statements.get(definition) if outer is not None and isinstance(definition, ast.stmt) else None
                )
                if own is not None:
                    units.of[own].kind = "graph"


def _gives_feeds(frame: Frame) -> bool:
    """Whether an activation only puts a dict of feeds together, which names tensors and computes none."""
    made = any(moves(value) for statement in frame.statements.values() for value in statement.made)
    return not made and any(
        isinstance(value, Dict) and any(isinstance(key, GraphValue) for key in value.keys) for value in frame.returned
    )


def _initial_values(units: Units) -> None:
    """A random tensor that only gives variables their initial values is drawn once: its statement stays."""
    variables = [value for value in units.run.values if isinstance(value, Variable) and value.maker != "layer"]
    initial = ancestors(value for variable in variables for value in variable.initial)
    used: set[GraphValue] = set()
    for value in units.run.values:
        if value not in initial and not (isinstance(value, Variable)):
            used.update(value.inputs)
    for unit in units.ordered:
        values = [value for value in unit.made if moves(value)]
        if unit.kind == "graph" and values and all(value in initial and value not in used for value in values):
            unit.kind = "setup"
