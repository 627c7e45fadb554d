"""IPython's own lines in a cell (`%matplotlib inline`, `!pip install`, `%%time`, `tf.Session?`), written as Python and back.

A line that is a statement becomes a string, which does nothing and stays where it is; what gives a value (`files = !ls`) becomes
a call of what only IPython knows; and what is timed (`%time sess.run(y)`) a statement of its own, which is upgraded as any.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

# Cell magics whose cell is Python that runs among the notebook's names; the others' cells are another language, or another file.
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "debug"})
_CELL = re.compile(r"\s*%%(\w+)")
_LINE = re.compile(r"[ \t]*(?:%[A-Za-z_]|!|\?{1,2}[\w%*])|[ \t]*%?[\w.*]+\?{1,2}[ \t]*;?[ \t]*$")
_GIVEN = re.compile(r"([ \t]*[A-Za-z_][\w., \t]*=[ \t]*)(?:%[A-Za-z_]|!)")
_TIMED = re.compile(r"([ \t]*)(%time(?:it)?(?:[ \t]+-[nrp][ \t]*\d+|[ \t]+-[tcqo]+)*[ \t]+)(?=[^-\s])")
# The forms in which they are Python: a statement, a value, and what stands before a statement that is timed.
_STATEMENT = re.compile(r'"(?:"")?tf-modernize: magic (\d+)\n*"(?:"")?')
_VALUE = re.compile(r"get_ipython\(\)\.tf_modernize_magic\((\d+)\)")
_TIMES_HEAD = re.compile(r'"tf-modernize: magic (\d+) of"; ')
_TIMES = re.compile(r'"tf-modernize: magic \d+ of"; (.*)')
_STRANDED = re.compile(r'"tf-modernize: magic \d+ of"(?!; )')
NUMBER = re.compile(r"tf[-_]modernize(?:: |_)magic[ (](\d+)")
_TOKEN = re.compile(r"#.*|\"\"\"|'''|\"(?:\\.|[^\"\\])*(?:\"|\\?$)|'(?:\\.|[^'\\])*(?:'|\\?$)|[()\[\]{}]")


def as_python(source: str, masked: list[str]) -> str | None:
    """A cell's source as Python, its magics noted in `masked`; None where the cell is something else than Python."""
    if _is_python(source):
        return source
    found = _CELL.match(source)
    if found is not None and found[1] not in _PYTHON_CELLS:
        return None
    lines = source.split("\n")
    out: list[str] = []
    state = _State()
    place = 0
    while place < len(lines):
        line = lines[place]
        magic = found if found is not None and source[: found.start(1)].count("\n") == place else None
        if not state.is_fresh or not (magic or _LINE.match(line) or _GIVEN.match(line)):
            state.take(line)
            out.append(line)
            place += 1
            continue
        end = place + 1
        while lines[end - 1].endswith("\\") and end < len(lines):
            end += 1
        out.append(_masked("\n".join(lines[place:end]), masked))
        place = end
    return "\n".join(out)


def are_kept(before: str, after: str) -> bool:
    """Whether each magic of a text is once in the new one, and what one times still a line."""
    same = sorted(NUMBER.findall(before)) == sorted(NUMBER.findall(after))
    return same and all(_is_python(found[1]) for found in _TIMES.finditer(after)) and not _STRANDED.search(after)


def shown(text: str, masked: Sequence[str]) -> str:
    """A text with its magics as they were."""
    for form in (_VALUE, _STATEMENT, _TIMES_HEAD):
        text = form.sub(lambda found: masked[int(found[1])], text)
    return text


def is_timed(head: str) -> bool:
    """Whether what stands before a statement on its line is a magic that times it, and shows its value."""
    return _TIMES_HEAD.search(head) is not None


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _masked(text: str, masked: list[str]) -> str:
    number = len(masked)
    timed = _TIMED.match(text)
    if timed is not None and _is_simple(text[timed.end() :]):
        masked.append(timed[2])
        return f'{timed[1]}"tf-modernize: magic {number} of"; {text[timed.end() :]}'
    given = _GIVEN.match(text)
    if given is not None:
        masked.append(text[given.end(1) :])
        return f"{given[1]}get_ipython().tf_modernize_magic({number})"
    body = text.lstrip(" \t")
    masked.append(body)
    quote = '"""' if "\n" in body else '"'
    return f"{text[: len(text) - len(body)]}{quote}tf-modernize: magic {number}" + "\n" * body.count("\n") + quote


def _is_simple(text: str) -> bool:
    """Whether a text is one expression or assignment."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return len(body) == 1 and isinstance(body[0], (ast.Expr, ast.Assign, ast.AugAssign))


class _State:
    """Where a line begins: within brackets, a string, a continued line, or afresh."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""
        self._continued = False

    @property
    def is_fresh(self) -> bool:
        return not (self._depth or self._quote or self._continued)

    def take(self, line: str) -> None:
        position = 0
        while position < len(line):
            if self._quote:
                end = re.compile(rf"(?:\\.|(?!{self._quote}).)*{self._quote}").match(line, position)
                if end is None:
                    return
                position, self._quote = end.end(), ""
                continue
            found = _TOKEN.search(line, position)
            if found is None:
                break
            token = found[0]
            position = found.end()
            if token in ('"""', "'''"):
                self._quote = token
            elif token in "([{":
                self._depth += 1
            elif token in ")]}":
                self._depth = max(0, self._depth - 1)
        self._continued = line.endswith("\\")
