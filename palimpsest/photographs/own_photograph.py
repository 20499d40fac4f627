"""One person's photograph from file to picture: what the command `palimpsest photo` does.

studio = Studio.open(weights, segmenter, encoder, framing)
pixels = studio.read("me.jpg")
found = studio.invert(pixels, "me.safetensors", above=6)
original, reproduced, edited = studio.pictures(pixels, found, studio.edits(["smile.safetensors"]))
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from palimpsest.errors import ParameterError
from palimpsest.generators import load_generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.memory.edits import Edit
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.face_limit import STAGE, FaceLimit
from palimpsest.photographs.files import InvertedPhotograph, pixels_sha256
from palimpsest.photographs.framing import FramingNetwork
from palimpsest.photographs.inversion import Watch
from palimpsest.photographs.reading import Box, as_images, cropped, read_picture
from palimpsest.photographs.reproduction import as_grey, is_grey, picture_of, reproduce, request
from palimpsest.photographs.settings import AdaptationSettings, InversionSettings


@dataclass(frozen=True)
class Studio:
    """A generator with what is needed to put photographs into it."""

    g: StyleGAN2
    distance: PerceptualDistance
    encoder: Encoder | None
    framing: FramingNetwork | None
    grey: bool
    inversion: InversionSettings
    adaptation: AdaptationSettings

    @classmethod
    def open(
        cls,
        weights: Path,
        segmenter: Path,
        encoder: Path | None,
        framing: Path | None,
        device: str | torch.device = "cpu",
        inversion: InversionSettings | None = None,
        adaptation: AdaptationSettings | None = None,
    ) -> Studio:
        """Load the files. Raises `CheckpointError` for one that cannot be used, and
        `ParameterError` for a generator that is no StyleGAN2, or an unusual one."""
        g = load_generator(weights).to(device)
        if not isinstance(g, StyleGAN2):
            raise ParameterError(f"{weights}: photographs need a StyleGAN2, not a {g.kind}")
        if g.variant:
            told = ", ".join(f"{name} {value}" for name, value in g.variant.items())
            raise ParameterError(
                f"{weights}: photographs need a StyleGAN2 without classes that draws square images "
                f"of 3 channels in the architecture skip; this one has {told}"
            )
        return cls.of(g, segmenter, encoder, framing, inversion, adaptation)

    @classmethod
    def of(
        cls,
        g: StyleGAN2,
        segmenter: Path,
        encoder: Path | None,
        framing: Path | None,
        inversion: InversionSettings | None = None,
        adaptation: AdaptationSettings | None = None,
    ) -> Studio:
        """The studio of a loaded generator. Raises `CheckpointError`, and `ParameterError` for an
        encoder of another generator."""
        device = g.device
        distance = PerceptualDistance(load_segmenter(segmenter)).to(device)
        loaded = None if encoder is None else Encoder.load(encoder).to(device)
        if loaded is not None:
            loaded.check(g)
        finder = None if framing is None else FramingNetwork.load(framing)
        return cls(
            g,
            distance,
            loaded,
            finder,
            is_grey(g),
            inversion or InversionSettings(),
            adaptation or AdaptationSettings(),
        )

    def with_encoder_if_fitting(self, path: Path) -> Studio:
        """With the encoder in ``path``, if it is there and was trained for this generator.

        If it was trained for another one, a line on stderr says so, and photographs are inverted
        without it.
        """
        if not path.is_file():
            return self
        encoder = Encoder.load(path).to(self.g.device)
        try:
            encoder.check(self.g)
        except ParameterError as problem:
            print(f"{path}: not used: {problem}", file=sys.stderr)
            return self
        return replace(self, encoder=encoder)

    def edits(self, paths: Sequence[Path]) -> list[Edit]:
        """The edits in these files. Raises `EditError` for one of other weights."""
        edits = [Edit.load(path) for path in paths]
        Edit.compose(edits).apply(self.g)
        return edits

    def read(self, path: str | PathLike[str], box: str | None = None) -> np.ndarray:
        """The face in the picture ``path``, uint8 (R, R, 3), grey for a grey generator.

        ``box``: left,top,size; None to search for it, or for the middle without a framing network.
        Raises `ParameterError` for a file that is no picture or cannot be used.
        """
        picture = read_picture(path)
        chosen = Box.parse(box) if box else self.box_of(picture)
        if not box and self.searches(picture):
            print(f"{path}: face found at --box {chosen}", file=sys.stderr)
        return self.pixels_in(picture, chosen)

    def searches(self, picture: Image.Image) -> bool:
        """Whether the face has to be searched for in a picture, and can be."""
        # one as small as the generator's own photographs is framed as these are
        return max(picture.size) > self.g.resolution and self.framing is not None

    def box_of(self, picture: Image.Image) -> Box:
        """The face in a picture, or its middle where no face is searched for."""
        if self.framing is None or not self.searches(picture):
            return Box.central(*picture.size)
        return self.framing.find(picture)

    def pixels_in(self, picture: Image.Image, box: Box) -> np.ndarray:
        """The square of a picture in the generator's size, uint8 (R, R, 3), grey for a grey
        generator. Raises `ParameterError` for a box outside the picture."""
        pixels = cropped(picture, self.g.resolution, box)
        return as_grey(pixels) if self.grey else pixels

    @property
    def steps(self) -> int:
        """Steps of an inversion in all."""
        return self.inversion.z_steps + self.inversion.w_steps + self.adaptation.steps

    def request(self, pixels: np.ndarray) -> dict[str, object]:
        """What an inversion of ``pixels`` depends on besides generator and layer, as JSON values;
        an inverted photograph has it in its provenance."""
        shared = request(self.distance, self.inversion, self.adaptation, self.encoder)
        return {**shared, "pixels_sha256": pixels_sha256(pixels)}

    def reproduced(
        self, pixels: np.ndarray, *, above: int, progress: Watch | None = None
    ) -> InvertedPhotograph:
        """The photograph inverted and adapted. ``progress`` may raise, to stop."""
        made = reproduce(
            self.g,
            as_images([pixels]),
            self.distance,
            self.inversion,
            self.adaptation,
            above=above,
            encoder=self.encoder,
            progress=progress,
        )
        (found,) = made.photographs
        return found

    def invert(
        self, pixels: np.ndarray, kept: str | PathLike[str], *, above: int
    ) -> InvertedPhotograph:
        """The photograph inverted and adapted, written to ``kept``; read from there if it is of the
        same pixels, generator and settings."""
        kept = Path(kept)
        wanted = self.request(pixels)
        if kept.is_file():
            known = InvertedPhotograph.load(kept)
            same = all(known.provenance.get(name) == x for name, x in wanted.items())
            if same and known.above == above and known.weights_sha256 == self.g.weights_sha256:
                return known
        with tqdm(total=self.steps, unit="step", mininterval=0.5, disable=None) as bar:

            def show(stage: str, step: int, steps: int) -> None:
                bar.set_description(stage, refresh=False)
                bar.update()

            found = self.reproduced(pixels, above=above, progress=show)
        found.save(kept)
        return found

    def pictures(
        self,
        pixels: np.ndarray,
        photograph: InvertedPhotograph,
        edits: Sequence[Edit],
        strength: float = 1.0,
    ) -> list[np.ndarray]:
        """Original, reproduced and, if there are edits, edited photograph, uint8 (R, R, 3) each."""
        pictures = [pixels, picture_of(photograph.image(self.g), self.grey)]
        if edits:
            edited = photograph.image(Edit.compose(edits).apply(self.g, strength))
            pictures.append(picture_of(edited, self.grey))
        return pictures

    def summary(self, photograph: InvertedPhotograph) -> str:
        """The errors, and whether the picture looks like a face, in one line."""
        errors = photograph.errors
        told = ", ".join(f"{stage} {error.perceptual:.3f}" for stage, error in errors.items())
        limit = self._limit_of(photograph)
        if limit is None:
            return f"perceptual error: {told}; no limit for faces is known for these settings"
        return f"perceptual error: {told}; {limit.verdict(errors[STAGE])}"

    def looks_like_a_face(self, photograph: InvertedPhotograph) -> bool | None:
        """Whether the generator can make such a face; None where no limit is known."""
        limit = self._limit_of(photograph)
        return None if limit is None else limit.holds(photograph.errors[STAGE])

    def _limit_of(self, photograph: InvertedPhotograph) -> FaceLimit | None:
        limit = None if self.encoder is None else FaceLimit.read(self.encoder.facts)
        return limit if limit is not None and limit.fits(photograph) else None
