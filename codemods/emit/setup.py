"""What is made once and stays where the source made it: variables, optimizers, schedules, writers, savers."""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.values import (
    Function,
    GraphValue,
    Known,
    Optimizer,
    Placeholder,
    Schedule,
    Tensor,
    TFName,
    TrainOp,
    Variable,
    Writer,
)
from ..plan import objects
from ..symbols.sites import atom, simple
from . import momentum
from .classes import members, scope_names
from .context import Context, quoted
from .keras_models import initializers
from .optimizers import DEFAULT_RATES, IGNORED, OPTIMIZERS, POSITIONAL, SCHEDULES
from .text import snake

DROPPED_ARGUMENTS = ("collections", "expected_shape", "use_resource")


def variables(context: Context) -> None:
    """Rewrites every call that makes a variable: its TF1 name spelt out, what TensorFlow 2 does not take dropped."""
    by_node: dict[ast.Call, list[Variable]] = {}
    for value in context.run.values:
        if (
            isinstance(value, Variable)
            and value.maker in {"Variable", "get_variable"}
            and isinstance(value.node, ast.Call)
            and context.models.owner(value) is None
        ):
            by_node.setdefault(value.node, []).append(value)
    for node, made in by_node.items():
        if made[0] in context.steps:
            continue
        context.owned.add(node.func)
        for variable in made:
            if "initial_value" in variable.arguments:
                context.initial[variable] = [variable.arguments["initial_value"]]
        if made[0].maker == "Variable":
            _variable(context, node, made)
        else:
            _get_variable(context, node, made)


def _path(value: GraphValue) -> str:
    """The module that a value's call stands in."""
    frames = [statement.frame.module.path for statement in value.chain]
    return frames[-1]


def _variable(context: Context, node: ast.Call, made: list[Variable]) -> None:
    path = _path(made[0])
    edits, module = context.edits[path], context.modules[path]
    if len(node.args) > 2 or any(keyword.arg is None for keyword in node.keywords):
        raise context.stop("a variable with arguments that TensorFlow 2 takes in another order", node, path)
    if isinstance(node.func, ast.Name) or context.names[path].name_of(node.func) != "Variable":
        edits.replace(node.func, f"{context.tf(path)}.Variable")
    if context.names[path].api_of(node.func) == "v1":
        edits.replace(node.func, f"{context.tf(path)}.Variable")
    _drop_keywords(context, node, path, DROPPED_ARGUMENTS)
    given = next((keyword for keyword in node.keywords if keyword.arg == "name"), None)
    wanted = _name_for(context, node, made, given.value if given else None)
    if wanted is None:
        return
    if given is not None:
        edits.replace(given.value, wanted)
    else:
        _append(context, node, path, f"name={wanted}")
    _ = module


def _drop_keywords(context: Context, node: ast.Call, path: str, names: tuple[str, ...]) -> None:
    module, edits = context.modules[path], context.edits[path]
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in names:
            before: ast.AST | None = node.keywords[place - 1] if place else (node.args[-1] if node.args else None)
            start, end = module.span(keyword)
            if before is not None:
                edits.replace_span(module.span(before)[1], end, "")
            else:
                edits.replace_span(start, end, "")


def _append(context: Context, node: ast.Call, path: str, argument: str) -> None:
    """Puts one more argument at a call's end."""
    module, edits = context.modules[path], context.edits[path]
    close = module.span(node)[1] - 1
    inside = module.utf8[module.span(node.func)[1] : close].rstrip()
    separator = "" if inside.endswith(b"(") else " " if inside.endswith(b",") else ", "
    last = max([module.span(part)[1] for part in (*node.args, *node.keywords)], default=None)
    if last is None:
        edits.replace_span(close, close + 1, f"{argument})")
        return
    tail = module.utf8[last:close].decode()
    if "\n" in tail or "#" in tail:
        edits.replace_span(
            close, close + 1, f"{separator.lstrip() or ''}{argument})" if separator == " " else f", {argument})"
        )
    else:
        edits.replace_span(last, close + 1, f", {argument}{tail.strip(' ,')})")


def _name_for(context: Context, node: ast.Call, made: list[Variable], given: ast.expr | None) -> str | None:
    """The expression that gives the variables of one call their TF1 names; None: as it is."""
    names = [scope_names.relative(context, variable, variable.name) for variable in made]
    scoped = scope_names.of(context, made)
    if scoped is not None:
        return scoped
    known = context.run.meanings.get(given, []) if given is not None else []
    spelt = [value.value for value in known if isinstance(value, Known)]
    if given is not None and set(spelt) == set(names) and len(set(names)) == len(names) == len(spelt):
        return None
    if len(made) == 1:
        if given is None and names[0] == "Variable":
            return None
        if isinstance(given, ast.Constant) and given.value == names[0]:
            return None
        return quoted(names[0])
    if given is None or isinstance(given, ast.Constant):
        return _name_parameter(context, node, made)
    return None


def _name_parameter(context: Context, node: ast.Call, made: list[Variable]) -> str | None:
    """Gives the helper that makes a variable at each call a parameter for its name, and each call the name."""
    definition = made[0].chain[-1].frame.node
    if not isinstance(definition, ast.FunctionDef):
        return None
    parameters = definition.args
    taken = {argument.arg for argument in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)}
    if "name" in taken or parameters.kwarg or parameters.vararg or parameters.kwonlyargs:
        return None
    if any(isinstance(part, ast.Name) and part.id == "name" for part in ast.walk(definition)):
        return None
    frames = {variable.chain[-1].frame: variable for variable in made}
    calls = {
        call: frames.get(frame)
        for call, found in context.run.calls.items()
        for function, frame, _ in found
        if function.node is definition
    }
    if len(frames) != len(made) or len(calls) != len(made) or any(variable is None for variable in calls.values()):
        return None
    path = _path(made[0])
    callers = {call: module_of(context, call) for call in calls}
    if any(found is None for found in callers.values()):
        return None
    for call, variable in calls.items():
        if variable is not None:
            _append(context, call, callers[call] or path, f"name={quoted(variable.name)}")
    context.interface(f"the function `{definition.name}` takes the name of its variable, too", definition, path)
    module, edits = context.modules[path], context.edits[path]
    last = [*parameters.posonlyargs, *parameters.args]
    if not last:
        return None
    end = module.span(parameters.defaults[-1])[1] if parameters.defaults else module.span(last[-1])[1]
    edits.replace_span(end, end, ", name=None" if parameters.defaults else ", name")
    return "name"


def module_of(context: Context, node: ast.AST) -> str | None:
    top = node
    while top in context.parents:
        top = context.parents[top]
    return next((path for path, module in context.modules.items() if module.tree is top), None)


def _get_variable(context: Context, node: ast.Call, made: list[Variable]) -> None:
    path = _path(made[0])
    edits, tf = context.edits[path], context.tf(path)
    arguments = made[0].arguments
    initializer = arguments.get("initializer") or made[0].scope_initializer
    shape, dtype = arguments.get("shape"), arguments.get("dtype")
    meanings = context.run.meanings.get(initializer, []) if initializer is not None else []
    parts: list[Part] = []
    of_value = any(isinstance(value, Tensor) for value in meanings) or (
        bool(meanings) and all(isinstance(value, Known) and value.value is not None for value in meanings)
    )
    if initializer is not None and of_value:
        if shape is not None and any(isinstance(value, Known) for value in meanings):
            raise context.stop("a variable with a plain number as its initializer and a shape", node, path)
        parts.append(initializer)
        dtype_parts: list[Part] = [", dtype=", dtype] if dtype is not None and made[0].dtype != "float32" else []
    else:
        if shape is None:
            raise context.stop("a variable whose shape is not given", node, path)
        dtype_parts = []
        if initializer is None or all(isinstance(value, Known) and value.value is None for value in meanings):
            if made[0].dtype not in {"float32", "float64"}:
                raise context.stop("a variable of a whole-number type without an initializer", node, path)
            parts.append(f"{tf}.keras.initializers.GlorotUniform()")
        else:
            for value in meanings:
                if isinstance(value, Function):
                    raise context.stop("a variable whose initializer is a function", node, path)
            parts.extend([initializer, initializers.own(context, initializer)])
            if any(isinstance(value, TFName) for value in meanings):
                parts.append("()")
        typed: list[Part] = [", dtype=", dtype] if dtype is not None and made[0].dtype != "float32" else []
        parts.extend(["(", *_shape(context, shape), *typed, ")"])
    for variable in made:
        context.initial[variable] = parts
    parts = [f"{tf}.Variable(", *parts, *dtype_parts]
    if "trainable" in arguments:
        parts.extend([", trainable=", arguments["trainable"]])
    name = arguments["name"]
    wanted = _name_for(context, node, made, name)
    parts.extend([", name=", wanted if wanted is not None else name, ")"])
    edits.replace(node, *parts)
    for other in made[0].found:
        if other.node is node and other.chain[-1].frame in context.units.homes:
            continue  # another mode of the same model function
        raise context.stop("a variable that get_variable finds again", other.node, path)


def _shape(context: Context, shape: ast.expr) -> list[Part]:
    if any(isinstance(value, Known) and isinstance(value.value, int) for value in context.run.meanings.get(shape, [])):
        return ["[", shape, "]"]
    return [shape]


# -- optimizers ---------------------------------------------------------------------------------------------------------


def optimizers(context: Context) -> None:
    """Names every optimizer, decides what becomes of the global step, and writes the constructors."""
    found = [value for value in context.run.values if isinstance(value, Optimizer)]
    trains = [value for value in context.run.values if isinstance(value, TrainOp)]
    for optimizer in found:
        mine = [train for train in trains if train.optimizer is optimizer]
        context.optimizers[optimizer] = _optimizer_name(context, optimizer, mine, len(found))
    _global_steps(context, found, trains)
    for optimizer in found:
        mine = [train for train in trains if train.optimizer is optimizer]
        _optimizer(context, optimizer, mine)


def _optimizer_name(context: Context, optimizer: Optimizer, trains: list[TrainOp], count: int) -> str:
    unit = context.units.unit(optimizer)
    if unit is None or unit.statement.frame not in context.units.frames:
        raise context.stop("an optimizer made where it is not followed", optimizer.node or ast.Pass(), _path(optimizer))
    own = [name for name, value in unit.statement.writes.items() if value is optimizer]
    if own:
        return context.promoted.get((unit.statement.frame, own[0]), own[0])
    train = next((name for name, value in unit.statement.writes.items() if isinstance(value, TrainOp)), "")
    owner = objects.owner(unit.statement.frame)
    train = train.removeprefix("self.")
    words = [word for word in snake(train).split("_") if word and word not in NOISE]
    wanted = "_".join([*words, "optimizer"]) if count > 1 and words else "optimizer"
    if owner is not None and unit.statement.frame in context.units.frames:
        return members.new_attribute(context, owner, wanted, {train}, optimizer)
    return context.fresh(wanted, free={train})


NOISE = frozenset(
    {"train", "op", "ops", "step", "optimizer", "optim", "opt", "optimize", "solver", "training", "minimize"}
)


def _global_steps(context: Context, found: list[Optimizer], trains: list[TrainOp]) -> None:
    """A step that one optimizer counts and nothing else writes becomes that optimizer's `iterations`."""
    steps = {train.global_step for train in trains if isinstance(train.global_step, Variable)}
    for step in steps:
        if not isinstance(step, Variable):
            continue
        users = {train.optimizer for train in trains if train.global_step is step}
        others = [train for train in trains if train.optimizer in users and train.global_step is not step]
        written = any(getattr(value, "variable", None) is step for value in context.run.values)
        read = [
            value
            for value in context.run.values
            if any(one is step for one in value.inputs) and not isinstance(value, (Schedule, TrainOp))
        ]
        if len(users) == 1 and not others and not written and not read and _starts_at_zero(context, step):
            optimizer = next(iter(users))
            if optimizer is not None:
                context.steps[step] = f"{context.optimizers[optimizer]}.iterations"


def _starts_at_zero(context: Context, step: Variable) -> bool:
    if step.maker == "global_step":
        return True
    node = step.arguments.get("initial_value")
    meanings = context.run.meanings.get(node, []) if node is not None else []
    return bool(meanings) and all(isinstance(value, Known) and value.value == 0 for value in meanings)


def _optimizer(context: Context, optimizer: Optimizer, trains: list[TrainOp]) -> None:
    node = optimizer.node
    assert isinstance(node, ast.Call)
    path = _path(optimizer)
    context.owned.add(node.func)
    counterpart = OPTIMIZERS[optimizer.name]
    unknown = set(optimizer.arguments) - {name for name, _ in counterpart.arguments} - IGNORED
    if unknown:
        raise context.stop(f"tf.train.{optimizer.name} with {', '.join(sorted(unknown))}", node, path)
    arguments: list[list[Part]] = []
    fixed = dict(counterpart.fixed)
    for tf1, keras in counterpart.arguments:
        given = optimizer.arguments.get(tf1)
        if tf1 == "learning_rate":
            rate = _rate(context, optimizer, given, trains)
            if rate:
                keyword = given is not None and any(part.value is given and part.arg for part in node.keywords)
                arguments.append(["learning_rate=", *rate] if keyword else rate)
        elif given is not None:
            if any(isinstance(value, GraphValue) for value in context.run.meanings.get(given, [])):
                raise context.stop(f"tf.train.{optimizer.name} whose {tf1} is a tensor", node, path)
            arguments.append([f"{keras}=", *_setting(context, optimizer, tf1, given, path)])
        elif keras in fixed:
            arguments.append([f"{keras}={fixed[keras]}"])
    for keras, value in fixed.items():
        if keras not in {name for _, name in counterpart.arguments}:
            arguments.append([f"{keras}={value}"])
    own = context.momentums.get(optimizer)
    parts: list[Part] = [own[1] if own else f"{context.tf(path)}.keras.optimizers.{counterpart.cls}", "("]
    for place, argument in enumerate(arguments):
        parts.extend([", "] if place else [])
        parts.extend(argument)
    parts.append(")")
    context.edits[path].replace(node, *parts)
    _sparse(context, optimizer, trains, counterpart.dense)


def _setting(context: Context, optimizer: Optimizer, tf1: str, given: ast.expr, path: str) -> list[Part]:
    """An argument's value: Keras multiplies the weights' decay by the rate, contrib's AdamWOptimizer did not."""
    if tf1 != "weight_decay":
        return [given]
    rate = optimizer.arguments.get("learning_rate")
    if rate is None:
        return [*atom(given), f" / {DEFAULT_RATES[optimizer.name]}"]
    if not simple(rate):
        raise context.stop("AdamWOptimizer with a rate that is computed where it is made", rate, path)
    return [*atom(given), " / ", rate]


def _rate(context: Context, optimizer: Optimizer, node: ast.expr | None, trains: list[TrainOp]) -> list[Part]:
    """The learning rate's expression: a float, or a schedule; nothing where each step assigns it."""
    if node is None:
        default = DEFAULT_RATES.get(optimizer.name)
        return [f"learning_rate={default}"] if default else []
    path = _path(optimizer)
    value = optimizer.values.get("learning_rate")
    if isinstance(value, Schedule):
        if not all(train.global_step is value.step for train in trains) or value.step not in context.steps:
            raise context.stop("a schedule over a step that the optimizer does not count", node, path)
        if not OPTIMIZERS[optimizer.name].changing_rate:
            _changing(context, optimizer, node, path)
        return [node]
    if isinstance(value, (Placeholder, Variable)) or (isinstance(value, GraphValue) and not value.constant):
        if not OPTIMIZERS[optimizer.name].changing_rate:
            _changing(context, optimizer, node, path)
        context.rates[optimizer] = node
        return []
    if isinstance(value, GraphValue):
        return ["float(", node, ")"]
    if isinstance(value, Known) and isinstance(value.value, float):
        return [node]
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return [repr(float(node.value))]
    return ["float(", node, ")"]


def _changing(context: Context, optimizer: Optimizer, node: ast.expr, path: str) -> None:
    """Asks for the class that a rate needs that changes."""
    if optimizer.name != "MomentumOptimizer":
        raise context.stop(f"{optimizer.name} with a learning rate that changes", node, path)
    momentum.define(context, optimizer, path)


SPARSE = frozenset(
    {
        "nn.embedding_lookup",
        "gather",
        "nn.nce_loss",
        "nn.sampled_softmax_loss",
        "gather_nd",
        "nn.embedding_lookup_sparse",
    }
)


def _sparse(context: Context, optimizer: Optimizer, trains: list[TrainOp], dense: bool | None) -> None:
    """Whether gradients of embeddings must be made dense for this optimizer."""
    found = any(
        isinstance(value, Tensor) and value.op in SPARSE and any(isinstance(one, Variable) for one in value.inputs)
        for value in context.run.values
    )
    if found and dense is None:
        raise context.stop(
            f"sparse gradients with tf.train.{optimizer.name}", optimizer.node or ast.Pass(), _path(optimizer)
        )
    if found and dense:
        context.dense.add(optimizer)


def schedules(context: Context) -> None:
    """Writes learning-rate schedules as Keras ones."""
    for value in context.run.values:
        if not isinstance(value, Schedule) or not isinstance(value.node, ast.Call):
            continue
        path = _path(value)
        counterpart = SCHEDULES.get(value.name)
        if counterpart is None:
            raise context.stop(f"tf.train.{value.name}, which Keras has not", value.node, path)
        arguments: dict[str, ast.expr] = value.arguments
        parts: list[Part] = [f"{context.tf(path)}.keras.optimizers.schedules.{counterpart.cls}("]
        written = 0
        for tf1, keras in counterpart.arguments:
            given = arguments.get(tf1)
            if given is None:
                continue
            parts.extend([", "] if written else [])
            parts.extend([given] if keras in POSITIONAL else [f"{keras}=", given])
            if (value.name, tf1) == ("natural_exp_decay", "decay_rate"):
                parts[-1:] = [f"{_math(context, value.node, path)}.exp(-", *atom(given), ")"]
            written += 1
        parts.append(")")
        context.edits[path].replace(value.node, *parts)
        context.owned.add(value.node.func)


def _math(context: Context, node: ast.AST, path: str) -> str:
    """The module math, imported where it is not yet."""
    tree = context.modules[path].tree
    known = any(
        isinstance(one, ast.Import) and any(alias.name == "math" and not alias.asname for alias in one.names)
        for one in tree.body
    )
    if not known and "math" in context.names[path].taken:
        raise context.stop("tf.train.natural_exp_decay where `math` is another thing", node, path)
    context.imports[path].add("import math")
    return "math"


# -- writers ---------------------------------------------------------------------------------------------------


def writers(context: Context) -> None:
    """FileWriters become summary writers; the graph that they were given goes."""
    for value in context.run.values:
        if not isinstance(value, Writer) or not isinstance(value.node, ast.Call):
            continue
        path = _path(value)
        arguments: dict[str, ast.expr] = value.arguments
        logdir = arguments.get("logdir")
        if logdir is None:
            raise context.stop("a FileWriter without a folder", value.node, path)
        parts: list[Part] = [f"{context.tf(path)}.summary.create_file_writer(", logdir]
        for keyword in ("max_queue", "flush_secs"):
            if keyword in arguments and keyword == "max_queue":
                parts.extend([", max_queue=", arguments[keyword]])
        parts.append(")")
        context.edits[path].replace(value.node, *parts)
        context.owned.add(value.node.func)
        if "graph" in arguments:
            context.own(arguments["graph"])
    for use in context.run.uses:
        if isinstance(use.owner, Writer) and use.method == "add_graph":
            statement = use.chain[-1]
            if not isinstance(statement.node, ast.Expr):
                raise context.stop("a graph written to a summary writer", use.node, statement.frame.module.path)
            context.moves_of(statement).dropped.add(statement.node)
            context.own(statement.node)
            context.note(
                "summary-graph",
                "TFM911",
                "the graph is no longer written: there is none; tf.summary.trace_on / trace_export show a function's",
                use.node,
                statement.frame.module.path,
            )
