"""The plan of a run: which sessions, edits, tables and figures it makes, and their files.

    plan = Plan.read(parameters, ".")
    plan.edit_file("church", "dome2spire", "newton")
                                        # data/edits/church/dome2spire/newton.safetensors
    plan.tradeoff_is_possible           # whether its session is there and measured by labels
    plan.tables                         # ["results/tables/table1_smile.csv", ...]

The Snakefile makes one plan, which the rules read. It is a function of the parameters and of a few
files of the checkout (`palimpsest.pipeline.checkout_files`); it does not depend on Snakemake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from palimpsest.errors import ParameterError
from palimpsest.methods.method import Makes
from palimpsest.methods.registry import names_of
from palimpsest.pipeline.checkout_files import CheckoutFiles
from palimpsest.pipeline.parameters import Parameters
from palimpsest.pipeline.planned_experiments import ExperimentPlan
from palimpsest.worlds import world_names


def one_of(names: Iterable[str]) -> str:
    """The pattern of a wildcard that is one of ``names``; it matches nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


class Plan(ExperimentPlan):
    """The files of a run: edits of sessions, experiments, and their tables and figures."""

    @classmethod
    def read(cls, parameters: Parameters, folder: str | Path) -> Plan:
        """The plan for ``parameters`` in a checkout.

        Raises:
            ParameterError: a file of the checkout cannot be read, a model has no layer, a measured
                session has no classifier, or a study is of a name that two models have.
        """
        optional = [about.archive for about in parameters.photographs.values()]
        optional += [encoder] if (encoder := parameters.held_out_photographs.encoder) else []
        plan = cls(parameters, CheckoutFiles.read(folder, parameters.models, optional))
        for model in parameters.models:
            plan.model_layer(model)
        for session in plan.measured_sessions.values():
            plan.classifier_files(*session)
        plan.check_studies()
        plan.check_only()
        return plan

    # figures of sessions

    @cached_property
    def panels(self) -> list[str]:
        """Figures, and parts of figures, whose model and sessions are there."""
        return [
            name
            for name, figure in self.parameters.figures.items()
            if self.segmenter(figure.model)
            and set(figure.sessions) <= set(self.sessions(figure.model))
        ]

    def figure_edits(self, figure: str) -> dict[str, str]:
        """The edits that a figure shows: the name in its panel -> file.

        With all methods, those of further ranks are among them.
        """
        shown = self.parameters.figures[figure]
        if not shown.methods:
            return {name: self.edit_file(shown.model, name) for name in shown.sessions}
        methods = self._figure_methods(figure, "edit", "weights")
        found = {}
        for session in shown.sessions:
            further = self.further_ranks(shown.model, session) if shown.methods == "all" else []
            for method in (*methods, *further):
                found[f"{session}/{method}"] = self.edit_file(shown.model, session, method)
        return found

    def figure_image_methods(self, figure: str) -> dict[str, dict[str, Any]]:
        """The methods without an edit file that a figure shows: method -> settings."""
        return self.image_method_settings(self._figure_methods(figure, "images"))

    def _figure_methods(self, figure: str, *makes: Makes) -> list[str]:
        """The methods that a figure shows, of those that make one of these things."""
        shown = self.parameters.figures[figure].methods
        return [name for name in names_of(*makes) if shown == "all" or name in shown]

    def figure_sessions(self, figure: str) -> dict[str, str]:
        """The sessions that a figure shows: name -> file."""
        shown = self.parameters.figures[figure]
        return {name: self.session_file(shown.model, name) for name in shown.sessions}

    def figure_statistics_file(self, figure: str) -> str:
        """The statistics of the layer that a figure's first session edits."""
        shown = self.parameters.figures[figure]
        return self.session_statistics_file(shown.model, shown.sessions[0])

    def figure_panels(self, figure: str) -> list[str]:
        """The panels that a figure is drawn from: its own and its parts, in their order in the
        parameters, or the one that a measuring job makes."""
        if figure in self._panels_of_measurements:
            name = self._panels_of_measurements[figure]
            return [f"results/measurements/panels/{name}.npz"]
        figures = self.parameters.figures
        parts = [name for name in self.panels if figure in (name, figures[name].part_of)]
        return [f"results/panels/{name}.npz" for name in parts or [figure]]

    @cached_property
    def _panels_of_measurements(self) -> dict[str, str]:
        """Figures whose panel is made by the job that measures: figure -> name of the panel."""
        pieces = {figure: f"pieces_{model}" for figure, model in self.piece_figures.items()}
        own = [
            "fig05_watermarks",
            "figS6_units",
            "figS2_tradeoff",
            "figS5_photographs",
            "figS10_renders",
        ]
        own += self._generator_figures
        return pieces | {name: name for name in own}

    @property
    def _generator_figures(self) -> list[str]:
        return [f"figS3_generator_{model}" for model in self.models_with_world]

    # everything that a run makes

    @property
    def weight_files(self) -> list[str]:
        """Weights of generators and instruments, and what else is fetched with them."""
        models = self.parameters.models.values()
        return sorted(
            {model.weights for model in models}
            | {file for name in self.parameters.models for file in self.segmenter_files(name)}
            | {file for name in self.parameters.models for file in self.critic_files(name)}
            | {file for model in models for file in model.classifiers}
            | {model.reference for model in models if model.reference}
            | {file for model in models for file in model.fetched_sessions.values()}
            | {file for _, file in self.parameters.instruments if file}
            | set(self.painted_scene_files)
            | set(self.watermark_files)
        )

    @property
    def statistics_files(self) -> list[str]:
        """Statistics of every layer that is edited."""
        files = {
            file for session in self.all_sessions for file in self.tried_statistics_files(*session)
        }
        for model in self.parameters.models:
            files.add(self.statistics_file(model, self.model_layer(model)))
        if self.watermarks_are_possible:
            files.add(self.watermark_statistics_file)
        return sorted(files)

    @property
    def session_edits(self) -> list[str]:
        """The edit of every session by its own method."""
        return [self.edit_file(*session) for session in self.all_sessions]

    @property
    def further_edits(self) -> list[str]:
        """All other edits: by the methods that are compared, and those of the experiments."""
        measured = self.measured_sessions.values()
        files = {file for session in measured for file in self.measured_edits(*session).values()}
        files |= {file for name in self.panels for file in self.figure_edits(name).values()}
        if self.reflections_are_possible:
            files |= {*self.full_inversion_edits.values(), self.low_rank_inversion_edit}
        if self.watermarks_are_possible:
            files |= set(self.watermark_edits.values())
        return sorted(files - set(self.session_edits))

    @property
    def tables(self) -> list[str]:
        """Every table, in the order of the report."""
        possible = {
            **{table: bool(sessions) for table, sessions in self.method_tables.items()},
            **{f"realism_{name}": True for name in self.judged_sessions(self.measured_sessions)},
            "counterfactuals": bool(self.models_with_counterfactuals),
            "edits": bool(self.all_sessions),
            "generator_grades": bool(self.models_with_world),
            "table3_watermarks": self.watermarks_are_possible,
            "causal_rule": bool(self.models_with_graded_rule),
            "reflection": self.reflections_are_possible,
            "units": self.units_are_possible,
            "tradeoff": self.tradeoff_is_possible,
            "photographs": self.photographs_are_possible,
            "renders": self.renders_are_possible,
            "layer_probe": bool(self.probed_models),
            "layer_choice": bool(self.probed_models),
            "layer_edits": bool(self.probed_models),
            "instrument_grades": bool(self.graded_segmenters),
            "critic_grades": bool(self.graded_critics),
        }
        names = [name for name, is_possible in possible.items() if is_possible]
        return [f"results/tables/{name}.csv" for name in self._wanted("tables", names)]

    @property
    def figures(self) -> list[str]:
        """Every figure, by name."""
        figures = self.parameters.figures
        names = [name for name in self.panels if figures[name].part_of is None]
        names += [*self.curve_figures, *self.piece_figures, *self._generator_figures]
        if self.watermarks_are_possible:
            names.append("fig05_watermarks")
        if self.reflections_are_possible:
            names.append("fig06_reflections")
        if self.units_are_possible:
            names.append("figS6_units")
        if self.tradeoff_is_possible:
            names.append("figS2_tradeoff")
        if self.photographs_are_possible:
            names.append("figS5_photographs")
        if self.renders_are_possible:
            names.append("figS10_renders")
        return [f"results/figures/{name}.png" for name in self._wanted("figures", sorted(names))]

    @property
    def walks(self) -> list[str]:
        """The moving picture of a rule, if its session is among the model's."""
        walk = self.parameters.walk
        names = ["figS11_walk"] if walk.session in self.sessions(walk.model) else []
        return [f"results/figures/{name}.webp" for name in self._wanted("figures", names)]

    def _wanted(self, kind: Literal["tables", "figures"], names: list[str]) -> list[str]:
        """Those of ``names`` that the parameters ask for: all, unless they have a list."""
        only = self.parameters.only
        return names if only is None else [name for name in names if name in getattr(only, kind)]

    def check_only(self) -> None:
        """Raises `ParameterError` for a name in `only` of nothing that this run can make."""
        if self.parameters.only is None:
            return
        made = {Path(file).stem for file in (*self.tables, *self.figures, *self.walks)}
        for kind in ("tables", "figures"):
            for name in getattr(self.parameters.only, kind):
                if name not in made:
                    raise ParameterError(f"only.{kind}: this run can make no {name!r}")

    @property
    def everything(self) -> list[str]:
        """All files that a run makes; with `only` what it names, the numbers and the page."""
        shown = [*self.tables, *self.metrics, *self.figures, *self.walks, *self.report]
        if self.parameters.only:
            return shown
        edits = [*self.session_edits, *self.further_edits]
        return [*self.weight_files, *self.statistics_files, *edits, *shown]

    @property
    def metrics(self) -> list[str]:
        """The numbers of all tables in one file, if there are tables."""
        return ["results/metrics.json"] if self.tables else []

    @property
    def report(self) -> list[str]:
        """The page of all tables and figures, if there are tables."""
        return ["results/report.html"] if self.tables else []

    @property
    def world_sheets(self) -> list[str]:
        """A contact sheet of every world."""
        return [f"results/figures/figS4_world_{world}.png" for world in world_names()]
