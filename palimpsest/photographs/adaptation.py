"""Adaptation: the weights above a layer, changed a little until a photograph is reproduced.

    changes = adapt(g, images, found.latent, distance, AdaptationSettings(), above=6)
    changes[0].apply(g)                    # reproduces images[0] from found.latent[0]

As in Bau et al. 2019 ("Semantic photo manipulation with a generative image prior"), an edit below
works on the adapted generator as on any other, because a penalty keeps the images of other samples
as they are. The maps up to the layer ``above`` do not depend on the changed weights, so they are
computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator, ValueState
from palimpsest.generators.samples import sample_z
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance, PreparedImages
from palimpsest.photographs.inversion import (
    Watch,
    checked,
    falling,
    reproduction_loss,
)
from palimpsest.photographs.settings import AdaptationSettings
from palimpsest.photographs.weight_change import (
    WeightChange,
    names_above,
    relative_change,
    with_parameters,
)


def adapt(
    g: Generator,
    images: Tensor,
    latents: Tensor,
    distance: PerceptualDistance,
    settings: AdaptationSettings,
    *,
    above: int,
    progress: Watch | None = None,
) -> list[WeightChange]:
    """One change for each of the photographs ``images`` (B, 3, R, R) with ``latents``
    (B, rows, style_dim).

    Raises `ParameterError` for a generator or images that cannot be inverted, and for a layer
    ``above`` that does not exist or has no layer above it.
    """
    g = checked(g, images)
    if above not in g.layers[:-1]:
        raise ParameterError(
            f"weights above layer {above} cannot be adapted; give a layer from {g.layers[0]} to "
            f"{g.layers[-2]}"
        )
    with torch.no_grad():
        others = _Others.of(g, distance, settings, above)
        images = images.to(g.device)
        first = g.layer(g.layers[0])
        values = []
        for latent in latents.to(g.device).split(1):
            state = first.values(g.start_from(latent))
            values.append(g.values_at(state, above))
    return [
        _adapted(g, image, value, distance, settings, above, others, progress)
        for image, value in zip(images.split(1), values, strict=True)
    ]


class _Others:
    """Other samples: their values at the layer, and their images as they are to stay."""

    def __init__(
        self, values: ValueState, images: Tensor, prepared: PreparedImages, batch: int
    ) -> None:
        self.values, self.images, self.prepared = values, images, prepared
        self.batch = min(batch, len(images))

    @classmethod
    def of(
        cls,
        g: StyleGAN2,
        distance: PerceptualDistance,
        settings: AdaptationSettings,
        above: int,
    ) -> _Others:
        values = g.values_at(sample_z(g, settings.kept, settings.seed).to(g.device), above)
        images = g.layer(above).render(values)
        return cls(values, images, distance.prepare(images), settings.kept_batch)

    def at(self, step: int) -> list[int]:
        """Which of them step ``step`` sees: one group after the other."""
        return [(step * self.batch + i) % len(self.images) for i in range(self.batch)]


def _adapted(
    g: StyleGAN2,
    photograph: Tensor,
    values: ValueState,
    distance: PerceptualDistance,
    settings: AdaptationSettings,
    above: int,
    others: _Others,
    progress: Watch | None,
) -> WeightChange:
    held = dict(g.named_parameters())
    originals = {name: held[name].detach() for name in names_above(g, above)}
    other = with_parameters(g, {n: t.clone() for n, t in originals.items()}, grad=True)
    parameters = {n: p for n, p in other.named_parameters() if n in originals}
    optimizer = torch.optim.Adam(parameters.values(), lr=settings.rate, betas=(0.9, 0.99))
    with torch.no_grad():
        prepared = distance.prepare(photograph)
    layer = other.layer(above)
    for step in range(settings.steps):
        optimizer.param_groups[0]["lr"] = falling(settings.rate, step, settings.steps)
        shown = others.at(step)
        images = layer.render(_joined(values, others.values[shown]))
        targets = torch.cat([photograph, others.images[shown]])
        all_prepared = _joined_prepared(prepared, others.prepared[shown])
        losses = reproduction_loss(images, all_prepared, targets, distance, settings.pixel_weight)
        change = {name: parameters[name] - originals[name] for name in parameters}
        loss = losses[0] + settings.kept_weight * losses[1:].mean()
        loss = loss + settings.change_weight * relative_change(change, originals)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if progress is not None:
            progress("weights", step + 1, settings.steps)
    return WeightChange(
        above,
        {
            name: (parameters[name].detach() - originals[name]).to(torch.float16).cpu()
            for name in originals
        },
    )


def _joined(a: ValueState, b: ValueState) -> ValueState:
    def both(x: Tensor | None, y: Tensor | None) -> Tensor | None:
        return None if x is None or y is None else torch.cat([x, y])

    return ValueState(
        torch.cat([a.v, b.v]), a.layer, a.window, both(a.latent, b.latent), both(a.skip, b.skip)
    )


def _joined_prepared(a: PreparedImages, b: PreparedImages) -> PreparedImages:
    return PreparedImages(
        a.size, tuple(torch.cat(pair) for pair in zip(a.maps, b.maps, strict=True))
    )
