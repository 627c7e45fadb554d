"""A use of a NumPy name with what a rule needs to rewrite it, and the table of what became of each name (numpy.tsv)."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from ..edits import Edits
from ..parse import Module
from .numpy_names import NumpyNames, Use

# Functions that are gone and whose calls need another form; the others of kind `call` still exist.
GONE = frozenset({"asscalar", "alen", "asfarray", "msort", "in1d", "fastCopyAndTranspose", "cast", "ndfromtxt"})


@dataclass(frozen=True)
class Row:
    """What became of one name, or, as `name(argument)`, of one argument."""

    name: str
    kind: str
    replacement: str


@dataclass
class Site:
    """One use of a NumPy name that the table knows, with what a rule needs to rewrite it."""

    module: Module
    edits: Edits
    names: NumpyNames
    use: Use
    imports: set[str]
    call: ast.Call | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        parent = self.names.parents.get(self.use.node)
        if isinstance(parent, ast.Call) and parent.func is self.use.node:
            self.call = parent

    @property
    def root(self) -> str | None:
        """How the scope of the use spells NumPy itself."""
        return root_of(self.module, self.use) if self.use.bound == 0 else spelling(self.use)

    def is_free(self, builtin: str) -> bool:
        """Whether a name still means Python's builtin here."""
        return not self.use.scope.meanings(builtin)


@lru_cache(maxsize=1)
def table() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line in files(__package__).joinpath("numpy.tsv").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, kind, replacement, _ = line.split("\t")
        if kind == "top":
            prefix = name.removesuffix("*")
            rows.update((prefix + one, Row(prefix + one, "numpy", one)) for one in replacement.split())
        else:
            rows[name] = Row(name, kind, replacement)
    return rows


def row_of(name: str) -> tuple[Row, int] | None:
    """What the table says of a name or of a module that it is in, and how many parts of it that is."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        row = table().get(".".join(parts[:count]))
        if row is not None:
            return row, count
    return None


def root_of(module: Module, use: Use) -> str:
    return module.text(use.part(0))


def spelling(use: Use) -> str | None:
    """A name for NumPy that the scope of a use sees."""
    scope = use.scope
    while scope is not None:
        for name in sorted(scope.bindings, key=lambda one: (one != "np", one)):
            if use.scope.import_of(name) == "numpy":
                return name
        if scope.parent is None:
            return None
        scope = scope.parent
    return None


def is_star(use: Use) -> bool:
    """Whether a name comes from `from numpy import *`."""
    if use.bound != 1:
        return False
    first = use.part(1)
    return isinstance(first, ast.Name) and not use.scope.meanings(first.id)
