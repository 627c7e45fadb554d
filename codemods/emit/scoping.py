"""Names that a new source reads where nothing binds them, scope by scope: code that nothing calls reads the graph, too."""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Container, Iterator

GIVEN = frozenset(
    {*dir(builtins), "__file__", "__name__", "__doc__", "__spec__", "__package__", "__path__", "__class__"}
)


def left_unbound(old: str, new: str) -> str | None:
    """A name that some scope of the new source reads and that none around it binds, though that was not so in the old one."""
    before = set(_unbound(old))
    return next((name for scope, name in _unbound(new) if (scope, name) not in before), None)


def reader_of(tree: ast.Module, name: str) -> ast.Name | None:
    """Where a module reads a name last, for a diagnostic."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    return max(found, key=lambda node: (node.lineno, node.col_offset), default=None)


def _unbound(text: str) -> Iterator[tuple[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = symtable.symtable(text, "module", "exec")
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(ast.parse(text))):
            return
    tables = list(_tables(top, ""))
    bound = {name.get_name() for name in top.get_symbols() if _binds(name)} | GIVEN
    bound |= {
        name.get_name() for _, table in tables for name in table.get_symbols() if _binds(name) and _is_shared(name)
    }
    for scope, table in tables:
        for name in table.get_symbols():
            outer = table is top or name.is_global()
            if outer and name.is_referenced() and name.get_name() not in bound:
                yield scope, name.get_name()


def _tables(table: symtable.SymbolTable, scope: str) -> Iterator[tuple[str, symtable.SymbolTable]]:
    yield scope, table
    for child in table.get_children():
        yield from _tables(child, f"{scope}.{child.get_name()}")


def _binds(name: symtable.Symbol) -> bool:
    return name.is_assigned() or name.is_imported() or name.is_namespace()


def _is_shared(name: symtable.Symbol) -> bool:
    return name.is_declared_global()


def idle_run(tree: ast.Module, active: Container[ast.AST]) -> ast.Call | None:
    """A call in a function that nothing calls, which by its looks runs a session: what it is given is not known."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, idle = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            idle = node not in active
        elif idle and isinstance(node, ast.Call) and _looks_like_run(node):
            return node
        pending.extend((child, idle) for child in ast.iter_child_nodes(node))
    return None


def _looks_like_run(node: ast.Call) -> bool:
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr not in {"run", "eval"}:
        return False
    if any(keyword.arg in {"feed_dict", "session"} for keyword in node.keywords):
        return True
    owner = function.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return function.attr == "run" and "sess" in name.lower()
