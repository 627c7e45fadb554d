"""Keras models: what a model holds, and which functions and blocks of statements become one.

A function whose body makes layers or variables becomes a class, and each set of them that its calls made an object of it; a
call that finds the same ones again (reuse) is a second call of the object. A function that calls such a function holds its
objects. Layers called among the unit's own statements become one model for each variable scope.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..graph.frames import Frame, Statement
from ..graph.own_layers import OwnLayer
from ..graph.values import Layer, Variable
from .units import Unit


@dataclass(eq=False)
class Object:
    """One model: what it holds, in the order in which TF1 made it, under one variable scope."""

    scope: str
    members: list[Member]
    frame: Frame
    first: Statement  # the unit statement that makes it
    call: ast.Call | None = None  # the call of the function that makes it
    model: FunctionModel | None = None
    holder: Object | None = None  # the object that holds this one
    given: list[Object] = field(default_factory=list)  # what it is handed, since others hold it
    activations: list[Frame] = field(default_factory=list)  # of the function, that called this object
    bare: bool = False  # one layer, which an object of the program's own holds

    @property
    def layers(self) -> list[Layer]:
        return [member for member in self.members if isinstance(member, Layer)]

    def weights(self) -> Iterator[Variable]:
        """Every variable of the object and of what it holds, in the order of creation."""
        for member in self.members:
            if isinstance(member, Variable):
                yield member
            else:
                yield from member.weights if isinstance(member, Layer) else member.weights()

    def within(self) -> Iterator[Object]:
        """The object and all that it holds."""
        yield self
        for member in self.members:
            if isinstance(member, Object):
                yield from member.within()

    def holders(self) -> Iterator[Object]:
        """The objects that hold this one, the nearest first."""
        current = self.holder
        while current is not None:
            yield current
            current = current.holder

    @property
    def shares(self) -> bool:
        """Whether Keras lists variables of others among its own: of what it, or something within it, was handed."""
        handed = [one for inner in self.within() for one in inner.given]
        return any(one is not self and self not in one.holders() for one in handed)

    @property
    def root(self) -> Object:
        return self if self.holder is None else self.holder.root

    def place(self, member: Member) -> str:
        """The index of a member in the list that a loop made of it; "" where it is an attribute of its own."""
        for site in self.model.sites.values() if self.model is not None else ():
            members = site.members.get(self, [])
            for index, one in enumerate(members if site.loop is not None else ()):
                if one is member or (isinstance(one, Layer) and member in one.every):
                    return f"[{index}]"
        return ""

    def short(self, member: Member) -> str:
        """What TF1 called a member within the object's scope, in one word, since Keras takes no slash in a name; "" for an
        object under no scope of its own."""
        name = member.scope if isinstance(member, Object) else member.name
        if name == self.scope:
            return ""
        inner = name.removeprefix(f"{self.scope}/") if self.scope else name
        return inner.replace("/", "_")


Member = Layer | Variable | Object


@dataclass(eq=False)
class Site:
    """One call in a function's body that makes or finds members: of each object one, or in a loop several.

    kind: "layer", "weight" (a variable, made by the call itself, or by the `helper` function that it calls), "object" (of the
    model `callee`).
    """

    node: ast.Call
    kind: str
    members: dict[Object, list[Member]] = field(default_factory=dict)
    helper: ast.FunctionDef | None = None
    callee: FunctionModel | None = None
    loop: ast.For | None = None
    conditional: bool = False  # within its loop
    given: bool = False  # its members are handed to the objects, which do not make them

    @property
    def example(self) -> Member:
        """One of the members: all of a site's are alike."""
        return next(iter(self.members.values()))[0]

    @property
    def repeated(self) -> bool:
        """Whether it stands in a loop, or makes several members of one object all the same."""
        return self.loop is not None or any(len(members) > 1 for members in self.members.values())

    @property
    def has_weights(self) -> bool:
        return has_weights(self.example)


def has_weights(member: Member) -> bool:
    """Whether reuse can tell a member from another: what has no variables is made again at every call."""
    if isinstance(member, Layer):
        return bool(member.weights)
    return isinstance(member, Variable) or bool(member.given) or any(member.weights())


@dataclass(frozen=True)
class Told:
    """What says a size before there are tensors: an expression or number, or an axis of the weight that a site makes."""

    expression: ast.expr | None = None
    site: Site | None = None
    axis: int = -1
    number: int | None = None


@dataclass(eq=False)
class Phases:
    """Which of a function's statements the class runs when: host statements that what it makes needs go first.

    `kept`: names that `__init__` gives to `self`, since later phases read them.
    """

    init: list[ast.stmt] = field(default_factory=list)
    build: list[ast.stmt] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    gone: set[ast.stmt] = field(default_factory=set)  # of `call`
    lost: set[ast.stmt] = field(default_factory=set)  # of every phase: what only arguments read that Keras has not
    sizes: dict[ast.AST, Told] = field(default_factory=dict)  # what says the sizes of tensors that are asked for


@dataclass(eq=False)
class FunctionModel:
    """A function that becomes a class. `roles` says what becomes of each parameter: call, init, both, dropped."""

    definition: ast.FunctionDef
    path: str
    objects: list[Object] = field(default_factory=list)
    calls: dict[ast.Call, Object] = field(default_factory=dict)  # by the program's own statements
    roles: dict[str, str] = field(default_factory=dict)
    sites: dict[ast.Call, Site] = field(default_factory=dict)  # in the order in which they make their first member
    phases: Phases = field(default_factory=Phases)
    handed: tuple[
        int, ...
    ] = ()  # the places in its returned tuple where weights stand: they are reached through the object


@dataclass(eq=False)
class BlockModel:
    """Statements of a unit that become a model: what they read from outside and what is read of them."""

    object: Object
    units: list[Unit]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    switches: list[str] = field(default_factory=list)  # names of bool placeholders
    block: ast.With | None = None


@dataclass(eq=False)
class Models:
    """Every model of a program. `helpers` are functions that make a variable for the model that calls them."""

    functions: list[FunctionModel] = field(default_factory=list)
    blocks: list[BlockModel] = field(default_factory=list)
    of_unit: dict[Unit, BlockModel] = field(default_factory=dict)
    helpers: dict[ast.FunctionDef, str] = field(default_factory=dict)  # with their modules' paths
    aliases: dict[ast.Name, Variable] = field(default_factory=dict)  # reads of names that calls gave weights
    unpacked: dict[ast.Tuple, tuple[int, ...]] = field(default_factory=dict)  # targets, and the places that go
    holders: dict[Member, Object] = field(default_factory=dict)
    own: list[tuple[OwnLayer, Object]] = field(default_factory=list)  # layers of the program's own classes

    def owner(self, variable: Variable) -> Object | None:
        """The object that a variable belongs to, itself or through a layer."""
        return self.holders.get(variable if variable.layer is None else variable.layer)


def _holds_weights(member: Member) -> bool:
    """Whether a member has variables of its own, and not only those of what it was handed."""
    return any(member.weights()) if isinstance(member, Object) else has_weights(member)


def scope_of(members: Iterable[Member]) -> str:
    """The variable scope that everything of an object is under."""
    names = [
        member.scope if isinstance(member, Object) else member.name for member in members if _holds_weights(member)
    ]
    scopes = [name.split("/")[:-1] for name in names]
    common: list[str] = []
    for parts in zip(*scopes, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)
