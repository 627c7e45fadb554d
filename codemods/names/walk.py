"""The walk of one module: its scopes and what binds names in them, its chains of attributes, its imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..parse import Module

# A binding is a raw TensorFlow path behind "tensorflow" ("", ".nn.relu"), a chain or getattr to resolve, a reference to
# another module, or something else.


@dataclass(frozen=True)
class Path:
    raw: str  # "" or ".contrib.slim"
    tried: int = 0  # 1: within the body of a try statement
    alias: bool = False


@dataclass(frozen=True)
class ModuleRef:
    """A module that is not TensorFlow, perhaps one of the program."""

    dotted: str


@dataclass(frozen=True)
class From:
    """`from dotted import name` of a module that is not TensorFlow."""

    dotted: str
    name: str


class Other:
    pass


OTHER = Other()
NOTHING = Other()  # None, which a later import replaces: `tf = None`
Binding = Path | ModuleRef | From | ast.expr | Other
Value = Path | ModuleRef | None


class Scope:
    __slots__ = ("attributes", "bindings", "functions", "is_class", "memo", "outside", "parent", "self_name")

    def __init__(self, parent: Scope | None, is_class: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.bindings: dict[str, list[Binding]] = {}
        self.outside: dict[str, Scope] = {}  # names declared global or nonlocal
        self.memo: dict[str, Value] = {}
        self.self_name = ""  # of a method: the name of its first parameter
        self.attributes: dict[str, list[tuple[Binding, Scope]]] = {}  # of a class: what methods assign to self.x


@dataclass(frozen=True)
class Exports:
    """What of a module others can ask for; it stays when the module's tree goes."""

    package: str
    top: Scope
    stars: list[tuple[ast.ImportFrom, ast.alias, str, bool]]


_CHILDREN: dict[type, tuple[str, ...]] = {}
_SKIP = {"ctx", "op", "ops", "type_comment", "kind", "type_ignores", "simple", "is_async", "level", "conversion"}


class Walk:
    """One walk of a module: its scopes, chains, imports and getattr calls."""

    def __init__(self, module: Module) -> None:
        self.package = package(module)
        self.top = Scope(None)
        self.scope = self.top
        self.tried = 0
        self.in_try = 0
        self.chains: list[tuple[ast.expr, str, Scope]] = []
        self.calls: dict[ast.AST, ast.Call] = {}
        self.getattrs: list[ast.Call] = []
        self.imports: list[tuple[ast.Import | ast.ImportFrom, ast.alias, str, Binding, bool, bool, Scope]] = []
        self.stars: list[tuple[ast.ImportFrom, ast.alias, str, bool]] = []
        self.exports = Exports(self.package, self.top, self.stars)
        for statement in module.tree.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        kind = type(node)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node)
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
        self.scope = Scope(self.scope)
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
        self.scope = Scope(outer)
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
            self.bind(target.id, binding_of(value))  # type: ignore[attr-defined]
            return
        if kind is ast.Attribute and type(target.value) is ast.Name:  # type: ignore[attr-defined]
            owner, scope = target.value.id, self.scope  # type: ignore[attr-defined]
            if scope.self_name == owner and scope.parent is not None:
                name: str = target.attr  # type: ignore[attr-defined]
                scope.parent.attributes.setdefault(name, []).append((binding_of(value), scope))
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
        self.scope, self.tried, self.in_try = Scope(outer), 0, 0
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
        for argument in parameters(arguments):
            if argument.annotation is not None:
                self.visit(argument.annotation)

    def parameters_inside(self, arguments: ast.arguments) -> None:
        for argument in parameters(arguments):
            self.bind(argument.arg, OTHER)

    def _ClassDef(self, node: ast.ClassDef) -> None:
        for expression in (*node.decorator_list, *node.bases):
            self.visit(expression)
        for keyword in node.keywords:
            self.visit(keyword.value)
        self.bind(node.name, OTHER)
        outer = self.scope
        self.scope = Scope(outer, is_class=True)
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
                binding = Path("." + rest if rest and alias.asname else "", self.tried)
            else:
                binding = ModuleRef(alias.name if alias.asname else first)
            self.bound_by_import(node, alias, alias.asname or first, binding)

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            module = relative(self.package, node.level, module)
        first, _, rest = module.partition(".")
        tensorflow = first == "tensorflow" and not node.level
        for alias in node.names:
            if alias.name == "*":
                self.stars.append((node, alias, module, tensorflow))
                continue
            binding: Binding
            if tensorflow:
                binding = Path("." + (rest + "." if rest else "") + alias.name, self.tried)
            else:
                binding = From(module, alias.name)
            self.bound_by_import(node, alias, alias.asname or alias.name, binding)

    def bound_by_import(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, name: str, binding: Binding) -> None:
        self.bind(name, binding)
        self.imports.append((node, alias, name, binding, self.scope is self.top, self.in_try > 0, self.scope))


if hasattr(ast, "TryStar"):  # Python 3.11 and later
    Walk._TryStar = Walk._Try  # type: ignore[attr-defined]
# Of the class, not bound to a walk: a walk must go with its tree, at once, and not wait for the cycle collector.
_HANDLERS: dict[type, Callable[[Walk, ast.AST], None]] = {
    getattr(ast, name[1:]): getattr(Walk, name) for name in dir(Walk) if name[:1] == "_" and name[1:2].isupper()
}


def parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def binding_of(value: ast.expr) -> Binding:
    kind = type(value)
    if kind is ast.Name or kind is ast.Attribute:
        return value
    if kind is ast.Constant and value.value is None:  # type: ignore[attr-defined]
        return NOTHING
    if kind is ast.Call:
        path = imported_by_call(value)  # type: ignore[arg-type]
        if path is not None:
            return Path(path, alias=True)
        if getattr(value.func, "id", "") == "getattr":  # type: ignore[attr-defined]
            return value
    return OTHER


def imported_by_call(call: ast.Call) -> str | None:
    """The path that `importlib.import_module("tensorflow.x")` or `__import__("tensorflow")` gives."""
    function = call.func
    name = getattr(function, "attr", None) or getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    dotted = call.args[0].value
    if not isinstance(dotted, str) or dotted.partition(".")[0] != "tensorflow":
        return None
    return dotted[len("tensorflow") :] if name == "import_module" else ""


def package(module: Module) -> str:
    """The dotted name of the package that a module's relative imports start from."""
    if module.path.replace("\\", "/").endswith("__init__.py"):
        return module.name
    return module.name.rpartition(".")[0]


def relative(package: str, level: int, module: str) -> str:
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
    return ".".join([*parts, *([module] if module else [])])


# A walk refers to no tree as a whole: that would keep it.
_WALKS: WeakKeyDictionary[ast.Module, Walk] = WeakKeyDictionary()
_EXPORTS: WeakKeyDictionary[Module, Exports] = WeakKeyDictionary()


def walk_of(module: Module) -> Walk:
    """The module's walk, kept as long as its tree: each module of a program is walked once."""
    found = _WALKS.get(module.tree)
    if found is None:
        found = _WALKS[module.tree] = Walk(module)
        _EXPORTS[module] = found.exports
    return found


def exports_of(module: Module) -> Exports:
    """What a module exports, kept as long as the module."""
    found = _EXPORTS.get(module)
    return walk_of(module).exports if found is None else found
