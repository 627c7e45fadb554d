"""Input pipelines of queues become datasets; the Coordinators and threads that ran them go.

`string_input_producer`, a reader and `tf.train.batch` are a dataset of files, records, examples and batches, in the same
order where TF1's was certain. `while not coord.should_stop()` ends with the data: TF1 stopped it when a queue had no more.
"""

from __future__ import annotations

import ast

from ..graph.frames import Use
from ..graph.values import Coordinator, DataIterator, Known, Sequence, Stage, Value
from .context import Context, IteratorForm
from .text import WIDTH

DATASETS = {
    "TextLineReader": "TextLineDataset",
    "TFRecordReader": "TFRecordDataset",
    "FixedLengthRecordReader": "FixedLengthRecordDataset",
}
GIVEN = ("string_tensor", "input_tensor", "limit", "tensor_list")
SHUFFLED = (
    "the queue gave its elements in a random order of its own; the dataset shuffles them, too, and gives another one"
)


def form(context: Context, value: DataIterator, node: ast.Call) -> IteratorForm:
    """What an iterator over a pipeline is called, where a run draws from it."""
    stage, unit = value.stage, context.units.unit(value)
    assert stage is not None
    if unit is None or unit.statement.frame is not value.chain[-1].frame:
        path = value.chain[-1].frame.module.path
        raise context.stop("a pipeline of queues that a function makes, and that is not followed", node, path)
    context.owned.add(node.func)
    for one in (stage.queue, stage.reader):
        if one is not None and isinstance(one.node, ast.Call):
            context.owned.add(one.node.func)
    if value not in context.plan.pipelines:
        return IteratorForm(None, "", inline=True)
    dataset = context.fresh("dataset")
    return IteratorForm(None, context.fresh("iterator"), inline=True, dataset=dataset)


# -- the dataset --------------------------------------------------------------------------------------------------------


def lines(context: Context, value: DataIterator) -> list[str]:
    """The statements that make an iterator over a pipeline's dataset."""
    made = context.iterators[value]
    if not made.name:
        return []
    writer = _Lines(context, value)
    _check_stable(context, value)
    start, steps = writer.steps(value)
    whole = f"{made.dataset} = {start}{''.join(steps)}"
    found = [*writer.ahead, whole]
    if len(whole) > WIDTH:
        found = [
            *writer.ahead,
            f"{made.dataset} = {start}",
            *(f"{made.dataset} = {made.dataset}{one}" for one in steps),
        ]
    return [*found, f"{made.name} = iter({made.dataset})"]


def _check_stable(context: Context, value: DataIterator) -> None:
    """What a producer and its reader were given must still mean the same where the dataset is made."""
    made, stage = value.chain[-1], value.stage
    while stage is not None:
        parts = [one for one in (stage.queue, stage.reader, stage.before) if one is not None]
        for maker in (one.chain[-1] for one in parts):
            for frame, name in maker.reads:
                if any(maker.index < one.index <= made.index for one in frame.history.get(name, [])):
                    why = f"`{name}`, which is bound again before the dataset is made of it"
                    raise context.stop(why, maker.node, maker.frame.module.path)
        stage = stage.before.stage if stage.before is not None else None


class _Lines:
    def __init__(self, context: Context, value: DataIterator) -> None:
        self.context = context
        self.path = value.chain[-1].frame.module.path
        self.tf = context.tf(self.path)
        self.ahead: list[str] = []  # statements that give a name to what is said twice

    def render(self, node: ast.expr) -> str:
        return self.context.edits[self.path].render(node)

    def steps(self, value: DataIterator) -> tuple[str, list[str]]:
        """The dataset that a pipeline begins with, and what is done to it."""
        stage = value.stage
        assert stage is not None
        if stage.before is None:
            return self._source(value, stage)
        start, steps = self.steps(stage.before)
        function = self.context.plan.pipelines[value]
        if function is not None:
            steps.append(f".map({function.name})")
        if stage.kind == "shuffle_batch":
            size = self.render(stage.arguments["capacity"])
            steps.append(f".shuffle({size}{self._seed(stage.arguments)})")
            self._note(value)
        method = "padded_batch" if _is(stage.values.get("dynamic_pad"), True) else "batch"
        whole = "" if _is(stage.values.get("allow_smaller_final_batch"), True) else ", drop_remainder=True"
        steps.append(f".{method}({self.render(stage.arguments['batch_size'])}{whole})")
        return start, steps

    def _seed(self, arguments: dict[str, ast.expr]) -> str:
        return f", seed={self.render(arguments['seed'])}" if "seed" in arguments else ""

    def _note(self, value: DataIterator) -> None:
        if value.node is not None:
            self.context.note("queue-order", "TFM410", SHUFFLED, value.node, self.path)

    def _source(self, value: DataIterator, stage: Stage) -> tuple[str, list[str]]:
        queue = stage.queue
        assert queue is not None
        arguments: dict[str, ast.expr] = queue.arguments
        given = next(
            iter(
                arguments[one] for one in ("string_tensor", "input_tensor", "limit", "tensor_list") if one in arguments
            )
        )
        shuffled = not _is(queue.values.get("shuffle"), False) and not _is_single(queue.name, self._value(queue.values))
        if shuffled:
            self._note(value)
        epochs = self._epochs(queue.values, arguments)
        if stage.reader is not None and stage.value is not None:
            return self._records(stage, given, shuffled, epochs)
        if queue.name == "range_input_producer":
            text = f"{self.tf}.range({self.render(given)})"
            start, count = f"{self.tf}.data.Dataset.from_tensor_slices({text})", self.render(given)
        elif queue.name == "slice_input_producer":
            start, count = self._slices(given)
        else:
            name = self._named(given) if shuffled else self.render(given)
            start, count = f"{self.tf}.data.Dataset.from_tensor_slices({name})", f"len({name})"
        return start, [*([f".shuffle({count}{self._seed(arguments)})"] if shuffled else []), *epochs]

    def _value(self, values: dict[str, Value]) -> Value | None:
        return next((values[one] for one in ("string_tensor", "input_tensor") if one in values), None)

    def _slices(self, given: ast.expr) -> tuple[str, str]:
        if isinstance(given, (ast.List, ast.Tuple)) and given.elts:
            named = next((one for one in given.elts if isinstance(one, ast.Name)), given.elts[0])
            parts = ", ".join(self.render(one) for one in given.elts) + ("," if len(given.elts) == 1 else "")
            return f"{self.tf}.data.Dataset.from_tensor_slices(({parts}))", f"len({self.render(named)})"
        text = self._named(given)
        return f"{self.tf}.data.Dataset.from_tensor_slices(tuple({text}))", f"len({text}[0])"

    def _epochs(self, values: dict[str, Value], arguments: dict[str, ast.expr]) -> list[str]:
        count = values.get("num_epochs")
        if count is None or _is(count, None):
            return [".repeat()"]
        return [] if _is(count, 1) else [f".repeat({self.render(arguments['num_epochs'])})"]

    def _named(self, node: ast.expr) -> str:
        """A name for what is needed twice."""
        if isinstance(node, ast.Name):
            return node.id
        name = self.context.fresh("filenames")
        self.ahead.append(f"{name} = {self.render(node)}")
        return name

    def _records(self, stage: Stage, files: ast.expr, shuffled: bool, epochs: list[str]) -> tuple[str, list[str]]:
        reader = stage.reader
        assert reader is not None and stage.queue is not None
        name = self._named(files) if shuffled else self.render(files)
        slices = f"{self.tf}.data.Dataset.from_tensor_slices({name})"
        shuffle = [f".shuffle(len({name}){self._seed(stage.queue.arguments)})"] if shuffled else []
        if reader.name == "WholeFileReader":
            return slices, [*shuffle, *epochs, f".map({self.tf}.io.read_file)"]
        dataset = f"{self.tf}.data.{DATASETS[reader.name]}"
        arguments: dict[str, ast.expr] = reader.arguments
        sizes = [f"{one}={self.render(arguments[one])}" for one in ("header_bytes", "footer_bytes") if one in arguments]
        if reader.name == "FixedLengthRecordReader":
            sizes.insert(0, self.render(arguments["record_bytes"]))
        settings = "".join(f", {one}" for one in sizes)
        skip = arguments.get("skip_header_lines")
        head = f".skip({self.render(skip)})" if skip is not None and not _is_zero(skip) else ""
        single = _is_single(stage.queue.name, self._value(stage.queue.values))
        if not shuffled and (single or not head):
            return f"{dataset}({name}{settings})", [*([head] if head else []), *epochs]
        each = f"lambda name: {dataset}(name{settings}){head}" if head or settings else dataset
        return slices, [*shuffle, *epochs, f".flat_map({each})"]


def _is(value: Value | None, wanted: object) -> bool:
    return isinstance(value, Known) and type(value.value) is type(wanted) and bool(value.value == wanted)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _is_single(producer: str, value: Value | None) -> bool:
    """Whether a queue of files has one file: there is nothing to shuffle."""
    return producer != "slice_input_producer" and isinstance(value, Sequence) and len(value.items) == 1


def place(context: Context, iterator: DataIterator, text: str) -> None:
    """Puts the function of a pipeline before the statement that makes its dataset."""
    unit = context.units.unit(iterator)
    assert unit is not None
    context.moves_of(unit.statement).before.setdefault(unit.node, []).insert(0, text)


# -- Coordinators -------------------------------------------------------------------------------------------------------


def coordinators(context: Context) -> None:
    """Takes the calls of Coordinators out: loops end when their data do."""
    for use in context.run.uses:
        if isinstance(use.owner, Coordinator):
            context.own(use.node)
            if use.method == "should_stop":
                _asked(context, use)
            else:
                _called(context, use)
    for path, module in context.modules.items():
        moves = context.moves[path]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Try) and not node.handlers and moves.dropped.issuperset(node.finalbody):
                moves.unwrapped.add(node)


def _asked(context: Context, use: Use) -> None:
    """`while not coord.should_stop()` is `while True`; `if coord.should_stop(): break` goes."""
    statement, node = use.chain[-1], use.node
    path, outer = statement.frame.module.path, context.parents.get(node)
    test = statement.node.test if isinstance(statement.node, (ast.While, ast.If)) else None
    negated = isinstance(outer, ast.UnaryOp) and isinstance(outer.op, ast.Not) and outer is test
    if isinstance(statement.node, ast.While) and negated and not statement.node.orelse:
        context.edits[path].replace(statement.node.test, "True")
    elif isinstance(statement.node, ast.If) and test is node and not statement.node.orelse:
        context.moves[path].dropped.add(statement.node)
    else:
        raise context.stop("a Coordinator that is asked in a way that is not followed", node, path)


def _called(context: Context, use: Use) -> None:
    statement = use.chain[-1]
    path, node = statement.frame.module.path, statement.node
    if not isinstance(node, ast.Expr) or node.value is not use.node:
        raise context.stop("a call of a Coordinator within an expression", use.node, path)
    moves = context.moves[path]
    handler = context.parents.get(node)
    if isinstance(handler, ast.ExceptHandler):
        _handler(context, handler, use, path)
    loop = _loop(context, node)
    if use.method != "request_stop" or loop is None:
        moves.dropped.add(node)
    elif _ends(context, node, loop):
        moves.replaced[node] = "break"
    else:
        raise context.stop("a Coordinator that is told to stop in the middle of a loop", use.node, path)


def _handler(context: Context, handler: ast.ExceptHandler, use: Use, path: str) -> None:
    """`except Exception as e: coord.request_stop(e)`: the end of the data is passed over, all else was raised by join."""
    ends = isinstance(handler.type, ast.Attribute) and handler.type.attr == "OutOfRangeError"
    if use.method != "request_stop" or ends or not use.node.args:
        return
    if handler.type is None or len(handler.body) > 1:
        raise context.stop("an exception that a Coordinator is told of", use.node, path)
    start, end = context.modules[path].span(handler.type)
    stop = context.modules[path].span(handler.body[0])[0]
    head = context.modules[path].utf8[start:stop].decode()
    colon = start + len(head[: head.index(":")].encode())
    context.edits[path].replace_span(start, max(end, colon), f"{context.tf(path)}.errors.OutOfRangeError")


def _loop(context: Context, node: ast.stmt) -> ast.While | ast.For | None:
    """The loop around a statement that asks a Coordinator whether to stop."""
    asked = {
        use.chain[-1].node
        for use in context.run.uses
        if isinstance(use.owner, Coordinator) and use.method == "should_stop"
    }
    current = context.parents.get(node)
    found = None
    while current is not None and not isinstance(current, (ast.FunctionDef, ast.Module)):
        if isinstance(current, (ast.While, ast.For)) and any(one in asked for one in ast.walk(current)):
            found = current
        current = context.parents.get(current)
    return found


def _ends(context: Context, node: ast.stmt, loop: ast.While | ast.For) -> bool:
    """Whether nothing of a loop's round follows a statement."""
    current: ast.AST = node
    while current is not loop:
        parent = context.parents[current]
        if isinstance(parent, (ast.While, ast.For)) and parent is not loop:
            return False
        block = next((body for _, body in ast.iter_fields(parent) if isinstance(body, list) and current in body), None)
        if block is not None and not isinstance(current, ast.ExceptHandler) and block[-1] is not current:
            return False
        if isinstance(parent, ast.Try) and (parent.finalbody or (current in parent.body and parent.orelse)):
            return False
        current = parent
    return True
