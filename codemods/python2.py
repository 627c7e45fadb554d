"""Python 2 source: what Python 3 can't parse, and what it parses silently as something else.

A file is Python 2 where its *syntax* is: Python 3 would read it otherwise than it was meant, so nothing in it may be
rewritten. Names that only Python 2 has (`xrange`) make no file Python 2: what it means is clear (`python2_names`).
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence, Set

SENTENCE = "it is Python 2 source: convert it to Python 3 first"

# What Python says of the statements and literals that are gone.
_SAID = re.compile(
    r"Missing parentheses in call to|multiple exception types must be parenthesized|leading zeros in decimal integer"
    r"|(?:Function|Lambda expression) parameters cannot be parenthesized"
)
_STATEMENT = (
    r"print[ \t]+(?:[\"'\w`]|>>)|exec[ \t]+[\"'\w]|raise[ \t]+[\w.]+[ \t]*,"
    r"|except[ \t]+(?:[\w.]+|\([^()]*\))[ \t]*,[ \t]*\w+[ \t]*:"
)
_ELSEWHERE = re.compile(rf"^[ \t]*(?:{_STATEMENT})", re.MULTILINE)
# At the place of a syntax error, literals and operators tell as well.
_HERE = re.compile(
    rf"(?:^|[:;])[ \t]*(?:{_STATEMENT})|`|<>|\b0[0-7]+\b|\b(?:0[xX][\da-fA-F]+|\d+)[lL]\b|\b[uU][rR][\"']"
)
_QUOTED = re.compile(
    r"#[^\n]*|\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)|'''(?:\\.|[^\\])*?(?:'''|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)


def explains(error: SyntaxError, text: str) -> bool:
    """Whether a file can't be parsed because it is Python 2: by what Python says, the line, or statements elsewhere."""
    bare = _QUOTED.sub(_emptied, text)
    lines = bare.split("\n")
    line = lines[error.lineno - 1] if error.lineno and error.lineno <= len(lines) else ""
    return bool(_SAID.match(error.msg) or _HERE.search(line) or _ELSEWHERE.search(bare))


def _emptied(found: re.Match[str]) -> str:
    """A comment or string without its text, on as many lines."""
    return ("" if found[0].startswith("#") else '""') + "\n" * found[0].count("\n")


def statement(tree: ast.Module, text: str) -> int:
    """The line of the first statement that Python 3 parses as something else, 0 where there is none."""
    words = {word for word in ("print", "exec") if word in text and f"{word}_function" not in text}
    if not words and "except" not in text:
        return 0
    return next((one.lineno for one in _statements(tree.body) if _reads_otherwise(one, words)), 0)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt | ast.excepthandler]:
    """The expressions that are statements, and the handlers of exceptions: what may be Python 2's."""
    for one in body:
        if type(one) is ast.Expr:
            yield one
            continue
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(one, field, None)
            if inner:
                yield from _statements(inner)
        for handler in getattr(one, "handlers", ()):
            yield handler
            yield from _statements(handler.body)
        for case in getattr(one, "cases", ()):
            yield from _statements(case.body)


def _reads_otherwise(node: ast.stmt | ast.excepthandler, words: Set[str]) -> bool:
    """`print ("a"), b`, `print ("%d") % n`, `print >>f, x`, `print -x`, `exec (code) in names`, and `except E, e:`, which
    Python 3.14 takes for two types."""
    if isinstance(node, ast.ExceptHandler):
        return _names_an_exception(node)
    if not isinstance(node, ast.Expr):
        return False
    value = node.value
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:
        return _is_called(value.elts[0], words) or _is_operand(value.elts[0], words)
    return _is_operand(value, words)


def _is_operand(value: ast.expr, words: Set[str]) -> bool:
    """Whether print or exec, or what a call of them gives, is an operand of something: it is None in Python 3."""
    inner: ast.expr
    if isinstance(value, (ast.BinOp, ast.Compare)):
        inner = value.left
    elif isinstance(value, ast.Subscript):
        inner = value.value
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return _is_called(value.func.value, words)
    else:
        return False
    return _is_word(inner, words) or _is_called(inner, words) or _is_operand(inner, words)


def _is_word(node: ast.expr, words: Set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in words


def _is_called(node: ast.expr, words: Set[str]) -> bool:
    return isinstance(node, ast.Call) and _is_word(node.func, words)


def _names_an_exception(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    if not isinstance(kind, ast.Tuple) or len(kind.elts) != 2 or not isinstance(kind.elts[1], ast.Name):
        return False
    bare = (kind.lineno, kind.col_offset) == (kind.elts[0].lineno, kind.elts[0].col_offset)
    return bare and kind.elts[1].id.islower() and not hasattr(builtins, kind.elts[1].id)
