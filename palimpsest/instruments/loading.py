"""Load a segmenter or a classifier from a file; the file's content decides which class reads it.

    segmenter = load_segmenter("data/weights/mini/church-segmenter.safetensors")
    segmenter = load_segmenter("data/weights/paper/face-parsing-02dd3f6f.pth")
    smiles = load_classifier("data/weights/paper/celeba-smile.pth")

Code in a file is never run.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from palimpsest.errors import CheckpointError
from palimpsest.files.arrays import peek
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.instruments.classifiers.attribute_classifier import AttributeClassifier
from palimpsest.instruments.classifiers.base import Classifier
from palimpsest.instruments.classifiers.published import CALLED, FaceAttribute
from palimpsest.instruments.critics.critic import Critic
from palimpsest.instruments.detectors.letters import METADATA_KEY as LETTERS_KEY
from palimpsest.instruments.detectors.letters import LetterDetector
from palimpsest.instruments.segmenters.base import Segmenter
from palimpsest.instruments.segmenters.face_parser import MARK as FACE_MARK
from palimpsest.instruments.segmenters.face_parser import FaceParser
from palimpsest.instruments.segmenters.photograph_parts import METADATA_KEY as PHOTOGRAPH_KEY
from palimpsest.instruments.segmenters.photograph_parts import PhotographParts
from palimpsest.instruments.segmenters.unified_parser import METADATA_KEY as PARSING_KEY
from palimpsest.instruments.segmenters.unified_parser import UnifiedParser
from palimpsest.instruments.segmenters.world_segmenter import WorldSegmenter


def load_segmenter(
    path: str | PathLike[str], critic: str | PathLike[str] | None = None
) -> Segmenter:
    """The segmenter in the file ``path``: a world's, the parts of photographs, the unified parser,
    the face parser, or the letter detector; with the ``critic`` on its encoder, if one is given.

    Raises `CheckpointError` for a file that is missing, damaged, or none of these, and for the
    critic of another segmenter.
    """
    segmenter = _segmenter(path)
    if critic is not None:
        segmenter.critic = Critic.load(critic, segmenter)
    return segmenter


def _segmenter(path: str | PathLike[str]) -> Segmenter:
    metadata = _metadata(path)
    if metadata is not None:
        marked = {
            PARSING_KEY: UnifiedParser,
            PHOTOGRAPH_KEY: PhotographParts,
            LETTERS_KEY: LetterDetector,
        }
        kinds = [kind for key, kind in marked.items() if key in metadata]
        return (kinds[0] if kinds else WorldSegmenter).load(path)
    tensors = read_checkpoint(Path(path)).tensors
    if FACE_MARK in tensors:
        return FaceParser.of(path, tensors)
    raise CheckpointError(
        f"{path}: not a known segmenter; give one that train_segmenter or assemble_parser wrote, "
        "or the published face parser (face-parsing-02dd3f6f.pth)"
    )


def load_classifier(path: str | PathLike[str]) -> Classifier:
    """The classifier in the file ``path``: one of ours, or one attribute of the published network.

    The published network scores 40 attributes; the file's name selects one, as in
    ``...-smile.pth``. Raises `CheckpointError` for a file that is missing, damaged, or neither.
    """
    if _metadata(path) is not None:
        return AttributeClassifier.load(path)
    attribute = Path(path).stem.rpartition("-")[2]
    if attribute not in CALLED:
        raise CheckpointError(
            f"{path}: the file's name does not select an attribute; end it in "
            f"{', '.join(f'-{name}.pth' for name in CALLED)}"
        )
    return FaceAttribute.load(path, attribute)


def _metadata(path: str | PathLike[str]) -> dict[str, str] | None:
    """Metadata of a safetensors file, empty if it has none; None for a file of another format."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    with open(path, "rb") as file:
        if file.read(9)[8:] != b"{":
            return None
    return peek(path, CheckpointError)[1]
