"""The state as the page sees it."""

from __future__ import annotations

from palimpsest.editor.answers import (
    DraftSeen,
    ExemplarSeen,
    LayerSeen,
    ModelSeen,
    PhotographSeen,
    PlaceSeen,
    RuleSeen,
    StateMessage,
    StatisticsSeen,
    UnitPlaceSeen,
)
from palimpsest.editor.drafts import mask_key
from palimpsest.editor.engine import Engine
from palimpsest.editor.history import History
from palimpsest.editor.work import Draft
from palimpsest.generators import Generator, Layer
from palimpsest.generators.truncating import can_truncate
from palimpsest.generators.wrapped import WrappedGenerator
from palimpsest.methods.baselines.unit_ablation import scaled_count
from palimpsest.sessions import Selection

ERASED = 30
"""Units of 512 that a rule that erases silences at first, as in the paper (section 5.2)."""


def snapshot(
    engine: Engine,
    history: History,
    revision: int,
    answers: int | None,
    improving: bool = False,
    putting_in: str | None = None,
) -> StateMessage:
    """The whole state; ``answers``: the id of the message that it follows.

    ``improving``: whether a search is under way. ``putting_in``: title of the photograph that is
    being put into the generator.
    """
    work = history.present
    draft, model = work.draft, engine.model(work.model, work.truncation)
    recipe = engine.recipe(work)
    statistics = engine.statistics(work.model, draft.layer, work.truncation)
    return StateMessage(
        answers=answers,
        revision=revision,
        hash=recipe.hash,
        original=recipe.original.hash,
        model=ModelSeen(
            name=work.model,
            title=work.model.replace("_", " "),
            resolution=model.g.resolution,
            labels=model.has_labels,
            truncates=can_truncate(model.g),
            photographs=model.takes_photographs,
        ),
        models=list(engine.place.models),
        layers=_layers(model.g),
        layer=draft.layer,
        max_rank=engine.max_rank(work),
        rank=draft.rank,
        smoothness=draft.smoothness,
        strength=draft.strength,
        truncation=model.g.truncation,
        draft=_draft(draft),
        rules=[
            RuleSeen(
                **rule.model_dump(exclude={"session", "edit"}),
                kind="session" if rule.session else "file",
            )
            for rule in work.rules
        ],
        unit_places=[
            UnitPlaceSeen(
                layer=one.layer, place=_place(one.place), off=list(one.off), on=list(one.on)
            )
            for one in work.unit_places
        ],
        photographs=[
            PhotographSeen(
                **one.model_dump(exclude={"weights_sha256"}), fits=one.above >= work.highest_layer
            )
            for one in work.photographs
            if one.weights_sha256 == model.g.weights_sha256
        ],
        putting_in=putting_in,
        can_undo=history.undo_label is not None,
        can_redo=history.redo_label is not None,
        undo_label=history.undo_label,
        redo_label=history.redo_label,
        statistics=StatisticsSeen(
            layer=draft.layer,
            done=statistics.done,
            total=statistics.total,
            ready=statistics.ready,
        ),
        solver=draft.solver,
        can_improve=draft.missing is None and draft.solver == "newton",
        improving=improving,
    )


def _layers(g: Generator) -> list[LayerSeen]:
    layers = [g.layer(number) for number in g.layers]
    names = g.names if isinstance(g, WrappedGenerator) else {}
    return [
        LayerSeen(
            number=one.number,
            name=names.get(one.number, ""),
            keys=one.key_size - 2 * one.margin,
            values=_picture_cells(one),
            units=(units := one.weight.shape[1]),
            erases=scaled_count(ERASED, units),
        )
        for one in layers
    ]


def _picture_cells(layer: Layer) -> tuple[int, int]:
    """Rows and columns of the values that show the picture."""
    rows, columns = layer.value_shape
    beside = 2 * layer.margin * layer.upsampling if layer.margin else 0
    return rows - beside, columns - beside


def _draft(draft: Draft) -> DraftSeen:
    return DraftSeen(
        name=draft.name,
        title=draft.title,
        exemplars=[
            ExemplarSeen(
                object=one.object and _place(one.object), paste=one.paste and _place(one.paste)
            )
            for one in draft.exemplars
        ],
        context=[_place(place) for place in draft.context],
        erase=draft.erase,
        complete=draft.missing is None,
    )


def _place(selection: Selection) -> PlaceSeen:
    return PlaceSeen(sample=selection.sample, mask=f"/masks/{mask_key(selection.mask)}.png")
