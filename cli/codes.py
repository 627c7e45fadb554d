"""Which diagnostics a run tells: --select, --ignore and per-file-ignores, as codes to ignore for each file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from tf_modernize.codemods.diagnostics import ALWAYS, RULES, nearest, selected


@dataclass(frozen=True)
class Choice:
    """What is told: what is selected (nothing: everything) and not ignored. Patterns are relative to `folder`."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: Path = Path()

    def ignored(self, files: Mapping[str, Path]) -> dict[str, frozenset[str]]:
        """The codes to ignore for each file, by its key; files without any are left out."""
        everywhere = codes(self.ignore)
        if self.select:
            everywhere |= {rule.code for rule in RULES} - codes(self.select)
        specs = [(GitIgnoreSpec.from_lines([pattern]), codes(names)) for pattern, names in self.per_file.items()]
        found = {}
        for key, path in files.items():
            relative = os.path.relpath(path, self.folder).replace(os.sep, "/")
            own = everywhere.union(*(some for spec, some in specs if spec.match_file(relative)))
            if own:
                found[key] = own
        return found


def codes(names: Iterable[str]) -> frozenset[str]:
    """The codes that names stand for, but for those that are always told."""
    return frozenset().union(*map(selected, names)) - ALWAYS


def check(names: Iterable[str], fail: Callable[[str], Exception], silencing: bool) -> None:
    """Raises `fail` of a sentence for a name that no diagnostic has, or that can't be silenced."""
    for name in names:
        found = selected(name)
        if not found:
            raise fail(unknown(name))
        if silencing and found <= ALWAYS:
            raise fail(f"{name} can't be ignored: it is a fault. `# tf-modernize: skip-file` has a file skipped.")


def unknown(name: str) -> str:
    """The sentence for a name that no diagnostic has."""
    near = nearest(name)
    return f"There is no diagnostic {name}" + (
        f": did you mean {near}?" if near else ": `tf-modernize rules` lists all."
    )
