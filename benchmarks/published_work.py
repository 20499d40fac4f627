"""One piece of work on one network of a published size, in this process, told as JSON.

    python -m benchmarks.published_work stand-ins/stylegan2_church-e8ca9fd0.pt images 8 4

What to do: ``images`` (one at a time), ``statistics`` (of a layer) or ``edit`` (of a layer), then
the layer and how many samples. The last line of stdout holds the figures. A process for each, as
`benchmarks.published_sizes` starts them: its peak of memory is then that of its work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

from palimpsest.generators import Generator, Layer, load_generator, sample_z
from palimpsest.memory import KeyStatistics, context_directions, copy_object, insert, paste_goal

BATCH = 10
"""Samples at once for second moments, as `stages.key_statistics` takes them."""

OBJECT, CONTEXT = (10, 9), (8, 7)
"""Rows and columns of what is copied, and of the context at each of three places, on a map of
32 x 32 values or keys; in proportion on others."""


def timed(work: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Wall-clock and CPU seconds of ``work``, until a GPU has done its part too."""
    _finish(device)
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    _finish(device)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def images(g: Generator, layer: int, n: int, at_once: int = 1) -> dict[str, float]:
    """Seconds of ``n`` whole images, some ``at_once``, after as many that warm up."""
    z = sample_z(g, n + at_once)

    def make() -> None:
        with torch.inference_mode():
            for part in z[at_once:].split(at_once):
                g(part)

    with torch.inference_mode():
        g(z[:at_once])
    return timed(make, g.device)


def statistics(g: Generator, layer: int, n: int) -> dict[str, float]:
    """What ``n`` further samples cost: a collection of 2 n less one of n."""
    g.weights_sha256  # noqa: B018 (hashed once for a generator, not once for each collection)
    short, long = (
        timed(
            lambda samples=samples: KeyStatistics.collect(g, layer, n=samples, batch=BATCH),
            g.device,
        )
        for samples in (n, 2 * n)
    )
    return {name: long[name] - short[name] for name in long}


def edit(g: Generator, layer: int, n: int) -> dict[str, float]:
    """One edit by newton at rank one, from keys to coefficients; statistics of ``n`` samples are
    taken first, and their roots with them, since they are kept for all edits of a layer."""
    opened, z = g.layer(layer), sample_z(g, 16)
    stats = KeyStatistics.collect(g, layer, n=n, batch=BATCH)
    _ = stats.zca
    found: dict[str, str] = {}

    def work() -> None:
        with torch.no_grad():
            clip = copy_object(opened.values(opened.keys(z[3:4])), patch(opened.value_size, OBJECT))
            middle = opened.value_size // 2
            goal = paste_goal(opened, opened.keys(z[5:6]), clip, centre=(middle, middle))
            keys = torch.cat([opened.keys(z[i : i + 1]).k for i in (5, 9, 12)])
        context = patch(opened.key_size, CONTEXT).expand(3, -1, -1)
        directions = context_directions(keys, context, stats, rank=1)
        made = insert(
            opened, goal.state, goal.target, directions, stats=stats, weights=goal.weights
        )
        found.update(made.metadata)

    whole = timed(work, g.device)
    told = {name: float(found[name]) for name in ("loss_before", "loss_after")}
    return whole | told | {"solver_wall": float(found["seconds"])}


def patch(side: int, size: tuple[int, int]) -> torch.Tensor:
    """A mask (side, side), one in a rectangle in the middle of ``size`` on a map of 32 x 32."""
    rows, columns = (max(1, round(length * side / 32)) for length in size)
    mask = torch.zeros(side, side)
    top, left = (side - rows) // 2, (side - columns) // 2
    mask[top : top + rows, left : left + columns] = 1
    return mask


WORK: dict[str, Callable[[Generator, int, int], dict[str, float]]] = {
    "images": images,
    "statistics": statistics,
    "edit": edit,
}


def main(file: str, work: str, layer: str, n: str) -> None:
    g = load_generator(file, truncation=0.5 if "stylegan2" in file else 1.0)
    opened: Layer = g.layer(int(layer))
    figures = WORK[work](g, int(layer), int(n))
    told = {
        "device": str(opened.weight.device),
        "gpu_at_hand": torch.cuda.is_available(),
        "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for p in g.parameters()),
        "keys": [opened.weight.shape[1], opened.key_size],
    }
    print(json.dumps(told | figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
