"""Which execution of the old source a frame is at.

A line is not enough: `sess.run(a), sess.run(b)` are two executions of one line, and before CPython 3.8 the frame of a call
over several lines is at the line of its last argument. So the source is compiled once more from a syntax tree whose
executions have lines of their own: the same instructions, and a table that leads from each to its execution.

The lines of executions lie behind all others, and all of them are even: before CPython 3.10 the compiler leaves its last
optimization out where a table has a step back by one line. Where the instructions still differ, the frame's own line
decides, if only one execution is there.
"""

from __future__ import annotations

import ast
import dis
import os
import sys
from typing import Any

_FIRST = 1000000


class Places:
    """`executions` are places (file, line, column): absolute files, one execution before those within it."""

    def __init__(self, executions: list[tuple[str, int, int]]) -> None:
        self._wanted: dict[str, dict[tuple[int, int], int]] = {}
        for number, (file, line, column) in enumerate(executions):
            self._wanted.setdefault(os.path.realpath(file), {})[line, column] = number
        self._codes: dict[Any, Any] = {}
        self._files: dict[str, str] = {}
        self._marked: dict[str, list[Any]] = {}
        self._spans: dict[str, list[tuple[int, int, int]]] = {}
        self._within: dict[int, tuple[int, int]] = {}

    def at(self, frame: Any) -> int | None:
        """The number of the execution that this frame is at, None where it is at none."""
        code = frame.f_code
        file = self._file(code.co_filename)
        if file not in self._wanted:
            return None
        if code not in self._codes:
            self._codes[code] = self._twin(file, code)
        twin = self._codes[code]
        if twin is None:
            around = [number for start, end, number in self._spans[file] if start <= frame.f_lineno <= end]
            return around[0] if len(around) == 1 else None
        line = _line(twin, frame.f_lasti)
        if line is None or line < 2 * _FIRST:
            return None
        number = line // 2 - _FIRST
        while number in self._within:
            outer, length = self._within[number]
            if frame.f_lasti < self._start(twin, number) + length:
                break
            number = outer
        return number

    def _start(self, twin: Any, number: int) -> int:
        """The offset of the first instruction of an execution."""
        return min(at for at, line in dis.findlinestarts(twin) if line == 2 * (_FIRST + number))

    def _file(self, name: str) -> str:
        if name not in self._files:
            self._files[name] = os.path.realpath(name)
        return self._files[name]

    def _twin(self, file: str, code: Any) -> Any:
        """The code object of the same instructions, with the lines of executions."""
        if file not in self._marked:
            with open(file, "rb") as source:
                tree = ast.parse(source.read())
            self._spans[file] = []
            self._mark(tree, file)
            self._marked[file] = list(_codes(compile(tree, file, "exec", dont_inherit=True)))
        same = [one for one in self._marked[file] if one.co_name == code.co_name and one.co_code == code.co_code]
        # What a lambda or a comprehension within an execution begins at has moved with it.
        exact = [one for one in same if one.co_firstlineno == code.co_firstlineno * 2]
        return (exact or same or [None])[0]

    def _mark(self, tree: Any, file: str) -> None:
        wanted = self._wanted[file]
        calls: dict[tuple[int, int], list[Any]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (node.lineno, node.col_offset) in wanted:
                calls.setdefault((node.lineno, node.col_offset), []).append(node)
        marked = []
        for place, nodes in calls.items():
            runs = [one for one in nodes if isinstance(one.func, ast.Attribute) and one.func.attr in ("run", "eval")]
            node = (runs or nodes)[0]  # the outermost: `ast.walk` goes from outside to inside
            self._number(node, wanted)
            lines: Any = [getattr(one, "end_lineno", None) or getattr(one, "lineno", 0) for one in ast.walk(node)]
            self._spans[file].append((node.lineno, max(lines), wanted[place]))
            marked.append((node, wanted[place]))
        for node in ast.walk(tree):
            for name in ("lineno", "end_lineno"):
                if getattr(node, name, None) is not None:
                    setattr(node, name, getattr(node, name) * 2)
        for node, number in marked:
            for one in (node, node.func):  # newer compilers take the line of a method's call from the attribute
                one.lineno = 2 * (_FIRST + number)
                if hasattr(one, "end_lineno"):
                    one.end_lineno = one.lineno
                    one.end_col_offset = 1 << 20

    def _number(self, node: Any, wanted: dict[tuple[int, int], int]) -> None:
        """Before CPython 3.8 the table tells where an inner execution begins, and not where the outer one goes on."""
        if sys.version_info >= (3, 8):
            return
        around = wanted[node.lineno, node.col_offset]
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and inner is not node:
                number = wanted.get((inner.lineno, inner.col_offset))
                if number is not None and number != around:
                    alone = compile(ast.Expression(inner), "", "eval")
                    self._within[number] = (around, len(alone.co_code) - 2)  # without its RETURN_VALUE


def _codes(code: Any) -> Any:
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _codes(constant)


def _line(code: Any, instruction: int) -> int | None:
    """The line of an instruction, by its offset."""
    if hasattr(code, "co_positions"):
        for place, (line, _, _, _) in enumerate(code.co_positions()):
            if place == instruction // 2:
                return int(line) if line else None
        return None
    found = None
    for offset, line in dis.findlinestarts(code):
        if offset > instruction:
            break
        found = line
    return found
