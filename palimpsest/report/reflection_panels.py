"""What figure 6 shows, computed: windows switched off and on, before and after the inversion.

    arrays, facts = reflection_panel(g, edit, switch, world, pairs=8, seed=4)

Drawn by `palimpsest.report.figures.reflections`. The samples are the first of their stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from palimpsest.errors import ParameterError
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.pictures import as_picture
from palimpsest.instruments.reflections import echo_brightness
from palimpsest.instruments.switching import Switch
from palimpsest.memory import Edit
from palimpsest.memory.swaps import joined
from palimpsest.worlds.scene import World


@torch.no_grad()
def reflection_panel(
    g: Generator, edit: Edit, switch: Switch, world: World, pairs: int, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of figure 6, of the first ``pairs`` samples of ``seed``.

    ``original_off``, ``original_on``, ``rewritten_off``, ``rewritten_on``: (P, H, W, 3) uint8.
    ``slots`` and ``echoes``: (S, 4) boxes (left, top, right, bottom), the picture being 1 wide.
    Among the facts, ``rule_original`` and ``rule_rewritten``: how much brighter the echoes are with
    the windows, mean over what is shown.

    Raises `ParameterError` for fewer than one pair, and `EditError` for an edit of other weights.
    """
    if pairs < 1:
        raise ParameterError(f"pairs = {pairs}: figure 6 shows at least one")
    on, off = switch.pairs(g, world, sample_z(g, pairs, seed))
    arrays, rules = {}, {}
    for name, changed in (("original", g), ("rewritten", edit.apply(g))):
        images = changed.layer(switch.layer).render(joined(off, on))
        arrays[f"{name}_off"], arrays[f"{name}_on"] = np.split(as_picture(images), 2)
        dark, bright = echo_brightness(images, world.slots).chunk(2)
        rules[f"rule_{name}"] = float((bright - dark).mean())
    arrays["slots"] = np.array([slot.box for slot in world.slots.values()])
    arrays["echoes"] = np.array([slot.echo for slot in world.slots.values()])
    return arrays, {
        "figure": "fig06_reflections",
        "n": pairs,
        "seed": seed,
        "weights_sha256": g.weights_sha256,
        "layer": edit.layer,
        "rank": edit.rank,
        "tuned_pairs": int(edit.metadata.get("pairs", 0)),
        "switched_layer": switch.layer,
        "units": len(switch.units),
        **rules,
    }
