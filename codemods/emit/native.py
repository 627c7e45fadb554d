"""The native level: no session, no graph; tf.functions that compute what the executions did.

`emit` interprets the program, plans it, and writes the result, or says why it can't: then the whole program stays in graph
mode, since both can't live in one process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..diagnostics import Diagnostic
from ..graph import Interpreter, host, recover
from ..graph.frames import Frame, Problem, Statement
from ..graph.ops.collections import VariableList
from ..graph.ops.scopes import Entered, is_setting
from ..graph.ops.training import GradientList
from ..graph.values import (
    Assign,
    Config,
    DataIterator,
    Dataset,
    Function,
    Gradients,
    GraphValue,
    Group,
    Init,
    Known,
    Layer,
    Optimizer,
    Placeholder,
    Saver,
    Schedule,
    Session,
    Summary,
    Tensor,
    TensorShape,
    TrainOp,
    UpdateOps,
    Value,
    Variable,
    Writer,
    graph_values,
)
from ..manifest import Program
from ..names import Names
from ..parse import Module
from ..plan import functions as planning
from ..plan.functions import FunctionPlan, Plan, Undecided, before_a_call
from ..plan.names import name_functions
from ..plan.sharing import share
from ..plan.slices import names_in
from ..plan.units import BLOCKS, Unit, Units, find, moves
from ..report import Account
from ..symbols import Hooks, numpy, rewrite
from . import models, savers, sessions, setup, sites
from . import moves as moving
from .context import Context, quoted
from .functions import Writer as FunctionWriter
from .manifest import manifest_of, together
from .native_accounts import accounts
from .native_imports import native_imports
from .scoping import idle_run, left_unbound, reader_of
from .verify import lost_comments, read_too_early, unbound


@dataclass(frozen=True)
class Emitted:
    """The new texts of the modules that change, by path."""

    texts: Mapping[str, str]
    diagnostics: list[Diagnostic]
    accounts: list[Account]
    manifest: Program | None = None
    paths: tuple[str, ...] = ()  # every module that was looked at


@dataclass(frozen=True)
class Fallback:
    """Why a program can't go native."""

    reasons: list[Diagnostic] = field(default_factory=list)


def emit(modules: Mapping[str, Module], names: Mapping[str, Names]) -> Emitted | Fallback:
    """Takes the modules of one connected program to the native level, or says why not."""
    imports = {path: _imports(modules, path) for path in modules}
    entries = [path for path in modules if not any(path in found for other, found in imports.items() if other != path)]
    if not entries:
        return Fallback([_reason(_first(modules), "modules that import each other in a circle")])
    results = []
    for entry in entries:
        reached = _reached(entry, imports)
        result = _program({path: modules[path] for path in modules if path in reached}, names, entry)
        if isinstance(result, Fallback):
            return result
        results.append(result)
    return _together(modules, results)


def _program(modules: Mapping[str, Module], names: Mapping[str, Names], entry: str) -> Emitted | Fallback:
    """One entry module with what it imports."""
    run = recover(modules, {path: names[path] for path in modules}, entry)
    if run.problems:
        return Fallback([_problem(problem) for problem in run.problems])
    try:
        return _emit(modules, names, run)
    except Undecided as undecided:
        return Fallback([_reason(Problem(undecided.node, modules[undecided.path], ""), str(undecided))])


def _together(modules: Mapping[str, Module], results: list[Emitted]) -> Emitted | Fallback:
    """The results of several entries, where they wrote the modules that they share alike."""
    texts: dict[str, str] = {}
    seen: dict[str, str | None] = {}
    for result in results:
        for path in result.paths:
            text = result.texts.get(path)
            if seen.setdefault(path, text) != text:
                return Fallback(
                    [
                        _reason(
                            Problem(modules[path].tree, modules[path], ""),
                            "a module that its importers need in different forms",
                        )
                    ]
                )
            if text is not None:
                texts[path] = text
    diagnostics = list(dict.fromkeys(one for result in results for one in result.diagnostics))
    manifests = [result.manifest for result in results if result.manifest is not None]
    joined = together(modules, manifests)
    return Emitted(texts, diagnostics, [one for result in results for one in result.accounts], joined, tuple(modules))


def _first(modules: Mapping[str, Module]) -> Problem:
    module = modules[min(modules)]
    return Problem(module.tree, module, "")


def _imports(modules: Mapping[str, Module], path: str) -> set[str]:
    """The modules of the program that a module imports."""
    by_name = {module.name: path for path, module in modules.items()}
    module = modules[path]
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(by_name.get(alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.name.split(".")[: -node.level] if node.level else []
            source = ".".join([*package, node.module] if node.module else package)
            found.add(by_name.get(source, ""))
            found.update(by_name.get(f"{source}.{alias.name}", "") for alias in node.names)
    return found - {""}


def _reached(entry: str, imports: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    work = [entry]
    while work:
        path = work.pop()
        if path not in found:
            found.add(path)
            work.extend(imports[path])
    return found


def _problem(problem: Problem) -> Diagnostic:
    return _reason(problem, problem.message)


def _reason(problem: Problem, message: str) -> Diagnostic:
    node = problem.node
    return Diagnostic(
        "unit-left", "TFM910", f"not native because of {message}", problem.module.path,
        getattr(node, "lineno", 1), getattr(node, "col_offset", 0), getattr(node, "end_lineno", 0) or 0,
        getattr(node, "end_col_offset", 0) or 0,
    )  # fmt: skip


# -- the emission -------------------------------------------------------------------------------------------------------


def _emit(modules: Mapping[str, Module], names: Mapping[str, Names], run: Interpreter) -> Emitted | Fallback:
    units = find(run)
    for unit in units.ordered:
        if unit.kind == "mixed":
            raise Undecided(
                "a statement that makes both variables and tensors", unit.node, unit.statement.frame.module.path
            )
    for path, module in modules.items():
        idle = idle_run(module.tree, run.activations)
        if idle is not None:
            raise Undecided("a function that nothing calls and that runs a session", idle, path)
    plan = planning.make(units)
    share(plan)
    name_functions(plan)
    context = Context(modules, names, run, units, plan)
    models.prepare(context)
    models.own(context)
    setup.optimizers(context)
    setup.variables(context)
    setup.schedules(context)
    setup.iterators(context)
    setup.writers(context)
    _statements(context)
    _host_reads(context)
    _calls(context)
    _layer_weights(context)
    _check_stable(context)
    _check_gone(context)
    left = _symbols(context)
    if left:
        return Fallback(left)
    sessions.drop_parameters(context)
    savers.rewrite(context)
    models.write(context)
    sites.rewrite(context)
    for function in plan.functions:
        models.check(context, function)
        _place(context, function)
    _train_statements(context)
    context.check_built()
    for late, node, written in context.late:
        late.replaced[node] = written()
    texts = {}
    for path in modules:
        text = _module_text(context, path)
        if text is not None:
            texts[path] = text
    return Emitted(texts, context.diagnostics, accounts(context), manifest_of(context, texts), tuple(modules))


def _module_text(context: Context, path: str) -> str | None:
    edits, moves = context.edits[path], context.moves[path]
    native_imports(context, path)
    if not edits and not moves:
        return None
    moves.dropped -= moves.taken
    module = context.modules[path]
    edited = edits.apply()
    text = moving.apply(edited, module.tree, moves) if moves else edited
    lost = lost_comments(module, text)
    if lost:
        moves.comments = lost
        text = moving.apply(edited, module.tree, moves)
    name = unbound(module.tree, ast.parse(text))
    if name is not None:
        raise context.stop(f"`{name.id}`, which is used in a way that is not followed", module.tree.body[0], path)
    left = left_unbound(module.utf8.decode(), text)
    if left is not None:
        node = reader_of(module.tree, left) or module.tree.body[0]
        raise context.stop(f"`{left}`, which is used in a way that is not followed", node, path)
    return text


def _statements(context: Context) -> None:
    """What goes from where it stood: placeholders, sessions, initializers, everything that moves into functions."""
    for unit in context.units.ordered:
        moves = context.moves_of(unit.statement)
        node = unit.node
        if isinstance(node, ast.With):
            _with(context, unit)
        elif unit.kind in {"placeholder", "session", "graph"}:
            if not isinstance(node, ast.FunctionDef) and unit.statement.executions and unit.kind != "graph":
                continue
            if unit.kind == "session" and unit.statement.executions:
                continue
            moves.dropped.add(node)
        elif isinstance(node, ast.Expr) and any(
            is_setting(value) for value in context.run.meanings.get(node.value, [])
        ):
            moves.dropped.add(node)
            context.own(node)
        elif isinstance(node, ast.Assign) and _is_empty_merge(context, node.value):
            context.edits_of(unit.statement).replace(node.value, "None")
            context.own(node.value)
        elif any(value in context.steps for value in unit.made if isinstance(value, Variable)):
            moves.dropped.add(node)
            context.own(node)
        elif unit.kind == "host" and isinstance(node, (ast.Assign, ast.Expr)) and _is_configuration(context, unit):
            moves.dropped.add(node)
    for use in context.run.uses:
        if isinstance(use.owner, Session):
            statement = use.chain[-1]
            if not isinstance(statement.node, ast.Expr):
                raise context.stop("a session closed within an expression", use.node, statement.frame.module.path)
            context.moves_of(statement).dropped.add(statement.node)


def _is_empty_merge(context: Context, node: ast.expr) -> bool:
    """Whether an expression merges summaries where there are none: TF1 gave None."""
    if not isinstance(node, ast.Call):
        return False
    path = setup.module_of(context, node)
    name = context.names[path].name_of(node.func) if path is not None else None
    values = context.run.meanings.get(node, [])
    return name in {"summary.merge_all", "merge_all_summaries"} and all(isinstance(one, Known) for one in values)


def _is_configuration(context: Context, unit: Unit) -> bool:
    """Whether a statement only makes or changes a session's configuration."""
    node = unit.node
    if any(isinstance(value, Config) for value in unit.statement.writes.values()):
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        owner: ast.expr = node.targets[0].value
        while isinstance(owner, ast.Attribute):
            owner = owner.value
        return any(isinstance(value, Config) for value in context.run.meanings.get(owner, []))
    return False


def _with(context: Context, unit: Unit) -> None:
    """Scopes, devices and sessions are looked through; other managers stay."""
    node = unit.node
    assert isinstance(node, ast.With)
    kinds = []
    for item in node.items:
        values = context.run.meanings.get(item.context_expr, [])
        kinds.append(bool(values) and all(isinstance(value, (Entered, Session)) for value in values))
        expression = item.context_expr
        if kinds[-1] and isinstance(expression, ast.Call):
            context.owned.add(expression.func)
    if all(kinds):
        context.moves_of(unit.statement).unwrapped.add(node)
    elif any(kinds):
        raise context.stop(
            "a with statement that enters a scope and something else", node, unit.statement.frame.module.path
        )


def _host_reads(context: Context) -> None:
    """Statements that stay must not read what moves: printing and asserting it is dropped, known values are written out."""
    for unit in context.units.ordered:
        if unit.kind in {"graph", "placeholder", "session", "feed"}:
            continue
        for part in unit.parts:
            if part.node in context.moves_of(part).dropped or isinstance(part.node, (ast.FunctionDef, ast.ClassDef)):
                continue
            _host_read(context, unit, part)


def _host_read(context: Context, unit: Unit, part: Statement) -> None:
    node = part.node
    inner = _own_expressions(node)
    for expression in inner:
        for name in [
            one for one in _evaluated(expression) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
        ]:
            values = context.run.meanings.get(name, [])
            printed = _is_print(node) and context.parents.get(name) is expression
            leaves = [leaf for value in values for leaf in graph_values(value)]
            if not any(_goes(context, leaf) or (printed and isinstance(leaf, Variable)) for leaf in leaves):
                continue
            if _within_execution(context, name, expression):
                continue
            known = _known_around(context, name, expression, _is_print(node))
            if known is not None:
                context.edits_of(part).replace(*known)
                continue
            if (isinstance(node, ast.Assert) or printed) and not part.executions:
                context.moves_of(part).dropped.add(node)
                what = "an assertion about" if isinstance(node, ast.Assert) else "a print of"
                context.note(
                    "symbolic-host-code", "TFM912", f"{what} a symbolic tensor, dropped: there is none any more", node,
                    part.frame.module.path,
                )  # fmt: skip
                return
            raise context.stop("host code that reads a tensor of the graph", node, part.frame.module.path)


def _evaluated(expression: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression that are evaluated where it stands: not the bodies of lambdas."""
    stack: list[ast.AST] = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(() if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node))


def _goes(context: Context, value: GraphValue) -> bool:
    """Whether a value no longer exists outside of functions."""
    unit = context.units.unit(value)
    return moves(value) and unit is not None and unit.kind != "setup"


def _own_expressions(node: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement itself, not those of the statements within it."""
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _is_print(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "print"
    )


def _within_execution(context: Context, node: ast.AST, top: ast.AST) -> bool:
    runs = {run.execution.node for run in context.plan.runs} | {use.node for use in context.run.uses}
    current: ast.AST | None = node
    while current is not None:
        if current in runs:
            return True
        if current is top:
            return False
        current = context.parents.get(current)
    return False


# What a Keras variable has in common with a TF1 variable.
SHARED_ATTRIBUTES = frozenset({"assign", "assign_add", "assign_sub", "shape", "numpy"})


def _layer_weights(context: Context) -> None:
    """A layer's weight is a Keras variable now, whose `name` is the leaf alone and which has no `op`."""
    for node, values in context.run.meanings.items():
        if not isinstance(node, ast.Attribute) or node.attr in SHARED_ATTRIBUTES or node in context.owned:
            continue
        owners = context.run.meanings.get(node.value, [])
        if not any(isinstance(owner, Variable) and owner.layer is not None for owner in owners):
            continue
        path = setup.module_of(context, node)
        parent = context.parents.get(node)
        if path is None or (
            isinstance(parent, ast.Call) and any(one.execution.node is parent for one in context.plan.runs)
        ):
            continue
        if len(values) == 1 and isinstance(values[0], Known):
            context.edits[path].replace(node, quoted(values[0].value))
        else:
            raise context.stop(f"`.{node.attr}` of a layer's weight, which Keras has otherwise", node, path)


def _known_around(context: Context, node: ast.AST, top: ast.AST, shown: bool) -> tuple[ast.expr, str] | None:
    """The outermost expression around a name whose value is known while the graph is built, and that value written out.

    A static shape that is shown is written as TF1 showed it.
    """
    current: ast.AST | None = node
    found = None
    while current is not None:
        values = context.run.meanings.get(current, [])
        if isinstance(current, ast.expr) and len(values) == 1:
            value = values[0]
            plain = host.plain(value) if not isinstance(value, TensorShape) else host.NOT_PLAIN
            if plain is not host.NOT_PLAIN:
                found = (current, quoted(plain))
            elif shown and isinstance(value, TensorShape) and value.shape is not None:
                found = (current, quoted(_tf1_shape(value.shape)))
        if current is top:
            break
        current = context.parents.get(current)
    return found


def _tf1_shape(shape: tuple[int | None, ...]) -> str:
    """How TF1 prints a static shape: (?, 3)."""
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


# -- calls that this level writes itself --------------------------------------------------------------------------------


def _calls(context: Context) -> None:
    """Calls whose TF1 form the graph stage knows: assignments, lists of variables, sessions, initializers."""
    for node, values in list(context.run.meanings.items()):
        if not isinstance(node, ast.Call):
            continue
        path = setup.module_of(context, node)
        if path is None:
            continue
        value = values[0]
        if isinstance(value, Assign):
            _assign(context, node, path)
        elif isinstance(value, VariableList) and len(values) == 1:
            _variable_list(context, node, value, path)
        if any(_structural(one) for one in values):
            _own_call(context, node, values[0])
    for value in context.run.values:
        if isinstance(value.node, ast.Call) and _structural(value):
            _own_call(context, value.node, value)


# Calls that go altogether, with what they were given.
GONE = (Session, Init, Config, Entered, UpdateOps, VariableList, DataIterator)
# Of these, only what they compute with lives on.
KEPT_ARGUMENTS = {TrainOp: ("loss", "var_list", "grads_and_vars"), Gradients: ("loss", "var_list", "ys", "xs")}


def _own_call(context: Context, node: ast.Call, value: Value) -> None:
    context.owned.add(node.func)
    if isinstance(value, DataIterator):
        return
    if isinstance(value, GONE):
        context.own(node)
    for kind, kept in KEPT_ARGUMENTS.items():
        if isinstance(value, kind):
            for key, argument in getattr(value, "arguments", {}).items():
                if key not in kept:
                    context.own(argument)


def _structural(value: Value) -> bool:
    kinds = (
        Placeholder, Session, Init, Saver, Writer, Optimizer, TrainOp, Gradients, GradientList, Group, UpdateOps, Summary, Assign,
        Config, Entered, DataIterator, Schedule, VariableList, Layer,
    )  # fmt: skip
    if isinstance(value, Variable):
        return value.maker in {"Variable", "get_variable", "global_step"}
    return isinstance(value, kinds)


def _assign(context: Context, node: ast.Call, path: str) -> None:
    """tf.assign(v, x) is v.assign(x)."""
    name = context.names[path].name_of(node.func)
    if name is None:
        return
    from ..symbols.sites import atom

    arguments = {keyword.arg: keyword.value for keyword in node.keywords}
    for parameter, given in zip(("ref", "value"), node.args, strict=False):
        arguments[parameter] = given
    method = name.rpartition(".")[2]
    context.edits[path].replace(node, *atom(arguments["ref"]), f".{method}(", arguments["value"], ")")
    context.owned.add(node.func)


def _variable_list(context: Context, node: ast.Call, value: VariableList, path: str) -> None:
    """tf.trainable_variables() and collections of variables, written as the list of what was in them."""
    outermost = _outermost_list(context, node)
    if outermost is None:
        raise context.stop("a list of variables that is taken apart in a way that is not followed", node, path)
    target, variables = outermost
    frame = _frame_of(context, node, path)
    context.edits[path].replace(target, context.variables(variables, frame, node))
    for part in ast.walk(target):
        context.owned.add(part)


def _outermost_list(context: Context, node: ast.Call) -> tuple[ast.expr, list[Variable]] | None:
    """The list itself, or the comprehension around it that only filters it."""
    current: ast.AST | None = node
    found = None
    while isinstance(current, (ast.expr, ast.comprehension)):
        if isinstance(current, ast.expr):
            values = context.run.meanings.get(current, [])
            items = getattr(values[0], "items", None) if len(values) == 1 else None
            if items is not None and all(isinstance(item, Variable) for item in items):
                found = (current, list(items))
        current = context.parents.get(current)
    return found


def _frame_of(context: Context, node: ast.AST, path: str) -> Frame:
    current: ast.AST | None = node
    while current is not None:
        if isinstance(current, ast.FunctionDef) and current in context.run.activations:
            return context.run.activations[current][0]
        current = context.parents.get(current)
    return context.run.module_frames[path]


# -- checks -------------------------------------------------------------------------------------------------------------


def _check_stable(context: Context) -> None:
    """What a function reads from outside must still be what it was when the graph was built, as long as it is called."""
    for function in context.plan.functions:
        inside = {
            name
            for unit in function.units
            for part in unit.parts
            if part.frame in context.units.frames
            for name in part.writes
        }
        for (frame, name), reader in function.outside.items():
            path = frame.module.path
            value = reader.reads_values.get((frame, name))
            later = [
                one for one in frame.history.get(name, []) if one.index > reader.index and not _drops(context, one)
            ]
            if not isinstance(value, Function) and any(before_a_call(function, one) for one in later):
                raise context.stop(f"`{name}`, which is bound again after the graph was built", reader.node, path)
            if not isinstance(value, Function) and any(
                _in_one_loop(one, reader) for one in frame.history.get(name, [])
            ):
                raise context.stop(f"`{name}`, which changes in a loop that builds graph", reader.node, path)
            if name in inside and frame is function.frame:
                raise context.stop(
                    f"`{name}`, which is both read from outside and bound by the graph", reader.node, path
                )
            for owner, chain in context.run.mutated:
                changed = owner is value and type(owner) is not Value and chain[-1].index > reader.index
                if changed and before_a_call(function, chain[-1]):
                    raise context.stop(f"`{name}`, which is changed after the graph was built", reader.node, path)


def _in_one_loop(one: Statement, reader: Statement) -> bool:
    """Whether a loop binds a name in each of its rounds, and graph within it reads that."""
    loops: set[Statement] = set()
    outer: Statement | None = reader
    while outer is not None:
        if isinstance(outer.node, (ast.For, ast.While)):
            loops.add(outer)
        outer = outer.parent
    outer = one
    while outer is not None:
        if outer in loops and outer is not reader:
            return True
        outer = outer.parent
    return False


def _check_gone(context: Context) -> None:
    """Nothing that runs, and no host code with effects, may stand in a statement that goes."""
    inside = {unit for function in context.plan.functions for unit in function.units}
    for node, chains in context.run.impure.items():
        for chain in chains:
            unit = context.units.leaf(chain)
            if unit is not None and unit.kind == "graph" and unit not in inside:
                raise context.stop(
                    "host code with effects within a statement of the graph", node, unit.statement.frame.module.path
                )
    for path, going in context.moves.items():
        for statement in (*going.dropped, *going.taken):
            if isinstance(statement, BLOCKS) and any(
                run.kind != "dropped" and run.execution.node in set(ast.walk(statement)) for run in context.plan.runs
            ):
                raise context.stop("an execution within a statement of the graph", statement, path)


def _drops(context: Context, statement: Statement) -> bool:
    return statement.node in context.moves_of(statement).dropped


def _symbols(context: Context) -> list[Diagnostic]:
    """Everything else is rewritten name by name; what can't be makes the program stay."""
    reasons: list[Diagnostic] = []
    for path, module in context.modules.items():
        gone = [module.span(node) for node in context.moves[path].dropped if not _is_used_text(context, node)]

        def keep(node: ast.AST, path: str = path) -> bool:
            current: ast.AST | None = node
            while current is not None:
                if current in context.owned:
                    return False
                if not isinstance(current, ast.Attribute):
                    break
                current = current.value
            return not _is_owned_prefix(context, node)

        result = rewrite(module, context.names[path], context.edits[path], "native", keep, _hooks(context))
        context.rewritten[path] = result
        for node, why in result.left.items():
            name = context.names[path].name_of(node) or ""
            if name.startswith("examples"):
                context.note("examples-left", "TFM104", why, node, path)
                continue
            reasons.append(_reason(Problem(node, module, ""), f"tf.{name}: {why}" if name else why))
        context.diagnostics.extend(numpy.register(module, context.edits[path], result.needs.imports))
        context.imports[path].update(result.needs.imports)
        if result.needs.tensorflow:
            context.imports[path].add(f"import tensorflow as {result.needs.tensorflow}")
        _ = gone
    return reasons


def _is_owned_prefix(context: Context, node: ast.AST) -> bool:
    parent = context.parents.get(node)
    while isinstance(parent, ast.Attribute):
        if parent in context.owned:
            return True
        parent = context.parents.get(parent)
    return False


def _is_used_text(context: Context, node: ast.stmt) -> bool:
    return True


def _hooks(context: Context) -> Hooks:
    def labels(call: ast.Call) -> bool:
        for keyword in call.keywords:
            if keyword.arg == "labels":
                found = context.run.meanings.get(keyword.value, [])
                return not found or any(
                    isinstance(root, Variable) for value in found for leaf in graph_values(value) for root in leaf.roots
                )
        return True

    def shape_of(node: ast.expr) -> object:
        found = context.run.meanings.get(node, [])
        shapes = {value.shape for value in found if isinstance(value, Tensor)}
        return next(iter(shapes)) if len(shapes) == 1 and len(found) >= 1 else None

    def dtype_of(node: ast.expr) -> str | None:
        found = context.run.meanings.get(node, [])
        kinds = {value.dtype for value in found if isinstance(value, Tensor)}
        return next(iter(kinds)) if len(kinds) == 1 else None

    return Hooks(labels, shape_of, dtype_of)  # type: ignore[arg-type]


# -- where functions go -------------------------------------------------------------------------------------------------


def _place(context: Context, function: FunctionPlan) -> None:
    """Puts a function before the statement of its frame that runs one first, once all that it reads is there."""
    frame = function.frame
    needed = max(
        [
            *(
                maker.index
                for (where, name), reader in function.outside.items()
                for maker in reader.reads[where, name]
                if where is frame
            ),
            *(unit.index for unit in function.units if unit.kind == "setup"),
            *(_made_at(context, parameter.value) for parameter in function.parameters if parameter.value is not None),
        ],
        default=-1,
    )
    candidates = [_of_frame(run.execution.chain, frame) for run in context.plan.runs if run.kind == "function"]
    mine = [_of_frame(run.execution.chain, frame) for run in function.runs]
    first = [one for one in mine if one is not None]
    if len(first) != len(mine):
        node = function.runs[0].execution.node
        raise context.stop("an execution outside of the function that builds its graph", node, frame.module.path)
    own = min(first, key=lambda one: one.index)
    anchor = min(
        (one for one in candidates if one is not None and needed <= one.index <= own.index),
        key=lambda one: one.index,
        default=own,
    )
    text = FunctionWriter(context, function).text()
    early = read_too_early(next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)))
    if early is not None:
        node = function.runs[0].execution.node
        raise context.stop(
            f"`{early}`, which is both read from outside and bound by the graph", node, frame.module.path
        )
    blocks = context.moves[frame.module.path].before.setdefault(anchor.node, [])
    place = next(
        (place for place, block in enumerate(blocks) if not block.startswith(("@", "def ", "class "))), len(blocks)
    )
    blocks.insert(place, text)


def _made_at(context: Context, value: GraphValue) -> int:
    unit = context.units.unit(value)
    return unit.index if unit is not None else -1


def _of_frame(chain: tuple[Statement, ...], frame: Frame) -> Statement | None:
    """The outermost statement of a frame in a chain; the blocks of sessions and scopes are open."""
    return next((one for one in chain if one.frame is frame), None)


def _train_statements(context: Context) -> None:
    """Statements that make an optimizer and a train op at once keep the optimizer."""
    for unit in context.units.ordered:
        if unit.kind != "graph":
            continue
        made = [value for value in unit.made if isinstance(value, Optimizer)]
        trains = [value for value in unit.made if isinstance(value, TrainOp)]
        lines = []
        moves = context.moves_of(unit.statement)
        edits = context.edits_of(unit.statement)
        for optimizer in made:
            if optimizer.node is not None:
                lines.append(f"{context.optimizers[optimizer]} = {edits.render(optimizer.node)}")
        for train in trains:
            lines.extend(_slots(context, unit, train))
        for value in unit.made:
            if isinstance(value, DataIterator) and context.iterators[value].inline:
                form = context.iterators[value]
                lines.append(f"{form.name} = iter({edits.render(form.source)})")
        if lines:
            moves.dropped.discard(unit.node)
            moves.taken.discard(unit.node)
            moves.replaced[unit.node] = "\n".join(lines)


def _slots(context: Context, unit: Unit, train: TrainOp) -> list[str]:
    """Builds an optimizer that trains several lists of variables, or whose slots don't start at Keras' values."""
    optimizer = train.optimizer
    assert optimizer is not None
    trains = [value for value in context.run.values if isinstance(value, TrainOp) and value.optimizer is optimizer]
    lists = [_trained(one) for one in trains]
    starts_at_one = optimizer.name == "RMSPropOptimizer"
    if train is not trains[-1] or not (starts_at_one or any(set(one) != set(lists[0]) for one in lists)):
        return []
    name, path = context.optimizers[optimizer], unit.statement.frame.module.path
    every = [
        variable
        for variable in context.run.values
        if isinstance(variable, Variable) and any(variable in one for one in lists)
    ]
    lines = [f"{name}.build({context.variables(every, unit.statement.frame, unit.node)})"]
    if starts_at_one:
        tab, tf = context.indent(path), context.tf(path)
        lines += [
            f"for variable in {name}.variables:",
            f'{tab}if variable.path.endswith("velocity"):',
            f"{tab}{tab}variable.assign({tf}.ones_like(variable))  # as TF1's RMSProp starts",
        ]
    return lines


def _trained(train: TrainOp) -> list[Variable]:
    """The variables that a train op changes: those given, else those that its loss depends on."""
    if train.explicit or not isinstance(train.loss, GraphValue):
        return train.variables
    return [one for one in train.variables if one in train.loss.roots]


__all__ = ["Dataset", "Emitted", "Fallback", "Plan", "Units", "emit", "names_in"]
