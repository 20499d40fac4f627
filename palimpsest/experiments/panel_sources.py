"""The inputs of a panel: a generator, its edits and sessions, and a stream of samples.

sources = Sources(generator, edits={"remove_window": path}, sessions={...}, pairs=12)
sources.z, pictures(generator, sources.z[:4])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.generators import Generator, sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.samples import images_at_once
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit
from palimpsest.sessions.schema import Session
from palimpsest.settings import Settings

BATCH = 50
"""Batch size: images of 128 pixels, or samples of which only the keys are needed."""

Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]


@dataclass(frozen=True)
class Sources:
    """The inputs of a panel.

    ``edits``: edit files and checkpoints by name, ``session`` or ``session/method``, in the order
    of the figure; ``sessions`` by name; ``statistics``: the file of the first session's layer;
    ``pairs``: samples shown; ``samples`` and ``seed``: the stream they are found in;
    ``image_methods``: methods that change images, by name, with their settings.
    """

    generator: Generator
    edits: Mapping[str, Path]
    sessions: Mapping[str, Session]
    pairs: int
    samples: int = 1000
    seed: int = 3
    segmenter: Segmenter | None = None
    statistics: Path | None = None
    image_methods: Mapping[str, Settings] = field(default_factory=dict)

    @property
    def z(self) -> Tensor:
        """The stream of samples, (samples, z_dim)."""
        return sample_z(self.generator, self.samples, self.seed)

    @property
    def facts(self) -> Facts:
        """Facts that all panels share."""
        return {
            "n": self.samples,
            "seed": self.seed,
            "weights_sha256": self.generator.weights_sha256,
        }

    def loaded(self) -> dict[str, Edit]:
        """The edit files, loaded, by name."""
        return {name: Edit.load(path) for name, path in self.edits.items()}


def edit_facts(name: str, edit: Edit) -> Facts:
    """Facts of a panel about the edit of a session."""
    return {
        "session": name,
        "layer": edit.layer,
        "rank": edit.rank,
        "solver": edit.metadata.get("method") or edit.metadata.get("solver", "?"),
    }


def exemplars_of(edit: Edit) -> list[int]:
    """Indices of the session's exemplars that an edit was solved for; by default the first one."""
    return [int(place) for place in edit.metadata.get("exemplars", "0").split(",")]


@torch.no_grad()
def pictures(generator: Generator, z: Tensor) -> np.ndarray:
    """Generated images of ``z`` (B, z_dim) as (B, H, W, 3) uint8."""
    at_once = images_at_once(generator.resolution, BATCH)
    return np.concatenate([as_picture(generator(part)) for part in z.split(at_once)])
