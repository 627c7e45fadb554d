"""What `tf-modernize upgrade` does: read, upgrade, write, tell."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import click

from tf_modernize.codemods import engine, manifest, report
from tf_modernize.codemods.notebooks import NotebookError
from tf_modernize.codemods.report import FileResult, ProgramResult

from . import notebooks, recovery, writing
from .cache import default_folder, upgrade_cached
from .codes import Choice
from .excluding import Exclusion, is_shut_out
from .show import Show
from .sources import Collision, Problem, Sources, collect, missing_imports, places, reason, source_of

MANIFEST = "tf-modernize-manifest.json"


@dataclass(frozen=True)
class Request:
    """The options of one run, as the command line and the configuration give them."""

    paths: Sequence[str]
    write: bool = False
    output: Path | None = None
    check: bool = False
    diff: bool = False
    target: Literal["native", "compat"] = "native"
    assume: Literal["tf1", "tf2"] | None = None
    report: Path | None = None
    manifest: Path | None = None
    jobs: int | None = None
    cache: bool = True
    exclusion: Exclusion = field(default_factory=Exclusion)
    choice: Choice = field(default_factory=Choice)
    unsafe_fixes: bool = False
    configured_by: Path | None = None
    stdin_filename: str | None = None
    quiet: bool = False
    verbose: bool = False

    @property
    def from_stdin(self) -> bool:
        return "-" in self.paths


def run(request: Request) -> int:
    """Does one run and gives its exit code."""
    _check_usage(request)
    show = Show(request.quiet, request.verbose, apart=request.diff or request.from_stdin)
    show.configuration(request.configured_by)
    sources = _stdin(request) if request.from_stdin else _collect(request)
    if request.write and (finished := recovery.finish(sources.top)):
        show.note(f"An earlier run was ended while it wrote; {finished} files that it had left are replaced now.")
        sources = _collect(request)
    files = {key: source.code for key, source in sources.files.items()}
    groups = engine.groups(files)
    missing = _missing_parts([group.files for group in groups], sources)
    ignored = request.choice.ignored({key: sources.files[key].path for group in groups for key in group.files})
    options = engine.Options(request.target, request.assume, missing, ignored, request.unsafe_fixes)
    folder = default_folder() if request.cache else None
    found: dict[int, ProgramResult] = {}
    with show.progress(sum(len(group.files) for group in groups)) as advance:
        for index, result in upgrade_cached(groups, files, options, request.jobs, folder):
            found[index] = result
            advance(len(result.files))
    programs = [notebooks.as_files(found[index], sources.files, ignored) for index in sorted(found)]
    changed = {path: one for program in programs for path, one in program.files.items() if one.after is not None}

    problems = sources.problems
    written = programs
    if request.output:
        problems += _write_tree(request.output, sources, programs)
    elif request.write:
        try:
            failed = _write_in_place(sources, programs)
        except (KeyboardInterrupt, SystemExit):  # the manifest tells of what was written until then
            _write_manifest(request, sources, [program for program in programs if _is_written(program, sources)])
            raise
        if failed:
            problems += failed
            written = [program for program in programs if _is_written(program, sources)]
            changed = {path: one for path, one in changed.items() if any(path in done.files for done in written)}
    problems += _write_report(request, sources, programs)
    problems += _write_manifest(request, sources, written)

    if request.from_stdin and not (request.diff or request.check):
        _print_source(programs, sources)
    elif request.diff or not (request.write or request.output or request.check):
        show.diffs([(sources.files[path], one) for path, one in sorted(changed.items())], plain=request.diff)
    told = notebooks.Places(sources.files)
    show.findings(programs, told)
    show.problems([*_failures(programs, told), *problems])
    show.summary(programs, len(files), _what_was_done(request, len(changed)))
    if problems or any(_has_failed(program) for program in programs):
        return 2
    return int(request.check and (bool(changed) or any(_is_left(program, request) for program in programs)))


def _check_usage(request: Request) -> None:
    if request.write and request.output:
        raise click.UsageError("--write and --output exclude each other.")
    if request.check and (request.write or request.output):
        raise click.UsageError("--check writes nothing: leave out --write and --output.")
    if request.quiet and request.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.")
    if request.stdin_filename and not request.from_stdin:
        raise click.UsageError("--stdin-filename is for the path `-`.")
    if request.from_stdin and (len(request.paths) > 1 or request.write or request.output):
        raise click.UsageError(
            "The path `-` goes alone, without --write and --output: its result is on standard output."
        )
    if request.output:
        for path in request.paths:
            base = Path(path) if Path(path).is_dir() else Path(path).parent
            if os.path.realpath(base) == os.path.realpath(request.output):
                raise click.UsageError(f"--output {request.output} would write over its input: use --write for that.")


def _collect(request: Request) -> Sources:
    missing = [path for path in request.paths if not os.path.lexists(path)]
    if missing:
        raise click.UsageError(f"There is no {missing[0]}.")
    try:
        return collect(request.paths, request.output, request.exclusion)
    except Collision as error:
        raise click.UsageError(str(error)) from None


def _stdin(request: Request) -> Sources:
    name = request.stdin_filename or "stdin.py"
    key = Path(name).name
    shown, data = request.stdin_filename or "<stdin>", sys.stdin.buffer.read()
    if request.stdin_filename and is_shut_out(Path(name), request.exclusion):
        return Sources(Path("."), passed=data)
    try:
        return Sources(Path("."), {key: source_of(key, Path(name), shown, data)})
    except NotebookError as error:
        return Sources(Path("."), problems=[Problem(shown, f"{error}; it is left as it is")], passed=data)


def _missing_parts(groups: Sequence[Sequence[str]], sources: Sources) -> dict[str, list[str]]:
    """For each file of a program, the files that it imports and that use TensorFlow, but were not named."""
    known = places(sources)
    found = {path: missing_imports(sources.files[path], known) for group in groups for path in group}
    return {path: missing for path, missing in found.items() if missing}


def _print_source(programs: Sequence[ProgramResult], sources: Sources) -> None:
    """The source on standard output: upgraded, or as it came."""
    sys.stdout.buffer.write(sources.passed)
    for key, source in sources.files.items():
        after = next((one.files[key].after for one in programs if key in one.files), None)
        sys.stdout.buffer.write(source.data if after is None else after)
        sys.stdout.buffer.flush()


# --- writing ----------------------------------------------------------------------------------------------------------


def _write_in_place(sources: Sources, programs: Sequence[ProgramResult]) -> list[Problem]:
    """Replaces what changed. The files of one program are written together, or none of them is."""
    problems: list[Problem] = []
    recovery.clean({one.path.parent for one in sources.files.values()})
    for program in programs:
        changes = [
            writing.Change(sources.files[path].path, one.after, before=one.before, like=sources.files[path].path)
            for path, one in program.files.items()
            if one.after is not None
        ]
        try:
            writing.write_together(changes, sources.top / recovery.NOTE)
        except writing.WriteError as error:
            others = f", and so are the {len(changes) - 1} files that belong with it" if len(changes) > 1 else ""
            problems.append(_problem(error, f"{error.sentence}; it is left as it is{others}"))
    return problems


def _is_written(program: ProgramResult, sources: Sources) -> bool:
    """Whether the files of a program are all there as they were to be written."""
    return all(
        one.after is None or (sources.files[path].path.is_file() and sources.files[path].path.read_bytes() == one.after)
        for path, one in program.files.items()
    )


def _write_tree(output: Path, sources: Sources, programs: Sequence[ProgramResult]) -> list[Problem]:
    """The whole tree anew under `output`."""
    problems: list[Problem] = []
    recovery.clean([output, *(output / folder for folder in sources.folders)])
    after = {path: one.after for program in programs for path, one in program.files.items()}
    try:
        for folder in ("", *sources.folders):
            (output / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [Problem(str(error.filename), f"can't be made a folder ({reason(error)})")]
    for key, source in sources.files.items():
        data = after.get(key)
        try:
            writing.write_together(
                [writing.Change(output / key, source.data if data is None else data, like=source.path)]
            )
        except writing.WriteError as error:
            problems.append(_problem(error))
    for key, path in sources.others.items():
        try:
            writing.copy(path, output / key, path.parents[len(Path(key).parts) - 1])
        except writing.WriteError as error:
            problems.append(_problem(error))
    return problems


def _write_report(request: Request, sources: Sources, programs: Sequence[ProgramResult]) -> list[Problem]:
    if not request.report:
        return []
    root = Path(os.path.relpath(_read_from(request, sources))).as_posix()
    return _write_document(request.report, report.to_json(programs, len(sources.files), _tool(), request.target, root))


def _write_manifest(request: Request, sources: Sources, programs: Sequence[ProgramResult]) -> list[Problem]:
    """The manifest, where it is asked for or belongs."""
    place = request.manifest
    if place is None and (request.output or request.write):
        place = sources.top / MANIFEST
    if place is None:
        return []
    earlier = _earlier(_read_from(request, sources) / MANIFEST if request.manifest is None else None)
    document = _manifest(request, sources, programs, _tool(), place, earlier)
    # A tree that holds nothing of TensorFlow 1, and never did, gets no file of ours in place.
    if request.manifest or request.output or document["programs"]:
        return _write_document(place, document)
    return []


def _write_document(path: Path, document: Mapping[str, Any]) -> list[Problem]:
    data = (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()
    try:
        if not (path.is_file() and path.read_bytes() == data):
            writing.write(path, data)
    except writing.WriteError as error:
        return [_problem(error)]
    except OSError as error:
        return [Problem(str(path), f"can't be read ({reason(error)})")]
    return []


def _tool() -> str:
    return f"tf-modernize {version('tf-modernize')}"


def _read_from(request: Request, sources: Sources) -> Path:
    """The folder that the keys of the files are relative to."""
    if not request.output:
        return sources.top
    first = Path(request.paths[0])
    return first if first.is_dir() else first.parent


def _manifest(
    request: Request,
    sources: Sources,
    programs: Sequence[ProgramResult],
    tool: str,
    place: Path,
    earlier: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of this run. What an earlier run says of programs that this one found already done is kept."""
    files = {path: one for program in programs for path, one in program.files.items()}
    done = [program for program in programs if program.manifest and _says_more(program, earlier)]
    mine = {path for program in done for path in program.files}
    kept = [
        entry
        for entry in earlier.get("programs", ())
        if not mine & set(entry["files"]) and any(path in sources.files for path in entry["files"])
    ]
    entries = [*kept, *(manifest.plain(program.manifest) for program in done)]
    listed = sorted({path for entry in entries for path in entry["files"]})
    before = {entry["path"]: entry for entry in earlier.get("files", ())}
    digests = [_digests(path, files) if path in mine else before.get(path, _digests(path, files)) for path in listed]
    written = request.write or request.output is not None
    return manifest.to_json(
        entries,
        digests,
        tool=tool,
        target=request.target,
        old_root=_relative(_read_from(request, sources), place.parent),
        new_root=_relative(sources.top, place.parent) if written else None,
    )


def _says_more(program: ProgramResult, earlier: Mapping[str, Any]) -> bool:
    """Whether this run has something to say of the program that an earlier one has not said."""
    known = {path for entry in earlier.get("programs", ()) for path in entry["files"]}
    return any(one.after is not None for one in program.files.values()) or not known & set(program.files)


def _earlier(path: Path | None) -> Mapping[str, Any]:
    """The manifest that an earlier run left, or nothing."""
    try:
        found = json.loads(path.read_bytes()) if path else {}
        if found:
            manifest.from_json(found)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _digests(path: str, files: Mapping[str, FileResult]) -> dict[str, str | None]:
    one = files.get(path)
    if one is None:
        return {"path": path, "sha256_before": None, "sha256_after": None}
    before = hashlib.sha256(one.before).hexdigest()
    return {
        "path": path,
        "sha256_before": before,
        "sha256_after": before if one.after is None else hashlib.sha256(one.after).hexdigest(),
    }


def _relative(folder: Path, start: Path) -> str:
    return Path(os.path.relpath(os.path.realpath(folder), os.path.realpath(start))).as_posix()


# --- what is told -----------------------------------------------------------------------------------------------------


def _problem(error: writing.WriteError, sentence: str | None = None) -> Problem:
    return Problem(os.path.relpath(error.path), sentence or error.sentence)


def _failures(programs: Sequence[ProgramResult], told: notebooks.Places) -> list[Problem]:
    """A sentence for each file that could not be parsed, and one for all files of a program that met an internal error."""
    found: list[Problem] = []
    for program in programs:
        by_sentence: dict[str, list[FileResult]] = {}
        for one in program.files.values():
            if one.error:
                parsed = one.diagnostics and one.diagnostics[0].symbol == "internal-error"
                by_sentence.setdefault(one.error if parsed else one.path, []).append(one)
        for first, *others in by_sentence.values():
            place = told.at(first.path, first.diagnostics[0].line if first.diagnostics else 1)
            more = f" ({len(others)} more files belong to this program, and stay as they are too)" if others else ""
            found.append(Problem(place, f"{first.error}{more}"))
    return found


def _has_failed(program: ProgramResult) -> bool:
    return any(one.error for one in program.files.values()) or engine.has_internal_error(program)


def _is_left(program: ProgramResult, request: Request) -> bool:
    """Whether TF1 remains in the program: names that were left, or graph mode where native was asked for.

    What is ignored does not count.
    """
    wanted = ("native", "compat") if request.target == "compat" else ("native",)
    return program.dialect == "tf1" and (
        (program.level not in wanted and not program.is_accepted)
        or any(report.is_left(one) for one in program.files.values())
    )


def _what_was_done(request: Request, changed: int) -> str:
    files = f"{changed} file{'' if changed == 1 else 's'}"
    if request.output:
        return f"Written to {request.output}, {files} of it upgraded."
    if request.write:
        return f"{files} written." if changed else "Nothing to write."
    if request.check or request.diff or request.from_stdin:
        return f"{files} would change." if changed else "Nothing would change."
    return (
        f"Nothing was written: {files} would change (--write, or --output DIR)." if changed else "Nothing would change."
    )
