"""HTML and SVG, element by element: whatever is not markup already is escaped."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VOID = frozenset({"meta", "wbr"})


@dataclass(frozen=True)
class Markup:
    """Text that is HTML."""

    text: str


Child = Markup | str | None


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element; in names of attributes "_" stands for "-", and "class_" for "class". Attributes of None are left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{together(*children).text}</{name}>")


def together(*children: Child) -> Markup:
    """Several pieces, one after the other."""
    return Markup("".join(one.text if isinstance(one, Markup) else escaped(one) for one in children if one is not None))


def escaped(text: str) -> str:
    """Text for an element or an attribute, without the characters that no document may hold."""
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def _shown(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
