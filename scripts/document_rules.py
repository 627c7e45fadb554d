"""Writes docs/diagnostics.md from the table of diagnostics (codemods/diagnostics). With --check it only compares.

python scripts/document_rules.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tf_modernize.codemods.diagnostics import KINDS, RULES, Example, Rule

PAGE = Path(__file__).parent.parent / "docs" / "diagnostics.md"
HEAD = """# Diagnostics

<!-- Written by scripts/document_rules.py from codemods/diagnostics: change it there. -->

One code space serves the linter, the codemods and the reports. The symbol says what it is, the hundreds of the code what
kind. The same is on the terminal: `tf-modernize rules` lists all, `tf-modernize explain CODE` says more of one. The
examples are run by the tests.
"""
FIXES = {
    "none": "nothing, it is left to you",
    "safe": "safe",
    "unsafe": "unsafe, only with `--unsafe-fixes`",
}


def page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        "| codes | kind |\n|---|---|\n" + "".join(f"| {start}xx | {kind} |\n" for start, kind in KINDS.items()),
    ]
    for start, kind in KINDS.items():
        rules = [rule for rule in RULES if rule.code.startswith(start)]
        if rules:
            rows = "".join(f"| [{rule.code}](#{_anchor(rule)}) | {rule.symbol} | {rule.title} |\n" for rule in rules)
            parts.append(f"## {kind}\n\n| code | symbol | what it is |\n|---|---|---|\n{rows}")
            parts.extend(map(_section, rules))
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    lines = [
        f"### {_title(rule)}\n",
        f"{rule.title}.\n",
        f"* **What it is**: {rule.what}",
        f"* **Why it matters**: {rule.why}",
        f"* **What to do**: {rule.advice}",
        f"* **What `upgrade` does**: {FIXES[rule.fix]}. {rule.fix_note}",
    ]
    text = "\n".join(lines) + "\n"
    for head, example in (("Bad", rule.bad), ("Good", rule.good)):
        if example is not None:
            text += f"\n{head}{_command(example)}:\n" + "".join(_file(example, path) for path in example.files)
    return text


def _title(rule: Rule) -> str:
    return f"{rule.symbol} ({rule.code})"


def _anchor(rule: Rule) -> str:
    """As GitHub makes it of the title."""
    return f"{rule.symbol}-{rule.code.lower()}"


def _command(example: Example) -> str:
    if not example.arguments:
        return ""
    return f" (`tf-modernize upgrade {' '.join((next(iter(example.files)), *example.arguments))}`)"


def _file(example: Example, path: str) -> str:
    named = f"\n`{path}`\n" if len(example.files) > 1 else ""
    language = "json" if path.endswith(".ipynb") else "python"
    return f"{named}\n```{language}\n{example.files[path]}```\n"


def main() -> None:
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE} is not what the table says")


if __name__ == "__main__":
    main()
