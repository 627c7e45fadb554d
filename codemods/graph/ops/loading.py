"""Graphs that are read from files: a GraphDef, a .meta with its checkpoint, a SavedModel; and their tensors, found by name.

What such a graph computes is not in the source. Its tensors are known by where they were asked for, and only run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..frames import Use
from ..interpreter import Interpreter
from ..values import (
    Dict,
    Graph,
    GraphValue,
    Known,
    LoadedGraph,
    LoadedShape,
    LoadedTensor,
    Sequence,
    Session,
    SignaturePart,
    Value,
)
from .arguments import Arguments, of_function, of_method

# What a graph of TensorFlow 2 tells of itself as TF1's did.
GRAPH_METHODS = frozenset(
    {"get_tensor_by_name", "get_operation_by_name", "as_graph_element", "get_operations", "as_graph_def"}
)


def _import_graph_def(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "import_graph_def", node)
    for unusual in ("input_map", "op_dict", "producer_op_list"):
        if not _is_absent(arguments, unusual):
            return run.problem(node, f"tf.import_graph_def with {unusual}")
    made = _load(run, node, "graph_def", arguments)
    if _is_absent(arguments, "return_elements"):
        return made
    wanted = host.plain(arguments.value("return_elements") or Value())
    if not isinstance(wanted, (list, tuple)) or not all(isinstance(one, str) and ":" in one for one in wanted):
        return run.problem(node, "tf.import_graph_def with return_elements that are not known to be tensors")
    made.elements = True
    return Sequence([run.add(LoadedTensor(node, run.chain, (made,), source=made)) for _ in wanted])


def _is_absent(arguments: Arguments, name: str) -> bool:
    value = arguments.value(name)
    return value is None or (isinstance(value, Known) and value.value is None)


def _load(run: Interpreter, node: ast.Call, form: str, arguments: Arguments) -> LoadedGraph:
    if run.graph.loaded is not None:
        run.problem(node, "two graphs that are read into one")
    made = LoadedGraph(node, run.chain, form=form)
    made.arguments = arguments.nodes
    run.graph.loaded = made
    return run.add(made)


def _import_meta_graph(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "train.import_meta_graph", node)
    if any(
        not _is_absent(arguments, one) for one in arguments.nodes if one not in {"meta_graph_or_file", "clear_devices"}
    ):
        return run.problem(node, "tf.train.import_meta_graph with other arguments than the file")
    if isinstance(arguments.value("meta_graph_or_file"), Message):
        return run.problem(node, "tf.train.import_meta_graph of a message")
    return _load(run, node, "meta_graph", arguments)


def _saved_model(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "saved_model.loader.load", node)
    session = arguments.value("sess")
    if not isinstance(session, Session):
        return run.problem(node, "a SavedModel loaded into a session that is not known")
    if any(one not in {"sess", "tags", "export_dir"} for one in arguments.nodes):
        return run.problem(node, "a SavedModel loaded with other arguments than its tags and folder")
    outer, run.graph = run.graph, session.graph or run.graph
    made = _load(run, node, "saved_model", arguments)
    run.graph = outer
    return made


# -- what is asked of them ----------------------------------------------------------------------------------------------


def graph_method(run: Interpreter, owner: Graph, name: str, node: ast.Call) -> Value | None:
    """Methods of a graph that was read from a file; None for those that every graph has."""
    loaded: LoadedGraph | None = owner.state.loaded
    if loaded is None or name not in GRAPH_METHODS:
        return None
    given = [run.evaluate(one) for one in (*node.args, *[keyword.value for keyword in node.keywords])]
    if name in {"get_operations", "as_graph_def"}:
        return Value()
    named_by = next((one for one in given if isinstance(one, SignaturePart)), None)
    return element(run, node, loaded, name == "get_operation_by_name", named_by)


def element(
    run: Interpreter,
    node: ast.AST,
    loaded: LoadedGraph,
    operation: bool = False,
    signature: SignaturePart | None = None,
) -> LoadedTensor:
    made = LoadedTensor(node, run.chain, (loaded,), source=loaded, operation=operation, signature=signature)
    return run.add(made)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of loaded tensors, and of the Saver that import_meta_graph gives."""
    if isinstance(owner, LoadedTensor) and name == "get_shape" and not owner.operation:
        return LoadedShape()
    if isinstance(owner, LoadedGraph) and owner.form == "meta_graph" and name == "restore":
        arguments = of_method(run, name, node)
        run.uses.append(Use(owner, name, node, run.chain, arguments.nodes))
        return Known(None)
    return None


def named(run: Interpreter, value: Value, session: Value | None, node: ast.AST) -> Value:
    """Fetches or feeds in which tensors of a loaded graph are given by their names."""
    loaded = session.graph.loaded if isinstance(session, Session) and session.graph is not None else None
    if loaded is None:
        return value
    if isinstance(value, Known) and isinstance(value.value, str):
        return element(run, node, loaded)
    if isinstance(value, SignaturePart):
        return element(run, node, loaded, signature=value)
    if isinstance(value, Sequence):
        return Sequence([named(run, item, session, node) for item in value.items], value.kind)
    return value


def named_feeds(run: Interpreter, feeds: Dict, session: Value | None, node: ast.AST) -> Dict:
    keys = [named(run, key, session, node) for key in feeds.keys]
    return Dict(keys, [*feeds.values], [*feeds.nodes], feeds.made, feeds.open)


def _message(run: Interpreter, name: str, node: ast.Call) -> Value:
    """A GraphDef or MetaGraphDef: a message like any other object of the host."""
    for argument in (*node.args, *[keyword.value for keyword in node.keywords]):
        run.evaluate(argument)
    return Message()


class Message(Value):
    """A protocol buffer that holds a graph."""


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "import_graph_def": _import_graph_def,
    "graph_util.import_graph_def": _import_graph_def,
    "train.import_meta_graph": _import_meta_graph,
    "saved_model.loader.load": _saved_model,
    "saved_model.load": _saved_model,
    **dict.fromkeys(("GraphDef", "GraphDef.FromString", "core.framework.graph_pb2.GraphDef"), _message),
}
