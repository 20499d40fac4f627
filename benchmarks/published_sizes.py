"""Speed and memory on networks of the published sizes, with random weights.

    python -m benchmarks.published_sizes

Stand-ins of four published files are written to a temporary folder (`published.stand_ins`: the
names, shapes and layout of the published weights, random numbers). Each figure comes from a process
of its own that loads its file and does one piece of work (`benchmarks.published_work`), so that its
peak of resident memory is told too. Everything runs on the CPU, whether or not a GPU is at hand;
what one does, `benchmarks.published_sizes_gpu` measures.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child_processes import ONE_THREAD, Usage, machine, run_child


@dataclass(frozen=True)
class Network:
    """A published file, the layer that the paper's scale edits in it or in its like, and how many
    images and statistics samples are enough to time."""

    title: str
    file: str
    layer: int
    images: int
    samples: int


NETWORKS = (
    Network("StyleGAN2, 256 pixels", "stylegan2_church-e8ca9fd0.pt", 8, 12, 20),
    Network("StyleGAN2, 1024 pixels", "stylegan2_faces-2858cc2e.pt", 10, 4, 20),
    Network("Progressive GAN, 256 pixels", "proggan_churchoutdoor-7e701dd5.pth", 6, 20, 40),
    Network("Progressive GAN, 1024 pixels", "proggan_celebhq-620d161c.pth", 6, 4, 40),
)


@dataclass(frozen=True)
class Done:
    """What one process told, and what it used in all."""

    told: dict[str, Any]
    usage: Usage

    @property
    def megabytes(self) -> float:
        return self.usage.peak_bytes / 1e6


def do(network: Network, work: str, n: int, folder: Path, threads: int = 1) -> Done:
    """One piece of work in a process of its own."""
    log = folder / "log.txt"
    command = [sys.executable, "-m", "benchmarks.published_work", str(folder / network.file)]
    environment = dict.fromkeys(ONE_THREAD, str(threads))
    usage = run_child([*command, work, str(network.layer), str(n)], log, environment)
    told = json.loads(log.read_text().strip().rpartition("\n")[2])
    if told["threads"] != threads:
        raise RuntimeError(f"{told['threads']} threads ran where {threads} were asked for")
    print(f"{network.title}, {work}: {told}, {usage}", file=sys.stderr, flush=True)
    return Done(told, usage)


def images_table(folder: Path) -> Iterator[str]:
    """Lines of Markdown: images by one thread and by two."""
    yield (
        "| network | parameters | threads | images a second | wall-clock s an image "
        "| CPU s an image | peak MB |"
    )
    yield "|---|---|---|---|---|---|---|"
    for network in NETWORKS:
        for threads in (1, 2):
            done = do(network, "images", network.images, folder, threads)
            wall, cpu = (done.told[name] / network.images for name in ("wall", "cpu"))
            yield (
                f"| {network.title} | {done.told['parameters'] / 1e6:.1f} M | {threads} "
                f"| {1 / wall:.2f} | {wall:.2f} | {cpu:.2f} | {done.megabytes:.0f} |"
            )


def layer_table(folder: Path) -> Iterator[str]:
    """Lines of Markdown: second moments and one edit of a layer, by one thread."""
    yield (
        "| network | layer, its keys | second moment, CPU s a sample | peak MB "
        "| one edit, CPU s | of that the solver, wall-clock s | goal loss | peak MB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for network in NETWORKS:
        moment = do(network, "statistics", network.samples, folder)
        edit = do(network, "edit", network.samples, folder)
        units, side = moment.told["keys"]
        losses = " to ".join(f"{edit.told[name]:.3f}" for name in ("loss_before", "loss_after"))
        yield (
            f"| {network.title} | {network.layer}, {units} × {side} × {side} "
            f"| {moment.told['cpu'] / network.samples:.3f} | {moment.megabytes:.0f} "
            f"| {edit.told['cpu']:.2f} | {edit.told['solver_wall']:.2f} | {losses} "
            f"| {edit.megabytes:.0f} |"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as created:
        folder = Path(created)
        files = [word for network in NETWORKS for word in ("--file", network.file)]
        make = [sys.executable, "-m", "stages.make_stand_ins", "--out", created, *files]
        run_child(make, folder / "log.txt")
        first = do(NETWORKS[0], "images", 1, folder).told
        gpu = "at hand, not used" if first["gpu_at_hand"] else "none at hand"
        print(f"{machine()}; device: {first['device']}; GPU: {gpu}\n", flush=True)
        print("\n".join(images_table(folder)), end="\n\n")
        print("\n".join(layer_table(folder)), end="\n\n")
    print(f"load now: {machine()}")


if __name__ == "__main__":
    main()
