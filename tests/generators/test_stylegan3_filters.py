"""Filters and resampling of StyleGAN3 against their definitions, in float64."""

import pytest
import torch
import torch.nn.functional as F

from palimpsest.generators.stylegan3_filters import (
    Resampling,
    downsampled,
    filtered_rectifier,
    low_pass,
    upsampled,
)
from tests.doubles.bounds import EXACT


def convolved(x, taps):
    """True convolution of every channel with a filter of two axes, where it lies within the map."""
    count = x.shape[1]
    kernel = taps.double().flip(0, 1).expand(count, 1, *taps.shape)
    return F.conv2d(x, kernel, groups=count)


def spread(x, up, before, after):
    """Zeros between the cells and beside the map."""
    b, c, h, w = x.shape
    wide = torch.zeros(b, c, h * up, w * up, dtype=x.dtype)
    wide[:, :, ::up, ::up] = x
    return F.pad(wide, (before, after, before, after))


@pytest.mark.parametrize("taps", [12, 24])
def test_the_separable_filter_is_scipys_kaiser_window(taps):
    signal = pytest.importorskip("scipy.signal")
    wanted = signal.firwin(taps, cutoff=4.0, width=9.5, fs=64)
    assert (low_pass(taps, 4.0, 9.5, 64) - torch.from_numpy(wanted)).abs().max() < 1e-7


def test_the_radial_filter_is_symmetric_and_keeps_a_constant():
    taps = low_pass(12, 4.0, 9.5, 64, radial=True)
    assert taps.shape == (12, 12)
    assert torch.allclose(taps, taps.T, atol=1e-8) and torch.allclose(taps, taps.flip(0), atol=1e-8)
    assert taps.sum().item() == pytest.approx(1, abs=1e-6)
    # along a diagonal and an axis the same distance has the same height, but for the window
    plain = low_pass(12, 4.0, 9.5, 64)
    assert (taps - torch.outer(plain, plain)).abs().max() > 1e-3


@pytest.mark.parametrize(("up", "taps", "size", "wanted"), [(2, 12, 38, 36), (4, 24, 9, 20)])
def test_upsampling_is_zeros_between_cells_and_a_filter(up, taps, size, wanted):
    torch.manual_seed(0)
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    line = torch.rand(taps)
    resampling = Resampling.between(size, wanted, up, 2, taps, 12)
    wide = spread(x, up, resampling.before, resampling.after)
    direct = up**2 * convolved(wide, torch.outer(line, line))
    found = upsampled(x, resampling, line)
    assert found.shape == direct.shape and (found - direct).abs().max() < 1e-5 * direct.abs().max()
    exact = up**2 * convolved(wide, torch.outer(line.double(), line.double()))
    assert (upsampled(x, resampling, line.double()) - exact).abs().max() < EXACT


def test_upsampling_with_zeros_beside_the_map_and_without_some_of_its_cells():
    x = torch.randn(1, 2, 15, 15, dtype=torch.float64)
    line = torch.rand(12, dtype=torch.float64)
    for before, after in ((15, 13), (-3, -2), (15, -2)):
        resampling = Resampling(2, 2, 12, 12, before, after)
        direct = 4 * convolved(spread(x, 2, before, after), torch.outer(line, line))
        assert (upsampled(x, resampling, line) - direct).abs().max() < EXACT


@pytest.mark.parametrize("down", [2, 4])
@pytest.mark.parametrize("axes", [1, 2])
def test_downsampling_is_a_filter_and_every_second_cell(down, axes):
    torch.manual_seed(1)
    x = torch.randn(2, 3, 83, 90, dtype=torch.float64)
    shape = (6 * down,) * axes
    taps = torch.rand(shape, dtype=torch.float64)
    kernel = taps if axes == 2 else torch.outer(taps, taps)
    direct = convolved(x, kernel)[:, :, ::down, ::down]
    found = downsampled(x, down, taps)
    assert found.shape == direct.shape and (found - direct).abs().max() < EXACT * 10


def test_the_centre_stays_the_centre():
    """A map that is symmetric about its middle stays so, whatever the sizes."""
    half = torch.randn(1, 1, 9, 18, dtype=torch.float64)
    x = torch.cat([half, half.flip(2)], dim=2)
    x = x + x.flip(3)
    for wanted in (18, 34, 40):
        resampling = Resampling.between(18, wanted, 4, 2, 24, 12)
        up, down = low_pass(24, 3.0, 9.0, 64), low_pass(12, 5.0, 9.0, 64)
        y = filtered_rectifier(x, resampling, up, down, 0.2, 1.5, 256.0)
        assert y.shape[2:] == (wanted, wanted)
        assert torch.allclose(y, y.flip(2), atol=EXACT) and torch.allclose(y, y.flip(3), atol=EXACT)


def test_a_gentle_wave_passes_and_is_rectified():
    """Far from the edge, and with a positive mean, the rectifier is a gain."""
    at = torch.arange(64, dtype=torch.float64)
    x = (3 + torch.sin(2 * torch.pi * at / 16)).expand(1, 1, 64, 64)
    resampling = Resampling.between(64, 64, 2, 2, 12, 12)
    taps = low_pass(12, 16.0, 32.0, 128)
    y = filtered_rectifier(x, resampling, taps, taps, 0.2, 2.0, None)
    assert (y - 2 * x)[
        :, :, 12:-12, 12:-12
    ].abs().max() < 0.03 * 8  # the ripple of four short filters
    limited = filtered_rectifier(x, resampling, taps, taps, 0.2, 2.0, 5.0)
    assert limited[:, :, 12:-12, 12:-12].max() < 5.2
