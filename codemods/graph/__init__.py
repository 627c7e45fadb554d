"""The graph stage: the TF1 graph that a program builds, recovered by interpreting it over symbolic values."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ..names import Names
from ..parse import Module
from .interpreter import Interpreter, TooMuch
from .statements import run_module


def recover(modules: Mapping[str, Module], names: Mapping[str, Names], entry: str) -> Interpreter:
    """Interprets the program from its entry module; what can't be decided is in the result's `problems`."""
    run = Interpreter(modules, names)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10_000))
    try:
        run_module(run, entry)
    except TooMuch:
        from .frames import Problem

        run.problems.append(
            Problem(modules[entry].tree, modules[entry], "a program that takes too many steps to follow")
        )
    finally:
        sys.setrecursionlimit(limit)
    return run


__all__ = ["Interpreter", "recover"]
