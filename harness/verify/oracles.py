"""The old side: the TF1 program, run as it is and recorded from outside.

Under a TF1 interpreter the source runs unchanged. Under TensorFlow 2 it needs compat.v1, so what `upgrade --target compat`
makes of it runs there: the same graph and the same calls, with places that have moved; `_moved` leads from one to the other.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_modernize.codemods import engine

from ..observers import trace
from ..running import Run, run_program
from .model import VerifyError
from .options import Options
from .subjects import Subject, lines, texts

ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "0"}  # the kernels of oneDNN round otherwise than TF 1.15's

Places = Mapping[tuple[str, int, int], tuple[int, int]]


@dataclass(frozen=True)
class OldSource:
    """The old source as it runs: where its files lie, and where what the manifest names is in them."""

    name: str
    python: str
    root: Path
    calls: Places | None = None  # None: where the manifest says
    lines: Mapping[str, Mapping[int, int]] | None = None

    def call(self, file: str, line: int, column: int) -> tuple[int, int] | None:
        return (line, column) if self.calls is None else self.calls.get((file, line, column))

    def line(self, file: str, line: int) -> int | None:
        return line if self.lines is None else self.lines.get(file, {}).get(line)


def source(subject: Subject, options: Options, folder: Path) -> OldSource:
    """The old source for the interpreter that is there.

    Raises:
        VerifyError: the source can't run under TensorFlow 2, and no TF1 interpreter was given.
    """
    if options.tf1_python:
        return OldSource(f"TensorFlow 1 ({options.tf1_python})", options.tf1_python, subject.old_root)
    return _compat(subject, options, folder)


def _compat(subject: Subject, options: Options, folder: Path) -> OldSource:
    files = {path: (subject.old_root / path).read_bytes() for path in subject.program.files}
    result = engine.upgrade_program(files, engine.Options(target="compat", assume="tf1"))
    if result.level != "compat":
        why = "; ".join(one.message for file in result.files.values() for one in file.diagnostics[:1])
        raise VerifyError(
            f"The old program can't run under TensorFlow 2, even with compat.v1 ({why}). "
            f"Give an interpreter with TensorFlow 1: --tf1-python."
        )
    root = folder / "compat"
    for path, file in result.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(file.before if file.after is None else file.after)
    old, new = texts(subject.old_root, subject.program.files), texts(root, subject.program.files)
    calls: dict[tuple[str, int, int], tuple[int, int]] = {}
    moved: dict[str, dict[int, int]] = {}
    for path in subject.program.files:
        before, after = _calls(old[path]), _calls(new[path])
        if len(before) != len(after):
            raise VerifyError(f"{path}: the executions of its compat form can't be told apart. Give --tf1-python.")
        calls.update({(path, *a): b for a, b in zip(before, after, strict=True)})
        moved[path] = _lines(old[path], new[path])
    return OldSource("compat.v1", options.python, root, calls, moved)


def _calls(text: str) -> list[tuple[int, int]]:
    """The places of the calls of `.run` and `.eval`, which the compat level adds none to, in the order of the source."""
    return sorted(
        (node.lineno, node.col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"run", "eval"}
    )


def _lines(old: str, new: str) -> dict[int, int]:
    """Where the lines of the old text are in the new one; changed lines one by one where as many stand for as many."""
    a, b = lines(old), lines(new)
    found: dict[int, int] = {}
    for tag, a1, a2, b1, b2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and a2 - a1 == b2 - b1):
            found.update({a1 + k + 1: b1 + k + 1 for k in range(a2 - a1)})
    return found


def checkpoint_values(checkpoint: Path, folder: Path) -> dict[str, Any]:
    """The values of a checkpoint in one file: its place and their names, as the observer of the old side takes them.

    Raises:
        VerifyError: the checkpoint can't be read.
    """
    from ..checkpoints import CheckpointError, read
    from ..loading import load_tensorflow

    try:
        load_tensorflow()
    except ImportError:
        raise VerifyError(
            "Reading a checkpoint takes TensorFlow here, too, not only in the interpreter that runs the programs: "
            "pip install tf-modernize[verify]."
        ) from None
    try:
        opened = read(checkpoint)
        values = {name: opened.value(name) for name in opened.tensors}
    except CheckpointError as error:
        raise VerifyError(str(error)) from None
    path = str(folder / "checkpoint.npz")
    return {"file": path, "names": trace.save(path, values)}


def record(
    subject: Subject,
    old: OldSource,
    options: Options,
    folder: Path,
    *,
    checkpoint: Mapping[str, Any] | None = None,
    detail: tuple[int, int] | None = None,
    graphs: Sequence[tuple[int, int]] = (),
) -> Run:
    """Runs the old program with its executions recorded in `folder`; `detail` is the record to look into: execution and time.

    The graphs of the executions `graphs` are dumped below `folder` / "graphs".
    """
    folder.mkdir(parents=True)
    targets = subject.targets()
    executions = []
    for number, one in enumerate(subject.executions):
        place = old.call(one.old.file, one.old.line, one.old.column)
        if place is None:
            raise VerifyError(f"{one.old.file}:{one.old.line}: the manifest has an execution here, the source none.")
        file = str(old.root / one.old.file)
        executions.append(
            {
                "number": number,
                "file": file,
                "line": place[0],
                "column": place[1],
                "kind": one.kind,
                "target": targets[number],
            }
        )
    executions.sort(key=lambda one: (one["file"], one["line"], one["column"]))
    config: dict[str, Any] = {
        "side": "old",
        "tensorflow": 2 if old.calls is not None else 1,
        "trace": str(folder),
        "seconds": options.seconds,
        "places": executions,
        "steps": max(options.steps, options.free_steps),
        "bytes": options.trace_bytes,
        "executions": [min(options.least, options.executions), options.executions],
        "checkpoint": checkpoint,
    }
    if detail is not None:
        order = [one["number"] for one in executions]
        config["detail"] = {
            "record": [order.index(detail[0]), detail[1]],
            "values": _values(subject, old, detail[0]),
        }
    if graphs:
        order = [one["number"] for one in executions]
        records = [[order.index(number), nth] for number, nth in graphs]
        config["graphs"] = {"records": records, "folder": str(folder / "graphs")}
    return observed(old.python, old.root / subject.entry, old.root, config, folder, options)


def _values(subject: Subject, old: OldSource, execution: int) -> Sequence[Mapping[str, Any]]:
    found = []
    for value in subject.executions[execution].values:
        line = old.line(value.old.file, value.old.line)
        found.append({"file": str(old.root / value.old.file), "line": line or -1, "name": value.name})
    return found


def observed(python: str, script: Path, root: Path, config: Any, folder: Path, options: Options) -> Run:
    """Runs a program with the observers that the configuration describes; it is kept in the folder."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    run = options.run if config["side"] == "new" else options.run_old if python == options.python else None
    if run is not None:
        return run(script, options.arguments, timeout=2 * options.seconds, observe=path, path=[*options.path, root])
    return run_program(
        python,
        script,
        options.arguments,
        timeout=2 * options.seconds,
        memory=options.memory,
        observe=path,
        files=options.files,
        path=[*options.path, root],
        environment={**ENVIRONMENT, **options.environment},
    )
