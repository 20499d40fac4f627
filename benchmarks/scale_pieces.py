"""The pieces of work that `benchmarks.cost_of_scale` measures; it imports no torch.

A process inherits the peak of memory of the one that starts it, so whoever starts the pieces must
be small.
"""

from __future__ import annotations

from dataclasses import dataclass

SIDES = (64, 128, 256, 1024)
"""Pixels of the networks."""

LAYERS = {4: 80, 6: 20, 8: 10, 10: 10, 12: 10}
"""Layers whose statistics are measured at 256 pixels, and samples of each; up to its own resolution
a network of another size is the same."""

STEPS = {"projected_gradient": 10, "direct_lambda": 10, "single_layer": 10, "newton": 200}
"""Methods that change one layer, and steps that are measured of each."""


@dataclass(frozen=True)
class Piece:
    """A piece of work.

    ``kind``, ``pixels``: of the network. ``layer``: the one that is edited or whose keys are
    collected. ``n``: how often the counted unit is done. ``together``: images at once, 0 for what
    the pipeline takes. ``edits``: edits that are measured; ``images``: whether the methods that
    change images are measured too, and one that changes all layers. ``method``: of a solver.
    """

    work: str
    pixels: int = 256
    kind: str = "stylegan2"
    layer: int = 8
    n: int = 1
    together: int = 0
    edits: int = 1
    images: bool = False
    method: str = ""
    device: str = "cpu"


def layer_of(pixels: int) -> int:
    """The layer that the paper's scale edits in a network of ``pixels``."""
    return 10 if pixels == 1024 else 8


def _pieces() -> list[Piece]:
    found = []
    for pixels in SIDES:
        found += [
            Piece("render", pixels, n=2, together=1),
            Piece("render", pixels, n=4, together=2 if pixels == 1024 else 4),
            Piece("steps", pixels, layer=layer_of(pixels), n=1, method="finetune_all"),
        ]
    # ten cells for each of 512 units are the least that statistics are made of
    found += [Piece("statistics", layer=layer, n=n) for layer, n in LAYERS.items()]
    found.append(Piece("statistics", kind="progressive", layer=6, n=20))
    for method, n in STEPS.items():
        found.append(Piece("steps", layer=8, n=n, method=method))
        found.append(Piece("steps", 1024, layer=10, n=n, method=method))
    found += [
        Piece("render", kind="progressive", n=4, together=4),
        Piece("probe", n=2),
        Piece("probe", kind="progressive", n=2),
        Piece("frechet"),
        Piece("inversion", kind="progressive", layer=6, n=2),
    ]
    for pixels in (256, 1024, 128, 64):
        layer, few = layer_of(pixels), 1 if pixels == 1024 else 2
        found.append(Piece("segment", pixels, n=few, together=few))
        for edits in (1, 2):
            found.append(Piece("measure", pixels, layer=layer, n=few, together=few, edits=edits))
        if pixels in (256, 1024):
            every = Piece("measure", pixels, layer=layer, n=1, together=1, edits=6, images=True)
            found.append(every)
    return found


PIECES = tuple(_pieces())
