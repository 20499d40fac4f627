"""Second moment of a layer's keys: what the layer remembers, and so what an edit should spare.

``C = E[k kᵀ]`` over all cells of many samples, not centred (paper, section 3.3 and Appendix D).
Batches are multiplied in float32 and summed in float64, so the result does not depend on the batch
size beyond rounding, and costs a few per cent of the forward pass that makes the keys::

    stats = KeyStatistics.collect(g, layer=8, n=1000, seed=1)
    several = KeyStatistics.collect(g, layers=(6, 7, 8), n=1000, seed=1)    # one pass, a dict
    stats.save("layer8.safetensors")
    KeyStatistics.load("layer8.safetensors", expect={"layer": 8, "n": 1000, "seed": 1})

A file that was made for other weights, another layer or other samples is refused, never reused.
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
from palimpsest.generators.samples import z_batches

Exclusion = Callable[[KeyState, Tensor], Tensor]
"""Cells to leave out: (keys, z) to bool (B, h, w), true where a cell is not to be counted."""

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
"""Cells that the quantiles are computed from: all if there are no more, else evenly many of each
sample, or one of every so many samples, drawn at random but the same every time; at most twice as
many. A level q is met to √(q (1 - q) / 8192)."""

EIGENVALUE_FLOOR = 1e-9
"""Eigenvalues are raised to this share of the largest one before a root or an inverse: float32
sums know the small ones no better, and the original's bare root made NaN of negative ones."""

SINGULAR = 1e-12
"""A moment with an eigenvalue below this share of the largest is refused as singular."""

KEYS_PER_UNIT = 10
"""Fewer cells than this for each unit do not determine a second moment."""


class KeyStatistics:
    """Second moment and unit distributions of the keys of one layer.

    ``second_moment`` (N, N) float64, symmetric positive definite; ``count``: cells counted;
    ``unit_quantiles`` (N, 261) at `QUANTILE_LEVELS`, or None where made from a bare moment;
    ``metadata``: what it was made from, as text.
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
            StatisticsError: not square, not finite, not symmetric, singular, or counted over
                fewer than 10 N cells.
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
        """``Z = C^(-1/2)``, (N, N) float64: whitens keys and keeps them near themselves."""
        return self.power(-0.5)

    @cached_property
    def inverse(self) -> Tensor:
        """``C⁻¹``, (N, N) float64."""
        return self.power(-1.0)

    def whiten(self, keys: Tensor) -> Tensor:
        """Keys in rows, (n, N), to whitened keys ``Z k``, (n, N) float64."""
        return keys.to(torch.float64) @ self.zca

    def quantile_of(self, keys: Tensor) -> Tensor:
        """Share of all keys below each entry of ``keys`` (n, N), unit by unit, (n, N) in [0, 1].

        Raises `StatisticsError` for statistics made from a bare moment.
        """
        if self.unit_quantiles is None:
            raise StatisticsError("these statistics hold no unit quantiles; collect them anew")
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
        progress: bool = False,
    ) -> KeyStatistics | dict[int, KeyStatistics]:
        """Statistics over the ``n`` standard samples of ``seed``.

        Args:
            g: the generator; its truncation and noise mode are used and noted.
            layer: the layer whose keys are counted; or
            layers: several of them, in one forward pass: the result is then a dict by number.
            exclude: cells to leave out, such as those on or next to what an edit is to change.
            excluding: a name for what is left out, noted with the statistics.
            progress: print how far it is to stderr, every few seconds.

        Raises:
            StatisticsError: too few cells for the number of units, or a moment that is singular
                or not finite.
            ValueError: neither or both of ``layer`` and ``layers``, or a layer ``g`` has not.
        """
        if (layer is None) == (layers is None):
            raise ValueError("give either layer= or layers=")
        numbers = sorted({layer} if layers is None else set(layers))
        sums = {number: _Sums(g.layer(number).weight.shape[1], n) for number in numbers}
        told = time.monotonic()
        device = g.layer(numbers[0]).weight.device
        for start, z in zip(range(0, n, batch), z_batches(g, n, seed, batch), strict=True):
            z = z.to(device)
            with torch.inference_mode():
                for state in g.key_states(z, numbers[-1]):
                    if state.layer not in numbers:
                        continue
                    left_out = None if exclude is None else exclude(state, z)
                    sums[state.layer].add(state.k, left_out, start)
            if progress and time.monotonic() - told > 5:
                told = time.monotonic()
                print(f"key statistics: {start + len(z)} of {n} samples", file=sys.stderr)
        common = {
            "weights_sha256": g.weights_sha256,
            "truncation": as_text(g.truncation),
            "noise": g.noise,
            "seed": as_text(seed),
            "n": as_text(n),
            "excluding": excluding or ("" if exclude is None else "unnamed cells"),
            **versions(),
        }
        if exclude is None and excluding:
            raise ValueError(f"excluding={excluding!r} named, but no exclude= given")
        found = {
            number: sums[number].finish(
                f"key statistics of layer {number}", {**common, "layer": as_text(number)}
            )
            for number in numbers
        }
        return found[layer] if layers is None else found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.safetensors`` file, whole or not at all."""
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
        """Read statistics, and hold their metadata against ``expect``.

        Names to expect: weights_sha256, layer, truncation, noise, seed, n, excluding.

        Raises:
            StatisticsError: a missing or damaged file, a moment that cannot be used, or one made
                from something else than ``expect`` says.
        """
        arrays, metadata = load_arrays(path, StatisticsError)
        for name in ("second_moment", "count"):
            if name not in arrays:
                raise StatisticsError(f"{path}: holds no {name}, so it is no key statistics file")
        for name, wanted in (expect or {}).items():
            if metadata.get(name) != as_text(wanted):
                raise StatisticsError(
                    f"{path}: made with {name} = {metadata.get(name, 'not noted')}, "
                    f"but {as_text(wanted)} is asked for; collect it anew"
                )
        return cls(
            arrays["second_moment"],
            int(arrays["count"].item()),
            arrays.get("unit_quantiles"),
            metadata,
            source=str(path),
        )


def as_text(value: object) -> str:
    """A metadata value as text: numbers in their shortest form, so that 1 and 1.0 agree."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format(value, ".12g")
    return str(value)


def versions() -> dict[str, str]:
    """What computed a result, for its metadata."""
    return {"torch": str(torch.__version__), "python": platform.python_version()}


class _Sums:
    """Running sums of one layer."""

    def __init__(self, units: int, n: int) -> None:
        self.outer = torch.zeros(units, units, dtype=torch.float64)
        self.block = -(-units // 4)
        self.count = 0
        self.n = n
        each = -(-QUANTILE_CELLS // n)  # of a sample; small ones have fewer cells
        # cells for the quantiles, of which `filled` columns are
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
        # the product is symmetric: blocks of rows from the diagonal on are five eighths of it
        for first_row in range(0, len(flat), self.block):
            rows_here = slice(first_row, first_row + self.block)
            self.outer[rows_here, first_row:] += (flat[rows_here] @ flat[first_row:].T).cpu()
        self.count += flat.shape[1]
        cells = rows.shape[2]
        for index, sample in enumerate(rows):
            number = first + index
            if not self._draws_from(number):
                continue
            # seeded by the sample's number: the choice is the same in any batch
            chosen = np.sort(np.random.default_rng(number).permutation(cells)[: self.each])
            chosen = torch.from_numpy(chosen).to(k.device)
            if kept is not None:
                chosen = chosen[kept[index, chosen]]
            until = self.filled + len(chosen)
            self.drawn[:, self.filled : until] = sample[:, chosen].float().cpu().numpy()
            self.filled = until

    def _draws_from(self, number: int) -> bool:
        """Whether sample ``number`` gives cells: each, or evenly `QUANTILE_CELLS` of more."""
        if self.n <= QUANTILE_CELLS:
            return True
        return number * QUANTILE_CELLS // self.n != (number - 1) * QUANTILE_CELLS // self.n

    def finish(self, source: str, metadata: dict[str, str]) -> KeyStatistics:
        # numpy sorts float32 rows an order of magnitude faster than torch does
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
        raise StatisticsError(f"{source}: second moment holds NaN or infinity; collect it anew")
    asymmetry = (moment - moment.T).abs().max().item()
    if asymmetry > 1e-5 * moment.abs().max().item():
        raise StatisticsError(
            f"{source}: second moment is not symmetric (off by {asymmetry:.2g}); collect it anew"
        )
    needed = KEYS_PER_UNIT * moment.shape[0]
    if count < needed:
        raise StatisticsError(
            f"{source}: {count} cells counted for {moment.shape[0]} units; at least {needed} are "
            "needed, so use more samples"
        )
