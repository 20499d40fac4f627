"""A state dict of NVIDIA's StyleGAN3, or what `stylegan3_pickle` makes of a pickle.

generator = build(path, content)
"""

from __future__ import annotations

import json
from pathlib import Path

from palimpsest.errors import CheckpointError
from palimpsest.generators.checkpoints.containers import Content
from palimpsest.generators.checkpoints.stylegan3_names import FREQS, Constants, assembled
from palimpsest.generators.checkpoints.stylegan3_pickle import CONSTANTS
from palimpsest.generators.stylegan3 import StyleGAN3

MARKS = (FREQS,)


def build(path: Path, content: Content) -> StyleGAN3:
    """The StyleGAN3 of the file. Raises `CheckpointError` for incomplete or unknown tensors."""
    notes = dict(content.metadata)
    constants = _told(path, notes.pop(CONSTANTS, None))
    given = dict(content.tensors)
    if "mapping.w_avg" in given:
        given["latent_avg"] = given.pop("mapping.w_avg")

    def file_name(name: str) -> str:
        return content.file_name("mapping.w_avg" if name == "latent_avg" else name)

    return assembled(path, given, constants, file_name, notes)


def _told(path: Path, constants: str | None) -> Constants:
    if constants is None:
        return Constants()
    try:
        return Constants.from_json(json.loads(constants))
    except (ValueError, KeyError, TypeError, OverflowError) as problem:
        raise CheckpointError(
            f"{path}: its metadata entry {CONSTANTS!r} is damaged ({type(problem).__name__}: "
            f"{problem})"
        ) from problem
