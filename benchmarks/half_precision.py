"""What half precision after an edit would gain, and what it would change.

    python -m benchmarks.half_precision                # after make figures; --device cuda: on a GPU

The church with its edit of domes to spires is drawn from the edited layer on, once in float32 and
once with these layers in bfloat16, as `measure` does with `half_precision`. Both take turns; the
least time of each counts. The layers of a StyleGAN2 of the published size are timed too; its
weights are random, so it has no labels to compare.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from palimpsest.generators import load_generator, sample_z
from palimpsest.generators.base import Generator
from palimpsest.generators.half_precision import draw
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.label_changes import edit_effect, of_classes
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory import Edit

WEIGHTS = "data/weights/mini/church"
EDIT = "data/edits/church/dome2spire.safetensors"
TARGETS = ("nave", "roof", "tower", "spire", "battlement", "window", "door")
PUBLISHED = {side: min(512, 2**15 // side) for side in (4, 8, 16, 32, 64, 128, 256)}
"""Width at each resolution of the published church."""

BATCH, TURNS, SEED = 8, 5, 3
PRECISIONS = {False: "float32", True: "bfloat16"}


def milliseconds(work: Callable[[], Tensor]) -> float:
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    began = time.perf_counter()
    work()
    synchronise()
    return 1000 * (time.perf_counter() - began)


def compare_speed(name: str, g: Generator, number: int) -> None:
    layer = g.layer(number)
    values = layer.values(layer.keys(sample_z(g, BATCH, SEED)))
    least = dict.fromkeys(PRECISIONS, float("inf"))
    for _ in range(TURNS):
        for half in PRECISIONS:
            took = milliseconds(lambda half=half: draw(layer, values, half))
            least[half] = min(least[half], took / BATCH)
    full, short = (draw(layer, values, half) for half in PRECISIONS)
    apart = (full - short).abs() / full.std()
    times = f"{least[False]:.2f} | {least[True]:.2f} | {least[True] / least[False]:.2f}"
    print(f"| {name} | {times} | {apart.mean():.4f} | {apart.max():.3f} |")


def measured(
    g: Generator, edit: Edit, segmenter: Segmenter, half: bool, n: int
) -> tuple[list[float], Tensor]:
    """Percent of dome pixels removed and turned, percent of other labels kept, distance outside;
    and the labels after the edit."""
    distance = PerceptualDistance(segmenter)
    source, targets = segmenter.numbers("dome"), segmenter.numbers(*TARGETS)
    layers = [one.layer(edit.layer) for one in (g, edit.apply(g))]
    counts, distances, labels = torch.zeros(5), [], []
    for z in sample_z(g, n, SEED).split(BATCH):
        state = layers[0].keys(z)
        before, after = (draw(layer, layer.values(state), half) for layer in layers)
        seen = [segmenter.labels(images) for images in (before, after)]
        found = edit_effect(*seen, source, targets)
        parts = (found.source_pixels, found.removed_pixels, found.modified_pixels)
        parts += (found.outside_pixels, found.kept_pixels)
        counts += torch.stack([part.sum() for part in parts])
        distances.append(distance.masked(before, after, ~of_classes(seen[0], source)))
        labels.append(seen[1])
    shown, removed, turned, outside, kept = counts.tolist()
    shares = [100 * removed / shown, 100 * turned / shown, 100 * kept / outside]
    return [*shares, float(torch.cat(distances).mean())], torch.cat(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--n", type=int, default=200, help="samples whose effect is measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    g = load_generator(f"{WEIGHTS}.safetensors").to(given.device)
    segmenter = load_segmenter(f"{WEIGHTS}-segmenter.safetensors").to(given.device)
    torch.manual_seed(1)
    large = StyleGAN2(256, PUBLISHED).to(given.device).eval()
    with torch.inference_mode():
        print("| layers | float32, ms an image | bfloat16 | ratio | mean difference | largest |")
        print("|---|---|---|---|---|---|")
        compare_speed("church, 128 pixels, after layer 6", g, 6)
        compare_speed("published size, 256 pixels, after layer 8", large, 8)
        print("\n| | removed, % | turned, % | labels kept outside, % | distance outside |")
        print("|---|---|---|---|---|")
        edit, labels = Edit.load(EDIT), []
        for half, name in PRECISIONS.items():
            (*shares, far), seen = measured(g, edit, segmenter, half, given.n)
            print(f"| {name} | {' | '.join(f'{x:.2f}' for x in shares)} | {far:.5f} |")
            labels.append(seen)
        differ = (labels[0] != labels[1]).float().mean()
    print(f"\nlabels after the edit that differ: {100 * float(differ):.3f} %")


if __name__ == "__main__":
    main()
