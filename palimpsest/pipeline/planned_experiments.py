"""The experiments of a run: which of them are possible with its models, and their inputs.

`palimpsest.pipeline.plan.Plan` adds their tables and figures.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from palimpsest.errors import ParameterError
from palimpsest.experiments.comparison.settings import ChangedClasses
from palimpsest.experiments.photographs.settings import PhotographSettings
from palimpsest.methods.registry import at_rank
from palimpsest.pipeline.planned_measurements import MeasurementPlan
from palimpsest.training.recipe import Recipe
from palimpsest.worlds import get_world


class ExperimentPlan(MeasurementPlan):
    """Inputs of each experiment: instruments, models, sessions, edits and statistics."""

    # models and instruments

    @cached_property
    def models_with_world(self) -> list[str]:
        """Models of a mini world that have a segmenter: they can be graded by exact labels."""
        return [
            name
            for name, model in self.parameters.models.items()
            if model.world and model.segmenter
        ]

    def segmenter_files(self, model: str) -> list[str]:
        """The file of a model's segmenter, as an input that may be missing."""
        return [file] if (file := self.segmenter(model)) else []

    def critic_files(self, model: str) -> list[str]:
        """The file of a model's critic, as an input that may be missing."""
        return [file] if (file := self.critic(model)) else []

    def instrument_files(self, name: str) -> list[str]:
        """The file of a published network; empty if the segmenter's encoder is used instead."""
        return [file] if (file := getattr(self.parameters.instruments, name)) else []

    @cached_property
    def graded_segmenters(self) -> list[str]:
        """The segmenters of all models with a world, each once."""
        return sorted({file for m in self.models_with_world for file in self.segmenter_files(m)})

    @cached_property
    def graded_classifiers(self) -> list[str]:
        """The classifiers of all models with a world, each once."""
        models = (self.parameters.models[name] for name in self.models_with_world)
        return sorted({file for model in models for file in model.classifiers})

    @cached_property
    def graded_critics(self) -> list[str]:
        """The critics of all models with a world, each once."""
        return sorted({file for m in self.models_with_world for file in self.critic_files(m)})

    # worlds

    @cached_property
    def trainable_generators(self) -> dict[str, Recipe]:
        """Mini generators that can be trained: name -> recipe."""
        return {
            generator: world.recipe_of(generator)
            for name, world in self.parameters.worlds.items()
            for generator in (name, *world.others)
        }

    @cached_property
    def models_with_graded_rule(self) -> list[str]:
        """Models in which a causal rule is measured."""
        return [name for name in self.parameters.grade_rule if name in self.models_with_world]

    def sessions_with_counterfactual(self, model: str) -> dict[str, str]:
        """Sessions whose rule the model's world can render itself: session -> its own edit."""
        world = self.parameters.models[model].world
        known = get_world(world).counterfactuals if world and self.segmenter(model) else {}
        return {name: self.edit_file(model, name) for name in self.sessions(model) if name in known}

    @cached_property
    def models_with_counterfactuals(self) -> list[str]:
        """Models whose edits are compared with counterfactuals."""
        models = self.parameters.counterfactuals.models
        return [name for name in models if self.sessions_with_counterfactual(name)]

    # reflections: section 5.3

    @property
    def reflections_are_possible(self) -> bool:
        """Whether the model has a world, or a segmenter and painted scenes."""
        settings = self.parameters.reflections
        return settings.model in self.models_with_world or bool(
            settings.painted and self.segmenter(settings.model)
        )

    @property
    def painted_scene_files(self) -> list[str]:
        """The file of painted windows and reflections, as an input that may be missing."""
        return [self.parameters.reflections.painted] if self.parameters.reflections.painted else []

    @property
    def full_inversion_edits(self) -> dict[str, str]:
        """The edits that change all weights of one layer: layer -> file."""
        settings = self.parameters.reflections
        folder = f"data/edits/{settings.model}/invert_reflections"
        return {str(layer): f"{folder}/layer{layer}.safetensors" for layer in settings.layers}

    @property
    def low_rank_inversion_edit(self) -> str:
        """The edit of low rank that inverts the reflections."""
        model = self.parameters.reflections.model
        return f"data/edits/{model}/invert_reflections/low_rank.safetensors"

    @property
    def inversion_settings(self) -> dict[str, Any]:
        """Settings of the inversion and, if scenes are painted, of the switch for windows."""
        settings = self.parameters.reflections
        switch = settings.painted_switch.model_dump() if settings.painted else {}
        return settings.inversion.model_dump() | switch

    # watermarks: section 5.2

    @property
    def watermarks_are_possible(self) -> bool:
        """Whether the model has a world, or painted watermarks and a detector for them."""
        settings = self.parameters.watermarks
        return settings.model in self.models_with_world or bool(
            settings.painted and settings.detector and settings.model in self.parameters.models
        )

    @property
    def watermark_edits(self) -> dict[str, str]:
        """The edits that Table 3 compares: method -> file."""
        if self.parameters.watermarks.painted:
            return self.painted_watermark_edits
        return self.labelled_watermark_edits

    @property
    def labelled_watermark_edits(self) -> dict[str, str]:
        """The edits that erase what a segmenter labels: method -> file."""
        settings = self.parameters.watermarks
        folder = f"data/edits/{settings.model}/watermarks"
        return {name: f"{folder}/{name}.safetensors" for name in settings.erasing.edits}

    @property
    def painted_watermark_edits(self) -> dict[str, str]:
        """The edits that erase what a session painted: method -> file."""
        settings = self.parameters.watermarks
        folder = f"data/edits/{settings.model}/painted_watermarks"
        return {name: f"{folder}/{name}.safetensors" for name in settings.painted_erasing.edits}

    @property
    def painted_watermark_files(self) -> list[str]:
        """The session with painted watermarks, as an input that may be missing."""
        return [file] if (file := self.parameters.watermarks.painted) else []

    @property
    def watermark_detector_files(self) -> list[str]:
        """The segmenter that finds watermarks, as an input that may be missing."""
        settings = self.parameters.watermarks
        return [settings.detector] if settings.detector else self.segmenter_files(settings.model)

    @property
    def watermark_files(self) -> list[str]:
        """The files that Table 3 needs beside the model's own: session and detector, if any."""
        if not self.watermarks_are_possible:
            return []
        return [*self.painted_watermark_files, *self.watermark_detector_files]

    @property
    def watermark_statistics_file(self) -> str:
        """The statistics of the layer in which watermarks are erased."""
        settings = self.parameters.watermarks
        return self.statistics_file(settings.model, settings.layer)

    @property
    def watermark_count_key(self) -> list[str]:
        """The key of a count of watermarks by people, as an input that may be missing."""
        name = "watermarks"
        return [f"data/studies/{name}/key.csv"] if name in self.files.studies else []

    # units switched off and on

    @property
    def units_are_possible(self) -> bool:
        """Whether the model has a world, whose segmenter gives the logits that are needed."""
        return self.parameters.units.model in self.models_with_world

    # effect against locality

    @property
    def tradeoff_is_possible(self) -> bool:
        """Whether its session is among the model's, and measured by labels."""
        settings = self.parameters.tradeoff
        return settings.session in self.sessions_measured_by_labels(settings.model)

    def sessions_measured_by_labels(self, model: str) -> list[str]:
        """Sessions of a model whose labels are counted before and after the edit."""
        table = self.method_tables["table2_domes"].values()
        return [one.session for one in table if one.model == model]

    # held-out photographs and renders

    @property
    def photographs_are_possible(self) -> bool:
        """Whether the archive of the photographs is there, and the model has the session."""
        settings = self.parameters.held_out_photographs
        return (
            self.photograph_archive in self.files.optional
            and settings.model in self.parameters.models
            and settings.session in self.sessions(settings.model)
        )

    @property
    def photograph_archive(self) -> str | None:
        """The archive of the photographs that the model's generator was trained on."""
        model = self.parameters.held_out_photographs.model
        trained = self.parameters.photographs.get(model)
        return trained.archive if trained else None

    @property
    def photograph_encoder_files(self) -> list[str]:
        """The file of the encoder, as an input that may be missing."""
        file = self.parameters.held_out_photographs.encoder
        return [file] if file in self.files.optional else []

    @property
    def photograph_edit(self) -> str:
        """The file of the edit that is applied to photographs.

        Raises `ParameterError` for a rank that the session is not solved at.
        """
        settings = self.parameters.held_out_photographs
        model, session, rank = settings.model, settings.session, settings.rank
        if rank is None or not self.photographs_are_possible:
            return self.edit_file(model, session)
        solve = self.parameters.session(model, session)
        if rank not in solve.further_ranks:
            raise ParameterError(
                f"held_out_photographs.rank: {rank} is none of sessions.{model}.{session}."
                f"further_ranks, {', '.join(map(str, solve.further_ranks)) or 'which is empty'}"
            )
        return self.edit_file(model, session, at_rank(solve.solver, rank))

    def photograph_settings(self, photographs: int) -> PhotographSettings | dict[str, Any]:
        """The settings by which this many photographs are measured; none without a generator."""
        settings = self.parameters.held_out_photographs
        trained = self.parameters.photographs.get(settings.model)
        return settings.settings(photographs, trained) if trained else {}

    @property
    def many_photographs_table(self) -> str:
        """The table of the target `many_photographs`."""
        return f"results/tables/photographs_{self.parameters.held_out_photographs.many}.csv"

    @property
    def renders_are_possible(self) -> bool:
        """Whether the model's world can render the session's rule itself."""
        settings = self.parameters.held_out_renders
        return settings.session in self.sessions_with_counterfactual(settings.model)

    # the probe of layers: Appendix H

    @cached_property
    def probed_models(self) -> list[str]:
        """Models whose layers are probed."""
        return list(self.parameters.layer_probe.models)

    def probing_segmenter_files(self, model: str) -> list[str]:
        """The segmenter whose features compare a model's pieces: one that this project trained, if
        there is no Inception. Empty: Inception compares them, or the generator's own values."""
        if self.instrument_files("inception") or not self.drawings(model):
            return []
        return self.segmenter_files(model)

    @cached_property
    def models_edited_at_every_layer(self) -> list[str]:
        """Probed models with a session to solve at every layer: one that is drawn from labels, or
        a published one that is measured by labels."""
        return [model for model in self.probed_models if self._session_at_every_layer(model)]

    def given_session_files(self, model: str) -> list[str]:
        """The file of the session that is solved at every layer; empty if one is drawn for each
        layer."""
        session = self.parameters.layer_probe.models[model].session
        if session is None or self.drawings(model):
            return []
        return [self.session_file(model, session)]

    def given_session_classes(self, model: str) -> ChangedClasses | None:
        """The classes that a given session is measured by; None if the session is drawn."""
        session = self.parameters.layer_probe.models[model].session
        if session is None or self.drawings(model):
            return None
        return self.measured_change(model, session).classes

    def _session_at_every_layer(self, model: str) -> str | None:
        session = self.parameters.layer_probe.models[model].session
        if self.drawings(model) or session in self.sessions_measured_by_labels(model):
            return session
        return None

    @cached_property
    def curve_figures(self) -> dict[str, list[str]]:
        """Figures of the probe's curves: figure -> the models in it."""
        found: dict[str, list[str]] = {}
        for model in self.probed_models:
            found.setdefault(self.parameters.layer_probe.models[model].curves, []).append(model)
        return found

    @cached_property
    def piece_figures(self) -> dict[str, str]:
        """Figures of pieces rendered alone: figure -> the model whose pieces it shows."""
        probe = self.parameters.layer_probe
        named = {model: probe.models[model].pieces for model in self.probed_models}
        return {figure: model for model, figure in named.items() if figure}
