"""What `verify` tells on the terminal: the levels one by one, the first difference, the verdict. Rich is loaded only here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tf_modernize.harness.verify.document import first_difference, verdict
from tf_modernize.harness.verify.excerpts import excerpt
from tf_modernize.harness.verify.model import Level, Place, Report
from tf_modernize.harness.verify.tolerances import described

from .show import printable

MARKS = {"passed": ("✓", "+"), "different": ("✗", "x"), "failed": ("!", "!"), "skipped": ("·", "-")}
STYLES = {"passed": "green", "different": "bold red", "failed": "bold yellow", "skipped": "dim"}
VERDICTS = ("bold green", "bold red", "bold yellow")


class Show:
    """The output of one verification. `apart`: standard output belongs to the JSON, so all else goes to standard error."""

    def __init__(self, quiet: bool, apart: bool) -> None:
        self.quiet = quiet
        self.errors = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self.out = self.errors if apart else Console(highlight=False, markup=False, emoji=False)

    @contextmanager
    def progress(self) -> Iterator[Callable[[str], None]]:
        """A line that says what is being done, on a terminal."""
        if self.quiet or not self.errors.is_terminal:
            yield lambda told: None
            return
        with self.errors.status(Text("reading the manifest")) as status:
            yield lambda told: status.update(Text(printable(told)))

    def error(self, sentence: str) -> None:
        """Why nothing, or no more, could be run."""
        self.errors.print(Text.assemble(("Error: ", "bold red"), printable(sentence)))

    def reports(self, reports: Sequence[Report]) -> None:
        """Each program's report, and the verdict on all of them."""
        if not reports:
            return
        if not self.quiet:
            for report in reports:
                self._report(report, alone=len(reports) == 1)
        code = max((report.exit_code for report in reports), key=(0, 2, 1).index)
        self.out.print(Text(printable(verdict(reports)), style=VERDICTS[code]), soft_wrap=True)

    def _report(self, report: Report, alone: bool) -> None:
        self.out.print(
            Text.assemble((printable(report.old), "bold"), " → ", (printable(report.new), "bold")), soft_wrap=True
        )
        self.out.print(Text(f"The old program ran on {printable(report.oracle)}." if report.oracle else ""))
        self.out.print()
        self.out.print(self._levels(report.levels))
        self.out.print()
        tolerances = report.settings.get("tolerances")
        if tolerances:
            self._paragraph(f"Errors are in units of what is allowed. {described(tolerances)}", "dim")
        self.out.print()
        self._first_difference(report)
        if report.notes:
            self.out.print(Text("Notes", style="bold"))
            for note in report.notes:
                self._paragraph(note, first="  - ")
            self.out.print()
        if not alone:
            self.out.print(Text(printable(report.verdict), style=VERDICTS[report.exit_code]))
            self.out.print()

    def _levels(self, levels: Sequence[Level]) -> Padding:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("", width=1)
        table.add_column("level", no_wrap=True)
        table.add_column("what was seen", ratio=1, overflow="fold")
        table.add_column("error", justify="right", no_wrap=True)
        narrow = not self.out.encoding.lower().startswith("utf")
        for level in levels:
            style = STYLES[level.state]
            quiet = "dim" if level.state == "skipped" else ""
            table.add_row(
                Text(MARKS[level.state][narrow], style=style),
                Text(level.name, style=quiet or (style if level.state != "passed" else "")),
                Text(printable(level.told), style=quiet),
                Text(_number(level.largest) if level.compared else "", style=quiet),
            )
        return Padding(table, (0, 0, 0, 2), expand=False)

    def _first_difference(self, report: Report) -> None:
        first = first_difference(report)
        if first is None:
            return
        told = f": {first.told}" if first.told else f", off by {first.error:.3g}"
        self.out.print(Text.assemble(("First difference", "bold"), f" at execution {first.step + 1}"))
        self._paragraph(f"{first.what}{f' ({first.tensor})' if first.tensor else ''}{told}")
        for side, entry, place in (("old", report.old, first.old), ("new", report.new, first.new)):
            if place is not None:
                self._place(side, entry, place)
        self.out.print()

    def _place(self, side: str, entry: str, place: Place) -> None:
        self.out.print(Text.assemble((f"  {side}  ", "dim"), printable(str(place))), soft_wrap=True)
        found = excerpt(entry, place)
        if found and found.text:
            self.out.print(Text.assemble("       ", (printable(found.text), "cyan")), soft_wrap=True)

    def _paragraph(self, text: str, style: str = "", first: str = "  ") -> None:
        """Wrapped text, its later lines indented as far as `first` reaches."""
        later = " " * len(first)
        for line in textwrap.wrap(printable(text), self.out.width, initial_indent=first, subsequent_indent=later):
            self.out.print(Text(line, style=style), soft_wrap=True)


def _number(value: float) -> str:
    return "beyond" if not math.isfinite(value) else "0" if not value else f"{value:.2g}"
