"""The sections about a whole run: `scale`, `only`, `stand_ins`, `draw` and `compute`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from palimpsest.settings import Count, Name, Seed, Settings

Scale = Literal["mini", "quick", "smoke", "paper", "stand_ins"]


class OnlyParameters(Settings):
    """Names of the tables and figures that a run makes, without folder and ending.

    Nothing else is made but what these need, and the page that shows them.
    """

    tables: list[Name] = Field(min_length=1)
    figures: list[Name]


class StandInParameters(Settings):
    """The URL that serves stand-ins of published files, and their manifest with sha256 digests."""

    origin: str | None
    manifest: str | None


class DrawParameters(Settings):
    """The ``samples`` of ``seed`` that sessions are drawn on from labels."""

    seed: Seed
    samples: Annotated[int, Field(ge=1, le=1000)] = 400


class ComputeParameters(Settings):
    """Device of the jobs, GPUs they request from the scheduler, and shards of the measured images.

    A change of the device or of the GPUs does not make a job run again.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    gpus: int = Field(ge=0, le=8)
    shards: Count
