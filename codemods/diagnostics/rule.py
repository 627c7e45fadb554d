"""What is known of a diagnostic: one row of the table behind messages, documentation and configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal

# The hundreds of the codes.
KINDS: Mapping[str, str] = {
    "TFM1": "Removed from TensorFlow 2",
    "TFM2": "Renamed or moved",
    "TFM3": "The signature changed",
    "TFM4": "The behaviour changed under the same name",
    "TFM5": "Works, but discouraged",
    "TFM9": "The tool itself: what it could not read, and what it left",
}

# What `upgrade` does about it. none: nothing, a person must; safe: what it writes means the same;
# unsafe: what it would write may not mean the same, so it is written only with --unsafe-fixes.
Fix = Literal["none", "safe", "unsafe"]


@dataclass(frozen=True)
class Example:
    """A small program: `files` by path, the first of which `tf-modernize upgrade` is given, `arguments` after it."""

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One diagnostic.

    The bad example raises its code, and none besides but those `along`; the good one does not. Where no program of a user can
    raise it, there are no examples.
    """

    code: str
    symbol: str
    title: str
    what: str
    why: str
    advice: str
    fix: Fix
    fix_note: str  # a sentence: what `upgrade` writes, or why it writes nothing
    bad: Example | None = None
    good: Example | None = None
    along: frozenset[str] = field(default_factory=frozenset)

    @property
    def kind(self) -> str:
        return KINDS[self.code[:4]]


def program(source: str, *arguments: str, **others: str) -> Example:
    """An example of one file, or of several: `network="…"` is network.py beside it."""
    named = {f"{name}.py": text for name, text in {"program": source, **others}.items()}
    return Example({path: dedent(text).lstrip("\n") for path, text in named.items()}, arguments)


def notebook(*cells: str) -> Example:
    """An example that is a notebook of code cells."""
    entries = ",\n".join(
        f' {{"cell_type": "code", "metadata": {{}}, "source": {json.dumps(dedent(cell).strip())}, "outputs": []}}'
        for cell in cells
    )
    return Example(
        {"notebook.ipynb": f'{{"nbformat": 4, "nbformat_minor": 2, "metadata": {{}}, "cells": [\n{entries}\n]}}\n'}
    )
