"""Names of variables under scopes that an object is given: `name=f"{self.scope}/w"`, as TF1's scopes would have them."""

from __future__ import annotations

import ast

from ...graph.frames import Statement
from ...graph.values import Known, Variable
from ...plan import objects
from ..context import Context


def of(context: Context, made: list[Variable]) -> str | None:
    """The f-string that gives the variables of one call their names; None where no scope's name comes from outside."""
    statement = made[0].chain[-1]
    if objects.owner(statement.frame) is None:
        return None
    outer: Statement | None = statement.parent
    while outer is not None:
        for item in outer.node.items if isinstance(outer.node, ast.With) else ():
            node = _scope(context, outer, item.context_expr)
            known = context.run.meanings.get(node, []) if node is not None else []
            spelt = [value.value for value in known if isinstance(value, Known) and isinstance(value.value, str)]
            if node is None or len(spelt) != len(made) or outer.node in context.name_scopes:
                continue
            rests = {
                variable.name.removeprefix(f"{scope}/") if variable.name.startswith(f"{scope}/") else None
                for variable, scope in zip(made, spelt, strict=True)
            }
            rest = next(iter(rests))
            if len(rests) == 1 and rest is not None and not set(rest) & set('{}"\\'):
                text = context.edits_of(outer).render(node)
                return f'f"{{{text}}}/{rest}"' if '"' not in text and "\\" not in text else None
        outer = outer.parent
    return None


def _scope(context: Context, statement: Statement, node: ast.expr) -> ast.expr | None:
    """The name that a `with tf.variable_scope(name)` is given, where it is not written there."""
    if not isinstance(node, ast.Call) or statement.frame.names.name_of(node.func) not in {
        "variable_scope",
        "name_scope",
    }:
        return None
    given = node.args[0] if node.args else None
    return given if isinstance(given, (ast.Name, ast.Attribute)) else None


def around(context: Context, chain: tuple[Statement, ...]) -> list[Statement]:
    """The variable scopes around a value of the graph, outermost first."""
    found: list[Statement] = []
    for statement in chain:
        outer: Statement | None = statement
        own: list[Statement] = []
        while outer is not None:
            if isinstance(outer.node, ast.With) and any(_is_scope(outer, item) for item in outer.node.items):
                own.insert(0, outer)
            outer = outer.parent
        found.extend(one for one in own if one not in found)
    return found


def _is_scope(statement: Statement, item: ast.withitem) -> bool:
    node = item.context_expr
    return isinstance(node, ast.Call) and statement.frame.names.name_of(node.func) == "variable_scope"


def keep(context: Context, statement: Statement) -> None:
    """Keeps a variable scope as a name scope, which says the same of Keras layers and of variables."""
    node, path = statement.node, statement.frame.module.path
    assert isinstance(node, ast.With)
    if node in context.name_scopes:
        return
    call = node.items[0].context_expr
    if len(node.items) != 1 or not isinstance(call, ast.Call) or not call.args:
        raise context.stop("a variable scope around layers of an object that is not followed", node, path)
    if node.items[0].optional_vars is not None:
        raise context.stop("a variable scope with a name of its own around layers of an object", node, path)
    known = context.run.meanings.get(call.args[0], [])
    if not known or not all(isinstance(one, Known) and isinstance(one.value, str) for one in known):
        raise context.stop("a variable scope around layers of an object whose name is not given", node, path)
    context.name_scopes[node] = call.args[0]
    context.edits[path].replace(call, f"{context.tf(path)}.keras.name_scope(", call.args[0], ")")
    context.owned.add(call.func)


def prefix(context: Context, chain: tuple[Statement, ...]) -> str:
    """The name scopes that are kept around what a chain of statements makes, with a slash behind each."""
    kept = [context.name_scopes[one.node] for one in around(context, chain) if one.node in context.name_scopes]
    known = [[one.value for one in context.run.meanings.get(node, []) if isinstance(one, Known)] for node in kept]
    return "".join(f"{names[0]}/" for names in known if names)


def relative(context: Context, variable: Variable, name: str) -> str:
    """A variable's name within the name scopes that are kept around it."""
    for statement in around(context, variable.chain):
        node = context.name_scopes.get(statement.node)
        if node is None:
            continue
        scopes = [one.value for one in context.run.meanings.get(node, []) if isinstance(one, Known)]
        found = next((one for one in scopes if name.startswith(f"{one}/")), None)
        if found is None:
            path = statement.frame.module.path
            raise context.stop("a variable under a scope that TF1 counted up", variable.node or statement.node, path)
        name = name.removeprefix(f"{found}/")
    return name
