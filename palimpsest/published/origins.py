"""What another origin than the authors' sent: checked by its content, its hash noted.

    check_generator("stylegan2-church-config-f.pkl", PUBLISHED["stylegan2_church-e8ca9fd0.pt"])
    note_sha256(target, url, sha256)        # raises if this origin once sent something else

NVIDIA publishes no hash. So its file must hold the very architecture that the authors' file has,
and the sha256 of what came first is written to ``<target>.origins.json``; whatever the same address
sends later must have it.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

import torch

from palimpsest.errors import CheckpointError, DownloadError
from palimpsest.files.atomic import atomic_write_text
from palimpsest.generators.checkpoints.loading import load_generator
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.published.paper_generators import Published

SUFFIX = ".origins.json"


def check_generator(path: str | PathLike[str], about: Published) -> None:
    """Raises `CheckpointError` unless the file at ``path`` holds a generator as in ``about``.

    Names and shapes of all weights must be those expected; a StyleGAN2 must have a mean latent.
    """
    kinds = {"stylegan2": StyleGAN2, "progressive": ProgressiveGAN}
    truncation = 0.5 if about.kind == "stylegan2" else 1.0  # reading then requires the mean latent
    generator = load_generator(path, truncation=truncation)
    with torch.device("meta"):
        expected = kinds[about.kind](about.resolution, about.widths)
    shapes, found = (
        {name: tuple(t.shape) for name, t in network.state_dict().items() if "noises." not in name}
        for network in (expected, generator)
    )
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) != found.get(name):
            raise CheckpointError(
                f"{path}: another network than the {about.kind} of {about.resolution} pixels that "
                f"{about.name} is: {name} is {found.get(name)}, not {shapes.get(name)}"
            )


def noted_sha256(target: str | PathLike[str]) -> dict[str, str]:
    """sha256 of what each other origin of ``target`` sent first, by its address."""
    try:
        content = json.loads(_note(target).read_text(encoding="utf-8"))
        return {str(url): str(digest) for url, digest in content.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        raise DownloadError(f"{_note(target)}: not a note of origins; remove it") from None


def note_sha256(target: str | PathLike[str], url: str, sha256: str) -> None:
    """Note the ``sha256`` of what ``url`` sent for ``target``.

    Raises `DownloadError` if the note holds another one for this address.
    """
    noted = noted_sha256(target)
    if noted.get(url, sha256) != sha256:
        raise DownloadError(
            f"{url}: sent a file with a sha256 of {sha256[:8]}..., not {noted[url][:8]}... as the "
            f"first time ({_note(target)})"
        )
    atomic_write_text(_note(target), json.dumps({**noted, url: sha256}, indent=1) + "\n")


def _note(target: str | PathLike[str]) -> Path:
    return Path(f"{target}{SUFFIX}")
