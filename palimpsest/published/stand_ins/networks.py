"""Stand-ins for the published networks: random weights with the same names, in full size.

    content = stand_in_network("face-parsing-02dd3f6f.pth", seed=1)     # what torch.save writes

Batch norms get the statistics of one pass over random pictures, so that activations neither vanish
nor explode. The colours of a StyleGAN2 are scaled into range, because instruments see no
differences in saturated images. The parser's class scores are normalised, and those of the paper's
sessions are raised; otherwise none of these classes would be found among 336.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.generators.checkpoints.exporting import published_layout
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments.classifiers.published import ATTRIBUTES, SlimNet
from palimpsest.instruments.distances.inception import LAYER
from palimpsest.instruments.segmenters.face_parser import CLASSES, BiSeNet
from palimpsest.instruments.segmenters.parsing_network import ParsingDecoder
from palimpsest.instruments.segmenters.unified_parser import (
    ParsingLabels,
    ParsingNetwork,
    as_parsed,
)
from palimpsest.published.paper_generators import PUBLISHED
from palimpsest.published.stand_ins.documents import stand_in_labels

CONTRAST = 0.5
"""Standard deviation of a channel of a StyleGAN2's images, which reach from -1 to 1."""

PREFERRED = 2.0
"""Added to the scores of the objects and parts that the sessions use, in standard deviations."""

OBJECTS = ("sky", "tree", "building", "person")
PARTS = ("dome", "window")


def stand_in_network(name: str, seed: int) -> dict[str, Any]:
    """Random content in the layout of the published file ``name``; fixed by the seed.

    Generators of one layout differ from each other; both files of the parser belong together.
    Raises `KeyError` for a name that is not a network's.
    """
    generator = name in PUBLISHED
    own = zlib.crc32(name.encode()) if generator else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + own)
        return _generator(name) if generator else NETWORKS[name]()


def _generator(name: str) -> dict[str, Any]:
    about = PUBLISHED[name]
    if about.kind == "progressive":
        return published_layout(ProgressiveGAN(about.resolution, about.widths))
    generator = StyleGAN2(about.resolution, about.widths)
    with torch.no_grad():
        generator.latent_avg.copy_(generator.mapping(torch.randn(256, 512)).mean(0))
    _bring_into_range(generator)
    return published_layout(generator)


@torch.no_grad()
def _bring_into_range(generator: StyleGAN2) -> None:
    """Scale what each resolution adds to the image, and shift the last."""
    images = torch.cat([generator(z) for z in torch.randn(2, 1, generator.z_dim)])
    middle = images.mean((0, 2, 3))
    scale = CONTRAST / images.std((0, 2, 3))
    for added in (generator.to_rgb1, *generator.to_rgbs):
        added.conv.weight *= scale[:, None, None, None]
        added.bias *= scale[:, None, None]
    added.bias -= (middle * scale)[:, None, None]


def _parser() -> ParsingNetwork:
    labels = ParsingLabels.from_json("the stand-in's labels", stand_in_labels())
    network = ParsingNetwork(labels)
    images = as_parsed(seen(256))
    _spread(network, lambda: network.decoder(network.encoder(images)))
    with torch.no_grad():
        scores = network.decoder(network.encoder(images))
        objects, parts = (_levelled(network.decoder, scores, head) for head in ("object", "part"))
        for name in OBJECTS:
            objects.bias[labels.objects.index(name)] += PREFERRED
        for owner, channels, _ in labels.part_tables():
            names = labels.parts[labels.objects[owner]]
            for name in set(PARTS) & set(names):
                parts.bias[channels.start + names.index(name)] += PREFERRED
    return network


def _levelled(decoder: ParsingDecoder, scores: dict[str, Tensor], head: str) -> nn.Conv2d:
    """The last convolution of ``head``, its scores brought to mean 0 and deviation 1 by class."""
    last = decoder.get_submodule(f"{head}_head")[-1]
    deviation, mean = torch.std_mean(scores[head], (0, 2, 3))
    last.weight /= deviation[:, None, None, None]
    last.bias.copy_((last.bias - mean) / deviation)
    return last


def _encoder() -> dict[str, Tensor]:
    return _parser().encoder.state_dict()


def _decoder() -> dict[str, Tensor]:
    return _parser().decoder.state_dict()


def _faces() -> dict[str, Tensor]:
    network = BiSeNet()

    def look() -> None:
        images = seen(512)
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
            """Leave the weights random."""

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
"""The stand-in of each instrument's file."""


def pictures(n: int, side: int) -> Tensor:
    """Random pictures (n, 3, side, side) in [-1, 1]: coarse colours and some grain."""
    coarse = F.interpolate(torch.rand(n, 3, 8, 8), (side, side), mode="bilinear")
    return (2 * coarse - 1 + 0.1 * torch.randn(n, 3, side, side)).clamp(-1, 1)


def seen(side: int) -> Tensor:
    """Pictures (6, 3, side, side) like a segmenter's inputs: coarse ones, and images of random
    generators of both kinds."""
    widths = {2**i: 64 for i in range(2, side.bit_length())}
    style = StyleGAN2(side, widths)
    _bring_into_range(style)
    progressive = ProgressiveGAN(side, widths)
    with torch.no_grad():
        made = [g(torch.randn(2, g.z_dim)) for g in (style, progressive)]
    return torch.cat([pictures(2, side), *made])


@torch.no_grad()
def _spread(network: nn.Module, look: Callable[[], object]) -> None:
    """Draw a network's weights, and give its batch norms the statistics of one pass."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # the statistics of this pass alone
        norm.train()
    look()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
        norm.eval()
