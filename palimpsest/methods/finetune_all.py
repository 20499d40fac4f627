"""`finetune_all`: every weight of the generator tuned to the pasted picture (Eq. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Rate, Settings

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.methods.baselines.weight_tuning import Distance, Steps, Tuned
    from palimpsest.sessions import Session


class FinetuneAllParameters(Settings):
    """Adam on all weights: step size and steps."""

    learning_rate: Rate = 1e-4
    iterations: Count = 2001


class FinetuneAllSettings(FinetuneAllParameters):
    """``smooth_weight``: weight of L_smooth (Eq. 2); the paper's baseline has none."""

    smooth_weight: Annotated[float, Field(ge=0)] = 0.0


def finetune_all(
    g: Generator,
    session: Session,
    distance: Distance,
    settings: FinetuneAllSettings,
    steps: Steps,
) -> Tuned:
    """The generator with all weights tuned; see `baselines.weight_tuning.tune_all`."""
    from palimpsest.methods.baselines.pasting import paste_image
    from palimpsest.methods.baselines.weight_tuning import tune_all

    return tune_all(g, paste_image(g, session), distance, steps=steps, **settings.model_dump())


METHOD = Method(
    name="finetune_all",
    about="all weights of the generator (Eq. 3)",
    makes="weights",
    run=finetune_all,
    settings=FinetuneAllSettings,
    parameters=FinetuneAllParameters,
    uses_segmenter=True,
    label="all weights fine-tuned",
    figure_label="all weights\nfine-tuned",
    in_paper=True,
    order=5,
)
