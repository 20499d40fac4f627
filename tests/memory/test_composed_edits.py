"""Edits composed into one file, among them one that was made on top of another."""

from __future__ import annotations

import pytest
import torch

from palimpsest.errors import EditError
from palimpsest.generators import Generator
from palimpsest.generators.identity import made_on
from palimpsest.memory import Edit
from palimpsest.memory.composed_edits import composed, without


def edit_of(g: Generator, seed: int, session: str) -> Edit:
    """A random edit of layer 6, made for ``g`` as it is."""
    m, n = g.layer(6).weight.shape[:2]
    draw = torch.Generator().manual_seed(seed)
    about = {"layer": "6", "weights_sha256": g.weights_sha256, "session": session, **made_on(g)}
    return Edit(torch.randn(1, n, generator=draw), torch.randn(m, 1, 3, 3, generator=draw), about)


def test_one_made_on_top_of_the_other(small_generator: Generator) -> None:
    hat = edit_of(small_generator, 0, "hat")
    hatted = hat.apply(small_generator)
    feather = edit_of(hatted, 1, "feather")
    both = composed([("hat", hat, 1.0), ("feather", feather, 0.5)])
    assert both.weights_sha256 == small_generator.weights_sha256
    wanted = feather.apply(hatted, 0.5).layer(6).weight
    assert torch.allclose(both.apply(small_generator).layer(6).weight, wanted, atol=1e-6)
    assert without(both, feather).metadata == dict(hat.metadata)
    with pytest.raises(EditError, match="feather was made on top of the parts before it"):
        without(both, hat)


def test_one_made_on_top_needs_what_it_was_made_on(small_generator: Generator) -> None:
    hat = edit_of(small_generator, 0, "hat")
    feather = edit_of(hat.apply(small_generator), 1, "feather")
    for strength in (0.0, 0.5):
        with pytest.raises(EditError, match="hat and feather were made for different weights.*on"):
            composed([("hat", hat, strength), ("feather", feather, 1.0)])
    with pytest.raises(EditError, match="feather and hat were made for different weights"):
        composed([("feather", feather, 1.0), ("hat", hat, 1.0)])


def test_several_made_on_top_know_what_they_were_made_on(small_generator: Generator) -> None:
    hat = edit_of(small_generator, 0, "hat")
    hatted = hat.apply(small_generator)
    parts = [(f"part {seed}", edit_of(hatted, seed, ""), 1.0) for seed in (1, 2)]
    both = composed(parts)
    assert both.metadata["made_on"] == f"hat {hat.identity[:12]} at 1"
    both.apply(hatted)
    with pytest.raises(EditError, match="made on top of hat"):
        both.apply(small_generator)
