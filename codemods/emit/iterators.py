"""Iterators of tf.data: one-shot ones are made where they were, the others where they are initialized.

TF1 initialized one iterator again and again, with the same dataset, with another (`make_initializer`), or with one that was
fed. Here each initialization makes an iterator of its own, under the same name; a dataset that was fed is what a function
makes of its arguments.
"""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.frames import Frame, Statement
from ..graph.values import (
    Array,
    DataIterator,
    Dataset,
    FetchedHandle,
    IteratorInit,
    Known,
    Placeholder,
    Sequence,
    Tensor,
)
from ..plan import objects, slices
from ..plan.datasets import source_of
from ..plan.executions import FunctionPlan, Parameter, Run, drawn_from
from . import handed_data, metrics, queues
from .context import Context, IteratorForm
from .feeds import FeedDicts, is_pure
from .native_imports import numpy_name


def prepare(context: Context) -> None:
    """Decides what each iterator is called, and drops the statements of those that are made where they are initialized."""
    for value in context.run.values:
        if isinstance(value, DataIterator) and isinstance(value.node, ast.Call):
            context.iterators[value] = _form(context, value, value.node)
        elif isinstance(value, IteratorInit) and value.source is not None and isinstance(value.node, ast.Call):
            context.owned.add(value.node.func)


MIXED = "TensorFlow 1 shuffled what is repeated in another order, with the same seed"
AGAIN = "TensorFlow 1 began with the same order at each initialization; here a seeded shuffle goes on with another one"


def shuffles(context: Context) -> None:
    """Seeded shuffles whose order changes go native only where that is wanted."""
    again: dict[Dataset, bool] = {}
    begun: set[Dataset] = set()
    for value in context.run.values:
        if isinstance(value, DataIterator) and value.dataset is not None:
            again.setdefault(value.dataset, False)
        elif isinstance(value, IteratorInit) and value.dataset is not None:
            again.setdefault(value.dataset, False)
    for run in context.plan.runs:
        for part in run.fetched if run.kind == "iterator" else ():
            init = part.value
            if isinstance(init, IteratorInit) and init.iterator is not None:
                dataset = init.dataset or init.iterator.dataset
                if dataset is not None and dataset.constant:
                    looped = any(isinstance(one.node, (ast.For, ast.While)) for one in run.execution.chain)
                    again[dataset] = looped or dataset in begun
                    begun.add(dataset)
    for dataset, often in again.items():
        for shuffle in dataset.shuffles:
            _shuffle(context, shuffle, dataset.mixed, often)


def _shuffle(context: Context, shuffle: Dataset, mixed: bool, again: bool) -> None:
    node, path = shuffle.node, shuffle.chain[-1].frame.module.path
    if node is not None and node not in context.handed and (mixed or again):
        context.handed.add(node)
        why = AGAIN if again else MIXED
        if "TFM411" not in context.unsafe:
            raise context.stop(f"a seeded shuffle: {why} (--unsafe-fixes: shuffle-order)", node, path)
        context.note("shuffle-order", "TFM411", f"unsafe: {why}", node, path)


def _form(context: Context, value: DataIterator, node: ast.Call) -> IteratorForm:
    unit = context.units.unit(value)
    path = value.chain[-1].frame.module.path
    if value.stage is not None and unit is not None:
        return queues.form(context, value, node)
    if unit is None:
        raise context.stop("an iterator made in a function", node, path)
    if unit.statement.frame is not value.chain[-1].frame:
        source = source_of(node)
        if source is None or value.handle is not None:
            raise context.stop("an iterator made in a function", node, path)
        return handed_data.form(context, value, node, unit, source)
    switched = value.dataset is None and not value.one_shot
    source = None if switched else source_of(node)
    if source is None and not switched:
        raise context.stop("an iterator over a dataset that is not followed", node, path)
    if switched:
        context.own(node)
    else:
        context.owned.add(node.func)
    name = next((name for name, bound in unit.statement.writes.items() if bound is value), None)
    if name is None:
        if not value.one_shot or source is None:
            raise context.stop("an iterator that no name is bound to", node, path)
        return IteratorForm(source, context.fresh("iterator"), inline=True)
    name = context.promoted.get((unit.statement.frame, name), name)
    if value.one_shot and source is not None:
        context.edits[path].replace(node, "iter(", source, ")")
    else:
        context.moves_of(unit.statement).dropped.add(unit.node)
    return IteratorForm(source or _structure(context, node), name)


def _structure(context: Context, node: ast.Call) -> ast.expr | None:
    """The dataset whose types and shapes an iterator was given: its elements are what the functions take."""
    found: set[Dataset] = set()
    source = None
    given = [one for one in node.args[:3] if not _is_handle(context, one)]
    given += [one.value for one in node.keywords if one.arg in {"output_types", "output_shapes"}]
    for part in given:
        if isinstance(part, ast.Attribute) and part.attr in {"output_types", "output_shapes"}:
            found.update(
                one for one in context.run.meanings.get(part.value, []) if isinstance(one, Dataset) and one.constant
            )
            source = part.value
    return source if len(found) == 1 and len(given) == 2 else None


def _is_handle(context: Context, node: ast.expr) -> bool:
    return any(isinstance(one, Placeholder) for one in context.run.meanings.get(node, []))


def spec(context: Context, function: FunctionPlan, value: Tensor) -> str | None:
    """The signature of an iterator's element, where a name that the function's place has holds the dataset."""
    iterator = next((root for root in value.roots if isinstance(root, DataIterator)), None)
    if function.frame.instance is not None or not isinstance(iterator, DataIterator):
        return None
    unit = context.units.unit(iterator)
    if unit is None or unit.statement.frame not in {function.frame, function.frame.top}:
        return None
    if iterator.dataset is not None and not iterator.dataset.constant:
        return None
    if context.iterators[iterator].dataset:
        return f"{context.iterators[iterator].dataset}.element_spec"
    source = context.iterators[iterator].source
    path = value.chain[-1].frame.module.path
    return f"{context.modules[path].text(source)}.element_spec" if isinstance(source, ast.Name) else None


def element(context: Context, run: Run, iterator: DataIterator) -> str:
    """What a call is given for an iterator's element."""
    if iterator.handle is not None:
        feed = run.feeds.get(iterator.handle)
        if feed is None or not isinstance(feed.value, FetchedHandle):
            raise context.stop_run(run, "a handle that is fed and not known to be one iterator's")
        return element(context, run, feed.value.iterator)
    if iterator in context.elements:
        return context.elements[iterator]
    unit = context.units.unit(iterator)
    frame = unit.statement.frame if unit is not None else iterator.chain[-1].frame
    if frame.parent is None:
        return f"{context.iterators[iterator].name}.get_next()"
    return f"{_reached(context, run, frame, context.iterators[iterator].name, 'read')}.get_next()"


def _is_single(iterator: DataIterator) -> bool:
    """Whether an iterator's element surely is one tensor."""
    if iterator.stage is not None:
        return iterator.stage.kind != "slices"
    return iterator.dataset is not None and isinstance(iterator.dataset.components, Array)


def drawn(context: Context, run: Run) -> None:
    """A run that only gives an iterator's element: it is drawn where it stands."""
    statement, node, iterator = run.statement, run.execution.node, drawn_from(run)
    assert statement is not None and iterator is not None
    text, edits = element(context, run, iterator), context.edits_of(statement)
    one = len(run.fetched) == 1 and run.fetched[0].place == ()
    if isinstance(statement.node, ast.Expr) and statement.node.value is node:
        edits.replace(node, text)
    elif one and _is_single(iterator):
        edits.replace(node, f"{text}.numpy()")
    elif one:
        tf = context.tf(statement.frame.module.path)
        edits.replace(node, f"{tf}.nest.map_structure(lambda value: value.numpy(), {text})")
    else:
        is_tuple = isinstance(run.fetches, Sequence) and run.fetches.kind == "tuple"
        each = f"value.numpy() for value in {text}"
        edits.replace(node, f"tuple({each})" if is_tuple else f"[{each}]")


# -- where they are initialized -----------------------------------------------------------------------------------------


def initialize(context: Context, run: Run, feeds: FeedDicts) -> None:
    """`sess.run(iterator.initializer)`: the iterator begins anew."""
    statement = run.statement
    assert statement is not None
    if not isinstance(statement.node, ast.Expr):
        raise context.stop_run(run, "an iterator initialized within an expression")
    lines = []
    for part in run.fetched:
        if isinstance(part.value, IteratorInit):
            lines.append(_made(context, run, part.value, feeds))
    lines.extend(metrics.reset(context, run))
    if len(run.fetched) > 1 and len(lines) > 1 and run.feeds:
        raise context.stop_run(run, "several iterators initialized with feeds at once")
    context.moves_of(statement).replaced[statement.node] = "\n".join(lines)


def _made(context: Context, run: Run, init: IteratorInit, feeds: FeedDicts) -> str:
    iterator, statement = init.iterator, run.statement
    assert iterator is not None and statement is not None
    unit = context.units.unit(iterator)
    if unit is None:
        raise context.stop_run(run, "an iterator that is not followed")
    form = context.iterators[iterator]
    name = _reached(context, run, unit.statement.frame, form.name)
    function = run.datasets.get(init)
    if function is not None:
        return f"{name} = iter({_call(context, run, function, feeds)})"
    source = init.source or form.source
    maker = (init if init.source is not None else iterator).chain[-1]
    assert source is not None
    _check_source(context, run, source, maker)
    text = _reached(context, run, maker.frame, context.edits_of(maker).render(source))
    return f"{name} = iter({text})"


def _reached(context: Context, run: Run, frame: Frame, text: str, done: str = "initialized") -> str:
    """An expression of the frame that makes an iterator, where it is initialized or read."""
    assert run.statement is not None
    here = run.statement.frame
    owner = objects.owner(frame)
    if text.startswith("self.") and owner is not None:
        found = objects.reach(here, owner)
        if found is not None:
            return found + text.removeprefix("self")
    if frame is not here:
        raise context.stop_run(run, f"an iterator {done} in another function")
    return text


def _check_source(context: Context, run: Run, source: ast.expr, maker: Statement) -> None:
    """What the dataset is made from must still mean the same where the iterator is initialized."""
    if not is_pure(context, source):
        raise context.stop_run(run, "an iterator over a dataset that is made by a call with effects")
    names = slices.names_in(source)
    for (frame, name), _ in maker.reads.items():
        if name in names and any(one.index > maker.index for one in frame.history.get(name, [])):
            raise context.stop_run(run, f"`{name}`, which is bound again before an iterator over it is initialized")


def _call(context: Context, run: Run, function: FunctionPlan, feeds: FeedDicts) -> str:
    """The call that makes a dataset of what was fed."""
    assert run.statement is not None
    taken = {parameter.value for parameter in function.parameters}
    effects = [key for key, feed in run.feeds.items() if feed.node is not None and not is_pure(context, feed.node)]
    if len(effects) > 1 or not taken.issuperset(effects):
        raise context.stop_run(run, "an iterator initialized with feeds whose values are computed with effects")
    arguments: list[Part] = []
    for place, parameter in enumerate(function.parameters):
        arguments.extend([", "] if place else [])
        arguments.extend(_argument(context, run, parameter, feeds))
    edits = context.edits_of(run.statement)
    text = "".join(part if isinstance(part, str) else edits.render(part) for part in arguments)
    prefix = ""
    if function.frame.instance is not None:
        prefix = _reached(context, run, function.frame, "self.")
    return f"{prefix}{function.name}({text})"


def _argument(context: Context, run: Run, parameter: Parameter, feeds: FeedDicts) -> list[Part]:
    value = parameter.value
    assert isinstance(value, Placeholder) and run.statement is not None
    feed = run.feeds.get(value)
    if feed is None:
        if "input" in value.arguments:
            return [context.edits[value.chain[-1].frame.module.path].render(value.arguments["input"])]
        raise context.stop_run(run, "a placeholder that is needed but not fed")
    wanted = feeds.argument(run, value, feed.node, feed.holder, parameter.name)
    if value.dtype == "string" or value.shape == () or isinstance(feed.value, Known):
        return wanted
    path = run.statement.frame.module.path
    numpy = numpy_name(context, path)
    if _has_dtype(feed.node, value.dtype):
        return wanted
    return [f"{numpy}.asarray(", *wanted, f", {numpy}.{value.dtype})"]


def _has_dtype(node: ast.expr | None, dtype: str | None) -> bool:
    """Whether an expression says that it is an array of a dtype: `x.astype(np.float32)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "astype":
        return False
    last = node.args[0] if node.args else None
    return isinstance(last, ast.Attribute) and last.attr == dtype
