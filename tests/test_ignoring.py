"""What a user does not want to be told, or touched: options, configuration, and comments in the source."""

from __future__ import annotations

import ast
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from tf_modernize.cli.__main__ import cli
from tf_modernize.codemods import engine, ignoring
from tf_modernize.codemods.report import FileResult

HEAD = "import tensorflow as tf\n\nx = tf.placeholder(tf.float32, [None])\n"
TAIL = "with tf.Session() as sess:\n    print(sess.run(y, feed_dict={x: [1.0, 2.0]}))\n"
PRINTS = HEAD + "y = tf.square(x)\nprint(y)@\n" + TAIL  # TFM912
GRAPH = HEAD + "y = tf.square(x)\nwith tf.Session() as sess:\n    sess.run(input(), feed_dict={x: [1.0]})@\n"  # TFM910
LOG = HEAD + "y = tf.log(x)@\n" + TAIL


def one(source: str, **options: Any) -> FileResult:
    result = engine.upgrade_program({"x.py": source.encode()}, engine.Options(**options))
    assert not engine.has_internal_error(result)
    return result.files["x.py"]


def told(result: FileResult) -> list[str]:
    return [found.symbol for found in result.diagnostics]


def ignored(result: FileResult) -> list[str]:
    return [found.symbol for found in result.ignored]


def comment(text: str) -> str:
    return f"  # tf-modernize: {text}"


# --- comments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["ignore[TFM912]", "ignore[symbolic-host-code]", "ignore[TFM91]", "ignore[tfm912]: it told the shape"]
)
def test_a_finding_is_ignored_and_counted(text: str) -> None:
    plain, result = one(PRINTS.replace("@", "")), one(PRINTS.replace("@", comment(text)))
    assert told(plain) == ["symbolic-host-code"] and not plain.ignored
    assert ignored(result) == ["symbolic-host-code"] and not result.diagnostics
    assert result.level == "native" and result.after == plain.after


@pytest.mark.parametrize(
    "statement",
    [
        "print(  # tf-modernize: ignore[TFM912]\n    y\n)",
        "print(\n    y\n)  # tf-modernize: ignore[TFM912]",
        "print(y); print(x)  # noqa  # tf-modernize: ignore[TFM912]",
    ],
)
def test_a_comment_counts_for_its_statement(statement: str) -> None:
    result = one(HEAD + f"y = tf.square(x)\n{statement}\n" + TAIL)
    assert set(ignored(result)) == {"symbolic-host-code"} and not result.diagnostics


def test_in_the_middle_of_a_statement_it_counts_for_its_line() -> None:
    middle = "print(\n    y,  # tf-modernize: ignore[TFM912]\n)"
    assert told(one(HEAD + f"y = tf.square(x)\n{middle}\n" + TAIL)) == ["symbolic-host-code", "unused-ignore"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ignore[TFM402]", "nothing here raises TFM402: the comment ignores nothing"),
        ("ignore[TFM912, TFM402]", "nothing here raises TFM402: the comment ignores nothing"),
        ("ignore[TFM9012]", "there is no diagnostic TFM9012: did you mean TFM912?"),
        ("ignore[TFM912, symbolic-code]", "there is no diagnostic symbolic-code: did you mean symbolic-host-code?"),
        ("ignore[]", "nothing is ignored: the brackets are empty"),
        ("ignore TFM912", "nothing is ignored: codes belong in brackets, as in ignore[TFM402]"),
        ("ignore[TFM912", "nothing is ignored: codes belong in brackets, as in ignore[TFM402]"),
        ("ignroe[TFM912]", "there is no `ignroe`: did you mean ignore?"),
        ("zzz", "there is no `zzz`: there are ignore and skip-file"),
        ("skip-file", "skip-file belongs on a line of its own: the file is not skipped"),
    ],
)
def test_a_comment_that_ignores_nothing_is_told(text: str, said: str) -> None:
    result = one(PRINTS.replace("@", comment(text)))
    found = next(found for found in result.diagnostics if found.symbol == "unused-ignore")
    assert found.message == said and found.line == 5 and found.column == 10
    if "TFM912, TFM402" not in text:
        assert "symbolic-host-code" in told(result)


def test_a_comment_on_a_line_of_its_own_is_told() -> None:
    result = one(HEAD + "# tf-modernize: ignore\ny = tf.square(x)\n" + TAIL)
    assert [found.message for found in result.diagnostics] == [
        "it stands alone: it belongs at the end of a line of the statement"
    ]


def test_a_plain_ignore_that_has_nothing_to_ignore_is_told() -> None:
    assert told(one(HEAD + "y = tf.square(x)\nz = 1  # tf-modernize: ignore\n" + TAIL)) == ["unused-ignore"]
    assert told(one(HEAD + "y = tf.square(x)  # tf-modernize: ignore\n" + TAIL)) == []


def test_what_only_looks_like_a_comment_is_none() -> None:
    assert told(one(HEAD + 'y = tf.square(x)\nz = "# tf-modernize: zzz"\n' + TAIL)) == []
    assert one('"""\n# tf-modernize: skip-file\n"""\n' + LOG.replace("@", "")).level == "native"


def test_faults_are_always_told() -> None:
    broken = "import tensorflow as tf\nx = (  # tf-modernize: ignore\n"
    assert told(one(broken, ignored={"x.py": {"TFM901"}})) == ["unparsable-source"]


# --- statements that must stay ----------------------------------------------------------------------------------------


def test_a_statement_that_must_stay_keeps_its_program_from_going_native() -> None:
    assert one(LOG.replace("@", "")).level == "native"
    result = one(LOG.replace("@", comment("ignore")))
    assert result.level == "compat" and told(result) == ["held-statement"]
    assert b"y = tf.log(x)  # tf-modernize: ignore\n" in (result.after or b"")
    assert "must stay as it is" in result.diagnostics[0].message and result.diagnostics[0].line == 4


def test_what_need_not_change_holds_nothing() -> None:
    result = one(HEAD + "y = tf.square(x)  # tf-modernize: ignore\n" + TAIL)
    assert result.level == "native" and b"    y = tf.square(x)  # tf-modernize: ignore\n" in (result.after or b"")


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow as tf  # tf-modernize: ignore\n" + LOG.replace("@", "")[len("import tensorflow as tf\n") :],
        LOG.replace("@", "").replace(
            "with tf.Session() as sess:", "with tf.Session(\n) as sess:  # tf-modernize: ignore"
        ),
    ],
)
def test_statements_stay_at_every_level(source: str) -> None:
    """Whatever level is reached: the statement is there, letter by letter."""
    lines = source.splitlines()
    at = next(index for index, line in enumerate(lines) if "# tf-modernize: ignore" in line)
    first = at - 1 if lines[at].startswith(")") else at
    result = one(source)
    after = (source.encode() if result.after is None else result.after).decode()
    assert "\n".join(lines[first : at + 1]) in after
    assert result.level in {"native", "compat", "untouched"}
    if result.level != "native":
        assert "held-statement" in told(result)


HELD = [
    "linear_two_variables",
    "scopes_and_reuse",
    "rnn_with_lengths",
    "estimator_model_fn",
    "class_with_session",
    "queue_runners",
]


@pytest.mark.parametrize("program", HELD)
def test_any_statement_of_a_program_can_be_held(program: str) -> None:
    """Whatever is written of a program, a statement that must stay is in it, and it is told where that costs a level."""
    before = (Path(__file__).parent.parent / "fixtures" / "programs" / program / "before.py").read_text()
    level = one(before).level
    ends = {node.end_lineno or 0 for node in ast.walk(ast.parse(before)) if isinstance(node, (ast.Assign, ast.Expr))}
    for end in sorted(ends)[::5]:
        lines = before.split("\n")
        if "#" in lines[end - 1]:
            continue
        lines[end - 1] += "  # tf-modernize: ignore"
        result = one("\n".join(lines))
        (comment,) = ignoring.read(result.before).comments
        held = [line.strip() for line in lines[comment.first - 1 : comment.last]]
        after = [line.strip() for line in (result.after or result.before).decode().split("\n")]
        assert any(after[at : at + len(held)] == held for at in range(len(after))), held
        assert result.level == level or "held-statement" in told(result), held


def test_a_statement_that_compat_would_change_leaves_the_program_as_it_is() -> None:
    source = HEAD + "y = tf.contrib.layers.flatten(x)  # tf-modernize: ignore\n" + TAIL
    result = one(source)
    assert result.level == "untouched" and result.after is None and told(result) == ["held-statement"]
    assert {name.state for name in result.accounts if name.line == 4} == {"ignored"}


def test_of_two_that_read_alike_both_must_stay() -> None:
    source = HEAD + "y = tf.log(x)  # tf-modernize: ignore\ny = tf.log(x)  # tf-modernize: ignore\n" + TAIL
    assert told(one(source)) == ["held-statement"] * 2


def test_a_code_may_be_given_for_what_holds() -> None:
    result = one(LOG.replace("@", comment("ignore")), ignored={"x.py": {"TFM931"}})
    assert result.level == "compat" and ignored(result) == ["held-statement"] and not result.diagnostics


# --- files that are skipped -------------------------------------------------------------------------------------------


def test_a_file_is_skipped() -> None:
    result = one("# tf-modernize: skip-file\n" + LOG.replace("@", ""))
    assert result.after is None and result.level == "untouched" and not result.diagnostics
    assert ignored(result) == ["skipped-file"] and result.ignored[0].line == 1
    states = {name.name: name.state for name in result.accounts}
    assert states["placeholder"] == states["log"] == "ignored" and states["float32"] == "kept"


def test_a_file_that_cannot_be_read_may_be_skipped() -> None:
    for source in (
        'print "x"\n# tf-modernize: skip-file\nimport tensorflow as tf\n',
        "# tf-modernize: skip-file\ntf = (\n",
    ):
        result = one(source)
        assert result.error is None and ignored(result) == ["skipped-file"]


def test_others_of_its_program_stay_in_graph_mode() -> None:
    sources = {
        "main.py": "import tensorflow as tf\nimport net\nprint(tf.Session().run(net.x, {net.x: [1.0]}))\n",
        "net.py": HEAD + "# tf-modernize: skip-file\n",
    }
    (result,) = engine.upgrade({path: text.encode() for path, text in sources.items()})
    assert result.level == "compat" and result.files["net.py"].after is None
    assert told(result.files["net.py"]) == ["partial-program"] and result.files["net.py"].diagnostics[0].line == 4
    assert b"compat.v1" in (result.files["main.py"].after or b"")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prints.py").write_text(PRINTS.replace("@", ""))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "graph.py").write_text(GRAPH.replace("@", ""))
    return tmp_path


def upgrade(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, ["upgrade", *arguments])
    assert done.exit_code == code, done.output
    return done


def report(*arguments: str, code: int = 0) -> tuple[set[str], set[str]]:
    """The codes that a run tells, and those that it ignores; the second of two runs comes from the cache."""
    for _ in range(2):
        upgrade(".", "--report", "report.json", *arguments, code=code)
    found = json.loads(Path("report.json").read_text())
    schema = json.loads((files("tf_modernize.codemods") / "schemas" / "report-1.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(found)
    everything = [file for program in found["programs"] for file in program["files"]]
    assert found["summary"]["ignored_diagnostics"] == sum(len(file["ignored"]) for file in everything)
    return (
        {one["code"] for file in everything for one in file["diagnostics"]},
        {one["code"] for file in everything for one in file["ignored"]},
    )


def test_select_and_ignore(folder: Path) -> None:
    assert report() == ({"TFM910", "TFM912"}, set())
    assert report("--ignore", "TFM912") == ({"TFM910"}, {"TFM912"})
    assert report("--ignore", "symbolic-host-code,unit-left") == (set(), {"TFM910", "TFM912"})
    assert report("--select", "TFM912") == ({"TFM912"}, {"TFM910"})
    assert report("--select", "TFM4") == (set(), {"TFM910", "TFM912"})
    assert report("--select", "TFM9", "--ignore", "TFM91") == (set(), {"TFM910", "TFM912"})
    assert report() == ({"TFM910", "TFM912"}, set())


def test_configured(folder: Path) -> None:
    configuration = folder / "pyproject.toml"
    configuration.write_text('[tool.tf-modernize]\nignore = ["TFM912"]\n')
    assert report() == ({"TFM910"}, {"TFM912"})
    assert report("--ignore", "TFM910") == ({"TFM912"}, {"TFM910"})
    assert report("--isolated") == ({"TFM910", "TFM912"}, set())
    configuration.write_text('[tool.tf-modernize.per-file-ignores]\n"old/*.py" = ["TFM9"]\n')
    assert report() == ({"TFM912"}, {"TFM910"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'ignore = ["TFM99"]',
            "pyproject.toml: ignore in [tool.tf-modernize]: There is no diagnostic TFM99: did you mean ",
        ),
        (
            'select = ["unit-lft"]',
            "select in [tool.tf-modernize]: There is no diagnostic unit-lft: did you mean unit-left?",
        ),
        ('per-file-ignores = {"x" = ["zzz"]}', "There is no diagnostic zzz: `tf-modernize rules` lists all."),
        ('per-file-ignores = ["TFM9"]', "per-file-ignores in [tool.tf-modernize] must be a table of lists of strings"),
        ('ignore = ["TFM909"]', "TFM909 can't be ignored: it is a fault."),
    ],
)
def test_what_is_wrong_is_said(folder: Path, text: str, sentence: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.tf-modernize]\n{text}\n")
    assert sentence in upgrade(".", code=2).output


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_unknown_codes_are_an_error(folder: Path, option: str) -> None:
    assert "There is no diagnostic unit-lft: did you mean unit-left?" in upgrade(".", option, "unit-lft", code=2).output


def test_what_is_ignored_does_not_fail_a_check(folder: Path) -> None:
    upgrade("old", "--write")
    upgrade("old", "--check", code=1)
    done = upgrade("old", "--check", "--ignore", "unit-left")
    assert "1 finding ignored" in done.output and "left as wanted" in done.output and "unit-left" not in done.output
    assert "ignored: unit-left (TFM910)" in upgrade("old", "--check", "--ignore", "unit-left", "-v").output


def test_a_skipped_file_does_not_fail_a_check(folder: Path) -> None:
    (folder / "old" / "graph.py").write_text("# tf-modernize: skip-file\n" + GRAPH.replace("@", ""))
    upgrade("old", "--check")


def test_reading_of_comments_needs_no_python_3() -> None:
    found = ignoring.read("\ufeffprint 'é'\r\nx = 1  # tf-modernize: ignore\r\n".encode())
    assert [(one.line, one.first, one.last) for one in found.comments] == [(2, 2, 2)]
    assert ignoring.read(b"x = 1  # tf_modernize: ignore\n") is ignoring.NONE


def test_comments_in_notebooks(folder: Path) -> None:
    def cell(source: str) -> dict[str, Any]:
        return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}

    cells = [HEAD, "y = tf.square(x)\nprint(y)  # tf-modernize: ignore[TFM912]", TAIL]
    for name, own in (("kept", cells), ("skipped", [*cells, "# tf-modernize: skip-file"])):
        notebook = {"cells": [*map(cell, own)], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook, indent=1))
    done = upgrade("kept.ipynb", "skipped.ipynb", "-v").output
    assert "kept.ipynb:cell 2:2:1: ignored: symbolic-host-code (TFM912)" in done
    assert "skipped.ipynb:cell 4:1:1: ignored: skipped-file (TFM932)" in done
