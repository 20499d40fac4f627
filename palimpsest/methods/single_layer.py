"""`single_layer`: the whole weight of the edited layer tuned to the first exemplar's goal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.methods.method import Method
from palimpsest.settings import Count, Rate, Settings

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.methods.baselines.weight_tuning import Distance, Steps, Tuned
    from palimpsest.sessions import Session


class SingleLayerSettings(Settings):
    """Adam on the weight of the layer: step size and steps."""

    learning_rate: Rate = 0.01
    iterations: Count = 2001


def single_layer(
    g: Generator,
    session: Session,
    distance: Distance | None,
    settings: SingleLayerSettings,
    steps: Steps,
) -> Tuned:
    """The generator with that layer tuned; see `baselines.weight_tuning.tune_layer`."""
    from palimpsest.methods.baselines.weight_tuning import tune_layer
    from palimpsest.sessions.opening import open_session

    opened = open_session(g, session, exemplars=(0,))
    return tune_layer(g, opened.layer.number, opened.goals[0], steps=steps, **settings.model_dump())


METHOD = Method(
    name="single_layer",
    about="the whole weight of the layer, without a direction",
    makes="weights",
    run=single_layer,
    settings=SingleLayerSettings,
    label="single layer",
    figure_label="single layer,\nno direction",
    in_paper=True,
    order=4,
)
