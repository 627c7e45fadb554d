"""Upgrades a call of every public TensorFlow 1.15 function and class, checks what comes out, and writes docs/symbols.md.

    python scripts/count_symbols.py [--list KIND] [--check] [NAME…]

Each call is a program of its own (`symbol_calls.py`), so that one name's outcome does not depend on another's. What it becomes:

* native: rewritten to TensorFlow 2's own names, or gone where TensorFlow 2 needs nothing in its place;
* same: native as it stands;
* compat: runs in graph mode on tensorflow.compat.v1 (or tf_slim), with the reason why it is not native;
* left: untouched, with the reason;
* silent, invalid, failed: errors of ours. Nothing was said; the result has a name or an argument that TensorFlow 2.21 lacks; a
  stage failed.

It runs in an environment that has the tool and TensorFlow 2.21 with tf_keras and tf_slim.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import symbol_calls
from symbol_checks import Called, uses, wrong

from tf_modernize.codemods.engine import Options, has_internal_error, upgrade_program
from tf_modernize.codemods.report import ProgramResult

PAGE = Path(__file__).resolve().parent.parent / "docs" / "symbols.md"
KINDS = ("native", "same", "compat", "left")
ERRORS = ("silent", "invalid", "failed")


@dataclass(frozen=True)
class Outcome:
    """What became of one call."""

    name: str
    form: str
    kind: str
    reason: str
    after: str
    legacy: bool


def outcome(name: str, form: str, source: str) -> Outcome:
    result = upgrade_program({"program.py": source.encode()}, Options(assume="tf1"))
    file = result.files["program.py"]
    after = (file.after or file.before).decode()
    kind, reason = _kind(name, source, after, result)
    return Outcome(name, form, kind, reason, after, "TF_USE_LEGACY_KERAS" in after)


def _kind(name: str, source: str, after: str, result: ProgramResult) -> tuple[str, str]:
    file = result.files["program.py"]
    if has_internal_error(result):
        return "failed", next(one.message for one in file.diagnostics if one.symbol == "internal-error")
    line = next(one for one in source.splitlines() if one.startswith("result = "))
    at = source.splitlines().index(line) + 1
    accounts = [one for one in file.accounts if one.line == at and one.name.endswith(name.rpartition(".")[2])]
    if not accounts:
        return "silent", "the report does not mention the name"
    state, reason = accounts[0].state, accounts[0].reason
    if result.level == "native":
        if state == "left" and not reason:
            return "silent", "left without a reason"
        return ("left" if state == "left" else "same" if line in after.splitlines() else "native"), reason
    if state == "rewritten" and file.diagnostics:  # a function of contrib that the module has now
        return "compat" if result.level == "compat" else "left", file.diagnostics[0].message
    if state not in ("left", "kept") or (state == "left" and not reason) or not file.diagnostics:
        return "silent", f"level {result.level}, but the report says {state} {reason!r}"
    reason = reason if state == "left" else file.diagnostics[0].message
    return ("compat" if result.level == "compat" else "left"), reason


def checked(outcomes: Iterable[Outcome], python: str = sys.executable) -> list[Outcome]:
    """The outcomes, with those that TensorFlow 2.21 does not take as invalid."""
    found: list[tuple[Outcome, set[Called]]] = []
    asked: dict[bool, set[Called]] = {False: set(), True: set()}
    for one in outcomes:
        try:
            used = uses(one.after) if one.kind in ("native", "same", "compat") else set()
        except SyntaxError as error:
            one, used = Outcome(one.name, one.form, "invalid", str(error), one.after, one.legacy), set()
        asked[one.legacy] |= used
        found.append((one, used))
    against = {legacy: wrong(python, names, legacy) for legacy, names in asked.items() if names}
    return [_judged(one, used, against.get(one.legacy, {})) for one, used in found]


def _judged(one: Outcome, used: set[Called], against: Mapping[Called, str]) -> Outcome:
    bad = sorted(f"{use.name} {against[use]}" for use in used if use in against)
    return Outcome(one.name, one.form, "invalid", "; ".join(bad), one.after, one.legacy) if bad else one


def page(outcomes: Sequence[Outcome]) -> str:
    """The tables of docs/symbols.md."""
    plain = [one for one in outcomes if one.form == "plain"]
    lines = [
        "# What becomes of each TensorFlow 1.15 name",
        "",
        "Written by `scripts/count_symbols.py`; a test holds that it is up to date. Each public function and class of TensorFlow",
        "1.15, and those that TensorFlow 1.0 removed, is called in a program of one call, with what it requires. The program is",
        "upgraded, and every name in the result is looked up in TensorFlow 2.21 and bound to its arguments.",
        "",
        "* **native**: rewritten to TensorFlow 2's own names, or taken out where TensorFlow 2 needs nothing in its place",
        "* **same**: native as it stands",
        "* **compat**: runs in graph mode on `tensorflow.compat.v1`, tf_keras or tf_slim; the report says why it is not native",
        "* **left**: untouched; the report says why",
        "",
        *_table("module", _by_module(plain)),
        "",
        "## By the form of the call",
        "",
        "`plain` passes what is required, `whole` everything else by keyword with its default, `placed` everything by position,",
        "`second` what has two names in TensorFlow 1 by the one that comes later in the signature (`keep_dims`, `dimension`).",
        "",
        *_table("form", {form: [one for one in outcomes if one.form == form] for form in symbol_calls.FORMS}),
        "",
        "## Why calls are not native",
        "",
        "| calls | reason |",
        "|---:|---|",
        *[f"| {count} | {reason} |" for reason, count in _reasons(plain)],
    ]
    return "\n".join(lines) + "\n"


def _by_module(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        parts = one.name.split(".")
        top = ".".join(["tf", *parts[: 2 if parts[0] == "contrib" else 1]]) if len(parts) > 1 else "tf"
        found.setdefault(top, []).append(one)
    return dict(sorted(found.items()))


def _table(what: str, groups: Mapping[str, Sequence[Outcome]]) -> list[str]:
    lines = [f"| {what} | calls | native | same | compat | left |", "|---|---:|---:|---:|---:|---:|"]
    whole: Counter[str] = Counter()
    for name, group in groups.items():
        counts = Counter(one.kind for one in group)
        whole += counts
        lines.append(f"| {name} | {len(group)} | {' | '.join(str(counts[kind]) for kind in KINDS)} |")
    if what == "module":
        lines.append(f"| **all** | {whole.total()} | {' | '.join(str(whole[kind]) for kind in KINDS)} |")
    return lines


def _reasons(outcomes: Sequence[Outcome]) -> list[tuple[str, int]]:
    """The reasons, with names taken out of them, and how often each was given; the rare ones together."""
    counts = Counter(_general(one) for one in outcomes if one.kind in ("compat", "left"))
    often = [
        (reason, count) for reason, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if count > 3
    ]
    rest = sum(counts.values()) - sum(count for _, count in often)
    return [*often, ("others, each given at most three times", rest)]


def _general(one: Outcome) -> str:
    text = one.reason.removeprefix("still graph mode, on tensorflow.compat.v1: ").removeprefix("not native because of ")
    text = text.removeprefix("the program stays as it is, since it can't run on TensorFlow 2.21: ")
    if text == f"tf.{one.name}":
        return "no native form of the name is known"
    text = text.replace(f"tf.{one.name}: ", "").replace("has no tf.", "lacks tf.")
    return text.replace(f"tf.{one.name}", "the name").replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description="Count what becomes of each TensorFlow 1.15 name.")
    parser.add_argument(
        "names", nargs="*", help="print what becomes of these names, or of those below them (contrib.layers.*)"
    )
    parser.add_argument("--list", default="", help="print the calls with this outcome")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where docs/symbols.md is out of date")
    options = parser.parse_args()
    wanted = tuple(options.names)
    made = [one for one in symbol_calls.programs() if not wanted or _is_wanted(one[0], wanted)]
    outcomes = checked([outcome(*one) for one in made], os.environ.get("TF2_PYTHON", sys.executable))
    for one in outcomes:
        if one.kind == options.list or one.kind in ERRORS or wanted:
            print(f"{one.kind:8} {one.form:7} {one.name}: {one.reason}")
            if wanted:
                print(one.after)
    print(dict(Counter(one.kind for one in outcomes)))
    if wanted:
        return
    text = page(outcomes)
    if options.check and text != PAGE.read_text("utf-8"):
        sys.exit(f"{PAGE.name} is out of date: run scripts/count_symbols.py")
    if not options.check:
        PAGE.write_text(text, "utf-8")
    if any(one.kind in ERRORS for one in outcomes):
        sys.exit(1)


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in wanted)


if __name__ == "__main__":
    main()
