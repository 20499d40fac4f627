"""Several edits of a generator: from their files, each at a strength of its own; weights with them.

g2 = apply_files(g, [Path("hat.safetensors"), Path("tail.safetensors")], [1.0, 0.5])
export_edited(g, [Path("hat.safetensors")], [1.0], Path("horse-hat.pt"), Path("horse.pt"))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palimpsest.errors import EditError, ParameterError
from palimpsest.generators import Generator
from palimpsest.generators.checkpoints.exporting import export_generator
from palimpsest.memory.edits import Edit


def apply_files(g: Generator, files: Sequence[Path], strengths: Sequence[float]) -> Generator:
    """A generator with the edits in ``files``, in order; ``g`` is not changed.

    ``strengths``: one for all edits, or one for each. Raises `EditError` that names the file of an
    edit that cannot be read or does not fit, and `ParameterError` for another number of strengths.
    """
    for file, strength in zip(files, strength_of_each(files, strengths), strict=True):
        edit = Edit.load(file)
        try:
            g = edit.apply(g, strength)
        except EditError as problem:
            raise EditError(f"{file}: {problem}") from None
    return g


def strength_of_each(files: Sequence[Path], strengths: Sequence[float]) -> list[float]:
    """A strength for each file, from one for all or one for each. Raises `ParameterError`."""
    if len(strengths) == 1:
        return list(strengths) * len(files)
    if len(strengths) != len(files):
        raise ParameterError(
            f"--strength: {len(strengths)} of them and {len(files)} edits; give one for all edits, "
            "or one for each"
        )
    return list(strengths)


def export_edited(
    generator: Generator,
    files: Sequence[Path],
    strengths: Sequence[float],
    out: Path,
    weights: Path | None,
) -> None:
    """Write the weights of a generator with edits in them; ``weights``: the file that it is of.

    ``strengths``: as in `apply_files`. The suffix of ``out`` decides the layout, see
    `export_generator`; ``.safetensors`` also keeps which edits the weights hold. Raises as
    `apply_files` and `export_generator`, and `ParameterError` where ``out`` is the input file.
    """
    if weights is not None and out.exists() and out.samefile(weights):
        raise ParameterError(f"--out: {out} is also the input file; give another name")
    rewritten = apply_files(generator, files, strengths)
    history = {
        "exported_from": generator.weights_sha256,
        "edits": [path.stem for path in files],
        "strength": strengths[0] if len(strengths) == 1 else list(strengths),
    }
    export_generator(rewritten, out, dict(generator.provenance) | history)
