"""Effect against locality of domes → spires: the edit at several strengths, beside the baselines.

    python -m benchmarks.effect_at_strengths              # after make figures; some five minutes

Baselines reach different effects, so their distances outside do not compare. An edit has a dial:
at the strength where its effect is a baseline's, its distance does. Beside them stands what the
generator itself draws: the same z with only the top of its tower changed, which shows how far a
real spire is from a dome outside the dome's own pixels, and how many labels it leaves there.
"""

from __future__ import annotations

from pathlib import Path

import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from palimpsest.experiments.comparison.measure import load_method
from palimpsest.generators import Generator, load_generator, sample_z
from palimpsest.instruments import load_segmenter
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.label_changes import edit_effect, source_region
from palimpsest.memory import Edit
from palimpsest.worlds import get_world

EDITS = Path("data/edits/church")
BASELINES = (
    "projected_gradient",
    "direct_lambda",
    "single_context",
    "single_layer",
    "finetune_all",
)
STRENGTHS = (0.6, 0.7, 0.8, 0.9, 1.0)
TARGETS = ("nave", "roof", "tower", "spire", "battlement", "window", "door")
SAMPLES, SEED, BATCH = 1000, 3, 16


class OwnSpires:
    """The generator on the same z, with the top of every tower turned to a spire."""

    def __init__(self, g: Generator) -> None:
        self.g, self.rule = g, get_world("church").rules["top"]

    def __call__(self, z: Tensor) -> Tensor:
        low, high = self.rule.thresholds[:2]
        changed = z.clone()
        u = ndtr(z[:, self.rule.dim].double().numpy())
        changed[:, self.rule.dim] = torch.from_numpy(ndtri(low + (high - low) * (0.1 + 0.8 * u)))
        return self.g(changed)


def main() -> None:
    g = load_generator("data/weights/mini/church.safetensors", truncation=1.0)
    segmenter = load_segmenter("data/weights/mini/church-segmenter.safetensors")
    distance = PerceptualDistance(segmenter)
    source = [segmenter.index("dome")]
    targets = [segmenter.index(name) for name in TARGETS]
    edit = Edit.load(EDITS / "dome2spire.safetensors")
    rows = {
        name: load_method(name, EDITS / "dome2spire" / f"{name}.safetensors", g).generator
        for name in BASELINES
    }
    rows |= {f"palimpsest, strength {s:g}": edit.apply(g, strength=s) for s in STRENGTHS}
    rows["the generator's own spires"] = OwnSpires(g)

    sums = {name: torch.zeros(7, dtype=torch.float64) for name in rows}
    with torch.no_grad():
        for part in sample_z(g, SAMPLES, SEED).split(BATCH):
            made = g(part)
            seen = segmenter.labels(made)
            shows = source_region(seen, source).any(2).any(1)
            if not shows.any():
                continue
            z, before, labels = part[shows], made[shows], seen[shows]
            outside = ~source_region(labels, source)
            for name, other in rows.items():
                after = other(z)
                effect = edit_effect(labels, segmenter.labels(after), source, targets)
                apart = distance.masked(before, after, outside)
                parts = (effect.removed_pixels, effect.source_pixels, effect.converted, apart)
                parts += (effect.kept_pixels, effect.outside_pixels)
                sums[name] += torch.tensor([*(p.sum().item() for p in parts), len(z)]).double()
    columns = "dome pixels gone | images converted | distance outside | labels kept"
    print(f"| {'':26} | {columns} |")
    for name, (gone, pixels, converted, apart, kept, outside, images) in sums.items():
        print(
            f"| {name:26} | {100 * gone / pixels:.1f} % | {100 * converted / images:.1f} % "
            f"| {apart / images:.4f} | {100 * kept / outside:.2f} % |"
        )


if __name__ == "__main__":
    main()
