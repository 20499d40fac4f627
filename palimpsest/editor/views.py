"""What the editor gives beside the pictures: goals, matches, outlines, sheets, weights."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from palimpsest.editor.engine import Engine, as_png, encoded
from palimpsest.editor.recipes import Part, Recipe
from palimpsest.errors import EditError
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.generators.picture_cells import within_picture
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import centre_of, copy_object, match_map, paste_goal
from palimpsest.sessions.masks import encode_mask

OUTLINE = 512
"""Side of an outline's mask in pixels; larger pictures keep their own."""


def goal_picture(engine: Engine, recipe: Recipe, number: int) -> bytes | None:
    """The pasted sample of exemplar ``number``, drawn from the values that the layer is asked for.

    The layers above are unedited. None if the recipe's last part has no such exemplar.
    """
    found = engine.last_solved(recipe)
    if found is None or not 0 <= number < len(found.opened.goals):
        return None
    session, layer = found.opened.session, found.opened.layer
    model = engine.model(recipe.model, session.truncation)
    exemplar = session.exemplars[number]
    size = layer.value_shape
    with torch.no_grad():
        donor = found.opened.donor(model.keys(layer.number, exemplar.object.sample))
        clip = copy_object(donor, exemplar.object.area(size, margin=layer.margin))
        place = model.keys(layer.number, exemplar.paste.sample)
        centre = centre_of(exemplar.paste.area(size, margin=layer.margin))
        goal = paste_goal(layer, place, clip, centre, tight=False)
        return as_png(layer.render(layer.values(place).replace(goal.target)))


def matches(engine: Engine, recipe: Recipe, sample: int) -> Tensor | None:
    """How strongly a picture's cells match the draft's directions, (h, w), not negative.

    The product of key and direction; with several directions the norm of the products. None
    without a solved draft.
    """
    found = engine.last_solved(recipe)
    if found is None:
        return None
    keys = engine.model(recipe.model, recipe.truncation).keys(found.edit.layer, sample).k
    keys = within_picture(keys, found.opened.layer.margin)
    products = torch.stack([match_map(keys, d)[0] for d in found.edit.directions])
    return products.norm(dim=0) if len(products) > 1 else products[0].clamp_min(0)


def heat_map(engine: Engine, recipe: Recipe, sample: int) -> bytes | None:
    """The matches of a sample as a PNG of the picture's cells: red, with the match as opacity.

    Opacity 1 is the strongest match within the draft's context.
    """
    found = matches(engine, recipe, sample)
    solved = engine.last_solved(recipe)
    if found is None or solved is None:
        return None
    full = 1e-12
    for place, weights in zip(
        solved.opened.session.context, solved.opened.context_weights, strict=True
    ):
        there = matches(engine, recipe, place.sample)
        assert there is not None
        painted = within_picture(weights, solved.opened.layer.margin) > 0
        full = max(full, float(there[painted].max()))
    opacity = (255 * (found / full).clamp(0, 1)).round().to(torch.uint8).numpy()
    pixels = np.zeros((*opacity.shape, 4), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 3] = 255, 60, opacity
    return encoded(Image.fromarray(pixels))


def match_order(
    engine: Engine, recipe: Recipe, samples: Sequence[int]
) -> list[tuple[int, float]] | None:
    """Samples with the match of their strongest cell, best first. None without a solved draft."""
    if engine.last_solved(recipe) is None:
        return None
    scores = []
    for sample in samples:
        found = matches(engine, recipe, sample)
        assert found is not None
        scores.append((sample, float(found.max())))
    return sorted(scores, key=lambda one: (-one[1], one[0]))


def outline(
    engine: Engine, recipe: Recipe, sample: int, x: float, y: float
) -> tuple[str, str] | None:
    """Name and mask (a data URL) of the labelled thing at a point of an unedited sample.

    ``x``, ``y``: shares of width and height from the left top, within [0, 1). The thing is the
    connected region of one class. None in a model without a segmenter.
    """
    from scipy.ndimage import label

    segmenter = engine.model(recipe.model).segmenter
    if segmenter is None:
        return None
    grid = segmenter.labels(engine.image(recipe.original, sample))[0].numpy()
    height, width = grid.shape
    row, column = min(int(y * height), height - 1), min(int(x * width), width - 1)
    regions, _ = label(grid == grid[row, column])
    mask = (regions == regions[row, column]).astype(np.float32)
    enlarged = max(1, OUTLINE // height)
    return segmenter.classes[grid[row, column]], encode_mask(
        mask.repeat(enlarged, 0).repeat(enlarged, 1)
    )


def sheet(engine: Engine, recipe: Recipe, samples: Sequence[int]) -> bytes:
    """Samples side by side as PNG: unedited above, as the recipe draws them below."""
    rows = [
        np.concatenate([as_picture(engine.image(one, sample))[0] for sample in samples], axis=1)
        for one in (recipe.original, recipe)
    ]
    return encoded(Image.fromarray(np.concatenate(rows)))


def weights(engine: Engine, recipe: Recipe) -> bytes:
    """The generator with a recipe's edits as a ``.safetensors`` file of weights.

    Its provenance names the edits and their strengths. Raises `EditError` for a recipe without
    edits, and for one with an edit that cannot be solved.
    """
    if not recipe.parts:
        raise EditError("there is no rule yet: these would be the weights as they were opened")
    for part in recipe.parts:
        if isinstance(found := engine.solved(recipe, part), str):
            raise EditError(found)
    g = engine.model(recipe.model, recipe.truncation).g
    history = {
        "exported_from": g.weights_sha256,
        "edits": [_name_of(part) for part in recipe.parts],
        "strength": [part.strength for part in recipe.parts],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        export_generator(engine.generator(recipe), path, dict(g.provenance) | history)
        return path.read_bytes()


def _name_of(part: Part) -> str:
    return part.session.name if part.session is not None else f"edit {part.file}"
