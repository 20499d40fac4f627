"""Methods that the paper compares with: tuning one whole layer, or all weights.

goal = paste_image(generator, session)
tuned = tune_all(generator, goal, distance)
"""

from palimpsest.methods.baselines.pasting import PastedImage, paste_image
from palimpsest.methods.baselines.weight_tuning import Tuned, tune_all, tune_layer

__all__ = ["PastedImage", "Tuned", "paste_image", "tune_all", "tune_layer"]
