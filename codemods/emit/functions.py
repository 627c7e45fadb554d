"""The text of a new tf.function: its signature, the slice, the tape, the update, what it returns."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ..edits import Edits
from ..graph.frames import Frame
from ..graph.ops import slots
from ..graph.values import (
    Assign,
    AverageOp,
    Counted,
    DataIterator,
    Dict,
    Gradients,
    GraphValue,
    Group,
    Known,
    Op,
    Optimizer,
    Placeholder,
    Schedule,
    Sequence,
    Summary,
    Tensor,
    TrainOp,
    Value,
    Variable,
    flatten,
)
from ..parse import Module
from ..plan import slices
from ..plan.executions import Fetched, FunctionPlan, Parameter, Shared, is_scalar
from ..plan.functions import before_a_call
from ..plan.reasons import Undecided
from ..plan.units import Unit, ancestors, summarizes, weight_summary
from . import averages, branches, iterators, metrics
from .classes import handed_on, member_layers, members
from .context import Context, quoted
from .estimating.metrics import update_line
from .keras_models.block_models import block_call
from .setup import NOISE, module_of
from .text import WIDTH, column, comments_above, reindent, snake, trailing_comment


@dataclass(frozen=True)
class Inner:
    """A tape within the tape: for which statement, what it watches, and the places of the statements that it sees."""

    at: Unit
    tape: str
    watched: list[str]
    places: range
    last: str  # the last statement under it, where the gradient's own statement computes what is differentiated


class Writer:
    """Writes one function."""

    def __init__(self, context: Context, function: FunctionPlan) -> None:
        self.context = context
        self.function = function
        self.path = function.frame.module.path
        self.module: Module = function.frame.module
        self.tab = context.indent(self.path)
        self.tf = context.tf(self.path)
        self.method = function.frame.instance is not None
        self.names = members.names(context, function) if self.method else {}
        self.given = handed_on.names(context, function, set(self.names.values()))
        self.overlay = self._overlay()
        if self.method:
            members.rename(context, function, self.names, self.overlay)
        member_layers.calls(context, function, self.overlay)
        self.used = {name for unit in function.units for part in unit.parts for name in part.writes}
        self.used |= {name for unit in function.units for part in unit.parts for _, name in part.reads}
        self.used |= {parameter.name for parameter in function.parameters} | set(self.names.values())
        self.used |= set(self.given.values())
        self.tape = self._free("tape")
        self.bound: dict[Fetched, str] = {}
        self.losses: dict[TrainOp, str] = {}
        self.inner: dict[Gradients, tuple[str, str]] = {}  # the tapes within the tape, and what they differentiate
        self.summaries = ""

    def _free(self, name: str) -> str:
        candidate, count = name, 2
        while candidate in self.used:
            candidate, count = f"{name}_{count}", count + 1
        self.used.add(candidate)
        return candidate

    def _overlay(self) -> Edits:
        """The module's edits, and what differs within this function: constants for bool placeholders, parameters."""
        overlay = Edits(self.module, self.context.edits[self.path])
        function = self.function
        parameters = {
            parameter.value: parameter.name for parameter in function.parameters if parameter.value is not None
        }
        own = {parameter.value: parameter.kind for parameter in function.parameters}
        for node, values in self.context.run.meanings.items():
            if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) or not values:
                continue
            value = values[0]
            if not isinstance(value, GraphValue) or module_of(self.context, node) != self.path:
                continue
            counted = metrics.result(self.context, value)
            if counted is not None and len(values) == 1:
                if getattr(node, "ctx", None) is None or isinstance(node.ctx, ast.Load):  # type: ignore[union-attr]
                    overlay.replace(node, counted)
                continue
            if isinstance(value, Schedule):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not self._is_rate(node):
                    overlay.replace(node, self.context.schedule_value(value, node.id, node, self.path))
            elif value in self.given and len(values) == 1 and self._is_read(node):
                overlay.replace(node, self.given[value])
            elif value in function.constants and len(values) == 1:
                overlay.replace(node, str(function.constants[value]))
            elif value in parameters and len(values) == 1:
                if isinstance(node, ast.Name):
                    continue
                if own[value] == "placeholder" and isinstance(node, ast.Call):
                    continue
                overlay.replace(node, parameters[value])
        branches.fold(self.context, self.path, function.constants, overlay)
        for value in parameters:
            iterator = value.inputs[0] if own[value] == "element" and value.inputs else None
            made = self.context.iterators.get(iterator) if isinstance(iterator, DataIterator) else None
            call = iterator.node if isinstance(iterator, DataIterator) and iterator.stage is not None else None
            call = made.call if made is not None and made.call is not None else call
            if call is not None:
                overlay.replace(call, parameters[value])
        self._fold_mode(overlay)
        return overlay

    def _is_read(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)

    def _fold_mode(self, overlay: Edits) -> None:
        """In a model function's mode, what asks for the mode is known."""
        mode = self.function.frame.arguments.get("mode")
        if self.function.frame not in self.context.units.homes or not isinstance(mode, Known):
            return
        for node in ast.walk(self.function.frame.node):
            if isinstance(node, ast.Name) and node.id == "mode" and isinstance(node.ctx, ast.Load):
                around = self.context.parents.get(node)
                known = self._asked(around, node, mode) if isinstance(around, ast.Compare) else None
                if known is not None and around is not None:
                    overlay.replace(around, str(known))
                else:
                    overlay.replace(node, quoted(mode.value))

    def _asked(self, node: ast.Compare, name: ast.Name, mode: Known) -> bool | None:
        """The answer to `mode == …`."""
        other = node.comparators[0] if node.left is name else node.left
        values = self.context.run.meanings.get(other, [])
        asked = {value.value for value in values if isinstance(value, Known)}
        if len(node.ops) != 1 or len(asked) != 1 or not isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            return None
        return (asked == {mode.value}) is isinstance(node.ops[0], ast.Eq)

    def _is_rate(self, node: ast.Name) -> bool:
        """Whether a name stands for the learning rate that an optimizer is given."""
        return any(node is optimizer.arguments.get("learning_rate") for optimizer in self.context.optimizers)

    # -- the whole ------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The function's source at the indentation of the module, without blank lines around it."""
        function = self.function
        parameters = [parameter.name for parameter in function.parameters]
        names = ", ".join(["self", *parameters] if self.method else parameters)
        lines = [*([] if function.plain else self._decorator()), f"def {function.name}({names}):"]
        lines.extend(self.tab + line if line else "" for line in _spaced(self._body()))
        return "\n".join(lines) + "\n"

    def _body(self) -> list[str]:
        function = self.function
        lines: list[str] = []
        taped = set(function.taped)
        rest = [unit for unit in function.units if unit not in taped]
        asked = handed_on.calls(self.context, function, self.given)
        if function.trains or function.gradients:
            losses, inner = self._losses()
            block = asked + self._taped() + inner
            count = len(function.gradients) + sum(train.loss is not None for train in function.trains)
            persistent = "persistent=True" if count > 1 else ""
            watched = self._watched()
            lines.append(f"with {self.tf}.GradientTape({persistent}) as {self.tape}:")
            lines.extend(self.tab + line if line else "" for line in [*watched, *(block or ["pass"])])
        else:
            losses = {}
            lines.extend(asked)
            lines.extend(line for unit in function.taped for line in self._statement(unit))
        late = [unit for unit in rest if self._follows_update(unit)]
        for unit in rest:
            if unit not in late and not any(isinstance(value, TrainOp) for value in unit.made):
                lines.extend(self._statement(unit))
        lines.extend(self._summaries())
        if function.trains:
            lines.extend(self._before_updates())
        lines.extend(self._updates(losses))
        lines.extend(line for unit in late for line in self._statement(unit))
        lines.extend(self._metrics())
        lines.extend(self._return())
        return lines or ["pass"]

    def _follows_update(self, unit: Unit) -> bool:
        """Whether a unit assigns to what the same run trains (weight clipping) or keeps averages of it, where TF1 left the
        order open, or whether a control dependency lets it wait for the step."""
        trained = {variable for train in self.function.trains for variable in train.variables}
        assigned = [value for value in unit.made if isinstance(value, Assign) and value.variable in trained]
        moved = [one for one in unit.made if isinstance(one, AverageOp) and trained.intersection(one.variables)]
        behind = any(
            isinstance(one, Assign | AverageOp) and any(isinstance(value, TrainOp) for value in one.inputs)
            for one in unit.made
        )
        if (assigned or moved) and not behind:
            node, path = unit.node, unit.statement.frame.module.path
            what = "assignment" if assigned else "moving average"
            message = (
                f"this {what} and the training step of the same run raced in TensorFlow 1; it follows the step now"
            )
            self.context.note("racing-updates", "TFM402", message, node, path)
        return bool(assigned or moved or behind)

    # -- signature ------------------------------------------------------------------------------------------------------

    def _decorator(self) -> list[str]:
        specs = [self._spec(parameter) for parameter in self.function.parameters]
        if not specs or any(spec is None for spec, _ in specs):
            return [f"@{self.tf}.function"]
        plain = f"@{self.tf}.function(input_signature=[{', '.join(spec or '' for spec, _ in specs)}])"
        if len(specs) == 1 and len(plain) <= WIDTH and not specs[0][1]:
            return [plain]
        lines = [f"@{self.tf}.function(input_signature=["]
        lines.extend(f"{self.tab}{spec},{'  ' + comment if comment else ''}" for spec, comment in specs)
        return [*lines, "])"]

    def _spec(self, parameter: Parameter) -> tuple[str | None, str]:
        value = parameter.value
        if parameter.kind == "feature":
            return None, ""
        if parameter.kind == "step":
            return f"{self.tf}.TensorSpec([], {self.tf}.int64)", ""
        if isinstance(value, Placeholder):
            return self._placeholder_spec(value)
        if parameter.kind == "element" and isinstance(value, Tensor):
            return iterators.spec(self.context, self.function, value), ""
        if isinstance(value, Tensor):
            if value.dtype is None:
                raise self._stop("a tensor that is fed and whose dtype is not known", value.node)
            shape = "None" if value.shape is None else f"[{', '.join(map(str, value.shape))}]"
            return f"{self.tf}.TensorSpec({shape}, {self.tf}.{value.dtype})", ""
        return None, ""

    def _placeholder_spec(self, value: Placeholder) -> tuple[str, str]:
        shape, dtype = value.arguments.get("shape"), value.arguments.get("dtype")
        unit = self.context.units.unit(value)
        local = unit is not None and value.chain[-1].frame is not unit.statement.frame
        local = local or handed_on.is_foreign(self.function, value)
        if shape is None and value.op == "placeholder_with_default":
            shape_text = "[]" if isinstance(value.default, Known) else "None"
        elif shape is None:
            shape_text = "[]" if is_scalar(self.context.plan, value) and not value.sparse else "None"
        elif self.method:
            shape_text = members.shape(self.context, value, shape)
        elif local:
            if value.shape is None:
                raise self._stop("a placeholder made in a function, whose shape is not known", value.node)
            shape_text = f"[{', '.join(map(str, value.shape))}]"
        else:
            shape_text = self.context.edits[value.chain[-1].frame.module.path].render(shape)
        dtype_text = f"{self.tf}.{value.dtype}"
        if isinstance(dtype, (ast.Attribute, ast.Name)) and not local:
            dtype_text = self.context.edits[value.chain[-1].frame.module.path].render(dtype)
        name = value.arguments.get("name")
        named = ""
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isidentifier():
            named = f", name={quoted(name.value)}"
        comment = ""
        if unit is not None and not local and unit.node not in self.context.moves_of(unit.statement).trailing:
            comment = trailing_comment(unit.statement.frame.module, unit.node)
            self.context.moves_of(unit.statement).trailing.update([unit.node] if comment else [])
        if value.sparse:
            return f"{self.tf}.SparseTensorSpec({shape_text}, {dtype_text})", comment
        return f"{self.tf}.TensorSpec({shape_text}, {dtype_text}{named})", comment

    # -- statements -----------------------------------------------------------------------------------------------------

    def _statement(self, unit: Unit) -> list[str]:
        """One statement of the slice, with its comments."""
        for shared in self.function.shared:
            if unit in shared.closure:
                return self._shared(shared) if unit is shared.unit else []
        block = self.context.models.of_unit.get(unit)
        if block is not None:
            return block_call(self.context, block, self.overlay, self.function)
        if summarizes(unit):
            return []
        module = unit.statement.frame.module
        node = unit.node
        overlay = self.overlay if module is self.module else self.context.edits[module.path]
        lines = list(comments_above(module, node))
        if metrics.made_by(self.context, unit):
            self.context.moves_of(unit.statement).taken.add(node)
            return [*lines, *metrics.updates(self.context, self.function, unit, overlay)]
        moved = averages.moved(self.context, unit, overlay, self.function.frame)
        if moved is not None:
            self.context.moves_of(unit.statement).taken.add(node)
            return [*lines, *moved]
        before = self._before(unit)
        old = column(module, node)
        start = module.span(node)[0]
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            start = module.starts[min(one.lineno for one in decorators) - 1] + len(old)
        grouped = self._group(unit, overlay)
        if grouped is not None:
            self.context.moves_of(unit.statement).taken.add(node)
            return [*lines, *grouped]
        effects = self._effects(node)
        body = reindent(overlay.render_span(start, module.span(node)[1]), old, "").split("\n")
        if effects is not None:
            body = as_loop(effects, overlay, self.tab)
        comment = trailing_comment(module, node)
        self.context.moves_of(unit.statement).taken.add(node)
        if self.method and len(body) == 1 and _says_nothing(body[0]):
            return [*lines, *before]
        if comment and body:
            body[-1] += f"  {comment}"
        if isinstance(node, ast.FunctionDef):
            return ["", *lines, *before, *body, ""]
        return [*lines, *before, *body]

    def _effects(self, node: ast.stmt) -> ast.ListComp | None:
        """The comprehension of a statement that makes assignments and whose values nothing takes."""
        taken = any(self.returned(part) for part in self.function.returns)
        call = node.value if isinstance(node, ast.Assign) else None
        if taken or not isinstance(call, ast.ListComp) or len(call.generators) != 1 or call.generators[0].ifs:
            return None
        values = self.context.run.meanings.get(call, [])
        all_assign = [isinstance(one, Assign) for value in values if isinstance(value, Sequence) for one in value.items]
        return call if all_assign and all(all_assign) else None

    def _shared(self, shared: Shared) -> list[str]:
        """The call of the function that computes a slice for several."""
        names = ", ".join(parameter.name for parameter in shared.callee.parameters)
        name = self.names.get((self._frame_of(shared), shared.output), shared.output)
        return [f"{name} = {'self.' if self.method else ''}{shared.callee.name}({names})"]

    def _frame_of(self, shared: Shared) -> Frame:
        return self.function.frame if shared.output.startswith("self.") else shared.unit.statement.frame

    def _group(self, unit: Unit, overlay: Edits) -> list[str] | None:
        """What a tf.group statement runs, one statement each: names are there already, assignments are written out."""
        node = unit.node
        call = node.value if isinstance(node, (ast.Assign, ast.Expr)) else None
        values = self.context.run.meanings.get(call, []) if isinstance(call, ast.Call) else []
        if not isinstance(call, ast.Call) or not values or not all(isinstance(value, Group) for value in values):
            return None
        if not all(isinstance(one, (ast.Name, ast.Call)) for one in call.args):
            return None
        comment = trailing_comment(unit.statement.frame.module, node)
        return [
            *([comment] if comment else []),
            *(overlay.render(one) for one in call.args if isinstance(one, ast.Call)),
        ]

    def _before(self, unit: Unit) -> list[str]:
        """What compute_gradients and tf.gradients want before their statement; their calls become the tape's."""
        lines: list[str] = []
        for found in unit.made:
            if not isinstance(found, Gradients) or not isinstance(found.node, ast.Call):
                continue
            arguments: dict[str, ast.expr] = found.arguments
            tape, loss = self.inner.get(found, (self.tape, ""))
            loss = loss or self.overlay.render(arguments["loss" if found.pairs else "ys"])
            if found.pairs:
                variables = [one for one in found.variables if isinstance(one, Variable)]
                text = self._variable_list(variables, found.loss, arguments.get("var_list"), found.explicit, found.node)
                if not text.isidentifier():
                    name = self._free("trainable_variables")
                    lines.append(f"{name} = {text}")
                    text = name
                self.overlay.replace(found.node, f"list(zip({self.tape}.gradient({loss}, {text}), {text}))")
            else:
                wanted = self.overlay.render(arguments["xs"])
                weights = arguments.get("grad_ys")
                given = f", output_gradients={self.overlay.render(weights)}" if weights is not None else ""
                gradient = f"{tape}.gradient({loss}, {wanted}{given})"
                around = self.context.parents.get(found.node)
                first = isinstance(around, ast.Subscript) and ast.unparse(around.slice) == "0"
                if found.single and first and isinstance(around, ast.Subscript):
                    self.overlay.replace(around, gradient)
                else:
                    self.overlay.replace(found.node, f"[{gradient}]" if found.single else gradient)
        return lines

    def _watched(self) -> list[str]:
        """The parameters with regard to which gradients are taken."""
        found = [one for gradients in self.function.gradients for one in gradients.variables]
        lines = [f"{self.tape}.watch({self._parameters[one]})" for one in found if one in self._parameters]
        return list(dict.fromkeys(lines))

    @property
    def _parameters(self) -> dict[GraphValue | Value | None, str]:
        return {parameter.value: parameter.name for parameter in self.function.parameters}

    def _taped(self) -> list[str]:
        """The statements under the tape. Gradients that are differentiated themselves have a tape of their own."""
        inner = [self._inner(found) for found in self.function.nested]
        lines: list[str] = []
        for place, unit in enumerate(self.function.taped):
            held = next((one for one in inner if place in one.places), None)
            if held is None:
                own = next((one for one in inner if one.at is unit and not one.places), None)
                lines.extend(self._block(own, []) if own is not None else [])
                lines.extend(self._and_watched(unit))
                continue
            if place == held.places[0]:
                lines.extend(self._block(held, [self.function.taped[one] for one in held.places]))
        return lines

    def _block(self, inner: Inner, units: list[Unit]) -> list[str]:
        """A tape within the tape: what lies between a tensor and what is differentiated with regard to it."""
        body = [f"{inner.tape}.watch({name})" for name in inner.watched]
        body.extend(line for unit in units for line in self._and_watched(unit))
        body.extend([inner.last] if inner.last else [])
        head = f"with {self.tf}.GradientTape() as {inner.tape}:"
        return [head, *(self.tab + line if line else "" for line in body)]

    def _inner(self, found: Gradients) -> Inner:
        """What a tape within the tape must see of the function's statements."""
        own = self.context.units.unit(found)
        taped = self.function.taped
        if found.pairs or own is None or any(isinstance(one, Variable) for one in found.variables):
            raise self._stop("gradients of gradients", found.node)
        watched = [self._named(one, found) for one in found.variables]
        loss = found.loss
        between = [place for place, unit in enumerate(taped) if unit is not own and self._lies_between(unit, found)]
        places = range(min(between), max(between) + 1) if between else range(0)
        node: ast.expr = found.arguments["ys"]
        last, text = "", self.overlay.render(node)
        if isinstance(loss, GraphValue) and self.context.units.unit(loss) is own:
            name = self._free("output")
            last, text = f"{name} = {text}", name
        inside = [taped[place] for place in places]
        if own in inside or any(isinstance(value, Gradients | Assign) for unit in inside for value in unit.made):
            raise self._stop("gradients of gradients", found.node)
        if any(one in unit.made for unit in inside for one in found.variables):
            raise self._stop("gradients of gradients", found.node)
        tape = self._free("inner_tape")
        self.inner[found] = tape, text
        return Inner(own, tape, watched, places, last)

    def _lies_between(self, unit: Unit, found: Gradients) -> bool:
        """Whether a statement computes what is differentiated from what it is differentiated by."""
        if not isinstance(found.loss, GraphValue):
            return False
        wanted, given = ancestors([found.loss]), set(found.variables)
        return any(value in wanted - given and ancestors([value]) & given for value in unit.made)

    def _named(self, value: Value, found: Gradients) -> str:
        """The name of a tensor that is differentiated by."""
        if value in self._parameters:
            return self._parameters[value]
        for unit in self.function.units:
            name = next((name for name, bound in unit.statement.writes.items() if bound is value), None)
            if name is not None and not self.method:
                return name
        raise self._stop("a gradient with regard to a tensor that is computed", found.node)

    def _and_watched(self, unit: Unit) -> list[str]:
        """A statement; behind it, the tape is told of a tensor that it computes and that is differentiated by."""
        lines = self._statement(unit)
        for found in self.function.gradients:
            for one in found.variables:
                if one in unit.made and not isinstance(one, Variable):
                    lines = [*lines, f"{self.tape}.watch({self._named(one, found)})"]
        return lines

    # -- training -------------------------------------------------------------------------------------------------------

    def _losses(self) -> tuple[dict[TrainOp, str], list[str]]:
        """The expression of each loss; those that have no name get one, as the last statement under the tape."""
        names: dict[TrainOp, str] = {}
        lines: list[str] = []
        checks: list[str] = []
        for train in self.function.trains:
            if train.loss is None:
                continue
            node: ast.expr = train.arguments["loss"]
            text = self.overlay.render(node)
            if not text.isidentifier():
                name = self._free("loss")
                lines.append(f"{name} = {text}")
                text = name
            if train.checked:
                checks.append(f'{self.tf}.debugging.check_numerics({text}, "LossTensor is inf or nan")')
            names[train] = text
        self.losses = names
        return names, [*lines, *checks]

    def _variable_list(
        self, variables: list[Variable], loss: object, node: ast.expr | None, explicit: bool, where: ast.AST | None
    ) -> str:
        """The variables that are trained: those given, else those that the loss depends on."""
        if explicit and node is not None:
            text = self.overlay.render(node)
            return f"list({text})" if isinstance(node, ast.Call) and " + " not in text else text
        if isinstance(loss, GraphValue):
            reached = slots.reached(loss)
            variables = [variable for variable in variables if variable in reached]
        return self._reached(variables, where or ast.Pass())

    def _reached(self, variables: list[Variable], where: ast.AST) -> str:
        """The list of variables by the names that they have at the end, or had where the gradients were asked for."""
        frame = self.function.frame
        try:
            return self.context.variables(variables, frame, where, inside=True)
        except Undecided:
            at = max(unit.index for unit in self.function.units)
            text = self.context.variables(variables, frame, where, inside=True, at=at)
        for name in slices.names_in(ast.parse(text)):
            if any(one.index > at and before_a_call(self.function, one) for one in frame.history.get(name, [])):
                raise self._stop(f"`{name}`, which is bound again after the graph was built", where)
        return text

    def _updates(self, losses: dict[TrainOp, str]) -> list[str]:
        """Gradients first, for every train op; then the updates."""
        first: list[str] = []
        then: list[str] = []
        several = len(self.function.trains) > 1
        for train in self.function.trains:
            optimizer = train.optimizer
            assert optimizer is not None
            name = self._optimizer(optimizer)
            prefix = "_".join(word for word in snake(name).split("_") if word not in NOISE) if several else ""
            if train.loss is not None:
                gradients, text = self._gradients(train, losses[train], prefix, first)
                pairs = f"zip({gradients}, {text})"
            else:
                node: ast.expr = train.arguments["grads_and_vars"]
                pairs = self.overlay.render(node)
                if optimizer in self.context.dense:
                    each = f"({self.tf}.convert_to_tensor(gradient), variable)"
                    pairs = f"[{each} for gradient, variable in {pairs} if gradient is not None]"
            then.extend(self._rate(optimizer))
            then.append(f"{name}.apply_gradients({pairs})")
            step = train.global_step
            if isinstance(step, Variable) and step not in self.context.steps:
                reached = self.context.reach(step, self.function.frame)
                if reached is None:
                    raise self._stop("a global step that no name reaches", train.node)
                then.append(f"{reached}.assign_add(1)")
        return [*first, *then]

    def _gradients(self, train: TrainOp, loss: str, prefix: str, lines: list[str]) -> tuple[str, str]:
        arguments = train.arguments
        text = self._variable_list(train.variables, train.loss, arguments.get("var_list"), train.explicit, train.node)
        if not text.isidentifier():
            name = self._free(f"{prefix}_variables" if prefix else "trainable_variables")
            lines.append(f"{name} = {text}")
            text = name
        gradients = self._free(f"{prefix}_gradients" if prefix else "gradients")
        call = f"{self.tape}.gradient({loss}, {text})"
        if train.optimizer is not None and train.optimizer in self.context.dense:
            lines.append(f"{gradients} = [{self.tf}.convert_to_tensor(gradient) for gradient in {call}]")
        else:
            lines.append(f"{gradients} = {call}")
        return gradients, text

    def _rate(self, optimizer: Optimizer) -> list[str]:
        node = self.context.rates.get(optimizer)
        if node is None:
            return []
        rate = self.overlay.render(node)
        if any(isinstance(one, Tensor) and one.shape is None for one in self.context.run.meanings.get(node, ())):
            rate = f"{self.tf}.reshape({rate}, [])"  # Keras asks for the rank, which TF1 looked at when it ran
        return [f"{self._optimizer(optimizer)}.learning_rate.assign({rate})"]

    def _optimizer(self, optimizer: Optimizer) -> str:
        return handed_on.spelt(self.context, self.function, self.context.optimizers[optimizer], optimizer)

    # -- summaries and results ------------------------------------------------------------------------------------------

    def _summaries(self) -> list[str]:
        use = None if self.function.plain else self.function.runs[0].summary
        wanted = [part.value for part in self.function.returns if isinstance(part.value, Summary)]
        recorded = None if self.function.plain else self.context.recordings.get(self.function.runs[0])
        if (use is None and recorded is None) or not wanted or not isinstance(wanted[0], Summary):
            return []
        members = wanted[0].members or [wanted[0]]
        self._check_summaries(members)
        if use is not None and not use.inside:
            entries = [f"{quoted(member.tag)}: {self._summary_data(member, True)}" for member in members]
            name = self._free("summaries")
            self.summaries = name
            return [f"{name} = {{{', '.join(entries)}}}"]
        lines = [recorded] if recorded is not None else []
        if use is not None:
            func = use.use.node.func
            writer = self.context.edits[self.path].render(func.value) if isinstance(func, ast.Attribute) else ""
            lines = [f"with {writer}.as_default(step=step):"]
        for member in members:
            unit = None if self._weight(member) else self.context.units.unit(member)
            comments = comments_above(unit.statement.frame.module, unit.node) if unit is not None else []
            if unit is not None:
                self.context.moves_of(unit.statement).taken.add(unit.node)
                trailing = trailing_comment(unit.statement.frame.module, unit.node)
                comments = [*comments, *([trailing] if trailing else [])]
            lines.extend(self.tab + comment for comment in comments)
            lines.append(
                f"{self.tab}{self.tf}.summary.{member.kind}({quoted(member.tag)}, {self._summary_data(member, False)})"
            )
        return lines

    def _check_summaries(self, members: list[Summary]) -> None:
        """A name that a summary reads must still mean the same at the function's end."""
        for member in members:
            if self._weight(member):
                continue
            unit = self.context.units.unit(member)
            if unit is None or unit.statement.frame is not member.chain[-1].frame:
                raise self._stop("a summary made in a function", member.node)
            reads = {name for part in unit.parts for _, name in part.reads}
            for other in self.function.units:
                if other.index > unit.index and reads & {name for part in other.parts for name in part.writes}:
                    raise self._stop("a summary of a name that means something else later", member.node)

    def _weight(self, member: Summary) -> str:
        """How a model's weight is reached that a summary within the model's function shows; "" if it shows anything else."""
        variable = weight_summary(self.context.units, member)
        if variable is None or self.context.models.owner(variable) is None:
            return ""
        return self.context.reach(variable, self.function.frame) or ""

    def _summary_data(self, member: Summary, apart: bool) -> str:
        arguments: dict[str, ast.expr] = member.arguments
        node = arguments.get("tensor") or arguments.get("values")
        if node is None:
            raise self._stop("a summary without a value", member.node)
        text = self._weight(member) or self.overlay.render(node)
        if apart:
            values = self.context.run.meanings.get(node, [])
            return f"{self.tf}.identity({text})" if any(isinstance(value, Variable) for value in values) else text
        values = self.context.run.meanings.get(node, [])
        if member.kind == "scalar" and any(_unknown_rank(value) for value in values):
            text = f"{self.tf}.reshape({text}, [])"
        extra = [
            f"{key}={self.overlay.render(arguments[key])}"
            for key in ("max_outputs", "sample_rate", "description")
            if key in arguments
        ]
        return ", ".join([text, *extra])

    def _before_updates(self) -> list[str]:
        """Fetched expressions are computed before the variables change; variables themselves are read after."""
        lines = []
        for part in self.function.returns:
            simple = part.node is None or self.overlay.render(part.node).isidentifier()
            if (
                not self.returned(part)
                or isinstance(part.value, Counted | Variable | TrainOp)
                or (simple and not isinstance(part.value, Schedule))
            ):
                continue
            name = self._free("value")
            lines.append(f"{name} = {self.fetched(part)}")
            self.bound[part] = name
        return lines

    def _metrics(self) -> list[str]:
        """The updates of an evaluation's metrics."""
        if self.function.plain:
            return []
        used = self.function.runs[0].metrics
        return [
            update_line(self.context, one, [self.overlay.render(node) for node, _ in one.inputs], self.tf)
            for one in used
        ]

    def _return(self) -> list[str]:
        if self.function.plain and self.function.returns:
            return [f"return {', '.join(self.fetched(part) for part in self.function.returns)}"]
        if self.function.plain:
            unit, output = self.function.units[-1], self.function.output
            frame = self.function.frame if output.startswith("self.") else unit.statement.frame
            return [f"return {self.names.get((frame, output), output)}"]
        returned = [part for part in self.function.returns if self.returned(part)]
        if not returned:
            return []
        whole = self.function.runs[0].execution.fetch_node
        if self.function.mode == "predict" and isinstance(whole, ast.Name):
            return [f"return {whole.id}"]
        fetches = self.function.runs[0].fetches
        if isinstance(fetches, Sequence) and self._whole(fetches, (), returned) is None:
            entries = [
                self._structure(item, (index,), returned)
                for index, item in enumerate(fetches.items)
                if any(part.place[0] == index for part in returned)
            ]
            nested = any(len(part.place) > 1 for part in returned)
            if len(entries) > 1 and nested and fetches.kind == "list":
                return [f"return [{', '.join(entries)}]"]
            return [f"return {', '.join(entries)}"]
        return [f"return {self._structure(fetches, (), returned)}"]

    def _structure(self, value: Value, place: tuple[int | str, ...], returned: list[Fetched]) -> str:
        """A fetch, or the list or dict of fetches that stands at one place, as the function hands it back."""
        for part in returned:
            if part.place == place:
                return self.fetched(part)
        name = self._whole(value, place, returned)
        if name is not None:
            return name
        if isinstance(value, Sequence):
            entries = [self._structure(item, (*place, index), returned) for index, item in enumerate(value.items)]
            comma = "," if len(entries) == 1 and value.kind == "tuple" else ""
            return f"[{', '.join(entries)}]" if value.kind == "list" else f"({', '.join(entries)}{comma})"
        if isinstance(value, Dict):
            names = [key.value for key in value.keys if isinstance(key, Known)]
            pairs = zip(names, value.values, strict=True)
            return (
                "{"
                + ", ".join(
                    f"{quoted(name)}: {self._structure(item, (*place, name), returned)}" for name, item in pairs
                )
                + "}"
            )
        raise self._stop("a train op within a nested list of fetches", self.function.runs[0].execution.node)

    def _whole(self, value: Value, place: tuple[int | str, ...], returned: list[Fetched]) -> str | None:
        """The name of a list of tensors that is fetched as a whole."""
        node: ast.expr | None = self.function.runs[0].execution.fetch_node
        for index in place:
            if not isinstance(node, (ast.List, ast.Tuple)) or not isinstance(index, int):
                return None
            node = node.elts[index]
        parts = [part for part in returned if part.place[: len(place)] == place]
        whole = isinstance(node, ast.Name) and len(parts) == len(list(flatten(value)))
        if not isinstance(node, ast.Name) or not whole:
            return None
        return node.id if all((part.text or "").startswith(f"{node.id}[") for part in parts) else None

    def returned(self, part: Fetched) -> bool:
        """Whether the function hands a fetch back: a train op's None is dropped, and summaries that are written inside."""
        return is_returned(self.function, part)

    def fetched(self, part: Fetched) -> str:
        """The expression of a fetch at the function's end."""
        if part in self.bound:
            return self.bound[part]
        if part.value in self.given:
            return self.given[part.value]
        counted = metrics.result(self.context, part.value)
        if counted is not None:
            return counted
        if isinstance(part.value, TrainOp):
            return self.losses[part.value]
        if isinstance(part.value, Summary):
            return self.summaries
        if isinstance(part.value, Variable) and part.value in self.context.steps:
            return handed_on.spelt(self.context, self.function, self.context.steps[part.value], part.value)
        if part.node is not None:
            return self.overlay.render(part.node)
        held = re.match(r"(self\.)?\w+", part.text or "")
        for (_, key), name in self.names.items():
            if held is not None and held[0] == key:
                return name + (part.text or "")[held.end() :]
        return part.text or ""

    def _stop(self, message: str, node: ast.AST | None) -> Exception:
        return self.context.stop(message, node or ast.Pass(lineno=1, col_offset=0), self.path)


def _spaced(lines: list[str]) -> list[str]:
    """Lines with one blank line around a function within them, but for where a block begins or ends."""
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1] and not found[-1].endswith(":")):
            found.append(line)
    while found and not found[-1]:
        found.pop()
    return found


def _says_nothing(line: str) -> bool:
    """Whether a statement only gives a name its own value: two names became one."""
    left, _, right = line.partition(" = ")
    return left.isidentifier() and left == right


def _unknown_rank(value: Value) -> bool:
    """Whether a tensor's rank follows from nothing but what is fed: TF2 wants a scalar summary's to be known."""
    fed = [root for root in value.roots if isinstance(root, Placeholder)] if isinstance(value, GraphValue) else []
    return isinstance(value, Tensor) and value.shape is None and any(root.shape is None for root in fed)


def as_loop(node: ast.ListComp, edits: Edits, tab: str) -> list[str]:
    """A comprehension that runs for its effects, as the loop that it is."""
    generator = node.generators[0]
    head = f"for {edits.render(generator.target)} in {edits.render(generator.iter)}:"
    return [head, tab + edits.render(node.elt)]


def is_returned(function: FunctionPlan, part: Fetched) -> bool:
    if part.thrown_away or part.at is not None:
        return False
    if isinstance(part.value, Summary):
        summary = function.runs[0].summary
        return summary is not None and not summary.inside
    if isinstance(part.value, TrainOp) and part.value.gives_loss:
        return True
    return not (isinstance(part.value, Op) and not isinstance(part.value, Assign))
