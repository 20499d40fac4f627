"""What a method is: a row of Tables 1 and 2, its settings and labels, and the function behind it.

A new method is one new module in this package::

    class BlurSettings(Settings):
        sigma: float = 2.0

    def blur(g, session, segmenter, settings, shared):
        return lambda images: gaussian_blur(images, settings.sigma)

    METHOD = Method(
        name="blur", about="every image blurred", makes="images", run=blur, settings=BlurSettings
    )

With it the method has its settings in `params.yaml` (`methods.blur`), a job of the workflow, a row
in the tables, a row in Figure 4 and, with ``subject``, claims in the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from palimpsest.settings import Settings

Makes = Literal["edit", "weights", "images", "nothing"]


@dataclass(frozen=True)
class Method:
    """One way to follow a session, registered by the module that defines it.

    ``makes`` says what ``run`` gives and is called with; ``settings`` is an instance of the model
    of that name:

    - ``edit``: ``run(g, session, stats, segmenter, settings)`` gives an `Edit` of low rank;
      ``segmenter`` is None where there is none;
    - ``weights``: ``run(g, session, distance, settings, steps)`` gives a `Tuned` generator;
      ``distance`` is a perceptual distance and ``steps`` wraps the range of steps (tqdm);
    - ``images``: ``run(g, session, segmenter, settings, shared)`` gives a function that changes
      images (B, 3, H, W); ``shared`` is a dictionary for what methods of one session share;
    - ``nothing``: the unedited generator, without a ``run``.

    ``run_layers``: for a method that chooses among layers, as ``run`` for an ``edit``, with a list
    of statistics, each of a layer to try.

    ``parameters``: the settings that `params.yaml` gives for all sessions at once, ``settings`` by
    default. Of the fields that only ``settings`` has, the session's own section gives rank, mu,
    exemplars, source and targets; others keep their defaults. ``section``: the section of
    `params.yaml` with the settings, if it is not under ``methods``. ``uses_segmenter``: an edit or
    weights need the model's segmenter.

    ``label`` is the method in a sentence or a table, ``figure_label`` beside a row of pictures.
    ``in_paper``: the paper's tables have the row. ``order``: the place among the rows of the paper,
    or among those that follow them. ``subject``: the method's name in the report's claims; without
    it, no claims are made about the method.
    """

    name: str
    about: str
    makes: Makes
    run: Callable[..., Any] | None = None
    run_layers: Callable[..., Any] | None = None
    settings: type[Settings] = Settings
    parameters: type[Settings] | None = None
    section: str | None = None
    uses_segmenter: bool = False
    label: str = ""
    figure_label: str = ""
    in_paper: bool = False
    order: int = 100
    subject: str = ""

    def __post_init__(self) -> None:
        words = self.label or self.name.replace("_", " ")
        object.__setattr__(self, "label", words)
        object.__setattr__(self, "figure_label", self.figure_label or words)
        object.__setattr__(self, "parameters", self.parameters or self.settings)

    @property
    def session_fields(self) -> tuple[str, ...]:
        """Settings that are not among the parameters, such as those of the session's section."""
        shared = self.parameters.model_fields if self.parameters else {}
        return tuple(name for name in self.settings.model_fields if name not in shared)
