"""The panel of Figure 2 on every kind of network, also those that draw whole maps only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from palimpsest.experiments.edits.memory_panel import compute_memory
from palimpsest.experiments.panel_sources import Sources
from palimpsest.files.panels import Panel
from palimpsest.generators import Generator, sample_z, wrap
from palimpsest.generators.pictures import as_picture
from palimpsest.generators.pieces import drawn_alone, pixels_of
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.memory import KeyStatistics
from palimpsest.report.figures import memory
from palimpsest.report.figures.sheet import Style
from palimpsest.sessions.schema import Exemplar, Selection, Session
from tests.doubles.alias_free import small_stylegan3
from tests.doubles.square_session import square

WIDTHS = {4: 8, 8: 8, 16: 8, 32: 6}
PLAIN = {"style_dim": 12, "mapping_layers": 2}


def wrapped() -> Generator:
    network = nn.Sequential(
        nn.ConvTranspose2d(10, 12, 6), nn.LeakyReLU(0.2),
        nn.Conv2d(12, 10, 3, padding=1), nn.LeakyReLU(0.2), nn.Upsample(size=20),
        nn.Conv2d(10, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    return wrap(network, z_dim=10)


KINDS = {
    "stylegan2": (lambda: StyleGAN2(32, WIDTHS, **PLAIN), 6, (16, 16)),
    "wide": (lambda: StyleGAN2(32, WIDTHS, **PLAIN, first_shape=(4, 8)), 6, (16, 32)),
    "progressive": (lambda: ProgressiveGAN(32, WIDTHS, z_dim=6), 5, (16, 16)),
    "stylegan3 T": (small_stylegan3, 2, (16, 16)),
    "stylegan3 R": (lambda: small_stylegan3(radial=True), 2, (16, 16)),
    "wrapped": (wrapped, 2, (6, 6)),
}


@pytest.fixture(params=KINDS)
def case(request) -> tuple[Generator, int, tuple[int, int]]:
    make, layer, cells = KINDS[request.param]
    torch.manual_seed(3)
    return make().eval().requires_grad_(False), layer, cells


def session_of(layer: int) -> Session:
    place = Selection(sample=2, mask=square(6, 8, 22, 24))
    return Session(
        name="patch", layer=layer, n=20, exemplars=(Exemplar(object=place, paste=place),),
        context=tuple(Selection(sample=i, mask=square(6, 8, 22, 24)) for i in (5, 7)),
    )  # fmt: skip


def test_the_panel_of_every_kind_of_network(case, tmp_path) -> None:
    g, layer, cells = case
    statistics = tmp_path / "statistics.safetensors"
    KeyStatistics.collect(g, layer, n=60, seed=1).save(statistics)
    sources = Sources(g, {}, {"patch": session_of(layer)}, 2, 12, statistics=statistics)
    arrays, facts = compute_memory(sources)
    assert arrays["images"].shape == (2, *g.image_size, 3)
    assert arrays["heat"].shape == (2, *cells)
    assert arrays["painted"].shape == (2, *g.image_size)
    assert arrays["alone"].shape == arrays["in_place"].shape and min(arrays["alone"].shape) > 1
    best = [int(one.argmax()) for one in arrays["heat"]]
    for at, (top, left, bottom, right) in zip(best, arrays["places"], strict=True):
        row, column = divmod(at, cells[1])
        assert 0 <= top <= row < bottom <= cells[0] and 0 <= left <= column < right <= cells[1]
    assert facts.get("among_zeros", False) == (g.kind in ("stylegan3", "wrapped"))
    _, caption = memory.draw(Panel(arrays, facts | sources.facts), Style(dpi=40))
    assert f"{cells[0]} x {cells[1]} cells" in caption
    assert ("keys of zero" in caption) == ("among_zeros" in facts)


def test_a_window_alone_is_drawn_from_its_keys_only(case) -> None:
    g, number, (rows, columns) = case
    layer = g.layer(number)
    a, b = (layer.keys(sample_z(g, 2, 1)[i : i + 1]) for i in (0, 1))
    window = (1, 2, 4, 5)
    top, left, bottom, right = pixels_of(layer, window)
    alone = drawn_alone(layer, a, window)
    assert alone.shape == (1, g.image_channels, bottom - top, right - left)
    # what lies outside of the window does not matter
    inside = torch.zeros(layer.key_shape, dtype=torch.bool)
    t, x, low, r = (edge + layer.margin for edge in window)
    inside[t:low, x:r] = True
    changed = type(a)(**{**vars(a), "k": torch.where(inside, a.k, b.k)})
    torch.testing.assert_close(drawn_alone(layer, changed, window), alone)
    assert not torch.allclose(drawn_alone(layer, b, window), alone, atol=1e-3)
    if layer.margin == 0:  # the whole map shows the whole picture
        whole = drawn_alone(layer, a, (0, 0, rows, columns))
        torch.testing.assert_close(whole, g(sample_z(g, 1, 1)), atol=1e-4, rtol=1e-4)


def test_windows_of_networks_that_can_be_cropped_are_whole_pixels(generator) -> None:
    layer = generator.layer(6)
    assert pixels_of(layer, (0, 3, 5, 8)) == (0, 6, 10, 16)
    keys = layer.keys(sample_z(generator, 1, 1))
    piece = layer.render(layer.values(keys.crop(0, 3, 5, 8)))
    assert torch.equal(drawn_alone(layer, keys, (0, 3, 5, 8)), piece)
    assert as_picture(piece).dtype == np.uint8
