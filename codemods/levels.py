"""To which level a program can go: native where the plan succeeds, else compat with the reasons, else it stays as it is."""

from __future__ import annotations

import ast
import gc
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from . import failures, ignoring, notebooks, projects
from .diagnostics import RULES, Diagnostic
from .manifest import Program
from .names import Names
from .names.program import resolve_all
from .options import Options
from .parse import Module, ParseError, parse
from .report import Account, Level

HELPER = 200_000  # bytes of a file without TensorFlow that is worth reading: a larger one holds data


@dataclass(frozen=True)
class Given:
    """What a program comes with: the user's options, where its files are, those beside it, and what comments ask for."""

    options: Options
    layout: projects.Layout
    beside: Mapping[str, bytes]
    directives: Mapping[str, ignoring.Directives]


@dataclass(frozen=True)
class Work:
    """A TF1 program to be upgraded: its modules and their names.

    `reasons` keep it from the native level, whatever it holds. `parts` are the paths of modules that may have parts of
    contrib which only their own source can replace.
    """

    modules: Mapping[str, Module]
    names: Mapping[str, Names]
    given: Given
    reasons: tuple[Diagnostic, ...] = ()
    parts: Collection[str] = ()

    def helpers(self) -> dict[str, Module]:
        """The modules without TensorFlow that it imports; one that can't be parsed is not known, as a package is not."""
        found: dict[str, Module] = {}
        for path, data in self.given.beside.items():
            try:
                if len(data) <= HELPER:
                    found[path] = parse(data, path, self.given.layout.name(path))
            except ParseError:
                continue
        return found

    def unsafe(self) -> frozenset[str]:
        """The codes of unsafe fixes that are wanted. What is ignored somewhere is not: its program can't go native there."""
        if not self.given.options.unsafe_fixes:
            return frozenset()
        wanted = frozenset(rule.code for rule in RULES if rule.fix == "unsafe")
        ignored = self.given.options.ignored
        codes = (ignoring.codes(self.given.directives[path]) | {*ignored.get(path, ())} for path in self.modules)
        return wanted.difference(*codes)


@dataclass(frozen=True)
class Outcome:
    """What the emitters made of a program's modules."""

    level: Level
    texts: Mapping[str, str] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    accounts: tuple[Account, ...] = ()
    manifest: Program | None = None
    reason: str = ""
    requirements: frozenset[str] = frozenset()


def best(work: Work) -> Outcome:
    """The program at the highest level that it can reach. A notebook must fall back into its cells there."""
    outcome = _written_out(work)
    torn = _torn(work.modules, outcome)
    if torn and outcome.level == "native":
        outcome = _written_out(replace(work, reasons=(*work.reasons, *torn)))
        torn = _torn(work.modules, outcome)
    return Outcome("untouched", {}, torn, outcome.accounts, None, torn[0].message) if torn else outcome


def _torn(modules: Mapping[str, Module], outcome: Outcome) -> tuple[Diagnostic, ...]:
    """The notebooks whose new text can't be put back into their cells."""
    return tuple(
        Diagnostic("unit-left", "TFM910", "not native because of code that no longer falls into the cells", path, 1)
        for path, text in outcome.texts.items()
        if path.endswith(notebooks.SUFFIX) and not notebooks.is_kept(modules[path].utf8.decode(), text)
    )


def _written_out(work: Work) -> Outcome:
    """What comes of the program with the parts of contrib in it that nothing but their own source can replace."""
    from .normal import contrib_sources, places

    modules = work.modules
    written = contrib_sources.written_out({path: modules[path] for path in modules if path in work.parts}, work.names)
    texts = {path: one.module.utf8.decode() for path, one in written.items()}
    if not written or ignoring.held(modules, texts, work.given.directives, ""):
        return _native_or_compat(work)
    changed = {**modules, **{path: one.module for path, one in written.items()}}
    resolved = resolve_all(changed, {path: one.utf8 for path, one in changed.items()}, work.given.layout)
    moved = {**work.given.directives, **{path: ignoring.read(one.module.utf8) for path, one in written.items()}}
    given = replace(work.given, directives=moved)
    outcome = _native_or_compat(replace(work, modules=changed, names=resolved, given=given))
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


def _native_or_compat(work: Work) -> Outcome:
    """The native level where the plan succeeds, else the compat level with the reasons why."""
    modules = work.modules
    if not modules:
        return Outcome("untouched")
    missing = work.given.options.missing
    reasons = (*work.reasons, *(_partial(path, missing[path]) for path in modules if path in missing))
    if work.given.options.target == "native" and not reasons:
        native = _native_unless_it_fails(work)
        if isinstance(native, Outcome):
            native = (
                ignoring.held(modules, native.texts, work.given.directives, "so the program stays in graph mode")
                or native
            )
        if isinstance(native, Outcome):
            return native
        reasons = native
        _release(modules)
    compat = _compat(work, reasons)
    what = "and does not run with compat.v1: the program stays as it is"
    held = ignoring.held(modules, compat.texts, work.given.directives, what)
    if not held:
        return compat
    kept = tuple(one for one in compat.diagnostics if one.code != held[0].code)
    return Outcome("untouched", {}, (*held, *kept), compat.accounts, None, held[0].message)


def _partial(path: str, missing: Collection[str]) -> Diagnostic:
    message = (
        f"it imports {', '.join(missing)}, which uses TensorFlow too but is not part of this run: "
        "files of one program must be upgraded together"
    )
    return Diagnostic("partial-program", "TFM905", message, path, 1)


def _native_unless_it_fails(work: Work) -> Outcome | tuple[Diagnostic, ...]:
    """The native level, or why not: a stage that fails on it leaves the program to the compat level."""
    try:
        return _native(work)
    except RecursionError as error:
        deepest = failures.deepest(work.modules)
        if deepest is not None:
            message = "not native because of code that is nested too deeply"
            return (Diagnostic("unit-left", "TFM910", message, deepest, 1),)
        sentence = failures.sentence(error, "the native level")
    except Exception as error:
        sentence = failures.sentence(error, "the native level")
    return (failures.tool_failed(min(work.modules), sentence),)


def _native(work: Work) -> Outcome | tuple[Diagnostic, ...]:
    from . import entries
    from .emit.native import Fallback

    emitted = entries.emit(work.modules, work.names, work.helpers(), work.given.layout, work.unsafe())
    if isinstance(emitted, Fallback):
        return tuple(emitted.reasons)
    _check_parses(emitted.texts)
    return Outcome("native", emitted.texts, tuple(emitted.diagnostics), tuple(emitted.accounts), emitted.manifest)


def _release(modules: Mapping[str, Module]) -> None:
    """Gives back what the native level read of a large program: its values refer to each other, and to the trees."""
    if any(not module.kept and "tree" in module.__dict__ for module in modules.values()):
        for module in modules.values():
            module.release()
        gc.collect()


def _compat(work: Work, reasons: tuple[Diagnostic, ...]) -> Outcome:
    """Graph mode on TensorFlow 2.21, or the program as it is where a name that nothing has any more would stop it."""
    from .emit import compat
    from .reach import stopped

    emitted = compat.emit(work.modules, work.names, work.unsafe())
    _check_parses(emitted.texts)
    reason = reasons[0].message if reasons else ""
    diagnostics = (*reasons, *emitted.diagnostics)
    accounts = tuple(emitted.accounts)
    blocked = {(one.path, one.line, one.column): one for one in emitted.blocked}
    place = stopped(work.modules, work.names, blocked, work.helpers())
    if place is not None:
        cause = blocked[place]
        sentence = f"the program stays as it is, since it can't run on TensorFlow 2.21: {cause.message}"
        diagnostics = (replace(cause, symbol="program-left", code="TFM907", message=sentence), *diagnostics)
        return Outcome("untouched", {}, diagnostics, accounts, None, sentence)
    return Outcome("compat", emitted.texts, diagnostics, accounts, None, reason, emitted.requirements)


def _check_parses(texts: Mapping[str, str]) -> None:
    for text in texts.values():
        ast.parse(text)
