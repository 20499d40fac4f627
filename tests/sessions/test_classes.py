"""A session gives the samples of a class-conditional generator their classes."""

import numpy as np
import pytest
import torch

from palimpsest.errors import SessionError
from palimpsest.generators import sample_z
from palimpsest.memory import KeyStatistics
from palimpsest.sessions import Session, open_session, rewrite
from palimpsest.sessions.masks import encode_mask
from palimpsest.sessions.opening import samples_of
from tests.generators.test_stylegan2_variants import small


def drawn(**fields):
    mask = np.zeros((32, 32))
    mask[8:20, 8:20] = 1
    place = {"mask": encode_mask(mask)}
    pair = {"object": {"sample": 0, **place}, "paste": {"sample": 1, **place}}
    content = {"name": "x", "layer": 4, "exemplars": [pair], "context": [{"sample": 2, **place}]}
    return Session.from_dict(content | fields)


@pytest.fixture(scope="module")
def g():
    return small(classes=5)


def classes_of(z):
    return z[:, 8:].argmax(dim=1).tolist()


def test_one_class_for_all_or_one_for_each(g, tmp_path):
    assert classes_of(samples_of(g, drawn(classes=3), 4)) == [3, 3, 3, 3]
    each = drawn(classes=[4, 0, 2], n=3)
    assert classes_of(samples_of(g, each, 3)) == [4, 0, 2]
    assert torch.equal(samples_of(g, each, 9)[3:], sample_z(g, 9)[3:])
    assert torch.equal(samples_of(g, drawn(), 9), sample_z(g, 9))
    each.save(tmp_path / "x.json")
    assert Session.load(tmp_path / "x.json") == each
    assert "classes" not in drawn().to_json()


def test_the_opened_session_is_that_of_its_classes(g):
    opened = open_session(g, drawn(classes=[4, 0, 2], n=3))
    z = sample_z(g, 3, classes=[4, 0, 2])
    assert torch.equal(opened.context_keys, opened.layer.keys(z[2:]).k)
    assert torch.equal(opened.goals[0].state.style, opened.layer.keys(z[1:2]).style)


def test_an_edit_of_a_class(g):
    stats = KeyStatistics.collect(g, 4, n=60)
    assert stats.metadata["classes"] == "drawn by the seed"
    edit = rewrite(g, drawn(classes=3), stats, solver="newton")
    assert float(edit.metadata["loss_after"]) < float(edit.metadata["loss_before"])
    other = rewrite(g, drawn(classes=1), stats, solver="newton")
    assert edit.identity != other.identity


def test_classes_that_do_not_fit(g):
    with pytest.raises(SessionError, match="field classes: 2 for n = 1000 samples; give one"):
        drawn(classes=[1, 2])
    with pytest.raises(SessionError, match="classes: class 5: this generator has classes 0 to 4"):
        drawn(classes=5).check(g)
    with pytest.raises(SessionError, match="class 1: this generator is not class-conditional"):
        drawn(classes=1).check(small())
