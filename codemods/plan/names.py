"""The names of the new functions: `train_step`, `compute_loss`, and none that the module already uses."""

from __future__ import annotations

import ast
import re

from ..graph.frames import Frame
from ..graph.instances import line
from ..graph.values import Assign, AverageOp, Counted, Dataset, Group, LoadedTensor, Op, Variable
from .estimators import STEPS
from .executions import Fetched, FunctionPlan, Plan, effects, target_at

NOISE = frozenset(
    {
        "train",
        "trainer",
        "training",
        "op",
        "ops",
        "step",
        "optimizer",
        "optim",
        "opt",
        "solver",
        "minimize",
        "update",
        "run",
    }
)


def name_functions(plan: Plan) -> None:
    """Names every function of a plan."""
    shared = _taken(plan)
    members: dict[Frame, set[str]] = {}
    for function in [*plan.functions, *plan.loaded]:
        taken = (
            shared if function.frame.instance is None else members.setdefault(function.frame, _members(plan, function))
        )
        beside = [one for one in plan.functions if (one.frame is function.frame) or function.frame.instance is None]
        steps = {train for one in beside for train in one.trains}
        if function.mode and not function.plain:
            wanted = STEPS[function.mode]
        elif function.plain and any(isinstance(part.value, Dataset) for part in function.returns):
            wanted = "make_dataset"
        elif function.plain and isinstance(function.key, tuple) and function.key[0] == "pipeline":
            wanted = "parse_example"
        elif function.plain and not function.returns:
            output = function.output.removeprefix("self.")
            wanted = "forward" if sum(one.plain and not one.returns for one in beside) == 1 else f"forward_{output}"
        else:
            wanted = _train_name(function, len(steps)) if function.trains else _compute_name(function)
        name, count = wanted, 2
        if name in taken and function.trains:
            name = _with(function, wanted)
        while name in taken or (function.holder and name in _attributes(plan)):
            name, count = f"{wanted}_{count}", count + 1
        taken.add(name)
        function.name = name


def _taken(plan: Plan) -> set[str]:
    """The names of the program, without those that only what moves into functions, or goes, binds."""
    going = [
        {id(one) for part in unit.parts for one in ast.walk(part.node)}
        for unit in plan.units.ordered
        if unit.kind in {"graph", "placeholder", "session"} and not isinstance(unit.node, (ast.FunctionDef, ast.With))
    ]
    gone = {number for numbers in going for number in numbers}
    return {
        node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else getattr(node, "name", "")
        for module in plan.units.run.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.arg, ast.FunctionDef, ast.ClassDef))
        or (isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in gone)
    }


def _members(plan: Plan, function: FunctionPlan) -> set[str]:
    """The names of an object's methods, and of the attributes that it keeps."""
    one = function.frame.instance
    assert one is not None
    going = {
        name
        for unit in plan.units.ordered
        if unit.kind in {"graph", "placeholder", "session"}
        for part in unit.parts
        for name in part.writes
    }
    methods = {name for cls in line(one.cls) for name in cls.attributes}
    return methods | {name.removeprefix("self.") for name in one.frame.bindings if name not in going}


def _attributes(plan: Plan) -> set[str]:
    """The names of the program's attributes."""
    trees = [module.tree for module in plan.units.run.modules.values()]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _words(text: str) -> list[str]:
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower().split("_")
    return [part for part in parts if part]


def _train_name(function: FunctionPlan, steps: int) -> str:
    if steps == 1 or len(function.trains) > 1:
        return "train_step"
    text = next((_text(part) for part in function.returns if function.trains[0] in effects(part.value)), "")
    words = [word for word in _words(text) if word not in NOISE]
    return "_".join([*words, "train_step"])


def _with(function: FunctionPlan, wanted: str) -> str:
    rest = [_text(part) for part in function.returns if not isinstance(part.value, Op)]
    return f"{wanted}_with_{'_and_'.join(rest[:3])}" if rest and all(text.isidentifier() for text in rest) else wanted


def _text(part: Fetched) -> str:
    """The name that a fetch is known by, or ""."""
    if part.node is None:
        found = re.match(r"(?:self\.)?(\w+)", part.text or "")
        return found[1] if found else ""
    if isinstance(part.node, ast.Name):
        return part.node.id
    if isinstance(part.node, ast.Attribute):
        return part.node.attr
    if isinstance(part.node, ast.Constant) and isinstance(part.node.value, str):
        name = part.node.value.rpartition("/")[2].partition(":")[0]  # "scope/name:0" of a loaded graph
        return name if name.isidentifier() else ""
    if isinstance(part.node, ast.Subscript) and isinstance(part.node.slice, ast.Constant):
        return re.sub(r"\W+", "_", str(part.node.slice.value)) if isinstance(part.node.slice.value, str) else ""
    return ""


def _compute_name(function: FunctionPlan) -> str:
    first = function.returns[0]
    if isinstance(first.value, LoadedTensor) and first.value.signature is not None:
        key = first.value.signature.steps[0].strip("\"'")
        literal = first.value.signature.steps[0][:1] in "\"'"
        return key if literal and key.isidentifier() else "infer"
    if isinstance(first.value, LoadedTensor) and first.value.operation:
        return "_".join(["run", *_words(_text(first) or "operation")])
    values = [part for part in function.returns if not isinstance(part.value, Variable)]
    counted = {part.value.metric for part in values if isinstance(part.value, Counted) and part.value.updating}
    if counted and all(isinstance(part.value, Counted) for part in values):
        metric = next(iter(counted))
        return "update_metrics" if len(counted) > 1 or metric is None else f"update_{metric.name}"
    effects = [part for part in values if isinstance(part.value, (Assign, AverageOp, Group))]
    names = [_text(part) for part in values]
    if effects and len(effects) == len(values) and len(set(names)) == 1 and names[0]:
        name = "_".join(word for word in _words(names[0]) if word not in {"op", "ops"})
        assigned = effects[0].value.variable if isinstance(effects[0].value, Assign) else None
        if name == "update" and assigned is not None:
            name = "_".join(_words(assigned.name.rpartition("/")[2]))
        return name if "_" in name else f"update_{name}"
    if not all(names):
        execution = function.runs[0].execution
        target = target_at(execution.chain[-1].node, execution.node, ())
        inline = [_inline_name(part) for part in values if not _text(part)]
        names = [target] if target and len(values) == 1 else [name or _next(inline) for name in names]
    short = []
    for name in names:
        if name and name not in short:
            short.append("_".join(_words(name)) if name else name)
    if len(short) > 3:
        return "compute_values"
    return "compute_" + "_and_".join(short or ["value"])


def _inline_name(part: Fetched) -> str:
    node = part.node
    if isinstance(node, ast.Call):
        function = node.func
        return (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else "value"
        )
    return "value"


def _next(names: list[str]) -> str:
    return names.pop(0) if names else "value"
