"""Inception features (Szegedy et al. 2015), from which the paper computes Fréchet distances.

    inception = InceptionFeatures.load("weights-inception-2015-12-05-6726825d.pth")
    inception.pooled(images)                # (B, 3, H, W) in [-1, 1] to (B, 2048) float64
    frechet_distance(inception.pooled(a), inception.pooled(b))      # FID

The network is torch-fidelity's; its features agree with those of the TensorFlow graph of
2015-12-05, with which the distance was defined. Images are rounded to 8 bits first, as in files.
"""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.pictures import as_picture, check_images
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs, images_of

LAYER = "2048"
CHUNK = 16


class InceptionFeatures:
    """One feature vector per image. ``network`` maps uint8 images (B, 3, H, W) to them."""

    name = "inception-2015-12-05"

    def __init__(self, network: Any) -> None:
        self._network = network
        self._device = torch.device("cpu")

    @torch.no_grad()
    def pooled(self, images: Tensor | CachedOutputs) -> np.ndarray:
        """Features (B, 2048) float64 of ``images`` (B, 3, H, W) in [-1, 1]."""
        images = images_of(images)
        check_images(images)
        parts = []
        for part in images.split(CHUNK):
            pictures = torch.from_numpy(as_picture(part)).permute(0, 3, 1, 2).contiguous()
            parts.append(self._network(pictures.to(self._device))[0].double().cpu())
        return torch.cat(parts).numpy()

    def to(self, device: str | torch.device) -> InceptionFeatures:
        """Move the network to ``device``, in place; returns itself."""
        self._network.to(device)
        self._device = torch.device(device)
        return self

    @classmethod
    def load(cls, path: str | PathLike[str]) -> InceptionFeatures:
        """The network in the published file; runs no code from it. Raises `CheckpointError`."""
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        # torch-fidelity would unpickle the whole file, so it is given the tensors only
        tensors = io.BytesIO()
        torch.save(dict(read_checkpoint(Path(path)).tensors), tensors)
        tensors.seek(0)
        try:
            network = FeatureExtractorInceptionV3(cls.name, [LAYER], tensors)
        except RuntimeError as problem:
            reason = " ".join(str(problem).split())[:160]
            raise CheckpointError(
                f"{path}: not an Inception of torch-fidelity ({reason})"
            ) from None
        return cls(network)
