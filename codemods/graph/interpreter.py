"""Interprets a program's statements over symbolic values and so recovers the TF1 graph that it builds.

Host values are followed as far as they are known; loops over known ranges that build graph are unrolled, other loops are
read once with the names that they assign forgotten; both branches of an unknown condition are read. What can't be decided
becomes a Problem: the plan then leaves the program in graph mode.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..names import Names
from ..parse import Module
from . import rebinding
from .frames import Binding, Execution, Frame, GraphState, Problem, Statement, Use
from .values import (
    Assign,
    Class,
    Dict,
    Function,
    GraphValue,
    Instance,
    Known,
    Op,
    Sequence,
    Session,
    Shape,
    Tensor,
    Value,
    Variable,
    graph_values,
)

MAX_DEPTH = 24
MAX_STEPS = 200_000

Made = TypeVar("Made", bound=GraphValue)


class TooMuch(Exception):
    """The program takes more steps to interpret than are worth it."""


@dataclass(frozen=True)
class Language:
    """The parts that interpret code, each of which needs the others: handed to the state, through which they meet."""

    evaluate: Callable[[Interpreter, ast.expr], Value]
    attribute: Callable[[Interpreter, Value, str, ast.expr], Value]
    call: Callable[[Interpreter, ast.Call], Value]
    call_function: Callable[[Interpreter, Function, ast.Call, list[Value], dict[str, Value] | None], Value]
    call_tensorflow: Callable[[Interpreter, str, ast.Call], Value]
    call_method: Callable[[Interpreter, Value, str, ast.Call], Value]
    run_body: Callable[[Interpreter, list[ast.stmt]], None]
    enter: Callable[[Interpreter, ast.With], list[Callable[[], object]]]


@dataclass(eq=False)
class Interpreter:
    """The state of one interpretation. The lists are what plan and emit read when it is over."""

    modules: Mapping[str, Module]
    names: Mapping[str, Names]
    language: Language
    links: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict
    )  # each module's imports, as it spells them -> path
    entry: str = ""
    graph: GraphState = field(default_factory=GraphState)
    graphs: list[GraphState] = field(default_factory=list)
    chain: tuple[Statement, ...] = ()
    executions: list[Execution] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    values: list[GraphValue] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    activations: dict[ast.AST, list[Frame]] = field(default_factory=dict)
    calls: dict[ast.Call, list[tuple[Function, Frame, tuple[Statement, ...]]]] = field(default_factory=dict)
    meanings: dict[ast.AST, list[Value]] = field(default_factory=dict)
    asked: set[ast.If] = field(default_factory=set)  # that ask TensorFlow for a name, which both versions have or lack
    settled: set[ast.Try] = field(default_factory=set)  # whose bodies are known not to raise: their handlers never run
    decided: dict[ast.If, set[bool]] = field(default_factory=dict)  # conditions whose value was known
    shaped: list[tuple[Tensor, tuple[Statement, ...]]] = field(default_factory=list)  # calls of set_shape
    mutated: list[tuple[Value, tuple[Statement, ...]]] = field(default_factory=list)
    impure: dict[ast.Call, list[tuple[Statement, ...]]] = field(
        default_factory=dict
    )  # host calls that may have effects
    module_frames: dict[str, Frame] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    arg_scopes: list[Any] = field(default_factory=list)  # the defaults of contrib's functions, innermost scope last
    collected: dict[ast.Call, Any] = field(default_factory=dict)  # what calls took from the collections of losses
    modes: dict[ast.Call, Any] = field(
        default_factory=dict
    )  # calls that hand a mode to layers: its setting, or their own
    own_layers: dict[Value, Any] = field(default_factory=dict)  # objects of the program's own layer classes
    named_losses: dict[ast.Expr, str] = field(default_factory=dict)  # losses that only their collection held
    instances: list[Instance] = field(default_factory=list)
    holding: dict[Instance, None] = field(default_factory=dict)  # those that were given values of the graph, in order
    stored: list[tuple[Instance, str, Value, tuple[Statement, ...]]] = field(default_factory=list)  # attributes
    changing: dict[Class, frozenset[str]] = field(default_factory=dict)  # attributes whose host values may change
    stored_outside: frozenset[str] | None = (
        None  # attributes that code stores in other things than `self`, once asked for
    )
    rebound: dict[str, frozenset[str]] = field(default_factory=dict)  # by module: names that functions bind again
    default_sessions: list[Session] = field(default_factory=list)
    steps: int = 0
    effects: int = 0
    ticks: int = 0

    def __post_init__(self) -> None:
        self.graphs.append(self.graph)

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression in the current frame."""
        return self.language.evaluate(self, node)

    def tensor(
        self,
        node: ast.AST,
        op: str,
        inputs: tuple[GraphValue, ...],
        shape: Shape = None,
        dtype: str | None = None,
        random: bool = False,
    ) -> Tensor:
        """A new tensor of the graph, made by the active statements."""
        return self.add(Tensor(node, self.chain, inputs, op, shape, dtype, random))

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch

    def problem(self, node: ast.AST, message: str) -> Value:
        """Notes that the program can't be decided here, and goes on with an unknown value."""
        module = self.frame.module
        if not any(old.node is node and old.message == message for old in self.problems):
            self.problems.append(Problem(node, module, message))
        return Value()

    def add(self, value: Made) -> Made:
        """Registers a new graph value with the statements that made it."""
        value.graph = self.graph
        if self.graph.controls and isinstance(value, (Tensor, Op)) and not isinstance(value, Variable):
            controls = [one for group in self.graph.controls for one in group if isinstance(one, (Assign, Op))]
            value.inputs = (*value.inputs, *(one for one in controls if one not in value.inputs))
        self.values.append(value)
        for statement in self.chain:
            statement.made.append(value)
        return value

    def add_variable(self, variable: Variable) -> Variable:
        self.graph.variables.append(variable)
        return self.add(variable)

    def now(self) -> tuple[int, int]:
        """The present place in the order of evaluation: how many values there are, and a count of the askings."""
        self.ticks += 1
        return len(self.values), self.ticks

    def effect(self, node: ast.Call) -> None:
        """Notes a host call that may have effects, or give something else each time."""
        self.impure.setdefault(node, []).append(self.chain)
        self.effects += 1

    def mean(self, node: ast.AST, value: Value) -> Value:
        """Remembers what an expression meant; an expression met twice may have meant two things."""
        known = self.meanings.setdefault(node, [])
        if not any(old is value for old in known):
            known.append(value)
        return value

    def linked(self, origin: str, spelt: str) -> str | None:
        """The module of the program that another one imports under a name."""
        path = self.links.get(origin, {}).get(spelt)
        return path if path in self.modules else None

    # -- names ----------------------------------------------------------------------------------------------------------

    def lookup(self, name: str) -> tuple[Binding, Frame] | None:
        """The binding of a name as seen from the current frame."""
        frame: Frame | None = self.frame
        if name in self.frame.globals:
            frame = self.frame.top
        first = True
        while frame is not None:
            is_class = isinstance(frame.node, ast.ClassDef) and not first
            if name in frame.bindings and not is_class:
                return frame.bindings[name], frame
            frame, first = frame.parent, False
        return None

    def load(self, name: str) -> Value | None:
        """The value of a name; the statements that are active note that they read it."""
        found = self.lookup(name)
        if found is None:
            return None
        binding, frame = found
        for statement in self.chain:
            statement.reads.setdefault((frame, name), set()).update(binding.makers)
            statement.reads_values[frame, name] = binding.value
        return Value() if self._may_change(frame, name, binding.value) else binding.value

    def _may_change(self, frame: Frame, name: str, value: Value) -> bool:
        """Whether a name of a module holds a host value that functions change."""
        if frame.parent is not None or frame.instance is not None or not isinstance(value, (Known, Sequence, Dict)):
            return False
        path = frame.module.path
        if path not in self.rebound:
            self.rebound[path] = rebinding.changing(frame.module.tree)
        return name in self.rebound[path] and not graph_values(value)

    def bind(self, name: str, value: Value, frame: Frame | None = None) -> None:
        frame = frame or self.frame
        if name in frame.globals:
            frame = frame.top
        maker = next((statement for statement in reversed(self.chain) if statement.frame is frame), None)
        frame.bindings[name] = Binding(value, frozenset([maker]) if maker else frozenset())
        if self.chain:
            frame.history.setdefault(name, []).append(self.chain[-1])
            for statement in self.chain:
                if statement.frame is frame:
                    statement.writes[name] = value

    def forget(self, name: str) -> None:
        """Makes a name's value unknown, as a loop does to what its body assigns."""
        binding = self.frame.bindings.get(name)
        if binding is not None:
            self.frame.bindings[name] = Binding(Value(), binding.makers)

    @contextmanager
    def within(self, frame: Frame) -> Iterator[Frame]:
        """Makes a frame the current one."""
        if len(self.frames) > MAX_DEPTH:
            raise TooMuch
        self.frames.append(frame)
        try:
            yield frame
        finally:
            self.frames.pop()

    @contextmanager
    def at(self, node: ast.stmt) -> Iterator[Statement]:
        """Makes a statement of the current frame the active one."""
        frame = self.frame
        statement = frame.statements.get(node)
        outer = self.chain
        if statement is None:
            parent = outer[-1] if outer and outer[-1].frame is frame else None
            statement = Statement(node, frame, len(self.statements), parent)
            frame.statements[node] = statement
            self.statements.append(statement)
        self.chain = (*outer, statement)
        try:
            yield statement
        finally:
            self.chain = outer
