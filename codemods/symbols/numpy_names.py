"""Which expressions of a module mean NumPy's names: its imports, and what shadows them, scope by scope.

One walk keeps for every scope what binds each name, and every chain of a name and its attributes. Nothing is imported or
inferred, and a name that is bound to NumPy and to something else besides means neither.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..parse import Module

BUILTINS = frozenset(dir(builtins))
METHODS = frozenset({"tostring", "ptp", "itemset"})


class Scope:
    """What the names of one scope are bound to: an import's dotted name, or None for anything else."""

    def __init__(self, parent: Scope | None, is_class: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.bindings: dict[str, set[str | None]] = {}
        self.values: dict[
            str, list[ast.expr | None]
        ] = {}  # what plain assignments give a name; None where another does
        self.outside: dict[str, Scope] = {}  # names declared global or nonlocal

    def find(self, name: str) -> Scope | None:
        """The scope that binds a name, as seen from this one."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.outside:
                scope = scope.outside[name]
            if name in scope.bindings and (scope is self or not scope.is_class):
                return scope
            scope = scope.parent
        return None

    def meanings(self, name: str) -> set[str | None]:
        """What a name is bound to, as seen from this scope; empty: to nothing."""
        scope = self.find(name)
        return scope.bindings[name] if scope else set()

    def import_of(self, name: str) -> str | None:
        """The dotted name of the import that alone binds a name."""
        found = self.meanings(name)
        return next(iter(found)) if len(found) == 1 else None


@dataclass(frozen=True)
class Use:
    """A maximal chain that means NumPy's `name` ("linalg.norm"), `bound` being how many of its parts the chain's first
    name stands for: 0 in `np.linalg.norm`, 1 in `linalg.norm` after `from numpy import linalg`."""

    node: ast.expr
    name: str
    bound: int
    scope: Scope
    sure: bool = True  # False: the first name is bound to something else besides

    def part(self, count: int) -> ast.expr:
        """The part of the chain that means the first `count` parts of the name."""
        node = self.node
        for _ in range(len(self.name.split(".")) - count if self.name else 0):
            assert isinstance(node, ast.Attribute)
            node = node.value
        return node


@dataclass(frozen=True)
class NumpyNames:
    uses: list[Use]
    imports: list[ast.Import | ast.ImportFrom]  # from numpy import ..., import numpy.lib
    methods: list[tuple[ast.Call, Scope]]  # calls of methods that NumPy 2's arrays have not
    parents: dict[ast.AST, ast.AST] = field(repr=False)
    _by_node: dict[ast.AST, Use] = field(repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_node.update((use.node, use) for use in self.uses)

    def name_of(self, node: ast.AST) -> str | None:
        """The name that a maximal chain surely means."""
        use = self._by_node.get(node)
        return use.name if use and use.sure else None


def resolve(module: Module) -> NumpyNames:
    walk = _Walk(module)
    walk.block(module.tree.body, walk.top)
    # A name of NumPy that the program itself sets (`np.float = float`) is the program's.
    uses = list(walk.uses())
    own = {use.name for use in uses if not isinstance(getattr(use.node, "ctx", None), ast.Load)}
    uses = [use for use in uses if use.name not in own]
    return NumpyNames(uses, walk.imports, walk.methods, walk.parents)


class _Walk:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.top = Scope(None)
        self.chains: list[tuple[ast.expr, ast.Name, list[str], Scope]] = []
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.methods: list[tuple[ast.Call, Scope]] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        self.stars: set[str] = set()

    def uses(self) -> Iterator[Use]:
        for node, root, parts, scope in self.chains:
            meanings = scope.meanings(root.id)
            if not meanings and self.stars == {"numpy"} and root.id not in BUILTINS:
                yield Use(node, ".".join([root.id, *parts]), 1, scope)
            for meaning in meanings:
                if meaning == "numpy" or (meaning or "").startswith("numpy."):
                    bound = (meaning or "").split(".")[1:]
                    yield Use(node, ".".join([*bound, *parts]), len(bound), scope, len(meanings) == 1)

    def bind(self, scope: Scope, name: str, meaning: str | None = None, value: ast.expr | None = None) -> None:
        scope = scope.outside.get(name, scope)
        scope.bindings.setdefault(name, set()).add(meaning)
        scope.values.setdefault(name, []).append(value)

    def block(self, nodes: list[ast.stmt], scope: Scope) -> None:
        for node in nodes:
            self.visit(node, scope)

    def visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            self.function(node, scope)
        elif isinstance(node, ast.ClassDef):
            self.bind(scope, node.name)
            for part in (*node.decorator_list, *node.bases, *node.keywords):
                self.child(node, part, scope)
            inner = Scope(scope, is_class=True)
            for statement in node.body:
                self.child(node, statement, inner)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            inner = Scope(scope)
            for generator in node.generators:
                self.child(node, generator, inner)
            for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                self.child(node, part, inner)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imported(node, scope)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                target = self.top if isinstance(node, ast.Global) else scope.parent and scope.parent.find(name)
                if target is not None and target is not scope:
                    scope.outside[name] = target
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.chains.append((node, node, [], scope))
            else:
                self.bind(scope, node.id)
        elif isinstance(node, ast.Attribute):
            self.attribute(node, scope)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.bind(scope, node.targets[0].id, value=node.value)
            self.child(node, node.value, scope)
        else:
            bound = getattr(node, "name", None) or getattr(node, "rest", None)
            if isinstance(bound, str):  # of an except clause or a pattern
                self.bind(scope, bound)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                self.methods.append((node, scope))
            for part in ast.iter_child_nodes(node):
                self.child(node, part, scope)

    def child(self, parent: ast.AST, node: ast.AST, scope: Scope) -> None:
        self.parents[node] = parent
        self.visit(node, scope)

    def attribute(self, node: ast.Attribute, scope: Scope) -> None:
        parts: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            parts.insert(0, root.attr)
            self.parents[root.value] = root
            root = root.value
        if isinstance(root, ast.Name):
            self.chains.append((node, root, parts, scope))
        else:
            self.visit(root, scope)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one]
        outer: list[ast.AST | None] = [*arguments.defaults, *arguments.kw_defaults, *(one.annotation for one in every)]
        if not isinstance(node, ast.Lambda):
            self.bind(scope, node.name)
            outer += [*node.decorator_list, node.returns]
        for part in outer:
            if part is not None:
                self.child(node, part, scope)
        inner = Scope(scope)
        for one in every:
            self.bind(inner, one.arg)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.child(node, statement, inner)

    def imported(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                self.bind(scope, alias.asname or first, alias.name if alias.asname else first)
            if any(alias.name.startswith("numpy.") for alias in node.names):
                self.imports.append(node)
            return
        source = "" if node.level else node.module or ""
        if source.split(".")[0] == "numpy":
            self.imports.append(node)
        for alias in node.names:
            if alias.name == "*":
                self.stars.add(source or ".")
            else:
                self.bind(scope, alias.asname or alias.name, f"{source}.{alias.name}" if source else None)
