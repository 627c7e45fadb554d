"""Methods that take the place of executions: what they call the values of their object, and what the object keeps for them.

Attributes that a slice computes become names of the method (`self.q = …` is `q = …`), placeholders are its parameters, and what
stays is read as `self.…`. A name of the constructor's own that a method reads becomes an attribute.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

from ...edits import Edits
from ...graph.frames import Binding, Frame
from ...graph.ops.collections import VariableList
from ...graph.values import (
    DataIterator,
    Dataset,
    Function,
    GraphValue,
    Instance,
    Layer,
    Optimizer,
    Placeholder,
    Schedule,
    Tensor,
    TrainOp,
    Value,
    Variable,
    flatten,
)
from ...plan import objects
from ...plan.executions import FunctionPlan
from ...plan.phases import arguments_of
from ..context import Context

Key = tuple[Frame, str]
KEPT = (Variable, Optimizer, Schedule, DataIterator, Dataset)


def keep(context: Context) -> None:
    """Makes attributes of what a method's own names hold and the new functions need."""
    for one in objects.holders(context.run):
        frames = [frame for frame in context.units.frames if frame is not one.frame and objects.owner(frame) is one]
        frames.sort(key=lambda one: min((part.index for part in one.statements.values()), default=0))
        own = [(frame, name, binding.value) for frame in frames for name, binding in frame.bindings.items()]
        # lists and dicts come last: what they hold may be attributes by then
        for frame, name, value in sorted(own, key=lambda one: not isinstance(one[2], GraphValue)):
            leaves = list(flatten(value))
            if leaves and all(isinstance(leaf, KEPT) and not _is_fed(leaf) for leaf in leaves):
                if not all(isinstance(leaf, GraphValue) and _is_reached(context, leaf, one) for leaf in leaves):
                    attribute(context, frame, name)


def _is_fed(value: Value) -> bool:
    """Whether a dataset is made of what is fed, by a function of its own."""
    return isinstance(value, Dataset) and not value.constant


def _is_reached(context: Context, value: GraphValue, one: Instance) -> bool:
    """Whether methods of an object reach a value; lists outside of it may be written as what its attributes hold."""
    text = context.reach(value, one.frame) or ""
    return text.startswith("self.") or (bool(text) and "[" not in text)


def attribute(context: Context, frame: Frame, name: str) -> str:
    """The attribute by which methods reach what a name of one of them holds; it is made where there is none."""
    known = context.promoted.get((frame, name))
    if known is not None:
        return known
    one = objects.owner(frame)
    assert one is not None
    value = frame.bindings[name].value
    same = [key for key, binding in one.frame.bindings.items() if binding.value is value]
    text = same[0] if same else _new(context, frame, name, one)
    context.promoted[frame, name] = text
    return text


def _new(context: Context, frame: Frame, name: str, one: Instance) -> str:
    definition, path = frame.node, frame.module.path
    assert isinstance(definition, ast.FunctionDef)
    if isinstance(frame.bindings[name].value, Function):
        raise context.stop(f"`{name}`, a function within a method that the graph's functions call", definition, path)
    text = f"self.{_free(context, one, name)}"
    one.frame.bindings[text] = Binding(frame.bindings[name].value, frame.bindings[name].makers)
    if definition.args.args[0].arg != "self":
        raise context.stop("a method whose object is not called self", definition, path)
    if name in frame.arguments:
        if len(frame.history.get(name, [])) > 1:
            raise context.stop(f"`{name}`, which is bound again after the graph was built", definition, path)
        body = definition.body
        first = (
            body[1]
            if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and body[1:]
            else body[0]
        )
        context.moves[path].before.setdefault(first, []).append(f"{text} = {name}\n")
        return text
    for node in own_names(definition, name):
        if isinstance(context.parents[node], (ast.For, ast.comprehension)) and isinstance(node.ctx, ast.Store):
            raise context.stop(f"`{name}`, which changes in a loop that builds graph", node, path)
        context.edits[path].replace(node, text)
    return text


def home(frame: Frame) -> Frame:
    """The frame whose names reach what a frame's statements make: a method's are its object's."""
    one = objects.owner(frame)
    return one.frame if one is not None else frame


def new_attribute(context: Context, one: Instance, name: str, going: set[str], value: Value) -> str:
    """A new attribute for something that had no name; names in `going` are about to go."""
    text = f"self.{_free(context, one, name, going)}"
    one.frame.bindings[text] = Binding(value, frozenset())
    return text


def going(context: Context, one: Instance) -> set[str]:
    """The attributes of an object that go with its graph."""
    kinds = {"graph", "placeholder", "session", "layers"}
    return {
        name.removeprefix("self.")
        for unit in context.units.ordered
        if unit.kind in kinds
        for part in unit.parts
        if one.frame in part.stores
        for name in part.writes
        if name.startswith("self.")
    }


def _free(context: Context, one: Instance, name: str, going: Container[str] = ()) -> str:
    """An attribute's name that the class has not."""
    taken = {key.removeprefix("self.") for key in one.frame.bindings if key.removeprefix("self.") not in going}
    taken |= {part.name for part in ast.walk(one.cls.node) if isinstance(part, ast.FunctionDef)}
    candidate, count = name, 2
    while candidate in taken:
        candidate, count = f"{name}_{count}", count + 1
    return candidate


def own_names(definition: ast.AST, name: str) -> Iterator[ast.Name]:
    """Where a function's own name is read and bound, functions within it included that don't bind it themselves."""
    stack: list[ast.AST] = list(ast.iter_child_nodes(definition))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and node.id == name:
            yield node
        if not shadows(node, name):
            stack.extend(ast.iter_child_nodes(node))


def shadows(node: ast.AST, name: str) -> bool:
    """Whether a node is a scope of its own that binds a name."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        parameters = node.args
        given = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs, parameters.vararg, parameters.kwarg]
        if any(one is not None and one.arg == name for one in given):
            return True
        body = node.body if isinstance(node.body, list) else []
        return any(
            isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
            for statement in body
            for part in ast.walk(statement)
        )
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        return any(
            isinstance(part, ast.Name) and part.id == name
            for generator in node.generators
            for part in ast.walk(generator.target)
        )
    return False


# -- the names of a method -----------------------------------------------------------------------------------------------


def names(context: Context, function: FunctionPlan) -> dict[Key, str]:
    """What a method calls the values that it computes, by the names and attributes that held them."""
    found: dict[Key, str] = {}
    holders: dict[str, Value] = {}
    given = {parameter.value: parameter.name for parameter in function.parameters if parameter.value is not None}
    taken = set(given.values()) | {"self"} | _outer_names(context, function)
    for unit in function.units:
        for part in unit.parts:
            for name, value in part.writes.items():
                key = (function.frame if name.startswith("self.") else part.frame, name)
                if key in found or (isinstance(value, GraphValue) and value in given):
                    continue
                wanted = name.removeprefix("self.")
                candidate, count = wanted, 2
                while candidate in taken and holders.get(candidate) is not value:
                    candidate, count = f"{wanted}_{count}", count + 1
                found[key] = candidate
                holders.setdefault(candidate, value)
                taken.add(candidate)
    return found


def _outer_names(context: Context, function: FunctionPlan) -> set[str]:
    """The names of modules and built-ins that a method reads."""
    return {
        node.id
        for unit in function.units
        for part in unit.parts
        for node in ast.walk(part.node)
        if isinstance(node, ast.Name)
        and node.id not in part.frame.bindings
        and not isinstance(part.node, (ast.FunctionDef, ast.ClassDef))
    }


def rename(context: Context, function: FunctionPlan, found: dict[Key, str], overlay: Edits) -> None:
    """Writes a method's statements, and what it hands back, with the names that it has for things."""
    given = {parameter.value: parameter.name for parameter in function.parameters if parameter.value is not None}
    for unit in function.units:
        renaming = _Renaming(context, function, found, given, unit.statement.frame, overlay)
        trains = [value for value in unit.made if isinstance(value, TrainOp)]
        for train in trains:
            for key in ("loss", "var_list", "grads_and_vars"):
                if key in train.arguments:
                    renaming.visit(train.arguments[key])
        if not trains:
            renaming.visit(unit.node)
    for optimizer, rate in context.rates.items():
        made = context.units.unit(optimizer)
        if made is not None:
            _Renaming(context, function, found, given, made.statement.frame, overlay).visit(rate)
    for part in function.returns:
        if part.node is not None:
            frame = function.runs[0].execution.chain[-1].frame
            _Renaming(context, function, found, given, frame, overlay).visit(part.node)


class _Renaming:
    def __init__(
        self,
        context: Context,
        function: FunctionPlan,
        found: dict[Key, str],
        given: dict[GraphValue, str],
        frame: Frame,
        overlay: Edits,
    ) -> None:
        self.context, self.function, self.found, self.given = context, function, found, given
        self.frame, self.overlay = frame, overlay
        self.hidden: list[ast.AST] = []
        self.handed = {value for one in function.handed for value in one.values}

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name | ast.Attribute) and self._value(node) in self.handed:
            return
        if isinstance(node, ast.Attribute) and self._attribute(node):
            return
        if isinstance(node, ast.Call) and self._of_model(node):
            return
        values = self.context.run.meanings.get(node, []) if isinstance(node, ast.Call) else []
        layer = (
            values[0].layer
            if values and isinstance(values[0], Tensor) and not isinstance(values[0], Variable)
            else None
        )
        if layer is not None and isinstance(node, ast.Call) and self._is_member(layer):
            for key in ("inputs", "training"):
                if key in layer.nodes[node]:
                    self.visit(layer.nodes[node][key])
            return
        if isinstance(node, ast.Name):
            self._name(node)
            return
        scope = isinstance(
            node, (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
        )
        if scope:
            self.hidden.append(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        if scope:
            self.hidden.pop()

    def _of_model(self, node: ast.Call) -> bool:
        """A call of a model's object: only what it hands to `call` is computed here."""
        model = next((one for one in self.context.models.functions if node in one.calls), None)
        for name, given in arguments_of(model.definition, node).items() if model is not None else ():
            if model is not None and model.roles.get(name) == "call":
                self.visit(given)
        return model is not None

    def _is_member(self, layer: Layer) -> bool:
        made = self.context.models.holders.get(layer)
        return made is not None and made.bare

    def _attribute(self, node: ast.Attribute) -> bool:
        """An attribute of the object; whether that was one."""
        owners = self.context.run.meanings.get(node.value, [])
        if not owners or owners[0] is not self.function.frame.instance:
            return False
        wanted = self.found.get((self.function.frame, f"self.{node.attr}"))
        value = self._value(node)
        if value is not None and value in self.function.constants:
            wanted = str(self.function.constants[value])
        elif value is not None and value in self.given:
            wanted = self.given[value]
        self.overlay.replace(node, wanted or f"self.{node.attr}")
        return True

    def _value(self, node: ast.AST) -> GraphValue | None:
        values = self.context.run.meanings.get(node, [])
        return values[0] if values and isinstance(values[0], GraphValue) else None

    def _name(self, node: ast.Name) -> None:
        if self.frame.parent is None or self.frame.instance is not None or node.id not in self.frame.bindings:
            return
        if any(shadows(scope, node.id) for scope in self.hidden):
            return
        value = self._value(node)
        wanted = self.found.get((self.frame, node.id))
        if value is not None and value in self.function.constants:
            wanted = str(self.function.constants[value])
        elif value is not None and value in self.given:
            wanted = self.given[value]
        elif wanted is None and isinstance(node.ctx, ast.Load):
            wanted = self._outside(node, value)
        if wanted is not None and wanted != node.id:
            self.overlay.replace(node, wanted)

    def _outside(self, node: ast.Name, value: GraphValue | None) -> str | None:
        """A name that the method does not bind: an attribute, or the name that what it was given has here."""
        listed = self._listed(node)
        if listed is not None:
            return listed
        if (self.frame, node.id) in self.function.outside:
            return attribute(self.context, self.frame, node.id)
        if value is None:
            return None
        for (frame, key), text in self.found.items():
            binding = frame.bindings.get(key)
            if binding is not None and binding.value is value:
                return text
        return self.context.reach(value, self.function.frame)

    def _listed(self, node: ast.Name) -> str | None:
        """A list of variables that the graph handed out, under a name of the method that built it: written out."""
        found = [one for one in self.frame.history.get(node.id, []) if one.frame is self.frame]
        statement = found[0].node if len(found) == 1 else None
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            return None
        value = self.frame.bindings[node.id].value
        if (
            not isinstance(value, VariableList)
            or self.context.run.meanings.get(statement.value, [None])[0] is not value
        ):
            return None
        self.context.written_out.append((self.frame, node.id, statement))
        variables = [one for one in value.items if isinstance(one, Variable)]
        return self.context.variables(variables, self.function.frame, node, inside=True)


def shape(context: Context, value: Placeholder, node: ast.expr) -> str:
    """A placeholder's shape where the class is defined: sizes that only its objects know are open."""
    frame = value.chain[-1].frame
    edits = context.edits[frame.module.path]

    def is_plain(part: ast.AST) -> bool:
        names = [one for one in ast.walk(part) if isinstance(one, ast.Name)]
        return not any(isinstance(one, ast.Call) for one in ast.walk(part)) and all(
            one.id in frame.top.bindings and not _is_local(frame, one.id) for one in names
        )

    if is_plain(node):
        return edits.render(node)
    if isinstance(node, (ast.List, ast.Tuple)) and not any(isinstance(one, ast.Starred) for one in node.elts):
        return f"[{', '.join(edits.render(one) if is_plain(one) else 'None' for one in node.elts)}]"
    if value.shape is not None:
        return f"[{', '.join(['None'] * len(value.shape))}]"
    return "None"


def _is_local(frame: Frame, name: str) -> bool:
    current: Frame | None = frame
    while current is not None and current.parent is not None:
        if name in current.bindings:
            return True
        current = current.parent
    return False
