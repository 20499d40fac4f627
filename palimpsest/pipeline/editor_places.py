"""The editor's models and folders, from `params.yaml` or from one file of weights.

    place = editor_place(Path("."), model="church")
    place = editor_place(Path("."), weights=Path("mine.safetensors"))
    place = editor_place(Path("."), weights=Path("gan.pt"), network="my_models:make_gan")

Files are where the pipeline looks for them: a session that the editor saves is rewritten by the
next run, with the statistics that the editor collected.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from palimpsest.editor.workplace import ModelPlace, Workplace
from palimpsest.errors import ParameterError
from palimpsest.methods.choosing.settings import PalimpsestSettings
from palimpsest.pipeline.checkout_files import CheckoutFiles
from palimpsest.pipeline.parameters.loading import load_parameters
from palimpsest.pipeline.planned_sessions import SessionPlan
from palimpsest.pipeline.shipped_models import is_checkout

EXAMPLES = Path(__file__).parents[1] / "editor" / "examples"
DRAFTS = "results/editor"


def editor_place(
    folder: Path,
    model: str | None = None,
    weights: Path | None = None,
    drafts: Path | None = None,
    of_class: int | None = None,
    estimate_mean: bool = False,
    network: str | None = None,
    z_dim: int | None = None,
) -> Workplace:
    """The place of an editor in ``folder``, a checkout or any other.

    Args:
        model: model to open, by its name in `params.yaml`; that of the last draft if None.
        weights: a generator's file to open instead of those in `params.yaml`.
        drafts: folder of the drafts.
        of_class: class of all samples of the generator in ``weights``, if it is class-conditional;
            drafts, sessions and statistics are then kept apart from those of other classes.
        estimate_mean: estimate a generator's mean latent if its file holds none.
        network, z_dim: as in `load_network`: another network to open, which the weights, if any,
            fill.

    Raises:
        ParameterError: an unknown model, neither `params.yaml` nor weights, or a missing file.
    """
    if network is not None and (of_class is not None or estimate_mean):
        raise ParameterError("--network: another network has no classes and no mean latent")
    if network is None and z_dim is not None:
        raise ParameterError("--z-dim: it is of another network; give --network")
    if network is not None:
        return _of_network(folder, network, z_dim, weights, model, drafts)
    if weights is not None:
        return _of_weights(folder, weights, model, drafts, of_class, estimate_mean)
    if of_class is not None:
        raise ParameterError("--class: the models of params.yaml have no classes; give --weights")
    if not is_checkout(folder):
        raise ParameterError(
            f"{folder.resolve()}: not a checkout of this project; give the weights of a generator "
            "with --weights"
        )
    parameters = load_parameters(folder / "params.yaml", folder / "workflow" / "scales")
    plan = SessionPlan(parameters, CheckoutFiles.read(folder, parameters.models))
    there = [name for name in parameters.models if (folder / plan.weights(name)).is_file()]
    if model is not None and model not in parameters.models:
        raise ParameterError(f"--model: {model!r} is none of {', '.join(parameters.models)}")
    if model is not None and model not in there:
        raise ParameterError(f"--model: {plan.weights(model)} is not there; fetch or train it")
    if not there:
        raise ParameterError("no model of params.yaml has its weights here; give --weights")
    return Workplace(
        models={
            name: replace(_of_model(folder, plan, name), estimate_mean=estimate_mean)
            for name in there
        },
        first=model or there[0],
        drafts=drafts or folder / DRAFTS,
        resume=model is None,
        examples=EXAMPLES,
    )


def _of_model(folder: Path, plan: SessionPlan, name: str) -> ModelPlace:
    parameters, about = plan.parameters, plan.parameters.models[name]
    shared = PalimpsestSettings(**parameters.method_settings("palimpsest").model_dump())
    sessions = {
        session: PalimpsestSettings(**plan.method_settings(name, session, "palimpsest"))
        for session in parameters.sessions.get(name, {})
    }
    return ModelPlace(
        weights=folder / about.weights,
        sessions=folder / plan.saved_session_folder(name),
        statistics_folder=(folder / plan.statistics_file(name, 2)).parent,
        segmenter=folder / about.segmenter if about.segmenter else None,
        critic=folder / about.critic if about.critic else None,
        **_of_photographs(folder / about.weights),
        truncation=about.truncation,
        layer=plan.model_layer(name),
        statistics_samples=parameters.statistics.samples,
        statistics_seed=parameters.statistics.seed,
        smoothness=parameters.solve.mu,
        iterations=parameters.methods.newton.iterations,  # type: ignore[attr-defined]
        improving=shared,
        improving_alone={
            session: own
            for session, own in sessions.items()
            if own.model_dump() != shared.model_dump()
        },
        candidate_layers={
            session: tuple(own.candidate_layers)
            for session, own in parameters.sessions.get(name, {}).items()
            if own.candidate_layers
        },
        drawn=(folder / plan.drawn_session_folder(name),),
    )


def _of_photographs(weights: Path) -> dict[str, Path]:
    """The networks beside the weights that make photographs easier to put in."""
    named = {
        kind: weights.with_name(f"{weights.stem}-{kind}.safetensors")
        for kind in ("encoder", "framing")
    }
    return {kind: file for kind, file in named.items() if file.is_file()}


def _of_weights(
    folder: Path,
    weights: Path,
    model: str | None,
    drafts: Path | None,
    of_class: int | None = None,
    estimate_mean: bool = False,
) -> Workplace:
    if not weights.is_file():
        raise ParameterError(f"--weights: {weights}: no such file")
    name = model or _as_name(weights.stem)
    if of_class is not None:
        name = f"{name}_class{of_class}"
    named = [
        weights.with_name(f"{weights.stem}-{kind}{weights.suffix}")
        for kind in ("segmenter", "parts")
    ]
    segmenter = next((file for file in named if file.is_file()), None)
    critic = weights.with_name(f"{weights.stem}-critic{weights.suffix}")
    place = ModelPlace(
        weights=weights,
        sessions=folder / "data" / "sessions" / name,
        statistics_folder=folder / "data" / "statistics" / name,
        segmenter=segmenter,
        critic=critic if segmenter and critic.is_file() else None,
        **_of_photographs(weights),
        of_class=of_class,
        estimate_mean=estimate_mean,
    )
    return _of_one(folder, name, place, drafts)


def _of_network(
    folder: Path,
    network: str,
    z_dim: int | None,
    weights: Path | None,
    model: str | None,
    drafts: Path | None,
) -> Workplace:
    if weights is not None and not weights.is_file():
        raise ParameterError(f"--weights: {weights}: no such file")
    name = model or _as_name(weights.stem if weights is not None else network)
    place = ModelPlace(
        weights=weights,
        network=network,
        z_dim=z_dim,
        sessions=folder / "data" / "sessions" / name,
        statistics_folder=folder / "data" / "statistics" / name,
    )
    return _of_one(folder, name, place, drafts)


def _of_one(folder: Path, name: str, place: ModelPlace, drafts: Path | None) -> Workplace:
    return Workplace(
        models={name: place},
        first=name,
        drafts=drafts or folder / DRAFTS / name,
        resume=False,
        examples=EXAMPLES,
    )


def _as_name(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text)
