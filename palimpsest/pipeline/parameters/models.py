"""The sections `models` and `instruments`: files of networks."""

from __future__ import annotations

from pydantic import Field

from palimpsest.settings import Name, SessionName, Settings


class ModelParameters(Settings):
    """One generator: its files, its truncation, and the layer that its sessions edit.

    ``segmenter``: None for a model on which nothing is drawn or measured. ``critic``: file of the
    critic of the model's images, on the segmenter's encoder. ``classifiers``: files of attribute
    classifiers. ``fetched_sessions``: files of published sessions, by session name.
    ``world``: the world the generator learned, None for photographs. ``drawings``: the group of
    sessions that are drawn from the segmenter's labels; by default those of the world.
    ``reference``: file of the features of held-out photographs, for Fréchet distances. ``layer``:
    None for the first layer that the layer probe names.
    """

    weights: str = Field(min_length=1)
    segmenter: str | None
    critic: str | None = None
    classifiers: list[str] = []
    fetched_sessions: dict[SessionName, str] = {}
    world: Name | None
    drawings: Name | None = None
    reference: str | None = None
    truncation: float = Field(ge=0, le=1)
    layer: int | None = Field(ge=1, le=18)


class InstrumentParameters(Settings):
    """Files of published networks that measure images of any model.

    ``alexnet``: the network of LPIPS. ``inception``: features for Fréchet distances. None: the
    encoder of the model's segmenter is used instead.
    """

    alexnet: str | None
    inception: str | None
