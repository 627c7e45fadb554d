"""Which files of a tree a run leaves out: by --exclude, --extend-exclude, and .gitignore. All patterns are .gitignore's.

What the command line names is taken all the same, unless --force-exclude has it go through the same sieve.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

HIDDEN = ".*"  # left out everywhere, where no later pattern (`!.github`) takes it in again
Specs = list[tuple[str, GitIgnoreSpec]]  # patterns, and the folder that they are relative to


@dataclass(frozen=True)
class Patterns:
    """Patterns, and the folder that they are relative to: a configuration's, or the one that the command runs in."""

    texts: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Exclusion:
    """What a run was told to leave out, in order: as in .gitignore the last pattern that fits decides."""

    patterns: tuple[Patterns, ...] = (Patterns((HIDDEN,), Path()),)
    force: bool = False


class Sieve:
    """What is left out below one folder that was named. A pattern that fits the folder itself is for what is below it only."""

    def __init__(self, base: Path, exclusion: Exclusion) -> None:
        above = _specs_above(base)
        self._ignored: Specs = [] if _is_left_out_by(base, above) else above
        self._excluded: Specs = []
        for one in exclusion.patterns:
            for pattern in one.texts:
                folder = one.folder if _is_below(base, one.folder) else base
                spec = (os.path.abspath(folder), GitIgnoreSpec.from_lines([pattern]))
                self._excluded.append((os.path.abspath(base), spec[1]) if _is_left_out_by(base, [spec]) else spec)

    def enter(self, folder: str) -> None:
        """Reads the .gitignore of a folder, before what is in it is asked for."""
        here = _spec(Path(folder))
        if here is not None:
            self._ignored.append((os.path.abspath(folder), here))

    def leaves_out(self, path: str) -> bool:
        """Whether a path is left out; a folder's ends in "/"."""
        return _decide(path, self._excluded) or _decide(path, self._ignored)


def is_shut_out(path: Path, exclusion: Exclusion) -> bool:
    """Whether a path that was named is left out: only where --force-exclude was given."""
    if not exclusion.force:
        return False
    specs = [
        (os.path.abspath(one.folder), GitIgnoreSpec.from_lines([pattern]))
        for one in exclusion.patterns
        for pattern in one.texts
    ]
    return _is_left_out_by(path, specs) or _is_left_out_by(path, _specs_above(path))


def _is_left_out_by(path: Path, specs: Specs) -> bool:
    """Whether the specs leave out the path, or a folder that it is in."""
    full = Path(os.path.abspath(path))
    ways = [f"{one}/" for one in full.parents if one != one.parent]
    return any(_decide(one, specs) for one in (f"{full}/" if full.is_dir() else str(full), *ways))


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _specs_above(base: Path) -> Specs:
    """The .gitignore files of the folders above, up to the top of the repository, outermost first."""
    found: Specs = []
    folder = Path(os.path.abspath(base))
    while not (folder / ".git").exists():
        if folder == folder.parent:
            return []
        folder = folder.parent
        spec = _spec(folder)
        if spec is not None:
            found.insert(0, (str(folder), spec))
    return found


def _spec(folder: Path) -> GitIgnoreSpec | None:
    try:
        text = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace")
        return GitIgnoreSpec.from_lines(text.splitlines())
    except (OSError, ValueError):
        return None


def _decide(path: str, specs: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Whether the path is left out (a folder's ends in "/"): the last of the specs that has an opinion decides."""
    full = os.path.abspath(path)
    for folder, spec in reversed(specs):
        if full.startswith(folder + os.sep):
            relative = os.path.relpath(full, folder).replace(os.sep, "/") + ("/" if path.endswith("/") else "")
            decided = spec.check_file(relative).include
            if decided is not None:
                return decided
    return False
