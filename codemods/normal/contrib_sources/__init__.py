"""Parts of tf.contrib that no package took over, written into the program that uses them: as the TensorFlow 1 that they were.

Each is a small definition of its own (one `.txt` file, our own words for what the old one computed); table.tsv says which name
of contrib means which definition. A program that uses one is then a program like any other, at either level.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from ...accounts import Seen
from ...diagnostics import Diagnostic
from ...edits import Edits
from ...emit.text import indentation
from ...names import Import, Names
from ...parse import Module
from ...report import Account
from ..origins import Origin, Origins, identity, split, written
from ..words import words

_HEADER = re.compile(r"# (imports|needs): (.*)")


@dataclass(frozen=True)
class Definition:
    """A definition: its lines (`tf` stands for TensorFlow), the modules that it imports, other definitions that it calls."""

    name: str
    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A module with definitions in it, where its lines stood, and what is to be told of the names that they replace."""

    module: Module
    origins: Origins
    accounts: list[Account] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


@lru_cache(maxsize=1)
def table() -> Mapping[str, str]:
    """Names of contrib, and the definitions that they mean."""
    rows = files(__package__).joinpath("table.tsv").read_text().splitlines()
    return dict(row.split("\t") for row in rows if row and not row.startswith("#"))


@lru_cache
def definition(name: str) -> Definition:
    """One definition, as its file has it."""
    lines = files(__package__).joinpath(f"{name}.txt").read_text().splitlines()
    given: dict[str, tuple[str, ...]] = {}
    while found := _HEADER.fullmatch(lines[0]):
        given[found[1]] = tuple(found[2].split(", "))
        lines.pop(0)
    return Definition(name, tuple(lines), **given)


def candidates(names: Mapping[str, Seen]) -> set[str]:
    """The modules that may use a name of the table, from what is known of them without their trees."""
    return {path for path, one in names.items() if any(name.startswith(tuple(table())) for name, _, _ in one.uses)}


def written_out(modules: Mapping[str, Module], names: Mapping[str, Names]) -> dict[str, Written]:
    """The modules into which definitions were written."""
    found = {}
    for path, module in modules.items():
        one = _module(module, names[path])
        if one is not None:
            found[path] = one
        module.release()
    return found


def _module(module: Module, names: Names) -> Written | None:
    uses: dict[str, list[ast.expr]] = {}
    for use in names.uses:
        node = _part(use.node, names)
        if node is not None:
            uses.setdefault(table()[names.name_of(node) or ""], []).append(node)
    gone = [one for one in names.imports if one.name in table()]
    if not uses or any(one.foreign or one.guarded or not one.top for one in gone):
        return None
    nodes = [node for found in uses.values() for node in found]
    if any(node.lineno != node.end_lineno for node in nodes):
        return None
    place = _place(module, names, min(node.lineno for node in nodes))
    return _write(module, names, uses, gone, place) if place is not None else None


def _part(node: ast.expr, names: Names) -> ast.expr | None:
    """The part of a chain that means a name of the table."""
    while names.name_of(node) not in table():
        if not isinstance(node, ast.Attribute):
            return None
        node = node.value
    return node


def _place(module: Module, names: Names, first: int) -> ast.stmt | None:
    """The import behind which definitions go: the last of those at the top, and of TensorFlow; None if one is used before."""
    last: ast.stmt | None = None
    roots = {one.node for one in names.imports if one.top}
    for number, statement in enumerate(module.tree.body):
        is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
        if statement in roots or (is_import and all(_is_head(one) for one in module.tree.body[:number])):
            last = statement
    alone = last is not None and not any(one is not last and _share_a_line(one, last) for one in module.tree.body)
    return last if last is not None and alone and (last.end_lineno or 0) < first else None


def _is_head(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, (ast.Import, ast.ImportFrom))


def _share_a_line(one: ast.stmt, other: ast.stmt) -> bool:
    return one.lineno <= (other.end_lineno or 0) and other.lineno <= (one.end_lineno or 0)


def _write(
    module: Module, names: Names, uses: Mapping[str, list[ast.expr]], gone: list[Import], place: ast.stmt
) -> Written | None:
    edits = Edits(module)
    dropped = _drop_imports(module, edits, gone)
    if dropped is None:
        return None
    wanted = _closure(uses)
    head = _imports(module, names, wanted)
    taken = words(module) - {one.bound for one in gone}
    if taken & {*wanted, *(line.split()[-1] for line in head)}:
        return None
    accounts, diagnostics = [], []
    for name, found in uses.items():
        for node in found:
            accounts.append(Account(names.name_of(node) or "", module.path, node.lineno, node.col_offset, "rewritten"))
            diagnostics.append(_told(module, node, names.name_of(node) or "", name))
            edits.replace(node, name)
    old = identity(module.utf8.decode())
    texts = split(edits.apply())
    lines = [(text, origin) for text, origin in zip(texts, old.of, strict=True)]
    block = [(text, Origin(place.lineno, "")) for text in _block(module, names, wanted, head)]
    behind = place.end_lineno or place.lineno
    blank = next((number for number, (text, _) in enumerate(lines[behind:]) if text.strip()), 2)
    block += [("", Origin(place.lineno, ""))] * max(0, 2 - blank)
    lines[behind:behind] = block
    lines = [line for line in lines if line[1].line not in dropped or line[0].strip() or not line[1].text]
    new, origins = written(module, [text for text, _ in lines], [origin for _, origin in lines])
    return Written(new, origins, accounts, diagnostics)


def _told(module: Module, node: ast.expr, old: str, new: str) -> Diagnostic:
    message = f"tf.{old} is gone from TensorFlow 2; what it does is written out in this file, as `{new}`"
    return Diagnostic("contrib-written-out", "TFM106", message, module.path, node.lineno, node.col_offset)


def _closure(uses: Mapping[str, object]) -> list[str]:
    """The definitions with those that they call, these first."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in definition(name).needs:
            add(needed)
        found[name] = None

    for name in sorted(uses):
        add(name)
    return list(found)


def _drop_imports(module: Module, edits: Edits, gone: list[Import]) -> set[int] | None:
    """Takes the names out of their imports; the lines that are empty then. None where a comment stands among them."""
    dropped: set[int] = set()
    for node in {one.node: None for one in gone}:
        if node.lineno != node.end_lineno:
            return None
        kept = [alias for alias in node.names if all(alias is not one.alias for one in gone)]
        if not kept:
            edits.replace(node, "")
            dropped.add(node.lineno)
        elif isinstance(node, ast.ImportFrom):
            listed = ", ".join(module.text(alias) for alias in kept)
            edits.replace(node, f"from {'.' * node.level}{node.module or ''} import {listed}")
        else:
            edits.replace(node, f"import {', '.join(module.text(alias) for alias in kept)}")
    return dropped


def _imports(module: Module, names: Names, wanted: list[str]) -> list[str]:
    """The imports that definitions need and the module has not."""
    have = {
        (alias.name, alias.asname)
        for statement in module.tree.body
        if isinstance(statement, ast.Import)
        for alias in statement.names
    }
    lines = {} if _root(names) else {"import tensorflow as tf": None}
    for name in wanted:
        for spelt in definition(name).imports:
            module_name, _, bound = spelt.partition(" as ")
            if (module_name, bound or None) not in have:
                lines[f"import {spelt}"] = None
    return sorted(lines)


def _root(names: Names) -> str:
    """What the module calls TensorFlow."""
    return next((one.bound for one in names.imports if one.name == "" and one.top and one.bound != "*"), "")


def _block(module: Module, names: Names, wanted: list[str], head: list[str]) -> list[str]:
    """The lines of the definitions, imports first."""
    tab, root, lines = indentation(module), _root(names) or "tf", list(head)
    for name in wanted:
        lines += ["", ""]
        for line in definition(name).lines:
            depth = len(line) - len(line.lstrip(" "))
            lines.append(tab * (depth // 4) + " " * (depth % 4) + re.sub(r"\btf\.", f"{root}.", line.lstrip(" ")))
    return lines
