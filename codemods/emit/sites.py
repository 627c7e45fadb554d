"""The places where sessions ran something: each becomes a call of the new function, a variable read, or nothing."""

from __future__ import annotations

import ast

from ..edits import Edits, Part
from ..graph.frames import Statement
from ..graph.values import (
    Array,
    DataIterator,
    Dict,
    Known,
    Placeholder,
    Schedule,
    Sequence,
    SparseValue,
    Summary,
    Tensor,
    Variable,
)
from ..notebooks import shows
from ..plan.executions import Feed, Fetched, FunctionPlan, Parameter, Run
from ..symbols.sites import atom
from . import initializing, iterators, metrics
from .classes import receivers
from .context import Context
from .estimating import monitored
from .feeds import FeedDicts, is_pure
from .from_files import pruning
from .functions import as_loop, is_returned
from .native_imports import numpy_name

NUMPY_TYPES = {"int8", "int16", "int32", "int64", "uint8", "uint16", "bool"}


def rewrite(context: Context) -> None:
    """Rewrites every execution of the plan."""
    feeds = FeedDicts(context)
    for run in context.plan.runs:
        if run.execution.use is not None:
            continue  # estimators.py writes these
        if run.kind == "dropped":
            initializing.rewrite(context, run)
        elif run.kind == "iterator":
            iterators.initialize(context, run, feeds)
        elif run.kind == "drawn":
            iterators.drawn(context, run)
        elif run.kind == "assigned":
            _assigned(context, run)
        elif run.kind in {"variable-read", "evaluated"}:
            _read(context, run)
        elif run.kind == "loaded":
            pruning.site(context, run, feeds)
        else:
            _call(context, run, feeds)


def _edits(context: Context, run: Run) -> Edits:
    assert run.statement is not None
    return context.edits_of(run.statement)


def _assigned(context: Context, run: Run) -> None:
    """Assignments of a comprehension are done in a loop."""
    statement, node = run.statement, run.execution.fetch_node
    assert statement is not None and isinstance(node, ast.ListComp)
    edits, tab = context.edits_of(statement), context.indent(statement.frame.module.path)
    context.moves_of(statement).replaced[statement.node] = "\n".join(as_loop(node, edits, tab))


def _read(context: Context, run: Run) -> None:
    """A variable, or something that needs no function: its value where it stands."""
    edits = _edits(context, run)
    node = run.execution.node
    if any(part.several for part in run.fetched) and run.fetched[0].place != ():
        raise context.stop_run(run, "an op's several results fetched beside others, where nothing is fed")
    if len(run.fetched) == 1 and run.fetched[0].place == ():
        part = run.fetched[0]
        statement = run.statement
        assert statement is not None
        if _is_idle(statement, node) and run.kind == "evaluated":
            edits.replace(node, *_expression(context, run, part, bare=True))
        elif context.names[statement.frame.module.path].name_of(node.func) == "train.global_step":
            edits.replace(node, "int(", *_expression(context, run, part), ".numpy())")
        elif part.several:
            each = f"{context.tf(statement.frame.module.path)}.nest.map_structure(lambda value: value.numpy(), "
            edits.replace(node, each, *_expression(context, run, part, bare=True), ")")
        else:
            edits.replace(node, *_expression(context, run, part), ".numpy()")
        return
    statement = run.statement
    assert statement is not None
    parts: list[Part] = []
    for place, part in enumerate(run.fetched):
        if len(part.place) != 1 or not isinstance(part.place[0], int):
            raise context.stop_run(run, "nested fetches of variables")
        parts.extend([", "] if place else [])
        parts.extend([*_expression(context, run, part), ".numpy()"])
    unpacked = (
        isinstance(statement.node, ast.Assign)
        and statement.node.value is node
        and isinstance(statement.node.targets[0], (ast.Tuple, ast.List))
        and len(run.fetched) > 1
    )
    edits.replace(node, *(parts if unpacked else ["[", *parts, "]"]))


def _expression(context: Context, run: Run, part: Fetched, bare: bool = False) -> list[Part]:
    assert run.statement is not None
    if isinstance(part.value, Variable) and part.value in context.steps:
        return [receivers.of(context, run, context.steps[part.value], part.value)]
    if isinstance(part.value, Schedule) and isinstance(part.node, ast.Name):
        return [context.schedule_value(part.value, part.node.id, part.node, run.statement.frame.module.path)]
    counted = metrics.result(context, part.value)
    if counted is not None:
        return [receivers.of(context, run, counted, part.value)]
    if part.node is None:
        return [part.text or ""]
    return [part.node] if bare else list(atom(part.node))


# -- calls of functions -------------------------------------------------------------------------------------------------


def _call(context: Context, run: Run, feeds: FeedDicts) -> None:
    function = run.function
    statement = run.statement
    assert function is not None and statement is not None
    edits = context.edits_of(statement)
    node = run.execution.node
    arguments: list[Part] = []
    ordered, keywords = _evaluation_order(context, run, function)
    for place, parameter in enumerate(ordered):
        arguments.extend([", "] if place else [])
        arguments.extend([f"{parameter.name}="] if keywords else [])
        arguments.extend(_argument(context, run, parameter, feeds))
    call: list[Part] = [f"{receivers.prefix(context, run)}{function.name}(", *arguments, ")"]
    parts = run.asked
    returned = [part for part in parts if is_returned(function, part)]
    single = len(parts) == 1 and parts[0].place == ()
    _summary_site(context, run)
    if run.added:
        monitored.site(context, run, call)
        return
    if single and parts[0].several and not _is_bare(run):
        edits.replace(node, *_mapped(context, statement.frame.module.path, call, run))
        return
    if single:
        _single(context, run, call, parts[0], returned)
        return
    if isinstance(run.execution.fetches, Dict) or not all(part.place for part in parts):
        edits.replace(node, *_mapped(context, statement.frame.module.path, call, run))
        return
    if _unpacking(context, run, call, returned):
        return
    if _is_idle(statement, node) or (_is_alone(statement, node) and not returned):
        edits.replace(node, *call)
        return
    edits.replace(node, *_listed(context, run, call, returned))


def _is_bare(run: Run) -> bool:
    """Whether nothing takes what a run gives."""
    node = run.statement.node if run.statement is not None else None
    return isinstance(node, ast.Expr) and node.value is run.execution.node


def _evaluation_order(context: Context, run: Run, function: FunctionPlan) -> tuple[list[Parameter], bool]:
    """The parameters in the order in which a call must evaluate them, and whether that needs keywords.

    TF1 evaluated all feeds, in the order of the dict. A feed that the function does not take must have no effects.
    """
    taken = {parameter.value for parameter in function.parameters}
    for place, (key, feed) in enumerate(run.feeds.items()):
        if key not in taken and feed.holder is None and feed.node is not None and not is_pure(context, feed.node):
            _evaluate_before(context, run, feed.node, list(run.feeds.values())[:place])
    effects = [feed for feed in run.feeds.values() if feed.node is not None and not is_pure(context, feed.node)]
    order = {value: place for place, value in enumerate(run.feeds)}
    wanted = sorted(
        function.parameters, key=lambda one: order.get(one.value, len(order)) if one.value is not None else len(order)
    )
    return (wanted, True) if len(effects) > 1 and wanted != function.parameters else (function.parameters, False)


def _evaluate_before(context: Context, run: Run, node: ast.expr, earlier: list[Feed]) -> None:
    """A feed that nothing needs any more, but whose value is computed with effects: a statement of its own."""
    statement = run.statement
    assert statement is not None
    simple = isinstance(statement.node, (ast.Expr, ast.Assign)) and statement.node.value is run.execution.node
    if not simple or any(one.node is not None and not is_pure(context, one.node) for one in earlier):
        raise context.stop_run(run, "a feed that nothing needs, whose value is computed by a call with effects")
    path = statement.frame.module.path
    context.moves_of(statement).before.setdefault(statement.node, []).append(context.edits[path].render(node) + "\n")
    message = "nothing needs this feed; its value is still computed, since that may have effects (random numbers drawn)"
    context.note("unused-feed", "TFM913", message, node, path)


def _single(context: Context, run: Run, call: list[Part], part: Fetched, returned: list[Fetched]) -> None:
    statement = run.statement
    assert statement is not None
    node, edits = run.execution.node, context.edits_of(statement)
    if returned:
        edits.replace(node, *call, *([] if _is_idle(statement, node) else [".numpy()"]))
        return
    if _is_alone(statement, node):
        edits.replace(node, *call)
    elif (
        isinstance(statement.node, ast.Assign)
        and statement.node.value is node
        and _unused(context, statement.node.targets)
    ):
        edits.replace(statement.node, *call)
    elif isinstance(part.value, Summary) and isinstance(statement.node, ast.Assign) and statement.node.value is node:
        edits.replace(statement.node, *call)
    else:
        raise context.stop_run(run, "the None of a train op that is used")


def _is_alone(statement: Statement, node: ast.expr) -> bool:
    """Whether an expression is a statement by itself."""
    return isinstance(statement.node, ast.Expr) and statement.node.value is node


def _is_idle(statement: Statement, node: ast.expr) -> bool:
    """Whether an expression is a statement by itself, and no notebook shows its value."""
    return _is_alone(statement, node) and not shows(statement.frame.module, statement.node)


def _unused(context: Context, targets: list[ast.expr]) -> bool:
    """Whether names are never read in the program."""
    names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    if any(not isinstance(target, (ast.Name, ast.Tuple, ast.List)) for target in targets):
        return False
    return not any(
        isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id in names
        for module in context.modules.values()
        for part in ast.walk(module.tree)
    )


def _top(part: Fetched) -> int:
    place = part.place[0]
    return place if isinstance(place, int) else -1


def _unpacking(context: Context, run: Run, call: list[Part], returned: list[Fetched]) -> bool:
    """`_, a, b = sess.run([train, x, y])`: the targets of what is handed back get its values."""
    statement = run.statement
    assert statement is not None and run.function is not None
    node = statement.node
    if not isinstance(node, ast.Assign) or node.value is not run.execution.node or len(node.targets) != 1:
        return False
    target = node.targets[0]
    if not isinstance(target, (ast.Tuple, ast.List)) or any(isinstance(one, ast.Starred) for one in target.elts):
        return False
    tops = {_top(part) for part in returned}
    kept = [one for place, one in enumerate(target.elts) if place in tops]
    lost = [one for place, one in enumerate(target.elts) if place not in tops]
    for place, one in enumerate(target.elts):
        if place in tops:
            continue
        summary = any(_top(part) == place and isinstance(part.value, Summary) for part in run.asked)
        if not summary and not (isinstance(one, ast.Name) and one.id == "_") and not _unused(context, [one]):
            raise context.stop_run(run, "the None of a train op that is used")
    edits = context.edits_of(statement)
    if not kept:
        edits.replace(node, *call)
        return True
    nested = any(len(part.place) > 1 or part.several or isinstance(part.value, Summary) for part in returned)
    tf = context.tf(statement.frame.module.path)
    left: list[Part] = []
    for place, one in enumerate(kept):
        left.extend([", "] if place else [])
        left.append(one)
    if len(kept) == 1 and not nested:
        value: list[Part] = [*call, ".numpy()"]
    elif nested:
        value = [f"{tf}.nest.map_structure(lambda value: value.numpy(), ", *call, ")"]
    else:
        value = ["[value.numpy() for value in ", *call, "]"]
    if not lost:
        edits.replace(node.value, *value)
    else:
        edits.replace(node, *left, " = ", *value)
    return True


def _listed(context: Context, run: Run, call: list[Part], returned: list[Fetched]) -> list[Part]:
    """The list that the run gave, as an expression."""
    fetches = run.execution.fetches
    assert isinstance(fetches, Sequence)
    count = len(fetches.items)
    tops = [_top(part) for part in returned]
    statement = run.statement
    assert statement is not None
    if any(len(part.place) > 1 or part.several for part in returned) or len(set(tops)) != len(tops):
        if len({*tops}) == count:
            return _mapped(context, statement.frame.module.path, call, run)
        raise context.stop_run(run, "nested fetches beside a train op")
    tail = "]" if fetches.kind == "list" else ",)" if count == 1 else ")"
    head = "[" if fetches.kind == "list" else "("
    if len(returned) == 0:
        if isinstance(statement.node, ast.Expr) and statement.node.value is run.execution.node:
            return call
        if isinstance(statement.node, ast.Assign) and _unused(context, statement.node.targets):
            context.moves_of(statement)
            return call
        raise context.stop_run(run, "the None of a train op that is used")
    if len(returned) == 1:
        parts: list[Part] = [head]
        for place in range(count):
            parts.extend([", "] if place else [])
            parts.extend([*call, ".numpy()"] if place == tops[0] else ["None"])
        return [*parts, tail]
    if len(returned) == count:
        inner: list[Part] = ["[value.numpy() for value in ", *call, "]"]
        return inner if fetches.kind == "list" else ["tuple(value.numpy() for value in ", *call, ")"]
    if tops == list(range(tops[0], tops[0] + len(tops))):
        before = ["None"] * tops[0]
        after = ["None"] * (count - tops[-1] - 1)
        inside: list[Part] = ["*[value.numpy() for value in ", *call, "]"]
        text: list[Part] = [
            head,
            "".join(f"{one}, " for one in before),
            *inside,
            "".join(f", {one}" for one in after),
            tail,
        ]
        return text
    raise context.stop_run(run, "a result with the None of a train op between other values")


def _mapped(context: Context, path: str, call: list[Part], run: Run) -> list[Part]:
    function = run.function
    assert function is not None
    if len([part for part in run.asked if is_returned(function, part)]) != len(run.asked):
        raise context.stop_run(run, "a dict or nested list of fetches with a train op in it")
    return [f"{context.tf(path)}.nest.map_structure(lambda value: value.numpy(), ", *call, ")"]


# -- arguments ----------------------------------------------------------------------------------------------------------


def _argument(context: Context, run: Run, parameter: Parameter, feeds: FeedDicts) -> list[Part]:
    value = parameter.value
    statement = run.statement
    assert statement is not None and run.function is not None
    if parameter.kind == "step":
        step = run.summary.step if run.summary is not None else None
        return [step] if step is not None else ["0"]
    if parameter.kind == "element" and isinstance(value, Tensor):
        iterator = next(root for root in value.roots if isinstance(root, DataIterator))
        assert isinstance(iterator, DataIterator)
        return [iterators.element(context, run, iterator)]
    assert value is not None
    feed = run.feeds.get(value)
    if feed is None:
        if isinstance(value, Placeholder) and "input" in value.arguments:
            return [context.edits[value.chain[-1].frame.module.path].render(value.arguments["input"])]
        raise context.stop_run(run, "a placeholder that is needed but not fed")
    wanted = feeds.argument(run, value, feed.node, feed.holder, parameter.name)
    dtype = getattr(value, "dtype", None)
    if isinstance(value, Placeholder) and value.sparse:
        return _sparse(context, run, value, feed, wanted)
    if dtype in NUMPY_TYPES and not _converts(feed.value, dtype):
        path = statement.frame.module.path
        return [f"{numpy_name(context, path)}.asarray(", *wanted, f", {numpy_name(context, path)}.{dtype})"]
    return wanted


def _sparse(context: Context, run: Run, value: Placeholder, feed: Feed, wanted: list[Part]) -> list[Part]:
    """A sparse tensor of what was fed: a SparseTensorValue, or a tuple of indices, values and shape."""
    assert run.statement is not None
    tf = context.tf(run.statement.frame.module.path)
    if isinstance(feed.value, Sequence) and len(feed.value.items) == 3:
        written = wanted == [feed.node] and isinstance(feed.node, (ast.Tuple, ast.List))
        parts: list[Part] = ["*", *wanted]
        if written and isinstance(feed.node, (ast.Tuple, ast.List)):
            parts = [part for place, one in enumerate(feed.node.elts) for part in (", " if place else "", one)]
        wanted = [f"{tf}.SparseTensor(", *parts, ")"]
    elif not isinstance(feed.value, SparseValue):
        raise context.stop_run(run, "a sparse placeholder that is fed a value that is not known")
    return wanted if value.dtype == "string" else [f"{tf}.cast(", *wanted, f", {tf}.{value.dtype})"]


def _converts(value: object, dtype: str | None) -> bool:
    """Whether a tf.function takes a value for a whole-number parameter as feeding did."""
    if isinstance(value, Array):
        return True
    if isinstance(value, Known):
        return isinstance(value.value, bool) if dtype == "bool" else isinstance(value.value, int)
    if isinstance(value, Sequence):
        return all(_converts(item, dtype) for item in value.items)
    return False


# -- summaries ----------------------------------------------------------------------------------------------------------


def _summary_site(context: Context, run: Run) -> None:
    """Where add_summary was: nothing, or the values that the function handed back."""
    use = run.summary
    if use is None:
        return
    statement = use.use.chain[-1]
    moves = context.moves_of(statement)
    if use.inside:
        moves.dropped.add(statement.node)
        return
    function = run.function
    assert function is not None
    summary = next(part.value for part in run.fetched if isinstance(part.value, Summary))
    assert isinstance(summary, Summary)
    path = statement.frame.module.path
    tf, tab = context.tf(path), context.indent(path)
    members = summary.members or [summary]
    node = use.use.node
    writer = context.edits[path].render(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    result = use.use.arguments["summary"]
    name = result.id if isinstance(result, ast.Name) else "summaries"

    def written() -> str:
        step = context.edits[path].render(use.step) if use.step is not None else "0"
        lines = [f"with {writer}.as_default(step={step}):"]
        for member in members:
            extra = ""
            arguments: dict[str, ast.expr] = member.arguments
            if "max_outputs" in arguments:
                extra = f", max_outputs={context.edits[path].render(arguments['max_outputs'])}"
            lines.append(f'{tab}{tf}.summary.{member.kind}("{member.tag}", {name}["{member.tag}"]{extra})')
        return "\n".join(lines)

    context.late.append((moves, statement.node, written))
