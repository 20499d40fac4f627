"""A session in a wrapped network: masks of pictures become cells of keys and of values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.errors import SessionError
from palimpsest.generators import sample_z, wrap
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session, open_session, rewrite
from palimpsest.sessions.masks import encode_mask
from tests.generators.networks import DCGAN, seeded


def place(sample: int, top: int, left: int, side: int = 4) -> dict:
    mask = np.zeros((32, 32), np.float32)
    mask[top : top + side, left : left + side] = 1
    return {"sample": sample, "mask": encode_mask(mask)}


def session(layer: int) -> Session:
    fields = {
        "name": "rule",
        "layer": layer,
        "exemplars": [{"object": place(3, 8, 8), "paste": place(5, 16, 20)}],
        "context": [place(5, 16, 20), place(7, 16, 20)],
    }
    return Session.from_dict(fields)


def test_masks_become_cells_of_both_maps_and_the_goal_is_reached() -> None:
    g = wrap(seeded(DCGAN), z_dim=16)
    opened = open_session(g, session(3))  # keys 8 x 8, values 16 x 16, images 32 x 32
    weights = opened.goals[0].weights[0]
    assert weights.shape == (16, 16) and weights.sum() == 4
    assert (weights[8:10, 10:12] == 1).all()
    assert opened.context_weights.shape == (2, 8, 8)
    assert (opened.context_weights[:, 4, 5] == 1).all() and opened.context_weights.sum() == 2
    values = g.layer(3).values(g.layer(3).keys(sample_z(g, 4)[3:])).v
    assert torch.allclose(opened.goals[0].target[0, :, 8:10, 10:12], values[0, :, 4:6, 4:6])
    stats = KeyStatistics.collect(g, 3, n=100)
    for solver in ("newton", "closed_form"):
        edit = rewrite(g, session(3), stats, solver=solver)
        before, after = (float(edit.metadata[f"loss_{when}"]) for when in ("before", "after"))
        assert after < before
        assert edit.metadata["layer_name"] == "6"
    # one direction has a coefficient for each tap, so the four values of this goal are met exactly
    assert after < 1e-5


def test_a_session_of_another_network_says_so() -> None:
    g = wrap(seeded(DCGAN), z_dim=16)
    with pytest.raises(SessionError, match="no layer 9"):
        open_session(g, session(9))
