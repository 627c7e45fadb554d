"""Functions of the program that TensorFlow calls: branches, bodies of loops, and Python that runs within a session.

Branches and bodies are followed once, over elements that stand for what TensorFlow gives them; TensorFlow 2 calls them alike.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import shapes
from ..interpreter import Interpreter
from ..values import (
    Dict,
    Function,
    GraphValue,
    Known,
    Sequence,
    Tensor,
    TensorArray,
    Value,
    flatten,
    graph_values,
    is_absent,
)
from .arguments import Arguments, of_function

Handler = Callable[[Interpreter, str, ast.Call], Value]


def _while_loop(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    given = arguments.value("loop_vars") or Value()
    items = given.items if isinstance(given, Sequence) else [given]
    elements = [_element(run, node, item, keep="shape_invariants" not in arguments) for item in items]
    test = _follow(run, node, arguments.value("cond"), elements)
    result = _follow(run, node, arguments.value("body"), elements)
    made = _inputs(arguments, test, result)
    results = [_like(run, node, name, item, made, keep="shape_invariants" not in arguments) for item in items]
    if "return_same_structure" in arguments and arguments.known("return_same_structure") is not False:
        return run.problem(node, "a loop with return_same_structure")
    if not isinstance(given, Sequence):
        return run.problem(node, "a loop whose variables are not known")
    return results[0] if len(results) == 1 else Sequence(results, given.kind)


def _over_elements(run: Interpreter, name: str, node: ast.Call) -> Value:
    """map_fn, scan and folds: the function is given one element of each tensor, behind what it gave before."""
    arguments = of_function(run, name, node)
    elems, first = arguments.value("elems") or Value(), arguments.value("initializer")
    if is_absent(first):
        first = None
    element = _each(run, node, elems)
    state = first if first is not None else element
    before = [] if name == "map_fn" else [_element(run, node, state, keep=False)]
    result = _follow(run, node, arguments.value("fn"), [*before, element])
    made = _inputs(arguments, result)
    if name != "map_fn":
        return _like(run, node, name, state, made, keep=name != "scan" and first is not None)
    dtype = arguments.value("dtype")
    if isinstance(dtype, Sequence):
        return Sequence([run.tensor(node, name, made) for _ in dtype.items], "tuple")
    return _like(run, node, name, elems if is_absent(dtype) else Value(), made, keep=False)


def _cond(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    branches = [arguments.value(key) for key in ("true_fn", "false_fn", "fn1", "fn2") if key in arguments]
    return _chosen(run, name, node, arguments, [_follow(run, node, branch, []) for branch in branches])


def _case(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    pairs = arguments.value("pred_fn_pairs" if name == "case" else "branch_fns")
    if isinstance(pairs, Dict):
        found = pairs.values
    elif isinstance(pairs, Sequence):
        found = [item.items[-1] if isinstance(item, Sequence) and item.items else item for item in pairs.items]
    else:
        return run.problem(node, f"tf.{name} with branches that are not known")
    default = [] if is_absent(arguments.value("default")) else [arguments.value("default")]
    return _chosen(run, name, node, arguments, [_follow(run, node, one, []) for one in [*found, *default]])


def _chosen(run: Interpreter, name: str, node: ast.Call, arguments: Arguments, results: list[Value]) -> Value:
    """What the branches have in common: as many tensors."""
    made = _inputs(arguments, *results)
    if results and all(isinstance(one, Sequence) for one in results):
        counts = {len(one.items) for one in results if isinstance(one, Sequence)}
        if len(counts) == 1 and counts != {1}:
            return Sequence([run.tensor(node, name, made) for _ in range(counts.pop())], "list")
    known = [one for one in results if isinstance(one, Tensor)]
    alike = len(known) == len(results) and len({one.shape for one in known}) == 1
    found = run.tensor(node, name, made, known[0].shape if alike and known else None)
    found.dtype = next((one.dtype for one in known if one.dtype), None)
    return found


def _py_func(run: Interpreter, name: str, node: ast.Call) -> Value:
    """Python that runs at each run of the graph: what it gives is known by its types only."""
    arguments = of_function(run, name, node)
    made = tuple(graph_values(arguments.value("inp") or Value()))
    kinds = arguments.value("Tout")
    if isinstance(kinds, Sequence):
        return Sequence([_python(run, node, made, kind) for kind in kinds.items])
    return _python(run, node, made, kinds)


def _python(run: Interpreter, node: ast.Call, made: tuple[GraphValue, ...], kind: Value | None) -> Tensor:
    return run.tensor(node, "py_func", made, None, shapes.dtype_of(kind), random=True)


# -- the functions themselves -------------------------------------------------------------------------------------------


def _follow(run: Interpreter, node: ast.Call, function: Value | None, elements: list[Value]) -> Value:
    """What a function handed to TensorFlow makes of its arguments."""
    if not isinstance(function, Function):
        return run.problem(node, "a function handed to TensorFlow that is not known")
    if function.bound is not None:
        return run.problem(node, "a method handed to TensorFlow")
    made = len(run.graph.variables)
    run.graph.name_scopes.append("?")
    result = run.language.call_function(run, function, node, elements, {})
    run.graph.name_scopes.pop()
    if len(run.graph.variables) > made:
        run.problem(node, "variables made in a function that TensorFlow calls")
    return result


def _inputs(arguments: Arguments, *results: Value) -> tuple[GraphValue, ...]:
    given = [arguments.value(key) or Value() for key in arguments.nodes]
    return tuple(value for one in (*given, *results) for value in graph_values(one))


def _element(run: Interpreter, node: ast.Call, value: Value, keep: bool) -> Value:
    """What stands for a loop's variable within its body."""
    return _like(run, node, "element", value, tuple(graph_values(value)), keep)


def _each(run: Interpreter, node: ast.Call, value: Value) -> Value:
    """One element of a tensor, or of each of several."""
    if isinstance(value, Sequence):
        return Sequence([_each(run, node, item) for item in value.items], value.kind)
    shape = value.shape[1:] if isinstance(value, Tensor) and value.shape else None
    return run.tensor(node, "element", tuple(graph_values(value)), shape, getattr(value, "dtype", None))


def _like(run: Interpreter, node: ast.Call, op: str, value: Value, made: tuple[GraphValue, ...], keep: bool) -> Value:
    """A tensor for each that a value holds, in its structure; `keep`: of its shape."""
    if isinstance(value, Sequence):
        return Sequence([_like(run, node, op, item, made, keep) for item in value.items], value.kind)
    if isinstance(value, TensorArray):
        return run.add(TensorArray(node, run.chain, made, op, None, value.dtype))
    shape = getattr(value, "shape", () if isinstance(value, Known) else None)
    dtype = getattr(value, "dtype", None) or shapes.of_literal(value)
    return run.tensor(node, op, made, shape if keep else None, dtype)


# -- TensorArrays -------------------------------------------------------------------------------------------------------

WRITES = frozenset({"write", "unstack", "scatter", "split", "identity"})
READS = frozenset({"read", "stack", "concat", "gather"})


def _tensor_array(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    for unusual in ("handle", "flow"):
        if not is_absent(arguments.value(unusual)):
            return run.problem(node, f"a TensorArray with {unusual}")
    given = tuple(graph_values(Sequence([arguments.value(key) or Value() for key in arguments.nodes])))
    return run.add(TensorArray(node, run.chain, given, name, None, shapes.dtype_of(arguments.value("dtype"))))


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of TensorArrays, which TensorFlow 2 has under the same names."""
    if not isinstance(owner, TensorArray):
        return None
    given = [run.evaluate(argument) for argument in (*node.args, *(keyword.value for keyword in node.keywords))]
    made = (owner, *(value for one in given for leaf in flatten(one) for value in graph_values(leaf)))
    if name in WRITES:
        return run.add(TensorArray(node, run.chain, made, name, None, owner.dtype))
    if name in READS:
        return run.tensor(node, name, made, None, owner.dtype)
    if name == "size":
        return run.tensor(node, name, made, (), "int32")
    return run.problem(node, f"a method .{name}() of a TensorArray")


FUNCTIONS: dict[str, Handler] = {
    "while_loop": _while_loop,
    "map_fn": _over_elements,
    "scan": _over_elements,
    "foldl": _over_elements,
    "foldr": _over_elements,
    "cond": _cond,
    "case": _case,
    "switch_case": _case,
    "py_func": _py_func,
    "numpy_function": _py_func,
    "TensorArray": _tensor_array,
}
