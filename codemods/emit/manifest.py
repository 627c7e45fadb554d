"""What the native level did, as the manifest says it: executions, variables and slots, from the plan that was carried out.

A TF1 name is given only where the source makes it certain; an empty one means that it takes a run of the old program to know.
The names are the graph's (`logits:0`), found by the graph stage; the places come from the plan and from the new text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from ..graph.values import Assign, GraphValue, Op, Placeholder, Tensor
from ..manifest import (
    Execution,
    Kind,
    NewPlace,
    Output,
    Parameter,
    Place,
    Program,
    SlotMap,
    VariableMap,
)
from ..plan.executions import Fetched, FunctionPlan, Run
from ..plan.executions import Parameter as Planned
from . import checkpoint_map
from .checkpoint_map import qualname
from .context import Context
from .functions import is_returned
from .manifest_values import Lines, bound_by, function_name, functions, made, tensor_name, values

# What a run that needs no function became: iterators are made anew where they were initialized.
KINDS: Mapping[str, Kind] = {
    "dropped": "dropped",
    "iterator": "evaluated",
    "drawn": "evaluated",
    "variable-read": "variable-read",
    "evaluated": "evaluated",
    "loaded": "evaluated",
}


def manifest_of(context: Context, texts: Mapping[str, str]) -> Program:
    """The manifest's entry for a program that went native. `texts` are the new sources of the modules that changed."""
    lines = {path: functions(ast.parse(text)) for path, text in texts.items()}
    return Program(
        files=tuple(sorted(context.modules.keys() - context.helpers)),
        level="native",
        executions=tuple(_execution(context, run, lines) for run in context.plan.runs),
        variables=checkpoint_map.variables(context),
        slots=checkpoint_map.slots(context),
    )


def together(files: Iterable[str], programs: Sequence[Program]) -> Program:
    """The entry of programs that share modules: what stands in a shared one is told once."""
    executions: dict[Place, Execution] = {}
    variables: list[VariableMap] = []
    slots: list[SlotMap] = []
    for program in programs:
        for execution in program.executions:
            executions.setdefault(execution.old, execution)
        variables.extend(one for one in program.variables if one not in variables)
        slots.extend(one for one in program.slots if one not in slots)
    return Program(tuple(sorted(files)), "native", tuple(executions.values()), tuple(variables), tuple(slots))


# -- executions ---------------------------------------------------------------------------------------------------------


def _execution(context: Context, run: Run, lines: Lines) -> Execution:
    statement = run.execution.chain[-1]
    path, node = statement.frame.module.path, run.execution.node
    old = Place(path, node.lineno, node.col_offset)
    function = run.function if run.kind == "function" else None
    names = _names(function, lines) if function is not None else {}
    outputs = _outputs(context, run, path, names)
    if run.kind != "function" or function is None:  # a function pruned out of a loaded graph is no tf.function
        kind = KINDS.get(run.kind, "evaluated")
        return Execution(
            kind, old, None if kind == "dropped" else NewPlace(path, qualname(statement.frame)), (), outputs
        )
    new = NewPlace(function.frame.module.path, function_name(function))
    parameters = (
        *(_parameter(context, run, one) for one in function.parameters),
        *(_constant(context, run, value, given) for value, given in function.constants.items()),
    )
    return Execution("function", old, new, parameters, outputs, values(context, function, lines))


def _parameter(context: Context, run: Run, parameter: Planned) -> Parameter:
    """A parameter of the new function: a placeholder or another fed tensor, an iterator's element, or a summary's step."""
    value = parameter.value
    if value is None:
        step = run.summary.step if run.summary is not None else None
        return Parameter(parameter.name, "", _text(context, run, step) if step is not None else "", "int64", ())
    tensor = value if isinstance(value, Tensor) else None
    return Parameter(
        parameter.name,
        tensor_name(value),
        _source(context, run, value),
        (tensor.dtype or "") if tensor is not None else "",
        tensor.shape if tensor is not None else None,
        default=None if value in run.feeds else _default(context, value),
    )


def _constant(context: Context, run: Run, value: GraphValue, given: bool) -> Parameter:
    """A bool placeholder that is only ever fed constants: it has no parameter any more, its value is in the function."""
    return Parameter("", tensor_name(value), _source(context, run, value), "bool", (), static=True, default=str(given))


def _default(context: Context, value: GraphValue) -> str | None:
    node = value.arguments.get("input") if isinstance(value, Placeholder) else None
    return context.modules[value.chain[-1].frame.module.path].text(node) if node is not None else None


def _source(context: Context, run: Run, value: GraphValue) -> str:
    """How the old source calls a fed tensor: the key of the feed, else the name that it was bound to, else its own call."""
    feed = run.feeds.get(value)
    if feed is not None and feed.key is not None:
        return _text(context, run, feed.key)
    for statement in reversed(value.chain):
        for name, bound in statement.writes.items():
            if bound is value:
                return name
    module = value.chain[-1].frame.module if value.chain else None
    return " ".join(module.text(value.node).split()) if module is not None and value.node is not None else ""


def _text(context: Context, run: Run, node: ast.AST) -> str:
    module = run.execution.chain[-1].frame.module
    return " ".join(module.text(node).split())


# -- outputs ------------------------------------------------------------------------------------------------------------


def _outputs(context: Context, run: Run, path: str, names: Mapping[GraphValue, str]) -> tuple[Output, ...]:
    """The fetches in the source's order. They are counted in the order of `tf.nest.flatten` over what is handed back."""
    function = run.function
    if run.execution.use is not None and run.execution.use.method == "evaluate":
        return ()  # TF1 fetched nothing but the updates of its metrics
    handed = [one for one in run.fetched if (is_returned(function, one) if function is not None else _has_value(one))]
    order = {id(one): place for place, one in enumerate(sorted(handed, key=lambda one: _sortable(one)))}
    return tuple(
        Output(
            _fetch(context, one, path),
            tensor_name(one.value),
            order.get(id(one)),
            names.get(one.value, ""),
        )
        for one in run.fetched
        if one not in run.added and one.at is None
    )


def _has_value(fetched: Fetched) -> bool:
    return isinstance(fetched.value, Assign) or not isinstance(fetched.value, Op)


def _sortable(fetched: Fetched) -> tuple[tuple[int, str], ...]:
    """A place as nest counts it: lists in order, dicts by their sorted keys."""
    return tuple((part, "") if isinstance(part, int) else (0, part) for part in fetched.place)


def _fetch(context: Context, fetched: Fetched, path: str) -> str:
    node = fetched.node or fetched.old
    text = context.modules[path].text(node) if node is not None else fetched.text or ""
    return " ".join(text.split())


def _names(function: FunctionPlan, lines: Lines) -> dict[GraphValue, str]:
    """The names that values have within the new function."""
    bound = {name for name, _ in bound_by(lines, NewPlace(function.frame.module.path, function_name(function)))}
    bindings = {value: name for _, name, value in made(function) if isinstance(value, GraphValue) and name in bound}
    return bindings | {one.value: one.name for one in function.parameters if one.value is not None}
