"""Networks under the names of the genforce library draw what its formulas draw."""

import pytest
import torch

from palimpsest.generators import load_generator, sample_z
from tests.generators import genforce
from tests.generators.nvidia_files import refused


@pytest.mark.parametrize("key", ["generator_smooth", "generator"])
def test_stylegan2(tmp_path, key):
    tensors = genforce.random_stylegan2()
    zero = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    beside = {} if key == "generator" else {"generator": zero}
    torch.save({**beside, key: tensors, "discriminator": {}}, tmp_path / "g.pth")
    g = load_generator(tmp_path / "g.pth", truncation=0.7, noise="buffers").double()
    z = sample_z(g, 3).double()
    wanted = genforce.draw_stylegan2(tensors, z, 0.7)
    assert g.channels == {4: 8, 8: 6, 16: 4} and wanted.std() > 0.1
    assert (g(z) - wanted).abs().max() < 1e-5 * wanted.abs().max()


def test_progressive(tmp_path):
    tensors = genforce.random_progressive()
    torch.save({"generator_smooth": tensors}, tmp_path / "g.pth")
    g = load_generator(tmp_path / "g.pth").double()
    z = sample_z(g, 3).double()
    wanted = genforce.draw_progressive(tensors, z)
    assert g.kind == "progressive" and wanted.std() > 0.1
    assert (g(z) - wanted.clamp(-1, 1)).abs().max() < 1e-6


def test_other_networks_of_the_library(tmp_path):
    path = tmp_path / "g.pth"

    def message(tensors):
        torch.save(tensors, path)
        return refused(path)

    tensors = genforce.random_stylegan2()
    assert "label_weight" in message(tensors | {"mapping.label_weight": torch.zeros(5, 6)})
    skip = {"synthesis.skip_layer0.weight": torch.zeros(6, 8, 1, 1)}
    assert "synthesis.skip_layer0.weight" in message(tensors | skip)
    grown = genforce.random_progressive() | {"lod": torch.tensor(1.5)}
    assert "before it was fully grown" in message(grown)
