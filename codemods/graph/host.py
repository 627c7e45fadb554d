"""Python's own objects, as far as the interpreter follows them: built-ins, subscripts, unpacking, methods of lists and dicts."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import asked, instances, own_layers
from .interpreter import Interpreter
from .values import (
    Array,
    Class,
    Dict,
    Foreign,
    Function,
    GraphValue,
    Instance,
    Known,
    LoadedOutputs,
    LoadedShape,
    LoadedTensor,
    Method,
    Sequence,
    Session,
    Shape,
    SignaturePart,
    Tensor,
    TensorShape,
    TFName,
    Value,
    Variable,
    graph_values,
)

MAX_ITEMS = 1000
ARRAY_VALUES = frozenset({"shape", "size", "ndim", "dtype"})
PLAIN_METHODS = frozenset({"tolist", "item", "tobytes", "tostring", "dump", "dumps"})  # what gives no array of an array
PURE_STRING_METHODS = frozenset(
    "startswith endswith split strip lstrip rstrip lower upper replace find rfind join rsplit count index title isdigit".split()
)
MUTATING_METHODS = frozenset(
    "append extend insert pop remove sort reverse clear update setdefault fill resize put itemset partition setflags".split()
)


@dataclass(eq=False)
class Builtin(Value):
    name: str


@dataclass(eq=False)
class Slice(Value):
    parts: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class VariableOp(Value):
    """`variable.op`: only its name is used."""

    variable: Variable


BUILTINS = frozenset(
    "range len zip enumerate int float str bool list tuple dict set isinstance print min max sum abs round sorted reversed "
    "dir hasattr getattr setattr delattr type repr map filter any all iter next callable id vars super".split()
)
CONSTANTS = {"True": True, "False": False, "None": None, "__name__": "__main__"}


def builtin(name: str) -> Value:
    """The value of a name that no frame binds."""
    if name in CONSTANTS:
        return Known(CONSTANTS[name])
    if name in BUILTINS:
        return Builtin(name)
    return Value() if hasattr(builtins, name) else Foreign(name)  # bound by a star import, if at all


def foreign(run: Interpreter, value: Foreign, node: ast.AST) -> Value:
    """Reports that something of an unknown make goes into the graph."""
    return run.problem(node, f"a value of {value.source} in the graph: it may be a tensor with variables of its own")


def truth(value: Value) -> bool | None:
    """Whether the value is true, None where that is not known."""
    if isinstance(value, Known):
        return bool(value.value)
    if isinstance(value, Sequence):
        return bool(value.items)
    if isinstance(value, Dict):
        return bool(value.keys) or (None if value.open else False)
    if isinstance(value, (TFName, Function, Instance, Class, Session)):
        return True
    return None


def join(one: Value, two: Value) -> Value:
    """The value after a branch that could have gone either way."""
    if one is two:
        return one
    if (
        isinstance(one, Known)
        and isinstance(two, Known)
        and one.value == two.value
        and type(one.value) is type(two.value)
    ):
        return one
    if isinstance(one, TFName) and isinstance(two, TFName) and one.name == two.name:
        return one
    if isinstance(one, Array) and isinstance(two, Array):
        return Array()
    for given, other in ((one, two), (two, one)):
        if isinstance(given, Session) and (type(other) is Value or isinstance(other, Session)):
            return given  # what is not known is a session as well, since it is used as one
    return Value()


def items(run: Interpreter, value: Value) -> list[Value] | None:
    """What iterating over a value gives, None where that is not known."""
    if isinstance(value, Sequence):
        return list(value.items)
    if isinstance(value, Dict):
        return None if value.open else list(value.keys)
    if isinstance(value, Known):
        if isinstance(value.value, range) and len(value.value) <= MAX_ITEMS:
            return [Known(number) for number in value.value]
        if isinstance(value.value, str) and len(value.value) <= MAX_ITEMS:
            return [Known(character) for character in value.value]
    if isinstance(value, TensorShape) and value.shape is not None:
        return [Known(size) for size in value.shape]
    if isinstance(value, LoadedShape):
        run.problem(run.chain[-1].node, "the dimensions of a loaded tensor taken one by one")
    return None


def unpack(run: Interpreter, value: Value, count: int, star: bool, node: ast.AST) -> list[Value]:
    """The values that `count` targets get."""
    known = items(run, value)
    if known is not None and not star:
        return known[:count] + [Value()] * (count - len(known))
    if isinstance(value, Tensor):
        return [element(run, value, index, node) for index in range(count)]
    if isinstance(value, Foreign):
        return [value] * count
    return [Array() if isinstance(value, Array) else Value() for _ in range(count)]


def element(run: Interpreter, owner: Tensor, index: int, node: ast.AST) -> Tensor:
    """One result of an op that has several."""
    if index not in owner.elements:
        owner.elements[index] = run.add(Tensor(node, run.chain, (owner,), "element", None, owner.dtype))
    return owner.elements[index]


def assign_target(run: Interpreter, target: ast.expr, value: Value, node: ast.expr | None) -> None:
    """Binds an assignment's target."""
    if isinstance(target, ast.Name):
        run.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        star = any(isinstance(part, ast.Starred) for part in target.elts)
        for part, item in zip(target.elts, unpack(run, value, len(target.elts), star, target), strict=True):
            assign_target(run, part.value if isinstance(part, ast.Starred) else part, item, None)
    elif isinstance(target, ast.Attribute):
        _assign_attribute(run, target, value)
    elif isinstance(target, ast.Subscript):
        _assign_subscript(run, target, value, node)


def _assign_attribute(run: Interpreter, target: ast.Attribute, value: Value) -> None:
    owner = run.evaluate(target.value)
    layer = own_layers.of(run, owner)
    if layer is not None:
        layer.attributes[target.attr] = value
    elif isinstance(owner, Instance):
        run.mean(target, value)
        instances.store(run, owner, target.attr, value)
    elif isinstance(owner, Class):
        owner.attributes[target.attr] = value
    elif graph_values(value):
        run.problem(target, "a graph value kept in an attribute of an object that is not followed")


def _assign_subscript(run: Interpreter, target: ast.Subscript, value: Value, node: ast.expr | None) -> None:
    owner = run.evaluate(target.value)
    index = run.evaluate(target.slice)
    run.mutated.append((owner, run.chain))
    if isinstance(owner, Dict):
        if isinstance(index, (Known, GraphValue)):
            owner.store(index, value, node)
        else:
            owner.open = True
            if graph_values(value):
                run.problem(target, "a graph value stored under a key that is not known")
    elif isinstance(owner, Sequence):
        if (
            isinstance(index, Known)
            and isinstance(index.value, int)
            and -len(owner.items) <= index.value < len(owner.items)
        ):
            owner.items[index.value] = value
        elif graph_values(value):
            run.problem(target, "a graph value stored at an index that is not known")
    elif graph_values(value):
        run.problem(target, "a graph value stored in an object that is not followed")


def subscript(run: Interpreter, owner: Value, index: Value, node: ast.Subscript) -> Value:
    """The value of `owner[index]`."""
    if isinstance(owner, Dict):
        place = owner.find(index) if isinstance(index, (Known, GraphValue)) else None
        if place is not None:
            return owner.values[place]
        if graph_values(owner) and not isinstance(index, Known):
            return run.problem(node, "a graph value taken from a dict under a key that is not known")
        return Value()
    if isinstance(owner, Sequence):
        return _item(run, owner, index, node)
    if isinstance(owner, TensorShape):
        return _dimension(owner, index)
    if isinstance(owner, LoadedShape):
        return owner
    if isinstance(owner, SignaturePart):
        return _signature(owner, index, node)
    if isinstance(owner, LoadedOutputs):
        return run.add(LoadedTensor(node, run.chain, (owner.source,), source=owner.source))
    if isinstance(owner, GraphValue):
        inputs = (owner, *graph_values(index))
        if (
            isinstance(index, Known)
            and isinstance(index.value, int)
            and isinstance(owner, Tensor)
            and owner.shape is None
        ):
            return element(run, owner, index.value, node)
        return run.tensor(node, "subscript", inputs, _shape_at(owner, index), getattr(owner, "dtype", None))
    if isinstance(owner, Array):
        return Array()
    if isinstance(owner, Known) and isinstance(index, Known):
        try:
            return Known(owner.value[index.value])
        except (TypeError, IndexError, KeyError):
            return Value()
    if graph_values(index):
        return run.problem(node, "a graph value as an index of a host object")
    return Value()


def _shape_at(owner: GraphValue, index: Value) -> Shape:
    """The static shape of a part of a tensor, where numbers and whole axes choose it."""
    shape = owner.shape if isinstance(owner, Tensor) else None
    parts = index.items if isinstance(index, Sequence) else [index]
    if shape is None or len(parts) > len(shape):
        return None
    found: list[int | None] = []
    for size, part in zip(shape, parts, strict=False):
        if isinstance(part, Slice) and all(isinstance(one, Known) and one.value is None for one in part.parts):
            found.append(size)
        elif isinstance(part, Slice) and all(isinstance(one, Known) for one in part.parts) and size is not None:
            found.append(len(range(size)[slice(*[one.value for one in part.parts if isinstance(one, Known)])]))
        elif isinstance(part, Slice):
            found.append(None)
        elif not (isinstance(part, Known) and isinstance(part.value, int)):
            return None
    return (*found, *shape[len(parts) :])


def _signature(owner: SignaturePart, index: Value, node: ast.Subscript) -> Value:
    """One signature by its key, or one of its tensors by its name."""
    if len(owner.steps) == 0:
        return SignaturePart(owner.source, (ast.unparse(node.slice),), node.slice)
    if len(owner.steps) == 2 and isinstance(index, Known) and isinstance(index.value, str):
        return SignaturePart(owner.source, (*owner.steps, index.value), owner.key)
    return Value()


def _item(run: Interpreter, owner: Sequence, index: Value, node: ast.Subscript) -> Value:
    if isinstance(index, Known) and isinstance(index.value, int):
        if -len(owner.items) <= index.value < len(owner.items):
            return owner.items[index.value]
        return Value()
    if isinstance(index, Slice):
        bounds: list[Any] = [part.value if isinstance(part, Known) else "?" for part in index.parts]
        if "?" not in bounds:
            return Sequence(owner.items[slice(*bounds)], owner.kind)
    if graph_values(owner):
        return run.problem(node, "a graph value taken from a list at an index that is not known")
    return Value()


def _dimension(owner: TensorShape, index: Value) -> Value:
    if owner.shape is None:
        return Value()
    if (
        isinstance(index, Known)
        and isinstance(index.value, int)
        and -len(owner.shape) <= index.value < len(owner.shape)
    ):
        size = owner.shape[index.value]
        return Known(size) if size is not None else Value()
    if isinstance(index, Slice) and all(isinstance(part, Known) for part in index.parts):
        return TensorShape(owner.shape[slice(*[part.value for part in index.parts if isinstance(part, Known)])])
    return Value()


def attribute(run: Interpreter, owner: Value, name: str, node: ast.expr) -> Value:
    """Attributes of the interpreter's own host values."""
    if isinstance(owner, VariableOp) and name == "name":
        return Known(owner.variable.name)
    return Method(owner, name)


def evaluate_all(run: Interpreter, nodes: list[ast.expr]) -> list[Value]:
    """The values of argument or element expressions, stars spread out where their items are known."""
    values: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            spread = items(run, run.evaluate(node.value))
            values.extend(spread if spread is not None else [Value()])
        else:
            values.append(run.evaluate(node))
    return values


# -- calls --------------------------------------------------------------------------------------------------------------


def _shows_tensors(arguments: list[Value], node: ast.Call) -> bool:
    """Whether a print shows symbolic tensors, and beside them texts alone: wherever it stands, it goes."""
    shown = [isinstance(one, GraphValue) for one in arguments]
    texts = [isinstance(one, ast.Constant) for one in node.args]
    return any(shown) and not node.keywords and all(one or text for one, text in zip(shown, texts, strict=False))


def call_builtin(run: Interpreter, name: str, arguments: list[Value], node: ast.Call) -> Value:
    """The value of a call of a built-in function."""
    function = BUILTIN_CALLS.get(name)
    if function is not None:
        return function(run, arguments, node)
    if name == "super":
        return instances.call_super(run, arguments)
    if name in {"print", "next", "iter"} and not (name == "print" and _shows_tensors(arguments, node)):
        run.effect(node)
    if name in {"isinstance", "type", "repr", "print", "id", "callable", "vars"}:
        return Value()
    if name in {"min", "max", "sum", "abs", "round", "int", "float", "str", "bool"}:
        return _compute(run, name, arguments, node)
    if any(graph_values(argument) for argument in arguments):
        return run.problem(node, f"a graph value passed to {name}()")
    return Value()


def _compute(run: Interpreter, name: str, arguments: list[Value], node: ast.Call) -> Value:
    values = [plain(argument) for argument in arguments]
    if arguments and all(value is not NOT_PLAIN for value in values):
        try:
            return Known(PYTHON[name](*values))
        except (TypeError, ValueError, ArithmeticError):
            return Value()
    inputs = [found for argument in arguments for found in graph_values(argument)]
    if inputs and name in {"abs", "sum"}:
        return run.tensor(node, "operator", tuple(inputs))
    if inputs and name not in {"str"}:
        return run.problem(node, f"a graph value passed to {name}()")
    return Value()


PYTHON: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "sum": sum, "abs": abs, "round": round, "int": int, "float": float, "str": str, "bool": bool,
}  # fmt: skip
NOT_PLAIN = object()


def plain(value: Value) -> Any:
    """The Python object that a known value is, or NOT_PLAIN."""
    if isinstance(value, Known):
        return value.value
    if isinstance(value, Sequence):
        parts = [plain(item) for item in value.items]
        return (
            NOT_PLAIN
            if any(part is NOT_PLAIN for part in parts)
            else (tuple(parts) if value.kind == "tuple" else parts)
        )
    if isinstance(value, TensorShape) and value.shape is not None:
        return list(value.shape)
    return NOT_PLAIN


def _hasattr(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    if len(arguments) != 2 or not isinstance(arguments[1], Known):
        return Value()
    found = asked.has(arguments[0], arguments[1].value)
    return Value() if found is None else Known(found)


def _dir(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    return asked.Listing(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], TFName) else Value()


def _range(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    if arguments and all(isinstance(part, Known) and isinstance(part.value, int) for part in arguments):
        return Known(range(*[part.value for part in arguments if isinstance(part, Known)]))
    return Value()


def _len(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    if isinstance(arguments[0], LoadedShape):
        return Value()
    if isinstance(arguments[0], TensorShape):
        return Known(len(arguments[0].shape)) if arguments[0].shape is not None else Value()
    if isinstance(arguments[0], Known):
        return Known(len(arguments[0].value)) if hasattr(arguments[0].value, "__len__") else Value()
    known = items(run, arguments[0])
    return Known(len(known)) if known is not None else Value()


def _zip(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    columns = [items(run, argument) for argument in arguments]
    if arguments and all(column is not None for column in columns):
        return Sequence(
            [Sequence(list(row), "tuple") for row in zip(*[c for c in columns if c is not None], strict=False)]
        )
    if any(graph_values(argument) for argument in arguments):
        return run.problem(node, "zip() over graph values of unknown number")
    return Value()


def _enumerate(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    members = items(run, arguments[0]) if arguments else None
    start = arguments[1].value if len(arguments) > 1 and isinstance(arguments[1], Known) else 0
    if members is None:
        return Value()
    return Sequence([Sequence([Known(start + place), member], "tuple") for place, member in enumerate(members)])


def _list(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    if not arguments:
        return Sequence([])
    members = items(run, arguments[0])
    if members is not None:
        return Sequence(members, "tuple" if isinstance(node.func, ast.Name) and node.func.id == "tuple" else "list")
    return Array() if isinstance(arguments[0], Array) else Value()


def _reversed(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    members = items(run, arguments[0])
    return Sequence(members[::-1]) if members is not None else Value()


def _dict_call(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    made = Dict(made=run.chain)
    if arguments and isinstance(arguments[0], Dict):
        source = arguments[0]
        made.keys, made.values, made.nodes, made.open = [*source.keys], [*source.values], [*source.nodes], source.open
    elif arguments:
        made.open = True
    for keyword in node.keywords:
        if keyword.arg is None:
            made.open = True
        else:
            made.store(Known(keyword.arg), run.evaluate(keyword.value), keyword.value)
    return made


def _setattr(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    owner, name = arguments[0], arguments[1] if len(arguments) == 3 else Value()
    if isinstance(owner, Instance):
        if not isinstance(name, Known) or not isinstance(name.value, str):
            return run.problem(node, "an attribute whose name is not known")
        instances.store(run, owner, name.value, arguments[2])
    elif any(graph_values(argument) for argument in arguments):
        return run.problem(node, "a graph value kept in an attribute of an object that is not followed")
    return Known(None)


def _getattr(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    if len(arguments) >= 2 and isinstance(arguments[1], Known) and isinstance(arguments[1].value, str):
        return run.language.attribute(run, arguments[0], arguments[1].value, node)
    return Value()


BUILTIN_CALLS: dict[str, Callable[[Interpreter, list[Value], ast.Call], Value]] = {
    "range": _range, "len": _len, "zip": _zip, "enumerate": _enumerate, "list": _list, "tuple": _list, "sorted": _list,
    "reversed": _reversed, "dict": _dict_call, "dir": _dir, "hasattr": _hasattr, "getattr": _getattr, "setattr": _setattr,
}  # fmt: skip


def call_method(run: Interpreter, owner: Value, name: str, arguments: list[Value], node: ast.Call) -> Value:
    """A method of a host value."""
    if name in MUTATING_METHODS:
        run.mutated.append((owner, run.chain))
    if isinstance(owner, Sequence):
        return _list_method(run, owner, name, arguments, node)
    if isinstance(owner, Dict):
        return _dict_method(run, owner, name, arguments, node)
    if isinstance(owner, TensorShape):
        return _shape_method(owner, name)
    if isinstance(owner, Known) and name in PURE_STRING_METHODS:
        values = [plain(argument) for argument in arguments]
        if all(value is not NOT_PLAIN for value in values):
            try:
                result = getattr(owner.value, name)(*values)
            except (TypeError, ValueError, AttributeError):
                return Value()
            return Sequence([Known(part) for part in result]) if isinstance(result, list) else Known(result)
        return Value()
    if name == "format" or isinstance(owner, Known):
        return Value()
    if any(graph_values(argument) for argument in arguments):
        return run.problem(node, f"a graph value passed to a method .{name}() that is not followed")
    if isinstance(owner, Array) and name not in PLAIN_METHODS:
        return Array()
    return Value()


def _list_method(run: Interpreter, owner: Sequence, name: str, arguments: list[Value], node: ast.Call) -> Value:
    if name == "append" and len(arguments) == 1:
        owner.items.append(arguments[0])
    elif name == "extend" and len(arguments) == 1:
        added = items(run, arguments[0])
        if added is None:
            if graph_values(owner):
                return run.problem(node, "a list of graph values extended by an unknown number")
            owner.items.append(Value())
        else:
            owner.items.extend(added)
    elif name == "insert" and len(arguments) == 2 and isinstance(arguments[0], Known):
        owner.items.insert(arguments[0].value, arguments[1])
    elif name == "pop" and owner.items and all(isinstance(argument, Known) for argument in arguments):
        try:
            return owner.items.pop(*[argument.value for argument in arguments if isinstance(argument, Known)])
        except (IndexError, TypeError):
            return Value()
    elif name == "reverse":
        owner.items.reverse()
    elif name in MUTATING_METHODS and (graph_values(owner) or any(graph_values(argument) for argument in arguments)):
        return run.problem(node, f"a list of graph values changed by .{name}()")
    return Known(None) if name in MUTATING_METHODS else Value()


def _dict_method(run: Interpreter, owner: Dict, name: str, arguments: list[Value], node: ast.Call) -> Value:
    if name == "keys" and not owner.open:
        return Sequence(list(owner.keys))
    if name == "values" and not owner.open:
        return Sequence(list(owner.values))
    if name in {"items", "iteritems"} and not owner.open:
        return Sequence([Sequence(list(pair), "tuple") for pair in zip(owner.keys, owner.values, strict=True)])
    if name == "get" and arguments and isinstance(arguments[0], (Known, GraphValue)):
        place = owner.find(arguments[0])
        if place is not None:
            return owner.values[place]
        return Value() if owner.open else (arguments[1] if len(arguments) > 1 else Known(None))
    if name == "update":
        if len(arguments) == 1 and isinstance(arguments[0], Dict) and not node.keywords:
            added = arguments[0]
            for index, key in enumerate(added.keys):
                owner.store(key, added.values[index], added.nodes[index])
            owner.open = owner.open or added.open
        else:
            owner.open = True
        return Known(None)
    if name == "copy":
        return Dict([*owner.keys], [*owner.values], [*owner.nodes], run.chain, owner.open)
    if name in MUTATING_METHODS:
        owner.open = True
    if graph_values(owner) and name not in {"keys", "values", "items"}:
        return run.problem(node, f"a dict of graph values used through .{name}()")
    return Value()


def _shape_method(owner: TensorShape, name: str) -> Value:
    if name == "as_list" and owner.shape is not None:
        return Sequence([Known(size) for size in owner.shape])
    if name == "num_elements" and owner.shape is not None and None not in owner.shape:
        product = 1
        for size in owner.shape:
            product *= size or 0
        return Known(product)
    return Value()
