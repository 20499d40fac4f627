"""What measures images: segmenters, perceptual distance, Fréchet distance, intervals, edit effects.

    segmenter = Segmenter.load("data/weights/mini/church-segmenter.safetensors")
    labels = segmenter.segment(images)                        # (B, H, W) uint8
    PerceptualDistance(segmenter)(before, after)              # (B,)

Each figure that they give names the instrument that gave it.
"""

from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.segmenters.world_segmenter import Segmenter

__all__ = ["PerceptualDistance", "Segmenter"]
