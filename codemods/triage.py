"""The triage stage: whether a file can have anything to do with TensorFlow, from a look at its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def mentions_tensorflow(data: bytes, aliases: Iterable[bytes] = ()) -> bool:
    """Whether the bytes name TensorFlow, `tf`, or one of the names under which the project hands TensorFlow on."""
    return _pattern(tuple(sorted(set(aliases)))).search(data) is not None


@lru_cache(maxsize=64)
def _pattern(aliases: tuple[bytes, ...]) -> re.Pattern[bytes]:
    words = b"|".join([rb"tf", *map(re.escape, aliases)])
    return re.compile(rb"tensorflow|\b(?:" + words + rb")\b")
