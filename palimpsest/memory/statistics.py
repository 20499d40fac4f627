"""Second moment of a layer's keys: the memory that an edit should preserve.

``C = E[k kᵀ]`` over all cells of many samples, not centred (paper, section 3.3 and Appendix D).
Batches are multiplied in float32 and summed in float64, so the result does not depend on the batch
size beyond rounding, and costs a few per cent of the forward pass that makes the keys::

    stats = KeyStatistics.collect(g, layer=8, n=1000, seed=1)
    several = KeyStatistics.collect(g, layers=(6, 7, 8), n=1000, seed=1)    # one pass, a dict
    stats.save("layer8.safetensors")
    KeyStatistics.load("layer8.safetensors", expect={"layer": 8, "n": 1000, "seed": 1})

A file that was made for other weights, another layer or other samples is refused; statistics of an
edited generator are of other weights than those of the unedited one.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from palimpsest.errors import StatisticsError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.generators.base import Generator, KeyState
from palimpsest.generators.classes import told_class
from palimpsest.generators.identity import made_on
from palimpsest.generators.samples import z_batches

Exclusion = Callable[[KeyState, Tensor], Tensor]
"""Mask of cells to leave out: (keys, z) to bool (B, h, w), true where a cell is not counted."""

QUANTILE_LEVELS = (
    torch.cat(
        [
            torch.linspace(0, 1, 257, dtype=torch.float64),
            torch.tensor([0.998, 0.999, 0.9995, 0.9999]),
        ]
    )
    .sort()
    .values
)
"""Levels (261,) at which the distribution of every unit is kept."""

QUANTILE_CELLS = 8192
"""Number of cells for the quantiles, a fixed random choice: the same number of each sample, or one
cell of evenly spaced samples. It is smaller if there are fewer cells, and at most doubled. The
standard error of level q is √(q (1 - q) / 8192)."""

EIGENVALUE_FLOOR = 1e-9
"""Least eigenvalue for roots and inverses, as a share of the largest: float32 sums determine no
smaller ones, and the original's plain root turned negative ones into NaN."""

SINGULAR = 1e-12
"""A moment with an eigenvalue below this share of the largest is refused as singular."""

KEYS_PER_UNIT = 10
"""Least number of cells for each unit that determines a second moment."""


class KeyStatistics:
    """Second moment and unit distributions of the keys of one layer.

    ``second_moment`` (N, N) float64, symmetric positive definite; ``count``: cells counted;
    ``unit_quantiles`` (N, 261) at `QUANTILE_LEVELS`, or None if made from only a second moment;
    ``metadata``: the generator, layer and samples it was made from, as text.
    """

    def __init__(
        self,
        second_moment: Tensor | np.ndarray,
        count: int,
        unit_quantiles: Tensor | None = None,
        metadata: Mapping[str, str] | None = None,
        source: str = "second moment",
    ) -> None:
        """Statistics from arrays; ``source`` names them in errors.

        Raises:
            StatisticsError: a moment that is not square, not finite, not symmetric, singular, or
                counted over fewer than 10 N cells.
        """
        moment = torch.as_tensor(second_moment).to(torch.float64)
        _check(moment, count, source)
        self.second_moment = (moment + moment.T) / 2
        self.count = int(count)
        self.unit_quantiles = unit_quantiles
        self.metadata = dict(metadata or {})
        largest = self.eigen[0][-1].item()
        smallest = self.eigen[0][0].item()
        if smallest <= SINGULAR * largest:
            silent = (self.unit_second_moment <= SINGULAR * largest).nonzero().flatten().tolist()
            why = f"units {silent[:8]} are always zero" if silent else "some units depend on others"
            raise StatisticsError(
                f"{source}: singular (eigenvalues {smallest:.2g} to {largest:.2g}; {why}); "
                "collect it from more samples, or use another layer"
            )

    @property
    def units(self) -> int:
        """N, the number of input units of the layer."""
        return self.second_moment.shape[0]

    def collected_at(self, named: object) -> tuple[int, float]:
        """The layer and the truncation that the metadata tells.

        Raises `StatisticsError`, which calls the statistics ``named``, if it tells neither.
        """
        try:
            return int(self.metadata["layer"]), float(self.metadata["truncation"])
        except (KeyError, ValueError):
            raise StatisticsError(f"{named}: has no layer and truncation in its metadata") from None

    @property
    def unit_second_moment(self) -> Tensor:
        """E[k²] of every unit, (N,) float64: the diagonal of the second moment."""
        return self.second_moment.diagonal()

    @cached_property
    def eigen(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues, ascending (N,), and eigenvectors in columns (N, N), float64."""
        values, vectors = torch.linalg.eigh(self.second_moment)
        return values, vectors

    def power(self, exponent: float) -> Tensor:
        """``C`` to any power, (N, N) float64, after raising eigenvalues to `EIGENVALUE_FLOOR`."""
        values, vectors = self.eigen
        values = values.clamp_min(EIGENVALUE_FLOOR * values[-1])
        return (vectors * values.pow(exponent)) @ vectors.T

    @cached_property
    def zca(self) -> Tensor:
        """``Z = C^(-1/2)``, (N, N) float64: the symmetric (ZCA) whitening of keys."""
        return self.power(-0.5)

    @cached_property
    def inverse(self) -> Tensor:
        """``C⁻¹``, (N, N) float64."""
        return self.power(-1.0)

    def whiten(self, keys: Tensor) -> Tensor:
        """Whitened keys ``Z k``, (n, N) float64, of keys in rows (n, N)."""
        return keys.to(torch.float64) @ self.zca

    def quantile_of(self, keys: Tensor) -> Tensor:
        """Quantile of each entry of ``keys`` (n, N) within its unit, (n, N) in [0, 1].

        Raises `StatisticsError` for statistics made from only a second moment.
        """
        if self.unit_quantiles is None:
            raise StatisticsError("these statistics hold no unit quantiles; collect them again")
        marks = self.unit_quantiles.to(torch.float64).contiguous()  # (N, L)
        found = keys.to(torch.float64).T.contiguous()  # (N, n)
        above = torch.searchsorted(marks, found).clamp(1, marks.shape[1] - 1)
        low, high = marks.gather(1, above - 1), marks.gather(1, above)
        share = ((found - low) / (high - low).clamp_min(1e-30)).clamp(0, 1)
        levels = QUANTILE_LEVELS
        return (levels[above - 1] + share * (levels[above] - levels[above - 1])).T

    @classmethod
    def collect(
        cls,
        g: Generator,
        layer: int | None = None,
        n: int = 1000,
        seed: int = 1,
        *,
        layers: Sequence[int] | None = None,
        batch: int = 10,
        exclude: Exclusion | None = None,
        excluding: str = "",
        progress: bool | Callable[[int], None] = False,
    ) -> KeyStatistics | dict[int, KeyStatistics]:
        """Statistics over the ``n`` standard samples of ``seed``, and the classes drawn for them.

        Args:
            g: the generator; its truncation and noise mode are used and recorded.
            layer: the layer whose keys are counted; or
            layers: several layers in one forward pass; the result is then a dict by number.
            exclude: cells to leave out, such as those on or next to an edit's target.
            excluding: name of the cells left out, recorded in the metadata.
            progress: print the number of finished samples to stderr every few seconds; or a
                function that is called with it after every batch, and may raise to stop.

        Raises:
            StatisticsError: too few cells for the number of units, or a moment that is singular
                or not finite.
            ValueError: neither or both of ``layer`` and ``layers``, or a layer that ``g`` does not
                have.
        """
        if (layer is None) == (layers is None):
            raise ValueError("give either layer= or layers=")
        numbers = sorted({layer} if layers is None else set(layers))
        sums = {number: _Sums(g.layer(number).weight.shape[1], n) for number in numbers}
        printed = time.monotonic()
        device = g.layer(numbers[0]).weight.device
        for start, z in zip(range(0, n, batch), z_batches(g, n, seed, batch), strict=True):
            z = z.to(device)
            with torch.inference_mode():
                for state in g.keys_of_layers(z, numbers):
                    left_out = None if exclude is None else exclude(state, z)
                    sums[state.layer].add(state.k, left_out, start)
            if callable(progress):
                progress(start + len(z))
            elif progress and time.monotonic() - printed > 5:
                printed = time.monotonic()
                print(f"key statistics: {start + len(z)} of {n} samples", file=sys.stderr)
        common = {
            "weights_sha256": g.weights_sha256,
            **made_on(g),
            "truncation": as_text(g.truncation),
            "noise": g.noise,
            "seed": as_text(seed),
            "n": as_text(n),
            "excluding": excluding or ("" if exclude is None else "unnamed cells"),
            **({"classes": told_class(g)} if g.classes else {}),
            **versions(),
        }
        if exclude is None and excluding:
            raise ValueError(f"excluding={excluding!r} without exclude=")
        found = {
            number: sums[number].finish(
                f"key statistics of layer {number}", {**common, "layer": as_text(number)}
            )
            for number in numbers
        }
        return found[layer] if layers is None else found

    def with_more(self, other: KeyStatistics, weight: float) -> KeyStatistics:
        """These statistics with ``weight`` times the second moment of ``other`` added.

        Both moments are means over their cells, so that at 1 the cells of ``other`` count together
        as much as all of these: a direction then avoids them, and the penalty spares them.
        """
        moment = self.second_moment + weight * other.second_moment
        return KeyStatistics(moment, self.count, self.unit_quantiles, self.metadata)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.safetensors`` file atomically."""
        arrays = {
            "second_moment": self.second_moment,
            "unit_second_moment": self.unit_second_moment,
            "count": torch.tensor([self.count]),
        }
        if self.unit_quantiles is not None:
            arrays["unit_quantiles"] = self.unit_quantiles
        save_arrays(path, arrays, self.metadata)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], expect: Mapping[str, object] | None = None
    ) -> KeyStatistics:
        """Read statistics and compare their metadata with ``expect``.

        Names in ``expect``: weights_sha256, layer, truncation, noise, seed, n, excluding.

        Raises:
            StatisticsError: a missing or damaged file, an unusable moment, or metadata that differ
                from ``expect``.
        """
        arrays, metadata = load_arrays(path, StatisticsError)
        for name in ("second_moment", "count"):
            if name not in arrays:
                raise StatisticsError(
                    f"{path}: holds no {name}, so it is not a key statistics file"
                )
        for name, wanted in (expect or {}).items():
            if metadata.get(name) != as_text(wanted):
                on = f" (made on {metadata['made_on']})" if "made_on" in metadata else ""
                raise StatisticsError(
                    f"{path}: made with {name} = {metadata.get(name, 'unknown')}{on}, "
                    f"but {as_text(wanted)} is needed; collect it again"
                )
        return cls(
            arrays["second_moment"],
            int(arrays["count"].item()),
            arrays.get("unit_quantiles"),
            metadata,
            source=str(path),
        )


def as_text(value: object) -> str:
    """A metadata value as text; numbers in their shortest form, so that 1 and 1.0 are equal."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(value, ".12g")
    return str(value)


def versions() -> dict[str, str]:
    """Versions of PyTorch and Python, for the metadata of a result."""
    return {"torch": str(torch.__version__), "python": platform.python_version()}


class _Sums:
    """Running sums of one layer."""

    def __init__(self, units: int, n: int) -> None:
        self.outer = torch.zeros(units, units, dtype=torch.float64)
        self.block = -(-units // 4)
        self.count = 0
        self.n = n
        each = -(-QUANTILE_CELLS // n)  # cells of a sample, if it has as many
        # cells for the quantiles, filled up to column `filled`
        self.drawn = np.empty((units, each * min(n, QUANTILE_CELLS)), np.float32)
        self.each, self.filled = each, 0

    def add(self, k: Tensor, left_out: Tensor | None, first: int) -> None:
        """Count the keys ``k`` (B, N, h, w) of the samples from number ``first`` on."""
        rows = k.flatten(2)  # (B, N, h*w)
        kept = None
        if left_out is not None:
            kept = ~left_out.to(k.device).flatten(1)  # (B, h*w)
            flat = rows.transpose(0, 1)[:, kept]
        else:
            flat = rows.transpose(0, 1).reshape(k.shape[1], -1)  # (N, B*h*w)
        # the product is symmetric: blocks from the diagonal on need five eighths of the work
        for first_row in range(0, len(flat), self.block):
            rows_here = slice(first_row, first_row + self.block)
            self.outer[rows_here, first_row:] += (flat[rows_here] @ flat[first_row:].T).cpu()
        self.count += flat.shape[1]
        cells = rows.shape[2]
        for index, sample in enumerate(rows):
            number = first + index
            if not self._draws_from(number):
                continue
            # seeded by the sample's number, so the choice does not depend on the batch
            chosen = np.sort(np.random.default_rng(number).permutation(cells)[: self.each])
            chosen = torch.from_numpy(chosen).to(k.device)
            if kept is not None:
                chosen = chosen[kept[index, chosen]]
            until = self.filled + len(chosen)
            self.drawn[:, self.filled : until] = sample[:, chosen].float().cpu().numpy()
            self.filled = until

    def _draws_from(self, number: int) -> bool:
        """Whether cells of sample ``number`` are drawn: all samples, or `QUANTILE_CELLS` evenly."""
        if self.n <= QUANTILE_CELLS:
            return True
        return number * QUANTILE_CELLS // self.n != (number - 1) * QUANTILE_CELLS // self.n

    def finish(self, source: str, metadata: dict[str, str]) -> KeyStatistics:
        """The statistics of all cells added; ``source`` names them in errors."""
        # numpy sorts float32 rows ten times faster than torch
        ordered = np.sort(self.drawn[:, : self.filled], axis=1)
        if ordered.shape[1] == 0:
            raise StatisticsError(f"{source}: every cell was left out; exclude fewer")
        place = QUANTILE_LEVELS.numpy() * (ordered.shape[1] - 1)
        low = np.floor(place).astype(int)
        high = np.ceil(place).astype(int)
        share = (place - low).astype(np.float32)
        quantiles = ordered[:, low] * (1 - share) + ordered[:, high] * share
        moment = self.outer.triu() / self.count
        moment = moment + moment.triu(1).T
        return KeyStatistics(moment, self.count, torch.from_numpy(quantiles), metadata, source)


def _check(moment: Tensor, count: int, source: str) -> None:
    if moment.ndim != 2 or moment.shape[0] != moment.shape[1]:
        raise StatisticsError(
            f"{source}: second moment of shape {tuple(moment.shape)}; it must be (N, N)"
        )
    if not torch.isfinite(moment).all():
        raise StatisticsError(f"{source}: second moment holds NaN or infinity; collect it again")
    asymmetry = (moment - moment.T).abs().max().item()
    if asymmetry > 1e-5 * moment.abs().max().item():
        raise StatisticsError(
            f"{source}: second moment is not symmetric (off by {asymmetry:.2g}); collect it again"
        )
    needed = KEYS_PER_UNIT * moment.shape[0]
    if count < needed:
        raise StatisticsError(
            f"{source}: {count} cells counted for {moment.shape[0]} units; at least {needed} are "
            "needed, so use more samples"
        )
