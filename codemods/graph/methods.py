"""Methods that nothing in the program calls, of objects that hold a graph: they must work on what the class becomes, so they
are read with arguments of which nothing is known."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import instances
from .frames import Frame
from .interpreter import Interpreter
from .values import Function, GraphValue, Instance, Value, Variable, flatten


def run_uncalled(run: Interpreter) -> None:
    """Interprets the methods that were not, where they use what their object holds of the graph."""
    for one in list(run.instances):
        held = {name for owner, name, value, _ in run.stored if owner is one and _is_graph(value)}
        for function in _methods(one) if held else ():
            if not _is_active(run, function, one) and held & _read(function.node):
                _call(run, function, one, run.activations.get(function.node, []))


def _is_active(run: Interpreter, function: Function, one: Instance) -> bool:
    """Whether a method was interpreted. Of several objects of a class the first, which stands for all, must run it itself."""
    frames = run.activations.get(function.node, [])
    first = next((other for other in run.holding if other.cls is one.cls), one)
    if not frames or first is not one:
        return bool(frames)
    return any(next(iter(frame.arguments.values()), None) in {one, *_strangers(run, one)} for frame in frames)


def _strangers(run: Interpreter, one: Instance) -> set[Instance]:
    """The objects of other classes: an inherited method that one of them runs is interpreted."""
    return {other for other in run.instances if other.cls is not one.cls}


def _is_graph(value: Value) -> bool:
    return any(isinstance(leaf, GraphValue) for leaf in flatten(value))


def _methods(one: Instance) -> Iterator[Function]:
    seen: set[str] = set()
    for cls in instances.line(one.cls):
        for name, value in cls.attributes.items():
            if isinstance(value, Function) and name not in seen and not value.decorated:
                yield value
            seen.add(name)


def _read(definition: ast.AST) -> set[str]:
    return {
        node.attr for node in ast.walk(definition) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def _call(run: Interpreter, function: Function, one: Instance, others: list[Frame]) -> None:
    """Reads a method as another object of the class ran it, else with arguments of which nothing is known."""
    definition = function.node
    if not isinstance(definition, ast.FunctionDef):
        return
    frame = Frame(function.frame.module, function.frame.names, definition, function.frame)
    parameters = definition.args
    names = [each.arg for each in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)]
    made = len([value for value in run.values if isinstance(value, Variable)])
    run.chain = ()
    with run.within(frame):
        for place, name in enumerate(names):
            known = others[0].arguments.get(name) if others else None
            plain = known is not None and not isinstance(known, Instance) and not _is_graph(known)
            run.bind(name, one if place == 0 else known if plain and known is not None else Value())
        frame.arguments = {name: binding.value for name, binding in frame.bindings.items()}
        run.activations.setdefault(definition, []).append(frame)
        run.language.run_body(run, definition.body)
    if len([value for value in run.values if isinstance(value, Variable)]) > made:
        run.problem(definition, "a method that makes variables and that nothing calls")
