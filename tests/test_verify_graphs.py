"""Old programs of which only a graph is left, as TF 1.15 wrote it (scripts/record_graphs.py)."""

from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tf_modernize.cli.run import Request, run
from tf_modernize.harness.forking import Forks
from tf_modernize.harness.verify import Options, Report, VerifyError, verify
from tf_modernize.harness.verify.graphs import is_graph
from tf_modernize.harness.verify.model import FORWARD, TRAINING, VARIABLES

FIXTURES = Path(__file__).parents[1] / "fixtures"
IMAGES, LAYERS = "batch_norm_over_images", "weights_in_dicts"
QUICK = Options(steps=2, seconds=120)

Left = Callable[..., tuple[Path, Path]]


@pytest.fixture
def left(tmp_path: Path) -> Left:
    """What a program left, in one folder, and its upgrade in another, which is then changed."""

    def unpack(name: str, *changes: tuple[str, str]) -> tuple[Path, Path]:
        graphs, source, new = (tmp_path / f"{name}-{kind}" for kind in ("graphs", "source", "new"))
        with tarfile.open(FIXTURES / "graphs" / f"{name}.tar.xz") as archive:
            archive.extractall(graphs, filter="data")
        source.mkdir()
        (source / "main.py").write_bytes((FIXTURES / "programs" / name / "before.py").read_bytes())
        run(Request(paths=(str(source),), output=new, quiet=True))
        (source / "main.py").unlink()  # it is not needed any more
        text = (new / "main.py").read_text()
        for before, after in changes:
            assert text.count(before) == 1, text
            text = text.replace(before, after)
        (new / "main.py").write_text(text)
        return graphs, new

    return unpack


@pytest.fixture
def verified(forks: Forks) -> Callable[[Path, Path], Report]:
    def one(graph: Path, new: Path) -> Report:
        (report,) = verify(graph, new, dataclasses.replace(QUICK, run=forks.run))
        return report

    return one


def states(report: Report) -> dict[str, str]:
    return {level.name: level.state for level in report.levels}


def test_a_graph_with_its_checkpoint(left: Left, verified: Callable[[Path, Path], Report]) -> None:
    """A convolution with batch norm and dropout; the loss has no name in the manifest."""
    graphs, new = left(IMAGES)
    report = verified(graphs / "model.ckpt.meta", new)
    assert report.exit_code == 0, report
    found = states(report)
    assert (found[VARIABLES], found[FORWARD], found[TRAINING]) == ("passed",) * 3
    assert found["gradients equal"] == "skipped"
    assert {one.name for one in report.comparisons if one.level == FORWARD} == {"loss", "hits"}
    assert [times for _, times in report.reached] == [2, 2]


def test_a_saved_model_of_a_training_graph(left: Left, verified: Callable[[Path, Path], Report]) -> None:
    """Its fused batch norm has recorded shapes that newer kernels contradict."""
    graphs, new = left(IMAGES)
    report = verified(graphs / "saved_model", new)
    assert report.exit_code == 0, report
    assert states(report)[TRAINING] == "passed"


def test_a_frozen_graph(left: Left, verified: Callable[[Path, Path], Report]) -> None:
    """Placeholders, variables and results without names; loss and accuracy have the same shape and the same inputs."""
    graphs, new = left(LAYERS)
    report = verified(graphs / "frozen.pb", new)
    assert report.exit_code == 0, report
    assert states(report)[TRAINING] == "skipped"
    assert {one.name for one in report.comparisons if one.level == FORWARD} == {"loss_op", "accuracy"}
    assert any("the update is not compared" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (("BatchNormalization(", "BatchNormalization(epsilon=0.002, "), FORWARD),
        (("Dropout(0.1)", "Dropout(0.12)"), FORWARD),
        (("SGD(0.05)", "SGD(0.0501)"), TRAINING),
        (("image, training=True)", "image, training=False)"), FORWARD),
    ],
)
def test_an_error_in_the_new_program_is_found(
    left: Left, verified: Callable[[Path, Path], Report], change: tuple[str, str], level: str
) -> None:
    graphs, new = left(IMAGES, change)
    report = verified(graphs / "model.ckpt.meta", new)
    assert report.exit_code == 1, report
    assert states(report)[level] == "different"
    assert report.first is not None


def test_a_checkpoint_that_is_cut_off(left: Left) -> None:
    graphs, new = left(IMAGES)
    data = graphs / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:300])
    with pytest.raises(VerifyError, match="is cut off: it has 300 of"):
        verify(graphs / "model.ckpt.meta", new, QUICK)


def test_a_checkpoint_that_is_not_there(left: Left) -> None:
    graphs, new = left(IMAGES)
    (graphs / "model.ckpt.index").unlink()
    with pytest.raises(VerifyError, match="needs its checkpoint"):
        verify(graphs / "model.ckpt.meta", new, QUICK)


def test_the_checkpoint_of_another_model(left: Left) -> None:
    graphs, new = left(IMAGES)
    other, _ = left(LAYERS)
    options = dataclasses.replace(QUICK, checkpoint=other / "model.ckpt")
    with pytest.raises(VerifyError, match=r"the checkpoint has no stripes/.*: it is of another model"):
        verify(graphs / "model.ckpt.meta", new, options)


def test_the_graph_of_another_model(left: Left) -> None:
    _, new = left(IMAGES)
    other, _ = left(LAYERS)
    with pytest.raises(VerifyError, match="has no variable stripes/conv2d/kernel: it is of another model"):
        verify(other / "frozen.pb", new, QUICK)


def test_a_file_that_is_no_graph(left: Left) -> None:
    graphs, new = left(IMAGES)
    (graphs / "frozen.pb").write_bytes(b"not a graph at all, and long enough to be read as one")
    with pytest.raises(VerifyError, match="can't be opened: it, or its checkpoint, is damaged or cut off"):
        verify(graphs / "frozen.pb", new, QUICK)


def test_which_paths_are_graphs(left: Left, tmp_path: Path) -> None:
    graphs, new = left(IMAGES)
    assert is_graph(graphs / "model.ckpt.meta") and is_graph(graphs / "saved_model") and is_graph(graphs / "frozen.pb")
    assert not is_graph(new) and not is_graph(new / "main.py") and not is_graph(tmp_path)
