"""Calls: of the program's own functions and classes, of methods, of TensorFlow, of everything else."""

from __future__ import annotations

import ast
import sys

from . import host, instances, own_layers
from .frames import Frame
from .interpreter import Interpreter
from .values import (
    Array,
    Cell,
    Class,
    Config,
    Dict,
    Foreign,
    Function,
    Graph,
    GraphValue,
    ImportedModule,
    Instance,
    Known,
    Method,
    Partial,
    Scope,
    Sequence,
    TFName,
    Value,
    graph_values,
)

MAX_DEPTH = 64  # calls of a function within itself
MAX_RECURSIONS = 256  # activations of such a function

PURE_MODULES = (
    "math.",
    "numpy.",
    "np.",
    "os.path.",
    "collections.",
    "itertools.",
    "functools.",
    "operator.",
    "copy.",
    "six.",
)
PURE_METHODS = frozenset(
    "astype reshape copy flatten ravel transpose sum mean max min std var argmax argmin argsort clip dot cumsum squeeze repeat "
    "round swapaxes take nonzero prod any all tolist item format startswith endswith split strip lower upper replace join keys "
    "values items get index count as_list num_elements".split()
)


def _is_pure(function: Value) -> bool:
    """Whether calling a host function again gives the same and does nothing else."""
    if isinstance(function, ImportedModule):
        return function.name.startswith(PURE_MODULES) and ".random" not in function.name
    if isinstance(function, Method):
        return function.name in PURE_METHODS or isinstance(function.owner, (Config, Known))
    return isinstance(function, (Config, Function, Class, Partial, host.Builtin, TFName))


def _collects(function: Value, arguments: list[Value]) -> bool:
    """Whether a call puts graph values into a list that is followed: that happens anew wherever the graph is built."""
    return (
        isinstance(function, Method)
        and isinstance(function.owner, Sequence)
        and function.name in {"append", "extend", "insert"}
        and any(graph_values(argument) for argument in arguments)
    )


# Packages that make no TensorFlow ops. Of any other, nobody knows.
WITHOUT_TENSORFLOW = sys.stdlib_module_names | frozenset(
    "numpy np scipy pandas sklearn matplotlib pylab seaborn PIL cv2 skimage imageio h5py gym tqdm requests six yaml nltk "
    "librosa soundfile networkx sympy jieba gensim psutil absl easydict lmdb pycocotools".split()
)
NUMPY = ("numpy", "np", "scipy")
SAFE = frozenset({"copy.copy", "functools.wraps", "pprint.pprint", "math.prod"})


def call(run: Interpreter, node: ast.Call) -> Value:
    """The value of a call."""
    function = run.evaluate(node.func)
    return call_value(run, function, node, None)


def call_value(run: Interpreter, function: Value, node: ast.Call, given: list[Value] | None) -> Value:
    if isinstance(function, TFName):
        return run.language.call_tensorflow(run, function.name, node)
    if own_layers.of(run, function) is not None:
        return run.language.call_method(run, function, "__call__", node)
    if isinstance(function, Method) and isinstance(
        function.owner, (GraphValue, Graph, Scope, Instance, own_layers.Base)
    ):
        return run.language.call_method(run, function.owner, function.name, node)
    if isinstance(function, Cell):
        return run.language.call_method(run, function, "__call__", node)
    arguments = given if given is not None else host.evaluate_all(run, node.args)
    if isinstance(function, host.Builtin):
        keywords = [run.evaluate(keyword.value) for keyword in node.keywords]
        base = own_layers.around(run, arguments) if function.name == "super" else None
        if base is not None:
            return base
        if function.name == "map" and arguments and isinstance(arguments[0], Function):
            return _map(run, arguments, node)
        return (
            host.call_builtin(run, function.name, arguments, node)
            if function.name != "sorted" or not keywords
            else Value()
        )
    if isinstance(function, Function):
        return call_function(run, function, node, arguments)
    if isinstance(function, Instance):
        called = instances.find(function.cls, "__call__")
        if isinstance(called, Function):
            return call_function(run, Function(called.node, called.frame, function), node, arguments)
    if isinstance(function, Class):
        return _instantiate(run, function, node, arguments)
    if isinstance(function, Partial):
        return call_value(run, function.function, node, [*function.arguments, *arguments])
    if not _is_pure(function) and not _collects(function, arguments):
        run.effect(node)
    keywords_values = {keyword.arg: run.evaluate(keyword.value) for keyword in node.keywords}
    if isinstance(function, ImportedModule) and function.name == "functools.partial" and arguments:
        return Partial(arguments[0], arguments[1:], {name: value for name, value in keywords_values.items() if name})
    if isinstance(function, Method):
        if isinstance(function.owner, Config):
            return function.owner
        if keywords_values and graph_values(Sequence([*keywords_values.values()])):
            return run.problem(node, f"a graph value passed to a method .{function.name}() that is not followed")
        return host.call_method(run, function.owner, function.name, arguments, node)
    if isinstance(function, Config):
        return function
    everything = [*arguments, *keywords_values.values()]
    if any(graph_values(value) for value in everything):
        return _escape(run, function, node)
    if isinstance(function, ImportedModule) and function.name.partition(".")[0] in NUMPY:
        return Array()
    if isinstance(function, Foreign):
        return function
    if isinstance(function, ImportedModule) and function.name.partition(".")[0] not in WITHOUT_TENSORFLOW:
        return Foreign(function.name)
    return Value()


def _escape(run: Interpreter, function: Value, node: ast.Call) -> Value:
    name = function.name if isinstance(function, ImportedModule) else ast.unparse(node.func)
    if name in SAFE:
        return Value()
    return run.problem(node, f"a graph value passed to {name}, which is not followed")


def _map(run: Interpreter, arguments: list[Value], node: ast.Call) -> Value:
    members = host.items(run, arguments[1]) if len(arguments) > 1 else None
    if members is None or not isinstance(arguments[0], Function):
        return Value()
    return Sequence([call_function(run, arguments[0], node, [member], {}) for member in members])


def call_function(
    run: Interpreter,
    function: Function,
    node: ast.Call,
    arguments: list[Value],
    keywords: dict[str, Value] | None = None,
) -> Value:
    """Follows a call into a function of the program."""
    if keywords is None:
        keywords = {}
        for keyword in node.keywords:
            value = run.evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, Dict) and all(isinstance(key, Known) for key in value.keys):
                keywords.update(
                    {
                        str(key.value): part
                        for key, part in zip(value.keys, value.values, strict=True)
                        if isinstance(key, Known)
                    }
                )
    if function.bound is not None:
        arguments = [function.bound, *arguments]
    definition = function.node
    if any(frame.node is definition for frame in run.frames) and not _ends(run, definition):
        return run.problem(node, "a function that calls itself while the graph is built, with no known end")
    frame = Frame(function.frame.module, function.frame.names, definition, function.frame)
    frame.order = run.now()
    outer_chain, effects = run.chain, run.effects
    with run.within(frame):
        _bind_parameters(run, definition.args, arguments, keywords, function)
        frame.arguments = {name: binding.value for name, binding in frame.bindings.items()}
        run.activations.setdefault(definition, []).append(frame)
        run.calls.setdefault(node, []).append((function, frame, outer_chain))
        if isinstance(definition, ast.Lambda):
            return run.evaluate(definition.body)
        run.language.run_body(run, definition.body)
    if run.effects != effects:
        run.effect(node)
    if _generates(definition):
        return (
            run.problem(node, "a generator that makes graph values")
            if graph_values(Sequence(frame.returned))
            else Value()
        )
    if not frame.returned:
        return Known(None)
    result = frame.returned[0]
    for other in frame.returned[1:]:
        if graph_values(result) or graph_values(other):
            return run.problem(definition, "a function that returns graph values from more than one place")
        result = host.join(result, other)
    return result


def _ends(run: Interpreter, definition: ast.AST) -> bool:
    """Whether a function that calls itself surely ends: all that it decides on its way there is known."""
    around = [statement for statement in run.chain if statement.frame.node is definition]
    return (
        sum(frame.node is definition for frame in run.frames) < MAX_DEPTH
        and len(run.activations[definition]) < MAX_RECURSIONS
        and all(one.decided for one in around if isinstance(one.node, (ast.If, ast.For, ast.While, ast.Try)))
    )


def _generates(definition: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in ast.walk(definition))


def _bind_parameters(
    run: Interpreter, parameters: ast.arguments, arguments: list[Value], keywords: dict[str, Value], function: Function
) -> None:
    names = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    keywords = dict(keywords)
    defaults: dict[str, ast.expr] = dict(
        zip(names[len(names) - len(parameters.defaults) :], parameters.defaults, strict=True)
    )
    for keyword, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
        names.append(keyword.arg)
        if default is not None:
            defaults[keyword.arg] = default
    positional = len(parameters.posonlyargs) + len(parameters.args)
    for place, name in enumerate(names):
        if place < min(len(arguments), positional):
            run.bind(name, arguments[place])
        elif name in keywords:
            run.bind(name, keywords.pop(name))
        elif name in defaults:
            run.bind(name, _default(run, defaults[name], function))
        else:
            run.bind(name, Value())
    if parameters.vararg is not None:
        run.bind(parameters.vararg.arg, Sequence(arguments[positional:], "tuple"))
    if parameters.kwarg is not None:
        extra = {name: value for name, value in keywords.items() if name not in names}
        run.bind(parameters.kwarg.arg, Dict([Known(name) for name in extra], list(extra.values()), [None] * len(extra)))


def _default(run: Interpreter, node: ast.expr, function: Function) -> Value:
    """A default was evaluated where the function was defined."""
    for known in run.meanings.get(node, ()):
        return known
    with run.within(function.frame):
        return run.evaluate(node)


def _instantiate(run: Interpreter, cls: Class, node: ast.Call, arguments: list[Value]) -> Value:
    made = instances.make(run, cls)
    layer = own_layers.of(run, made)
    if layer is not None:
        layer.node = node
    init = instances.find(cls, "__init__")
    if isinstance(init, Function):
        call_function(run, Function(init.node, init.frame, made), node, arguments)
    elif layer is not None:
        run.language.call_method(run, own_layers.Base(layer), "__init__", node)
    elif any(graph_values(argument) for argument in arguments):
        return run.problem(node, "a graph value passed to a class that is not followed")
    return made
