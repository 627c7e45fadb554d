"""Estimators: a model function is interpreted once for each mode that the program uses, all over the same variables.

TensorFlow 1 built a graph of its own for each mode, and the checkpoint in model_dir carried the variables from one to the
other. Here the modes share the graph's variables, and each call of train, evaluate or predict is an execution that stands at
the statement that made its EstimatorSpec.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from ..frames import Execution, GraphState, Use, VariableScope
from ..interpreter import Interpreter
from ..values import (
    Config,
    DataIterator,
    Dataset,
    Dict,
    Estimator,
    Feature,
    Function,
    GraphValue,
    Hook,
    InputFn,
    Known,
    Layer,
    Partial,
    Sequence,
    Spec,
    Tensor,
    Value,
    Variable,
    graph_values,
    is_absent,
)
from .arguments import Arguments, of_function

METHODS: dict[str, tuple[str, ...]] = {
    "train": ("input_fn", "hooks", "steps", "max_steps", "saving_listeners"),
    "evaluate": ("input_fn", "steps", "hooks", "checkpoint_path", "name"),
    "predict": ("input_fn", "predict_keys", "hooks", "checkpoint_path", "yield_single_examples"),
}
MODES = {"train": "train", "evaluate": "eval", "predict": "infer"}


def _estimator(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "estimator.Estimator", node)
    model_fn = arguments.value("model_fn")
    if not isinstance(model_fn, Function) or not isinstance(model_fn.node, ast.FunctionDef) or model_fn.bound:
        return run.problem(node, "an Estimator over something that is not a function of the program")
    for unusual in ("warm_start_from",):
        if unusual in arguments and not is_absent(arguments.value(unusual)):
            run.problem(node, f"an Estimator with {unusual}")
    made = Estimator(node, run.chain, model_fn=model_fn)
    made.arguments = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    state = GraphState(scopes=[VariableScope("", "auto")])
    state.estimator = made
    run.graphs.append(state)
    outer, run.graph = run.graph, state
    step = Variable(
        node, run.chain, (), "global_step", (), "int64", name="global_step", trainable=False, maker="global_step"
    )
    state.store["global_step"] = step
    run.add_variable(step)
    run.add(made)
    run.graph = outer
    return made


def _spec(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "estimator.EstimatorSpec", node)
    values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    for unusual in ("training_chief_hooks", "training_hooks", "scaffold", "evaluation_hooks", "prediction_hooks"):
        if not is_absent(values.get(unusual)):
            run.problem(node, f"an EstimatorSpec with {unusual}")
    return Spec(arguments.nodes, values, run.chain)


def _numpy_input(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "estimator.inputs.numpy_input_fn", node)
    return InputFn(node, arguments.nodes, {key: arguments.value(key) or Value() for key in arguments.nodes})


def _run_config(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, "estimator.RunConfig", node)
    made = RunConfig(run.chain)
    made.nodes = arguments.nodes
    made.values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    return made


class RunConfig(Config):
    """An Estimator's configuration, with what it was given."""

    nodes: dict[str, ast.expr]
    values: dict[str, Value]


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods of Estimators."""
    if not isinstance(owner, Estimator):
        return None
    if name not in METHODS:
        return run.problem(node, f"a method .{name}() of an Estimator")
    arguments = Arguments(run, node, METHODS[name])
    values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    for unusual in ("hooks", "saving_listeners", "checkpoint_path", "name", "predict_keys"):
        given = values.get(unusual)
        empty = isinstance(given, Sequence) and (not given.items or (unusual == "hooks" and _only_tell(name, given)))
        if not is_absent(given) and not empty:
            run.problem(node, f"an Estimator's {name} with {unusual}")
    if "yield_single_examples" in values and arguments.known("yield_single_examples") is not True:
        run.problem(node, "an Estimator's predict that yields whole batches")
    use = Use(owner, name, node, run.chain, arguments.nodes, values)
    run.uses.append(use)
    labelled = _labelled(run, owner, use)
    spec = _model(run, owner, MODES[name], node)
    if spec is None:
        return run.problem(node, "a model function whose EstimatorSpec can't be known")
    if labelled is None:
        return run.problem(node, "an input function whose elements are not known to have labels, or none")
    use.values["labelled"] = Known(labelled)
    fetches, fetch_node = _fetches(run, name, spec, node)
    made = Execution(node, spec.chain, fetches, fetch_node, None, None, None, use=use)
    run.executions.append(made)
    for statement in spec.chain:
        statement.executions.append(made)
    return owner if name == "train" else Value()


def _only_tell(name: str, given: Sequence) -> bool:
    """Whether the hooks of a training only log tensors."""
    return name == "train" and all(isinstance(one, Hook) and one.name == "LoggingTensorHook" for one in given.items)


# -- the input ----------------------------------------------------------------------------------------------------------


def _labelled(run: Interpreter, owner: Estimator, use: Use) -> bool | None:
    """Whether the elements of an input function are pairs of features and labels, None where that is not known."""
    given = use.values.get("input_fn")
    if isinstance(given, InputFn):
        return not is_absent(given.values.get("y"))
    made, statements = len(run.values), run.chain
    result = _call_input(run, given, use.node)
    for value in run.values[made:]:
        for statement in statements:
            if value in statement.made:
                statement.made.remove(value)
    drawn = [value for value in run.values[made:] if isinstance(value, DataIterator)]
    del run.values[made:]
    use.values["drawn"] = Sequence(list(drawn))
    if isinstance(result, Dataset):
        return _is_pair(result.components, use.method)
    if isinstance(result, Tensor) and len(drawn) == 1 and drawn[0].dataset is not None and drawn[0].one_shot:
        return _is_pair(drawn[0].dataset.components, use.method)
    run.problem(use.node, "an input function that gives something else than a dataset")
    return None


def _is_pair(components: Value | None, method: str) -> bool | None:
    """A dataset's elements: a tuple is a pair; training and evaluation can't do without labels where nothing is known."""
    if isinstance(components, Sequence):
        return len(components.items) == 2
    if isinstance(components, Dict):
        return False
    if components is None and method != "predict":
        return True
    return None if components is None else False


def _call_input(run: Interpreter, given: Value | None, node: ast.Call) -> Value:
    arguments: list[Value] = []
    while isinstance(given, Partial):
        arguments = [*given.arguments, *arguments]
        if given.keywords:
            return run.problem(node, "an input function with keywords of its own")
        given = given.function
    if not isinstance(given, Function):
        return run.problem(node, "an input function that is not known")
    parameters = given.node.args
    required = len(parameters.args) - len(parameters.defaults) - len(arguments)
    if required > 0 or any(one.arg in {"mode", "params", "config"} for one in parameters.args[len(arguments) :]):
        return run.problem(node, "an input function that takes the Estimator's arguments")
    return run.language.call_function(run, given, node, arguments, {})


# -- the model ----------------------------------------------------------------------------------------------------------


def _model(run: Interpreter, owner: Estimator, mode: str, node: ast.Call) -> Spec | None:
    """Interprets the model function for a mode, once."""
    if mode in owner.specs:
        return owner.specs[mode]
    function = owner.model_fn
    assert function is not None and isinstance(function.node, ast.FunctionDef)
    state = next(graph for graph in run.graphs if graph.estimator is owner)
    outer, run.graph = run.graph, state
    state.begin_again()
    made = len(run.values)
    names = [one.arg for one in function.node.args.args]
    places = [name for name in names if name not in {"mode", "params", "config"}]
    keywords: dict[str, Value] = {}
    for name in places[:2]:
        feature = Feature(node, run.chain, (), "feature", None, None, name=name)
        keywords[name] = run.add(feature)
    if "mode" in names:
        keywords["mode"] = Known(mode)
    if "params" in names:
        keywords["params"] = owner.values.get("params", Dict())
    if "config" in names or len(places) > 2 or not places or places != names[: len(places)]:
        run.problem(function.node, "a model function with parameters of another kind")
    result = run.language.call_function(run, function, node, [], keywords)
    run.graph = outer
    if not isinstance(result, Spec):
        return None
    owner.specs[mode] = result
    result.values["summaries"] = Sequence(list(state.collections.get("summaries", [])))
    if mode != "train":
        _prune(run, result, made)
    return result


def _prune(run: Interpreter, spec: Spec, made: int) -> None:
    """Forgets what a mode built and does not run: optimizers and summaries of an evaluation."""
    wanted = [spec.values.get(key, Value()) for key in ("loss", "predictions", "eval_metric_ops")]
    needed: set[GraphValue] = set()
    stack = [value for one in wanted for value in graph_values(one)]
    while stack:
        value = stack.pop()
        if value not in needed:
            needed.add(value)
            stack.extend(value.inputs)
    gone = {
        value
        for value in run.values[made:]
        if value not in needed and not isinstance(value, (Variable, Layer, Feature, Dataset))
    }
    run.values[made:] = [value for value in run.values[made:] if value not in gone]
    for statement in run.statements:
        if any(value in gone for value in statement.made):
            statement.made = [value for value in statement.made if value not in gone]


def _fetches(run: Interpreter, name: str, spec: Spec, node: ast.Call) -> tuple[Value, ast.expr | None]:
    """What a mode runs, as a session's fetches."""
    wanted = {"train": ("train_op", "loss"), "evaluate": ("loss",), "predict": ("predictions",)}[name]
    values = [spec.values.get(key, Value()) for key in wanted]
    if not all(graph_values(value) for value in values):
        return run.problem(node, f"an EstimatorSpec without {' or '.join(wanted)}"), None
    if name == "predict":
        given = spec.values["predictions"]
        if isinstance(given, Dict) and (given.open or not all(isinstance(key, Known) for key in given.keys)):
            return run.problem(node, "predictions that are not known"), None
        return given, spec.nodes["predictions"]
    nodes = [spec.nodes[key] for key in wanted]
    return Sequence(values), ast.List(nodes, ast.Load())


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "estimator.Estimator": _estimator,
    "estimator.EstimatorSpec": _spec,
    "estimator.RunConfig": _run_config,
    "estimator.inputs.numpy_input_fn": _numpy_input,
}
