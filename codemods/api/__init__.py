"""Facts about TensorFlow: for each public name of TF 1.15, what has become of it in TensorFlow 2.21.

The table is `facts.tsv`, one line a name, written by `scripts/generate_api.py` from the two packages and from the hand-written
`hand.tsv` and `older.tsv`. It is read whole on the first look-up and a line is split only when its name is asked for, so that
neither the linter nor a hook pays for the seven thousand others.

Names are written without the leading `tensorflow.`; a default or an added argument that is itself a TensorFlow name is
written with `tf.` before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

SAME, RENAMED, MOVED, CHANGED, REMOVED = "same", "renamed", "moved", "changed-arguments", "removed"
EMPTY: Mapping[str, str] = MappingProxyType({})

# What a compat spelling asks of the program besides TensorFlow 2.21.
LEGACY_KERAS = "legacy-keras"


@dataclass(frozen=True)
class Parameter:
    """One parameter. `kind` is "positional", "keyword" (after a bare star), "*" or "**"; `default` is None where it has none."""

    name: str
    default: str | None = None
    kind: str = "positional"

    @property
    def required(self) -> bool:
        return self.default is None and self.kind in ("positional", "keyword")


Signature = tuple[Parameter, ...]


@dataclass(frozen=True)
class Fact:
    """What is known of one TF 1.15 name.

    `target` is the native name to write instead (the name itself where it still serves). From this fact alone a call may be
    rewritten to it if `behaviour` is empty, or if `when` is not and the call passes none of `when`. Then: keywords as `renamed`
    says (positional arguments by their names in `signature`); an argument in `inert` deleted, as is one that is passed its own
    default; no other of `dropped` passed; each of `defaults` written where the call does not pass it. Otherwise a rule must know
    what the `behaviour` says (behaviours.tsv).

    `since` is the version of TensorFlow that first had the state. `successor` is what a person or a structural rewrite would use
    instead ("absl." is another package). `compat` is the spelling under `tf.compat.v1`, where the arguments are TF 1.15's: those
    in `compat_renamed` are called otherwise, and only the first `compat_places` (None: all) keep their places. `requires` is what
    it needs besides ("legacy-keras"). `slim` is the spelling under the tf_slim package.
    """

    name: str
    kind: str
    state: str
    since: str
    target: str | None
    compat: str | None
    requires: str
    slim: str | None
    signature: Signature | None
    target_signature: Signature | None
    renamed: Mapping[str, str]
    compat_renamed: Mapping[str, str]
    compat_places: int | None
    dropped: tuple[str, ...]
    inert: tuple[str, ...]
    defaults: Mapping[str, str]
    behaviour: str
    when: tuple[str, ...]
    successor: str | None
    source: str


@dataclass(frozen=True)
class Behaviour:
    """A change of meaning that no rename expresses: what differs, and where that is known from."""

    id: str
    summary: str
    source: str


class Table:
    """Lines of tab-separated text, sorted by their first column, found by bisection over the bytes."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._start = self._data.index(b"\n") + 1  # past the header

    def line(self, name: str) -> list[str] | None:
        key = name.encode() + b"\t"
        data, low, high = self._data, self._start, len(self._data)
        while low < high:
            start = data.rfind(b"\n", low - 1, (low + high) // 2) + 1
            end = data.find(b"\n", start)
            found = data[start : data.find(b"\t", start) + 1]
            if found == key:
                return data[start:end].decode().split("\t")
            if found < key:
                low = end + 1
            else:
                high = start
        return None

    def names(self) -> Iterator[str]:
        for line in self._data[self._start :].splitlines():
            yield line[: line.index(b"\t")].decode()


@cache
def _table(name: str) -> Table:
    return Table(Path(__file__).parent / name)


@cache
def lookup(name: str) -> Fact | None:
    """The fact for a public TF 1 name ("nn.relu", "contrib.layers.flatten"), or None if TF 1 has no such name."""
    line = _table("facts.tsv").line(name)
    if line is None:
        return None
    (_, kind, state, since, target, compat, requires, slim, signature, target_signature) = line[:10]
    (renamed, compat_renamed, compat_places, dropped, inert, defaults, behaviour, when, successor, source) = line[10:]
    own = _signature(signature)
    return Fact(
        name=name,
        kind=kind,
        state=state,
        since=since,
        target=_name(target, name),
        compat=_name(compat, name),
        requires=requires,
        slim=slim or None,
        signature=own,
        target_signature=own if target_signature == "=" else _signature(target_signature),
        renamed=_mapping(renamed),
        compat_renamed=_mapping(compat_renamed),
        compat_places=int(compat_places) if compat_places else None,
        dropped=tuple(dropped.split()),
        inert=tuple(inert.split()),
        defaults=_mapping(defaults),
        behaviour=behaviour,
        when=tuple(when.split()),
        successor=successor or None,
        source=source,
    )


def resolve(name: str) -> tuple[Fact, str] | None:
    """The fact for the longest known prefix of a dotted name, and the attributes that are left ("GraphKeys", "WEIGHTS")."""
    head, rest = name, ""
    while head:
        fact = lookup(head)
        if fact is not None:
            return fact, rest
        head, _, last = head.rpartition(".")
        rest = f"{last}.{rest}" if rest else last
    return None


def names() -> Iterator[str]:
    """Every name of the table, sorted."""
    return _table("facts.tsv").names()


def is_module(name: str) -> bool:
    """Whether TF 1 has a public module of that name ("nn", "contrib.layers")."""
    fact = lookup(name)
    return fact is not None and fact.kind == "module"


@cache
def public(path: str) -> str | None:
    """The public name of what programs reach by a private path: "python.ops.math_ops.reduce_sum" is "reduce_sum".

    tf.contrib.keras gave tf.keras' own objects.
    """
    if path.startswith("contrib.keras."):
        own = f"keras.{path.removeprefix('contrib.keras.').removeprefix('api.keras.')}"
        return own if lookup(own) is not None else None
    line = _table("private.tsv").line(path)
    if line is None:
        line = _table("private_gone.tsv").line(path)
        return None if line is None or line[1] == "-" or line[1].startswith("python.") else line[1]
    return line[1]


def moved(path: str) -> str | None:
    """Where TensorFlow 2.21 has what TF 1.15 had under a private path: another private path."""
    line = _table("private_gone.tsv").line(path)
    return None if line is None or not line[1].startswith("python.") else line[1]


@cache
def gone(path: str) -> str | None:
    """The beginning of a private path ("python.ops.x") that TensorFlow 2.21 has not, where TF 1.15 has it."""
    while path:
        if _table("private_gone.tsv").line(path) is not None:
            return path
        path = path.rpartition(".")[0]
    return None


@cache
def native(name: str) -> Signature | None:
    """The signature of a name of TensorFlow 2.21's own namespace (compat.v1 left out); empty for what can't be called, None
    where there is no such name. Names that TF 1.15 lacks are evidence of TF 2."""
    line = _table("native.tsv").line(name)
    return None if line is None else _signature(line[2]) or ()


def is_native(name: str) -> bool:
    """Whether TensorFlow 2.21 has that name natively."""
    return native(name) is not None


@cache
def behaviours() -> Mapping[str, Behaviour]:
    """The changed behaviours by id."""
    lines = (Path(__file__).parent / "behaviours.tsv").read_text("utf-8").splitlines()[1:]
    found = (Behaviour(*line.split("\t")) for line in lines)
    return MappingProxyType({item.id: item for item in found})


def _name(text: str, own: str) -> str | None:
    return own if text == "=" else text or None


def _mapping(text: str) -> Mapping[str, str]:
    if not text:
        return EMPTY
    pairs = (part.partition("=") for part in text.split("|"))
    return MappingProxyType({key: value for key, _, value in pairs})


def _signature(text: str) -> Signature | None:
    """`(a|b=1|*|c=None|**kwargs)`; empty where Python tells no signature."""
    if not text:
        return None
    found: list[Parameter] = []
    kind = "positional"
    for part in text[1:-1].split("|") if text != "()" else ():
        name, has_default, default = part.partition("=")
        if name.startswith("**"):
            found.append(Parameter(name[2:], None, "**"))
        elif name.startswith("*"):
            kind = "keyword"
            if name != "*":
                found.append(Parameter(name[1:], None, "*"))
        else:
            found.append(Parameter(name, default if has_default else None, kind))
    return tuple(found)
