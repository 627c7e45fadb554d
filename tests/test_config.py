"""The configuration in pyproject.toml, and which files a run leaves out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tf_modernize.cli.__main__ import cli
from tf_modernize.cli.config import KEYS

TF1 = """import tensorflow as tf

x = tf.placeholder(tf.float32, [], name='x')
with tf.Session() as sess:
    print(sess.run(x + 1.0, {x: 2.0}))
"""


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a repository with a program in each of three places."""
    folder = tmp_path / "repository"
    for name in ("x.py", "old/x.py", "old/deep/x_pb2.py"):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(TF1)
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    return folder


def upgrade(*arguments: str, stdin: str = "", code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["upgrade", "--no-cache", *arguments], input=stdin)
    assert done.exit_code == code, done.output
    return done


def taken(*arguments: str) -> set[str]:
    """The files that a run over the arguments looks at, relative to the working folder."""
    upgrade(*arguments, "--report", "report.json", "--quiet")
    report = json.loads(Path("report.json").read_text())
    root = Path(report["root"])
    return {(root / file["path"]).as_posix() for program in report["programs"] for file in program["files"]}


def configure(text: str, place: str = "pyproject.toml") -> None:
    Path(place).write_text(f"[tool.tf-modernize]\n{text}\n")


# --- what is left out -------------------------------------------------------------------------------------------------

ALL = {"x.py", "old/x.py", "old/deep/x_pb2.py"}


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        ((), set()),
        (("--exclude", "old"), {"old/x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "old/"), {"old/x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "/x.py"), {"x.py"}),
        (("--exclude", "*_pb2.py,/x.py"), {"x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "*_pb2.py", "--exclude", "/x.py"), {"x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "*_pb2.py", "--extend-exclude", "/x.py"), {"x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "*.py", "--extend-exclude", "!/x.py"), {"old/x.py", "old/deep/x_pb2.py"}),
        (("--exclude", "**/deep/**"), {"old/deep/x_pb2.py"}),
    ],
)
def test_exclude(arguments: tuple[str, ...], left_out: set[str]) -> None:
    assert taken(".", *arguments) == ALL - left_out


def test_what_is_named_is_taken_and_what_is_below_it_goes_through_the_sieve(tree: Path) -> None:
    assert taken("old/x.py", "--exclude", "old") == {"old/x.py"}
    assert taken("old", "--exclude", "old,*_pb2.py") == {"old/x.py"}
    assert taken("old", "--exclude", "old,*_pb2.py", "--force-exclude") == set()
    assert taken("old/x.py", "x.py", "--exclude", "old", "--force-exclude") == {"x.py"}


def test_forced_exclusion_is_for_gitignore_too() -> None:
    Path(".gitignore").write_text("old/deep/\n")
    assert taken("old/deep/x_pb2.py", "old/x.py") == {"old/x.py", "old/deep/x_pb2.py"}
    assert taken("old/deep/x_pb2.py", "old/x.py", "--force-exclude") == {"old/x.py"}
    assert taken("old/deep", "--force-exclude") == set()


def test_what_is_hidden_is_left_out_unless_a_pattern_takes_it_in(tree: Path) -> None:
    (tree / ".tools").mkdir()
    (tree / ".tools" / "x.py").write_text(TF1)
    (tree / ".x.py").write_text(TF1)
    assert taken(".", "--exclude", "old") == {"x.py"}
    assert taken(".", "--exclude", "old,!.tools") == {"x.py", ".tools/x.py"}
    assert taken(".tools") == {".tools/x.py"}


def test_an_excluded_file_that_a_program_needs_is_told(tree: Path) -> None:
    (tree / "main.py").write_text("import tensorflow as tf\nimport x\nprint(tf.Session().run(x.x, {x.x: 1}))\n")
    done = upgrade("main.py", ".", "--exclude", "/x.py,old")
    assert "partial-program (TFM905)" in done.output and "x.py" in done.output


def test_excluded_files_are_copied(tree: Path) -> None:
    upgrade("old", "--output", "new", "--exclude", "deep")
    assert Path("new/deep/x_pb2.py").read_text() == TF1 and "tf.Session" not in Path("new/x.py").read_text()


def test_standard_input_is_left_out_by_its_name() -> None:
    named = ("-", "--stdin-filename", "old/x.py", "--exclude", "old")
    assert "tf.Session" not in upgrade(*named).stdout
    assert upgrade(*named, "--force-exclude", stdin=TF1).stdout == TF1


# --- the configuration ------------------------------------------------------------------------------------------------


def test_the_nearest_table_counts(tree: Path) -> None:
    configure('exclude = ["/old/x.py"]')
    Path("old/pyproject.toml").write_text("[project]\nname = 'old'\n")  # passed by
    assert taken(".") == {"x.py", "old/deep/x_pb2.py"}
    assert taken("old") == {"old/deep/x_pb2.py"}
    assert "pyproject.toml: the configuration of this run" in upgrade("old", "-v").output
    configure('exclude = ["/deep"]', "old/pyproject.toml")
    assert taken("old") == {"old/x.py"} == taken("old/x.py")
    assert taken(".") == {"x.py", "old/deep/x_pb2.py"}


def test_the_command_line_wins() -> None:
    configure('exclude = ["old"]\nextend-exclude = ["/x.py"]\nforce-exclude = true\ntarget = "compat"')
    assert taken(".") == set() == taken("old/x.py")
    assert taken(".", "--exclude", "*_pb2.py") == {"old/x.py"}
    assert taken(".", "--extend-exclude", "nothing") == {"x.py"}
    assert taken("old/x.py", "--no-force-exclude") == {"old/x.py"}
    assert taken(".", "--isolated") == ALL
    assert "compat.v1" in upgrade("x.py", "--diff", "--no-force-exclude").stdout
    assert "compat.v1" not in upgrade("x.py", "--diff", "--no-force-exclude", "--target", "native").stdout


def test_a_configuration_that_is_named(tree: Path) -> None:
    configure('exclude = ["/x.py"]')
    configure('exclude = ["old"]', "other.toml")
    assert taken(".", "--config", "other.toml") == {"x.py"}
    Path("empty.toml").write_text("")
    assert "has no table [tool.tf-modernize]" in upgrade(".", "--config", "empty.toml", code=2).output
    assert "exclude each other" in upgrade(".", "--config", "other.toml", "--isolated", code=2).output
    assert "does not exist" in upgrade(".", "--config", "gone.toml", code=2).output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("exlude = []", "pyproject.toml: [tool.tf-modernize] has no key exlude: did you mean exclude?"),
        ("force_exclude = true", "has no key force_exclude: did you mean force-exclude?"),
        ("zzz = 1", "has no key zzz: there are target, assume, "),
        ('exclude = "old"', 'exclude in [tool.tf-modernize] must be a list of strings, not "old".'),
        ("exclude = [1]", "exclude in [tool.tf-modernize] must be a list of strings, not [1]."),
        ("force-exclude = 1", "force-exclude in [tool.tf-modernize] must be true or false, not 1."),
        ("jobs = 0", "jobs in [tool.tf-modernize] must be a whole number above 0, not 0."),
        ("jobs = true", "jobs in [tool.tf-modernize] must be a whole number above 0, not true."),
        ('target = "nativ"', 'target in [tool.tf-modernize] must be "native" or "compat", not "nativ".'),
        ("assume = {}", 'assume in [tool.tf-modernize] must be "tf1" or "tf2", not a table.'),
        ("exclude = [", "pyproject.toml is no TOML: "),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    configure(text)
    done = upgrade(".", code=2)
    assert sentence in done.output and "Traceback" not in done.output
    upgrade("x.py", "--isolated")


@pytest.mark.parametrize("text", ["not = [toml", "[tool.other]\nexlude = 1\n", 'tool = "tf-modernise"\n'])
def test_files_of_others_are_not_judged(text: str) -> None:
    Path("pyproject.toml").write_text(text)
    assert taken(".") == ALL


def test_every_key_is_documented_and_has_an_option() -> None:
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\|(?: `--([a-z-]+)`)? \|$", page, re.MULTILINE)
    assert [key for key, _ in rows] == [*sorted(KEYS, key=[key for key, _ in rows].index)] and len(rows) == len(KEYS)
    options = {name for option in cli.commands["upgrade"].params for name in option.opts}
    assert all(option in ("", key) for key, option in rows)
    assert {f"--{key}" for key in KEYS if key != "per-file-ignores"} <= options


def test_the_documented_configuration_is_right() -> None:
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text()
    found = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert found
    Path("pyproject.toml").write_text(found[1])
    assert taken(".") == ALL - {"old/deep/x_pb2.py"}
