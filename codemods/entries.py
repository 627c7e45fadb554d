"""A connected program at the native level: its entry modules one by one, each with all that it imports.

The modules that several entries share must come out alike; else the whole program stays in graph mode. Modules without
TensorFlow are read for what they bind, and never written: another program may import them, too.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import cast

from . import projects
from .diagnostics import Diagnostic
from .emit.manifest import together
from .emit.native import Emitted, Fallback
from .emit.native import emit as emit_entry
from .emit.native_symbols import reason
from .graph import Interpreter, recover
from .graph.frames import Problem
from .names import Names, resolve
from .names.meaning import Others
from .normal import places, prints, properties
from .normal.handing_in import handed_in
from .normal.inlining import inlined, inlined_methods, written_out
from .normal.lifting import lifted
from .normal.optimize_loss import written_otherwise
from .normal.origins import Origins
from .normal.outlining import rewritten
from .normal.renaming import renamed
from .normal.storing import stored
from .parse import Module
from .plan.reasons import ToHoist, ToOutline, ToRename, ToWriteOut, Undecided

STEPS = (
    written_otherwise,
    inlined,
    stored,
    inlined_methods,
    handed_in,
    lifted,
)  # of writing TF1 otherwise: the first that finds something
MAX_REWRITTEN = 40  # rounds of writing TF1 otherwise before it is planned


@dataclass(frozen=True)
class Project:
    """The modules of a connected program. `helpers` are without TensorFlow: they are read, and never written."""

    modules: Mapping[str, Module]
    names: Mapping[str, Names]
    helpers: Mapping[str, Module]
    links: Mapping[str, Mapping[str, str]]  # what each module imports, as it spells it -> path
    loads: Mapping[str, set[str]]  # what importing each module loads, its packages included
    unsafe: Collection[str] = ()


def emit(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    helpers: Mapping[str, Module] | None = None,
    layout: projects.Layout | None = None,
    unsafe: Collection[str] = (),
) -> Emitted | Fallback:
    """Takes the modules of one connected program to the native level, or says why not.

    `unsafe` are the codes of what may be written though it may not mean the same.
    """
    results = []
    for one in each_entry(modules, names, helpers, layout, unsafe):
        if isinstance(one.result, Fallback):
            return one.result
        results.append(one.result)
    if not results:
        return Fallback([reason(_first(modules), "modules that import each other in a circle")])
    return _together(modules, results)


@dataclass(frozen=True)
class Entry:
    """One entry module with what became of it and of all that it imports; `builds` says whether these make any graph."""

    path: str
    builds: bool
    result: Emitted | Fallback


def each_entry(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    helpers: Mapping[str, Module] | None = None,
    layout: projects.Layout | None = None,
    unsafe: Collection[str] = (),
) -> Iterator[Entry]:
    """The modules that no other module of the program imports, one by one."""
    project = _project(modules, names, helpers or {}, layout or projects.Layout(modules), unsafe)
    imported = {target for path in modules for target in project.loads[path] - {path}}
    for path in modules:
        if path not in imported:
            yield _program(project, path)


def _over(own: dict[str, Names], names: Mapping[str, Names]) -> MutableMapping[str, Names]:
    """Names over others, of which none is asked for before its time; what is written goes into `own`."""
    return ChainMap(own, cast("MutableMapping[str, Names]", names))


def _project(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    helpers: Mapping[str, Module],
    layout: projects.Layout,
    unsafe: Collection[str],
) -> Project:
    everything = {**modules, **helpers}
    links = projects.links({path: module.utf8 for path, module in everything.items()}, layout)
    loads = {path: {*links[path].values(), *layout.packages(path)} & everything.keys() for path in everything}
    return Project(
        modules, _over({path: resolve(one) for path, one in helpers.items()}, names), helpers, links, loads, unsafe
    )


def _program(project: Project, entry: str) -> Entry:
    """One entry module with what it imports. What can't be planned as it stands is written otherwise first."""
    reached = _reached(entry, project.loads)
    modules = {path: module for path, module in project.modules.items() if path in reached}
    helpers = {path: module for path, module in project.helpers.items() if path in reached}
    origins: dict[str, Origins] = {}
    names = _over({}, project.names)
    plain = properties.written_out(modules)
    modules.update({path: module for path, (module, _) in plain.items()})
    origins.update({path: origin for path, (_, origin) in plain.items()})
    names.update(_resolved(project, modules, plain))
    result: Emitted | Fallback | None = None
    told: list[Diagnostic] = []  # what went before the graph was planned
    builds = False
    for _ in range(MAX_REWRITTEN):
        run = recover({**modules, **helpers}, names, entry, project.links)
        builds = bool(run.values)
        if run.problems:
            result = Fallback([_at_home(project, entry, problem) for problem in run.problems])
            break
        changed = prints.dropped(run, origins, told)
        changed = changed or next((found for step in STEPS if (found := step(run, origins))), {})
        if not changed or changed.keys() & helpers.keys():
            try:
                result = emit_entry(modules, helpers, names, run, project.unsafe, project.modules)
                break
            except Undecided as undecided:
                module = {**modules, **helpers}[undecided.path]
                result = Fallback([_at_home(project, entry, Problem(undecided.node, module, str(undecided)))])
                changed = _otherwise(undecided, run, modules, origins)
                if not changed:
                    break
        modules.update({path: module for path, (module, _) in changed.items()})
        origins.update({path: origin for path, (_, origin) in changed.items()})
        names.update(_resolved(project, modules, changed))
    assert result is not None
    result = _at_origin(result, origins)
    if isinstance(result, Emitted):
        result = replace(result, diagnostics=[*result.diagnostics, *told, *_written_out(project, modules, entry)])
    return Entry(entry, builds, result)


def _written_out(project: Project, modules: Mapping[str, Module], entry: str) -> Iterator[Diagnostic]:
    """Tells of functions that were written out where they were called, where files that were not read may call them."""
    for path, module in modules.items():
        left = {one.name for one in module.tree.body if isinstance(one, ast.FunctionDef)}
        for one in project.modules[path].tree.body:
            if isinstance(one, ast.FunctionDef) and one.name not in left and path != entry:
                what = f"the function `{one.name}` is written out where these files call it"
                message = f"{what}, and gone: a call from elsewhere must be changed by hand"
                yield Diagnostic("changed-interface", "TFM919", message, path, one.lineno, one.col_offset)


def _otherwise(
    why: Undecided, run: Interpreter, modules: Mapping[str, Module], origins: Mapping[str, Origins]
) -> dict[str, tuple[Module, Origins]]:
    """The modules in which what can't be planned is written otherwise; empty where that is no way."""
    if why.path not in modules:
        return {}
    if isinstance(why, ToWriteOut):
        changed = written_out(why, run, origins)
        return changed if changed.keys() <= modules.keys() else {}
    if isinstance(why, ToRename):
        found = renamed(why, run, modules, origins)
    else:
        found = rewritten(why, modules, origins) if isinstance(why, (ToOutline, ToHoist)) else None
    return {why.path: found} if found is not None else {}


def _resolved(project: Project, modules: Mapping[str, Module], paths: Iterable[str]) -> dict[str, Names]:
    """The names of modules that were written anew."""
    others = Others.of({module.name: module for module in modules.values()})
    found = {}
    for path in paths:
        spelt = {name: modules[target] for name, target in project.links[path].items() if target in modules}
        found[path] = resolve(modules[path], others.known_as(spelt))
    return found


def _at_origin(result: Emitted | Fallback, origins: Mapping[str, Origins]) -> Emitted | Fallback:
    """A result whose places are those of the source as it was."""
    if not origins:
        return result
    if isinstance(result, Fallback):
        return Fallback(places.diagnostics(result.reasons, origins))
    return replace(
        result,
        diagnostics=places.diagnostics(result.diagnostics, origins),
        accounts=places.accounts(result.accounts, origins),
        manifest=places.manifest(result.manifest, origins),
    )


def _together(modules: Mapping[str, Module], results: list[Emitted]) -> Emitted | Fallback:
    """The results of several entries, where they wrote the modules that they share alike."""
    texts: dict[str, str] = {}
    seen: dict[str, str | None] = {}
    keys: dict[str, str] = {}
    for result in results:
        for name, key in result.saved.items():
            if keys.setdefault(name, key) != key:
                what = f"checkpoints that have {name} under different keys in several of the project's scripts"
                return Fallback([reason(_first(modules), what)])
        for path in result.paths:
            text = result.texts.get(path)
            if seen.setdefault(path, text) != text:
                return Fallback(
                    [
                        reason(
                            Problem(modules[path].tree, modules[path], ""),
                            "a module that its importers need in different forms",
                        )
                    ]
                )
            if text is not None:
                texts[path] = text
    diagnostics = list(dict.fromkeys(one for result in results for one in result.diagnostics))
    manifests = [result.manifest for result in results if result.manifest is not None]
    joined = together(modules, manifests)
    return Emitted(texts, diagnostics, [one for result in results for one in result.accounts], joined, tuple(modules))


def _first(modules: Mapping[str, Module]) -> Problem:
    module = modules[min(modules)]
    return Problem(module.tree, module, "")


def _reached(entry: str, loads: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    work = [entry]
    while work:
        path = work.pop()
        if path not in found:
            found.add(path)
            work.extend(loads[path])
    return found


def _at_home(project: Project, entry: str, problem: Problem) -> Diagnostic:
    """A reason. One that lies in a module without TensorFlow, which is in no report, is told at the entry that reads it."""
    path = problem.module.path
    if path not in project.helpers:
        return reason(problem, problem.message)
    module = project.modules[entry]
    line = getattr(problem.node, "lineno", 1)
    return reason(Problem(module.tree, module, ""), f"{problem.message} (in {path}, line {line})")
