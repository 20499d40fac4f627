"""The pasted picture: the object where it belongs, everything else untouched."""

import numpy as np
import torch

from palimpsest.generators import sample_z
from palimpsest.methods.baselines.pasting import paste_image
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.schema import Selection


def test_object_comes_to_the_middle_of_the_paste(generator, session):
    goal = paste_image(generator, session)
    donor = generator(sample_z(generator, 20, 1)[2:3])
    # the object's box, rows 4 to 14, columns 8 to 16, is pasted on rows 16 to 26, columns 12 to 20
    inside = (slice(None), slice(None), slice(18, 24), slice(14, 18))
    taken = (slice(None), slice(None), slice(6, 12), slice(10, 14))
    assert torch.allclose(goal.image[inside], donor[taken], atol=1e-5)
    assert torch.allclose(goal.alpha[18:24, 14:18], torch.ones(6, 4), atol=1e-3)


def test_everything_else_is_the_target_sample(generator, session):
    goal = paste_image(generator, session)
    target = generator(sample_z(generator, 20, 1)[5:6])
    assert torch.equal(goal.original, target)
    outside = goal.alpha == 0
    assert outside.float().mean() > 0.5
    assert torch.equal(goal.image[:, :, outside], target[:, :, outside])
    assert not torch.equal(goal.image, target)


def test_rim_is_feathered(generator, session):
    alpha = paste_image(generator, session).alpha
    between = (alpha > 0) & (alpha < 1)
    assert between.any()
    assert between.sum() < (alpha == 1).sum() + 4 * 36


def test_object_is_shifted_inside(generator, session):
    corner = np.zeros((32, 32), np.float32)
    corner[30:, 30:] = 1
    exemplar = session.exemplars[0]
    moved = exemplar.model_copy(update={"paste": Selection(sample=5, mask=encode_mask(corner))})
    goal = paste_image(generator, session.model_copy(update={"exemplars": (moved,)}))
    rows, columns = np.nonzero((goal.alpha > 0.5).numpy())
    assert (rows.max(), columns.max()) == (31, 31)
    assert np.ptp(rows) + 1 == 10 and np.ptp(columns) + 1 == 8
