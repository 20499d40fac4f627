"""A flipped bit in any kind of array file is noticed when the file is read, wherever it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from palimpsest.commands.contents import contents_of
from palimpsest.errors import PalimpsestError
from palimpsest.estimates.intervals import Estimate
from palimpsest.files.measurements import measured_facts, write_measurements
from palimpsest.files.panels import load_panel, save_panel
from palimpsest.generators import save_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.contrast_network import ContrastArchitecture
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.segmenters.photograph_parts import (
    BackboneArchitecture,
    parts_of,
)
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.composed_edits import composed
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.framing import FramingNetwork
from palimpsest.photographs.weight_change import WeightChange
from palimpsest.training.instrument_recipes import MouthRegion

FLIPS = 500
"""In each of two runs: one at the same places every time, one at new places."""


SUFFIXES = {"panel": "npz", "measurements": "parquet"}


class Kind(NamedTuple):
    """A kind of array file: what `contents_of` calls it, and how one is written."""

    called: str
    write: Callable[[Path], None]


@pytest.fixture(scope="module")
def kinds(small_generator, random_segmenter) -> Mapping[str, Kind]:
    torch.manual_seed(5)
    g, sha = small_generator, small_generator.weights_sha256
    progressive = ProgressiveGAN(16, {4: 8, 8: 6, 16: 4}, z_dim=6).eval()
    edit = Edit(torch.randn(1, 12), torch.randn(12, 1, 3, 3), {"layer": "5", "weights_sha256": sha})
    statistics = KeyStatistics(torch.eye(12), 1000, torch.rand(12, 261), {"layer": "5"})
    contrast = ContrastArchitecture(widths=(4, 6), hidden=4)
    smile = AttributeClassifier(contrast.build(), contrast, "", "smile", 64)
    backbone = BackboneArchitecture((4, 6, 8))
    parts = parts_of(smile, backbone.build(), backbone, MouthRegion(), {})
    reference = FrechetReference(np.zeros(3), np.eye(3), 40, Estimate(1.0, 0.5, 1.5), "parts")
    change = WeightChange(5, {"convs.3.conv.weight": torch.randn(8, 12, 3, 3).half()})
    photograph = InvertedPhotograph(torch.randn(8, 16), change, sha, {"errors": {}})
    rows = pd.DataFrame({"sample": range(40), "method": "newton", "loss": np.linspace(0, 1, 40)})
    pictures = {"before": np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)}
    return {
        "stylegan2": Kind("generator", lambda path: save_generator(g, path)),
        "rewritten": Kind("generator", lambda path: save_generator(edit.apply(g), path)),
        "progressive": Kind("generator", lambda path: save_generator(progressive, path)),
        "edit": Kind("edit", edit.save),
        "composed": Kind("edit", composed([("a", edit, 1.0), ("b", edit, 0.5)]).save),
        "statistics": Kind("key statistics", statistics.save),
        "segmenter": Kind("segmenter", random_segmenter.save),
        "parts": Kind("segmenter", parts.save),
        "classifier": Kind("classifier", smile.save),
        "encoder": Kind("encoder", Encoder(32, 8, 16, (4, 8), 8, sha).save),
        "framing": Kind("framing network", FramingNetwork().save),
        "reference": Kind("Fréchet reference", reference.save),
        "photograph": Kind("inverted photograph", photograph.save),
        "panel": Kind("panel", lambda path: save_panel(path, pictures, {"n": 3})),
        "measurements": Kind(
            "measurements", lambda path: write_measurements(rows, path, {"n": "3"})
        ),
    }


@pytest.fixture(scope="module")
def files(kinds: Mapping[str, Kind], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("arrays")
    made = {}
    for name, kind in kinds.items():
        made[name] = folder / f"{name}.{SUFFIXES.get(name, 'safetensors')}"
        kind.write(made[name])
    return made


def read(file: Path) -> str:
    """The kind of a file, after all of it was read."""
    if file.suffix == ".npz":
        load_panel(file)
        return "panel"
    if file.suffix == ".parquet":
        measured_facts(file)
        return "measurements"
    return contents_of(file).kind


def refusal(file: Path, place: int, bit: int) -> str:
    """What reading says with one bit of the file flipped; "" if it reads."""
    with open(file, "r+b") as content:
        content.seek(place)
        old = content.read(1)
        content.seek(place)
        content.write(bytes([old[0] ^ (1 << bit)]))
        content.flush()
        try:
            read(file)
            return ""
        except PalimpsestError as problem:
            return str(problem)
        finally:
            content.seek(place)
            content.write(old)


def check(file: Path, place: int, bit: int) -> None:
    said = refusal(file, place, bit)
    assert said, f"{file.name}: bit {bit} of byte {place} was not noticed"
    assert said.startswith(f"{file}: ") and "\n" not in said and len(said) < 600


def test_the_files_read_as_they_were_written(kinds, files) -> None:
    assert {name: read(file) for name, file in files.items()} == {
        name: kind.called for name, kind in kinds.items()
    }


@pytest.mark.parametrize("seed", [1, None])
def test_a_flipped_bit_at_a_random_place_is_noticed(files, seed: int | None) -> None:
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
        print(f"seed {seed}")  # shown if it fails
    draw = random.Random(seed)
    names = sorted(files)
    for number in range(FLIPS):
        file = files[names[number % len(names)]]
        check(file, draw.randrange(file.stat().st_size), draw.randrange(8))
    assert all(read(file) for file in files.values())  # every bit was flipped back


def test_a_flipped_bit_in_the_header_or_its_length_is_noticed(files) -> None:
    draw = random.Random(2)
    for file in files.values():
        if file.suffix != ".safetensors":
            continue
        with open(file, "rb") as content:
            length = int.from_bytes(content.read(8), "little")
        for bit in range(64):
            check(file, bit // 8, bit % 8)
        for _ in range(20):
            check(file, 8 + draw.randrange(length), draw.randrange(8))


def test_a_flipped_bit_anywhere_in_the_footer_of_a_parquet_file_is_noticed(files) -> None:
    """Where pages have no checksum: names, types, facts, the checksum itself and its marks."""
    file = files["measurements"]
    content = file.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    draw = random.Random(3)
    for place in range(len(content) - 8 - length, len(content), 3):
        check(file, place, draw.randrange(8))
    marks = (content.index(b"palimpsest.checksum"), content.index(b"palimpsest sha256 "))
    for start in marks:
        for place in range(start, start + 18):
            check(file, place, draw.randrange(8))
    assert file.read_bytes() == content


def test_measurements_are_plain_parquet_and_those_of_others_are_read(files, tmp_path) -> None:
    table = pq.read_table(files["measurements"])
    assert table.num_rows == 40 and table.column_names == ["sample", "method", "loss"]
    assert measured_facts(files["measurements"]) == {"n": "3"}
    plain = tmp_path / "plain.parquet"
    pq.write_table(table.replace_schema_metadata({"palimpsest.n": "4"}), plain)
    assert measured_facts(plain) == {"n": "4"}
