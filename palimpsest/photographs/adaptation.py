"""Adaptation: the weights above a layer, changed a little until a photograph is reproduced.

    changes = adapt(g, images, found.latent, distance, AdaptationSettings(), above=6)
    changes[0].apply(g)                    # reproduces images[0] from found.latent[0]

As in Bau et al. 2019 ("Semantic photo manipulation with a generative image prior"), an edit below
works on the adapted generator as on any other, because a penalty keeps the images of other samples
as they are. That alone leaves the adapted weights deaf near the photograph itself: they draw its
own mouth over whatever a rule puts there. So a second penalty keeps what they draw of pieces of
other samples pasted into the photograph (`references`). The maps up to the layer ``above`` do not
depend on the changed weights, so they are computed once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from palimpsest.errors import ParameterError
from palimpsest.generators.base import Generator
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.distances.perceptual import PerceptualDistance
from palimpsest.photographs.inversion import (
    Watch,
    checked,
    falling,
    reproduction_loss,
)
from palimpsest.photographs.references import References
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
    samples = References.of_samples(
        g, distance, above=above, count=settings.kept, seed=settings.seed
    )
    changes = []
    for image, latent in zip(
        images.to(g.device).split(1), latents.to(g.device).split(1), strict=True
    ):
        with torch.no_grad():
            first = g.layer(g.layers[0])
            values = g.values_at(first.values(g.start_from(latent)), above)
            photograph = References(values, image, distance.prepare(image))
        kept = [(settings.kept_weight, settings.kept_batch, samples)]
        if settings.pieces_weight:
            pieces = samples.with_pieces(
                g, image, values, distance, count=settings.pieces, seed=settings.seed
            )
            kept.append((settings.pieces_weight, settings.pieces_batch, pieces))
        changes.append(_adapted(g, photograph, kept, distance, settings, above, progress))
    return changes


def _adapted(
    g: StyleGAN2,
    photograph: References,
    kept: list[tuple[float, int, References]],
    distance: PerceptualDistance,
    settings: AdaptationSettings,
    above: int,
    progress: Watch | None,
) -> WeightChange:
    """``kept``: groups of images that are to stay, each with its weight and how many a step
    sees."""
    held = dict(g.named_parameters())
    originals = {name: held[name].detach() for name in names_above(g, above)}
    other = with_parameters(g, {n: t.clone() for n, t in originals.items()}, grad=True)
    parameters = {n: p for n, p in other.named_parameters() if n in originals}
    optimizer = torch.optim.Adam(parameters.values(), lr=settings.rate, betas=(0.9, 0.99))
    layer = other.layer(above)
    for step in range(settings.steps):
        optimizer.param_groups[0]["lr"] = falling(settings.rate, step, settings.steps)
        shown, weights = photograph, [torch.ones(1)]
        for weight, batch, group in kept:
            part = group.at(step, batch)
            shown = shown.joined(part)
            weights.append(torch.full((len(part),), weight / len(part)))
        losses = reproduction_loss(
            layer.render(shown.values),
            shown.prepared,
            shown.images,
            distance,
            settings.pixel_weight,
        )
        change = {name: parameters[name] - originals[name] for name in parameters}
        loss = (torch.cat(weights).to(losses) * losses).sum()
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
