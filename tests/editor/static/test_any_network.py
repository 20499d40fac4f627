"""The editor on another network, which a function makes and a file fills."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from playwright.sync_api import expect
from safetensors.torch import load_file

from palimpsest.editor.workplace import ModelPlace
from palimpsest.generators.wrapped_loading import load_network
from palimpsest.memory import Edit
from palimpsest.sessions import Session
from tests.editor.static.conftest import STATISTICS, Running

MODULE = """
from torch import nn

def make():
    return nn.Sequential(
        nn.ConvTranspose2d(8, 24, 4), nn.BatchNorm2d(24), nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(24, 16, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh(),
    )
"""
MADE_BY = "network_of_a_browser_test:make"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A file of a DCGAN's weights, larger than fresh ones, so that its samples differ."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "network_of_a_browser_test.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder), *sys.path])
        tensors = load_network(MADE_BY, z_dim=8).state_dict()
        scaled = {name: 3 * one if one.ndim == 4 else one for name, one in tensors.items()}
        torch.save({"g_ema": scaled}, folder / "gan.pt")
        yield folder / "gan.pt"


@pytest.fixture(scope="module")
def server(weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("editor")
    place = ModelPlace(
        weights=weights,
        network=MADE_BY,
        z_dim=8,
        sessions=folder / "sessions",
        statistics_folder=folder / "statistics",
        statistics_samples=STATISTICS,
    )
    running = Running(folder, {"gan": place})
    yield running
    running.close()


def make_rule(author) -> None:
    for sample, role, x in ((1, "object", 0.3), (2, "paste", 0.6), (4, "context", 0.6)):
        author.open(sample)
        author.paint((x, 0.3), (x, 0.5))
        author.filled(role)
    author.settle()


def test_what_such_a_network_cannot_do_is_not_offered(author):
    page = author.page
    author.settle()
    shown = page.locator("#layer option").all_inner_texts()
    assert shown == ["1 · 0 · 4 × 4", "2 · 3 · 8 × 8", "3 · 5 · 16 × 16"]
    expect(page.locator("#truncation")).to_be_disabled()
    expect(page.locator("#truncation-note")).to_have_text(
        "gan cannot be truncated: it holds no mean latent."
    )
    expect(page.locator("#pick")).to_be_hidden()
    page.locator("#example").click()
    expect(page.locator("#alert")).to_have_text("There is no example for gan.")
    page.locator("#open").click()
    expect(page.get_by_text("No session is saved for this generator yet.")).to_be_visible()
    expect(page.get_by_text("A picture of yours becomes a sample")).to_have_count(0)


def test_a_rule_is_painted_undone_and_written_into_the_network(author, saved, weights, tmp_path):
    page = author.page
    author.settle()
    first = author.pixels()
    make_rule(author)
    author.until(lambda: author.pixels() != first)
    changed = author.pixels()
    author.undo_all(2)  # the context, and the paste
    author.until(lambda: author.pixels() == first)
    for _ in range(2):
        author.changes(lambda: page.locator("#redo").click())
    author.until(lambda: author.pixels() == changed)
    page.locator("#save").click()
    page.locator("#dialog [name=name]").fill("a-rule")
    page.locator("#dialog [type=submit]").click()
    expect(page.locator("#dialog")).to_be_hidden()
    page.locator("#save").click()
    files = {}
    for kind in ("Edit", "Weights"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=kind, exact=True).click()
        files[kind] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[kind])
    assert Session.load(saved / "a-rule.json").layer == 2

    g = load_network(MADE_BY, weights, z_dim=8)
    edited = Edit.load(files["Edit"]).apply(g)
    from network_of_a_browser_test import make

    network = make()
    network.load_state_dict(load_file(files["Weights"]))
    held, before = network.state_dict(), g.state_dict()
    assert torch.equal(held["3.weight"], edited.state_dict()["3.weight"])
    assert [name for name in held if not torch.equal(held[name], before[name])] == ["3.weight"]
