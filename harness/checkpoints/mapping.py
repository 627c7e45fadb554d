"""Which variable of the new program takes which value of a TF1 checkpoint, and how it changes on the way.

No value is read and nothing is guessed. What says where a variable goes is asked in this order: the user's rules, the
manifest, the known forms of recurrent cells, the names. Slots and averages then follow their variables. Whatever is left on
either side is a problem, given with its nearest candidates.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tf_modernize.codemods.manifest import Program, Transformation

from . import cells, names, slots
from .reading import Checkpoint, CheckpointError
from .roles import Role, Tensor
from .rules import Rules
from .targets import Target, TargetOptimizer, Targets
from .transformations import shape_after, shown

By = Literal["rule", "manifest", "cell", "name", "average", "slot"]
# What Keras has and TF1 has not, by the last part of the path.
KERAS_ALONE = frozenset({"iteration", "learning_rate", "seed_generator_state", "save_counter"})
_CANDIDATES = 3


@dataclass(frozen=True)
class Mapped:
    """One TF1 variable and a new one that it fills, or fills in part."""

    source: str
    key: str
    path: str
    transformation: Transformation
    details: Mapping[str, Any]
    by: By
    value: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Step:
    """Where an optimizer's number of steps comes from: Adam's powers (pairs of a name and its beta), and the global step.

    With several groups of powers nothing tells which is this optimizer's: they have to agree.
    """

    key: str
    path: str
    powers: tuple[tuple[str, float], ...]
    global_step: str | None
    scheduled: bool


@dataclass(frozen=True)
class Left:
    """A TF1 variable that goes nowhere, rightly: with the reason."""

    source: str
    reason: str


@dataclass(frozen=True)
class Unmapped:
    """A variable on either side that nothing could be said about: a problem."""

    side: Literal["tf1", "new"]
    name: str
    shape: tuple[int, ...]
    reason: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class VariableMapping:
    """The whole mapping. `kept` are the paths of new variables that keep their initial values, as they should."""

    mapped: tuple[Mapped, ...]
    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    kept: tuple[str, ...]
    unmapped: tuple[Unmapped, ...]
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.unmapped


@dataclass
class _Work:
    """What is still to be mapped. `reasons` says of a variable why it could not be."""

    checkpoint: Checkpoint
    targets: Targets
    rules: Rules
    sources: dict[str, Tensor]
    free: dict[str, Target]
    mapped: list[Mapped] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    powers: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    scopes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counters: dict[str, str] = field(default_factory=dict)

    def fits(self, source: Tensor, target: Target, transformation: str, details: Mapping[str, Any]) -> bool:
        """Whether shape and dtype are right; if not, the reason is kept for the report."""
        shape = shape_after(source.shape, transformation, details)
        dtype = details.get("dtype", source.dtype)
        if shape == target.shape and dtype == target.dtype:
            return True
        said = f"{target.path} would take it, but "
        if shape != target.shape:
            said += f"has the shape {shown(target.shape)}, not {shown(shape)}"
        else:
            said += f"is {target.dtype}, not {dtype}"
        self.reasons.setdefault(source.name, said)
        self.reasons.setdefault(target.key, f"{source.name} would fill it, but does not fit")
        return False

    def put(
        self,
        source: Tensor,
        target: Target,
        by: By,
        transformation: Transformation = "none",
        details: Mapping[str, Any] | None = None,
        value: Callable[[Any], Any] | None = None,
    ) -> None:
        details = details or {}
        others = [one for one in self.mapped if one.key == target.key]
        if any("into" not in details or one.details.get("into") in (None, details["into"]) for one in others):
            self.reasons[source.name] = f"{others[0].source} goes to {target.path} already"
            return
        self.mapped.append(Mapped(source.name, target.key, target.path, transformation, details, by, value))
        self.sources.pop(source.name, None)
        self.free.pop(target.key, None)

    def drop(self, source: str, reason: str) -> None:
        self.left.append(Left(source, reason))
        self.sources.pop(source, None)

    def of_kind(self, *kinds: str) -> list[tuple[Tensor, Role]]:
        roles = self.checkpoint.roles
        return [(one, roles[name]) for name, one in self.sources.items() if roles[name].kind in kinds]


def map_variables(
    checkpoint: Checkpoint,
    targets: Targets,
    manifest: Sequence[Program] = (),
    rules: Rules | None = None,
) -> VariableMapping:
    """Maps a TF1 checkpoint's variables to those of a new program."""
    if checkpoint.object_based:
        raise CheckpointError(
            f"{checkpoint.prefix} was written by objects, not by names (tf.train.Checkpoint, or save_weights of tf.keras): "
            "restore it with tf.train.Checkpoint or load_weights"
        )
    work = _Work(
        checkpoint, targets, rules or Rules(), dict(checkpoint.tensors), {one.key: one for one in targets.variables}
    )
    _by_rules(work)
    _by_manifest(work, _program(manifest, checkpoint))
    _cells(work)
    _by_names(work)
    _averages(work)
    _slots(work)
    steps = _steps(work)
    kept = _kept(work)
    unmapped = [*_unmapped_sources(work), *_unmapped_targets(work)]
    order = {name: number for number, name in enumerate(checkpoint.tensors)}
    return VariableMapping(
        tuple(sorted(work.mapped, key=lambda one: order[one.source])),
        tuple(steps),
        tuple(sorted(work.left, key=lambda one: order[one.source])),
        tuple(kept),
        tuple(unmapped),
        tuple(dict.fromkeys(work.notes)),
    )


# -- the user's rules ---------------------------------------------------------------------------------------------------


def _by_rules(work: _Work) -> None:
    for source in list(work.sources.values()):
        answer = work.rules.answer(source.name, source.shape)
        if answer is None:
            continue
        if answer.path is None:
            work.drop(source.name, "a rule leaves it behind")
            continue
        found = names.by_path(work.targets.variables, answer.path)
        if len(found) != 1:
            many = "several variables" if found else "no variable"
            raise CheckpointError(f"a rule sends {source.name} to {answer.path}, but the model has {many} of that path")
        if answer.value is not None or work.fits(source, found[0], answer.transformation, answer.details):
            work.put(source, found[0], "rule", answer.transformation, answer.details, answer.value)


# -- the manifest -------------------------------------------------------------------------------------------------------


def _program(manifest: Sequence[Program], checkpoint: Checkpoint) -> Program | None:
    """The program of a manifest that the checkpoint is of: that with the most of its variables."""
    counts = [sum(one.tf1_name in checkpoint.tensors for one in program.variables) for program in manifest]
    best = max(counts, default=0)
    return manifest[counts.index(best)] if best else None


def _by_manifest(work: _Work, program: Program | None) -> None:
    for one in program.variables if program else ():
        source = work.sources.get(one.tf1_name)
        if source is None:
            continue
        if one.path.endswith("/iteration"):
            work.counters[one.path] = one.tf1_name
            continue
        found = [target for target in names.by_path(work.targets.variables, one.path) if target.key in work.free]
        if len(found) == 1 and work.fits(source, found[0], one.transformation, one.details):
            work.put(source, found[0], "manifest", one.transformation, one.details)
    for slot in program.slots if program else ():
        source = work.sources.get(slot.tf1_name)
        if source is None:
            continue
        if slot.slot == "iteration":
            beta = slot.details.get("beta")
            if isinstance(beta, int | float):
                work.powers[slot.path].append((source.name, float(beta)))
                work.drop(source.name, f"tells {slot.path}")
            continue
        if not slot.path:
            work.drop(source.name, str(slot.details.get("note", "the manifest leaves it behind")))
            continue
        found = [target for target in names.by_path(work.targets.variables, slot.path) if target.key in work.free]
        # A rate that the source only computes is known by now: the slot's own rules below ask the optimizer for it.
        rate = slot.details.get("learning_rate", 0.0)
        if len(found) == 1 and isinstance(rate, int | float):
            if work.fits(source, found[0], slot.transformation, slot.details):
                work.put(source, found[0], "manifest", slot.transformation, slot.details)


# -- recurrent cells ----------------------------------------------------------------------------------------------------


def _cells(work: _Work) -> None:
    """Keras' own cells get their values by what these mean: a name that happens to be equal would mix up the gates."""
    variables = [one for one, _ in work.of_kind("variable")]
    named, wanted = {}, {}
    for scope in {
        "/".join(one.name.split("/")[:end]) for one in variables for end in range(1, one.name.count("/") + 1)
    }:
        said = work.rules.cell(scope)
        if said is not None:
            named[scope] = (said[0], 1.0 if said[0] == "lstm" else 0.0)
            if said[1] is not None:
                wanted[scope] = said[1]
    old = cells.cells(variables, named)
    new: dict[str, dict[str, Target]] = defaultdict(dict)
    for target in work.free.values():
        if target.cell is not None:
            new[target.cell.key][target.cell.part] = target
    for cell, chosen in names.pair_cells(old, list(new.values()), wanted):
        if isinstance(chosen, str):
            for name in cell.variables.values():
                work.reasons[name] = chosen
            continue
        _cell(work, cell, chosen)


def _cell(work: _Work, cell: cells.Cell, new: Mapping[str, Target]) -> None:
    given = {work.rules.forget_bias(name) for name in cell.variables.values()} - {None}
    bias = given.pop() if given else None
    if bias is not None:
        cell = cells.with_forget_bias(cell, bias)
    elif cell.forget_bias:
        work.notes.append(
            f"{cell.scope}: a checkpoint does not hold forget_bias, which is taken to be {cell.forget_bias:g}, TF1's default; if "
            f'the program gave another, a rule says so: {{"match": "{cell.scope}/.*", "forget_bias": …}}'
        )
    if cell.kind == "cudnn-gru":
        work.notes.append(
            f"{cell.scope}: Keras trains two more biases than TF1 did; outputs are equal, training goes on otherwise"
        )
    for leaf, name in cell.variables.items():
        source = work.checkpoint.tensors[name]
        for part in cells.parts(cell, leaf):
            target = new.get(part.part)
            if target is None:
                work.reasons[name] = f"the cell {next(iter(new.values())).path.rpartition('/')[0]} has no {part.part}"
            elif work.fits(source, target, part.transformation, part.details):
                work.put(source, target, "cell", part.transformation, part.details)


# -- names --------------------------------------------------------------------------------------------------------------


def _by_names(work: _Work) -> None:
    for match in names.STAGES:
        sources = [one for one, _ in work.of_kind("variable", "average", "slot", "step")]
        targets = [
            one for one in work.free.values() if not one.optimizer and (one.cell is None or match is names.keras_cells)
        ]
        for source, target in match(sources, targets):
            if work.fits(source, target, "none", {}):
                work.put(source, target, "name")


def _averages(work: _Work) -> None:
    """The shadow of a variable goes to the new variable's own average."""
    by_source = _by_source(work)
    for source, role in work.of_kind("average"):
        for one in by_source.get(role.variable, []):
            found = [
                target
                for target in work.targets.variables
                if (target.slot == "average" and target.of == one.key) or names.is_average_of(target.path, one.path)
            ]
            if len(found) == 1 and work.fits(source, found[0], one.transformation, one.details):
                work.put(source, found[0], "average", one.transformation, one.details)


def _by_source(work: _Work) -> dict[str, list[Mapped]]:
    found: dict[str, list[Mapped]] = defaultdict(list)
    for one in work.mapped:
        found[one.source].append(one)
    return found


# -- optimizers ---------------------------------------------------------------------------------------------------------


def _slots(work: _Work) -> None:
    pending = work.of_kind("slot")
    if not work.targets.optimizers:
        for source, _ in pending:
            work.drop(source.name, "an optimizer's: the model comes without one")
        for source, _ in work.of_kind("beta-power"):
            work.drop(source.name, "an optimizer's: the model comes without one")
        return
    by_source = _by_source(work)
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
        plans = []
        for one in entries:
            found = _slot(work, source, role, one, beside, len(seen[role.variable, role.group]))
            if isinstance(found, str):
                work.reasons.setdefault(source.name, found)
                plans = []
                break
            plans.append((one, *found))
        for one, target, form, optimizer in plans:
            if target is None:
                work.drop(source.name, form.absent)
                continue
            transformation, details = slots.changed(form, one.transformation, one.details, optimizer.learning_rate)
            if work.fits(source, target, transformation, details):
                work.put(source, target, "slot", transformation, details)


def _slot(
    work: _Work,
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


def _steps(work: _Work) -> list[Step]:
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


def _groups_of(work: _Work, optimizer: TargetOptimizer, groups: Iterable[str]) -> list[str]:
    """The groups of powers that may be an optimizer's: by the scope of its slots, else all."""
    mine = [group for group in groups if group.rpartition("/")[0] in work.scopes[optimizer.key]]
    return mine or list(groups)


# -- what is left -------------------------------------------------------------------------------------------------------


def _kept(work: _Work) -> list[str]:
    kept = []
    for key, target in list(work.free.items()):
        alone = target.path.rpartition("/")[2] in KERAS_ALONE or target.slot in KERAS_ALONE
        if alone or work.rules.keeps(target.path):
            kept.append(target.path)
            del work.free[key]
    return kept


def _unmapped_sources(work: _Work) -> Iterable[Unmapped]:
    for source, role in [(one, work.checkpoint.roles[name]) for name, one in work.sources.items()]:
        optimizers = role.kind in ("slot", "average")
        near = [one for one in work.free.values() if optimizers or not one.optimizer]
        candidates = _nearest(source.name, source.shape, {one.path: one.shape for one in near})
        reason = work.reasons.get(source.name) or names.several(source, near)
        reason = reason or "nothing in the new program has its name"
        yield Unmapped("tf1", source.name, source.shape, reason, candidates)


def _unmapped_targets(work: _Work) -> Iterable[Unmapped]:
    for target in work.free.values():
        candidates = _nearest(target.path, target.shape, {one.name: one.shape for one in work.sources.values()})
        reason = work.reasons.get(target.key) or "nothing in the checkpoint has its name"
        yield Unmapped("new", target.path, target.shape, reason, candidates)


def _nearest(name: str, shape: Sequence[int], others: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """Those of the same shape first, and then by likeness of the names."""

    def distance(other: str) -> tuple[bool, float]:
        return tuple(others[other]) != tuple(shape), -difflib.SequenceMatcher(None, name, other).ratio()

    ranked = sorted(others, key=distance)[:_CANDIDATES]
    return tuple(f"{one} {shown(others[one])}" for one in ranked)
