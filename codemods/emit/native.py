"""The native level: no session, no graph; tf.functions that compute what the executions did.

`emit` plans what one entry module of a program and its imports do, and writes the result, or says why it can't: then the
whole program stays in graph mode, since both can't live in one process.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..diagnostics import Diagnostic
from ..graph import Interpreter
from ..manifest import Program
from ..names import Names
from ..parse import Module
from ..plan.functions import make
from ..plan.names import name_functions
from ..plan.reasons import Undecided
from ..plan.sharing import share
from ..plan.units import find
from ..report import Account
from . import branches, feeds, iterators, metrics, queues, savers, sessions, setup, sites
from . import moves as moving
from .checks import check_attributes, check_gone, check_scopes, check_stable
from .classes import member_layers, members, remains
from .context import Context
from .estimating import estimators, monitored
from .from_files import loading, pruning
from .graph_calls import rewrite_calls
from .host_code import check_reads, drop_statements
from .kept_comments import restored
from .keras_models import (
    batch_norm,
    block_models,
    collected_losses,
    contrib_calls,
    function_attributes,
    function_models,
    models,
    own_layers,
)
from .keras_models.weight_names import check_layer_weights
from .manifest import manifest_of
from .native_accounts import accounts
from .native_imports import native_imports
from .native_symbols import rewrite_symbols
from .placing import keep_optimizers, place
from .recurrent import rnn_states
from .scoping import idle_run, left_unbound, reader_of
from .verify import gone, lost_comments, unbound, written_names


@dataclass(frozen=True)
class Emitted:
    """The new texts of the modules that change, by path."""

    texts: Mapping[str, str]
    diagnostics: list[Diagnostic]
    accounts: list[Account]
    manifest: Program | None = None
    paths: tuple[str, ...] = ()  # every module that was looked at
    saved: Mapping[str, str] = field(default_factory=dict)  # TF1 name of what checkpoints hold -> its key in them


@dataclass(frozen=True)
class Fallback:
    """Why a program can't go native."""

    reasons: list[Diagnostic] = field(default_factory=list)


def emit(
    modules: Mapping[str, Module],
    helpers: Mapping[str, Module],
    names: Mapping[str, Names],
    run: Interpreter,
    unsafe: Collection[str] = (),
    sources: Mapping[str, Module] | None = None,
) -> Emitted | Fallback:
    """Writes what one entry module reaches. `helpers` are the modules without TensorFlow, which stay as they are; `unsafe`
    are the codes of what may be written though it may not mean the same; `sources` are the modules as their user wrote them,
    where they were written otherwise since."""
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
    context = Context({**modules, **helpers}, names, run, units, plan, unsafe=unsafe, helpers=frozenset(helpers))
    models.prepare(context)
    member_layers.prepare(context)
    own_layers.prepare(context)
    members.keep(context)
    function_models.own(context)
    rnn_states.rewrite(context)
    contrib_calls.own(context)
    setup.optimizers(context)
    setup.variables(context)
    setup.schedules(context)
    iterators.prepare(context)
    iterators.shuffles(context)
    setup.writers(context)
    metrics.prepare(context)
    loading.own(context)
    estimators.prepare(context)
    drop_statements(context)
    queues.coordinators(context)
    contrib_calls.drop(context)
    check_reads(context)
    rewrite_calls(context)
    branches.rewrite(context)
    collected_losses.rewrite(context)
    contrib_calls.rewrite_handed_on(context)
    function_attributes.rewrite(context)
    check_layer_weights(context)
    check_stable(context)
    check_gone(context)
    remains.drop_nothings(context)
    left = rewrite_symbols(context)
    if left:
        return Fallback(left)
    collected_losses.name_losses(context)
    own_layers.write(context)
    sessions.drop_parameters(context)
    savers.rewrite(context)
    function_models.write(context)
    block_models.write(context)
    member_layers.write(context)
    loading.rewrite(context)
    pruning.functions(context)
    monitored.prepare(context)
    sites.rewrite(context)
    feeds.note_decided(context)
    monitored.write(context)
    for function in plan.functions:
        batch_norm.check(context, function)
        place(context, function)
    keep_optimizers(context)
    estimators.write(context)
    remains.drop_lists(context)
    remains.drop_empty(context)
    context.check_built()
    for late, node, written in context.late:
        late.replaced[node] = written()
    _check_helpers(context)
    texts = {}
    for path in modules:
        text = _module_text(context, path)
        if text is not None:
            texts[path] = restored((sources or modules)[path].utf8.decode(), text)
    check_attributes(context, texts)
    check_scopes(context, texts)
    return Emitted(
        texts, context.diagnostics, accounts(context), manifest_of(context, texts), tuple(modules), context.saved
    )


def _check_helpers(context: Context) -> None:
    """A module without TensorFlow may belong to several programs, so that none of them can have it changed."""
    for path in context.helpers:
        if context.edits[path] or context.moves[path]:
            node = context.modules[path].tree.body[0]
            raise context.stop("graph code in a module that does not import TensorFlow", node, path)


def _still_there(context: Context, path: str, lost: dict[ast.stmt, list[str]]) -> dict[ast.stmt, list[str]]:
    """Comments from within a model function go to where its Estimator was."""
    found: dict[ast.stmt, list[str]] = {}
    for node, comments in lost.items():
        around: ast.AST | None = node
        while around is not None and around not in context.emptied:
            around = context.parents.get(around)
        place = context.emptied[around] if isinstance(around, ast.stmt) else node
        found.setdefault(place, []).extend(comments)
    return found


def _module_text(context: Context, path: str) -> str | None:
    edits, moves = context.edits[path], context.moves[path]
    native_imports(context, path)
    if not edits and not moves:
        _check_names(context, path, context.names[path])
        return None
    moves.dropped -= moves.taken
    module = context.modules[path]
    edited = edits.apply()
    text = moving.apply(edited, module.tree, moves) if moves else edited
    lost = lost_comments(module, text)
    if lost:
        moves.comments = _still_there(context, path, lost)
        text = moving.apply(edited, module.tree, moves)
    name = unbound(module.tree, ast.parse(text))
    if name is not None:
        raise context.stop(f"`{name.id}`, which is used in a way that is not followed", module.tree.body[0], path)
    left = left_unbound(module.utf8.decode(), text)
    if left is not None:
        node = reader_of(module.tree, left) or module.tree.body[0]
        made = left in context.objects.values()
        what = (
            "variables of a model that is made in another place"
            if made
            else f"`{left}`, which is used in a way that is not followed"
        )
        raise context.stop(what, node, path)
    _check_names(context, path, written_names(module, text))
    return text


def _check_names(context: Context, path: str, written: Names) -> None:
    """Every TensorFlow name that a module has now must be TensorFlow 2.21's, and take its arguments."""
    found = gone(written)
    if found is not None:
        node, what = found
        uses = context.names[path].uses
        name = written.name_of(node)
        at = node if written is context.names[path] else next((use.node for use in uses if use.name == name), None)
        raise context.stop(what, at or context.modules[path].tree.body[0], path)
