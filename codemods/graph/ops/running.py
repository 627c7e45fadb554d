"""Sessions and what they run, initializers, savers, and the configuration that goes with them."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import host
from ..frames import Execution, Use
from ..interpreter import Interpreter
from ..values import (
    Array,
    Assign,
    Config,
    Dict,
    FetchedHandle,
    Function,
    Graph,
    GraphValue,
    Group,
    Init,
    Known,
    Op,
    Saver,
    Sequence,
    Session,
    StateTuple,
    StringHandle,
    Tensor,
    Value,
    Variable,
    flatten,
)
from . import loading, metrics, op_names
from .arguments import Arguments, of_function, of_method
from .collections import VariableList


def _session(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    if "target" in arguments and not (isinstance(arguments.value("target"), Known) and arguments.known("target") == ""):
        run.problem(node, "a session on a remote target")
    made = run.add(Session(node, run.chain, ()))
    given = arguments.value("graph")
    made.graph = given.state if isinstance(given, Graph) else run.graph
    if name == "InteractiveSession":
        run.default_sessions.insert(0, made)
    return made


def _default_session(run: Interpreter, name: str, node: ast.Call) -> Value:
    if run.default_sessions:
        return run.default_sessions[-1]
    return run.problem(node, "a default session where none is known")


def _config(run: Interpreter, name: str, node: ast.Call) -> Value:
    for argument in (*node.args, *[keyword.value for keyword in node.keywords]):
        run.evaluate(argument)
    return Config(run.chain)


def _initializer(run: Interpreter, name: str, node: ast.Call) -> Value:
    made = Init(node, run.chain)
    if name in {"variables_initializer", "initialize_variables"}:
        arguments = of_function(run, "variables_initializer", node)
        members = host.items(run, arguments.value("var_list") or Value())
        counted = metrics.of_variables(members or [])
        if counted is not None:
            made.local, made.metrics = True, counted
            return run.add(made)
        if members is None or not all(isinstance(member, Variable) for member in members):
            return run.problem(node, "an initializer of variables that are not known")
        made.variables = [member for member in members if isinstance(member, Variable)]
    elif name in {
        "local_variables_initializer",
        "initialize_local_variables",
        "tables_initializer",
        "initialize_all_tables",
    }:
        made.local = True
        made.metrics = list(run.graph.metrics) if "table" not in name else []
    else:
        made.variables, made.every = list(run.graph.variables), True
    return run.add(made)


def _group(run: Interpreter, name: str, node: ast.Call) -> Value:
    members = [leaf for value in host.evaluate_all(run, node.args) for leaf in flatten(value)]
    if any(not isinstance(member, GraphValue) for member in members) or (
        node.keywords and node.keywords[0].arg != "name"
    ):
        return run.problem(node, "a group whose members are not known")
    made = Group(node, run.chain, tuple(member for member in members if isinstance(member, GraphValue)))
    made.members = members
    if node.keywords:
        named = run.evaluate(node.keywords[0].value)
        if isinstance(named, Known) and isinstance(named.value, str) and named.value:
            full = run.graph.unique(named.value)
            made.tf1_name = full if op_names.is_certain(run, full) else ""
    return run.add(made)


def _no_op(run: Interpreter, name: str, node: ast.Call) -> Value:
    controls = tuple(value for group in run.graph.controls for value in group if isinstance(value, GraphValue))
    made = Group(node, run.chain, controls)
    made.members = list(controls)
    return run.add(made)


def method(run: Interpreter, owner: GraphValue, name: str, node: ast.Call) -> Value | None:
    """Methods that run something, and methods of sessions and savers."""
    if isinstance(owner, Session):
        return session_method(run, owner, name, node)
    if isinstance(owner, Saver):
        return _saver_method(run, owner, name, node)
    if name == "eval" and isinstance(owner, Tensor):
        return _execute(run, node, "eval", owner, of_method(run, "eval", node))
    if name == "run" and isinstance(owner, GraphValue):
        return _execute(run, node, "op.run", owner, of_method(run, "op.run", node))
    return None


def session_method(run: Interpreter, owner: Session, name: str, node: ast.Call) -> Value:
    if name == "run":
        arguments = of_method(run, "run", node)
        for unusual in ("options", "run_metadata"):
            if unusual in arguments and not isinstance(arguments.value(unusual), Known):
                run.problem(node, f"a run with {unusual}")
        fetches = loading.named(run, arguments.value("fetches") or Value(), owner, node)
        return _execute(run, node, "run", fetches, arguments, owner)
    if name == "close":
        run.uses.append(Use(owner, name, node, run.chain))
        return Known(None)
    if name == "as_default":
        return owner
    return run.problem(node, f"a method .{name}() of a session")


def _execute(
    run: Interpreter, node: ast.Call, kind: str, fetches: Value, arguments: Arguments, session: Value | None = None
) -> Value:
    made = Execution(
        node,
        run.chain,
        fetches,
        arguments.nodes.get("fetches"),
        arguments.value("feed_dict"),
        arguments.nodes.get("feed_dict"),
        arguments.value("session") or session or next(reversed(run.default_sessions), None),
        kind,
    )
    if isinstance(made.feeds, Known) and made.feeds.value is None:
        made.feeds = made.feed_node = None
    if made.feeds is not None:
        made.feeds = (
            made.feeds if not isinstance(made.feeds, Dict) else loading.named_feeds(run, made.feeds, session, node)
        )
    if kind == "run" and isinstance(fetches, Known) and isinstance(fetches.value, str):
        run.problem(node, "a fetch by name")
    for leaf in flatten(fetches):
        if not isinstance(leaf, GraphValue):
            run.problem(node, "a fetch that can't be known from the source")
            break
    run.executions.append(made)
    for statement in run.chain:
        statement.executions.append(made)
    made.result = result_of(fetches)
    return made.result


def result_of(fetches: Value) -> Value:
    """The host value that fetching gives."""
    if isinstance(fetches, StateTuple):
        return StateTuple([result_of(item) for item in fetches.items])
    if isinstance(fetches, Sequence):
        return Sequence([result_of(item) for item in fetches.items], fetches.kind)
    if isinstance(fetches, Dict):
        return Dict([*fetches.keys], [result_of(value) for value in fetches.values], [None] * len(fetches.keys))
    if isinstance(fetches, StringHandle) and fetches.iterator is not None:
        return FetchedHandle(fetches.iterator)
    if isinstance(fetches, Op) and not isinstance(fetches, Assign):
        return Known(None)
    return Array()


def _saver(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    made = Saver(node, run.chain)
    made.keywords = arguments.nodes
    given = arguments.value("var_list")
    if given is None or (isinstance(given, Known) and given.value is None) or _is_everything(run, made, given):
        made.variables = list(run.graph.variables)
    else:
        members = host.items(run, given) if not isinstance(given, Dict) else None
        if members is None or not all(isinstance(member, Variable) for member in members):
            return run.problem(node, "a Saver over variables under other names, or that are not known")
        made.variables = [member for member in members if isinstance(member, Variable)]
        made.explicit = True
    for unusual in (
        "reshape",
        "sharded",
        "restore_sequentially",
        "saver_def",
        "builder",
        "allow_empty",
        "keep_checkpoint_every_n_hours",
    ):
        if unusual in arguments and unusual != "keep_checkpoint_every_n_hours":
            run.problem(node, f"a Saver with {unusual}")
    return run.add(made)


def _is_everything(run: Interpreter, saver: Saver, given: Value) -> bool:
    """Whether a Saver is told to save what it would anyway: `Saver(tf.global_variables())`, the slots of optimizers included."""
    every = isinstance(given, VariableList) and given.every and isinstance(saver.keywords["var_list"], ast.Call)
    return every and [*run.graph.variables] == given.items  # type: ignore[attr-defined]


def _saver_method(run: Interpreter, owner: Saver, name: str, node: ast.Call) -> Value:
    if name not in {"save", "restore"}:
        return run.problem(node, f"a method .{name}() of a Saver")
    arguments = of_method(run, name, node)
    values = {key: arguments.value(key) or Value() for key in arguments.nodes}
    run.uses.append(Use(owner, name, node, run.chain, arguments.nodes, values))
    return Value()


def _global_step(run: Interpreter, name: str, node: ast.Call) -> Value:
    """`tf.train.global_step(sess, step)`: the step's value, as a Python number."""
    arguments = of_function(run, name, node)
    step = arguments.value("global_step_tensor")
    if not isinstance(step, Variable):
        return run.problem(node, "tf.train.global_step of something that is not a variable")
    made = Execution(node, run.chain, step, arguments.nodes["global_step_tensor"], None, None, arguments.value("sess"))
    run.executions.append(made)
    for statement in run.chain:
        statement.executions.append(made)
    return Value()


def _app_run(run: Interpreter, name: str, node: ast.Call) -> Value:
    arguments = of_function(run, name, node)
    main = arguments.value("main")
    if main is None:
        found = run.lookup("main")
        main = found[0].value if found is not None else None
        run.load("main")
    if isinstance(main, Function):
        return run.language.call_function(run, main, node, [Value()], {})
    return run.problem(node, "tf.app.run of something that is not a function of the program")


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {
    "Session": _session,
    "InteractiveSession": _session,
    "get_default_session": _default_session,
    "ConfigProto": _config,
    "GPUOptions": _config,
    "RunOptions": _config,
    "RunMetadata": _config,
    "global_variables_initializer": _initializer,
    "initialize_all_variables": _initializer,
    "variables_initializer": _initializer,
    "initialize_variables": _initializer,
    "local_variables_initializer": _initializer,
    "initialize_local_variables": _initializer,
    "tables_initializer": _initializer,
    "group": _group,
    "no_op": _no_op,
    "train.Saver": _saver,
    "train.global_step": _global_step,
    "app.run": _app_run,
}
