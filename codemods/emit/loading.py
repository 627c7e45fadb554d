"""Graphs that are read from files: a function of TensorFlow 2 wraps the graph, and each execution is pruned out of it.

`tf.compat.v1.wrap_function` is TensorFlow's own way to run such a graph without a session; a `tf.function` that imports it
would run every stateful op of it, and fails on TF1's loops. A SavedModel is loaded with `tf.saved_model.load`.
"""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.frames import Frame, Statement
from ..graph.ops.loading import GRAPH_METHODS
from ..graph.ops.scopes import Entered
from ..graph.values import (
    Dict,
    Graph,
    Known,
    LoadedGraph,
    LoadedShape,
    LoadedTensor,
    Sequence,
    Session,
    SignaturePart,
    TFName,
    Value,
)
from ..plan import loading
from ..plan.executions import Feed, FunctionPlan, Run
from .context import Context, quoted
from .feeds import FeedDicts
from .setup import module_of


def own(context: Context) -> None:
    """What of the source is written here: the calls that read graphs, and all that enters or names one."""
    if not _loaded_graphs(context):
        return
    for value in _loaded_graphs(context):
        assert isinstance(value.node, ast.Call)
        context.own(value.node.func)
        if "sess" in value.arguments:
            context.own(value.arguments["sess"])
    for use in context.run.uses:
        if isinstance(use.owner, LoadedGraph):
            context.own(use.node.func)
            context.own(use.arguments["sess"])
    frames = {value.chain[-1].frame for value in _loaded_graphs(context)}
    for statement in context.run.statements:
        if statement.frame in frames:
            _entered(context, statement)
    for statement in context.run.statements:
        if isinstance(statement.node, ast.Assign) and _is_of_signature(context, statement.node.value):
            context.moves_of(statement).dropped.add(statement.node)
            context.own(statement.node)
    for node, values in context.run.meanings.items():
        if any(_is_graph(value) for value in values) and _is_of_tensorflow(context, node):
            context.own(node)


def _is_of_signature(context: Context, node: ast.expr) -> bool:
    """Whether an expression names a tensor by a SavedModel's signature: the signature's function takes its place."""
    values = context.run.meanings.get(node, ())
    return any(
        isinstance(value, SignaturePart) or (isinstance(value, LoadedTensor) and value.signature is not None)
        for value in values
    )


def _entered(context: Context, statement: Statement) -> None:
    """A graph is not entered any more, not even where a function only reads it."""
    node, meanings = statement.node, context.run.meanings
    if isinstance(node, ast.Expr) and any(isinstance(value, Entered) for value in meanings.get(node.value, ())):
        context.moves_of(statement).dropped.add(node)
        context.own(node)
    if not isinstance(node, ast.With):
        return
    heads = [item.context_expr for item in node.items]
    goes = [any(isinstance(value, (Entered, Session)) for value in meanings.get(head, ())) for head in heads]
    if all(goes):
        context.moves_of(statement).unwrapped.add(node)
        for head in heads:
            context.own(head)
    elif any(goes):
        raise context.stop("a with statement that enters a graph and something else", node, statement.frame.module.path)


def _loaded_graphs(context: Context) -> list[LoadedGraph]:
    return [value for value in context.run.values if isinstance(value, LoadedGraph)]


def rewrite(context: Context) -> None:
    """Rewrites where graphs are read, what is asked of them, and where the parts of them that run are made."""
    if not _loaded_graphs(context):
        return
    for value in _loaded_graphs(context):
        _read(context, value)
    for node, values in list(context.run.meanings.items()):
        if isinstance(node, ast.expr) and any(_is_graph(value) for value in values):
            _graph(context, node, next(value for value in values if isinstance(value, Graph)))
        elif isinstance(node, ast.Attribute) and node.attr == "value":
            if any(isinstance(value, LoadedShape) for value in context.run.meanings.get(node.value, ())):
                _edit(context, node, node.value)
    for use in context.run.uses:
        if isinstance(use.owner, LoadedGraph):
            _restore(context, use.owner, use.chain[-1], use.node, use.arguments["save_path"])
    for function in context.plan.loaded:
        _prune(context, function)


def _is_graph(value: Value) -> bool:
    return isinstance(value, Graph) and value.state.loaded is not None


def _is_of_tensorflow(context: Context, node: ast.AST) -> bool:
    """Whether an expression asks TensorFlow for a graph: tf.Graph(), tf.get_default_graph(), session.graph."""
    asked = node.func if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Attribute) else None
    return any(isinstance(value, (TFName, Session)) for value in context.run.meanings.get(asked, ()))  # type: ignore[arg-type]


def _edit(context: Context, node: ast.AST, *parts: Part) -> None:
    path = module_of(context, node)
    if path is not None:
        context.edits[path].replace(node, *parts)


# -- reading ------------------------------------------------------------------------------------------------------------


def _read(context: Context, loaded: LoadedGraph) -> None:
    """The call that reads a graph becomes the statement that makes its function."""
    node, statement = loaded.node, loaded.chain[-1]
    path = statement.frame.module.path
    assert isinstance(node, ast.Call)
    name = name_of(context, loaded)
    edits, moves = context.edits_of(statement), context.moves_of(statement)
    lines = _lines(context, loaded, node, name, path)
    whole = isinstance(statement.node, (ast.Expr, ast.Assign)) and statement.node.value is node
    if loaded.elements and isinstance(statement.node, ast.Assign):
        moves.before.setdefault(statement.node, []).append("\n".join(lines))
        edits.replace(node, f"{name}.outputs")
    elif whole:
        moves.replaced[statement.node] = "\n".join(lines)
    else:
        raise context.stop("a graph that is read within an expression", node, path)
    _check_order(context, loaded, name)


def _check_order(context: Context, loaded: LoadedGraph, name: str) -> None:
    """The name of the graph is bound where the graph is read: nothing may read it before."""
    made = loaded.chain[-1]
    for statement in context.run.statements:
        early = statement.frame is made.frame and statement.index < made.index and (made.frame, name) in statement.reads
        simple = isinstance(statement.node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Return))
        if early and simple and statement.node not in context.moves_of(statement).dropped:
            raise context.stop("a graph that is used before it is read", statement.node, made.frame.module.path)


def _lines(context: Context, loaded: LoadedGraph, node: ast.Call, name: str, path: str) -> list[str]:
    edits, tf = context.edits[path], context.tf(path)
    given = {key: edits.render(value) for key, value in loaded.arguments.items()}
    if loaded.form == "saved_model":
        tags = given["tags"]
        return [f"{name} = {tf}.saved_model.load({given['export_dir']}, tags={tags})"]
    if loaded.form == "graph_def":
        keywords = "".join(f", {key}={given[key]}" for key in ("return_elements", "name") if key in given)
        imported = f"{tf}.import_graph_def({given['graph_def']}{keywords})"
        return [f"{name} = {tf}.compat.v1.wrap_function(lambda: {imported}, [])"]
    meta, file, one = _message(context, loaded), context.fresh("meta_file"), context.fresh("node")
    tab = context.indent(path)
    return [
        f"{meta} = {tf}.compat.v1.MetaGraphDef()",
        f'with {tf}.io.gfile.GFile({given["meta_graph_or_file"]}, "rb") as {file}:',
        f"{tab}{meta}.ParseFromString({file}.read())",
        f"for {one} in {meta}.graph_def.node:",
        f'{tab}{one}.attr.pop("_output_shapes", None)  # TensorFlow 2 infers other ones for some gradients',
        f'{name} = {tf}.compat.v1.wrap_function(lambda: {tf}.import_graph_def({meta}.graph_def, name=""), [])',
    ]


def _message(context: Context, loaded: LoadedGraph) -> str:
    """The name of the message that a .meta file holds."""
    if loaded.node not in context.messages:
        context.messages[loaded.node] = context.fresh("meta_graph")
    return context.messages[loaded.node]


def name_of(context: Context, loaded: LoadedGraph) -> str:
    """The name of the function that wraps a graph: that of the graph where the source has one."""
    key = loaded.node
    if key not in context.loaded:
        frame = loaded.chain[-1].frame
        own = [
            name
            for statement in context.run.statements
            if statement.frame is frame
            for name, value in statement.writes.items()
            if isinstance(value, Graph) and value.state.loaded is loaded
        ]
        wanted = "model" if loaded.form == "saved_model" else "graph"
        context.loaded[key] = own[0] if own else context.fresh(wanted)
    return context.loaded[key]


# -- what is asked ------------------------------------------------------------------------------------------------------


def _graph(context: Context, node: ast.expr, value: Graph) -> None:
    """An expression that means a loaded graph: its function, and the function's graph where it is asked for tensors."""
    path = module_of(context, node)
    if path is None:
        return
    edits, parent = context.edits[path], context.parents.get(node)
    asked = isinstance(parent, ast.Attribute) and parent.attr in GRAPH_METHODS
    if not _is_of_tensorflow(context, node):
        if asked:
            end = context.modules[path].span(node)[1]
            edits.replace_span(end, end, ".graph")
        return
    loaded = value.state.loaded
    statement = next((one for one in context.run.statements if _holds(one, node)), None)
    if statement is None:
        return
    name = reach(context, loaded, statement.frame)
    if isinstance(statement.node, ast.Assign) and statement.node.value is node:
        if [ast.unparse(target) for target in statement.node.targets] == [name]:
            context.moves_of(statement).dropped.add(statement.node)
            return
    if name is not None:
        edits.replace(node, f"{name}.graph" if asked else name)


def _holds(statement: Statement, node: ast.expr) -> bool:
    return any(part is node for child in _own(statement.node) for part in ast.walk(child))


def _own(node: ast.stmt) -> list[ast.AST]:
    """The expressions of a statement itself."""
    found: list[ast.AST] = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return found + [item.context_expr for item in getattr(node, "items", [])]


def reach(context: Context, loaded: LoadedGraph, frame: Frame) -> str | None:
    """The name by which a frame reaches the function of a loaded graph."""
    current: Frame | None = frame
    while current is not None:
        if current is loaded.chain[-1].frame:
            return name_of(context, loaded)
        for name, binding in current.bindings.items():
            if isinstance(binding.value, Graph) and binding.value.state.loaded is loaded:
                return name
        current = current.parent
    return None


def _restore(context: Context, loaded: LoadedGraph, statement: Statement, node: ast.Call, path_node: ast.expr) -> None:
    """saver.restore of an imported .meta: the graph's own op that reads a checkpoint."""
    path = statement.frame.module.path
    name = reach(context, loaded, statement.frame)
    meta = _message(context, loaded)
    if name is None or statement.frame is not loaded.chain[-1].frame or not isinstance(statement.node, ast.Expr):
        raise context.stop("a checkpoint that is restored away from where its graph is read", node, path)
    tf, restore = context.tf(path), context.fresh("restore")
    lines = [
        f"{restore} = {name}.prune({meta}.saver_def.filename_tensor_name, {meta}.saver_def.restore_op_name)",
        f"{restore}({tf}.constant({context.edits[path].render(path_node)}))",
    ]
    context.late.append((context.moves_of(statement), statement.node, lambda: "\n".join(lines)))


# -- executions ---------------------------------------------------------------------------------------------------------


def _prune(context: Context, function: FunctionPlan) -> None:
    """Makes the function of an execution, before the statement of its frame that calls it first."""
    run = function.runs[0]
    loaded = _loaded(run)
    frame, statement = function.frame, run.statement
    assert statement is not None
    path = frame.module.path
    name = reach(context, loaded, frame)
    if name is None:
        raise context.stop("a loaded graph that no name reaches", run.execution.node, path)
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
    call: list[Part] = [f"{function.name}("]
    for place, feed in enumerate(run.feeds.values()):
        if feed.node is None or feed.key is None:
            raise context.stop("a feed whose value is not written in the source", node, path)
        value = feeds.written_out(run, feed) if feed.holder is not None else feed.node
        named = isinstance(feed.key, (ast.Name, ast.Attribute))
        dtype: list[Part] = [feed.key, ".dtype"] if named else [f"{function.name}.inputs[{place}].dtype"]
        call += [", " if place else "", f"{tf}.{_maker(feed)}(", value, ", ", *dtype, ")"]
    call.append(")")
    if isinstance(statement.node, ast.Expr) and statement.node.value is node:
        edits.replace(node, *call)
    elif any(isinstance(part.value, LoadedTensor) and part.value.operation for part in run.fetched):
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
