"""The programs of fixtures/programs in other bytes: line ends, encodings, byte order marks. Only the edits may differ."""

from __future__ import annotations

import codecs
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from tf_modernize.codemods.engine import Options, upgrade

PROGRAMS = Path(__file__).resolve().parents[1] / "fixtures" / "programs"
NAMES = sorted(path.parent.name for path in PROGRAMS.glob("*/before.py"))
LATIN = b"# -*- coding: latin-1 -*-\n# caf\xe9\n"

# Each takes the plain bytes of a file, before or after an upgrade, to the same file in another form.
FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crlf": lambda plain: plain.replace(b"\n", b"\r\n"),
    "cr": lambda plain: plain.replace(b"\n", b"\r"),
    "bom": lambda plain: codecs.BOM_UTF8 + plain,
    "bom-crlf": lambda plain: codecs.BOM_UTF8 + plain.replace(b"\n", b"\r\n"),
    "no-final-newline": lambda plain: plain.rstrip(b"\n"),
    "latin-1": lambda plain: LATIN + plain if plain.isascii() else plain,
    "utf-8": lambda plain: "# caf\xe9 \u2211 \U0001f600\n".encode() + plain,
}


def plain_sources(name: str) -> dict[str, bytes]:
    folder = PROGRAMS / name
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    return {path: data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n") for path, data in found.items()}


def upgraded(files: Mapping[str, bytes], target: Literal["native", "compat"]) -> tuple[dict[str, bytes], set[str]]:
    results = upgrade(files, Options(target=target))
    after = {path: one.after for result in results for path, one in result.files.items() if one.after is not None}
    return {**files, **after}, {result.level for result in results}


@pytest.mark.parametrize("target", ["native", "compat"])
@pytest.mark.parametrize("number, name", list(enumerate(NAMES)), ids=NAMES)
def test_forms(number: int, name: str, target: Literal["native", "compat"]) -> None:
    """One form for each program, in turn; with FORMS=all each program in each form."""
    before = plain_sources(name)
    after, levels = upgraded(before, target)
    chosen = list(FORMS) if os.environ.get("FORMS") == "all" else [list(FORMS)[number % len(FORMS)]]
    for form in chosen:
        taken = FORMS[form]
        if form in ("bom", "bom-crlf", "utf-8", "latin-1") and any(b"coding" in data[:50] for data in before.values()):
            continue  # the program declares an encoding of its own
        found, same = upgraded({path: taken(data) for path, data in before.items()}, target)
        assert same == levels
        for path, data in after.items():
            assert found[path] == taken(data), f"{path} as {form}"


@pytest.mark.parametrize("target", ["native", "compat"])
@pytest.mark.parametrize("name", NAMES[::7])
def test_mixed_line_ends(name: str, target: Literal["native", "compat"]) -> None:
    """The text is the same, and lines that stay keep their ends, however these are mixed."""
    chance = random.Random(name)
    before = plain_sources(name)
    mixed = {path: re.sub(rb"\n", lambda _: chance.choice([b"\n", b"\r\n"]), data) for path, data in before.items()}
    after, _ = upgraded(before, target)
    found, _ = upgraded(mixed, target)
    for path, data in after.items():
        assert re.sub(rb"\r\n?", b"\n", found[path]) == data
        if data != before[path]:
            ends = Counter(re.findall(rb"[^\r\n]+(?:\r\n|\r|\n)", mixed[path]))
            stayed = Counter(re.findall(rb"[^\n]+\n", before[path])) & Counter(re.findall(rb"[^\n]+\n", data))
            kept = Counter(re.findall(rb"[^\r\n]+(?:\r\n|\r|\n)", found[path])) & ends
            assert kept.total() >= 0.8 * stayed.total(), "lines that were only moved may count as new"


def test_form_feeds_and_tabs_stay() -> None:
    source = (
        b"import tensorflow as tf\n\x0c\n# one\x0ctwo\ntext = '\x0c'\nx = tf.placeholder(tf.float32, [])\n\x0c\n"
        b'def show(value):\n\tif value:\n\t\tprint(value, "\t")\t# \t shown\n\x0c\nwith tf.Session() as sess:\n'
        b"\tshow(sess.run(tf.log(x),\t{x: 2.0}))\n"
    )
    for target in ("native", "compat"):
        found, levels = upgraded({"x.py": source}, target)  # type: ignore[arg-type]
        assert levels == {target}
        after = found["x.py"]
        kept = b"\x0c\n# one\x0ctwo\ntext = '\x0c'\n", b'\tif value:\n\t\tprint(value, "\t")\t# \t shown\n'
        assert all(part in after for part in kept), after.decode()
        assert b"\n    " not in after, "new code is indented as the old"
