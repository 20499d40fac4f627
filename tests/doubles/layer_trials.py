"""Made-up measurements of edits at several layers, small enough to check by hand."""

import pandas as pd


def tried(effects, kept=None):
    """Measurements of four images, of which the last shows no dome: pixels of 100 turned."""
    parts = []
    for layer, turned in effects.items():
        parts.append(
            pd.DataFrame(
                {
                    "generator": "church",
                    "session": "dome2spire",
                    "sample": range(4),
                    "seed": 3,
                    "method": f"layer {layer}, mu 10",
                    "layer": layer,
                    "mu": 10.0,
                    "exemplars": 8,
                    "source_pixels": [100, 200, 100, 0],
                    "modified_pixels": [turned, 2 * turned, turned, 0],
                    "removed_pixels": [100, 150, 0, 0],
                    "outside_pixels": [900, 800, 900, 1000],
                    "kept_pixels": (kept or {}).get(layer, [899, 799, 900, 1000]),
                    "converted": [turned >= 50] * 3 + [False],
                    "perceptual_outside": [0.1, 0.2, 0.0, 0.1],
                    "loss_before": 0.04,
                    "loss_after": 0.02,
                    "change_elsewhere": 0.1,
                    "scale": "mini",
                    "perceptual": "church-segmenter-encoder",
                    "segmenter": "church-segmenter",
                }
            )
        )
    # the order of rows in the file shall not matter
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)
