"""The facts of a mapping, and what is still to be mapped while it is made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tf_modernize.codemods.manifest import Transformation

from .reading import Checkpoint
from .roles import Role, Tensor
from .rules import Rules
from .targets import Target, Targets
from .transformations import shape_after, shown

By = Literal["rule", "manifest", "cell", "name", "average", "slot"]


@dataclass(frozen=True)
class Mapped:
    """One TF1 variable and a new one that it fills, or fills in part."""

    source: str
    key: str
    path: str
    transformation: Transformation
    details: Mapping[str, Any]
    by: By
    value: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Step:
    """Where an optimizer's number of steps comes from: Adam's powers (pairs of a name and its beta), and the global step.

    With several groups of powers nothing tells which is this optimizer's: they have to agree.
    """

    key: str
    path: str
    powers: tuple[tuple[str, float], ...]
    global_step: str | None
    scheduled: bool


@dataclass(frozen=True)
class Left:
    """A TF1 variable that goes nowhere, rightly: with the reason."""

    source: str
    reason: str


@dataclass(frozen=True)
class Unmapped:
    """A variable on either side that nothing could be said about: a problem.

    `follows` says that it is one only because the variable that it stands beside is one.
    """

    side: Literal["tf1", "new"]
    name: str
    shape: tuple[int, ...]
    reason: str
    candidates: tuple[str, ...] = ()
    follows: bool = False


@dataclass(frozen=True)
class VariableMapping:
    """The whole mapping. `kept` are the paths of new variables that keep their initial values, as they should."""

    mapped: tuple[Mapped, ...]
    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    kept: tuple[str, ...]
    unmapped: tuple[Unmapped, ...]
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.unmapped


@dataclass
class Work:
    """What is still to be mapped. `reasons` says of a variable why it could not be."""

    checkpoint: Checkpoint
    targets: Targets
    rules: Rules
    sources: dict[str, Tensor]
    free: dict[str, Target]
    mapped: list[Mapped] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    powers: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    scopes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counters: dict[str, str] = field(default_factory=dict)

    def fits(self, source: Tensor, target: Target, transformation: str, details: Mapping[str, Any]) -> bool:
        """Whether shape and dtype are right; if not, the reason is kept for the report."""
        shape = shape_after(source.shape, transformation, details)
        dtype = details.get("dtype", source.dtype)
        if shape == target.shape and dtype == target.dtype:
            return True
        said = f"{target.path} would take it, but "
        if shape != target.shape:
            said += f"has the shape {shown(target.shape)}, not {shown(shape)}"
        else:
            said += f"is {target.dtype}, not {dtype}"
        self.reasons.setdefault(source.name, said)
        self.reasons.setdefault(target.key, f"{source.name} would fill it, but does not fit")
        return False

    def put(
        self,
        source: Tensor,
        target: Target,
        by: By,
        transformation: Transformation = "none",
        details: Mapping[str, Any] | None = None,
        value: Callable[[Any], Any] | None = None,
    ) -> None:
        details = details or {}
        others = [one for one in self.mapped if one.key == target.key]
        if any("into" not in details or one.details.get("into") in (None, details["into"]) for one in others):
            self.reasons[source.name] = f"{others[0].source} goes to {target.path} already"
            return
        self.mapped.append(Mapped(source.name, target.key, target.path, transformation, details, by, value))
        self.sources.pop(source.name, None)
        self.free.pop(target.key, None)

    def drop(self, source: str, reason: str) -> None:
        self.left.append(Left(source, reason))
        self.sources.pop(source, None)

    def of_kind(self, *kinds: str) -> list[tuple[Tensor, Role]]:
        roles = self.checkpoint.roles
        return [(one, roles[name]) for name, one in self.sources.items() if roles[name].kind in kinds]

    def by_source(self) -> dict[str, list[Mapped]]:
        """What each TF1 variable that was mapped fills."""
        found: dict[str, list[Mapped]] = defaultdict(list)
        for one in self.mapped:
            found[one.source].append(one)
        return found
