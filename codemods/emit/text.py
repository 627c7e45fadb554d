"""Source text of statements on the move: their comments, their indentation, names that are free."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from ..parse import Module

COMMENT = re.compile(r"\s*#")


def first_line(node: ast.stmt) -> int:
    """The 1-based line where a statement begins, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    lines: list[int] = [node.lineno, *(decorator.lineno for decorator in decorators)]
    return min(lines)


def line(module: Module, number: int) -> str:
    """One line of a module, without its end."""
    start = module.starts[number - 1]
    end = module.starts[number] if number < len(module.starts) else len(module.utf8)
    return module.utf8[start:end].decode().rstrip("\r\n")


def comments_above(module: Module, node: ast.stmt) -> list[str]:
    """The comment lines directly above a statement, from top to bottom, without their indentation."""
    found: list[str] = []
    number = first_line(node) - 1
    while number >= 1:
        text = line(module, number).strip()
        if text and not text.startswith("#"):
            break
        found.append(text)
        number -= 1
    found.reverse()
    while found and not found[0]:
        found.pop(0)
    while found and not found[-1]:
        found.pop()
    if number < 1 and found and found[0].startswith("#!"):
        return []
    return found


def trailing_comment(module: Module, node: ast.stmt) -> str:
    """The comment behind a statement on its last line, or ""."""
    _, end = module.span(node)
    rest = re.match(rb"[^\r\n]*", module.utf8[end:])
    text = rest[0].decode().strip() if rest else ""
    return text if text.startswith("#") else ""


def column(module: Module, node: ast.stmt) -> str:
    """The white space that a statement is indented by."""
    text = line(module, node.lineno)
    return text[: len(text) - len(text.lstrip())]


def split_lines(text: str) -> list[str]:
    """The lines as Python counts them: `splitlines` also splits at a form feed or U+2028, which a string may hold."""
    return re.split(r"\r\n?|\n", re.sub(r"(\r\n?|\n)\Z", "", text)) if text else []


def reindent(text: str, old: str, new: str) -> str:
    """A statement's text (its first line without indentation) at another indentation; strings keep their lines."""
    lines = split_lines(text)
    if len(lines) == 1:
        return new + text
    kept = _within_strings(old + text)
    out = [new + lines[0]]
    for number, body in enumerate(lines[1:], 2):
        if number in kept:
            out.append(body)
        elif not body.strip():
            out.append("")
        elif body.startswith(old):
            out.append(new + body[len(old) :])
        else:
            out.append(new + body.lstrip())
    return "\n".join(out)


def _within_strings(text: str) -> set[int]:
    """The lines that begin inside a string."""
    found: set[int] = set()
    start = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                found.update(range(token.start[0] + 1, token.end[0] + 1))
            elif name == "FSTRING_START":
                start = token.start[0]
            elif name == "FSTRING_END":
                found.update(range(start + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def comments_in(text: str) -> list[str]:
    """Every comment of a piece of source."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string.strip())
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found


def indentation(module: Module) -> str:
    """One level of indentation, as the module's first block has it."""
    for node in ast.walk(module.tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt) and isinstance(body, list) and body and body[0].lineno > node.lineno:
            outer, inner = column(module, node), column(module, body[0])
            if inner.startswith(outer) and len(inner) > len(outer):
                return inner[len(outer) :]
    return "    "


def snake(name: str) -> str:
    """A name in snake case."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z](?!$|_))", "_", name)
    return re.sub(r"\W+", "_", text).strip("_").lower()


def joined(head: str, pieces: list[str], width: int) -> list[str]:
    """`head` and a call's pieces, on one line where they fit, else with what follows the first line under its arguments."""
    call, *parts = pieces
    line = f"{head}{call}{', '.join(parts)})"
    if len(line) <= width:
        return [line]
    lines = [head + call]
    indent = " " * len(lines[0])
    for place, part in enumerate(parts):
        text = part + (")" if place == len(parts) - 1 else ",")
        if lines[-1].endswith("("):
            lines[-1] += text
        elif len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += " " + text
        else:
            lines.append(indent + text)
    return lines


WIDTH = 100


def call_lines(head: str, arguments: list[str], tab: str) -> list[str]:
    """A call on one line, or with a line for each argument where it is too long for that."""
    line = f"{head}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"{head}(", *(f"{tab}{argument}," for argument in arguments), ")"]


def dict_text(entries: list[str], room: int, indent: str, tab: str) -> str:
    """A dict on one line, or with a line for each entry where that leaves less than no room."""
    line = "{" + ", ".join(entries) + "}"
    if len(line) <= room:
        return line
    return "\n".join(["{", *(f"{indent}{tab}{entry}," for entry in entries), indent + "}"])


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def last(name: str) -> str:
    """The last part of a scope's or layer's name."""
    return name.rpartition("/")[2]
