"""Values in between: what still has a name on both sides of a rewrite, so that a first difference can be found."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..graph.frames import Statement
from ..graph.values import Assign, GraphValue, Op, Placeholder, Tensor, Variable
from ..manifest import NewPlace, Place, Value
from ..plan.executions import FunctionPlan
from ..plan.models import FunctionModel, Object
from .checkpoint_map import qualname
from .context import Context

Bound = list[tuple[str, int]]  # names with the lines of the statements that bind them, in order


@dataclass
class Functions:
    """What the functions of a module bind and read, by their qualified names."""

    bound: dict[str, Bound] = field(default_factory=dict)
    read: dict[str, set[str]] = field(default_factory=dict)
    names: dict[ast.AST, str] = field(default_factory=dict)  # the qualified name of each definition


Lines = Mapping[str, Functions]  # by path


def values(context: Context, function: FunctionPlan, lines: Lines) -> tuple[Value, ...]:
    """The tensors that still have a name: in the function itself, in those that it calls, and in models' `call`s."""
    path, name = function.frame.module.path, function_name(function)
    invented = set(context.run.named_losses.values())  # names that the old program has not
    found = [one for one in _within(function, lines) if one.name not in invented]
    if path in lines:
        found.extend(one for one in _called(context, path, name, lines[path]) if one not in found)
    for shared in function.shared:
        found.extend(one for one in values(context, shared.callee, lines) if one not in found)
    return tuple(found)


def function_name(function: FunctionPlan) -> str:
    scope = qualname(function.home or function.frame)
    if function.frame.instance is not None:
        return f"{scope}.{function.name}"
    return f"{scope}.<locals>.{function.name}" if scope else function.name


def made(function: FunctionPlan) -> list[tuple[Statement, str, object]]:
    """What the function's own statements bind, in the order in which it runs them: those under the tape first.

    What the statements within a loop or condition bind is theirs, and each is told once however often it was interpreted.
    """
    taped = set(function.taped)
    units = [*function.taped, *(unit for unit in function.units if unit not in taped)]
    found = {
        (part.node, name): (part, name, value)
        for unit in units
        for part in unit.parts
        if part.frame is function.frame
        for name, value in part.writes.items()
        if not hasattr(part.node, "body") or name in _targets(part.node)
    }
    return list(found.values())


def _within(function: FunctionPlan, lines: Lines) -> list[Value]:
    """The tensors that still have a name within the function, each with the line that binds it where that is clear."""
    place = NewPlace(function.frame.module.path, function_name(function))
    tensors = [
        (part, name, value)
        for part, name, value in made(function)
        if isinstance(value, Tensor) and not isinstance(value, (Variable, Placeholder))
    ]
    bound = bound_by(lines, place)
    found: list[Value] = []
    seen: dict[str, int] = {}
    for part, name, value in tensors:
        mine = [line for other, line in bound if other == name]
        count = sum(other == name for _, other, _ in tensors)
        turn = seen[name] = seen.get(name, -1) + 1
        if not mine:
            continue
        line = mine[turn] if len(mine) == count else 0
        old = Place(part.frame.module.path, part.node.lineno, part.node.col_offset)
        found.append(Value(name, tensor_name(value), old, NewPlace(place.file, place.qualname, line)))
    return found


def bound_by(lines: Lines, place: NewPlace) -> Bound:
    return lines[place.file].bound.get(place.qualname, []) if place.file in lines else []


def tensor_name(value: GraphValue) -> str:
    """The TF1 name of a tensor or operation, "" where it is not certain."""
    if isinstance(value, Variable):
        return f"{value.name}:0"
    if not value.tf1_name or (isinstance(value, Op) and not isinstance(value, Assign)):
        return value.tf1_name
    return f"{value.tf1_name}:0"


def _called(context: Context, path: str, name: str, new: Functions) -> Iterator[Value]:
    """What is bound in the functions and models that a function reaches by their names: in each as often on both sides."""
    old = functions(context.modules[path].tree)
    objects = {called: made for made, called in context.objects.items()}
    for read in _reached(new, name):
        if read in objects:
            yield from _in_model(context, path, objects[read], old, new)
            continue
        for qualname_of in [one for one in new.bound if one == read or one.endswith(f".<locals>.{read}")]:
            yield from _paired(path, old.bound.get(qualname_of, []), new.bound[qualname_of], qualname_of)


def _reached(new: Functions, name: str) -> list[str]:
    """The names that a function reads, and those that functions read which it reads."""
    found: dict[str, None] = {}
    pending = [name]
    while pending:
        for read in sorted(new.read.get(pending.pop(), ())):
            if read not in found:
                found[read] = None
                pending.extend(one for one in new.read if one == read or one.endswith(f".<locals>.{read}"))
    return list(found)


def _in_model(context: Context, path: str, made: Object, old: Functions, new: Functions) -> Iterator[Value]:
    """The statements of a function or block that became a model's `call`."""
    for model, name in context.classes.items():
        own = model.objects if isinstance(model, FunctionModel) else [model.object]
        if made not in own:
            continue
        if isinstance(model, FunctionModel):
            bound = old.bound.get(old.names.get(model.definition, ""), []) if model.path == path else []
        else:
            statements = sorted({part for unit in model.units for part in unit.parts}, key=lambda one: one.index)
            bound = [(target, one.node.lineno) for one in statements for target in _targets(one.node)]
        for call in [one for one in new.bound if one == f"{name}.call" or one.endswith(f".{name}.call")]:
            yield from _paired(path, bound, new.bound[call], call)


def _paired(path: str, old: Bound, new: Bound, qualname_of: str) -> Iterator[Value]:
    for name in dict.fromkeys(name for name, _ in old):
        before, after = ([line for other, line in side if other == name] for side in (old, new))
        if len(before) == len(after):
            for one, other in zip(before, after, strict=True):
                yield Value(name, "", Place(path, one), NewPlace(path, qualname_of, other))


def functions(tree: ast.Module) -> Functions:
    """The functions of a module, with what each binds and reads in its own statements."""
    found = Functions()

    def visit(node: ast.AST, name: str, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = prefix + child.name
                found.names[child] = inner
                found.bound[inner] = []
                found.read[inner] = set()
                visit(child, inner, f"{inner}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                visit(child, "", f"{prefix}{child.name}.")
            else:
                if name and isinstance(child, ast.stmt):
                    found.bound[name].extend((one, child.lineno) for one in _targets(child))
                if name and isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
                    found.read[name].add(child.id)
                visit(child, name, prefix)

    visit(tree, "", "")
    return found


def _targets(node: ast.AST) -> list[str]:
    """The names that a statement itself binds."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
        targets = [node.target]
    elif isinstance(node, ast.With):
        targets = [item.optional_vars for item in node.items if item.optional_vars is not None]
    return [
        one.id
        for target in targets
        for one in ast.walk(target)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]
