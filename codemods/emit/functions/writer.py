"""One function that is being written: the names that it uses, what differs within it, and its statements."""

from __future__ import annotations

import ast

from ...edits import Edits
from ...graph.frames import Frame
from ...graph.ops import slots
from ...graph.values import (
    Assign,
    DataIterator,
    Gradients,
    GraphValue,
    Group,
    Known,
    Op,
    Schedule,
    Sequence,
    Summary,
    TrainOp,
    Value,
    Variable,
)
from ...parse import Module
from ...plan import slices
from ...plan.executions import Fetched, FunctionPlan, Shared
from ...plan.functions import before_a_call
from ...plan.reasons import Undecided
from ...plan.units import Unit, summarizes
from .. import averages, branches, metrics
from ..classes import handed_on, member_layers, members
from ..context import Context, quoted
from ..keras_models.block_models import block_call
from ..setup import module_of
from ..text import column, comments_above, reindent, trailing_comment


class Writer:
    """What is known of one function while it is written, and its statements."""

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
        self.tape = self.free("tape")
        self.bound: dict[Fetched, str] = {}
        self.losses: dict[TrainOp, str] = {}
        self.inner: dict[Gradients, tuple[str, str]] = {}  # the tapes within the tape, and what they differentiate
        self.summaries = ""

    def free(self, name: str) -> str:
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

    def statement(self, unit: Unit) -> list[str]:
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
                text = self.variable_list(variables, found.loss, arguments.get("var_list"), found.explicit, found.node)
                if not text.isidentifier():
                    name = self.free("trainable_variables")
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

    @property
    def parameters(self) -> dict[GraphValue | Value | None, str]:
        return {parameter.value: parameter.name for parameter in self.function.parameters}

    def variable_list(
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
                raise self.stop(f"`{name}`, which is bound again after the graph was built", where)
        return text

    def returned(self, part: Fetched) -> bool:
        """Whether the function hands a fetch back: a train op's None is dropped, and summaries that are written inside."""
        return is_returned(self.function, part)

    def stop(self, message: str, node: ast.AST | None) -> Exception:
        return self.context.stop(message, node or ast.Pass(lineno=1, col_offset=0), self.path)


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


def _says_nothing(line: str) -> bool:
    """Whether a statement only gives a name its own value: two names became one."""
    left, _, right = line.partition(" = ")
    return left.isidentifier() and left == right
