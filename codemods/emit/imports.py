"""Import statements at either level: what each should say once the uses of the names that it binds are rewritten."""

from __future__ import annotations

import ast
import re

from ..api import is_module, lookup
from ..edits import Edits
from ..names import Import, Names
from ..parse import Module
from ..symbols import Rewritten
from ..symbols.packages import Place, contrib
from ..symbols.sites import Level
from ..syntax import first_name
from .statements import Statements

_MODULE = re.compile(rb"from\s+([\w.]+)")
# Parts of the tensorflow package that are imported as they are: private ones, and those that are packages of their own.
_AS_IT_IS = ("python", "keras", "examples", "core")
_ABSL = ("app", "flags", "logging")
# Where programs reach the same modules by private paths.
_PLATFORM = {
    "python.platform.app": "app",
    "python.platform.flags": "flags",
    "python.platform.tf_logging": "logging",
    "python.platform.logging": "logging",
}


def changes(names: Names, result: Rewritten, level: Level) -> dict[ast.Import | ast.ImportFrom, list[str | None]]:
    """For each import statement that must change: a statement for each of its names, or None where it is needed no more."""
    left = {first_name(node) for node in result.left} | result.needs.kept
    by_statement: dict[ast.Import | ast.ImportFrom, list[Import]] = {}
    for found in names.imports:
        if not found.foreign:
            by_statement.setdefault(found.node, []).append(found)
    roots = {found.bound for found in names.imports if found.name == ""}
    used = {first_name(use.node) for use in names.uses}
    changed: dict[ast.Import | ast.ImportFrom, list[str | None]] = {}
    for node, imported in by_statement.items():
        meant = {found.alias: found for found in imported}
        new = [
            _wanted(node, alias, one := meant.get(alias), left, roots, one is not None and one.bound in used, level)
            for alias in node.names
        ]
        if new != [spelt(node, alias) for alias in node.names]:
            changed[node] = new
    return changed


def apply(
    module: Module,
    changed: dict[ast.Import | ast.ImportFrom, list[str | None]],
    edits: Edits,
    statements: Statements,
) -> None:
    """Registers the changes, each as small as it can be."""
    for node, new in changed.items():
        if isinstance(node, ast.ImportFrom) and _same_but_module(node, new):
            match = _MODULE.match(module.utf8, module.span(node)[0])
            if match:
                edits.replace_span(*match.span(1), module_of(new[0] or ""))
                continue
        if isinstance(node, ast.Import) and all(line and line.startswith("import ") for line in new):
            for alias, line in zip(node.names, new, strict=True):
                if line and line != spelt(node, alias):
                    edits.replace(alias, line[len("import ") :])
            continue
        kept = [line for line in new if line is not None]
        if kept:
            statements.instead(node, merged(kept))
        else:
            statements.drop(node)


def _wanted(
    node: ast.Import | ast.ImportFrom,
    alias: ast.alias,
    found: Import | None,
    left: set[str],
    roots: set[str],
    used: bool,
    level: Level,
) -> str | None:
    """The statement that binds one name at the level; None: nothing needs it any more."""
    same = spelt(node, alias)
    if found is None or (level == "compat" and found.api != "plain"):
        return same
    top = "tensorflow.compat.v1" if level == "compat" else "tensorflow"
    bound = found.bound
    if isinstance(node, ast.Import):
        dotted = found.name if alias.asname or "." in alias.name else ""
        if found.api == "v2":
            return same
        if dotted == "" or (alias.asname is None and dotted.startswith("contrib")):
            if dotted:
                if "tensorflow" in left:
                    return same
                if roots - {"tensorflow"}:
                    return None
            return f"import {top}" + (f" as {bound}" if bound != top else "")
        if dotted.startswith("contrib"):
            return _contrib(dotted, bound, same, left, level)
        if level == "native" and alias.asname and dotted in _PLATFORM:
            return _from_absl(dotted, bound)
        if dotted.startswith("python."):
            return same if alias.asname is None or bound in left or not used else None
        if dotted.startswith("examples."):
            return same if alias.asname is None or bound in left or not used else None
        if alias.asname is None or dotted.startswith(_AS_IT_IS):
            return same
        if level == "native" and dotted in _ABSL:
            return f"from absl import {dotted}" + (f" as {bound}" if bound != dotted else "")
        if level == "native" and not _stays(found.name):
            return same if bound in left else None
        return f"import {top}.{dotted} as {bound}"
    if found.name == "" and bound != "*":  # from tensorflow.compat import v1 as tf
        return same if found.api == "v2" else f"import {top}" + (f" as {bound}" if bound != top else "")
    if found.name.startswith("contrib"):
        return same if bound == "*" else _contrib(found.name, bound, same, left, level)
    if level == "native" and found.name in _PLATFORM:
        return _from_absl(found.name, bound)
    if found.name.startswith("python."):
        return same if bound in left or not used else None
    if found.name.startswith("examples."):
        return same if bound in left or not used else None
    if level == "compat" and found.api == "plain" and found.name.startswith("keras.backend") and bound != "*":
        # sessions and learning phases are compat.v1's
        package = f"{top}.{found.name.rpartition('.')[0]}"
        return f"from {package} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    if found.name.startswith(_AS_IT_IS) or found.name == "compat" or found.api == "v2":
        return same
    if level == "native" and found.name.rpartition(".")[2] in _ABSL and found.name.count(".") < 2:
        return f"from absl import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    package = found.name if bound == "*" else found.name.rpartition(".")[0]
    if bound != "*" and not _stays(found.name, level):
        return same if bound in left else None
    target = f"{top}.{package}".rstrip(".")
    return f"from {target} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")


def _from_absl(name: str, bound: str) -> str:
    module = _PLATFORM[name]
    return f"from absl import {module}" + (f" as {bound}" if bound != module else "")


def _stays(name: str, level: Level = "native") -> bool:
    """Whether a name is imported at the level under the same name."""
    fact = lookup(name)
    if fact is None:
        return True
    if level == "compat":
        return fact.compat == name or is_module(name)
    return fact.target == name


def _contrib(name: str, bound: str, same: str, left: set[str], level: Level) -> str | None:
    """The import of a part of contrib: from the package that took it over, or none where every use was rewritten."""
    found = contrib(name)
    if found is None or found[0].package == "tf" or (level == "native" and found[0].package == "tf_slim"):
        return same if bound in left else None
    place = found[0]
    path = Place(place.package, (place.target + name[len(found[1]) :]).lstrip("."))
    if not path.target:
        return f"import {path.package}" + (f" as {bound}" if bound != path.package else "")
    head, _, last = path.target.rpartition(".")
    return f"from {path.package}{'.' + head if head else ''} import {last}" + (f" as {bound}" if bound != last else "")


def spelt(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    """A statement that imports one of a statement's names."""
    name = alias.name + (f" as {alias.asname}" if alias.asname else "")
    if isinstance(node, ast.Import):
        return f"import {name}"
    return f"from {'.' * node.level}{node.module or ''} import {name}"


def _same_but_module(node: ast.ImportFrom, new: list[str | None]) -> bool:
    """Whether only the module of a from-import changes."""
    lines = [line or "" for line in new]
    if len({module_of(line) for line in lines}) != 1:
        return False
    return all(
        line.startswith("from ") and line.partition(" import ")[2] == spelt(node, alias).partition(" import ")[2]
        for line, alias in zip(lines, node.names, strict=True)
    )


def module_of(line: str) -> str:
    """The module that an import statement names."""
    return line.split()[1] if line else ""


def merged(lines: list[str]) -> list[str]:
    """From-imports of one module as one statement, the order kept."""
    result: list[str] = []
    for line in lines:
        head, separator, name = line.partition(" import ")
        if result and separator and head.startswith("from ") and result[-1].startswith(head + separator):
            result[-1] += ", " + name
        else:
            result.append(line)
    return result
