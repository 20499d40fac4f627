"""The published instruments: their names and shapes, what they make of images, what they refuse."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from palimpsest.errors import CheckpointError, ParameterError
from palimpsest.instruments.classifiers.published import ATTRIBUTES, FaceAttribute, SlimNet
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.face_parser import CLASSES, BiSeNet, FaceParser
from palimpsest.instruments.segmenters.parsing_network import (
    ParsingDecoder,
    ParsingEncoder,
    convolved_enlarged,
    precise_average,
    tent_means,
)
from palimpsest.instruments.segmenters.unified_parser import (
    MEAN_BGR,
    ParsingLabels,
    UnifiedParser,
    as_parsed,
    assemble_parser,
)
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter

KEY_LISTS = Path(__file__).parents[1] / "checkpoint-keys"
LABELS = {
    "object": ["-", "wall", "sky", "floor", "tree", "building", "door"],
    "scene": ["street", "kitchen"],
    "material": ["-", "brick", "wood"],
    # as a file may list them: the network answers by the number of the owner
    "object_part": {"building": ["-", "door", "dome"], "sky": ["-", "cloud"]},
}


def key_list(name):
    lines = (KEY_LISTS / f"{name}.txt").read_text().splitlines()
    fields = (line.split("\t") for line in lines)
    return {name: (ast.literal_eval(shape), dtype) for name, shape, dtype in fields}


def named(network):
    return {k: (tuple(t.shape), str(t.dtype)) for k, t in network.state_dict().items()}


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (ParsingEncoder, "upp_resnet50_encoder_epoch_40"),
        (
            lambda: ParsingDecoder({"scene": 366, "object": 336, "part": 200, "material": 26}),
            "upp_upernet_decoder_epoch_40.PLACEHOLDER_nclasses",
        ),
        (BiSeNet, "face_parsing_bisenet"),
    ],
)
def test_names_and_shapes_are_the_published_ones(network, name):
    with torch.device("meta"):
        assert named(network()) == key_list(name)


def test_a_stem_of_three_and_four_stages_halve_the_image_five_times():
    maps = ParsingEncoder().eval()(torch.zeros(1, 3, 64, 64))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
        (2048, 2, 2),
    ]


@pytest.mark.parametrize(
    ("small", "size"), [((4, 4), (8, 8)), ((2, 3), (16, 12)), ((3, 5), (7, 9)), ((6, 6), (6, 6))]
)
def test_a_convolution_of_an_enlarged_map_is_had_from_the_small_one(small, size):
    torch.manual_seed(1)
    x, weight = torch.randn(2, 3, *small), torch.randn(5, 3, 3, 3)
    enlarged = nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
    wanted = nn.functional.conv2d(enlarged, weight, padding=1)
    assert torch.allclose(convolved_enlarged(x, weight, size), wanted, atol=1e-5)


def test_the_decoder_fuses_its_pyramid_as_one_convolution_would():
    torch.manual_seed(1)
    decoder = ParsingDecoder({"scene": 2, "object": 3, "part": 4, "material": 2}).eval()
    pyramid = [torch.randn(1, 512, side, side) for side in (8, 4, 2, 1)]
    enlarged = [nn.functional.interpolate(one, (8, 8), mode="bilinear") for one in pyramid]
    with torch.no_grad():
        wanted = decoder.conv_fusion(torch.cat(enlarged, 1))
        assert torch.allclose(decoder._fused(pyramid), wanted, atol=1e-5)
    with_gradient = pyramid[2].requires_grad_()
    decoder._fused(pyramid).sum().backward()
    assert with_gradient.grad is not None and with_gradient.grad.abs().sum() > 0


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
def test_precise_average_is_the_integral_of_the_bilinear_surface(cells):
    side, fine = 8, 600
    values = torch.randn(1, 2, side, side, generator=torch.Generator().manual_seed(1))
    t = (np.arange(side * fine) + 0.5) / fine  # the middle of each of many strips
    tents = np.maximum(0, 1 - np.abs(t[:, None] - np.arange(side)))
    mean = tents.reshape(cells, -1, side).mean(1)
    expected = np.einsum("ry,bcyx,kx->bcrk", mean, values.double().numpy(), mean)
    np.testing.assert_allclose(precise_average(values, cells), expected, atol=1e-5)
    # half a tent lies before the first value and nothing beyond the last but one
    assert tent_means(side, 1).sum() == pytest.approx((side - 0.5) / side)


def labels():
    return ParsingLabels.from_json("labels.json", LABELS)


def test_a_name_stands_for_an_object_with_its_parts_or_a_part_of_any_owner():
    told = labels()
    assert told.classes[7:] == ("sky/cloud", "building/door", "building/dome")
    assert told.counts == {"object": 7, "scene": 2, "material": 3, "part": 5}
    assert told.numbers("dome") == (9,)
    assert told.numbers("building") == (5, 8, 9)
    assert told.numbers("door") == (6, 8)  # the object, and what netdissect merges with it
    assert told.numbers("building/door") == (8,)
    assert told.numbers("spire") == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"object": "sky"}, "field object is not a list"),
        ({"object_part": [1]}, "object_part does not list parts"),
        ({"object_part": {"tower": ["-"]}}, "'tower', which is not an object"),
    ],
)
def test_labels_that_are_none_are_named(change, says):
    with pytest.raises(CheckpointError, match=f"labels.json: .*{says}"):
        ParsingLabels.from_json("labels.json", LABELS | change)


class Told(nn.Module):
    """A network whose scores are given."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def encoder(self, images):
        return [images]

    def decoder(self, maps, heads):
        return {head: self.scores[head] for head in heads}


def one_hot(numbers, count):
    return torch.nn.functional.one_hot(torch.tensor(numbers), count).permute(2, 0, 1)[None].float()


def test_a_part_counts_only_where_its_owner_was_told():
    # columns: sky, tree, building, building; each with the best channel of every owner's parts
    objects = one_hot([[2, 4, 5, 5]] * 4, 7)
    # channels: sky -, cloud; building -, door, dome
    parts = torch.zeros(1, 5, 4, 4)
    parts[0, 1] = 1  # cloud rather than nothing, everywhere
    parts[0, 4, :, :3] = 1  # dome, but in the last column nothing
    parts[0, 2, :, 3] = 1
    parser = UnifiedParser(Told({"object": objects, "part": parts}), labels())
    found = parser.labels(torch.zeros(1, 3, 4, 4))
    assert found.dtype == torch.int64
    names = [parser.classes[number] for number in found[0, 0]]
    assert names == ["sky/cloud", "tree", "building/dome", "building"]
    with pytest.raises(ParameterError, match="no class 'spire'"):
        parser.numbers("spire")


def test_images_go_into_the_parser_as_bgr_without_their_mean():
    red = torch.tensor([1.0, -1.0, 0.0])[None, :, None, None].expand(1, 3, 300, 300)
    seen = as_parsed(red)
    assert seen.shape == (1, 3, 256, 256)
    expected = torch.tensor([127.5, 0.0, 255.0]) - torch.tensor(MEAN_BGR)
    torch.testing.assert_close(seen[0, :, 7, 9], expected)


def test_three_files_make_one_parser_that_says_what_it_was_made_of(tmp_path):
    with torch.device("meta"):
        networks = {"encoder": ParsingEncoder(), "decoder": ParsingDecoder(labels().counts)}
    files = {}
    for part, network in networks.items():
        # every tensor is one number, expanded: the files stay small
        state = {k: torch.tensor(0.5).expand(t.shape) for k, t in network.state_dict().items()}
        files[part] = tmp_path / f"{part}_epoch_40.pth"
        torch.save(state, files[part])
    (tmp_path / "labels.json").write_text(json.dumps(LABELS | {"stand_in": True}))
    out = tmp_path / "parser.safetensors"
    with pytest.raises(CheckpointError, match="decoder_epoch_40.pth: not a parsing encoder"):
        assemble_parser(files["decoder"], files["decoder"], tmp_path / "labels.json", out)
    assert not out.exists()
    assemble_parser(files["encoder"], files["decoder"], tmp_path / "labels.json", out)
    parser = load_segmenter(out)
    assert parser.classes == labels().classes
    assert parser.name == "stand-in-for-upp-resnet50-upernet"
    assert set(parser.facts["sources"]) == {
        "encoder_epoch_40.pth",
        "decoder_epoch_40.pth",
        "labels.json",
    }


def test_the_face_parser_scales_by_the_nearest_pixel(monkeypatch):
    parser = FaceParser(nn.Module())
    scores = torch.zeros(1, 19, 512, 512)
    scores[:, CLASSES.index("mouth"), 256:] = 1
    monkeypatch.setattr(parser, "scores", lambda images: scores)
    found = parser.labels(torch.zeros(1, 3, 1024, 64))
    assert found.shape == (1, 1024, 64) and found.dtype == torch.int64
    assert set(found[0, :512].unique().tolist()) == {0}
    assert set(found[0, 512:].unique().tolist()) == {11}
    assert [parser.index(name) for name in ("u_lip", "l_lip")] == [12, 13]
    with pytest.raises(ParameterError, match="no class 'teeth'"):
        parser.index("teeth")


@pytest.fixture(scope="module")
def face_state():
    torch.manual_seed(2)
    return BiSeNet().state_dict()


def test_segmenters_are_told_apart_by_content(tmp_path, face_state, random_segmenter):
    torch.save(face_state, tmp_path / "church-segmenter.safetensors")
    assert isinstance(load_segmenter(tmp_path / "church-segmenter.safetensors"), FaceParser)
    random_segmenter.save(tmp_path / "face-parsing.pth")
    assert isinstance(load_segmenter(tmp_path / "face-parsing.pth"), WorldSegmenter)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="not a known segmenter"):
        load_segmenter(tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="no such file"):
        load_segmenter(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("ffm.conv1.weight", None, "tensor ffm.conv1.weight is missing"),
        ("ffm.conv1.weight", lambda t: t[:3], r"has shape \(3, 256, 1, 1\), not"),
        ("ffm.conv1.weight", lambda t: t * float("nan"), "not finite"),
        ("sp.conv1.weight", lambda _: torch.zeros(1), "unknown tensor sp.conv1.weight"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_the_tensor(face_state, name, change, says):
    state = dict(face_state)
    if change is None:
        del state[name]
    else:
        state[name] = change(state.get(name, torch.zeros(1)))
    with pytest.raises(CheckpointError, match=f"faces.pth: .*{says}"):
        FaceParser.of("faces.pth", state)


SIZES = {
    "filter_count_values": [16, 32, 48, 64],
    "initial_conv": [20, 7, 2],
    "num_classes": 40,
    "depth_multiplier": 1,
}


@pytest.fixture
def celeba(tmp_path):
    torch.manual_seed(1)
    network = SlimNet((20, 7, 2))
    content = {"hyper_params": SIZES, "model_state_dict": network.state_dict()}
    torch.save(content, tmp_path / "celeba-smile.pth")
    return tmp_path / "celeba-smile.pth", network.eval(), content


def test_the_smile_is_one_of_forty_attributes(celeba):
    path, network, _ = celeba
    smiles = load_classifier(path)
    assert smiles.name == "slimnet-celeba-smile"
    images = torch.rand(3, 3, 178, 218) * 2 - 1
    with torch.no_grad():
        expected = network(images)[:, ATTRIBUTES.index("Smiling")].sigmoid()
    torch.testing.assert_close(smiles.probability(images), expected)
    assert smiles.shows(images).tolist() == (expected > 0.5).tolist()
    assert smiles.probability(torch.zeros(1, 3, 256, 256)).shape == (1,)


def test_what_is_no_such_classifier_is_refused(celeba, tmp_path):
    path, _, content = celeba
    with pytest.raises(ParameterError, match="no attribute 'hat'"):
        FaceAttribute.load(path, "hat")
    torch.save({**content, "hyper_params": SIZES | {"num_classes": 2}}, tmp_path / "a-smile.pth")
    with pytest.raises(CheckpointError, match="a-smile.pth: hyper_params"):
        load_classifier(tmp_path / "a-smile.pth")
    torch.save(content["model_state_dict"], tmp_path / "b-smile.pth")
    with pytest.raises(CheckpointError, match="not a Slim-CNN"):
        load_classifier(tmp_path / "b-smile.pth")
    path.rename(tmp_path / "celeba_20.pth")
    with pytest.raises(CheckpointError, match="does not select an attribute"):
        load_classifier(tmp_path / "celeba_20.pth")
