"""Files cut short: the stage that reads one refuses it by name, and a removed one is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import small_pipeline as small
from .conftest import Undisturbed
from .small_pipeline import SmallPipeline, errors_in, said
from .stage_calls import STAGES, refused

pytestmark = pytest.mark.pipeline

READERS = [
    (small.WEIGHTS, "key_statistics"),
    (small.STATISTICS, "rewrite"),
    (small.STATISTICS, "render_panel"),
    (small.SESSION, "rewrite"),
    (small.EDIT, "tabulate_edits"),
    (small.EDIT, "measure_counterfactuals"),
    (small.SEGMENTER, "measure_counterfactuals"),
    (small.SEGMENTER, "tabulate_instruments"),
    (small.CRITIC, "tabulate_critics"),
    (small.MEASUREMENTS, "tabulate_counterfactuals"),
    (small.PANEL, "plot_figure"),
    (small.FIGURE, "report"),
]

PLACES = {
    "nothing left": lambda content: b"",
    "one byte left": lambda content: content[:1],
    "half left": lambda content: content[: len(content) // 2],
    # of a text the last that is no line's end
    "last byte gone": lambda content: content.rstrip(b"\n")[:-1],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("file", "reader"), READERS, ids=lambda name: Path(name).name)
def test_a_file_cut_short_is_refused_by_name(
    undisturbed: Undisturbed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    reader: str,
    place: str,
) -> None:
    folder = linked(undisturbed.pipeline.folder, tmp_path, STAGES[reader].files.values())
    cut(folder / file, place)
    assert Path(file).name in refused(capsys, STAGES[reader], folder)


def test_all_those_stages_read_the_whole_files(undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Or the test above could not fail."""
    for call in STAGES.values():
        folder = linked(undisturbed.pipeline.folder, tmp_path / call.out, call.files.values())
        assert call.status(folder) == 0, call.stage


def test_the_pipeline_names_what_is_cut_short_and_makes_what_is_removed(
    finished: SmallPipeline, undisturbed: Undisturbed
) -> None:
    for file in (small.MEASUREMENTS, small.PANEL):
        cut(finished.folder / file, "half left")
    done = finished.run()
    assert done.returncode != 0
    told = errors_in(said(done))
    assert any(small.MEASUREMENTS in line for line in told), said(done)
    assert any(small.PANEL in line for line in told), said(done)
    for file in (small.MEASUREMENTS, small.PANEL):
        (finished.folder / file).unlink()
    done = finished.run()
    assert done.returncode == 0, said(done)
    assert finished.results() == undisturbed.results
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("file", "needing", "planned"),
    [
        (
            small.STATISTICS,
            (small.PANEL, small.FIGURE),
            {"key_statistics", "rewrite", "render_panel", "plot_figure"},
        ),
        (
            small.EDIT,
            (small.EDITS_TABLE,),
            {"rewrite", "measure_counterfactuals", "tabulate_edits"},
        ),
        (
            small.MEASUREMENTS,
            (small.COUNTERFACTUALS_TABLE,),
            {"measure_counterfactuals", "tabulate_counterfactuals"},
        ),
    ],
    ids=["statistics", "edit", "measurements"],
)
def test_a_removed_file_is_made_again_when_something_needs_it(
    finished: SmallPipeline, file: str, needing: tuple[str, ...], planned: set[str]
) -> None:
    (finished.folder / file).unlink()
    assert finished.planned() == {}  # what was made from it stands
    for name in needing:
        (finished.folder / name).unlink()
    assert planned <= set(finished.planned())


def test_a_removed_result_is_made_again(finished: SmallPipeline) -> None:
    (finished.folder / small.FIGURE).unlink()
    assert set(finished.planned()) == {"plot_figure"}


def cut(file: Path, place: str) -> None:
    content = file.read_bytes()
    file.unlink()  # it may be a link to the undisturbed run's
    file.write_bytes(PLACES[place](content))


def linked(source: Path, folder: Path, files) -> Path:
    """A folder with links to some files of another, and to the captions beside them."""
    for name in files:
        path = Path(name.rpartition("=")[2])
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        for one in {path, path.with_suffix(".txt")}:
            if (source / one).is_file():
                (folder / one).symlink_to(source / one)
    return folder
