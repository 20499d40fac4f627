"""Unified perceptual parsing (Xiao et al. 2018) as the paper used it: objects and their parts.

    assemble_parser(encoder, decoder, "labels.json", out="upp.safetensors")
    parser = UnifiedParser.load("upp.safetensors")
    labels = parser.labels(images)              # (B, 3, H, W) in [-1, 1] to (B, H, W) int64
    parser.classes[labels[0, 30, 40]]           # "building", or "building/dome"
    parser.numbers("dome")                      # "building/dome", "church/dome" ...
    parser.numbers("building")                  # "building" and all its parts

A pixel has an object and, if the network predicts one for that object, a part. Both together are
one label, so that `numbers` finds it by either name. The network is read as in the paper
(netdissect's segmenter with all parts): a part counts only where its owner was predicted, and a
part with the name of an object, such as a door, counts as that object too. The other outputs
(materials, quarters of objects, colours) are not needed for the paper's tables.

`assemble_parser` joins the three published files into one, checks that they belong together, and
records their names and digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import load_arrays, save_arrays
from palimpsest.files.digests import sha256_of
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.pictures import check_images
from palimpsest.instruments.network_files import fill
from palimpsest.instruments.segmenters.parsing_network import (
    CHANNELS,
    HEADS,
    ParsingDecoder,
    ParsingEncoder,
)
from palimpsest.instruments.segmenters.published import PublishedSegmenter

METADATA_KEY = "palimpsest-unified-parsing"
SIDE = 256
"""Side in pixels to which the paper scales images before parsing."""

MEAN_BGR = (102.9801, 115.9465, 122.7717)
"""Mean of the training images, 0 to 255; images are not divided by a standard deviation."""

NOTHING = "-"
"""Name of the label "no object", and of "no part"."""

STAND_IN = "stand_in"
"""JSON field that marks labels as a stand-in (`palimpsest.published.stand_ins`)."""


@dataclass(frozen=True)
class ParsingLabels:
    """The names in ``labels.json``.

    ``objects``, ``scenes``, ``materials``: names by class number, "-" first if there is one.
    ``parts``: parts of each object that has any, in the order of the network's output: owners by
    object number, each with its parts as listed. ``stand_in``: the file says that it is a stand-in
    for the published one.
    """

    objects: tuple[str, ...]
    scenes: tuple[str, ...]
    materials: tuple[str, ...]
    parts: Mapping[str, tuple[str, ...]]
    stand_in: bool = False

    @classmethod
    def from_json(cls, source: object, content: Any) -> ParsingLabels:
        """Labels from the content of ``labels.json``. Raises `CheckpointError` with ``source``."""
        wrong = f"{source}: not labels of unified perceptual parsing"
        if not isinstance(content, dict):
            raise CheckpointError(f"{wrong}: holds {type(content).__name__}, not an object")
        for field in ("object", "scene", "material"):
            if not _names(content.get(field)):
                raise CheckpointError(f"{wrong}: field {field} is not a list of names")
        owners = content.get("object_part")
        if not isinstance(owners, dict) or not all(map(_names, owners.values())):
            raise CheckpointError(f"{wrong}: field object_part does not list parts by object")
        objects = tuple(content["object"])
        if unknown := [owner for owner in owners if owner not in objects]:
            raise CheckpointError(
                f"{wrong}: object_part has {unknown[0]!r}, which is not an object"
            )
        in_order = sorted(owners, key=objects.index)
        return cls(
            objects,
            tuple(content["scene"]),
            tuple(content["material"]),
            {owner: tuple(owners[owner]) for owner in in_order},
            content.get(STAND_IN) is True,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON content that `from_json` reads."""
        return {
            "object": list(self.objects),
            "scene": list(self.scenes),
            "material": list(self.materials),
            "object_part": {owner: list(parts) for owner, parts in self.parts.items()},
            **({STAND_IN: True} if self.stand_in else {}),
        }

    @property
    def counts(self) -> dict[str, int]:
        """Number of classes of each head of the network; parts are counted per owner."""
        return {
            "object": len(self.objects),
            "scene": len(self.scenes),
            "material": len(self.materials),
            "part": sum(map(len, self.parts.values())),
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of `UnifiedParser`'s labels: objects, then "owner/part"."""
        pairs = (f"{owner}/{part}" for owner, part in self._pairs())
        return (*self.objects, *pairs)

    def _pairs(self) -> list[tuple[str, str]]:
        return [(o, part) for o, parts in self.parts.items() for part in parts if part != NOTHING]

    def numbers(self, name: str) -> tuple[int, ...]:
        """Labels that ``name`` stands for: an object with all its parts, a part of any owner (both
        if both have that name), or one pair "owner/part". Empty for an unknown name."""
        first = len(self.objects)
        pairs = self._pairs()
        own = [self.objects.index(name)] if name in self.objects else []
        return tuple(
            own
            + [
                first + i
                for i, (owner, part) in enumerate(pairs)
                if name in (owner, part, f"{owner}/{part}")
            ]
        )

    def part_tables(self) -> list[tuple[int, slice, Tensor]]:
        """For each owner: its number, its channels of the part head, and the label of each channel
        (int64; the owner's own label for "-")."""
        tables, head, pair = [], 0, len(self.objects)
        for owner, parts in self.parts.items():
            number, translated = self.objects.index(owner), []
            for part in parts:
                translated.append(number if part == NOTHING else pair)
                pair += part != NOTHING
            tables.append((number, slice(head, head + len(parts)), torch.tensor(translated)))
            head += len(parts)
        return tables


def _names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


class ParsingNetwork(nn.Module):
    """Encoder and decoder for one set of labels."""

    def __init__(self, labels: ParsingLabels) -> None:
        super().__init__()
        self.encoder = ParsingEncoder()
        self.decoder = ParsingDecoder(labels.counts)


class UnifiedParser(PublishedSegmenter):
    """The unified perceptual parser. ``label_names``: the names behind its labels."""

    name = "upp-resnet50-upernet"
    chunk = 2  # the scores of 336 objects at each pixel take 90 MB an image

    def __init__(
        self, network: ParsingNetwork, labels: ParsingLabels, facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(network, facts)
        self.label_names = labels
        if labels.stand_in:
            self.name = f"stand-in-for-{self.name}"
        self.classes = labels.classes
        self._tables = labels.part_tables()

    def _numbers_of(self, name: str) -> tuple[int, ...]:
        """See `ParsingLabels.numbers`."""
        if found := self.label_names.numbers(name):
            return found
        raise self._unknown(name)

    def scores(self, images: Tensor, heads: Sequence[str] = HEADS) -> dict[str, Tensor]:
        """Scores of the heads before softmax, at a quarter of `SIDE` pixels; differentiable."""
        check_images(images)
        return self._network.decoder(self._network.encoder(as_parsed(self._moved(images))), heads)

    def features(self, images: Tensor) -> list[Tensor]:
        check_images(images)
        return self._network.encoder(as_parsed(self._moved(images)))

    @property
    def feature_channels(self) -> tuple[int, ...]:
        return CHANNELS

    def _labels(self, images: Tensor) -> Tensor:
        size = images.shape[2:]
        scores = self.scores(images, ("object", "part"))
        parts = F.interpolate(scores["part"], size, mode="bilinear", align_corners=False)
        objects = F.interpolate(scores.pop("object"), size, mode="bilinear", align_corners=False)
        owners = objects.argmax(1)
        labels = owners.clone()
        for owner, channels, translated in self._tables:
            here = owners == owner
            if here.any():
                of_owner = translated.to(labels.device)[parts[:, channels].argmax(1)]
                labels[here] = of_owner[here]
        return labels

    @classmethod
    def load(cls, path: str | PathLike[str]) -> UnifiedParser:
        """The parser in a file of `assemble_parser`. Raises `CheckpointError` for another file."""
        arrays, metadata = load_arrays(path, CheckpointError)
        if METADATA_KEY not in metadata:
            raise CheckpointError(
                f"{path}: not a unified parser; give one that assemble_parser wrote"
            )
        try:
            about = json.loads(metadata[METADATA_KEY])
            content, sources = about["labels"], dict(about["sources"])
        except (ValueError, KeyError, TypeError) as problem:
            raise CheckpointError(
                f"{path}: the parser's description is damaged ({problem}); assemble it again"
            ) from None
        labels = ParsingLabels.from_json(path, content)
        network = fill(path, ParsingNetwork(labels), arrays, "unified perceptual parser")
        return cls(network, labels, {"sources": sources})


def as_parsed(images: Tensor) -> Tensor:
    """Network input (B, 3, `SIDE`, `SIDE`), BGR without its mean, of images in [-1, 1]."""
    bgr = (images.float().flip(1) + 1) * 127.5
    bgr = bgr - torch.tensor(MEAN_BGR).to(bgr)[:, None, None]
    return bgr if bgr.shape[2:] == (SIDE, SIDE) else F.adaptive_avg_pool2d(bgr, SIDE)


def assemble_parser(
    encoder: str | PathLike[str],
    decoder: str | PathLike[str],
    labels: str | PathLike[str],
    out: str | PathLike[str],
) -> UnifiedParser:
    """The parser from the three published files, also written to ``out`` (.safetensors).

    Raises `CheckpointError` naming the file that is missing, damaged, or does not fit the others.
    """
    try:
        content = json.loads(Path(labels).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CheckpointError(f"{labels}: not a labels.json ({problem}); fetch it again") from None
    named = ParsingLabels.from_json(labels, content)
    network = ParsingNetwork(named)
    fill(encoder, network.encoder, read_checkpoint(Path(encoder)).tensors, "parsing encoder")
    fill(decoder, network.decoder, read_checkpoint(Path(decoder)).tensors, "parsing decoder")
    sources = {Path(file).name: sha256_of(file) for file in (encoder, decoder, labels)}
    kept = {n: t for n, t in network.state_dict().items() if t.is_floating_point()}
    about = {"labels": named.to_json(), "sources": sources}
    save_arrays(out, kept, {METADATA_KEY: json.dumps(about, sort_keys=True)})
    return UnifiedParser(network, named, {"sources": sources})
