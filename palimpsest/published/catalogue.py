"""Every published file that this project reads: name, origin, hash, size, purpose.

    file = get_published_file("face-parsing-02dd3f6f.pth")
    file.url, file.sha256_prefix, file.megabytes

The code, ``docs/published-files.md`` (a test compares it) and the error of a failed fetch use this
one table. A hash prefix comes from the file's name, as PyTorch names published weights. A file
without one is checked when it is read: names and shapes of its tensors must be those expected.
Some files have further origins, tried in order if the first fails (`published.fetching`).
"""

from __future__ import annotations

from dataclasses import dataclass

from palimpsest.errors import DownloadError
from palimpsest.published.paper_generators import PUBLISHED, sha256_prefix

_REWRITING = "rewriting.csail.mit.edu/data/"
_CODE = "https://github.com/davidbau/rewriting/raw/master/notebooks/masks/"
KITCHEN_REFLECTIONS = "masks/kitchen_reflections.json"
"""Painted scenes, not a session."""

_PARSING = "http://netdissect.csail.mit.edu/data/segmodel/"


@dataclass(frozen=True)
class Origin:
    """Where a file can be had: its address, and the start of the sha256 of what is there, None if
    unknown."""

    url: str
    sha256_prefix: str | None = None

    @property
    def name(self) -> str:
        """The file's name there."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublishedFile:
    """One published file.

    ``name``: its name here, possibly with a folder; ``url``: its address; ``sha256_prefix``: the
    start of its sha256, None if unknown; ``megabytes``: size of its tensors in 10^6 bytes (the file
    is a little larger), None if unknown; ``others``: its further origins.
    """

    name: str
    url: str
    purpose: str
    sha256_prefix: str | None
    megabytes: int | None
    others: tuple[Origin, ...] = ()


def _generators() -> list[PublishedFile]:
    kinds = {"stylegan2": "StyleGAN2", "progressive": "Progressive GAN"}
    sizes = {
        ("stylegan2", 256): 121,
        ("stylegan2", 512): 124,
        ("stylegan2", 1024): 133,
        ("progressive", 256): 73,
        ("progressive", 1024): 92,
    }
    return [
        PublishedFile(
            name,
            about.url,
            f"{kinds[about.kind]} generator of {about.subject}, {about.resolution} pixels",
            about.sha256_prefix,
            sizes[about.kind, about.resolution],
            (Origin(about.elsewhere),) if about.elsewhere else (),
        )
        for name, about in PUBLISHED.items()
    ]


def _sessions() -> list[PublishedFile]:
    names = {
        "dome2spire": "church, layer 8; Table 2",
        "dome2tree": "church, layer 8; Table 2",
        "dome2castle": "church, layer 6; section 5.1",
        "smile": "faces, layer 10; Table 1",
    }
    # under the names that they have there; where they are read, the sessions are called as ours are
    shipped = {
        "church/add_people_market": "church, add_people here; the rule of Figure 1",
        "church/multikey_newtower2tree": "church, tower2tree here; the rule of Figure 1",
        "church/multikey_markandbottom": "church, layer 6; Table 3 and Figure 5",
        "horse/hat_on_horse_ears": "horse, hat here; the rule of Figure 7",
        "horse/horse_tail": "horse, long_tail here; the rule of Figure 8",
    }
    return [
        PublishedFile(
            f"masks/{name}.json",
            f"http://{_REWRITING}masks/{name}.json",
            f"the paper's session {name} ({what})",
            None,
            None,
        )
        for name, what in names.items()
    ] + [
        PublishedFile(
            f"masks/{path.rpartition('/')[2]}.json",
            f"{_CODE}stylegan/{path}.json",
            f"a session shipped with the paper's code ({what})",
            None,
            None,
        )
        for path, what in shipped.items()
    ]


def _painted() -> list[PublishedFile]:
    return [
        PublishedFile(
            KITCHEN_REFLECTIONS,
            f"{_CODE}reflections/progan-kitchen/posneg.json",
            "painted windows and reflections of 30 kitchens, shipped with the paper's code "
            "(posneg.json there; section 5.3)",
            None,
            None,
        )
    ]


def _instruments() -> list[PublishedFile]:
    parser = "upp-resnet50-upernet"
    alexnet = "alexnet-owt-7be5be79.pth"
    inception = "weights-inception-2015-12-05-6726825d.pth"
    faces = "face-parsing-02dd3f6f.pth"
    return [
        PublishedFile(
            f"{parser}/{name}",
            f"{_PARSING}{parser}/{name}",
            f"unified perceptual parsing of scenes: {what}",
            None,
            megabytes,
        )
        for name, what, megabytes in (
            ("encoder_epoch_40.pth", "encoder", 95),
            ("decoder_epoch_40.pth", "decoder, whose size follows from the labels", None),
            ("labels.json", "names of objects, parts, materials and scenes", None),
        )
    ] + [
        PublishedFile(
            faces,
            f"https://{_REWRITING}models/{faces}",
            "BiSeNet face parser, 19 classes of CelebAMask-HQ",
            sha256_prefix(faces),
            53,
        ),
        PublishedFile(
            "celeba-smile.pth",
            "https://github.com/gtamba/pytorch-slim-cnn/raw/master/models/celeba_20.pth",
            "Slim-CNN, 40 attributes of CelebA, of which Smiling is read (celeba_20.pth there)",
            None,
            None,
        ),
        PublishedFile(
            alexnet,
            f"https://download.pytorch.org/models/{alexnet}",
            "AlexNet of torchvision, under LPIPS",
            sha256_prefix(alexnet),
            244,
        ),
        PublishedFile(
            inception,
            f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{inception}",
            "Inception of 2015-12-05 as torch-fidelity reads it, for Fréchet distances",
            sha256_prefix(inception),
            96,
        ),
    ]


PUBLISHED_FILES: dict[str, PublishedFile] = {
    file.name: file for file in (*_generators(), *_sessions(), *_painted(), *_instruments())
}
"""Every published file, by name."""


def get_published_file(name: str) -> PublishedFile:
    """The published file called ``name``.

    Raises:
        DownloadError: no published file has that name; the message lists those that exist.
    """
    if name not in PUBLISHED_FILES:
        raise DownloadError(f"{name}: not a published file; there are {', '.join(PUBLISHED_FILES)}")
    return PUBLISHED_FILES[name]


def published_files_table() -> str:
    """The table of ``docs/published-files.md`` as Markdown, one row per file."""
    lines = ["| file | what | from | sha256 | MB |", "|---|---|---|---|---|"]
    for file in PUBLISHED_FILES.values():
        told = f"`{file.sha256_prefix}…`" if file.sha256_prefix else "unknown"
        size = "unknown" if file.megabytes is None else str(file.megabytes)
        urls = ", else ".join(f"<{url}>" for url in (file.url, *(o.url for o in file.others)))
        lines.append(f"| `{file.name}` | {file.purpose} | {urls} | {told} | {size} |")
    return "\n".join(lines) + "\n"
