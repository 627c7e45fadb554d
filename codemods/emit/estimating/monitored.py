"""Monitored sessions as plain loops: what they did at their start, after each run and at their end is written out.

The newest checkpoint is restored and others are saved by a CheckpointManager; the loop asks the step itself whether to go on;
hooks become the lines that they stood for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from ...edits import Part
from ...graph.frames import Frame, Statement
from ...graph.values import DataIterator, Hook, Known, Sequence
from ...plan import slices
from ...plan.executions import FunctionPlan, Monitored, Run, Watched, target_at
from ...plan.monitored import DEFAULT_SECONDS, loops_left, trains
from ...plan.units import BLOCKS
from .. import savers
from ..context import Context, quoted
from ..feeds import CHEAP
from ..functions import is_returned
from ..native_imports import numpy_name
from ..text import snake
from .checkpoints import Checkpoints


def prepare(context: Context) -> None:
    """Finds the loops that do nothing but draw from a dataset until it ends: these loop over the dataset itself."""
    for one in context.plan.monitored:
        _record(context, one)
        found = _drawing_loop(context, one)
        if found is not None:
            loop, iterator = found
            context.loops[iterator] = loop
            element = context.fresh("element")
            context.elements[iterator] = element


def _record(context: Context, one: Monitored) -> None:
    """The head of the block that writes summaries: at the first step of the session, and every so many steps after."""
    run = next((run for run in context.plan.runs if run.recorded and run.execution in one.executions), None)
    if run is None or one.step is None:
        return
    path = one.place.frame.module.path
    tf, step = context.tf(path), context.reach(one.step, one.place.frame)
    steps = "100" if one.summary_steps is None else context.edits[path].render(one.summary_steps)
    context.writers[one] = context.fresh("writer"), context.fresh("first_step")
    writer, first = context.writers[one]
    context.recordings[run] = (
        f"with {writer}.as_default(step={step} + 1), {tf}.summary.record_if(({step} - {first}) % {steps} == 0):"
    )


def _drawing_loop(context: Context, one: Monitored) -> tuple[ast.While, DataIterator] | None:
    """The last statement of a session's block, where it begins every round with the one run that draws from an iterator."""
    loop = one.block.body[-1] if one.block is not None else None
    if not one.may_end or one.stop is not None or not isinstance(loop, ast.While) or loop.orelse or len(one.tests) != 1:
        return None
    test = loop.test
    plain = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and test.operand is one.tests[0].node
    first = [run for run in context.plan.runs if run.statement is not None and run.statement.node is loop.body[0]]
    if not plain or len(first) != 1 or first[0].function is None or first[0].execution not in one.executions:
        return None
    function = first[0].function
    drawn = [parameter.value for parameter in function.parameters if parameter.kind == "element"]
    iterator = drawn[0].inputs[0] if len(drawn) == 1 and drawn[0] is not None else None
    if not isinstance(iterator, DataIterator) or not iterator.one_shot or function.runs != first:
        return None
    elsewhere = [other for other in context.plan.functions if other is not function and _draws(other, iterator)]
    source = context.iterators[iterator].source
    if elsewhere or not (isinstance(source, ast.Name) and _is_bound_once(one, source.id)):
        return None
    return loop, iterator


def _draws(function: FunctionPlan, iterator: DataIterator) -> bool:
    return any(parameter.value in iterator.draws for parameter in function.parameters)


def _is_bound_once(one: Monitored, name: str) -> bool:
    frame: Frame | None = one.place.frame
    while frame is not None:
        if name in frame.bindings:
            return len(frame.history.get(name, [])) <= 1
        frame = frame.parent
    return False


def write(context: Context) -> None:
    """Writes every monitored session of the plan."""
    _drop_tags(context)
    for one in context.plan.monitored:
        _Session(context, one).write()


def _drop_tags(context: Context) -> None:
    """A dict of tags and names that nothing but a hook read goes with the hook."""
    for hook in [value for value in context.run.values if isinstance(value, Hook)]:
        node = hook.arguments.get("tensors")
        if not isinstance(node, ast.Name):
            continue
        tree = hook.chain[-1].frame.module.tree
        uses = [part for part in ast.walk(tree) if isinstance(part, ast.Name) and part.id == node.id]
        for unit in context.units.ordered:
            alone = len(uses) == 2 and isinstance(unit.node, ast.Assign) and uses[0] in unit.node.targets
            if alone and isinstance(unit.node, ast.Assign) and isinstance(unit.node.value, (ast.Dict, ast.List)):
                context.moves_of(unit.statement).dropped.add(unit.node)


class _Session:
    """One monitored session, with the names of what it becomes."""

    def __init__(self, context: Context, one: Monitored) -> None:
        self.context = context
        self.one = one
        self.statement = one.place
        self.path = one.place.frame.module.path
        self.moves = context.moves[self.path]
        self.tf = context.tf(self.path)
        self.tab = context.indent(self.path)
        self.step = self._step()
        self.saved: Checkpoints | None = None
        self.setup: list[str] = []

    def write(self) -> None:
        context, one = self.context, self.one
        if one.directory is not None:
            self._restore(one.directory)
        self._tests()
        for run in context.plan.runs:
            if run.execution in one.executions:
                self._after(run)
        if self.setup:
            self.moves.before.setdefault(one.place.node, []).append("\n".join(self.setup) + "\n")
        self._end()
        self._empty_hooks()
        if one.counting:
            message = (
                "the session also told its speed (global_step/sec) and wrote its graph and its log beside the checkpoints; "
                "the plain loop does not"
            )
            context.note("session-reports", "TFM921", message, one.session.node or one.place.node, self.path)

    def _stop(self, message: str) -> Exception:
        return self.context.stop(message, self.one.session.node or self.one.place.node, self.path)

    def _step(self) -> str:
        step = self.one.step
        if step is None:
            return ""
        found = self.context.reach(step, self.one.place.frame)
        if found is None and (self.one.stop is not None or self.one.saving is not None):
            raise self._stop("a global step that no name reaches")
        return found or ""

    # -- arguments ------------------------------------------------------------------------------------------------------

    def _text(self, node: ast.expr, name: str) -> str:
        """An argument of the session or of a hook, to be evaluated later than it was: bound to a name where that matters."""
        if not all(isinstance(part, CHEAP) for part in ast.walk(node)):
            bound = self.context.fresh(name)
            self.setup.append(f"{bound} = {self._stable(node)}")
            return bound
        return self._stable(node)

    def _stable(self, node: ast.expr) -> str:
        """The text of an argument whose names still mean the same."""
        made = max((one.index for one in self._chain(node)), default=0)
        frame: Frame | None = self.one.place.frame
        while frame is not None:
            for name in slices.names_in(node):
                if any(one.index > made for one in frame.history.get(name, [])):
                    raise self._stop(f"`{name}`, which is bound again after it was given to the session")
            frame = frame.parent
        return self.context.edits[self.path].render(node)

    def _chain(self, node: ast.expr) -> tuple[Statement, ...]:
        """Where an argument was evaluated: with the hook that it was given to, or with the session."""
        for hook in self.one.session.hooks:
            if isinstance(hook, Hook) and any(node is one for one in hook.arguments.values()):
                return hook.chain
        return self.one.session.chain

    # -- the start ------------------------------------------------------------------------------------------------------

    def _restore(self, directory: ast.expr) -> None:
        context, one = self.context, self.one
        graph, saving = one.session.graph, one.saving
        assert graph is not None
        where = one.session.node or one.place.node
        entries = savers.checkpoint_entries(
            context, graph, list(graph.variables), False, one.place.frame, where, self.path, one.session
        )
        owners = {context.models.owner(variable) for variable in graph.variables}
        late = any(made in owners or made.root in owners for made, _, _ in context.unbuilt)
        held = ", ".join(f"{key}={value}" for key, value in entries)
        known = context.checkpoints.get((one.place.frame, held), "")
        context.checkpoints[one.place.frame, held] = checkpoint = known or context.fresh("checkpoint")
        steps = self._stable(saving.steps) if saving is not None and saving.steps is not None else ""
        seconds = self._seconds(saving.seconds) if saving is not None and saving.seconds is not None else ""
        self.saved = Checkpoints(context, self.path, self.step, self._stable(directory), "5", steps, seconds)
        if not known:
            self.setup.append(f"{checkpoint} = {self.tf}.train.Checkpoint({held})")
        self.setup += [*self.saved.made(held, late, checkpoint), *self.saved.begun()]
        if one in context.writers:
            writer, first = context.writers[one]
            self.setup.append(f"{writer} = {self.tf}.summary.create_file_writer({self._stable(directory)})")
            self.setup.append(f"{first} = {self.step}.numpy()")
        if late and self.saved.saves:
            message = (
                "the first checkpoint comes after the first step, not before it: the model makes its variables at its "
                "first call"
            )
            context.note("first-checkpoint", "TFM403", message, where, self.path)

    def _seconds(self, node: ast.expr) -> str:
        return str(DEFAULT_SECONDS) if _is_made(node) else self._stable(node)

    # -- whether to stop ------------------------------------------------------------------------------------------------

    def _tests(self) -> None:
        """should_stop: a question to the step, or none where only the data, or a break, ends the loop."""
        one = self.one
        last = self._last() if one.stop is not None else ""
        resumes = one.directory is not None and one.stop is not None and "last_step" in one.stop.values
        for use in one.tests:
            path = use.chain[-1].frame.module.path
            parent = self.context.parents.get(use.node)
            negated = isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
            target = parent if negated and parent is not None else use.node
            if self._loops_over_data(use.chain[-1].node):
                continue
            if not last:
                text = str(negated)
            elif resumes:
                self._at_the_end(use.chain[-1].node, target, last)
                text = "True"
            else:
                text = f"{self.step} {'<' if negated else '>='} {last}"
                around = self.context.parents.get(target)
                if not isinstance(around, (ast.While, ast.If, ast.BoolOp)):
                    text = f"bool({text})"
            self.context.edits[path].replace(target, text)

    def _loops_over_data(self, loop: ast.stmt) -> bool:
        """Writes the head of a loop over a dataset."""
        iterator = next((one for one, own in self.context.loops.items() if own is loop), None)
        if iterator is None or not isinstance(loop, ast.While):
            return False
        module = self.one.place.frame.module
        source = self.context.iterators[iterator].source
        assert source is not None
        head = f"for {self.context.elements[iterator]} in {module.text(source)}"
        self.context.edits[self.path].replace_span(module.span(loop)[0], module.span(loop.test)[1], head)
        self.one.may_end = False
        unit = self.context.units.unit(iterator)
        if unit is not None and not self.context.iterators[iterator].inline:
            self.moves.dropped.add(unit.node)
        return True

    def _last(self) -> str:
        hook = self.one.stop
        assert hook is not None
        name = "last_step" if "last_step" in hook.arguments else "num_steps"
        value = hook.values.get(name)
        if value is None or (isinstance(value, Known) and not (isinstance(value.value, int) and value.value > 0)):
            raise self._stop("a hook that stops at no step, or at once")
        text = self._text(hook.arguments[name], "last_step")
        if name == "num_steps" and self.one.directory is not None:
            bound = self.context.fresh("last_step")
            self.setup.append(f"{bound} = {self.step}.numpy() + {text}")
            return bound
        return text

    def _at_the_end(self, loop: ast.stmt, test: ast.AST, last: str) -> None:
        """`while not should_stop()` where a restored step may be the last already: TF1 still ran once."""
        plain = isinstance(loop, ast.While) and loop.test is test and isinstance(test, ast.UnaryOp) and not loop.orelse
        if not plain or not isinstance(loop, ast.While) or loops_left(loop):
            raise self._stop("a resumed session whose loop asks in another way whether to stop")
        line = f"if {self.step} >= {last}:\n{self.tab}break\n"
        self.moves.after.setdefault(loop.body[-1], []).append(line)

    # -- after each run -------------------------------------------------------------------------------------------------

    def _after(self, run: Run) -> None:
        """What the hooks did after a run, in their order."""
        assert run.statement is not None
        lines: list[str] = []
        if self.saved is not None and trains(run):
            lines += self.saved.after_step()
        if run.watched:
            hooks = dict.fromkeys(watched.hook for watched in run.watched)
            for hook in hooks:
                told = [(watched, self._value(watched, run)) for watched in run.watched if watched.hook is hook]
                lines += self._told(hook, told, run) if hook.name == "LoggingTensorHook" else self._checked(told[0][1])
        if not lines:
            return
        if isinstance(run.statement.node, (*BLOCKS, ast.Return)):
            raise self._stop("a monitored run within the head of a block")
        path = run.statement.frame.module.path
        if path != self.path or run.statement.frame is not self.one.place.frame:
            raise self._stop("a monitored session that another function runs")
        after = self.moves.after.setdefault(run.statement.node, [])
        after[:0] = ["\n".join(lines) + "\n"]

    def _value(self, watched: Watched, run: Run) -> str:
        if watched.part is None:
            found = self.context.reach(watched.value, self.one.place.frame)
            if found is None:
                raise self._stop("a variable that a hook tells and no name reaches")
            return f"{found}.numpy()"
        assert run.statement is not None
        listed = isinstance(run.execution.fetches, Sequence)
        known = target_at(run.statement.node, run.execution.node, watched.part.place if listed else ())
        return self.context.watched.get(watched.part) or known or ""

    def _told(self, hook: Hook, values: list[tuple[Watched, str]], run: Run) -> list[str]:
        """The lines of a LoggingTensorHook."""
        pairs = [(watched.tag, text) for watched, text in values]
        line = told_lines(self.context, hook, pairs, self.path, self._stable)[0]
        every = hook.values.get("every_n_iter")
        if isinstance(every, Known) and every.value == 1:
            return [line]
        count = self._stable(hook.arguments["every_n_iter"])
        counted = self.one.directory is None and self.step.endswith(".iterations") and trains(run)
        if counted and isinstance(every, Known):
            return [f"if {self.step} % {count} == 1:", self.tab + line]
        name = self.context.fresh("runs")
        self.setup.append(f"{name} = 0")
        return [f"if {name} % {count} == 0:", self.tab + line, f"{name} += 1"]

    def _checked(self, value: str) -> list[str]:
        """The lines of a NanTensorHook."""
        return [
            f"if {numpy_name(self.context, self.path)}.isnan({value}):",
            f'{self.tab}raise RuntimeError("NaN loss during training.")',
        ]

    # -- the end --------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        one = self.one
        lines = [line + "\n" for line in self.saved.ended()] if self.saved is not None else []
        if one in self.context.writers:
            lines.append(f"{self.context.writers[one][0]}.flush()\n")
        if one.block is not None:
            self.moves.after.setdefault(one.block, []).extend(lines)
            if one.may_end:
                self.moves.unwrapped.discard(one.block)
                self.moves.guarded[one.block] = f"{self.tf}.errors.OutOfRangeError"
        elif one.end is not None:
            self.moves.before.setdefault(one.end.chain[-1].node, []).extend(lines)

    def _empty_hooks(self) -> None:
        """A list that held nothing but hooks goes with them."""
        given = [self.one.session.values.get(key) for key in ("hooks", "chief_only_hooks")]
        for unit in self.context.units.ordered:
            written = list(unit.statement.writes.values())
            if unit.kind == "host" and isinstance(unit.node, ast.Assign) and written:
                if all(any(value is one for one in given) for value in written):
                    self.context.moves_of(unit.statement).dropped.add(unit.node)


def _is_made(node: ast.expr) -> bool:
    """Whether a node is none of the source's: TF1's default."""
    return not hasattr(node, "lineno")


def told_lines(
    context: Context, hook: Hook, values: list[tuple[str, str]], path: str, render: Callable[[ast.expr], str]
) -> list[str]:
    """What a LoggingTensorHook logs, each time that it does."""
    context.need(path, "logging", "from absl import logging")
    if "formatter" in hook.arguments:
        pairs = ", ".join(f"{quoted(tag)}: {text}" for tag, text in values)
        return [f"logging.info({render(hook.arguments['formatter'])}({{{pairs}}}))"]
    message = "the log line no longer tells the seconds since the one before"
    context.note("session-reports", "TFM921", message, hook.node or ast.Pass(), path)
    shown = ", ".join(f"{tag} = %s" for tag, _ in values)
    return [f"logging.info({quoted(shown)}, {', '.join(text for _, text in values)})"]


def site(context: Context, run: Run, call: list[Part]) -> None:
    """Writes a run that gives more than it fetched: what hooks watch gets names of its own."""
    statement, function = run.statement, run.function
    assert statement is not None and function is not None
    node = run.execution.node
    listed = isinstance(run.execution.fetches, Sequence)
    targets: list[str] = []
    for part in (one for one in run.fetched if is_returned(function, one)):
        if part in run.added:
            context.watched[part] = context.fresh(f"{snake((part.text or 'tensor').rpartition('.')[2])}_value")
            targets.append(context.watched[part])
            continue
        known = target_at(statement.node, node, part.place if listed else ())
        if known is None and not (isinstance(statement.node, ast.Expr) and statement.node.value is node):
            raise context.stop("hooks beside a result that is taken apart", node, statement.frame.module.path)
        targets.append(known or "_")
    simple = isinstance(statement.node, (ast.Expr, ast.Assign)) and statement.node.value is node
    if not simple:
        raise context.stop("hooks beside a run within an expression", node, statement.frame.module.path)
    value: list[Part] = [*call, ".numpy()"] if len(targets) == 1 else ["[value.numpy() for value in ", *call, "]"]
    context.edits_of(statement).replace(statement.node, f"{', '.join(targets)} = ", *value)
