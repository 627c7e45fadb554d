"""Evaluates expressions to values. One function for each kind of node; calls go to `calls`, TensorFlow's to `tensorflow`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from . import asked, cells, dtypes, host, instances, own_layers, shapes
from .frames import Frame
from .interpreter import Interpreter
from .sparse import PARTS
from .values import (
    UNKNOWN,
    Array,
    Cell,
    Class,
    Config,
    DataIterator,
    Dict,
    Foreign,
    Function,
    Graph,
    GraphValue,
    ImportedModule,
    Init,
    Instance,
    Known,
    LoadedGraph,
    LoadedOutputs,
    LoadedShape,
    LoadedTensor,
    Method,
    Placeholder,
    Sequence,
    Session,
    SignaturePart,
    SparseValue,
    StateTuple,
    Super,
    Tensor,
    TensorShape,
    TFName,
    Value,
    Variable,
    graph_values,
)

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# The constants of tf.estimator.ModeKeys are strings.
MODES = {
    f"{module}.ModeKeys.{key}": value
    for module in ("estimator", "contrib.learn")
    for key, value in (("TRAIN", "train"), ("EVAL", "eval"), ("PREDICT" if module == "estimator" else "INFER", "infer"))
}
FLAGS = ("app.flags.FLAGS.", "flags.FLAGS.")
MAX_KNOWN = 10_000  # characters or items that a known value may have


def evaluate(run: Interpreter, node: ast.expr) -> Value:
    """The value of an expression in the current frame."""
    run.step()
    name = run.frame.names.name_of(node)
    if name is not None:
        _note_reads(run, node)
        return run.mean(node, _tensorflow(name))
    handler = HANDLERS.get(type(node))
    if handler is None:
        return _unknown(run, node)
    return run.mean(node, handler(run, node))


def _tensorflow(name: str) -> Value:
    """What a name of TensorFlow means. A flag is a host value that only the command line knows."""
    if name in MODES:
        return Known(MODES[name])
    return Value() if name.startswith(FLAGS) else TFName(name)


def _note_reads(run: Interpreter, node: ast.expr) -> None:
    while isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        run.load(node.id)


def _unknown(run: Interpreter, node: ast.expr) -> Value:
    """An expression of a kind that is not modelled: its parts are evaluated for what they do."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(run, child)
    return Value()


def _constant(run: Interpreter, node: ast.Constant) -> Value:
    return Known(node.value)


def _name(run: Interpreter, node: ast.Name) -> Value:
    value = run.load(node.id)
    if value is not None:
        return value
    module = run.frame.module
    if node.id == "__name__" and module.path != run.entry:
        return Known(module.name)
    return host.builtin(node.id)


def _attribute(run: Interpreter, node: ast.Attribute) -> Value:
    return attribute(run, evaluate(run, node.value), node.attr, node)


def attribute(run: Interpreter, owner: Value, name: str, node: ast.expr) -> Value:
    """The value of `owner.name`."""
    if isinstance(owner, TFName):
        return _tensorflow(f"{owner.name}.{name}" if owner.name else name)
    if isinstance(owner, ImportedModule):
        return _of_module(run, owner, name)
    if isinstance(owner, Instance):
        layer = own_layers.of(run, owner)
        return own_layers.attribute(layer, name) if layer is not None else instances.attribute(run, owner, name, node)
    if isinstance(owner, Super):
        return instances.of_super(owner, name)
    if isinstance(owner, Class):
        found = instances.find(owner, name)
        if found is not None:
            return found
    if isinstance(owner, Config):
        return owner
    if isinstance(owner, own_layers.Base):
        return Method(owner, name)
    if isinstance(owner, Known) and name == "value" and isinstance(owner.value, int):
        return owner  # the size of a Dimension
    if isinstance(owner, LoadedGraph) and owner.form == "saved_model" and name == "signature_def":
        return SignaturePart(owner)
    if isinstance(owner, SignaturePart):
        step = {1: ("inputs", "outputs"), 3: ("name",)}.get(len(owner.steps), ())
        return SignaturePart(owner.source, (*owner.steps, name), owner.key) if name in step else Value()
    if isinstance(owner, LoadedShape) and name == "value":
        return Value()
    if isinstance(owner, GraphValue):
        return _graph_attribute(run, owner, name, node)
    if isinstance(owner, StateTuple) and (part := owner.named(name)) is not None:
        return part
    if isinstance(owner, SparseValue):
        return run.problem(node, "a part of a SparseTensorValue that is read")
    if isinstance(owner, Array) and name in host.ARRAY_VALUES:
        return Value()
    if isinstance(owner, (Known, Sequence, Dict, TensorShape, Array, Function)) or type(owner) in UNKNOWN:
        return Method(owner, name)
    return host.attribute(run, owner, name, node)


def _of_module(run: Interpreter, owner: ImportedModule, name: str) -> Value:
    """What a module binds, or a module of a package; a package's own modules are its attributes, whoever imported them."""
    path = run.linked(owner.origin, owner.spelt)
    inner = run.module_frames.get(path or "")
    if inner is not None and name in inner.bindings:
        return inner.bindings[name].value
    spelt = f"{owner.spelt}{'' if owner.spelt.endswith('.') else '.'}{name}"
    if path is not None and run.linked(owner.origin, spelt) is None and run.linked(path, f".{name}") is not None:
        return ImportedModule(f"{owner.name}.{name}", f".{name}", path)
    return ImportedModule(f"{owner.name}.{name}", spelt, owner.origin)


NAMED_RESULTS = {"nn.top_k": ("values", "indices"), "unique": ("y", "idx"), "unique_with_counts": ("y", "idx", "count")}


def _graph_attribute(run: Interpreter, owner: GraphValue, name: str, node: ast.expr) -> Value:
    if isinstance(owner, Placeholder) and owner.sparse and name in {"indices", "values", "dense_shape"}:
        return run.tensor(node, "element", (owner,), None, "int64" if name != "values" else owner.dtype)
    if isinstance(owner, Tensor):
        if name == "shape":
            return TensorShape(owner.shape)
        if name == "name" and isinstance(owner, Variable):
            return Known(owner.name + ":0")
        if owner.several and name in NAMED_RESULTS.get(owner.op, ()):
            return host.element(run, owner, NAMED_RESULTS[owner.op].index(name), node)
        if name == "op" and isinstance(owner, Variable):
            return host.VariableOp(owner)
        if name in {"dtype", "graph", "device"}:
            return Value()
        if name == "initializer" and isinstance(owner, Variable):
            return run.add(Init(node, run.chain, (), [owner]))
        if name == "T":
            return run.problem(node, "an attribute `T` of a tensor")
        if name in PARTS and not isinstance(owner, Variable):
            return run.tensor(node, f"part {name}", (owner,))
    if isinstance(owner, Cell) and name in {"state_size", "output_size"}:
        return cells.state_size(owner) if name == "state_size" else cells.output_size(owner)
    if isinstance(owner, DataIterator) and name == "initializer":
        return owner.initializer or Value()
    if isinstance(owner, Session) and name == "graph":
        return Graph(owner.graph or run.graph)
    if isinstance(owner, LoadedTensor):
        return _loaded_attribute(owner, name)
    return Method(owner, name)


OF_LOADED = frozenset({"name", "dtype", "op", "type", "inputs", "graph", "device", "node_def"})


def _loaded_attribute(owner: LoadedTensor, name: str) -> Value:
    """What a tensor or operation of a graph that was read from a file tells of itself."""
    if owner.operation and name == "outputs" and owner.source is not None:
        return LoadedOutputs(owner.source)
    if name == "shape":
        return LoadedShape()
    return Value() if name in OF_LOADED else Method(owner, name)


def _binary(run: Interpreter, node: ast.BinOp) -> Value:
    left, right = evaluate(run, node.left), evaluate(run, node.right)
    return binary(run, node, type(node.op), left, right)


def binary(run: Interpreter, node: ast.AST, kind: type, left: Value, right: Value) -> Value:
    """The value of a binary operation."""
    if isinstance(left, Known) and isinstance(right, Known):
        return _compute(kind, left.value, right.value)
    if isinstance(left, Sequence) and isinstance(right, Sequence) and kind is ast.Add and left.kind == right.kind:
        return Sequence([*left.items, *right.items], left.kind)
    if isinstance(left, Sequence) and isinstance(right, Known) and kind is ast.Mult and isinstance(right.value, int):
        if len(left.items) * right.value <= MAX_KNOWN:
            return Sequence(left.items * right.value, left.kind)
    inputs = (*graph_values(left), *graph_values(right))
    if inputs:
        for given in (left, right):
            if isinstance(given, Foreign):
                return host.foreign(run, given, node)
        shape = shapes.product(left, right) if kind is ast.MatMult else shapes.broadcast(left, right)
        return run.tensor(node, "operator", inputs, shape, dtypes.of_operator(kind, left, right))
    if kind is ast.Mod and isinstance(left, Known) and isinstance(left.value, str):
        return Value()
    if isinstance(left, Array) or isinstance(right, Array):
        return Array()
    return Value()


def _compute(kind: type, left: Any, right: Any) -> Value:
    if kind is ast.Pow:
        if isinstance(left, (int, float)) and isinstance(right, (int, float)) and abs(left) < 1e6 and abs(right) < 64:
            try:
                return Known(left**right)
            except ArithmeticError:
                return Value()
        return Value()
    function = OPERATORS.get(kind)
    if function is None or (kind is ast.Mult and (isinstance(left, str) or isinstance(right, str))):
        return Value()
    try:
        result = function(left, right)
    except (TypeError, ValueError, ArithmeticError, KeyError):
        return Value()
    if isinstance(result, (str, bytes)) and len(result) > MAX_KNOWN:
        return Value()
    return Known(result)


def _unary(run: Interpreter, node: ast.UnaryOp) -> Value:
    value = evaluate(run, node.operand)
    if isinstance(value, Known):
        try:
            if isinstance(node.op, ast.USub):
                return Known(-value.value)
            if isinstance(node.op, ast.Not):
                return Known(not value.value)
        except TypeError:
            return Value()
    if isinstance(node.op, ast.Not):
        truth = host.truth(value)
        return Known(not truth) if truth is not None else Value()
    if isinstance(value, GraphValue):
        return run.tensor(node, "operator", (value,), getattr(value, "shape", None), getattr(value, "dtype", None))
    return Array() if isinstance(value, Array) else Value()


def _bool(run: Interpreter, node: ast.BoolOp) -> Value:
    stop = isinstance(node.op, ast.Or)
    value: Value = Value()
    for part in node.values:
        value = evaluate(run, part)
        truth = host.truth(value)
        if truth is None:
            others = [evaluate(run, rest) for rest in node.values[node.values.index(part) + 1 :]]
            return host.join(value, others[0]) if stop and len(others) == 1 else Value()
        if truth is stop:
            return value
    return value


def _compare(run: Interpreter, node: ast.Compare) -> Value:
    values = [evaluate(run, part) for part in (node.left, *node.comparators)]
    if len(values) == 2:
        left, right = values
        kind = type(node.ops[0])
        if kind in (ast.Is, ast.IsNot):
            same = _identical(left, right)
            return Value() if same is None else Known(same is (kind is ast.Is))
        if kind in (ast.In, ast.NotIn) and isinstance(left, Known):
            found = _contains(right, left)
            return Value() if found is None else Known(found is (kind is ast.In))
        if isinstance(left, Known) and isinstance(right, Known) and kind in COMPARISONS:
            try:
                return Known(COMPARISONS[kind](left.value, right.value))
            except TypeError:
                return Value()
        if isinstance(left, TFName) and isinstance(right, TFName) and kind in (ast.Eq, ast.NotEq):
            return Known((left.name == right.name) is (kind is ast.Eq))
        inputs = (*graph_values(left), *graph_values(right))
        if inputs and kind in (ast.Eq, ast.NotEq):
            return _identity(run, node, left, right, kind)
        if inputs:
            return run.tensor(node, "operator", inputs, shapes.broadcast(left, right), "bool")
        if isinstance(left, Array) or isinstance(right, Array):
            return Array()
    return Value()


def _identity(run: Interpreter, node: ast.Compare, left: Value, right: Value, kind: type) -> Value:
    """TF1 compared tensors by identity; TensorFlow 2 compares their elements."""
    if isinstance(right, Known) and right.value is None:
        return Known(kind is ast.NotEq)
    return run.problem(node, "`==` between tensors, which TF1 compared by identity")


def _identical(left: Value, right: Value) -> bool | None:
    if isinstance(left, Known) and isinstance(right, Known):
        return left.value is right.value or (left.value == right.value and type(left.value) is type(right.value))
    if left is right:
        return True
    for one, two in ((left, right), (right, left)):
        if isinstance(two, Known) and two.value is None and type(one) not in UNKNOWN and not isinstance(one, Method):
            return False
    return None


def _contains(container: Value, item: Known) -> bool | None:
    if isinstance(container, asked.Listing):
        return asked.has(container.owner, item.value)
    if isinstance(container, Known) and isinstance(container.value, str) and isinstance(item.value, str):
        return item.value in container.value
    if isinstance(container, Dict) and not container.open:
        return container.find(item) is not None
    if isinstance(container, Sequence) and all(isinstance(part, Known) for part in container.items):
        return any(isinstance(part, Known) and part.value == item.value for part in container.items)
    return None


def _sequence(run: Interpreter, node: ast.List | ast.Tuple) -> Value:
    for element in node.elts:
        if isinstance(element, ast.Starred):
            spread = host.items(run, evaluate(run, element.value))
            if spread is None:
                host.evaluate_all(run, node.elts)
                return Value()
    return Sequence(host.evaluate_all(run, node.elts), "list" if isinstance(node, ast.List) else "tuple")


def _dict(run: Interpreter, node: ast.Dict) -> Value:
    made = Dict(made=run.chain)
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            spread = evaluate(run, value)
            if isinstance(spread, Dict):
                for index, inner in enumerate(spread.keys):
                    made.store(inner, spread.values[index], spread.nodes[index])
                made.open = made.open or spread.open
            else:
                made.open = True
            continue
        made.store(evaluate(run, key), evaluate(run, value), value)
    return made


def _if(run: Interpreter, node: ast.IfExp) -> Value:
    truth = host.truth(evaluate(run, node.test))
    if truth is not None:
        return evaluate(run, node.body if truth else node.orelse)
    one, two = evaluate(run, node.body), evaluate(run, node.orelse)
    return host.join(one, two)


def _subscript(run: Interpreter, node: ast.Subscript) -> Value:
    owner = evaluate(run, node.value)
    index = evaluate(run, node.slice)
    return host.subscript(run, owner, index, node)


def _slice(run: Interpreter, node: ast.Slice) -> Value:
    parts = [evaluate(run, part) if part is not None else Known(None) for part in (node.lower, node.upper, node.step)]
    return host.Slice(parts)


def _string(run: Interpreter, node: ast.JoinedStr) -> Value:
    texts = []
    for part in node.values:
        value = evaluate(run, part.value if isinstance(part, ast.FormattedValue) else part)
        plain = not isinstance(part, ast.FormattedValue) or (part.conversion == -1 and part.format_spec is None)
        texts.append(str(value.value) if isinstance(value, Known) and plain else None)
    return Known("".join(text for text in texts if text is not None)) if None not in texts else Value()


def _lambda(run: Interpreter, node: ast.Lambda) -> Value:
    return Function(node, run.frame)


def _named(run: Interpreter, node: ast.NamedExpr) -> Value:
    value = evaluate(run, node.value)
    run.bind(node.target.id, value)
    return value


def _comprehension(run: Interpreter, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    outer = run.frame
    frame = Frame(outer.module, outer.names, node, outer)
    results: list[tuple[Value, Value]] = []
    with run.within(frame):
        known = _generate(run, node, 0, results)
    if isinstance(node, ast.DictComp):
        made = Dict(made=run.chain, open=not known)
        for key, value in results:
            made.store(key, value, None)
        return made
    values = [value for _, value in results]
    if not known:
        if any(graph_values(value) for value in values):
            return run.problem(node, "a comprehension over an unknown range that makes graph values")
        return Value()
    return Sequence(values, "list")


def _generate(run: Interpreter, node: Any, depth: int, results: list[tuple[Value, Value]]) -> bool:
    if depth == len(node.generators):
        if isinstance(node, ast.DictComp):
            results.append((evaluate(run, node.key), evaluate(run, node.value)))
        else:
            results.append((Value(), evaluate(run, node.elt)))
        return True
    generator = node.generators[depth]
    source = evaluate(run, generator.iter)
    members = host.items(run, source)
    known = members is not None and len(members) <= 256
    for member in members if known and members is not None else [Array() if isinstance(source, Array) else Value()]:
        host.assign_target(run, generator.target, member, None)
        keep: bool | None = True
        for condition in generator.ifs:
            truth = host.truth(evaluate(run, condition))
            if truth is None:
                known = False
            elif not truth:
                keep = False
                break
        if keep and not _generate(run, node, depth + 1, results):
            known = False
    return known


def _call(run: Interpreter, node: ast.Call) -> Value:
    return run.language.call(run, node)


HANDLERS: dict[type, Callable[[Interpreter, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool,
    ast.Compare: _compare,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Dict: _dict,
    ast.IfExp: _if,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.JoinedStr: _string,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Call: _call,
}
