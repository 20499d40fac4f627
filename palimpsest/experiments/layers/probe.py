"""The layer probe: pieces rendered from a layer alone, against pieces of whole images (Appendix H).

    settings = ProbeSettings(layers=(3, 4, 5, 6), sizes=(16, 32), samples=128, seeds=(11, 12))
    table = probe_layers(g, PieceFeatures(segmenter), settings)
    distances(table, level=0.95)       # one row for each (layer, size), with intervals

A window of a layer's keys is rendered alone by the layers that follow, with the style and the noise
of its place, and compared with the same window of the whole image. The two differ only by the
influence of the keys outside the window. The measure is the Fréchet distance between all pieces of
a size rendered alone and all those cut from whole images.

What compares the pieces is a network's features of their pixels (`PieceFeatures`,
`InceptionPieces`), or the generator's own values (`OwnValues`), which need no other network.

The windows lie on multiples of their own size and are the same for every layer, so that distances
of one size are comparable between layers. Both sets come from the same images and share their
sampling error, so the distance is zero at any n if the sets are equal. (The original compares
50,000 pieces at random places with as many of other images.) Whole images and their pieces are
generated once for all layers.

Images are (B, 3, R, R) in [-1, 1]; sizes are in pixels, cells are those of a layer's keys.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.estimates.columns import estimate_columns
from palimpsest.estimates.intervals import jackknife
from palimpsest.experiments.layers.settings import ProbeSettings
from palimpsest.generators import Generator, KeyState, Layer, ValueState, sample_z
from palimpsest.generators.base import Window
from palimpsest.generators.picture_cells import within_picture
from palimpsest.generators.pieces import drawn_alone, only_window, picture_cells
from palimpsest.instruments.distances.frechet import frechet_distance
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.segmenters.base import Segmenter

SHARING = 8
"""Consecutive samples that share a place, so that their pieces are rendered in one batch."""

NONE_LEFT_OUT = ""
"""Value of the column ``without_seed`` where all seeds are included."""

COLUMNS = (
    "layer",
    "crop_pixels",
    "crop_cells",
    "without_seed",
    "fid",
    "spread",
    "n",
    "seeds",
    "features",
)
"""Columns of the table of `probe_layers`."""


class Features(Protocol):
    """Features (B, C) of pieces; ``name``: that of the features in tables.

    ``layer``: the pieces are those of this layer's values, (B, M, P, P); None: of images,
    (B, 3, P, P).
    """

    name: str
    layer: int | None

    def __call__(self, pieces: Tensor) -> np.ndarray: ...


class PieceFeatures:
    """Means over positions of the segmenter's second to fourth stage: strides 4, 8 and 16 in a
    world's segmenter, 2, 4 and 8 in that of photographs.

    They describe the content of a piece rather than its pixels. The coarsest stage is left out: a
    piece has only a few of its cells, and its many channels would need many more pieces. Pieces
    smaller than the segmenter's stride are enlarged, as Inception enlarges its input.
    """

    STAGES = slice(1, 4)
    layer = None

    def __init__(self, segmenter: Segmenter) -> None:
        self.name = f"{segmenter.name}-stages-2-to-4"
        self._segmenter = segmenter

    def __call__(self, pieces: Tensor) -> np.ndarray:
        """(B, 3, P, P) in [-1, 1] to (B, C) float32."""
        stride = self._segmenter.stride
        side = stride * math.ceil(pieces.shape[-1] / stride)
        if side != pieces.shape[-1]:
            pieces = F.interpolate(pieces, (side, side), mode="bilinear", align_corners=False)
        with torch.no_grad():
            stages = self._segmenter.features(pieces)[self.STAGES]
        pooled = torch.cat([stage.double().mean((2, 3)) for stage in stages], dim=1)
        return pooled.float().cpu().numpy()


class InceptionPieces:
    """Inception's features, with which the paper compares pieces (Appendix H)."""

    layer = None

    def __init__(self, inception: InceptionFeatures) -> None:
        self.name = inception.name
        self._inception = inception

    def __call__(self, pieces: Tensor) -> np.ndarray:
        """(B, 3, P, P) in [-1, 1] to (B, 2048) float32; Inception enlarges them itself."""
        return self._inception.pooled(pieces).astype(np.float32)


class OwnValues:
    """Means over positions of the values of the generator's last layer, for a generator without a
    segmenter.

    From these values the generator draws its pixels, one by one: they hold what earlier layers made
    of a place, and are the same kind of map for every probed layer. In a network whose last layer
    gives the picture itself, it is the last one that gives more maps than a picture has channels.
    """

    def __init__(self, g: Generator) -> None:
        rich = [n for n in g.layers if g.layer(n).weight.shape[0] > g.image_channels]
        self.layer = rich[-1] if rich else g.last_layer
        self.name = f"own-values-of-layer-{self.layer}"

    def __call__(self, pieces: Tensor) -> np.ndarray:
        """(B, M, P, P) values to (B, M) float32."""
        return pieces.double().mean((2, 3)).float().cpu().numpy()


def check_fits(g: Generator, settings: ProbeSettings) -> None:
    """Check that a generator can be probed with these settings.

    Raises `ParameterError` for a layer that ``g`` does not have, a size that does not tile its
    image, a layer whose cells are larger than every size, and images that are not square.
    """
    if lacking := g.lacking(settings.layers):
        raise ParameterError(f"layers: this generator has {lacking}")
    if g.image_size != (g.resolution, g.resolution):
        height, width = g.image_size
        raise ParameterError(f"images of {height} x {width} pixels; pieces are those of squares")
    for size in settings.sizes:
        if size > g.resolution or g.resolution % size:
            raise ParameterError(
                f"sizes: pieces of {size} pixels do not tile an image of {g.resolution}"
            )
    for layer in settings.layers:
        if not any(cells_of(g.layer(layer), size) for size in settings.sizes):
            cell = g.resolution / picture_cells(g.layer(layer))[0]
            add = f"; add {cell:g}" if cell % 1 == 0 else ""
            raise ParameterError(
                f"sizes: none of {list(settings.sizes)} is a whole number of layer {layer}'s "
                f"cells, which are {cell:g} pixels wide{add}"
            )


def cells_of(layer: Layer, size: int) -> int:
    """Cells of the layer's keys along a piece of ``size`` pixels; 0 if not a whole number."""
    cells, rest = divmod(size * picture_cells(layer)[0], layer.generator.resolution)
    return 0 if rest else cells


def places(n: int, size: int, resolution: int, seed: int) -> np.ndarray:
    """Top left corner in pixels, (n, 2), of the window of ``size`` in each of n samples.

    Drawn at random from the multiples of ``size``, once for each `SHARING` samples; the place of
    sample i depends on i, size and seed only.
    """
    random = np.random.default_rng([seed, size])
    groups = -(-n // SHARING)
    drawn = random.random((groups, 2)) * (resolution // size)
    return np.repeat(drawn.astype(int) * size, SHARING, axis=0)[:n]


def cut(maps: Tensor, top: int, left: int, size: int, resolution: int = 0) -> Tensor:
    """The window cut from whole maps (B, C, R, R): (B, C, size, size).

    ``resolution``: side of the image in pixels, in which the window is given, if that is not R.
    """
    scale = maps.shape[-1] / (resolution or maps.shape[-1])
    side = max(1, int(size * scale))
    top, left = int(top * scale), int(left * scale)
    return maps[:, :, top : top + side, left : left + side]


def window_of(layer: Layer, top: int, left: int, size: int) -> Window:
    """The window of key cells in the picture; ``top``, ``left`` and ``size`` are whole cells, in
    pixels."""
    cells, pixels = picture_cells(layer)[0], layer.generator.resolution
    t, x, b, r = (edge * cells // pixels for edge in (top, left, top + size, left + size))
    return t, x, b, r


def alone(layer: Layer, state: KeyState, top: int, left: int, size: int) -> Tensor:
    """The window of keys rendered without the keys around it: (B, C, size, size).

    ``state``: the layer's whole key map; ``top``, ``left`` and ``size`` are pixels of the image and
    whole numbers of the layer's cells.
    """
    return drawn_alone(layer, state, window_of(layer, top, left, size))


def values_alone(
    layer: Layer, state: KeyState, top: int, left: int, size: int, number: int
) -> Tensor:
    """The values of layer ``number`` of a window of keys without the keys around it.

    The other arguments are those of `alone`.
    """
    g = layer.generator
    window = window_of(layer, top, left, size)
    values = g.values_at(layer.values(only_window(layer, state, window)), number)
    if layer.renders_crops:
        return values.v
    whole = within_picture(values.v, g.layer(number).margin)
    return cut(whole, top, left, size, g.resolution)


def opened(
    g: Generator, z: Tensor, layers: Sequence[int]
) -> tuple[dict[int, KeyState], ValueState]:
    """Keys of all ``layers`` and values of the last layer for ``z``, in one pass."""
    keys: dict[int, KeyState] = {}
    for state in g.key_states(z, g.last_layer):
        if state.layer in layers:
            keys[state.layer] = state
    return keys, g.layer(g.last_layer).values(state)


Pieces = dict[tuple[int, int | None], np.ndarray]
"""Features (n, C) by (size, layer); layer None stands for the pieces of whole images."""


def piece_features(
    g: Generator,
    features: Features,
    settings: ProbeSettings,
    seed: int,
    *,
    batch: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Pieces:
    """Features of the pieces of one seed's samples, in the order of the samples."""
    z = sample_z(g, settings.samples, seed)
    corners = {size: places(settings.samples, size, g.resolution, seed) for size in settings.sizes}
    found: dict[tuple[int, int | None], list[np.ndarray]] = {}
    wanted = {*settings.layers, *([features.layer] if features.layer else [])}
    for first in range(0, settings.samples, batch):
        with torch.no_grad():
            keys, values = opened(g, z[first : first + batch], wanted)
            whole = _seen(g, features, keys, values)
            keys = {number: keys[number] for number in settings.layers}
            for size in settings.sizes:
                here = corners[size][first : first + batch]
                for layer, pieces in _pieces(g, keys, whole, here, size, features.layer):
                    found.setdefault((size, layer), []).append(features(pieces))
        if progress is not None:
            progress(len(whole))
    return {what: np.concatenate(parts) for what, parts in found.items()}


def _seen(
    g: Generator, features: Features, keys: dict[int, KeyState], values: ValueState
) -> Tensor:
    """The whole maps (B, C, R, R) that are compared: images, or a layer's values."""
    if features.layer is None:
        return g.finish(values)
    layer = g.layer(features.layer)
    if layer.number != values.layer:
        values = layer.values(keys[layer.number])
    return within_picture(values.v, layer.margin)


def _pieces(
    g: Generator,
    keys: dict[int, KeyState],
    whole: Tensor,
    corners: np.ndarray,
    size: int,
    of_layer: int | None,
) -> Iterator[tuple[int | None, Tensor]]:
    """(layer, pieces (B, C, size, size)): of whole maps (None), then of each layer alone.

    ``whole``: the maps that are compared, (B, C, R, R); ``of_layer``: whose values they are, None
    for images.
    """
    groups = [
        (int(top), int(left), torch.from_numpy(np.flatnonzero((corners == (top, left)).all(1))))
        for top, left in np.unique(corners, axis=0)
    ]
    side = cut(whole, 0, 0, size, g.resolution).shape[-1]
    pieces = whole.new_empty(*whole.shape[:2], side, side)
    for top, left, members in groups:
        pieces[members] = cut(whole[members], top, left, size, g.resolution)
    yield None, pieces
    for number, state in keys.items():
        layer = g.layer(number)
        if not cells_of(layer, size):
            continue
        rendered = torch.empty_like(pieces)
        for top, left, members in groups:
            given = (layer, state[members], top, left, size)
            rendered[members] = values_alone(*given, of_layer) if of_layer else alone(*given)
        yield number, rendered


def probe_layers(
    g: Generator,
    features: Features,
    settings: ProbeSettings,
    *,
    batch: int = 32,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Fréchet distances between pieces alone and pieces of whole images, with each seed left out.

    One row for each layer, size that is a whole number of its cells, and ``without_seed``: the seed
    left out of both sets, `NONE_LEFT_OUT` for none. Columns: layer; crop_pixels, crop_cells;
    ``fid``; ``spread``: total variance of the features of the whole images' pieces, the scale of
    a distance of that size; n pieces; seeds; features, the name of the features.

    Args:
        batch: samples at a time; it changes rows by rounding only.
        progress: called with the samples done since its last call, of ``settings.images``.

    Raises `ParameterError` as `check_fits`, and for layers after that whose values are compared.
    """
    check_fits(g, settings)
    if features.layer is not None and max(settings.layers) > features.layer:
        raise ParameterError(
            f"layers: {features.name} compares values of layer {features.layer}, which layer "
            f"{max(settings.layers)} comes after; leave it out"
        )
    of_seed = {
        seed: piece_features(g, features, settings, seed, batch=batch, progress=progress)
        for seed in settings.seeds
    }
    rows = []
    for left_out in (None, *settings.seeds):
        kept = [pieces for seed, pieces in of_seed.items() if seed != left_out]
        sets = {what: np.concatenate([pieces[what] for pieces in kept]) for what in kept[0]}
        for (size, layer), rendered in sets.items():
            if layer is None:
                continue
            whole = sets[size, None]
            rows.append(
                {
                    "layer": layer,
                    "crop_pixels": size,
                    "crop_cells": cells_of(g.layer(layer), size),
                    "without_seed": NONE_LEFT_OUT if left_out is None else str(left_out),
                    "fid": frechet_distance(rendered, whole),
                    "spread": float(whole.var(axis=0, ddof=1, dtype=np.float64).sum()),
                    "n": len(whole),
                    "seeds": len(kept),
                    "features": features.name,
                }
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = ["layer", "crop_pixels"]
    return table.sort_values(order, kind="stable").reset_index(drop=True)


def distances(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """One row for each layer and size of `probe_layers`, with intervals over the seeds.

    Columns: layer; crop_pixels, crop_cells; ``fid``, ``relative`` (``fid`` as a share of
    ``spread``, by which sizes can be compared), each with its ``_low`` and ``_high``; spread;
    features; n pieces; seeds.
    """
    rows = []
    for (layer, size), part in table.groupby(["layer", "crop_pixels"]):
        part = part.assign(relative=part["fid"] / part["spread"])
        every = part["without_seed"] == NONE_LEFT_OUT
        whole, without = part[every].iloc[0], part[~every]
        row = {"layer": int(layer), "crop_pixels": int(size)}
        row["crop_cells"] = int(whole["crop_cells"])
        for name in ("fid", "relative"):
            found = jackknife(float(whole[name]), without[name].to_numpy(), level)
            row |= estimate_columns({name: found})
        row |= {"spread": float(whole["spread"]), "features": whole["features"]}
        rows.append(row | {"n": int(whole["n"]), "seeds": int(whole["seeds"])})
    return pd.DataFrame(rows)
