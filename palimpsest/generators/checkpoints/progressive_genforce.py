"""Progressive GAN of the genforce library: ``layerN.weight``, ``layerN.bias``, ``outputK.*``.

Layer N of `ProgressiveGAN` is ``layer{N-1}`` here, and the last output is the image's; the others
and ``lod`` serve the growing. The images are not limited to [-1, 1] there.
"""

from __future__ import annotations

import re
from pathlib import Path

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints import progressive_layers
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.renaming import Rule, renamed
from palimpsest.generators.progressive import ProgressiveGAN

MARKS = ("layer0.weight", "output0.weight")
PARTS = {"weight": "conv.weight", "bias": "wscale.b"}


def build(path: Path, content: Content) -> ProgressiveGAN:
    """The Progressive GAN of the file.

    Raises `CheckpointError` for incomplete or unknown tensors, and for a network that was not grown
    to its end.
    """
    lod = content.tensors.get("lod")
    if lod is not None and (lod.numel() != 1 or float(lod) != 0):
        raise CheckpointError(
            f"{path}: a Progressive GAN whose training ended before it was fully grown "
            f"(lod {lod.flatten()[:1].tolist()})"
        )
    numbers = [int(n) for name in content.tensors for n in re.findall(r"^layer(\d+)\.", name)]
    last = max(numbers, default=1) // 2
    side = 4 * 2 ** min(last, 10)

    def output(match: re.Match[str]) -> str:
        return f"output_{side}x{side}.{PARTS[match[2]]}" if int(match[1]) == last else ""

    rules = (
        Rule(r"layer(\d+)\.(weight|bias)", lambda m: f"layer{int(m[1]) + 1}.{PARTS[m[2]]}"),
        Rule(r"output(\d+)\.(weight|bias)", output),
        Rule(r"lod", lambda match: ""),
    )
    return progressive_layers.build(path, renamed(content, rules))
