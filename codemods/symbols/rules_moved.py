"""What left TensorFlow for absl: tf.app, tf.flags and tf.logging; and what a package took over as it was."""

from __future__ import annotations

import ast

from .packages import Place, contrib
from .sites import NEXT, Arguments, Rule, Site

# What absl.logging has of tf.logging.
_LOGGING = frozenset(
    """
    DEBUG ERROR FATAL INFO WARN debug error fatal flush get_verbosity info log log_every_n log_first_n log_if
    set_verbosity vlog warn warning
    """.split()
)
_FLAG_ARGUMENTS = {"flag_name": "name", "default_value": "default", "docstring": "help"}


def absl(site: Site) -> str | None:
    """Any name of tf.app, tf.flags or tf.logging: the module of absl that it was made of."""
    parts = site.full.split(".")
    if parts[:2] == ["app", "flags"]:
        parts = parts[1:]
    module, rest = parts[0], parts[1:]
    if module == "logging" and rest and rest[0] not in _LOGGING:
        return f"absl.logging has no {rest[0]}"
    if module == "app" and rest[:1] == ["run"]:
        why = _run(site)
        if why is not None:
            return why
    if module == "flags" and rest and rest[0].startswith("DEFINE_") and site.call is not None:
        arguments = Arguments(site)
        for index, item in enumerate(arguments.items):
            if item.keyword in _FLAG_ARGUMENTS:
                arguments.keyword(index, _FLAG_ARGUMENTS[item.keyword])
        arguments.done()
    return _spell(site, module, rest)


def _run(site: Site) -> str | None:
    """absl's run must be given the function that tf.app.run finds by itself."""
    if site.call is None or site.call.args or any(keyword.arg == "main" for keyword in site.call.keywords):
        return None
    if any(keyword.arg is None for keyword in site.call.keywords) or "main" not in site.names.taken:
        return "tf.app.run() calls a `main` that this module does not define"
    arguments = Arguments(site)
    if arguments.items:
        arguments.before[0] = "main, "
    else:
        arguments.append("main")
    arguments.done()
    return None


def _spell(site: Site, module: str, rest: list[str]) -> str | None:
    root = site.use.node
    while isinstance(root, ast.Attribute):
        root = root.value
    start = site.names.name_of(root) or ""
    whole = site.use.node
    if start:
        # `flags = tf.app.flags` or `from tensorflow import flags`: what the name stands for is rewritten, not the name.
        return None
    statement = _assignment(site, whole, module)
    if not rest and statement is not None:
        site.edits.replace(statement, f"from absl import {module}")
        return None
    text = ".".join([_import(site, module), *rest])
    site.edits.replace(whole, text)
    return None


def _import(site: Site, module: str) -> str:
    """How the module of absl is spelt: by its name, where the module has no other use for it."""
    if module not in site.names.taken or _from_absl(site, module):
        site.needs.imports.add(f"from absl import {module}")
        return module
    site.needs.imports.add(f"import absl.{module}")
    return f"absl.{module}"


def _from_absl(site: Site, module: str) -> bool:
    """Whether the module's own name of this spelling is absl's already, or is about to be."""
    found = False
    for statement in site.module.tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "absl":
            found = found or any(alias.name == module and not alias.asname for alias in statement.names)
        if isinstance(statement, ast.Assign) and site.names.name_of(statement.value) in (module, f"app.{module}"):
            found = found or any(isinstance(t, ast.Name) and t.id == module for t in statement.targets)
    return found


def _assignment(site: Site, node: ast.expr, name: str) -> ast.stmt | None:
    """The statement of the module that assigns the node to this one name: `flags = tf.app.flags`."""
    for statement in site.module.tree.body:
        if isinstance(statement, ast.Assign) and statement.value is node and len(statement.targets) == 1:
            target = statement.targets[0]
            return statement if isinstance(target, ast.Name) and target.id == name else None
    return None


def _package(site: Site) -> str | None:
    """The projector of TensorBoard, which is a package of its own."""
    found = contrib(site.use.name)
    if found is None or found[0].package != "tensorboard":
        return NEXT
    place: Place = found[0]
    root = site.use.node
    while isinstance(root, ast.Attribute):
        root = root.value
    if (site.names.name_of(root) or "").startswith("contrib.tensorboard"):
        return None
    site.needs.imports.add("import tensorboard.plugins.projector")
    site.edits.replace(site.use.node, f"tensorboard.{place.target}")
    return None


def _message(site: Site) -> str | None:
    """Messages of graphs, which TensorFlow 2 has under compat.v1 alone: they are no graph mode."""
    site.rename(f"compat.v1.{site.name}")
    return None


RULES: dict[str, Rule] = {
    "GraphDef": _message,
    "MetaGraphDef": _message,
    "contrib.tensorboard.plugins": _package,
    "contrib.tensorboard.plugins.projector": _package,
}
