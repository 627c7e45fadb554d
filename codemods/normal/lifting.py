"""Functions that make layers or variables within another function or class move to the module, before all else.

What they read of their surroundings (`n_states`, `self.n_actions`) becomes parameters, which each call gives: a class for
such a function is then a class like any other. It is TF1 that means the same.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..edits import Edits
from ..emit.text import column, comments_above, first_line, reindent
from ..graph.frames import Frame
from ..graph.interpreter import Interpreter
from ..graph.values import Function, Instance, Layer, Tensor, Value, Variable, graph_values
from ..parse import Module
from .inlining import OWN
from .origins import Origin, Origins, identity, split, written
from .words import is_dotted


@dataclass(eq=False)
class Lifted:
    """A function to lift: what it reads around it, by the names of the new parameters, and the calls that give it."""

    definition: ast.FunctionDef
    module: Module
    top: ast.stmt  # the statement of the module that it stands in
    owner: str = ""  # a method's own first parameter
    reads: dict[str, list[ast.expr]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # of each, the attribute or name that is read
    calls: list[ast.Call] = field(default_factory=list)


def lifted(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which functions were lifted; empty where there are none."""
    makers = {
        definition: frames
        for definition, frames in run.activations.items()
        if isinstance(definition, ast.FunctionDef) and _makes(frames)
    }
    if not makers:
        return {}
    found: dict[str, list[Lifted]] = {}
    parents = {
        child: node
        for module in run.modules.values()
        for node in ast.walk(module.tree)
        for child in ast.iter_child_nodes(node)
    }
    for definition, frames in makers.items():
        one = _candidate(run, definition, frames, parents)
        if one is not None:
            found.setdefault(one.module.path, []).append(one)
    return {path: _rewritten(chosen, origins.get(path)) for path, chosen in found.items()}


# -- which --------------------------------------------------------------------------------------------------------------


def _makes(frames: list[Frame]) -> bool:
    """Whether some activation makes layers or variables (others may find these again), and none what is its own business."""
    made = [value for frame in frames for statement in frame.statements.values() for value in statement.made]
    runs = any(statement.executions for frame in frames for statement in frame.statements.values())
    weights = any(
        isinstance(value, Layer) or (isinstance(value, Variable) and value.maker in {"Variable", "get_variable"})
        for value in made
    )
    return weights and not runs and not any(isinstance(value, OWN) for value in made)


def _candidate(
    run: Interpreter, definition: ast.FunctionDef, frames: list[Frame], parents: Mapping[ast.AST, ast.AST]
) -> Lifted | None:
    module = frames[0].module
    outer = parents.get(definition)
    if outer is module.tree or not isinstance(outer, (ast.FunctionDef, ast.ClassDef)):
        return None
    if not _is_plain(definition) or definition.decorator_list or not _is_own_name(run, definition):
        return None
    top: ast.AST = definition
    while parents.get(top) is not module.tree:
        top = parents[top]
    assert isinstance(top, ast.stmt)
    one = Lifted(definition, module, top)
    if isinstance(outer, ast.ClassDef):
        if parents.get(outer) is not module.tree or not definition.args.args:
            return None
        one.owner = definition.args.args[0].arg
    if not _reads(run, one, frames, parents) or not _calls(run, one, parents):
        return None
    return one


def _is_plain(definition: ast.FunctionDef) -> bool:
    inner = [part for one in definition.body for part in ast.walk(one)]
    refused = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.ClassDef)
    parameters = definition.args
    return not any(isinstance(part, refused) for part in inner) and not (parameters.vararg or parameters.kwarg)


def _is_own_name(run: Interpreter, definition: ast.FunctionDef) -> bool:
    """Whether no other function or class of the program has the name, which a subclass might mean."""
    others = [
        part
        for module in run.modules.values()
        for part in ast.walk(module.tree)
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and part.name == definition.name and part is not definition
    ]
    stored = any(
        isinstance(part, ast.Name) and part.id == definition.name and not isinstance(part.ctx, ast.Load)
        for module in run.modules.values()
        for part in ast.walk(module.tree)
    )
    return not others and not stored and not definition.name.startswith("__")


def _reads(run: Interpreter, one: Lifted, frames: list[Frame], parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Collects what the function reads around it; False where that is more than host values and tensors."""
    definition = one.definition
    parameters = definition.args
    own = {name.arg for name in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)} - {one.owner}
    own |= {
        part.id for part in ast.walk(definition) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    }
    own |= {part.arg for part in ast.walk(definition) if isinstance(part, ast.arg)} - {one.owner}
    own |= {part.name for part in ast.walk(definition) if isinstance(part, ast.FunctionDef) and part is not definition}
    around = _around(frames[0], one)
    for statement in definition.body:
        for part in ast.walk(statement):
            if not isinstance(part, ast.Name) or part.id in own:
                continue
            if part.id == one.owner or isinstance(around.get(part.id), Instance):
                attribute = parents[part]
                if not isinstance(attribute, ast.Attribute) or not isinstance(attribute.ctx, ast.Load):
                    return False
                if not (_is_host(run, attribute) or _is_tensor(run, attribute)):
                    return False
                _note(one, attribute.attr, attribute, own)
            elif part.id in around:
                if isinstance(around[part.id], Function) or not _is_host(run, part):
                    return False
                _note(one, part.id, part, own)
    return True


def _note(one: Lifted, wish: str, node: ast.expr, own: set[str]) -> None:
    text = ast.unparse(node)
    name = next((name for name, known in one.texts.items() if known == text), None)
    if name is None:
        name, count = wish, 2
        while name in own or name in one.texts:
            name, count = f"{wish}_{count}", count + 1
        one.texts[name] = text
    one.reads.setdefault(name, []).append(node)


def _around(frame: Frame, one: Lifted) -> dict[str, Value]:
    """The names of the functions around a definition."""
    found: dict[str, Value] = {}
    outer = frame.parent
    while outer is not None and isinstance(outer.node, (ast.FunctionDef, ast.Lambda)):
        found = {name: binding.value for name, binding in outer.bindings.items()} | found
        outer = outer.parent
    return found


def _is_host(run: Interpreter, node: ast.expr) -> bool:
    values = run.meanings.get(node, [])
    return not any(isinstance(value, (Function, Instance)) or graph_values(value) for value in values)


def _is_tensor(run: Interpreter, node: ast.expr) -> bool:
    """Whether an attribute is a tensor or a variable of its object, which a call can give as well."""
    values = run.meanings.get(node, [])
    return bool(values) and all(isinstance(value, Tensor) and value.layer is None for value in values)


def _calls(run: Interpreter, one: Lifted, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Collects the calls; False where the function is named in any other way, or a call can't give what it reads."""
    name = one.definition.name
    for module in run.modules.values():
        for part in ast.walk(module.tree):
            named = (isinstance(part, ast.Name) and part.id == name) or (
                isinstance(part, ast.Attribute) and part.attr == name
            )
            if not named:
                continue
            call = parents.get(part)
            if not isinstance(call, ast.Call) or call.func is not part or module is not one.module:
                return False
            if any(isinstance(given, ast.Starred) for given in call.args) or any(
                key.arg is None for key in call.keywords
            ):
                return False
            if one.owner and not (isinstance(part, ast.Attribute) and is_dotted(part.value)):
                return False
            if not one.owner and not isinstance(part, ast.Name):
                return False
            meant = [function.node for function, _, _ in run.calls.get(call, [])]
            if any(node is not one.definition for node in meant):
                return False
            one.calls.append(call)
    return bool(one.calls)


# -- the text -----------------------------------------------------------------------------------------------------------


def _rewritten(chosen: list[Lifted], known: Origins | None) -> tuple[Module, Origins]:
    module = chosen[0].module
    old = known or identity(module.utf8.decode())
    edits = Edits(module)
    for one in chosen:
        _signature(one, edits)
        for name, nodes in one.reads.items():
            for node in nodes:
                edits.replace(node, name)
        for call in one.calls:
            _call(one, call, edits)
    lines, of = _lines(module, chosen, edits, old)
    return written(module, lines, of)


def _signature(one: Lifted, edits: Edits) -> None:
    parameters = one.definition.args
    plain = parameters.args[1:] if one.owner else parameters.args
    named = [*parameters.posonlyargs, *plain]
    defaults = dict(zip(reversed(named), reversed(parameters.defaults), strict=False))
    parts = [
        one.module.text(each) + (f"={one.module.text(defaults[each])}" if each in defaults else "") for each in named
    ]
    if defaults and (one.texts or parameters.kwonlyargs):
        parts.append("*")
    keyword = [
        one.module.text(each) + (f"={one.module.text(default)}" if default is not None else "")
        for each, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    ]
    start = one.module.utf8.index(b"(", one.module.span(one.definition)[0])
    edits.replace_span(start + 1, _closing(one, start), ", ".join([*parts, *one.texts, *keyword]))


def _closing(one: Lifted, start: int) -> int:
    """Where a definition's list of parameters ends."""
    last = max(
        (one.module.span(part)[1] for part in ast.walk(one.definition.args) if hasattr(part, "lineno")),
        default=start + 1,
    )
    return one.module.utf8.index(b")", last)


def _call(one: Lifted, call: ast.Call, edits: Edits) -> None:
    """Gives a call what the function read around it."""
    module = one.module
    edits.replace(call.func, one.definition.name)
    if not one.texts:
        return
    by_name = bool(one.definition.args.defaults or one.definition.args.kwonlyargs or call.keywords)
    texts = []
    for name, text in one.texts.items():
        if one.owner and isinstance(call.func, ast.Attribute):
            text = text.replace(one.owner, ast.unparse(call.func.value), 1)
        texts.append(f"{name}={text}" if by_name else text)
    given = [*call.args, *(key.value for key in call.keywords)]
    if given:
        end = max(module.span(part)[1] for part in given)
        edits.replace_span(end, end, ", " + ", ".join(texts))
    else:
        end = module.span(call)[1] - 1
        edits.replace_span(end, end, ", ".join(texts))


def _lines(module: Module, chosen: list[Lifted], edits: Edits, old: Origins) -> tuple[list[str], list[Origin]]:
    """The new lines: each function above the statement of the module that it stood in."""
    blocks: dict[int, list[tuple[str, Origin]]] = {}
    gone: set[int] = set()
    for one in chosen:
        node = one.definition
        above = comments_above(module, node)
        first, last = first_line(node), node.end_lineno or node.lineno
        start = module.offset(node.lineno, node.col_offset)
        text = reindent(edits.render_span(start, module.span(node)[1]), column(module, node), "")
        block = [(comment, old.of[node.lineno - 1]) for comment in above]
        written = split(text)
        shorter = (node.end_lineno or 0) - node.lineno + 1 - len(written)  # the list of parameters is one line now
        block += [
            (line, old.of[node.lineno - 1 + (place + shorter if place else 0)]) for place, line in enumerate(written)
        ]
        blank = ("", Origin(old.of[node.lineno - 1].line, ""))
        place = first_line(one.top) - len(comments_above(module, one.top))
        blocks.setdefault(place, []).extend([*block, blank, blank])
        gone.update(range(first - len(above), last + 1))
        following = last + 1
        while following <= len(module.starts) and not _line(module, following).strip():
            gone.add(following)
            following += 1
    rest = Edits(module, edits)
    for one in chosen:  # what goes stays as it is, so that lines can be counted
        start, end = module.span(one.definition)
        rest.replace_span(start, end, module.utf8[start:end].decode())
    lines: list[str] = []
    of: list[Origin] = []
    for number, line in enumerate(split(rest.apply()), 1):
        for text, origin in blocks.get(number, []):
            lines.append(text)
            of.append(origin)
        if number not in gone:
            lines.append(line)
            of.append(old.of[number - 1])
    return lines, of


def _line(module: Module, number: int) -> str:
    start = module.starts[number - 1]
    end = module.starts[number] if number < len(module.starts) else len(module.utf8)
    return module.utf8[start:end].decode()
