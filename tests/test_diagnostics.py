"""The table of diagnostics: complete, documented, and true of what the command does with its examples."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tf_modernize.cli.__main__ import cli
from tf_modernize.codemods.diagnostics import KINDS, RULES, Example, Rule, find, nearest, selected

ROOT = Path(__file__).parent.parent
EXECUTED = [(rule, name) for rule in RULES for name in ("bad", "good") if getattr(rule, name) is not None]


def codes_of(example: Example, folder: Path) -> set[str]:
    """The codes that the command raises for an example."""
    for path, source in example.files.items():
        (folder / path).write_text(source)
    places = [
        str(folder / one) if one.endswith((".py", ".ipynb")) else one
        for one in (next(iter(example.files)), *example.arguments)
    ]
    arguments = ["upgrade", *places, "--quiet", "--no-cache", "--report", str(folder / "report.json")]
    done = CliRunner().invoke(cli, arguments)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    report = json.loads((folder / "report.json").read_text())
    files = [file for program in report["programs"] for file in program["files"]]
    return {one["code"] for file in files for one in (*file["diagnostics"], *file["ignored"])} - {ignored(example)}


def ignored(example: Example) -> str:
    """The code that a comment in an example has ignored, to show how that is written."""
    found = re.search(r"ignore\[(TFM\d+)\]", next(iter(example.files.values())))
    return found[1] if found else ""


@pytest.mark.parametrize(("rule", "name"), EXECUTED, ids=lambda one: one.code if isinstance(one, Rule) else one)
def test_examples(rule: Rule, name: str, tmp_path: Path) -> None:
    found = codes_of(getattr(rule, name), tmp_path)
    if name == "bad":
        assert rule.code in found and found <= {rule.code} | rule.along, found
    else:
        assert not found - rule.along, found


def test_all_but_faults_of_the_tool_have_examples() -> None:
    assert [rule.symbol for rule in RULES if rule.bad is None or rule.good is None] == ["internal-error"]


def test_what_is_raised_is_in_the_table_and_the_other_way_round() -> None:
    texts = [
        path.read_text() for path in sorted((ROOT / "codemods").rglob("*.py")) if path.parent.name != "diagnostics"
    ]
    raised = {pair for text in texts for pair in re.findall(r'"([a-z][a-z0-9]*(?:-[a-z0-9]+)+)",\s*"(TFM\d{3})"', text)}
    known = {(rule.symbol, rule.code) for rule in RULES}
    assert raised <= known, f"not in the table: {sorted(raised - known)}"
    quoted = {word for text in texts for word in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', text)}
    assert {rule.symbol for rule in RULES} <= quoted


def test_the_table_is_complete() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.symbol for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.code[:4] in KINDS and re.fullmatch(r"TFM\d{3}", rule.code)
        assert 1 <= int(rule.code[4:]) <= 99
        for sentence in (rule.what, rule.why, rule.advice, rule.fix_note):
            assert re.fullmatch(r"[A-Z`].*\.", sentence), sentence
        assert not rule.title.endswith(".")


def test_names_of_rules() -> None:
    rule = find("tfm910")
    assert rule is not None and rule is find("Unit-Left") and find("TFM9") is None
    assert selected("TFM9") > selected("TFM91") > selected("unit-left") == {"TFM910"}
    assert selected("TFM999") == selected("9") == selected("") == selected("TF") == set()
    assert nearest("unit-lef") == "unit-left" and nearest("TFM9100") == "TFM910" and nearest("zzz") is None


def test_the_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "document_rules.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run scripts/document_rules.py"


def test_explain() -> None:
    for name in ("TFM905", "tfm905", "partial-program"):
        done = CliRunner().invoke(cli, ["explain", name])
        assert done.exit_code == 0 and "partial-program (TFM905)" in done.output
        assert (
            "What to do\n  Name both, or their folder." in done.output
            and "    from network import predict\n" in done.output
        )


@pytest.mark.parametrize(("name", "said"), [("unit-lef", "did you mean unit-left?"), ("zzz", "`tf-modernize rules`")])
def test_explain_what_is_not_there(name: str, said: str) -> None:
    done = CliRunner().invoke(cli, ["explain", name])
    assert done.exit_code == 2 and f"There is no diagnostic {name}" in done.output and said in done.output


def test_rules() -> None:
    lines = CliRunner().invoke(cli, ["rules"]).output.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("TFM")] == [rule.code for rule in RULES]
    found = json.loads(CliRunner().invoke(cli, ["rules", "--format", "json"]).output)["rules"]
    assert [one["symbol"] for one in found] == [rule.symbol for rule in RULES]
    assert set(found[0]) >= {
        "code",
        "symbol",
        "kind",
        "title",
        "what",
        "why",
        "advice",
        "fix",
        "fix_note",
        "bad",
        "good",
    }
