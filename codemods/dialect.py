"""The dialect stage: whether a connected program is TensorFlow 1 or 2.

TF1 only on evidence: a name that TensorFlow 2 has not, compat.v1, an argument that only TF1 knows, a feed_dict. The
dialect is the whole program's, so a module without evidence of its own goes with those that import it. What means
something else in each (`tf.nn.dropout(x, 0.8)`) proves nothing; `--assume` decides a program with no more than that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from .api import Fact, is_native, lookup
from .names import Names, Use, fact_of
from .parse import Module

Kind = Literal["tf1", "tf2", "none"]

# compat.v1 names that TF2 programs use in passing: logging, switches, converters, summaries of old files.
_IN_PASSING = (
    "logging",
    "enable_",
    "executing_eagerly",
    "app",
    "flags",
    "gfile",
    "ConfigProto",
    "GPUOptions",
    "Session",
    "keras",
    "train.summary_iterator",
    "VERSION",
    "set_random_seed",
)
# Names that 1.15 has under the same name but that a TF1 program has no use for.
_EAGER = frozenset({"GradientTape", "function"})
_VERSION_TESTS = frozenset({"__version__", "VERSION", "version", "hasattr", "executing_eagerly", "is_tf2", "enabled"})


@dataclass(frozen=True)
class Dialect:
    """`evidence` is a sentence with the first thing that decided; `undecided` is what means something else in each."""

    dialect: Kind
    evidence: str = ""
    undecided: tuple[tuple[str, Use], ...] = ()


def of_program(
    modules: Mapping[str, Module], names: Mapping[str, Names], assume: Literal["tf1", "tf2"] | None = None
) -> Dialect:
    """The dialect of a connected program; `modules` and `names` by path."""
    uses = [(path, use) for path in modules for use in names[path].uses]
    if not uses and not any(names[path].imports for path in modules):
        return Dialect("none")
    if assume == "tf2":
        return Dialect("tf2", "assumed, as asked for")
    in_passing, eager = "", False
    for path, module in modules.items():
        calls: dict[ast.AST, ast.Call] | None = None
        tested: list[tuple[int, int]] | None = None
        for use in names[path].uses:
            fact, path_of = fact_of(use.name)
            if use.api == "v2" or (use.api == "plain" and use.name in _EAGER):
                eager = True
                continue
            if use.api == "v1":
                if use.name == "":
                    continue
                if not use.name.startswith(_IN_PASSING):
                    return Dialect("tf1", _at(path, use, f"tf.compat.v1.{use.name}"))
                in_passing = in_passing or _at(path, use, f"tf.compat.v1.{use.name}")
                continue
            if fact is None or use.name.startswith("examples."):
                continue
            if gone(fact) and not use.name[len(path_of) + 1 :].startswith("__"):
                if tested is None:
                    tested = list(_version_tests(module.tree))
                if not any(start <= use.node.lineno <= end for start, end in tested):
                    return Dialect("tf1", _at(path, use, f"tf.{fact.name}, which TensorFlow 2 has not"))
                continue
            if fact.renamed or fact.dropped:
                if calls is None:
                    calls = {node.func: node for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
                argument = _old_argument(fact, calls.get(use.node))
                if argument:
                    return Dialect(
                        "tf1", _at(path, use, f"tf.{fact.name}({argument}=...), an argument of TensorFlow 1")
                    )
        if b"feed_dict" in module.utf8:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and any(keyword.arg == "feed_dict" for keyword in node.keywords):
                    return Dialect("tf1", f"{path}:{node.lineno} feeds a session")
        for found in names[path].imports:
            if found.guarded or found.api != "plain" or found.bound == "*" or found.name.startswith("examples."):
                continue
            fact, _ = fact_of(found.name)
            if fact is not None and gone(fact):
                return Dialect("tf1", f"{path}:{found.node.lineno} imports tensorflow.{found.name}")
    if in_passing and not eager:
        return Dialect("tf1", in_passing)
    undecided = tuple((path, use) for path, use in uses if _changed(use))
    if assume == "tf1":
        return Dialect("tf1", "assumed, as asked for", undecided)
    return Dialect("tf2", "nothing in it is TensorFlow 1 only", undecided)


def gone(fact: Fact) -> bool:
    """Whether TensorFlow 2 has no such name outside of compat.v1."""
    return fact.state != "same" and not is_native(fact.name)


def _old_argument(fact: Fact, call: ast.Call | None) -> str:
    if call is None:
        return ""
    new = {parameter.name for parameter in fact.target_signature or ()}
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in new and (keyword.arg in fact.renamed or keyword.arg in fact.dropped):
            return keyword.arg
    return ""


def _changed(use: Use) -> bool:
    fact = lookup(use.name)
    return use.api == "plain" and fact is not None and bool(fact.behaviour)


def _version_tests(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """The lines that run only where a test of TensorFlow's version, or a try, lets them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            if any(
                (isinstance(part, ast.Attribute) and part.attr in _VERSION_TESTS)
                or (isinstance(part, ast.Name) and part.id in _VERSION_TESTS)
                for part in ast.walk(node.test)
            ):
                yield node.lineno, node.end_lineno or node.lineno
        elif isinstance(node, ast.Try):
            names = {
                part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
                for handler in node.handlers
                if handler.type is not None
                for part in ast.walk(handler.type)
            }
            if names & {"AttributeError", "ImportError", "ModuleNotFoundError"} or any(
                handler.type is None for handler in node.handlers
            ):
                yield node.lineno, node.body[-1].end_lineno or node.lineno


def _at(path: str, use: Use, what: str) -> str:
    return f"{path}:{use.node.lineno} uses {what}"
