"""Drawing a smile on faces that no world labels: donors and targets by the classifier's score."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from palimpsest.drawing.draw import draw
from palimpsest.drawing.photo_faces import DONORS, PAIRS
from palimpsest.drawing.strokes import CONTEXTS
from palimpsest.drawing.survey import Survey, survey_samples
from palimpsest.errors import SessionError
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory.goals import box_of
from palimpsest.sessions.schema import Session
from tests.doubles.mouth_parts import MOUTH, MouthParts, surveyed_faces


@pytest.fixture(scope="module")
def survey() -> Survey:
    return surveyed_faces(300)


@pytest.fixture(scope="module")
def session(survey: Survey) -> Session:
    return draw("photo_smile", survey, model="photo_faces", layer=6, seed=1)


def test_the_session_can_be_used_and_names_what_is_to_change(session: Session) -> None:
    assert Session.from_dict(json.loads(session.to_json())) == session
    assert (session.source, session.targets, session.adds) == (("mouth",), ("smile",), False)
    assert session.rank == 1 and len(session.exemplars) == PAIRS
    assert len({place.sample for place in session.context}) == len(session.context) == CONTEXTS


def test_donors_smile_most_surely_and_targets_are_all_sorts_that_do_not(
    survey: Survey, session: Session
) -> None:
    probability = survey.probability("smile")
    ordered = np.sort(probability)
    donors = {exemplar.object.sample for exemplar in session.exemplars}
    targets = {exemplar.paste.sample for exemplar in session.exemplars}
    assert len(targets) == PAIRS
    assert probability[list(donors)].min() >= ordered[-DONORS]
    closed = ordered[ordered < 0.5]
    assert probability[list(targets)].max() < 0.5
    assert np.median(probability[list(targets)]) == pytest.approx(np.median(closed), abs=0.05)
    context = {place.sample for place in session.context}
    assert not context & targets
    assert (probability[list(context)] < 0.5).all()


def test_strokes_cover_the_mouth_and_stay_near_it(survey: Survey, session: Session) -> None:
    for exemplar in session.exemplars:
        painted = exemplar.paste.pixels > 0.5
        assert painted[MOUTH].mean() > 0.95
        assert painted.sum() < 2 * painted[MOUTH].sum()
        boxes = [box_of(part.area((16, 16))) for part in (exemplar.object, exemplar.paste)]
        assert boxes[0] == boxes[1]  # the mouth is at the same place in all samples


def test_pairs_are_of_like_faces(survey: Survey, session: Session) -> None:
    """The skin around the mouths of a pair differs far less than that of two faces at random."""
    skin = survey.colours[:, :30].mean((1, 2, 3))
    apart = [abs(skin[e.object.sample] - skin[e.paste.sample]) for e in session.exemplars]
    assert np.median(apart) < 0.25 * np.abs(skin[:, None] - skin[None]).mean()


def test_a_survey_holds_the_probabilities_that_its_segmenter_gives() -> None:
    torch.manual_seed(0)
    g = StyleGAN2(64, {4: 4, 8: 4, 16: 4, 32: 4, 64: 4}, style_dim=8, mapping_layers=1, z_dim=8)
    found = survey_samples(g.eval().requires_grad_(False), MouthParts(), 6, 5, 1, batch=2)
    assert found.probability("smile").shape == (5,)
    smiles = found.labels[:, MOUTH[0].start, MOUTH[1].start] == found.classes.index("smile")
    np.testing.assert_array_equal(smiles, found.probability("smile") >= 0.5)


def test_labels_without_a_probability_are_told_so(survey: Survey) -> None:
    silent = dataclasses.replace(survey, probabilities={})
    with pytest.raises(SessionError, match="photo_smile: .*no probability of 'smile'"):
        draw("photo_smile", silent, model="photo_faces", layer=6, seed=1)
