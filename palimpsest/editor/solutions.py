"""The edits of a recipe's parts: solved when they are asked for first, and kept.

    solutions = Solutions(drafts, models, statistics)
    solutions.of("church", part)        # `Solved`, the `Edit` of a file, or a sentence why not
    solutions.search("church", part, progress)

A part is solved in the generator at the truncation of its session, so that the pipeline makes the
same edit of it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from palimpsest.editor.drafts import Drafts
from palimpsest.editor.layer_statistics import LayerStatistics
from palimpsest.editor.opened import Kept, OpenModel
from palimpsest.editor.recipes import Part
from palimpsest.errors import PalimpsestError
from palimpsest.generators import KeyState
from palimpsest.memory import Edit, context_directions, pose
from palimpsest.memory.goals import goal_arguments
from palimpsest.methods.choosing.settings import SEARCH
from palimpsest.sessions import Session
from palimpsest.sessions.opening import OpenSession, open_with_statistics
from palimpsest.sessions.rewriting import solve

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Solved:
    """An edit, and the open session that it was solved for."""

    edit: Edit
    opened: OpenSession

    def losses(self, strength: float) -> tuple[float, float]:
        """Goal loss of the unedited weight, and with the edit at ``strength``."""
        before, after = (float(self.edit.metadata[f"loss_{when}"]) for when in ("before", "after"))
        if strength == 1:
            return before, after
        goals = goal_arguments(self.opened.goals)
        problem = pose(self.opened.layer, directions=self.edit.directions, **goals)
        weight = problem.weight_of(strength * self.edit.coefficients.to(problem.weight))
        return before, problem.loss(weight).item()


class Solutions:
    """Edits by model and part; may be used by several threads.

    ``models``: a model by name and truncation. ``statistics``: of a layer, by the model's name,
    layer and truncation.
    """

    def __init__(
        self,
        drafts: Drafts,
        models: Callable[[str, float | None], OpenModel],
        statistics: Callable[[str, int, float | None], LayerStatistics],
    ) -> None:
        self.drafts, self.models, self.statistics = drafts, models, statistics
        self._edits: Kept[tuple[str, str], Solved | Edit | str] = Kept(64)
        self._solving = threading.RLock()

    def of(self, model: str, part: Part) -> Solved | Edit | str:
        """The edit of a part, or a sentence that says why there is none."""
        name = (model, part.key)
        found = self._edits.find(name)
        if found is None:
            with self._solving:  # nobody solves the same twice
                found = self._edits.find(name)
                if found is None:
                    found = self._edits.hold(name, self._solve(model, part))
        return found

    def stored(self, model: str, part: Part) -> Edit | None:
        """The edit of a search that was made before."""
        return self.drafts.solution(self._name(model, part))

    def search(self, model: str, part: Part, progress: Progress | None) -> Edit:
        """The edit of a part by the method `palimpsest`, kept on the disk.

        ``progress``: called with candidates judged and in all; it may raise to stop. Raises
        `PalimpsestError` as the method does.
        """
        from palimpsest.methods.choosing.layers import choose_among_layers_with

        if known := self.stored(model, part):
            return known
        session = _session_of(part)
        assert session.layer is not None
        opened = self.models(model, session.truncation)
        stats = [
            self.statistics(model, layer, session.truncation).of(part.n)
            for layer in opened.place.layers_of(session.name, session.layer)
        ]
        settings = opened.place.improving_of(session.name)
        edit = choose_among_layers_with(
            opened.g, session, stats, opened.segmenter, settings, progress
        )
        notes = {"method": "palimpsest", "model": model}
        edit = replace(edit, metadata={**edit.metadata, **notes})
        self.drafts.keep_solution(self._name(model, part), edit)
        return edit

    def _solve(self, model: str, part: Part) -> Solved | Edit | str:
        try:
            if part.file is not None:
                edit = self.drafts.edit(part.file)
                edit.apply(self.models(model, None).g, 0.0)  # refuses an edit of other weights
                return edit
            return self._solve_session(model, part)
        except (PalimpsestError, ValueError) as problem:
            return str(problem)

    def _solve_session(self, name: str, part: Part) -> Solved:
        session = _session_of(part)
        assert session.solve is not None and session.layer is not None
        model = self.models(name, session.truncation)
        session.check(model.g)
        found, layer = None, session.layer
        used = list(range(session.solve.exemplars))
        if session.solve.solver == "palimpsest":
            found = self.search(name, part, None)
            used = [int(number) for number in found.metadata["exemplars"].split(",")]
            layer = found.layer  # the best of those that were tried
            session = session.at_layer(layer)
        stats = self.statistics(name, layer, session.truncation).of(part.n)

        def keys_of(sample: int) -> KeyState:
            return model.keys(layer, sample)

        opened = open_with_statistics(model.g, session, stats, exemplars=used, keys_of=keys_of)
        if found is not None:
            return Solved(found, opened)
        directions = context_directions(
            opened.context_keys, opened.context_weights, stats, session.rank
        )
        settings = {"mu": session.solve.mu, "iterations": model.place.iterations}
        edit = solve(opened, opened.goals, directions, stats, "newton", **settings)
        notes = {"exemplars": ",".join(map(str, used)), "method": "newton", "model": name}
        return Solved(replace(edit, metadata={**edit.metadata, **notes}), opened)

    def _name(self, model: str, part: Part) -> str:
        """What a search depends on, as the name of its file."""
        session = _session_of(part)
        opened = self.models(model, session.truncation)
        settings = opened.place.improving_of(session.name).model_dump_json()
        content = f"{opened.g.weights_sha256} {opened.g.truncation} {part.key} {settings} {SEARCH}"
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def _session_of(part: Part) -> Session:
    assert part.session is not None
    return part.session
