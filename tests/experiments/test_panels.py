"""Panels of a small generator: what they hold is what the generator and its edits make."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.experiments.comparison.panel import Subject, subject
from palimpsest.experiments.edits.best_matches import scores
from palimpsest.experiments.panels import compute_panel
from palimpsest.files.panels import Panel
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.methods.registry import image_settings
from palimpsest.report.figures.comparison import draw, join, row_heading
from palimpsest.report.figures.sheet import Style
from palimpsest.sessions import rewrite
from tests.doubles.plain_segmenter import PlainSegmenter


class Halves(PlainSegmenter):
    """Labels: `thing` where the sample is bright, in its lower half only; else `rest`."""

    classes = ("rest", "thing")

    def features(self, images):
        return [torch.nn.functional.avg_pool2d(images, 2)]

    def labels(self, images):
        bright = images.mean(dim=1) > images.mean(dim=(1, 2, 3))[:, None, None]
        bright[:, : images.shape[2] // 2] = False
        return bright.long()


def close(ours, theirs):
    """Equal up to one step of rounding: batches of another size differ in the last bits."""
    return np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


def test_pairs_are_the_best_matches(sources):
    arrays, facts = compute_panel("fig09_windows", sources)
    edit = Edit.load(sources.edits["first"])
    z = sample_z(sources.generator, 60, 3)
    keys = sources.generator.layer(6).keys(z).k
    by_hand = (keys * edit.directions[0][:, None, None]).sum(dim=1).amax(dim=(1, 2))
    best = by_hand.argsort(descending=True)[:4]
    assert list(arrays["samples"]) == best.tolist()
    assert close(arrays["before"], as_picture(sources.generator(z[best])))
    assert close(arrays["after"], as_picture(edit.apply(sources.generator)(z[best])))
    assert (arrays["before"] != arrays["after"]).any()
    assert facts["rank"] == 1 and facts["n"] == 60 and facts["solver"] == "newton"


def test_scores_along_several_directions(sources):
    edit = Edit.load(sources.edits["third"])
    z = sample_z(sources.generator, 5, 3)
    keys = sources.generator.layer(6).keys(z).k
    along = torch.stack([(keys * d[:, None, None]).sum(dim=1) for d in edit.directions])
    expected = along.clamp(min=0).square().sum(dim=0).sqrt().amax(dim=(1, 2))
    assert torch.allclose(scores(sources.generator, edit, z), expected, rtol=1e-4)


def test_rules_add_up_and_come_off_again(sources):
    arrays, facts = compute_panel("fig01_rules", sources)
    assert arrays["images"].shape == (4, 4, 32, 32, 3)
    assert facts["restored"] is True and facts["orders_checked"] == 6
    assert facts["ranks"] == [1, 2, 3] and facts["sessions"] == ["first", "second", "third"]
    edits = Edit.compose([Edit.load(path) for path in sources.edits.values()])
    z = sample_z(sources.generator, 60, 3)[arrays["samples"]]
    assert close(arrays["images"][-1], as_picture(edits.apply(sources.generator)(z)))


def test_edits_that_stay_are_noticed(sources, monkeypatch):
    monkeypatch.setattr(Edit, "remove", lambda self, g: g)
    assert compute_panel("fig01_rules", sources)[1]["restored"] is False


def test_memory_shows_places_of_the_best_keys(sources):
    arrays, facts = compute_panel("fig02_memory", sources)
    heat, places = arrays["heat"], arrays["places"]
    assert heat.shape == (4, 16, 16) and facts["ranks"] == [1, 2, 3, 4]
    peaks = heat.reshape(4, -1).max(axis=1)
    assert (np.diff(peaks) <= 0).all()
    for field, (top, left, bottom, right) in zip(heat, places, strict=True):
        assert field[top:bottom, left:right].max() == field.max()
        assert (bottom - top, right - left) == (5, 5)
    # 5 of 16 cells are 10 of 32 pixels
    assert arrays["in_place"].shape == arrays["alone"].shape == (4, 10, 10, 3)
    top, left = 2 * places[0][:2]
    assert (arrays["in_place"][0] == arrays["images"][0][top : top + 10, left : left + 10]).all()
    assert arrays["painted"].shape == (2, 32, 32)


def test_a_session_is_shown_as_it_was_drawn(sources):
    arrays, facts = compute_panel("fig03_session", sources)
    session, edit = sources.sessions["first"], Edit.load(sources.edits["first"])
    drawn = session.exemplars[facts["exemplar"]]
    assert facts["object_sample"] == drawn.object.sample
    assert facts["place_sample"] == drawn.paste.sample
    size = (32, 32)
    assert np.allclose(arrays["object"], np.asarray(drawn.object.area(size)), atol=1e-6)
    assert np.allclose(arrays["place"], np.asarray(drawn.paste.area(size)), atol=1e-6)
    assert len(arrays["context"]) == len(session.context)
    own = sample_z(sources.generator, session.n, session.seed)
    target = own[drawn.paste.sample][None]
    assert close(arrays["target"], as_picture(sources.generator(target))[0])
    assert close(arrays["target_after"], as_picture(edit.apply(sources.generator)(target))[0])
    outside = np.asarray(drawn.paste.area(size)) == 0
    changed = np.abs(arrays["goal"].astype(int) - arrays["target"]).mean(-1)
    assert changed[~outside].mean() > 2 * changed[outside].mean()
    best = scores(sources.generator, edit, sources.z).topk(4)
    assert np.allclose(arrays["scores"], best.values, rtol=1e-5)


def test_a_session_is_shown_at_the_layer_of_its_edit(sources, tmp_path):
    g, session = sources.generator, sources.sessions["first"]
    stats = KeyStatistics.collect(g, 7, n=60, seed=1)
    edit = rewrite(g, session.model_copy(update={"layer": 7}), stats, iterations=2)
    edit.save(tmp_path / "first.safetensors")
    given = replace(sources, edits={"first": tmp_path / "first.safetensors"})
    arrays, facts = compute_panel("fig03_session", given)
    assert (session.layer, facts["layer"]) == (6, 7)
    elsewhere, _ = compute_panel("fig03_session", sources)
    assert np.abs(arrays["goal"].astype(int) - elsewhere["goal"]).max() > 1
    own = sample_z(g, session.n, session.seed)
    target = own[session.exemplars[0].paste.sample][None]
    assert close(arrays["target_after"], as_picture(edit.apply(g)(target))[0])


def test_comparison_shows_samples_with_the_subject(sources):
    edits = {f"first/{m}": sources.edits[n] for m, n in (("newton", "first"), ("other", "second"))}
    sessions = {"first": sources.sessions["first"]}
    given = replace(sources, edits=edits, sessions=sessions, segmenter=Halves())
    assert subject(given, sessions["first"]).shows in Halves.classes
    arrays, facts = compute_panel("fig04_comparison", given)
    assert facts["methods"] == ["newton", "other"]
    z = sample_z(sources.generator, 60, 3)[arrays["samples_first"]]
    assert close(arrays["unmodified_first"], as_picture(sources.generator(z)))
    expected = Edit.load(sources.edits["second"]).apply(sources.generator)(z)
    assert close(arrays["other_first"], as_picture(expected))


def test_a_method_is_compared_at_a_further_rank_where_it_is_given(sources):
    edits = {"first/newton": sources.edits["first"], "first/newton_rank_4": sources.edits["second"]}
    edits["second/newton"] = sources.edits["second"]
    sessions = {name: sources.sessions[name] for name in ("first", "second")}
    given = replace(sources, edits=edits, sessions=sessions, segmenter=Halves())
    arrays, facts = compute_panel("fig04_comparison", given)
    assert facts["methods"] == ["newton", "newton_rank_4"]
    assert "newton_rank_4_first" in arrays and "newton_rank_4_second" not in arrays
    with pytest.raises(ParameterError, match="no edit second/other is given"):
        compute_panel(
            "fig04_comparison",
            replace(given, edits=edits | {"first/other": sources.edits["first"]}),
        )


def test_best_buddies_stand_among_the_methods(sources):
    given = replace(
        sources,
        edits={"first/newton": sources.edits["first"]},
        sessions={"first": sources.sessions["first"]},
        segmenter=Halves(),
        image_methods=image_settings(
            "methods", {"nbb_copy": {"patches": [3], "radii": [None], "levels": 2}}
        ),
    )
    arrays, facts = compute_panel("fig04_comparison", given)
    assert facts["methods"] == ["nbb_copy", "newton"]  # in the order of the tables
    assert arrays["nbb_copy_first"].shape == arrays["newton_first"].shape


def test_what_the_edit_adds_must_not_be_there_yet(sources):
    session = sources.sessions["first"].model_copy(update={"targets": ("person",), "adds": True})
    halves = Halves()
    halves.classes = (*Halves.classes, "person")
    assert subject(replace(sources, segmenter=halves), session).lacks == ("person",)
    assert str(Subject("ground", ("person",))) == "ground without person"


def test_what_the_segmenter_has_no_class_for_is_asked_of_no_sample(sources):
    session = sources.sessions["first"].model_copy(update={"targets": ("teeth",), "adds": True})
    assert "teeth" not in Halves.classes
    assert subject(replace(sources, segmenter=Halves()), session).lacks == ()


def test_panels_of_two_generators_make_one_comparison(pictures):
    def panel(name, methods, weights):
        arrays = {f"{method}_{name}": pictures for method in ("unmodified", *methods)}
        facts = {"sessions": [name], "methods": methods, "subjects": [name], "n": 10}
        return Panel(arrays, {**facts, "weights_sha256": weights})

    first, second = panel("smile", ["newton"], "aa"), panel("dome2spire", ["newton"], "bb")
    joined = join([first, second])
    assert joined.facts["sessions"] == ["smile", "dome2spire"]
    assert joined.facts["models_sha256"] == ["aa", "bb"]
    assert set(joined.arrays) == {f"{m}_{s}" for m in ("unmodified", "newton") for s in SHOWN}


def test_rows_of_further_ranks_come_last_and_are_empty_where_there_is_none(pictures):
    def panel(name, methods):
        arrays = {f"{method}_{name}": pictures for method in ("unmodified", *methods)}
        facts = {"sessions": [name], "methods": methods, "subjects": [name], "least_percent": 1.0}
        return Panel(arrays, {**facts, "weights_sha256": "aa"})

    panels = [panel("dome2tree", ["newton", "newton_rank_4"]), panel("smile", ["newton", "other"])]
    with pytest.raises(PalimpsestError, match="different methods"):
        join(panels)
    panels[1] = panel("smile", ["newton"])
    joined = join(panels)
    assert joined.facts["methods"] == ["newton", "newton_rank_4"]
    sheet, words = draw(joined, Style())
    assert "A row that names a rank" in words
    assert "A row that names a rank" not in draw(panels[1], Style())[1]
    assert [row_heading(name)[0] for name in ("newton", "newton_rank_4")] == [
        "newton (ours),\nsame session",
        "newton (ours), same session,\nrank 4",
    ]


def test_one_comparison_of_two_models_with_a_session_of_one_name(pictures):
    """The panel of a model names it, and so does the joined one, where that is needed."""

    def panel(model, shift, names):
        methods = ("unmodified", "newton")
        arrays = {f"{m}_{name}": pictures + i for i, m in enumerate(methods) for name in names}
        facts = {"sessions": list(names), "methods": ["newton"], "subjects": ["spire"]}
        facts |= {"least_percent": 1.0, "weights_sha256": model, "model": model}
        return Panel({name: array + shift for name, array in arrays.items()}, facts)

    first = panel("church", 0, ["sky2tree", "spire2tree"])
    second = panel("church_progressive", 10, ["spire2tree"])
    joined = join([first, second])
    sessions = ["sky2tree", "spire2tree@church", "spire2tree@church_progressive"]
    assert joined.facts["sessions"] == sessions
    shown = joined.arrays[f"newton_{sessions[2]}"] - joined.arrays[f"newton_{sessions[1]}"]
    assert (shown == 10).all() and "newton_sky2tree" in joined.arrays
    _, words = draw(joined, Style())
    assert "sky2tree, spire2tree, church and spire2tree, church progressive" in words
    with pytest.raises(PalimpsestError, match="only once"):
        join([second, second])


def test_panels_that_do_not_fit_together_are_refused(pictures):
    def panel(name, methods):
        arrays = {f"{method}_{name}": pictures for method in ("unmodified", *methods)}
        facts = {"sessions": [name], "methods": methods, "subjects": [name]}
        return Panel(arrays, {**facts, "weights_sha256": "aa"})

    first = panel("smile", ["newton"])
    with pytest.raises(PalimpsestError, match="different methods"):
        join([first, panel("dome2spire", ["palimpsest"])])
    with pytest.raises(PalimpsestError, match="only once"):
        join([first, first])


SHOWN = ("smile", "dome2spire")


def test_what_is_missing_is_named(sources):
    with pytest.raises(ParameterError, match="no panel is called 'fig99'"):
        compute_panel("fig99", sources)
    with pytest.raises(ParameterError, match="needs the key statistics"):
        compute_panel("fig02_memory", replace(sources, statistics=None))
    with pytest.raises(ParameterError, match="needs a segmenter"):
        compute_panel("fig04_comparison", sources)
    with pytest.raises(ParameterError, match="needs at least one edit"):
        compute_panel("fig09_windows", replace(sources, edits={}))
    few = replace(
        sources,
        edits={"first/newton": sources.edits["first"]},
        sessions={"first": sources.sessions["first"]},
        segmenter=Halves(),
        pairs=61,
    )
    with pytest.raises(ParameterError, match="of 60 samples show"):
        compute_panel("fig04_comparison", few)
