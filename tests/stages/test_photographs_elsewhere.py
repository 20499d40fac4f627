"""The stages of photographs on another device than the CPU (as `test_stages_elsewhere`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from palimpsest.generators import load_generator
from palimpsest.memory import Edit
from stages import invert_photograph, measure_photographs, measure_renders, train_encoder
from tests.devices.stage_steps import Step, assert_same_elsewhere, plain_adam
from tests.doubles.drawn_photographs import drawn_archive, drawn_face

MINI = Path(__file__).parents[2] / "data/weights/mini"
FACES, CHURCH = MINI / "photo_faces.safetensors", MINI / "church.safetensors"
PARTS = MINI / "photo_faces-parts.safetensors"
QUICK = {
    "inversion": {"candidates": 8, "starts": 2, "z_steps": 2, "w_steps": 2},
    "adaptation": {"steps": 2, "kept": 2, "kept_batch": 1},
}
PHOTOGRAPHS = QUICK | {
    **{"photographs": 2, "stickers": 1, "shown": 1, "region": ["mouth", "smile"]},
    "switch": {"layer": 5, "units": 4, "samples": 64, "seed": 6, "strength": 2.0},
}

STEPS = {
    "invert_photograph": Step(
        invert_photograph,
        lambda made, out: {
            **{"photograph": made / "me.png", "weights": FACES, "segmenter": PARTS, "above": 6},
            "framing": MINI / "photo_faces-framing.safetensors",
            "encoder": made / "encoder.safetensors",
            **{name: json.dumps(settings) for name, settings in QUICK.items()},
            "out": out / "me.safetensors",
        },
    ),
    "measure_photographs": Step(
        measure_photographs,
        lambda made, out: {
            **{"archive": made / "faces.zip", "weights": FACES, "segmenter": PARTS},
            "classifier": MINI / "photo_faces-smile.safetensors",
            "edit": made / "rule_faces.safetensors",
            "encoder": made / "encoder.safetensors",
            "settings": json.dumps(PHOTOGRAPHS),
            "out": out / "photographs.parquet",
            "out_panel": out / "photographs.npz",
        },
    ),
    "measure_renders": Step(
        measure_renders,
        lambda made, out: {
            **{"weights": CHURCH, "segmenter": MINI / "church-segmenter.safetensors"},
            "world": "church",
            "edit": f"dome2spire={made / 'rule_church.safetensors'}",
            "settings": json.dumps(QUICK | {"renders": 1, "seed": 9}),
            "out": out / "renders.parquet",
            "out_panel": out / "renders.npz",
        },
    ),
}


@pytest.fixture(scope="module", autouse=True)
def one_kernel() -> Iterator[None]:
    with plain_adam():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what the steps read, and what all of them make on the CPU."""
    folder = tmp_path_factory.mktemp("cpu")
    Image.fromarray(drawn_face(3, smiling=True)).resize((96, 96)).save(folder / "me.png")
    drawn_archive(folder / "faces.zip", range(1, 17))
    encoder = json.dumps({"widths": [4], "hidden": 4, "steps": 1, "batch": 2})
    train_encoder.main(FACES, folder / "encoder.safetensors", encoder)
    small_edit(FACES).save(folder / "rule_faces.safetensors")
    small_edit(CHURCH).save(folder / "rule_church.safetensors")
    for step in STEPS.values():
        step.run(folder, folder)
    return folder


def small_edit(weights: Path, layer: int = 6) -> Edit:
    """An edit of rank one in a random direction."""
    g = load_generator(weights)
    out, into = g.layer(layer).weight.shape[:2]
    random = torch.Generator().manual_seed(6)
    direction = torch.nn.functional.normalize(torch.randn(1, into, generator=random))
    change = 0.1 * torch.randn(out, 1, 3, 3, generator=random)
    about = {"layer": str(layer), "weights_sha256": g.weights_sha256}
    return Edit(direction, change, about)


@pytest.mark.parametrize("name", STEPS)
def test_a_stage_makes_elsewhere_what_it_makes_on_the_cpu(
    name: str, made: Path, tmp_path: Path
) -> None:
    assert_same_elsewhere(STEPS[name], made, tmp_path)
