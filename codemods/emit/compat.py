"""The compat level: a program that stays in graph mode, and runs so on TensorFlow 2.21.

Every module of the program that imports TensorFlow gets compat.v1 in its place, with TensorFlow 2's behaviour switched off
right after the imports. Where tf.layers, RNN cells or tf_slim are used anywhere in the program, Keras 2 is asked for before
TensorFlow is first imported. Graph mode belongs to the process, so the decision is the program's, not the module's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..diagnostics import Diagnostic
from ..edits import Edits
from ..names import Import, Names
from ..parse import Module
from ..report import Account
from ..symbols import Rewritten, module_root, numpy, rewrite
from . import imports
from .statements import Statements

LEGACY_KERAS = 'os.environ["TF_USE_LEGACY_KERAS"] = "1"'
# tf_slim 1.1 expects the layers of Keras 2, and a few names of TensorFlow, where they were before 2.16.
SLIM = (
    "import sys",
    "import tf_keras.src.legacy_tf_layers",
    "# tf_slim looks for these where they were before TensorFlow 2.16.",
    'sys.modules["tf_keras.legacy_tf_layers"] = tf_keras.src.legacy_tf_layers',
    'sys.modules["tensorflow.python.framework.ops"].Tensor = {root}.Tensor',
    'sys.modules["tensorflow.python.framework.ops"].IndexedSlices = {root}.IndexedSlices',
    'sys.modules["tensorflow.python.ops.control_flow_ops"].cond = {root}.cond',
)
# What single parts of tf_slim look for besides.
_STACK = 'sys.modules["tensorflow.python.ops.array_ops"].stack = {root}.stack'
_UNSTACK = 'sys.modules["tensorflow.python.ops.array_ops"].unstack = {root}.unstack'
_CASE = 'sys.modules["tensorflow.python.ops.control_flow_ops"].case = {root}.case'
_ASSERT = 'sys.modules["tensorflow.python.ops.control_flow_ops"].Assert = {root}.Assert'
_WHILE = 'sys.modules["tensorflow.python.ops.control_flow_ops"].while_loop = {root}.while_loop'
_VARIABLE = 'sys.modules["tensorflow.python.ops.variable_scope"].variable = {root}.Variable'
SLIM_PARTS: Mapping[str, tuple[str, ...]] = {
    "global_variable": (_VARIABLE,),
    "legacy_fully_connected": (_STACK, _UNSTACK),
    "legacy_linear": (_STACK, _UNSTACK),
    "legacy_relu": (_STACK, _UNSTACK),
    "local_variable": (_VARIABLE,),
    "losses.metric_learning": (_WHILE,),
    "metrics": (_STACK, _ASSERT, _VARIABLE),
    "tfexample_decoder": (_STACK, _CASE),
}
# Packages that import TensorFlow themselves: Keras 2 must be asked for before.
_IMPORT_TENSORFLOW = frozenset(
    {
        "keras",
        "sonnet",
        "t2t",
        "tensor2tensor",
        "tensorboardX",
        "tensorflow",
        "tensorflow_datasets",
        "tensorflow_hub",
        "tensorflow_probability",
        "tensorlayer",
        "tensorpack",
        "tf_keras",
        "tf_slim",
        "tflearn",
    }
)


@dataclass(frozen=True)
class Emitted:
    """The new texts of the modules that change, by path; `requirements` are packages that they need besides TensorFlow."""

    texts: Mapping[str, str]
    diagnostics: list[Diagnostic]
    accounts: list[Account]
    requirements: frozenset[str] = field(default_factory=frozenset)

    @property
    def blocked(self) -> list[Diagnostic]:
        """The names that nothing has any more: where one of them is reached, the program ends in an error."""
        return [one for one in self.diagnostics if one.symbol in ("contrib-left", "name-left")]


def emit(modules: Mapping[str, Module], names: Mapping[str, Names], unsafe: Collection[str] = ()) -> Emitted:
    """Takes the modules of one connected program to the compat level."""
    legacy = any(b"TF_USE_LEGACY_KERAS" in module.utf8 for module in modules.values())
    done: dict[str, _Done] = {}
    waiting: dict[str, tuple[Edits, Rewritten] | None] = {}
    for path, module in modules.items():
        own = _rewritten(module, names[path], unsafe)
        legacy = legacy or own[1].needs.legacy_keras
        if legacy:  # for the whole program, whatever the other modules hold
            done[path] = _finished(module, names[path], *own, legacy)
        else:
            waiting[path] = own if module.kept else None
        module.release()
    for path, ready in waiting.items():
        own = ready or _rewritten(modules[path], names[path], unsafe)
        done[path] = _finished(modules[path], names[path], *own, legacy)
        modules[path].release()
    return Emitted(
        {path: text for path in modules if (text := done[path].text) is not None},
        [one for path in modules for one in done[path].diagnostics],
        [one for path in modules for one in done[path].accounts],
        frozenset(
            ({"tf_keras"} if legacy else set())
            | ({"tf_slim"} if any(one.needs_slim for one in done.values()) else set())
        ),
    )


@dataclass(frozen=True)
class _Done:
    """What stays of a module when it is done: nothing of its tree."""

    text: str | None  # None where nothing changes
    diagnostics: tuple[Diagnostic, ...]
    accounts: tuple[Account, ...]
    needs_slim: bool


def _rewritten(module: Module, names: Names, unsafe: Collection[str]) -> tuple[Edits, Rewritten]:
    """The edits of single names."""
    edits = Edits(module)
    result = rewrite(module, names, edits, "compat", wanted=unsafe)
    result.diagnostics.extend(numpy.register(module, edits, result.needs.imports))
    return edits, result


def _finished(module: Module, names: Names, edits: Edits, result: Rewritten, legacy: bool) -> _Done:
    """The module's new text, its imports done."""
    _module(module, names, edits, result, legacy)
    told = (*result.diagnostics, *result.unsafe)
    return _Done(edits.apply() if edits else None, told, tuple(result.accounts), bool(result.needs.slim))


def _module(module: Module, names: Names, edits: Edits, result: Rewritten, legacy: bool) -> None:
    """The imports of one module, and what follows from them."""
    own = [found for found in names.imports if not found.foreign]
    statements = Statements(module, edits)
    new = {line for line in result.needs.imports if not _has_line(module, line)}
    if not own:
        heads = [one for one in module.tree.body if isinstance(one, (ast.Import, ast.ImportFrom))]
        if new and heads:
            statements.after(heads[-1], sorted(new))
            statements.done()
        return
    changed = imports.changes(names, result, "compat")
    slim = _slim(changed, names)
    imports.apply(module, changed, edits, statements)
    first = _first(module, statements, own)
    lines: list[str] = []
    root = _root(names, result)
    switched = b"disable_v2_behavior" in module.utf8 or b"disable_eager_execution" in module.utf8
    starred = any(found.bound == "*" and found.name == "" for found in own)
    if not root and (slim or (not switched and not starred and any(_is_of_graph(found) for found in own))):
        root = result.needs.tensorflow = module_root(names)
    if result.needs.tensorflow:
        lines.append(f"import tensorflow.compat.v1 as {result.needs.tensorflow}")
    if not switched and (root or starred):
        lines.append(f"{root}.disable_v2_behavior()".lstrip("."))
    wanted = sorted(slim | new)
    if any(line.split()[1].startswith("tf_slim") for line in wanted) and b"legacy_tf_layers" not in module.utf8:
        known = _imports_module(module, "sys")
        ahead = [line for line in SLIM if line != "import sys" or not known]
        lines.extend(line.format(root=root) for line in (*ahead, *_slim_parts(result.needs.slim)))
    lines.extend(imports.merged(wanted))
    for block in result.needs.blocks:
        lines.extend(["", "", *block.rstrip("\n").split("\n")])
    lines.extend([""] if result.needs.blocks else [])
    if lines:
        _after_imports(module, statements, own, result, lines)
    if legacy and b"TF_USE_LEGACY_KERAS" not in module.utf8:
        ahead = [] if _imports_before(module, "os", first) else ["import os"]
        statements.before(first, [*ahead, LEGACY_KERAS])
    statements.done()


def _root(names: Names, result: Rewritten) -> str:
    """How the module spells tensorflow.compat.v1 at module scope, once its imports are rewritten."""
    if result.needs.tensorflow:
        return result.needs.tensorflow
    spelt = [found.bound for found in names.imports if found.name == "" and found.bound != "*" and not found.foreign]
    return "tf" if "tf" in spelt else spelt[0] if spelt else ""


def _slim_parts(used: set[str]) -> list[str]:
    """What the parts of tf_slim that a module uses look for, each line once."""
    parts = [name.removeprefix("data.").removeprefix("ops.variables.") + "." for name in sorted(used)]
    wanted = [SLIM_PARTS[part] for part in sorted(SLIM_PARTS) if any(name.startswith(part + ".") for name in parts)]
    return list(dict.fromkeys(line for lines in wanted for line in lines))


def _is_of_graph(found: Import) -> bool:
    """Whether an import binds what builds graphs, not a private module or the program's data."""
    return not found.name.startswith(("examples", "python", "core", "keras"))


def _slim(changed: dict[ast.Import | ast.ImportFrom, list[str | None]], names: Names) -> set[str]:
    """Takes the imports of tf_slim out of the changes: they must come after TensorFlow's switches."""
    inner = {found.node for found in names.imports if not found.top}
    slim: set[str] = set()
    for node, new in changed.items():
        if node not in inner:
            slim |= {line for line in new if imports.module_of(line or "").startswith("tf_slim") and line}
            changed[node] = [None if line in slim else line for line in new]
    return slim


# --- where lines go ---------------------------------------------------------------------------------------------------


def _first(module: Module, statements: Statements, own: list[Import]) -> ast.stmt:
    """The statement before which Keras 2 must be asked for: of the module, or of a function that imports TensorFlow."""
    candidates = [statements.top(found.node) for found in own if found.top]
    candidates += [
        statement
        for statement in module.tree.body
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and _packages(statement) & _IMPORT_TENSORFLOW
    ]
    if not candidates:
        return statements.first_on_line(own[0].node)
    return statements.first_on_line(min(candidates, key=lambda statement: statement.lineno))


def _packages(statement: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(statement, ast.ImportFrom):
        return {(statement.module or "").partition(".")[0]} if not statement.level else set()
    return {alias.name.partition(".")[0] for alias in statement.names}


def _after_imports(
    module: Module, statements: Statements, own: list[Import], result: Rewritten, lines: list[str]
) -> None:
    """Puts lines behind the imports that the module's import of TensorFlow stands among."""
    roots = [found for found in own if found.name == "" and found.bound != "*"] or own
    root = next((found for found in roots if found.top), roots[0])
    last: ast.stmt = statements.top(root.node) if root.top else root.node
    block = statements.block(last)
    previous = last
    for statement in block[block.index(last) + 1 :]:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or _between(module, previous, statement):
            break
        previous = statement
        if statements.stays(statement):
            last = statement
    statements.after(last, lines)


def _between(module: Module, one: ast.stmt, other: ast.stmt) -> bool:
    """Whether something but blank space stands between two statements: a comment begins what follows it."""
    gap = module.utf8[module.span(one)[1] : module.span(other)[0]]
    return any(line.strip() for line in gap.splitlines()[1:])


def _has_line(module: Module, line: str) -> bool:
    return re.search(rb"^" + re.escape(line.encode()) + rb"\b", module.utf8, re.MULTILINE) is not None


def _imports_module(module: Module, name: str) -> bool:
    return any(
        isinstance(statement, ast.Import) and any(alias.name == name and not alias.asname for alias in statement.names)
        for statement in module.tree.body
    )


def _imports_before(module: Module, name: str, before: ast.stmt) -> bool:
    return any(
        isinstance(statement, ast.Import)
        and statement.lineno < before.lineno
        and any(alias.name == name and not alias.asname for alias in statement.names)
        for statement in module.tree.body
    )
