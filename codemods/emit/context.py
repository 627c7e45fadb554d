"""What the parts of the native emitter share: edits, moves, spellings, free names, and how a value is reached."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field

from ..diagnostics import Diagnostic
from ..edits import Edits, Part
from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.values import (
    DataIterator,
    Dict,
    Estimator,
    GraphValue,
    ImportedModule,
    Known,
    Layer,
    Metric,
    Optimizer,
    Schedule,
    Sequence,
    Value,
    Variable,
)
from ..names import Names
from ..parse import Module
from ..plan import objects
from ..plan.executions import Fetched, FunctionPlan, Monitored, Plan, Run
from ..plan.models import BlockModel, FunctionModel, Member, Models, Object
from ..plan.reasons import ToRename, ToWriteOut, Undecided
from ..plan.twins import owner_of
from ..plan.units import Units
from ..symbols import Rewritten
from . import text
from .moves import Moves
from .recurrent.rnn_weights import weight_access


@dataclass(frozen=True)
class IteratorForm:
    """What a tf.data iterator becomes: `iter(source)` under a name, made in a statement of its own where it had no name.

    Where initializers give it datasets, `source` is the one whose structure it has, if the source says so.
    """

    source: ast.expr | None
    name: str
    inline: bool = False
    dataset: str = ""  # the name of a dataset that is written anew
    call: ast.Call | None = None  # of the function that gives the dataset


@dataclass(eq=False)
class RnnForm:
    """What the calls of one RNN layer want of it."""

    sequences: bool = False
    state: bool = False
    masked: bool = False
    apart: bool = False  # a layer that reads its outputs must not see the mask that Keras leaves on them


@dataclass(eq=False)
class CellClass:
    """A class of RNN cells of one module: its TF1 kind, its name, and the settings that any cell of the module has."""

    kind: str
    name: str
    features: set[str] = field(default_factory=set)
    written: bool = False


@dataclass(eq=False)
class Context:
    """One native emission of a program."""

    modules: Mapping[str, Module]
    names: Mapping[str, Names]
    run: Interpreter
    units: Units
    plan: Plan
    edits: dict[str, Edits] = field(default_factory=dict)
    moves: dict[str, Moves] = field(default_factory=dict)
    rewritten: dict[str, Rewritten] = field(default_factory=dict)
    owned: set[ast.AST] = field(default_factory=set)  # names whose calls this level writes itself
    diagnostics: list[Diagnostic] = field(default_factory=list)
    imports: dict[str, set[str]] = field(default_factory=dict)
    optimizers: dict[Optimizer, str] = field(default_factory=dict)
    steps: dict[Variable, str] = field(default_factory=dict)  # a global step that became an optimizer's iterations
    taken: set[str] = field(default_factory=set)
    iterators: dict[DataIterator, IteratorForm] = field(default_factory=dict)
    handed: set[ast.AST] = field(default_factory=set)  # results that are datasets now, not elements of iterators
    rates: dict[Optimizer, ast.expr] = field(default_factory=dict)  # learning rates that each step assigns
    built: dict[Optimizer, Statement] = field(default_factory=dict)  # where slots are made before they are used
    unbuilt: list[tuple[Object, ast.AST, str]] = field(default_factory=list)
    wanted_early: set[Object] = field(default_factory=set)  # models whose variables are listed outside of functions
    exact: set[Layer] = field(default_factory=set)  # batch norms that correct their moving variance
    fused: str = ""  # the name of the class that does
    corrected: set[str] = field(default_factory=set)  # the modules that have it
    # Momentum optimizers whose rate changes: the module and the class of each.
    momentums: dict[Optimizer, tuple[str, str]] = field(default_factory=dict)
    weights: set[ast.AST] = field(
        default_factory=set
    )  # what was called to make variables that are weights of models now
    rnns: dict[Layer, RnnForm] = field(default_factory=dict)  # what is asked of each RNN
    cells: dict[tuple[str, str], CellClass] = field(default_factory=dict)  # by module and variant
    both_ways: dict[tuple[str, bool], CellClass] = field(
        default_factory=dict
    )  # the bidirectional layer of a module, for cells whose state is one tensor or several
    idle: set[ast.stmt] = field(default_factory=set)  # statements that a layer leaves nothing to do
    sequences: dict[ast.Call, ast.expr] = field(default_factory=dict)  # what an RNN reads in place of a list of steps
    fed: set[Value] = field(default_factory=set)  # tensors that some run feeds
    dense: set[Optimizer] = field(default_factory=set)  # whose gradients of embeddings are made dense
    classes: dict[FunctionModel | BlockModel, str] = field(default_factory=dict)
    objects: dict[Object, str] = field(default_factory=dict)  # the expression that reaches each
    attributes: dict[Member, str] = field(default_factory=dict)  # of the objects that hold them
    given: dict[FunctionModel, list[str]] = field(default_factory=dict)  # the names of what objects are handed
    leaves: dict[Member, str] = field(default_factory=dict)  # what Keras is told that they are called
    loaded: dict[ast.AST | None, str] = field(default_factory=dict)  # the functions of graphs that were read from files
    specs: dict[FunctionPlan, str] = field(default_factory=dict)  # the names of what signatures of SavedModels take
    messages: dict[ast.AST | None, str] = field(default_factory=dict)  # what their .meta files hold
    saved: dict[str, str] = field(default_factory=dict)  # TF1 name of what checkpoints hold -> its key in them
    name_scopes: dict[ast.AST, ast.expr] = field(default_factory=dict)  # with blocks that stay, with their names
    written_out: list[tuple[Frame, str, ast.stmt]] = field(default_factory=list)  # lists that methods say themselves
    promoted: dict[tuple[Frame, str], str] = field(default_factory=dict)  # names of methods that are attributes now
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    checkpoints: dict[tuple[Frame, str], str] = field(default_factory=dict)  # by what they hold
    loops: dict[DataIterator, ast.While] = field(
        default_factory=dict
    )  # iterators of which a loop over the dataset is left
    writers: dict[Monitored, tuple[str, str]] = field(default_factory=dict)  # the names of writers and of first steps
    estimator_writers: dict[Estimator, str] = field(default_factory=dict)
    recordings: dict[Run, str] = field(default_factory=dict)  # the head of the block that writes a run's own summaries
    emptied: dict[ast.stmt, ast.stmt] = field(default_factory=dict)  # model functions that go, and where to
    trainings: dict[BlockModel, ast.expr] = field(default_factory=dict)  # what says whether its layers train
    metrics: dict[Metric, str] = field(default_factory=dict)  # the name of each metric of an evaluation
    datasets: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # what a name of an input function became, by path
    elements: dict[DataIterator, str] = field(default_factory=dict)  # the name that such a loop gives an element
    watched: dict[Fetched, str] = field(default_factory=dict)  # the names of what only hooks fetch
    late: list[tuple[Moves, ast.stmt, Callable[[], str]]] = field(
        default_factory=list
    )  # texts that need every other edit

    initializing: dict[tuple[Frame, tuple[Variable, ...]], str] = field(
        default_factory=dict
    )  # what starts variables again
    initial: dict[Variable, list[Part]] = field(default_factory=dict)  # the expressions of initial values
    unsafe: Collection[str] = ()  # codes of what may be written though it may not mean the same
    helpers: frozenset[str] = frozenset()  # modules without TensorFlow: nothing may have to change there

    def __post_init__(self) -> None:
        for path, module in self.modules.items():
            self.edits[path] = Edits(module)
            self.moves[path] = Moves()
            self.imports[path] = set()
            for node in ast.walk(module.tree):
                for child in ast.iter_child_nodes(node):
                    self.parents[child] = node
                if isinstance(node, ast.Name):
                    self.taken.add(node.id)
                elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    self.taken.add(node.name)
                elif isinstance(node, ast.arg):
                    self.taken.add(node.arg)

    def module(self, statement: Statement) -> Module:
        return statement.frame.module

    def edits_of(self, statement: Statement) -> Edits:
        return self.edits[statement.frame.module.path]

    def moves_of(self, statement: Statement) -> Moves:
        return self.moves[statement.frame.module.path]

    def tf(self, path: str) -> str:
        """How a module spells TensorFlow; asks for the import where it does not."""
        spelt = [
            found.bound for found in self.names[path].imports if found.name == "" and found.bound != "*" and found.top
        ]
        if spelt:
            return "tf" if "tf" in spelt else spelt[0]
        self.imports[path].add("import tensorflow as tf")
        return "tf"

    def own(self, node: ast.AST) -> None:
        """Everything below a node is this level's business: it goes, or is written anew."""
        self.owned.update(ast.walk(node))

    def fresh(self, name: str, free: Iterable[str] = ()) -> str:
        """A name that the program does not use; names in `free` are about to go."""
        candidate, count = name, 2
        while candidate in self.taken and candidate not in free:
            candidate, count = f"{name}_{count}", count + 1
        self.taken.add(candidate)
        return candidate

    def need(self, path: str, name: str, line: str) -> None:
        """Asks for a module under its own name, which must be free for it."""
        bound = self.run.module_frames[path].bindings.get(name)
        module = bound.value.name if bound is not None and isinstance(bound.value, ImportedModule) else ""
        wanted = f"absl.{name}" if "absl" in line else name
        if name in self.taken and module != wanted:
            tree = self.modules[path].tree
            raise self.stop(f"the name `{name}`, which is taken and would be needed", tree.body[0], path)
        self.imports[path].add(line)

    def note(self, symbol: str, code: str, message: str, node: ast.AST, path: str) -> None:
        """A diagnostic of the emitter."""
        self.diagnostics.append(Diagnostic(symbol, code, message, path, node.lineno, node.col_offset))  # type: ignore[attr-defined]

    def interface(self, what: str, node: ast.AST, path: str) -> None:
        """Tells of a function that is called otherwise now, where other files than those that were read may call it."""
        if path != self.run.entry:
            message = f"{what}: every call in these files is changed, one from elsewhere must be changed by hand"
            self.note("changed-interface", "TFM919", message, node, path)

    def stop(self, message: str, node: ast.AST, path: str) -> Undecided:
        return Undecided(message, node, path)

    def stop_run(self, run: Run, message: str) -> Undecided:
        """Why an execution keeps the program from the native level."""
        assert run.statement is not None
        return self.stop(message, run.execution.node, run.statement.frame.module.path)

    def unreached(self, what: str, node: ast.AST, frame: Frame) -> Undecided:
        """A variable that the names of a function that ran things do not reach: its caller's might, were it written there."""
        return ToWriteOut(f"{what}, which no name of the program reaches", node, frame)

    def indent(self, path: str) -> str:
        return text.indentation(self.modules[path])

    def schedule_value(self, schedule: Schedule, text: str, node: ast.AST, path: str) -> str:
        """A learning rate from a schedule, as the tensor that it was."""
        for optimizer, name in self.optimizers.items():
            if optimizer.values.get("learning_rate") is schedule:
                return f"{text}({name}.iterations)"
        raise self.stop("a schedule that is no optimizer's learning rate", node, path)

    # -- values ---------------------------------------------------------------------------------------------------------

    @property
    def models(self) -> Models:
        return self.plan.models

    def reach(self, value: GraphValue, frame: Frame, at: int | None = None, hidden: Container[str] = ()) -> str | None:
        """The expression by which a frame's names reach a variable (or another object that stays), None if none does.

        `hidden` are names of lists that are just being written.
        """
        if value in self.units.twins.same:
            return self._through_twin(value, frame)
        if isinstance(value, Variable) and value in self.steps:
            return self.steps[value]
        if isinstance(value, Variable) and value.average is not None:
            keeper, variable = (self.reach(one, frame, at) for one in value.average)
            return f"{keeper}.average({variable})" if keeper and variable else None
        made = self.models.owner(value) if isinstance(value, Variable) else None
        if made is not None and isinstance(value, Variable):
            text = self.of_object(made, frame)
            if value.layer is None:
                return f"{text}.{self.attributes[value]}{made.place(value)}"
            if made.bare:
                return f"{text}.{weight_access(value)}"
            return f"{text}.{self.attributes[value.layer]}{made.place(value.layer)}.{weight_access(value)}"
        current: Frame | None = frame
        while current is not None:
            bound = self._bound(current, at)
            direct = next((name for name, held in bound.items() if held is value), None)
            if direct is not None:
                return direct
            current = current.parent
        held_by = self._through_object(value, frame)
        if held_by is not None:
            return held_by
        current = frame
        while current is not None:
            for name, held in self._bound(current, at).items():
                found = _inside(name, held, value) if name not in hidden else None
                if found is not None:
                    return found
            current = current.parent
        return None

    def _through_twin(self, value: GraphValue, frame: Frame) -> str | None:
        """What the first object of a class has, as a frame's names reach it of another one."""
        one = owner_of(value)
        first = self.units.twins.of(one)
        inner = self.reach(self.units.twins.same[value], first.frame) if first is not None else None
        prefix = objects.reach(frame, one, sure=True) if one is not None else None
        if not inner or not prefix or not inner.startswith("self."):
            return None
        return prefix + inner.removeprefix("self")

    def _through_object(self, value: GraphValue, frame: Frame) -> str | None:
        """The attribute of another object that holds a value, as a frame's names reach it."""
        one = objects.holder(self.run, self.steps, value)
        if one is None or one is objects.owner(frame):
            return None
        inner, prefix = self.reach(value, one.frame), objects.reach(frame, one)
        if not inner or not prefix or not inner.startswith("self."):
            return None
        return prefix + inner.removeprefix("self")

    def of_object(self, made: Object, frame: Frame) -> str:
        """The expression by which a frame's names reach a model; one of an object's own is an attribute of the object."""
        text, one = self.objects[made], objects.owner(made.frame)
        if not text.startswith("self.") or one is None or one is objects.owner(frame):
            return text
        prefix = objects.reach(frame, one)
        return f"{prefix}{text.removeprefix('self')}" if prefix is not None else text

    def _bound(self, frame: Frame, at: int | None) -> dict[str, Value]:
        """What the names of a frame mean: at its end, or where a statement of that index stands."""
        if at is None:
            return {name: binding.value for name, binding in frame.bindings.items()}
        found = dict(frame.arguments)
        for statement in self.run.statements:
            if statement.frame is frame and statement.index <= at:
                found.update(statement.writes)
        return found

    def variables(
        self, variables: list[Variable], frame: Frame, node: ast.AST, inside: bool = False, at: int | None = None
    ) -> str:
        """A list expression of variables, whole containers spread out where all of their variables are in it."""
        parts: list[str] = []
        left = list(variables)
        while left:
            variable = left[0]
            if variable in self.units.twins.same:
                one = owner_of(variable)
                its = [other for other in left if other in self.units.twins.same and owner_of(other) is one]
                parts.extend(self._of_twin(its, frame, node))
                left = [other for other in left if other not in its]
                continue
            made = self.models.owner(variable)
            if made is not None:
                parts.append(self._weights(made.root, left, frame))
                if not inside:
                    self.wanted_early.add(made.root)
                mine = set(made.root.weights())
                left = [one for one in left if one not in mine]
                continue
            holder = self._container(variable, left, frame, at, node)
            if holder is not None:
                parts.append(holder[0])
                left = [one for one in left if one not in holder[1]]
                continue
            found = self.reach(variable, frame, at, _written(node, frame))
            if found is None:
                raise self._unreached_variable(variable, node, frame)
            parts.append(found)
            left = left[1:]
        if len(parts) > 1 and all(part.startswith("*") and part.endswith("_variables") for part in parts):
            return " + ".join(part[1:] for part in parts)
        if len(parts) == 1 and parts[0].startswith("*"):
            return f"list({parts[0][1:]})" if parts[0].endswith(".values()") else parts[0][1:]
        return "[" + ", ".join(parts) + "]"

    def _unreached_variable(self, variable: Variable, node: ast.AST, frame: Frame) -> Undecided:
        """Why no name reaches a variable: perhaps the one that it had means another variable by now."""
        why = self.unreached(f"the variable {variable.name}", node, frame)
        maker = variable.chain[-1]
        for name, value in maker.writes.items():
            binding = maker.frame.bindings.get(name)
            if value is variable and binding is not None and isinstance(binding.value, Variable):
                if binding.value is not variable:
                    return ToRename(str(why), node, maker.frame, name)
        return why

    def _of_twin(self, variables: list[Variable], frame: Frame, node: ast.AST) -> list[str]:
        """The parts of a list of variables that another object of a class has: as the first's, reached through that one."""
        one = owner_of(variables[0])
        first = self.units.twins.of(one)
        prefix = objects.reach(frame, one, sure=True) if one is not None else None
        if first is None or prefix is None:
            raise self.stop("variables of an object that no name reaches", node, frame.module.path)
        text = self.variables([self.units.twins.variable(each) for each in variables], first.frame, node)
        own = [part.lstrip("*").startswith("self.") for part in re.split(r", | \+ ", text.strip("[]"))]
        if not all(own):
            raise self.stop("variables of an object that none of its attributes reaches", node, frame.module.path)
        text = re.sub(r"\bself\b", prefix, text)
        return [text[1:-1]] if text.startswith("[") else [f"*{part}" for part in text.split(" + ")]

    def _weights(self, made: Object, wanted: list[Variable], frame: Frame) -> str:
        """The wanted variables of one model: all of it, or what is trained of it, or of the models that it holds."""
        everything = list(made.weights())
        mine = [one for one in wanted if one in everything]
        if not made.shares and set(mine) == {one for one in everything if one.trainable}:
            return f"*{self.of_object(made, frame)}.trainable_variables"
        if (
            not made.shares
            and set(mine) == set(everything)
            and not any(layer.cls == "Dropout" for inner in made.within() for layer in inner.layers)
        ):
            return f"*{self.of_object(made, frame)}.variables"
        parts: list[str] = []
        for member in made.members:
            if isinstance(member, Object):
                if any(one in mine for one in member.weights()):
                    parts.append(self._weights(member, mine, frame))
            else:
                own = [member] if isinstance(member, Variable) else member.weights
                parts.extend(self.reach(one, frame) or "" for one in own if one in mine)
        return ", ".join(parts)

    def check_built(self) -> None:
        """A model whose input's shape is not known makes its variables at its first call: nothing may want them before."""
        for made, node, path in self.unbuilt:
            if made in self.wanted_early:
                raise self.stop("a model whose variables are wanted before the shape of its input is known", node, path)

    def owner(self, variable: Variable, frame: Frame) -> tuple[str, list[Value]] | None:
        """The name that holds a variable, itself or in a list or dict, and the variables that it holds."""
        made = self.models.owner(variable)
        if made is not None:
            return self.of_object(made.root, frame), list(made.root.weights())
        current: Frame | None = frame
        while current is not None:
            for name, binding in current.bindings.items():
                if binding.value is variable:
                    return name, [variable]
            current = current.parent
        current = frame
        while current is not None:
            for name, binding in current.bindings.items():
                value = binding.value
                members = (
                    value.items if isinstance(value, Sequence) else value.values if isinstance(value, Dict) else []
                )
                if any(one is variable for one in members) and all(isinstance(one, Variable) for one in members):
                    if not isinstance(value, Dict) or all(
                        isinstance(key, Known) and isinstance(key.value, str) for key in value.keys
                    ):
                        return name, members
            current = current.parent
        found = self._through_object(variable, frame)
        return (found, [variable]) if found is not None else None

    def _container(
        self, variable: Variable, wanted: list[Variable], frame: Frame, at: int | None, node: ast.AST
    ) -> tuple[str, list[Value]] | None:
        """The name of a list or dict of variables that are all wanted; not the one that is being written."""
        current: Frame | None = frame
        while current is not None:
            bound = self._bound(current, at)
            for name in _written(node, current):
                bound.pop(name, None)
            if any(value is variable for value in bound.values()):
                return None
            for name, value in bound.items():
                members = (
                    value.items if isinstance(value, Sequence) else value.values if isinstance(value, Dict) else []
                )
                if len(members) > 1 and any(one is variable for one in members):
                    if all(any(one is other for other in wanted) for one in members):
                        suffix = ".values()" if isinstance(value, Dict) else ""
                        return f"*{name}{suffix}", members
            current = current.parent
        return None


def _written(node: ast.AST, frame: Frame) -> set[str]:
    """The names of the lists that a node is being written for."""
    return {
        name
        for name, binding in frame.bindings.items()
        if isinstance(binding.value, Sequence)
        and any(isinstance(one.node, ast.Assign) and _holds(one.node.value, node) for one in binding.makers)
    }


def _holds(outer: ast.AST, node: ast.AST) -> bool:
    return any(part is node for part in ast.walk(outer))


def _inside(prefix: str, holder: Value, value: Value) -> str | None:
    if isinstance(holder, Sequence):
        for index, item in enumerate(holder.items):
            if item is value:
                return f"{prefix}[{index}]"
            found = _inside(f"{prefix}[{index}]", item, value) if isinstance(item, (Sequence, Dict)) else None
            if found is not None:
                return found
    if isinstance(holder, Dict):
        for key, item in zip(holder.keys, holder.values, strict=True):
            if not isinstance(key, Known):
                continue
            place = f"{prefix}[{quoted(key.value)}]"
            if item is value:
                return place
            found = _inside(place, item, value) if isinstance(item, (Sequence, Dict)) else None
            if found is not None:
                return found
    return None


def quoted(value: object) -> str:
    """A literal as the house style writes it: strings in double quotes."""
    if isinstance(value, str) and '"' not in value and "\\" not in value and value.isprintable():
        return f'"{value}"'
    return repr(value)
