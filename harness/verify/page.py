"""A verification as a page: one file of HTML with its pictures inside, for light and dark, that fetches nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .document import exit_code, first_difference, ordered, verdict
from .excerpts import excerpt
from .markup import Child, Markup, element, together
from .model import Comparison, FirstDifference, Level, Place, Report
from .pictures import over_layers, over_steps
from .tolerances import described

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # nothing is fetched, no script runs
WORST = 25
AROUND = 3
MARKS = {"passed": "✓", "different": "✗", "failed": "!", "skipped": "·"}
VERDICTS = ("✓ proved", "✗ different", "! not proved")


def page(reports: Sequence[Report], error: str | None = None) -> str:
    """The whole page. `error` says why nothing, or no more, could be run."""
    code = 2 if error else exit_code(reports)
    several = len(reports) > 1
    body = element(
        "main",
        element("h1", "tf-modernize verify"),
        element("p", verdict(reports), class_=f"verdict code-{exit_code(reports)}") if reports or not error else None,
        element("p", error, class_=f"verdict code-{code}") if error else None,
        _contents(reports) if several else None,
        *(_report(report, number, several) for number, report in enumerate(reports)),
        element("p", f"tf-modernize {version('tf-modernize')}", class_="dim"),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", f"tf-modernize verify: {verdict(reports).partition(':')[0].rstrip('.')}"),
        element("style", Markup("\n" + STYLE.read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en').text}\n"


def _contents(reports: Sequence[Report]) -> Markup:
    rows = [
        (
            element("td", VERDICTS[report.exit_code], class_=f"state code-{report.exit_code}"),
            element("td", element("a", element("code", report.old), href=f"#program-{number}"), class_="long"),
            element("td", report.verdict, class_="long"),
        )
        for number, report in enumerate(reports)
    ]
    return _table(("", "program", "verdict"), rows)


def _report(report: Report, number: int, several: bool) -> Markup:
    first = first_difference(report)
    tolerances = report.settings.get("tolerances")
    return element(
        "section",
        element("h2", Path(report.old).name),
        element("p", element("code", report.old), " → ", element("code", report.new)),
        element("p", _circumstances(report), class_="dim"),
        element("p", report.verdict, class_=f"verdict small code-{report.exit_code}") if several else None,
        _levels(report.levels),
        element("p", "Errors are in units of what is allowed. ", _prose(described(tolerances)), class_="dim")
        if tolerances
        else None,
        _first(report, first) if first else None,
        _picture("Errors over the executions", over_steps(report.comparisons), STEPS),
        _picture(
            "Errors over the values in between",
            over_layers(report.between, report.first.tensor if report.first else None),
            "In the order in which the old program computes them.",
        ),
        _notes(report.notes),
        _worst(report.comparisons),
        _reached(report),
        _settings(report.settings),
        id=f"program-{number}",
    )


STEPS = (
    "Each mark is the largest error of a level at one execution, in units of what is allowed: below the dashed line it passes. "
    "A hollow mark above the line says nothing of the new program: in float64 the two are equal, or the old program "
    "differs from itself as much."
)


def _circumstances(report: Report) -> str:
    told = f"The old program ran on {report.oracle}. " if report.oracle else ""
    return told + f"It took {report.seconds:.0f} s."


def _levels(levels: Sequence[Level]) -> Markup:
    rows = [
        (
            element("td", _state(level.state)),
            element("td", level.name, class_="name"),
            element("td", _prose(level.told), class_="long"),
            element("td", str(level.compared) if level.compared else "", class_="number"),
            element("td", _number(level.largest) if level.compared else "", class_="number"),
        )
        for level in levels
    ]
    return _table(("", "level", "what was seen", "compared", "largest error"), rows, numbers=2)


def _first(report: Report, first: FirstDifference) -> Markup:
    told = f": {first.told}" if first.told else f", off by {first.error:.3g}"
    return together(
        element("h3", "First difference"),
        element(
            "p",
            f"At execution {first.step + 1}: ",
            element("b", first.what),
            together(" (", element("code", first.tensor), ")") if first.tensor else None,
            _prose(told),
        ),
        element("div", _side("old", report.old, first.old), _side("new", report.new, first.new), class_="sides"),
    )


def _side(side: str, entry: str, place: Place | None) -> Markup:
    if place is None:
        return element(
            "div",
            element("h4", side.capitalize()),
            element("p", f"Where the {side} program computes it is not known.", class_="dim"),
            class_="side",
        )
    found = excerpt(entry, place, AROUND)
    lines = [
        element("span", element("i", str(number)), text or " ", class_="meant" if number == place.line else None)
        for number, text in (found.lines if found else ())
    ]
    return element(
        "div",
        element("h4", side.capitalize(), ": ", element("code", str(place))),
        element("pre", *lines) if lines else element("p", "There is no source to show.", class_="dim"),
        class_="side",
    )


def _picture(title: str, picture: Markup | None, told: str) -> Markup | None:
    if picture is None:
        return None
    return together(element("h3", title), element("p", told, class_="dim"), element("div", picture, class_="card"))


def _notes(notes: Sequence[str]) -> Markup | None:
    if not notes:
        return None
    return together(element("h3", "Notes"), element("ul", *(element("li", note) for note in notes)))


def _worst(comparisons: Sequence[Comparison]) -> Markup | None:
    shown = ordered(comparisons)[:WORST]
    if not shown:
        return None
    rows = [
        (
            element("td", _state("passed" if one.passed else "different")),
            element("td", one.level, class_="name"),
            element("td", _path(one.name), _remark(one), class_="value"),
            element("td", str(one.step + 1), class_="number"),
            element("td", f"{one.error:.3g}", class_="number"),
            element("td", f"{one.allowed:.3g}" if one.allowed else "", class_="number"),
            element("td", _number(one.ratio), class_="number"),
            element("td", element("code", str(one.old) if one.old else ""), class_="name"),
        )
        for one in shown
    ]
    heads = ("", "level", "value", "execution", "error", "allowed", "error / allowed", "old source")
    table = element("table", _head(heads, range(3, 7)), element("tbody", *(element("tr", *row) for row in rows)))
    title = f"The worst {len(shown)} of {len(comparisons)} comparisons" if len(comparisons) > WORST else "Comparisons"
    return together(element("h3", title), element("div", table, class_="scroll"))


def _remark(one: Comparison) -> Markup | None:
    told = [one.note]
    return element("div", "; ".join(filter(None, told)), class_="dim") if any(told) else None


def _reached(report: Report) -> Markup | None:
    if not report.reached:
        return None
    rows = [
        (
            element("td", element("code", where), class_="name"),
            element("td", element("code", _line(report.old, where)), class_="long"),
            element("td", str(times), class_="number"),
        )
        for where, times in report.reached
    ]
    return together(
        element("h3", "Executions of the old program"),
        _table(("place", "source", "times compared"), rows, numbers=1),
    )


def _line(entry: str, where: str) -> str:
    file, _, line = where.rpartition(":")
    found = excerpt(entry, Place(file, int(line))) if line.isdigit() else None
    return found.text if found else ""


def _settings(settings: dict[str, Any]) -> Markup | None:
    if not settings:
        return None
    rows = [
        (
            element("td", name.replace("_", " "), class_="name"),
            element("td", element("code", value if isinstance(value, str) else json.dumps(value)), class_="long"),
        )
        for name, value in settings.items()
    ]
    return element("details", element("summary", "Settings"), _table(("setting", "value"), rows))


def _prose(text: str) -> Markup:
    """Text whose numbers are not broken at their minus."""
    parts = re.split(r"(\S*\de-\d+\S*)", text)
    return together(
        *(element("span", part, class_="whole") if number % 2 else part for number, part in enumerate(parts))
    )


def _path(name: str) -> Markup:
    """A variable's path, to be broken at its slashes."""
    first, *others = name.split("/")
    return element("code", first, *(together("/", element("wbr"), one) for one in others))


def _state(state: str) -> Markup:
    return element("span", f"{MARKS[state]} {state}", class_=f"state {state}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[Child]], numbers: int = 0) -> Markup:
    """A table whose last `numbers` columns are figures."""
    head = _head(heads, range(len(heads) - numbers, len(heads)))
    return element(
        "div",
        element("table", head, element("tbody", *(element("tr", *row) for row in rows))),
        class_="scroll",
    )


def _head(heads: Sequence[str], numbers: range) -> Markup:
    cells = [element("th", head, class_="number" if place in numbers else None) for place, head in enumerate(heads)]
    return element("thead", element("tr", *cells))


def _number(value: float) -> str:
    return "beyond" if value == float("inf") else "0" if not value else f"{value:.2g}"
