"""Executions on graphs that were read from files: each is a part of the graph, pruned to its feeds and fetches.

What the file holds is not known, so nothing else may stand in such a graph, and nothing may be computed from its tensors in
graph mode.
"""

from __future__ import annotations

import ast

from ..graph.frames import Execution, Frame, Statement
from ..graph.values import (
    Dict,
    Function,
    GraphValue,
    Init,
    Instance,
    LoadedGraph,
    LoadedTensor,
    Sequence,
    Session,
    SignaturePart,
    Value,
    flatten,
)
from .executions import Feed, Fetched, FunctionPlan, Plan, Run
from .reasons import undecided
from .units import Units


def is_loaded(execution: Execution) -> bool:
    """Whether an execution fetches from a graph that was read from a file."""
    return any(isinstance(leaf, LoadedTensor) for leaf in flatten(execution.fetches))


def resolve(units: Units, execution: Execution) -> Run:
    """The run of one such execution. Raises Undecided."""
    statement = execution.chain[-1]
    node = execution.fetch_node
    if node is None or execution.kind != "run" or units.leaf(execution.chain) is None:
        raise undecided("an execution in code that is not followed", execution.node, statement)
    fetched = list(_fetched(execution.fetches, node, ()))
    run = Run(execution, "loaded", fetched, _feeds(execution), statement=statement)
    values = [part.value for part in fetched] + list(run.feeds)
    sources = {one.source if isinstance(one, LoadedTensor) else None for one in values}
    if len(sources) != 1 or None in sources:
        raise undecided("a run on tensors of more than one graph", execution.node, statement)
    named = {one.signature.steps[0] if isinstance(one, LoadedTensor) and one.signature else None for one in values}
    if len(named) > 1:
        raise undecided("a run on tensors of a signature and on others", execution.node, statement)
    if None not in named and not all(_is_complete(one) for one in values):
        raise undecided("a tensor of a signature that is not known by its name", execution.node, statement)
    if len(fetched) > 1 and any(isinstance(one, LoadedTensor) and one.operation for one in values):
        raise undecided("an operation of a loaded graph run together with other things", execution.node, statement)
    return run


def _is_complete(value: GraphValue) -> bool:
    part = value.signature if isinstance(value, LoadedTensor) else None
    return part is not None and len(part.steps) == 4 and part.steps[2].isidentifier()


def signature_of(run: Run) -> SignaturePart | None:
    """The signature that a run's tensors are known by."""
    value = run.fetched[0].value
    return value.signature if isinstance(value, LoadedTensor) else None


def _fetched(value: Value, node: ast.expr, place: tuple[int | str, ...]) -> list[Fetched]:
    if isinstance(value, GraphValue):
        return [Fetched(value, node, None, place)]
    found: list[Fetched] = []
    if isinstance(value, Sequence):
        literal = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node] * len(value.items)
        for index, (item, own) in enumerate(zip(value.items, literal, strict=False)):
            found.extend(_fetched(item, own, (*place, index)))
    elif isinstance(value, Dict):
        for index, (key, item) in enumerate(zip(value.keys, value.values, strict=True)):
            own = node.values[index] if isinstance(node, ast.Dict) else node
            found.extend(_fetched(item, own, (*place, str(getattr(key, "value", index)))))
    return found


def _feeds(execution: Execution) -> dict[GraphValue, Feed]:
    feeds, node, statement = execution.feeds, execution.feed_node, execution.chain[-1]
    if feeds is None:
        return {}
    if not isinstance(feeds, Dict) or feeds.open or not all(isinstance(key, LoadedTensor) for key in feeds.keys):
        raise undecided("feeds that can't be known from the source", execution.node, statement)
    if not isinstance(node, (ast.Dict, ast.Name)):
        raise undecided("feeds that are built where they are used", execution.node, statement)
    holder = node.id if isinstance(node, ast.Name) else None
    result: dict[GraphValue, Feed] = {}
    for index, key in enumerate(feeds.keys):
        keys = _keys(execution, node)
        own = keys[index] if len(keys) == len(feeds.keys) else None
        if isinstance(key, LoadedTensor):
            result[key] = Feed(feeds.values[index], feeds.nodes[index], own, holder)
    return result


def _keys(execution: Execution, node: ast.expr) -> list[ast.expr | None]:
    """The expressions of the keys of a dict of feeds: written at the execution, or where its name was bound."""
    if isinstance(node, ast.Dict):
        return node.keys
    made = [
        maker
        for (_, name), found in execution.chain[-1].reads.items()
        if name == getattr(node, "id", "")
        for maker in found
    ]
    value = made[0].node.value if len(made) == 1 and isinstance(made[0].node, ast.Assign) else None
    return value.keys if isinstance(value, ast.Dict) else []


def assign_function(plan: Plan, run: Run) -> None:
    """Finds or makes the pruned function of a run: executions that read the same expressions share it."""
    execution = run.execution
    part = signature_of(run)
    if part is not None:
        _assign_signature(plan, run, part)
        return
    texts = [ast.unparse(feed.key) if feed.key is not None else "" for feed in run.feeds.values()]
    fetch = ast.unparse(execution.fetch_node) if execution.fetch_node is not None else ""
    if _assign_held(plan, run, fetch, texts):
        return
    frame = _frame(plan.units, run)
    values = tuple(part.value for part in run.fetched)
    key = (frame, fetch, tuple(texts), values, tuple(run.feeds))
    for function in plan.loaded:
        if function.key == key and fetch:
            function.runs.append(run)
            run.function = function
            return
    run.function = FunctionPlan("", frame, [run], key, returns=run.fetched)
    plan.loaded.append(run.function)


def _assign_held(plan: Plan, run: Run, fetch: str, texts: list[str]) -> bool:
    """Where an object holds all that a run in one of its methods names, it holds the function, too: made with the rest."""
    frame = run.execution.chain[-1].frame
    name, owner = next(iter(frame.arguments.items()), ("", None))
    if not isinstance(owner, Instance) or _names(run) != {name}:
        return False
    values = [part.value for part in run.fetched] + list(run.feeds)
    made = owner.cls.attributes.get("__init__")
    first = made.node if isinstance(made, Function) else None
    frames = [one for one in plan.units.run.activations.get(first or frame.node, []) if owner in one.arguments.values()]
    held = {leaf for value in attributes(owner).values() for leaf in flatten(value)}
    if not isinstance(first, ast.FunctionDef) or not frames or not held.issuperset(values):
        return False
    if next(iter(frames[0].arguments)) != name or isinstance(first.body[-1], ast.Return):
        return False
    key = (owner.cls, fetch, tuple(texts))
    function = next((one for one in plan.loaded if one.key == key), None)
    if function is None:
        function = FunctionPlan("", frames[0], [], key, returns=run.fetched, holder=name)
        plan.loaded.append(function)
    function.runs.append(run)
    run.function = function
    return True


def attributes(owner: Instance) -> dict[str, Value]:
    """What an object keeps."""
    return {name.removeprefix("self."): binding.value for name, binding in owner.frame.bindings.items()}


def _assign_signature(plan: Plan, run: Run, part: SignaturePart) -> None:
    """Runs on one signature share its function."""
    frame = run.execution.chain[-1].frame
    key = (frame, part.steps[0], part.source)
    function = next((one for one in plan.loaded if one.key == key), None)
    if function is None:
        function = FunctionPlan("", frame, [], key, returns=run.fetched)
        plan.loaded.append(function)
    function.runs.append(run)
    run.function = function


def _frame(units: Units, run: Run) -> Frame:
    """The frame in which all that the run's feeds and fetches read is bound, else the run's own."""
    statement = run.execution.chain[-1]
    names = _names(run)
    frames = {frame for frame, name in statement.reads if name in names}
    if len(frames) == 1 and all(one in units.frames for one in frames):
        return next(iter(frames))
    return statement.frame


def _names(run: Run) -> set[str]:
    """The names that the expressions of a run's fetches and feeds read."""
    nodes = [run.execution.fetch_node, *[feed.key for feed in run.feeds.values()]]
    return {one.id for node in nodes if node is not None for one in ast.walk(node) if isinstance(one, ast.Name)}


def makers(run: Run) -> set[Statement]:
    """The statements that bind what a run's feeds and fetches read."""
    statement = run.execution.chain[-1]
    names = _names(run)
    return {maker for (_, name), found in statement.reads.items() if name in names for maker in found}


def check(units: Units) -> None:
    """Raises Undecided where a loaded graph is used for more than to be run."""
    found = [value for value in units.run.values if isinstance(value, LoadedGraph)]
    if not found:
        return
    graphs = {value.graph for value in found}
    kept = (LoadedGraph, LoadedTensor, Session, Init)
    for value in units.run.values:
        beside = value.graph in graphs or any(isinstance(one, LoadedTensor) for one in value.inputs)
        if beside and not isinstance(value, kept):
            raise undecided("an op beside a graph that was read from a file", value.node or ast.Pass(), value.chain[-1])
    for loaded in found:
        if loaded.form != "graph_def":
            _check_state(units, loaded)


def _check_state(units: Units, loaded: LoadedGraph) -> None:
    """The variables of a loaded graph are restored once; what else would change them is not followed."""
    sessions = [one for one in units.run.values if isinstance(one, Session) and one.graph is loaded.graph]
    if len(sessions) > 1:
        raise undecided(
            "two sessions over a graph that was read from a file", sessions[1].node or ast.Pass(), sessions[1].chain[-1]
        )
    restores = [use for use in units.run.uses if use.owner is loaded]
    for execution in units.run.executions:
        made = [leaf for leaf in flatten(execution.fetches) if isinstance(leaf, Init) and leaf.graph is loaded.graph]
        restored = any(use.chain[-1].index > execution.chain[-1].index for use in restores)
        if made and (any(one.local for one in made) or not restored):
            raise undecided("an initializer of a graph that was read from a file", execution.node, execution.chain[-1])
    if loaded.form == "meta_graph" and len({use.node for use in restores}) != 1:
        raise undecided(
            "a graph from a .meta file that is not restored just once", loaded.node or ast.Pass(), loaded.chain[-1]
        )
