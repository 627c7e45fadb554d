"""Savers become tf.train.Checkpoint, with a CheckpointManager where steps or the latest checkpoint are asked for."""

from __future__ import annotations

import ast

from ..edits import Part
from ..graph.frames import Frame, GraphState, Use
from ..graph.values import Cell, GraphValue, Known, Optimizer, Saver, Variable
from ..names import Names
from ..plan import objects
from ..plan.models import Member
from . import saved_paths, text
from .classes import members
from .context import Context

STATE = frozenset({"train.latest_checkpoint", "train.get_checkpoint_state"})


def rewrite(context: Context) -> None:
    """Rewrites every Saver and what is done with it."""
    savers = [value for value in context.run.values if isinstance(value, Saver)]
    uses = [use for use in context.run.uses if isinstance(use.owner, Saver)]
    if len({saver.graph for saver in savers}) > 1:
        node = savers[0].node or ast.Pass()
        raise context.stop("checkpoints of two graphs", node, savers[0].chain[-1].frame.module.path)
    managed = any(_asks_for_state(names) for names in context.names.values())
    for saver in savers:
        mine = [use for use in uses if use.owner is saver]
        _saver(context, saver, mine, managed)


def _asks_for_state(names: Names) -> bool:
    return any(use.name in STATE for use in names.uses)


def _saver(context: Context, saver: Saver, uses: list[Use], managed: bool) -> None:
    node = saver.node
    assert isinstance(node, ast.Call)
    statement = saver.chain[-1]
    path = statement.frame.module.path
    context.owned.add(node.func)
    if context.units.unit(saver) is None or statement.frame not in context.units.frames:
        raise context.stop("a Saver made in a function", node, path)
    if not uses:
        context.moves_of(statement).dropped.add(statement.node)
        return
    entries = checkpoint_entries(
        context, saver.graph, saver.variables, saver.explicit, members.home(statement.frame), node, path, saver
    )
    own = next((name for name, value in statement.writes.items() if value is saver), None)
    if own is None:
        raise context.stop("a Saver that no name is bound to", node, path)
    name = _checkpoint_name(context, saver, own)
    tf = context.tf(path)
    keys = [key.rpartition(".")[2] for key, _ in entries]
    if len(set(keys)) != len(keys):
        raise context.stop("a Saver over variables that several objects call alike", node, path)
    arguments = [f"{key}={value}" for key, (_, value) in zip(keys, entries, strict=True)]
    checkpoint = _wrapped(f"{tf}.train.Checkpoint(", arguments, text.column(context.modules[path], statement.node))
    edits = context.edits[path]
    if name != own and isinstance(statement.node, ast.Assign):
        edits.replace(statement.node.targets[0], name)
    edits.replace(node, checkpoint)
    numbered = [use for use in uses if "global_step" in use.arguments and not _is_none(use, "global_step")]
    saves = [use for use in uses if use.method == "save"]
    if not numbered and not managed:
        for use in uses:
            method = "write" if use.method == "save" else "read"
            _call(context, use, f"{_seen_from(context, use, name)}.{method}(", [use.arguments["save_path"]])
        return
    if saves and len(numbered) != len(saves):
        raise context.stop("checkpoints found again by their state that are saved without a step", node, path)
    keep = saver.keywords.get("max_to_keep")
    for use in uses:
        if use.method == "restore":
            _call(context, use, f"{_seen_from(context, use, name)}.restore(", [use.arguments["save_path"]])
        else:
            _manager(context, use, _seen_from(context, use, name), tf, keep)


def _wrapped(head: str, arguments: list[str], indent: str) -> str:
    """A call, its arguments on lines of their own where it is long."""
    if len(head) + sum(len(one) + 2 for one in arguments) + len(indent) <= WIDTH:
        return f"{head}{', '.join(arguments)})"
    lines, inner = [""], f"{indent}    "
    for one in arguments:
        if len(inner) + len(lines[-1]) + len(one) + 2 > WIDTH:
            lines.append("")
        lines[-1] += f" {one}," if lines[-1] else f"{one},"
    return f"{head}\n" + "\n".join(inner + line for line in lines).removesuffix(",") + ")"


WIDTH = 110


def _checkpoint_name(context: Context, saver: Saver, own: str) -> str:
    """What the checkpoint is called: `saver` would say what it no longer is."""
    frame = saver.chain[-1].frame
    if own == "saver":
        return own if "checkpoint" in context.taken else context.fresh("checkpoint")
    owner = objects.owner(frame)
    if own == "self.saver" and owner is not None and "self.checkpoint" not in owner.frame.bindings:
        return members.new_attribute(context, owner, "checkpoint", set(), saver)
    return own


def _seen_from(context: Context, use: Use, name: str) -> str:
    """The checkpoint's name where it is used: an attribute is read of the same object as the saver was."""
    function = use.node.func
    if not name.startswith("self.") or not isinstance(function, ast.Attribute):
        return name
    held = function.value
    if not isinstance(held, ast.Attribute):
        raise context.stop("a Saver that an object and a name hold", use.node, use.chain[-1].frame.module.path)
    return f"{context.edits_of(use.chain[-1]).render(held.value)}.{name.removeprefix('self.')}"


def _is_none(use: Use, key: str) -> bool:
    value = use.values.get(key)
    return isinstance(value, Known) and value.value is None


def _call(context: Context, use: Use, head: str, arguments: list[Part]) -> None:
    statement = use.chain[-1]
    context.edits_of(statement).replace(use.node, head, *arguments, ")")


def _manager(context: Context, use: Use, name: str, tf: str, keep: ast.expr | None) -> None:
    """`CheckpointManager(checkpoint, directory, max_to_keep, name).save(checkpoint_number=step)`, where save was."""
    statement = use.chain[-1]
    path = statement.frame.module.path
    directory, prefix = saved_paths.split(context, use.arguments["save_path"], path)
    step = use.arguments["global_step"]
    value = use.values.get("global_step")
    number: list[Part] = [step]
    if isinstance(value, Variable) and value in context.steps:
        number = [context.steps[value]]
    parts: list[Part] = [f"{tf}.train.CheckpointManager({name}, ", *directory, ", max_to_keep="]
    parts.extend([keep] if keep is not None else ["5"])
    parts.extend([", checkpoint_name=", *prefix, ").save(checkpoint_number=", *number, ")"])
    context.edits_of(statement).replace(use.node, *parts)


def checkpoint_entries(
    context: Context,
    graph: GraphState | None,
    variables: list[Variable],
    explicit: bool,
    frame: Frame,
    node: ast.AST,
    path: str,
    made: GraphValue | None = None,
) -> list[tuple[str, str]]:
    """What a checkpoint holds: variables or their containers by name, and the graph's optimizers that were there by `made`."""
    entries: list[tuple[str, str]] = []
    left = [variable for variable in variables if variable not in context.steps]
    if explicit and any(variable in context.steps for variable in variables):
        raise context.stop("a Saver over chosen variables with a global step among them", node, path)
    while left:
        variable = left[0]
        average = _average(context, variable, frame)
        if average is not None:
            entries.append(average)
            context.saved[variable.name] = average[0]
            left = left[1:]
            continue
        found = context.owner(variable, frame)
        if found is None:
            raise context.unreached(f"the saved variable {variable.name}", node, frame)
        name, members = found
        if any(isinstance(one, Variable) and one not in variables for one in members):
            raise context.stop("a Saver over some of the variables that a list or dict holds", node, path)
        entries.append((name, name))
        if any(isinstance(one, Variable) and _in_a_list(context, one) for one in members):
            owners = {context.models.owner(one) for one in members if isinstance(one, Variable)}
            if any(made in owners or made.root in owners for made, _, _ in context.unbuilt):
                raise context.stop("a checkpoint of layers in a list that have no variables yet", node, path)
            entries.append((f"{name}_variables", f"{name}.variables"))
        for one in members:
            if isinstance(one, Variable):
                context.saved[one.name] = f"{name}/{_within(context, one)}"
        left = [one for one in left if one not in members]
    if not explicit:
        for optimizer, name in context.optimizers.items():
            before = made is None or context.run.values.index(optimizer) < context.run.values.index(made)
            if before and optimizer.graph is graph:
                entries.append((name, _of_another(context, optimizer, name, frame)))
                context.saved[f"the optimizer {optimizer.name}"] = name
    return entries


def _average(context: Context, variable: Variable, frame: Frame) -> tuple[str, str] | None:
    """The entry of a moving average: the name of the variable that it is of says which it is."""
    reached = context.reach(variable, frame) if variable.average is not None else None
    name = context.reach(variable.average[1], frame) if variable.average is not None else None
    if reached is None or name is None or not name.removeprefix("self.").isidentifier():
        return None
    return f"{name}_average", reached


def _of_another(context: Context, optimizer: Optimizer, name: str, frame: Frame) -> str:
    """The name of an optimizer as a frame reaches it, where another object has it."""
    one = objects.holder(context.run, context.steps, optimizer) if name.startswith("self.") else None
    if one is None or one is objects.owner(frame):
        return name
    prefix = objects.reach(frame, one)
    return f"{prefix}{name.removeprefix('self')}" if prefix is not None else name


def _in_a_list(context: Context, variable: Variable) -> bool:
    """Whether a list holds a variable's layer, or its cell: `tf.train.Checkpoint` does not look into the lists of Keras."""
    made = context.models.owner(variable)
    if made is None or made.bare:
        return False
    member: Member = variable if variable.layer is None else variable.layer
    if variable.layer is not None and any(_stacked(cell) for cell in variable.layer.cells):
        return True
    while made is not None:
        if made.place(member):
            return True
        member, made = made, made.holder
    return False


def _stacked(cell: Cell) -> bool:
    return cell.kind == "MultiRNNCell" or any(_stacked(one) for one in cell.inner)


def _within(context: Context, variable: Variable) -> str:
    """Where a checkpoint has a variable below the name of what holds it: by attributes of the model, which are the class's."""
    made = context.models.owner(variable)
    return context.classes.get(made.model, "") if made is not None and made.model is not None else ""
