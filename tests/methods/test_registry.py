"""The registry: the paper's rows and ours, and a new method that is one file and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from palimpsest.errors import ParameterError
from palimpsest.methods.method import Method
from palimpsest.methods.registry import METHODS, at_rank, method_called, names_of, with_rank
from palimpsest.settings import Settings

ROOT = Path(__file__).parents[2]

TOY = '''
"""`toy`: the newton edit with a fixed price, which nobody needs."""

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Settings


class ToyParameters(Settings):
    iterations: Count = 7


class ToySettings(ToyParameters):
    rank: int | None = None


def toy(g, session, stats, segmenter, settings):
    from palimpsest.sessions.rewriting import rewrite_first

    return rewrite_first(g, session, stats, "newton", mu=0.5, **settings.model_dump())


METHOD = Method(
    name="toy",
    about="newton at one price",
    makes="edit",
    run=toy,
    settings=ToySettings,
    parameters=ToyParameters,
    label="a toy",
    figure_label="a toy\\n(for the test)",
    subject="the toy",
)
'''

READERS = """
import json, sys

import palimpsest.methods

palimpsest.methods.__path__.append(sys.argv[1])
print(json.dumps(READ()))
"""

FROM_THE_REGISTRY = """
def READ():
    import numpy as np
    import pandas as pd

    from palimpsest.estimates.intervals import Intervals
    from palimpsest.experiments.comparison.tables_1_and_2 import Measured, domes_table
    from palimpsest.files.panels import Panel
    from palimpsest.pipeline.parameters import load_parameters, schema_text
    from palimpsest.pipeline.plan import Plan
    from palimpsest.report.claims import judge
    from palimpsest.report.figures.comparison import draw
    from palimpsest.report.figures.sheet import Style
    from palimpsest.report.table_view import view_table

    shares = {"unmodified": 0, "toy": 90, "palimpsest": 60, "projected_gradient": 30}
    rows = [
        {
            "sample": sample,
            "method": method,
            "outside_pixels": 900,
            "kept_pixels": 890,
            "perceptual_outside": 0.0 if method == "unmodified" else 0.1,
            "source_pixels": 100,
            "modified_pixels": share,
            "removed_pixels": share,
            "converted": share > 50,
        }
        for method, share in shares.items()
        for sample in range(4)
    ]
    measured = {("church", "dome2spire"): Measured(pd.DataFrame(rows))}
    table = domes_table(measured, Intervals(resamples=50))
    text = [
        {name: "" if pd.isna(value) else str(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]
    view = view_table("table2_domes", text)
    claims = judge({"table2_domes": text})

    parameters = load_parameters("params.yaml", "workflow/scales")
    plan = Plan.read(parameters, ".")
    image = np.zeros((2, 8, 8, 3), np.uint8)
    panel = Panel(
        {f"{method}_smile": image for method in ("unmodified", "newton", "toy")},
        {"sessions": ["smile"], "methods": ["newton", "toy"], "subjects": ["lips"],
         "least_percent": 1.0, "n": 4},
    )
    style = Style(dpi=50, font_size=8, accent="#b5352b", ink="#222222", ground="#ffffff")
    sheet, _ = draw(panel, style)
    return {
        "table": list(table["method"]),
        "shown": [cells[0].value for cells in view.rows],
        "claims": [claim.measured for claim in claims if claim.topic == "efficacy"],
        "figure": [words.get_text() for words in sheet._ink.texts],
        "figure_edits": plan.figure_edits("fig04_comparison"),
        "measured": plan.measured_edits("church", "dome2spire"),
        "made": [file for file in plan.further_edits if file.endswith("/toy.safetensors")],
        "settings": plan.method_settings("church", "dome2spire", "toy"),
        "schema": "ToyParameters" in schema_text(),
    }


"""


def read_with_a_toy(folder: Path, program: str, arguments: tuple[str, ...] = ()) -> str:
    """What a program prints in which the package of methods has one more file."""
    (folder / "toy.py").write_text(TOY)
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("methods")
    return json.loads(read_with_a_toy(folder, FROM_THE_REGISTRY + READERS))


def test_a_new_method_is_a_row_of_the_tables_after_the_papers(read: dict[str, Any]) -> None:
    assert read["table"] == ["projected_gradient", "unmodified", "palimpsest", "toy"]
    assert read["shown"] == ["projected gradient", "unmodified", "palimpsest", "a toy"]


def test_a_new_method_is_a_row_of_the_figure(read: dict[str, Any]) -> None:
    assert "a toy\n(for the test)" in read["figure"]
    own = "data/edits/church/dome2spire/toy.safetensors"
    assert read["figure_edits"]["dome2spire/toy"] == own, "params.yaml shows all methods"


def test_a_new_method_has_its_claims_and_is_a_rival_of_ours(read: dict[str, Any]) -> None:
    of_toy, of_ours, of_papers = (
        next(claim for claim in read["claims"] if subject in claim)
        for subject in ("the toy:", "palimpsest (this", "the paper’s method:")
    )
    assert "90.0 %" in of_toy and "the most of all" in of_toy
    assert "the best, a toy, 90.0 %" in of_ours
    assert "toy" not in of_papers, "the paper's method is compared with the paper's rows only"


def test_a_new_method_is_made_and_measured_by_the_workflow(read: dict[str, Any]) -> None:
    assert list(read["measured"])[-2:] == ["palimpsest", "toy"]
    assert len(read["made"]) == 4, "of every measured session"
    assert read["settings"] == {"iterations": 7, "rank": None}
    assert read["schema"]


def test_the_stage_runs_a_new_method(tmp_path: Path) -> None:
    golden = ROOT / "tests" / "golden"
    program = (
        "import sys\n"
        "import palimpsest.methods\n"
        "palimpsest.methods.__path__.append(sys.argv.pop(1))\n"
        "from palimpsest.generators import load_generator\n"
        "from palimpsest.memory import Edit, KeyStatistics\n"
        "from palimpsest.pipeline.commands import run\n"
        "from stages import rewrite\n"
        "weights, statistics, out = sys.argv[2], sys.argv[4], sys.argv[-1]\n"
        "g = load_generator(weights, truncation=0.5)\n"
        "KeyStatistics.collect(g, layer=6, n=20, seed=1).save(statistics)\n"
        "try:\n"
        "    run(rewrite.main, sys.argv[1:])\n"
        "except SystemExit as left:\n"
        "    assert not left.code\n"
        "metadata = Edit.load(out).metadata\n"
        "print(metadata['method'], metadata['iterations'])\n"
    )
    options = {
        "--weights": golden / "sg2_checkpoint.safetensors",
        "--statistics": tmp_path / "statistics.safetensors",
        "--session": golden / "sg2_session.json",
        "--method": "toy",
        "--settings": '{"iterations": 3}',
        "--out": tmp_path / "edit.safetensors",
    }
    words = tuple(str(word) for pair in options.items() for word in pair)
    assert read_with_a_toy(tmp_path, program, words).splitlines()[-1] == "toy 3"


def test_the_registry_is_light() -> None:
    """The workflow and the report read it; neither needs torch to know the names."""
    asked = (
        "import sys, palimpsest.methods.registry, palimpsest.pipeline.parameters\n"
        "print(*{'torch', 'scipy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_the_papers_rows_come_first_and_in_its_order() -> None:
    names = list(METHODS)
    assert names[:8] == [
        "projected_gradient",
        "direct_lambda",
        "single_context",
        "single_layer",
        "finetune_all",
        "nbb_copy",
        "nbb_laplace",
        "unmodified",
    ]
    assert [name for name in names if METHODS[name].in_paper] == names[:8]
    assert names[8:] == ["newton", "palimpsest"]


def test_methods_are_told_apart_by_what_they_make() -> None:
    made = [names_of(makes) for makes in ("edit", "weights", "images", "nothing")]
    assert sorted(name for names in made for name in names) == sorted(METHODS)
    assert names_of("weights", "images") == (
        "single_layer",
        "finetune_all",
        "nbb_copy",
        "nbb_laplace",
    )
    with pytest.raises(ParameterError, match="--method: 'single_layer' is none of projected_grad"):
        method_called("single_layer", "edit", "--method")


@pytest.mark.parametrize("name", names_of("edit", "weights", "images"))
def test_every_method_runs_without_a_word_in_the_parameters(name: str) -> None:
    """Both models have a default for every field, and `params.yaml` may leave the method out."""
    method = METHODS[name]
    parameters = method.parameters()
    assert method.settings(**parameters.model_dump()).model_dump().items() >= (
        parameters.model_dump().items()
    )
    known = {"rank", "mu", "exemplars", "source", "targets", "smooth_weight"}
    assert set(method.session_fields) <= known


def test_a_method_that_says_no_more_than_its_name() -> None:
    bare = Method(name="no_words", about="", makes="nothing")
    assert (bare.label, bare.figure_label, bare.parameters) == ("no words", "no words", Settings)
    assert not bare.in_paper and bare.session_fields == ()


def test_a_further_rank_is_named_behind_its_method() -> None:
    assert at_rank("palimpsest", 4) == "palimpsest_rank_4"
    assert with_rank("palimpsest_rank_4") == ("palimpsest", 4)
    for name in (*METHODS, "rank_one", "palimpsest_rank_x"):
        assert with_rank(name) == (name, None)
