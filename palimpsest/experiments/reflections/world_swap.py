"""The swap that an inversion is tuned on, where a world defines the slots and their reflections.

    swap, facts = world_swap(g, segmenter, settings)
    invert_layer(swap, 6, notes=facts)

`painted_rule.painted_swap` does the same on painted scenes.
"""

from __future__ import annotations

from tqdm import tqdm

from palimpsest.dissection.unit_switches import echo_area, find_switch
from palimpsest.experiments.reflections.settings import InversionSettings
from palimpsest.generators import Generator, sample_z
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.memory.swaps import Swap, pose_swap
from palimpsest.worlds import get_world


def world_swap(
    g: Generator, segmenter: Segmenter, settings: InversionSettings
) -> tuple[Swap, dict[str, str]]:
    """Pairs of samples with the slots' units on and off, and facts for the edit's metadata.

    The units are found on the three seeds after ``settings.seed``. Raises as `find_switch` and
    `pose_swap`, and `ParameterError` for a segmenter without a world.
    """
    segmenter.check_logits()
    world = get_world(segmenter.world)
    with tqdm(desc=f"units of {settings.units_of}", unit="step", mininterval=2) as bar:
        switch = find_switch(
            g,
            settings.switched_layer,
            segmenter,
            world,
            settings.units_of,
            settings.units,
            settings.seed + 1,
            bar.update,
        )
    on, off = switch.pairs(g, world, sample_z(g, settings.pairs, settings.seed))
    area = echo_area(world, g.layer(settings.goal_layer).value_size)
    swap = pose_swap(g, on, off, area, settings.goal_layer)
    return swap, {"switch": switch.as_text(), "pairs_seed": str(settings.seed)}
