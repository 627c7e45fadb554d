"""Input functions: what an Estimator was fed by becomes the dataset that its loops go through."""

from __future__ import annotations

import ast

from ...graph.frames import Use
from ...graph.values import DataIterator, Estimator, Function, InputFn, Known, Partial, Sequence, Value
from ...plan.datasets import source_of
from ..context import Context

BATCH = "128"  # numpy_input_fn's own
CAPACITY = "1000"


def prepare(context: Context) -> None:
    """Input functions that handed out an iterator's elements hand out the dataset; arrays become a dataset."""
    for use in context.run.uses:
        if isinstance(use.owner, Estimator):
            drawn = use.values.get("drawn")
            for iterator in drawn.items if isinstance(drawn, Sequence) else []:
                assert isinstance(iterator, DataIterator)
                _drawn(context, use, iterator)
    for node, values in list(context.run.meanings.items()):
        if isinstance(node, ast.Call) and isinstance(values[0], InputFn):
            _arrays(context, values[0])


def _path(use: Use) -> str:
    return use.chain[-1].frame.module.path


def _drawn(context: Context, use: Use, iterator: DataIterator) -> None:
    """`return dataset.make_one_shot_iterator().get_next()` returns the dataset."""
    node = iterator.node
    attribute = context.parents.get(node) if node is not None else None
    call = context.parents.get(attribute) if isinstance(attribute, ast.Attribute) else None
    around = context.parents.get(call) if isinstance(call, ast.Call) else None
    source = source_of(node) if isinstance(node, ast.Call) else None
    if source is None or not isinstance(call, ast.Call) or not isinstance(around, (ast.Return, ast.Lambda)):
        raise context.stop("an input function that works with its iterator", node or use.node, _path(use))
    assert isinstance(node, ast.Call)
    context.edits[_path(use)].replace(call, source)
    context.owned.add(node.func)
    context.owned.add(call.func)


def _arrays(context: Context, value: InputFn) -> None:
    """numpy_input_fn: a dataset over the arrays, bound to a name that says so."""
    node = value.node
    path = next(path for path, module in context.modules.items() if _holds(context, module.tree, node))
    edits, tf = context.edits[path], context.tf(path)
    assign = context.parents.get(node)
    features, labels = value.nodes.get("x"), value.nodes.get("y")
    if features is None:
        raise context.stop("numpy_input_fn without arrays", node, path)
    parts: list[str | ast.AST] = [f"{tf}.data.Dataset.from_tensor_slices("]
    labelled = labels is not None and not _is(value.values.get("y"), None)
    parts += ["(", features, ", ", labels, "))"] if labelled and labels is not None else [features, ")"]
    epochs = value.nodes.get("num_epochs")
    if epochs is not None and not _is(value.values.get("num_epochs"), 1):
        parts += [".repeat()"] if _is(value.values.get("num_epochs"), None) else [".repeat(", epochs, ")"]
    shuffle = value.values.get("shuffle")
    if not isinstance(shuffle, Known) or not isinstance(shuffle.value, bool):
        raise context.stop("numpy_input_fn of which it is not known whether it shuffles", node, path)
    if shuffle.value:
        parts += [".shuffle(", value.nodes.get("queue_capacity", CAPACITY), ")"]
        message = (
            "the examples come in another random order: TensorFlow 1 drew them from a queue that several epochs could meet in, "
            "and so does this, by a buffer of the same size"
        )
        context.note("input-shuffle", "TFM404", message, node, path)
    parts += [".batch(", value.nodes.get("batch_size", BATCH), ")"]
    edits.replace(node, *parts)
    if isinstance(assign, ast.Assign) and assign.value is node and isinstance(assign.targets[0], ast.Name):
        name = assign.targets[0].id
        edits.replace(assign.targets[0], renamed(context, path, name, node))


def _holds(context: Context, tree: ast.Module, node: ast.AST) -> bool:
    top = node
    while top in context.parents:
        top = context.parents[top]
    return top is tree


def _is(value: Value | None, wanted: object) -> bool:
    return isinstance(value, Known) and value.value == wanted and type(value.value) is type(wanted)


def renamed(context: Context, path: str, name: str, node: ast.AST) -> str:
    """`train_input_fn` as the name of a dataset. All that reads it must be calls of the Estimator."""
    given = {id(use.arguments.get("input_fn")) for use in context.run.uses if isinstance(use.owner, Estimator)}
    for part in ast.walk(context.modules[path].tree):
        if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load) and id(part) not in given:
            raise context.stop(f"`{name}`, an input function that is used in another way, too", node, path)
    wanted = name.replace("input_fn", "dataset").replace("input_func", "dataset").replace("input_function", "dataset")
    if wanted == name:
        wanted = f"{name}_dataset"
    known = context.datasets.get((path, name))
    context.datasets[path, name] = known or context.fresh(wanted)
    return context.datasets[path, name]


def dataset(context: Context, use: Use, path: str) -> str:
    """The expression of the dataset that a call of the Estimator goes through."""
    node, value = use.arguments["input_fn"], use.values["input_fn"]
    edits = context.edits[path]
    if isinstance(value, InputFn):
        if isinstance(node, ast.Name):
            return context.datasets.get((path, node.id)) or edits.render(node)
        return edits.render(node)
    if isinstance(node, ast.Lambda):
        return edits.render(node.body)
    if isinstance(value, Partial) and isinstance(node, ast.Call):
        given = ", ".join(edits.render(one) for one in node.args[1:])
        return f"{edits.render(node.args[0])}({given})"
    if isinstance(value, (Function, Partial)) and isinstance(node, (ast.Name, ast.Attribute)):
        return f"{edits.render(node)}()"
    raise context.stop("an input function that is not known", use.node, path)
