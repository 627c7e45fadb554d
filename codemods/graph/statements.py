"""Interprets statements: assignments, control flow, definitions, imports, with blocks."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from . import asked, host, instances
from .expressions import binary, evaluate
from .frames import Binding, Frame, GraphState
from .interpreter import Interpreter
from .values import (
    UNKNOWN,
    Array,
    Class,
    Dict,
    Function,
    GraphValue,
    ImportedModule,
    Known,
    Sequence,
    Session,
    TFName,
    Value,
    graph_values,
)

MAX_UNROLLED = 64


class Unwind(Exception):
    """Leaves a block early: `return`, `break`, `continue` or `raise`."""


class Return(Unwind):
    pass


def run_module(run: Interpreter, path: str) -> Frame:
    """Interprets a module once; a module that imports it gets the same frame."""
    if path in run.module_frames:
        return run.module_frames[path]
    module = run.modules[path]
    frame = Frame(module, run.names[path], module.tree)
    run.module_frames[path] = frame
    outer, run.chain = run.chain, ()
    with run.within(frame):
        run_block(run, module.tree.body, catch=True)
    run.chain = outer
    return frame


def run_main_blocks(run: Interpreter) -> None:
    """What modules that were imported do when they are started themselves: each in a process, and a graph, of its own."""
    entry = run.entry
    for path, frame in list(run.module_frames.items()):
        blocks = [node for node in run.modules[path].tree.body if isinstance(node, ast.If) and is_main_block(node)]
        if path == entry or not blocks or not run.names[path]:
            continue
        with run.within(frame):
            if any(value.chain and value.chain[0].frame is frame for value in run.values):
                run.problem(blocks[0], "a module that builds graph where it is imported, and is started itself, too")
                continue
            run.entry, run.graph = path, GraphState()
            run.graphs.append(run.graph)
            run_block(run, blocks, catch=True)
    run.entry = entry


def is_main_block(node: ast.If) -> bool:
    """Whether a statement is `if __name__ == "__main__":`."""
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test))


def run_block(run: Interpreter, body: Iterable[ast.stmt], catch: bool = False) -> None:
    for node in body:
        try:
            run_statement(run, node)
        except Unwind:
            if not catch:
                raise


def run_body(run: Interpreter, body: list[ast.stmt]) -> None:
    """Runs a function's body; a return ends it."""
    try:
        run_block(run, body)
    except Unwind:
        pass


def run_statement(run: Interpreter, node: ast.stmt) -> None:
    run.step()
    handler = HANDLERS.get(type(node))
    with run.at(node):
        if handler is not None:
            handler(run, node)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    evaluate(run, child)


def _expression(run: Interpreter, node: ast.Expr) -> None:
    evaluate(run, node.value)


def _assign(run: Interpreter, node: ast.Assign) -> None:
    value = evaluate(run, node.value)
    for target in node.targets:
        host.assign_target(run, target, value, node.value)


def _annotated(run: Interpreter, node: ast.AnnAssign) -> None:
    if node.value is not None:
        host.assign_target(run, node.target, evaluate(run, node.value), node.value)


def _augmented(run: Interpreter, node: ast.AugAssign) -> None:
    load: Any
    if isinstance(node.target, ast.Name):
        old = run.load(node.target.id) or Value()
    else:
        load = node.target
        old = evaluate(run, load)
    value = evaluate(run, node.value)
    if isinstance(old, Sequence) and isinstance(node.op, ast.Add):
        run.mutated.append((old, run.chain))
        added = host.items(run, value)
        if added is not None:
            old.items.extend(added)
        elif graph_values(old):
            run.problem(node, "a list of graph values extended by an unknown number")
        return
    if isinstance(old, (Array, Dict)) or type(old) in UNKNOWN:
        run.mutated.append((old, run.chain))
    host.assign_target(run, node.target, binary(run, node, type(node.op), old, value), None)


def _function(run: Interpreter, node: ast.FunctionDef) -> None:
    for expression in (*node.decorator_list, *node.args.defaults, *[d for d in node.args.kw_defaults if d]):
        evaluate(run, expression)
    kinds = [one.id for one in node.decorator_list if isinstance(one, ast.Name) and one.id in METHOD_KINDS]
    run.bind(node.name, Function(node, run.frame, kind=kinds[0] if len(node.decorator_list) == 1 and kinds else ""))


METHOD_KINDS = frozenset({"staticmethod", "classmethod", "property"})


def _class(run: Interpreter, node: ast.ClassDef) -> None:
    made = Class(node, run.frame, bases=[evaluate(run, base) for base in node.bases])
    frame = Frame(run.frame.module, run.frame.names, node, run.frame)
    with run.within(frame):
        run_block(run, node.body)
    made.attributes = {name: binding.value for name, binding in frame.bindings.items()}
    run.bind(node.name, made)


def _return(run: Interpreter, node: ast.Return) -> None:
    run.frame.returned.append(evaluate(run, node.value) if node.value is not None else Known(None))
    raise Return


def _leave(run: Interpreter, node: ast.stmt) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(run, child)
    raise Unwind


def _if(run: Interpreter, node: ast.If) -> None:
    truth = host.truth(evaluate(run, node.test))
    if truth is not None:
        run.chain[-1].decided = True
        run.decided.setdefault(node, set()).add(truth)
        if asked.asks(node.test):
            run.asked.add(node)
        run_block(run, node.body if truth else node.orelse)
        return
    run.decided.setdefault(node, set()).update({True, False})
    _branches(run, [node.body, node.orelse])


def _branches(run: Interpreter, bodies: list[list[ast.stmt]]) -> None:
    """Runs each body from the same bindings, and joins what they leave. Raises Unwind where all of them leave early."""
    before = _bindings(run)
    outcomes: list[Bindings] = []
    left: Unwind | None = None
    for body in bodies:
        _restore(before)
        try:
            run_block(run, body)
        except Unwind as unwind:
            left = unwind
            continue
        outcomes.append(_bindings(run))
    if not outcomes:
        _restore(before)
        raise left or Unwind
    _restore(_joined(outcomes))


Bindings = dict[Frame, dict[str, Binding]]


def _bindings(run: Interpreter) -> Bindings:
    """What the names of the current frame mean now, and the attributes of objects."""
    return {frame: dict(frame.bindings) for frame in (run.frame, *(one.frame for one in instances.watched(run)))}


def _restore(bindings: Bindings) -> None:
    for frame, bound in bindings.items():
        frame.bindings = dict(bound)


def _joined(outcomes: list[Bindings]) -> Bindings:
    frames = {frame for outcome in outcomes for frame in outcome}
    return {frame: _join([outcome[frame] for outcome in outcomes if frame in outcome]) for frame in frames}


def _join(outcomes: list[dict[str, Binding]]) -> dict[str, Binding]:
    result = dict(outcomes[0])
    for other in outcomes[1:]:
        for name in {*result, *other}:
            mine, its = result.get(name), other.get(name)
            if mine is its:
                continue
            if mine is None or its is None:
                result[name] = (mine or its) if (mine or its) is not None else mine  # type: ignore[assignment]
                continue
            result[name] = Binding(host.join(mine.value, its.value), mine.makers | its.makers)
    return result


def _for(run: Interpreter, node: ast.For) -> None:
    source = evaluate(run, node.iter)
    members = host.items(run, source)
    if isinstance(source, GraphValue) and not isinstance(source, Session):
        run.problem(node, "a loop over a tensor")
    if members is not None and len(members) <= MAX_UNROLLED and not _executes(node) and _builds(run, node, members):
        for member in members:
            host.assign_target(run, node.target, member, None)
            try:
                run_block(run, node.body)
            except Return:
                raise
            except Unwind:
                break
        return
    item: Value = Array() if isinstance(source, Array) else Value()
    if members and not any(type(member) in UNKNOWN for member in members):
        item = members[0] if all(_alike(member, members[0]) for member in members) else Value()
    _once(run, node, node.target, item)


def _alike(one: Value, two: Value) -> bool:
    return isinstance(one, Array) and isinstance(two, Array)


def _while(run: Interpreter, node: ast.While) -> None:
    _once(run, node, None, None)


def _once(run: Interpreter, node: ast.For | ast.While, target: ast.expr | None, item: Value | None) -> None:
    """Reads a loop's body once, for every round: what the body assigns is unknown when it begins."""
    for name in assigned(node.body):
        run.forget(name)
    if target is not None and item is not None:
        host.assign_target(run, target, item, None)
    elif isinstance(node, ast.While):
        evaluate(run, node.test)
    made = len(run.graph.variables)
    try:
        run_block(run, node.body)
    except Return:
        pass
    except Unwind:
        pass
    if len(run.graph.variables) > made:
        run.problem(node, "variables made in a loop whose number of rounds is not known")
    run_block(run, node.orelse)


def assigned(body: Iterable[ast.stmt]) -> set[str]:
    """The names that statements bind in their own scope."""
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(node.id)
        stack.extend(ast.iter_child_nodes(node))
    return found


def _executes(node: ast.AST) -> bool:
    """Whether the code below a node looks as if it ran a session."""
    return any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in {"run", "eval", "save"}
        for part in ast.walk(node)
    )


def _builds(run: Interpreter, node: ast.For, members: list[Value]) -> bool:
    """Whether a loop is worth unrolling: it is short, names TensorFlow, or handles graph values."""
    if len(members) <= 8 or any(graph_values(member) for member in members):
        return True
    for part in ast.walk(node):
        if isinstance(part, (ast.Name, ast.Attribute)) and run.frame.names.name_of(part) is not None:
            return True
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            found = run.lookup(part.id)
            if found is not None and (graph_values(found[0].value) or isinstance(found[0].value, Function)):
                return True
    return False


def _with(run: Interpreter, node: ast.With) -> None:
    left = run.language.enter(run, node)
    try:
        run_block(run, node.body)
    finally:
        for leave in reversed(left):
            leave()


def _try(run: Interpreter, node: ast.Try) -> None:
    before = _bindings(run)
    made = len(run.graph.variables)
    left: Unwind | None = None
    outcomes = []
    try:
        run_block(run, node.body)
        run_block(run, node.orelse)
        outcomes.append(_bindings(run))
    except Unwind as unwind:
        left = unwind
    if left is None and all(_succeeds(run, one) for one in node.body):
        run.settled.add(node)
        run_block(run, node.finalbody)
        return
    for handler in node.handlers:
        _restore(before if made != len(run.graph.variables) else _bindings(run))
        if handler.type is not None:
            evaluate(run, handler.type)
        if handler.name:
            run.bind(handler.name, Value())
        count = len(run.graph.variables)
        try:
            run_block(run, handler.body)
            outcomes.append(_bindings(run))
        except Unwind as unwind:
            left = left or unwind
        if len(run.graph.variables) > count:
            run.problem(handler, "variables made in an except block")
    if outcomes:
        _restore(_joined(outcomes))
    run_block(run, node.finalbody)
    if not outcomes:
        raise left or Unwind


# Calls that are followed in full: where the interpreter knows what they give, TF1 gave it, and did not raise.
FOLLOWED = ("dynamic_rnn", "static_rnn", "bidirectional_dynamic_rnn", "static_bidirectional_rnn")


def _succeeds(run: Interpreter, node: ast.stmt) -> bool:
    """Whether a statement is known not to raise: a call that is followed in full, unpacked into as many names."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call) or len(node.targets) != 1:
        return False
    name = run.frame.names.name_of(node.value.func) or ""
    values, target = run.meanings.get(node.value, []), node.targets[0]
    return (
        name.rpartition(".")[2] in FOLLOWED
        and isinstance(target, ast.Tuple)
        and all(isinstance(part, ast.Name) for part in target.elts)
        and bool(values)
        and all(isinstance(value, Sequence) and len(value.items) == len(target.elts) for value in values)
    )


def _import(run: Interpreter, node: ast.Import) -> None:
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        dotted = alias.name if alias.asname else alias.name.partition(".")[0]
        known = run.frame.names.bound.get(name)
        imported = ImportedModule(dotted, dotted, run.frame.module.path)
        run.bind(name, TFName(known) if known is not None and _is_tf(alias.name) else imported)
        _load(run, alias.name)


def _is_tf(dotted: str) -> bool:
    return dotted == "tensorflow" or dotted.startswith("tensorflow.")


def _load(run: Interpreter, spelt: str) -> Frame | None:
    """Runs a module of the program, after the packages that it is part of; None where it is not of the program."""
    dots = len(spelt) - len(spelt.lstrip("."))
    parts = spelt[dots:].split(".") if spelt[dots:] else []
    frame = None
    for count in range(len(parts) + 1):
        path = run.linked(run.frame.module.path, spelt[:dots] + ".".join(parts[:count]))
        frame = run_module(run, path) if path is not None else None
    return frame


def _import_from(run: Interpreter, node: ast.ImportFrom) -> None:
    spelt = "." * node.level + (node.module or "")
    source = _absolute(run, node)
    inner = _load(run, spelt)
    for alias in node.names:
        name = alias.asname or alias.name
        if alias.name == "*":
            for own, binding in (inner.bindings if inner else {}).items():
                if not own.startswith("_"):
                    run.bind(own, binding.value)
            continue
        known = run.frame.names.bound.get(name)
        if known is not None:
            run.bind(name, TFName(known))
        elif inner is not None and alias.name in inner.bindings:
            run.bind(name, inner.bindings[alias.name].value)
        else:
            nested = f"{spelt}.{alias.name}" if node.module else spelt + alias.name
            _load(run, nested)
            run.bind(
                name, ImportedModule(f"{source}.{alias.name}" if source else alias.name, nested, run.frame.module.path)
            )


def _absolute(run: Interpreter, node: ast.ImportFrom) -> str:
    source = node.module or ""
    if not node.level:
        return source
    package = run.frame.module.name.split(".")
    is_package = run.frame.module.path.endswith("__init__.py")
    base = package[: len(package) - node.level + (1 if is_package else 0)]
    return ".".join([*base, source] if source else base)


def _global(run: Interpreter, node: ast.Global) -> None:
    run.frame.globals.update(node.names)


def _delete(run: Interpreter, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            run.forget(target.id)
        elif isinstance(target, ast.Attribute) and graph_values(evaluate(run, _loaded(target))):
            run.problem(target, "an attribute of the graph that is deleted")


def _loaded(target: ast.Attribute) -> ast.expr:
    """An attribute as an expression that reads it."""
    return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)


def _assert(run: Interpreter, node: ast.Assert) -> None:
    evaluate(run, node.test)
    if node.msg is not None:
        evaluate(run, node.msg)


HANDLERS: dict[type, Callable[[Interpreter, Any], None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.FunctionDef: _function,
    ast.ClassDef: _class,
    ast.Return: _return,
    ast.Raise: _leave,
    ast.Break: _leave,
    ast.Continue: _leave,
    ast.If: _if,
    ast.For: _for,
    ast.While: _while,
    ast.With: _with,
    ast.Try: _try,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _global,
    ast.Delete: _delete,
    ast.Assert: _assert,
}
