"""The parse stage: bytes in, a module with its syntax tree and exact positions out.

Analysis stands on `ast`: it parses at 7 ms per thousand lines where LibCST takes 41 (measured on the TF1-era packages that
`benchmarks/` unpacks), and most files of a tree need only edits of single expressions, which are spans over the source.
LibCST is loaded by `emit`, for the files whose statements move.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from dataclasses import dataclass, field
from functools import cached_property

PYTHON2 = re.compile(
    rb"^[ \t]*(?:print[ \t]+[\"'\w]|exec[ \t]+[\"']|raise[ \t]+\w+[ \t]*,[ \t]*[\"'\w]|except[ \t]+[\w.]+[ \t]*,[ \t]*\w+[ \t]*:)"
    rb"|\.has_key\(|\bxrange\(|\bur?\"|<>",
    re.MULTILINE,
)


class ParseError(Exception):
    """A file that can't be read as Python 3: `line` is 1-based, 0 where no line is known."""

    def __init__(self, message: str, line: int = 0, python2: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.python2 = python2


@dataclass(frozen=True)
class Module:
    """One parsed file. `utf8` is the source without its byte order mark; every offset counts its bytes."""

    path: str
    encoding: str
    bom: bytes
    utf8: bytes
    tree: ast.Module
    name: str = ""
    starts: list[int] = field(repr=False, default_factory=list)

    @cached_property
    def newline(self) -> str:
        """The line ending that new lines get: that of the first line."""
        found = re.search(rb"\r\n|\n|\r", self.utf8)
        return found[0].decode() if found else "\n"

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a 1-based line and a 0-based UTF-8 column, as `ast` counts them."""
        return self.starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The bytes from the node's first to past its last, brackets around an expression not included."""
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.utf8[start:end].decode()

    def encode(self, utf8: str) -> bytes:
        """New source text in the file's own encoding, its byte order mark restored."""
        return self.bom + utf8.encode(self.encoding)


def parse(data: bytes, path: str, name: str = "") -> Module:
    """Parses a file's bytes. Raises ParseError with a sentence for the user."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise ParseError(f"its encoding declaration is wrong ({error.msg})") from None
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(f"it is not {encoding}, as it declares or as Python assumes", line) from None
    if "\0" in text:
        raise ParseError("it holds NUL bytes, so it is no Python source", text.count("\n", 0, text.index("\0")) + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        if PYTHON2.search(data):
            raise ParseError(
                "it is Python 2 source: convert it to Python 3 first", error.lineno or 0, python2=True
            ) from None
        raise ParseError(f"it can't be parsed ({error.msg})", error.lineno or 0) from None
    except (RecursionError, MemoryError):
        raise ParseError("it is nested too deeply to parse") from None
    except ValueError as error:
        raise ParseError(f"it can't be parsed ({error})") from None
    utf8 = text.encode()
    starts = [0, *(found.end() for found in re.finditer(rb"\r\n|\n|\r", utf8))]
    return Module(path, encoding, bom, utf8, tree, name, starts)
