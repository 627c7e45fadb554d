"""What a user can ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


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
