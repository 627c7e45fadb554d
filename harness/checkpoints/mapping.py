"""Which variable of the new program takes which value of a TF1 checkpoint, and how it changes on the way.

No value is read and nothing is guessed. What says where a variable goes is asked in this order: the user's rules, the
manifest, the known forms of recurrent cells, the names. Slots and averages then follow their variables. Whatever is left on
either side is a problem, given with its nearest candidates.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tf_modernize.codemods.manifest import Program

from . import cells, names
from .optimizers import find_steps, map_slots
from .reading import Checkpoint, CheckpointError
from .rules import Rules
from .targets import Target, Targets
from .transformations import shown
from .work import Unmapped, VariableMapping, Work

# What Keras has and TF1 has not, by the last part of the path.
KERAS_ALONE = frozenset({"iteration", "learning_rate", "seed_generator_state", "save_counter"})
_CANDIDATES = 3


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
    work = Work(
        checkpoint, targets, rules or Rules(), dict(checkpoint.tensors), {one.key: one for one in targets.variables}
    )
    _by_rules(work)
    _by_manifest(work, _program(manifest, checkpoint))
    _cells(work)
    _by_names(work)
    _averages(work)
    map_slots(work)
    steps = find_steps(work)
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


def _by_rules(work: Work) -> None:
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


def _by_manifest(work: Work, program: Program | None) -> None:
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


def _cells(work: Work) -> None:
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


def _cell(work: Work, cell: cells.Cell, new: Mapping[str, Target]) -> None:
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


def _by_names(work: Work) -> None:
    for match in names.STAGES:
        sources = [one for one, _ in work.of_kind("variable", "average", "slot", "step")]
        targets = [
            one for one in work.free.values() if not one.optimizer and (one.cell is None or match is names.keras_cells)
        ]
        for source, target in match(sources, targets):
            if work.fits(source, target, "none", {}):
                work.put(source, target, "name")


def _averages(work: Work) -> None:
    """The shadow of a variable goes to the new variable's own average."""
    by_source = work.by_source()
    for source, role in work.of_kind("average"):
        for one in by_source.get(role.variable, []):
            found = [
                target
                for target in work.targets.variables
                if (target.slot == "average" and target.of == one.key) or names.is_average_of(target.path, one.path)
            ]
            if len(found) == 1 and work.fits(source, found[0], one.transformation, one.details):
                work.put(source, found[0], "average", one.transformation, one.details)


# -- what is left -------------------------------------------------------------------------------------------------------


def _kept(work: Work) -> list[str]:
    kept = []
    for key, target in list(work.free.items()):
        alone = target.path.rpartition("/")[2] in KERAS_ALONE or target.slot in KERAS_ALONE
        if alone or work.rules.keeps(target.path):
            kept.append(target.path)
            del work.free[key]
    return kept


def _unmapped_sources(work: Work) -> Iterable[Unmapped]:
    own = [one for one in work.free.values() if not one.optimizer]
    for source, role in [(one, work.checkpoint.roles[name]) for name, one in work.sources.items()]:
        beside = role.kind in ("slot", "average")
        near = list(work.free.values()) if beside else own
        candidates = _nearest(source.name, source.shape, {one.path: one.shape for one in near})
        reason = work.reasons.get(source.name) or names.several(source, near)
        reason = reason or "nothing in the new program has its name"
        yield Unmapped("tf1", source.name, source.shape, reason, candidates, beside and role.variable in work.sources)


def _unmapped_targets(work: Work) -> Iterable[Unmapped]:
    roles = work.checkpoint.roles
    for target in work.free.values():
        near = [one for one in work.sources.values() if target.optimizer or roles[one.name].kind == "variable"]
        candidates = _nearest(target.path, target.shape, {one.name: one.shape for one in near})
        reason = work.reasons.get(target.key) or "nothing in the checkpoint has its name"
        yield Unmapped("new", target.path, target.shape, reason, candidates, target.of in work.free)


def _nearest(name: str, shape: Sequence[int], others: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """Those of the same shape first, and then by likeness of the names."""

    def distance(other: str) -> tuple[bool, float]:
        return tuple(others[other]) != tuple(shape), -difflib.SequenceMatcher(None, name, other).ratio()

    ranked = sorted(others, key=distance)[:_CANDIDATES]
    return tuple(f"{one} {shown(others[one])}" for one in ranked)
