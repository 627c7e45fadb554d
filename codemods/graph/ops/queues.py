"""Input pipelines of queues: producers of file names or slices, readers, batches; Coordinators and the threads that fill.

What a reader, a slice producer or a batch hands out is drawn once a run, as an iterator's element is, so each is an iterator
here: its `stage` says what fills it. The usual shape (files, reader, decoding, batch) is that of a dataset.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..frames import Use
from ..interpreter import Interpreter
from ..values import (
    Coordinator,
    DataIterator,
    GraphValue,
    Known,
    Queue,
    Reader,
    Sequence,
    Stage,
    Tensor,
    Threads,
    Value,
    flatten,
    graph_values,
)
from .arguments import Arguments, of_function

READERS = {
    "TextLineReader": ("skip_header_lines", "name"),
    "TFRecordReader": ("name", "options"),
    "WholeFileReader": ("name",),
    "FixedLengthRecordReader": ("record_bytes", "header_bytes", "footer_bytes", "hop_bytes", "name", "encoding"),
}
PRODUCERS = ("string_input_producer", "input_producer", "range_input_producer")
# Arguments that say how a queue is filled, not with what.
HOW = frozenset({"capacity", "shared_name", "summary_name", "name", "num_threads", "min_after_dequeue", "seed"})
KNOWN = {
    "string_input_producer": {"string_tensor", "num_epochs", "shuffle"},
    "input_producer": {"input_tensor", "num_epochs", "shuffle"},
    "range_input_producer": {"limit", "num_epochs", "shuffle"},
    "slice_input_producer": {"tensor_list", "num_epochs", "shuffle"},
    "batch": {"tensors", "batch_size", "enqueue_many", "dynamic_pad", "allow_smaller_final_batch"},
    "shuffle_batch": {"tensors", "batch_size", "enqueue_many", "allow_smaller_final_batch"},
}


def _arguments(run: Interpreter, name: str, node: ast.Call) -> Arguments | None:
    """A call's arguments, where each is one that a dataset can take over."""
    arguments = of_function(run, f"train.{name}", node)
    unusual = [one for one in arguments.nodes if one not in KNOWN[name] | HOW and arguments.known(one) is not None]
    if unusual:
        run.problem(node, f"tf.train.{name} with {unusual[0]}")
        return None
    for flag in ("shuffle", "enqueue_many", "dynamic_pad", "allow_smaller_final_batch"):
        if not isinstance(arguments.known(flag, True), bool):
            run.problem(node, f"tf.train.{name} with a {flag} that is not known")
            return None
    return arguments


def _producer(run: Interpreter, name: str, node: ast.Call) -> Value:
    """A queue of file names or numbers, filled over and over or for some epochs."""
    last = name.rpartition(".")[2]
    arguments = _arguments(run, last, node)
    if arguments is None:
        return Value()
    values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    source = arguments.value(_source(last))
    if any(not one.constant for one in graph_values(source or Value())):
        return run.problem(node, f"tf.train.{last} of what is only known in a session")
    return run.add(Queue(node, run.chain, name=last, values=values, arguments=arguments.nodes))


def _source(name: str) -> str:
    return next(
        one for one in ("string_tensor", "input_tensor", "limit", "tensor_list", "tensors") if one in KNOWN[name]
    )


def _slices(run: Interpreter, name: str, node: ast.Call) -> Value:
    """tf.train.slice_input_producer: one slice of each tensor at a time."""
    queue = _producer(run, name, node)
    if not isinstance(queue, Queue):
        return queue
    given = queue.values.get("tensor_list")
    drawn = _iterator(run, node, Stage("slices", queue))
    return _elements(run, node, drawn, len(given.items)) if isinstance(given, Sequence) else drawn


def _elements(run: Interpreter, node: ast.Call, drawn: Tensor, count: int) -> Value:
    """The list that a queue gives, of as many tensors as it was given."""
    return Sequence([host.element(run, drawn, place, node) for place in range(count)])


def _iterator(run: Interpreter, node: ast.Call, stage: Stage) -> Tensor:
    before = stage.before.stage if stage.before is not None else stage.queue
    if before is not None and before.taken:
        run.problem(node, "a queue that two things take from in turn")
    if before is not None:
        before.taken = True
    iterator = run.add(DataIterator(node, run.chain, (), one_shot=True, stage=stage))
    drawn = run.tensor(node, "iterator.get_next", (iterator,))
    iterator.draws.append(drawn)
    return drawn


def _reader(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = Arguments(run, node, READERS[name])
    if {"options", "hop_bytes", "encoding"} & {one for one in arguments.nodes if arguments.known(one) is not None}:
        return run.problem(node, f"tf.{name} with settings that a dataset has not")
    return run.add(Reader(node, run.chain, name=name, arguments=arguments.nodes))


def _batch(run: Interpreter, name: str, node: ast.Call) -> Value:
    """tf.train.batch and shuffle_batch: what one queue gives, computed for each example and put together."""
    last = name.rpartition(".")[2]
    arguments = _arguments(run, last, node)
    if arguments is None:
        return Value()
    given = arguments.value("tensors") or Value()
    leaves = list(flatten(given))
    roots = {root for leaf in leaves if isinstance(leaf, GraphValue) for root in leaf.roots}
    sources = [root for root in roots if isinstance(root, DataIterator)]
    of_one = len(sources) == 1 and sources[0].stage is not None and not sources[0].stage.batched
    plain = isinstance(given, Tensor) or (isinstance(given, Sequence) and all(_is_tensor(one) for one in given.items))
    if not of_one or not plain or arguments.known("enqueue_many", False) is not False:
        return run.problem(node, f"tf.train.{last} of other tensors than what one reader gives")
    if any(not isinstance(root, DataIterator) and not getattr(root, "random", False) for root in roots):
        return run.problem(node, f"tf.train.{last} of tensors that depend on variables or placeholders")
    stage = Stage(last, before=sources[0], fetches=given, arguments=arguments.nodes)
    stage.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    drawn = _iterator(run, node, stage)
    count = arguments.known("batch_size") if arguments.known("allow_smaller_final_batch", False) is False else None
    items = given.items if isinstance(given, Sequence) else [given]
    several = len(items) > 1  # of a list of one, TF1 gave just the tensor
    result = _elements(run, node, drawn, len(items)) if several else drawn
    for one, element in zip(items, result.items if isinstance(result, Sequence) else [drawn], strict=True):
        if isinstance(one, Tensor) and isinstance(element, Tensor):
            rows = count if isinstance(count, int) else None
            element.dtype, element.shape = one.dtype, (rows, *one.shape) if one.shape is not None else None
    return result


def _is_tensor(value: Value) -> bool:
    """Whether a value is a tensor, or a list of them, which TensorFlow stacks."""
    if isinstance(value, Sequence) and value.kind == "list":
        return bool(value.items) and all(isinstance(one, Tensor) for one in value.items)
    return isinstance(value, Tensor)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of readers, queues and Coordinators."""
    if isinstance(owner, Reader):
        if name == "read" and len(node.args) == 1 and not node.keywords:
            return _read(run, owner, run.evaluate(node.args[0]), node)
        return run.problem(node, f"a method .{name}() of a reader")
    if isinstance(owner, Queue):
        if name == "dequeue" and not node.args and owner.name != "slice_input_producer":
            return _iterator(run, node, Stage("dequeue", owner))
        return run.problem(node, f"a method .{name}() of a queue")
    if isinstance(owner, Coordinator):
        host.evaluate_all(run, [*node.args, *(keyword.value for keyword in node.keywords)])
        if name not in {"request_stop", "join", "should_stop"}:
            return run.problem(node, f"a method .{name}() of a Coordinator")
        run.uses.append(Use(owner, name, node, run.chain))
        return Value()
    return None


def _read(run: Interpreter, reader: Reader, queue: Value, node: ast.Call) -> Value:
    if not isinstance(queue, Queue) or queue.name != "string_input_producer":
        return run.problem(node, "a reader of a queue that is not known")
    drawn = _iterator(run, node, Stage("read", queue, reader))
    key = run.tensor(node, "key", (drawn,), (), "string")
    value = run.tensor(node, "element", (drawn,), (), "string")
    iterator = drawn.inputs[0]
    if isinstance(iterator, DataIterator) and iterator.stage is not None:
        iterator.stage.key, iterator.stage.value = key, value
    return Sequence([key, value], "tuple")


def _coordinator(run: Interpreter, name: str, node: ast.Call) -> Value:
    if node.args or node.keywords:
        return run.problem(node, "a Coordinator with exceptions of its own")
    return run.add(Coordinator(node, run.chain))


def _matching(run: Interpreter, name: str, node: ast.Call) -> Value:
    """tf.train.match_filenames_once: a local variable of names that never changes."""
    of_function(run, "train.match_filenames_once", node)
    return run.tensor(node, "matching_files", (), (None,), "string")


def _start(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "train.start_queue_runners", node)
    for one in ("start", "collection"):
        if not isinstance(arguments.value(one), (Known, type(None))) or arguments.known(one) is False:
            return run.problem(node, f"tf.train.start_queue_runners with {one}")
    return run.add(Threads(node, run.chain))


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    **{f"train.{name}": _producer for name in PRODUCERS},
    **dict.fromkeys(READERS, _reader),
    "train.slice_input_producer": _slices,
    "train.batch": _batch,
    "train.shuffle_batch": _batch,
    "train.match_filenames_once": _matching,
    "train.Coordinator": _coordinator,
    "train.start_queue_runners": _start,
    "train.queue_runner.start_queue_runners": _start,
}
