"""One author's work as an immutable value: the model, the draft being painted, the stack of rules.

    work = Work(model="church", draft=Draft(layer=6))
    work.session                        # a `Session`, or None while it is half made

Changes are functions from a work to a work (`changes`), and a `History` of them can be undone. All
masks refer to the unedited pictures, and every rule is solved in the model as it was loaded, so
that a rule is the edit that the pipeline makes of the same session.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from palimpsest.sessions import Exemplar, HalfExemplar, Selection, Session
from palimpsest.sessions.schema import Classes, Name, Solving, missing_of

SEED = 1
"""Seed of the samples that the editor shows."""

SESSION_SAMPLES = 1000
"""Length of the stream of samples of a session; more if a later sample is painted on."""

Strength = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Smoothness = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


Solver = Literal["newton", "palimpsest"]


class Frozen(BaseModel):
    """Base of all values of the editor: immutable, and unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Judged(Frozen):
    """Fields of a session that the editor keeps but does not change; see `Session`."""

    source: Classes | None = None
    targets: Classes | None = None
    adds: bool | None = None
    least: float | None = None
    query: Selection | None = None


class Draft(Frozen):
    """A rule that is being painted.

    ``smoothness``: weight of the change on other keys (μ, Eq. 5). ``judged``: how an opened
    session is judged by labels; kept for when it is saved again. ``solver``: `palimpsest` once the
    draft has been improved. ``erase``: number of units that are silent in the goal of a rule that
    erases what is painted; None for copy and paste.
    """

    name: Name = "draft"
    title: str | None = Field(default=None, max_length=300)
    layer: int = Field(ge=1)
    rank: int = Field(default=1, ge=1, le=64)
    smoothness: Smoothness = 1.0
    strength: Strength = 1.0
    exemplars: tuple[HalfExemplar, ...] = (HalfExemplar(),)
    context: tuple[Selection, ...] = ()
    judged: Judged = Judged()
    solver: Solver = "newton"
    erase: int | None = Field(default=None, ge=1)

    @property
    def places(self) -> tuple[Selection, ...]:
        """Where the rule applies: the painted context or, without one, the pasted places."""
        return self.context or tuple(one.paste for one in self.exemplars if one.paste)

    @property
    def whole(self) -> tuple[Exemplar, ...]:
        """The exemplars that are complete."""
        found = (one.whole(bool(self.erase)) for one in self.exemplars)
        return tuple(one for one in found if one is not None)

    @property
    def missing(self) -> str | None:
        """What has to be painted before the draft can be solved: "object", "paste", "mark" or
        None."""
        if self.erase:
            return None if self.whole else "mark"
        return missing_of(self.exemplars)

    @property
    def empty(self) -> bool:
        """Whether nothing is painted."""
        return not self.context and all(
            one.object is None and one.paste is None for one in self.exemplars
        )

    @property
    def samples(self) -> tuple[int, ...]:
        """Samples that the draft is painted on, ascending."""
        halves = [s for one in self.exemplars for s in (one.object, one.paste) if s]
        return tuple(sorted({place.sample for place in (*halves, *self.context)}))

    def session(
        self, model: str, truncation: float | None = None, of_class: int | None = None
    ) -> Session | None:
        """The draft as a session, with its complete exemplars; None while there are none.

        ``truncation``: of the samples it is painted on; None for the model's own. ``of_class``:
        their class; None if they have none, or each its own.
        """
        whole = self.whole
        if not whole:
            return None
        painted = [s.sample for one in whole for s in (one.object, one.paste)]
        last = max([*painted, *(place.sample for place in self.places)])
        return Session(
            model=model,
            name=self.name,
            title=self.title,
            layer=self.layer,
            rank=self.rank,
            seed=SEED,
            truncation=truncation,
            classes=of_class,
            n=max(SESSION_SAMPLES, last + 1),
            exemplars=whole,
            context=self.places,
            erase=self.erase,
            solve=Solving(solver=self.solver, exemplars=len(whole), mu=self.smoothness),
            **{name: getattr(self.judged, name) for name in Judged.model_fields},
        )


TO_DO = {
    "object": "copy something first",
    "paste": "paste it somewhere first",
    "mark": "paint what it erases first",
}
"""What an author has to do about what is missing in a draft."""


class Rule(Frozen):
    """A rule of the stack: a complete session, or an edit from a file.

    ``edit``: SHA-256 of the file's bytes, which the desk keeps.
    """

    id: str
    name: str
    title: str | None = None
    layer: int
    rank: int
    on: bool = True
    strength: Strength = 1.0
    session: Session | None = None
    edit: str | None = None


class UnitPlace(Frozen):
    """A painted place of one sample, and the units of one layer that are switched there.

    The units are input units of the layer: channels of its keys. They are silent (``off``) or at a
    high level (``on``) within the place, in this picture only.
    """

    layer: int
    place: Selection
    off: tuple[int, ...] = ()
    on: tuple[int, ...] = ()

    def is_at(self, layer: int, sample: int) -> bool:
        """Whether it is the place of a sample in a layer."""
        return self.layer == layer and self.place.sample == sample


class OwnPhotograph(Frozen):
    """A photograph of the author among the samples.

    ``number``: below 0, its name on the shelf (`photograph_shelf`). ``title``: the picture file's
    name. ``above``: the weights above this layer are adapted to it, so rules up to it fit.
    ``note``: a sentence about it, or "".
    """

    number: int = Field(lt=0)
    title: str
    above: int
    weights_sha256: str
    note: str = ""


class Work(Frozen):
    """The whole state of one author's work; ``truncation``: None for the model's own.

    ``of_class``: the class of all samples; None if they have none, or each its own.
    ``unit_places``: units switched in single pictures, which is no part of any rule.
    """

    model: str
    draft: Draft
    truncation: float | None = Field(default=None, ge=0, le=1)
    of_class: int | None = None
    rules: tuple[Rule, ...] = ()
    unit_places: tuple[UnitPlace, ...] = ()
    made: int = 0  # rules made so far, for their ids
    photographs: tuple[OwnPhotograph, ...] = ()  # the newest first, also those of other weights

    @property
    def session(self) -> Session | None:
        """The draft as a session; None while it is half made."""
        return self.draft.session(self.model, self.truncation, self.of_class)

    @property
    def highest_layer(self) -> int:
        """The highest layer that a rule changes; 0 without one."""
        layers = [rule.layer for rule in self.rules if rule.on and rule.strength != 0]
        if self.draft.missing is None and self.draft.strength != 0:
            layers.append(self.draft.layer)
        return max(layers, default=0)
