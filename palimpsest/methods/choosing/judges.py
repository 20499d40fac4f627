"""Scores of an edit on tuning samples, which are held out from those that are measured.

A judge gives a `Score` to a changed weight of the layer. `LabelJudge` compares the labels of the
images before and after; `ValueJudge` needs no segmenter and compares the layer's values. Both
compute the keys of their samples once, so that a score costs only the layers after the edit. They
judge any samples in any order (`Judgement`), so that a weight can be given up before the last one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from palimpsest.errors import SessionError
from palimpsest.generators.base import Generator, KeyState, Layer, joined
from palimpsest.generators.picture_cells import around_picture
from palimpsest.generators.samples import images_at_once, sample_z
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.instruments.label_changes import REMOVED_SHARE, TURNED_SHARE, of_classes
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.memory.goals import Goal

BATCH = 16
"""Batch size: images of 128 pixels, or samples of which only the keys are computed."""

JUDGED = 8
"""Images of 128 pixels that are judged together. So many cost no more each than 16 on a CPU, and a
weight is given up earlier."""

SHOWN_SHARE = 0.002
"""Share of pixels from which a tuning image shows a class: 33 pixels of 128 x 128."""

MOST_KEPT = 2**28
"""Most bytes of perceptual features that are kept of the images before an edit (80 images at mini
scale need 29 million). If they need more, they are computed again for each weight."""

OUTSIDE_WEIGHT = 5.0
"""Points that a score loses for each point of labels changed outside."""

COUNTED = 7
"""Columns of a label judge's counts; those of a critic follow."""

Samples = TypeVar("Samples", Tensor, KeyState, PreparedImages)

ELSEWHERE_WEIGHT = 1.0
"""Without labels: weight of the relative change of other values against the relative goal loss."""


@dataclass(frozen=True)
class Score:
    """``value`` decides; the others explain it: shares in [0, 1], None if not computed.

    ``removed``: source pixels that are no longer source. ``converted``: source pixels that became a
    target. ``converted_images``: images that count as converted. ``kept``: pixels outside the
    source whose label stayed. ``perceptual``: mean distance outside the source (not a share).
    ``critic_drop``, ``critic_drop_outside``: mean fall of the critic's naturalness where the image
    is to change, and elsewhere (not shares). ``goal``: relative goal loss that remains, mean over
    all exemplars. ``elsewhere``: relative change of values outside.
    """

    value: float
    removed: float | None = None
    converted: float | None = None
    converted_images: float | None = None
    kept: float | None = None
    perceptual: float | None = None
    critic_drop: float | None = None
    critic_drop_outside: float | None = None
    goal: float | None = None
    elsewhere: float | None = None

    def record(self) -> dict[str, float]:
        """The computed numbers, rounded, as an edit's metadata lists them."""
        return {name: round(v, 5) for name, v in asdict(self).items() if v is not None}


@dataclass
class Judgement:
    """What a changed weight (M, N, kh, kw) did to the samples that were judged so far.

    ``counts`` (n, columns) float64: a row for each sample, zero before it is judged; the judge
    knows the columns. ``judged`` (n,) bool. ``goal``: the relative goal loss that remains, if the
    judge compares values.
    """

    counts: Tensor
    judged: Tensor
    goal: float = 0.0

    @property
    def samples(self) -> int:
        """Number of samples judged so far."""
        return int(self.judged.sum())


class Judge(ABC):
    """Judges changed weights (M, N, kh, kw) of a layer on the same ``n`` samples.

    ``quick``: how many of them, the first ones, a quick score is of. ``at_once``: how many are
    judged together. ``columns``: of a judgement's counts.
    """

    n: int
    quick: int
    at_once: int
    columns: int

    def begin(self, weight: Tensor) -> Judgement:
        """A judgement without samples."""
        counts = torch.zeros(self.n, self.columns, dtype=torch.float64)
        return Judgement(counts, torch.zeros(self.n, dtype=torch.bool))

    def extend(self, judgement: Judgement, weight: Tensor, numbers: Tensor) -> None:
        """Judge ``weight`` on the samples of these numbers (k,) too."""
        with torch.inference_mode():
            for part in numbers.split(self.at_once):
                judgement.counts[part] = self._counts(weight, part).cpu()
                judgement.judged[part] = True

    def score(self, weight: Tensor, quick: bool = False) -> Score:
        """The score on all samples, or on those of a quick score."""
        judgement = self.begin(weight)
        self.extend(judgement, weight, torch.arange(self.quick if quick else self.n))
        return self.score_of(judgement)

    def bound(self, judgement: Judgement) -> float:
        """The highest value that the weight can still have on all samples.

        Equal to the value once all are judged, but for rounding, for the pixels that an added thing
        covers, and for what a critic takes off.
        """
        return self.highest(judgement) - float(self.losses(judgement).sum())

    @abstractmethod
    def score_of(self, judgement: Judgement) -> Score:
        """The score on the samples judged so far, at least one; their order does not matter."""

    @abstractmethod
    def highest(self, judgement: Judgement) -> float:
        """The value on all samples of a weight that loses nothing on any."""

    @abstractmethod
    def losses(self, judgement: Judgement) -> Tensor:
        """What each sample (n,) takes off `highest` for certain, at least 0; 0 where not judged."""

    @abstractmethod
    def _counts(self, weight: Tensor, numbers: Tensor) -> Tensor:
        """Counts (k, columns) float64 of the samples of these numbers (k,)."""


class LabelJudge(Judge):
    """Scores an edit by the labels of generated images that show the source."""

    def __init__(
        self,
        g: Generator,
        layer: int,
        segmenter: Segmenter,
        source: Sequence[str],
        targets: Sequence[str],
        n: int,
        seed: int,
        adds: bool = False,
        least_added: int = 1,
        perceptual_weight: float = 1.0,
        critic_weight: float = 0.2,
    ) -> None:
        """
        Args:
            n: number of tuning images: the first samples of ``seed`` that show the source.
            perceptual_weight: points (hundredths) that a score loses for each hundredth of
                perceptual distance outside.
            critic_weight: points that it loses for each hundredth of a drop that is positive,
                where the segmenter has a critic.
            adds: the source stays and targets are added to it; an image is then converted if at
                least ``least_added`` of its pixels became a target.

        Raises:
            ParameterError: a class that the segmenter does not have.
            SessionError: a source that hardly any image shows.
        """
        self.layer, self.segmenter = g.layer(layer), segmenter
        self.distance = PerceptualDistance(segmenter)
        self.adds, self.least_added = adds, least_added
        self.perceptual_weight, self.critic_weight = perceptual_weight, critic_weight
        self.source = segmenter.numbers(*source)
        # a target may contain the source as a part, such as building and dome
        self.targets = [n for n in segmenter.numbers(*targets) if n not in self.source]
        # all by sample, each as a batch of one
        self.states: list[KeyState] = []
        self.befores: list[PreparedImages] | list[Tensor] = []
        self.labels: list[Tensor] = []
        self.natural: list[Tensor] = []
        found_in = []
        pool, found = 16 * n, 0
        z = sample_z(g, pool, seed)
        with torch.inference_mode():
            for part in z.split(images_at_once(g.resolution, BATCH)):
                state = self.layer.keys(part)
                made = self.layer.render(self.layer.values(state))
                seen = segmenter.labels(made)
                shown = of_classes(seen, self.source).float().mean(dim=(1, 2)) >= SHOWN_SHARE
                keep = shown.nonzero().flatten().tolist()[: n - found]
                if keep:
                    prepared = self.distance.prepare(made[keep])
                    fits = n * prepared.nbytes <= MOST_KEPT * len(keep)
                    self.states += singly(state[keep])
                    self.befores += singly(prepared if fits else made[keep])
                    self.labels += singly(seen[keep])
                    if segmenter.critic is not None:
                        self.natural += singly(segmenter.critic.naturalness(made[keep]))
                    found_in.append(len(keep))
                    found += len(keep)
                if found == n:
                    break
        if found < max(4, n // 4):
            raise SessionError(
                f"classes {', '.join(source)} show in {found} of {pool} tuning samples; "
                "too few to choose by"
            )
        self.n = found
        self.quick = sum(found_in[: -(-len(found_in) // 2)])  # of half of the batches
        self.at_once = images_at_once(g.resolution, JUDGED)
        self.columns = COUNTED + 2 * bool(self.natural)
        self.shown = sum(int(of_classes(seen, self.source).sum()) for seen in self.labels)
        self.outside = sum(map(Tensor.numel, self.labels)) - self.shown

    def _counts(self, weight: Tensor, numbers: Tensor) -> Tensor:
        before = together(self.labels, numbers)
        state = together(self.states, numbers)
        image = self.layer.render(self.layer.values(state, weight))
        outputs = CachedOutputs(self.segmenter, image)
        after = outputs.labels
        was, is_now = (of_classes(some, self.source) for some in (before, after))
        turned = of_classes(after, self.targets) & ~of_classes(before, self.targets)
        outside = ~was & ~(turned if self.adds else torch.zeros_like(was))
        prepared = self.distance.prepare(outputs)
        apart = self.distance.spatial(together(self.befores, numbers), prepared).cpu()
        counted = (
            was,
            was & ~is_now,
            turned & was,
            outside,
            outside & (after == before),
            apart * outside,
        )
        columns = [self._converted(was, is_now, turned)]
        columns += [part.flatten(1).sum(dim=1) for part in counted]
        if self.natural:
            columns += self._drops(numbers, outputs, was | turned)
        return torch.stack([column.cpu().double() for column in columns], dim=1)

    def score_of(self, judgement: Judgement) -> Score:
        counts = judgement.counts[judgement.judged]
        sums = counts[:, :COUNTED].sum(0).tolist()
        converted_images, pixels, removed, converted, beyond, same, apart = sums
        shares = {
            "removed": removed / pixels,
            "converted": converted / pixels,
            "converted_images": converted_images / len(counts),
            "kept": same / beyond,
            "perceptual": apart / beyond,
        }
        effect = shares["converted_images"]
        if not self.adds:
            effect = (effect + shares["removed"]) / 2
        spill = (
            OUTSIDE_WEIGHT * (1 - shares["kept"]) + self.perceptual_weight * shares["perceptual"]
        )
        value = effect - spill
        if self.natural:
            inside, elsewhere = counts[:, COUNTED:].nanmean(0).tolist()
            shares |= {"critic_drop": inside, "critic_drop_outside": elsewhere}
            # looking better than before is no merit of an edit, only looking worse is a fault
            value -= self.critic_weight * (max(inside, 0) + max(elsewhere, 0))
        return Score(value, **shares)

    def _drops(self, numbers: Tensor, after: CachedOutputs, where: Tensor) -> tuple[Tensor, Tensor]:
        """The critic's drops (k,) of some samples where images are to change, and elsewhere."""
        critic = self.segmenter.critic
        assert critic is not None
        before, now = together(self.natural, numbers), critic.naturalness(after)
        return critic.drop_of(before, now, where), critic.drop_of(before, now, ~where)

    def highest(self, judgement: Judgement) -> float:
        """All convert, nothing changes outside, and the critic is pleased."""
        return 1.0

    def losses(self, judgement: Judgement) -> Tensor:
        converted, source, removed, _, beyond, same, apart = judgement.counts[:, :COUNTED].T
        missed = (1 - converted) / self.n
        if not self.adds:
            missed = (missed + (source - removed) / self.shown) / 2
        spill = OUTSIDE_WEIGHT * (beyond - same) + self.perceptual_weight * apart
        return torch.where(judgement.judged, missed + spill / self.outside, 0.0)

    def _converted(self, was: Tensor, is_now: Tensor, turned: Tensor) -> Tensor:
        """Which images (B,) bool count as converted, by the thresholds of `edit_effect`."""

        def count(mask: Tensor) -> Tensor:
            return mask.flatten(1).sum(dim=1)

        if self.adds:
            return count(turned) >= self.least_added
        size = count(was)
        removed, hits = count(was & ~is_now), count(turned & was)
        return (removed >= REMOVED_SHARE * size) & (hits >= TURNED_SHARE * size)


class ValueJudge(Judge):
    """Scores an edit without labels: by the goal loss of all exemplars and the change elsewhere.

    Exemplars that were not solved for are held-out goals: an edit that also reaches them has
    learned the rule, not only one place.
    """

    def __init__(
        self,
        g: Generator,
        layer: int,
        goals: Sequence[Goal],
        changing: object,
        n: int,
        seed: int,
    ) -> None:
        """``changing(state)`` gives the cells (B, h, w) bool of keys that are to change."""
        self.layer, self.goals, self.n = g.layer(layer), goals, n
        self.columns, self.at_once = 2, BATCH
        self.quick = min(n, BATCH * -(-n // (2 * BATCH)))  # half, in whole batches
        self.states: list[KeyState] = []
        self.values: list[Tensor] = []
        self.outside: list[Tensor] = []
        self.total = 0.0
        with torch.inference_mode():
            for part in sample_z(g, n, seed).split(BATCH):
                state = self.layer.keys(part)
                values = self.layer.values(state).v
                outside = F.interpolate((~changing(state))[:, None].float(), values.shape[2:]) > 0
                self.total += float((values.abs() * outside).sum())
                self.states += singly(state)
                self.values += singly(values)
                self.outside += singly(outside)
        self.start = [self._loss(goal, None) for goal in goals]

    def begin(self, weight: Tensor) -> Judgement:
        judgement = super().begin(weight)
        with torch.inference_mode():
            left = [
                self._loss(goal, weight) / start if start > 0 else 1.0
                for goal, start in zip(self.goals, self.start, strict=True)
            ]
        judgement.goal = sum(left) / len(left)
        return judgement

    def _counts(self, weight: Tensor, numbers: Tensor) -> Tensor:
        before, outside = (together(some, numbers) for some in (self.values, self.outside))
        after = self.layer.values(together(self.states, numbers), weight).v
        counted = ((after - before).abs() * outside, before.abs() * outside)
        return torch.stack([part.flatten(1).sum(dim=1).double() for part in counted], dim=1)

    def score_of(self, judgement: Judgement) -> Score:
        changed, total = judgement.counts[judgement.judged].sum(0).tolist()
        elsewhere = changed / max(total, 1e-30)
        value = -judgement.goal - ELSEWHERE_WEIGHT * elsewhere
        return Score(value, goal=judgement.goal, elsewhere=elsewhere)

    def highest(self, judgement: Judgement) -> float:
        """Nothing changes elsewhere."""
        return -judgement.goal

    def losses(self, judgement: Judgement) -> Tensor:
        return ELSEWHERE_WEIGHT * judgement.counts[:, 0] / max(self.total, 1e-30)

    def _loss(self, goal: Goal, weight: Tensor | None) -> float:
        residual = (goal.target - self.layer.values(goal.state, weight).v).abs()
        if goal.weights is not None:
            residual = residual * goal.weights[:, None]
        return float(residual.sum())


def singly(batch: Samples) -> list[Samples]:
    """The samples of a batch, each as a batch of one, without a copy."""
    return [batch[i : i + 1] for i in range(len(batch))]


def together(samples: Sequence[Samples], numbers: Tensor) -> Samples:
    """The samples of these numbers (k,) as one batch."""
    chosen = [samples[i] for i in numbers.tolist()]
    first = chosen[0]
    if isinstance(first, KeyState):
        return joined(chosen)
    return type(first).joined(chosen) if isinstance(first, PreparedImages) else torch.cat(chosen)


def cells_showing(
    layer: Layer, state: KeyState, segmenter: Segmenter, numbers: Sequence[int]
) -> Tensor:
    """Cells of keys (B, h, w) bool on or next to pixels of these classes in the images."""
    images = layer.render(layer.values(state))
    labels = segmenter.labels(images)
    shown = of_classes(labels, numbers).float()[:, None]
    cells = tuple(side - 2 * layer.margin for side in layer.key_shape)
    share = F.adaptive_avg_pool2d(shown, cells)
    return widened(around_picture(share[:, 0], layer.margin) > 0.02)


def widened(cells: Tensor) -> Tensor:
    """The cells (B, h, w) bool together with the eight neighbours of each."""
    wide = F.max_pool2d(cells.float()[:, None], 3, stride=1, padding=1)
    return wide[:, 0] > 0
