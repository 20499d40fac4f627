"""Instruments that measure images: segmenters, classifiers, distances, and detectors.

    segmenter = load_segmenter("data/weights/mini/church-segmenter.safetensors")
    labels = segmenter.labels(images)                         # (B, H, W) int64
    PerceptualDistance(segmenter)(before, after)              # (B,)

Every measurement states the name of the instrument that made it.
"""

from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.base import Segmenter

__all__ = ["Classifier", "PerceptualDistance", "Segmenter", "load_classifier", "load_segmenter"]
