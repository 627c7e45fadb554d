"""The names stage: which expression means which TensorFlow name.

One walk over the tree keeps, for every scope, what binds each name, and every maximal chain of a name and its
attributes; then only chains whose first name could be TensorFlow are resolved. Scopes are those of the syntax: a
parameter, a loop target or an assignment that shadows an import is not TensorFlow. Nothing is imported or inferred.

TensorFlow names are written without `tensorflow.`: "nn.relu", "contrib.slim.conv2d"; "" is the module itself, and the
prefixes `compat.v1.` and `compat.v2.` are taken off and kept as the name's api.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakKeyDictionary

from .api import Fact, is_module, lookup, public
from .api import resolve as api_resolve
from .parse import Module

Api = Literal["plain", "v1", "v2"]
BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Use:
    """A maximal chain (`tf.nn.relu`, `slim.conv2d`), or a getattr with a literal, that means TensorFlow's `name`."""

    node: ast.expr
    name: str
    api: Api
    alias: bool = False  # reached through an assignment (`layers = tf.layers`), not through an import


@dataclass(frozen=True)
class Import:
    """One name that an import statement binds to TensorFlow, or to a module of the program that hands TensorFlow on."""

    node: ast.Import | ast.ImportFrom
    alias: ast.alias
    bound: str  # the local name; "*" for a star import
    name: str
    api: Api
    top: bool  # at module scope
    guarded: bool  # within a try statement
    foreign: bool = False  # handed on by another module of the program


@dataclass(frozen=True)
class Names:
    """What a module's expressions mean in TensorFlow."""

    uses: list[Use]
    unresolvable: list[tuple[ast.AST, str]]
    imports: list[Import]
    bound: Mapping[str, str]  # names of the module scope that mean TensorFlow, and what they mean
    _meanings: Mapping[ast.AST, tuple[str, Api]] = field(repr=False, default_factory=dict)
    _calls: Mapping[ast.AST, ast.Call] = field(repr=False, default_factory=dict)
    taken: frozenset[str] = frozenset()  # every name that the module scope binds

    def name_of(self, node: ast.AST) -> str | None:
        """The TensorFlow name that a Name or Attribute means (a part of a longer chain too), or None."""
        found = self._meanings.get(node)
        return found[0] if found else None

    def api_of(self, node: ast.AST) -> Api | None:
        found = self._meanings.get(node)
        return found[1] if found else None

    def call_of(self, node: ast.AST) -> ast.Call | None:
        """The call whose function a chain is."""
        return self._calls.get(node)

    def __bool__(self) -> bool:
        return bool(self.uses or self.imports or self.unresolvable)


# --- what binds a name ------------------------------------------------------------------------------------------------

# A binding is a raw TensorFlow path behind "tensorflow" ("", ".nn.relu"), a chain or getattr to resolve, a reference to
# another module, or something else.


@dataclass(frozen=True)
class _Path:
    raw: str  # "" or ".contrib.slim"
    tried: int = 0  # 1: within the body of a try statement
    alias: bool = False


@dataclass(frozen=True)
class _ModuleRef:
    """A module that is not TensorFlow, perhaps one of the program."""

    dotted: str


@dataclass(frozen=True)
class _From:
    """`from dotted import name` of a module that is not TensorFlow."""

    dotted: str
    name: str


class _Other:
    pass


OTHER = _Other()
NOTHING = _Other()  # None, which a later import replaces: `tf = None`
Binding = _Path | _ModuleRef | _From | ast.expr | _Other
Value = _Path | _ModuleRef | None


class _Scope:
    __slots__ = ("attributes", "bindings", "functions", "is_class", "memo", "outside", "parent", "self_name")

    def __init__(self, parent: _Scope | None, is_class: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.bindings: dict[str, list[Binding]] = {}
        self.outside: dict[str, _Scope] = {}  # names declared global or nonlocal
        self.memo: dict[str, Value] = {}
        self.self_name = ""  # of a method: the name of its first parameter
        self.attributes: dict[str, list[tuple[Binding, _Scope]]] = {}  # of a class: what methods assign to self.x


# --- the walk ---------------------------------------------------------------------------------------------------------

_CHILDREN: dict[type, tuple[str, ...]] = {}
_SKIP = {"ctx", "op", "ops", "type_comment", "kind", "type_ignores", "simple", "is_async", "level", "conversion"}


class _Walk:
    """One walk of a module: its scopes, chains, imports and getattr calls."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.package = _package(module)
        self.top = _Scope(None)
        self.scope = self.top
        self.tried = 0
        self.in_try = 0
        self.chains: list[tuple[ast.expr, str, _Scope]] = []
        self.calls: dict[ast.AST, ast.Call] = {}
        self.getattrs: list[ast.Call] = []
        self.imports: list[tuple[ast.Import | ast.ImportFrom, ast.alias, str, Binding, bool, bool, _Scope]] = []
        self.stars: list[tuple[ast.ImportFrom, ast.alias, str, bool]] = []
        self.handlers: dict[type, Callable[[ast.AST], None]] = {
            getattr(ast, name[1:]): getattr(self, name) for name in dir(self) if name[:1] == "_" and name[1:2].isupper()
        }
        for statement in module.tree.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        kind = type(node)
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(node)
            return
        fields = _CHILDREN.get(kind)
        if fields is None:
            fields = _CHILDREN[kind] = tuple(name for name in kind._fields if name not in _SKIP)
        for name in fields:
            value = getattr(node, name, None)
            if value is None:
                continue
            if type(value) is list:
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def bind(self, name: str, binding: Binding) -> None:
        scope = self.scope
        if name in scope.outside:
            scope = scope.outside[name]
        found = scope.bindings.get(name)
        if found is None:
            scope.bindings[name] = [binding]
        else:
            found.append(binding)

    # expressions

    def _Constant(self, node: ast.Constant) -> None:
        pass

    def _Name(self, node: ast.Name) -> None:
        if type(node.ctx) is ast.Load:
            self.chains.append((node, node.id, self.scope))
        else:
            self.bind(node.id, OTHER)

    def _Attribute(self, node: ast.Attribute) -> None:
        root: ast.expr = node.value
        while type(root) is ast.Attribute:
            root = root.value
        if type(root) is ast.Name:
            self.chains.append((node, root.id, self.scope))
        else:
            self.visit(root)

    def _Call(self, node: ast.Call) -> None:
        function = node.func
        self.calls[function] = node
        if type(function) is ast.Name and function.id == "getattr":
            self.getattrs.append(node)
        self.visit(function)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            self.visit(keyword.value)

    def _Lambda(self, node: ast.Lambda) -> None:
        self.parameters_outside(node.args)
        self.scope = _Scope(self.scope)
        self.parameters_inside(node.args)
        self.visit(node.body)
        assert self.scope.parent
        self.scope = self.scope.parent

    def _ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self.comprehension(node.generators, [node.elt])

    _SetComp = _ListComp
    _GeneratorExp = _ListComp

    def _DictComp(self, node: ast.DictComp) -> None:
        self.comprehension(node.generators, [node.key, node.value])

    def comprehension(self, generators: list[ast.comprehension], results: list[ast.expr]) -> None:
        self.visit(generators[0].iter)
        outer = self.scope
        self.scope = _Scope(outer)
        for index, generator in enumerate(generators):
            self.visit(generator.target)
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for result in results:
            self.visit(result)
        self.scope = outer

    def _NamedExpr(self, node: ast.NamedExpr) -> None:
        self.bind(node.target.id, OTHER)
        self.visit(node.value)

    # statements

    def _Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.assign(target, node.value)

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.assign(node.target, node.value)
        else:
            self.visit(node.target)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        kind = type(target)
        if kind is ast.Name:
            self.bind(target.id, _binding_of(value))  # type: ignore[attr-defined]
            return
        if kind is ast.Attribute and type(target.value) is ast.Name:  # type: ignore[attr-defined]
            owner, scope = target.value.id, self.scope  # type: ignore[attr-defined]
            if scope.self_name == owner and scope.parent is not None:
                name: str = target.attr  # type: ignore[attr-defined]
                scope.parent.attributes.setdefault(name, []).append((_binding_of(value), scope))
                return
        elif kind is ast.Tuple or kind is ast.List:
            targets: list[ast.expr] = target.elts  # type: ignore[attr-defined]
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
                for item, part in zip(targets, value.elts, strict=True):
                    self.assign(item, part)
                return
        self.visit(target)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.target)
        self.visit(node.value)

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.parameters_outside(node.args)
        if node.returns is not None:
            self.visit(node.returns)
        self.bind(node.name, OTHER)
        outer, tried, in_try = self.scope, self.tried, self.in_try
        self.scope, self.tried, self.in_try = _Scope(outer), 0, 0
        if outer.is_class:
            positional = node.args.posonlyargs or node.args.args
            static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
            self.scope.self_name = positional[0].arg if positional and not static else ""
        self.parameters_inside(node.args)
        for statement in node.body:
            self.visit(statement)
        self.scope, self.tried, self.in_try = outer, tried, in_try

    _AsyncFunctionDef = _FunctionDef

    def parameters_outside(self, arguments: ast.arguments) -> None:
        for default in arguments.defaults:
            self.visit(default)
        for default in arguments.kw_defaults:  # type: ignore[assignment]
            if default is not None:
                self.visit(default)
        for argument in _parameters(arguments):
            if argument.annotation is not None:
                self.visit(argument.annotation)

    def parameters_inside(self, arguments: ast.arguments) -> None:
        for argument in _parameters(arguments):
            self.bind(argument.arg, OTHER)

    def _ClassDef(self, node: ast.ClassDef) -> None:
        for expression in (*node.decorator_list, *node.bases):
            self.visit(expression)
        for keyword in node.keywords:
            self.visit(keyword.value)
        self.bind(node.name, OTHER)
        outer = self.scope
        self.scope = _Scope(outer, is_class=True)
        for statement in node.body:
            self.visit(statement)
        self.scope = outer

    def _Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.scope.outside[name] = self.top

    def _Nonlocal(self, node: ast.Nonlocal) -> None:
        for name in node.names:
            scope = self.scope.parent
            while scope is not None and (scope.is_class or name not in scope.bindings):
                scope = scope.parent
            self.scope.outside[name] = scope or self.top

    def _ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.bind(node.name, OTHER)
        for statement in node.body:
            self.visit(statement)

    def _Try(self, node: ast.Try) -> None:
        self.in_try += 1
        self.tried += 1
        for statement in node.body:
            self.visit(statement)
        self.tried -= 1
        for part in (node.handlers, node.orelse):
            for item in part:
                self.visit(item)
        self.in_try -= 1
        for statement in node.finalbody:
            self.visit(statement)

    def _MatchAs(self, node: ast.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name:
            self.bind(node.name, OTHER)

    def _MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name, OTHER)

    def _MatchMapping(self, node: ast.MatchMapping) -> None:
        for item in (*node.keys, *node.patterns):
            self.visit(item)
        if node.rest:
            self.bind(node.rest, OTHER)

    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            first, _, rest = alias.name.partition(".")
            binding: Binding
            if first == "tensorflow":
                binding = _Path("." + rest if rest and alias.asname else "", self.tried)
            else:
                binding = _ModuleRef(alias.name if alias.asname else first)
            self.bound_by_import(node, alias, alias.asname or first, binding)

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            module = _relative(self.package, node.level, module)
        first, _, rest = module.partition(".")
        tensorflow = first == "tensorflow" and not node.level
        for alias in node.names:
            if alias.name == "*":
                self.stars.append((node, alias, module, tensorflow))
                continue
            binding: Binding
            if tensorflow:
                binding = _Path("." + (rest + "." if rest else "") + alias.name, self.tried)
            else:
                binding = _From(module, alias.name)
            self.bound_by_import(node, alias, alias.asname or alias.name, binding)

    def bound_by_import(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, name: str, binding: Binding) -> None:
        self.bind(name, binding)
        self.imports.append((node, alias, name, binding, self.scope is self.top, self.in_try > 0, self.scope))


if hasattr(ast, "TryStar"):  # Python 3.11 and later
    _Walk._TryStar = _Walk._Try  # type: ignore[attr-defined]


def _parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def _binding_of(value: ast.expr) -> Binding:
    kind = type(value)
    if kind is ast.Name or kind is ast.Attribute:
        return value
    if kind is ast.Constant and value.value is None:  # type: ignore[attr-defined]
        return NOTHING
    if kind is ast.Call:
        path = _imported_by_call(value)  # type: ignore[arg-type]
        if path is not None:
            return _Path(path, alias=True)
        if getattr(value.func, "id", "") == "getattr":  # type: ignore[attr-defined]
            return value
    return OTHER


def _imported_by_call(call: ast.Call) -> str | None:
    """The path that `importlib.import_module("tensorflow.x")` or `__import__("tensorflow")` gives."""
    function = call.func
    name = getattr(function, "attr", None) or getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    dotted = call.args[0].value
    if not isinstance(dotted, str) or dotted.partition(".")[0] != "tensorflow":
        return None
    return dotted[len("tensorflow") :] if name == "import_module" else ""


def _package(module: Module) -> str:
    """The dotted name of the package that a module's relative imports start from."""
    if module.path.replace("\\", "/").endswith("__init__.py"):
        return module.name
    return module.name.rpartition(".")[0]


def _relative(package: str, level: int, module: str) -> str:
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
    return ".".join([*parts, *([module] if module else [])])


# --- resolution -------------------------------------------------------------------------------------------------------

_WALKS: WeakKeyDictionary[ast.Module, _Walk] = WeakKeyDictionary()


def _walk(module: Module) -> _Walk:
    """The module's walk, kept as long as its tree: each module of a program is walked once."""
    found = _WALKS.get(module.tree)
    if found is None:
        found = _WALKS[module.tree] = _Walk(module)
    return found


class _Resolver:
    def __init__(self, program: Mapping[str, Module]) -> None:
        self.program = program

    def in_scope(self, walk: _Walk, scope: _Scope | None, name: str) -> Value:
        """What a name means where it is read."""
        inner = True
        while scope is not None:
            if name in scope.outside:
                scope = scope.outside[name]
            if name in scope.bindings and (inner or not scope.is_class):
                value = self.bound(walk, scope, name)
                # `tf = tf` in a class body, or a name deleted and rebound: look no further than the binding.
                return value
            if scope.parent is None:
                return self.by_star(walk, name)
            inner = False
            scope = scope.parent
        return None

    def bound(self, walk: _Walk, scope: _Scope, name: str) -> Value:
        if name in scope.memo:
            return scope.memo[name]
        scope.memo[name] = None  # while in progress: a name that is bound by way of itself
        bindings = scope.bindings[name]
        scope.memo[name] = value = self.merged(walk, scope, [b for b in bindings if not isinstance(b, ast.expr)])
        later = [b for b in bindings if isinstance(b, ast.expr)]
        if not later:
            return value
        if scope.is_class and value is None and scope.parent is not None:
            # `tf = tf` in a class body reads the enclosing scope.
            values = [self.of(walk, scope.parent, b) for b in later]
        else:
            values = [self.of(walk, scope, b) for b in later]
        if len(values) < len(bindings) and not all(b is NOTHING or isinstance(b, ast.expr) for b in bindings):
            values.insert(0, value)
        scope.memo[name] = value = _agreed(values)
        if isinstance(value, _Path) and not value.alias:
            scope.memo[name] = value = _Path(value.raw, value.tried, alias=True)
        return value

    def merged(self, walk: _Walk, scope: _Scope, bindings: list[Binding]) -> Value:
        return _agreed([self.of(walk, scope, b) for b in bindings if b is not NOTHING])

    def of(self, walk: _Walk, scope: _Scope, binding: Binding) -> Value:
        if isinstance(binding, (_Path, _ModuleRef)):
            return binding
        if isinstance(binding, _From):
            return self.exported(walk, binding.dotted, binding.name)
        if isinstance(binding, ast.Call):
            return self.of_getattr(walk, scope, binding)
        if isinstance(binding, ast.expr):
            return self.of_chain(walk, scope, binding)
        return None

    def of_getattr(self, walk: _Walk, scope: _Scope, call: ast.Call) -> Value:
        if len(call.args) != 2 or not isinstance(call.args[0], (ast.Name, ast.Attribute)):
            return None
        owner = self.of_chain(walk, scope, call.args[0])
        name = call.args[1]
        if isinstance(owner, _Path) and isinstance(name, ast.Constant) and isinstance(name.value, str):
            return _Path(owner.raw + "." + name.value, alias=True)
        return None

    def of_chain(self, walk: _Walk, scope: _Scope, chain: ast.expr) -> Value:
        attributes: list[str] = []
        while isinstance(chain, ast.Attribute):
            attributes.append(chain.attr)
            chain = chain.value
        if not isinstance(chain, ast.Name):
            return None
        attributes.reverse()
        value = self.in_scope(walk, scope, chain.id)
        if value is None and attributes:
            owner = self.class_of(scope, chain.id)
            if owner is not None:
                value = self.attribute(walk, owner, attributes.pop(0))
        for index, name in enumerate(attributes):
            if isinstance(value, _Path):
                return _Path(value.raw + "." + ".".join(attributes[index:]), value.tried, value.alias)
            if not isinstance(value, _ModuleRef):
                return None
            value = self.exported(walk, value.dotted, name)
        return value

    @staticmethod
    def class_of(scope: _Scope | None, name: str) -> _Scope | None:
        """The class whose instance `name` is: the first parameter of the method around."""
        while scope is not None:
            if name in scope.bindings:
                return scope.parent if scope.self_name == name else None
            scope = scope.parent
        return None

    def attribute(self, walk: _Walk, owner: _Scope, name: str) -> Value:
        key = "self." + name
        if key not in owner.memo:
            owner.memo[key] = None
            assigned = owner.attributes.get(name, ())
            values = [self.of(walk, scope, binding) for binding, scope in assigned if binding is not NOTHING]
            if name in owner.bindings:
                values.append(self.bound(walk, owner, name))
            found = _agreed(values)
            owner.memo[key] = _Path(found.raw, found.tried, alias=True) if isinstance(found, _Path) else found
        return owner.memo[key]

    def find(self, walk: _Walk, dotted: str) -> tuple[str, Module] | None:
        """A module of the program by the name that an import gives, absolute or beside the importing module."""
        for name in (dotted, f"{walk.package}.{dotted}" if walk.package else dotted):
            if name in self.program:
                return name, self.program[name]
        return None

    def exported(self, walk: _Walk, dotted: str, name: str) -> Value:
        """What `name` of the module `dotted` means."""
        inner = f"{dotted}.{name}" if dotted else name
        found = self.find(walk, dotted)
        if found is not None:
            other = _walk(found[1])
            if name in other.top.bindings:
                return self.bound(other, other.top, name)
            value = self.by_star(other, name)
            if value is not None:
                return value
        if self.find(walk, inner) is not None or any(key.startswith(inner + ".") for key in self.program):
            return _ModuleRef(inner)
        return None

    def by_star(self, walk: _Walk, name: str) -> Value:
        if not walk.stars:
            return None
        key = "*" + name
        memo = walk.top.memo
        if key not in memo:
            memo[key] = None
            for _, _, dotted, tensorflow in walk.stars:
                if not tensorflow:
                    value = None if name.startswith("_") else self.exported(walk, dotted, name)
                elif name in BUILTINS:
                    value = None
                else:
                    value = _starred(dotted.partition(".")[2], name)
                if value is not None:
                    memo[key] = value
                    break
        return memo[key]


def _agreed(values: list[Value]) -> Value:
    """The one meaning of several bindings, or None. An import that was tried first is what TensorFlow 1 takes."""
    first = values[0] if values else None
    if len(values) < 2 or first is None:
        return first if len(values) < 2 else None
    if isinstance(first, _Path):
        if first.tried and len(values) == 2:
            return first
        apis = {_normal(value.raw)[0] if isinstance(value, _Path) else None for value in values}
        if len(apis) == 1:
            return next((v for v in values if isinstance(v, _Path) and _normal(v.raw)[1] == "v1"), first)
        return None
    return first if all(value == first for value in values) else None


def _starred(module: str, name: str) -> Value:
    """A name that a star import from TensorFlow gives, if TensorFlow has it."""
    dotted = f"{module}.{name}" if module else name
    plain = _normal("." + dotted)[0]
    return _Path("." + dotted) if lookup(plain) is not None or is_module(plain) else None


def _normal(raw: str) -> tuple[str, Api]:
    """The name and api of a path behind `tensorflow`."""
    name, api = raw[1:], "plain"
    while name.startswith(("compat.v1", "compat.v2")) and name[9:10] in ("", "."):
        name, api = name[10:], name[7:9]
    return name, api  # type: ignore[return-value]


def resolve(module: Module, program: Mapping[str, Module] | None = None) -> Names:
    """The module's TensorFlow names. `program` holds the other modules of the same program by dotted name: what a
    module imports from them may be TensorFlow handed on."""
    walk = _walk(module)
    resolver = _Resolver(program or {})
    imports: list[Import] = []
    unresolvable: list[tuple[ast.AST, str]] = []
    for node, alias, bound, binding, top, guarded, scope in walk.imports:
        value = resolver.of(walk, scope, binding)
        if isinstance(value, _Path):
            name, api = _normal(value.raw)
            if isinstance(node, ast.Import) and alias.asname is None and "." in alias.name:
                name, api = _normal(alias.name[len("tensorflow") :])
            imports.append(Import(node, alias, bound, name, api, top, guarded, foreign=not isinstance(binding, _Path)))
    for node, alias, dotted, tensorflow in walk.stars:
        if tensorflow:
            name, api = _normal(dotted[len("tensorflow") :])
            imports.append(Import(node, alias, "*", name, api, True, False))

    meanings: dict[ast.AST, tuple[str, Api]] = {}
    uses: list[Use] = []
    known: dict[tuple[str, _Scope], Value | _Other] = {}
    possible = _possible(walk)
    for chain, root, scope in walk.chains:
        if possible is not None and root not in possible:
            continue
        key = (root, scope)
        start = known.get(key, OTHER)
        if start is OTHER:
            start = known[key] = resolver.in_scope(walk, scope, root)
        value = start if isinstance(start, _Path) else resolver.of_chain(walk, scope, chain)
        if not isinstance(value, _Path):
            if value is None:
                why = _ambiguous(walk, scope, root)
                if why:
                    unresolvable.append((chain, why))
            continue
        if value is start:
            use = _record(chain, value, meanings)
        else:
            use = _record_long(chain, value, resolver, walk, scope, meanings)
        uses.append(use)
    for call in walk.getattrs:
        _getattr(call, meanings, uses, unresolvable)
    uses.sort(key=lambda use: (use.node.lineno, use.node.col_offset))
    bound_names: dict[str, str] = {}
    for bound in walk.top.bindings:
        if possible is None or bound in possible:
            value = resolver.bound(walk, walk.top, bound)
            if isinstance(value, _Path):
                bound_names[bound] = _normal(value.raw)[0]
    return Names(uses, unresolvable, imports, bound_names, meanings, walk.calls, frozenset(walk.top.bindings))


def _possible(walk: _Walk) -> set[str] | None:
    """The names that could be TensorFlow in some scope; None: any (a star import)."""
    if walk.stars:
        return None
    found = {bound for _, _, bound, binding, *_ in walk.imports}
    scopes = [walk.top]
    seen: set[int] = set()
    aliases: list[tuple[str, str]] = []
    for _, _, scope in walk.chains:
        while id(scope) not in seen:
            seen.add(id(scope))
            scopes.append(scope)
            if scope.parent is None:
                break
            scope = scope.parent
    for scope in scopes:
        if scope.attributes and scope.is_class:
            found.add("self")
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if isinstance(binding, _Path):
                    found.add(name)
                elif isinstance(binding, ast.expr):
                    root = binding.args[0] if isinstance(binding, ast.Call) and binding.args else binding
                    while isinstance(root, ast.Attribute):
                        root = root.value
                    if isinstance(root, ast.Name):
                        aliases.append((name, root.id))
        if scope.self_name:
            found.add(scope.self_name)
    changed = True
    while changed:
        changed = False
        for name, root in aliases:
            if root in found and name not in found:
                found.add(name)
                changed = True
    return found


def _record(chain: ast.expr, start: _Path, meanings: dict[ast.AST, tuple[str, Api]]) -> Use:
    """A chain whose root means TensorFlow: every node of it means a name."""
    nodes: list[ast.Attribute] = []
    node = chain
    while isinstance(node, ast.Attribute):
        nodes.append(node)
        node = node.value
    raw = start.raw
    meanings[node] = _normal(raw)
    for part in reversed(nodes):
        raw += "." + part.attr
        meanings[part] = _normal(raw)
    return Use(chain, *meanings[chain], alias=start.alias)


def _record_long(
    chain: ast.expr,
    value: _Path,
    resolver: _Resolver,
    walk: _Walk,
    scope: _Scope,
    meanings: dict[ast.AST, tuple[str, Api]],
) -> Use:
    """A chain that reaches TensorFlow by an attribute (`self.tf.nn.relu`, `compat.tf.nn.relu`)."""
    node = chain
    while isinstance(node, ast.Attribute):
        found = resolver.of_chain(walk, scope, node)
        if not isinstance(found, _Path):
            break
        meanings[node] = _normal(found.raw)
        node = node.value
    return Use(chain, *_normal(value.raw), alias=True)


def _getattr(
    call: ast.Call,
    meanings: dict[ast.AST, tuple[str, Api]],
    uses: list[Use],
    unresolvable: list[tuple[ast.AST, str]],
) -> None:
    if len(call.args) < 2 or call.args[0] not in meanings:
        return
    owner, api = meanings[call.args[0]]
    name = call.args[1]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        meanings[call] = (f"{owner}.{name.value}" if owner else name.value, api)
        uses.append(Use(call, *meanings[call], alias=True))
    else:
        of = f"tf.{owner}" if owner else "TensorFlow"
        unresolvable.append((call, f"which name of {of} `getattr` reads is known only at run time"))


def _ambiguous(walk: _Walk, scope: _Scope | None, name: str) -> str:
    """Why a name that an import binds to TensorFlow means nothing certain: it is bound to something else besides."""
    while scope is not None:
        if name in scope.bindings and not scope.is_class:
            bindings = scope.bindings[name]
            if any(isinstance(binding, _Path) for binding in bindings):
                return f"`{name}` is bound to TensorFlow and to something else in the same scope"
            return ""
        scope = scope.parent
    return ""


def fact_of(name: str) -> tuple[Fact | None, str]:
    """The fact of the longest beginning of a dotted name that has one, and that beginning; private paths count."""
    if name.startswith("python.") or ".python." in name:
        path = name
        while path:
            found = public(path)
            if found is not None and (name.startswith("contrib") or not found.startswith("contrib")):
                return lookup(found), path
            path = path.rpartition(".")[0]
        # A public module's own file, which its table of exports does not name: graph_util.convert_variables_to_constants.
        parts = name.split(".")
        for start in range(1, len(parts) - 1) if parts[0] == "python" else ():
            fact = lookup(".".join(parts[start:]))
            if fact is not None and fact.kind != "module":
                return fact, name
    known = api_resolve(name)
    return (known[0], known[0].name) if known else (None, name)
