"""What a run reads: the Python files that the paths name, and the other files beside them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tf_modernize.codemods.notebooks import SUFFIX as NOTEBOOK
from tf_modernize.codemods.notebooks import Notebook, NotebookError
from tf_modernize.codemods.notebooks import read as read_notebook
from tf_modernize.codemods.projects import imports
from tf_modernize.codemods.triage import mentions_tensorflow

from .excluding import Exclusion, Sieve, is_shut_out
from .recovery import NOTE, SUFFIX

LARGEST = 64 << 20  # bytes of a file that are read at all
# Neither upgraded nor copied: histories, caches and installed environments can be made again.
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", ".tox", ".nox", "__pycache__", "node_modules"})


@dataclass(frozen=True)
class Source:
    """A Python file or notebook: `key` is its path below the top of what is read (or written), `shown` what the user is told."""

    key: str
    path: Path
    shown: str
    data: bytes
    notebook: Notebook | None = None

    @property
    def code(self) -> bytes:
        """The Python in it: of a notebook that has nothing to do with TensorFlow, or whose language is another, nothing."""
        if self.path.suffix != NOTEBOOK:
            return self.data
        return self.notebook.code.encode() if self.notebook else b""


@dataclass(frozen=True)
class Problem:
    """Something that could not be done with a file: a sentence without the path."""

    shown: str
    sentence: str


@dataclass
class Sources:
    """Everything that was found: Python files, files and folders to copy (key -> path), and what could not be read.

    `passed` is a source on standard input that is left out, and so handed on.
    """

    top: Path
    files: dict[str, Source] = field(default_factory=dict)
    others: dict[str, Path] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed: bytes = b""


@dataclass(frozen=True)
class _Found:
    base: Path
    path: Path
    python: bool
    named: bool = False  # on the command line


class Collision(Exception):
    """Two files that would be written to one place."""


def collect(paths: Sequence[str], output: Path | None, exclusion: Exclusion | None = None) -> Sources:
    """The files that the paths name. With `output`, each path's contents come to the top of it."""
    exclusion = exclusion or Exclusion()
    bases = [base if (base := Path(path)).is_dir() else base.parent for path in paths]
    top = Path(os.path.commonpath([os.path.abspath(base) for base in bases]))
    sources = Sources(output or top)
    seen: set[str] = set()
    for name, base in zip(paths, bases, strict=True):
        if not os.path.lexists(name):
            sources.problems.append(Problem(name, "does not exist"))
            continue
        if is_shut_out(Path(name), exclusion):
            continue
        whole = Path(name).is_dir()
        found = _walk(Path(name), output, sources, exclusion) if whole else [_Found(base, Path(name), True, named=True)]
        for one in found:
            place = os.path.join(os.path.realpath(one.path.parent), one.path.name)
            if place in seen:
                continue
            seen.add(place)
            key = Path(os.path.relpath(one.path, base) if output else os.path.relpath(one.path, top)).as_posix()
            if key in sources.files or (key in sources.others and os.path.isfile(one.path)):
                raise Collision(f"two of the files would both be written to {key}: run the folders one by one")
            if one.python:
                _read(key, one, sources)
            else:
                sources.others[key] = one.path
    return sources


def _read(key: str, one: _Found, sources: Sources) -> None:
    shown = os.path.normpath(one.path)
    path = one.path
    if path.is_symlink():
        if not path.exists():
            sources.problems.append(Problem(shown, f"is a symbolic link {_leads(path)}; it is left as it is"))
            return
        if not one.named:
            _pass_link(key, one, shown, sources)
            return
        path = path.resolve()  # a link that was named is written through
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            sources.problems.append(Problem(shown, "is not a regular file; it is left as it is"))
            return
        if os.stat(path).st_size > LARGEST:
            sources.others[key] = one.path
            sources.problems.append(Problem(shown, f"is larger than {LARGEST >> 20} MiB; it is left as it is"))
            return
        sources.files[key] = source_of(key, path, shown, path.read_bytes())
    except NotebookError as error:
        sources.others[key] = one.path
        sources.problems.append(Problem(shown, f"{error}; it is left as it is"))
    except OSError as error:
        sources.problems.append(Problem(shown, f"can't be read ({reason(error)}); it is left as it is"))


def source_of(key: str, path: Path, shown: str, data: bytes) -> Source:
    """A source of these bytes. Raises NotebookError."""
    about = path.suffix == NOTEBOOK and mentions_tensorflow(data)
    return Source(key, path, shown, data, read_notebook(data) if about else None)


def _leads(path: Path) -> str:
    """Where a link that can't be followed leads."""
    try:
        path.stat()
    except OSError as error:
        return "that leads back to itself" if error.errno == errno.ELOOP else "to nothing"
    return "to nothing"


def _pass_link(key: str, one: _Found, shown: str, sources: Sources) -> None:
    """A link to a file inside the tree needs nothing: its target is upgraded. One that leads out of the tree is left."""
    target = one.path.resolve()
    sources.others[key] = one.path
    if not target.is_relative_to(os.path.realpath(one.base)):
        sentence = f"is a symbolic link out of the folder, to {target}; it is left as it is: name the target instead"
        sources.problems.append(Problem(shown, sentence))


def _walk(base: Path, output: Path | None, sources: Sources, exclusion: Exclusion) -> Iterator[_Found]:
    """Everything below a folder, in order: Python files to upgrade, other files to copy."""
    barred = os.path.realpath(output) if output else None
    sieve = Sieve(base, exclusion)

    def unreadable(error: OSError) -> None:
        sources.problems.append(Problem(str(error.filename), f"can't be read ({reason(error)}); it is left out"))

    ignored_folders: set[str] = set()
    for folder, names, files in os.walk(base, onerror=unreadable):
        ignored = folder in ignored_folders
        sieve.enter(folder)
        keep = []
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield _Found(base, Path(path), False)
                continue
            if name in SKIPPED_FOLDERS or os.path.realpath(path) == barred or _is_environment(path):
                continue
            if ignored or sieve.leaves_out(path + "/"):
                if not output:
                    continue
                ignored_folders.add(path)  # to be copied, not upgraded
            keep.append(name)
            sources.folders.append(Path(os.path.relpath(path, base)).as_posix())
        names[:] = keep
        for name in sorted(files):
            if name == NOTE or name.endswith(SUFFIX):
                continue  # what a run that was killed has left
            path = os.path.join(folder, name)
            python = name.endswith((".py", NOTEBOOK)) and not ignored and not sieve.leaves_out(path)
            yield _Found(base, Path(path), python)


def _is_environment(path: str) -> bool:
    return os.path.exists(os.path.join(path, "pyvenv.cfg")) or os.path.exists(os.path.join(path, "conda-meta"))


def missing_imports(source: Source, known: Collection[str]) -> list[str]:
    """Files beside a source that it imports and that use TensorFlow, but that are not among the known ones (`places`)."""
    own = os.path.dirname(os.path.abspath(source.path))
    found: set[str] = set()
    for one in imports(source.code):
        folder = os.path.join(own, *[".."] * max(one.dots - 1, 0))
        module = one.module.split(".") if one.module else []
        for parts in (module, *([*module, name] for name in one.names)):
            stem = os.path.normpath(os.path.join(folder, *parts))
            for place in (stem + ".py", os.path.join(stem, "__init__.py")) if parts else ():
                if (
                    place not in known
                    and place not in found
                    and os.path.isfile(place)
                    and _uses_tensorflow(Path(place))
                ):
                    found.add(place)
    return sorted(map(os.path.relpath, found))


def places(sources: Sources) -> set[str]:
    """Where the files of a run are."""
    return {os.path.abspath(one.path) for one in sources.files.values()}


def _uses_tensorflow(path: Path) -> bool:
    try:
        return mentions_tensorflow(path.read_bytes())
    except OSError:
        return False


def reason(error: OSError) -> str:
    """An operating system's error as a few words."""
    return (error.strerror or type(error).__name__).lower()
