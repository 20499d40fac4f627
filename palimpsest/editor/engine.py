"""The engine of the editor: what a work looks like, and only what must be computed for it.

    engine = Engine.open(workplace)
    work = engine.new_work("church")
    for result in engine.results(work, [3, 0, 1], superseded=lambda: False):
        ...                             # a Report, then Pictures one by one, then Drawn

Kept: models, keys of the samples that were shown, statistics, solved edits, finished pictures. So
a change of the strength costs one render for each picture, and undo costs nothing. All functions
may be called from several threads.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from palimpsest.editor.drafts import Drafts
from palimpsest.editor.layer_statistics import LayerStatistics
from palimpsest.editor.opened import SAMPLES, Kept, OpenModel
from palimpsest.editor.recipes import Part, Recipe, recipe_of
from palimpsest.editor.results import Drawn, Picture, Report
from palimpsest.editor.solutions import Solutions, Solved
from palimpsest.editor.switching import image_with_units
from palimpsest.editor.work import Draft, Work
from palimpsest.editor.workplace import Workplace
from palimpsest.errors import EditError, ParameterError
from palimpsest.generators import Generator
from palimpsest.generators.pictures import as_picture
from palimpsest.memory import Edit

KEPT_PICTURES = 256 * 2**20
"""Bytes of finished pictures that are kept."""

KEPT_RECIPES = 400
"""Recipes whose pictures can still be asked for."""


@dataclass(frozen=True)
class Listener:
    """What is called when the background has news of a layer's statistics."""

    finished: Callable[[str, int], None] = lambda model, layer: None
    progress: Callable[[str, int, int, int], None] = lambda model, layer, done, total: None
    failed: Callable[[str], None] = lambda sentence: None


class Engine:
    """Models and everything that was computed with them."""

    def __init__(self, place: Workplace, drafts: Drafts, listener: Listener | None = None) -> None:
        self.place, self.drafts, self.shelf = place, drafts, drafts.photographs
        self.listener = listener or Listener()
        self._models: dict[str, OpenModel] = {}
        self._statistics: dict[tuple[str, int, float], LayerStatistics] = {}
        self._recipes: Kept[str, Recipe] = Kept(KEPT_RECIPES)
        self._generators: Kept[str, Generator] = Kept(8)
        self._pictures: Kept[tuple[str, int], bytes] = Kept(KEPT_PICTURES)
        self._collecting = threading.Lock()
        self._opening = threading.RLock()
        self.solutions = Solutions(drafts, self.model, self.statistics)

    # models and works

    def model(self, name: str, truncation: float | None = None) -> OpenModel:
        """A model, loaded when it is asked for first; at its own truncation if that is None.

        Raises `PalimpsestError`.
        """
        with self._opening:
            if name not in self._models:
                if name not in self.place.models:
                    known = ", ".join(self.place.models)
                    raise ParameterError(f"there is no model {name!r}; there are {known}")
                self._models[name] = OpenModel.load(name, self.place.models[name])
            return self._models[name].at(truncation)

    def new_work(self, model: str) -> Work:
        """Work on a model with nothing painted."""
        opened = self.model(model)
        smoothness = opened.place.smoothness
        return Work(
            model=model,
            of_class=opened.g.of_class,
            draft=Draft(name="draft-1", layer=opened.first_layer, smoothness=smoothness),
        )

    def statistics(
        self, model: str, layer: int, truncation: float | None = None
    ) -> LayerStatistics:
        """The statistics of a layer. Raises `ValueError` for a layer that the model has not."""
        with self._opening:
            opened, listener = self.model(model, truncation), self.listener
            key = (model, layer, opened.g.truncation)
            if key not in self._statistics:
                self._statistics[key] = LayerStatistics(
                    opened.g,
                    opened.place,
                    layer,
                    self._collecting,
                    lambda: listener.finished(model, layer),
                    lambda done, total: listener.progress(model, layer, done, total),
                    listener.failed,
                )
            return self._statistics[key]

    def begin_statistics(self, work: Work) -> None:
        """Collect the statistics of a work's layer, and no longer those of truncations that the
        work has left."""
        wanted = self.statistics(work.model, work.draft.layer, work.truncation)
        sessions = [rule.session for rule in work.rules if rule.session]
        named = [work.truncation, *(one.truncation for one in sessions)]
        used = {self.model(work.model, one).g.truncation for one in named}
        for (model, _, truncation), other in list(self._statistics.items()):
            if model == work.model and truncation not in used:
                other.pause()
        wanted.begin()

    def close(self) -> None:
        """Stop the background's work."""
        for statistics in self._statistics.values():
            statistics.stop()

    # recipes

    def recipe(self, work: Work) -> Recipe:
        """The recipe of a work's pictures, which can be asked for from now on."""
        opened = self.model(work.model, work.truncation)

        def samples_of(layer: int, truncation: float | None) -> int:
            return self.statistics(work.model, layer, truncation).n

        g, search_of = opened.g, opened.place.search_of
        recipe = recipe_of(work, g.weights_sha256, g.truncation, samples_of, search_of)
        self._recipes.hold(recipe.original.hash, recipe.original)
        return self._recipes.hold(recipe.hash, recipe)

    def known(self, name: str) -> Recipe | None:
        """The recipe of a hash, or None if it is unknown or was forgotten."""
        return self._recipes.find(name)

    # edits

    def solved(self, recipe: Recipe, part: Part) -> Solved | Edit | str:
        """The edit of a part, or a sentence that says why there is none."""
        return self.solutions.of(recipe.model, part)

    def edit(self, recipe: Recipe, part: Part) -> Edit | None:
        """The edit of a part, or None where it cannot be solved."""
        found = self.solved(recipe, part)
        if isinstance(found, str):
            return None
        return found.edit if isinstance(found, Solved) else found

    # searches

    def has_solution(self, work: Work) -> bool:
        """Whether the search for a work's draft has been made before."""
        recipe = self.recipe(work)
        part = self.draft_part(recipe, work)
        return part is not None and self.solutions.stored(work.model, part) is not None

    def search(self, recipe: Recipe, part: Part, progress: Callable[[int, int], None]) -> Edit:
        """The edit of a part by the method `palimpsest`, kept on the disk.

        ``progress``: called with candidates judged and in all; it may raise to stop. Raises
        `PalimpsestError` as the method does.
        """
        return self.solutions.search(recipe.model, part, progress)

    def draft_part(self, recipe: Recipe, work: Work) -> Part | None:
        """The part of a recipe that is the work's draft; None while it is half made."""
        if work.session is None or work.draft.strength == 0:
            return None
        return recipe.parts[-1]

    def report(self, work: Work, began: float | None = None) -> Report:
        """Solve the draft, and say what it reaches; ``began``: `time.perf_counter` of the change.

        Goal losses are those at the draft's strength.
        """
        began = time.perf_counter() if began is None else began
        recipe = self.recipe(work)
        part = self.draft_part(recipe, work)

        def report(**values: object) -> Report:
            ms = 1000 * (time.perf_counter() - began)
            return Report(recipe.hash, ms, **values)  # type: ignore[arg-type]

        others = recipe.parts if part is None else recipe.parts[:-1]
        unsolved = [text for one in others if isinstance(text := self.solved(recipe, one), str)]
        of_rules = f"a rule of the stack does nothing: {unsolved[0]}" if unsolved else None
        if part is None:
            return report(missing=work.draft.missing, problem=of_rules)
        found = self.solved(recipe, part)
        if isinstance(found, str):
            return report(problem=found.removeprefix(f"session {work.draft.name}: "))
        assert isinstance(found, Solved)
        statistics = self.statistics(work.model, work.draft.layer, work.truncation)
        before, after = found.losses(part.strength)
        return report(
            goal_before=before,
            goal_after=after,
            elsewhere=abs(part.strength) * float(found.edit.metadata["relative_change"]),
            provisional=not statistics.ready,
            problem=of_rules,
        )

    # pictures

    def picture(self, recipe: Recipe, sample: int, layer: int | None = None) -> bytes:
        """A sample as a recipe draws it, as PNG.

        ``layer``: where keys are taken if there is no edit; they are kept for the edits to come.
        Raises `ValueError` for an unknown sample.
        """
        recipe = recipe.of(sample)
        found = self._pictures.find((recipe.hash, sample))
        if found is not None:
            return found
        png = as_png(self.image(recipe, sample, layer))
        return self._pictures.hold((recipe.hash, sample), png, len(png))

    def finished(self, recipe: Recipe, sample: int) -> bytes | None:
        """The picture if it has been drawn, else None."""
        return self._pictures.find((recipe.of(sample).hash, sample))

    def image(self, recipe: Recipe, sample: int, layer: int | None = None) -> Tensor:
        """A sample, or a photograph, as a recipe draws it, (1, 3, H, W).

        Raises `EditError` for a photograph that is not `drawable`.
        """
        if sample < 0:
            return self._photograph(recipe, sample)
        model = self.model(recipe.model, recipe.truncation)
        g, lowest = self._edited(recipe)
        switched = []
        for one in recipe.of(sample).switched:
            layer_statistics = self.statistics(recipe.model, one.place.layer, recipe.truncation)
            # what is off is zero, whatever the statistics
            stats = layer_statistics.of(one.n) if one.place.on else None
            switched.append((one.place, stats))
        lowest = min([one.layer for one, _ in switched] + ([lowest] if lowest else []), default=0)
        keys = model.keys(lowest or layer or model.first_layer, sample)
        return image_with_units(g, keys, switched)

    def drawable(self, recipe: Recipe, sample: int) -> bool:
        """Whether there is such a sample; a photograph needs its own weights, and rules below those
        that are adapted to it."""
        if sample >= 0:
            return sample < SAMPLES
        found = self.shelf.find(sample)
        layers = [edit.layer for part in recipe.parts if (edit := self.edit(recipe, part))]
        return (
            found is not None
            and found.weights_sha256 == recipe.weights_sha256
            and all(layer <= found.above for layer in layers)
        )

    def _photograph(self, recipe: Recipe, number: int) -> Tensor:
        from palimpsest.photographs.reading import as_images
        from palimpsest.photographs.reproduction import picture_of

        found = self.shelf.find(number)
        if found is None:
            raise EditError("this photograph is no longer there; drop it again")
        image = found.image(self.generator(recipe))
        return as_images([picture_of(image, self.model(recipe.model).is_grey)])

    def generator(self, recipe: Recipe) -> Generator:
        """The generator with the edits of a recipe; one that cannot be solved is left out."""
        return self._edited(recipe)[0]

    def _edited(self, recipe: Recipe) -> tuple[Generator, int | None]:
        """The generator with the edits of a recipe, and the lowest layer that they change."""
        # always summed in one order, so that the order of the rules changes no bit of a picture
        parts = sorted(recipe.parts, key=lambda part: (part.key, part.strength))
        pairs = [(self.edit(recipe, part), part.strength) for part in parts]
        edits = [(edit, strength) for edit, strength in pairs if edit is not None]
        lowest = min((edit.layer for edit, _ in edits), default=None)
        name = recipe.rules.hash
        g = self._generators.find(name)
        if g is None:
            g = self.model(recipe.model, recipe.truncation).g
            for edit, strength in edits:
                g = edit.apply(g, strength)
            self._generators.hold(name, g)
        return g, lowest

    def results(
        self,
        work: Work,
        samples: Sequence[int],
        superseded: Callable[[], bool],
        began: float | None = None,
    ) -> Iterator[Report | Picture | Drawn]:
        """A report, the pictures of ``samples`` in this order, and `Drawn`.

        Ends at once when ``superseded`` says so, between any two of them.
        """
        began = time.perf_counter() if began is None else began
        recipe = self.recipe(work)
        yield self.report(work, began)
        for sample in samples:
            if superseded():
                return
            if not self.drawable(recipe, sample):
                continue
            yield Picture(recipe.hash, sample, self.picture(recipe, sample, work.draft.layer))
        yield Drawn(recipe.hash, len(samples), 1000 * (time.perf_counter() - began))

    # the draft

    def max_rank(self, work: Work) -> int:
        """The number of keys that the draft's context covers, the most directions there can be."""
        layer = self.model(work.model).g.layer(work.draft.layer)
        size = layer.key_shape
        areas = (place.area(size, margin=layer.margin) for place in work.draft.places)
        cells = sum(int((area > 0).sum()) for area in areas)
        return min(cells, layer.weight.shape[1])

    def last_solved(self, recipe: Recipe) -> Solved | None:
        """The solved session that is a recipe's last part; None if that is something else."""
        if not recipe.parts:
            return None
        found = self.solved(recipe, recipe.parts[-1])
        return found if isinstance(found, Solved) else None


def as_png(image: Tensor) -> bytes:
    """One image (1, 3, H, W) in [-1, 1] as PNG."""
    return encoded(Image.fromarray(as_picture(image)[0]))


def encoded(picture: Image.Image) -> bytes:
    """A picture as PNG, compressed quickly."""
    target = io.BytesIO()
    picture.save(target, format="PNG", compress_level=1)
    return target.getvalue()
