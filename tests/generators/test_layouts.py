"""Each layout has a module of its own, and a file's content fits one layout only."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.generators import save_generator
from palimpsest.generators.checkpoints import layouts
from palimpsest.generators.checkpoints.containers import Content, read_checkpoint
from palimpsest.generators.checkpoints.exporting import published_layout

PATH = Path("weights.pt")


def test_a_layout_is_registered_under_the_name_of_its_module():
    for name, layout in layouts.LAYOUTS.items():
        module = import_module(f"palimpsest.generators.checkpoints.{name}")
        assert layout == (module.matches, module.build)


@pytest.mark.parametrize(
    "names",
    [
        {"layer1.conv.weight", "layer2.conv.weight"},
        {"state_dict.layer2.conv.weight"},
        {"features.0.conv.weight", "output.wscale.b"},
        {"state_dict.features.0.conv.weight"},
        {"g_ema.conv1.conv.weight", "latent_avg"},
        {"conv1.conv.modulation.weight"},
    ],
    ids=lambda names: " ".join(sorted(names)),
)
def test_names_fit_one_layout_only(names):
    content = Content(dict.fromkeys(names, torch.zeros(1)))
    assert sum(layout.matches(content) for layout in layouts.LAYOUTS.values()) == 1


def test_written_files_are_recognised(generator, tmp_path):
    save_generator(generator, tmp_path / "g.safetensors")
    own = read_checkpoint(tmp_path / "g.safetensors")
    assert layouts.layout_of(PATH, own) is layouts.LAYOUTS["palimpsest_safetensors"]


def test_notes_of_the_file_come_with_the_generator(progressive):
    content = Content(published_layout(progressive), {"source": "a test"})
    layout = layouts.layout_of(PATH, content)
    assert layout is layouts.LAYOUTS["progressive_layers"]
    found = layout.build(PATH, content)
    assert found.provenance == {"source": "a test"}
    assert found.weights_sha256 == progressive.weights_sha256


def test_an_unknown_network_is_refused():
    with pytest.raises(CheckpointError, match=r"1 tensors of an unknown network \(bn1"):
        layouts.layout_of(PATH, Content({"bn1": torch.zeros(1)}))
