"""The old program, recorded once: what any number of new ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..running import Run
from . import oracles
from .comparing import Trace, read
from .options import Options
from .subjects import Subject


class Recording:
    """The trace of the old program of a subject, below `folder`; details of single executions are recorded when asked for.

    `kept` is the trace of an earlier recording: then the program is run only for the details.

    Raises:
        VerifyError: the old program can't be run at all.
    """

    def __init__(self, subject: Subject, options: Options, folder: Path, kept: Path | None = None) -> None:
        self._subject = subject
        self._options = options
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._details: dict[tuple[int, int], Trace] = {}
        self._again: Trace | None = None
        self._source = oracles.source(subject, options, folder)
        self.oracle = self._source.name
        self._checkpoint = oracles.checkpoint_values(options.checkpoint, folder) if options.checkpoint else None
        self.run = Run(0, "", "", 0.0) if kept else self._record(folder / "old", None)
        self.trace = read(kept or folder / "old")

    def detail(self, execution: int, nth: int) -> Trace:
        """The trace of a run that noted the values in between of one execution."""
        key = execution, nth
        if key not in self._details:
            folder = self._folder / f"old-{execution}-{nth}"
            self._record(folder, key)
            self._details[key] = read(folder)
        return self._details[key]

    def again(self) -> Trace:
        """The trace of a second run of the same kind."""
        if self._again is None:
            self._record(self._folder / "again", None)
            self._again = read(self._folder / "again")
        return self._again

    def graphs(self, records: Sequence[tuple[int, int]], folder: Path) -> Run:
        """Runs the old program once more, with the graphs of some executions dumped below `folder`."""
        return self._record(folder, None, records)

    def _record(self, folder: Path, detail: tuple[int, int] | None, graphs: Sequence[tuple[int, int]] = ()) -> Run:
        return oracles.record(
            self._subject,
            self._source,
            self._options,
            folder,
            checkpoint=self._checkpoint,
            detail=detail,
            graphs=graphs,
        )
