"""What names are bound to while a program runs: how a value in between is found without changing the source.

Slow, since every line of the watched files is traced: it is used only when a difference was found, to find the first.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, Callable, Tuple

Bound = Callable[[int, Any], None]
Span = Tuple[int, int, int, str]  # the first and the last line of a statement, the number of its value, the name


class Bindings:
    """Calls `bound(number, value)` each time that the statement of a value has been left by a frame of its file.

    `values` are (file, line, name): absolute files, the line where the statement begins.
    """

    def __init__(self, values: list[tuple[str, int, str]], bound: Bound) -> None:
        self._bound = bound
        self._spans: dict[str, list[Span]] = {}
        self._files: dict[str, str | None] = {}
        by_file: dict[str, list[tuple[int, int, str]]] = {}
        for number, (file, line, name) in enumerate(values):
            by_file.setdefault(os.path.realpath(file), []).append((number, line, name))
        for file, wanted in by_file.items():
            ends = _statement_ends(file)
            self._spans[file] = [(line, ends.get(line, line), number, name) for number, line, name in wanted]

    def __enter__(self) -> Bindings:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        frame = sys._getframe(1)
        while frame is not None:  # frames that run already, such as the module's
            if self._watched(frame) is not None:
                frame.f_trace = self._follow(frame)
            frame = frame.f_back  # type: ignore[assignment]
        return self

    def __exit__(self, *exception: object) -> None:
        sys.settrace(self._before)

    def _watched(self, frame: Any) -> str | None:
        name = frame.f_code.co_filename
        if name not in self._files:
            real = os.path.realpath(name)
            self._files[name] = real if real in self._spans else None
        return self._files[name]

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        return None if self._watched(frame) is None else self._follow(frame)

    def _follow(self, frame: Any) -> Any:
        """The tracer of one frame: tells of each statement of a value once the frame is past it."""
        code = frame.f_code
        own = _own_lines(code)
        spans = [span for span in self._spans[self._watched(frame) or ""] if span[0] in own]
        open_spans: dict[int, Span] = {}

        def leave(line: int) -> None:
            for number, span in list(open_spans.items()):
                if not span[0] <= line <= span[1]:
                    del open_spans[number]
                    if span[3] in frame.f_locals:
                        self._bound(number, frame.f_locals[span[3]])

        def trace(_: Any, event: str, argument: Any) -> Any:
            if event == "line":
                line = frame.f_lineno
                leave(line)
                for span in spans:
                    if span[0] <= line <= span[1]:
                        open_spans.setdefault(span[2], span)
            elif event == "return":
                leave(-1)
            return trace

        return trace


def _own_lines(code: Any) -> list[int]:
    import dis

    return [line for _, line in dis.findlinestarts(code) if line is not None]


def _statement_ends(file: str) -> dict[int, int]:
    """The last line of the outermost statement that begins at each line."""
    with open(file, "rb") as source:
        tree = ast.parse(source.read())
    ends: dict[int, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno not in ends:
            lines: Any = [getattr(one, "end_lineno", None) or getattr(one, "lineno", 0) for one in ast.walk(node)]
            ends[node.lineno] = max(lines)
    return ends
