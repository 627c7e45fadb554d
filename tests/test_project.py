"""Connected programs, the pipeline over them, and the rules that hold the project itself together."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tf_modernize.codemods import engine, manifest, projects, report
from tf_modernize.codemods.diagnostics import Diagnostic

ROOT = Path(__file__).parent.parent
PACKAGES = ("codemods", "cli", "harness", "lint_rules")
TF1 = b"import tensorflow as tf\nx = tf.placeholder(tf.float32)\n"


def groups(files: dict[str, str]) -> list[set[str]]:
    data = {path: text.encode() for path, text in files.items()}
    return [
        set(group) for group in projects.partition(projects.loads(data), [path for path in data if b"tf" in data[path]])
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "import net",
        "import os, net as n",
        "from net import build",
        "from net import (\n    build,\n    train,\n)",
        "from . import net",
        "from .net import build",
        "if True: import net",
        "try:\n    import net\nexcept ImportError:\n    pass",
        "import os; import net",
        "from . import a, \\\n    net",
    ],
)
def test_an_import_connects(statement: str) -> None:
    assert groups({"main.py": f"tf\n{statement}\n", "net.py": "tf"}) == [{"main.py", "net.py"}]


def test_the_ways_to_a_module() -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/deep/__init__.py": "tf",
        "pkg/deep/net.py": "tf",
        "pkg/top.py": "from .deep import net; tf",
        "pkg/deep/side.py": "from ..top import x; tf",
        "run.py": "import pkg.deep.net; tf",
        "src/lib/__init__.py": "",
        "src/lib/model.py": "tf",
        "tests/check.py": "from lib.model import x; tf",
        "alone.py": "tf",
    }
    assert groups(files) == [
        {"alone.py"},
        {"pkg/deep/__init__.py", "pkg/deep/net.py", "pkg/top.py", "pkg/deep/side.py", "run.py"},
        {"src/lib/model.py", "tests/check.py"},
    ]


def test_a_helper_without_tensorflow_joins_nobody() -> None:
    assert groups({"a.py": "tf\nimport util", "b.py": "tf\nimport util", "util.py": ""}) == [{"a.py"}, {"b.py"}]


def test_a_file_that_reaches_two_joins_them() -> None:
    found = groups({"a.py": "tf", "b.py": "tf", "main.py": "import a\nimport b", "other.py": "import json"})
    assert found == [{"a.py", "b.py", "main.py"}]


def test_folders_of_their_own_stay_apart() -> None:
    files = {f"{one}/{name}.py": text for one in "ab" for name, text in (("train", "import net; tf"), ("net", "tf"))}
    assert groups(files) == [{"a/train.py", "a/net.py"}, {"b/train.py", "b/net.py"}]


def test_module_names() -> None:
    layout = projects.Layout(["pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/net.py", "scripts/train.py"])
    names = {path: layout.name(path) for path in ("pkg/__init__.py", "pkg/sub/net.py", "scripts/train.py")}
    assert names == {"pkg/__init__.py": "pkg", "pkg/sub/net.py": "pkg.sub.net", "scripts/train.py": "train"}


def test_the_project_hands_tensorflow_on() -> None:
    files = {
        "compat.py": b"import tensorflow.compat.v1 as tfv1\n",
        "net.py": b"from compat import tfv1\nx = tfv1.zeros([])\n",
    }
    assert engine.programs(files) == [("compat.py", "net.py")]


def test_one_program_has_one_level() -> None:
    files = {
        "net.py": TF1,
        "main.py": b"import net\nimport tensorflow as tf\nprint(tf.Session().run(net.x, {net.x: 1}))\n",
    }
    (result,) = engine.upgrade(files)
    assert {one.level for one in result.files.values()} == {result.level}


def test_an_error_inside_a_stage_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("tf_modernize.codemods.engine.resolve_all", fails)
    result = engine.upgrade_program({"x.py": TF1})
    one = result.files["x.py"]
    assert one.after is None and one.error and "out of luck" in one.error
    assert one.diagnostics[0].symbol == "internal-error" and engine.has_internal_error(result)


def test_an_error_in_the_native_level_leaves_the_compat_level(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("tf_modernize.codemods.levels._native", fails)
    result = engine.upgrade_program({"x.py": TF1})
    assert result.level == "compat" and result.files["x.py"].error is None and engine.has_internal_error(result)


NATIVE = b"""import tensorflow as tf

def double(tf):
    return tf.zeros(2)

def pick(name):
    return getattr(tf, name)

x = tf.placeholder(tf.float32)
"""


def test_every_name_is_accounted_for() -> None:
    result = engine.upgrade_program({"x.py": NATIVE})
    states = {(one.line, one.name): one.state for one in result.files["x.py"].accounts}
    assert states[4, "tf"] == "not-tensorflow"
    assert states[7, "getattr(tf, name)"] == "left"
    assert states[9, "float32"] == ("rewritten" if result.level == "native" else "kept")  # it goes with its placeholder
    assert states[9, "placeholder"] == ("rewritten" if result.level == "native" else "left")
    assert all(one.reason for one in result.files["x.py"].accounts if one.state == "left")


def test_imports_are_accounted_for() -> None:
    source = b"""import tensorflow as tf
from tensorflow import placeholder
from tensorflow.contrib.opt import LazyAdamOptimizer
print(LazyAdamOptimizer, placeholder, tf.Session)
"""
    result = engine.upgrade_program({"x.py": source})
    states = {(one.line, one.name): one.state for one in result.files["x.py"].accounts}
    assert (2, "placeholder") in states and states[3, "contrib.opt.LazyAdamOptimizer"] == "left"


@pytest.mark.parametrize("level", ["native", "compat"])
def test_encodings_and_line_ends_come_back(level: str) -> None:
    text = "# -*- coding: latin-1 -*-\r\n# café\r\n" + TF1.decode().replace("\n", "\r\n")
    (result,) = engine.upgrade({"x.py": text.encode("latin-1")}, engine.Options(level))  # type: ignore[arg-type]
    after = result.files["x.py"].after or b""
    assert "# café\r\n".encode("latin-1") in after and after.count(b"\n") == after.count(b"\r\n")
    bom = b"\xef\xbb\xbf" + TF1
    (result,) = engine.upgrade({"x.py": bom}, engine.Options(level))  # type: ignore[arg-type]
    assert (result.files["x.py"].after or b"").startswith(b"\xef\xbb\xbf")


PROGRAM = manifest.Program(
    files=("x.py",),
    level="native",
    executions=(
        manifest.Execution(
            "function",
            manifest.Place("x.py", 12, 4),
            manifest.NewPlace("x.py", "Net.step"),
            (manifest.Parameter("x", "x:0", "x", "float32", (None, 2)),),
            (manifest.Output("loss", "loss:0", 0, "loss"), manifest.Output("train_op", "Adam", None)),
            (
                manifest.Value(
                    "logits", "logits/BiasAdd:0", manifest.Place("x.py", 5), manifest.NewPlace("x.py", "Net.step")
                ),
            ),
        ),
        manifest.Execution("dropped", manifest.Place("x.py", 9)),
    ),
    variables=(manifest.VariableMap("rnn/kernel", "rnn/kernel", "gates", {"order": "ifjo"}, "float32", (3, 4)),),
    slots=(manifest.SlotMap("w/Adam", "w", "optimizer", "momentum"),),
    diagnostics=(Diagnostic("tf1-session", "TFM101", "a session", "x.py", 3),),
)


def test_manifest_there_and_back() -> None:
    text = "class Net:\n    @property\n    def step(self):\n        return 1\n"
    program = manifest.with_lines(PROGRAM, {"x.py": text})
    assert program.executions[0].new == manifest.NewPlace("x.py", "Net.step", 3)
    data = manifest.to_json([manifest.plain(program)], [], tool="t", target="native", old_root=".", new_root=None)
    data = json.loads(json.dumps(data))
    validator("manifest-1.json").validate(data)
    assert manifest.from_json(data) == (program,)
    with pytest.raises(ValueError, match="version"):
        manifest.from_json({**data, "manifest_version": 99})


def test_schemas_say_what_the_types_say() -> None:
    definitions = validator("manifest-1.json").schema["$defs"]
    for kind, name in {
        manifest.Place: "place",
        manifest.NewPlace: "new_place",
        manifest.Execution: "execution",
        manifest.VariableMap: "variable",
        manifest.SlotMap: "slot",
        manifest.Program: "program",
        Diagnostic: "diagnostic",
    }.items():
        assert {field.name for field in dataclasses.fields(kind)} == set(definitions[name]["properties"])
    account = validator("report-1.json").schema["$defs"]["name"]
    assert {field.name for field in dataclasses.fields(report.Account)} == set(account["properties"])


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "codemods" / "schemas" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


# --- the project's own rules ------------------------------------------------------------------------------------------


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The absolute names that a file imports, wherever it does."""
    here = ["tf_modernize", *path.relative_to(ROOT).parent.parts]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: len(here) - node.level + 1], node.module or ""] if node.level else [node.module or ""]
            module = ".".join(part for part in base if part)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    barred = {
        "codemods": (
            "tensorflow",
            "click",
            "rich",
            "numpy",
            "tf_modernize.cli",
            "tf_modernize.harness",
            "tf_modernize.lint_rules",
        ),
        "lint_rules": ("tensorflow", "libcst", "tf_modernize.cli", "tf_modernize.harness"),
        "harness": ("tf_modernize.cli",),
        "cli": ("tensorflow", "numpy"),
    }[package]
    found = {name for name in imported(path) if any(name == one or name.startswith(one + ".") for one in barred)}
    assert not found, f"{path} imports {found}"


@pytest.mark.parametrize("path", sorted((ROOT / "codemods").rglob("*.py")), ids=lambda path: path.name)
def test_codemods_never_print(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)


def test_every_folder_with_python_files_is_a_package() -> None:
    folders = {path.parent for path in sources()}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()], "setup.py finds packages only"


def test_readme_shows_what_the_tool_writes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "readme_example.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run scripts/readme_example.py"
