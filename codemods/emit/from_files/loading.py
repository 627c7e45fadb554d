"""Graphs that are read from files: a function of TensorFlow 2 wraps the graph, and each execution is pruned out of it.

`tf.compat.v1.wrap_function` is TensorFlow's own way to run such a graph without a session; a `tf.function` that imports it
would run every stateful op of it, and fails on TF1's loops. A SavedModel is loaded with `tf.saved_model.load`.
"""

from __future__ import annotations

import ast

from ...edits import Part
from ...graph.frames import Frame, Statement
from ...graph.ops.loading import GRAPH_METHODS
from ...graph.ops.scopes import Entered
from ...graph.values import (
    Graph,
    Instance,
    LoadedGraph,
    LoadedShape,
    LoadedTensor,
    Session,
    SignaturePart,
    TFName,
    Value,
)
from ...plan import loading
from ..context import Context
from ..setup import module_of


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
    """Rewrites where graphs are read, and what is asked of them."""
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
    _check_sessions(context)


def _check_sessions(context: Context) -> None:
    """A session that an object kept is gone: nothing may read it but what was followed."""
    kept = {
        target.attr
        for statement in context.run.statements
        if isinstance(statement.node, ast.Assign)
        and any(isinstance(value, Session) for value in context.run.meanings.get(statement.node.value, ()))
        for target in statement.node.targets
        if isinstance(target, ast.Attribute)
    }
    if not kept:
        return
    followed = {execution.node for execution in context.run.executions} | {use.node for use in context.run.uses}
    for path, module in context.modules.items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in kept:
                call = context.parents.get(context.parents.get(node, node))
                if call not in followed and node not in context.owned:
                    raise context.stop("a session that an object keeps, used in a way that is not followed", node, path)


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
        own = own or _attributes(frame, loaded)
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
        held = _attributes(current, loaded)
        if held:
            return held[0]
        current = current.parent
    return None


def _attributes(frame: Frame, loaded: LoadedGraph) -> list[str]:
    """The attributes of objects by which a frame reaches a loaded graph."""
    return [
        f"{name}.{attribute}"
        for name, binding in frame.bindings.items()
        if isinstance(binding.value, Instance)
        for attribute, value in loading.attributes(binding.value).items()
        if isinstance(value, Graph) and value.state.loaded is loaded
    ]


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
