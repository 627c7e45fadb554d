"""The native level: no session, no graph; tf.functions that compute what the executions did.

`emit` interprets the program, plans it, and writes the result, or says why it can't: then the whole program stays in graph
mode, since both can't live in one process.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..diagnostics import Diagnostic
from ..graph import Interpreter, recover
from ..graph.frames import Problem
from ..manifest import Place, Program
from ..names import Names, resolve
from ..names.meaning import Others
from ..origins import Origins, at
from ..parse import Module
from ..plan.functions import make
from ..plan.names import name_functions
from ..plan.reasons import Undecided
from ..plan.sharing import share
from ..plan.units import find
from ..report import Account
from . import (
    batch_norm,
    block_models,
    collected_losses,
    contrib_calls,
    function_attributes,
    function_models,
    loading,
    models,
    savers,
    sessions,
    setup,
    sites,
)
from . import moves as moving
from .checks import check_gone, check_stable
from .context import Context
from .graph_calls import rewrite_calls
from .host_code import check_reads, drop_statements
from .inlining import inlined
from .lifting import lifted
from .manifest import manifest_of, together
from .native_accounts import accounts
from .native_imports import native_imports
from .native_symbols import reason, rewrite_symbols
from .placing import keep_optimizers, place
from .scoping import idle_run, left_unbound, reader_of
from .verify import gone, lost_comments, unbound
from .weight_names import check_layer_weights

MAX_INLINED = 40


@dataclass(frozen=True)
class Emitted:
    """The new texts of the modules that change, by path."""

    texts: Mapping[str, str]
    diagnostics: list[Diagnostic]
    accounts: list[Account]
    manifest: Program | None = None
    paths: tuple[str, ...] = ()  # every module that was looked at


@dataclass(frozen=True)
class Fallback:
    """Why a program can't go native."""

    reasons: list[Diagnostic] = field(default_factory=list)


def emit(modules: Mapping[str, Module], names: Mapping[str, Names]) -> Emitted | Fallback:
    """Takes the modules of one connected program to the native level, or says why not."""
    imports = {path: _imports(modules, path) for path in modules}
    entries = [path for path in modules if not any(path in found for other, found in imports.items() if other != path)]
    if not entries:
        return Fallback([reason(_first(modules), "modules that import each other in a circle")])
    results = []
    for entry in entries:
        reached = _reached(entry, imports)
        result = _program({path: modules[path] for path in modules if path in reached}, names, entry)
        if isinstance(result, Fallback):
            return result
        results.append(result)
    return _together(modules, results)


def _program(modules: Mapping[str, Module], names: Mapping[str, Names], entry: str) -> Emitted | Fallback:
    """One entry module with what it imports. Functions that build graph at one place are written out there first."""
    origins: dict[str, Origins] = {}
    modules, names = dict(modules), {path: names[path] for path in modules}
    run = recover(modules, names, entry)
    for _ in range(MAX_INLINED):
        changed = {} if run.problems else inlined(run, origins) or lifted(run, origins)
        if not changed:
            break
        modules.update({path: module for path, (module, _) in changed.items()})
        origins.update({path: origin for path, (_, origin) in changed.items()})
        others = Others.of({module.name: module for module in modules.values()})
        names.update({path: resolve(module, others) for path, (module, _) in changed.items()})
        run = recover(modules, names, entry)
    if run.problems:
        return _at_origin(Fallback([_problem(problem) for problem in run.problems]), origins)
    try:
        result = _emit(modules, names, run)
    except Undecided as undecided:
        result = Fallback([reason(Problem(undecided.node, modules[undecided.path], ""), str(undecided))])
    return _at_origin(result, origins)


def _at_origin(result: Emitted | Fallback, origins: Mapping[str, Origins]) -> Emitted | Fallback:
    """A result whose places are those of the source as it was."""
    if not origins:
        return result
    if isinstance(result, Fallback):
        return Fallback([_told_at(one, origins) for one in result.reasons])
    accounts = [
        replace(one, line=line, column=place)
        for one in result.accounts
        for line, place in [at(origins, one.path, one.line, one.column)]
    ]
    manifest = result.manifest
    if manifest is not None:
        executions = tuple(
            replace(
                one,
                old=_place_at(one.old, origins),
                values=tuple(replace(value, old=_place_at(value.old, origins)) for value in one.values),
            )
            for one in manifest.executions
        )
        manifest = replace(manifest, executions=executions)
    diagnostics = [_told_at(one, origins) for one in result.diagnostics]
    return replace(result, diagnostics=diagnostics, accounts=accounts, manifest=manifest)


def _told_at(one: Diagnostic, origins: Mapping[str, Origins]) -> Diagnostic:
    line, place = at(origins, one.path, one.line, one.column)
    return replace(one, line=line, column=place, end_line=0, end_column=0) if one.path in origins else one


def _place_at(place: Place, origins: Mapping[str, Origins]) -> Place:
    line, found = at(origins, place.file, place.line, place.column)
    return replace(place, line=line, column=found)


def _together(modules: Mapping[str, Module], results: list[Emitted]) -> Emitted | Fallback:
    """The results of several entries, where they wrote the modules that they share alike."""
    texts: dict[str, str] = {}
    seen: dict[str, str | None] = {}
    for result in results:
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


def _imports(modules: Mapping[str, Module], path: str) -> set[str]:
    """The modules of the program that a module imports."""
    by_name = {module.name: path for path, module in modules.items()}
    module = modules[path]
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(by_name.get(alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.name.split(".")[: -node.level] if node.level else []
            source = ".".join([*package, node.module] if node.module else package)
            found.add(by_name.get(source, ""))
            found.update(by_name.get(f"{source}.{alias.name}", "") for alias in node.names)
    return found - {""}


def _reached(entry: str, imports: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    work = [entry]
    while work:
        path = work.pop()
        if path not in found:
            found.add(path)
            work.extend(imports[path])
    return found


def _problem(problem: Problem) -> Diagnostic:
    return reason(problem, problem.message)


# -- the emission -------------------------------------------------------------------------------------------------------


def _emit(modules: Mapping[str, Module], names: Mapping[str, Names], run: Interpreter) -> Emitted | Fallback:
    units = find(run)
    for path, module in modules.items():
        idle = idle_run(module.tree, run.activations)
        if idle is not None:
            raise Undecided("a function that nothing calls and that runs a session", idle, path)
    plan = make(units)
    for unit in units.ordered:
        if unit.kind == "mixed":
            raise Undecided(
                "a statement that makes both variables and tensors", unit.node, unit.statement.frame.module.path
            )
    share(plan)
    name_functions(plan)
    context = Context(modules, names, run, units, plan)
    models.prepare(context)
    function_models.own(context)
    contrib_calls.own(context)
    setup.optimizers(context)
    setup.variables(context)
    setup.schedules(context)
    setup.iterators(context)
    setup.writers(context)
    loading.own(context)
    drop_statements(context)
    contrib_calls.drop(context)
    check_reads(context)
    rewrite_calls(context)
    collected_losses.rewrite(context)
    contrib_calls.rewrite_handed_on(context)
    function_attributes.rewrite(context)
    check_layer_weights(context)
    check_stable(context)
    check_gone(context)
    left = rewrite_symbols(context)
    if left:
        return Fallback(left)
    collected_losses.name_losses(context)
    sessions.drop_parameters(context)
    savers.rewrite(context)
    function_models.write(context)
    block_models.write(context)
    loading.rewrite(context)
    sites.rewrite(context)
    for function in plan.functions:
        batch_norm.check(context, function)
        place(context, function)
    keep_optimizers(context)
    context.check_built()
    for late, node, written in context.late:
        late.replaced[node] = written()
    texts = {}
    for path in modules:
        text = _module_text(context, path)
        if text is not None:
            texts[path] = text
    return Emitted(texts, context.diagnostics, accounts(context), manifest_of(context, texts), tuple(modules))


def _module_text(context: Context, path: str) -> str | None:
    edits, moves = context.edits[path], context.moves[path]
    native_imports(context, path)
    if not edits and not moves:
        return None
    moves.dropped -= moves.taken
    module = context.modules[path]
    edited = edits.apply()
    text = moving.apply(edited, module.tree, moves) if moves else edited
    lost = lost_comments(module, text)
    if lost:
        moves.comments = lost
        text = moving.apply(edited, module.tree, moves)
    name = unbound(module.tree, ast.parse(text))
    if name is not None:
        raise context.stop(f"`{name.id}`, which is used in a way that is not followed", module.tree.body[0], path)
    left = left_unbound(module.utf8.decode(), text)
    if left is not None:
        node = reader_of(module.tree, left) or module.tree.body[0]
        raise context.stop(f"`{left}`, which is used in a way that is not followed", node, path)
    old = gone(module, text)
    if old is not None:
        at = next((use.node for use in context.names[path].uses if use.name == old), module.tree.body[0])
        raise context.stop(f"tf.{old}, which is used in a way that is not followed", at, path)
    return text
