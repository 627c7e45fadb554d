"""Upgrades real TF1 packages: that nothing breaks, that every name is accounted for, and how much of them goes native.

    python benchmarks/packages.py [PACKAGE…] [--work FOLDER] [--json FILE]

The packages come from PyPI, once, and are kept in FOLDER (in the user's cache where none is given), never in the repository.
For each package it says

* whether a stage failed (an internal error), and whether a second run over the result changes anything;
* how many of its TensorFlow names have an account, of all that the names stage finds;
* how many of its graph-building units go native, and why the others stay.

Units are counted three times, since no one figure says it all: connected programs, which is what the tool decides on, and a
library is one; scripts, which are the modules that nothing imports, each with all that it imports, where these make graph
values when they are interpreted (a library's own modules make few: what builds is called by others); and functions (methods
and module bodies included) of TF1 programs that use a TensorFlow name other than flags, logging and files. A function goes
native with its program; `able` are those whose names all have a native form, so that their program is what keeps them.

It exits with 1 where anything failed, was unstable, or was not accounted for.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tf_modernize.cli.cache import default_folder
from tf_modernize.codemods import engine, projects
from tf_modernize.codemods.edits import Edits
from tf_modernize.codemods.emit.native import Fallback
from tf_modernize.codemods.entries import each_entry
from tf_modernize.codemods.names import Names
from tf_modernize.codemods.parse import Module, ParseError, parse
from tf_modernize.codemods.report import ProgramResult
from tf_modernize.codemods.symbols import rewrite

PACKAGES = {
    "tensorpack": "0.11",
    "tflearn": "0.5.0",
    "dm-sonnet": "1.36",
    "tf-slim": "1.1.0",
    "stable-baselines": "2.10.2",
    "tensor2tensor": "1.15.7",
}
HOST = (
    "app",
    "flags",
    "logging",
    "gfile",
    "io.gfile",
    "errors",
    "python_io",
    "compat.as_",
    "test",
    "__",
    "VERSION",
    "version",
)


@dataclass
class Share:
    """Of some units how many there are, went native, or could."""

    total: int = 0
    native: int = 0
    able: int = 0

    def __str__(self) -> str:
        able = f", {self.able} able" if self.able else ""
        return f"{self.native} of {self.total} ({self.native / max(self.total, 1):.0%}{able})"


@dataclass
class Found:
    """What was seen of one package."""

    files: int = 0
    lines: int = 0
    seconds: float = 0.0
    levels: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)
    names: int = 0
    without_account: list[str] = field(default_factory=list)
    programs: Share = field(default_factory=Share)
    scripts: Share = field(default_factory=Share)
    functions: Share = field(default_factory=Share)
    reasons: Counter[str] = field(default_factory=Counter)  # of scripts: each reason once a script
    names_left: Counter[str] = field(default_factory=Counter)  # of functions: each reason once a function

    @property
    def is_well(self) -> bool:
        return not (self.errors or self.unstable or self.without_account)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"without one, all: {', '.join(PACKAGES)}")
    parser.add_argument("--work", type=Path, help="where the sources are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    args = parser.parse_args()
    cache = default_folder()
    work = args.work or (cache.with_name("tf-modernize-benchmark") if cache is not None else None)
    if work is None:
        parser.error("there is no cache folder here: name one with --work")
    found = {name: look(sources(name, work)) for name in _shown(args.packages or list(PACKAGES))}
    for heading, reasons in (
        ("why scripts stay", sum((one.reasons for one in found.values()), Counter())),
        ("names that keep functions", sum((one.names_left for one in found.values()), Counter())),
    ):
        print(f"The ten most frequent reasons: {heading}")
        for reason, count in reasons.most_common(10):
            print(f"  {count:5}  {reason}")
    for kind in ("programs", "scripts", "functions"):
        shares = [getattr(one, kind) for one in found.values()]
        whole = Share(*(sum(getattr(share, key) for share in shares) for key in ("total", "native", "able")))
        print(f"{kind} native: {whole}")
    if args.json:
        args.json.write_text(json.dumps({name: asdict(one) for name, one in found.items()}, indent=1) + "\n")
    return 0 if all(one.is_well for one in found.values()) else 1


def _shown(names: list[str]) -> Iterator[str]:
    for name in names:
        if name not in PACKAGES:
            sys.exit(f"{name} is none of {', '.join(PACKAGES)}")
        yield name


def sources(name: str, work: Path) -> dict[str, bytes]:
    """The Python files of a package, downloaded once."""
    folder = work / f"{name}-{PACKAGES[name]}"
    if not folder.exists():
        archives = work / "archives"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(archives)]
        subprocess.run([*command, f"{name}=={PACKAGES[name]}"], check=True)
        stem = re.sub(r"[-_.]+", "[-_.]", name)
        archive = next(path for path in sorted(archives.iterdir()) if re.match(stem, path.name, re.IGNORECASE))
        if archive.suffix == ".whl":
            zipfile.ZipFile(archive).extractall(folder)
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
    paths = sorted(folder.rglob("*.py"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


# -- one package --------------------------------------------------------------------------------------------------------


def look(files: Mapping[str, bytes]) -> Found:
    found = Found(len(files), sum(data.count(b"\n") for data in files.values()))
    start = time.process_time()
    results = [(group, _upgraded(files, group, found)) for group in engine.groups(files)]
    found.seconds = time.process_time() - start
    after = dict(files)
    for group, result in results:
        found.levels[result.level] += 1
        found.unparsed += [path for path, one in result.files.items() if one.error and "internal" not in one.error]
        after.update({path: one.after for path, one in result.files.items() if one.after is not None})
        if result.dialect == "tf1":
            _units(files, group, result, found)
    for group in engine.groups(after):
        again = _upgraded(after, group, found)
        found.unstable += [path for path, one in again.files.items() if one.after is not None]
    _tell(files, found)
    return found


def _upgraded(files: Mapping[str, bytes], group: engine.Group, found: Found) -> ProgramResult:
    own, beside = engine.parts(files, group)
    result = engine.upgrade_program(own, engine.Options(), beside)
    for one in result.files.values():
        found.errors += [f"{one.path}: {d.message}" for d in one.diagnostics if d.symbol == "internal-error"]
    return result


def _units(files: Mapping[str, bytes], group: engine.Group, result: ProgramResult, found: Found) -> None:
    layout = projects.Layout([*group.files, *group.beside])
    modules, helpers = _parsed(files, group.files, layout), _parsed(files, group.beside, layout)
    names = engine.resolve_all(modules, {path: files[path] for path in modules}, layout)
    _accounts(modules, names, result, found)
    native = result.level == "native"
    found.programs.total += 1
    found.programs.native += native
    for entry in each_entry(modules, names, helpers, layout):
        if not entry.builds:
            continue
        found.scripts.total += 1
        if isinstance(entry.result, Fallback):
            found.reasons.update({_normal(one.message) for one in entry.result.reasons})
        else:
            found.scripts.native += 1
    for path, module in modules.items():
        _functions(module, names[path], native, found)


def _parsed(files: Mapping[str, bytes], paths: tuple[str, ...], layout: projects.Layout) -> dict[str, Module]:
    modules = {}
    for path in paths:
        try:
            modules[path] = parse(files[path], path, layout.name(path))
        except ParseError:
            continue
    return modules


def _accounts(modules: Mapping[str, Module], names: Mapping[str, Names], result: ProgramResult, found: Found) -> None:
    for path in modules:
        told = {(one.line, one.column) for one in result.files[path].accounts}
        uses = [use for use in names[path].uses if use.name]
        found.names += len(uses)
        found.without_account += [
            f"{path}:{use.node.lineno}: tf.{use.name}"
            for use in uses
            if (use.node.lineno, use.node.col_offset) not in told
        ]


def _functions(module: Module, names: Names, native: bool, found: Found) -> None:
    """Counts the functions, methods and module bodies that use TensorFlow for more than flags, logging and files."""
    owners: dict[ast.AST, ast.AST] = {}
    stack: list[tuple[ast.AST, ast.AST]] = [(module.tree, module.tree)]
    while stack:
        node, owner = stack.pop()
        owners[node] = owner
        inner = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else owner
        stack.extend((child, inner) for child in ast.iter_child_nodes(node))
    building = {owners[use.node] for use in names.uses if use.name and not use.name.startswith(HOST)}
    rewritten = rewrite(module, names, Edits(module), "native")
    left: dict[ast.AST, str] = {}
    for node, why in rewritten.left.items():
        left.setdefault(owners[node], why)
    for owner in building:
        found.functions.total += 1
        found.functions.native += native
        found.functions.able += owner not in left
    found.names_left.update(why for owner, why in left.items() if owner in building)


def _normal(message: str) -> str:
    """A reason without the names of the program that it is about."""
    message = re.sub(r"`[^`]*`", "`…`", message.removeprefix("not native because of "))
    return re.sub(r" \(in .*\)$", "", message)


def _tell(files: Mapping[str, bytes], found: Found) -> None:
    top = next(iter(sorted(files)), "").partition("/")[0]
    print(f"{top}: {found.files} files, {found.lines} lines, {found.seconds:.1f} s", flush=True)
    print(f"  programs: {', '.join(f'{count} {level}' for level, count in sorted(found.levels.items()))}")
    accounted = found.names - len(found.without_account)
    print(f"  names accounted for: {accounted} of {found.names}; internal errors: {len(found.errors)}; ", end="")
    print(f"changed by a second run: {len(found.unstable)}; not Python 3: {len(found.unparsed)}")
    for problem in (*found.errors[:5], *found.unstable[:5], *found.without_account[:5]):
        print(f"    {problem}")
    for kind in ("programs", "scripts", "functions"):
        print(f"  {kind} native: {getattr(found, kind)}")


if __name__ == "__main__":
    sys.exit(main())
