"""What a file is and holds, found in the file itself, never by its name.

found = contents_of(Path("dome2spire.safetensors"))
found.kind, found.facts["layer"]                # "edit", "6"
fits(found, {"church": Path("church.safetensors")})     # ["church"]
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palimpsest.commands.session_facts import facts_of
from palimpsest.errors import CheckpointError, SessionError
from palimpsest.experiments.reflections.painted_scenes import STREAM_SEED, PaintedScenes
from palimpsest.files.arrays import peek
from palimpsest.generators import Generator, load_generator
from palimpsest.generators.checkpoints.containers import read_checkpoint
from palimpsest.generators.identity import made_on
from palimpsest.generators.truncating import can_truncate, with_truncation
from palimpsest.instruments.classifiers.attribute_classifier import KIND as ATTRIBUTE
from palimpsest.instruments.classifiers.published import CALLED
from palimpsest.instruments.distances.frechet_reference import METADATA_KEY as REFERENCE
from palimpsest.instruments.distances.frechet_reference import FrechetReference
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.face_parser import MARK as FACE_MARK
from palimpsest.instruments.segmenters.photograph_parts import METADATA_KEY as PARTS
from palimpsest.instruments.segmenters.unified_parser import METADATA_KEY as PARSING
from palimpsest.instruments.segmenters.world_segmenter import METADATA_KEY as SEGMENTER
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.composed_edits import parts_of
from palimpsest.memory.direction_files import ARRAYS as DIRECTIONS
from palimpsest.memory.direction_files import Directions
from palimpsest.photographs.encoder import KIND as ENCODER
from palimpsest.photographs.encoder import Encoder
from palimpsest.photographs.files import METADATA_KEY as PHOTOGRAPH
from palimpsest.photographs.files import InvertedPhotograph
from palimpsest.photographs.framing import KIND as FRAMING
from palimpsest.photographs.framing import FramingNetwork
from palimpsest.photographs.reading import read_picture
from palimpsest.sessions import HalfSession, Session, load_session
from palimpsest.sessions.content import parsed


@dataclass(frozen=True)
class Contents:
    """A file's ``kind``, and ``facts``: what it holds, in words.

    ``weights_sha256``: of the generator that it is, or was made for; "" if it was made for none.
    ``session``: the session in the file, if it is one.
    """

    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""
    session: Session | HalfSession | None = None

    @property
    def depends_on_weights(self) -> bool:
        """Whether it fits some generators and others not."""
        return bool(self.weights_sha256) or self.session is not None


def contents_of(path: Path) -> Contents:
    """What the file ``path`` is; all of it is read and checked.

    Raises `PalimpsestError` for a file that is missing, damaged, or of no kind known here.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise CheckpointError(f"{path}: {what}; give one file")
    with open(path, "rb") as file:
        head = file.read(512)
    if head[8:9] == b"{":
        return _in_safetensors(path)
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return _session(path)
    if head.startswith(PICTURES):
        return _picture(path)
    if path.stem.rpartition("-")[2] in CALLED:
        return _classifier(path)
    if FACE_MARK in read_checkpoint(path).tensors:
        return _segmenter(path)
    return _generator(path)


def fits(
    contents: Contents, models: Mapping[str, Path | Generator], by_name: bool = True
) -> list[str]:
    """Names of the ``models`` (by name: weights, or a generator) that the file is of or made for.

    A session fits a model that has its layer and its places there; a session that names no layer,
    as the original's, fits if it does so in any layer. ``by_name``: it must also name the model.
    """
    found = []
    for name, model in models.items():
        session = contents.session
        if session is None:
            g = _loaded(model)
            known = g.lineage if contents.kind in ON_REWRITTEN else (g.weights_sha256,)
            if contents.weights_sha256 in known:
                found.append(name)
        elif (session.model == name or not by_name) and _opens(session, model):
            found.append(name)
    return found


def _loaded(model: Path | Generator) -> Generator:
    return model if isinstance(model, Generator) else load_generator(model)


def _opens(session: Session | HalfSession, model: Path | Generator) -> bool:
    g = _loaded(model)
    if session.truncation not in (None, g.truncation):
        if not can_truncate(g):
            return False
        g = with_truncation(g, session.truncation)
    for layer in g.layers if session.layer is None else [session.layer]:
        try:
            session.check(g, layer)
        except SessionError:
            continue
        return True
    return False


def _in_safetensors(path: Path) -> Contents:
    names, metadata = peek(path, CheckpointError)
    for mark, reader in MARKS.items():
        if mark in metadata:
            return reader(path)
    if {"directions", "coefficients"} <= names:
        return _edit(path)
    if names == DIRECTIONS:
        return _directions(path)
    if {"second_moment", "count"} <= names:
        return _statistics(path)
    return _generator(path)


def _generator(path: Path) -> Contents:
    g = load_generator(path)
    kinds = {"stylegan2": "StyleGAN2", "progressive": "Progressive GAN", "stylegan3": "StyleGAN3"}
    facts = {
        "network": f"{kinds[g.kind]}, {_pixels(g)}",
        "z": f"{g.z_dim} numbers",
        **({"classes": f"0 to {g.classes - 1}"} if g.classes else {}),
        "layers": f"{g.layers[0]} to {g.layers[-1]}",
        "weights": g.weights_sha256[:12],
        **_made_on(made_on(g)),
        **({"truncation": _truncates(g)} if g.kind != "progressive" else {}),
        **{name: str(value) for name, value in g.provenance.items() if _told(value)},
    }
    return Contents("generator", facts, g.weights_sha256)


def _pixels(g: Generator) -> str:
    height, width = g.image_size
    colours = {1: ", grey", 4: ", RGBA"}.get(g.image_channels, "")
    return f"{height} x {width} pixels{colours}"


def _truncates(g: Generator) -> str:
    return "possible" if can_truncate(g) else "not possible: the file holds no mean latent"


def _edit(path: Path) -> Contents:
    edit = Edit.load(path)
    wanted = ("session", "model", "method", "solver")
    losses = [edit.metadata.get(f"loss_{when}") for when in ("before", "after")]
    parts = [f"{part['name']} at {part['strength']:g}" for part in parts_of(edit)]
    facts = {
        "layer": str(edit.layer),
        "rank": str(edit.rank),
        "size": f"{edit.bytes / 1024:.0f} KiB",
        **{name: _short(edit.metadata[name]) for name in wanted if edit.metadata.get(name)},
        **(
            {"loss": " to ".join(f"{float(one):.4g}" for one in losses if one)}
            if any(losses)
            else {}
        ),
        **({"composed of": ", ".join(parts)} if parts else {}),
        "made for weights": edit.weights_sha256[:12],
        **_made_on(edit.metadata),
    }
    return Contents("edit", facts, edit.weights_sha256)


def _directions(path: Path) -> Contents:
    found = Directions.load(path)
    facts = {
        "layer": str(found.layer),
        "rank": str(len(found.rows)),
        "units": str(found.rows.shape[1]),
        **({"session": _short(found.metadata["session"])} if found.metadata["session"] else {}),
        "made for weights": found.weights_sha256[:12],
    }
    return Contents("directions", facts, found.weights_sha256)


def _statistics(path: Path) -> Contents:
    stats = KeyStatistics.load(path)
    told = ("layer", "truncation", "noise", "n", "seed", "excluding")
    facts = {
        "keys": f"{stats.count} of {stats.units} units",
        **{name: stats.metadata[name] for name in told if stats.metadata.get(name)},
    }
    sha = stats.metadata.get("weights_sha256", "")
    facts |= {"made for weights": sha[:12], **_made_on(stats.metadata)}
    return Contents("key statistics", facts, sha)


def _made_on(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The edits that a file was made on top of, and the model, which is not `weights_sha256`."""
    if not metadata.get("made_on"):
        return {}
    return {"made on top of": f"{metadata['made_on']}, on {metadata['model_sha256'][:12]}"}


def _session(path: Path) -> Contents:
    data = parsed(path.read_bytes(), str(path))
    if isinstance(data, dict) and data and all(name.isdigit() for name in data):
        return _painted_scenes(path)
    session = load_session(path)
    return Contents("session", facts_of(session), session=session)


def _painted_scenes(path: Path) -> Contents:
    found = PaintedScenes.load(path)
    facts = {
        "holds": f"masks of windows and of their reflections in {len(found)} samples",
        "samples": f"{', '.join(map(str, found.numbers))} of seed {STREAM_SEED}",
        "is for": "the rule of reflections, by `python -m stages.invert_reflections --painted`",
    }
    return Contents("painted scenes", facts)


def _photograph(path: Path) -> Contents:
    found = InvertedPhotograph.load(path)
    facts = {
        "latent": f"{len(found.latent)} rows of {found.latent.shape[1]} numbers",
        "changed weights": f"{len(found.change.tensors)} tensors above layer {found.above}",
        **{
            f"error after {stage}": f"perceptual {error.perceptual:.3f}, pixels {error.pixel:.3f}"
            for stage, error in found.errors.items()
        },
        "made for weights": found.weights_sha256[:12],
        **_made_on(found.provenance),
    }
    return Contents("inverted photograph", facts, found.weights_sha256)


def _picture(path: Path) -> Contents:
    picture = read_picture(path)
    facts = {
        "size": f"{picture.width} x {picture.height} pixels",
        "use": "`palimpsest photo` puts a photograph into a generator",
    }
    return Contents("picture", facts)


def _encoder(path: Path) -> Contents:
    found = Encoder.load(path)
    facts = {
        "images": f"{found.resolution} x {found.resolution} pixels",
        "estimates": f"{found.rows} rows of {found.style_dim} numbers",
        "made for weights": found.weights_sha256[:12],
    }
    return Contents("encoder", facts, found.weights_sha256)


def _segmenter(path: Path) -> Contents:
    found = load_segmenter(path)
    return Contents("segmenter", {"name": found.name, "classes": ", ".join(found.classes)})


def _classifier(path: Path) -> Contents:
    return Contents("classifier", {"attribute": load_classifier(path).attribute})


def _framing(path: Path) -> Contents:
    FramingNetwork.load(path)
    return Contents("framing network", {"finds": "the face in a photograph"})


def _reference(path: Path) -> Contents:
    found = FrechetReference.load(path)
    return Contents("Fréchet reference", {"holds": f"features of {found.count} photographs"})


def _told(value: object) -> bool:
    """Whether a note on a generator is short enough to print; curves and recipes are not."""
    simple = value and not isinstance(value, dict)
    return bool(simple) and len(str(value)) <= 200 and "\n" not in str(value)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else f"{text[:197]}..."


ON_REWRITTEN = ("edit", "inverted photograph", "encoder")
"""Kinds of files that also fit what their generator was rewritten to."""

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
"""How files of pictures begin: PNG, JPEG, WebP, GIF, BMP, TIFF."""

MARKS: Mapping[str, Callable[[Path], Contents]] = {
    "palimpsest": _generator,
    PHOTOGRAPH: _photograph,
    ENCODER.key: _encoder,
    FRAMING.key: _framing,
    REFERENCE: _reference,
    ATTRIBUTE.key: _classifier,
    SEGMENTER: _segmenter,
    PARTS: _segmenter,
    PARSING: _segmenter,
}
"""Readers by the metadata entry that marks their files."""
