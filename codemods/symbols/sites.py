"""One use of a TensorFlow name, with what a rule needs to rewrite it: its spelling, its arguments, the imports it wants.

Every edit leaves the arguments' own spans alone (a keyword is put before an argument by rewriting the gap before it), so
that the arguments can be rewritten by their own rules, and emitted elsewhere, without knowing of each other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..api import Fact
from ..edits import Edits, Part
from ..names import Names, Use
from ..parse import Module

Level = Literal["native", "compat"]
NEXT = "not by this rule"  # what a rule returns where the tables should decide

# Expressions that keep their meaning after an operator or before an attribute without brackets.
_ATOMS = (
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.JoinedStr,
)


@dataclass(frozen=True)
class Hooks:
    """What only the graph knows: asked where a rewrite depends on it."""

    labels_need_stop_gradient: Callable[[ast.Call], bool] = lambda call: True
    shape_of: Callable[[ast.expr], Sequence[int | None] | None] = lambda node: None
    dtype_of: Callable[[ast.expr], str | None] = lambda node: None
    count_of: Callable[[ast.expr], int | None] = lambda node: None  # of the items of a list


@dataclass
class Needs:
    """What the rewritten source wants at the top of its module."""

    imports: set[str] = field(default_factory=set)  # whole statements: "from absl import app"
    tensorflow: str = ""  # the name for TensorFlow itself that no import gives yet
    legacy_keras: bool = False  # TF_USE_LEGACY_KERAS, for tf.layers and RNN cells in graph mode
    slim: set[str] = field(default_factory=set)  # what the module has of tf_slim
    kept: set[str] = field(default_factory=set)  # names of imports that a use is still spelt with
    aliases: set[ast.stmt] = field(default_factory=set)  # statements that only gave a gone module another name
    dropped: set[ast.AST] = field(default_factory=set)  # nodes of arguments that are gone
    blocks: list[str] = field(default_factory=list)  # definitions that go behind the imports


@dataclass(frozen=True)
class Item:
    """One argument of a call as it stands in the source."""

    keyword: str | None  # None: positional; "*" and "**": unpacked
    value: ast.expr
    start: int  # of the whole argument, with its keyword and the brackets around it
    end: int
    node: ast.keyword | None = None


@dataclass
class Site:
    """A use of `name` at `node`; `call` where it is called, `rest` what follows the name in the chain (".shape")."""

    module: Module
    names: Names
    edits: Edits
    needs: Needs
    use: Use
    node: ast.expr
    name: str
    rest: str
    fact: Fact | None
    root: str  # how TensorFlow itself is spelt here
    level: Level
    hooks: Hooks
    bound: bool  # whether an import of the module gives the root
    call: ast.Call | None = None

    def tf(self, name: str) -> str:
        """A TensorFlow name as it is spelt here."""
        if not self.bound:
            self.needs.tensorflow = self.root
        return f"{self.root}.{name}"

    def rename(self, name: str) -> None:
        """Spells another TensorFlow name. An alias by assignment keeps its own name: what it stands for is rewritten."""
        self.spell(self.tf(name))

    def respell(self, name: str) -> str | None:
        """Spells a name that may be the one that stands there. A rule can end with it: it is done."""
        if self.name != name or self.use.api == "v1" or self.private:
            self.rename(name)
        return None

    @property
    def full(self) -> str:
        """The public name with all that follows it."""
        return f"{self.name}.{self.rest}" if self.rest else self.name

    @property
    def private(self) -> bool:
        """Whether the name is reached by a private path (`array_ops.concat`)."""
        return not self.use.name.startswith(self.name)

    def spell(self, text: str) -> None:
        if not (isinstance(self.node, ast.Name) and self.use.alias):
            self.edits.replace(self.node, text)

    @property
    def is_local_alias(self) -> bool:
        return isinstance(self.node, ast.Name) and self.use.alias

    def bind(self, parameters: Sequence[str]) -> dict[str, ast.expr] | None:
        """The call's arguments by parameter, or None where they can't be told (unpacked, unknown, too many)."""
        if self.call is None or len(self.call.args) > len(parameters):
            return None
        bound: dict[str, ast.expr] = {}
        for name, value in zip(parameters, self.call.args, strict=False):
            if isinstance(value, ast.Starred):
                return None
            bound[name] = value
        for keyword in self.call.keywords:
            if keyword.arg is None or keyword.arg in bound or keyword.arg not in parameters:
                return None
            bound[keyword.arg] = keyword.value
        return bound

    def replace_call(self, *parts: Part) -> None:
        assert self.call is not None
        self.edits.replace(self.call, *parts)

    def new_line(self) -> str:
        """A line break within the call's brackets, indented below the line that the call begins in."""
        line = self.module.starts[self.node.lineno - 1]
        text = self.module.utf8[line : self.module.span(self.node)[0]].decode()
        return "\n" + text[: len(text) - len(text.lstrip())] + "    "

    def dtype_of(self, node: ast.expr) -> str | None:
        """The dtype of an expression, if it is known."""
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            return "float32"
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return None  # takes the other operand's
        return self.hooks.dtype_of(node)

    def has_comment(self) -> bool:
        """Whether a comment stands within the call: it would be lost if the call were written anew.

        At the native level it is put back (`emit/kept_comments.py`).
        """
        assert self.call is not None
        if self.level == "native":
            return False
        return "#" in self.module.text(self.call) and _comment_between(self.module, self.call)


def is_atom(node: ast.expr) -> bool:
    """Whether a node can be an operand without brackets around it."""
    return isinstance(node, _ATOMS)


def atom(node: ast.expr) -> tuple[Part, ...]:
    """A node as an operand: in brackets unless it is an atom."""
    return (node,) if is_atom(node) else ("(", node, ")")


def simple(node: ast.expr) -> bool:
    """Whether a node may be written twice: it has no effect and is cheap to build."""
    if isinstance(node, ast.Attribute):
        return simple(node.value)
    return isinstance(node, (ast.Name, ast.Constant))


def is_constant(node: ast.expr | None, *values: object) -> bool:
    """Whether a node is one of some literal values."""
    if not isinstance(node, ast.Constant):
        return False
    return any(type(node.value) is type(value) and node.value == value for value in values)


class Arguments:
    """Changes to a call's argument list, written together by `done`: one edit for each gap between arguments."""

    def __init__(self, site: Site) -> None:
        assert site.call is not None
        self.site = site
        self.items = _items(site.module, site.call)
        self.before: dict[int, str] = {}
        self.after: dict[int, str] = {}
        self.dropped: set[int] = set()
        self.appended: list[tuple[Part, ...]] = []

    def index(self, position: int | None, keyword: str) -> int | None:
        """Where an argument stands, given by position or keyword."""
        for index, item in enumerate(self.items):
            if item.keyword == keyword or (item.keyword is None and index == position):
                return index
        return None

    def is_bracketed(self, index: int) -> bool:
        """Whether an argument's value stands in brackets of its own."""
        item = self.items[index]
        return item.end > self.site.module.span(item.value)[1]

    def keyword(self, index: int, name: str) -> None:
        """Gives an argument this keyword."""
        item = self.items[index]
        if item.keyword == name:
            return
        if item.node is not None and item.keyword:
            start = self.site.module.span(item.node)[0]
            self.site.edits.replace_span(start, start + len(item.keyword.encode()), name)
        else:
            self.before[index] = f"{name}=" + self.before.get(index, "")

    def wrap(self, index: int, before: str, after: str) -> None:
        """Puts text around an argument's value."""
        item = self.items[index]
        if item.node is not None:
            # Behind the equals sign: the value's own brackets count as the value's.
            start = self.site.module.span(item.value)[0]
            equals = self.site.module.utf8.index(b"=", item.start, start) + 1
            self.site.edits.replace_span(equals - 1, equals, "=" + before)
        else:
            self.before[index] = self.before.get(index, "") + before
        self.after[index] = after + self.after.get(index, "")

    def drop(self, index: int) -> None:
        self.dropped.add(index)
        self.site.needs.dropped.update(ast.walk(self.items[index].value))

    def append(self, *parts: Part) -> None:
        self.appended.append(parts)

    def done(self) -> None:
        """Registers the edits."""
        module, edits = self.site.module, self.site.edits
        assert self.site.call is not None
        close = module.span(self.site.call)[1] - 1
        opening = _opening(module, self.site.call)
        kept = [index for index in range(len(self.items)) if index not in self.dropped]
        added: list[Part] = []
        for parts in self.appended:
            if added or kept:
                added.append(", ")
            added.extend(parts)
        if not kept:
            if self.items or added:
                edits.replace_span(opening, close + 1, "(", *added, ")")
            return
        last = -1
        for index in kept:
            start = self.items[last].end if last >= 0 else opening
            gap = module.utf8[start : self.items[index].start].decode()
            if self.dropped and last >= 0 and index != last + 1:
                gap = module.utf8[self.items[index - 1].end : self.items[index].start].decode()
            elif last < 0 and index > 0:
                gap = module.utf8[opening : self.items[0].start].decode()
            new = self.after.get(last, "") + gap + self.before.get(index, "")
            if new != module.utf8[start : self.items[index].start].decode():
                edits.replace_span(start, self.items[index].start, new)
            last = index
        tail = module.utf8[self.items[-1].end : close + 1].decode()
        if added or self.after.get(last) or last != len(self.items) - 1:
            edits.replace_span(self.items[last].end, close + 1, self.after.get(last, ""), *added, tail)


def _items(module: Module, call: ast.Call) -> list[Item]:
    """A call's arguments in the order of the source."""
    opening = _opening(module, call)
    items: list[Item] = []
    for value in call.args:
        if isinstance(value, ast.Starred):
            items.append(Item("*", value, *module.span(value)))
        else:
            items.append(Item(None, value, *_bracketed(module, value, opening)))
    for keyword in call.keywords:
        start = module.span(keyword)[0]
        end = _bracketed(module, keyword.value, start)[1]
        items.append(Item(keyword.arg or "**", keyword.value, start, end, keyword))
    return sorted(items, key=lambda item: item.start)


def _opening(module: Module, call: ast.Call) -> int:
    return module.utf8.index(b"(", module.span(call.func)[1])


def _bracketed(module: Module, node: ast.expr, outside: int) -> tuple[int, int]:
    """The span of a node with the brackets around it, as far as those begin behind `outside`."""
    start, end = module.span(node)
    utf8 = module.utf8
    while True:
        before, after = start - 1, end
        while before > outside and utf8[before : before + 1].isspace():
            before -= 1
        while utf8[after : after + 1].isspace():
            after += 1
        if before <= outside or utf8[before : before + 1] != b"(" or utf8[after : after + 1] != b")":
            return start, end
        start, end = before, after + 1


def _comment_between(module: Module, call: ast.Call) -> bool:
    """Whether there is a comment between the call's arguments (a "#" in a string is none)."""
    items = _items(module, call)
    edges = [_opening(module, call), *(edge for item in items for edge in (item.start, item.end)), module.span(call)[1]]
    return any(b"#" in module.utf8[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))


Rule = Callable[[Site], str | None]
