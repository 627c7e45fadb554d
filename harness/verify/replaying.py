"""The new side: what was recorded of the old program, put into the terms of the new one, and the new program run with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_modernize.codemods.manifest import Execution, Parameter

from ..checkpoints.transformations import TransformationError, for_slot, to_new
from ..observers import trace
from ..running import Run
from .options import Options
from .oracles import observed
from .subjects import Subject

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """A variable of the old program with a place in the new one: its name there, its path here, and how to get over."""

    tf1_name: str
    path: str
    transformation: str
    details: Mapping[str, Any]
    slot: bool = False


def carried(subject: Subject) -> list[Carried]:
    """Every variable and slot of the manifest with a path; of several for one path the first."""
    found: dict[str, Carried] = {}
    for one in subject.program.variables:
        if one.path:
            found.setdefault(one.path, Carried(one.tf1_name, one.path, one.transformation, one.details))
    for slot in subject.program.slots:
        if slot.path:
            found.setdefault(slot.path, Carried(slot.tf1_name, slot.path, slot.transformation, slot.details, slot=True))
    return list(found.values())


def in_new_terms(prefix: str, arrays: Arrays, variables: Sequence[Carried]) -> tuple[dict[str, Any], dict[str, str]]:
    """The recorded variables as the new program has them, by path; and those that can't be carried over, with the reason."""
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for one in variables:
        if prefix + one.tf1_name not in arrays:
            continue
        try:
            found[one.path] = to_new(arrays[prefix + one.tf1_name], one.transformation, one.details)
        except TransformationError as error:
            refused[one.path] = str(error)
    return found, refused


def gradients_in_new_terms(arrays: Arrays, variables: Sequence[Carried]) -> dict[str, Any]:
    """The recorded gradients by the paths of their variables."""
    found: dict[str, Any] = {}
    for one in variables:
        if one.slot:
            continue
        for kind in ("gradient:", "gradient-values:", "gradient-indices:"):
            key = kind + one.tf1_name
            if key in arrays:
                if one.transformation == "none" or kind == "gradient-indices:":
                    found[kind + one.path] = arrays[key]
                else:
                    found[kind + one.path] = to_new(arrays[key], one.transformation, for_slot(one.details))
    return found


def inputs(execution: Execution, arrays: Arrays) -> tuple[dict[str, list[str]], list[str]]:
    """For each parameter the keys of what was fed for it; and the parameters for which nothing is known.

    A placeholder that has no certain name in the manifest gets the only feed that is left of its dtype and rank.
    """
    fed = {key[len("feed:") :]: key for key in arrays if key.startswith("feed:")}
    elements = sorted(key for key in arrays if key.startswith("element:"))
    found: dict[str, list[str]] = {}
    unknown: list[Parameter] = []
    for one in execution.parameters:
        if one.placeholder in fed:
            key = fed.pop(one.placeholder)
            if one.name:
                found[one.name] = [key]
        elif one.name and not one.placeholder and one.default is None:
            unknown.append(one)
    open_ones: list[str] = []
    if elements and not fed and len(unknown) > 1:  # the parts of one element: an Estimator's features and labels
        return {**found, ",".join(one.name for one in unknown): elements}, []
    for one in unknown:
        fitting = [key for key in fed.values() if _fits(one, arrays[key])]
        if len(fitting) == 1 or (fitting and len(unknown) == len(fed) and len(set(map(_kind, unknown))) < len(unknown)):
            found[one.name] = [fitting[0]]
            fed = {name: key for name, key in fed.items() if key != fitting[0]}
        elif elements and not fitting:
            found[one.name], elements = elements, []
        elif fed:  # without a feed that is left it is nothing that was fed: the step of summaries
            open_ones.append(one.name)
    return found, open_ones


def _kind(one: Parameter) -> tuple[str, int]:
    return one.dtype, -1 if one.shape is None else len(one.shape)


def _fits(one: Parameter, value: Any) -> bool:
    if one.dtype and one.dtype != "string" and np.dtype(value.dtype).name != one.dtype:
        return False
    return one.shape is None or (
        len(one.shape) == value.ndim and all(a in (None, b) for a, b in zip(one.shape, value.shape, strict=True))
    )


def replay(
    subject: Subject,
    old_trace: Path,
    options: Options,
    folder: Path,
    *,
    free: bool = False,
    detail: tuple[int, int] | None = None,
    graphs: Sequence[tuple[int, int]] = (),
) -> Run:
    """Runs the new program in lockstep with a recorded old one, or freely from its first state.

    `detail` is the record to look into: the execution and its time there. The graphs of the executions `graphs` are dumped
    below `folder` / "graphs", by the numbers of the new function and its call.
    """
    given, seen = folder / "given", folder / "seen"
    given.mkdir(parents=True)
    seen.mkdir()
    variables = carried(subject)
    writer = trace.Writer(str(given), 1e9)
    last, looked = 0, None
    whole: int | None = None
    calls: dict[tuple[int, int], list[Any]] = {}
    for one in trace.read(str(old_trace)):
        if "calls" in one:
            whole = sum(one["calls"].values())
        if "execution" not in one:
            continue
        if one["kind"] != "function":
            if one["kind"] != "dropped" and not free:
                last = max(last, one["functions"])
                state, _ = in_new_terms("before:", trace.arrays(str(old_trace), one), variables)
                writer.write({"after": one["functions"]}, {"state:" + path: value for path, value in state.items()})
            continue
        if free and one["functions"] >= options.free_steps:
            continue
        execution = subject.executions[one["execution"]]
        function = subject.targets()[one["execution"]]
        arrays = trace.arrays(str(old_trace), one)
        parameters, _ = inputs(execution, arrays)
        kept = {key: arrays[key] for keys in parameters.values() for key in keys}
        state, _ = in_new_terms("before:", arrays, variables)
        kept.update({"state:" + path: value for path, value in state.items()})
        kept.update(gradients_in_new_terms(arrays, variables))
        static = [parameter.name for parameter in execution.parameters if parameter.static]
        last = max(last, one["functions"] + 1)
        writer.write({"function": function, "call": one["call"], "inputs": parameters, "static": static}, kept)
        calls[one["execution"], one["nth"]] = [function, one["call"]]
        if detail == (one["execution"], one["nth"]):
            looked = [function, one["call"]]
    config: dict[str, Any] = {
        "until": last if free or whole is None else whole,
        "whole": not free and whole is not None,
        "free": free,
    }
    if detail is not None and looked is not None:
        values = subject.executions[detail[0]].values
        config["detail"] = {
            "record": looked,
            "values": [
                {"file": str(subject.new_root / one.new.file), "line": one.new.line, "name": one.name} for one in values
            ],
        }
    if graphs:
        config["graphs"] = {"records": [calls[one] for one in graphs if one in calls], "folder": str(folder / "graphs")}
    return run_new(subject, options, folder, [one.path for one in variables], config)


def run_new(subject: Subject, options: Options, folder: Path, paths: Sequence[str], config: Mapping[str, Any]) -> Run:
    """Runs the new program observed, with what is to be put into it below `folder` / "given"; `config` says the rest."""
    (folder / "config").mkdir()
    whole = {
        "side": "new",
        "tensorflow": 2,
        "trace": str(folder / "seen"),
        "seconds": options.seconds,
        "functions": [
            {"file": str(subject.new_root / file), "qualname": qualname, "line": line, "number": number}
            for number, (file, qualname, line) in enumerate(subject.functions())
        ],
        "files": [str(subject.new_root / path) for path in subject.program.files],
        "replay": str(folder / "given"),
        "paths": list(paths),
        "functions_limit": options.executions,
        **config,
    }
    script, root = subject.new_root / subject.entry, subject.new_root
    return observed(options.python, script, root, whole, folder / "config", options)
