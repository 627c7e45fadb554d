"""Classes for functions that make layers and variables: `__init__` makes the layers, `build` the weights, `call` computes."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...edits import Edits
from ...graph.ops.scopes import is_setting
from ...graph.values import Function, GraphValue, Known, Layer, Placeholder, Tensor, Value, Variable, flatten
from ...plan import objects
from ...plan.executions import is_scalar
from ...plan.handing import returned_tuple
from ...plan.models import FunctionModel, Object, Site, Told
from ...plan.phases import arguments_of, flat, initial_call, is_scope, is_setting_statement, name_argument, name_node
from ...plan.slices import names_in
from ...plan.units import ancestors
from .. import devices
from ..classes import sizes
from ..context import Context, quoted
from ..estimating import modes
from ..recurrent import rnn_classes
from ..recurrent.rnn_idle import only_states
from ..setup import module_of
from ..text import WIDTH, column, comments_above, is_docstring, joined
from . import batch_norm, layer_calls, weights
from .models import (
    ClassText,
    has_own_weights,
    is_named,
    kept_attribute,
    put,
    statement_lines,
    symbolic_argument,
    takes_name,
    zeros,
)


def own(context: Context) -> None:
    """Calls of layers and of get_variable within models are written here, not name by name."""
    for value in context.run.values:
        if isinstance(value, Tensor) and value.layer is not None and isinstance(value.node, ast.Call):
            context.owned.add(value.node.func)
        elif (
            isinstance(value, Variable) and isinstance(value.node, ast.Call) and context.models.owner(value) is not None
        ):
            if value.layer is None:
                _own_variable(context, value, value.node)
    for node, values in context.run.meanings.items():
        if isinstance(node, ast.Call) and values and all(is_setting(value) for value in values):
            context.own(node)  # reuse that is switched on: the statement goes
    for settled in context.run.settled:
        for handler in settled.handlers:
            context.own(handler)
    for model in context.models.functions:
        for statement in model.phases.lost:
            context.own(statement)


def _own_variable(context: Context, variable: Variable, node: ast.Call) -> None:
    context.owned.add(node.func)
    context.weights.add(node.func)
    call = initial_call(variable)
    if call is not None:
        context.owned.add(call.func)


def write(context: Context) -> None:
    """Registers the edits of every function's class: it takes the function's place; objects are made; calls are theirs."""
    weights.rewrite_initializers(context)
    weights.rewrite_helpers(context)
    for model in context.models.functions:
        _Class(context, model).write()
    for model in context.models.functions:
        _imports(context, model)
        for made in model.objects:
            if made.holder is None:
                _make(context, model, made)
        for made in model.objects:
            _check_built(context, made)
        for node, made in model.calls.items():
            _call(context, model, node, made)
    for name, variable in context.models.aliases.items():
        _alias(context, name, variable)
    for target, places in context.models.unpacked.items():
        path = module_of(context, target)
        assert path is not None
        context.edits[path].replace(target, *_without(target, places))


class _Class:
    """Writes the class of one function."""

    def __init__(self, context: Context, model: FunctionModel) -> None:
        self.context = context
        self.model = model
        self.path = model.path
        self.definition = model.definition
        self.made = model.objects[0]
        self.frame = self.made.activations[0]
        self.tensors = [
            name for name, role in model.roles.items() if role == "call" and _is_tensor(self.frame.arguments.get(name))
        ]
        module, edits = context.modules[self.path], context.edits[self.path]
        self.init, self.build, self.call = (Edits(module, edits) for _ in range(3))
        self.shapes: set[str] = set()
        self.elements: dict[Site, str] = {}

    def write(self) -> None:
        model, context = self.model, self.context
        self._keep()
        self._shapes()
        self._replace_sites()
        if model.handed:
            node = returned_tuple(model)
            self.call.replace(node, *_without(node, model.handed))
        body = list(self.definition.body)
        doc: list[str] = []
        if body and is_docstring(body[0]):
            doc = self._docstring(body.pop(0))
        named = is_named(context, model)
        early = [name for name, role in model.roles.items() if role in {"init", "both"}]
        given = context.given[model]
        parameters = [*given, *(_parameter(self.definition, name, self.init) for name in early)]
        if named and not any("=" in one for one in parameters):
            parameters.append("name")
        elif named:
            parameters.append("name=None")
        called = {self._attribute(site) for site in model.sites.values() if site.given}
        init = [f"self.{name} = {name}" for name in given if name in called]
        init += [
            f"self.{kept_attribute(name)} = {name}" for name in early if name in model.phases.kept and name != "name"
        ]
        init += self._phase(body, "init")
        build = self._phase(body, "build")
        text = ClassText(
            context.classes[model],
            "Layer" if has_own_weights(model) else "Model",
            "name" if named or takes_name(model) else quoted(context.leaves[self.made]),
            doc,
            parameters,
            init,
            self._shape_parameters(),
            build,
            [
                *(_parameter(self.definition, name, self.call) for name, role in model.roles.items() if role == "call"),
                *(f"{name}=False" for name in modes.of_model(context, model)),
            ],
            self._lines(body, self.call),
        )
        written = text.text(context.indent(self.path), context.tf(self.path))
        context.moves[self.path].replaced[self.definition] = written
        what = f"the function `{self.definition.name}` is the class `{context.classes[model]}` now"
        context.interface(what, self.definition, self.path)
        batch_norm.define(context, self.made.layers, self.path, self.definition)
        rnn_classes.define(context, self.made.layers, self.path, self.definition)

    def _docstring(self, node: ast.stmt) -> list[str]:
        """The docstring, whose lines stand as deep in the class as in the function."""
        module = self.context.modules[self.path]
        old = column(module, node)
        lines = module.text(node).split("\n")
        return [*comments_above(module, node), lines[0], *(line.removeprefix(old) for line in lines[1:])]

    # -- names ----------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """What `self` keeps is read from it; weights are attributes of it."""
        kept = self.model.phases.kept
        local = kept - set(self.model.roles)
        gone = {
            target.id: node.value
            for node in self.model.phases.gone
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and node.value in self.model.sites
        }
        for part in ast.walk(self.definition):
            if not isinstance(part, ast.Name):
                continue
            if part.id in kept and isinstance(part.ctx, ast.Load):
                for overlay in (self.build, self.call):
                    overlay.replace(part, f"self.{kept_attribute(part.id)}")
            if part.id in local:
                self.init.replace(part, f"self.{kept_attribute(part.id)}")
            if part.id in gone and isinstance(part.ctx, ast.Load):
                site = self.model.sites[gone[part.id]]
                self.call.replace(part, self._called(site))

    def _attribute(self, site: Site) -> str:
        if site.given and isinstance(site.example, Object):
            made = next(iter(site.members))
            return self.context.given[self.model][made.given.index(site.example)]
        return self.context.attributes[site.example]

    def _shapes(self) -> None:
        """In `build`, the static shape of what `call` is given is the shape that Keras hands over."""
        parents = self.context.parents
        for asked, told in self.model.phases.sizes.items():
            self._size(asked, told)
        for part in ast.walk(self.definition):
            name = _shape_of(part)
            if name is None or name not in self.tensors or parents.get(part) in self.model.phases.sizes:
                continue
            shape = "input_shape" if len(self.tensors) == 1 or name == self.tensors[0] else f"{name}_shape"
            node: ast.AST = part
            outer = parents.get(node)
            if isinstance(outer, ast.Attribute) and outer.attr == "as_list":
                node = parents[outer]
                outer = parents.get(node)
                whole = f"list({shape})"
            else:
                whole = f"{self.context.tf(self.path)}.TensorShape({shape})"
            if isinstance(outer, ast.Subscript) and outer.value is node:
                target: ast.AST = outer
                above = parents.get(outer)
                if isinstance(above, ast.Attribute) and above.attr == "value":
                    target = above
                self.build.replace(target, f"{shape}[", outer.slice, "]")
            elif isinstance(outer, ast.Attribute) and outer.attr == "ndims":
                self.build.replace(outer, f"len({shape})")
            else:
                self.build.replace(node, whole)
            self.shapes.add(shape)

    def _size(self, node: ast.AST, told: Told) -> None:
        """The size of a tensor within the function, as a setting: there are no tensors yet."""
        outer = self.context.parents.get(node)
        target = outer if isinstance(outer, ast.Attribute) and outer.attr == "value" else node
        if told.site is not None:
            self.build.replace(target, f"self.{self._attribute(told.site)}.shape[{told.axis}]")
            return
        text = str(told.number) if told.expression is None else self.context.edits[self.path].render(told.expression)
        kept = isinstance(told.expression, ast.Name) and told.expression.id in self.model.phases.kept
        self.init.replace(target, text)
        self.build.replace(target, f"self.{kept_attribute(text)}" if kept else text)

    def _shape_parameters(self) -> list[str]:
        """The parameters of `build`: Keras gives one the first input's shape, several by the names of `call`'s."""
        if not self.shapes - {"input_shape"}:
            return ["input_shape"]
        raise self.context.stop("a weight whose shape depends on a second input", self.definition, self.path)

    # -- phases ---------------------------------------------------------------------------------------------------------

    def _phase(self, body: Iterable[ast.stmt], phase: str) -> list[str]:
        """What `__init__` or `build` runs of the statements: settings, then what is made of them."""
        overlay = self.init if phase == "init" else self.build
        statements = self.model.phases.init if phase == "init" else self.model.phases.build
        lines: list[str] = []
        for node in flat(self.context.run, list(body)):
            if node in statements:
                lines += statement_lines(self.context, self.path, node, overlay)
            elif isinstance(node, ast.If):
                lines += self._conditional(node, phase, overlay)
            elif isinstance(node, ast.For):
                lines += self._loop(node, phase, overlay)
            else:
                lines += [line for site in self._made_in(node, phase) for line in self._making(site, overlay)]
        return lines

    def _made_in(self, node: ast.AST, phase: str) -> list[Site]:
        """The sites of a phase within a statement, in the order of evaluation."""
        kinds = {"layer", "object"} if phase == "init" else {"weight"}
        found = [self.model.sites[part] for part in _in_order(node) if part in self.model.sites]
        return [site for site in found if site.kind in kinds and not site.given and self._is_first(site)]

    def _is_first(self, site: Site) -> bool:
        """Whether a site makes its members, rather than finding those of an earlier one again."""
        first = next((one for one in self.model.sites.values() if site.example in one.members.get(self.made, [])), site)
        return first is site or site.loop is not None

    def _conditional(self, node: ast.If, phase: str, overlay: Edits) -> list[str]:
        """A condition under which weights, or layers with weights, are made; what has none may be made in any case."""
        sites = self._made_in(node, phase)
        if sites and not any(site.has_weights or site.loop is not None for site in sites):
            return [line for site in sites for line in self._making(site, overlay)]
        body, orelse = self._phase(node.body, phase), self._phase(node.orelse, phase)
        return self._block(f"if {overlay.render(node.test)}:", body, orelse)

    def _block(self, head: str, body: list[str], orelse: list[str]) -> list[str]:
        """A compound statement of what is left of its blocks."""
        tab = self.context.indent(self.path)
        if not body and not orelse:
            return []
        lines = [head, *(tab + line if line else "" for line in body or ["pass"])]
        return [*lines, *(["else:", *(tab + line if line else "" for line in orelse)] if orelse else [])]

    def _loop(self, node: ast.For, phase: str, overlay: Edits) -> list[str]:
        sites = self._made_in(node, phase)
        if sites and all(site.loop is None for site in sites):  # called in each round, and made once
            return [line for site in sites for line in self._making(site, overlay)]
        lines = self._phase(node.body, phase)
        lists = [f"self.{self._attribute(site)} = []" for site in self._made_in(node, phase) if site.loop is node]
        head = f"for {overlay.render(node.target)} in {overlay.render(node.iter)}:"
        return [*lists, *self._block(head, lines, [])]

    def _making(self, site: Site, overlay: Edits) -> list[str]:
        """The statement that makes a member."""
        attribute = f"self.{self._attribute(site)}"
        head, tail = (f"{attribute} = ", "") if site.loop is None else (f"{attribute}.append(", ")")
        member = site.example
        told = "" if isinstance(member, Variable) and _names_itself(member, site) else self._told(site, overlay)
        if isinstance(member, Variable):
            pieces = weights.site_pieces(self.context, site, self.path, overlay, member, told)
            width = WIDTH - (2 if site.loop is None else 3) * len(self.context.indent(self.path))
            lines = joined(head, pieces, width)
            return [*lines[:-1], lines[-1] + tail]
        if isinstance(member, Layer):
            width = WIDTH - (2 if site.loop is None else 3) * len(self.context.indent(self.path))
            looped = site.loop is not None
            return layer_calls.constructors(self.context, member, self.path, overlay, width, told, looped)
        assert site.callee is not None
        holder = next(iter(site.members))
        settings = [_handed(self.context, one, holder) for one in member.given]
        settings += _settings(site.callee, site.node, overlay)
        if is_named(self.context, site.callee):
            settings.append(f"name={told}")
        return [f"{head}{class_name(self.context, site.callee, site.node, overlay)}({', '.join(settings)}){tail}"]

    def _told(self, site: Site, overlay: Edits) -> str:
        """The expression of a member's name: the same in each object, or what the source computes."""
        leaves = {self.context.leaves[member] for members in site.members.values() for member in members}
        if len(leaves) == 1:
            return quoted(leaves.pop())
        node = name_argument(self.context.run, site) if site.kind == "object" else name_node(site)
        if node is not None and not isinstance(node, ast.Constant):
            return overlay.render(node)
        counted = self._counted(site) if site.loop is not None else None
        if counted is None:
            raise self.context.stop("layers or variables whose names differ from call to call", site.node, self.path)
        return counted

    def _counted(self, site: Site) -> str | None:
        """Names that TF1 counted up in a loop (dense, dense_1, ...), by the length of the list so far."""
        starts = set()
        for members in site.members.values():
            numbers = [_counted_name(self.context.leaves[member]) for member in members]
            if [count for _, count in numbers] != list(range(numbers[0][1], numbers[0][1] + len(numbers))):
                return None
            starts.add(numbers[0])
        if len(starts) != 1:
            return None
        base, first = starts.pop()
        length = f"len(self.{self._attribute(site)})"
        if first == 0:
            return f'f"{base}_{{{length}}}" if self.{self._attribute(site)} else {quoted(base)}'
        return f'f"{base}_{{{length} + {first}}}"'

    # -- call -----------------------------------------------------------------------------------------------------------

    def _replace_sites(self) -> None:
        for node, site in self.model.sites.items():
            called = self._called(site)
            member = site.example
            if isinstance(member, Layer):
                self.call.replace(node, layer_calls.call(self.context, node, member, self.call, called))
            elif isinstance(member, Variable):
                self.call.replace(node, called)
            else:
                assert site.callee is not None
                self.call.replace(node, *_call_parts(self.context, site.callee, node, called, True))

    def _called(self, site: Site) -> str:
        """What a site's member is in `call`: an attribute, or in a loop the element whose turn it is."""
        if site.loop is None:
            return f"self.{self._attribute(site)}"
        return f"next({self._attribute(site)})" if site.conditional else self._element(site)

    def _element(self, site: Site) -> str:
        """The name of a loop's own member in `call`."""
        if site not in self.elements:
            base = self._attribute(site).removesuffix("_list").removesuffix("s") or "layer"
            gone = {part for node in self.model.phases.gone for part in ast.walk(node)}
            used = {part.id for part in ast.walk(self.definition) if isinstance(part, ast.Name) and part not in gone}
            used -= {base for node, other in self.model.sites.items() if other is site and self._binds(node, base)}
            used.update(self.elements.values())
            name, count = base, 2
            while name in used:
                name, count = f"{base}_{count}", count + 1
            self.elements[site] = name
        return self.elements[site]

    def _binds(self, node: ast.Call, name: str) -> bool:
        """Whether a statement that goes binds what a call gives to a name."""
        return any(
            isinstance(one, ast.Assign) and one.value is node and _names(one.targets) == {name}
            for one in self.model.phases.gone
        )

    def _lines(self, body: Iterable[ast.stmt], overlay: Edits) -> list[str]:
        lines: list[str] = []
        module = self.context.modules[self.path]
        for node in body:
            if isinstance(node, ast.With) and is_scope(self.context.run, node):
                devices.note(self.context, node, self.path)
                lines += [*comments_above(module, node), *self._lines(node.body, overlay)]
            elif isinstance(node, ast.stmt) and is_setting_statement(self.context.run, node):
                continue
            elif isinstance(node, ast.Try) and node in self.context.run.settled:
                lines += [
                    *comments_above(module, node),
                    *self._lines([*node.body, *node.orelse, *node.finalbody], overlay),
                ]
            elif node in self.model.phases.gone or node in self.context.idle:
                lines += [one for one in comments_above(module, node) if one]
            elif isinstance(node, (ast.If, ast.For)) and self._is_taken_apart(node):
                lines += [*comments_above(module, node), *self._nested(node, overlay)]
            else:
                lines += statement_lines(self.context, self.path, node, overlay)
        return lines

    def _is_taken_apart(self, node: ast.If | ast.For) -> bool:
        """Whether something within a loop or condition goes, or the loop goes over members, too."""
        run, gone = self.context.run, self.model.phases.gone
        return any(
            part in gone
            or (isinstance(part, ast.With) and is_scope(run, part))
            or (not isinstance(part, ast.Pass) and is_setting_statement(run, part))
            or any(site.loop is part for site in self.model.sites.values())
            for part in ast.walk(node)
            if isinstance(part, ast.stmt)
        )

    def _nested(self, node: ast.If | ast.For, overlay: Edits) -> list[str]:
        """A condition or loop, statement by statement."""
        body, orelse = self._lines(node.body, overlay), self._lines(node.orelse, overlay)
        if isinstance(node, ast.If):
            return self._block(f"if {overlay.render(node.test)}:", body, orelse)
        target, source = overlay.render(node.target), overlay.render(node.iter)
        mine = [site for site in self.model.sites.values() if site.loop is node]
        turns = [f"{self._attribute(site)} = iter(self.{self._attribute(site)})" for site in mine if site.conditional]
        sites = [site for site in mine if not site.conditional]
        if sites:
            names = [self._element(site) for site in sites]
            lists = [f"self.{self._attribute(site)}" for site in sites]
            if _names([node.target]) & _names([ast.parse("\n".join(body))]):
                target = f"({target})" if isinstance(node.target, ast.Tuple) else target
                names, lists = [target, *names], [source, *lists]
            target = ", ".join(names)
            source = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
        return turns + self._block(f"for {target} in {source}:", body, orelse)


def _names_itself(variable: Variable, site: Site) -> bool:
    """Whether the helper that makes a variable names it, too."""
    return site.helper is not None and variable.arguments.get("name") is not None


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _counted_name(name: str) -> tuple[str, int]:
    base, _, count = name.rpartition("_")
    return (base, int(count)) if base and count.isdigit() else (name, 0)


def _in_order(node: ast.AST) -> Iterable[ast.AST]:
    """The parts of a statement, each call behind what it is given."""
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
    yield node


def _is_tensor(value: Value | None) -> bool:
    return isinstance(value, Value) and any(isinstance(leaf, GraphValue) for leaf in flatten(value))


def _shape_of(node: ast.AST) -> str | None:
    """The name whose static shape an expression asks for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_shape":
        return node.func.value.id if isinstance(node.func.value, ast.Name) else None
    if isinstance(node, ast.Attribute) and node.attr == "shape" and isinstance(node.value, ast.Name):
        return node.value.id
    return None


def _parameter(definition: ast.FunctionDef, name: str, overlay: Edits) -> str:
    parameters = definition.args
    plain = [*parameters.posonlyargs, *parameters.args]
    names = [one.arg for one in plain]
    if name in names:
        place = names.index(name) - (len(names) - len(parameters.defaults))
        if place >= 0:
            return f"{name}={overlay.render(parameters.defaults[place])}"
    return name


# -- objects and calls --------------------------------------------------------------------------------------------------


def _alias(context: Context, name: ast.Name, variable: Variable) -> None:
    """A name that a call gave a weight: the object has it now."""
    path = module_of(context, name)
    frame = context.run.module_frames.get(path or "")
    text = context.reach(variable, frame) if frame is not None else None
    if path is None or text is None:
        raise context.stop("a function that returns the variables it makes", name, path or "")
    context.edits[path].replace(name, text)


def _without(node: ast.Tuple, places: Iterable[int]) -> list[str | ast.AST]:
    """A tuple without some of its members; what is left alone is no tuple any more."""
    parts: list[str | ast.AST] = []
    for member in (one for place, one in enumerate(node.elts) if place not in places):
        parts.extend([", ", member] if parts else [member])
    return parts


def class_name(context: Context, model: FunctionModel, node: ast.Call, overlay: Edits) -> str:
    """How a call of the function reaches the class: as it reached the function."""
    if isinstance(node.func, ast.Attribute):
        return f"{overlay.render(node.func.value)}.{context.classes[model]}"
    if isinstance(node.func, ast.Name) and node.func.id != model.definition.name:
        return node.func.id
    return context.classes[model]


def _imports(context: Context, model: FunctionModel) -> None:
    """Modules that import the function import the class."""
    for path, module in context.modules.items():
        frame = context.run.module_frames.get(path)
        for node in ast.walk(module.tree):
            for alias in node.names if isinstance(node, ast.ImportFrom) and frame is not None else ():
                bound = frame.bindings.get(alias.asname or alias.name) if frame is not None else None
                if bound is not None and isinstance(bound.value, Function) and bound.value.node is model.definition:
                    rest = f" as {alias.asname}" if alias.asname else ""
                    context.edits[path].replace(alias, context.classes[model] + rest)


def _settings(model: FunctionModel, node: ast.Call, overlay: Edits) -> list[str]:
    """The arguments of the constructor, from a call of the function."""
    given = arguments_of(model.definition, node)
    wanted = [name for name, role in model.roles.items() if role in {"init", "both"}]
    if all(name in given for name in wanted):
        return [overlay.render(given[name]) for name in wanted]
    return [f"{name}={overlay.render(given[name])}" for name in wanted if name in given]


def _handed(context: Context, one: Object, holder: Object) -> str:
    """How the constructor of an object reaches one that it hands to what it makes."""
    if one in holder.given and holder.model is not None:
        return context.given[holder.model][holder.given.index(one)]
    return "self" + context.objects[one].removeprefix(context.objects[holder])


def _call_parts(
    context: Context, model: FunctionModel, node: ast.Call, called: str, nested: bool = False
) -> list[str | ast.AST]:
    """A call of the function as one of the object: without what its constructor took.

    Within a model a scalar goes by keyword, since it is a number where the model is called on symbolic inputs.
    """
    given = arguments_of(model.definition, node)
    positional = {id(one) for one in node.args}
    parts: list[str | ast.AST] = [called, "("]
    first = True
    for name, value in given.items():
        if model.roles.get(name) != "call":
            continue
        meaning = _meaning(context, value)
        switch = isinstance(meaning, Placeholder) and meaning.dtype == "bool"
        switch |= nested and isinstance(meaning, Tensor) and is_scalar(context.plan, meaning)
        parts.extend([] if first else [", "])
        parts.extend([value] if id(value) in positional and _is_tensor(meaning) and not switch else [f"{name}=", value])
        first = False
    for name in modes.of_model(context, model):
        parts.extend(["" if first else ", ", f"{name}=", modes.given(context, model, node)])
    return [*parts, ")"]


def _call(context: Context, model: FunctionModel, node: ast.Call, made: Object) -> None:
    path = module_of(context, node)
    assert path is not None
    for name, value in arguments_of(model.definition, node).items():
        if model.roles.get(name) != "call":
            context.own(value)
    context.edits[path].replace(node, *_call_parts(context, model, node, context.objects[made]))


def _no_symbolic_call(made: Object) -> bool:
    """Whether Keras can't call a model on symbolic inputs: it gives numbers beside tensors, or squeezes whatever has size 1."""
    values = [value for frame in made.activations for value in frame.returned]
    leaves = [leaf for value in values for leaf in flatten(value)]
    given = ancestors(leaf for leaf in leaves if isinstance(leaf, GraphValue))
    squeezed = any(isinstance(one, Tensor) and one.op == "squeeze" and _is_plain(one.node) for one in given)
    return squeezed or any(isinstance(leaf, Known) and leaf.value is not None for leaf in leaves)


def _is_plain(node: ast.AST | None) -> bool:
    """Whether a call has one argument, and perhaps a name."""
    return isinstance(node, ast.Call) and len(node.args) == 1 and all(one.arg == "name" for one in node.keywords)


def _is_variables(value: Value) -> bool:
    """Whether a value holds the program's own variables alone, which stand for themselves."""
    leaves = list(flatten(value))
    return bool(leaves) and all(isinstance(leaf, Variable) for leaf in leaves)


def _meaning(context: Context, node: ast.expr) -> Value | None:
    values = context.run.meanings.get(node, [])
    return values[0] if values else None


def _make(context: Context, model: FunctionModel, made: Object) -> None:
    """The object, made before the statement that called the function first, and called to make its variables."""
    node = made.call
    assert node is not None
    path = made.first.frame.module.path
    given = arguments_of(model.definition, node)
    render = context.edits[path].render
    settings = [context.of_object(one, made.first.frame) for one in made.given]
    settings += _settings(model, node, context.edits[path])
    if is_named(context, model):
        settings.append(f"name={quoted(context.leaves[made])}")
    name = class_name(context, model, node, context.edits[path])
    lines = [f"{context.objects[made]} = {name}({', '.join(settings)})"]
    inputs: list[str] = []
    eager = _no_symbolic_call(made)
    for name, role in model.roles.items():
        if role != "call":
            continue
        value = made.activations[0].arguments.get(name)
        text = symbolic_argument(context, name, value, path, inputs, made.first.frame)
        if text is None and not eager and _is_tensor(value):
            text = _of_another_call(context, made, name, path, inputs)
        if name in only_states(made.layers, model.definition.body):
            text = f"{name}=None"
        elif name in given and value is not None and _is_variables(value):
            plain = not any("=" in one.partition("(")[0] for one in inputs)
            text = render(given[name]) if plain else f"{name}={render(given[name])}"
        elif eager and text is not None and isinstance(value, Tensor):
            text = None if any(one.updates for one in made.layers) else zeros(context, value, path)
        if text is None:
            if _is_tensor(value):
                inputs = []
                break
            if isinstance(value, Known) and made.frame in context.units.homes:
                inputs.append(f"{name}={quoted(value.value)}")  # it may depend on the mode of a model function
            elif name in given:
                inputs.append(f"{name}={render(given[name])}")
            continue
        if isinstance(value, Placeholder) and value.dtype == "bool":
            inputs.append(f"{name}=False")
        else:
            inputs.append(text)
    if made.given and not any(made.weights()):
        pass  # it has no variables but those of what it is handed
    elif inputs and not _loses_rank(made):
        inputs.extend(f"{name}=False" for name in modes.of_model(context, model))
        lines.append(f"{context.objects[made]}({', '.join(inputs)})  # creates the variables")
    elif _builds_without_shapes(model, made):
        lines.append(f"{context.objects[made]}.build(None)  # creates the variables")
    else:
        _check_depth(context, made, node, path)
        for name, role in model.roles.items():
            value = made.activations[0].arguments.get(name)
            if role == "call" and isinstance(value, Placeholder) and value.shape is None:
                raise context.stop("a model over a placeholder of unknown rank, which Keras does not take", node, path)
        context.unbuilt.append((made, node, path))
    put(context, made, path, lines)


def _check_depth(context: Context, made: Object, node: ast.Call, path: str) -> None:
    """A model of an object that its first call builds must see how deep its input is: functions of the class may not."""
    if objects.owner(made.first.frame) is None:
        return
    for value in made.activations[0].arguments.values():
        if isinstance(value, Placeholder) and value.shape:
            if not sizes.of(context, value, made.first.frame)[-1].isdecimal():
                raise context.stop(
                    "a model whose variables are wanted before the shape of its input is known", node, path
                )


def _builds_without_shapes(model: FunctionModel, made: Object) -> bool:
    """Whether an object has weights of its own alone, and makes them without a look at what it is called with."""
    variables = [one for one in made.members if isinstance(one, Variable)]
    if not variables or len(variables) < len(made.members):
        return False
    tensors = {name for name, role in model.roles.items() if role == "call"}
    read = {name for statement in model.phases.build for name in names_in(statement)}
    read |= {name for one in variables for argument in one.arguments.values() for name in names_in(argument)}
    return not read & tensors


def _of_another_call(context: Context, made: Object, name: str, path: str, inputs: list[str]) -> str | None:
    """A symbolic input for a parameter whose shape the first call does not show, and a later one does."""
    values = [frame.arguments.get(name) for frame in made.activations[1:]]
    found = (symbolic_argument(context, name, value, path, inputs, made.first.frame) for value in values)
    return next((text for text in found if text is not None), None)


def _check_built(context: Context, made: Object) -> None:
    """What an object is handed must have its variables by then: Keras names them after what calls it first."""
    late = {other.root for other, _, _ in context.unbuilt}
    if any(one.root in late for one in made.given) and made.model is not None and made.call is not None:
        raise context.stop("layers of two functions whose input has no known shape", made.call, made.model.path)


def _loses_rank(made: Object) -> bool:
    """Whether the function squeezes what has axes of unknown sizes: a symbolic call could not tell the result's rank."""
    values = [value for frame in made.activations for one in frame.statements.values() for value in one.made]
    calls = [value.node for value in values if isinstance(value, Tensor) and value.op == "squeeze"]
    return any(isinstance(call, ast.Call) and len(call.args) + len(call.keywords) == 1 for call in calls)
