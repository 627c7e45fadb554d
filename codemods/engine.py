"""The pipeline: bytes - triage - parse - names - dialect - graph - plan - emit - bytes and report.

It works on one connected program at a time (`projects`): graph mode is global to a process, so the files of a program go the
same way. It returns data, and an exception of a stage becomes an internal-error diagnostic of the program that met it.
"""

from __future__ import annotations

import ast
import gc
import re
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Literal

from . import dialect, ignoring, notebooks, projects, python2
from .accounts import Seen, accounts_of, seen
from .diagnostics import RULES, Diagnostic
from .manifest import Program, with_lines
from .names import Names, ProgramNames
from .names.meaning import Others
from .names.walk import exports_of
from .parse import DEEP, Module, ParseError, depth, parse
from .report import Account, FileResult, Level, ProgramResult
from .triage import mentions_tensorflow

# `import tensorflow.compat.v1 as tfv1` in one file of a project makes `tfv1` worth looking for in the others.
_ALIAS = re.compile(rb"\btensorflow\b[\w.]*(?:[ \t]+import[ \t]+\w+)?[ \t]+as[ \t]+(\w{3,})")


_RUNS = re.compile(rb"\bsess(?:ion)?\.run\(")


# Bytes of a program's source whose syntax trees stay in memory while it is worked on; beyond them each is parsed again.
KEPT = 3_000_000


@dataclass(frozen=True)
class Options:
    """What a user can ask for. `assume` decides the dialect where the source gives no evidence.

    `missing` are, by the path of a file, the files that it imports, that use TensorFlow and that are not part of the run:
    what they do to the graph is unknown, so a program that they belong to does not reach the native level.
    `ignored` are, by the path of a file, the codes that are not to be told of. `unsafe_fixes` has what may not mean the same
    written, too, and told.
    """

    target: Literal["native", "compat"] = "native"
    assume: Literal["tf1", "tf2"] | None = None
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ignored: Mapping[str, Collection[str]] = field(default_factory=dict)
    unsafe_fixes: bool = False


@dataclass(frozen=True)
class _Outcome:
    """What the emitters made of a program's modules."""

    level: Level
    texts: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...] = ()
    accounts: tuple[Account, ...] = ()
    manifest: Program | None = None
    reason: str = ""
    requirements: frozenset[str] = frozenset()


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
            failed[path] = ignoring.skipped(path, data, skip) if skip else _unparsed(path, data, error)
            continue
        if read > KEPT:
            exports_of(modules[path])
            modules[path].release()
    while True:
        try:
            result = _upgrade(files, modules, failed, layout, options, beside, directives)
            return ignoring.settled(result, directives, options.ignored)
        except RecursionError as error:
            deepest = _deepest(modules)
            if deepest is None:
                return given_up(files, _failure(error, "this program"), failed)
            failed[deepest] = _unparsed(deepest, files[deepest], ParseError("it is nested too deeply to be followed"))
            del modules[deepest]
        except Exception as error:
            return given_up(files, _failure(error, "this program"), failed)


def _deepest(modules: Mapping[str, Module]) -> str | None:
    """The module that is nested the deepest, where that explains an error of recursion."""
    depths = {}
    for path, module in modules.items():
        depths[path] = depth(module.tree)
        module.release()
    found = max(depths, key=lambda path: depths[path], default=None)
    return found if found is not None and depths[found] >= DEEP else None


def _upgrade(
    files: Mapping[str, bytes],
    modules: Mapping[str, Module],
    failed: Mapping[str, FileResult],
    layout: projects.Layout,
    options: Options,
    beside: Mapping[str, bytes],
    directives: Mapping[str, ignoring.Directives],
) -> ProgramResult:
    names = resolve_all(modules, {path: files[path] for path in modules}, layout)
    evidence, known = dialect.Evidence(modules), {}
    for path, module in modules.items():
        evidence.add(module, names[path])
        known[path] = seen(module, names[path])
        module.release()
    found = evidence.decide(modules, names, options.assume)
    if found.dialect != "tf1":
        level: Level = "tf2" if found.dialect == "tf2" else "none"
        told = [*_undecided(found.undecided), *_strays(found)] if options.assume is None else []
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
    from .normal import contrib_sources

    skipped = [path for path in files if directives[path].skip]
    everyone = modules
    modules = {path: module for path, module in modules.items() if path not in skipped}
    unread = _unread({path: data for path, data in files.items() if path not in skipped}, modules, layout)
    apart = ignoring.apart({path: directives[path].skip for path in skipped}) if modules else ()
    unread = (*unread, *apart)
    names = names.of(modules)
    parts = contrib_sources.candidates(known)
    outcome = _written(modules, names, options, layout, beside, unread, directives, parts)
    torn = _torn(modules, outcome)
    if torn and outcome.level == "native":
        outcome = _written(modules, names, options, layout, beside, (*unread, *torn), directives, parts)
        torn = _torn(modules, outcome)
    if torn:
        outcome = _Outcome("untouched", {}, torn, outcome.accounts, None, torn[0].message)
    outcome = replace(outcome, diagnostics=(*outcome.diagnostics, *_gone_names(modules)))
    failed = {
        **failed,
        **{
            path: _passed(path, files[path], known, directives[path].skip, apart)
            for path in skipped
            if path in everyone
        },
    }
    texts = {path: text for path, text in outcome.texts.items() if text != modules[path].utf8.decode()}
    after = {path: modules[path].encode(text) for path, text in texts.items()}
    told_of = (*_left_names(outcome.diagnostics), *outcome.accounts)
    own = {path: known[path] for path in modules}
    accounts = accounts_of(own, outcome.level, options.target, told_of, outcome.reason)
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
    return ProgramResult(outcome.level, {**results, **failed}, "tf1", found.evidence, manifest, requirements)


def _gone_names(modules: Mapping[str, Module]) -> Iterator[Diagnostic]:
    """The names that only Python 2 has."""
    for module in modules.values():
        yield from python2.gone_names(module)
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


def resolve_all(modules: Mapping[str, Module], files: Mapping[str, bytes], layout: projects.Layout) -> ProgramNames:
    """The TensorFlow names of every module; what one imports from another is looked up under the spelling that it uses."""
    others = Others.of({module.name: module for module in modules.values()})
    spelt = projects.links(files, layout)
    known = {
        path: others.known_as({name: modules[target] for name, target in spelt[path].items() if target in modules})
        for path in modules
    }
    return ProgramNames(modules, known)


def _written(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    options: Options,
    layout: projects.Layout,
    beside: Mapping[str, bytes],
    unread: tuple[Diagnostic, ...],
    directives: Mapping[str, ignoring.Directives],
    parts: Collection[str],
) -> _Outcome:
    """What the emitters make of the program, with the parts of contrib in it that nothing but its own source can replace;
    `parts` are the paths of the modules that may have such parts."""
    from .normal import contrib_sources, places

    written = contrib_sources.written_out({path: modules[path] for path in modules if path in parts}, names)
    texts = {path: one.module.utf8.decode() for path, one in written.items()}
    if not written or ignoring.held(modules, texts, directives, ""):
        return _emit(modules, names, options, layout, beside, unread, directives)
    changed = {**modules, **{path: one.module for path, one in written.items()}}
    resolved = resolve_all(changed, {path: one.utf8 for path, one in changed.items()}, layout)
    moved = {**directives, **{path: ignoring.read(one.module.utf8) for path, one in written.items()}}
    outcome = _emit(changed, resolved, options, layout, beside, unread, moved)
    origins = {path: one.origins for path, one in written.items()}
    outcome = replace(
        outcome,
        diagnostics=tuple(places.diagnostics(outcome.diagnostics, origins)),
        accounts=tuple(places.accounts(outcome.accounts, origins)),
        manifest=places.manifest(outcome.manifest, origins),
    )
    if outcome.level == "untouched":
        return outcome
    return replace(
        outcome,
        texts={**texts, **outcome.texts},
        diagnostics=(*outcome.diagnostics, *(told for one in written.values() for told in one.diagnostics)),
        accounts=(*outcome.accounts, *(account for one in written.values() for account in one.accounts)),
    )


def _emit(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    options: Options,
    layout: projects.Layout,
    beside: Mapping[str, bytes],
    unread: tuple[Diagnostic, ...],
    directives: Mapping[str, ignoring.Directives],
) -> _Outcome:
    """The native level where the plan succeeds, else the compat level with the reasons why."""
    if not modules:
        return _Outcome("untouched", {})
    reasons = (*unread, *(_partial(path, options.missing[path]) for path in modules if path in options.missing))
    unsafe = _unsafe(options, directives, modules)
    if options.target == "native" and not reasons:
        try:
            native = _native(modules, names, layout, beside, unsafe)
        except RecursionError as error:
            deepest = _deepest(modules)
            if deepest is None:
                native = (_tool_failed(min(modules), _failure(error, "the native level")),)
            else:
                native = (
                    Diagnostic(
                        "unit-left", "TFM910", "not native because of code that is nested too deeply", deepest, 1
                    ),
                )
        except Exception as error:
            native = (_tool_failed(min(modules), _failure(error, "the native level")),)
        if isinstance(native, _Outcome):
            native = ignoring.held(modules, native.texts, directives, "so the program stays in graph mode") or native
        if isinstance(native, _Outcome):
            return native
        reasons = native
        _release(modules)
    compat = _compat(modules, names, reasons, _helpers(beside, layout), unsafe)
    held = ignoring.held(
        modules, compat.texts, directives, "and does not run with compat.v1: the program stays as it is"
    )
    if not held:
        return compat
    kept = tuple(one for one in compat.diagnostics if one.code != held[0].code)
    return _Outcome("untouched", {}, (*held, *kept), compat.accounts, None, held[0].message)


def _release(modules: Mapping[str, Module]) -> None:
    """Gives back what the native level read of a large program: its values refer to each other, and to the trees."""
    if any(not module.kept and "tree" in module.__dict__ for module in modules.values()):
        for module in modules.values():
            module.release()
        gc.collect()


def _torn(modules: Mapping[str, Module], outcome: _Outcome) -> tuple[Diagnostic, ...]:
    """The notebooks whose new text can't be put back into their cells."""
    return tuple(
        Diagnostic("unit-left", "TFM910", "not native because of code that no longer falls into the cells", path, 1)
        for path, text in outcome.texts.items()
        if path.endswith(notebooks.SUFFIX) and not notebooks.is_kept(modules[path].utf8.decode(), text)
    )


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


def _partial(path: str, missing: Sequence[str]) -> Diagnostic:
    message = (
        f"it imports {', '.join(missing)}, which uses TensorFlow too but is not part of this run: "
        "files of one program must be upgraded together"
    )
    return Diagnostic("partial-program", "TFM905", message, path, 1)


def _unsafe(options: Options, directives: Mapping[str, ignoring.Directives], paths: Collection[str]) -> frozenset[str]:
    """The codes of unsafe fixes that are wanted. What is ignored somewhere is not: its program can't go native there."""
    wanted = frozenset(rule.code for rule in RULES if rule.fix == "unsafe") if options.unsafe_fixes else frozenset()
    return wanted.difference(*(ignoring.codes(directives[path]) | {*options.ignored.get(path, ())} for path in paths))


def _native(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    layout: projects.Layout,
    beside: Mapping[str, bytes],
    unsafe: frozenset[str],
) -> _Outcome | tuple[Diagnostic, ...]:
    from . import entries
    from .emit.native import Fallback

    emitted = entries.emit(modules, names, _helpers(beside, layout), layout, unsafe)
    if isinstance(emitted, Fallback):
        return tuple(emitted.reasons)
    _check_parses(emitted.texts)
    return _Outcome("native", emitted.texts, tuple(emitted.diagnostics), tuple(emitted.accounts), emitted.manifest)


HELPER = 200_000  # bytes of a file without TensorFlow that is worth reading: a larger one holds data


def _helpers(beside: Mapping[str, bytes], layout: projects.Layout) -> dict[str, Module]:
    """The modules without TensorFlow that a program imports; one that can't be parsed is not known, as a package is not."""
    found: dict[str, Module] = {}
    for path, data in beside.items():
        try:
            if len(data) <= HELPER:
                found[path] = parse(data, path, layout.name(path))
        except ParseError:
            continue
    return found


def _compat(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    reasons: tuple[Diagnostic, ...],
    helpers: Mapping[str, Module],
    unsafe: frozenset[str],
) -> _Outcome:
    """Graph mode on TensorFlow 2.21, or the program as it is where a name that nothing has any more would stop it."""
    from .emit import compat
    from .reach import stopped

    emitted = compat.emit(modules, names, unsafe)
    _check_parses(emitted.texts)
    reason = reasons[0].message if reasons else ""
    diagnostics = (*reasons, *emitted.diagnostics)
    accounts = tuple(emitted.accounts)
    blocked = {(one.path, one.line, one.column): one for one in emitted.blocked}
    place = stopped(modules, names, blocked, helpers)
    if place is not None:
        cause = blocked[place]
        sentence = f"the program stays as it is, since it can't run on TensorFlow 2.21: {cause.message}"
        diagnostics = (replace(cause, symbol="program-left", code="TFM907", message=sentence), *diagnostics)
        return _Outcome("untouched", {}, diagnostics, accounts, None, sentence)
    return _Outcome("compat", emitted.texts, diagnostics, accounts, None, reason, emitted.requirements)


def _left_names(diagnostics: Sequence[Diagnostic]) -> list[Account]:
    """The names that diagnostics of the first hundred report: what TensorFlow 2 has not, and no rule rewrote."""
    return [
        Account("", one.path, one.line, one.column, "left", one.message)
        for one in diagnostics
        if one.code.startswith("TFM1") and one.symbol.endswith("-left")
    ]


def _check_parses(texts: Mapping[str, str]) -> None:
    for text in texts.values():
        ast.parse(text)


def _unparsed(path: str, data: bytes, error: ParseError) -> FileResult:
    symbol, code = ("python2-source", "TFM902") if error.python2 else ("unparsable-source", "TFM901")
    diagnostic = Diagnostic(symbol, code, f"{error}; the file stays as it is", path, max(error.line, 1))
    return FileResult(path, data, None, "untouched", (diagnostic,), error=str(error))


def _failure(error: Exception, where: str) -> str:
    """An exception of a stage, as one line that a bug report can start from."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({frames[-1].name}, {PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    plain = all(isinstance(one, (str, int, type(None))) for one in error.args)  # a value's own text may be endless
    said = str(error) if plain else ", ".join(type(one).__name__ for one in error.args)
    return f"internal error in {where}: {type(error).__name__}: {said}{at}; please report it"


def given_up(
    files: Mapping[str, bytes], sentence: str, failed: Mapping[str, FileResult] | None = None
) -> ProgramResult:
    """The program as it was, with an internal error on each of its files that did not fail on its own account."""
    failed = failed or {}
    results = {
        path: FileResult(path, data, None, "untouched", (_tool_failed(path, sentence),), error=sentence)
        for path, data in files.items()
        if path not in failed
    }
    diagnostics = tuple(one for result in results.values() for one in result.diagnostics)
    manifest = Program(tuple(sorted(files)), "untouched", diagnostics=diagnostics)
    return ProgramResult("untouched", {**results, **failed}, manifest=manifest)


def _tool_failed(path: str, sentence: str) -> Diagnostic:
    return Diagnostic("internal-error", "TFM909", sentence, path, 1)


def has_internal_error(result: ProgramResult) -> bool:
    """Whether a stage failed on the program, though it may have been done at a lower level."""
    return any(one.symbol == "internal-error" for file in result.files.values() for one in file.diagnostics)
