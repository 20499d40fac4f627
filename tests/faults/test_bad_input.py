"""Bad input where it meets the pipeline: one line that names it, exit 2, nothing lost.

Each kind of bad input has its own tests beside the module that reads it (docs/reliability.md lists
them); here the stages get it as the pipeline would hand it to them.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators import load_generator, save_generator
from palimpsest.sessions.masks import encode_mask

from . import small_pipeline as small
from .conftest import Undisturbed
from .small_pipeline import SmallPipeline, errors_in, said
from .stage_calls import STAGES, refused
from .test_truncation import linked

pytestmark = pytest.mark.pipeline


class RunsCode:
    """Unpickled without care, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def missing(file: Path) -> None:
    file.unlink()


def web_page(file: Path) -> None:
    replace(file, b"<!DOCTYPE html><html>404</html>" * 9)


def hostile(file: Path) -> None:
    replace(file, pickle.dumps(RunsCode(file.parent / "ran")))


def lying_header(file: Path) -> None:
    replace(file, (2**62).to_bytes(8, "little") + file.read_bytes()[8:])


def flipped_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-2] ^= 1  # in the last number
    replace(file, bytes(content))


def trained_further(file: Path) -> None:
    generator = load_generator(file)
    generator.layer(generator.layers[0]).weight.mul_(1.5)
    file.unlink()
    save_generator(generator, file)


def session_with(**changes: Any) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        replace(file, json.dumps(json.loads(file.read_text()) | changes).encode())

    return damage


def paste_with(**changes: Any) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        session = json.loads(file.read_text())
        session["exemplars"][0]["paste"] |= changes
        replace(file, json.dumps(session).encode())

    return damage


def second_moment_of(number: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        arrays, metadata = load_arrays(file)
        arrays["second_moment"] = torch.full_like(arrays["second_moment"], number)
        file.unlink()
        save_arrays(file, arrays, metadata)

    return damage


def other_weights(file: Path) -> None:
    arrays, metadata = load_arrays(file)
    file.unlink()
    save_arrays(file, arrays, metadata | {"weights_sha256": "f" * 64})


EMPTY = encode_mask(np.zeros((16, 16)))

BAD: dict[str, tuple[str, Callable[[Path], None], str, str]] = {
    "weights are missing": (small.WEIGHTS, missing, "key_statistics", "no such file"),
    "weights are a web page": (small.WEIGHTS, web_page, "key_statistics", "a web page"),
    "weights would run code": (small.WEIGHTS, hostile, "key_statistics", "refused"),
    "weights have a false header": (
        small.WEIGHTS,
        lying_header,
        "key_statistics",
        "header is false",
    ),
    "weights have a flipped bit": (small.WEIGHTS, flipped_bit, "rewrite", "another checksum"),
    "statistics have a flipped bit": (
        small.STATISTICS,
        flipped_bit,
        "rewrite",
        "another checksum",
    ),
    "an edit has a flipped bit": (
        small.EDIT,
        flipped_bit,
        "measure_counterfactuals",
        "another checksum",
    ),
    "weights are others than the statistics'": (
        small.WEIGHTS,
        trained_further,
        "rewrite",
        "weights_sha256",
    ),
    "a segmenter is missing": (small.SEGMENTER, missing, "measure_counterfactuals", "no such file"),
    "an edit is of other weights": (
        small.EDIT,
        other_weights,
        "measure_counterfactuals",
        "made for",
    ),
    "a session has an empty mask": (
        small.SESSION,
        paste_with(mask=EMPTY),
        "rewrite",
        "exemplars[0].paste.mask: is empty",
    ),
    "a session has a mask that is no image": (
        small.SESSION,
        paste_with(mask="data:image/png;base64,AAAA"),
        "rewrite",
        "exemplars[0].paste.mask",
    ),
    "a session has an unknown sample": (
        small.SESSION,
        paste_with(sample=5000),
        "rewrite",
        "exemplars[0].paste.sample: 5000 is unknown",
    ),
    "a session has an unknown field": (
        small.SESSION,
        session_with(colour="red"),
        "rewrite",
        "field colour",
    ),
    "a session has a layer the generator has not": (
        small.SESSION,
        session_with(layer=40),
        "rewrite",
        "40",
    ),
    "a session has a rank above its keys": (
        small.SESSION,
        session_with(rank=500),
        "rewrite",
        "field rank: 500 is above",
    ),
    "a second moment is not finite": (
        small.STATISTICS,
        second_moment_of(float("nan")),
        "rewrite",
        "second moment holds NaN or infinity",
    ),
    "a second moment is singular": (small.STATISTICS, second_moment_of(0.0), "rewrite", "singular"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_is_refused_in_one_line_by_its_name(
    undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    file, damage, reader, says = BAD[case]
    folder = linked(undisturbed.pipeline.folder, tmp_path, STAGES[reader].files.values())
    damage(folder / file)
    line = refused(capsys, STAGES[reader], folder)
    assert says in line
    assert not list(folder.rglob("ran")), "code from the file was run"


def test_a_bad_session_beside_good_ones_is_named_and_the_rest_goes_on(
    finished: SmallPipeline, undisturbed: Undisturbed
) -> None:
    bad = finished.folder / "data" / "sessions" / "church" / "bad_idea.json"
    session = json.loads((finished.folder / small.SESSION).read_text())
    session["context"][0]["mask"] = EMPTY
    bad.write_text(json.dumps(session | {"name": "bad_idea"}))
    (finished.folder / small.FIGURE).unlink()
    done = finished.run()
    assert done.returncode != 0
    (line,) = errors_in(said(done))
    assert "bad_idea.json" in line and "context[0].mask: is empty" in line
    assert finished.results() == undisturbed.results, "something that was there is lost"
    bad.unlink()
    assert finished.planned() == {}


def replace(file: Path, content: bytes) -> None:
    file.unlink()  # it may be a link to the undisturbed run's
    file.write_bytes(content)
