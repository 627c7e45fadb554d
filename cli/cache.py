"""Results of earlier runs, kept by content: a program whose files, options and tool are the same is not read again.

One file for each connected program, in the user's cache folder. It begins with its own digest, and holds nothing but the
result's dataclasses: what is damaged, foreign or can't be read is as if it were not there.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tf_modernize import codemods
from tf_modernize.codemods import engine, manifest, report
from tf_modernize.codemods.diagnostics import Diagnostic
from tf_modernize.codemods.report import ProgramResult

from .pool import upgrade_all

FORMAT = 1
MOST = 400  # entries: the oldest go
_DIGEST = hashlib.sha256().digest_size
_KNOWN = {
    (kind.__module__, kind.__qualname__): kind
    for kind in (
        Diagnostic,
        *(one for module in (report, manifest) for one in vars(module).values() if isinstance(one, type)),
    )
}


def upgrade_cached(
    groups: Sequence[engine.Group],
    files: Mapping[str, bytes],
    options: engine.Options,
    jobs: int | None,
    folder: Path | None,
) -> Iterator[tuple[int, ProgramResult]]:
    """Each program's index and result, as `upgrade_all` gives them; without a folder nothing is kept."""
    keys = [_key(group, files, options) for group in groups] if folder is not None else []
    found = {index: result for index, key in enumerate(keys) if (result := _read(folder, key, files)) is not None}
    yield from found.items()
    left = [index for index in range(len(groups)) if index not in found]
    for place, result in upgrade_all([groups[index] for index in left], files, options, jobs):
        if folder is not None and not engine.has_internal_error(result):
            _write(folder, keys[left[place]], result)
        yield left[place], result
    if folder is not None and left:
        _tidy(folder)


def default_folder() -> Path | None:
    """Where caches of the user belong; None where the system has no such place."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        base = base if os.path.isabs(base) else os.path.expanduser("~/.cache")
    return Path(base, "tf-modernize") if os.path.isabs(base) else None


# -- keys ---------------------------------------------------------------------------------------------------------------


def _key(group: engine.Group, files: Mapping[str, bytes], options: engine.Options) -> str:
    """A digest of all that a program's result depends on."""
    missing = {path: tuple(options.missing[path]) for path in group.files if path in options.missing}
    ignored = {path: sorted(options.ignored[path]) for path in group.files if path in options.ignored}
    wanted = (options.target, options.assume, options.unsafe_fixes, missing, ignored)
    found = hashlib.sha256(repr((FORMAT, sys.version_info[:2], _tool(), wanted)).encode())
    for path in (*group.files, "", *group.beside):
        content = hashlib.sha256(files[path]).digest() if path else b""
        found.update(path.encode(errors="surrogateescape") + b"\0" + content)
    return found.hexdigest()


@cache
def _tool() -> str:
    """The state of our own code and tables, by the sizes and times of its files: another version gives other results."""
    top = Path(codemods.__path__[0])
    found = hashlib.sha256()
    for path in sorted(top.rglob("*")):
        if path.suffix in (".py", ".tsv", ".txt"):
            state = path.stat()
            found.update(f"{path.relative_to(top)}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return found.hexdigest()


# -- entries ------------------------------------------------------------------------------------------------------------


class _Reader(pickle.Unpickler):
    """Makes our own dataclasses, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a result")
        return _KNOWN[module, name]


def _read(folder: Path | None, key: str, files: Mapping[str, bytes]) -> ProgramResult | None:
    if folder is None:
        return None
    try:
        data = (folder / key).read_bytes()
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        result: ProgramResult = _Reader(io.BytesIO(zlib.decompress(data[_DIGEST:]))).load()
        with suppress(OSError):
            os.utime(folder / key)
        return replace(result, files={path: replace(one, before=files[path]) for path, one in result.files.items()})
    except Exception:  # whatever is wrong with it, it is no result of ours
        return None


def _write(folder: Path, key: str, result: ProgramResult) -> None:
    """Keeps a result. The sources stay out of it: whoever asks for it has them."""
    bare = replace(result, files={path: replace(one, before=b"") for path, one in result.files.items()})
    data = zlib.compress(pickle.dumps(bare, protocol=5), 1)
    place = folder / f"{key}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place.write_bytes(hashlib.sha256(data).digest() + data)
        place.replace(folder / key)
    except OSError:
        with suppress(OSError):
            place.unlink()


def _tidy(folder: Path) -> None:
    """Removes the entries that were not asked for the longest, where there are too many."""
    with suppress(OSError):
        entries = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in entries[: max(0, len(entries) - MOST)]:
            path.unlink()
