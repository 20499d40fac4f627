"""What tests of sessions share: a golden one and its generator, and surveys of renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palimpsest.drawing.survey import Survey, moved
from palimpsest.generators import load_generator
from palimpsest.generators.base import Generator
from palimpsest.generators.samples import standard_normal
from palimpsest.memory import KeyStatistics
from palimpsest.memory.goals import box_of
from palimpsest.sessions.schema import Session
from palimpsest.worlds import get_world

GOLDEN = Path(__file__).parents[1] / "golden"

SMALL_SEARCH = {
    "tuning_samples": 6,
    "statistics_samples": 24,
    "mu_grid": [0.03, 0.3],
    "iterations": 8,
    "exemplars": 2,
    "hard_cells_weight": 0,
    "refining_steps": 0,
}
"""Settings of `palimpsest` with which a search takes a second, without the two steps at its end."""


@pytest.fixture(scope="module")
def g() -> Generator:
    return load_generator(GOLDEN / "sg2_checkpoint.safetensors", truncation=0.5)


@pytest.fixture(scope="module")
def stats(g: Generator) -> KeyStatistics:
    return KeyStatistics.collect(g, layer=6, n=40, seed=1)


def golden_session() -> Session:
    """The golden session, its object pasted on three samples."""
    drawn = Session.load(GOLDEN / "sg2_session.json")
    first = drawn.exemplars[0]
    more = [
        first.model_copy(update={"paste": first.paste.model_copy(update={"sample": sample})})
        for sample in (11, 14)
    ]
    return drawn.model_copy(update={"exemplars": (first, *more), "layer": 6})


@pytest.fixture(scope="module")
def session() -> Session:
    return golden_session()


def surveyed(name: str, n: int, resolution: int = 128, cells: int = 16) -> Survey:
    """Survey of a world's own renders."""
    world = get_world(name)
    picture = world.render(world.scene(standard_normal(n, world.z_dim, 1).numpy()), resolution)
    return Survey(picture.images, picture.labels.astype(np.int16), tuple(world.classes), cells)


def goal_labels(survey: Survey, session: Session, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the paste's sample before and after copying, with the move a layer would make."""
    exemplar = session.exemplars[number]
    source = box_of(exemplar.object.area((survey.cells,) * 2))
    goal = box_of(exemplar.paste.area((survey.cells,) * 2))
    rows, columns = ((a - b) * survey.cell for a, b in zip(goal[:2], source[:2], strict=True))
    before = survey.labels[exemplar.paste.sample]
    copied = moved_labels(survey.labels[exemplar.object.sample], rows, columns)
    return before, np.where(exemplar.paste.pixels > 0.5, copied, before)


def moved_labels(labels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    result = np.zeros_like(labels)
    for number in np.unique(labels):
        result[moved(labels == number, rows, columns)] = number
    return result
