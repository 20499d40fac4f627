"""Stand-ins for the published networks: random weights under the very names, in full size.

    content = stand_in_network("face-parsing-02dd3f6f.pth", seed=1)     # what torch.save writes

Where a network has batch norms, one pass over random pictures gives them the statistics of its own
activations, so that signals neither die out nor grow. The parser prefers the objects and parts that
the paper's sessions are about: without that, none of them would come up among 336.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.exporting import published_layout
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.published import PUBLISHED
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.inception import LAYER
from palimpsest.instruments.published_attributes import ATTRIBUTES, SlimNet
from palimpsest.instruments.published_faces import CLASSES, BiSeNet
from palimpsest.instruments.published_parsing import ParsingLabels, ParsingNetwork, as_parsed
from palimpsest.stand_ins.documents import stand_in_labels

WIDEST = 512
STYLEGAN2_AREA = 32768
PROGRESSIVE_AREA = {256: 8192, 1024: 16384}
"""Channels times side at a resolution, where that is below `WIDEST` times the side."""

PREFERRED = 4.0
"""What is added to the scores of the objects that the sessions are about."""

OBJECTS = ("sky", "tree", "building", "person")
PARTS = ("dome", "window")


def stand_in_network(name: str, seed: int) -> dict[str, Any]:
    """What the published file ``name`` would hold, random; the same for the same seed.

    Raises `KeyError` for a name that is of no network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _generator(name) if name in PUBLISHED else NETWORKS[name]()


def _generator(name: str) -> dict[str, Any]:
    about = PUBLISHED[name]
    progressive = about.kind == "progressive"
    area = PROGRESSIVE_AREA[about.resolution] if progressive else STYLEGAN2_AREA
    sides = (2**i for i in range(2, about.resolution.bit_length()))
    widths = {side: min(WIDEST, area // side) for side in sides}
    if progressive:
        return published_layout(ProgressiveGAN(about.resolution, widths))
    generator = StyleGAN2(about.resolution, widths)
    with torch.no_grad():
        generator.latent_avg.copy_(generator.mapping(torch.randn(256, 512)).mean(0))
    return published_layout(generator)


def _parser() -> ParsingNetwork:
    labels = ParsingLabels.from_json("the stand-in's labels", stand_in_labels())
    network = ParsingNetwork(labels)
    _spread(network, lambda: network.decoder(network.encoder(as_parsed(pictures(2, 256)))))
    with torch.no_grad():
        objects, parts = network.decoder.object_head[1], network.decoder.part_head[1]
        for name in OBJECTS:
            objects.bias[labels.objects.index(name)] += PREFERRED
        for owner, channels, _ in labels.part_tables():
            names = labels.parts[labels.objects[owner]]
            for name in set(PARTS) & set(names):
                parts.bias[channels.start + names.index(name)] += PREFERRED / 2
    return network


def _encoder() -> dict[str, Tensor]:
    return _parser().encoder.state_dict()


def _decoder() -> dict[str, Tensor]:
    return _parser().decoder.state_dict()


def _faces() -> dict[str, Tensor]:
    network = BiSeNet()

    def look() -> None:
        images = pictures(2, 512)
        context = network.cp(network.cp.resnet(images))
        network.conv_out16(context)
        network.conv_out32(context)
        network(images)

    _spread(network, look)
    with torch.no_grad():
        for name in ("mouth", "u_lip", "l_lip"):
            network.conv_out.conv_out.weight[CLASSES.index(name)] *= 2
    return network.state_dict()


def _attributes() -> dict[str, Any]:
    network = SlimNet()
    _spread(network, lambda: network(pictures(8, 178)))
    sizes = {
        "filter_count_values": [16, 32, 48, 64],
        "initial_conv": [96, 7, 2],
        "num_classes": len(ATTRIBUTES),
        "depth_multiplier": 1,
    }
    return {"hyper_params": sizes, "model_state_dict": network.state_dict()}


def _alexnet() -> dict[str, Tensor]:
    from torchvision.models import alexnet

    return alexnet(weights=None).state_dict()


def _inception() -> dict[str, Tensor]:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unfilled(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: Any, **__: Any) -> None:
            """There is no file to load: the numbers stay the random ones."""

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    network = Unfilled("stand-in", [LAYER], empty)
    images = ((pictures(4, 299) + 1) * 127.5).to(torch.uint8)
    _spread(network, lambda: network(images))
    return network.state_dict()


NETWORKS: dict[str, Callable[[], dict[str, Any]]] = {
    "upp-resnet50-upernet/encoder_epoch_40.pth": _encoder,
    "upp-resnet50-upernet/decoder_epoch_40.pth": _decoder,
    "face-parsing-02dd3f6f.pth": _faces,
    "celeba-smile.pth": _attributes,
    "alexnet-owt-7be5be79.pth": _alexnet,
    "weights-inception-2015-12-05-6726825d.pth": _inception,
}
"""What stands in for each instrument's file."""


def pictures(n: int, side: int) -> Tensor:
    """Random pictures (n, 3, side, side) in [-1, 1]: coarse colours and some grain."""
    coarse = F.interpolate(torch.rand(n, 3, 8, 8), (side, side), mode="bilinear")
    return (2 * coarse - 1 + 0.1 * torch.randn(n, 3, side, side)).clamp(-1, 1)


@torch.no_grad()
def _spread(network: nn.Module, look: Callable[[], object]) -> None:
    """Draw a network's weights anew, and give its batch norms the statistics of one look."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the statistics of this look alone
        norm.train()
    look()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
        norm.eval()
