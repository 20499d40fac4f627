"""The generators that ship with the project, or that a checkout has made, by name.

    shipped_models()["church"]          # .../data/weights/mini/church.safetensors

Commands outside a checkout use the installed package's own, if it was installed from a clone in
place; else there are none.
"""

from __future__ import annotations

from pathlib import Path

from palimpsest.errors import ParameterError

CHECKOUT = Path(__file__).parents[2]


def shipped_models(folder: Path | None = None) -> dict[str, Path]:
    """The weights of the models of `params.yaml` that are there, by name, in its order.

    ``folder``: a checkout; by default the one that one is in, or else the installed one. Empty
    without a checkout.
    """
    if folder is None:
        folder = Path() if Path("params.yaml").is_file() else CHECKOUT
    if not (folder / "params.yaml").is_file():
        return {}
    # imported here: it reads the settings of every experiment
    from palimpsest.pipeline.parameters.loading import load_parameters

    models = load_parameters(folder / "params.yaml", folder / "workflow" / "scales").models
    files = {name: folder / about.weights for name, about in models.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def weights_called(given: Path) -> Path:
    """The file ``given``, or that of the shipped model of this name.

    Raises `ParameterError` for what is neither.
    """
    if given.is_file():
        return given
    models = shipped_models()
    if str(given) in models:
        return models[str(given)]
    if given.exists():
        raise ParameterError(f"--weights: {given}: not a file; give a generator's weights")
    known = f", nor one of the models {', '.join(models)}" if models else ""
    raise ParameterError(f"--weights: {given}: no such file{known}")
