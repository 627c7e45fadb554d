"""Executions on graphs that were read from files: the function that each is pruned out of the graph as, and its calls."""

from __future__ import annotations

import ast

from ...edits import Part
from ...graph.values import Dict, Known, LoadedGraph, LoadedTensor, Sequence
from ...notebooks import shows
from ...plan import loading
from ...plan.executions import Feed, FunctionPlan, Run
from ..context import Context, quoted
from ..feeds import FeedDicts
from .loading import reach


def functions(context: Context) -> None:
    """Makes the functions of all executions on loaded graphs."""
    for function in context.plan.loaded:
        define(context, function)


def define(context: Context, function: FunctionPlan) -> None:
    """Makes the function of an execution, before the statement of its frame that calls it first."""
    run = function.runs[0]
    loaded = _loaded(run)
    frame, statement = function.frame, run.statement
    assert statement is not None
    path = frame.module.path
    name = reach(context, loaded, frame)
    if name is None:
        raise context.stop("a loaded graph that no name reaches", run.execution.node, path)
    if function.holder:
        _hold(context, function, name)
        return
    inner = {maker for one in function.runs for maker in loading.makers(one)}
    inner |= {one for one in loaded.chain if one.frame is frame}
    last = max((one.index for one in inner), default=-1)
    chains = [[one for one in other.execution.chain if one.frame is frame] for other in function.runs]
    anchors = [next((one for one in chain if one.index > last), None) for chain in chains]
    first = min((one for one in anchors if one is not None), key=lambda one: one.index, default=None)
    if first is None or None in anchors:
        raise context.stop("an execution outside of the function that reads its graph", run.execution.node, path)
    edits = context.edits[statement.frame.module.path]
    feeds = [edits.render(feed.key) for feed in run.feeds.values() if feed.key is not None]
    blocks = context.moves[path].before.setdefault(first.node, [])
    part = loading.signature_of(run)
    if part is not None and part.key is not None:
        key = context.edits[loaded.chain[-1].frame.module.path].render(part.key)
        blocks.append(f"{function.name} = {name}.signatures[{key}]")
        if any(one.feeds for one in function.runs):
            context.specs[function] = context.fresh("specs")
            blocks.append(f"{context.specs[function]} = {function.name}.structured_input_signature[1]")
        return
    listed = feeds[0] if len(feeds) == 1 else f"[{', '.join(feeds)}]"
    fetches = edits.render(run.execution.fetch_node) if run.execution.fetch_node is not None else ""
    blocks.append(f"{function.name} = {name}.prune({listed}, {fetches})")


def _hold(context: Context, function: FunctionPlan, name: str) -> None:
    """An object's function is made at the end of its __init__."""
    run, frame = function.runs[0], function.frame
    assert isinstance(frame.node, ast.FunctionDef) and run.statement is not None
    edits = context.edits_of(run.statement)
    feeds = [edits.render(feed.key) for feed in run.feeds.values() if feed.key is not None]
    listed = feeds[0] if len(feeds) == 1 else f"[{', '.join(feeds)}]"
    fetches = edits.render(run.execution.fetch_node) if run.execution.fetch_node is not None else ""
    after = context.moves[frame.module.path].after.setdefault(frame.node.body[-1], [])
    after.append(f"{function.holder}.{function.name} = {name}.prune({listed}, {fetches})")


def _loaded(run: Run) -> LoadedGraph:
    value = run.fetched[0].value
    assert isinstance(value, LoadedTensor) and value.source is not None
    return value.source


def site(context: Context, run: Run, feeds: FeedDicts) -> None:
    """One execution: a call of its function, with each feed as a tensor of the dtype that the graph takes."""
    function, statement = run.function, run.statement
    assert function is not None and statement is not None
    path = statement.frame.module.path
    edits, tf, node = context.edits_of(statement), context.tf(path), run.execution.node
    if loading.signature_of(run) is not None:
        _signature_site(context, run, feeds)
        return
    called = f"{function.holder}.{function.name}" if function.holder else function.name
    call: list[Part] = [f"{called}("]
    for place, feed in enumerate(run.feeds.values()):
        if feed.node is None or feed.key is None:
            raise context.stop("a feed whose value is not written in the source", node, path)
        value = feeds.written_out(run, feed) if feed.holder is not None else feed.node
        named = isinstance(feed.key, (ast.Name, ast.Attribute))
        dtype: list[Part] = [feed.key, ".dtype"] if named else [f"{called}.inputs[{place}].dtype"]
        call += [", " if place else "", f"{tf}.{_maker(feed)}(", value, ", ", *dtype, ")"]
    call.append(")")
    alone = isinstance(statement.node, ast.Expr) and statement.node.value is node
    operations = any(isinstance(part.value, LoadedTensor) and part.value.operation for part in run.fetched)
    if alone and (operations or not shows(statement.frame.module, statement.node)):
        edits.replace(node, *call)
    elif operations:
        raise context.stop("the None of an operation that is used", node, path)
    elif run.fetched[0].place == ():
        edits.replace(node, *call, ".numpy()")
    else:
        edits.replace(node, *_several(tf, run, call))


def _maker(feed: Feed) -> str:
    """What makes a tensor of a feed: a plain 1 may stand for True or 1.0."""
    return "cast" if isinstance(feed.value, Known) and isinstance(feed.value.value, int) else "constant"


def _signature_site(context: Context, run: Run, feeds: FeedDicts) -> None:
    """A call of a signature: its tensors by the names that it gives them."""
    function, statement = run.function, run.statement
    assert function is not None and statement is not None
    path, node = statement.frame.module.path, run.execution.node
    edits, tf = context.edits_of(statement), context.tf(path)
    call: list[Part] = [f"{function.name}("]
    for place, (key, feed) in enumerate(run.feeds.items()):
        if feed.node is None:
            raise context.stop("a feed whose value is not written in the source", node, path)
        value = feeds.written_out(run, feed) if feed.holder is not None else feed.node
        name = _name_in_signature(key)
        dtype = f"{context.specs[function]}[{quoted(name)}].dtype"
        call += [", " if place else "", f"{name}={tf}.{_maker(feed)}(", value, f", {dtype})"]
    call.append(")")
    fetched = [f"[{quoted(_name_in_signature(part.value))}].numpy()" for part in run.fetched]
    if run.fetched[0].place == ():
        edits.replace(node, *call, fetched[0])
        return
    simple = isinstance(statement.node, (ast.Assign, ast.Expr)) and statement.node.value is node
    if not simple or any(len(part.place) != 1 for part in run.fetched) or isinstance(run.execution.fetches, Dict):
        raise context.stop("several tensors of a signature within an expression", node, path)
    outputs = context.fresh("outputs")
    text = "".join(part if isinstance(part, str) else edits.render(part) for part in call)
    context.moves_of(statement).before.setdefault(statement.node, []).append(f"{outputs} = {text}")
    edits.replace(node, f"[{', '.join(outputs + one for one in fetched)}]")


def _name_in_signature(value: object) -> str:
    assert isinstance(value, LoadedTensor) and value.signature is not None
    return value.signature.steps[2]


def _several(tf: str, run: Run, call: list[Part]) -> list[Part]:
    """The values of several fetches, in their own structure."""
    fetches = run.execution.fetches
    flat = isinstance(fetches, Sequence) and all(len(part.place) == 1 for part in run.fetched)
    if flat and isinstance(fetches, Sequence) and fetches.kind == "list":
        return ["[value.numpy() for value in ", *call, "]"]
    if flat:
        return ["tuple(value.numpy() for value in ", *call, ")"]
    if isinstance(fetches, (Sequence, Dict)):
        return [f"{tf}.nest.map_structure(lambda value: value.numpy(), ", *call, ")"]
    return call
