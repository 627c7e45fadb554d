"""The interpreter's state: frames with their bindings, statements with what they read and made, executions, graph names."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from ..names import Names
from ..parse import Module
from .values import Estimator, GraphValue, Instance, Layer, LoadedGraph, Metric, Value, Variable


@dataclass(eq=False)
class Binding:
    """What a name means at a moment, and the statements of the binding frame that may have given it this meaning."""

    value: Value
    makers: frozenset[Statement]


@dataclass(eq=False)
class Frame:
    """One activation of a module, function, lambda, comprehension or class body; or an object, whose attributes it binds."""

    module: Module
    names: Names
    node: ast.AST
    parent: Frame | None = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    statements: dict[ast.stmt, Statement] = field(default_factory=dict)
    returned: list[Value] = field(default_factory=list)
    history: dict[str, list[Statement]] = field(default_factory=dict)
    arguments: dict[str, Value] = field(default_factory=dict)  # of a function: what its parameters were given
    order: tuple[int, int] = (0, 0)  # when it began: how many values of the graph there were, and a count
    instance: Instance | None = None  # the object whose attributes the bindings are

    @property
    def top(self) -> Frame:
        """The module frame."""
        frame = self
        while frame.parent is not None:
            frame = frame.parent
        return frame


@dataclass(eq=False)
class Statement:
    """A statement of one frame: what it reads and binds, what graph values and executions evaluating it makes."""

    node: ast.stmt
    frame: Frame
    index: int
    parent: Statement | None
    reads: dict[tuple[Frame, str], set[Statement]] = field(default_factory=dict)
    reads_values: dict[tuple[Frame, str], Value] = field(default_factory=dict)
    decided: bool = False  # an `if` of which it is known which way it goes
    writes: dict[str, Value] = field(default_factory=dict)
    made: list[GraphValue] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    stores: set[Frame] = field(default_factory=set)  # of the objects whose attributes it binds

    @property
    def line(self) -> int:
        return self.node.lineno


@dataclass(eq=False)
class Execution:
    """One place where a session runs something: `fetches` is None where it can't be known."""

    node: ast.Call
    chain: tuple[Statement, ...]
    fetches: Value
    fetch_node: ast.expr | None
    feeds: Value | None
    feed_node: ast.expr | None
    session: Value | None
    kind: str = "run"
    result: Value | None = None
    use: Use | None = None  # the call of an Estimator's method that runs it


@dataclass(eq=False)
class Use:
    """A call of a method on a saver, writer, session or other object of the graph, kept for plan and emit."""

    owner: Value
    method: str
    node: ast.Call
    chain: tuple[Statement, ...]
    arguments: dict[str, ast.expr] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Something that can't be decided: it keeps the whole program from the native level."""

    node: ast.AST
    module: Module
    message: str


@dataclass(eq=False)
class GraphState:
    """The naming state and collections of one tf.Graph."""

    used: dict[str, int] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    store: dict[str, Variable] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    scopes: list[VariableScope] = field(default_factory=lambda: [VariableScope("")])
    name_scopes: list[str] = field(default_factory=lambda: [""])
    scope_counts: dict[str, int] = field(default_factory=dict)
    keras_names: dict[str, int] = field(default_factory=dict)  # how often Keras named a layer so
    collections: dict[str, list[Value]] = field(default_factory=dict)
    controls: list[list[Value]] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    loaded: LoadedGraph | None = None  # what a file gave the graph
    estimator: Estimator | None = None  # whose modes build it, one after the other

    def begin_again(self) -> None:
        """Another mode of an Estimator: the same names from the start, over the variables that are there."""
        self.used, self.scope_counts, self.collections, self.controls = {}, {}, {}, []
        self.scopes, self.name_scopes = [VariableScope("", "auto")], [""]

    def unique(self, name: str) -> str:
        """TF1's Graph.unique_name within the current name scope."""
        full = f"{self.name_scopes[-1]}/{name}" if self.name_scopes[-1] else name
        key = full.lower()
        count = self.used.get(key, 0)
        self.used[key] = count + 1
        if count == 0:
            return full
        candidate = f"{full}_{count}"
        while candidate.lower() in self.used:
            count += 1
            candidate = f"{full}_{count}"
        self.used[key] = count + 1
        self.used[candidate.lower()] = 1
        return candidate

    def unique_at_top(self, name: str) -> str:
        """The name of a variable that get_variable makes: no name scope is before it, but operations and scopes have taken
        names, in upper or lower case."""
        self.name_scopes.append("")
        found = self.unique(name)
        self.name_scopes.pop()
        return found

    def in_variable_scope(self, name: str) -> str:
        scope = self.scopes[-1].name
        return f"{scope}/{name}" if scope else name

    def unique_scope(self, prefix: str) -> str:
        """The name that variable_scope(None, default_name=prefix) takes."""
        name = self.in_variable_scope(prefix)
        if not self.scope_counts.get(name):
            return prefix
        index = 1
        while self.scope_counts.get(f"{name}_{index}"):
            index += 1
        return f"{prefix}_{index}"

    def open_scope(self, full: str, reuse: bool | None | str, initializer: ast.expr | None = None) -> None:
        self.scope_counts[full] = self.scope_counts.get(full, 0) + 1
        outer = self.scopes[-1]
        self.scopes.append(VariableScope(full, reuse if reuse else outer.reuse, initializer or outer.initializer))

    def close_scope(self) -> None:
        full = self.scopes.pop().name
        for name in self.scope_counts:
            if name.startswith(full + "/"):
                self.scope_counts[name] = 0


@dataclass(eq=False)
class VariableScope:
    name: str
    reuse: bool | None | str = None
    initializer: ast.expr | None = None
