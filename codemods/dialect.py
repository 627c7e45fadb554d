"""The dialect stage: whether a connected program is TensorFlow 1 or 2.

TF1 only on evidence, and TF2 programs have names of TensorFlow 1 too: what compat.v1 still offers them, or code for both
versions. So what speaks for each side is counted over the whole program, one use at a time:

* `removed`: names, imports and arguments that TensorFlow 2 never had, outside of tests of the version;
* `session`: from compat.v1, what makes no sense without a session, and feed_dicts;
* `graph`: other names of compat.v1 that build graphs; TF2 code calls some of them in eager mode too;
* `ported`: anything else that differs, in a module that knows TensorFlow as compat.v1 alone;
* `modern`: tf.function, tf.GradientTape, compat.v2 and names that only TensorFlow 2 has.

The dialect is the whole program's, so a module without evidence of its own goes with those that import it. What means
something else in each (`tf.nn.dropout(x, 0.8)`) proves nothing; `--assume` decides a program with no more than that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from .accounts import is_unchanged
from .api import Fact, is_native, lookup
from .api import gone as lost
from .names import Import, Names, Use, fact_of
from .names.meaning import Api
from .parse import Module
from .syntax import nodes

Kind = Literal["tf1", "tf2", "none"]
_Side = Literal["", "removed", "late", "session", "graph", "ported", "modern", "eager"]

# What a program of sessions has from compat.v1: TensorFlow 2 has no use for it in any mode.
_SESSION = (
    "InteractiveSession",
    "Session",
    "data.make_initializable_iterator",
    "disable_eager_execution",
    "disable_v2_behavior",
    "get_default_session",
    "layers.",
    "nn.rnn_cell.",
    "placeholder",
    "reset_default_graph",
    "sparse_placeholder",
    "train.MonitoredTrainingSession",
)
# What builds graphs, but that TF2 code calls from compat.v1 in eager mode too.
_GRAPH = (
    "add_to_collection",
    "data.make_one_shot_iterator",
    "get_collection",
    "get_variable",
    "global_variables",
    "initialize_",
    "local_variables",
    "nn.bidirectional_dynamic_rnn",
    "nn.dynamic_rnn",
    "nn.static_",
    "summary.FileWriter",
    "summary.merge",
    "tables_initializer",
    "train.Saver",
    "train.get_global_step",
    "train.get_or_create_global_step",
    "trainable_variables",
    "variable_scope",
    "variables_initializer",
)
_OPTIMIZER = re.compile(r"train\.\w+Optimizer\b")
# compat.v1 names that say nothing: logging, switches, converters, the session that Keras is given for its options.
_IN_PASSING = (
    "ConfigProto",
    "GPUOptions",
    "VERSION",
    "app",
    "enable_",
    "executing_eagerly",
    "flags",
    "gfile",
    "io.gfile",
    "keras",
    "logging",
    "set_random_seed",
    "test",
    "train.summary_iterator",
)
# A program of graphs has one such name among this many names at least; TF2 packages that serve graphs too have fewer.
_SOME = 20
# Names that 1.15 has too but that a TF1 program has no use for, and those that make compat.v1 eager.
_MODERN = ("GradientTape", "function")
_EAGER = ("enable_eager_execution", "enable_v2_behavior")

_KERAS = re.compile(rb"^[ \t]*(?:import|from)[ \t]+keras\b", re.MULTILINE)
_RUNS = re.compile(rb"\.(?:run|eval|partial_run|make_callable)\(")
_VERSION_TESTS = frozenset({"__version__", "VERSION", "version", "hasattr", "executing_eagerly", "enabled"})
_IS_TF2 = re.compile(r"_?(?:is|use|using|have|has)?_?(?:tf|tensorflow)_?v?[12]", re.IGNORECASE)
_MAY_TEST = re.compile(
    rb"version|VERSION|hasattr|executing_eagerly|[fFwW]_?[vV]?[12]|enabled"
    rb"|AttributeError|ImportError|NotFound|except[ \t]*:|\bdir\("
)


@dataclass(frozen=True)
class Place:
    """Where a program names something of TensorFlow: `line` is 1-based, `column` 0-based."""

    name: str
    path: str
    line: int
    column: int


@dataclass(frozen=True)
class Dialect:
    """`evidence` is a sentence with the first thing that decided; `undecided` is what means something else in each, `strays`
    the names that TensorFlow 2.21 has not in a program that is TensorFlow 2 all the same."""

    dialect: Kind
    evidence: str = ""
    undecided: tuple[Place, ...] = ()
    strays: tuple[Place, ...] = ()


@dataclass
class _Found:
    """The evidence of a program: how often each side is spoken for, and the first sentence for it."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    graph: list[Place] = field(default_factory=list)
    strays: list[Place] = field(default_factory=list)

    def add(self, side: str, sentence: str) -> None:
        self.counts[side] = self.counts.get(side, 0) + 1
        self.first.setdefault(side, sentence)

    def __getitem__(self, side: str) -> int:
        return self.counts.get(side, 0)


def of_program(
    modules: Mapping[str, Module], names: Mapping[str, Names], assume: Literal["tf1", "tf2"] | None = None
) -> Dialect:
    """The dialect of a connected program; `modules` and `names` by path."""
    evidence = Evidence(modules)
    for path, module in modules.items():
        evidence.add(module, names[path])
    return evidence.decide(modules, names, assume)


class Evidence:
    """The evidence of a program, gathered module by module."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.found = _Found()
        self.uses = 0
        self.named = False
        self.runs = any(_RUNS.search(one.utf8) or b"feed_dict" in one.utf8 for one in modules.values())

    def add(self, module: Module, names: Names) -> None:
        self.uses += len(names.uses)
        self.named = self.named or bool(names.uses or names.imports)
        _count(module, names, self.found, self.runs)

    def decide(
        self, modules: Mapping[str, Module], names: Mapping[str, Names], assume: Literal["tf1", "tf2"] | None = None
    ) -> Dialect:
        """The dialect, once every module was added."""
        if not self.named:
            return Dialect("none")
        if assume == "tf2":
            return Dialect("tf2", "assumed, as asked for")
        decided = _decide(self.found, self.uses)
        if not decided and not self.found["eager"]:
            for path, module in modules.items():
                if b"feed_dict" in module.utf8 and not _local(module, names[path]):
                    _count_feeds(module, self.found)
                module.release()
            decided = _decide(self.found, self.uses)
        if decided:
            return Dialect("tf1", self.found.first[decided])
        return _undecided(self.found, modules, names, assume)


def _undecided(
    found: _Found, modules: Mapping[str, Module], names: Mapping[str, Names], assume: Literal["tf1", "tf2"] | None
) -> Dialect:
    """The dialect of a program in which nothing speaks for TensorFlow 1."""
    changed: list[Place] = []
    for path, module in modules.items():
        changed += [_place(path, use) for use in names[path].uses if _changed(use, names[path])]
        module.release()
    undecided = tuple(changed)
    if assume == "tf1":
        return Dialect("tf1", "assumed, as asked for", undecided)
    why = (
        found.first.get("eager")
        or found.first.get("modern")
        or ("nothing else tells" if found.strays else "nothing in it is TensorFlow 1 only")
    )
    if found["modern"]:
        undecided = ()
    elif not found["eager"]:
        undecided = tuple(sorted((*found.graph, *undecided), key=lambda one: (one.path, one.line)))
    return Dialect("tf2", why, undecided, tuple(found.strays))


def _decide(found: _Found, uses: int) -> str:
    """The side whose evidence makes a program TensorFlow 1; empty where it is TensorFlow 2."""
    modern = found["modern"]
    if found["removed"] >= max(1, modern):
        return "removed"
    if found["eager"] and "switch" not in found.first:
        return ""
    if modern := modern + found["keras"]:
        graph = found["session"] + found["graph"]
        return "session" if found["session"] >= modern and graph > modern and graph * _SOME >= uses else ""
    return next((side for side in ("session", "ported") if found[side]), "")


def _count(module: Module, names: Names, found: _Found, runs: bool) -> None:
    """Adds a module's evidence."""
    tested: list[tuple[int, int]] | None = None
    roots = [one for one in names.imports if one.name == ""]
    only_v1 = {one.api for one in roots} == {"v1"} and any(one.top for one in roots)
    local = _local(module, names)
    for use in names.uses:
        side = side_of(use.name, use.api)
        if side == "":
            if use.name.startswith("python.") and lost(use.name) and fact_of(use.name)[0] is None:
                found.strays.append(_place(module.path, use))
                continue
            argument = _old_argument(use, names) if use.api == "plain" else ""
            if not argument:
                continue
            side, what = "removed", f"tf.{use.name}({argument}=...), an argument of TensorFlow 1"
        elif side in ("removed", "late"):
            what = f"tf.{use.name}, which TensorFlow 2 has not"
        else:
            what = f"tf.compat.{use.api}.{use.name}" if use.api != "plain" else f"tf.{use.name}"
        if (side == "ported" and not only_v1) or (local and _is_local(use.node, local, names)):
            continue
        if use.api == "v1" and use.name.endswith("Session") and not runs:
            continue  # made for its options, as Keras programs do
        if tested is None:
            tested = list(guarded_lines(module)) if _MAY_TEST.search(module.utf8) else []
        if any(start <= use.node.lineno <= end for start, end in tested):
            continue
        if side in ("removed", "late"):
            found.strays.append(_place(module.path, use))
        if side == "graph" and only_v1:
            side = "ported"
        elif side == "graph":
            found.graph.append(_place(module.path, use))
        if use.name.startswith(("disable_v2_behavior", "disable_eager_execution")):
            found.first.setdefault("switch", use.name)
        found.add(side, _at(module, use, what))
    _count_imports(module, names.imports, found)
    if _KERAS.search(module.utf8):
        found.add("keras", f"{module.path} imports keras")


def _local(module: Module, names: Names) -> set[str]:
    """The names for compat.v1 that functions import for themselves: a graph of its own, beside whatever the program does."""
    roots = [one for one in names.imports if one.name == "" and one.api == "v1"]
    local = {one.bound for one in roots if not one.top} - {one.bound for one in roots if one.top}
    return set() if b"disable_" in module.utf8 else local


def _count_feeds(module: Module, found: _Found) -> None:
    for node in nodes(module.tree):
        if isinstance(node, ast.Call) and any(keyword.arg == "feed_dict" for keyword in node.keywords):
            found.add("session", f"{module.path}:{node.lineno} feeds a session")


def _count_imports(module: Module, imports: list[Import], found: _Found) -> None:
    for one in imports:
        if one.guarded or one.foreign or one.bound == "*" or one.name == "":
            continue
        side = side_of(one.name, one.api)
        if side in ("removed", "modern"):
            found.add(side, f"{module.path}:{one.node.lineno} imports tensorflow.{one.name}")
        if side in ("removed", "late") or one.name.startswith("examples"):
            found.strays.append(Place(one.name, module.path, one.alias.lineno, one.alias.col_offset))


@lru_cache(maxsize=8192)
def side_of(name: str, api: Api) -> _Side:
    """What a name that is reached by `api` speaks for."""
    if api == "v2":
        return "modern"
    if name.startswith(_MODERN) and name.partition(".")[0] in _MODERN:
        return "modern"
    if api == "v1":
        if name.startswith(_EAGER):
            return "eager"
        if name.startswith(_SESSION):
            return "session"
        if name.startswith(_GRAPH) or _OPTIMIZER.match(name):
            return "graph"
        return "" if is_unchanged(name) or name.startswith(_IN_PASSING) else "ported"
    if name.startswith(("examples", "python", "core", "lite.python")):
        return ""  # data, and private modules, which both have
    fact, path = fact_of(name)
    if _only_tf2(name, path if fact else ""):
        return "modern"
    if fact is None or not gone(fact) or name[len(path) + 1 :].startswith("__"):
        return ""
    if fact.since in ("after 2.0", "2.16"):
        return "" if name.startswith("keras") else "late"  # TensorFlow 2.0 still had it
    return "removed"


def _only_tf2(name: str, known: str) -> bool:
    """Whether TensorFlow 2 has more of a dotted name than what TensorFlow 1 knows of it."""
    while len(name) > len(known):
        if is_native(name):
            return True
        name = name.rpartition(".")[0]
    return False


def gone(fact: Fact) -> bool:
    """Whether TensorFlow 2 has no such name outside of compat.v1."""
    return fact.state != "same" and not is_native(fact.name)


def _old_argument(use: Use, names: Names) -> str:
    """An argument of a call that TensorFlow 2 never had. Keras has renamed some within TensorFlow 2, and private
    functions keep theirs: they tell nothing."""
    call = names.call_of(use.node)
    if call is None or not call.keywords or use.name.startswith(("keras", "python")):
        return ""
    fact, _ = fact_of(use.name)
    if fact is None or not (fact.renamed or fact.dropped) or fact.since in ("after 2.0", "2.16"):
        return ""
    new = {parameter.name for parameter in fact.target_signature or ()}
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in new and (keyword.arg in fact.renamed or keyword.arg in fact.dropped):
            return keyword.arg
    return ""


def _changed(use: Use, names: Names) -> bool:
    """Whether a name, as it is used, means something else in TensorFlow 2."""
    fact = lookup(use.name)
    if use.api != "plain" or fact is None or not fact.behaviour:
        return False
    call = names.call_of(use.node)
    if not fact.when or call is None:
        return True
    positions = [parameter.name for parameter in fact.signature or ()]
    passed = {*positions[: len(call.args)], *(keyword.arg for keyword in call.keywords)}
    return bool(passed & {None, *fact.when}) or any(isinstance(one, ast.Starred) for one in call.args)


def guarded_lines(module: Module) -> Iterator[tuple[int, int]]:
    """The lines that run only where a test of TensorFlow's version, or a try, lets them."""
    statements = list(_statements(module.tree))
    tests = _VERSION_TESTS
    if b"__version__" in module.utf8:
        tests |= _named_tests(statements)

    def is_test(name: str) -> bool:
        return name in tests or _IS_TF2.fullmatch(name) is not None

    for node in statements:
        if isinstance(node, ast.If):
            if any(
                (isinstance(part, ast.Attribute) and is_test(part.attr))
                or (isinstance(part, ast.Name) and is_test(part.id))
                or _is_listing(part)
                for part in nodes(node.test)
            ):
                yield node.lineno, node.end_lineno or node.lineno
        elif isinstance(node, ast.Try) and catches_missing(node):
            yield node.lineno, node.body[-1].end_lineno or node.lineno


def catches_missing(node: ast.Try) -> bool:
    """Whether a try goes on where a name that it reaches is not there."""
    names = {
        part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
        for handler in node.handlers
        if handler.type is not None
        for part in ast.walk(handler.type)
    }
    missing = {"AttributeError", "ImportError", "ModuleNotFoundError"}
    return bool(names & missing) or any(handler.type is None for handler in node.handlers)


def _is_listing(node: ast.AST) -> bool:
    """Whether code asks for what an object has: the call in `"name" in dir(tf)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dir" and bool(node.args)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Every statement, of whatever depth."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            for one in getattr(node, block, ()):
                pending.append(one)
                if isinstance(one, ast.stmt):
                    yield one


def _named_tests(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """Names that the module gives to TensorFlow's version, or to a test of it."""
    return frozenset(
        target.id
        for node in statements
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
        and any(isinstance(part, ast.Attribute) and part.attr == "__version__" for part in ast.walk(node.value))
    )


def _is_local(node: ast.expr, local: set[str], names: Names) -> bool:
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in local and names.api_of(root) == "v1"


def _place(path: str, use: Use) -> Place:
    return Place(use.name, path, use.node.lineno, use.node.col_offset)


def _at(module: Module, use: Use, what: str) -> str:
    return f"{module.path}:{use.node.lineno} uses {what}"
