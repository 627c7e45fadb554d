"""Functions that make an iterator and give its element: they give the dataset, and an iterator is made where they are called.

`x, y = batches(…)` called for training and for testing makes two iterators, which no name of the caller reaches.
"""

from __future__ import annotations

import ast

from ..graph.values import DataIterator, Sequence, Value
from ..plan.unit import Unit
from .context import Context, IteratorForm


def form(context: Context, iterator: DataIterator, node: ast.Call, unit: Unit, source: ast.expr) -> IteratorForm:
    """What such an iterator is called; the function is rewritten."""
    frame = iterator.chain[-1].frame
    path, definition = frame.module.path, frame.node
    stop = context.stop("an iterator made in a function", node, path)
    call = unit.node.value if isinstance(unit.node, ast.Assign) and len(unit.node.targets) == 1 else None
    if not isinstance(call, ast.Call) or not isinstance(definition, ast.FunctionDef) or definition.decorator_list:
        raise stop
    if not any(one is frame for _, one, _ in context.run.calls.get(call, [])) or not iterator.one_shot:
        raise stop
    if sum(isinstance(one, DataIterator) for one in unit.made) > 1 or not _gives(iterator, frame.returned):
        raise stop
    last = definition.body[-1]
    found = _statements(definition, node)
    if not isinstance(last, ast.Return) or last.value is None or found is None:
        raise stop
    context.owned.add(node.func)
    if not context.moves[path].dropped.issuperset(found) or last.value not in context.handed:
        context.handed.add(last.value)
        context.moves[path].dropped.update(found)
        context.edits[path].replace(last.value, source)
        for part in (one for step in (last, *found) for one in ast.walk(step) if isinstance(one, ast.Call)):
            if isinstance(part.func, ast.Attribute) and part.func.attr == "get_next":
                context.owned.add(part.func)
        context.interface(f"the function `{definition.name}` gives a dataset now", definition, path)
    prefix = _prefix(context, unit.node)
    dataset, name = context.fresh(f"{prefix}dataset"), context.fresh(f"{prefix}iterator")
    return IteratorForm(None, name, inline=True, dataset=dataset, call=call)


def _gives(iterator: DataIterator, returned: list[Value]) -> bool:
    """Whether a function gave the element, or all of its parts in their order."""
    if len(iterator.draws) != 1 or len(returned) != 1:
        return False
    draw = iterator.draws[0]
    parts = [draw.elements.get(place) for place in range(len(draw.elements))]
    value = returned[0]
    return value is draw or (isinstance(value, Sequence) and bool(parts) and value.items == parts)


def _statements(definition: ast.FunctionDef, node: ast.Call) -> list[ast.stmt] | None:
    """The statements that only make the iterator and draw from it; None where more is done with them."""
    last = definition.body[-1]
    assert isinstance(last, ast.Return)
    found: list[ast.stmt] = []
    wanted: ast.AST = node
    names: set[str] = set()
    for one in definition.body[:-1]:
        inside = set(ast.walk(one))
        if wanted not in inside and not names & _read(one):
            continue
        if not isinstance(one, ast.Assign) or len(one.targets) != 1 or not _is_step(one.value, node, names):
            return None
        found.append(one)
        names = {part.id for part in ast.walk(one.targets[0]) if isinstance(part, ast.Name)}
    if isinstance(last.value, ast.Name | ast.Tuple):
        given = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
        return (
            found if found and [one.id for one in given if isinstance(one, ast.Name)] == _targets(found[-1]) else None
        )
    return found if last.value is not None and _is_step(last.value, node, names) else None


def _read(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def _targets(statement: ast.stmt) -> list[str]:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return [one.id for one in parts if isinstance(one, ast.Name)]


def _is_step(value: ast.expr, node: ast.Call, names: set[str]) -> bool:
    """Whether an expression is the iterator, or draws from it."""
    if value is node:
        return True
    drawn = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get_next"
    if not drawn or not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    owner = value.func.value
    return owner is node or (isinstance(owner, ast.Name) and owner.id in names)


PARTS = frozenset("train training test testing val valid validation eval evaluation dev".split())


def _prefix(context: Context, node: ast.stmt) -> str:
    """What the names of a statement begin with (`train_x, train_y`), or its one name where others make datasets, too."""
    names = _targets(node)
    heads = {name.partition("_")[0] for name in names}
    if len(heads) == 1 and heads <= PARTS:
        return f"{heads.pop()}_"
    return f"{names[0]}_" if len(names) == 1 and "dataset" in context.taken else ""


def lines(context: Context, iterator: DataIterator) -> list[str]:
    """The statements that make the iterator where the function is called."""
    made = context.iterators[iterator]
    unit = context.units.unit(iterator)
    assert made.call is not None and unit is not None
    path = unit.statement.frame.module.path
    call = context.edits[path].render(made.call)
    return [f"{made.dataset} = {call}", f"{made.name} = iter({made.dataset})"]
