"""This project's layout: a safetensors file with a description in its metadata.

The metadata entry ``palimpsest`` is JSON: ``format`` (version of this layout), ``kind``,
``resolution``, ``channels`` (width of each resolution), ``z_dim``, ``style_dim`` and
``mapping_layers`` (StyleGAN2), ``variant`` (what differs from the usual StyleGAN2: architecture,
image_channels, classes, embedding, first_shape), ``encoding`` ({z_dim, thresholds, width} or null),
``constants`` (StyleGAN3, in place of the sizes: see `stylegan3_names`), ``rewritten`` (rewritten
weights: their model and changes, see `identity`) and ``provenance`` (free notes of the writer); in
files without a checksum also ``sha256`` (of the stored tensors, see `content_sha256`). Tensors have
the names of `StyleGAN2` and `ProgressiveGAN`; noise maps are ``noises.noise_i``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import save_arrays
from palimpsest.generators.base import Generator
from palimpsest.generators.checkpoints.assembly import assemble
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.stylegan3_names import Constants, assembled
from palimpsest.generators.encoding import SoftThresholds
from palimpsest.generators.identity import as_json, content_sha256, from_json
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import ARCHITECTURES, StyleGAN2
from palimpsest.generators.stylegan3 import StyleGAN3

METADATA_KEY = "palimpsest"
FORMAT_VERSION = 1
VARIANT = {"architecture", "image_channels", "classes", "embedding", "first_shape"}


def save_generator(
    generator: Generator,
    path: str | PathLike[str],
    metadata: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write ``generator`` with its present weights to a ``.safetensors`` file, atomically.

    ``metadata``: provenance, any JSON value; `load_generator` returns it as
    ``generator.provenance``. ``dtype``: type of the stored weights (float16 halves the file; it
    loads as float32). A rewritten generator keeps its identity as float32; rounded to another type
    it is a model of its own. Raises `ValueError` for a weight outside the range of ``dtype``,
    `TypeError` for metadata that is not JSON.
    """
    tensors = dict(generator.state_dict())
    if isinstance(generator, StyleGAN2):
        tensors |= {f"noises.{name}": t for name, t in generator.noises.named_buffers()}
    if "latent_avg" in tensors and not tensors["latent_avg"].isfinite().all():
        del tensors["latent_avg"]  # unknown: see assembly.assemble
    stored = {name: tensor.detach().cpu().to(dtype) for name, tensor in tensors.items()}
    for name, tensor in stored.items():
        if not tensor.isfinite().all():
            raise ValueError(f"tensor {name} holds numbers that are not finite as {dtype}")
    description = describe(generator, metadata)
    if generator.weights_sha256 != generator.model_sha256 and dtype == torch.float32:
        description["rewritten"] = as_json(generator)
    save_arrays(path, stored, {METADATA_KEY: json.dumps(description)})


def describe(generator: Generator, provenance: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The description that `build` needs besides the weights."""
    if isinstance(generator, StyleGAN3):
        return {
            "format": FORMAT_VERSION,
            "kind": generator.kind,
            "constants": Constants.of(generator).to_json(),
            "provenance": dict(provenance or {}),
        }
    description: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "kind": generator.kind,
        "resolution": generator.resolution,
        "channels": {str(size): width for size, width in generator.channels.items()},
        "z_dim": generator.z_dim,
        "encoding": None,
        "provenance": dict(provenance or {}),
    }
    if isinstance(generator, StyleGAN2):
        description["style_dim"] = generator.latent_avg.numel()
        description["mapping_layers"] = len(generator.style) - 1
        if variant := generator.variant:
            description["variant"] = variant
    if generator.encoding is not None:
        description["encoding"] = {
            "z_dim": generator.encoding.z_dim,
            "thresholds": [[dim, at] for dim, at in generator.encoding.thresholds],
            "width": generator.encoding.width,
        }
    return description


def matches(content: Content) -> bool:
    """Whether the metadata has this project's entry."""
    return METADATA_KEY in content.metadata


def build(path: Path, content: Content) -> Generator:
    """The generator of a file that `save_generator` wrote.

    Raises `CheckpointError` where the description is damaged or the tensors do not fit it.
    """
    tensors = content.tensors
    try:
        description = json.loads(content.metadata[METADATA_KEY])
        version, kind = description["format"], description["kind"]
    except (ValueError, KeyError, TypeError) as problem:
        raise CheckpointError(
            f"{path}: the metadata entry {METADATA_KEY!r} describes no generator "
            f"({type(problem).__name__}: {problem}); write the file with save_generator"
        ) from problem
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: layout version {version!r} of this project's weights; this release reads "
            f"version {FORMAT_VERSION}, so update Palimpsest"
        )
    if kind not in ("stylegan2", "progressive", "stylegan3"):
        raise CheckpointError(
            f"{path}: generator of kind {kind!r}; readable are 'stylegan2', 'stylegan3' and "
            "'progressive'"
        )
    if kind == "stylegan3":
        alias_free = _stylegan3(path, tensors, description)
        return _identified(path, alias_free, tensors, description)
    try:
        resolution = int(description["resolution"])
        channels = {int(size): int(width) for size, width in description["channels"].items()}
        sizes = [2**i for i in range(2, int(math.log2(resolution)) + 1)]
        if not (8 <= resolution <= 4096 and sizes[-1] == resolution and sorted(channels) == sizes):
            raise ValueError(f"resolution {resolution} with widths for {sorted(channels)}")
        options = {"z_dim": int(description["z_dim"]), "encoding": None}
        if description["encoding"] is not None:
            encoding = description["encoding"]
            options["encoding"] = SoftThresholds(
                z_dim=int(encoding["z_dim"]),
                thresholds=tuple((int(dim), float(at)) for dim, at in encoding["thresholds"]),
                width=float(encoding["width"]),
            )
            _check_encoding(options["encoding"])
        if kind == "stylegan2":
            options["style_dim"] = int(description["style_dim"])
            options["mapping_layers"] = int(description["mapping_layers"])
            options |= _variant(description.get("variant", {}))
        provenance = dict(description.get("provenance", {}))
        _check_sizes(tensors, [*channels.values(), *_other_sizes(options)])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
        raise CheckpointError(
            f"{path}: the description in its metadata is damaged "
            f"({type(problem).__name__}: {problem}); write the file with save_generator"
        ) from problem
    network = StyleGAN2 if kind == "stylegan2" else ProgressiveGAN
    generator = assemble(
        path,
        lambda: network(resolution, channels, **options),
        tensors,
        provenance=provenance,
    )
    return _identified(path, generator, tensors, description)


def _stylegan3(
    path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> StyleGAN3:
    try:
        constants = Constants.from_json(description["constants"])
        provenance = dict(description.get("provenance", {}))
    except (ValueError, KeyError, TypeError, OverflowError) as problem:
        raise CheckpointError(
            f"{path}: the description in its metadata is damaged "
            f"({type(problem).__name__}: {problem}); write the file with save_generator"
        ) from problem
    return assembled(path, tensors, constants, provenance=provenance)


def _identified(
    path: Path,
    generator: Generator,
    tensors: Mapping[str, Tensor],
    description: Mapping[str, Any],
) -> Generator:
    """The generator, whose identity is that of rewritten weights if it holds some."""
    written = description.get("sha256")
    if written is not None and written != content_sha256(tensors):
        raise CheckpointError(
            f"{path}: its weights are not those that were written (another sha256 than its "
            "metadata says); the file is damaged, so fetch or make it again"
        )
    if "rewritten" in description:
        try:
            generator._weights_sha256, generator.changes = from_json(description["rewritten"])
        except (ValueError, KeyError, TypeError) as problem:
            raise CheckpointError(
                f"{path}: its metadata do not say what it was rewritten from "
                f"({type(problem).__name__}: {problem}); write the file with save_generator"
            ) from None
    return generator


def _variant(described: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `StyleGAN2`. Raises `ValueError` for one that it does not have."""
    variant = dict(described)
    if unknown := sorted(variant.keys() - VARIANT):
        raise ValueError(f"variant {str(unknown[0])[:40]!r} of the network")
    if (found := variant.get("architecture", "skip")) not in ARCHITECTURES:
        raise ValueError(f"architecture {str(found)[:40]!r}")
    if variant.get("image_channels", 3) not in (1, 3, 4):
        raise ValueError(f"images of {variant['image_channels']} channels")
    if "first_shape" in variant:
        rows, columns = variant["first_shape"]
        variant["first_shape"] = (int(rows), int(columns))
    return variant | {n: int(variant[n]) for n in ("classes", "embedding") if n in variant}


def _other_sizes(options: Mapping[str, Any]) -> list[int]:
    encoding = options["encoding"]
    sizes = [encoding.size if encoding else options["z_dim"], *options.get("first_shape", ())]
    names = ("style_dim", "mapping_layers", "classes", "embedding")
    return sizes + [options[n] for n in names if n in options]


def _check_sizes(tensors: Mapping[str, Tensor], sizes: list[int]) -> None:
    """No size may exceed the largest one in the file: a false size must not allocate memory."""
    most = max([len(tensors), *(side for tensor in tensors.values() for side in tensor.shape)])
    for size in sizes:
        if not 1 <= size <= most:
            raise ValueError(f"a size of {size}, where no tensor is longer than {most}")


def _check_encoding(encoding: SoftThresholds) -> None:
    for dim, at in encoding.thresholds:
        if not (0 <= dim < encoding.z_dim and 0 < at < 1):
            raise ValueError(f"threshold ({dim}, {at}) of an encoding of {encoding.z_dim} numbers")
    if not encoding.width > 0:
        raise ValueError(f"threshold width {encoding.width}")
