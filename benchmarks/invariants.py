"""What must hold for every package that is upgraded, whatever it holds: each function gives the places where it does not."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tf_modernize.codemods import engine, projects
from tf_modernize.codemods.emit.scoping import left_unbound
from tf_modernize.codemods.names import Names
from tf_modernize.codemods.names.program import resolve_all
from tf_modernize.codemods.parse import Module, ParseError, parse
from tf_modernize.codemods.report import FileResult

# What the compat level asks for before TensorFlow is imported: with it, compat.v1 has the layers of Keras 2.
LEGACY = b"TF_USE_LEGACY_KERAS"


def unparsed(after: Mapping[str, bytes]) -> list[str]:
    """The files of a result that are no Python."""
    found = []
    for path, data in after.items():
        try:
            ast.parse(data)
        except (SyntaxError, ValueError) as error:
            found.append(f"{path}: {error}")
    return found


def comments_lost(before: bytes, after: bytes) -> list[str]:
    """The comments that a file has no more, each as often as it is missing. One that goes elsewhere is not lost; one that
    goes with the statement that it belongs to is, so that nothing is dropped unseen."""
    return sorted((_comments(before) - _comments(after)).elements())


def unbound(before: bytes, after: bytes) -> list[str]:
    """A name that a file reads, and that the file before bound and this one does not."""
    found = left_unbound(_text(before), _text(after))
    return [found] if found else []


def _text(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def _comments(data: bytes) -> Counter[str]:
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    return Counter(token.string.strip() for token in tokens if token.type == tokenize.COMMENT)


# -- names of the input -------------------------------------------------------------------------------------------------


def modules_of(files: Mapping[str, bytes], group: engine.Group) -> tuple[dict[str, Module], dict[str, Names]]:
    """A program's modules and their TensorFlow names."""
    layout = projects.Layout([*group.files, *group.beside])
    modules = {}
    for path in group.files:
        try:
            modules[path] = parse(files[path], path, layout.name(path))
        except ParseError:
            continue
    return modules, resolve_all(modules, {path: files[path] for path in modules}, layout)


def without_account(module: Module, names: Names, result: FileResult) -> tuple[int, list[str]]:
    """How many TensorFlow names a module has, and those of which its result says nothing.

    The names are those of the names stage, and what a plain look at the tree takes for one: a chain of attributes whose
    first name an import binds to TensorFlow, wherever it stands.
    """
    told = {(one.line, one.column) for one in result.accounts}
    places = {(use.node.lineno, use.node.col_offset): use.name for use in names.uses if use.name}
    places |= {(node.lineno, node.col_offset): node.id for node in _plainly(module.tree)}
    silent = [
        f"{module.path}:{line}: {name}" for (line, column), name in sorted(places.items()) if (line, column) not in told
    ]
    return len(places), silent


def _plainly(tree: ast.Module) -> Iterator[ast.Name]:
    """The names before a dot that imports bind to TensorFlow or to a part of it."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound |= {one.asname or "tensorflow" for one in node.names if one.name.split(".")[0] == "tensorflow"}
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "tensorflow":
            bound |= {one.asname or one.name for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
            yield node.value


# -- names of the result ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Spelt:
    """A name of TensorFlow as a result has it: `path` is what stands behind `tensorflow`."""

    path: str
    legacy: bool  # whether its program asks for Keras 2

    @staticmethod
    def of(name: str, api: str, legacy: bool) -> Spelt:
        return Spelt((name if api == "plain" else f"compat.{api}.{name}").rstrip("."), legacy)


def names_set(names: Iterable[Names]) -> set[str]:
    """What a program itself sets in TensorFlow (`tf.GraphKeys.INPUTS = …`): it is there because of that."""
    return {use.name for one in names for use in one.uses if isinstance(getattr(use.node, "ctx", None), ast.Store)}


def missing(names: Iterable[Spelt]) -> set[Spelt]:
    """Those of the names that the installed TensorFlow has not."""
    wanted = sorted(set(names))
    found: set[Spelt] = set()
    for legacy in (False, True):
        some = [one for one in wanted if one.legacy is legacy]
        if some:
            absent = set(_ask([one.path for one in some], legacy))
            found |= {one for one in some if one.path in absent}
    return found


def _ask(paths: list[str], legacy: bool) -> list[str]:
    """The paths that an interpreter of its own can't reach from `tensorflow`, its modules imported on the way."""
    quiet = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1" if legacy else "0"}
    run = subprocess.run(
        [sys.executable, "-I", "-c", _RESOLVER],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        env=os.environ | quiet,
        check=False,
    )
    if run.returncode:
        sys.exit(f"TensorFlow could not be asked for its names (it is in the extra `verify`):\n{run.stderr[-2000:]}")
    absent: list[str] = json.loads(run.stdout.splitlines()[-1])
    return absent


_RESOLVER = """
import importlib, inspect, json, sys
import tensorflow

def reaches(path):
    owner, dotted = tensorflow, "tensorflow"
    for part in path.split("."):
        dotted += "." + part
        try:
            owner = getattr(owner, part)
        except (AttributeError, ImportError):
            if not inspect.ismodule(owner) and not inspect.isclass(owner) and hasattr(type(owner), "__getattr__"):
                return True  # flags: what an object has by way of a look-up is not TensorFlow's to name
            try:
                owner = importlib.import_module(dotted)
            except ImportError:
                return False
    return True

print(json.dumps([path for path in json.load(sys.stdin) if path and not reaches(path)]))
"""
