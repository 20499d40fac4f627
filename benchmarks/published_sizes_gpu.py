"""Speed and memory of a GPU on networks of the published sizes, with random weights.

    python -m benchmarks.published_sizes_gpu --device cuda

The same networks and the same work as `benchmarks.published_sizes` does on the CPU, all in one
process; each piece of work is done once before it is timed. The memory is the most that PyTorch
held on the GPU during the work, the weights among it. Images by the CPU of the same machine, on as
many threads as OMP_NUM_THREADS says, stand beside the GPU's: how long they take, and how far apart
the two are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from benchmarks.child_processes import machine, run_child
from benchmarks.published_sizes import NETWORKS, Network
from benchmarks.published_work import edit, images, statistics
from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, load_generator, sample_z
from palimpsest.pipeline.devices import computing_device

TOGETHER = 8
"""Images at once, where they are not made one by one."""

ROUNDS = 8
"""How many times the images are, whose number is enough for a CPU."""

SAMPLES = 200
"""Of a second moment."""


def measured(work: Callable[[], dict[str, float]], device: torch.device) -> dict[str, float]:
    """What ``work`` tells, done once before; ``peak``: bytes that were held on the device."""
    work()
    torch.cuda.reset_peak_memory_stats(device)
    return work() | {"peak": torch.cuda.max_memory_allocated(device)}


@torch.no_grad()
def furthest(g: Generator, on_cpu: Generator) -> float:
    """The largest difference between the pixels (-1 to 1) of the two's images of one sample."""
    z = sample_z(g, 1)
    return (g(z).cpu() - on_cpu(z)).abs().max().item()


def row(network: Network, folder: Path, device: torch.device) -> tuple[str, str]:
    """Lines of Markdown: of the images, and of the layer."""
    file = folder / network.file
    truncation = 0.5 if "stylegan2" in network.file else 1.0
    on_cpu = load_generator(file, truncation=truncation)
    g = load_generator(file, truncation=truncation).to(device)
    n = network.images * ROUNDS // TOGETHER * TOGETHER
    cpu = images(on_cpu, network.layer, network.images)["wall"] / network.images
    single = measured(lambda: images(g, network.layer, n), device)
    together = measured(lambda: images(g, network.layer, n, TOGETHER), device)
    moment = measured(lambda: statistics(g, network.layer, SAMPLES), device)
    edited = measured(lambda: edit(g, network.layer, SAMPLES), device)
    units, side = g.layer(network.layer).weight.shape[1], g.layer(network.layer).key_size
    losses = " to ".join(f"{edited[name]:.3f}" for name in ("loss_before", "loss_after"))
    return (
        f"| {network.title} | {1 / cpu:.2f} | {n / single['wall']:.1f} "
        f"| {single['peak'] / 1e6:.0f} | {n / together['wall']:.1f} "
        f"| {together['peak'] / 1e6:.0f} | {furthest(g, on_cpu):.1e} |",
        f"| {network.title} | {network.layer}, {units} × {side} × {side} "
        f"| {1000 * moment['wall'] / SAMPLES:.2f} | {moment['peak'] / 1e6:.0f} "
        f"| {edited['wall']:.2f} | {edited['solver_wall']:.2f} | {losses} "
        f"| {edited['peak'] / 1e6:.0f} |",
    )


def tables(folder: Path, device: torch.device) -> Iterator[str]:
    """Lines of Markdown, the two tables one after the other."""
    rows = []
    for network in NETWORKS:
        rows.append(row(network, folder, device))
        print("\n".join(rows[-1]), file=sys.stderr, flush=True)
    yield (
        "| network | images a second by the CPU | by the GPU, one at a time | peak MB "
        f"| {TOGETHER} at once | peak MB | furthest from the CPU's |"
    )
    yield "|---|---|---|---|---|---|---|"
    yield from (of_images for of_images, _ in rows)
    yield ""
    yield (
        "| network | layer, its keys | second moment, ms a sample | peak MB "
        "| one edit, s | of that the solver | goal loss | peak MB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    yield from (of_layer for _, of_layer in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, or cuda:1 of several")
    try:
        device = computing_device(parser.parse_args().device)
    except ParameterError as problem:
        parser.error(str(problem))
    with tempfile.TemporaryDirectory() as created:
        folder = Path(created)
        files = [word for network in NETWORKS for word in ("--file", network.file)]
        make = [sys.executable, "-m", "stages.make_stand_ins", "--out", created, *files]
        run_child(make, folder / "log.txt")
        print(f"{torch.cuda.get_device_name(device)}; {machine()}\n", flush=True)
        print("\n".join(tables(folder, device)))


if __name__ == "__main__":
    main()
