"""The manifest: what `upgrade` did, for a machine to check (docs/manifest.md, schemas/manifest-1.json).

The emitters fill these facts; the harness reads them back to run both sides of a rewrite without being told anything
more. Paths are POSIX and relative to the top of what is written, so that a manifest can move with its tree. Lines are
1-based and columns 0-based, in bytes of UTF-8, as `ast` counts them. A line of 0 in the new source means "wherever this
qualified name is": `with_lines` fills it in from the new text.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .diagnostics import Diagnostic

VERSION = 1

Kind = Literal["function", "variable-read", "evaluated", "dropped"]
Transformation = Literal["none", "gates", "split", "forget-bias", "negative-lr", "transpose", "other"]


@dataclass(frozen=True)
class Place:
    """A place in the old source."""

    file: str
    line: int
    column: int = 0


@dataclass(frozen=True)
class NewPlace:
    """A place in the new source: `qualname` is "" at module level, else as Python's __qualname__ ("Net.call")."""

    file: str
    qualname: str = ""
    line: int = 0


@dataclass(frozen=True)
class Parameter:
    """One parameter of a new function against the placeholder (or fed tensor) that it stands for.

    `placeholder` is the tensor's TF1 name ("x:0", "Placeholder_1:0"; "" where only a run of the old program would tell, for
    an iterator's element, and for the step of summaries), `source` the expression that the old source fed. `default` is the
    old source's text for what stands in for a feed that is not given.
    `static` says that it became a Python argument (a bool placeholder that is only fed constants): one without a `name` is
    no parameter any more, the function was written for the value in `default`.
    """

    name: str
    placeholder: str
    source: str = ""
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    static: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Output:
    """One fetch of the old execution against what the new function returns.

    `index` counts in the new function's return value (0 also where it returns one value alone), nested ones as
    `tf.nest.flatten` counts them; it is None where the fetch gives nothing any more: a train op's None, a summary that is
    written inside. `tensor` is the TF1 name of the fetched tensor or operation, "" where only a run would tell. `name` is
    what the value is called within the new function.
    """

    fetch: str
    tensor: str
    index: int | None
    name: str = ""


@dataclass(frozen=True)
class Value:
    """A value between inputs and outputs that survives under a name, so that the first difference can be found.

    The places are those of the statements that bind it. Where they are within a loop, the n-th time answers the n-th time.
    """

    name: str
    tensor: str
    old: Place
    new: NewPlace


@dataclass(frozen=True)
class Execution:
    """One execution of the old program: a `Session.run`, `.eval` or `.run`, and what became of it.

    A variables' initializer is dropped, since variables are made with their values; an iterator's is "evaluated" in place,
    where the iterator is now made.
    """

    kind: Kind
    old: Place
    new: NewPlace | None = None
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[Output, ...] = ()
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class VariableMap:
    """One TF1 variable and where its value lives now.

    `path` is the Keras or `tf.Variable` path ("classifier/conv2d/kernel"); `owner` the expression that reaches the
    variable in the new source, where one does, from the function that `details` names if it is not at module level.
    `transformation` leads from the TF1 value to the new one, with what it needs in `details` (the forget bias, the order of
    gates, the axis and sizes of a split). `dtype` and `shape` are TF1's.
    """

    tf1_name: str
    path: str
    transformation: Transformation = "none"
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None
    trainable: bool = True
    owner: str = ""


@dataclass(frozen=True)
class SlotMap:
    """One optimizer slot of a TF1 checkpoint ("w/Adam_1") and the Keras optimizer's variable that takes its place."""

    tf1_name: str
    variable: str
    optimizer: str
    slot: str
    path: str = ""
    transformation: Transformation = "none"
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """The manifest's entry for one connected program: the files that import one another."""

    files: tuple[str, ...]
    level: str
    executions: tuple[Execution, ...] = ()
    variables: tuple[VariableMap, ...] = ()
    slots: tuple[SlotMap, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def with_lines(program: Program, texts: Mapping[str, str]) -> Program:
    """The program with each new place that names a function or class, but no line, led to its definition in `texts`."""
    lines: dict[str, dict[str, int]] = {}

    def place(new: NewPlace | None) -> NewPlace | None:
        if new is None or new.line or not new.qualname:
            return new
        if new.file not in lines:
            lines[new.file] = _definitions(texts.get(new.file, ""))
        return dataclasses.replace(new, line=lines[new.file].get(new.qualname, 0))

    executions = tuple(
        dataclasses.replace(
            execution,
            new=place(execution.new),
            values=tuple(dataclasses.replace(value, new=place(value.new) or value.new) for value in execution.values),
        )
        for execution in program.executions
    )
    return dataclasses.replace(program, executions=executions)


def _definitions(text: str) -> dict[str, int]:
    """Qualified name -> line of each function and class; for a name that is defined twice, its last definition."""
    found: dict[str, int] = {}
    pending: list[tuple[ast.AST, str]] = [(ast.parse(text), "")]
    while pending:
        node, prefix = pending.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[prefix + child.name] = max(found.get(prefix + child.name, 0), child.lineno)
                pending.append((child, f"{prefix}{child.name}."))
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found[prefix + child.name] = max(found.get(prefix + child.name, 0), child.lineno)
                pending.append((child, f"{prefix}{child.name}.<locals>."))
            elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                pending.append((child, prefix))
    return found


def to_json(
    programs: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    *,
    tool: str,
    target: str,
    old_root: str,
    new_root: str | None,
) -> dict[str, Any]:
    """The whole manifest as plain data, as schemas/manifest-1.json describes it; its programs are plain data already.

    The roots are the folders of the old and the new files, relative to the manifest's own; `new_root` is None where nothing
    was written. They are the same folder after an upgrade in place.
    """
    return {
        "manifest_version": VERSION,
        "tool": tool,
        "target": target,
        "old_root": old_root,
        "new_root": new_root,
        "files": list(files),
        "programs": list(programs),
    }


def from_json(data: Mapping[str, Any]) -> tuple[Program, ...]:
    """The programs of a manifest that was read from a file."""
    if data.get("manifest_version") != VERSION:
        raise ValueError(f"this manifest has version {data.get('manifest_version')!r}; this release reads {VERSION}")
    return tuple(_program(entry) for entry in data["programs"])


def plain(fact: Any) -> Any:
    """A dataclass, or a container of them, as the plain data that JSON holds."""
    if dataclasses.is_dataclass(fact) and not isinstance(fact, type):
        return {field.name: plain(getattr(fact, field.name)) for field in dataclasses.fields(fact)}
    if isinstance(fact, Mapping):
        return {str(key): plain(value) for key, value in fact.items()}
    if isinstance(fact, list | tuple):
        return [plain(item) for item in fact]
    return fact


def _program(entry: Mapping[str, Any]) -> Program:
    return Program(
        files=tuple(entry["files"]),
        level=entry["level"],
        executions=tuple(_execution(one) for one in entry["executions"]),
        variables=tuple(VariableMap(**{**one, "shape": _shape(one)}) for one in entry["variables"]),
        slots=tuple(SlotMap(**one) for one in entry["slots"]),
        diagnostics=tuple(Diagnostic(**one) for one in entry["diagnostics"]),
    )


def _execution(entry: Mapping[str, Any]) -> Execution:
    return Execution(
        kind=entry["kind"],
        old=Place(**entry["old"]),
        new=NewPlace(**entry["new"]) if entry["new"] else None,
        parameters=tuple(Parameter(**{**one, "shape": _shape(one)}) for one in entry["parameters"]),
        outputs=tuple(Output(**one) for one in entry["outputs"]),
        values=tuple(
            Value(one["name"], one["tensor"], Place(**one["old"]), NewPlace(**one["new"])) for one in entry["values"]
        ),
    )


def _shape(entry: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    return None if entry["shape"] is None else tuple(entry["shape"])
