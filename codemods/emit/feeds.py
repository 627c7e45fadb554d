"""What feeds become: arguments written out at the call, or values of a dict that is keyed by the parameters' names."""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.frames import Frame
from ..graph.values import Dict, GraphValue, Known, Tensor
from ..plan.executions import Feed, Run
from .context import Context

CHEAP = (ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp,
         ast.expr_context, ast.operator, ast.unaryop)  # fmt: skip


def is_pure(context: Context, node: ast.expr) -> bool:
    """Whether evaluating an expression later, or in another order, is the same."""
    return not any(part in context.run.impure for part in ast.walk(node) if isinstance(part, ast.Call))


def note_decided(context: Context) -> None:
    """Tells of switches that every call sets alike: what they said is in the functions, and they say nothing any more."""
    for run in context.plan.runs:
        for value in run.function.constants if run.function is not None else ():
            feed = run.feeds.get(value)
            if feed is None or not isinstance(feed.value, Known) or isinstance(feed.node, ast.Constant | None):
                continue
            path = run.execution.chain[-1].frame.module.path
            said = " ".join(context.modules[path].text(feed.node).split())
            message = f"`{said}` is {feed.value.value} wherever this runs, and is not asked any more"
            context.note("decided-feed", "TFM924", message, feed.node, path)


class FeedDicts:
    """Dicts of feeds that are held in variables: written out at the call where that is the same, else keyed by name."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.inlined: dict[ast.stmt, bool] = {}
        self.statements: dict[int, list[ast.stmt]] = {}

    def argument(self, run: Run, key: GraphValue, node: ast.expr | None, holder: str | None, name: str) -> list[Part]:
        statement = run.statement
        assert statement is not None
        if holder is None:
            if node is None:
                raise self.context.stop_run(run, "a feed whose value is not written in the source")
            return [node]
        made = self._maker(run, holder)
        if made is not None and self._inline(run, made, holder) and node is not None:
            return [node]
        held = made.writes.get(holder) if made is not None else None
        if isinstance(held, Dict) and held.made and held.made[-1].frame is not statement.frame:
            self._key_function(run, held.made[-1].frame)
            self._key_stores(run, holder)
        else:
            self._key(run, holder)
        return [f'{holder}["{name}"]']

    def written_out(self, run: Run, feed: Feed) -> ast.expr:
        """The value of a feed of a graph that was read from a file: keyed by a parameter's name it can't be."""
        made = self._maker(run, feed.holder or "")
        if made is None or feed.node is None or not self._inline(run, made, feed.holder or ""):
            raise self.context.stop_run(run, "feeds of a loaded graph that a variable holds")
        return feed.node

    def _key_function(self, run: Run, frame: Frame) -> None:
        """Turns the keys of a dict that a function builds into the parameters' names."""
        if not isinstance(frame.node, ast.FunctionDef) or frame in self.context.units.frames:
            raise self.context.stop_run(run, "a dict of feeds that is built in a way that is not followed")
        for part in ast.walk(frame.node):
            keys: list[ast.expr] = []
            if isinstance(part, ast.Dict):
                keys = [key for key in part.keys if key is not None]
            elif isinstance(part, ast.Subscript) and not isinstance(part.ctx, ast.Load):
                keys = [part.slice]
            if any(self._is_tensor(key) for key in keys):
                for key in keys:
                    self._name_key(run, key, frame.module.path)

    def _key_stores(self, run: Run, holder: str) -> None:
        """Turns the keys under which a dict that a function built is changed later into the parameters' names."""
        statement = run.statement
        assert statement is not None
        for part in ast.walk(statement.frame.node):
            if isinstance(part, ast.Name) and part.id == holder:
                for key in self._changed(part):
                    self._name_key(run, key)

    def _changed(self, name: ast.Name) -> list[ast.expr]:
        """The keys that a statement stores in the dict that it names."""
        parent = self.context.parents.get(name)
        if isinstance(parent, ast.Subscript) and parent.value is name and not isinstance(parent.ctx, ast.Load):
            return [parent.slice]
        if not isinstance(parent, ast.Attribute) or parent.attr != "update":
            return []
        call = self.context.parents.get(parent)
        given = call.args[0] if isinstance(call, ast.Call) and len(call.args) == 1 else None
        return [key for key in given.keys if key is not None] if isinstance(given, ast.Dict) else []

    def _is_tensor(self, node: ast.expr) -> bool:
        return any(isinstance(value, Tensor) for value in self.context.run.meanings.get(node, ()))

    def _maker(self, run: Run, holder: str):  # type: ignore[no-untyped-def]
        statement = run.statement
        assert statement is not None
        makers = {maker for (_, name), found in statement.reads.items() if name == holder for maker in found}
        return next(iter(makers)) if len(makers) == 1 else None

    def _uses(self, holder: str, frame_node: ast.AST) -> int:
        return sum(
            isinstance(part, ast.Name) and part.id == holder and isinstance(part.ctx, ast.Load)
            for part in ast.walk(frame_node)
        )

    def _inline(self, run: Run, made, holder: str) -> bool:  # type: ignore[no-untyped-def]
        node = made.node
        if node in self.inlined:
            return self.inlined[node] and self._stable(run, made)
        literal = (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and isinstance(node.targets[0], ast.Name)
        )
        stores = len(made.frame.history.get(holder, []))
        mutated = any(owner is made.writes.get(holder) for owner, _ in self.context.run.mutated)
        runs = [
            other
            for other in self.context.plan.runs
            if other.statement is not None
            and self._maker(other, holder) is made
            and isinstance(other.execution.feed_node, ast.Name)
        ]
        single = self._uses(holder, made.frame.node) == len(runs)
        cheap = literal and all(self._is_cheap(value) for value in node.value.values)
        fine = literal and not mutated and single and stores >= 1 and (cheap or len(runs) == 1)
        if fine:
            fine = all(self._stable(other, made) for other in runs)
            if not cheap:
                first = runs[0].statement
                assert first is not None
                fine = first.parent is made.parent
                fine = fine and (
                    self._adjacent(made.node, first.node)
                    or all(is_pure(self.context, one) for one in node.value.values)
                )
        self.inlined[node] = bool(fine)
        if fine:
            self.context.moves_of(made).dropped.add(node)
        return bool(fine)

    def _adjacent(self, one: ast.stmt, other: ast.stmt) -> bool:
        """Whether one statement directly follows another."""
        block = next(
            (body for _, body in ast.iter_fields(self.context.parents[one]) if isinstance(body, list) and one in body),
            [],
        )
        return other in block and block.index(other) == block.index(one) + 1

    def _is_cheap(self, node: ast.expr) -> bool:
        return all(isinstance(part, CHEAP) for part in ast.walk(node))

    def _stable(self, run: Run, made) -> bool:  # type: ignore[no-untyped-def]
        """Whether what the dict's values read means the same at the run."""
        statement = run.statement
        assert statement is not None
        names = {name for _, name in made.reads}
        for one in self.context.run.statements:
            if made.index < one.index < statement.index and one.frame is made.frame and names & one.writes.keys():
                return False
        return True

    def _key(self, run: Run, holder: str) -> None:
        """Turns the keys of a dict of feeds into the parameters' names."""
        statement = run.statement
        assert statement is not None
        frame = statement.frame
        for part in ast.walk(frame.node):
            if isinstance(part, ast.Name) and part.id == holder and isinstance(part.ctx, ast.Load):
                parent = self.context.parents.get(part)
                if isinstance(parent, ast.keyword) or (isinstance(parent, ast.Call) and part in parent.args):
                    call = parent if isinstance(parent, ast.Call) else self.context.parents.get(parent)
                    if any(other.execution.node is call for other in self.context.plan.runs):
                        continue
                changed = self._changed(part)
                if changed:
                    for one in changed:
                        self._name_key(run, one)
                    continue
                raise self.context.stop_run(run, "a dict of feeds that is used in another way, too")
            if isinstance(part, ast.Assign) and any(
                isinstance(one, ast.Name) and one.id == holder for one in part.targets
            ):
                if not isinstance(part.value, ast.Dict):
                    raise self.context.stop_run(run, "a dict of feeds that is built in a way that is not followed")
                for entry in part.value.keys:
                    if entry is None:
                        raise self.context.stop_run(run, "a dict of feeds that takes in another")
                    self._name_key(run, entry)

    def _name_key(self, run: Run, key: ast.expr, path: str | None = None) -> None:
        values = self.context.run.meanings.get(key, [])
        placeholders = [value for value in values if isinstance(value, Tensor)]
        if len(placeholders) != 1:
            raise self.context.stop_run(run, "a feed whose key is not known to be one tensor")
        name = _key_name(self.context, placeholders[0], key)
        assert run.statement is not None
        self.context.edits[path or run.statement.frame.module.path].replace(key, f'"{name}"')


def _key_name(context: Context, value: Tensor, key: ast.expr) -> str:
    for function in context.plan.functions:
        for parameter in function.parameters:
            if parameter.value is value:
                return parameter.name
    if isinstance(key, ast.Attribute):
        return key.attr
    return key.id if isinstance(key, ast.Name) else "unused"
