"""The generators that ship with the project, or that a checkout has made, by name.

    shipped_models()["church"]          # .../data/weights/mini/church.safetensors

Commands outside a checkout use that of a package that was installed from a clone in place
(``pip install -e``). Other installed packages bring no generators.
"""

from __future__ import annotations

from pathlib import Path

from palimpsest.errors import ParameterError

CHECKOUT = Path(__file__).parents[2]
"""The checkout of this package; an installed copy lies in none."""

NO_CHECKOUT = "the generators that ship with the project are in its checkout, and this is none"


def is_checkout(folder: Path) -> bool:
    """Whether a folder is a checkout; other projects have a `params.yaml` as well."""
    return (folder / "params.yaml").is_file() and (folder / "workflow" / "scales").is_dir()


def checkout() -> Path | None:
    """The checkout that one is in, or else that of this package; None without either."""
    return next((folder for folder in (Path(), CHECKOUT) if is_checkout(folder)), None)


def shipped_models(folder: Path | None = None) -> dict[str, Path]:
    """The weights of the models of `params.yaml` that are there, by name, in its order.

    ``folder``: a checkout; by default `checkout`'s. Empty without one.
    """
    folder = folder or checkout()
    if folder is None:
        return {}
    # imported here: it reads the settings of every experiment
    from palimpsest.pipeline.parameters.loading import load_parameters

    models = load_parameters(folder / "params.yaml", folder / "workflow" / "scales").models
    files = {name: folder / about.weights for name, about in models.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def weights_called(given: Path, folder: Path | None = None) -> Path:
    """The file ``given``, or that of the shipped model of this name; ``folder`` as for these.

    Raises `ParameterError` for what is neither.
    """
    if given.is_file():
        return given
    models = shipped_models(folder)
    if str(given) in models:
        return models[str(given)]
    if given.exists():
        raise ParameterError(f"--weights: {given}: not a file; give a generator's weights")
    known = f", nor one of the models {', '.join(models)}" if models else f" ({NO_CHECKOUT})"
    raise ParameterError(f"--weights: {given}: no such file{known}")
