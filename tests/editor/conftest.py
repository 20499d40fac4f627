"""A place with the church generator and its example session, and a desk that remembers."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from palimpsest.editor import messages
from palimpsest.editor.answers import ToPage
from palimpsest.editor.desk import Desk
from palimpsest.editor.drafts import Drafts
from palimpsest.editor.engine import Engine
from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.generators import Generator, load_generator, sample_z
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session
from palimpsest.sessions.masks import encode_mask

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "data" / "weights" / "mini"
DOMES = (16, 31, 2, 8)
"""Samples of the church with a large dome."""
EXAMPLES = ROOT / "palimpsest" / "editor" / "examples"
SAMPLES = 150
"""Samples of the full statistics: few, as these tests are not about the edit's quality."""


@pytest.fixture(scope="session")
def statistics_file(tmp_path_factory) -> Path:
    """Full statistics of the church's layer 6, as the background would store them."""
    g = load_generator(WEIGHTS / "church.safetensors")
    path = tmp_path_factory.mktemp("statistics") / "layer6.safetensors"
    KeyStatistics.collect(g, 6, n=SAMPLES, seed=1).save(path)
    return path


@pytest.fixture
def place(tmp_path, statistics_file) -> Workplace:
    """The church with its statistics at hand."""
    files = ModelPlace(
        weights=WEIGHTS / "church.safetensors",
        sessions=tmp_path / "sessions",
        statistics_folder=tmp_path / "statistics",
        segmenter=WEIGHTS / "church-segmenter.safetensors",
        layer=6,
        statistics_samples=SAMPLES,
    )
    files.statistics_folder.mkdir()
    shutil.copy(statistics_file, files.statistics_file(6))
    return Workplace({"church": files}, "church", tmp_path / "drafts", examples=EXAMPLES)


@pytest.fixture(scope="session")
def example() -> Session:
    """The example session: domes become spires."""
    return Session.load(EXAMPLES / "church" / "domes_become_spires.json")


@pytest.fixture(scope="session")
def church() -> tuple[Generator, Any, Tensor]:
    """The church, its segmenter, and 232 samples."""
    from palimpsest.instruments.loading import load_segmenter

    g = load_generator(WEIGHTS / "church.safetensors")
    return g, load_segmenter(WEIGHTS / "church-segmenter.safetensors"), sample_z(g, 232, 1)


@pytest.fixture(scope="session")
def domes(church) -> dict[int, str]:
    """Masks of the labelled domes of some samples."""
    g, segmenter, z = church
    dome = segmenter.numbers("dome")[0]
    with torch.no_grad():
        labels = segmenter.labels(g(z[list(DOMES)]))
    return {
        sample: encode_mask((one == dome).numpy().astype(np.float64))
        for sample, one in zip(DOMES, labels, strict=True)
    }


@pytest.fixture
def engine(place) -> Iterator[Engine]:
    drafts = Drafts.open(place.drafts)
    engine = Engine(place, drafts)
    yield engine
    engine.close()
    drafts.close()


class Heard:
    """Messages that a desk published, in their order."""

    def __init__(self) -> None:
        self.all: list[ToPage] = []
        self._news = threading.Condition()

    def __call__(self, message: ToPage, viewer: int | None) -> None:
        with self._news:
            self.all.append(message)
            self._news.notify_all()

    def wait(self, wanted: Callable[[ToPage], bool], seconds: float = 60):
        """The first message that is wanted, when it has come."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                for message in self.all:
                    if wanted(message):
                        return message
                assert self._news.wait(end - time.monotonic()), [m.type for m in self.all]

    def of(self, kind: str) -> list[ToPage]:
        return [message for message in self.all if message.type == kind]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def desk(place, heard) -> Iterator[Desk]:
    desk = Desk.open(place, heard)
    yield desk
    desk.close()


def spot(top: int, left: int, bottom: int, right: int, size: int = 128) -> str:
    """A mask with one painted rectangle."""
    mask = np.zeros((size, size))
    mask[top:bottom, left:right] = 1
    return encode_mask(mask)


def change(kind: str, **values: Any) -> messages.Change:
    """A message of the page."""
    return messages.parse(json.dumps({"type": kind, "version": 1, **values}))


def select(role: str, sample: int, mask: str | None, **more: int) -> messages.Select:
    """A stroke of the page."""
    return messages.Select(version=1, type="select", role=role, sample=sample, mask=mask, **more)
