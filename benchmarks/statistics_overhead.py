"""What statistics cost beside the forward pass that makes the keys.

    OMP_NUM_THREADS=1 python -m benchmarks.statistics_overhead

Layer 8 of a full-size StyleGAN2, batches of ten, as many samples as given. Bare passes and
collections take turns, so that a busy machine disturbs both alike; times are those that the
process used; the median over the turns is told, and the range of their ratios.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.full_size import LAYER, full_size_generator
from palimpsest.generators.samples import sample_z
from palimpsest.memory import KeyStatistics

TURNS = 5


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main(n: int = 100) -> None:
    g = full_size_generator()
    layer, z = g.layer(LAYER), sample_z(g, n)

    def bare() -> None:
        with torch.inference_mode():
            for part in z.split(10):
                layer.keys(part)

    def collect() -> None:
        KeyStatistics.collect(g, LAYER, n=n)

    g.weights_sha256  # noqa: B018 (hashed once for a generator, not once for each collection)
    bare()
    turns = [(seconds(bare), seconds(collect)) for _ in range(TURNS)]
    forward, collected = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread\n")
    ratios = sorted(with_sums / without for without, with_sums in turns)
    print("| samples | forward pass to layer 8, s | KeyStatistics.collect, s | ratio (turns) |")
    print("|---|---|---|---|")
    print(
        f"| {n} | {forward:.2f} | {collected:.2f} | {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}) |"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
