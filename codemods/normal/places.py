"""The places that a result tells of, in the source as it was before it was written otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..diagnostics import Diagnostic
from ..manifest import Place, Program
from ..report import Account
from .origins import Origins, at


def diagnostics(found: Iterable[Diagnostic], origins: Mapping[str, Origins]) -> list[Diagnostic]:
    return [_diagnostic(one, origins) if one.path in origins else one for one in found]


def _diagnostic(one: Diagnostic, origins: Mapping[str, Origins]) -> Diagnostic:
    path, line, column = at(origins, one.path, one.line, one.column)
    return replace(one, path=path, line=line, column=column, end_line=0, end_column=0)


def accounts(found: Iterable[Account], origins: Mapping[str, Origins]) -> list[Account]:
    moved = [(one, at(origins, one.path, one.line, one.column)) for one in found]
    return [replace(one, path=path, line=line, column=column) for one, (path, line, column) in moved]


def manifest(program: Program | None, origins: Mapping[str, Origins]) -> Program | None:
    if program is None:
        return None
    executions = tuple(
        replace(
            one,
            old=_place(one.old, origins),
            values=tuple(
                replace(value, old=_place(value.old, origins))
                for value in one.values
                if value.old.file not in origins or origins[value.old.file].known(value.old.line, value.name)
            ),
        )
        for one in program.executions
    )
    return replace(program, executions=executions)


def _place(place: Place, origins: Mapping[str, Origins]) -> Place:
    path, line, column = at(origins, place.file, place.line, place.column)
    return replace(place, file=path, line=line, column=column)
