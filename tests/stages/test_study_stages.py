"""The stages of the realism study: the page for judges, and the table of their answers."""

import pandas as pd
import pytest
import torch

from palimpsest.experiments.comparison.measure import RewrittenGenerator, load_method
from palimpsest.experiments.realism.study import (
    AnswerRow,
    ImagePair,
    Study,
    read_key,
    write_key,
)
from palimpsest.generators import save_generator
from stages import make_study as make_stage
from stages import read_study as read_stage
from tests.doubles.report_sources import call

KEY = Study(
    "feed",
    "unmodified",
    3,
    tuple(
        ImagePair(f"p{i}", "newton" if i < 5 else "finetune_all", i, i % 2 == 0)
        for i in range(1, 9)
    ),
)
"""Four pairs by each of two methods; the edited image stands left in those with even numbers."""


def test_without_answers_nothing_is_invented(tmp_path):
    write_key(KEY, tmp_path / "key.csv")
    assert not call(read_stage, key=tmp_path / "key.csv", out=tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table["method"]) == ["finetune_all", "newton"] and (table["n"] == 0).all()
    empty = ["realism_percent", "realism_percent_low", "realism_percent_high"]
    assert table[[*empty, "agreement_percent", "kappa"]].isna().all(axis=None)


GOOD = "study,pair,answer,milliseconds,judge\nfeed,p1,left,812,Ann\nfeed,p2,right,1520,Ann\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("p2", "p99"), ", row 3: pair 'p99' is not in the study's key"),
        (GOOD.replace("p2", "p1"), ", row 3: 'Ann' answered pair 'p1' before"),
        (
            GOOD.replace("right", "both"),
            ", row 3: answer is 'both'; it should be 'left' or 'right'",
        ),
        (GOOD.replace("answer", "side"), ", row 1: has no column answer"),
        (GOOD.replace("feed,p2", "dead,p2"), ", row 3: answers study 'dead', but the key is of"),
        (GOOD.replace("1520", "soon"), ", row 3: milliseconds is 'soon'"),
        (GOOD.replace("1520", "-1"), ", row 3: milliseconds is '-1'"),
        (GOOD.replace("1520,Ann", "1520,"), ", row 3: judge is blank"),
        (GOOD.replace("1520,Ann", "1520"), ", row 3: has 4 cells under 5 columns"),
        (GOOD.splitlines()[0], ": is empty"),
        ("", ": is empty"),
        ("\n\n", ", row 1: has no column study"),
        ('study,pair\n"open', ": is not a CSV file"),
        (b"\x89PNG\x0d\x0a\xff", ": is not a CSV file"),
        (None, ": no such file"),
    ],
)
def test_bad_answers_are_one_line_and_no_table(text, told, tmp_path, capsys):
    write_key(KEY, tmp_path / "key.csv")
    if text is not None:
        (tmp_path / "ann.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    out = tmp_path / "out.csv"
    assert call(read_stage, key=tmp_path / "key.csv", answers=tmp_path / "ann.csv", out=out) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and f"ann.csv{told}" in error[0] and not out.exists()


@pytest.fixture(scope="module")
def methods(generator, sources):
    """An edit of layer 6, and other weights of the same layer."""
    weight = generator.layer(6).weight
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    tuned = RewrittenGenerator("single_layer", generator.with_weight(6, weight + 0.5 * noise), 6)
    return [load_method("newton", sources.edits["first"], generator), tuned]


@pytest.fixture
def files(generator, methods, tmp_path):
    save_generator(generator, tmp_path / "weights.safetensors")
    save_generator(methods[1].generator, tmp_path / "tuned.safetensors")
    return tmp_path


def make(files, sources, **changes):
    options = {
        "weights": files / "weights.safetensors",
        "edit": [
            f"newton={sources.edits['first']}",
            f"single_layer={files / 'tuned.safetensors'}",
        ],
        "samples": 20,
        "study": '{"pairs": 3, "against": "unmodified", "seed": 0}',
        "key": files / "key.csv",
        "out": files / "study.html",
    }
    return call(make_stage, **(options | changes))


def test_from_weights_to_table(files, sources):
    assert not make(files, sources)
    study = read_key(files / "key.csv")
    assert study.id in (files / "study.html").read_text() and study.against == "unmodified"
    before = (files / "study.html").read_bytes(), (files / "key.csv").read_bytes()
    assert not make(files, sources)
    assert before == ((files / "study.html").read_bytes(), (files / "key.csv").read_bytes())
    for judge, fooled in (("ann", True), ("bob", False)):
        rows = [
            f"{study.id},{p.id},{'left' if p.left_is_edited == fooled else 'right'},900,{judge}\n"
            for p in study.pairs
        ]
        (files / f"{judge}.csv").write_text(",".join(AnswerRow.model_fields) + "\n" + "".join(rows))
    judges = [files / "ann.csv", files / "bob.csv"]
    assert not call(read_stage, key=files / "key.csv", answers=judges, out=files / "out.csv")
    table = pd.read_csv(files / "out.csv").set_index("method")
    assert list(table.index) == ["single_layer", "newton"]
    assert (table["realism_percent"] == 50).all() and (table["agreement_percent"] == 0).all()
    assert (table["n"] == 3).all() and (table["judges"] == 2).all() and (table["kappa"] < 0).all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"edit": "newton"}, "--edit: 'newton' is not NAME=FILE"),
        ({"edit": "newton=none.safetensors"}, "none.safetensors"),
        ({"samples": 5}, "2 of its 2 samples changed"),
        ({"study": '{"pairs": 3, "against": "best", "seed": 0}'}, "against = 'best' is none of"),
        ({"weights": "none.safetensors"}, "none.safetensors"),
        ({"study": '{"pairs": 0, "against": "newton", "seed": 0}'}, "--study: pairs: "),
    ],
)
def test_wrong_options_are_one_line(changes, told, files, sources, capsys):
    assert make(files, sources, **changes) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and told in error
    assert not (files / "key.csv").exists() and not (files / "study.html").exists()


def test_judges_cannot_be_sent_the_key(files, sources, capsys):
    assert make(files, sources, key=files / "study.html") == 2
    assert "judges must not get the key" in capsys.readouterr().err
