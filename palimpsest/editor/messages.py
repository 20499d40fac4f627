"""The messages from the page to the server, version 1; `answers` has those to the page.

Every message is a JSON object with a ``type``. The page's messages are validated here before
anything is decoded; `parse` raises `ParameterError` with one plain sentence.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from palimpsest.errors import ParameterError
from palimpsest.settings import SessionName, first_problem

VERSION = 1

SAMPLES = 10_000
"""Samples that can be shown."""

LONGEST_MASK = 2_800_000
"""Characters of a mask's data URL: a PNG of 2 MB."""

LARGEST_SIDE = 4096
"""Pixels along a side of a mask."""

SHOWN = 200
"""Most samples that one page can ask for at once."""

PHOTOGRAPHS = -(2**48)
"""The lowest number of a photograph; samples are numbered from 0, photographs below it."""

Sample = Annotated[int, Field(ge=0, lt=SAMPLES)]
Shown = Annotated[int, Field(ge=PHOTOGRAPHS, lt=SAMPLES)]
Photograph = Annotated[int, Field(ge=PHOTOGRAPHS, lt=0)]
Strength = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Name = SessionName
RuleId = Annotated[str, Field(pattern=r"^r\d{1,9}$")]

_START = "data:image/png;base64,"


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1]
    id: int | None = None


class Show(_Message):
    """The samples, and photographs, whose pictures are wanted, most wanted first. Not a change."""

    type: Literal["show"]
    samples: list[Shown] = Field(max_length=SHOWN)


class Select(_Message):
    """The whole mask of one selection; null removes it. A "mark" is to be erased, and in the place
    of "units" units of ``layer`` can be switched, the draft's if it is null."""

    type: Literal["select"]
    role: Literal["object", "paste", "context", "mark", "units"]
    exemplar: int = Field(default=0, ge=0, lt=100)
    sample: Sample
    mask: str | None
    layer: int | None = Field(default=None, ge=1, le=100)

    @field_validator("mask")
    @classmethod
    def _bounded(cls, url: str | None) -> str | None:
        if url is not None:
            check_mask(url)
        return url


class ChangeSettings(_Message):
    """Other settings of the draft; those that are left out stay. ``erase``: null to copy again."""

    type: Literal["settings"]
    layer: int | None = Field(default=None, ge=1, le=100)
    rank: int | None = Field(default=None, ge=1, le=64)
    smoothness: float | None = Field(default=None, ge=0, le=1000, allow_inf_nan=False)
    strength: Strength | None = None
    truncation: float | None = Field(default=None, ge=0, le=1)
    erase: int | None = Field(default=None, ge=1, le=10_000)
    name: Name | None = None
    title: str | None = Field(default=None, max_length=300)


class AddExemplar(_Message):
    """One exemplar more."""

    type: Literal["add_exemplar"]


class RemoveExemplar(_Message):
    """One exemplar less."""

    type: Literal["remove_exemplar"]
    exemplar: int = Field(ge=0)


class Nudge(_Message):
    """The pasted place moved by whole cells of the layer's values."""

    type: Literal["nudge"]
    exemplar: int = Field(default=0, ge=0)
    rows: int = Field(ge=-1024, le=1024)
    columns: int = Field(ge=-1024, le=1024)
    role: Literal["paste"] = "paste"


class Keep(_Message):
    """The draft becomes a rule of the stack."""

    type: Literal["keep"]


class DraftOf(_Message):
    """A rule goes back into the draft."""

    type: Literal["draft_of"]
    rule: RuleId


class ChangeRule(_Message):
    """A rule switched, or at another strength."""

    type: Literal["rule"]
    rule: RuleId
    on: bool | None = None
    strength: Strength | None = None


class RemoveRule(_Message):
    """A rule leaves the stack."""

    type: Literal["remove_rule"]
    rule: RuleId


class MoveRule(_Message):
    """A rule moves to another place of the stack."""

    type: Literal["move_rule"]
    rule: RuleId
    to: int = Field(ge=0)


class RemovePhotograph(_Message):
    """A photograph leaves the samples."""

    type: Literal["remove_photograph"]
    photograph: Photograph


class Clear(_Message):
    """An empty draft; the rules stay."""

    type: Literal["clear"]


class New(_Message):
    """An empty draft without rules."""

    type: Literal["new"]


class ChangeModel(_Message):
    """Empty work on another model."""

    type: Literal["model"]
    name: Name


class Open(_Message):
    """A session by name becomes the draft."""

    type: Literal["open"]
    name: Name


class SwitchUnits(_Message):
    """Units switched at the painted place of a sample, in the draft's layer; "drawn": as the
    generator draws them."""

    type: Literal["switch"]
    sample: Sample
    units: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=4096)
    to: Literal["off", "on", "drawn"]


class Undo(_Message):
    """One step back."""

    type: Literal["undo"]


class Redo(_Message):
    """One step forward again."""

    type: Literal["redo"]


class Improve(_Message):
    """Search for a better edit of the draft, in the background."""

    type: Literal["improve"]


class Adapt(_Message):
    """Adapt the weights to a photograph again, above the layers of the rules, in the background."""

    type: Literal["adapt"]
    photograph: Photograph


class Stop(_Message):
    """End the search, or give up the photograph that is being put in."""

    type: Literal["stop"]
    what: Literal["improve", "photograph"] = "improve"


Change = (
    Select
    | ChangeSettings
    | AddExemplar
    | RemoveExemplar
    | Nudge
    | Keep
    | DraftOf
    | ChangeRule
    | RemoveRule
    | MoveRule
    | RemovePhotograph
    | Clear
    | New
    | ChangeModel
    | Open
    | Undo
    | Redo
    | SwitchUnits
)
"""Every message that changes the work."""

_FROM_PAGE: TypeAdapter[Any] = TypeAdapter(
    Annotated[Show | Improve | Adapt | Stop | Change, Field(discriminator="type")]
)


def parse(text: str) -> Show | Improve | Adapt | Stop | Change:
    """The message in a text from the page. Raises `ParameterError`."""
    try:
        return _FROM_PAGE.validate_json(text)
    except ValidationError as problem:
        raise ParameterError(f"message refused: {first_problem(problem)[:300]}") from None


def check_mask(url: str) -> None:
    """Raise `ValueError`, before it is decoded, for a mask too long, too large, or no PNG."""
    if len(url) > LONGEST_MASK:
        raise ValueError(
            f"the mask has {len(url) / 1e6:.1f} MB; at most {LONGEST_MASK / 1e6:.1f} are taken"
        )
    if not url.startswith(_START):
        raise ValueError("a mask is a PNG, 'data:image/png;base64,...'")
    try:
        head = base64.b64decode(url[len(_START) : len(_START) + 44], validate=True)
        signature, width, height = struct.unpack(">12x4sII", head[:24])
    except (binascii.Error, ValueError, struct.error):
        raise ValueError("the mask is not a PNG") from None
    if signature != b"IHDR" or not head.startswith(b"\x89PNG"):
        raise ValueError("the mask is not a PNG")
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise ValueError(
            f"the mask has {width} x {height} pixels; at most {LARGEST_SIDE} along a side"
        )
