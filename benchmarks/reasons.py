"""Counts why programs stay in graph mode, or are left: the tables of docs/limits.md.

    python benchmarks/reasons.py FOLDER...

Each folder below a FOLDER is read as one project. Every connected TensorFlow 1 program in it counts once, the same program in
several folders as one. A reason counts once for each program, with the names in it taken out. It prints Markdown.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from tf_modernize.codemods import engine

WHY = ("TFM905", "TFM907", "TFM910")
NAMED = re.compile(r"`[^`]*`|\(`[^`]*`\)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    args = parser.parse_args()
    levels: Counter[str] = Counter()
    programs: Counter[str] = Counter()
    first: Counter[str] = Counter()
    seen: set[frozenset[bytes]] = set()
    for folder in (one for top in args.folders for one in sorted(top.iterdir()) if one.is_dir()):
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
        for result in engine.upgrade(files):
            key = frozenset(files[path] for path in result.files)
            if result.dialect != "tf1" or key in seen:
                continue
            seen.add(key)
            levels[result.level] += 1
            told = [one for file in result.files.values() for one in file.diagnostics if one.code in WHY]
            reasons = list(dict.fromkeys(_plain(one.message) for one in told))
            programs.update(reasons)
            first.update(reasons[:1])
    print("| level | programs |\n|---|---|")
    for level, count in levels.most_common():
        print(f"| {level} | {count} |")
    print("\n| reason | programs | as the first one |\n|---|---|---|")
    for reason, count in sorted(programs.items(), key=lambda item: (-item[1], -first[item[0]], item[0])):
        print(f"| {reason} | {count} | {first[reason]} |")
    return 0


def _plain(message: str) -> str:
    message = message.removeprefix("not native because of ").partition(":")[0]
    return NAMED.sub("…", message)


if __name__ == "__main__":
    raise SystemExit(main())
