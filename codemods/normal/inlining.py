"""Functions that build a part of the graph at one place only are written out there, before anything else is looked at.

`inputs()`, `training(loss, rate)`, `build()`: what they make (placeholders, optimizers, train ops, global steps) is bound to
names of the function, which executions elsewhere can't reach. Written out, it is TF1 that means the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..edits import Edits
from ..emit.text import column, comments_above, first_line, is_docstring, reindent
from ..graph.frames import Frame, Statement
from ..graph.interpreter import Interpreter
from ..graph.ops.collections import VariableList
from ..graph.values import (
    DataIterator,
    ImportedModule,
    Init,
    Optimizer,
    Placeholder,
    Saver,
    TFName,
    TrainOp,
    Value,
    Variable,
    Writer,
)
from ..parse import Module
from ..plan import objects
from ..plan.reasons import ToWriteOut
from .origins import Origin, Origins, identity, split, written

# What can't be reached from outside of the function that makes it.
OWN = (Placeholder, Optimizer, TrainOp, Saver, Writer, Init, DataIterator)


@dataclass(eq=False)
class Site:
    """A function that is called once, and the statement that calls it."""

    definition: ast.FunctionDef
    call: ast.Call
    statement: ast.Assign | ast.Expr
    scope: ast.AST  # the function or module that the statement stands in
    module: Module
    home: Module  # the module of the definition


@dataclass(eq=False)
class _Names:
    """What becomes of the function's names: replaced by an argument, renamed, or kept."""

    texts: dict[str, str] = field(default_factory=dict)
    bindings: list[tuple[str, ast.expr]] = field(default_factory=list)  # parameters that need a statement


def inlined(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which a function was written out, one function each; empty where there is none."""
    found: dict[str, tuple[Module, Origins]] = {}
    for site in _sites(run):
        is_method = _class_of(site.definition, site.home) is not None
        if site.module is site.home and not is_method and site.module.path not in found:
            found.update(_written(run, site, origins))
    return found


def inlined_methods(run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which a method was written out, that another one of its object calls for what it hands back."""
    found: dict[str, tuple[Module, Origins]] = {}
    for site in _sites(run):
        if _class_of(site.definition, site.home) is not None and site.module.path not in found:
            found.update(_written(run, site, origins))
    return found


def written_out(why: ToWriteOut, run: Interpreter, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    """The modules in which the function that a reason names is written out and gone; empty where that is no way."""
    definition = why.frame.node
    if not isinstance(definition, ast.FunctionDef) or run.activations.get(definition, []) != [why.frame]:
        return {}
    site = _only_site(run, definition, why.frame)
    return _written(run, site, origins) if site is not None else {}


def _written(run: Interpreter, site: Site, origins: Mapping[str, Origins]) -> dict[str, tuple[Module, Origins]]:
    text = _Text(run, site, origins)
    if not text.fits():
        return {}
    return {module.path: written(module, lines, of) for module, lines, of in text.modules()}


# -- which --------------------------------------------------------------------------------------------------------------


def _sites(run: Interpreter) -> Iterator[Site]:
    running = {statement.frame for execution in run.executions for statement in execution.chain}
    running |= {statement.frame for use in run.uses for statement in use.chain}
    for definition, frames in run.activations.items():
        if not isinstance(definition, ast.FunctionDef) or len(frames) != 1 or frames[0] in running:
            continue
        site = _only_site(run, definition, frames[0]) if builds(frames[0]) else None
        if site is not None:
            yield site


def _only_site(run: Interpreter, definition: ast.FunctionDef, frame: Frame) -> Site | None:
    """The one place that calls a function, where it can be written out there."""
    calls = [(call, chain) for call, all_calls in run.calls.items() for _, one, chain in all_calls if one is frame]
    if len(calls) != 1 or not calls[0][1] or not _is_plain(definition, frame.module):
        return None
    site = _site(definition, frame, *calls[0])
    return site if site is not None and _named_once(run, site) else None


def builds(frame: Frame) -> bool:
    """Whether a function makes, itself, what only its own names reach."""
    own = [
        value for statement in frame.statements.values() for value in statement.made if value.chain[-1].frame is frame
    ]
    if any(isinstance(value, OWN) for value in own):
        return True
    if any(_lists_of_objects(value) for statement in frame.statements.values() for value in statement.writes.values()):
        return True
    steps = [value for value in own if isinstance(value, Variable) and not value.trainable and value.layer is None]
    return bool(steps) and len(steps) == sum(isinstance(value, Variable) for value in own)


def _lists_of_objects(value: Value) -> bool:
    """Whether a value is a list of variables that TF1 handed out, of objects that the function's own names don't reach."""
    held = value.items if isinstance(value, VariableList) else []
    return any(isinstance(one, Variable) and objects.owner(one.chain[-1].frame) is not None for one in held)


def _is_plain(definition: ast.FunctionDef, module: Module) -> bool:
    """Whether a definition can be written out: of the module's own, one return at its end, no generator, no global."""
    last = definition.body[-1]
    inner = [part for one in definition.body for part in ast.walk(one)]
    if definition.decorator_list or not (definition in module.tree.body or _class_of(definition, module) is not None):
        return False
    if any(
        isinstance(part, (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.ClassDef))
        for part in inner
    ):
        return False
    returns = [part for part in inner if isinstance(part, ast.Return)]
    nested = {part for one in inner if isinstance(one, (ast.FunctionDef, ast.Lambda)) for part in ast.walk(one)}
    own = [one for one in returns if one not in nested]
    parameters = definition.args
    return own in ([], [last], [_inner_return(definition, module)]) and not (
        parameters.vararg or parameters.kwarg or parameters.posonlyargs
    )


def _class_of(definition: ast.AST, module: Module) -> ast.ClassDef | None:
    """The class of the module's that a method stands in."""
    found = (one for one in module.tree.body if isinstance(one, ast.ClassDef))
    return next((one for one in found if definition in one.body), None)


def _is_of_one_object(site: Site) -> bool:
    """Whether a method is called by another of its class, on the same object under the same name, for what it gives."""
    cls, function = _class_of(site.definition, site.home), site.call.func
    caller = site.scope
    if cls is None or caller not in cls.body or not isinstance(caller, ast.FunctionDef):
        return False
    owners = [one.args.args[0].arg if one.args.args else "" for one in (site.definition, caller)]
    stores = any(
        isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load) for part in ast.walk(site.definition)
    )
    return (
        not stores
        and isinstance(site.statement, ast.Assign)
        and isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and owners[0] == owners[1] == function.value.id
    )


def _inner_return(definition: ast.FunctionDef, module: Module) -> ast.Return | None:
    """The return at the end of a `with` block that ends a function, where it gives names: it may stand behind the block."""
    block = definition.body[-1]
    if not isinstance(block, ast.With) or len(block.body) < 2 or not isinstance(block.body[-1], ast.Return):
        return None
    returned = block.body[-1]
    given = returned.value.elts if isinstance(returned.value, ast.Tuple) else [returned.value]
    between = module.utf8[module.span(block.body[-2])[1] : module.span(returned)[0]]
    return returned if all(isinstance(one, ast.Name) for one in given) and b"#" not in between else None


def _site(definition: ast.FunctionDef, frame: Frame, call: ast.Call, chain: tuple[Statement, ...]) -> Site | None:
    statement = chain[-1]
    node = statement.node
    module = statement.frame.module
    if not isinstance(node, (ast.Assign, ast.Expr)) or node.value is not call:
        return None
    if isinstance(node, ast.Assign) and (len(node.targets) != 1 or not _plain_target(node.targets[0])):
        return None
    if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
        return None
    start, end = module.span(node)
    before = module.utf8[module.starts[node.lineno - 1] : start].strip()
    after = module.utf8[end:].split(b"\n", 1)[0].strip()
    if before or (after and not after.startswith(b"#")):
        return None
    return Site(definition, call, node, statement.frame.node, module, frame.module)


def _plain_target(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple):
        return all(_is_name(one) for one in target.elts)
    return _is_name(target)


def _is_name(target: ast.expr) -> bool:
    """Whether a target is a name, or an attribute of one."""
    return isinstance(target, ast.Name) or (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name))


def _named_once(run: Interpreter, site: Site) -> bool:
    """Whether the function is named nowhere but in its call."""
    name = site.definition.name
    for module in run.modules.values():
        for part in ast.walk(module.tree):
            if isinstance(part, ast.Name) and part.id == name and part is not site.call.func:
                return False
            if isinstance(part, ast.Attribute) and part.attr == name and part is not site.call.func:
                return False
            if isinstance(part, ast.alias) and part.name == name:
                return False
    function = site.call.func
    if _class_of(site.definition, site.home) is not None:
        return site.module is site.home and _is_of_one_object(site)
    if site.module is site.home:
        return isinstance(function, ast.Name)
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)


# -- the text -----------------------------------------------------------------------------------------------------------


class _Text:
    """Writes one function out at its call."""

    def __init__(self, run: Interpreter, site: Site, origins: Mapping[str, Origins]) -> None:
        self.run = run
        self.site = site
        self.module = site.module
        self.home = site.home
        self.old = {one.path: origins.get(one.path) or identity(one.utf8.decode()) for one in (site.module, site.home)}
        self.body = list(site.definition.body)
        self.docstring = self.body.pop(0) if is_docstring(self.body[0]) else None
        self.inner = _inner_return(site.definition, site.module)
        self.returned = self.body.pop() if self.body and isinstance(self.body[-1], ast.Return) else self.inner
        self.bound = {name for part in site.definition.body for name in _stored(part)}
        self.names = _Names()
        method = _class_of(site.definition, site.home) is not None
        self.owner = site.definition.args.args[0].arg if method and site.definition.args.args else ""

    def fits(self) -> bool:
        """Decides what becomes of every name; False where it can't be done."""
        arguments = self._arguments()
        outside = self._outside()
        if arguments is None or outside is None:
            return False
        stored, used = outside
        read = {one.id for part in self.site.definition.body for one in ast.walk(part) if isinstance(one, ast.Name)}
        foreign = self._foreign(read - self.bound - arguments.keys())
        if foreign is None:
            return False
        self.names.texts.update(foreign)
        read -= {*foreign, self.owner}
        if (read - self.bound - arguments.keys()) & stored and not isinstance(self.site.scope, ast.Module):
            return False
        targets = self._unified()
        for name, given in arguments.items():
            if self._stands_for(name, given):
                self.names.texts[name] = self.module.text(given)
            else:
                self.names.bindings.append((name, given))
        taken = used | read | set(targets.values())
        for name in sorted(self.bound | {name for name, _ in self.names.bindings}):
            wanted = targets.get(name, name)
            if wanted == name and name in used and targets.get(name) is None:
                count = 2
                while f"{name}_{count}" in taken:
                    count += 1
                wanted = f"{name}_{count}"
                taken.add(wanted)
            if wanted != name:
                self.names.texts[name] = wanted
        return True

    def _foreign(self, names: set[str]) -> dict[str, str] | None:
        """The spellings, at a call from another module, of what the definition's own module binds; None where one is hidden."""
        function = self.site.call.func
        if self.module is self.home or not isinstance(function, ast.Attribute):
            return {}
        own, here = self.run.module_frames[self.home.path], self.run.module_frames[self.module.path]
        prefix = self.module.text(function.value)
        found = {}
        for name in names & own.bindings.keys():
            other = here.bindings.get(name)
            if other is None or not _same(own.bindings[name].value, other.value):
                found[name] = f"{prefix}.{name}"
        return found if not found or prefix not in self.bound else None

    def _arguments(self) -> dict[str, ast.expr] | None:
        parameters = self.site.definition.args
        names = [one.arg for one in parameters.args][1 if self.owner else 0 :]
        defaults = dict(zip(names[len(names) - len(parameters.defaults) :], parameters.defaults, strict=True))
        for one, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
            if default is not None:
                defaults[one.arg] = default
        given: dict[str, ast.expr] = dict(defaults)
        given.update(zip(names, self.site.call.args, strict=False))
        given.update({one.arg: one.value for one in self.site.call.keywords if one.arg})
        named = {*names, *(one.arg for one in parameters.kwonlyargs)}
        return given if named == given.keys() and len(self.site.call.args) <= len(names) else None

    def _outside(self) -> tuple[set[str], set[str]] | None:
        """The names that the caller's scope binds, and all that it uses, the call's own targets left out."""
        scope, own = self.site.scope, {id(part) for part in ast.walk(self.site.statement)}
        if not isinstance(scope, (ast.Module, ast.FunctionDef)):
            return None
        inside = {id(part) for part in ast.walk(self.site.definition)}
        targets = _stored(self.site.statement)
        stored: set[str] = set()
        used: set[str] = set()
        for part in ast.walk(scope):
            if id(part) in own or id(part) in inside:
                continue
            if isinstance(part, ast.Name):
                used.add(part.id)
                if not isinstance(part.ctx, ast.Load):
                    stored.add(part.id)
            elif isinstance(part, (ast.FunctionDef, ast.ClassDef)) and part is not scope:
                used.add(part.name)
                stored.add(part.name)
            elif isinstance(part, ast.arg):
                used.add(part.arg)
                stored.add(part.arg)
            elif isinstance(part, ast.alias):
                used.add((part.asname or part.name).partition(".")[0])
        return stored, used - (targets - stored)

    def _unified(self) -> dict[str, str]:
        """Names of the function that are what the call's targets are bound to: they take the targets' names."""
        if not isinstance(self.site.statement, ast.Assign):
            return {}
        both = [(name, value) for name, value in self._pairs() if isinstance(name, ast.Name)]
        pairs = [(name.id, value.id) for name, value in both if isinstance(value, ast.Name)]
        found = {value: name for name, value in pairs if value in self.bound}
        clean = len(set(found.values())) == len(pairs) == len(found)
        others = {name for name in self.bound if name not in found}
        return found if clean and not set(found.values()) & others else {}

    def _pairs(self) -> list[tuple[ast.Name | ast.Attribute, ast.expr]]:
        """The call's targets with what the function returns for each; one target may take all."""
        if not isinstance(self.site.statement, ast.Assign):
            return []
        target = self.site.statement.targets[0]
        value = self.returned.value if isinstance(self.returned, ast.Return) else None
        if value is None:
            return []
        if isinstance(target, (ast.Name, ast.Attribute)):
            return [(target, value)]
        if (
            isinstance(target, ast.Tuple)
            and isinstance(value, (ast.Tuple, ast.List))
            and len(target.elts) == len(value.elts)
        ):
            return [
                (one, other)
                for one, other in zip(target.elts, value.elts, strict=True)
                if isinstance(one, (ast.Name, ast.Attribute))
            ]
        return []

    def _stands_for(self, name: str, given: ast.expr) -> bool:
        """Whether an argument can be read wherever the parameter was: a constant, or a name that nothing binds again."""
        if name in self.bound:
            return False
        return isinstance(given, ast.Constant) or (isinstance(given, ast.Name) and given.id not in self.bound)

    def modules(self) -> Iterator[tuple[Module, list[str], list[Origin]]]:
        """The new lines of the modules that change, and where each of them comes from."""
        module, statement = self.module, self.site.statement
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        gone = set(range(first, last + 1))
        if module is self.home:
            yield (module, *self._lines(module, gone | self._lines_of_definition(), {first: self._written()}))
            return
        yield (module, *self._lines(module, gone, {first: self._written()}))
        yield (self.home, *self._lines(self.home, self._lines_of_definition(), {}))

    def _lines(
        self, module: Module, gone: set[int], new: Mapping[int, list[tuple[str, Origin]]]
    ) -> tuple[list[str], list[Origin]]:
        lines: list[str] = []
        origins: list[Origin] = []
        for number, line in enumerate(split(module.utf8.decode()), 1):
            lines.extend(one for one, _ in new.get(number, []))
            origins.extend(one for _, one in new.get(number, []))
            if number not in gone:
                lines.append(line)
                origins.append(self.old[module.path].of[number - 1])
        return lines, origins

    def _lines_of_definition(self) -> set[int]:
        """The lines of the definition, with the comments and the empty lines above it."""
        text, definition = split(self.home.utf8.decode()), self.site.definition
        first, last = first_line(definition), definition.end_lineno or definition.lineno
        first -= len(comments_above(self.home, definition))
        while first > 1 and not text[first - 2].strip():
            first -= 1
        return set(range(first, last + 1))

    def _written(self) -> list[tuple[str, Origin]]:
        """The lines that take the place of the call."""
        module, statement = self.module, self.site.statement
        of = [self._from_home(one) for one in self.old[self.home.path].of]
        indent = column(module, statement)
        new: list[tuple[str, Origin]] = []
        call = self.old[module.path].of[statement.lineno - 1]
        for name, given in self.names.bindings:
            shown = f"{self.names.texts.get(name, name)} = {module.text(given)}"
            new.extend((indent + line if not place else line, call) for place, line in enumerate(split(shown)))
        if self.docstring is not None:
            new.extend(self._doc(indent, of))
        new.extend(self._body(indent, of))
        new.extend(self._results(indent, call))
        line = split(module.utf8.decode())[(statement.end_lineno or 1) - 1]
        trailing = line.encode()[statement.end_col_offset or 0 :].decode().strip()
        if trailing.startswith("#") and new:
            new.insert(0, (indent + trailing, call))
        return new

    def _from_home(self, one: Origin) -> Origin:
        return one if self.home is self.module or one.path else replace(one, path=self.home.path)

    def _doc(self, indent: str, of: list[Origin]) -> list[tuple[str, Origin]]:
        """The docstring as a comment."""
        node = self.docstring
        assert isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        words = [line.strip() for line in str(node.value.value).strip().split("\n")]
        return [(f"{indent}# {line}".rstrip(), of[node.lineno - 1]) for line in words]

    def _body(self, indent: str, of: list[Origin]) -> list[tuple[str, Origin]]:
        if not self.body:
            return []
        module = self.home
        edits = self._renamed(self.body)
        first = first_line(self.body[0])
        above = comments_above(module, self.body[0])
        lines = [(indent + comment if comment else "", of[first - 1]) for comment in above]
        last = self.body[-1]
        if self.inner is not None and isinstance(last, ast.With):
            edits.replace_span(module.span(last.body[-2])[1], module.span(self.inner)[1], "")
        start = module.offset(first, self.body[0].col_offset)
        end = module.span(self.body[-1])[1]
        tail = module.utf8[end:].split(b"\n", 1)[0].decode().rstrip("\r")
        text = reindent(edits.render_span(start, end) + tail, column(module, self.body[0]), indent)
        return lines + [(line, of[first - 1 + place]) for place, line in enumerate(split(text))]

    def _renamed(self, nodes: list[ast.stmt]) -> Edits:
        edits = Edits(self.home)
        for node in nodes:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and part.id in self.names.texts:
                    edits.replace(part, self.names.texts[part.id])
        return edits

    def _results(self, indent: str, call: Origin) -> list[tuple[str, Origin]]:
        if not isinstance(self.returned, ast.Return) or not isinstance(self.site.statement, ast.Assign):
            return []
        edits = self._renamed([self.returned])
        pairs = self._pairs()
        found = []
        for target, value in pairs:
            text = edits.render(value)
            name = self.module.text(target)
            if text != name:
                found.append(f"{name} = {text}")
        late = [
            {one.id if isinstance(one, ast.Name) else one.attr for one in ast.walk(value) if isinstance(one, LOADED)}
            for _, value in pairs
        ]
        own = [target.id if isinstance(target, ast.Name) else target.attr for target, _ in pairs]
        if any(own[place] in names for place in range(len(pairs)) for names in late[place + 1 :]):
            pairs, found = [], []
        if not pairs and self.returned.value is not None:
            found = [f"{self.module.text(self.site.statement.targets[0])} = {edits.render(self.returned.value)}"]
        return [(indent + line if not place else line, call) for one in found for place, line in enumerate(split(one))]


LOADED = (ast.Name, ast.Attribute)


def _same(one: Value, other: Value) -> bool:
    """Whether two modules' names mean the same module, or the same name of TensorFlow."""
    if isinstance(one, ImportedModule) and isinstance(other, ImportedModule):
        return one.name == other.name
    return one is other or (isinstance(one, TFName) and isinstance(other, TFName) and one.name == other.name)


def _stored(node: ast.AST) -> set[str]:
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
    return found | {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
