"""What belongs together by its name: each stage pairs what fits one another and nothing else; later stages are looser.

TF1's names and Keras' paths differ in few ways: Keras may put the model's own name first, contrib said weights and biases,
an embedding was a bare variable, and a scope may be one more level on either side.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .cells import KERAS_KINDS, Cell
from .roles import Tensor
from .targets import Target
from .transformations import shown

Pairs = list[tuple[Tensor, Target]]
Stage = Callable[[Sequence[Tensor], Sequence[Target]], Pairs]
_LEAVES = {"weights": "kernel", "biases": "bias"}
_NUMBERED = re.compile(r"(?:cell|layer|lstm|gru|rnn|l)_?(\d+)")
_GENERIC = re.compile(
    r"rnn|(?:basic_)?(?:lstm|gru|rnn|simple_rnn)_cell(?:_\d+)?|multi_rnn_cell|stacked_rnn_cells|cell_\d+|"
    r"bidirectional(?:_rnn)?|fw|bw|(?:forward|backward)_.*|cudnn_compatible_.*|lstm_fused_cell"
)
_FORWARD = re.compile(r"fw|forward(_.*)?")
_BACKWARD = re.compile(r"bw|backward(_.*)?")


def by_path(targets: Iterable[Target], path: str) -> list[Target]:
    """The variables of a path, which may be given without the model's own name."""
    targets = list(targets)
    exact = [one for one in targets if one.path == path]
    return exact or [one for one in targets if one.prefix and one.path == f"{one.prefix}/{path}"]


def is_average_of(path: str, variable: str) -> bool:
    """Whether a new variable is named as the moving average of another one."""
    flat = variable.replace("/", "_")
    return path in {
        f"{start}{middle}{end}"
        for start in (variable, flat)
        for middle in ("/", "_")
        for end in ("ExponentialMovingAverage", "ema", "average")
    }


# -- stages -------------------------------------------------------------------------------------------------------------


def equal(sources: Sequence[Tensor], targets: Sequence[Target]) -> Pairs:
    """The same name, letter by letter."""
    return _pairs(sources, targets, lambda name: [name], lambda target: [target.path])


def alike(sources: Sequence[Tensor], targets: Sequence[Target]) -> Pairs:
    """The same name but for the model's own, and for contrib's words."""
    return _pairs(sources, targets, lambda name: [_canonical(name)], _forms)


def bare(sources: Sequence[Tensor], targets: Sequence[Target]) -> Pairs:
    """A variable that has the name of the embedding layer."""

    def forms(target: Target) -> list[str]:
        return [form.removesuffix("/embeddings") for form in _forms(target) if form.endswith("/embeddings")]

    return _pairs(sources, targets, lambda name: [name], forms)


def ending(sources: Sequence[Tensor], targets: Sequence[Target]) -> Pairs:
    """Names of which one ends with the whole of the other, of at least two parts, and shapes that are equal."""
    pairs: Pairs = []
    fitting: dict[str, list[Target]] = defaultdict(list)
    taking: dict[str, list[Tensor]] = defaultdict(list)
    for source in sources:
        name = _canonical(source.name)
        for target in targets:
            if source.shape == target.shape and any(_ends(name, form) or _ends(form, name) for form in _forms(target)):
                fitting[source.name].append(target)
                taking[target.key].append(source)
    for source in sources:
        found = fitting[source.name]
        if len(found) == 1 and len(taking[found[0].key]) == 1:
            pairs.append((source, found[0]))
    return pairs


def keras_cells(sources: Sequence[Tensor], targets: Sequence[Target]) -> Pairs:
    """The cells of TF1's own tf.keras layers, which are as Keras 3 has them."""
    scopes = {one.name.rpartition("/")[0] for one in sources if one.name.endswith("/recurrent_kernel")}
    mine = [one for one in sources if one.name.rpartition("/")[0] in scopes]

    def forms(target: Target) -> list[str]:
        shorter = [re.sub(r"/[^/]+(/[^/]+)$", r"\1", form) for form in _forms(target)]
        return [*_forms(target), *shorter]

    return _pairs(mine, [one for one in targets if one.cell], lambda name: [name], forms)


STAGES: tuple[Stage, ...] = (equal, alike, bare, keras_cells, ending)


def _pairs(
    sources: Sequence[Tensor],
    targets: Sequence[Target],
    of_source: Callable[[str], Sequence[str]],
    of_target: Callable[[Target], Sequence[str]],
) -> Pairs:
    """Those that have a name in common and are each other's only choice, if need be by their shapes."""
    by_form: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        for form in dict.fromkeys(of_target(target)):
            by_form[form].append(target)
    chosen: dict[str, list[Target]] = {}
    asked: dict[str, list[Tensor]] = defaultdict(list)
    for source in sources:
        found = {target.key: target for form in of_source(source.name) for target in by_form.get(form, [])}
        if len(found) > 1:
            found = {key: target for key, target in found.items() if target.shape == source.shape}
        chosen[source.name] = list(found.values())
        for key in found:
            asked[key].append(source)
    pairs: Pairs = []
    for source in sources:
        found_targets = chosen[source.name]
        if len(found_targets) != 1:
            continue
        rivals = asked[found_targets[0].key]
        if len(rivals) > 1:
            rivals = [one for one in rivals if one.shape == found_targets[0].shape]
        if [one.name for one in rivals] == [source.name]:
            pairs.append((source, found_targets[0]))
    return pairs


def _canonical(name: str) -> str:
    scope, separator, leaf = name.rpartition("/")
    return f"{scope}{separator}{_LEAVES.get(leaf, leaf)}"


def _forms(target: Target) -> list[str]:
    path = _canonical(target.path)
    shorter = path.removeprefix(f"{target.prefix}/") if target.prefix else path
    return [path] if shorter == path else [path, shorter]


def _ends(name: str, end: str) -> bool:
    return "/" in end and name.endswith("/" + end)


# -- recurrent cells ----------------------------------------------------------------------------------------------------


def pair_cells(
    old: Sequence[Cell], new: Sequence[Mapping[str, Target]], wanted: Mapping[str, str]
) -> Iterator[tuple[Cell, Mapping[str, Target] | str]]:
    """Each cell of TF1 with that of Keras, or with a sentence about why none or several could be meant.

    `new` has each cell's variables by what they are. `wanted` names the Keras layer of a scope, where a rule does.
    """
    chosen = {cell.scope: _choose(cell, old, new, wanted.get(cell.scope)) for cell in old}
    for cell in old:
        choice = chosen[cell.scope]
        if not isinstance(choice, str):
            rivals = [scope for scope, other in chosen.items() if other is choice and scope != cell.scope]
            if rivals:
                yield cell, f"both it and {rivals[0]} could be {_layer(choice)}: a rule is needed"
                continue
        yield cell, choice


def _choose(
    cell: Cell, old: Sequence[Cell], new: Sequence[Mapping[str, Target]], wanted: str | None
) -> Mapping[str, Target] | str:
    fitting = [one for one in new if _fits(cell, one)]
    if wanted is not None:
        fitting = [one for one in fitting if f"/{wanted}/" in f"/{_layer(one)}/"]
    if not fitting:
        sizes = f"{cell.inputs} inputs and {cell.units} units"
        return f"no {KERAS_KINDS[cell.kind]} of the new program has {sizes}" + (f" at {wanted}" if wanted else "")
    if len(fitting) > 1:
        scores = [len(_words(cell.scope) & _words(_layer(one))) for one in fitting]
        if max(scores):
            fitting = [one for one, score in zip(fitting, scores, strict=True) if score == max(scores)]
    if len(fitting) > 1 and cell.index is not None:
        # A number tells only where both sides count alike: cells 0 and 1 against layers named 1 and 2 are no match.
        beside = {one.index for one in old if _stack(one.scope) == _stack(cell.scope)}
        numbers = [_index(one) for one in fitting]
        if set(numbers) == beside and len(numbers) == len(beside):
            fitting = [one for one in fitting if _index(one) == cell.index]
    if len(fitting) > 1:
        layers = ", ".join(_layer(one) for one in fitting)
        return f"several layers of its shape could be meant ({layers}), and no name tells which: a rule is needed"
    return fitting[0]


def _fits(cell: Cell, new: Mapping[str, Target]) -> bool:
    known = next(iter(new.values())).cell
    assert known is not None
    if (KERAS_KINDS[cell.kind], cell.inputs, cell.units) != (known.kind, known.inputs, known.units):
        return False
    direction = known.direction or _direction(_layer(new))
    return direction in ("", cell.direction) if cell.direction else not direction


def _direction(path: str) -> str:
    parts = path.split("/")
    if any(_FORWARD.fullmatch(one) for one in parts):
        return "forward"
    return "backward" if any(_BACKWARD.fullmatch(one) for one in parts) else ""


def _index(new: Mapping[str, Target]) -> int | None:
    known = next(iter(new.values())).cell
    if known is not None and known.index is not None:
        return known.index
    found = [_NUMBERED.fullmatch(one) for one in _layer(new).split("/")]
    return next((int(one[1]) for one in found if one), None)


def _layer(new: Mapping[str, Target]) -> str:
    return next(iter(new.values())).path.rpartition("/")[0]


def _stack(scope: str) -> str:
    return re.sub(r"/cell_\d+(/.*)?$", "", scope)


def _words(path: str) -> set[str]:
    return {one for one in path.lower().split("/") if not _GENERIC.fullmatch(one)}


def several(source: Tensor, targets: Iterable[Target]) -> str | None:
    """A sentence where a variable has more than one choice."""
    found = [one for one in targets if source.name in _forms(one) or _canonical(source.name) in _forms(one)]
    if len(found) < 2:
        return None
    return (
        f"{len(found)} new variables have its name ({', '.join(f'{one.key} {shown(one.shape)}' for one in found[:3])})"
    )
