"""Each layout has a module of its own, and a file's content fits one layout only."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from palimpsest.errors import CheckpointError
from palimpsest.generators import save_generator
from palimpsest.generators.checkpoints import layouts, palimpsest_safetensors
from palimpsest.generators.checkpoints.containers import Content, read_checkpoint
from palimpsest.generators.checkpoints.exporting import published_layout

PATH = Path("weights.pt")


def test_a_layout_is_registered_under_the_name_of_its_module():
    for name, layout in layouts.LAYOUTS.items():
        module = import_module(f"palimpsest.generators.checkpoints.{name}")
        assert layout == (module.MARKS, module.build)


@pytest.mark.parametrize(
    ("names", "layout", "prefix"),
    [
        ({"layer1.conv.weight", "layer2.conv.weight"}, "progressive_layers", ""),
        ({"state_dict.layer2.conv.weight"}, "progressive_layers", "state_dict."),
        ({"features.0.conv.weight", "output.wscale.b"}, "progressive_features", ""),
        ({"module.features.0.conv.weight"}, "progressive_features", "module."),
        ({"layer0.weight", "output0.weight", "lod"}, "progressive_genforce", ""),
        ({"conv1.conv.modulation.weight"}, "stylegan2_pytorch", ""),
        ({"a.b.convs.0.conv.modulation.weight"}, "stylegan2_pytorch", "a.b."),
        ({"layer2.conv.mconv.dconv.weight", "input.input"}, "stylegan2_seq", ""),
        (
            {
                "generator_smooth.synthesis.layer0.weight",
                "generator_smooth.synthesis.layer0.style.weight",
            },
            "stylegan2_genforce",
            "generator_smooth.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_names_fit_one_layout_only(names, layout, prefix):
    content = Content(dict.fromkeys(names, torch.zeros(1)))
    found, network = layouts.network_in(PATH, content)
    assert found is layouts.LAYOUTS[layout]
    assert network.prefix == prefix
    assert {prefix + name for name in network.tensors} == names


def test_written_files_are_recognised(generator, tmp_path):
    save_generator(generator, tmp_path / "g.safetensors")
    own = read_checkpoint(tmp_path / "g.safetensors")
    assert layouts.network_in(PATH, own)[0].build is palimpsest_safetensors.build


def test_notes_of_the_file_come_with_the_generator(progressive):
    content = Content(published_layout(progressive), {"source": "a test"})
    layout, network = layouts.network_in(PATH, content)
    assert layout is layouts.LAYOUTS["progressive_layers"]
    found = layout.build(PATH, network)
    assert found.provenance == {"source": "a test"}
    assert found.weights_sha256 == progressive.weights_sha256


def test_an_unknown_network_is_refused():
    with pytest.raises(CheckpointError, match=r"1 tensors of an unknown network \(bn1"):
        layouts.network_in(PATH, Content({"bn1": torch.zeros(1)}))
