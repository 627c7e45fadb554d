"""Optimizers: their slots follow the variables that they stand beside, their counts of steps come from what TF1 kept of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from . import slots
from .roles import Role, Tensor
from .targets import Target, TargetOptimizer
from .work import Mapped, Step, Work


def map_slots(work: Work) -> None:
    """Each slot of a variable goes to the slot of what the variable went to."""
    pending = work.of_kind("slot")
    if not work.targets.optimizers:
        for source, _ in pending:
            work.drop(source.name, "an optimizer's: the model comes without one")
        for source, _ in work.of_kind("beta-power"):
            work.drop(source.name, "an optimizer's: the model comes without one")
        return
    by_source = work.by_source()
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, role in pending:
        seen[role.variable, role.group].add(role.slot)
    beside: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in work.targets.variables:
        if target.optimizer and target.of:
            beside[target.of, target.optimizer].append(target)
    for source, role in pending:
        entries = by_source.get(role.variable)
        if not entries:
            work.reasons[source.name] = f"{role.variable}, whose slot it is, is not mapped"
            continue
        plans: list[tuple[Mapped, Target | None, slots.Form, TargetOptimizer]] = []
        for one in entries:
            found = _slot(work, source, role, one, beside, len(seen[role.variable, role.group]))
            if isinstance(found, str):
                work.reasons.setdefault(source.name, found)
                plans = []
                break
            plans.append((one, *found))
        for one, slot, form, optimizer in plans:
            if slot is None:
                work.drop(source.name, form.absent)
                continue
            transformation, details = slots.changed(form, one.transformation, one.details, optimizer.learning_rate)
            if work.fits(source, slot, transformation, details):
                work.put(source, slot, "slot", transformation, details)


def _slot(
    work: Work,
    source: Tensor,
    role: Role,
    one: Mapped,
    beside: Mapping[tuple[str, str], list[Target]],
    count: int,
) -> tuple[Target | None, slots.Form, TargetOptimizer] | str:
    """The variable that takes a slot of what `one` maps, or a sentence about why there is none."""
    holders = [optimizer for optimizer in work.targets.optimizers if beside.get((one.key, optimizer.key))]
    fitting = [(optimizer, slots.form(role, optimizer.kind, count)) for optimizer in holders]
    known = [(optimizer, form) for optimizer, form in fitting if form is not None]
    if not known:
        if not holders:
            everyone = [optimizer for optimizer in work.targets.optimizers if slots.form(role, optimizer.kind, count)]
            if not everyone:
                return "no optimizer of the new program is of its kind"
            absent = slots.form(role, everyone[0].kind, count)
            if absent is not None and absent.absent and absent.alone:
                return None, absent, everyone[0]
            return f"no optimizer of the new program keeps anything beside {one.path}"
        kinds = ", ".join(optimizer.kind or optimizer.name for optimizer in holders)
        return f"{kinds} has nothing that is known to take its place: a rule is needed"
    if len(known) > 1:
        return f"several optimizers keep it beside {one.path}: a rule is needed"
    optimizer, form = known[0]
    target = next((each for each in beside[one.key, optimizer.key] if each.slot == form.name), None)
    if target is None and not form.absent:
        return f"{optimizer.name} keeps no {form.name}"
    if form.negative_rate and optimizer.learning_rate is None:
        return (
            f"{optimizer.name} folds a learning rate into its {form.name} that changes by a schedule: a rule is needed"
        )
    work.scopes[optimizer.key].add(role.group.rpartition("/")[0])
    return target, form, optimizer


def find_steps(work: Work) -> list[Step]:
    """Where each optimizer's iteration comes from."""
    iterations = {one.optimizer: one for one in work.targets.variables if one.slot == "iteration" and one.optimizer}
    counted = [one.name for one, _ in work.of_kind("step")]
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for source, role in work.of_kind("beta-power"):
        groups[role.group][role.slot] = source.name
    adams = [one for one in work.targets.optimizers if one.betas]
    steps = []
    for optimizer in work.targets.optimizers:
        target = iterations.get(optimizer.key)
        if target is None or target.key not in work.free:
            continue
        powers = list(work.powers.get(target.path, []))
        if optimizer.betas and not powers:
            for scope in _groups_of(work, optimizer, groups):
                powers += [
                    (name, optimizer.betas[kind]) for kind, name in groups[scope].items() if kind in optimizer.betas
                ]
        step = work.counters.get(target.path) or (counted[0] if len(counted) == 1 else None)
        if not powers and step is None:
            work.notes.append(f"{target.path} starts at 0: nothing in the checkpoint counts the steps")
            continue
        scheduled = optimizer.learning_rate is None
        steps.append(Step(target.key, target.path, tuple(powers), step, scheduled))
        work.free.pop(target.key)
        for name, _ in powers:
            if name in work.sources:
                work.drop(name, f"tells {target.path}")
    used = {name for one in steps for name, _ in one.powers}
    for group in groups.values():
        for name in group.values():
            if name in work.sources and name not in used and not adams and work.targets.optimizers:
                work.reasons[name] = "no optimizer of the new program is of Adam's family"
    for name in {*counted, *work.counters.values()} & work.sources.keys():
        paths = ", ".join(one.path for one in steps if one.global_step == name)
        if paths:
            work.drop(name, f"tells {paths}")
        elif not work.targets.optimizers:
            work.drop(name, "an optimizer's iteration: the model comes without one")
    return steps


def _groups_of(work: Work, optimizer: TargetOptimizer, groups: Iterable[str]) -> list[str]:
    """The groups of powers that may be an optimizer's: by the scope of its slots, else all."""
    mine = [group for group in groups if group.rpartition("/")[0] in work.scopes[optimizer.key]]
    return mine or list(groups)
