"""What of a graph without its source answers to a call of the new program: which inputs, which results.

By the manifest's names where it has them. Else by dtype and shape, and a result by what it depends on and what computes it;
where that leaves more than one tensor, it is told and not compared.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tf_modernize.codemods.manifest import Execution, Output, Parameter

CLEARLY = 0.15  # by how much one tensor of the graph must be more like a result than all others


@dataclass(frozen=True)
class Result:
    """A tensor of the graph that may be a result of the model: what it depends on, and what computes it."""

    name: str
    dtype: str
    shape: Sequence[int | None] | None
    inputs: Sequence[str]
    kinds: Sequence[str]


@dataclass(frozen=True)
class Contents:
    """What is in a graph: its inputs and results, and the values of its variables."""

    inputs: Sequence[tuple[str, str, str, Sequence[int | None] | None]]  # type, name, dtype, shape
    there: frozenset[str]
    results: Sequence[Result]
    train: Sequence[str]
    arrays: Mapping[str, Any]


@dataclass
class Wanted:
    """One call of the new program, and what the graph is asked for."""

    execution: Execution
    number: int
    record: Mapping[str, Any]
    arrays: Mapping[str, Any]
    feeds: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    fetches: dict[str, str] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    blocked: bool = False


def feed(wanted: Wanted, contents: Contents) -> None:
    """Which tensor of the graph gets which input of the call."""
    execution, record = wanted.execution, wanted.record
    open_inputs = {name: (kind, dtype, shape) for kind, name, dtype, shape in contents.inputs}
    unnamed: list[Parameter] = []
    for one in execution.parameters:
        if not one.placeholder:
            if one.name in record["inputs"]:
                unnamed.append(one)
            continue
        keys = record["inputs"].get(one.name, []) if one.name else []
        if one.placeholder not in contents.there:
            wanted.told.append(f"the graph has no {one.placeholder}, which the program feeds; it is left out")
            continue
        open_inputs.pop(one.placeholder, None)
        if len(keys) == 1 and keys[0] in wanted.arrays:
            wanted.feeds[one.placeholder] = keys[0]
        elif not one.name and one.default is not None:
            try:
                wanted.constants["constant:" + one.placeholder] = ast.literal_eval(one.default)
            except (ValueError, SyntaxError):
                wanted.told.append(f"what {one.placeholder} is fed ({one.default}) is not known; it can't be compared")
                wanted.blocked = True
                return
            wanted.feeds[one.placeholder] = "constant:" + one.placeholder
    for one in unnamed:
        for key in record["inputs"][one.name]:
            if key not in wanted.arrays:
                continue
            value = wanted.arrays[key]
            fitting = [
                name
                for name, (kind, dtype, shape) in open_inputs.items()
                if dtype == value.dtype.name and fits(value.shape, shape)
            ]
            if len(fitting) > 1:  # elements of one iterator come in order
                fitting = [name for name in fitting if open_inputs[name][0] == "IteratorGetNext"][:1]
            if len(fitting) != 1:
                wanted.told.append(
                    f"{one.name} ({value.dtype.name} {list(value.shape)}) can't be told apart among the inputs of the graph; "
                    f"it can't be compared"
                )
                wanted.blocked = True
                return
            wanted.feeds[fitting[0]] = key
            del open_inputs[fitting[0]]


def fetch(wanted: Wanted, contents: Contents, *, trains: bool) -> None:
    """Which tensor of the graph stands for which result of the call."""
    outputs = wanted.execution.outputs
    taken = {one.tensor for one in outputs if one.tensor}
    for place, one in enumerate(outputs):
        if one.index is None:
            if one.tensor in contents.there and ":" not in one.tensor:
                wanted.targets.append(one.tensor)
            continue
        key = f"fetch:{one.index}"
        if key not in wanted.arrays:
            continue
        if one.tensor:
            if one.tensor in contents.there:
                wanted.fetches[f"fetch:{place}"] = one.tensor
            else:
                wanted.told.append(f"{one.fetch} is {one.tensor}, which the graph has not; it is not compared")
            continue
        name = _result(wanted, contents, one, wanted.arrays[key], taken)
        if name is None:
            continue
        wanted.fetches[f"fetch:{place}"] = name
        taken.add(name)
    if trains and not wanted.targets:
        unnamed = [one for one in outputs if one.index is None and not one.tensor]
        if unnamed and len(contents.train) == 1:
            wanted.targets.append(contents.train[0])
        else:
            wanted.told.append("the graph has not the operation that trains; the update is not compared")


def _result(wanted: Wanted, contents: Contents, output: Output, value: Any, taken: set[str]) -> str | None:
    """The only tensor of the graph that a result without a name can be; None, and told, where there are others.

    Its values have no say: a wrong result must not find another tensor that it agrees with.
    """
    inputs = set(wanted.feeds)
    fitting = [
        one
        for one in contents.results
        if one.name not in taken
        and one.dtype == value.dtype.name
        and fits(value.shape, one.shape)
        and set(one.inputs) <= inputs
    ]
    found: Sequence[Result] = [one for one in fitting if set(one.inputs) == inputs] or fitting
    if len(found) > 1:
        found = _alike(found, set(wanted.record["kinds"][output.index or 0]))
    if len(found) == 1:
        return found[0].name
    several = f"{len(found)} tensors of the graph" if found else "no tensor of the graph"
    wanted.told.append(
        f"{output.fetch} ({value.dtype.name} {list(value.shape)}) has no name in the manifest, and {several} could be it; "
        f"it is not compared"
    )
    return None


def _alike(found: Sequence[Result], kinds: set[str]) -> Sequence[Result]:
    """The one that is computed by the same kinds of operations, clearly more so than any other."""

    def likeness(one: Result) -> float:
        return len(kinds & set(one.kinds)) / max(1, len(kinds | set(one.kinds)))

    order = sorted(found, key=likeness, reverse=True)
    return order[:1] if likeness(order[0]) >= likeness(order[1]) + CLEARLY else order


def fits(shape: Sequence[int], known: Sequence[int | None] | None) -> bool:
    return known is None or (
        len(known) == len(shape) and all(a in (None, b) for a, b in zip(known, shape, strict=True))
    )
