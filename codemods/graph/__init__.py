"""The graph stage: the TF1 graph that a program builds, recovered by interpreting it over symbolic values."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from .. import projects
from ..names import Names
from ..parse import Module
from . import calls, expressions, methods, ops, statements
from .frames import Problem
from .interpreter import Interpreter, Language, TooMuch
from .ops import scopes

LANGUAGE = Language(
    evaluate=expressions.evaluate,
    attribute=expressions.attribute,
    call=calls.call,
    call_function=calls.call_function,
    call_tensorflow=ops.call_tensorflow,
    call_method=ops.call_method,
    run_body=statements.run_body,
    enter=scopes.enter,
)


def recover(
    modules: Mapping[str, Module],
    names: Mapping[str, Names],
    entry: str,
    links: Mapping[str, Mapping[str, str]] | None = None,
) -> Interpreter:
    """Interprets the program from its entry module; what can't be decided is in the result's `problems`."""
    if links is None:
        files = {path: module.utf8 for path, module in modules.items()}
        links = projects.links(files, projects.Layout(files))
    run = Interpreter(modules, names, LANGUAGE, links, entry)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10_000))
    try:
        statements.run_module(run, entry)
        statements.run_main_blocks(run)
        methods.run_uncalled(run)
    except TooMuch:
        run.problems.append(
            Problem(modules[entry].tree, modules[entry], "a program that takes too many steps to follow")
        )
    finally:
        sys.setrecursionlimit(limit)
    return run


__all__ = ["Interpreter", "recover"]
