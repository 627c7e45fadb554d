"""Edits of single expressions and statements as spans over the source, composed without overlap.

An edit replaces a span by parts: text, or nodes of the same tree that are rendered with the edits inside them. So a call and
its arguments can be rewritten by different rules that know nothing of each other.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .parse import Module

Part = str | ast.AST


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    parts: tuple[Part, ...]


class Edits:
    """The edits of one module. A later edit of the same span takes the place of the earlier one."""

    def __init__(self, module: Module, base: Edits | None = None) -> None:
        self.module = module
        self._edits: dict[tuple[int, int], Edit] = dict(base._edits) if base else {}
        self._sorted: list[Edit] | None = None

    def __bool__(self) -> bool:
        return bool(self._edits)

    def replace(self, node: ast.AST, *parts: Part) -> None:
        """Replaces a node by parts."""
        start, end = self.module.span(node)
        self.replace_span(start, end, *parts)

    def replace_span(self, start: int, end: int, *parts: Part) -> None:
        """Replaces bytes start to end (equal: inserts) by parts."""
        self._edits[start, end] = Edit(start, end, parts)
        self._sorted = None

    def put_before(self, node: ast.AST, text: str) -> None:
        """Puts text before a node, whether that is replaced or not."""
        start, end = self.module.span(node)
        known = self._edits.get((start, end))
        self.replace_span(start, end, text, *(known.parts if known else (node,)))

    def touches(self, node: ast.AST) -> bool:
        """Whether any edit lies within the node."""
        start, end = self.module.span(node)
        edits = self._in_order()
        first = bisect_left(edits, start, key=lambda edit: edit.start)
        return first < len(edits) and edits[first].end <= end

    def render(self, node: ast.AST) -> str:
        """The node's source with every edit within it applied."""
        return self.render_span(*self.module.span(node))

    def render_span(self, start: int, end: int) -> str:
        """The source from start to end, outermost edits first; an edit's node parts are rendered with the edits inside them."""
        return self._render(start, end, None)

    def apply(self) -> str:
        """The whole module's new source, without its byte order mark."""
        return self.render_span(0, len(self.module.utf8))

    def kept(self) -> list[tuple[int, int]]:
        """The spans of the source that `apply` writes out as they are, in order."""
        return sorted(self._kept(0, len(self.module.utf8), None))

    def _kept(self, start: int, end: int, inside: Edit | None) -> Iterator[tuple[int, int]]:
        position = start
        for edit in self._within(start, end, inside):
            yield position, edit.start
            for part in edit.parts:
                if not isinstance(part, str):
                    yield from self._kept(*self._part(part, edit))
            position = edit.end
        yield position, end

    def _part(self, node: ast.AST, edit: Edit) -> tuple[int, int, Edit | None]:
        """A part's span; within the edit's own span only what lies inside it is rendered, elsewhere every edit."""
        start, end = self.module.span(node)
        return start, end, edit if start < edit.end and end > edit.start else None

    def _in_order(self) -> Sequence[Edit]:
        if self._sorted is None:
            self._sorted = sorted(self._edits.values(), key=lambda edit: (edit.start, -edit.end))
        return self._sorted

    def _within(self, start: int, end: int, inside: Edit | None) -> Iterator[Edit]:
        """The outermost edits from start to end, those that stand within another edit's part for `inside` that edit."""
        edits = self._in_order()
        position = start
        for index in range(bisect_left(edits, start, key=lambda edit: edit.start), len(edits)):
            edit = edits[index]
            if edit.start > end or (edit.start == end and edit.end > end):
                break
            within = inside is None or (edit.start, -edit.end) > (inside.start, -inside.end)
            if edit.start < position or edit.end > end or not within:
                continue
            yield edit
            position = edit.end

    def _render(self, start: int, end: int, inside: Edit | None) -> str:
        utf8 = self.module.utf8
        out: list[str] = []
        position = start
        for edit in self._within(start, end, inside):
            out.append(utf8[position : edit.start].decode())
            for part in edit.parts:
                out.append(part if isinstance(part, str) else self._render(*self._part(part, edit)))
            position = edit.end
        out.append(utf8[position:end].decode())
        return "".join(out)
