"""A user's rules for what no rule of ours covers: JSON, or a Python file that may hold callables.

A rule is an object with one of these forms; `match` is a regular expression that has to fit the whole TF1 name, `keep` one
that has to fit the whole path of a new variable:

    {"match": "old/(.*)/w", "path": "new/\\\\1/kernel"}              that variable goes there
    {"match": …, "path": …, "transformation": "transpose", "details": {"axes": [1, 0]}}
    {"match": ".*/Adam(_1)?", "path": null}                        left behind on purpose
    {"match": "encoder/rnn/lstm_cell/.*", "forget_bias": 0.0}      that cell's forget bias
    {"match": "encoder/my_cell", "cell": "lstm", "path": "encoder"} that scope is a cell; `path` (optional) is the Keras layer
    {"keep": "new_head/.*"}                                        keeps its initial value: TF1 has none

In a Python file a rule may also be a function of a name and a shape. It returns None (no matter of this rule), a path, or an
object as above without `match`, in which `value` may be a function from the old value to the new one.
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from tf_modernize.codemods.manifest import Transformation

from .cells import Kind
from .reading import CheckpointError

_KEYS = frozenset({"match", "path", "transformation", "details", "forget_bias", "cell", "keep", "value"})


@dataclass(frozen=True)
class Answer:
    """What a rule says of one TF1 variable: `path` None leaves it behind."""

    path: str | None
    transformation: Transformation = "none"
    details: Mapping[str, Any] = field(default_factory=dict)
    value: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Rules:
    """Rules that were read and checked, in their order."""

    rules: tuple[Mapping[str, Any] | Callable[[str, tuple[int, ...]], Any], ...] = ()

    def answer(self, name: str, shape: tuple[int, ...]) -> Answer | None:
        """The first rule's answer about a TF1 variable."""
        for rule in self.rules:
            if callable(rule):
                answer = _called(rule, name, shape)
                if answer is not None:
                    return answer
            elif "path" in rule and "cell" not in rule and "match" in rule:
                found = re.fullmatch(rule["match"], name)
                if found:
                    return _answer({**rule, "path": None if rule["path"] is None else found.expand(rule["path"])})
        return None

    def forget_bias(self, name: str) -> float | None:
        """The forget bias that a rule gives the cell to which a variable belongs."""
        return next((float(rule["forget_bias"]) for rule in self._fitting("forget_bias", name)), None)

    def cell(self, scope: str) -> tuple[Kind, str | None] | None:
        """The kind of cell that a rule says a scope is, and the path of the Keras layer, if it gives one."""
        return next(((rule["cell"], rule.get("path")) for rule in self._fitting("cell", scope)), None)

    def keeps(self, path: str) -> bool:
        """Whether a rule lets a new variable keep its initial value."""
        return any("keep" in rule and re.fullmatch(rule["keep"], path) for rule in self._plain())

    def _plain(self) -> list[Mapping[str, Any]]:
        return [rule for rule in self.rules if isinstance(rule, Mapping)]

    def _fitting(self, key: str, name: str) -> list[Mapping[str, Any]]:
        return [rule for rule in self._plain() if key in rule and re.fullmatch(rule["match"], name)]


def load(source: str) -> Rules:
    """The rules of `rules.json`, or of `rules.py:NAME` (RULES without a name)."""
    name, separator, attribute = source.rpartition(":")
    path = Path(name if separator and name.endswith(".py") else source)
    if not path.is_file():
        raise CheckpointError(f"there are no rules at {path}")
    if path.suffix == ".py":
        wanted = attribute if path != Path(source) else "RULES"
        try:
            found = runpy.run_path(str(path))
        except Exception as error:
            raise CheckpointError(f"{path} could not be run ({type(error).__name__}: {error})") from None
        if wanted not in found:
            raise CheckpointError(f"{path} has no {wanted}")
        return check(found[wanted], str(path))
    try:
        return check(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} can't be read as JSON ({error})") from None


def check(rules: Any, where: str = "the rules") -> Rules:
    """Rules from plain data and functions, or a sentence about the first that is none."""
    if isinstance(rules, Rules):
        return rules
    if isinstance(rules, Mapping) or not isinstance(rules, Sequence) or isinstance(rules, str):
        raise CheckpointError(f"{where}: a list of rules is wanted, not {type(rules).__name__}")
    for number, rule in enumerate(rules, 1):
        problem = None if callable(rule) else _problem(rule)
        if problem:
            raise CheckpointError(f"{where}: rule {number} {problem}")
    return Rules(tuple(rules))


def _problem(rule: Any) -> str | None:
    if not isinstance(rule, Mapping):
        return "is neither an object nor a function"
    unknown = sorted(set(rule) - _KEYS)
    if unknown:
        return f"has {', '.join(unknown)}, which means nothing here (known: {', '.join(sorted(_KEYS))})"
    if ("match" in rule) == ("keep" in rule):
        return "wants either `match` or `keep`"
    if "match" in rule and not rule.keys() & {"path", "forget_bias", "cell"}:
        return "has `match`, but no `path`, `forget_bias` or `cell`"
    try:
        re.compile(rule.get("match", rule.get("keep", "")))
    except (re.error, TypeError) as error:
        return f"has no regular expression ({error})"
    if rule.get("transformation", "none") not in get_args(Transformation):
        return f"has the transformation {rule['transformation']!r}; known are {', '.join(get_args(Transformation))}"
    if "cell" in rule and rule["cell"] not in get_args(Kind):
        return f"has the cell {rule['cell']!r}; known are {', '.join(get_args(Kind))}"
    if "forget_bias" in rule and not isinstance(rule["forget_bias"], int | float):
        return "has a forget bias that is no number"
    return None


def _called(rule: Callable[[str, tuple[int, ...]], Any], name: str, shape: tuple[int, ...]) -> Answer | None:
    shown = getattr(rule, "__name__", "a rule")
    try:
        said = rule(name, shape)
    except Exception as error:
        raise CheckpointError(f"the rule {shown} failed on {name} ({type(error).__name__}: {error})") from None
    if said is None:
        return None
    if isinstance(said, str):
        return Answer(said)
    if isinstance(said, Mapping) and "path" in said and _problem({"match": "", **said}) is None:
        return _answer(said)
    raise CheckpointError(
        f"the rule {shown} answered {said!r} for {name}: a path, an object with `path`, or None is wanted"
    )


def _answer(rule: Mapping[str, Any]) -> Answer:
    return Answer(rule["path"], rule.get("transformation", "none"), rule.get("details", {}), rule.get("value"))
