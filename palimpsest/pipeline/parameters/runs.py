"""The sections about a whole run: `scale`, `stand_ins`, `draw` and `compute`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from palimpsest.settings import Count, Seed, Settings

Scale = Literal["mini", "smoke", "paper", "stand_ins"]


class StandInParameters(Settings):
    """The URL that serves stand-ins of published files, and their manifest with sha256 digests."""

    origin: str | None
    manifest: str | None


class DrawParameters(Settings):
    """``seed`` of the samples that sessions are drawn on from labels."""

    seed: Seed


class ComputeParameters(Settings):
    """Device of the jobs, GPUs they request from the scheduler, and shards of the measured images.

    A change of the device or of the GPUs does not make a job run again.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    gpus: int = Field(ge=0, le=8)
    shards: Count
