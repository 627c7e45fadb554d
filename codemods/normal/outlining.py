"""Writes statements as a function of their own, or variables in statements of their own: TF1 that means the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..edits import Edits
from ..emit.text import column, comments_above, first_line, indentation, line, reindent, snake
from ..parse import Module
from ..plan.reasons import ToHoist, ToOutline
from .origins import Origin, Origins, identity, split, written
from .words import fresh, words


def rewritten(
    why: ToOutline | ToHoist, modules: Mapping[str, Module], origins: Mapping[str, Origins]
) -> tuple[Module, Origins] | None:
    """The module with the statements written otherwise; None where lines hold more than one statement."""
    module = modules[why.path]
    old = origins.get(why.path) or identity(module.utf8.decode())
    nodes = why.statements if isinstance(why, ToOutline) else [why.statement]
    if not own_lines(module, nodes):
        return None
    found = _outlined(why, module, old) if isinstance(why, ToOutline) else _hoisted(why, module, old)
    if found is None:
        return None
    lines, of = found
    return written(module, lines, of)


def own_lines(module: Module, nodes: list[ast.stmt]) -> bool:
    """Whether statements have their lines for themselves."""
    before = line(module, nodes[0].lineno)[: nodes[0].col_offset].strip()
    after = line(module, nodes[-1].end_lineno or 0).encode()[nodes[-1].end_col_offset or 0 :].strip()
    return not before and (not after or after.startswith(b"#"))


def _outlined(why: ToOutline, module: Module, old: Origins) -> tuple[list[str], list[Origin]]:
    first = first_line(why.statements[0]) - len(comments_above(module, why.statements[0]))
    last = why.statements[-1].end_lineno or 0
    indent, tab = column(module, why.statements[0]), indentation(module)
    text = split(module.utf8.decode())
    name = fresh(words(module), ["network", "layers", "model"])
    body = reindent("\n".join(text[first - 1 : last]).lstrip(" \t"), indent, indent + tab)
    here = Origin(old.of[why.statements[0].lineno - 1].line, "")
    lines = [f"{indent}def {name}({', '.join(why.inputs)}):", *split(body)]
    of = [here, *old.of[first - 1 : last]]
    results = ", ".join(why.outputs)
    lines += [f"{indent}{tab}return {results}", "", f"{indent}{results} = {name}({', '.join(why.inputs)})"]
    of += [here, here, _bound_at(why, old) or here]
    return [*text[: first - 1], *lines, *text[last:]], [*old.of[: first - 1], *of, *old.of[last:]]


def _bound_at(why: ToOutline, old: Origins) -> Origin | None:
    """Where the statements bound what they give, if that is one thing: the call of the function takes that place."""
    bound = [
        part.lineno
        for statement in why.statements
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load) and part.id in why.outputs
    ]
    return old.of[max(bound) - 1] if len(why.outputs) == 1 and bound else None


def _hoisted(why: ToHoist, module: Module, old: Origins) -> tuple[list[str], list[Origin]] | None:
    """Each variable in a statement before; those of a call within another are made first."""
    text = split(module.utf8.decode())
    first, last = why.statement.lineno, why.statement.end_lineno or 0
    indent = column(module, why.statement)
    edits = Edits(module)
    lines: list[str] = []
    of: list[Origin] = []
    taken = words(module)
    for call in why.calls:
        if any(call is not other and call in set(ast.walk(other)) for other in why.calls):
            return None
        name = fresh(taken, [_wish(call) if why.wish == "variable" else why.wish])
        shown = split(f"{name} = {module.text(call)}")
        lines += [indent + shown[0], *shown[1:]]
        of += [
            Origin(old.of[number - 1].line, old.of[number - 1].text)
            for number in range(call.lineno, (call.end_lineno or 0) + 1)
        ]
        edits.replace(call, _read(module, call, name) if why.read else name)
    start = module.offset(first, 0)
    end = module.starts[last] if last < len(module.starts) else len(module.utf8)
    rest = split(edits.render_span(start, end).rstrip("\r\n"))
    lines += rest
    of += [old.of[first - 1 + min(place, last - first)] for place in range(len(rest))]
    return [*text[: first - 1], *lines, *text[last:]], [*old.of[: first - 1], *of, *old.of[last:]]


def _read(module: Module, call: ast.Call, name: str) -> str:
    """The value of a variable, as a tensor."""
    return f"{module.text(call.func.value)}.identity({name})" if isinstance(call.func, ast.Attribute) else name


def _wish(call: ast.Call) -> str:
    """A name for a variable: what TF1 is told that it is called, else a plain one."""
    given = [one.value for one in call.keywords if one.arg == "name"]
    given += [one for one in call.args[:1] if isinstance(one, ast.Constant)]
    for one in given:
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and snake(one.value).isidentifier():
            return snake(one.value)
    return "variable"
