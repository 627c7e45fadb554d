"""What a verification's report looks like: on the terminal, as JSON, as a page."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from tf_modernize.cli.verdict import Show
from tf_modernize.harness.verify import Options
from tf_modernize.harness.verify.document import exit_code, first_difference, to_json, verdict
from tf_modernize.harness.verify.excerpts import excerpt
from tf_modernize.harness.verify.model import (
    FORWARD,
    GRADIENTS,
    LEVELS,
    READS,
    TRAINING,
    VARIABLES,
    Between,
    Comparison,
    FirstDifference,
    Level,
    Place,
    Report,
    ratio,
)
from tf_modernize.harness.verify.page import page
from tf_modernize.harness.verify.pictures import MOST_LAYERS, over_layers, over_steps

HOSTILE = "<script>alert('\"&')</script>\x00\x1b[31m\udcff"


def comparison(level: str = FORWARD, step: int = 0, **others: Any) -> Comparison:
    facts = {"name": "loss", "nth": step, "execution": 0, "equal": True, "error": 1e-7, "allowed": 1e-5, **others}
    return Comparison(level, step=step, **facts)


@pytest.fixture
def proved(tmp_path: Path) -> Report:
    """A report without a difference, on files that are there."""
    for side, text in (("old", "import a\nloss = f(\n    x)\n"), ("new", "import b\n\nloss = g(x)\n")):
        (tmp_path / side / "deep").mkdir(parents=True)
        (tmp_path / side / "deep" / "train.py").write_text(text)
    levels = tuple(Level(name, "passed", "3 values", 3, 0.25) for name in LEVELS)
    return Report(
        str(tmp_path / "old" / "deep" / "train.py"),
        str(tmp_path / "new" / "deep" / "train.py"),
        "compat.v1",
        levels,
        tuple(comparison(level, step) for level in (FORWARD, GRADIENTS, TRAINING) for step in range(3)),
        reached=(("deep/train.py:2", 3),),
        seconds=12.3,
        settings=Options().settings(),
    )


@pytest.fixture
def different(proved: Report) -> Report:
    """One with every kind of difference."""
    bad = (
        comparison(FORWARD, 0, equal=False, error=0.02, old=Place("deep/train.py", 2)),
        comparison(FORWARD, 1, equal=False, error=3e-5, rounding=True),
        comparison(
            GRADIENTS, 1, equal=False, error=math.inf, allowed=0.0, note="3 NaNs in the old value, 0 in the new"
        ),
        comparison(VARIABLES, 0, equal=False, error=0.0, allowed=0.0, note="is not there"),
        comparison(READS, 2, error=0.0, allowed=0.0),
    )
    between = (
        Between("a", "a:0", Place("deep/train.py", 1), Place("deep/train.py", 1), 0.0, 1e-5, True),
        Between("b", "b:0", Place("deep/train.py", 2), Place("deep/train.py", 3, "step"), 0.02, 1e-5, False),
        Between("c", "c:0", Place("deep/train.py", 3), Place("deep/train.py", 3), 0.0, 0.0, False, "the shapes are"),
    )
    levels = tuple(
        dataclasses.replace(one, state="different", told="1 of 3 values differ") if one.name == FORWARD else one
        for one in proved.levels
    )
    return dataclasses.replace(
        proved,
        levels=levels,
        comparisons=(*proved.comparisons, *bad),
        between=between,
        first=FirstDifference("b", 0, 0.02, between[1].old, between[1].new, "b:0", "off by 0.02, 1e-05 allowed"),
        notes=("A note.",),
    )


class Balanced(HTMLParser):
    """Fails at a tag that does not close what is open; keeps the tags and the addresses that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "wbr"):
            self.open.append(tag)
        self.fetched += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def svgs(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_the_page_is_whole_and_fetches_nothing(proved: Report, different: Report) -> None:
    for text in (page([proved]), page([proved, different]), page([], "Why not."), page([])):
        found = Balanced(text)
        assert "script" not in found.tags and found.fetched == []
        assert "url(" not in text and "@import" not in text and "http" not in text.replace("http-equiv", "")
        assert "prefers-color-scheme: dark" in text
        assert svgs(text) or "<h2>" not in text


def test_the_page_shows_the_first_difference_on_both_sides(different: Report) -> None:
    text = page([different])
    sides = re.findall(r'<div class="side">(.*?)</div>', text, re.DOTALL)
    assert len(sides) == 2
    assert '<span class="meant"><i>2</i>loss = f(</span>' in sides[0]
    assert '<span class="meant"><i>3</i>loss = g(x)</span>' in sides[1]
    assert "Different" in text and "3 NaNs in the old value" in text and "A note." in text
    assert "rtol 1e-06" in re.sub("<[^>]*>", "", text)


def test_whatever_a_program_is_called_stays_text(different: Report) -> None:
    one = dataclasses.replace(
        different,
        oracle=HOSTILE,
        notes=(HOSTILE,),
        comparisons=(comparison(name=HOSTILE, equal=False, note=HOSTILE),),
        between=(Between(HOSTILE, HOSTILE, Place(HOSTILE, 1), Place(HOSTILE, 1), 1.0, 0.1, False, HOSTILE),),
        first=FirstDifference(HOSTILE, 0, 1.0, Place(HOSTILE, 1), None, HOSTILE, HOSTILE),
        reached=((HOSTILE, 1),),
    )
    text = page([one], HOSTILE)
    assert "script" not in Balanced(text).tags
    assert "\x00" not in text and "\x1b" not in text
    text.encode()
    assert svgs(text)


def test_the_pictures_mark_what_is_wrong(different: Report) -> None:
    steps, layers = over_steps(different.comparisons), over_layers(different.between, "b:0")
    assert steps is not None and layers is not None
    assert "mark hollow" in steps.text  # rounding
    assert "beyond" in steps.text and "beyond" in layers.text  # a NaN; other shapes
    assert layers.text.count("first difference") == 1
    assert layers.text.index("b (b:0)") < layers.text.index("first difference") < layers.text.index("c (c:0)")
    assert over_steps([]) is None and over_layers([], None) is None


def test_the_pictures_stand_any_number() -> None:
    for error in (0.0, 5e-324, 1e-300, 1e-5, 1e300, math.inf, math.nan):
        for allowed in (0.0, 5e-324, 1e-5, 1e300):
            drawn = over_steps([comparison(error=error, allowed=allowed, equal=error == 0)])
            assert drawn is not None and "nan" not in drawn.text and "inf " not in drawn.text
            place = Place("x.py", 1)
            drawn = over_layers([Between("v", "v:0", place, place, error, allowed, error == 0)], None)
            assert drawn is not None and "nan" not in drawn.text


def test_a_deep_network_is_cut_around_the_first_difference() -> None:
    place = Place("x.py", 1)
    values = [Between(f"v{n}", f"v{n}:0", place, place, float(n >= 700), 0.1, n < 700) for n in range(1000)]
    drawn = over_layers(values, "v700:0")
    assert drawn is not None
    assert "v700:0" in drawn.text and drawn.text.count("<circle") == MOST_LAYERS
    assert f"{1000 - MOST_LAYERS} more values" in drawn.text


def test_a_ratio_is_in_units_of_what_is_allowed() -> None:
    assert ratio(2.0, 4.0, True) == 0.5
    assert ratio(0.0, 0.0, True) == 0.0
    assert ratio(0.0, 0.0, False) == ratio(math.inf, 1.0, False) == ratio(1.0, 0.0, False) == math.inf


# --- the document -----------------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("tf_modernize.harness") / "schemas" / "verify-1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def test_the_schema_says_what_the_types_say() -> None:
    definitions = schema()["$defs"]
    for kind, name in {
        Report: "report",
        Level: "level",
        Comparison: "comparison",
        Between: "between",
        FirstDifference: "first",
        Place: "place",
    }.items():
        described = definitions[name]
        added = {"verify_version", "verdict", "exit_code"} if kind is Report else set()
        assert {field.name for field in dataclasses.fields(kind)} | added == set(described["properties"])
        assert set(described["required"]) == set(described["properties"])
    assert tuple(definitions["level_name"]["enum"]) == LEVELS


def test_the_document_is_strict_json(proved: Report, different: Report) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for data in (to_json([proved, different]), to_json([]), to_json([], "Why not.")):
        validator.validate(json.loads(json.dumps(data, allow_nan=False)))
    errors = [one["error"] for one in to_json([different])["programs"][0]["comparisons"]]
    assert None in errors  # the NaNs


def test_of_several_programs_the_worst_counts(proved: Report, different: Report) -> None:
    failed = dataclasses.replace(proved, levels=(Level("runs", "failed", "it crashed"),))
    assert exit_code([proved]) == exit_code([proved, proved]) == 0
    assert exit_code([proved, failed]) == 2
    assert exit_code([failed, different, proved]) == 1
    assert exit_code([]) == 2
    assert verdict([failed, different, proved]).endswith("(1 of 3 programs)")


def test_what_was_not_located_is_the_first_comparison_that_differs(different: Report) -> None:
    first = first_difference(dataclasses.replace(different, first=None))
    assert first is not None and first.step == 0 and first.told == "is not there"
    rounding = comparison(equal=False, rounding=True)
    assert first_difference(dataclasses.replace(different, first=None, comparisons=(rounding,))) is None


def test_settings_tell_no_secret() -> None:
    told = Options(environment={"TOKEN": "hunter2"}, files=(Path("data"),)).settings()
    assert told["environment"] == ["TOKEN"] and told["files"] == ["data"]
    assert "hunter2" not in json.dumps(told)


# --- sources ----------------------------------------------------------------------------------------------------------


def test_excerpts_are_decoded_as_python_does(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\r\ns = 'é'\r\n".encode("latin-1"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "main.py").write_text("a = 1\n")
    for entry in (tmp_path / "latin.py", tmp_path / "sub" / "main.py"):
        found = excerpt(str(entry), Place("latin.py", 2), around=3)
        assert found is not None and found.text == "s = 'é'"
        assert found.lines[0] == (1, "# coding: latin-1")
    assert excerpt(str(tmp_path / "latin.py"), Place("latin.py", 99)) is None
    assert excerpt(str(tmp_path / "latin.py"), Place("gone.py", 1)) is None
    assert excerpt(str(tmp_path / "latin.py"), Place("latin.py", 0)) is None
    assert excerpt(str(tmp_path / "model.meta"), None) is None


# --- the terminal -----------------------------------------------------------------------------------------------------


def test_the_terminal_is_readable_at_80_columns(
    different: Report, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = dataclasses.replace(different.levels[0], told="a/very/long/name " * 20)
    Show(quiet=False, apart=False).reports([dataclasses.replace(different, levels=(long, *different.levels[1:]))])
    out = capsys.readouterr().out
    assert all(len(line) <= 80 or line.startswith(different.old) for line in out.splitlines())
    for level in LEVELS:
        assert level in out
    assert "First difference at execution 1" in out
    assert "loss = f(" in out and "loss = g(x)" in out
    assert out.rstrip().splitlines()[-1].startswith("Different")


def test_quiet_is_the_verdict_alone(proved: Report, capsys: pytest.CaptureFixture[str]) -> None:
    Show(quiet=True, apart=False).reports([proved])
    assert capsys.readouterr().out.splitlines() == [proved.verdict]
    Show(quiet=False, apart=True).reports([proved])
    assert capsys.readouterr().out == ""
