"""The measured sessions of a run, and the tables with a row for each method: Tables 1 and 2.

Two models may have a session of the same name, so that a session is always a model and a name.
Files of measurements are called after the session alone where no other measured session has its
name, and else SESSION@MODEL.

`palimpsest.pipeline.plan.Plan` adds the experiments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from palimpsest.errors import ParameterError
from palimpsest.methods.registry import at_rank, names_of
from palimpsest.pipeline.parameters.sessions import ChangeMeasured
from palimpsest.pipeline.planned_sessions import ModelSession, SessionPlan


class MeasurementPlan(SessionPlan):
    """Which sessions are measured, by what, and with which edits."""

    @cached_property
    def measured_sessions(self) -> dict[str, ModelSession]:
        """Sessions with a row for each method in Table 1 or 2, by the name of their files."""
        found = [
            one
            for one in self.all_sessions
            if self.parameters.session(*one).measure and self.segmenter(one.model)
        ]
        count = Counter(one.session for one in found)
        return {one.session if count[one.session] == 1 else one.at_model: one for one in found}

    def measured_change(self, model: str, session: str) -> ChangeMeasured:
        """The measure of a measured session: classes of pixels, or an attribute of images."""
        change = self.parameters.session(model, session).measure
        assert change is not None  # as `measured_sessions` holds only those
        return change

    def classifier_files(self, model: str, session: str) -> list[str]:
        """The classifier that a measured session is measured by; empty if labels measure it.

        Raises:
            ParameterError: the model has no classifier of the session's attribute.
        """
        attribute = self.measured_change(model, session).attribute
        if attribute is None:
            return []
        for file in self.parameters.models[model].classifiers:
            if Path(file).stem.endswith(f"-{attribute}"):
                return [file]
        raise ParameterError(
            f"sessions.{model}.{session}.measure: models.{model}.classifiers has no classifier of "
            f"{attribute!r}; the name of its file must end in -{attribute}"
        )

    def measured_edits(self, model: str, session: str) -> dict[str, str]:
        """The edits that a session is measured with: method -> file, in the order of Table 2, and
        then those of further ranks."""
        methods = [*names_of("edit", "weights"), *self.further_ranks(model, session)]
        return {method: self.edit_file(model, session, method) for method in methods}

    def further_ranks(self, model: str, session: str) -> list[str]:
        """The names of a session's own method at the further ranks that it is measured at."""
        own = self.parameters.session(model, session)
        return [at_rank(own.solver, rank) for rank in own.further_ranks]

    @cached_property
    def rewriting_methods(self) -> list[str]:
        """Names of all methods that make edits of low rank, also of those at further ranks."""
        further = {name for one in self.all_sessions for name in self.further_ranks(*one)}
        return [*names_of("edit"), *sorted(further)]

    # tables

    @cached_property
    def method_tables(self) -> dict[str, dict[str, ModelSession]]:
        """Tables with a row for each method, and the sessions in each: name of files -> session."""
        changes = {name: self.measured_change(*one) for name, one in self.measured_sessions.items()}
        by_attribute = [name for name, change in changes.items() if change.attribute]
        by_labels = [name for name, change in changes.items() if change.targets]
        return {
            "table1_smile": {name: self.measured_sessions[name] for name in by_attribute},
            "table2_domes": {name: self.measured_sessions[name] for name in by_labels},
        }

    def edits_in_table(self, table: str, files: Iterable[str]) -> dict[str, str]:
        """The ``files`` of a table's sessions, in their order, by MODEL/SESSION."""
        keys = (one.of_model for one in self.method_tables[table].values())
        return dict(zip(keys, files, strict=True))

    def references_in_table(self, table: str) -> dict[str, str]:
        """The references of held-out photographs of a table's sessions: MODEL/SESSION -> file."""
        sessions = self.method_tables[table].values()
        found = {one.of_model: self.parameters.models[one.model].reference for one in sessions}
        return {session: file for session, file in found.items() if file}

    # studies of realism

    def judged_sessions(self, sessions: Mapping[str, ModelSession]) -> dict[str, ModelSession]:
        """Those of ``sessions`` whose realism people have judged."""
        return {name: one for name, one in sessions.items() if name in self.files.studies}

    def judged_in_table(self, table: str, files: Iterable[str]) -> dict[str, str]:
        """The ``files`` of judgements of a table's sessions, in their order, by MODEL/SESSION."""
        judged = self.judged_sessions(self.method_tables[table]).values()
        return dict(zip((one.of_model for one in judged), files, strict=True))

    def study_answers(self, measured: str) -> list[str]:
        """The files of the judges' answers about a measured session, by the name of its files."""
        return list(self.files.studies.get(measured, ()))

    def check_studies(self) -> None:
        """Raises `ParameterError` for judgements of a session name that two models have."""
        several: dict[str, list[str]] = {}
        for name, one in self.measured_sessions.items():
            if name != one.session and one.session in self.files.studies:
                several.setdefault(one.session, []).append(name)
        for session, names in several.items():
            raise ParameterError(
                f"data/studies/{session}: several models have a session of this name; call the "
                f"folder {' or '.join(names)}"
            )
