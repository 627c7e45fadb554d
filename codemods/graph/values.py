"""What the interpreter computes with: host values, as far as they are known, and the TF1 graph's own objects.

A graph value remembers where it was made (`chain`: the statement of each active frame, outermost first) and what it
depends on. Values are single-assignment; names are bindings to them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import Frame, GraphState, Statement

Shape = tuple[int | None, ...] | None


@dataclass(eq=False)
class Value:
    """Anything an expression can mean. A plain `Value` is a host value that nothing is known of."""


@dataclass(eq=False)
class Foreign(Value):
    """What code outside the program gave: for all that is known, a tensor, with variables behind it."""

    source: str


UNKNOWN = (Value, Foreign)


class Array(Value):
    """A NumPy array (or a scalar of one) with unknown contents."""


@dataclass(eq=False)
class Known(Value):
    """A host number, string, bool, None or bytes."""

    value: Any


@dataclass(eq=False)
class Sequence(Value):
    """A list or tuple with known items; lists are mutable, so statements share the object."""

    items: list[Value]
    kind: str = "list"


@dataclass(eq=False)
class StateTuple(Sequence):
    """The state of an LSTM: TF1's named tuple of `c` and `h`."""

    kind: str = "tuple"

    def named(self, name: str) -> Value | None:
        """The part that an attribute of the tuple means."""
        return self.items["ch".index(name)] if name in {"c", "h"} else None


@dataclass(eq=False)
class Dict(Value):
    """A dict with known keys. `nodes` has the expression of each value, `keys` the key values in order."""

    keys: list[Value] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    nodes: list[ast.expr | None] = field(default_factory=list)
    made: tuple[Statement, ...] = ()
    open: bool = False  # something unknown was stored, too

    def find(self, key: Value) -> int | None:
        for index, known in enumerate(self.keys):
            if known is key or (isinstance(known, Known) and isinstance(key, Known) and same(known, key)):
                return index
        return None

    def store(self, key: Value, value: Value, node: ast.expr | None) -> None:
        place = self.find(key)
        if place is None:
            self.keys.append(key)
            self.values.append(value)
            self.nodes.append(node)
        else:
            self.values[place], self.nodes[place] = value, node


@dataclass(eq=False)
class TFName(Value):
    """A TensorFlow module, function or class, by its TF1 name without `tensorflow.`."""

    name: str


@dataclass(eq=False)
class Function(Value):
    """A function of the program (or a lambda) with the frame it closes over."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Frame
    bound: Value | None = None
    kind: str = ""  # of a method: "staticmethod", "classmethod", "property"

    @property
    def decorated(self) -> bool:
        return bool(getattr(self.node, "decorator_list", ()))


@dataclass(eq=False)
class Class(Value):
    node: ast.ClassDef
    frame: Frame
    attributes: dict[str, Value] = field(default_factory=dict)
    bases: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class Instance(Value):
    """An object of one of the program's classes. Its attributes are the bindings of its frame."""

    cls: Class
    frame: Frame


@dataclass(eq=False)
class Super(Value):
    """`super()` of an object, as seen from a method of a class."""

    cls: Class
    instance: Instance


@dataclass(eq=False)
class ImportedModule(Value):
    """A module outside TensorFlow, or something in one, by its full name; `spelt` is how the module `origin` imports it."""

    name: str
    spelt: str = ""
    origin: str = ""


@dataclass(eq=False)
class Method(Value):
    """A bound method of a value that the interpreter models."""

    owner: Value
    name: str


@dataclass(eq=False)
class TensorShape(Value):
    shape: Shape


@dataclass(eq=False)
class Partial(Value):
    """functools.partial over a callable."""

    function: Value
    arguments: list[Value]
    keywords: dict[str, Value]


# -- the graph ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class GraphValue(Value):
    """A node of the TF1 graph: `node` is the expression that made it, `inputs` what it is computed from."""

    node: ast.AST | None
    chain: tuple[Statement, ...]
    inputs: tuple[GraphValue, ...] = ()
    tf1_name: str = field(default="", kw_only=True)  # of its operation, where the source makes that certain
    arguments: dict[str, ast.expr] = field(default_factory=dict, kw_only=True)  # of the call, by TF1's parameter names
    graph: GraphState | None = field(default=None, kw_only=True, repr=False)
    _roots: frozenset[GraphValue] | None = field(default=None, kw_only=True, repr=False)

    @property
    def roots(self) -> frozenset[GraphValue]:
        """The placeholders, variables, random ops and iterators that the value depends on."""
        if self._roots is None:
            own = {self} if self.is_root else set()
            self._roots = frozenset(own.union(*(value.roots for value in self.inputs)))
        return self._roots

    def forget_roots(self) -> None:
        """One of the values that this one depends on has become a root."""
        self._roots = None

    @property
    def is_root(self) -> bool:
        return False

    @property
    def constant(self) -> bool:
        return not self.roots


@dataclass(eq=False)
class Tensor(GraphValue):
    op: str = ""
    shape: Shape = None
    dtype: str | None = None
    random: bool = False
    layer: Layer | None = None
    several: bool = False  # an op with several results, taken whole
    fed: bool = False  # an execution feeds it, though it is a constant
    elements: dict[int, Tensor] = field(default_factory=dict, repr=False)
    normalized: tuple[Normalized, ...] = ()  # the batch norms that the call of its layer applies

    @property
    def is_root(self) -> bool:
        return self.random or self.fed


@dataclass(eq=False)
class TensorArray(Tensor):
    """A tf.TensorArray, or what writing to one gave: it only lives where it was made."""

    @property
    def is_root(self) -> bool:
        return True


@dataclass(eq=False)
class Placeholder(Tensor):
    """What a run must feed, unless it has a default. A `handle` says which iterator a run draws from."""

    default: Value | None = None
    handle: bool = False
    sparse: bool = False

    @property
    def is_root(self) -> bool:
        return True


class SparseValue(Value):
    """A `tf.SparseTensorValue` that the program made."""


@dataclass(eq=False)
class Variable(Tensor):
    """`name` is the full TF1 name. `layer` is set for a weight that a layer made."""

    name: str = ""
    trainable: bool = True
    maker: str = "Variable"
    explicit: bool = False  # the source gives its name, and no scope changes it
    initial: tuple[GraphValue, ...] = ()  # what its initial value is computed from
    scope_initializer: ast.expr | None = None  # what the variable scope around get_variable gives
    found: list[Found] = field(default_factory=list)  # the get_variable calls that found it again
    attribute: str = ""  # of a layer's weight: what Keras calls it, where that is not the last part of its name
    regularized: bool = False
    implicit: bool = False  # made by a call that is about something else
    average: tuple[MovingAverage, Variable] | None = None  # whose moving average it is, and of which variable

    @property
    def leaf(self) -> str:
        """What Keras calls a layer's weight."""
        return self.attribute or self.name.rpartition("/")[2]

    @property
    def is_root(self) -> bool:
        return True


@dataclass(frozen=True)
class Found:
    """A call that found a variable: `order` is its place in the order of evaluation (see Frame.order)."""

    node: ast.Call
    chain: tuple[Statement, ...]
    order: tuple[int, int]


@dataclass(eq=False)
class Layer(GraphValue):
    """One tf.layers layer: `cls` its Keras class, `name` its full TF1 name, `call` the expression that made it."""

    cls: str = ""
    name: str = ""
    weights: list[Variable] = field(default_factory=list)
    sites: list[ast.Call] = field(default_factory=list)
    nodes: dict[ast.Call, dict[str, ast.expr]] = field(default_factory=dict)  # each call's arguments
    values: dict[ast.Call, dict[str, Value | None]] = field(default_factory=dict)
    updates: bool = False  # it has update ops
    fused: bool = False  # TF1 computes it by its fused kernel, where the rank allows it
    forced: bool = False  # it moves its averages wherever it is computed in training mode
    settings: dict[str, Setting] = field(default_factory=dict)  # of a contrib layer: what its constructor is given
    calls: dict[ast.Call, dict[str, Setting]] = field(default_factory=dict)  # ... and what each of its calls is given
    parts: list[Layer] = field(default_factory=list)  # the layers that one call applies besides, in order
    cells: tuple[Cell, ...] = ()  # of an RNN: its cell, or those that run forward and backward

    @property
    def of_contrib(self) -> bool:
        return bool(self.calls or self.parts)

    @property
    def every(self) -> list[Layer]:
        """The layer itself, if it is more than its parts, and all of its parts."""
        return [*([self] if self.cls else []), *(one for part in self.parts for one in part.every)]


@dataclass(eq=False)
class Cell(GraphValue):
    """An RNN cell: `kind` is the TF1 class's name. Its weights come with its first call, under the scope of that call."""

    kind: str = ""
    values: dict[str, Value] = field(default_factory=dict)  # what the constructor was given
    inner: tuple[Cell, ...] = ()  # the cells of a MultiRNNCell, or the one that is wrapped
    scope: str = ""  # the full TF1 name of what holds its weights
    initializer: ast.expr | None = None  # what the variable scope around its first call gives


@dataclass(eq=False)
class Setting:
    """An argument of a contrib layer, from its call or from an arg_scope: an expression (`node`), or a default of TF1 (`text`).

    `replaced` are names within the expression that mean nothing where the layer is called: a value to be written out, or
    the expression that they stand for.
    """

    value: Value
    node: ast.expr | None = None
    path: str = ""  # the module that the expression stands in
    text: str = ""  # with {tf} for TensorFlow
    replaced: dict[ast.Name, Value | ast.expr] = field(default_factory=dict)
    meant: tuple[Value, ...] = ()  # what the names in it meant


@dataclass(frozen=True, eq=False)
class Normalized:
    """One use of a batch norm: over a tensor of which shape, in which mode, and whether TF1 takes its fused kernel."""

    layer: Layer
    shape: Shape
    training: Value | None
    fused: bool


@dataclass(eq=False)
class Initializer(Value):
    """An initializer of variables; `kind` is "glorot" or "zeros", where it is just that; `drawn`: it gives random numbers."""

    kind: str = ""
    drawn: bool = False


@dataclass(eq=False)
class Regularizer(Value):
    """contrib's l1_regularizer or l2_regularizer. One whose scale is 0 is none."""

    scale: Value
    nothing: bool = False


@dataclass(frozen=True)
class Slot:
    """A variable that an optimizer made for one of the program's (None: for itself). `kind` is TF1's word for it ("m")."""

    name: str
    kind: str
    variable: Variable | None


@dataclass(eq=False)
class Optimizer(GraphValue):
    """`name` is the TF1 class's name without its module, `values` what the constructor was given."""

    name: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    scope: str = ""
    slots: dict[tuple[str, Variable | None], Slot] = field(default_factory=dict)


@dataclass(eq=False)
class Schedule(Tensor):
    """A learning rate computed from global_step."""

    name: str = ""
    call: ast.Call | None = None
    step: Value | None = None


@dataclass(eq=False)
class Gradients(GraphValue):
    """The result of compute_gradients (`pairs`) or tf.gradients of `loss` with regard to `variables`."""

    loss: Value | None = None
    variables: list[Value] = field(default_factory=list)
    pairs: bool = False
    optimizer: Optimizer | None = None
    explicit: bool = False
    single: bool = False  # tf.gradients with regard to one tensor, not a list


@dataclass(eq=False)
class Op(GraphValue):
    """Something run for its effect; fetching it gives None."""


@dataclass(eq=False)
class TrainOp(Op):
    """minimize (`loss` set) or apply_gradients (`gradients` set). Fetching slim's gives the loss (`gives_loss`)."""

    optimizer: Optimizer | None = None
    loss: Value | None = None
    variables: list[Variable] = field(default_factory=list)
    explicit: bool = False  # var_list was given
    gradients: Value | None = None
    global_step: Value | None = None
    slots: tuple[Slot, ...] = ()  # all that the optimizer has by then
    gives_loss: bool = False
    checked: bool = False  # a loss that is no number is an error


@dataclass(eq=False)
class Assign(Tensor):
    """An assignment to a variable; fetching it gives the assigned value."""

    variable: Variable | None = None
    value: Value | None = None
    how: str = "assign"


@dataclass(eq=False)
class MovingAverage(GraphValue):
    """A tf.train.ExponentialMovingAverage, with the variables that it keeps for the program's."""

    values: dict[str, Value] = field(default_factory=dict)
    name: str = "ExponentialMovingAverage"
    shadows: dict[Variable, Variable] = field(default_factory=dict)


@dataclass(eq=False)
class AverageOp(Op):
    """What moves averages on. `explicit`: it was told of which variables; `first`: of some there was no average before."""

    keeper: MovingAverage | None = None
    variables: list[Variable] = field(default_factory=list)
    explicit: bool = False
    first: bool = False


@dataclass(eq=False)
class Group(Op):
    members: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class Init(Op):
    """Initializer of variables (None: of all there are when it was made)."""

    variables: list[Variable] = field(default_factory=list)
    local: bool = False
    every: bool = False  # of all variables that there are, slots of optimizers among them
    metrics: list[Metric] = field(default_factory=list)  # those whose local variables it sets to their start


@dataclass(eq=False)
class UpdateOps(Op):
    """The batch-norm update ops that a collection gave."""

    layers: list[Layer] = field(default_factory=list)


@dataclass(eq=False)
class Summary(Tensor):
    """A summary op or a merge of several; `members` of a merge."""

    kind: str = ""
    tag: str = ""
    members: list[Summary] = field(default_factory=list)


@dataclass(eq=False)
class Writer(GraphValue):
    pass


@dataclass(eq=False)
class Saver(GraphValue):
    variables: list[Variable] = field(default_factory=list)
    explicit: bool = False
    keywords: dict[str, ast.expr] = field(default_factory=dict)


@dataclass(eq=False)
class Session(GraphValue):
    """A session, whichever its class."""


@dataclass(eq=False)
class LoadedGraph(GraphValue):
    """A graph that was read from a file: `form` is what the file holds (graph_def, meta_graph, saved_model)."""

    form: str = ""
    elements: bool = False  # the call gives some of the graph's tensors


@dataclass(eq=False)
class LoadedTensor(GraphValue):
    """A tensor (or an operation) of a graph that was read from a file; its name may not be known."""

    source: LoadedGraph | None = None
    operation: bool = False
    signature: SignaturePart | None = None  # where a SavedModel's signature gives its name


@dataclass(eq=False)
class SignaturePart(Value):
    """A SavedModel's `signature_def[key].inputs[name].name`, or the beginning of it: `steps` are key, side, name, "name"."""

    source: LoadedGraph
    steps: tuple[str, ...] = ()
    key: ast.expr | None = None


@dataclass(eq=False)
class LoadedOutputs(Value):
    """The results of an operation of a loaded graph, by their numbers."""

    source: LoadedGraph


@dataclass(eq=False)
class LoadedShape(Value):
    """The static shape of a loaded tensor, or a part of it: known when the program runs."""


@dataclass(eq=False)
class MonitoredSession(Session):
    """A session that initializes and restores itself, and runs hooks: `name` is its TF1 class, `values` what it was given."""

    name: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    hooks: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class Hook(GraphValue):
    """One of TF1's own session hooks: `name` is its class, `values` what it was given."""

    name: str = ""
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Estimator(GraphValue):
    """An Estimator over a function of the program. Its modes share one graph here: the checkpoint carried the variables over."""

    model_fn: Function | None = None
    values: dict[str, Value] = field(default_factory=dict)
    specs: dict[str, Spec] = field(default_factory=dict)  # what the function gave in each mode


@dataclass(eq=False)
class Spec(Value):
    """An EstimatorSpec: `chain` leads to the statement that made it."""

    nodes: dict[str, ast.expr] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    chain: tuple[Statement, ...] = ()


@dataclass(eq=False)
class InputFn(Value):
    """What numpy_input_fn gives: a function that feeds arrays."""

    node: ast.Call
    nodes: dict[str, ast.expr] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Feature(Tensor):
    """What an input function hands to a model function, by the name of its parameter."""

    name: str = ""

    @property
    def is_root(self) -> bool:
        return True


@dataclass(eq=False)
class Metric(Op):
    """One of tf.metrics and its update; `values` is what it was given, `scope` where its local variables are named from."""

    name: str = ""
    scope: str = ""
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False)
class Counted(Tensor):
    """What a metric counted so far, or (`updating`) the op that counts more and gives it."""

    metric: Metric | None = None
    updating: bool = False

    @property
    def is_root(self) -> bool:
        return True


@dataclass(eq=False)
class MetricVariables(GraphValue):
    """The local variables of a metric, which the graph hands out for an initializer."""

    metric: Metric | None = None


@dataclass(eq=False)
class Config(Value):
    """A ConfigProto or RunOptions, or a part of one: it goes with the session."""

    chain: tuple[Statement, ...] = ()


@dataclass(eq=False)
class Dataset(GraphValue):
    components: Value | None = None
    endless: bool = False  # it repeats without an end
    shuffles: tuple[Dataset, ...] = ()  # those on the way to it that a seed shuffles
    mixed: bool = False  # it repeats what a seed shuffled


@dataclass(eq=False)
class DataIterator(GraphValue):
    """A tf.data iterator (one-shot or initializable) over one dataset, or over whichever it is initialized with (none here)."""

    dataset: Dataset | None = None
    one_shot: bool = False
    handle: Placeholder | None = None  # it stands for the iterator whose handle is fed
    stage: Stage | None = None  # a pipeline of queues, of which a dataset is made
    initializer: IteratorInit | None = None
    draws: list[Tensor] = field(default_factory=list)

    @property
    def is_root(self) -> bool:
        return True


@dataclass(eq=False)
class Queue(GraphValue):
    """What an input producer fills: `name` is the producer's, `values` what it was given."""

    name: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    taken: bool = False  # something takes from it


@dataclass(eq=False)
class Reader(GraphValue):
    """A reader of files: `name` is its TF1 class."""

    name: str = ""


@dataclass(eq=False)
class Stage:
    """A step of a pipeline of queues. `kind`: slices, dequeue or read (from `queue`), batch or shuffle_batch (from `before`)."""

    kind: str
    queue: Queue | None = None
    reader: Reader | None = None
    before: DataIterator | None = None
    fetches: Value = field(default_factory=Value)  # what is computed for each example
    arguments: dict[str, ast.expr] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    taken: bool = False  # a batch takes from it
    key: Tensor | None = None  # of a record that is read
    value: Tensor | None = None

    @property
    def batched(self) -> bool:
        return self.before is not None


@dataclass(eq=False)
class Coordinator(GraphValue):
    """What stops the threads that fill queues."""


@dataclass(eq=False)
class Threads(GraphValue):
    """The threads that fill queues."""


@dataclass(eq=False)
class StringHandle(GraphValue):
    """`iterator.string_handle()`: what a run gives, and others are fed, to say which iterator they draw from."""

    iterator: DataIterator | None = None


@dataclass(eq=False)
class FetchedHandle(Value):
    """The string that stands for an iterator."""

    iterator: DataIterator


@dataclass(eq=False)
class IteratorInit(Op):
    """The initializer of an iterator; `source` is the dataset's expression where make_initializer was given one."""

    iterator: DataIterator | None = None
    source: ast.expr | None = None
    dataset: Dataset | None = None


@dataclass(eq=False)
class Graph(Value):
    """A tf.Graph: `scopes` and counters live in the interpreter's state of it."""

    state: Any = None


@dataclass(eq=False)
class Scope(Value):
    """A variable scope that `with … as scope` bound, or a name scope's string."""

    name: str
    variable: bool = True


def same(one: Known, two: Known) -> bool:
    return type(one.value) is type(two.value) and bool(one.value == two.value)


def flatten(value: Value) -> Iterator[Value]:
    """The leaves of nested sequences and dicts."""
    if isinstance(value, Sequence):
        for item in value.items:
            yield from flatten(item)
    elif isinstance(value, Dict):
        for item in value.values:
            yield from flatten(item)
    else:
        yield value


def graph_values(value: Value) -> list[GraphValue]:
    """The graph values among the leaves."""
    return [leaf for leaf in flatten(value) if isinstance(leaf, GraphValue)]


def is_none(value: Value | None) -> bool:
    """Whether a value is known to be None."""
    return isinstance(value, Known) and value.value is None


def is_absent(value: Value | None) -> bool:
    """Whether an argument is not given, or None."""
    return value is None or is_none(value)
