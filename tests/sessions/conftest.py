"""What tests of drawn sessions share: surveys of renders, and what a paste makes of the labels."""

from __future__ import annotations

import numpy as np

from palimpsest.generators.samples import standard_normal
from palimpsest.sessions.masks import box_of
from palimpsest.sessions.schema import Session
from palimpsest.sessions.survey import Survey, moved
from palimpsest.worlds import get_world


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
