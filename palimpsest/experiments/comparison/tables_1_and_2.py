"""Tables 1 and 2 of the paper, from measurements.

    measured = {("church", "dome2spire"): Measured.read("dome2spire.parquet", DOMES)}
    domes_table(measured, intervals).to_csv("table2_domes.csv")

Several models may have an edit of the same name, so that edits are (model, edit) throughout.
Measurements have one row for each (sample, method), so that a share of pixels is a ratio of sums
over images, whose interval resamples images; whether an image is converted or smiles is yes or no,
whose share has a Wilson interval.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from palimpsest.estimates.columns import estimate_columns, estimate_of, only, order_key
from palimpsest.estimates.error_rates import Errors, corrected_rate
from palimpsest.estimates.intervals import NOTHING, Estimate, Intervals, percent
from palimpsest.experiments.comparison.image_features import NEW_RULE, features_of
from palimpsest.experiments.comparison.measure import ERRORS
from palimpsest.experiments.paper_figures import EDITS, TABLE1, TABLE2, PaperFigures
from palimpsest.files.measurements import measured_facts, read_measurements
from palimpsest.instruments.distances.frechet import frechet_estimate
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.methods.registry import METHODS

EVERY = ("sample", "method", "outside_pixels", "kept_pixels", "perceptual_outside")
DOMES = (*EVERY, "source_pixels", "modified_pixels", "removed_pixels", "converted")
SMILE = (*EVERY, "shows")
"""Columns that each table needs."""

ModelEdit = tuple[str, str]
"""A model and the name of one of its edits."""

FEATURES = ("method", "sample", "features")

FACTS = ("n", "scale", "seed", "perceptual", "segmenter", "classifier", "drawn_in")
"""Last columns of each table: what was measured, and by what."""


@dataclass(frozen=True)
class Measured:
    """Measurements of one edit: ``rows`` of every method, ``features`` (n, C) of the images by
    method, ``realism`` by method, in per cent, where people judged it, the known ``errors`` of the
    classifier that looked for an attribute, and the ``reference`` of held-out photographs."""

    rows: pd.DataFrame
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    realism: Mapping[str, Estimate] = field(default_factory=dict)
    errors: Errors | None = None
    reference: FrechetReference | None = None

    @classmethod
    def read(
        cls,
        path: str | Path,
        needed: Iterable[str],
        features: str | Path | None = None,
        realism: str | Path | None = None,
        reference: str | Path | None = None,
    ) -> Measured:
        """Measurements from the files of `stages.measure` and, if given, `stages.read_study` and
        `stages.train_photograph_instruments`.

        Raises `PalimpsestError` for a file of another kind.
        """
        vectors = features_of(read_measurements(features, FEATURES)) if features else {}
        judged = _realism(pd.read_csv(realism)) if realism else {}
        rows = read_measurements(path, needed)
        graded = measured_facts(path).get(ERRORS)
        errors = Errors.from_facts(json.loads(graded)) if graded else None
        photographs = FrechetReference.load(reference) if reference else None
        return cls(rows, vectors, judged, errors, photographs)


def domes_table(
    measured: Mapping[ModelEdit, Measured], intervals: Intervals, paper: PaperFigures | None = None
) -> pd.DataFrame:
    """Table 2: one row for each model, edit and method, numbers unrounded, the ``paper``'s, of its
    own generator, beside those of every model.

    The paper's edits come first, any others after, by name; those of one name are in the order of
    ``measured``.

    - ``modified_percent``: pixels of the source class that became a target class, of all of them;
    - ``removed_percent``: pixels of the source class that are no longer of it, of all of them;
    - ``converted_images_percent``: images converted, of those that show the source;
    - and the columns of `_common`.
    """

    def estimates(table: pd.DataFrame) -> dict[str, Estimate]:
        shows = table[table["source_pixels"] > 0]
        return {
            "modified_percent": intervals.share(table, "modified_pixels", "source_pixels"),
            "removed_percent": intervals.share(table, "removed_pixels", "source_pixels"),
            "converted_images_percent": intervals.images(shows["converted"]),
        }

    tables = []
    for model, edit in sorted(measured, key=lambda one: order_key(one[1], EDITS)):
        told = {method: figures for (of, method), figures in (paper or {}).items() if of == edit}
        of_edit = measured[model, edit]
        table = _by_method(of_edit, estimates, intervals, TABLE2.columns, told)
        tables.append(_of_edit(model, edit, table))
    return pd.concat(tables, ignore_index=True)


def smile_table(
    measured: Mapping[ModelEdit, Measured], intervals: Intervals, paper: PaperFigures | None = None
) -> pd.DataFrame:
    """Table 1: one row for each model, edit and method, in the order of ``measured``; the
    ``paper``'s numbers, of its own generator, stand beside those of every model.

    - ``smiling_percent``: images in which the classifier sees a smile, of all;
    - ``smiling_corrected_percent``: the same, corrected for the errors that the classifier makes on
      held-out images (`estimates.error_rates.corrected_rate`); empty if these are not known;
    - and the columns of `_common`.
    """
    told = {method: figures for (method,), figures in (paper or {}).items()}
    tables = []
    for (model, edit), of_edit in measured.items():

        def estimates(table: pd.DataFrame, errors: Errors | None = of_edit.errors) -> dict:
            smiling, n = int(table["shows"].sum()), len(table)
            found = {"smiling_percent": intervals.images(table["shows"])}
            corrected = corrected_rate(smiling, n, errors, intervals.level) if errors else NOTHING
            return found | {"smiling_corrected_percent": percent(corrected)}

        table = _by_method(of_edit, estimates, intervals, TABLE1.columns, told)
        tables.append(_of_edit(model, edit, table))
    table = pd.concat(tables, ignore_index=True)
    # a column that only a later model has comes before the facts
    last = [name for name in FACTS if name in table]
    return table[[*table.columns.drop(last), *last]]


def _of_edit(model: str, edit: str, table: pd.DataFrame) -> pd.DataFrame:
    table.insert(0, "model", model)
    table.insert(1, "edit", edit)
    return table


def _by_method(
    measured: Measured,
    estimates: Callable[[pd.DataFrame], dict[str, Estimate]],
    intervals: Intervals,
    paper_columns: Iterable[str],
    paper: Mapping[str, Mapping[str, float]],
) -> pd.DataFrame:
    rows = []
    by_method = dict(list(measured.rows.groupby("method")))
    for method in sorted(by_method, key=lambda name: order_key(name, tuple(METHODS))):
        of_method = by_method[method].sort_values("sample")
        found = estimates(of_method) | _common(measured, method, of_method, intervals)
        facts: dict[str, Any] = {"n": len(of_method)}
        for name in FACTS[1:]:
            if name in of_method:
                facts[name] = only(of_method, name)
        rows.append(
            {"method": method}
            | estimate_columns(found)
            | dict.fromkeys(paper_columns, np.nan)
            | paper.get(method, {})
            | facts
        )
    return pd.DataFrame(rows)


def _common(
    measured: Measured, method: str, rows: pd.DataFrame, intervals: Intervals
) -> dict[str, Estimate]:
    """Columns that all tables of methods share.

    - ``labels_kept_percent``: labels outside the source that did not change;
    - ``perceptual_masked``: perceptual distance outside the source, mean over images;
    - ``counterfactual_error``: perceptual distance to the world's own render of the same scene
      under the new rule, mean over the scenes that the rule changes; ``generator_error``: the
      same distance of the unedited images to those scenes as they are, the generator's own error;
    - ``critic_drop``: fall of the critic's naturalness where the image is to change, mean over the
      images that show the source; ``critic_drop_outside``: the same elsewhere. Between -1 and 1,
      0 for images that look as natural as before; without a critic empty;
    - ``frechet_new_rule``: Fréchet distance to the world's renders under the new rule; it does not
      measure realism;
    - ``frechet_photographs``: Fréchet distance to held-out photographs, where there are any;
    - ``realism_percent``: as people judged; empty where no people judged.
    """
    found = {
        "labels_kept_percent": intervals.share(rows, "kept_pixels", "outside_pixels"),
        "perceptual_masked": intervals.mean(rows["perceptual_outside"]),
    }
    for name in ("counterfactual_error", "generator_error"):
        if name in rows:
            found[name] = intervals.mean(rows[name])
    for name in ("critic_drop", "critic_drop_outside"):
        if name in rows:
            found[name] = intervals.mean(rows[name])
    if NEW_RULE in measured.features:
        made, wanted = measured.features[method], measured.features[NEW_RULE]
        found["frechet_new_rule"] = frechet_estimate(made, wanted, intervals.level)
    if measured.reference is not None and method in measured.features:
        photographed = measured.reference.distance(measured.features[method])
        found["frechet_photographs"] = photographed
    return found | {"realism_percent": measured.realism.get(method, NOTHING)}


def _realism(table: pd.DataFrame) -> dict[str, Estimate]:
    return {str(row["method"]): estimate_of(row, "realism_percent") for _, row in table.iterrows()}
