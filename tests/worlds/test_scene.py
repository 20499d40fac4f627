"""Latents under a rule: the same scene with a new value of one attribute, seen from z."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.worlds import get_world, world_names


@pytest.mark.parametrize("name", world_names())
def test_latents_under_a_rule_show_it_and_keep_the_rest(name: str) -> None:
    world = get_world(name)
    z = np.random.RandomState(0).standard_normal((40, world.z_dim))
    before = world.scene(z)
    for rule, changes in world.counterfactuals.items():
        dims = {world.rules[attribute].dim for attribute in changes}
        try:
            after = world.scene(world.latents_under(rule, z))
        except ValueError as problem:
            assert "has probability 0" in str(problem)
            continue
        wanted = before.with_(**changes)
        for attribute, values in after.values.items():
            if world.rules[attribute].dim not in dims:
                assert np.array_equal(values, before.values[attribute]), (rule, attribute)
            elif attribute in changes:
                assert np.allclose(values, wanted.values[attribute], atol=1e-5), (rule, attribute)


def test_a_rule_that_no_z_shows() -> None:
    world = get_world("church")
    with pytest.raises(ValueError, match="top = tree has probability 0"):
        world.latents_under("dome2tree", np.zeros((1, world.z_dim)))
    with pytest.raises(ValueError, match="no rule 'nothing'"):
        world.latents_under("nothing", np.zeros((1, world.z_dim)))
