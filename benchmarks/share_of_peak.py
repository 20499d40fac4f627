"""How near the work of one measured image comes to what the processor can do.

    export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4293918720 MALLOC_TOP_PAD_=67108864
    OMP_NUM_THREADS=1 python -m benchmarks.share_of_peak        # memory is kept as in a run

An edited church is drawn from the edited layer on, labelled, compared and judged by the critic,
eight at a time: what `rewrite`, `measure` and `sweep_tradeoff` repeat. PyTorch counts the
multiplications and additions of its convolutions and matrix products. The same thread multiplies
large matrices beside it, by turns: both speeds together show how much a better arrangement of the
same arithmetic could gain at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from palimpsest.generators import load_generator, sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.instruments.loading import load_segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs

WEIGHTS = "data/weights/mini/church"
LAYER, BATCH, TURNS, SIDE = 6, 8, 15, 1536
PRODUCT = f"product of two matrices of {SIDE} x {SIDE}"


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def operations(work: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counted:
        work()
    return counted.get_total_flops()


def main() -> None:
    torch.set_num_threads(1)
    g = load_generator(f"{WEIGHTS}.safetensors")
    segmenter = load_segmenter(f"{WEIGHTS}-segmenter.safetensors", f"{WEIGHTS}-critic.safetensors")
    distance, layer = PerceptualDistance(segmenter), g.layer(LAYER)
    square = torch.randn(SIDE, SIDE)
    with torch.inference_mode():
        state = layer.keys(sample_z(g, BATCH, 3))
        weight = layer.weight.detach() * 1.01
        image = layer.render(layer.values(state, weight))
        prepared = distance.prepare(CachedOutputs(segmenter, image))

        def judge() -> None:
            outputs = CachedOutputs(segmenter, image)
            segmenter.critic.naturalness(outputs)
            distance.spatial(prepared, distance.prepare(outputs))
            _ = outputs.labels

        works = {
            "the layers from the edited one on": lambda: layer.render(layer.values(state, weight)),
            "labels, distance and critic": judge,
            PRODUCT: lambda: square @ square,
        }
        least = dict.fromkeys(works, float("inf"))
        for _ in range(TURNS):
            for name, work in works.items():
                least[name] = min(least[name], seconds(work))
        print("| | Gflop | ms | Gflop/s |\n|---|---|---|---|")
        for name, work in works.items():
            images = 1 if name == PRODUCT else BATCH
            count, took = operations(work) / 1e9, least[name]
            speed = f"{1000 * took / images:.2f} | {count / took:.0f}"
            print(f"| {name} | {count / images:.3f} | {speed} |")


if __name__ == "__main__":
    main()
