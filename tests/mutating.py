"""Other ways to write the same program: white space, comments, line joins, aliases of TensorFlow, and code around it.

Each function takes a source and a source of chance, and gives another source; those in LAYOUT keep the syntax tree as it is.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from random import Random
from typing import TypeVar

Place = TypeVar("Place")
Mutation = Callable[[str, Random], str]
_ADDED = "a note"


def mutated(source: str, name: str, seed: int) -> str:
    """One mutation of a source; the source itself where it can't be done there."""
    new = MUTATIONS[name](source, Random(seed))
    try:
        tree = ast.parse(new)
    except SyntaxError:
        return source
    same = name not in LAYOUT or ast.dump(tree) == ast.dump(ast.parse(source))
    return new if same else source


# -- white space and comments -------------------------------------------------------------------------------------------


def blank_lines(source: str, chance: Random) -> str:
    lines = source.split("\n")
    for number in sorted(_some(_first_lines(source), chance), reverse=True):
        lines[number - 1 : number - 1] = [chance.choice(["", "", "    ", "\x0c"])] * chance.randint(1, 3)
    return "\n".join(lines)


def comment_lines(source: str, chance: Random) -> str:
    lines = source.split("\n")
    for number in sorted(_some(_first_lines(source), chance), reverse=True):
        indent = re.match(r"[ \t]*", lines[number - 1])
        assert indent is not None
        new = [f"{indent[0]}{_note(chance)}" for _ in range(chance.randint(1, 2))]
        lines[number - 1 : number - 1] = [*new, *[""] * chance.randint(0, 1)]
    return "\n".join(lines)


def trailing_comments(source: str, chance: Random) -> str:
    ends = [token.start for token in _tokens(source) if token.type == tokenize.NEWLINE]
    lines = source.split("\n")
    for line, column in _some(ends, chance):
        text = lines[line - 1]
        if column == len(text) and "#" not in text:
            lines[line - 1] = f"{text}{' ' * chance.randint(0, 3)}{_note(chance)}"
    return "\n".join(lines)


def breaks_in_brackets(source: str, chance: Random) -> str:
    """A line break, perhaps with a comment before it, between two tokens within brackets."""
    return _between(
        source, chance, lambda: f"{chance.choice(['', ' ', '  ' + _note(chance)])}\n{' ' * chance.randint(0, 9)}"
    )


def spaces_in_brackets(source: str, chance: Random) -> str:
    return _between(source, chance, lambda: " " * chance.randint(1, 3))


def continued_lines(source: str, chance: Random) -> str:
    """A backslash behind an operator that stands outside of brackets."""
    depth = 0
    places = []
    for token in _tokens(source):
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        if token.type == tokenize.OP and not depth and token.string in ("=", "+", "*", "-", "/", ","):
            places.append(token.end)
    return _replaced(source, [(place, place, f" \\\n{' ' * chance.randint(1, 9)}") for place in _some(places, chance)])


def joined_lines(source: str, chance: Random) -> str:
    """Two statements on one line, or a block behind its colon."""
    lines = source.split("\n")
    pairs = [
        (one.end_lineno, two.lineno, two.col_offset, "; ")
        for body in _bodies(ast.parse(source))
        for one, two in pairwise(body)
        if _is_simple(one) and _is_simple(two)
    ]
    pairs += [
        (one.items[-1].context_expr.end_lineno, one.body[0].lineno, one.body[0].col_offset, " ")
        for one in ast.walk(ast.parse(source))
        if isinstance(one, ast.With) and len(one.body) == 1 and _is_simple(one.body[0])
    ]
    for end, start, column, between in sorted(_some(pairs, chance), reverse=True):
        if (
            end
            and start == end + 1
            and "#" not in lines[end - 1]
            and lines[start - 1][:column].isspace() | (column == 0)
        ):
            lines[end - 1 : start] = [lines[end - 1].rstrip() + between + lines[start - 1].lstrip()]
    return "\n".join(lines)


# -- aliases and nesting -----------------------------------------------------------------------------------------------

_IMPORT = re.compile(r"^import tensorflow as tf$", re.MULTILINE)
_TF = re.compile(r"(?<![\w.\"'])tf(?=\.)")


def another_alias(source: str, chance: Random) -> str:
    """TensorFlow under another name, or by another import."""
    name = chance.choice(["T", "flow", "tensorflow", "tf1"])
    line = "import tensorflow" if name == "tensorflow" else f"import tensorflow as {name}"
    return _imported(source, line, name)


def a_guarded_import(source: str, chance: Random) -> str:
    first, second = "import tensorflow.compat.v1 as tf", "import tensorflow as tf"
    if chance.random() < 0.3:
        return _imported(source, first, "tf")
    return _imported(source, f"try:\n    {first}\nexcept ImportError:\n    {second}", "tf")


def a_local_alias(source: str, chance: Random) -> str:
    """`nn = tf.nn` behind the import, used in the place of it."""
    part = chance.choice(["nn", "layers", "train", "losses", "contrib"])
    if not re.search(rf"\btf\.{part}\.", source) or re.search(rf"(?<!\.)\b{part}\b", source):
        return source
    changed = re.sub(rf"(?<![\w.\"'])tf\.{part}\.", f"{part}.", source)
    return _imported(changed, f"import tensorflow as tf\n{part} = tf.{part}", "tf")


def _imported(source: str, line: str, name: str) -> str:
    if len(_IMPORT.findall(source)) != 1 or (name != "tf" and re.search(rf"(?<!\.)\b{name}\b(?! as tf)", source)):
        return source
    head, tail = _IMPORT.split(source)
    renamed = _TF.sub(name, tail) if name != "tf" else tail
    return (_TF.sub(name, head) if name != "tf" else head) + line + renamed


def in_a_function(source: str, chance: Random) -> str:
    return _around(source, chance, "def main():", "\n\nmain()\n")


def in_a_condition(source: str, chance: Random) -> str:
    return _around(source, chance, chance.choice(["if True:", 'if __name__ == "__main__":']), "")


def in_a_with(source: str, chance: Random) -> str:
    return _around(source, chance, "with open(__file__) as _:", "")


def in_a_try(source: str, chance: Random) -> str:
    return _around(source, chance, "try:", '\nfinally:\n    print("done")\n')


def _around(source: str, chance: Random, head: str, tail: str) -> str:
    """The last statements of the program, its imports not, in a block."""
    body = ast.parse(source).body
    after = next(
        (i + 1 for i, one in reversed(list(enumerate(body))) if isinstance(one, (ast.Import, ast.ImportFrom))), 0
    )
    if after >= len(body):
        return source
    first = chance.choice([after, chance.randint(after, len(body) - 1)])
    start = min([body[first].lineno, *(one.lineno for one in getattr(body[first], "decorator_list", []))])
    if first and body[first - 1].end_lineno == start:
        return source
    lines = source.rstrip("\n").split("\n")
    inside = _inside_strings(source)
    block = [
        line if number in inside or not line.strip() else "    " + line
        for number, line in enumerate(lines[start - 1 :], start)
    ]
    return "\n".join([*lines[: start - 1], head, *block]) + "\n" + tail


# -- tools -------------------------------------------------------------------------------------------------------------


def _note(chance: Random) -> str:
    return f"# {_ADDED} {chance.randint(0, 10**9)}"


def _some(places: list[Place], chance: Random) -> list[Place]:
    return chance.sample(places, min(len(places), chance.choice([1, 1, 2, 5, 20]))) if places else []


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def _first_lines(source: str) -> list[int]:
    """The lines that a statement begins on, and nothing before it."""
    found = set()
    for body in _bodies(ast.parse(source)):
        for node in body:
            found.add(min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]))
    inside = _inside_strings(source)
    lines = source.split("\n")
    starts = {line for line in found if line not in inside and not (line > 1 and lines[line - 2].endswith("\\"))}
    return sorted(line for line in starts if not re.match(r"\s*(?:elif|else|except|finally)\b", lines[line - 1]))


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body:
                yield body


def _is_simple(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Pass, ast.Assert, ast.Return, ast.Delete))


def _inside_strings(source: str) -> set[int]:
    """The lines that begin within a string, or a continued line."""
    found: set[int] = set()
    start = 0
    for token in _tokens(source):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            start = token.start[0]
        elif name in ("STRING", "FSTRING_END"):
            found.update(range((token.start[0] if name == "STRING" else start) + 1, token.end[0] + 1))
    return found


def _between(source: str, chance: Random, text: Callable[[], str]) -> str:
    depth = quoted = 0
    places = []
    tokens = _tokens(source)
    for token, following in pairwise(tokens):
        name = tokenize.tok_name[token.type]
        quoted += (name == "FSTRING_START") - (name == "FSTRING_END")
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if depth and not quoted and token.string in ("(", ",", "[", "{", "=", "+", "*") and following.type in _SOLID:
            places.append((token.end, following.start))
    return _replaced(source, [(start, end, text()) for start, end in _some(places, chance)])


_SOLID = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP)


def _replaced(source: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    lines = source.split("\n")
    for (line, start), (last, end), text in sorted(edits, reverse=True):
        if line == last:
            lines[line - 1] = lines[line - 1][:start] + text + lines[line - 1][end:].lstrip(" ")
    return "\n".join(lines)


LAYOUT: Mapping[str, Mutation] = {
    one.__name__: one
    for one in (
        blank_lines,
        comment_lines,
        trailing_comments,
        breaks_in_brackets,
        spaces_in_brackets,
        continued_lines,
        joined_lines,
    )
}
MUTATIONS: Mapping[str, Mutation] = {
    **LAYOUT,
    **{
        one.__name__: one
        for one in (another_alias, a_guarded_import, a_local_alias, in_a_function, in_a_condition, in_a_with, in_a_try)
    },
}
