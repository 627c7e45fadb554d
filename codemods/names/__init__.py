"""The names stage: which expression means which TensorFlow name.

One walk over the tree keeps, for every scope, what binds each name, and every maximal chain of a name and its
attributes; then only chains whose first name could be TensorFlow are resolved. Scopes are those of the syntax: a
parameter, a loop target or an assignment that shadows an import is not TensorFlow. Nothing is imported or inferred.

TensorFlow names are written without `tensorflow.`: "nn.relu", "contrib.slim.conv2d"; "" is the module itself, and the
prefixes `compat.v1.` and `compat.v2.` are taken off and kept as the name's api.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..api import Fact, lookup, public
from ..api import resolve as api_resolve
from ..parse import Module
from .meaning import Api, Others, Resolver, normal
from .walk import OTHER, Other, Path, Scope, Value, Walk, walk_of


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


class ProgramNames(Mapping[str, Names]):
    """The names of a program's modules by path, each found when it is asked for, and kept as long as the module's tree."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        others: Mapping[str, Others],
        found: WeakKeyDictionary[ast.Module, Names] | None = None,
    ) -> None:
        self._modules = modules
        self._others = others  # what each module knows of the others
        self._found: WeakKeyDictionary[ast.Module, Names] = WeakKeyDictionary() if found is None else found

    def __getitem__(self, path: str) -> Names:
        module = self._modules[path]
        found = self._found.get(module.tree)
        if found is None:
            found = self._found[module.tree] = resolve(module, self._others[path])
        return found

    def of(self, modules: Mapping[str, Module]) -> ProgramNames:
        """The names of some of the modules."""
        return ProgramNames(modules, self._others, self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def resolve(module: Module, program: Others | Mapping[str, Module] | None = None) -> Names:
    """The module's TensorFlow names. `program` holds the other modules of the same program by dotted name: what a
    module imports from them may be TensorFlow handed on."""
    walk = walk_of(module)
    resolver = Resolver(program if isinstance(program, Others) else Others.of(program or {}))
    imports: list[Import] = []
    unresolvable: list[tuple[ast.AST, str]] = []
    for node, alias, bound, binding, top, guarded, scope in walk.imports:
        value = resolver.of(walk.exports, scope, binding)
        if isinstance(value, Path):
            name, api = normal(value.raw)
            if isinstance(node, ast.Import) and alias.asname is None and "." in alias.name:
                name, api = normal(alias.name[len("tensorflow") :])
            imports.append(Import(node, alias, bound, name, api, top, guarded, foreign=not isinstance(binding, Path)))
    for node, alias, dotted, tensorflow in walk.stars:
        if tensorflow:
            name, api = normal(dotted[len("tensorflow") :])
            imports.append(Import(node, alias, "*", name, api, True, False))

    meanings: dict[ast.AST, tuple[str, Api]] = {}
    uses: list[Use] = []
    known: dict[tuple[str, Scope], Value | Other] = {}
    possible = _possible(walk)
    for chain, root, scope in walk.chains:
        if possible is not None and root not in possible:
            continue
        key = (root, scope)
        start = known.get(key, OTHER)
        if start is OTHER:
            start = known[key] = resolver.in_scope(walk.exports, scope, root)
        value = start if isinstance(start, Path) else resolver.of_chain(walk.exports, scope, chain)
        if not isinstance(value, Path):
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
            value = resolver.bound(walk.exports, walk.top, bound)
            if isinstance(value, Path):
                bound_names[bound] = normal(value.raw)[0]
    return Names(uses, unresolvable, imports, bound_names, meanings, walk.calls, frozenset(walk.top.bindings))


def _possible(walk: Walk) -> set[str] | None:
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
                if isinstance(binding, Path):
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
        for name, of in aliases:
            if of in found and name not in found:
                found.add(name)
                changed = True
    return found


def _record(chain: ast.expr, start: Path, meanings: dict[ast.AST, tuple[str, Api]]) -> Use:
    """A chain whose root means TensorFlow: every node of it means a name."""
    nodes: list[ast.Attribute] = []
    node = chain
    while isinstance(node, ast.Attribute):
        nodes.append(node)
        node = node.value
    raw = start.raw
    meanings[node] = normal(raw)
    for part in reversed(nodes):
        raw += "." + part.attr
        meanings[part] = normal(raw)
    return Use(chain, *meanings[chain], alias=start.alias)


def _record_long(
    chain: ast.expr,
    value: Path,
    resolver: Resolver,
    walk: Walk,
    scope: Scope,
    meanings: dict[ast.AST, tuple[str, Api]],
) -> Use:
    """A chain that reaches TensorFlow by an attribute (`self.tf.nn.relu`, `compat.tf.nn.relu`)."""
    node = chain
    while isinstance(node, ast.Attribute):
        found = resolver.of_chain(walk.exports, scope, node)
        if not isinstance(found, Path):
            break
        meanings[node] = normal(found.raw)
        node = node.value
    return Use(chain, *normal(value.raw), alias=True)


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


def _ambiguous(walk: Walk, scope: Scope | None, name: str) -> str:
    """Why a name that an import binds to TensorFlow means nothing certain: it is bound to something else besides."""
    while scope is not None:
        if name in scope.bindings and not scope.is_class:
            bindings = scope.bindings[name]
            if any(isinstance(binding, Path) for binding in bindings):
                return f"`{name}` is bound to TensorFlow and to something else in the same scope"
            return ""
        scope = scope.parent
    return ""


def fact_of(name: str) -> tuple[Fact | None, str]:
    """The fact of the longest beginning of a dotted name that has one, and that beginning; private paths count."""
    if name.startswith(("python.", "contrib.keras.")) or ".python." in name:
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
