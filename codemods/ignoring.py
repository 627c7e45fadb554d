"""What a user does not want to be told, or touched: comments in the source, and codes that are ignored for a file.

    x = f(y)  # tf-modernize: ignore[TFM402]    findings of this code, or symbol, or of codes that begin so
    x = f(y)  # tf-modernize: ignore            all findings; and the statement stays as it is
    # tf-modernize: skip-file                   on a line of its own: the whole file stays as it is

A comment counts for the statement on whose first or last line it stands. Nothing that is ignored is lost: it is in the report
as ignored. A statement that must stay, and that a level would change, keeps its program from that level.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .diagnostics import ALWAYS, RULES, Diagnostic, nearest, selected
from .parse import Module
from .report import Account, FileResult, ProgramResult

_MENTION = re.compile(rb"#[^\n\r]*\btf-modernize[ \t]*:")
_DIRECTIVE = re.compile(r"#\s*tf-modernize\s*:\s*(?P<word>[\w-]*)(?:\[(?P<codes>[^\]]*)\])?(?P<rest>.*)")
_HELD = "TFM931"
_LAYOUT = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING}


@dataclass(frozen=True)
class Comment:
    """One `ignore`: where it stands, the lines that it counts for, and what by which name; no names: everything."""

    line: int
    column: int
    first: int
    last: int
    names: tuple[tuple[str, frozenset[str]], ...] = ()

    def covers(self, one: Diagnostic) -> bool:
        if not self.first <= one.line <= self.last or one.code in ALWAYS:
            return False
        return any(one.code in codes for _, codes in self.names) if self.names else one.code != _HELD


@dataclass(frozen=True)
class Directives:
    """The comments of a file: `skip` is the line of a skip-file, `faults` are places with a sentence."""

    comments: tuple[Comment, ...] = ()
    skip: int = 0
    faults: tuple[tuple[int, int, str], ...] = ()


NONE = Directives()
# What `upgrade` raises only where it is asked for: a comment may well be there to forbid it.
_ON_DEMAND = frozenset(rule.code for rule in RULES if rule.fix == "unsafe")

# --- reading ----------------------------------------------------------------------------------------------------------


def read(data: bytes) -> Directives:
    """The comments of a file for us. It need not be Python 3: what stands before a fault is read."""
    if b"tf-modernize" not in data or not _MENTION.search(data):
        return NONE
    plain = re.sub(rb"[^\x00-\x7f]", b"_", data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).decode()
    comments: list[Comment] = []
    faults: list[tuple[int, int, str]] = []
    skip = 0
    for token, first, last in _comments(plain):
        found = _DIRECTIVE.search(token.string)
        if found is None:
            continue
        line, column = token.start
        fault = _fault(found, alone=not first)
        if fault:
            faults.append((line, column, fault))
        elif found["word"] == "skip-file":
            skip = skip or line
        else:
            listed = [name.strip() for name in (found["codes"] or "").split(",") if name.strip()]
            comments.append(Comment(line, column, first, last, tuple((name, selected(name)) for name in listed)))
    return Directives(tuple(comments), skip, tuple(faults))


def codes(directives: Directives) -> frozenset[str]:
    """The codes that are ignored anywhere in a file."""
    return frozenset().union(*(some for comment in directives.comments for _, some in comment.names))


def is_ignore(comment: str) -> bool:
    """Whether a comment is an `ignore` and nothing else."""
    found = _DIRECTIVE.match(comment)
    return found is not None and found["word"] == "ignore"


def _comments(text: str) -> Iterator[tuple[tokenize.TokenInfo, int, int]]:
    """Each comment with the first and last line of what it counts for; 0 where it stands alone."""
    waiting: list[tokenize.TokenInfo] = []
    first = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                if first:
                    waiting.append(token)
                else:
                    yield token, 0, 0
            elif token.type == tokenize.NEWLINE:
                last = token.start[0]
                for one in waiting:
                    line = one.start[0]
                    yield (one, first, last) if line in (first, last) else (one, line, line)
                waiting, first = [], 0
            elif token.type not in _LAYOUT:
                first = first or token.start[0]
    except (SyntaxError, tokenize.TokenError):
        return


def _fault(found: re.Match[str], alone: bool) -> str:
    """What is wrong with a comment, if something is."""
    word, codes, rest = found["word"], found["codes"], found["rest"]
    if word == "skip-file":
        return "" if alone else "skip-file belongs on a line of its own: the file is not skipped"
    if word != "ignore":
        near = difflib.get_close_matches(word, ("ignore", "skip-file"), 1)
        return f"there is no `{word}`: " + (f"did you mean {near[0]}?" if near else "there are ignore and skip-file")
    if codes is None and (rest[:1] not in ("", " ", "\t") or re.match(r"\s*TFM\d", rest)):
        return "nothing is ignored: codes belong in brackets, as in ignore[TFM402]"
    if codes is not None and not codes.strip(" ,"):
        return "nothing is ignored: the brackets are empty"
    for name in (codes or "").split(","):
        if name.strip() and not selected(name):
            near_one = nearest(name)
            return f"there is no diagnostic {name.strip()}" + (f": did you mean {near_one}?" if near_one else "")
    return "it stands alone: it belongs at the end of a line of the statement" if alone else ""


# --- statements that must stay ----------------------------------------------------------------------------------------


def held(
    modules: Mapping[str, Module], texts: Mapping[str, str], directives: Mapping[str, Directives], what: str
) -> tuple[Diagnostic, ...]:
    """Why new texts can't be: the statements that must stay as they are, and do not."""
    return tuple(
        Diagnostic(
            "held-statement",
            _HELD,
            f"this must stay as it is (# tf-modernize: ignore), {what}",
            path,
            comment.first,
        )
        for path, text in texts.items()
        for comment in _changed(directives[path], modules[path].utf8.decode(), text)
    )


def _changed(directives: Directives, before: str, after: str) -> list[Comment]:
    """The comments whose statements must stay as they are, and do not."""
    old, new = ([line.strip() for line in text.split("\n")] for text in (before, after))
    wanted = [(one, old[one.first - 1 : one.last]) for one in directives.comments if not one.names]
    return [one for one, text in wanted if _count(new, text) < sum(text == other for _, other in wanted)]


def _count(lines: Sequence[str], part: Sequence[str]) -> int:
    return sum(lines[at : at + len(part)] == part for at, line in enumerate(lines) if line == part[0])


def skipped(path: str, data: bytes, line: int) -> FileResult:
    """A file that stays as it is since it says so."""
    told = Diagnostic("skipped-file", "TFM932", "the file stays as it is (# tf-modernize: skip-file)", path, line)
    return FileResult(path, data, None, "untouched", ignored=(told,))


def apart(lines: Mapping[str, int]) -> tuple[Diagnostic, ...]:
    """Why the other files of a program can't go native: at the comments of those that are skipped."""
    message = "the file is skipped, and is part of a program of several: files of one program must be upgraded together"
    return tuple(Diagnostic("partial-program", "TFM905", message, path, line) for path, line in lines.items())


# --- what is told -----------------------------------------------------------------------------------------------------


def settled(
    result: ProgramResult, directives: Mapping[str, Directives], unwanted: Mapping[str, Collection[str]]
) -> ProgramResult:
    """The result with its findings parted into those to be told and those that are ignored, and its names accordingly."""
    if not any(one is not NONE for one in directives.values()) and not any(unwanted.get(path) for path in result.files):
        return result
    files = {
        path: _parted(one, directives.get(path, NONE), unwanted.get(path, ()), result)
        for path, one in result.files.items()
    }
    accepted = replace(result, files=files).is_accepted
    done = {path: _accounted(one, directives.get(path, NONE), accepted) for path, one in files.items()}
    return replace(result, files=done)


def _parted(one: FileResult, directives: Directives, unwanted: Collection[str], result: ProgramResult) -> FileResult:
    used: set[tuple[Comment, str]] = set()
    told: list[Diagnostic] = []
    ignored = list(one.ignored)
    for found in one.diagnostics:
        covering = [comment for comment in directives.comments if comment.covers(found)]
        used |= {(comment, name) for comment in covering for name, codes_of in comment.names if found.code in codes_of}
        used |= {
            (comment, "") for comment in directives.comments if found.line == comment.first and found.code == _HELD
        }
        used |= {(comment, "") for comment in covering if not comment.names}
        by_code = found.code in unwanted and found.code not in ALWAYS
        (ignored if covering or by_code else told).append(found)
    if result.dialect == "tf1" and one.error is None and not directives.skip:
        for idle in _idle(one, directives, used, final=result.level == "native"):
            (ignored if idle.code in unwanted else told).append(idle)
    return replace(one, diagnostics=tuple(told), ignored=tuple(ignored))


def _idle(
    one: FileResult, directives: Directives, used: Collection[tuple[Comment, str]], final: bool
) -> Iterator[Diagnostic]:
    """The comments that ignore nothing. `final`: the program is native, so that none of them may have held something."""
    for line, column, sentence in directives.faults:
        yield Diagnostic("unused-ignore", "TFM930", sentence, one.path, line, column)
    for comment in directives.comments:
        idle = [name for name, some in comment.names if (comment, name) not in used and not some & _ON_DEMAND]
        named = any(comment.first <= account.line <= comment.last for account in one.accounts)
        if idle:
            sentence = f"nothing here raises {', '.join(idle)}: the comment ignores nothing"
        elif not comment.names and (comment, "") not in used and final and not named:
            sentence = "there is nothing here to ignore"
        else:
            continue
        yield Diagnostic("unused-ignore", "TFM930", sentence, one.path, comment.line, comment.column)


def _accounted(one: FileResult, directives: Directives, accepted: bool) -> FileResult:
    """The file with those of its names as ignored that are left for an ignored reason, or in a statement that must stay."""
    told = {(found.line, found.column) for found in one.diagnostics}
    ignored = {(found.line, found.column) for found in one.ignored} - told
    held = [(comment.first, comment.last) for comment in directives.comments if not comment.names]

    def account(name: Account) -> Account:
        place = (name.line, name.column)
        is_ignored = place in ignored or (accepted and place not in told)
        is_ignored = is_ignored or any(first <= name.line <= last for first, last in held)
        return replace(name, state="ignored") if name.state == "left" and is_ignored else name

    return replace(one, accounts=tuple(map(account, one.accounts)))
