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
import sys
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property

from . import line_ends, python2

# A tree takes some 400 bytes for each byte of source, and nobody writes so much code into one file.
LARGEST = 3_000_000


_F_STRING = re.compile(rb"\b[rR]?[fF][rR]?[\"']")


class ParseError(Exception):
    """A file that can't be read as Python 3: `line` is 1-based, 0 where no line is known."""

    def __init__(self, message: str, line: int = 0, python2: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.python2 = python2


@dataclass(frozen=True, eq=False)
class Module:
    """One parsed file. `utf8` is the source without its byte order mark, its lines ended by line feeds alone (`line_ends`
    are those that it came with); every offset counts its bytes.

    A syntax tree takes thirty times the memory of its source. Where a program is large, not all of its modules are `kept`:
    `release` gives the tree of another back, and it is parsed again when it is asked for. Whoever holds nodes of a module
    must not release it; what is found in a tree hangs on the tree, weakly (`names.walk.walk_of`).
    """

    path: str
    encoding: str
    bom: bytes
    utf8: bytes
    name: str = ""
    line_ends: line_ends.LineEnds = line_ends.FEEDS
    kept: bool = True

    @cached_property
    def tree(self) -> ast.Module:
        return _tree(self.utf8.decode())

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        return [0, *(found.end() for found in re.finditer(rb"\n", self.utf8))]

    def release(self) -> None:
        """Gives the tree back, where the module is not kept."""
        if not self.kept:
            self.__dict__.pop("tree", None)
            self.__dict__.pop("starts", None)

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a 1-based line and a 0-based UTF-8 column, as `ast` counts them."""
        return self.starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The bytes from the node's first to past its last, brackets around an expression not included."""
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def source(self, node: ast.AST) -> bytes:
        start, end = self.span(node)
        return self.utf8[start:end]

    def text(self, node: ast.AST) -> str:
        return self.source(node).decode()

    def encode(self, utf8: str) -> bytes:
        """New source text in the file's own encoding, its byte order mark and line ends restored."""
        text = (
            utf8 if self.line_ends == line_ends.FEEDS else line_ends.restore(self.utf8.decode(), utf8, self.line_ends)
        )
        return self.bom + text.encode(self.encoding)


def parse(data: bytes, path: str, name: str = "", kept: bool = True) -> Module:
    """Parses a file's bytes. Raises ParseError with a sentence for the user."""
    if len(data) > LARGEST:
        raise ParseError(f"it is larger than {LARGEST // 1_000_000} MB: keep its data in another file than its code")
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text, encoding = _decoded(data, bom)
    if "\0" in text:
        raise ParseError("it holds NUL bytes, so it is no Python source", text.count("\n", 0, text.index("\0")) + 1)
    text, ends = line_ends.taken(text)
    try:
        tree = _tree(text)
    except SyntaxError as error:
        if python2.explains(error, text):
            raise ParseError(python2.SENTENCE, error.lineno or 0, python2=True) from None
        raise ParseError(f"it can't be parsed ({error.msg})", error.lineno or 0) from None
    except (RecursionError, MemoryError):
        raise ParseError("it is nested too deeply to parse") from None
    except ValueError as error:
        raise ParseError(f"it can't be parsed ({error})") from None
    line = python2.statement(tree, text)
    if line:
        raise ParseError(python2.SENTENCE, line, python2=True)
    utf8 = text.encode()
    module = Module(path, encoding, bom, data if utf8 == data else utf8, name, ends, kept)
    module.__dict__["tree"] = tree  # as `cached_property` would
    if sys.version_info < (3, 12) and _F_STRING.search(utf8):
        _check_places(module)
    return module


def _tree(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _check_places(module: Module) -> None:
    """Before 3.12 Python parsed f-strings apart, and did not always know where in the file they were."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            for name in ast.walk(node):
                if isinstance(name, ast.Name) and not (
                    name.lineno <= len(module.starts) and module.utf8.startswith(name.id.encode(), module.span(name)[0])
                ):
                    raise ParseError("it holds an f-string that only Python 3.12 or later can place", node.lineno)


def _decoded(data: bytes, bom: bytes) -> tuple[str, str]:
    """The text and its encoding: only one in which what stays is written back byte for byte."""
    try:
        head = data.replace(b"\r", b"\n") if b"\r" in data[:1000] else data
        encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
    except SyntaxError as error:
        if "missing" in str(error.msg):  # its first lines are not UTF-8, and declare nothing
            raise ParseError("it is not utf-8, as Python assumes where nothing is declared", 1) from None
        raise ParseError(f"its encoding declaration is wrong ({error.msg})") from None
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    try:
        text = data[len(bom) :].decode(encoding)
        if encoding not in ("utf-8", "iso-8859-1") and text.encode(encoding) != data[len(bom) :]:
            raise ParseError(f"its encoding, {encoding}, can't be written back as it was")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(f"it is not {encoding}, as it declares or as Python assumes", line) from None
    except (LookupError, UnicodeError):
        raise ParseError(f"it declares {encoding}, which is no encoding for source") from None
    return text, encoding


DEEP = 150  # levels of nested code that are more than people write


def depth(tree: ast.AST) -> int:
    """How deeply a tree's nodes are nested, found without recursion."""
    level: list[ast.AST] = [tree]
    found = 0
    while level:
        found += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return found
