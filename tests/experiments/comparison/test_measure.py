import numpy as np
import pytest
import torch

from palimpsest.errors import CheckpointError, EditError, ParameterError
from palimpsest.experiments.comparison import measure as comparison
from palimpsest.experiments.comparison.measure import (
    Change,
    ChangedImages,
    RewrittenGenerator,
    before_and_after,
    load_method,
    lowest_changed,
    measure,
)
from palimpsest.experiments.counterfactuals.new_rules import NewRule
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.instruments import PerceptualDistance
from palimpsest.instruments.label_changes import edit_effect
from palimpsest.memory import Edit
from tests.doubles.plain_critic import BrightIsNatural

CHANGE = Change(("bright",), ("dark", "grey"))
LAYER = 6


def edit_for(g, layer=LAYER, size=3.0):
    outputs, inputs = g.layer(layer).weight.shape[:2]
    random = torch.Generator().manual_seed(layer)
    direction = torch.randn(1, inputs, generator=random)
    return Edit(
        direction / direction.norm(),
        size * torch.randn(outputs, 1, 3, 3, generator=random),
        {"layer": str(layer), "weights_sha256": g.weights_sha256},
    )


@pytest.fixture
def files(small_generator, tmp_path):
    """Weights, an edit of layer 6, one layer tuned, and all weights tuned."""
    g = small_generator
    save_generator(g, tmp_path / "g.safetensors")
    edit_for(g).save(tmp_path / "edit.safetensors")
    weight = g.layer(LAYER).weight
    tuned = g.with_weight(LAYER, weight + 0.5 * torch.randn_like(weight))
    save_generator(tuned, tmp_path / "layer.safetensors")
    every = load_generator(tmp_path / "g.safetensors")
    with torch.no_grad():
        for parameter in every.parameters():
            parameter.mul_(1.05)
    save_generator(every, tmp_path / "all.safetensors")
    return tmp_path


@pytest.fixture
def methods(files, small_generator):
    return [load_method(n, files / f"{n}.safetensors", small_generator) for n in METHODS]


METHODS = ("edit", "layer", "all")


def run(generator, segmenter, distance, methods, n=10, batch=4):
    return measure(generator, segmenter, distance, methods, CHANGE, n=n, seed=5, batch=batch)


def test_what_a_file_changed_is_found_in_its_weights(methods):
    assert [method.layer for method in methods] == [LAYER, LAYER, None]


def test_images_after_are_those_of_the_changed_generators(small_generator, methods):
    z = sample_z(small_generator, 3, seed=5)
    before, afters = before_and_after(small_generator, methods, z)
    assert torch.allclose(before, small_generator(z), atol=1e-5)
    made = dict(afters)
    assert list(made) == ["unmodified", *METHODS]
    for method in methods:
        assert torch.allclose(made[method.name], method.generator(z), atol=1e-5)
        assert not torch.allclose(made[method.name], before, atol=1e-2)


def test_layers_below_the_edit_run_once(small_generator, methods, monkeypatch):
    z = sample_z(small_generator, 2, seed=5)
    runs = []
    layer_class = type(small_generator.layer(LAYER))
    whole = layer_class.linear

    def counted(self, k, weight):
        runs.append(self.number)
        return whole(self, k, weight)

    monkeypatch.setattr(layer_class, "linear", counted)
    _, afters = before_and_after(small_generator, methods[:2], z)
    assert len(list(afters)) == 3
    below = [number for number in small_generator.layers if number < LAYER]
    assert [runs.count(number) for number in below] == [1] * len(below)
    assert runs.count(LAYER) == 3

    runs.clear()  # and once for edits of several layers
    edits = [edit_for(small_generator, layer) for layer in (LAYER, LAYER + 2)]
    several = [RewrittenGenerator("", e.apply(small_generator), e.layer) for e in edits]
    before_and_after(small_generator, several, z)
    assert [runs.count(number) for number in below] == [1] * len(below)


def test_measures_are_those_of_the_images(small_generator, methods, brightness, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    table = run(small_generator, brightness, distance, methods)
    assert list(table.columns) == [
        "sample", "seed", "method", "source_pixels", "modified_pixels", "removed_pixels",
        "outside_pixels", "kept_pixels", "converted", "perceptual_outside", "scale", "perceptual",
        "segmenter",
    ]  # fmt: skip
    assert len(table) == 40 and table["sample"].tolist() == [i for i in range(10) for _ in "four"]
    assert table["method"].tolist()[:4] == ["unmodified", *METHODS]
    assert set(table["perceptual"]) == {"church-segmenter-encoder"}
    assert set(table["segmenter"]) == {"brightness"} and set(table["seed"]) == {5}
    z = sample_z(small_generator, 10, seed=5)
    before, after = small_generator(z), methods[0].generator(z)
    labels, changed = brightness.labels(before), brightness.labels(after)
    effect = edit_effect(labels, changed, source=[2], targets=[0, 1])
    rows = table[table["method"] == "edit"]
    assert abs(rows["modified_pixels"].to_numpy() - effect.modified_pixels.numpy()).max() <= 1
    assert rows["modified_pixels"].sum() > 0
    outside = distance.masked(before, after, labels != 2)
    wanted = outside[(labels == 2).sum((1, 2)) >= 1].numpy()
    measured = rows["perceptual_outside"].to_numpy()[((labels == 2).sum((1, 2)) >= 1).numpy()]
    assert np.allclose(measured, wanted, atol=1e-4) and wanted.max() > 0.01


def test_a_critic_sees_the_place_of_the_change_and_the_rest(
    small_generator, methods, brightness, random_segmenter
):
    distance = PerceptualDistance(random_segmenter)
    plain = run(small_generator, brightness, distance, methods)
    assert not {"critic_drop", "critic_drop_outside"} & set(plain.columns)
    brightness.critic = BrightIsNatural()
    table = run(small_generator, brightness, distance, methods)
    assert table[plain.columns].equals(plain)
    drops = table[["critic_drop", "critic_drop_outside"]]
    assert (drops[table["method"] == "unmodified"].fillna(0) == 0).all(axis=None)

    z = sample_z(small_generator, 10, seed=5)
    before, after = small_generator(z), methods[0].generator(z)
    was, now = brightness.labels(before), brightness.labels(after)
    fall = (before - after).mean(1).double()
    rows = table[table["method"] == methods[0].name].set_index("sample")
    for sample in range(10):
        source = was[sample] == 2
        source &= source.sum() >= source.numel() / 1024
        place = source | ((now[sample] != 2) & (was[sample] == 2))
        for column, where in (("critic_drop", place), ("critic_drop_outside", ~place)):
            expected = fall[sample][where].mean().item()
            assert rows.loc[sample, column] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_unmodified_rows_say_that_nothing_changed(small_generator, brightness, random_segmenter):
    table = run(small_generator, brightness, PerceptualDistance(random_segmenter), [])
    assert table["source_pixels"].sum() > 0
    assert (table["removed_pixels"] == 0).all() and (table["perceptual_outside"] == 0).all()
    assert (table["kept_pixels"] == table["outside_pixels"]).all()
    assert (table["source_pixels"] + table["outside_pixels"] == 32 * 32).all()


def test_rows_do_not_depend_on_the_batch(small_generator, methods, brightness, random_segmenter):
    distance = PerceptualDistance(random_segmenter)
    tables = [
        run(small_generator, brightness, distance, methods, n=7, batch=size) for size in (1, 3, 16)
    ]
    for table in tables[1:]:
        assert (table["method"] == tables[0]["method"]).all()
        for column in ("source_pixels", "modified_pixels", "kept_pixels"):
            assert abs(table[column] - tables[0][column]).max() <= 1
        assert np.allclose(table["perceptual_outside"], tables[0]["perceptual_outside"], atol=1e-5)


def test_a_method_of_images_gets_the_unedited_ones(
    small_generator, methods, brightness, random_segmenter
):
    distance = PerceptualDistance(random_segmenter)
    darker = ChangedImages("darker", lambda images: images - 2)
    seen = {}

    def watch(name, read):
        seen.setdefault(name, []).append(read.images)

    table = measure(
        small_generator,
        brightness,
        distance,
        [methods[0], darker],
        CHANGE,
        n=6,
        seed=5,
        batch=4,
        watch=watch,
    )
    rows = table[table["method"] == "darker"]
    assert (rows["modified_pixels"] == rows["source_pixels"]).all() and rows["converted"].any()
    images = {name: torch.cat(parts) for name, parts in seen.items()}
    assert list(images) == ["unmodified", "edit", "darker"]
    assert torch.equal(images["darker"], images["unmodified"] - 2)


class Tall:
    """Says that an image shows something if its first channel is bright on average."""

    name = "tall"

    def shows(self, images):
        return images[:, 0].mean((1, 2)) > 0


def test_an_attribute_is_told_of_whole_images(
    small_generator, methods, brightness, random_segmenter, church
):
    rule = NewRule(church, "dome2spire")
    change = Change(("bright", "grey"), shows=Tall(), rule=rule)
    distance = PerceptualDistance(random_segmenter)
    table = measure(small_generator, brightness, distance, methods[:1], change, n=8, seed=5)
    assert "modified_pixels" not in table and set(table["classifier"]) == {"tall"}
    z = sample_z(small_generator, 8, 5)
    for method, g in (("unmodified", small_generator), ("edit", methods[0].generator)):
        rows = table[table["method"] == method]
        images = g(z)
        assert (rows["shows"].to_numpy() == Tall().shows(images).numpy()).all()
        errors = rule.counterfactual(z, 32).errors(distance, images).numpy()
        assert np.allclose(rows["counterfactual_error"], errors, atol=1e-5, equal_nan=True)
    pixels = table["source_pixels"] + table["outside_pixels"]
    assert (pixels == 32 * 32).all()


def test_edits_of_two_layers_share_the_unedited_images(small_generator):
    edits = [edit_for(small_generator, layer) for layer in (5, 7)]
    methods = [RewrittenGenerator(f"at{e.layer}", e.apply(small_generator), e.layer) for e in edits]
    z = sample_z(small_generator, 2, seed=1)
    before, afters = before_and_after(small_generator, methods, z)
    assert torch.allclose(before, small_generator(z), atol=1e-5)
    for method, (_, after) in zip(methods, list(afters)[1:], strict=True):
        assert torch.allclose(after, method.generator(z), atol=1e-5)


def test_what_is_refused(small_generator, brightness, random_segmenter, files, methods):
    distance = PerceptualDistance(random_segmenter)
    with pytest.raises(ParameterError, match="only once"):
        run(small_generator, brightness, distance, [methods[0], methods[0]])
    with pytest.raises(ParameterError, match="samples = 0"):
        run(small_generator, brightness, distance, [], n=0)
    with pytest.raises(ParameterError, match="no class"):
        change = Change(("dome",), ("dark",))
        measure(small_generator, brightness, distance, [], change, n=1, seed=1)
    other = small_generator.with_weight(LAYER, small_generator.layer(LAYER).weight * 2)
    other._weights_sha256 = "0" * 64
    with pytest.raises(EditError, match="made for weights"):
        load_method("edit", files / "edit.safetensors", other)
    with pytest.raises(CheckpointError, match="no such file"):
        load_method("edit", files / "missing.safetensors", small_generator)


@pytest.mark.parametrize("kind", ["stylegan2", "progressive"])
def test_half_precision_draws_nearly_the_same_after_the_lowest_changed_layer(
    small_generator, methods, monkeypatch, kind
):
    if kind == "progressive":
        torch.manual_seed(4)
        g = ProgressiveGAN(16, {4: 16, 8: 12, 16: 8}, z_dim=12).requires_grad_(False).eval()
        methods = [RewrittenGenerator("edit", edit_for(g, 4).apply(g), 4)]
        lowest, higher = 4, 5
    else:
        g, lowest, higher = small_generator, LAYER, LAYER + 1
    methods = [*methods, RewrittenGenerator("higher", edit_for(g, higher).apply(g), higher)]
    z = sample_z(g, 3, seed=5)
    full, afters = before_and_after(g, methods, z)
    exact = dict(afters)
    begun: list[tuple[int, bool]] = []
    drawn = comparison.draw

    def watched(layer, values, half):
        begun.append((layer.number, half))
        return drawn(layer, values, half)

    monkeypatch.setattr(comparison, "draw", watched)
    before, afters = before_and_after(g, methods, z, half=True)
    made = dict(afters)
    # the unedited generator and that of every method, whatever the method changed
    assert begun == [(lowest, True)] * (1 + len(methods))
    assert lowest_changed(methods) == lowest
    assert before.dtype == torch.float32 and not before.equal(full)
    assert made["unmodified"] is before
    for name, images in made.items():
        apart = (images - exact[name]).abs().mean() / exact[name].std()
        assert images.dtype == torch.float32 and 0 < apart < 0.02


def test_what_is_drawn_in_half_precision_says_so(
    small_generator, methods, brightness, random_segmenter
):
    distance = PerceptualDistance(random_segmenter)
    given = (small_generator, brightness, distance, methods[:1], CHANGE)
    full, half = (measure(*given, n=3, seed=5, half=half) for half in (False, True))
    assert "drawn_in" not in full and set(half["drawn_in"]) == {f"bfloat16 after layer {LAYER}"}
    edited = half["method"] == "edit"
    assert not half["perceptual_outside"].equals(full["perceptual_outside"])
    np.testing.assert_allclose(
        half["perceptual_outside"][edited], full["perceptual_outside"][edited], rtol=0.1
    )
    assert (half["perceptual_outside"][~edited] == 0).all()


def test_without_an_edit_of_one_layer_nothing_is_drawn_in_half_precision(small_generator, methods):
    z = sample_z(small_generator, 2, seed=5)
    every = [method for method in methods if method.layer is None]
    before, afters = before_and_after(small_generator, every, z, half=True)
    assert before.equal(small_generator(z))
    assert dict(afters)["all"].equal(every[0].generator(z))
