"""Properties that build their part of the graph once (`lazy_property`) are written out where the constructor asks for them.

Their decorator keeps what the method gave in an attribute, and opens a scope of the method's name around it. Where the
constructor names each of them in a statement of its own, that is TF1 that means the same without the decorator.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from ..emit.text import column
from ..parse import Module
from .origins import Origin, Origins, identity, written


@dataclass(frozen=True)
class _Decorator:
    definition: ast.FunctionDef
    prefix: str  # of the attributes that keep what was built
    scope: ast.expr | None  # what opens the scope


def written_out(modules: Mapping[str, Module]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which such properties were written out."""
    found = {}
    for path, module in modules.items():
        if any(word not in module.utf8 for word in (b"property", b"hasattr", b"getattr")):
            continue
        edits: dict[int, list[tuple[str, Origin]]] = {}
        for decorator in filter(None, map(_decorator, module.tree.body)):
            for cls in [one for one in module.tree.body if isinstance(one, ast.ClassDef)]:
                edits.update(_class(modules, module, cls, decorator))
            edits.update(_idle(modules, module, decorator, edits))
        if edits:
            old = identity(module.utf8.decode())
            lines = [
                line
                for number, (text, origin) in enumerate(zip(old.lines, old.of, strict=True), 1)
                for line in edits.get(number, [(text, origin)])
            ]
            texts = [text for text, _ in lines]
            found[path] = written(module, texts, [origin for _, origin in lines])
    return found


def _idle(
    modules: Mapping[str, Module], module: Module, decorator: _Decorator, gone: Mapping[int, object]
) -> dict[int, list[tuple[str, Origin]]]:
    """The lines of a decorator that nothing uses any more, and of the import that it alone used."""
    definition = decorator.definition
    name = definition.name
    read = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node.id == name]
    spelt = any(
        (isinstance(node, ast.alias) and node.name in {name, "*"})
        or (isinstance(node, ast.Attribute) and node.attr == name)
        for one in modules.values()
        for node in ast.walk(one.tree)
    )
    if not gone or spelt or any(node.lineno not in gone for node in read):
        return {}
    lines = identity(module.utf8.decode()).lines
    first, last = definition.lineno, definition.end_lineno or definition.lineno
    while last < len(lines) and not lines[last].strip():
        last += 1
    numbers = [*range(first, last + 1)]
    inner = set(ast.walk(definition))
    used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name) and node not in inner}
    for one in module.tree.body:
        if isinstance(one, ast.Import) and ast.unparse(one) == "import functools" and "functools" not in used:
            after = lines[one.lineno] if one.lineno < len(lines) else "x"
            numbers += [one.lineno] if after.strip() or one.lineno > 1 else [one.lineno, one.lineno + 1]
    return {number: [] for number in numbers}


# -- the decorator ------------------------------------------------------------------------------------------------------

SHAPE = """
def {name}({function}):
    {attribute} = {prefix!r} + {function}.__name__
    def {inner}({self}):
        if not hasattr({self}, {attribute}):
            {setting}
        return getattr({self}, {attribute})
    return {inner}
"""


def _decorator(node: ast.stmt) -> _Decorator | None:
    """The decorator that a function is, where it does nothing but what is known of it."""
    body = _without_docstring(node.body) if isinstance(node, ast.FunctionDef) else []
    if not isinstance(node, ast.FunctionDef) or len(body) != 3 or len(node.args.args) != 1 or node.decorator_list:
        return None
    first, inner, _ = body
    if not isinstance(first, ast.Assign) or not isinstance(first.targets[0], ast.Name):
        return None
    if not isinstance(inner, ast.FunctionDef) or len(inner.args.args) != 1 or not _is_property(inner, node):
        return None
    prefix = first.value.left if isinstance(first.value, ast.BinOp) else None
    if not isinstance(prefix, ast.Constant) or not isinstance(prefix.value, str):
        return None
    scope = _scope(inner)
    function, self, attribute = node.args.args[0].arg, inner.args.args[0].arg, first.targets[0].id
    setting = f"setattr({self}, {attribute}, {function}({self}))"
    if scope is not None:
        setting = f"with {ast.unparse(scope)}({function}.__name__): {setting}"
    wanted = SHAPE.format(
        name=node.name, function=function, attribute=attribute, prefix=prefix.value, inner=inner.name, self=self,
        setting=setting,
    )  # fmt: skip
    plain = ast.parse(wanted).body[0]
    assert isinstance(plain, ast.FunctionDef) and isinstance(plain.body[1], ast.FunctionDef)
    plain.body[1].decorator_list = inner.decorator_list
    same = [ast.dump(one) for one in plain.body] == [ast.dump(one) for one in body]
    return _Decorator(node, prefix.value, scope) if same else None


def _is_property(inner: ast.FunctionDef, outer: ast.FunctionDef) -> bool:
    """Whether a function is a property, perhaps under the other one's name."""
    texts = [ast.unparse(one) for one in inner.decorator_list]
    function = outer.args.args[0].arg
    return texts[:1] == ["property"] and texts[1:] in ([], [f"functools.wraps({function})"], [f"wraps({function})"])


def _scope(inner: ast.FunctionDef) -> ast.expr | None:
    for node in ast.walk(inner):
        if isinstance(node, ast.With) and isinstance(node.items[0].context_expr, ast.Call):
            return node.items[0].context_expr.func
    return None


# -- the class ----------------------------------------------------------------------------------------------------------


def _class(
    modules: Mapping[str, Module], module: Module, cls: ast.ClassDef, decorator: _Decorator
) -> dict[int, list[tuple[str, Origin]]]:
    """The lines that change in a class; empty where it must stay."""
    methods = {one.name: one for one in cls.body if isinstance(one, ast.FunctionDef)}
    lazy = {name: one for name, one in methods.items() if _decorated(one, decorator)}
    init = methods.get("__init__")
    if not lazy or init is None or not init.args.args or init.args.args[0].arg != "self":
        return {}
    asked = {name: one for one in init.body for name in lazy if _asks(one, name)}
    if asked.keys() != lazy.keys() or not _is_known(modules, cls, lazy, decorator):
        return {}
    order = sorted(lazy, key=lambda name: asked[name].lineno)
    if not _in_order(init, asked, lazy, order) or not _names_apart(init, lazy):
        return {}
    edits: dict[int, list[tuple[str, Origin]]] = {}
    lines = identity(module.utf8.decode())
    if not all(_by_itself(lines, asked[name], lazy[name]) for name in order):
        return {}
    for name in order:
        edits[asked[name].lineno] = _text(module, lines, asked[name], lazy[name], decorator)
        first = min(one.lineno for one in lazy[name].decorator_list)
        while first > 1 and not lines.lines[first - 2].strip():
            first -= 1
        edits.update({number: [] for number in range(first, (lazy[name].end_lineno or first) + 1)})
    return edits


def _by_itself(lines: Origins, asking: ast.stmt, method: ast.FunctionDef) -> bool:
    """Whether the statement that asks, and the one that returns, have their lines to themselves, without a comment."""
    first, last = method.body[0], method.body[-1]
    return (
        lines.lines[asking.lineno - 1].strip() == f"self.{method.name}"
        and lines.lines[last.lineno - 1].strip().startswith("return ")
        and first.lineno > method.lineno
        and _without_docstring(method.body) != []
    )


def _decorated(method: ast.FunctionDef, decorator: _Decorator) -> bool:
    name = decorator.definition.name
    return [ast.unparse(one) for one in method.decorator_list] == [name] and len(method.args.args) == 1


def _asks(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node) == f"self.{name}"


def _is_known(
    modules: Mapping[str, Module], cls: ast.ClassDef, lazy: Mapping[str, ast.FunctionDef], decorator: _Decorator
) -> bool:
    """Whether nothing but the class itself has to do with its properties as such."""
    if any(ast.unparse(base) != "object" for base in cls.bases) or cls.decorator_list or cls.keywords:
        return False
    hidden = {decorator.prefix + name for name in lazy}
    for node in (node for module in modules.values() for node in ast.walk(module.tree)):
        if isinstance(node, ast.ClassDef) and any(cls.name in ast.unparse(base) for base in node.bases):
            return False
        if isinstance(node, ast.Attribute) and (
            node.attr in hidden or (node.attr in lazy and not isinstance(node.ctx, ast.Load))
        ):
            return False
    return all(_is_plain(one) for one in lazy.values())


def _is_plain(method: ast.FunctionDef) -> bool:
    """Whether a method's body can stand elsewhere: one return at its end, no functions of its own, no long strings."""
    inner = [node for one in _without_docstring(method.body) for node in ast.walk(one)]
    scopes = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.Yield, ast.YieldFrom)
    kinds = (*scopes, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.Try)
    returns = [node for node in inner if isinstance(node, ast.Return)]
    long = [node for node in inner if isinstance(node, ast.Constant) and node.lineno != node.end_lineno]
    last = method.body[-1]
    simple = not any(isinstance(node, kinds) for node in inner) and not long
    return simple and method.args.args[0].arg == "self" and returns == [last] and returns[0].value is not None


def _in_order(
    init: ast.FunctionDef,
    asked: Mapping[str, ast.stmt],
    lazy: Mapping[str, ast.FunctionDef],
    order: list[str],
) -> bool:
    """Whether each property is first asked for by its statement: until the last one, nothing else may reach the object."""
    ready: set[str] = set()
    for one in init.body:
        name = next((name for name in order if asked[name] is one), None)
        if name is None:
            if not _reads_only(one, lazy, ready) and len(ready) < len(lazy):
                return False
            continue
        if not all(_reads_only(part, lazy, ready) for part in lazy[name].body):
            return False
        ready.add(name)
    return True


def _reads_only(node: ast.AST, lazy: Container[str], ready: set[str]) -> bool:
    """Whether code takes of the object but what is there: no property that was not built, no method, not the object itself."""
    parts = list(ast.walk(node))
    of_object = {part.value for part in parts if isinstance(part, ast.Attribute)}
    called = {part.func for part in parts if isinstance(part, ast.Call)}
    for part in parts:
        if isinstance(part, ast.Name) and part.id in {"self", "locals", "vars"} and part not in of_object:
            return False
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
            if part in called or (part.attr in lazy and part.attr not in ready):
                return False
    return True


def _names_apart(init: ast.FunctionDef, lazy: Mapping[str, ast.FunctionDef]) -> bool:
    """Whether the names of the bodies and those of the constructor mean the same in one function."""
    bodies = {name: _without_docstring(one.body) for name, one in lazy.items()}
    own = {
        name: {node.id for node in _names(body) if not isinstance(node.ctx, ast.Load)} for name, body in bodies.items()
    }
    given = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs, init.args.vararg, init.args.kwarg]
    around = {one.arg for one in given if one is not None} | {node.id for node in _names(init.body)}
    bound = {one.arg for one in given if one is not None and one.arg != "self"}
    bound |= {node.id for node in _names(init.body) if not isinstance(node.ctx, ast.Load)}
    for name, body in bodies.items():
        free = {node.id for node in _names(body)} - own[name]
        others = set().union(*(names for other, names in own.items() if other != name))
        if own[name] & around or free & (bound | others):
            return False
    return True


def _names(body: list[ast.stmt]) -> Iterator[ast.Name]:
    return (node for one in body for node in ast.walk(one) if isinstance(node, ast.Name))


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    has = (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
    return body[1:] if has else body


# -- the text -----------------------------------------------------------------------------------------------------------


def _text(
    module: Module, lines: Origins, asking: ast.stmt, method: ast.FunctionDef, decorator: _Decorator
) -> list[tuple[str, Origin]]:
    """The lines in place of the statement that asks for a property."""
    indent = column(module, asking)
    body = _without_docstring(method.body)
    old = column(module, body[0])
    deeper = indent
    result: list[tuple[str, Origin]] = []
    if decorator.scope is not None:
        tab = old[len(column(module, method)) :]
        deeper = indent + tab
        head = f'{indent}with {ast.unparse(decorator.scope)}("{method.name}"):'
        result.append((head, lines.of[asking.lineno - 1]))
    for line in (ast.get_docstring(method) or "").splitlines():
        result.append((f"{deeper}# {line}".rstrip(), lines.of[method.lineno - 1]))
    last = body[-1]
    assert isinstance(last, ast.Return)
    first = body[0].lineno
    while lines.lines[first - 2].strip().startswith("#"):
        first -= 1
    for number in range(first, (method.end_lineno or first) + 1):
        text = lines.lines[number - 1]
        if number == last.lineno:
            text = text.replace("return", f"self.{method.name} =", 1)
        text = deeper + text.removeprefix(old) if text.strip() else ""
        result.append((text, lines.of[number - 1]))
    return result
