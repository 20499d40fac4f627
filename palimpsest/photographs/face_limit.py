"""Whether a picture is one of the generator's faces, told by its error.

A generator of faces reproduces a face by w, and little else as well; adapted weights reproduce
anything. So the limit is on the error after the stage w: the one that a given share of held-out
photographs stays under.

    limit = FaceLimit.read(encoder.facts)
    limit.verdict(photograph.errors["w"])  # "looks like a face: its error ..."
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from palimpsest.generators.base import Generator
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import Error, InvertedPhotograph
from palimpsest.photographs.inversion import image_of, invert, reproduction_errors
from palimpsest.photographs.settings import InversionSettings

STAGE = "w"
BATCH = 16


def errors_after_w(
    g: Generator,
    images: Tensor,
    distance: PerceptualDistance,
    settings: InversionSettings,
    encoder: Encoder | None,
    progress: Callable[[int], object] | None = None,
) -> list[float]:
    """Perceptual error of each of ``images`` (B, 3, R, R) after the stage w."""
    errors: list[float] = []
    for part in images.split(BATCH):
        found = invert(g, part, distance, settings, encoder)
        errors += reproduction_errors(image_of(g, found.latent), part, distance)[0].tolist()
        if progress is not None:
            progress(len(part))
    return errors


@dataclass(frozen=True)
class FaceLimit:
    """``perceptual``: the error after the stage w under which the ``share`` of ``photographs``
    held-out faces stays; ``median``: of their errors. ``request``: what these depend on."""

    perceptual: float
    median: float
    share: float
    photographs: int
    request: Mapping[str, Any]

    @classmethod
    def measured(
        cls,
        errors: Sequence[float],
        distance: PerceptualDistance,
        settings: InversionSettings,
        encoder: Encoder,
        share: float = 0.99,
    ) -> FaceLimit:
        """The limit from the ``errors`` of held-out faces, which `errors_after_w` measured."""
        limit, median = np.quantile(errors, [share, 0.5])
        request = {
            "distance": distance.name,
            "inversion": settings.model_dump(mode="json"),
            "encoder": encoder.identity,
        }
        return cls(round(float(limit), 4), round(float(median), 4), share, len(errors), request)

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> FaceLimit | None:
        """The limit in the provenance of an encoder; None if it has none."""
        found = facts.get("face_limit")
        return None if found is None else cls(**found)

    def written(self) -> dict[str, Any]:
        """As JSON values, for `read`."""
        return asdict(self)

    def fits(self, photograph: InvertedPhotograph) -> bool:
        """Whether the photograph's errors were measured as this limit was."""
        return all(photograph.provenance.get(name) == x for name, x in self.request.items())

    def holds(self, error: Error) -> bool:
        """Whether the error after the stage w is as low as a face's."""
        return error.perceptual <= self.perceptual

    def verdict(self, error: Error) -> str:
        """One line for people."""
        known = (
            f"{self.share:.0%} of {self.photographs} held-out faces have at most "
            f"{self.perceptual:.3f} (median {self.median:.3f})"
        )
        if self.holds(error):
            return f"looks like a face: error {error.perceptual:.3f} after w; {known}"
        return (
            "does not look like a face that this generator can make: error "
            f"{error.perceptual:.3f} after w; {known}"
        )
