"""Photographs of one's own: taken in, drawn under every rule, kept on the disk, given up."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from palimpsest.editor import answers, messages
from palimpsest.editor.desk import Desk
from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.errors import PalimpsestError, ParameterError
from palimpsest.generators import load_generator, sample_z, save_generator
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.own_photograph import Studio
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings
from tests.editor.conftest import WEIGHTS, select, spot

QUICK = {
    "inversion": InversionSettings(candidates=16, starts=1, z_steps=2, w_steps=3),
    "adaptation": AdaptationSettings(steps=4, kept=2, pieces=2),
}
"""An inversion of a second: these tests are not about how good it is."""


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    real = Studio.of.__func__

    def of(cls, g, segmenter, encoder, framing):
        return real(cls, g, segmenter, encoder, framing, **QUICK)

    monkeypatch.setattr(Studio, "of", classmethod(of))


@pytest.fixture
def photo_place(tmp_path) -> Workplace:
    """The generator of faces, and one that takes no photographs."""

    def of(name: str, segmenter: str | None, **files: Path) -> ModelPlace:
        return ModelPlace(
            weights=WEIGHTS / f"{name}.safetensors",
            sessions=tmp_path / "sessions",
            statistics_folder=tmp_path / "statistics" / name,
            segmenter=segmenter and WEIGHTS / segmenter,
            layer=5,
            statistics_samples=100,
            **files,
        )

    networks = {one: WEIGHTS / f"photo_faces-{one}.safetensors" for one in ("encoder", "framing")}
    models = {
        "photo_faces": of("photo_faces", "photo_faces-parts.safetensors", **networks),
        "kitchen": of("kitchen", "kitchen-segmenter.safetensors"),
    }
    return Workplace(models, "photo_faces", tmp_path / "drafts")


@pytest.fixture
def desk(photo_place, heard):
    desk = Desk.open(photo_place, heard)
    yield desk
    desk.close()


def change(kind: str, **values) -> messages.Change:
    return messages.parse(json.dumps({"type": kind, "version": 1, **values}))


def face(sample: int = 40, side: int | None = None, left: int = 0, top: int = 0) -> bytes:
    """A picture file: a sample of the generator, pasted into a grey canvas if it has a side."""
    g = load_generator(WEIGHTS / "photo_faces.safetensors")
    picture = Image.fromarray(as_picture(g(sample_z(g, sample + 1)[sample:]))[0])
    if side is not None:
        canvas = Image.new("RGB", (side, side), (90, 90, 90))
        canvas.paste(picture, (left, top))
        picture = canvas
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def put_in(desk: Desk, heard, content: bytes, name: str = "me.png") -> answers.PhotographSeen:
    before = len(desk.snapshot().photographs)
    desk.photographs.add(content, name)
    heard.wait(lambda m: m.type == "state" and len(m.photographs) > before)
    return desk.snapshot().photographs[0]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_dropped_picture_becomes_the_first_sample_with_progress(desk, heard, photo_place) -> None:
    first = put_in(desk, heard, face(40), "me.png")
    assert first.number < 0 and first.title == "me.png" and first.fits
    heard.wait(lambda m: m.type == "progress" and m.what == "photograph" and m.total == 1)
    told = [m for m in heard.of("progress") if m.what == "photograph"]
    assert all("me.png" in m.title for m in told) and 0 < told[0].done < told[0].total
    assert "me.png" in [m.putting_in for m in heard.of("state")]
    assert desk.snapshot().putting_in is None
    second = put_in(desk, heard, face(41), "you.png")
    seen = desk.snapshot().photographs
    assert [one.number for one in seen] == [second.number, first.number]
    files = sorted(path.suffix for path in (photo_place.drafts / "photographs").iterdir())
    assert files == [".png", ".png", ".safetensors", ".safetensors"]


def test_it_is_drawn_as_the_command_draws_it_under_every_rule(desk, heard, photo_place) -> None:
    number = put_in(desk, heard, face(40)).number
    engine = desk.engine
    original = engine.recipe(desk.history.present)
    for message in (
        select("object", 3, spot(36, 20, 50, 44, 64)),
        select("paste", 8, spot(36, 20, 50, 44, 64)),
    ):
        desk.change(message)
    desk.change(change("keep"))
    desk.change(change("rule", rule="r1", strength=2.0))
    recipe = engine.recipe(desk.history.present)
    (file,) = (photo_place.drafts / "photographs").glob("*.safetensors")
    photograph = InvertedPhotograph.load(file)
    edit = engine.edit(recipe, recipe.parts[0])
    studio = engine.model("photo_faces").studio
    pictures = studio.pictures(engine.shelf.pixels(number), photograph, [edit], 2.0)
    assert np.array_equal(pixels(engine.picture(original, number)), pictures[1])
    assert np.array_equal(pixels(engine.picture(recipe, number)), pictures[2])
    assert not np.array_equal(pictures[1], pictures[2])
    desk.show(1, [number, 0])
    drawn = heard.wait(lambda m: m.type == "picture" and m.hash == recipe.hash)
    assert drawn.sample == number


def test_the_face_is_searched_for_in_a_larger_picture(desk, heard) -> None:
    number = put_in(desk, heard, face(40, side=200, left=90, top=60)).number
    found = desk.engine.shelf.pixels(number).astype(float)
    inside = pixels(face(40)).astype(float)
    middle = pixels(face(40, side=200, left=90, top=60))[68:132, 68:132].astype(float)
    assert np.abs(found - inside).mean() < np.abs(found - middle).mean()


def test_it_is_there_after_a_new_start_and_after_undo(desk, heard, photo_place) -> None:
    number = put_in(desk, heard, face(40)).number
    desk.change(change("remove_photograph", photograph=number))
    assert desk.snapshot().photographs == []
    desk.change(change("undo"))
    assert [one.number for one in desk.snapshot().photographs] == [number]
    before = desk.engine.picture(desk.engine.recipe(desk.history.present), number)
    desk.close()
    again = Desk.open(photo_place, heard)
    try:
        assert [one.number for one in again.snapshot().photographs] == [number]
        assert again.engine.picture(again.engine.recipe(again.history.present), number) == before
        again.change(change("new"))
        assert [one.number for one in again.snapshot().photographs] == [number]
        again.change(change("model", name="kitchen"))
        assert again.snapshot().photographs == []
        again.change(change("model", name="photo_faces"))
        assert [one.number for one in again.snapshot().photographs] == [number]
    finally:
        again.close()


def test_what_no_step_shows_is_deleted_at_the_next_start(desk, heard, photo_place) -> None:
    number = put_in(desk, heard, face(40)).number
    stray = photo_place.drafts / "photographs" / "0123456789ab.safetensors"
    stray.write_bytes(b"of a draft that is gone")
    desk.close()
    again = Desk.open(photo_place, heard)
    again.close()
    assert not stray.exists() and again.engine.shelf.find(number) is not None


def test_it_can_be_stopped_and_nothing_is_kept(desk, heard, photo_place) -> None:
    slow = replace(desk.engine.model("photo_faces").studio, adaptation=AdaptationSettings())
    desk.engine.model("photo_faces")._studio = slow
    desk.photographs.add(face(40), "me.png")
    heard.wait(lambda m: m.type == "progress" and m.what == "photograph")
    with pytest.raises(ParameterError, match=r"me\.png is being put in; wait"):
        desk.photographs.add(face(41), "you.png")
    desk.photographs.stop()
    over = heard.wait(lambda m: m.type == "progress" and m.what == "photograph" and m.total == 1)
    assert over.done == 1 and heard.of("error") == []
    assert desk.snapshot().photographs == [] and desk.snapshot().putting_in is None
    assert not (photo_place.drafts / "photographs").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not a picture", "me.png: not a picture in a known format"),
        (face(1)[:400], "me.png: a damaged or truncated picture"),
        (b"", "me.png: not a picture in a known format"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(desk, content, says) -> None:
    with pytest.raises(ParameterError) as caught:
        desk.photographs.add(content, "me.png")
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert desk.snapshot().putting_in is None


def test_pictures_too_small_or_too_large_are_refused(desk) -> None:
    for size, says in (((8, 40), "8 x 40 pixels"), ((10_001, 10_000), "100 million pixels")):
        content = io.BytesIO()
        Image.new("L", size).save(content, "PNG")
        with pytest.raises(ParameterError, match=says):
            desk.photographs.add(content.getvalue(), "me.png")


def test_a_generator_that_takes_none_says_so(desk) -> None:
    desk.change(change("model", name="kitchen"))
    assert not desk.snapshot().model.photographs
    with pytest.raises(ParameterError, match="kitchen takes no pictures of yours"):
        desk.photographs.add(face(40), "me.png")


def test_a_rule_above_the_adapted_layers_needs_it_adapted_again(desk, heard) -> None:
    first = put_in(desk, heard, face(40))
    assert first.above == 6
    desk.change(change("settings", layer=7))
    for role, sample in (("object", 3), ("paste", 8)):
        desk.change(select(role, sample, spot(36, 20, 50, 44, 64)))
    recipe = desk.engine.recipe(desk.history.present)
    assert not desk.snapshot().photographs[0].fits
    assert not desk.engine.drawable(recipe, first.number)
    with pytest.raises(PalimpsestError, match="only edits up to it fit"):
        desk.engine.image(recipe, first.number)
    desk.show(1, [first.number, 0])
    heard.wait(lambda m: m.type == "drawn" and m.hash == recipe.hash)
    desk.photographs.adapt(first.number)
    heard.wait(lambda m: m.type == "state" and any(one.above == 7 for one in m.photographs))
    (second,) = desk.snapshot().photographs
    assert second.fits and second.number != first.number and second.title == "me.png"
    assert desk.engine.drawable(desk.engine.recipe(desk.history.present), second.number)
    desk.change(change("undo"))
    assert desk.snapshot().photographs[0].number == first.number


def test_a_photograph_is_not_painted_on() -> None:
    with pytest.raises(ParameterError, match="sample"):
        change("select", role="context", sample=-3, mask=None)
    with pytest.raises(ParameterError, match="photograph"):
        change("remove_photograph", photograph=3)


def test_any_stylegan2_with_a_segmenter_takes_photographs(tmp_path, heard) -> None:
    """Without an encoder and a face finder, as `palimpsest photo` does it for one's own weights."""
    torch.manual_seed(0)
    small = StyleGAN2(32, {4: 8, 8: 8, 16: 8, 32: 8}, style_dim=8, mapping_layers=2).eval()
    save_generator(small, tmp_path / "small.safetensors")
    model = ModelPlace(
        weights=tmp_path / "small.safetensors",
        sessions=tmp_path / "sessions",
        statistics_folder=tmp_path / "statistics",
        segmenter=WEIGHTS / "church-segmenter.safetensors",
    )
    desk = Desk.open(Workplace({"small": model}, "small", tmp_path / "drafts"), heard)
    try:
        seen = put_in(desk, heard, face(3, side=150), "wall.png")
        assert seen.above == 6 and seen.note == ""
        png = desk.engine.picture(desk.engine.recipe(desk.history.present), seen.number)
        assert pixels(png).shape == (32, 32, 3)
    finally:
        desk.close()
