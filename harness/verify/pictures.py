"""The pictures of a report, as SVG: the errors over the executions, and over the values in between.

Both have a logarithmic axis of the error in units of what is allowed, so that 1 is the limit. Before it is a place for values
that are the same in every digit, after it one for what no number can say: another shape, a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .markup import Markup, element, together
from .model import FORWARD, FREE, GRADIENTS, INITIAL, INPUTS, READS, TRAINING, VARIABLES, Between, Comparison

# The levels that have a number at each execution, in a fixed order: each keeps its colour and its shape from page to page.
SERIES = (FORWARD, GRADIENTS, TRAINING, INITIAL, INPUTS, READS, FREE)
SHAPES = ("circle", "square", "diamond", "up", "down", "plus", "bar")
LEAST = -4  # errors below 1e-4 of what is allowed tell no more
MOST_STEPS = 60
MOST_LAYERS = 120


@dataclass(frozen=True)
class Axis:
    """Ratios to places between `zero` (equal in every digit) and `beyond` (no number)."""

    top: int  # the exponent that the axis ends with
    start: float
    end: float
    zero: float
    beyond: float

    def at(self, ratio: float) -> float:
        if ratio == 0:
            return self.zero
        if not math.isfinite(ratio) or ratio > 10.0**self.top:
            return self.beyond
        exponent = max(math.log10(ratio), LEAST)
        return self.start + (self.end - self.start) * (exponent - LEAST) / (self.top - LEAST)

    def ticks(self, most: int) -> list[tuple[int, float]]:
        """Exponents and their places, at most so many (and one)."""
        every = next(every for every in (1, 2, 4, 8) if (self.top - LEAST) / every <= most)
        return [(one, self.at(10.0**one)) for one in range(LEAST, self.top + 1) if one % every == 0]


def _top(ratios: Sequence[float]) -> int:
    largest = max((one for one in ratios if math.isfinite(one)), default=1.0)
    return min(max(math.ceil(math.log10(largest)) if largest > 0 else 0, 1), 20)


def over_steps(comparisons: Sequence[Comparison]) -> Markup | None:
    """The worst of each level at each execution of the old program; None where there is nothing to draw."""
    wanted = [one for one in comparisons if one.level in SERIES or (one.level == VARIABLES and not one.passed)]
    steps = sorted({one.step for one in wanted})[:MOST_STEPS]
    if not steps:
        return None
    worst: dict[str, dict[int, Comparison]] = {}
    for one in wanted:
        if one.step in steps:
            series = worst.setdefault(one.level if one.level in SERIES else INITIAL, {})
            if one.step not in series or _key(one) > _key(series[one.step]):
                series[one.step] = one
    width, height, left, right = 760, 330, 58, 14
    has_beyond = any(not math.isfinite(one.ratio) for series in worst.values() for one in series.values())
    ratios = [one.ratio for series in worst.values() for one in series.values()]
    axis = Axis(_top(ratios), height - 66, 40 if has_beyond else 18, height - 46, 18)
    slot = (width - left - right) / len(steps)
    places = {step: left + slot * (number + 0.5) for number, step in enumerate(steps)}
    parts = [*_horizontal_grid(axis, left, width - right, has_beyond), *_step_labels(steps, places, slot, height)]
    shown = [level for level in SERIES if level in worst]
    for number, level in enumerate(shown):
        shift = (number - (len(shown) - 1) / 2) * min(5.0, 0.7 * slot / len(shown))
        parts.append(_series(level, worst[level], {step: x + shift for step, x in places.items()}, axis))
    picture = element(
        "svg",
        element("title", "The largest error of each level at each execution, in units of what is allowed"),
        *parts,
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_="picture",
    )
    return together(_legend(shown), picture)


def _key(one: Comparison) -> tuple[bool, float]:
    return not one.passed, one.ratio


def _series(level: str, found: Mapping[int, Comparison], places: Mapping[int, float], axis: Axis) -> Markup:
    """The marks of a level, those of one place in the source joined."""
    lines: dict[int, list[str]] = {}
    marks = []
    for step, one in sorted(found.items()):
        x, y = places[step], axis.at(one.ratio)
        lines.setdefault(one.execution, []).append(f"{x:.1f},{y:.1f}")
        told = f"{level} at execution {step + 1}: {one.name}: {told_ratio(one.ratio, one.note)}"
        excused = one.passed and not one.equal
        marks.append(_mark(level, x, y, told + (f"; {one.note}" if excused else ""), excused))
    drawn = [element("polyline", points=" ".join(points), class_="line") for points in lines.values() if points[1:]]
    return element("g", *drawn, *marks, class_=_colour(level))


def _horizontal_grid(axis: Axis, left: float, right: float, has_beyond: bool) -> list[Markup]:
    parts = [
        element(
            "rect", x=left, y=8.0, width=right - left, height=axis.at(1.0) - 8, class_="wrong"
        )  # all that is above the limit
    ]
    for exponent, y in axis.ticks(10):
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="limit" if exponent == 0 else "grid"))
        parts.append(element("text", _power(exponent), x=left - 8, y=y + 4, text_anchor="end", class_="tick"))
    parts.append(element("line", x1=left, x2=right, y1=axis.zero, y2=axis.zero, class_="grid"))
    parts.append(element("text", "equal", x=left - 8, y=axis.zero + 4, text_anchor="end", class_="tick"))
    if has_beyond:
        parts.append(element("text", "beyond", x=left - 8, y=axis.beyond + 4, text_anchor="end", class_="tick"))
    parts.append(element("text", "allowed", x=right - 4, y=axis.at(1.0) - 5, text_anchor="end", class_="limit-label"))
    return parts


def _step_labels(steps: Sequence[int], places: Mapping[int, float], slot: float, height: float) -> list[Markup]:
    every = max(1, math.ceil(26 / slot))
    labels = [
        element("text", str(step + 1), x=places[step], y=height - 26.0, text_anchor="middle", class_="tick")
        for number, step in enumerate(steps)
        if number % every == 0
    ]
    middle = (places[steps[0]] + places[steps[-1]]) / 2
    told = "execution of the old program"
    return [*labels, element("text", told, x=middle, y=height - 8.0, text_anchor="middle", class_="tick")]


def _legend(levels: Sequence[str]) -> Markup:
    keys = [
        element(
            "span",
            element("svg", _mark(level, 7, 7, level), viewBox="0 0 14 14", class_=f"key {_colour(level)}"),
            level,
        )
        for level in levels
    ]
    return element("p", *keys, class_="legend")


def _colour(level: str) -> str:
    return f"series-{SERIES.index(level)}"


def _mark(level: str, x: float, y: float, told: str, excused: bool = False) -> Markup:
    """A dot in the shape of its level; hollow where the error says nothing of the new program."""
    shape = SHAPES[SERIES.index(level)]
    kind = "mark hollow" if excused else "mark"
    title = element("title", told)
    if shape == "circle":
        return element("circle", title, cx=x, cy=y, r=4.0, class_=kind)
    corners = {
        "square": "-3.5,-3.5 3.5,-3.5 3.5,3.5 -3.5,3.5",
        "diamond": "0,-5 5,0 0,5 -5,0",
        "up": "0,-5 4.5,3.5 -4.5,3.5",
        "down": "0,5 4.5,-3.5 -4.5,-3.5",
        "plus": "-1.5,-5 1.5,-5 1.5,-1.5 5,-1.5 5,1.5 1.5,1.5 1.5,5 -1.5,5 -1.5,1.5 -5,1.5 -5,-1.5 -1.5,-1.5",
        "bar": "-6,-2 6,-2 6,2 -6,2",
    }[shape]
    return element("polygon", title, points=corners, transform=f"translate({x:.1f} {y:.1f})", class_=kind)


def over_layers(between: Sequence[Between], first: str | None) -> Markup | None:
    """A bar for each value in between, in the order in which the old program computes them; `first` is marked."""
    if not between:
        return None
    # Without its name, the first difference is the first that is one.
    at = next((n for n, one in enumerate(between) if not one.equal and (not first or one.tensor == first)), None)
    if at is None:
        at = next((n for n, one in enumerate(between) if not one.equal), None)
    start = max(0, min((at or 0) - MOST_LAYERS // 2, len(between) - MOST_LAYERS))
    shown = between[start : start + MOST_LAYERS]
    has_beyond = any(not math.isfinite(one.ratio) for one in shown)
    left, right, row, head = 300.0, 644.0, 22, 30
    axis = Axis(
        _top([one.ratio for one in shown]), left + 56, right - (58 if has_beyond else 12), left + 14, right - 12
    )
    height = head + row * len(shown) + 8
    limit = axis.at(1.0)
    parts = [element("rect", x=limit, y=head - 4, width=right - limit, height=height - head, class_="wrong")]
    for exponent, x in axis.ticks(6):
        kind = "limit" if exponent == 0 else "grid"
        parts.append(element("line", x1=x, x2=x, y1=head - 4, y2=height - 4, class_=kind))
        parts.append(element("text", _power(exponent), x=x, y=head - 12, text_anchor="middle", class_="tick"))
    parts.append(element("text", "equal", x=axis.zero, y=head - 12, text_anchor="middle", class_="tick"))
    if has_beyond:
        parts.append(element("text", "beyond", x=axis.beyond, y=head - 12, text_anchor="middle", class_="tick"))
    for number, one in enumerate(shown):
        parts.append(_layer(one, head + row * number + row / 2, axis, first=start + number == at))
    picture = element(
        "svg",
        element("title", "The error of each value in between, in units of what is allowed"),
        *parts,
        viewBox=f"0 0 760 {height}",
        role="img",
        class_="picture",
    )
    hidden = len(between) - len(shown)
    return together(picture, element("p", f"{hidden} more values are not shown.", class_="dim") if hidden else None)


def _layer(one: Between, y: float, axis: Axis, first: bool) -> Markup:
    x = axis.at(one.ratio)
    told = f"{one.name} ({one.tensor}) at {one.old}, now {one.new}: {told_ratio(one.ratio, one.note)}"
    name = one.name or one.tensor
    line = f":{one.old.line}" if one.old.line else ""
    place = _short(one.old.file.rpartition("/")[2], 18 - len(line)) + line
    label = together(
        element("text", _short(name, 24), x=8, y=y + 4, class_="layer-name"),
        element("text", place, x=296, y=y + 4, text_anchor="end", class_="tick"),
    )
    state = "" if one.equal else " bad"
    after = element("text", "◂ first difference", x=652, y=y + 4, class_="first-label") if first else None
    return element(
        "g",
        element("title", told),
        element("rect", x=0, y=y - 11, width=760, height=22, class_="first-row") if first else None,
        label,
        element("line", x1=axis.zero, x2=x, y1=y, y2=y, class_="bar" + state),
        element("circle", cx=x, cy=y, r=5.0 if first else 4.0, class_="dot" + state),
        after,
    )


def told_ratio(ratio: float, note: str = "") -> str:
    """An error in units of what is allowed, in words."""
    if ratio == 0:
        return note or "equal"
    if not math.isfinite(ratio):
        return note or "beyond any number"
    return f"{ratio:.2g} of what is allowed" + (f"; {note}" if note else "")


def _power(exponent: int) -> Markup | str:
    if -2 <= exponent <= 2:
        return f"{10.0**exponent:g}"
    return together("10", element("tspan", str(exponent).replace("-", "\N{MINUS SIGN}"), dy=-4, font_size="8"))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
