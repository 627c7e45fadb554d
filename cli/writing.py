"""Writing without ever leaving a damaged file: a temporary file beside the target, synced, then renamed over it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .recovery import SUFFIX, write_note
from .sources import reason


class WriteError(Exception):
    """A file that could not be written: the path and a sentence without it."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence


@dataclass(frozen=True)
class Change:
    """A file to write. `before` is what must still be there (None: whatever is there), `like` the file with its permissions."""

    path: Path
    data: bytes
    before: bytes | None = None
    like: Path | None = None


def write_together(changes: list[Change], note: Path | None = None) -> None:
    """Writes files that belong together: until all of them are on the disk under temporary names, none is replaced.

    An interruption waits until all are replaced, or leaves all as they were; for what can't wait, `note` says where the next
    run learns what to finish.
    """
    staged: list[tuple[Path, Path]] = []
    noted = False
    with _uninterrupted() as interruptions:
        try:
            for change in changes:
                _check(change)
                staged.append((_stage(change), change.path))
                if interruptions:
                    return
            noted = note is not None and len(staged) > 1 and write_note(note, staged)
            while staged:
                temporary, path = staged[0]
                try:
                    os.replace(temporary, path)
                except OSError as error:
                    raise WriteError(path, f"can't be replaced ({reason(error)})") from None
                staged.pop(0)
        finally:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
            if noted and note is not None:
                note.unlink(missing_ok=True)


@contextmanager
def _uninterrupted() -> Iterator[list[int]]:
    """Has Ctrl-C, and what `timeout` and CI send, wait until the block is done; the list says whether one came."""
    came: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and callable(signal.getsignal(number)):
                before[number] = signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def write(path: Path, data: bytes) -> None:
    """Writes one file, whatever is there: through a link, and straight into what is no regular file (/dev/stdout)."""
    if path.exists() and (not path.is_file() or Path("/dev") in path.absolute().parents):
        try:
            with open(path, "wb") as file:
                file.write(data)
        except OSError as error:
            raise WriteError(path, f"can't be written ({reason(error)})") from None
        return
    path = Path(os.path.realpath(path))
    write_together([Change(path, data, like=path)])


def copy(source: Path, target: Path, base: Path) -> None:
    """Copies a file with its permissions and times; a link within `base` stays a link, one out of it leads where it led."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _uninterrupted():
            _copy(source, target, base)
    except OSError as error:
        raise WriteError(source, f"can't be copied to {target} ({reason(error)})") from None


def _copy(source: Path, target: Path, base: Path) -> None:
    temporary = _temporary(target)
    try:
        if source.is_symlink():
            leads_to = os.readlink(source)
            if os.path.isabs(leads_to) or not Path(os.path.realpath(source)).is_relative_to(base.resolve()):
                leads_to = os.path.join(os.path.realpath(source.parent), leads_to)
            temporary.unlink()
            temporary.symlink_to(leads_to)
        elif source.is_file():
            shutil.copy2(source, temporary)
        else:
            return  # a socket, a pipe: nothing that can be copied
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _check(change: Change) -> None:
    """The file must be as it was read, and not be write protected."""
    if change.before is None:
        return
    try:
        now = change.path.read_bytes()
    except OSError as error:
        raise WriteError(change.path, f"can't be read any more ({reason(error)})") from None
    if now != change.before:
        raise WriteError(change.path, "was changed by someone else while it was being upgraded")
    if not os.access(change.path, os.W_OK):
        raise WriteError(change.path, "is write protected")


def _stage(change: Change) -> Path:
    """The new contents, on the disk, under a temporary name beside the target."""
    temporary: Path | None = None
    try:
        change.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(change.path)
        with open(temporary, "wb") as file:
            file.write(change.data)
            if change.before is not None:  # nowhere else are these contents, once they take the place of the old
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, _mode(change.like))
        return temporary
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise WriteError(change.path, f"can't be written ({reason(error)})") from None


def _temporary(target: Path) -> Path:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    handle, name = tempfile.mkstemp(
        prefix=f".{target.name[:100]}.", suffix=f".{os.getpid()}{SUFFIX}", dir=target.parent
    )
    os.close(handle)
    return Path(name)


def _mode(like: Path | None) -> int:
    """The permissions of a file that is there, or those that a new file gets."""
    try:
        if like is not None:
            return stat.S_IMODE(os.stat(like).st_mode)
    except OSError:
        pass
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
