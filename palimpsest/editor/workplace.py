"""Where the editor works: its models, their files, and the folders that it writes to.

The command makes a `Workplace` from `params.yaml`, or from one file of weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.methods.choosing.settings import PalimpsestSettings

if TYPE_CHECKING:
    from palimpsest.generators import Generator
    from palimpsest.sessions import Session


@dataclass(frozen=True)
class ModelPlace:
    """One generator, and where its sessions and statistics are.

    ``layer``: the layer that a new draft edits; None for one in the middle. ``statistics_folder``
    holds ``layerN.safetensors``. ``sessions``: folder to which sessions are saved; ``drawn``: other
    folders with sessions that can be opened. ``critic``: that on the segmenter's encoder.
    ``iterations``: Gauss-Newton steps of an edit; ``improving``: settings of the method
    `palimpsest`; ``improving_alone``: those of the sessions, by name, that have settings of their
    own; ``candidate_layers``: further layers that those of a session, by name, are searched at.
    ``loaded``: the generator if it is in memory already;
    ``weights`` are not read then. ``of_class``: class of all samples of a class-conditional
    generator; None: drawn for each. ``estimate_mean``: as in `load_generator`. ``encoder``,
    ``framing``: networks that make photographs easier to put in, if there are any. ``network``,
    ``z_dim``: as in `load_network`, for another network; ``weights``, if any, fill it.
    """

    weights: Path | None
    sessions: Path
    statistics_folder: Path
    segmenter: Path | None = None
    critic: Path | None = None
    encoder: Path | None = None
    framing: Path | None = None
    truncation: float = 1.0
    of_class: int | None = None
    network: str | None = None
    z_dim: int | None = None
    estimate_mean: bool = False
    layer: int | None = None
    statistics_samples: int = 2000
    statistics_seed: int = 1
    smoothness: float = 1.0
    iterations: int = 40
    improving: PalimpsestSettings = PalimpsestSettings()
    improving_alone: Mapping[str, PalimpsestSettings] = field(default_factory=dict)
    candidate_layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    drawn: tuple[Path, ...] = ()
    loaded: Generator | None = field(default=None, repr=False)

    def statistics_file(self, layer: int, truncation: float | None = None) -> Path:
        """The statistics of the keys of a layer, at the model's own truncation or at another."""
        own = truncation is None or truncation == self.truncation
        of = "" if own else f"-truncation{truncation:.12g}"
        return self.statistics_folder / f"layer{layer}{of}.safetensors"

    def improving_of(self, session: str) -> PalimpsestSettings:
        """Settings with which a session of this name is improved, as the pipeline has them."""
        return self.improving_alone.get(session, self.improving)

    def layers_of(self, session: str, layer: int) -> list[int]:
        """The layers that a session of this name and layer is improved at, its own first, as the
        pipeline has them."""
        return [layer, *(one for one in self.candidate_layers.get(session, ()) if one != layer)]

    def search_of(self, session: Session) -> str:
        """Settings that a session is improved with, as text; "" if it is not, or has none of its
        own."""
        if session.solve is None or session.solve.solver != "palimpsest":
            return ""
        alone = self.improving_alone.get(session.name)
        settings = alone.model_dump_json() if alone else ""
        candidates = self.candidate_layers.get(session.name)
        return f"{settings} at {list(candidates)} too" if candidates else settings


@dataclass(frozen=True)
class Workplace:
    """All models by name, the first one to open, and the folder of the drafts.

    ``resume``: open the model of the last draft instead. ``examples``: a folder with example
    sessions, in a folder for each model.
    """

    models: Mapping[str, ModelPlace]
    first: str
    drafts: Path
    resume: bool = True
    examples: Path | None = None
