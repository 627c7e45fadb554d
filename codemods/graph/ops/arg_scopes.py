"""arg_scope: defaults for the arguments of contrib's functions, as each call within the scope takes them.

An expression of an arg_scope is moved into the calls that take it, so its names must mean there what they meant where the scope
was opened. Of those that don't, a known value is written out, a name that stands for an expression gives way to it, and
anything else is a problem.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .. import host
from ..frames import Frame, Statement
from ..interpreter import Interpreter
from ..values import Dict, Function, Known, Setting, TFName, Value
from . import contrib_names
from .scopes import Entered, Leave

MAX_INLINED = 4  # how far names are followed to the expressions that they stand for


@dataclass(frozen=True, eq=False)
class Given:
    """An argument: its value, its expression, and the frame and statement that this stands in."""

    value: Value
    node: ast.expr
    frame: Frame
    index: int
    names: Mapping[str, Value] = field(default_factory=dict)  # what its names meant, where that is known
    scope: Frame | None = None  # the frame whose arg_scope gives it


Defaults = Mapping[str, Mapping[str, Given]]


@dataclass(eq=False)
class ArgScope(Value):
    """What `with arg_scope(…) as scope` binds: the defaults of each function, by its TF1 name."""

    defaults: Defaults


class EnteredArgs(Entered):
    """The context manager of an arg_scope."""


def given(run: Interpreter, node: ast.expr, value: Value | None = None) -> Given:
    """An argument of the current statement."""
    value = run.evaluate(node) if value is None else value
    names = {}
    for name in _names(node):
        found = run.lookup(name.id)
        if found is not None:
            names[name.id] = found[0].value
    return Given(value, node, run.frame, run.chain[-1].index, names)


def entries(run: Interpreter, value: Value, node: ast.AST, what: str) -> dict[str, Given]:
    """The arguments that a dict holds, each with its own expression; none of None."""
    if isinstance(value, Known) and not value.value:
        return {}
    if not isinstance(value, Dict) or value.open or not value.made:
        run.problem(node, f"{what} that are not known")
        return {}
    origin = value.made[-1]
    found: dict[str, Given] = {}
    for key, item, expression in zip(value.keys, value.values, value.nodes, strict=True):
        if isinstance(key, Known) and isinstance(key.value, str) and expression is not None:
            found[key.value] = Given(item, expression, origin.frame, origin.index)
        else:
            run.problem(node, f"{what} that are not known")
    return found


def defaults_of(run: Interpreter, name: str) -> Mapping[str, Given]:
    """What the arg_scopes around say for a function."""
    stack: list[Defaults] = run.arg_scopes
    return stack[-1].get(name, {}) if stack else {}


def _within(frame: Frame, defaults: Defaults, new: Defaults) -> Defaults:
    """The defaults of a scope: what it does not take over as it was is given by the frame that opens it."""
    return {
        function: {
            key: one if defaults.get(function, {}).get(key) is one else replace(one, scope=frame)
            for key, one in arguments.items()
        }
        for function, arguments in new.items()
    }


def _arg_scope(run: Interpreter, name: str, node: ast.Call) -> Value:
    target_node = node.args[0] if node.args else _keyword(node, "list_ops_or_scope")
    if target_node is None or len(node.args) > 1:
        return run.problem(node, "an arg_scope whose functions are not known")
    target = run.evaluate(target_node)
    arguments: dict[str, Given] = {}
    for keyword in node.keywords:
        if keyword.value is target_node:
            continue
        if keyword.arg is None:
            arguments.update(entries(run, run.evaluate(keyword.value), node, "arguments of an arg_scope"))
        else:
            arguments[keyword.arg] = given(run, keyword.value)
    defaults = _opened(run, node, target, arguments)
    if defaults is None:
        return run.problem(node, "an arg_scope whose functions are not known")

    def opened(run: Interpreter) -> tuple[Leave, Value]:
        run.arg_scopes.append(_within(run.frame, run.arg_scopes[-1] if run.arg_scopes else {}, defaults))

        def leave() -> None:
            run.arg_scopes.pop()

        return leave, ArgScope(defaults)

    return EnteredArgs(opened)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _opened(run: Interpreter, node: ast.Call, target: Value, arguments: Mapping[str, Given]) -> Defaults | None:
    """The defaults within a scope: those of the scope that is opened again, or those around with the new ones."""
    if isinstance(target, ArgScope):
        return target.defaults if not arguments else None
    members = host.items(run, target)
    if members is None:
        return None
    defaults = dict(run.arg_scopes[-1]) if run.arg_scopes else {}
    for member in members:
        if isinstance(member, Function):
            run.problem(node, "an arg_scope over a function of the program")
        elif isinstance(member, TFName):
            key = contrib_names.canonical(member.name)
            defaults[key] = {**defaults.get(key, {}), **arguments}
        else:
            return None
    return defaults


# -- modes ---------------------------------------------------------------------------------------------------------------


def handed(run: Interpreter, argument: Given) -> Setting | None:
    """A mode (is_training) that an arg_scope gives to layers in functions that are called within it: TF1 looked it up, a
    class must be told. The calls between hand it on; None where that can't be."""
    calls: list[ast.Call] = []
    name = ""
    for frame in reversed(run.frames):
        if frame is argument.scope:
            break
        if isinstance(frame.node, ast.FunctionDef):
            call = next((one for one, found in run.calls.items() for _, made, _ in found if made is frame), None)
            if call is None:
                return None
            name = name or mode_of(frame.node)
            calls.append(call)
    if not calls or argument.scope is None:
        return None
    with run.within(argument.scope):
        made = setting(run, argument)
    for call in calls:
        given = made if call is calls[-1] else None
        known = run.modes.setdefault(call, given)
        if made is None or (known is None) is not (given is None) or not _one_mode(known, given):
            return None
    return Setting(argument.value, text=name)


def _one_mode(one: Setting | None, other: Setting | None) -> bool:
    """Whether two arg_scopes give one mode: by the same expression, or by the same value written out."""
    if one is None or other is None:
        return one is other
    mine, its = stands_for(one), stands_for(other)
    if isinstance(mine, str) or isinstance(its, str):
        return mine == its
    plain = [host.plain(one.value), host.plain(other.value)]
    literal = all(isinstance(part, Value | ast.Constant) for part in (mine, its))
    return mine is its or (literal and plain[0] == plain[1] and host.NOT_PLAIN not in plain)


def stands_for(setting: Setting) -> str | ast.expr | Value:
    """What a setting comes to once its name gave way: a text, an expression, or a known value."""
    if setting.node is None:
        return setting.text
    found: ast.expr | Value = setting.node
    while isinstance(found, ast.Name) and found in setting.replaced:
        found = setting.replaced[found]
    return found


def mode_of(definition: ast.FunctionDef) -> str:
    """The parameter by which a function's class is told the mode."""
    taken = {one.id for one in ast.walk(definition) if isinstance(one, ast.Name)}
    taken |= {one.arg for one in ast.walk(definition) if isinstance(one, ast.arg)}
    return next(name for name in ("training", "is_training", "training_mode", "layers_training") if name not in taken)


# -- what an expression means elsewhere ---------------------------------------------------------------------------------


def setting(run: Interpreter, argument: Given) -> Setting | None:
    """An argument as the current statement can write it; None where its names mean something else here."""
    made = Setting(argument.value, argument.node, argument.frame.module.path)
    if _settle(run, made, argument, 0):
        return made
    plain = host.plain(argument.value)
    if plain is host.NOT_PLAIN:
        return None
    return Setting(argument.value, None, made.path, repr(plain).replace("{", "{{").replace("}", "}}"))


def _settle(run: Interpreter, made: Setting, argument: Given, depth: int) -> bool:
    """Finds what stands for each name of an argument; False where one can't be known."""
    if depth > MAX_INLINED or argument.frame.module is not run.modules.get(made.path):
        return False
    return all(_settle_name(run, made, argument, name, depth) for name in _names(argument.node))


def _settle_name(run: Interpreter, made: Setting, argument: Given, name: ast.Name, depth: int) -> bool:
    here = run.lookup(name.id)
    if argument.frame.names.name_of(name) is not None:
        run.load(name.id)
        bound = argument.frame.names.bound.get(name.id)
        return run.frame.module is argument.frame.module or run.frame.names.bound.get(name.id) == bound
    frame = _binds(argument.frame, name.id)
    if frame is None:
        return here is None and name.id not in argument.names
    if name.id not in argument.names and not _settled(frame, name.id, argument.index):
        return False
    value = argument.names.get(name.id, frame.bindings[name.id].value)
    if here is not None and here[1] is frame and here[0].value is value and _settled(frame, name.id, argument.index):
        run.load(name.id)
        made.meant = (*made.meant, value)
        return True
    stands_for = _stands_for(run, made, name.id, value, frame, depth)
    if stands_for is None:
        return False
    made.replaced[name] = stands_for
    return True


def _stands_for(
    run: Interpreter, made: Setting, name: str, value: Value, frame: Frame, depth: int
) -> Value | ast.expr | None:
    """The expression that a name was given, or a known value to be written out."""
    expression = _argument(run, frame, name) if name in frame.arguments else _assigned(frame, name)
    if expression is not None:
        node, origin, index = expression
        if _settle(run, made, Given(value, node, origin, index), depth + 1):
            return node
    return value if host.plain(value) is not host.NOT_PLAIN else None


def _assigned(frame: Frame, name: str) -> tuple[ast.expr, Frame, int] | None:
    """The expression that a name of a frame is assigned once and for all, where it may be written again."""
    history: list[Statement] = frame.history.get(name, [])
    node = history[0].node if len(history) == 1 else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        if any(isinstance(one, ast.Call) for one in ast.walk(node.value)):
            return None
        return node.value, frame, history[0].index
    return None


def _argument(run: Interpreter, frame: Frame, name: str) -> tuple[ast.expr, Frame, int] | None:
    """The expression that a call gave for a parameter."""
    if not isinstance(frame.node, ast.FunctionDef):
        return None
    names = [one.arg for one in (*frame.node.args.posonlyargs, *frame.node.args.args)]
    for call, found in run.calls.items():
        for _, activation, chain in found:
            if activation is not frame or any(isinstance(one, ast.Starred) for one in call.args):
                continue
            nodes = dict(zip(names, call.args, strict=False))
            nodes.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
            node = nodes.get(name)
            return (node, chain[-1].frame, chain[-1].index) if node is not None and chain else None
    return None


def _binds(frame: Frame, name: str) -> Frame | None:
    """The frame that binds a name as seen from another."""
    current: Frame | None = frame
    first = True
    while current is not None:
        if name in current.bindings and (first or not isinstance(current.node, ast.ClassDef)):
            return current
        current, first = current.parent, False
    return None


def _settled(frame: Frame, name: str, index: int) -> bool:
    """Whether a name was not bound again after a statement."""
    return all(one.index <= index for one in frame.history.get(name, []))


def _names(node: ast.expr) -> Iterator[ast.Name]:
    """The names that an expression reads from around it."""
    inner = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)} | {
        one.arg for one in ast.walk(node) if isinstance(one, ast.arg)
    }
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.id not in inner:
            yield one


FUNCTIONS: dict[str, Callable[[Interpreter, str, ast.Call], Value]] = {"contrib.framework.arg_scope": _arg_scope}
