"""What names, chains and getattr calls mean, from what binds them, in this module and those that it imports."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..api import is_module, lookup
from ..parse import Module
from .walk import NOTHING, Binding, Exports, From, ModuleRef, Path, Scope, Value, exports_of

Api = Literal["plain", "v1", "v2"]
BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Others:
    """The modules of a program by their dotted names, and by those under which one module of it knows them (`spelt`)."""

    by_name: Mapping[str, Module]
    packages: frozenset[str]
    spelt: Mapping[str, Module] = field(default_factory=dict)
    spelt_packages: frozenset[str] = frozenset()

    @staticmethod
    def of(by_name: Mapping[str, Module]) -> Others:
        return Others(by_name, _packages(by_name))

    def known_as(self, spelt: Mapping[str, Module]) -> Others:
        return Others(self.by_name, self.packages, spelt, _packages(spelt))

    def get(self, name: str) -> Module | None:
        return self.spelt.get(name) or self.by_name.get(name)

    def is_package(self, name: str) -> bool:
        return name in self.packages or name in self.spelt_packages


def _packages(names: Iterable[str]) -> frozenset[str]:
    return frozenset(
        name[:place] for name in names for place, character in enumerate(name) if character == "." and place
    )


class Resolver:
    def __init__(self, program: Others) -> None:
        self.program = program

    def in_scope(self, exports: Exports, scope: Scope | None, name: str) -> Value:
        """What a name means where it is read."""
        inner = True
        while scope is not None:
            if name in scope.outside:
                scope = scope.outside[name]
            if name in scope.bindings and (inner or not scope.is_class):
                value = self.bound(exports, scope, name)
                # `tf = tf` in a class body, or a name deleted and rebound: look no further than the binding.
                return value
            if scope.parent is None:
                return self.by_star(exports, name)
            inner = False
            scope = scope.parent
        return None

    def bound(self, exports: Exports, scope: Scope, name: str) -> Value:
        if name in scope.memo:
            return scope.memo[name]
        scope.memo[name] = None  # while in progress: a name that is bound by way of itself
        bindings = scope.bindings[name]
        scope.memo[name] = value = self.merged(exports, scope, [b for b in bindings if not isinstance(b, ast.expr)])
        later = [b for b in bindings if isinstance(b, ast.expr)]
        if not later:
            return value
        if scope.is_class and value is None and scope.parent is not None:
            # `tf = tf` in a class body reads the enclosing scope.
            values = [self.of(exports, scope.parent, b) for b in later]
        else:
            values = [self.of(exports, scope, b) for b in later]
        if len(values) < len(bindings) and not all(b is NOTHING or isinstance(b, ast.expr) for b in bindings):
            values.insert(0, value)
        scope.memo[name] = value = agreed(values)
        if isinstance(value, Path) and not value.alias:
            scope.memo[name] = value = Path(value.raw, value.tried, alias=True)
        return value

    def merged(self, exports: Exports, scope: Scope, bindings: list[Binding]) -> Value:
        return agreed([self.of(exports, scope, b) for b in bindings if b is not NOTHING])

    def of(self, exports: Exports, scope: Scope, binding: Binding) -> Value:
        if isinstance(binding, (Path, ModuleRef)):
            return binding
        if isinstance(binding, From):
            return self.exported(exports, binding.dotted, binding.name)
        if isinstance(binding, ast.Call):
            return self.of_getattr(exports, scope, binding)
        if isinstance(binding, ast.expr):
            return self.of_chain(exports, scope, binding)
        return None

    def of_getattr(self, exports: Exports, scope: Scope, call: ast.Call) -> Value:
        if len(call.args) != 2 or not isinstance(call.args[0], (ast.Name, ast.Attribute)):
            return None
        owner = self.of_chain(exports, scope, call.args[0])
        name = call.args[1]
        if isinstance(owner, Path) and isinstance(name, ast.Constant) and isinstance(name.value, str):
            return Path(owner.raw + "." + name.value, alias=True)
        return None

    def of_chain(self, exports: Exports, scope: Scope, chain: ast.expr) -> Value:
        attributes: list[str] = []
        while isinstance(chain, ast.Attribute):
            attributes.append(chain.attr)
            chain = chain.value
        if not isinstance(chain, ast.Name):
            return None
        attributes.reverse()
        value = self.in_scope(exports, scope, chain.id)
        if value is None and attributes:
            owner = self.class_of(scope, chain.id)
            if owner is not None:
                value = self.attribute(exports, owner, attributes.pop(0))
        for index, name in enumerate(attributes):
            if isinstance(value, Path):
                return Path(value.raw + "." + ".".join(attributes[index:]), value.tried, value.alias)
            if not isinstance(value, ModuleRef):
                return None
            value = self.exported(exports, value.dotted, name)
        return value

    @staticmethod
    def class_of(scope: Scope | None, name: str) -> Scope | None:
        """The class whose instance `name` is: the first parameter of the method around."""
        while scope is not None:
            if name in scope.bindings:
                return scope.parent if scope.self_name == name else None
            scope = scope.parent
        return None

    def attribute(self, exports: Exports, owner: Scope, name: str) -> Value:
        key = "self." + name
        if key not in owner.memo:
            owner.memo[key] = None
            assigned = owner.attributes.get(name, ())
            values = [self.of(exports, scope, binding) for binding, scope in assigned if binding is not NOTHING]
            if name in owner.bindings:
                values.append(self.bound(exports, owner, name))
            found = agreed(values)
            owner.memo[key] = Path(found.raw, found.tried, alias=True) if isinstance(found, Path) else found
        return owner.memo[key]

    def find(self, exports: Exports, dotted: str) -> tuple[str, Module] | None:
        """A module of the program by the name that an import gives, absolute or beside the importing module."""
        for name in (dotted, f"{exports.package}.{dotted}" if exports.package else dotted):
            module = self.program.get(name)
            if module is not None:
                return name, module
        return None

    def exported(self, exports: Exports, dotted: str, name: str) -> Value:
        """What `name` of the module `dotted` means."""
        inner = f"{dotted}.{name}" if dotted else name
        found = self.find(exports, dotted)
        if found is not None:
            other = exports_of(found[1])
            if name in other.top.bindings:
                return self.bound(other, other.top, name)
            value = self.by_star(other, name)
            if value is not None:
                return value
        if self.find(exports, inner) is not None or self.program.is_package(inner):
            return ModuleRef(inner)
        return None

    def by_star(self, exports: Exports, name: str) -> Value:
        if not exports.stars:
            return None
        key = "*" + name
        memo = exports.top.memo
        if key not in memo:
            memo[key] = None
            for _, _, dotted, tensorflow in exports.stars:
                if not tensorflow:
                    value = None if name.startswith("_") else self.exported(exports, dotted, name)
                elif name in BUILTINS:
                    value = None
                else:
                    value = starred(dotted.partition(".")[2], name)
                if value is not None:
                    memo[key] = value
                    break
        return memo[key]


def agreed(values: list[Value]) -> Value:
    """The one meaning of several bindings, or None. An import that was tried first is what TensorFlow 1 takes."""
    first = values[0] if values else None
    if len(values) < 2 or first is None:
        return first if len(values) < 2 else None
    if isinstance(first, Path):
        if first.tried and len(values) == 2:
            return first
        apis = {normal(value.raw)[0] if isinstance(value, Path) else None for value in values}
        if len(apis) == 1:
            return next((v for v in values if isinstance(v, Path) and normal(v.raw)[1] == "v1"), first)
        return None
    return first if all(value == first for value in values) else None


def starred(module: str, name: str) -> Value:
    """A name that a star import from TensorFlow gives, if TensorFlow has it."""
    dotted = f"{module}.{name}" if module else name
    plain = normal("." + dotted)[0]
    return Path("." + dotted) if lookup(plain) is not None or is_module(plain) else None


def normal(raw: str) -> tuple[str, Api]:
    """The name and api of a path behind `tensorflow`."""
    name, api = raw[1:], "plain"
    while name.startswith(("compat.v1", "compat.v2")) and name[9:10] in ("", "."):
        name, api = name[10:], name[7:9]
    return name, api  # type: ignore[return-value]
