"""What is seen of a program while it runs: a folder with one line of JSON and one .npz for each record.

A record is written as soon as it is complete, so that what was seen before a crash is kept. The last line is `{"end":
why}` where the program came to its end or was ended from inside.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, Iterator

LINES = "records.jsonl"


class Writer:
    """Writes records, and ends the program once all that is wanted has been seen, or its time is over."""

    def __init__(self, folder: str, seconds: float) -> None:
        self._folder = folder
        self._count = 0
        self.nbytes = 0  # of what was kept so far
        self._deadline = time.time() + seconds
        self._lines = open(os.path.join(folder, LINES), "a", encoding="utf-8")  # noqa: SIM115 (open until the end)

    def write(self, record: dict[str, Any], arrays: dict[str, Any] | None = None) -> None:
        """Adds a record. Arrays of objects are kept as text or bytes; what can't be kept is named in `left`."""
        import numpy as np

        kept, left = {}, []
        for name, value in (arrays or {}).items():
            array = plain(np, value)
            if array is None:
                left.append(name)
            else:
                kept[name] = array
        if kept:
            record["arrays"] = f"{self._count:06d}.npz"
            record["names"] = save(os.path.join(self._folder, record["arrays"]), kept)
            self.nbytes += sum(array.nbytes for array in kept.values())
        if left:
            record["left"] = left
        self._count += 1
        self._lines.write(json.dumps(record) + "\n")
        self._lines.flush()

    @property
    def late(self) -> bool:
        return time.time() > self._deadline

    def finish(self, why: str) -> None:
        """Ends the program from inside, with success: all that it would still do is of no interest."""
        self._lines.write(json.dumps({"end": why}) + "\n")
        self._lines.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def plain(np: Any, value: Any) -> Any:
    """The value as an array that needs no pickle, or None."""
    array = np.asarray(value)
    if array.dtype.kind not in "OVSU":
        return array
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        if all(isinstance(one, bytes) for one in flat) and flat:
            return np.array(flat, dtype="S").reshape(array.shape)
        if all(isinstance(one, str) for one in flat) and flat:
            return np.array(flat, dtype="U").reshape(array.shape)
        return None
    return None if array.dtype.kind == "V" and array.dtype.name != "bfloat16" else array


def read(folder: str) -> Iterator[dict[str, Any]]:
    """The records of a trace, in order. A last line that was cut off is left out."""
    path = os.path.join(folder, LINES)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return


def save(path: str, values: dict[str, Any]) -> list[str]:
    """Writes arrays into one .npz and returns their names: the members have numbers, since names of variables may be anything."""
    import numpy as np

    np.savez(path, **{f"a{place}": array for place, array in enumerate(values.values())})
    return list(values)


def load(path: str, names: list[str]) -> dict[str, Any]:
    """What `save` wrote, by the names that it returned."""
    import numpy as np

    with np.load(path, allow_pickle=False) as members:
        return {name: members[f"a{place}"] for place, name in enumerate(names)}


def arrays(folder: str, record: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a record, by name."""
    if "arrays" not in record:
        return {}
    return load(os.path.join(folder, record["arrays"]), record["names"])
