"""The pipeline: bytes - triage - parse - names - dialect - graph - plan - emit - bytes and report.

It works on one connected program at a time (`projects`): graph mode is global to a process, so the files of a program go the
same way. It returns data, and an exception of a stage becomes an internal-error diagnostic of the program that met it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from . import dialect, failures, ignoring, levels, projects, python2_names
from .accounts import Seen, accounts_of, seen
from .diagnostics import Diagnostic
from .failures import given_up as given_up
from .failures import has_internal_error as has_internal_error
from .manifest import Program, with_lines
from .names import ProgramNames
from .names.program import resolve_all
from .names.walk import exports_of
from .options import Options as Options
from .parse import Module, ParseError, parse
from .report import Account, FileResult, Level, ProgramResult
from .triage import mentions_tensorflow

# `import tensorflow.compat.v1 as tfv1` in one file of a project makes `tfv1` worth looking for in the others.
_ALIAS = re.compile(rb"\btensorflow\b[\w.]*(?:[ \t]+import[ \t]+\w+)?[ \t]+as[ \t]+(\w{3,})")
_RUNS = re.compile(rb"\bsess(?:ion)?\.run\(")
# Bytes of a program's source whose syntax trees stay in memory while it is worked on; beyond them each is parsed again.
KEPT = 3_000_000


@dataclass(frozen=True)
class Group:
    """The files of one connected program, and those without TensorFlow that they import: these are only read."""

    files: tuple[str, ...]
    beside: tuple[str, ...] = ()


def groups(files: Mapping[str, bytes]) -> list[Group]:
    """The connected programs among the files that use TensorFlow or reach it. The other files need nothing."""
    aliases = {found[1] for data in files.values() for found in _ALIAS.finditer(data)} - {b"tensorflow"}
    # A NUL byte is a wrong encoding (UTF-16), in which nothing would be found: to be reported, not passed over.
    edges = projects.loads(files)
    using = {path for path in files if b"\0" in files[path] or mentions_tensorflow(files[path], aliases)}
    # A loop that is handed a session runs the graph, if it does not import TensorFlow.
    using |= {other for other in {one for path in using for one in edges[path]} - using if _RUNS.search(files[other])}
    found = projects.partition(edges, using)
    return [Group(one, projects.beside(one, edges)) for one in found]


def programs(files: Mapping[str, bytes]) -> list[tuple[str, ...]]:
    """The files of each connected program."""
    return [group.files for group in groups(files)]


def upgrade(files: Mapping[str, bytes], options: Options | None = None) -> list[ProgramResult]:
    """Every connected program among the files. Files that are in no program are in no result: nothing is to be done there."""
    return [upgrade_program(own, options, beside) for own, beside in (parts(files, one) for one in groups(files))]


def parts(files: Mapping[str, bytes], group: Group) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The bytes of a program's files, and of those beside them."""
    return {path: files[path] for path in group.files}, {path: files[path] for path in group.beside}


def upgrade_program(
    files: Mapping[str, bytes], options: Options | None = None, beside: Mapping[str, bytes] | None = None
) -> ProgramResult:
    """Upgrades the files of one connected program. Paths are POSIX, relative to one top.

    `beside` are files without TensorFlow that the program imports: they are read for what they bind, and stay as they are.
    """
    options = options or Options()
    beside = beside or {}
    modules: dict[str, Module] = {}
    failed: dict[str, FileResult] = {}
    layout = projects.Layout([*files, *beside])
    directives = {path: ignoring.read(data) for path, data in files.items()}
    read = 0
    for path, data in files.items():
        read += len(data)
        try:
            modules[path] = parse(data, path, layout.name(path), kept=read <= KEPT)
        except ParseError as error:
            skip = directives[path].skip
            failed[path] = ignoring.skipped(path, data, skip) if skip else failures.unparsed(path, data, error)
            continue
        if read > KEPT:
            exports_of(modules[path])
            modules[path].release()
    while True:
        try:
            result = _upgrade(files, modules, failed, levels.Given(options, layout, beside, directives))
            return ignoring.settled(result, directives, options.ignored)
        except RecursionError as error:
            deepest = failures.deepest(modules)
            if deepest is None:
                return given_up(files, failures.sentence(error, "this program"), failed)
            failed[deepest] = failures.unparsed(
                deepest, files[deepest], ParseError("it is nested too deeply to be followed")
            )
            del modules[deepest]
        except Exception as error:
            return given_up(files, failures.sentence(error, "this program"), failed)


def _upgrade(
    files: Mapping[str, bytes],
    modules: Mapping[str, Module],
    failed: Mapping[str, FileResult],
    given: levels.Given,
) -> ProgramResult:
    names = resolve_all(modules, {path: files[path] for path in modules}, given.layout)
    evidence, known = dialect.Evidence(modules), {}
    for path, module in modules.items():
        evidence.add(module, names[path])
        known[path] = seen(module, names[path])
        module.release()
    found = evidence.decide(modules, names, given.options.assume)
    if found.dialect == "tf1":
        return _tf1(files, modules, failed, given, names, known, found.evidence)
    level: Level = "tf2" if found.dialect == "tf2" else "none"
    told = [*_undecided(found.undecided), *_strays(found)] if given.options.assume is None else []
    results = {
        path: FileResult(
            path,
            files[path],
            None,
            level if known[path].has_names else "none",
            tuple(one for one in told if one.path == path),
        )
        for path in modules
    }
    return ProgramResult(level, {**results, **failed}, found.dialect, found.evidence)


def _tf1(
    files: Mapping[str, bytes],
    modules: Mapping[str, Module],
    failed: Mapping[str, FileResult],
    given: levels.Given,
    names: ProgramNames,
    known: Mapping[str, Seen],
    evidence: str,
) -> ProgramResult:
    """A program that is TensorFlow 1, at the level that it reaches."""
    from .normal import contrib_sources

    skipped = {path: line for path in files if (line := given.directives[path].skip)}
    apart = ignoring.apart(skipped) if modules.keys() - skipped.keys() else ()
    failed = {
        **failed,
        **{path: _passed(path, files[path], known, skipped[path], apart) for path in skipped if path in modules},
    }
    modules = {path: module for path, module in modules.items() if path not in skipped}
    unread = _unread({path: data for path, data in files.items() if path not in skipped}, modules, given.layout)
    parts = contrib_sources.candidates(known)
    work = levels.Work(modules, names.of(modules), given, (*unread, *apart), parts)
    outcome = levels.best(work)
    outcome = replace(outcome, diagnostics=(*outcome.diagnostics, *_gone_names(modules)))
    texts = {path: text for path, text in outcome.texts.items() if text != modules[path].utf8.decode()}
    after = {path: modules[path].encode(text) for path, text in texts.items()}
    told_of = (*_left_names(outcome.diagnostics), *outcome.accounts)
    own = {path: known[path] for path in modules}
    accounts = accounts_of(own, outcome.level, given.options.target, told_of, outcome.reason)
    results = {
        path: FileResult(
            path,
            files[path],
            after.get(path),
            outcome.level if known[path].has_names or path in after else "none",
            tuple(one for one in outcome.diagnostics if one.path == path),
            accounts[path],
        )
        for path in modules
    }
    manifest = outcome.manifest or Program(tuple(sorted(files)), outcome.level)
    everything = {path: module.utf8.decode() for path, module in modules.items()} | texts
    diagnostics = (*outcome.diagnostics, *(one for result in failed.values() for one in result.diagnostics))
    manifest = with_lines(replace(manifest, diagnostics=diagnostics), everything)
    requirements = tuple(sorted(outcome.requirements))
    return ProgramResult(outcome.level, {**results, **failed}, "tf1", evidence, manifest, requirements)


def _gone_names(modules: Mapping[str, Module]) -> Iterator[Diagnostic]:
    """The names that only Python 2 has."""
    for module in modules.values():
        yield from python2_names.gone_names(module)
        module.release()


def _passed(path: str, data: bytes, known: Mapping[str, Seen], line: int, apart: Sequence[Diagnostic]) -> FileResult:
    """A file that is to be skipped, with the names that stay in it."""
    result = ignoring.skipped(path, data, line)
    left = accounts_of({path: known[path]}, "untouched", "native", (), result.ignored[0].message)[path]
    accounts = tuple(replace(one, state="ignored") if one.state == "left" else one for one in left)
    return replace(result, accounts=accounts, diagnostics=tuple(one for one in apart if one.path == path))


def _undecided(undecided: Sequence[dialect.Place]) -> list[Diagnostic]:
    """One finding, at the first name that would mean something else, where nothing tells TensorFlow 1 from 2."""
    if not undecided:
        return []
    first = undecided[0]
    message = (
        f"nothing tells whether this is TensorFlow 1 or 2, and tf.{first.name}{_more(undecided)} would not mean the same "
        "in each: it was taken for TensorFlow 2 and left alone (--assume tf1 decides otherwise)"
    )
    return [Diagnostic("undecided-dialect", "TFM904", message, first.path, first.line, first.column)]


def _strays(found: dialect.Dialect) -> list[Diagnostic]:
    """One finding a file, at the first name that TensorFlow 2.21 has not, in a program that is TensorFlow 2 all the same."""
    by_path: dict[str, list[dialect.Place]] = {}
    for one in found.strays:
        by_path.setdefault(one.path, []).append(one)
    return [
        Diagnostic(
            "tf1-in-tf2",
            "TFM906",
            f"TensorFlow 2.21 has no tf.{strays[0].name}{_more(strays)}, but the program was taken for TensorFlow 2 "
            f"({found.evidence}) and left alone (--assume tf1 decides otherwise)",
            path,
            strays[0].line,
            strays[0].column,
        )
        for path, strays in by_path.items()
    ]


def _more(places: Sequence[dialect.Place]) -> str:
    return f" and {len(places) - 1} more" if len(places) > 1 else ""


def _left_names(diagnostics: Sequence[Diagnostic]) -> list[Account]:
    """The names that diagnostics of the first hundred report: what TensorFlow 2 has not, and no rule rewrote."""
    return [
        Account("", one.path, one.line, one.column, "left", one.message)
        for one in diagnostics
        if one.code.startswith("TFM1") and one.symbol.endswith("-left")
    ]


def _unread(
    files: Mapping[str, bytes], modules: Mapping[str, Module], layout: projects.Layout
) -> tuple[Diagnostic, ...]:
    """What a file that can't be read does to the graph is unknown: the reasons of those that import one."""
    if len(files) == len(modules):
        return ()
    loaded = projects.links({path: files[path] for path in modules}, layout)
    return tuple(
        Diagnostic(
            "partial-program", "TFM905", f"it imports {', '.join(sorted(lost))}, which could not be read", path, 1
        )
        for path, targets in loaded.items()
        if (lost := {target for target in targets.values() if target in files and target not in modules})
    )
