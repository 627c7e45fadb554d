"""Upgrades real TF1 packages, some 1,500 files: that nothing breaks, and that nothing is silent.

    python benchmarks/packages.py [PACKAGE…] [--shares] [--work FOLDER] [--json FILE]

The packages come from PyPI, once, and are kept in FOLDER (in the user's cache where none is given), never in the repository.
Each package is upgraded as a tree of its own. A row of the table says of one

* errors: internal errors of the tool; `no Python`: files of the result that can't be parsed;
* changed again: files that a second run over the result would change;
* comments: those of the input that are nowhere in the same file of the result;
* names: TensorFlow names of its TF1 programs, and `silent`, those that the report says nothing of;
* unknown: names in the result that TensorFlow 2.21 has not, and that no finding tells of; `reported` are those that are told,
  `staying` those in files of which the report says why they stay as they are;
* unbound: names that a file of the result reads, and binds no more.

It ends with 1 where a column that should be zero (errors, no Python, changed again, comments, silent, unknown, unbound) is not,
and says where. Files that are no Python 3, or that can't be read, are told, and are left out.
`--shares` counts how much goes native, too (benchmarks/shares.py); it takes several times as long.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import fetching
import invariants
import shares
from invariants import Spelt

from tf_modernize.codemods import engine
from tf_modernize.codemods.report import ProgramResult

PROBLEMS = ("errors", "no_python", "changed_again", "comments", "silent", "unknown", "unbound")


@dataclass
class Found:
    """What was seen of one package. The lists of PROBLEMS should be empty."""

    files: int = 0
    lines: int = 0
    seconds: float = 0.0
    levels: Counter[str] = field(default_factory=Counter)  # files
    names: int = 0
    skipped: list[str] = field(default_factory=list)  # no Python 3
    errors: list[str] = field(default_factory=list)
    no_python: list[str] = field(default_factory=list)
    changed_again: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unbound: list[str] = field(default_factory=list)
    reported: Counter[str] = field(default_factory=Counter)  # names that are left, and told
    staying: int = 0  # names in files of which the report says that they stay as they are
    shares: shares.Shares = field(default_factory=shares.Shares)

    @property
    def is_well(self) -> bool:
        return not any(getattr(self, name) for name in PROBLEMS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help=f"without one, all: {', '.join(fetching.PACKAGES)}"
    )
    parser.add_argument("--shares", action="store_true", help="count what goes native, too")
    parser.add_argument("--work", type=Path, help="where the sources are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    work = fetching.work_folder(args.work)
    names = fetching.chosen(args.packages)
    print(
        _row(
            "",
            *(
                "files lines seconds errors not-python again comments names silent unknown unbound reported staying".split()
            ),
        )
    )
    found: dict[str, Found] = {}
    for name in names:
        found[name] = look(fetching.sources(name, work), args.shares)
        print(_figures(name, found[name]), flush=True)
    _tell(found, args.shares)
    if args.json:
        args.json.write_text(json.dumps(found, default=vars, indent=1) + "\n")
    return 0 if all(one.is_well for one in found.values()) else 1


def look(files: Mapping[str, bytes], count_shares: bool = False) -> Found:
    """Upgrades a tree, and upgrades the result, and looks at both."""
    found = Found(len(files), sum(data.count(b"\n") for data in files.values()))
    gc.disable()
    start = time.process_time()
    results = [(group, _upgraded(files, group)) for group in engine.groups(files)]
    found.seconds = time.process_time() - start
    gc.enable()
    after = dict(files)
    left: dict[str, set[str] | None] = {}
    for group, result in results:
        _look_at(files, group, result, found, left, count_shares)
        after.update({path: one.after for path, one in result.files.items() if one.after is not None})
    _look_at_result(files, after, left, found)
    return found


def _upgraded(files: Mapping[str, bytes], group: engine.Group) -> ProgramResult:
    own, beside = engine.parts(files, group)
    return engine.upgrade_program(own, engine.Options(), beside)


def _look_at(
    files: Mapping[str, bytes],
    group: engine.Group,
    result: ProgramResult,
    found: Found,
    left: dict[str, set[str] | None],
    count_shares: bool,
) -> None:
    """What a program's result says. `left` gets the names that it tells of, by the path of the file: None for a file of which
    it says that all of it stays."""
    for path, one in result.files.items():
        found.levels[one.level] += 1
        found.errors += [f"{path}: {told.message}" for told in one.diagnostics if told.symbol == "internal-error"]
        if one.error is not None and not any(told.symbol == "internal-error" for told in one.diagnostics):
            found.skipped.append(f"{path}: {one.error}")
        elif one.after is not None:
            found.comments += [f"{path}: {text}" for text in invariants.comments_lost(one.before, one.after)]
            found.unbound += [f"{path}: {name}" for name in invariants.unbound(one.before, one.after)]
        places = {(told.line, told.column) for told in one.diagnostics}
        stays = result.level == "untouched" or any(told.symbol == "tf1-in-tf2" for told in one.diagnostics)
        left[path] = None if stays else {name.name for name in one.accounts if (name.line, name.column) in places}
    if result.dialect != "tf1":
        return
    modules, names = invariants.modules_of(files, group)
    for path, module in modules.items():
        count, silent = invariants.without_account(module, names[path], result.files[path])
        found.names += count
        found.silent += silent
    if count_shares:
        shares.count(files, group, modules, names, result.level == "native", found.shares)


def _look_at_result(
    files: Mapping[str, bytes], after: Mapping[str, bytes], left: Mapping[str, set[str] | None], found: Found
) -> None:
    """What the result holds: Python, that another run leaves alone, with names that TensorFlow 2.21 has."""
    broken = invariants.unparsed({path: data for path, data in after.items() if data is not files[path]})
    found.no_python += broken
    spelt: list[tuple[str, int, Spelt]] = []
    for group in engine.groups(after):
        again = _upgraded(after, group)
        found.changed_again += [path for path, one in again.files.items() if one.after is not None]
        modules, names = invariants.modules_of(after, group)
        legacy = any(invariants.LEGACY in module.utf8 for module in modules.values())
        own = invariants.names_set(names.values())
        spelt += [
            (path, use.node.lineno, Spelt.of(use.name, use.api, legacy))
            for path in modules
            for use in names[path].uses
            if path in left and use.name not in own
        ]
    absent = invariants.missing(one for _, _, one in spelt)
    for path, line, one in spelt:
        if one in absent:
            name = one.path.removeprefix("compat.v1.")
            told = left[path]
            if told is None:
                found.staying += 1
            elif name in told:
                found.reported[name] += 1
            else:
                found.unknown.append(f"{path}:{line}: tf.{one.path}")


# -- what is told --------------------------------------------------------------------------------------------------------


def _row(name: str, *figures: object) -> str:
    return f"{name:20}" + "".join(f"{figure!s:>11}" for figure in figures)


def _figures(name: str, one: Found) -> str:
    problems = [len(getattr(one, kind)) for kind in PROBLEMS]
    return _row(
        name,
        one.files,
        one.lines,
        f"{one.seconds:.1f}",
        *problems[:4],
        one.names,
        *problems[4:],
        sum(one.reported.values()),
        one.staying,
    )


def _tell(found: Mapping[str, Found], with_shares: bool) -> None:
    whole = Found()
    for one in found.values():
        for name in ("files", "lines", "seconds", "names", "levels", "skipped", "reported", "staying", *PROBLEMS):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    print(_figures("all", whole))
    print(f"\nfiles by level: {', '.join(f'{count} {level}' for level, count in sorted(whole.levels.items()))}")
    for kind in ("skipped", *PROBLEMS):
        places = getattr(whole, kind)
        if places:
            print(f"\n{kind.replace('_', ' ')}: {len(places)}")
            print("\n".join(f"  {place}" for place in places[:40]))
    if whole.reported:
        print("\nnames that stay and are reported, how often:")
        print("\n".join(f"  {count:5}  tf.{name}" for name, count in sorted(whole.reported.items())))
    if with_shares:
        _tell_shares([one.shares for one in found.values()])


def _tell_shares(found: list[shares.Shares]) -> None:
    for kind in ("programs", "scripts", "functions"):
        some = [getattr(one, kind) for one in found]
        print(
            f"{kind} native: {shares.Share(*(sum(getattr(one, key) for one in some) for key in ('total', 'native', 'able')))}"
        )
    for heading, counters in (
        ("why scripts stay", [one.reasons for one in found]),
        ("names that keep functions", [one.names_left for one in found]),
    ):
        print(f"The ten most frequent reasons: {heading}")
        for reason, count in sum(counters, Counter[str]()).most_common(10):
            print(f"  {count:5}  {reason}")


if __name__ == "__main__":
    sys.exit(main())
