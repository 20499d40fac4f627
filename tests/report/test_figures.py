"""Figures: pictures of the expected size, at their places, with caption and facts beside them."""

import numpy as np
import pytest
from PIL import Image

from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.experiments.units.measure import SWITCHES
from palimpsest.files.panels import Panel, load_panel, save_panel
from palimpsest.report.figures import FIGURES, Style, draw_figure, facts_of
from palimpsest.report.figures.sheet import Sheet
from palimpsest.settings import settings_from_json

COMMON = {"n": 1000, "seed": 3, "scale": "mini", "weights_sha256": "0123456789ab" * 5}
STYLE = Style(dpi=100)


def panel_of(name, pictures):
    few = pictures[:4]
    if name == "fig01_rules":
        facts = {"sessions": ["remove_watermark", "add_people"], "ranks": [1, 1], "layers": [6, 6]}
        facts |= {"orders_checked": 2, "restored": True}
        return Panel({"images": np.stack([few] * 3)}, COMMON | facts)
    if name == "fig02_memory":
        heat = np.zeros((4, 16, 16), np.float32)
        heat[:, 5:9, 6:10] = 1
        arrays = {"images": few, "heat": heat, "level": np.float32(0.5), "context": few}
        arrays |= {"places": np.array([[4, 5, 9, 10]] * 4), "painted": np.ones((4, 32, 32))}
        arrays |= {"in_place": few[:, :10, :10], "alone": few[:, 5:15, 5:15]}
        facts = {"session": "dome2spire", "layer": 6, "level_percent": 99.9, "ranks": [1, 2, 3, 4]}
        return Panel(arrays, COMMON | facts)
    if name == "fig03_session":
        mask = np.zeros((32, 32), np.float32)
        mask[8:20, 10:18] = 1
        pictured = ("donor", "target", "goal", "target_after")
        arrays = {part: pictures[i] for i, part in enumerate(pictured)}
        arrays |= {"object": mask, "place": mask, "before": few, "after": few[::-1]}
        arrays |= {"context": few, "painted": np.stack([mask] * 4)}
        facts = {"session": "dome2spire", "object_sample": 5, "place_sample": 8, "layer": 6}
        facts |= {"exemplar": 0, "exemplars": 2, "context_samples": [1, 2, 3, 4], "rank": 1}
        return Panel(arrays, COMMON | facts | {"solver": "newton"})
    if name == "fig04_comparison":
        names = [f"{m}_{e}" for m in ("unmodified", "newton") for e in ("dome2spire", "dome2tree")]
        facts = {"sessions": ["dome2spire", "dome2tree"], "methods": ["newton"]}
        facts |= {"subjects": ["dome"], "least_percent": 1.0}
        return Panel(dict.fromkeys(names, few), COMMON | facts)
    if name == "fig05_watermarks":
        names = ["unmodified", "zero_30_units", "zero_60_units", "rank_one"]
        facts = {"methods": names, "places": ["middle", "bottom"], "columns": [[1, 4], [0, 7]]}
        facts |= {"bearing": [2, 1]}
        facts |= {"units": dict.fromkeys(names, 0) | {"zero_30_units": 11, "zero_60_units": 22}}
        facts |= {"layer": dict.fromkeys(names[1:], 5), "seen": {name: [40, 30] for name in names}}
        facts |= {"segmenter": "church-segmenter"}
        return Panel(dict.fromkeys(names, few), COMMON | facts)
    if name == "fig06_reflections":
        names = [f"{rule}_{state}" for rule in ("original", "rewritten") for state in ("off", "on")]
        arrays = dict.fromkeys(names, few) | {"echoes": np.array([[0.2, 0.5, 0.4, 0.7]])}
        facts = {"units": 20, "switched_layer": 4, "layer": 6, "rank": 1, "tuned_pairs": 15}
        return Panel(arrays, COMMON | facts | {"rule_original": 0.3, "rule_rewritten": -0.2})
    if name in ("fig13_probe_stylegan2", "fig16_probe_progressive"):
        layers, share = np.array([4, 5, 6]), np.array([0.5, 0.2, 0.1])
        arrays = {"probe_0_layer": layers, "probe_0_crop_pixels": np.full(3, 32)}
        arrays |= {"probe_0_crop_cells": np.array([2, 2, 4]), "edits_0_layer": layers}
        arrays |= {"edits_0_mu": np.full(3, 10.0)}
        for measure in (
            "probe_0_relative",
            "edits_0_turned_percent",
            "edits_0_labels_kept_percent",
        ):
            arrays |= {measure: share, f"{measure}_low": share / 2, f"{measure}_high": share * 2}
        about = {"name": "church", "layers": [6], "layer": 6, "session": "dome2spire"}
        about |= {"n_showing": 30, "edited": 96}
        facts = {"generators": [about], "level": 0.95, "seeds": 6}
        return Panel(arrays, COMMON | facts)
    if name.startswith(("fig14", "fig15", "fig17", "fig18")):
        arrays = {"images": few, "in_place": few[:, :8, :8], "corners": np.full((4, 2), 8)}
        arrays |= {"alone": np.stack([few[:, :8, :8]] * 2), "layers": np.array([5, 6])}
        arrays |= {"cells": np.array([2, 4]), "fid": np.array([3.0, 1.0])}
        facts = {"kind": "stylegan2", "size": 8, "features": "church-segmenter-stages-2-to-4"}
        return Panel(arrays, COMMON | facts)
    if name == "figS1_doors":
        mask = np.zeros((32, 32), np.float32)
        mask[8:20, 10:18] = 1
        ways = ("unmodified", "units", "pasted", "rule")
        facts = {"session": "sky_doors", "thing": "door", "layer": 6, "rank": 12, "units": 6}
        facts |= {"solver": "newton", "exemplars": 8, "counted": 200, "least_pixels": 40.0}
        facts |= {"segmenter": "church-segmenter", "seen": dict.fromkeys(ways, 50)}
        facts |= {"seen_low": dict.fromkeys(ways, 0.2), "seen_high": dict.fromkeys(ways, 0.3)}
        facts |= {"changed": dict.fromkeys(ways, 0.01)}
        arrays = {"donor": pictures[4], "object": mask, "place": mask, **dict.fromkeys(ways, few)}
        return Panel(arrays, COMMON | facts)
    if name == "figS2_tradeoff":
        rank, exemplars = np.repeat([1, 2, 1], 3), np.repeat([1, 1, 4], 3)
        effect = np.linspace(20, 60, 9)
        arrays = {"rank": rank, "exemplars": exemplars, "mu": np.tile([0.3, 3.0, 30.0], 3)}
        arrays |= {"modified_percent": effect, "modified_percent_low": effect - 5}
        arrays |= {"modified_percent_high": effect + 5, "perceptual_masked": effect / 1000}
        arrays |= {"loss_before": np.full(9, 0.04), "loss_after": np.linspace(0.01, 0.03, 9)}
        facts = {"session": "dome2spire", "layer": 6, "level": 0.95, "source": ["dome"]}
        facts |= {"n_showing": 300, "perceptual": "church-segmenter-encoder"}
        return Panel(arrays, COMMON | facts)
    if name == "figS6_units":
        masks = np.zeros((4, 32, 32), np.float32)
        masks[:, 8:20, 10:18] = 1
        maps = np.zeros((4, 8, 8)) - 1
        maps[:, 2:5, 2:5] = 1
        row = {"thing": "door", "segmenter": "church-segmenter"}
        for measure in ("before", "after", "own_copied", "carried_before", "carried_after"):
            row |= {f"{measure}_percent{end}": 20.0 for end in ("", "_low", "_high")}
        row |= {"elsewhere_percent": 1.0}
        ways = [tuple(switch) for switch in SWITCHES]
        told = [dict(zip(SWITCHES[0]._fields, way, strict=True)) | row for way in ways]
        facts = {"rows": told, "off": {"thing": "tree", "layer": 6, "units": 24}}
        facts |= {"on": {"thing": "door", "layer": 8, "units": 20, "unfit": "sky"}}
        facts |= {"width": {"off": 144, "on": 96}, "dissected": 100, "place_pixels": [16, 8]}
        facts |= {"unit_classes": ["door"] * 4, "unit_ious": [0.4] * 4}
        shown = ["unit_images", "off_before", "on_before", *("_".join(way) for way in ways)]
        arrays = {"unit_maps": maps, "unit_thresholds": np.zeros(4)}
        arrays |= {"on_fits_mask": masks, "on_unfit_mask": masks}
        return Panel(arrays | dict.fromkeys(shown, few), COMMON | facts)
    if name == "figS7_training_curve_photo_faces":
        rows = np.array([4.0, 2.0, 1.0])
        arrays = {"images": 1000 * 2 ** np.arange(3), "resolution": np.array([16, 32, 64])}
        for measure, numbers in (("frechet", rows), ("frechet_floor", np.full(3, 0.1))):
            arrays |= {measure: numbers, f"{measure}_low": numbers / 2}
            arrays |= {f"{measure}_high": numbers * 2}
        facts = {"model": "photo_faces", "features": "photographs-parts"}
        return Panel(arrays, COMMON | facts)
    if name.startswith("figS3"):
        return Panel({"generated": pictures, "rendered": pictures}, {})
    if name.startswith("figS4"):
        facts = {"world": "face", "rules": ["smile"], "classes": {"skin": "#aa8866"}}
        return Panel({"scenes": pictures, "labels": pictures, "smile": pictures}, facts)
    if name == "figS5_photographs":
        columns = ("photograph", "best_z", "best_w", "adapted", "edited", "switched")
        facts = {"photographs": ["not_smiling/8"] * 8, "stickers": 1, "session": "photo_smile"}
        facts |= {"shows": dict.fromkeys(columns, [True, False] * 4), "layer": 5, "units": 16}
        facts |= {"switched_layer": 5, "shows_photographs": True, "rank": 4, "strength": 2.0}
        return Panel(dict.fromkeys(columns, pictures), COMMON | facts)
    if name == "figS10_renders":
        columns = ("render", "best_z", "best_w", "adapted", "edited", "counterfactual")
        facts = {"session": "dome2spire", "layer": 6}
        return Panel(dict.fromkeys(columns, pictures), COMMON | facts)
    facts = {"session": "remove_window", "rank": 1, "layer": 6, "solver": "newton"}
    return Panel({"before": pictures, "after": pictures[::-1]}, COMMON | facts)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws(name, pictures, tmp_path):
    caption = draw_figure(name, panel_of(name, pictures), STYLE, tmp_path / "f.png")
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.width > 300 and picture.height > 100
        shades = np.asarray(picture.convert("L"))
    assert shades.std() > 20  # not an empty page
    assert (tmp_path / "f.txt").read_text() == caption + "\n"
    if not name.startswith(("figS3", "figS4")):
        assert "n = 1,000" in caption and "scale mini" in caption
        assert facts_of(tmp_path / "f.png")["weights_sha256"] == COMMON["weights_sha256"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["f.png", "f.txt"]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_without_its_arrays_is_refused(name, tmp_path):
    with pytest.raises(PalimpsestError, match=f"figure {name}: its panel has no"):
        draw_figure(name, Panel({}, {}), STYLE, tmp_path / "f.png")
    assert list(tmp_path.iterdir()) == []


def test_same_panel_gives_the_same_bytes(pictures, tmp_path):
    for name in ("a", "b"):
        draw_figure("fig09_windows", panel_of("fig09_windows", pictures), STYLE, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_pictures_lie_on_whole_pixels(tmp_path):
    """A 50-pixel picture at its own size comes out as it went in, 20 pixels from the left."""
    image = np.random.default_rng(1).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    sheet = Sheet(2, 1, STYLE)
    sheet.picture(image, left=0.2, top=0.3, side=0.5)
    sheet.save(tmp_path / "s.png", "A picture.", {})
    page = np.asarray(Image.open(tmp_path / "s.png").convert("RGB"))
    assert page.shape == (100, 200, 3)
    assert (page[30:80, 20:70] == image).all()
    assert (page[:30] == 255).all() and (page[:, 70:] == 255).all()


def test_outlines_lie_on_the_field(tmp_path):
    field = np.zeros((10, 10), np.float32)
    field[2:5, 6:9] = 1
    sheet = Sheet(1, 1, STYLE)
    sheet.outline(field, 0.5, left=0, top=0, side=1)
    sheet.save(tmp_path / "s.png", "An outline.", {})
    page = np.asarray(Image.open(tmp_path / "s.png").convert("RGB")).astype(int)
    rows, columns = np.nonzero(page[:, :, 0] - page[:, :, 2] > 60)  # the accent colour is red
    assert abs(rows.mean() - 35) < 3 and abs(columns.mean() - 75) < 3
    assert 20 < np.ptp(rows) < 45 and 20 < np.ptp(columns) < 45


def test_unmet_level_draws_nothing(tmp_path):
    sheet = Sheet(1, 1, STYLE)
    sheet.outline(np.zeros((4, 4), np.float32), 0.5, left=0, top=0, side=1)
    sheet.save(tmp_path / "s.png", "Nothing.", {})
    assert (np.asarray(Image.open(tmp_path / "s.png").convert("L")) == 255).all()


def test_weights_not_given_back_are_admitted(pictures, tmp_path):
    panel = panel_of("fig01_rules", pictures)
    broken = Panel(panel.arrays, dict(panel.facts, restored=False))
    assert "did NOT give back" in draw_figure("fig01_rules", broken, STYLE, tmp_path / "f.png")


def test_names_and_styles_are_checked(tmp_path):
    with pytest.raises(ParameterError, match="no figure is called 'fig99'"):
        draw_figure("fig99", Panel({}, {}), STYLE, tmp_path / "f.png")
    with pytest.raises(ParameterError, match="--style: colour: there is no such parameter"):
        settings_from_json("--style", '{"colour": "red"}', Style)


def test_panel_survives_its_file(pictures, tmp_path):
    save_panel(tmp_path / "p.npz", {"before": pictures}, {"n": 3, "names": ["a", "b"]})
    panel = load_panel(tmp_path / "p.npz")
    assert (panel.arrays["before"] == pictures).all() and set(panel.arrays) == {"before"}
    assert panel.facts == {"n": 3, "names": ["a", "b"]}


def test_panel_without_facts_is_read(pictures, tmp_path):
    np.savez(tmp_path / "p.npz", generated=pictures)
    assert load_panel(tmp_path / "p.npz").facts == {}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive"])
def test_damaged_panel_is_named(content, tmp_path):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(PalimpsestError, match="p.npz: damaged"):
        load_panel(tmp_path / "p.npz")
