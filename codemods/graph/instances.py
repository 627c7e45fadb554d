"""Objects of the program's own classes: their attributes, the classes that theirs are derived from, `super`.

An object's attributes are names of a frame of its own, spelt `self.x`: so statements read and bind them as they do other names.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from ..syntax import nodes
from .frames import Binding, Frame
from .interpreter import Interpreter
from .values import Class, Dict, Function, GraphValue, Instance, Known, Sequence, Super, Value, flatten, graph_values


def make(run: Interpreter, cls: Class) -> Instance:
    """A new object, without attributes of its own yet."""
    frame = Frame(cls.frame.module, cls.frame.names, cls.node, cls.frame)
    made = Instance(cls, frame)
    frame.instance = made
    run.instances.append(made)
    return made


MANY = 200  # objects, of which nothing is known but the graph that they hold


def watched(run: Interpreter) -> Iterable[Instance]:
    """The objects whose attributes are joined where branches meet."""
    return run.instances if len(run.instances) <= MANY else run.holding


def store(run: Interpreter, owner: Instance, name: str, value: Value) -> None:
    """Binds an attribute; the innermost statement is what made it."""
    frame, key = owner.frame, f"self.{name}"
    maker = run.chain[-1] if run.chain else None
    frame.bindings[key] = Binding(value, frozenset([maker]) if maker else frozenset())
    run.stored.append((owner, name, value, run.chain))
    if any(isinstance(leaf, GraphValue) for leaf in flatten(value)):
        run.holding[owner] = None
    if maker is not None:
        frame.history.setdefault(key, []).append(maker)
        maker.writes[key] = value
        maker.stores.add(frame)


def read(run: Interpreter, owner: Instance, name: str) -> Value | None:
    """The value of an attribute that the object has itself; the active statements note that they read it."""
    frame, key = owner.frame, f"self.{name}"
    binding = frame.bindings.get(key)
    if binding is None:
        return None
    for statement in run.chain:
        statement.reads.setdefault((frame, key), set()).update(binding.makers)
        statement.reads_values[frame, key] = binding.value
    if _is_host(binding.value) and (len(run.instances) > MANY or name in _changing(run, owner.cls)):
        return Value()
    return binding.value


def find(cls: Class, name: str) -> Value | None:
    """An attribute of a class, its own or inherited."""
    for one in line(cls):
        if name in one.attributes:
            return one.attributes[name]
    return None


def line(cls: Class) -> Iterator[Class]:
    """A class and those of the program that it is derived from, nearest first."""
    seen: set[Class] = set()
    pending = [cls]
    while pending:
        one = pending.pop(0)
        if one not in seen:
            seen.add(one)
            yield one
            pending = [*(base for base in one.bases if isinstance(base, Class)), *pending]


def attribute(run: Interpreter, owner: Instance, name: str, node: ast.AST) -> Value:
    """What `owner.name` means."""
    value = read(run, owner, name)
    if value is not None:
        return value
    found = find(owner.cls, name)
    if isinstance(found, Function) and found.kind == "property":
        return _property(run, owner, found, node)
    if isinstance(found, Function) and found.bound is None and found.kind != "staticmethod":
        return Function(found.node, found.frame, owner.cls if found.kind == "classmethod" else owner)
    return found if found is not None else Value()


def _property(run: Interpreter, owner: Instance, found: Function, node: ast.AST) -> Value:
    """What a property gives: of one that computes host values nothing is known, others are not followed."""
    frame = Frame(found.frame.module, found.frame.names, found.node, found.frame)
    made = len(run.values)
    if isinstance(found.node, ast.FunctionDef) and all(one.node is not found.node for one in run.frames):
        with run.within(frame):
            run.bind(found.node.args.args[0].arg, owner)
            frame.arguments = {name: binding.value for name, binding in frame.bindings.items()}
            run.activations.setdefault(found.node, []).append(frame)
            run.language.run_body(run, found.node.body)
    if len(run.values) > made or any(graph_values(value) for value in frame.returned):
        return run.problem(node, "a property that gives a value of the graph")
    return Value()


def of_super(owner: Super, name: str) -> Value:
    """What `super().name` means."""
    classes = list(line(owner.instance.cls))
    for one in classes[classes.index(owner.cls) + 1 :] if owner.cls in classes else []:
        found = one.attributes.get(name)
        if isinstance(found, Function):
            return Function(found.node, found.frame, owner.instance)
        if found is not None:
            return found
    return Value()


def call_super(run: Interpreter, arguments: list[Value]) -> Value:
    """`super()` within a method, or `super(Class, self)`."""
    if len(arguments) == 2 and isinstance(arguments[0], Class) and isinstance(arguments[1], Instance):
        return Super(arguments[0], arguments[1])
    method = next((frame for frame in reversed(run.frames) if isinstance(frame.node, ast.FunctionDef)), None)
    first = next(iter(method.arguments.values()), None) if method is not None else None
    if method is None or not isinstance(first, Instance) or method.parent is None:
        return Value()
    own = next((one for one in line(first.cls) if one.node is method.parent.node), None)
    return Super(own, first) if own is not None else Value()


# -- attributes that change ----------------------------------------------------------------------------------------------


def _is_host(value: Value) -> bool:
    return isinstance(value, (Known, Sequence, Dict)) and not graph_values(value)


MUTATING = frozenset(
    "append extend insert pop popleft appendleft remove clear update setdefault add sort reverse".split()
)


def _changing(run: Interpreter, cls: Class) -> frozenset[str]:
    """The attributes whose values may be others at another time: those that are stored in several places, or changed by
    methods that run when the object exists already."""
    known = run.changing.get(cls)
    if known is None:
        classes = [one.node for one in line(cls)]
        own: Counter[str] = Counter(name for node in classes for name in _stored(node, True, False))
        foreign = _stored_from_outside(run)
        late = {name for node in classes for name in _stored_late(node)}
        names = {name for name, count in own.items() if count > 1}
        known = run.changing[cls] = frozenset(names | late | foreign)
    return known


def _stored_from_outside(run: Interpreter) -> frozenset[str]:
    """What any module stores in, or changes of, something other than `self`: found once."""
    if run.stored_outside is None:
        run.stored_outside = frozenset(
            name for module in run.modules.values() for name in _stored(module.tree, False, True)
        )
    return run.stored_outside


def _stored(node: ast.AST, own: bool, mutated: bool) -> Iterator[str]:
    """The attributes that code stores, of `self` or of anything else; with `mutated` those that it changes in place, too."""
    for part in nodes(node):
        target: ast.AST | None = None
        if isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load):
            target = part
        elif mutated and isinstance(part, ast.Subscript) and not isinstance(part.ctx, ast.Load):
            target = part.value
        elif mutated and isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            target = part.func.value if part.func.attr in MUTATING else None
        if isinstance(target, ast.Attribute):
            mine = isinstance(target.value, ast.Name) and target.value.id == "self"
            if mine is own:
                yield target.attr


def _stored_late(cls: ast.ClassDef) -> Iterator[str]:
    """The attributes that methods store or change which run when the object exists: not the constructor, nor what it alone
    calls."""
    methods = {one.name: one for one in cls.body if isinstance(one, ast.FunctionDef)}
    chosen = {"__init__"} & methods.keys()
    for _ in methods:
        elsewhere = {name for other in methods if other not in chosen for name in _mentioned(methods[other])}
        mentioned = {name for one in chosen for name in _mentioned(methods[one])}
        chosen |= {name for name in methods.keys() & mentioned if name not in elsewhere}
    for name in methods.keys() - chosen:
        yield from _stored(methods[name], True, True)


def _mentioned(node: ast.AST) -> set[str]:
    return {part.attr for part in nodes(node) if isinstance(part, ast.Attribute)}
