"""Counts why programs stay in graph mode, or are left: a table for docs/limits.md.

    python benchmarks/reasons.py FOLDER...

Each folder below a FOLDER is one program with the files that it imports. What counts is the file that holds the program's
first reason; a reason is counted once for each program, with the names in it taken out. It prints Markdown.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from pathlib import Path

from tf_modernize.codemods import engine

WHY = ("TFM905", "TFM907", "TFM910")
NAMED = re.compile(r"`[^`]*`|\(`[^`]*`\)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    levels: Counter[str] = Counter()
    programs: dict[str, set[str]] = defaultdict(set)
    first: Counter[str] = Counter()
    for folder in (one for top in args.folders for one in sorted(top.iterdir()) if one.is_dir()):
        level, reasons = _program(folder)
        levels[level] += 1
        for reason in set(reasons):
            programs[reason].add(folder.name)
        if reasons:
            first[reasons[0]] += 1
    print("| level | programs |\n|---|---|")
    for level, count in levels.most_common():
        print(f"| {level} | {count} |")
    print("\n| reason | programs | as the first one |\n|---|---|---|")
    for reason in sorted(programs, key=lambda one: (-len(programs[one]), one)):
        print(f"| {reason} | {len(programs[reason])} | {first[reason]} |")
    return 0


def _program(folder: Path) -> tuple[str, list[str]]:
    """The level of a program, which is that of its lowest part, and the reasons in the order in which they are told."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    results = [one for one in engine.upgrade(files) if one.dialect == "tf1"]
    order = ("untouched", "compat", "native")
    level = min((one.level for one in results), key=lambda one: order.index(one) if one in order else 3, default="none")
    told = [one for result in results for file in result.files.values() for one in file.diagnostics if one.code in WHY]
    return level, [_plain(one.message) for one in told]


def _plain(message: str) -> str:
    message = message.removeprefix("not native because of ").partition(":")[0]
    return NAMED.sub("…", message)


if __name__ == "__main__":
    raise SystemExit(main())
