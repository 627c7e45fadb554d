"""NumPy 2 comes with TensorFlow 2.21: the names and arguments of NumPy 1 that it has not, or reads otherwise.

Programs of TensorFlow 1's time use NumPy 1.16 to 1.18. What became of its names is numpy.tsv; numpy_names finds them, and
numpy_calls has the calls that need more than another name.
See https://numpy.org/doc/stable/numpy_2_0_migration_guide.html
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from ..diagnostics import Diagnostic
from ..edits import Edits
from ..parse import Module
from . import numpy_calls
from .numpy_names import BUILTINS, NumpyNames, resolve
from .numpy_sites import GONE, Row, Site, is_star, row_of, table

# The scalar types that mean the same as the builtin types where a dtype is asked for.
SCALARS = {
    "bool": "bool_",
    "int": "int_",
    "float": "float64",
    "complex": "complex128",
    "object": "object_",
    "str": "str_",
}
# What else may ask for a closer look, besides the names of the table: words first, since looking for one costs next to nothing.
_WORDS = (
    *(b"from numpy", b"import numpy."),
    *b"tostring .ptp itemset newshape percentile quantile normed unravel_index fix_imports cholesky".split(),
    *b"matrix_rank corrcoef array2string lstsq fromstring".split(),
)
_CALLS = (
    re.compile(rb"copy\s*=[\s(]*False"),
    re.compile(rb"reshape\s*\(\s*a\s*="),
    re.compile(rb"stack\s*\(\s*[^\[\s]"),
    re.compile(rb"sum\s*\(\s*[^\[\s](?:[^()]|\([^()]*\)){0,200}?\bfor\b"),
)


def register(module: Module, edits: Edits, imports: set[str]) -> list[Diagnostic]:
    """Registers the edits of a module's uses of NumPy; `imports` gets the import statements that these need."""
    if not _is_concerned(module.utf8):
        return []
    names = resolve(module)
    found = [_diagnostic(module, node, message) for node, message in _imports(module, edits, names)]
    for use in names.uses:
        site = Site(module, edits, names, use, imports)
        why = _rewrite(site)
        if why is None and use.sure:
            why = numpy_calls.rewrite(site)
        if why is not None:
            found.append(_diagnostic(module, use.node, why))
    for call, scope in names.methods:
        why = numpy_calls.method(module, edits, names, call, scope)
        if why is not None:
            found.append(_diagnostic(module, call, why))
    return sorted(found, key=lambda one: (one.line, one.column))


def _is_concerned(utf8: bytes) -> bool:
    """Whether a module may hold something to rewrite."""
    if b"numpy" not in utf8:
        return b".tostring" in utf8
    if any(word in utf8 for word in _WORDS) or any(pattern.search(utf8) for pattern in _CALLS):
        return True
    aliases = {b"numpy", *re.findall(rb"numpy[ \t]+as[ \t]+(\w+)", utf8)}
    return any(_pattern(alias).search(utf8) for alias in aliases)


@lru_cache(maxsize=32)
def _pattern(alias: bytes) -> re.Pattern[bytes]:
    rows = (row.name for row in table().values() if row.kind not in {"call", "keyword", "method"} or row.name in GONE)
    names = "|".join(sorted(re.escape(name) for name in rows))
    return re.compile(rb"%s[\s\\]*\.[\s\\]*(?:%s)\b" % (alias, names.encode()))


def _diagnostic(module: Module, node: ast.AST, message: str) -> Diagnostic:
    line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
    end_line, end_column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    return Diagnostic("numpy-removed", "TFM105", message, module.path, line, column, end_line or 0, end_column or 0)


# --- names ------------------------------------------------------------------------------------------------------------


def _rewrite(site: Site) -> str | None:
    """Rewrites a name that has another; says why not where it stays, and None where the table has no word on it."""
    use = site.use
    found = row_of(use.name)
    if found is None or found[0].kind in {"call", "keyword"}:
        return None
    row, count = found
    if not use.sure:
        return f"{_gone(row)}; the name before it is bound to NumPy and to something else besides, so it stays"
    if count <= use.bound and not is_star(use):
        return None  # its import statement was dealt with
    if row.kind == "left":
        return _left(row)
    node = use.part(count)
    if isinstance(site.names.parents.get(node), ast.MatchValue):
        return f"{_gone(row)}; a name without a dot would bind here, so it stays"
    if row.kind == "builtin":
        return _builtin(site, row, node)
    if row.kind == "module":
        head = row.replacement.partition(".")[0]
        if site.is_free(head):
            site.imports.add(f"import {head}")
        elif use.scope.import_of(head) != head:
            return f"{_gone(row)}; the name {head} is something else here, so it stays"
        site.edits.replace(node, row.replacement)
        return None
    if is_star(use):
        new = row.replacement
        if row.kind != "numpy" or "." in new or new in BUILTINS or use.scope.meanings(new):
            return _left(row)
        site.edits.replace(node, new)
        return None
    root = site.root
    if root is None:
        return f"{_left(row)}; nothing here names NumPy itself, so it stays"
    if row.kind == "value":
        text = row.replacement.replace("inf", f"{root}.inf")
        site.edits.replace(node, f"({text})" if _binds_tighter(site, node) else text)
    else:
        site.edits.replace(node, f"{root}.{row.replacement}")
    return None


def _builtin(site: Site, row: Row, node: ast.expr) -> str | None:
    name = row.replacement
    if site.is_free(name):
        site.edits.replace(node, name)
        return None
    root = site.root
    if root is None or not _is_dtype(site, node):
        return f"{_gone(row)}; the name {name} is something else here, so it stays"
    site.edits.replace(node, f"{root}.{SCALARS[name]}")
    return None


def _is_dtype(site: Site, node: ast.expr) -> bool:
    """Whether an expression is surely taken for a dtype, where a scalar type of NumPy means the same as the builtin."""
    parent = site.names.parents.get(node)
    if isinstance(parent, ast.keyword):
        return parent.arg == "dtype"
    return (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "astype"
        and node in parent.args[:1]
    )


def _binds_tighter(site: Site, node: ast.expr) -> bool:
    """Whether what stands around an expression would take a part of `-x`."""
    parent = site.names.parents.get(node)
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Pow) and parent.left is node
    if isinstance(parent, ast.Call):
        return parent.func is node
    return isinstance(parent, (ast.Attribute, ast.Await)) or (
        isinstance(parent, ast.Subscript) and parent.value is node
    )


def _gone(row: Row) -> str:
    return f"NumPy 2, which TensorFlow 2 brings, has no np.{row.name}"


def _left(row: Row) -> str:
    advice = {"left": row.replacement, "numpy": f"use np.{row.replacement}", "module": f"use {row.replacement}"}
    return f"{_gone(row)}: {advice.get(row.kind, f'use {row.replacement}')}"


# --- from numpy import ... --------------------------------------------------------------------------------------------


def _imports(module: Module, edits: Edits, names: NumpyNames) -> list[tuple[ast.AST, str]]:
    """Rewrites the import statements that import what is gone; what can't be is returned with the reason."""
    left: list[tuple[ast.AST, str]] = []
    for node in names.imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found = row_of(alias.name.partition(".")[2]) if "." in alias.name else None
                if found is not None:
                    left.append((node, _left(found[0])))
        else:
            left.extend((node, why) for why in _import_from(module, edits, names, node))
    return left


def _import_from(module: Module, edits: Edits, names: NumpyNames, node: ast.ImportFrom) -> list[str]:
    source = (node.module or "").partition(".")[2]
    targets: list[tuple[ast.alias, Row, str]] = []  # with the dotted name to import it by now
    for alias in node.names:
        name = f"{source}.{alias.name}" if source else alias.name
        found = row_of(name)
        if found is None or (found[0].kind == "call" and found[0].name not in GONE):
            continue
        row, count = found
        if row.kind not in {"numpy", "builtin"}:
            return [_left(row)]
        rest = name.split(".")[count:]
        package = "builtins" if row.kind == "builtin" else "numpy"
        targets.append((alias, row, ".".join([package, row.replacement, *rest])))
    if not targets:
        return []
    sources = {new.rpartition(".")[0] for _, _, new in targets}
    if sources != {node.module} and (len(targets) < len(node.names) or len(sources) > 1):
        gone = [alias for alias, row, _ in targets if row.kind == "builtin" and row.replacement == row.name]
        if len(gone) < len(targets) or any(alias.asname for alias in gone) or b"#" in module.source(node):
            return [_left(row) for _, row, _ in targets]
        kept = [module.text(alias) for alias in node.names if alias not in gone]
        edits.replace_span(module.span(node.names[0])[0], module.span(node.names[-1])[1], ", ".join(kept))
        return []
    (new_source,) = sources
    if new_source != node.module:
        start = module.span(node)[0]
        found_source = re.compile(rb"from\s+").match(module.utf8, start)
        old = (node.module or "").encode()
        if found_source is None or not module.utf8.startswith(old, found_source.end()):
            return [_left(row) for _, row, _ in targets]
        edits.replace_span(found_source.end(), found_source.end() + len(old), new_source)
    for alias, _, new in targets:
        _rename(module, edits, names, alias, new.rpartition(".")[2])
    return []


def _rename(module: Module, edits: Edits, names: NumpyNames, alias: ast.alias, new: str) -> None:
    """Imports `new` for what an alias imported, and spells its uses so where no other thing has that name."""
    old = alias.name
    if new == old:
        return
    if alias.asname:
        edits.replace(alias, f"{new} as {alias.asname}")
        return
    if new in BUILTINS or re.search(rb"\b%s\b" % new.encode(), module.utf8):
        edits.replace(alias, f"{new} as {old}")
        return
    edits.replace(alias, new)
    for use in names.uses:
        first = use.part(use.bound)
        if isinstance(first, ast.Name) and first.id == old and use.bound:
            edits.replace(first, new)
