"""The TensorFlow names of a whole program: what its modules hand on to one another, too."""

from __future__ import annotations

from collections.abc import Mapping

from .. import projects
from ..parse import Module
from . import ProgramNames
from .meaning import Others


def resolve_all(modules: Mapping[str, Module], files: Mapping[str, bytes], layout: projects.Layout) -> ProgramNames:
    """The TensorFlow names of every module; what one imports from another is looked up under the spelling that it uses."""
    others = Others.of({module.name: module for module in modules.values()})
    spelt = projects.links(files, layout)
    known = {
        path: others.known_as({name: modules[target] for name, target in spelt[path].items() if target in modules})
        for path in modules
    }
    return ProgramNames(modules, known)
