"""Stand-ins: the published names and shapes, read by the very loaders; one seed, one file."""

from __future__ import annotations

import ast
import json
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from palimpsest.experiments.layers.probe import InceptionPieces
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.distances.perceptual import LpipsAlex
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.unified_parser import (
    ParsingLabels,
    UnifiedParser,
    assemble_parser,
)
from palimpsest.published.catalogue import PUBLISHED_FILES
from palimpsest.published.stand_ins.documents import COUNTS, stand_in_labels
from palimpsest.published.stand_ins.manifest import StandIns
from palimpsest.published.stand_ins.networks import NETWORKS, pictures, stand_in_network
from palimpsest.published.stand_ins.writing import write_stand_ins
from palimpsest.sessions import Session

ROOT = Path(__file__).parents[2]
KEY_LISTS = ROOT / "tests" / "checkpoint-keys"
FACES = "face-parsing-02dd3f6f.pth"
SMILE = "celeba-smile.pth"
ALEXNET = "alexnet-owt-7be5be79.pth"
PARSER = tuple(
    f"upp-resnet50-upernet/{name}"
    for name in ("encoder_epoch_40.pth", "decoder_epoch_40.pth", "labels.json")
)
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"


def shapes(state: dict) -> dict:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def listed(name: str) -> dict:
    fields = (line.split("\t") for line in (KEY_LISTS / f"{name}.txt").read_text().splitlines())
    return {key: ast.literal_eval(shape) for key, shape, _ in fields}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        (
            "stylegan2_church-e8ca9fd0.pt",
            "stylegan2_church_horse_kitchen_bedroom_cat_places_256.g_ema",
        ),
        ("stylegan2_faces-2858cc2e.pt", "stylegan2_faces_1024.g_ema"),
        ("proggan_kitchen-67f1e16c.pth", "proggan_lsun_256"),
        ("proggan_celebhq-620d161c.pth", "proggan_celebhq_1024"),
    ],
)
def test_generators_have_the_published_names_and_shapes(name: str, keys: str) -> None:
    content = stand_in_network(name, seed=1)
    assert shapes(content.get("g_ema", content)) == listed(keys)
    if "g_ema" in content:
        assert content["latent_avg"].shape == (512,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stand-ins")
    names = [FACES, SMILE, ALEXNET, INCEPTION, "masks/smile.json", "masks/dome2tree.json"]
    names.append("masks/kitchen_reflections.json")
    write_stand_ins(folder, names, seed=1)
    return folder


def test_the_face_parser_sees_a_mouth(folder: Path) -> None:
    torch.manual_seed(5)
    parser = load_segmenter(folder / FACES)
    labels = parser.labels(pictures(2, 256))
    assert torch.isin(labels, torch.tensor([11, 12, 13])).any()


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> UnifiedParser:
    folder = tmp_path_factory.mktemp("parser")
    write_stand_ins(folder, PARSER, seed=1)
    return assemble_parser(*(folder / name for name in PARSER), out=folder / "parser.safetensors")


def test_the_parser_sees_domes_and_trees_in_a_church(parser: UnifiedParser, tmp_path: Path) -> None:
    """Or no edit of domes could be chosen by what it does to them."""
    church = "stylegan2_church-e8ca9fd0.pt"
    write_stand_ins(tmp_path, [church], seed=1)
    generator = load_generator(tmp_path / church, truncation=0.5)
    with torch.inference_mode():
        images = torch.cat([generator(z) for z in sample_z(generator, 8, 2).split(4)])
    assert 0.2 < images.std() < 1 and images.mean().abs() < 1
    labels = parser.labels(images)
    for name in ("dome", "tree", "building"):
        shown = torch.isin(labels, torch.tensor(parser.numbers(name))).float().mean((1, 2))
        assert (shown > 0.002).sum() >= 2, f"{name}: {shown}"


def test_the_parser_sees_windows_in_a_kitchen(parser: UnifiedParser, tmp_path: Path) -> None:
    """Or no unit of its would fit windows: among the few samples that this scale dissects."""
    kitchen = "proggan_kitchen-67f1e16c.pth"
    write_stand_ins(tmp_path, [kitchen], seed=1)
    generator = load_generator(tmp_path / kitchen)
    with torch.inference_mode():
        images = generator(sample_z(generator, 4, seed=12))
    seen = torch.isin(parser.labels(images), torch.tensor(parser.numbers("window")))
    assert seen.float().mean() > 0.002


def test_generators_of_one_layout_differ() -> None:
    church, horse = (
        stand_in_network(f"stylegan2_{name}.pt", seed=1)["g_ema"]
        for name in ("church-e8ca9fd0", "horse-499b5380")
    )
    assert church.keys() == horse.keys()
    assert not torch.equal(church["conv1.conv.weight"], horse["conv1.conv.weight"])


def test_the_instruments_read_theirs(folder: Path) -> None:
    torch.manual_seed(5)
    a, b = pictures(2, 64).chunk(2)
    assert 0 <= load_classifier(folder / SMILE).probability(a) <= 1
    vectors = InceptionFeatures.load(folder / INCEPTION).pooled(torch.cat([a, b]))
    assert vectors.shape == (2, 2048) and (vectors[0] != vectors[1]).any()
    pieces = InceptionPieces(InceptionFeatures.load(folder / INCEPTION))(torch.cat([a, b]))
    assert pieces.dtype == "float32" and abs(pieces - vectors).max() < 1e-3
    distance = LpipsAlex(folder / ALEXNET)
    assert distance(a, a) < 1e-6 < distance(a, b)


def test_sessions_are_of_the_original_format(folder: Path) -> None:
    session = Session.load(folder / "masks/smile.json")
    assert session.layer is None and len(session.exemplars) == 1 and len(session.context) == 4
    assert session.exemplars[0].object.pixels.shape == (1024, 1024)
    other = Session.load(folder / "masks/dome2tree.json")
    assert other.exemplars[0].object.pixels.shape == (256, 256)
    assert other.samples != session.samples


def test_painted_scenes_are_of_the_original_format(folder: Path) -> None:
    scenes = PaintedScenes.load(folder / "masks/kitchen_reflections.json")
    assert len(scenes) == 6 and scenes.windows[0].shape == (256, 256)
    assert all(len(half) == 3 for half in scenes.halves())
    assert not torch.equal(scenes.window_areas(8), scenes.reflection_areas(8))


def test_no_two_sessions_paint_the_same(tmp_path: Path) -> None:
    names = [name for name in PUBLISHED_FILES if name.startswith("masks/")]
    assert len({Path(name).stem for name in names}) == len(names) == 10
    write_stand_ins(tmp_path, names, seed=1)
    assert len({(tmp_path / name).read_text() for name in names}) == len(names)


def test_every_file_that_the_scale_reads_is_made() -> None:
    """By ``make stand-ins``, whose list is its own: to make them all would take minutes."""
    told = ["make", "--no-print-directory", "--eval=told:;@echo $(STAND_INS)", "told"]
    made = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True)
    read = yaml.safe_load((ROOT / "workflow/scales/stand_ins.yaml").read_text())
    files = {*read["instruments"].values(), read["reflections"]["painted"]}
    files.add(read["watermarks"]["painted"])
    for model in read["models"].values():
        files |= {model["weights"], *model.get("classifiers", [])}
        files |= {model.get("segmenter", model["weights"])}
        files |= set(model.get("fetched_sessions", {}).values())
    names = {file.removeprefix("data/weights/stand_ins/") for file in files}
    assembled = {"upp-resnet50-upernet.safetensors"}
    assert set(made.stdout.split()) == names - assembled | set(PARSER)


def test_the_manifest_tells_every_file(folder: Path) -> None:
    manifest = StandIns.load(folder / "manifest.json")
    assert manifest.seed == 1 and len(manifest.digests) == 7
    # nothing that is checked by its hash can pass for what it stands for
    for name, digest in manifest.digests.items():
        prefix = PUBLISHED_FILES[name].sha256_prefix
        assert prefix is None or not digest.startswith(prefix)


def test_labels_say_that_they_stand_in() -> None:
    content = json.loads(json.dumps(stand_in_labels()))
    labels = ParsingLabels.from_json("labels.json", content)
    assert labels.stand_in and labels.counts == COUNTS
    assert labels.numbers("dome") and labels.numbers("tree")


def test_every_network_of_the_table_has_a_stand_in() -> None:
    networks = {name for name in PUBLISHED_FILES if not name.endswith(".json")}
    generators = {name for name in networks if name.startswith(("stylegan2_", "proggan_"))}
    assert networks - generators == set(NETWORKS)


def test_the_same_seed_gives_the_same_numbers_and_draws_nothing_from_outside() -> None:
    before = torch.random.get_rng_state()
    one, two, other = (stand_in_network(SMILE, seed)["model_state_dict"] for seed in (3, 3, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["fc.weight"], other["fc.weight"])


def test_larger_images_go_in_smaller_batches() -> None:
    assert [images_at_once(side, 16) for side in (64, 128, 256, 512, 1024)] == [16, 16, 4, 1, 1]
