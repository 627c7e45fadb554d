"""What a class made of a function runs when: `__init__` makes layers, `build` makes weights, `call` computes.

What layers and weights are made with (sizes, names, initializers, conditions) is traced back to the parameters, through the
host statements between; of tensors only the static shape of what `call` is given can be known by then.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..graph.frames import Frame
from ..graph.interpreter import Interpreter
from ..graph.ops.scopes import Entered, is_setting
from ..graph.values import Cell, Dict, GraphValue, Known, Layer, Summary, Tensor, Value, Variable, flatten
from . import cells, dimensions
from .initial_values import INITIALS
from .models import FunctionModel, Object, Site, Told
from .reasons import Undecided
from .slices import names_in
from .units import Units, moves, weight_summary

# The arguments of a layer's call that are no settings of the layer.
OF_THE_CALL = frozenset(
    "inputs training after state sequence_length initial_state initial_state_fw initial_state_bw".split()
)
OF_THE_SCOPE = frozenset({"name", "reuse", "scope"})


def is_of_the_call(key: str) -> bool:
    """Whether an argument is no setting of a layer; those of contrib may be in several parts ("training 0")."""
    return key.split()[0] in OF_THE_CALL


def sort_out(units: Units, model: FunctionModel) -> None:
    """Decides the roles of a function's parameters and the phases of its statements."""
    sorting = _Sorting(units, model)
    sorting.trace()
    sorting.roles()


# -- statements ---------------------------------------------------------------------------------------------------------


def flat(run: Interpreter, body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements with the blocks of scopes looked through, without those that only switch reuse on."""
    for node in body:
        if isinstance(node, ast.With) and is_scope(run, node):
            yield from flat(run, node.body)
        elif isinstance(node, ast.Try) and node in run.settled:
            yield from flat(run, [*node.body, *node.orelse, *node.finalbody])
        elif not is_setting_statement(run, node):
            yield node


def is_scope(run: Interpreter, node: ast.With) -> bool:
    """Whether a with statement does nothing but set the graph up."""
    values = [value for item in node.items for value in run.meanings.get(item.context_expr, [])]
    return bool(values) and all(isinstance(value, Entered) for value in values)


def is_setting_statement(run: Interpreter, node: ast.stmt) -> bool:
    """Whether a statement only switches reuse on, perhaps under a condition."""
    if isinstance(node, ast.If):
        return all(is_setting_statement(run, one) for one in (*node.body, *node.orelse))
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return isinstance(node, ast.Pass)
    values = run.meanings.get(node.value, [])
    return bool(values) and all(is_setting(value) for value in values)


def initial_call(variable: Variable) -> ast.Call | None:
    """The call that draws or fills a variable's initial value, where it is one that an initializer can stand for."""
    if len(variable.initial) == 1:
        value = variable.initial[0]
        if isinstance(value, Tensor) and value.op in INITIALS and isinstance(value.node, ast.Call):
            return value.node
    return None


def drawn_in(run: Interpreter, variable: Variable) -> ast.Call | None:
    """Within the expression of an initial value, the one call that draws or fills it, whose shape is the whole's."""
    given = variable.arguments.get("initial_value") or variable.arguments.get("initializer")
    shapes = {value.shape for value in variable.initial if isinstance(value, Tensor)}
    if given is None or isinstance(given, ast.Name) or len(shapes) != 1:
        return None
    found = [
        part
        for part in ast.walk(given)
        for value in run.meanings.get(part, [])[:1]
        if isinstance(part, ast.Call) and isinstance(value, Tensor) and value.op in INITIALS and value.node is part
    ]
    if len(found) != 1 or run.meanings[found[0]][0].shape not in shapes or None in shapes:  # type: ignore[attr-defined]
        return None
    takes_shape = INITIALS[run.meanings[found[0]][0].op].parameters[0] == "shape"  # type: ignore[attr-defined]
    return found[0] if takes_shape and (found[0].args or any(one.arg == "shape" for one in found[0].keywords)) else None


def name_node(site: Site) -> ast.expr | None:
    """The expression in a function's body that names what a site makes."""
    member = site.example
    if isinstance(member, Layer):
        return member.nodes[site.node].get("scope" if member.cells else "name")
    if isinstance(member, Variable) and site.helper is None:
        return member.arguments.get("name")
    return None


def literal_name(site: Site) -> str | None:
    """The name of a site's members within their objects, where it is the same in each."""
    names = {made.short(member) for made, members in site.members.items() for member in members}
    return names.pop() if len(names) == 1 else None


class _Sorting:
    """The analysis of one function."""

    def __init__(self, units: Units, model: FunctionModel) -> None:
        self.run = units.run
        self.units = units
        self.model = model
        self.frames = [frame for made in model.objects for frame in made.activations]
        self.statements: list[ast.stmt] = []  # none of which holds others, but for the heads of loops and conditions
        self.around: dict[ast.stmt, tuple[ast.If | ast.For, ...]] = {}
        self._collect(model.definition.body, ())
        parameters = model.definition.args
        self.parameters = [one.arg for one in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)]
        self.tensors = {name for name in self.parameters if any(_is_graph(frame, name) for frame in self.frames)}
        self.binders: dict[str, list[ast.stmt]] = {}
        for statement in self.statements:
            for name in _bound(_head(statement)):
                self.binders.setdefault(name, []).append(statement)
        self.sites_in = {
            statement: [model.sites[node] for node in ast.walk(_head(statement)) if node in model.sites]
            for statement in self.statements
        }
        self.wanted: dict[str, set[str]] = {"init": set(), "build": set()}
        self.read_late: set[str] = set()

    def _collect(self, body: list[ast.stmt], around: tuple[ast.If | ast.For, ...]) -> None:
        for node in flat(self.run, body):
            self.statements.append(node)
            self.around[node] = around
            if isinstance(node, (ast.If, ast.For)):
                self._collect(node.body, (*around, node))
                self._collect(node.orelse, (*around, node))

    # -- which statement runs when --------------------------------------------------------------------------------------

    def trace(self) -> None:
        phases = self.model.phases
        seen = {site.node for sites in self.sites_in.values() for site in sites}
        for node in self.model.sites:
            if node not in seen:
                raise Undecided("a layer or variable made in a lambda or comprehension", node, self.model.path)
        for statement, sites in self.sites_in.items():
            for site in sites:
                loops = [one for one in self.around[statement] if isinstance(one, ast.For)]
                once = isinstance(site.example, Layer) and site.example.cls == "Cell" and not site.repeated
                loops = [] if once else loops  # one cell that is called in each round
                if len(loops) > 1 or (site.repeated and not loops):
                    raise Undecided("a layer called in a loop", site.node, self.model.path)
                site.loop = loops[0] if loops else None
                site.conditional = site.loop is not None and self.around[statement][-1] is not site.loop
                phase = "build" if site.kind == "weight" else "init"
                for expression in self.settings(site):
                    self._want(phase, expression)
                for outer in self.around[statement]:
                    if (isinstance(outer, ast.For) or site.has_weights) and not once:
                        self._want(phase, _test(outer))
                if site.has_weights and len(site.members) < len(self.model.objects) and not self.around[statement]:
                    why = "a function whose layers or variables differ from call to call"
                    raise Undecided(why, site.node, self.model.path)
        phases.init = self._closure("init")
        phases.build = [one for one in self._closure("build") if one not in phases.init]
        early = {*phases.init, *phases.build}
        phases.gone = {*phases.init, *(one for one in self.statements if self._is_weight(one) or self._is_summary(one))}
        phases.gone.update(one for one in self.statements if cells.goes(self.run, one))
        phases.lost = self._of_nothing(early)
        phases.gone |= phases.lost
        late = [one for one in self.statements if one not in early and one not in phases.gone]
        while True:
            self.read_late = set().union(*map(self._reads, late)) if late else set()
            unread = [one for one in late if self._is_unread(one)]
            if not unread:
                break
            phases.gone.update(unread)
            late = [one for one in late if one not in unread]
        for statement in reversed(phases.build):  # what `call` needs, too, stands in both
            if _bound(_head(statement)) & self.read_late:
                self.read_late |= names_in(_head(statement))
            else:
                phases.gone.add(statement)
        made_early = {name for statement in phases.init for name in _bound(_head(statement))}
        phases.kept = made_early & (self.wanted["build"] | self.read_late)
        for name in phases.kept:
            if len(self.binders[name]) > 1 or self.around[self.binders[name][0]]:
                raise Undecided(
                    f"a setting that is bound more than once (`{name}`)", self.model.definition, self.model.path
                )

    def _is_unread(self, statement: ast.stmt) -> bool:
        """Whether a statement only gives what arg_scopes and normalizers took: a dict that nothing reads any more."""
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Dict | ast.Call):
            return False
        values = [value for frame in self.frames for value in self._written(frame, statement)]
        holds_settings = bool(values) and all(isinstance(value, Dict) for value in values)
        return holds_settings and not _bound(statement) & (self.read_late | self.wanted["init"] | self.wanted["build"])

    @staticmethod
    def _written(frame: Frame, statement: ast.stmt) -> Iterable[Value]:
        known = frame.statements.get(statement)
        return known.writes.values() if known is not None else ()

    def _of_nothing(self, early: set[ast.stmt]) -> set[ast.stmt]:
        """Host statements that bind what only arguments read that Keras has not: the collections of a variable."""
        given = [node for site in self.model.sites.values() for node in _collections(site)]
        lost = {name for node in given for name in names_in(node)}
        found: set[ast.stmt] = set()
        for statement in self.statements if given else ():
            names = _bound(statement)
            read = any(names & self._reads(one) for one in self.statements if one is not statement)
            made = [value for frame in self.frames for value in self._made(frame, statement)]
            if isinstance(statement, ast.Assign) and names and names <= lost and statement not in early and not read:
                found.update([] if made else [statement])
        return found

    def _want(self, phase: str, expression: ast.AST) -> None:
        self.wanted[phase].update(self._names(expression, phase))
        if phase == "init" and self._tensors_in(expression, phase):
            raise Undecided("a layer whose settings depend on a tensor", expression, self.model.path)
        if phase == "build" and self._beyond_shapes(expression):
            raise Undecided("a layer or variable whose settings depend on a tensor", expression, self.model.path)

    def _names(self, node: ast.AST, phase: str) -> set[str]:
        """The names that an expression needs in a phase: of tensors whose sizes are known otherwise, what tells these."""
        told = self._told(node, phase)
        if told is not None:
            return names_in(told.expression) if told.expression is not None else set()
        if isinstance(node, ast.Name):
            return names_in(node)
        if isinstance(node, ast.expr) and self._is_shape_given(node):
            return set()
        return set().union(*(self._names(child, phase) for child in ast.iter_child_nodes(node)))

    def _is_shape_given(self, node: ast.expr) -> bool:
        """Whether an expression asks for the static shape of what `call` is given."""
        tensor = dimensions.shape_asked(node)
        return isinstance(tensor, ast.Name) and self._is_given(tensor)

    def _is_given(self, name: ast.Name) -> bool:
        """Whether a name means, wherever it was met, what its parameter was given."""
        given = [frame.arguments.get(name.id) for frame in self.frames]
        return name.id in self.tensors and all(value in given for value in self.run.meanings.get(name, []))

    def _told(self, node: ast.AST, phase: str) -> Told | None:
        """What says a size that an expression asks of a tensor within the function."""
        question = dimensions.asked(node)
        if question is None or (isinstance(question[0], ast.Name) and self._is_given(question[0])):
            return None
        told = self._size(dimensions.sizes(self.run, node), phase)
        if told is not None:
            self.model.phases.sizes[node] = told
        return told

    def _size(self, sizes: list[dimensions.Size], phase: str) -> Told | None:
        places = {
            site: one.axis
            for one in sizes
            for site in self.model.sites.values()
            for members in site.members.values()
            if any(member is one.member for member in members)
        }
        if len(places) == 1 and all(one.member is not None for one in sizes):
            (site, axis), expression = next(iter(places.items())), sizes[0].expression
            if isinstance(expression, ast.Constant):
                return Told(expression)
            if isinstance(expression, ast.Name) and expression.id in self.parameters:
                if expression.id not in self.binders and expression.id not in self.tensors:
                    return Told(expression)
            if phase == "build" and site.kind == "weight" and not site.repeated and site.helper is None:
                return Told(site=site, axis=axis)
        numbers = {one.number for one in sizes}
        return Told(number=numbers.pop()) if len(numbers) == 1 and None not in numbers else None

    def _closure(self, phase: str) -> list[ast.stmt]:
        """The host statements that give what a phase needs: all that bind a name, so that it means the same in the end."""
        found: set[ast.stmt] = set()
        work = list(self.wanted[phase])
        while work:
            name = work.pop()
            for statement in self.binders.get(name, []):
                if statement in found or isinstance(statement, ast.For):
                    continue
                self._check_host(statement, phase)
                found.add(statement)
                more = self._names(_head(statement), phase)
                for outer in self.around[statement]:
                    more |= self._names(_test(outer), phase)
                more -= self.wanted[phase]
                self.wanted[phase] |= more
                work.extend(more)
        return [statement for statement in self.statements if statement in found]

    def _check_host(self, statement: ast.stmt, phase: str) -> None:
        made = [value for frame in self.frames for value in self._made(frame, statement) if moves(value)]
        head = _head(statement)
        reads = self._tensors_in(head, phase) if phase == "init" else self._beyond_shapes(head)
        if made or reads or self.sites_in[statement]:
            raise Undecided("a layer or variable whose settings depend on a tensor", statement, self.model.path)

    @staticmethod
    def _made(frame: Frame, statement: ast.stmt) -> list[GraphValue]:
        known = frame.statements.get(statement)
        return known.made if known is not None else []

    def _tensors_in(self, node: ast.AST, phase: str) -> bool:
        if isinstance(node, ast.Name):
            values = self.run.meanings.get(node, [])
            return any(isinstance(leaf, GraphValue) and moves(leaf) for one in values for leaf in flatten(one))
        if self._told(node, phase) is not None:
            return False
        return any(self._tensors_in(child, phase) for child in ast.iter_child_nodes(node))

    def _beyond_shapes(self, node: ast.AST) -> bool:
        """Whether an expression reads more of a tensor than the static shape of what `call` is given."""
        if self._told(node, "build") is not None:
            return False
        if isinstance(node, ast.Attribute) and node.attr in {"get_shape", "shape"} and isinstance(node.value, ast.Name):
            return self._tensors_in(node.value, "build") and not self._is_given(node.value)
        if isinstance(node, ast.Name):
            return self._tensors_in(node, "build")
        return any(self._beyond_shapes(child) for child in ast.iter_child_nodes(node))

    def _is_summary(self, statement: ast.stmt) -> bool:
        """Whether a statement only makes a summary of a variable: where summaries are written, the variable is at hand."""
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
            return False
        found = [value for value in self.run.meanings.get(statement.value, []) if isinstance(value, Summary)]
        return bool(found) and all(weight_summary(self.units, one) is not None for one in found)

    def _is_weight(self, statement: ast.stmt) -> bool:
        """Whether a statement does nothing but bind a weight to a name that is bound nowhere else, which `self` has now."""
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return False
        site = self.model.sites.get(statement.value) if isinstance(statement.value, ast.Call) else None
        target = statement.targets[0]
        if site is None or site.kind != "weight" or not isinstance(target, ast.Name):
            return False
        return self.binders.get(target.id) == [statement] and target.id not in self.parameters

    # -- settings -------------------------------------------------------------------------------------------------------

    def settings(self, site: Site) -> Iterator[ast.expr]:
        """The expressions that a site's members are made with."""
        member = site.example
        if site.given:
            return
        if isinstance(member, Layer) and member.cells:
            yield from cells.settings(self.run, self.model.definition, member)
        elif isinstance(member, Layer):
            yield from (
                value
                for key, value in member.nodes[site.node].items()
                if not is_of_the_call(key) and key not in OF_THE_SCOPE
            )
        elif isinstance(member, Object):
            assert site.callee is not None
            given = arguments_of(site.callee.definition, site.node)
            yield from (value for name, value in given.items() if site.callee.roles.get(name) in {"init", "both"})
        elif site.helper is not None:
            yield from (*site.node.args, *(keyword.value for keyword in site.node.keywords))
        else:
            yield from self._of_variable(member, site)
        name = name_node(site)
        if name is not None and literal_name(site) is None and not isinstance(name, ast.Constant):
            yield name
        if isinstance(member, Object) and literal_name(site) is None and not site.repeated:
            yield self.name_given(site)
        elif isinstance(member, Object) and site.repeated:
            yield from [one for one in [name_argument(self.run, site)] if one is not None]

    def name_given(self, site: Site) -> ast.expr:
        """The argument of a call that is the name of the object called."""
        assert site.callee is not None
        found = name_argument(self.run, site)
        if found is None:
            raise Undecided("a function that is called under scopes of several names", site.node, self.model.path)
        return found

    def _of_variable(self, variable: Variable, site: Site) -> Iterator[ast.expr]:
        arguments = variable.arguments
        call = initial_call(variable)
        for key in ("shape", "dtype", "trainable"):
            if key in arguments:
                yield arguments[key]
        initializer = arguments.get("initializer") or arguments.get("initial_value")
        if call is not None:
            yield from (*call.args, *(keyword.value for keyword in call.keywords))
        elif initializer is not None:
            yield initializer

    # -- parameters -----------------------------------------------------------------------------------------------------

    def _reads(self, statement: ast.stmt) -> set[str]:
        """The names that a statement of `call` reads, but for those that only settings and scopes read."""
        skipped: set[ast.AST] = set()
        scoped: set[str] = set()
        for site in self.sites_in[statement]:
            for expression in self.settings(site):
                skipped.update(ast.walk(expression))
            node = name_node(site)
            skipped.update(ast.walk(node) if node is not None else ())
            for joined in _collections(site):
                skipped.update(ast.walk(joined))
            if site.kind == "object" and site.callee is not None:
                for name, value in arguments_of(site.callee.definition, site.node).items():
                    if site.callee.roles.get(name) != "call":
                        skipped.update(ast.walk(value))
            mode = self.run.modes.get(site.node)
            if mode is not None and mode.node is not None:
                scoped.update(
                    *(names_in(one) for one in (mode.node, *mode.replaced.values()) if isinstance(one, ast.expr))
                )
            if site.kind == "layer":
                member = site.example
                assert isinstance(member, Layer)
                for key, value in member.nodes[site.node].items():
                    if key in OF_THE_SCOPE or (member.cells and not is_of_the_call(key)):
                        skipped.update(ast.walk(value))
                if member.of_contrib:  # of its arguments, and of an arg_scope's, what the call of the layer is given
                    given = [value for key, value in member.nodes[site.node].items() if is_of_the_call(key)]
                    inside = {part for value in given for part in ast.walk(value)}
                    skipped.update(part for part in ast.walk(site.node) if part not in inside)
                    scoped.update(*(names_in(value) for value in given if value not in set(ast.walk(site.node))))
        again = [size for part in ast.walk(_head(statement)) for size in cells.sizes(self.run, part)]
        for site in self.sites_in[statement]:
            if isinstance(site.example, Layer) and site.example.cells:
                again.extend(cells.settings(self.run, self.model.definition, site.example, tensors=True))
        return scoped | {
            part.id
            for node in (_head(statement), *again)
            for part in ast.walk(node)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part not in skipped
        }

    def roles(self) -> None:
        model, wanted = self.model, self.wanted
        for name in self.parameters:
            early = name in wanted["init"] or name in wanted["build"]
            late = name in self.read_late
            if name in self.tensors:
                if name in wanted["init"]:
                    raise Undecided("a layer whose settings depend on a tensor", model.definition, model.path)
                model.roles[name] = "call"
            elif early:
                model.roles[name] = "both" if late or name in wanted["build"] else "init"
                self._check_same(name)
            else:
                model.roles[name] = "call" if late else "dropped"
            if model.roles[name] == "both":
                model.phases.kept.add(name)

    def _check_same(self, name: str) -> None:
        """A setting must be the same at every call of one object."""
        for made in self.model.objects:
            values = [frame.arguments.get(name) for frame in made.activations]
            if any(not _alike(values[0], value) for value in values[1:]):
                why = f"a layer whose settings differ between calls (`{name}`)"
                raise Undecided(why, self.model.definition, self.model.path)


def _collections(site: Site) -> list[ast.expr]:
    """The expressions of the collections that a site's variables join, which TensorFlow 2 has not."""
    found = [
        member.arguments["collections"]
        for members in site.members.values()
        for member in members
        if isinstance(member, Variable) and "collections" in member.arguments
    ]
    return list(dict.fromkeys(found))


def _alike(one: Value | None, two: Value | None) -> bool:
    return one is two or (isinstance(one, Known) and isinstance(two, Known) and one.value == two.value)


def _is_graph(frame: Frame, name: str) -> bool:
    value = frame.arguments.get(name)
    leaves = flatten(value) if isinstance(value, Value) else ()
    return any(isinstance(leaf, GraphValue) and not isinstance(leaf, Cell) for leaf in leaves)


def _bound(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _head(statement: ast.stmt) -> ast.AST:
    """A statement without those within it."""
    if isinstance(statement, ast.If):
        return statement.test
    if isinstance(statement, ast.For):
        return ast.Tuple([statement.target, statement.iter], ast.Load())
    return statement


def _test(statement: ast.If | ast.For) -> ast.expr:
    """What decides whether, or how often, the statements within another run."""
    return statement.test if isinstance(statement, ast.If) else statement.iter


def arguments_of(definition: ast.FunctionDef, node: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call by the function's parameter names."""
    parameters = definition.args
    names = [one.arg for one in (*parameters.posonlyargs, *parameters.args)]
    given = dict(zip(names, node.args, strict=False))
    given.update({one.arg: one.value for one in node.keywords if one.arg})
    return given


def name_argument(run: Interpreter, site: Site) -> ast.expr | None:
    """The argument of an object's call that is, each time, the last part of the object's scope."""
    assert site.callee is not None
    objects = [member for members in site.members.values() for member in members if isinstance(member, Object)]
    scopes = {member.scope.rpartition("/")[2] for member in objects}
    for value in arguments_of(site.callee.definition, site.node).values():
        known = {one.value for one in run.meanings.get(value, []) if isinstance(one, Known)}
        if known == scopes and all(isinstance(one, Known) for one in run.meanings[value]):
            return value
    return None
