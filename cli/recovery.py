"""What a run that was killed while it wrote has left: files half replaced are finished, temporary ones go.

The files of one program are replaced one after the other. A note beside them (`NOTE`) says which, from before the first until
after the last, so that the next run can finish what the kernel, a power cut or `kill -9` ended in between.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

NOTE = ".tf-modernize-unfinished.json"
SUFFIX = ".tf-modernize"  # of temporary files: .net.py.x1y2z3.4711.tf-modernize, with the process that makes them


def write_note(place: Path, staged: Sequence[tuple[Path, Path]]) -> bool:
    """Notes which temporary files are about to replace which files, and what those hold now."""
    files = [
        [str(temporary.resolve()), str(target.resolve()), _digest(target), _digest(temporary)]
        for temporary, target in staged
    ]
    try:
        with open(place, "x", encoding="utf-8") as file:
            json.dump({"process": os.getpid(), "files": files}, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # another run's note, or a folder that takes none: then only single files are safe
        return False
    return True


def finish(top: Path) -> int:
    """Finishes what a killed run noted in a folder; how many files it replaced.

    Only files that are as the note says are touched: they are ours to replace, and what replaces them is whole.
    """
    note = top / NOTE
    try:
        found = json.loads(note.read_bytes())
        files = [(Path(temporary), Path(target), old, new) for temporary, target, old, new in found["files"]]
        if _is_running(int(found["process"])):
            return 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    count = 0
    for temporary, target, old, new in files:
        ours = temporary.name.endswith(SUFFIX) and temporary.parent == target.parent
        if not (ours and target.is_relative_to(top.resolve())):
            continue
        with suppress(OSError):
            if _digest(target) == old and _digest(temporary) == new:
                os.replace(temporary, target)
                count += 1
            else:
                temporary.unlink()
    with suppress(OSError):
        note.unlink()
    return count


def clean(folders: Iterable[Path]) -> None:
    """Removes the temporary files in the folders whose process is gone."""
    for folder in folders:
        with suppress(OSError):
            for one in os.scandir(folder):
                if one.name.endswith(SUFFIX) and one.name.startswith(".") and one.is_file(follow_symlinks=False):
                    process = one.name.removesuffix(SUFFIX).rpartition(".")[2]
                    if process.isdecimal() and not _is_running(int(process)):
                        os.unlink(one.path)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _is_running(process: int) -> bool:
    if sys.platform == "win32":
        return True  # asking would end it there
    if process == os.getpid():
        return False  # of an earlier process with our number: this one has only begun
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
