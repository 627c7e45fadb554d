"""What the user sees of the table of diagnostics. Rich is loaded only here."""

from __future__ import annotations

import dataclasses
import json
import sys
import textwrap

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tf_modernize.codemods.diagnostics import RULES, Example, Rule

WIDTH = 100  # of a paragraph, at most
FIXES = {
    "none": "left to you",
    "safe": "safe",
    "unsafe": "with --unsafe-fixes",
}


def page(rule: Rule) -> None:
    """All that is known of one diagnostic."""
    out = _console()
    out.print(Text.assemble((f"{rule.symbol} ({rule.code})", "bold yellow"), f"  {rule.title}"))
    out.print(Text(rule.kind, style="dim"))
    for head, text in (
        ("What it is", rule.what),
        ("Why it matters", rule.why),
        ("What to do", rule.advice),
        ("What `upgrade` does", f"{FIXES[rule.fix].capitalize()}. {rule.fix_note}"),
    ):
        out.print()
        out.print(Text(head, style="bold"))
        for line in textwrap.wrap(text, min(out.width, WIDTH) - 2):
            out.print(Text(f"  {line}"))
    for head, example in (("Bad", rule.bad), ("Good", rule.good)):
        if example is not None:
            _example(out, head, example)


def table() -> None:
    """One line for each diagnostic."""
    out = _console()
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("code", "symbol", "what it is", "fix"):
        found.add_column(column, no_wrap=column != "what it is")
    for rule in RULES:
        found.add_row(rule.code, Text(rule.symbol, style="yellow"), rule.title, FIXES[rule.fix])
    out.print(found)
    out.print()
    out.print("`tf-modernize explain CODE` says more of each.")


def as_json() -> None:
    """The whole table, for machines."""
    rules = [{**dataclasses.asdict(rule), "kind": rule.kind, "along": sorted(rule.along)} for rule in RULES]
    json.dump({"rules_version": 1, "rules": rules}, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=not terminal, width=None if terminal else 120)


def _example(out: Console, head: str, example: Example) -> None:
    out.print()
    command = f"  upgrade {' '.join((next(iter(example.files)), *example.arguments))}" if example.arguments else ""
    out.print(Text.assemble((head, "bold"), (command, "dim")))
    for path, source in example.files.items():
        if len(example.files) > 1:
            out.print(Text(f"  {path}", style="dim"))
        for line in source.splitlines():
            out.print(Text(f"    {line}" if line else "", style="cyan"), soft_wrap=True)
