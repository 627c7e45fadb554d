"""Moves the statements of a module: drops, replaces and unwraps them, and puts new ones before them.

The expressions are rewritten already when this begins, so the statements of the LibCST tree stand in the order of `ast`'s and
are matched with them one by one. Comments of a statement that goes stay at its place, unless they went along with it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst

from ..ignoring import is_ignore
from ..parse import depth

DEEPEST = 1500  # levels of nested code that LibCST parses on a stack of 8 MiB, with much to spare


@dataclass
class Moves:
    """What happens to the statements of one module."""

    dropped: set[ast.stmt] = field(default_factory=set)
    taken: set[ast.stmt] = field(default_factory=set)  # dropped, and their comments went along
    trailing: set[ast.stmt] = field(default_factory=set)  # whose comment behind went along
    unwrapped: set[ast.stmt] = field(default_factory=set)
    guarded: dict[ast.stmt, str] = field(default_factory=dict)  # with blocks that pass over an exception, as a try does
    opened: dict[ast.If, bool] = field(default_factory=dict)  # of which only one branch stays
    replaced: dict[ast.stmt, str] = field(default_factory=dict)
    before: dict[ast.stmt, list[str]] = field(default_factory=dict)
    after: dict[ast.stmt, list[str]] = field(default_factory=dict)
    comments: dict[ast.stmt, list[str]] = field(default_factory=dict)  # from within statements that are written anew

    def __bool__(self) -> bool:
        return bool(
            self.dropped
            or self.unwrapped
            or self.opened
            or self.guarded
            or self.replaced
            or self.before
            or self.after
            or self.comments
        )


def apply(text: str, tree: ast.Module, moves: Moves) -> str:
    """The module's text with its statements moved. `tree` is that of the source before its expressions were rewritten."""
    if depth(tree) > DEEPEST:
        raise RecursionError  # LibCST's parser would not say so, but end the process
    module = cst.parse_module(text)
    mover = _Mover(module, moves)
    body, left = mover.block(tree.body, module.body, top=True)
    footer = [*left, *module.footer] if left else module.footer
    header = module.header
    if body and left and not module.body:
        header = [*module.header, *left]
    return module.with_changes(body=body, footer=footer, header=header).code


CstStatement = cst.SimpleStatementLine | cst.BaseCompoundStatement


class _Mover:
    def __init__(self, module: cst.Module, moves: Moves) -> None:
        self.module = module
        self.moves = moves
        self.touched: set[ast.AST] = {*moves.dropped, *moves.taken, *moves.unwrapped, *moves.opened, *moves.replaced}
        self.behind: list[cst.EmptyLine] = []  # comments of a clause that went, for what follows its statement
        self.touched |= {*moves.before, *moves.after, *moves.comments, *moves.guarded}

    def parse(self, text: str, top: bool) -> list[CstStatement]:
        """New statements, set off by blank lines where they define something."""
        parsed = cst.parse_module(text, config=self.module.config_for_parsing)
        out: list[CstStatement] = []
        for place, statement in enumerate(parsed.body):
            lines = list(parsed.header) if place == 0 else []
            lead = [*lines, *statement.leading_lines]
            if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
                blanks = 2 if top else 1
                lead = [cst.EmptyLine(indent=False)] * blanks + [part for part in lead if part.comment is not None]
            elif out and isinstance(out[-1], (cst.FunctionDef, cst.ClassDef)):
                lead = _set_off(lead, 2 if top else 1)
            out.append(statement.with_changes(leading_lines=lead))
        return out

    def block(
        self, nodes: Sequence[ast.stmt], statements: Sequence[CstStatement], top: bool = False
    ) -> tuple[list[CstStatement], list[cst.EmptyLine]]:
        """The new statements of a block, and the comments that no statement of it is left to carry."""
        out: list[CstStatement] = []
        pending: list[cst.EmptyLine] = []
        place = 0
        after_definition = False
        for statement in statements:
            if isinstance(statement, cst.SimpleStatementLine):
                own = list(nodes[place : place + len(statement.body)])
                place += len(own)
                new, lost, defined = self._simple(own, statement, top)
            else:
                own = [nodes[place]]
                place += 1
                new, lost, defined = self._compound(own[0], statement, top)
            for node in own:
                for block in self.moves.after.get(node, []):
                    new.extend(self.parse(block, top))
            extra = [text for node in own for text in self.moves.comments.get(node, [])]
            pending.extend(cst.EmptyLine(comment=cst.Comment(text)) for text in extra)
            if new:
                first = new[0]
                lead = list(first.leading_lines)
                if pending:
                    lead = _together(pending, lead)
                    pending = []
                if after_definition and not defined:
                    lead = _set_off(lead, 2 if top else 1)
                if top and out and isinstance(out[-1], (cst.FunctionDef, cst.ClassDef)) and own[0] in self.touched:
                    lead = _set_off(lead, 2)
                if lead != list(first.leading_lines):
                    new[0] = first.with_changes(leading_lines=lead)
                out.extend(new)
                written = defined or any(node in self.moves.replaced for node in own)
                after_definition = written and isinstance(new[-1], (cst.FunctionDef, cst.ClassDef))
            pending = [*pending, *lost]
        return out, [line for line in pending if line.comment is not None]

    def _simple(
        self, nodes: list[ast.stmt], statement: cst.SimpleStatementLine, top: bool
    ) -> tuple[list[CstStatement], list[cst.EmptyLine], bool]:
        moves = self.moves
        out: list[CstStatement] = []
        defined = False
        lead: list[cst.EmptyLine] = list(statement.leading_lines)
        kept = list(statement.body)
        for node in nodes:
            self._before(node, out, top)
        defined = bool(out) and isinstance(out[-1], (cst.FunctionDef, cst.ClassDef))
        if not any(node in moves.dropped or node in moves.taken or node in moves.replaced for node in nodes):
            return [*out, self._after(statement, defined, top)], [], defined and not kept
        remaining: list[CstStatement] = []
        run: list[cst.BaseSmallStatement] = []
        for node, small in zip(nodes, statement.body, strict=True):
            if node in moves.replaced:
                if run:
                    remaining.append(cst.SimpleStatementLine(body=_joined(run)))
                    run = []
                remaining.extend(self.parse(moves.replaced[node], top))
            elif node not in moves.dropped and node not in moves.taken:
                run.append(small)
        if run:
            remaining.append(cst.SimpleStatementLine(body=_joined(run)))
        if remaining:
            last = remaining[-1]
            if isinstance(last, cst.SimpleStatementLine) and statement.trailing_whitespace.comment is not None:
                remaining[-1] = last.with_changes(trailing_whitespace=statement.trailing_whitespace)
            first = remaining[0]
            if not isinstance(first, (cst.FunctionDef, cst.ClassDef)):
                remaining[0] = first.with_changes(leading_lines=[*lead, *first.leading_lines])
                remaining[0] = self._after(remaining[0], defined, top)
            return [*out, *remaining], [], False
        taken = all(node in moves.taken for node in nodes)
        lost = [line for line in lead if line.comment is None] if taken else list(lead)
        comment = statement.trailing_whitespace.comment
        if comment is not None and is_ignore(comment.value):
            comment = None  # it is for the statement, and goes with it
        if comment is not None and not taken and not any(node in moves.trailing for node in nodes):
            lost.append(cst.EmptyLine(comment=comment))
        if not taken:
            lost.extend(cst.EmptyLine(comment=cst.Comment(text)) for text in _inner_comments(self.module, statement))
        return out, lost, defined

    def _before(self, node: ast.stmt, out: list[CstStatement], top: bool) -> None:
        """Appends the new statements that go before a node."""
        for block in self.moves.before.get(node, []):
            new = self.parse(block, top)
            if new and out and isinstance(out[-1], (cst.FunctionDef, cst.ClassDef)):
                new[0] = new[0].with_changes(leading_lines=_set_off(list(new[0].leading_lines), 2 if top else 1))
            out.extend(new)

    def _after(self, statement: CstStatement, defined: bool, top: bool) -> CstStatement:
        if not defined:
            return statement
        return statement.with_changes(leading_lines=_set_off(list(statement.leading_lines), 2 if top else 1))

    def _compound(
        self, node: ast.stmt, statement: cst.BaseCompoundStatement, top: bool
    ) -> tuple[list[CstStatement], list[cst.EmptyLine], bool]:
        moves = self.moves
        out: list[CstStatement] = []
        defined = False
        self._before(node, out, top)
        defined = bool(out) and isinstance(out[-1], (cst.FunctionDef, cst.ClassDef))
        lead = list(statement.leading_lines)
        if node in moves.replaced:
            new = self.parse(moves.replaced[node], top)
            if new:
                blank = [line for line in lead if line.comment is not None]
                new[0] = new[0].with_changes(leading_lines=[*new[0].leading_lines, *blank])
            return [*out, *new], [], bool(new) and isinstance(new[-1], (cst.FunctionDef, cst.ClassDef))
        if node in moves.dropped or node in moves.taken:
            if node in moves.taken:
                return out, [line for line in lead if line.comment is None], defined
            texts = _inner_comments(self.module, statement)
            return out, [*lead, *(cst.EmptyLine(comment=cst.Comment(text)) for text in texts)], defined
        suite = self._opened(node, statement)
        if suite is not None:
            nodes, body = suite
            inner, lost = self._body(nodes, body, top)
            header = _header_comment(body)
            if header is not None and is_ignore(header.value):
                header = None
            lead = [*lead, *([cst.EmptyLine(comment=header)] if header else [])]
            if not inner:
                return out, [*lead, *lost], defined
            inner[0] = inner[0].with_changes(leading_lines=_together(lead, list(inner[0].leading_lines)))
            inner[0] = self._after(inner[0], defined, top)
            return [*out, *inner], lost, False
        if node in moves.guarded and isinstance(node, ast.With) and isinstance(statement, cst.With):
            return [*out, self._after(self._guarded(node, statement), defined, top)], [], False
        self.behind = []
        inside = self._inside(node, statement)
        behind, self.behind = self.behind, []
        return [*out, self._after(inside, defined, top)], behind, False

    def _guarded(self, node: ast.With, statement: cst.With) -> cst.Try:
        """A with block as the try block that passes over an exception."""
        body = self._suite(node.body, statement.body)
        caught = cst.parse_expression(self.moves.guarded[node])
        nothing = cst.IndentedBlock([cst.SimpleStatementLine([cst.Pass()])])
        return cst.Try(body, [cst.ExceptHandler(nothing, caught)], leading_lines=statement.leading_lines)

    def _opened(
        self, node: ast.stmt, statement: cst.BaseCompoundStatement
    ) -> tuple[Sequence[ast.stmt], cst.BaseSuite] | None:
        """The block that takes a statement's place."""
        if node in self.moves.unwrapped and isinstance(node, ast.With) and isinstance(statement, cst.With):
            return node.body, statement.body
        if node in self.moves.unwrapped and isinstance(node, ast.Try) and isinstance(statement, cst.Try):
            return node.body, statement.body
        if isinstance(node, ast.If) and node in self.moves.opened and isinstance(statement, cst.If):
            if self.moves.opened[node]:
                return node.body, statement.body
            if isinstance(statement.orelse, cst.Else):
                return node.orelse, statement.orelse.body
            if statement.orelse is not None:
                return node.orelse, cst.IndentedBlock(body=[statement.orelse])
            return [], cst.IndentedBlock(body=[])
        return None

    def _body(
        self, nodes: Sequence[ast.stmt], suite: cst.BaseSuite, top: bool
    ) -> tuple[list[CstStatement], list[cst.EmptyLine]]:
        if isinstance(suite, cst.IndentedBlock):
            new, lost = self.block(nodes, list(suite.body), top)  # type: ignore[arg-type]
            return new, [*lost, *(line for line in suite.footer if line.comment is not None)]
        line = cst.SimpleStatementLine(body=list(suite.body))  # type: ignore[arg-type]
        return self.block(nodes, [line], top)

    def _inside(self, node: ast.stmt, statement: cst.BaseCompoundStatement) -> cst.BaseCompoundStatement:
        """A compound statement that stays, with its blocks rewritten."""
        changes: dict[str, object] = {}
        body = getattr(node, "body", None)
        suite = getattr(statement, "body", None)
        if isinstance(node, ast.Match) or not isinstance(body, list) or suite is None:
            return statement
        if self._touched(body):
            changes["body"] = self._suite(body, suite)
        orelse = getattr(node, "orelse", [])
        tail = getattr(statement, "orelse", None)
        if orelse and tail is not None and self._touched(orelse):
            if isinstance(tail, cst.If):
                changes["orelse"] = self._inside(orelse[0], tail)
            else:
                left = self._body(orelse, tail.body, False)
                changes["orelse"] = tail.with_changes(body=self._suite(orelse, tail.body)) if any(left) else None
        if isinstance(node, ast.Try) and isinstance(statement, cst.Try):
            changes["handlers"] = [
                handler.with_changes(body=self._suite(own.body, handler.body)) if self._touched(own.body) else handler
                for own, handler in zip(node.handlers, statement.handlers, strict=True)
            ]
            if node.finalbody and statement.finalbody is not None and self._touched(node.finalbody):
                kept, lost = self._body(node.finalbody, statement.finalbody.body, False)
                if kept or not node.handlers:
                    suite = self._suite(node.finalbody, statement.finalbody.body)
                    changes["finalbody"] = statement.finalbody.with_changes(body=suite)
                else:
                    changes["finalbody"] = None
                    self.behind = lost
        return statement.with_changes(**changes) if changes else statement

    def _touched(self, body: Sequence[ast.stmt]) -> bool:
        return any(part in self.touched for statement in body for part in ast.walk(statement))

    def _suite(self, nodes: Sequence[ast.stmt], suite: cst.BaseSuite) -> cst.BaseSuite:
        new, lost = self._body(nodes, suite, False)
        if not new:
            new = [cst.SimpleStatementLine(body=[cst.Pass()])]
        if isinstance(suite, cst.IndentedBlock):
            first = new[0]
            lead = list(first.leading_lines)
            while lead and lead[0].comment is None:
                lead.pop(0)
            new[0] = first.with_changes(leading_lines=lead)
            footer = [line for line in suite.footer if line.comment is None]
            return suite.with_changes(body=new, footer=[*lost, *footer])
        return cst.IndentedBlock(body=new, footer=lost)


def _joined(small: list[cst.BaseSmallStatement]) -> list[cst.BaseSmallStatement]:
    return [*small[:-1], small[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)]


def _together(pending: list[cst.EmptyLine], lead: list[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """What is left of dropped statements above the lines of the next one: the comments, and at most one gap."""
    kept = [line for line in pending if line.comment is not None]
    gap = any(line.comment is None for line in pending)
    if not kept:
        return lead if lead and lead[0].comment is None else ([cst.EmptyLine(indent=False)] if gap else []) + lead
    head = [cst.EmptyLine(indent=False)] if pending[0].comment is None else []
    return [*head, *kept, *lead]


def _set_off(lead: list[cst.EmptyLine], blanks: int) -> list[cst.EmptyLine]:
    """At least so many blank lines before what follows a definition."""
    own = 0
    while own < len(lead) and lead[own].comment is None:
        own += 1
    return [cst.EmptyLine(indent=False)] * max(0, blanks - own) + lead


def _inner_comments(module: cst.Module, statement: cst.CSTNode) -> list[str]:
    """The comments within a statement's own text."""
    from .text import comments_in

    bare = statement
    if isinstance(statement, cst.SimpleStatementLine):
        bare = statement.with_changes(leading_lines=[], trailing_whitespace=cst.TrailingWhitespace())
    elif hasattr(statement, "leading_lines"):
        bare = statement.with_changes(leading_lines=[])
    return [comment for comment in comments_in(module.code_for_node(bare)) if not is_ignore(comment)]


def _header_comment(suite: cst.BaseSuite) -> cst.Comment | None:
    return suite.header.comment if isinstance(suite, cst.IndentedBlock) else None
