"""The compat level: a program that stays in graph mode, and runs so on TensorFlow 2.21.

Every module of the program that imports TensorFlow gets compat.v1 in its place, with TensorFlow 2's behaviour switched off
right after the imports. Where tf.layers, RNN cells or tf_slim are used anywhere in the program, Keras 2 is asked for before
TensorFlow is first imported. Graph mode belongs to the process, so the decision is the program's, not the module's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api import is_module, lookup
from ..diagnostics import Diagnostic
from ..edits import Edits
from ..names import Import, Names
from ..parse import Module
from ..report import Account
from ..symbols import Rewritten, rewrite
from ..symbols.packages import Place, contrib
from .statements import Statements

LEGACY_KERAS = 'os.environ["TF_USE_LEGACY_KERAS"] = "1"'
# tf_slim 1.1 expects the layers of Keras 2, and a few names of TensorFlow, where they were before 2.16.
SLIM = (
    "import sys",
    "import tf_keras.src.legacy_tf_layers",
    "# tf_slim looks for these where they were before TensorFlow 2.16.",
    'sys.modules["tf_keras.legacy_tf_layers"] = tf_keras.src.legacy_tf_layers',
    'sys.modules["tensorflow.python.framework.ops"].Tensor = {root}.Tensor',
    'sys.modules["tensorflow.python.framework.ops"].IndexedSlices = {root}.IndexedSlices',
    'sys.modules["tensorflow.python.ops.control_flow_ops"].cond = {root}.cond',
)
# Packages that import TensorFlow themselves: Keras 2 must be asked for before.
_IMPORT_TENSORFLOW = frozenset(
    {
        "keras",
        "sonnet",
        "t2t",
        "tensor2tensor",
        "tensorboardX",
        "tensorflow",
        "tensorflow_datasets",
        "tensorflow_hub",
        "tensorflow_probability",
        "tensorlayer",
        "tensorpack",
        "tf_keras",
        "tf_slim",
        "tflearn",
    }
)
_MODULE = re.compile(rb"from\s+([\w.]+)")


@dataclass(frozen=True)
class Emitted:
    """The new texts of the modules that change, by path; `requirements` are packages that they need besides TensorFlow."""

    texts: Mapping[str, str]
    diagnostics: list[Diagnostic]
    accounts: list[Account]
    requirements: frozenset[str] = field(default_factory=frozenset)


def emit(modules: Mapping[str, Module], names: Mapping[str, Names]) -> Emitted:
    """Takes the modules of one connected program to the compat level."""
    edits = {path: Edits(module) for path, module in modules.items()}
    rewritten = {path: rewrite(module, names[path], edits[path], "compat") for path, module in modules.items()}
    legacy = any(result.needs.legacy_keras for result in rewritten.values())
    legacy = legacy or any(b"TF_USE_LEGACY_KERAS" in module.utf8 for module in modules.values())
    texts: dict[str, str] = {}
    for path, module in modules.items():
        _module(module, names[path], edits[path], rewritten[path], legacy)
        if edits[path]:
            texts[path] = edits[path].apply()
    return Emitted(
        texts,
        [one for result in rewritten.values() for one in result.diagnostics],
        [one for result in rewritten.values() for one in result.accounts],
        frozenset(
            ({"tf_keras"} if legacy else set())
            | ({"tf_slim"} if any(result.needs.slim for result in rewritten.values()) else set())
        ),
    )


def _module(module: Module, names: Names, edits: Edits, result: Rewritten, legacy: bool) -> None:
    """The imports of one module, and what follows from them."""
    own = [found for found in names.imports if not found.foreign]
    if not own:
        return
    statements = Statements(module, edits)
    slim = _imports(module, names, edits, result, statements)
    first = _first(module, statements, own)
    lines: list[str] = []
    root = _root(names, result)
    if result.needs.tensorflow:
        lines.append(f"import tensorflow.compat.v1 as {result.needs.tensorflow}")
    if root and b"disable_v2_behavior" not in module.utf8 and b"disable_eager_execution" not in module.utf8:
        lines.append(f"{root}.disable_v2_behavior()")
    wanted = sorted(slim | {line for line in result.needs.imports if line.encode() not in module.utf8})
    if any(line.split()[1].startswith("tf_slim") for line in wanted) and b"legacy_tf_layers" not in module.utf8:
        known = _imports_module(module, "sys")
        lines.extend(line.format(root=root) for line in SLIM if line != "import sys" or not known)
    lines.extend(_merged(wanted))
    if lines:
        _after_imports(module, statements, own, result, lines)
    if legacy and b"TF_USE_LEGACY_KERAS" not in module.utf8 and first is not None:
        ahead = [] if _imports_before(module, "os", first) else ["import os"]
        statements.before(first, [*ahead, LEGACY_KERAS])
    statements.done()


def _root(names: Names, result: Rewritten) -> str:
    """How the module spells tensorflow.compat.v1 at module scope, once its imports are rewritten."""
    if result.needs.tensorflow:
        return result.needs.tensorflow
    spelt = [found.bound for found in names.imports if found.name == "" and found.bound != "*" and not found.foreign]
    return "tf" if "tf" in spelt else spelt[0] if spelt else ""


# --- import statements ------------------------------------------------------------------------------------------------


def _imports(module: Module, names: Names, edits: Edits, result: Rewritten, statements: Statements) -> set[str]:
    """Rewrites the import statements; the imports of tf_slim are handed back, since they must come later."""
    slim: set[str] = set()
    left = {_first_name(node) for node in result.left}
    by_statement: dict[ast.Import | ast.ImportFrom, list[Import]] = {}
    for found in names.imports:
        if not found.foreign:
            by_statement.setdefault(found.node, []).append(found)
    roots = {found.bound for found in names.imports if found.name == ""}
    for node, imported in by_statement.items():
        meant = {found.alias: found for found in imported}
        new = [_import(node, alias, meant.get(alias), left, roots) for alias in node.names]
        old = [_spelt(node, alias) for alias in node.names]
        if new == old:
            continue
        later = {line for line in new if line is not None and line.split()[1].startswith("tf_slim")}
        if all(found.top for found in imported):
            slim |= later
            new = [None if line in later else line for line in new]
        if isinstance(node, ast.ImportFrom) and None not in new and _same_but_module(node, new):
            start = module.span(node)[0]
            match = _MODULE.match(module.utf8, start)
            if match:
                edits.replace_span(*match.span(1), _module_of(new[0] or ""))
                continue
        if isinstance(node, ast.Import) and None not in new and all(line.startswith("import ") for line in new if line):
            for alias, before, after in zip(node.names, old, new, strict=True):
                if before != after:
                    edits.replace(alias, (after or "")[len("import ") :])
            continue
        kept = [line for line in new if line is not None]
        if kept:
            statements.instead(node, _merged(kept))
        else:
            statements.drop(node)
    return slim


def _import(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, found: Import | None, left: set[str], roots: set[str]
) -> str | None:
    """The import statement that binds one name at the compat level; None: nothing needs it any more."""
    same = _spelt(node, alias)
    if found is None or found.api != "plain":
        return same
    bound = found.bound
    if isinstance(node, ast.Import):
        dotted = alias.name[len("tensorflow.") :]
        if not dotted:
            return f"import tensorflow.compat.v1 as {bound}"
        if not dotted.startswith("contrib"):
            if alias.asname is None or dotted.startswith(("python", "keras", "examples", "core", "compat")):
                return same
            return f"import tensorflow.compat.v1.{dotted} as {bound}"
        if alias.asname is None:
            others = roots - {"tensorflow"}
            return same if "tensorflow" in left else None if others else "import tensorflow.compat.v1 as tensorflow"
        return _contrib(dotted, bound, same, left)
    package = (node.module or "")[len("tensorflow.") :]
    if package.startswith("contrib") or (not package and alias.name == "contrib"):
        return same if bound == "*" else _contrib(found.name, bound, same, left)
    if package.startswith(("python", "keras", "examples", "core", "compat")):
        return same
    if not package and alias.name in ("python", "examples", "compat", "core"):
        return same
    target = f"tensorflow.compat.v1.{package}".rstrip(".")
    fact = lookup(found.name)
    if bound != "*" and fact is not None and fact.compat != found.name and not is_module(found.name):
        return same if bound in left else None
    return f"from {target} import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")


def _contrib(name: str, bound: str, same: str, left: set[str]) -> str | None:
    """The import of a part of contrib: from the package that took it over, or none where every use was rewritten."""
    found = contrib(name)
    if found is None or found[0].package == "tf":
        return same if bound in left else None
    place = found[0]
    path = Place(place.package, (place.target + name[len(found[1]) :]).lstrip("."))
    if not path.target:
        return f"import {path.package}" + (f" as {bound}" if bound != path.package else "")
    head, _, last = path.target.rpartition(".")
    return f"from {path.package}{'.' + head if head else ''} import {last}" + (f" as {bound}" if bound != last else "")


def _spelt(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    name = alias.name + (f" as {alias.asname}" if alias.asname else "")
    if isinstance(node, ast.Import):
        return f"import {name}"
    return f"from {'.' * node.level}{node.module or ''} import {name}"


def _same_but_module(node: ast.ImportFrom, new: list[str | None]) -> bool:
    """Whether only the module of a from-import changes."""
    if len({_module_of(line or "") for line in new}) != 1:
        return False
    return all(
        (line or "").partition(" import ")[2] == _spelt(node, alias).partition(" import ")[2]
        and (line or "")[:5] == "from "
        for line, alias in zip(new, node.names, strict=True)
    )


def _module_of(line: str) -> str:
    return line.split()[1]


def _merged(lines: list[str]) -> list[str]:
    """From-imports of one module as one statement, the order kept."""
    merged: list[str] = []
    for line in lines:
        head, separator, name = line.partition(" import ")
        if merged and separator and head.startswith("from ") and merged[-1].startswith(head + separator):
            merged[-1] += ", " + name
        else:
            merged.append(line)
    return merged


def _first_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


# --- where lines go ---------------------------------------------------------------------------------------------------


def _first(module: Module, statements: Statements, own: list[Import]) -> ast.stmt | None:
    """The statement of the module before which Keras 2 must be asked for."""
    candidates = [statements.top(found.node) for found in own if found.top]
    candidates += [
        statement
        for statement in module.tree.body
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and _packages(statement) & _IMPORT_TENSORFLOW
    ]
    if not candidates:
        return None
    return statements.first_on_line(min(candidates, key=lambda statement: statement.lineno))


def _packages(statement: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(statement, ast.ImportFrom):
        return {(statement.module or "").partition(".")[0]} if not statement.level else set()
    return {alias.name.partition(".")[0] for alias in statement.names}


def _after_imports(
    module: Module, statements: Statements, own: list[Import], result: Rewritten, lines: list[str]
) -> None:
    """Puts lines behind the imports that the module's import of TensorFlow stands among."""
    roots = [found for found in own if found.name == "" and found.bound != "*"] or own
    root = next((found for found in roots if found.top), roots[0])
    last: ast.stmt = statements.top(root.node) if root.top else root.node
    block = statements.block(last)
    for statement in block[block.index(last) + 1 :]:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or _between(module, last, statement):
            break
        if statements.stays(statement):
            last = statement
    statements.after(last, lines)


def _between(module: Module, one: ast.stmt, other: ast.stmt) -> bool:
    """Whether something but blank space stands between two statements: a comment begins what follows it."""
    gap = module.utf8[module.span(one)[1] : module.span(other)[0]]
    return any(line.strip() for line in gap.splitlines()[1:])


def _imports_module(module: Module, name: str) -> bool:
    return any(
        isinstance(statement, ast.Import) and any(alias.name == name and not alias.asname for alias in statement.names)
        for statement in module.tree.body
    )


def _imports_before(module: Module, name: str, before: ast.stmt) -> bool:
    return any(
        isinstance(statement, ast.Import)
        and statement.lineno < before.lineno
        and any(alias.name == name and not alias.asname for alias in statement.names)
        for statement in module.tree.body
    )
