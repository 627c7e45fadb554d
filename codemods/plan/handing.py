"""Functions that hand their weights back (`return net, w`): the class's `call` does not, the object has them.

What unpacks such a call keeps the tensors; where the names of the weights were read, the object's attribute is.
"""

from __future__ import annotations

import ast

from ..graph.frames import Statement
from ..graph.values import GraphValue, Sequence, Value, Variable, flatten
from .models import FunctionModel, Models
from .reasons import Undecided
from .units import Units

WHY = "a function that returns the variables it makes"


def find(units: Units, models: Models) -> None:
    """Notes which places of returned tuples are weights, and the names that calls bind them to."""
    for model in models.functions:
        handed = {_places(model, frame.returned) for made in model.objects for frame in made.activations}
        if handed == {()}:
            continue
        if len(handed) > 1 or len(_returns(model)) != 1:
            raise Undecided(WHY, model.definition, model.path)
        model.handed = handed.pop()
        for call in _calls(models, model):
            _unpacked(units, models, model, call)


def returned_tuple(model: FunctionModel) -> ast.Tuple:
    """The tuple that a function with handed weights returns."""
    value = _returns(model)[0].value
    assert isinstance(value, ast.Tuple)
    return value


def _returns(model: FunctionModel) -> list[ast.Return]:
    return [part for part in ast.walk(model.definition) if isinstance(part, ast.Return)]


def _places(model: FunctionModel, returned: list[Value]) -> tuple[int, ...]:
    value = returned[0] if len(returned) == 1 else None
    if not any(_is_handed(leaf) for one in returned for leaf in flatten(one)):
        return ()
    node = _returns(model)[0].value if _returns(model) else None
    if not isinstance(value, Sequence) or not isinstance(node, ast.Tuple) or len(node.elts) != len(value.items):
        raise Undecided(WHY, model.definition, model.path)
    places = tuple(place for place, item in enumerate(value.items) if all(map(_is_handed, flatten(item))))
    others = [item for place, item in enumerate(value.items) if place not in places]
    if not others or any(_is_handed(leaf) for item in others for leaf in flatten(item)):
        raise Undecided(WHY, model.definition, model.path)
    return places


def _is_handed(value: Value) -> bool:
    """Whether a function hands back what is no tensor: a variable, or a host value. Keras' layers hand back tensors."""
    return isinstance(value, Variable) or not isinstance(value, GraphValue)


def _calls(models: Models, model: FunctionModel) -> list[ast.Call]:
    nested = [node for other in models.functions for node, site in other.sites.items() if site.callee is model]
    return [*model.calls, *nested]


def _unpacked(units: Units, models: Models, model: FunctionModel, call: ast.Call) -> None:
    statements = [one for one in units.run.statements if isinstance(one.node, ast.Assign) and one.node.value is call]
    frames = {one.frame for one in statements}
    target = statements[0].node.targets[0] if statements else None  # type: ignore[attr-defined]
    if not isinstance(target, ast.Tuple) or len(frames) != 1 or not frames <= units.frames:
        raise Undecided(WHY, model.definition, model.path)
    models.unpacked[target] = model.handed
    for place in model.handed:
        name = target.elts[place]
        value = statements[0].writes.get(name.id) if isinstance(name, ast.Name) else None
        if isinstance(name, ast.Name) and not isinstance(value, Variable) and _is_unread(units, statements[0], name.id):
            continue
        if not isinstance(name, ast.Name) or not isinstance(value, Variable):
            raise Undecided(WHY, model.definition, model.path)
        scope = statements[0].frame.node
        for part in ast.walk(scope):
            if isinstance(part, ast.Name) and part.id == name.id and part is not name:
                meanings = units.run.meanings.get(part, [])
                if not isinstance(part.ctx, ast.Load) or meanings not in ([value], []):
                    raise Undecided(f"`{name.id}`, a function's variable that is bound twice", part, model.path)
                models.aliases[part] = value


def _is_unread(units: Units, maker: Statement, name: str) -> bool:
    return not any(
        maker in makers and read == name and one.frame is maker.frame
        for one in units.run.statements
        for (_, read), makers in one.reads.items()
    )
