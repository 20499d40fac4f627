"""Figure S1's panel on a small generator: places, ways and counts are what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from palimpsest.errors import ParameterError, SessionError
from palimpsest.experiments.doors.carrier import Carrier
from palimpsest.experiments.doors.counts import open_samples
from palimpsest.experiments.doors.panel import COUNTED, compute_doors
from palimpsest.experiments.doors.variants import object_pasted
from palimpsest.generators import sample_z
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit
from tests.doubles.plain_segmenter import PlainSegmenter


class Skies(PlainSegmenter):
    """Labels: `door` where the red of a pixel is above 0.2, `sky` elsewhere."""

    name = "skies"
    classes = ("sky", "door")

    def labels(self, images: torch.Tensor) -> torch.Tensor:
        return (images[:, 0] > 0.2).long()


@pytest.fixture
def doors(sources):
    """Sources whose first session adds doors, of at least two pixels."""
    name, path = next(iter(sources.edits.items()))
    exemplar = sources.sessions[name].exemplars[0]
    moved = exemplar.model_copy(
        update={"paste": exemplar.object.model_copy(update={"sample": exemplar.paste.sample})}
    )
    judged = {
        "source": ("sky",),
        "targets": ("door",),
        "adds": True,
        "least": 2 * (128 / sources.generator.resolution) ** 2,
    }
    session = sources.sessions[name].model_copy(update={"exemplars": (moved,)} | judged)
    return replace(
        sources, edits={name: path}, sessions={name: session}, segmenter=Skies(), pairs=3
    )


def place_of(doors) -> torch.Tensor:
    session = next(iter(doors.sessions.values()))
    return Carrier.of_exemplar(doors.generator, session, session.exemplars[0]).place_mask


def test_only_samples_whose_place_is_open_count(doors) -> None:
    arrays, facts = compute_doors(doors)
    place = place_of(doors)
    images = doors.generator(doors.z)
    open_ones = [i for i in range(60) if not (images[i, 0][place] > 0.2).any()]
    assert 3 <= len(open_ones) < 60
    assert facts["counted"] == len(open_ones)
    assert arrays["samples"].tolist() == open_ones[:3]
    assert (arrays["place"] == place.numpy()).all()
    assert (
        open_samples(doors.generator, doors.segmenter, doors.z, place, "sky", COUNTED) == open_ones
    )


def test_every_way_is_what_it_is_called(doors) -> None:
    arrays, facts = compute_doors(doors)
    z = doors.z[arrays["samples"]]
    edit = Edit.load(next(iter(doors.edits.values())))
    for way, made in (
        ("unmodified", doors.generator(z)),
        ("rule", edit.apply(doors.generator)(z)),
    ):
        assert np.abs(arrays[way].astype(int) - as_picture(made)).max() <= 1
    pasted = arrays["pasted"].astype(int)
    assert (pasted != arrays["unmodified"]).any()
    assert facts["changed"]["unmodified"] == 0 and facts["seen"]["unmodified"] == 0


def test_a_door_pasted_at_its_own_place_gives_the_donor_s_door(doors) -> None:
    """The finest check there is: pasting values of the donor into the donor changes nothing."""
    session = next(iter(doors.sessions.values()))
    drawn = session.exemplars[0]
    layer = doors.generator.layer(6)
    change = object_pasted(doors.generator, layer, session, drawn)
    z = sample_z(doors.generator, session.n, session.seed)[drawn.object.sample][None]
    values = layer.values(layer.keys(z))
    assert torch.allclose(change(values).v, values.v)
    other = layer.values(layer.keys(doors.z[:1]))
    assert not torch.equal(change(other).v, other.v)


def test_counts_are_those_of_the_carried_places(doors) -> None:
    _, facts = compute_doors(doors)
    session = next(iter(doors.sessions.values()))
    carrier = Carrier.of_exemplar(doors.generator, session, session.exemplars[0])
    edit = Edit.load(next(iter(doors.edits.values())))
    place = place_of(doors)
    rows = open_samples(doors.generator, doors.segmenter, doors.z, place, "sky", COUNTED)
    before, after = doors.generator(doors.z[rows]), edit.apply(doors.generator)(doors.z[rows])
    seen = (after[:, 0][:, place] > 0.2).sum(1)  # this segmenter knows a door anywhere
    assert torch.equal(seen, carrier.pixels_seen(after, doors.segmenter, "door"))
    assert facts["seen"]["rule"] == int((seen >= 2).sum())
    others = ((before[:, 0] > 0.2) != (after[:, 0] > 0.2))[:, ~place]
    assert facts["changed"]["rule"] == pytest.approx(others.double().mean().item(), abs=1e-4)
    assert facts["seen_low"]["rule"] <= facts["seen"]["rule"] / facts["counted"]


def test_what_does_not_fit_is_told(doors) -> None:
    with pytest.raises(ParameterError, match="segmenter"):
        compute_doors(replace(doors, segmenter=None))
    name, session = next(iter(doors.sessions.items()))
    replacing = session.model_copy(update={"adds": False, "least": None})
    with pytest.raises(SessionError, match="does not say what it adds"):
        compute_doors(replace(doors, sessions={name: replacing}))
