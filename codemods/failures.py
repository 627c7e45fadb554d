"""What is told where a file can't be read, or where the tool itself fails: sentences, and results that leave the files alone."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import PurePath

from .diagnostics import Diagnostic
from .manifest import Program
from .parse import DEEP, Module, ParseError, depth
from .report import FileResult, ProgramResult


def unparsed(path: str, data: bytes, error: ParseError) -> FileResult:
    symbol, code = ("python2-source", "TFM902") if error.python2 else ("unparsable-source", "TFM901")
    diagnostic = Diagnostic(symbol, code, f"{error}; the file stays as it is", path, max(error.line, 1))
    return FileResult(path, data, None, "untouched", (diagnostic,), error=str(error))


def sentence(error: Exception, where: str) -> str:
    """An exception of a stage, as one line that a bug report can start from."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({frames[-1].name}, {PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    plain = all(isinstance(one, (str, int, type(None))) for one in error.args)  # a value's own text may be endless
    said = str(error) if plain else ", ".join(type(one).__name__ for one in error.args)
    return f"internal error in {where}: {type(error).__name__}: {said}{at}; please report it"


def given_up(
    files: Mapping[str, bytes], sentence: str, failed: Mapping[str, FileResult] | None = None
) -> ProgramResult:
    """The program as it was, with an internal error on each of its files that did not fail on its own account."""
    failed = failed or {}
    results = {
        path: FileResult(path, data, None, "untouched", (tool_failed(path, sentence),), error=sentence)
        for path, data in files.items()
        if path not in failed
    }
    diagnostics = tuple(one for result in results.values() for one in result.diagnostics)
    manifest = Program(tuple(sorted(files)), "untouched", diagnostics=diagnostics)
    return ProgramResult("untouched", {**results, **failed}, manifest=manifest)


def tool_failed(path: str, sentence: str) -> Diagnostic:
    return Diagnostic("internal-error", "TFM909", sentence, path, 1)


def has_internal_error(result: ProgramResult) -> bool:
    """Whether a stage failed on the program, though it may have been done at a lower level."""
    return any(one.symbol == "internal-error" for file in result.files.values() for one in file.diagnostics)


def deepest(modules: Mapping[str, Module]) -> str | None:
    """The module that is nested the deepest, where that explains an error of recursion."""
    depths = {}
    for path, module in modules.items():
        depths[path] = depth(module.tree)
        module.release()
    found = max(depths, key=lambda path: depths[path], default=None)
    return found if found is not None and depths[found] >= DEEP else None
