"""One piece of work on one network of a published size, in this process, told as JSON.

    python -m benchmarks.scale_work '{"work": "measure", "pixels": 256, "n": 4}' stand-ins

``stand-ins``: a folder of `stages.make_stand_ins` with the instruments, sessions and scenes. The
last line of stdout holds the figures: how many units of work were timed (``n``), CPU and wall-clock
seconds each, and on a GPU the most bytes that PyTorch held. `benchmarks.cost_of_scale` starts a
process for each piece, so that the peak of memory is that of the piece.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.published_work import patch, timed
from benchmarks.scale_pieces import Piece
from palimpsest.experiments.comparison.image_features import FeatureRows
from palimpsest.experiments.comparison.measure import (
    Change,
    ChangedImages,
    RewrittenGenerator,
    measure,
)
from palimpsest.experiments.layers.probe import InceptionPieces, piece_features
from palimpsest.experiments.layers.settings import ProbeSettings
from palimpsest.experiments.reflections.painted_rule import painted_swap
from palimpsest.experiments.reflections.painted_scenes import PaintedScenes
from palimpsest.experiments.reflections.settings import PaintedInversionSettings
from palimpsest.generators import Generator, sample_z
from palimpsest.generators.progressive import ProgressiveGAN
from palimpsest.generators.samples import images_at_once
from palimpsest.generators.stylegan2 import StyleGAN2
from palimpsest.instruments import Segmenter
from palimpsest.instruments.distances.frechet import frechet_distance
from palimpsest.instruments.distances.inception import InceptionFeatures
from palimpsest.instruments.distances.perceptual import LpipsAlex, PerceptualDistance
from palimpsest.instruments.loading import load_classifier, load_segmenter
from palimpsest.instruments.segmenters.cached_outputs import CachedOutputs
from palimpsest.memory import Edit, KeyStatistics
from palimpsest.memory.inversion import invert_low_rank
from palimpsest.methods.baselines.best_buddies_settings import TransferSettings
from palimpsest.methods.baselines.image_transfer import BestBuddiesTransfer
from palimpsest.methods.baselines.session_transfer import edited
from palimpsest.methods.registry import METHODS, edit_with
from palimpsest.pipeline.devices import computing_device
from palimpsest.published.paper_generators import Published
from palimpsest.published.stand_ins.documents import stand_in_scenes
from palimpsest.sessions import Session

PARSER = "upp-resnet50-upernet.safetensors"
FACES = "face-parsing-02dd3f6f.pth"
SMILE = "celeba-smile.pth"
ALEXNET = "alexnet-owt-7be5be79.pth"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
PAIRS = 15
"""Pairs of a step of the inversion, as at the paper's scale."""

FACE_PIXELS = 1024
"""Side of the images that the face parser and the classifier of smiles measure, as in the paper."""


class Bench:
    """The network of a piece, and the stand-ins of the instruments."""

    def __init__(self, piece: Piece, stand_ins: Path) -> None:
        self.piece, self.folder = piece, stand_ins
        self.device = computing_device(piece.device)
        network = {"stylegan2": StyleGAN2, "progressive": ProgressiveGAN}[piece.kind]
        widths = Published("", "", piece.kind, "", piece.pixels).widths
        torch.manual_seed(piece.pixels)
        self.g: Generator = network(piece.pixels, widths).eval().requires_grad_(False)
        self.g.to(self.device)

    @property
    def batch(self) -> int:
        """Images at once."""
        return self.piece.together or images_at_once(self.piece.pixels, 16)

    @property
    def faces(self) -> bool:
        return self.piece.pixels == FACE_PIXELS

    def segmenter(self) -> Segmenter:
        return load_segmenter(self.folder / (FACES if self.faces else PARSER)).to(self.device)

    def distance(self) -> PerceptualDistance:
        return LpipsAlex(self.folder / ALEXNET).to(self.device)

    def inception(self) -> InceptionFeatures:
        return InceptionFeatures.load(self.folder / INCEPTION).to(self.device)

    def session(self) -> Session:
        """The stand-in of a session of the paper, on the piece's layer."""
        name = "smile" if self.faces else "dome2spire"
        drawn = Session.load(self.folder / "masks" / f"{name}.json")
        known = {"layer": self.piece.layer, "rank": 1, "model": "stand-in"}
        return drawn.model_copy(update=known)

    def seconds(self, work: Callable[[], object], n: int) -> dict[str, float]:
        """Seconds of ``work``, which does the unit ``n`` times, each."""
        taken = timed(work, self.device)
        return {"n": n, **{name: value / n for name, value in taken.items()}}

    def slope(
        self, work: Callable[[int], object], few: int, many: int, warm: int
    ) -> dict[str, float]:
        """Seconds of each further unit: ``work`` with ``many`` of them less ``work`` with few,
        after ``warm`` of them."""
        work(warm)
        short, long = (timed(lambda count=count: work(count), self.device) for count in (few, many))
        n = many - few
        return {"n": n, **{name: (long[name] - short[name]) / n for name in long}}


def render(bench: Bench) -> dict[str, float]:
    """Whole images, in the pipeline's batches."""
    z = sample_z(bench.g, bench.piece.n)

    def work() -> None:
        with torch.inference_mode():
            for part in z.split(bench.batch):
                bench.g(part)

    with torch.inference_mode():
        bench.g(z[:1])
    return bench.seconds(work, bench.piece.n)


def segment(bench: Bench) -> dict[str, float]:
    """Whole images and their labels."""
    z, segmenter = sample_z(bench.g, bench.piece.n), bench.segmenter()

    def work() -> None:
        with torch.no_grad():
            for part in z.split(bench.batch):
                CachedOutputs(segmenter, bench.g(part)).labels  # noqa: B018

    with torch.no_grad():
        segmenter.labels(bench.g(z[:1]))
    return bench.seconds(work, bench.piece.n)


def measured(bench: Bench) -> dict[str, float]:
    """Samples measured as at the paper's scale, by ``edits`` edits of one layer; with ``images``
    by one more that changes every layer, and by both methods that change images.

    Beside the seconds: those of each part, told by name.
    """
    piece, clock = bench.piece, Clock(bench.device)
    segmenter, distance, inception = bench.segmenter(), bench.distance(), bench.inception()
    methods: list[RewrittenGenerator | ChangedImages] = [
        RewrittenGenerator(f"edit {i}", small_edit(bench.g, piece.layer, i), piece.layer)
        for i in range(piece.edits)
    ]
    if piece.images:
        other = small_edit(bench.g, piece.layer, piece.edits)
        methods.append(RewrittenGenerator("all layers", other, None))
        with torch.no_grad():
            donor = bench.g(sample_z(bench.g, 1))
        mask = patch(piece.pixels, (10, 9))
        bring = BestBuddiesTransfer(segmenter.features, donor, mask.to(donor), TransferSettings())
        clock.watch(bring, "transfer", "correspondences, warp and blend")
        for blend in ("copy", "laplace"):
            methods.append(
                ChangedImages(blend, lambda images, blend=blend: edited(bring, blend, images))
            )
    clock.watch(segmenter, "labels", "labels")
    clock.watch(distance, "masked", "perceptual distance")
    clock.watch(inception, "pooled", "features for Fréchet distances")
    shows = load_classifier(bench.folder / SMILE).to(bench.device) if bench.faces else None
    source = ("mouth",) if bench.faces else ("dome",)
    change = Change(source, () if bench.faces else ("building",), shows)
    rows = FeatureRows(inception)

    def work() -> None:
        measure(
            bench.g,
            segmenter,
            distance,
            methods,
            change,
            n=piece.n,
            seed=3,
            batch=bench.batch,
            watch=rows.watch,
        )

    told = bench.seconds(work, piece.n)
    parts = {name: value / piece.n for name, value in clock.seconds.items()}
    return told | {"parts": parts}  # type: ignore[dict-item]


class Clock:
    """CPU seconds in the watched methods of objects, by the names of the parts of the work."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    def watch(self, thing: object, method: str, part: str) -> None:
        """Time the ``method`` of ``thing`` from now on."""
        run = getattr(thing, method)
        self.seconds[part] = 0.0

        def watched(*given: Any, **more: Any) -> Any:
            found: list[Any] = []
            taken = timed(lambda: found.append(run(*given, **more)), self.device)
            self.seconds[part] += taken["cpu" if self.device.type == "cpu" else "wall"]
            return found[0]

        setattr(thing, method, watched)


def small_edit(g: Generator, layer: int, seed: int) -> Generator:
    """A generator with a small random edit of rank one."""
    stream = torch.Generator().manual_seed(seed)
    outputs, inputs, *taps = g.layer(layer).weight.shape
    direction = torch.nn.functional.normalize(torch.randn(1, inputs, generator=stream), dim=1)
    coefficients = 0.01 * torch.randn(outputs, 1, *taps, generator=stream)
    about = {"layer": str(layer), "weights_sha256": g.weights_sha256}
    return Edit(direction, coefficients, about).apply(g)


def statistics(bench: Bench) -> dict[str, float]:
    """Samples of a layer's second moment."""
    piece = bench.piece
    bench.g.weights_sha256  # noqa: B018 (hashed once, not in the first collection)

    def work(n: int) -> None:
        KeyStatistics.collect(bench.g, layer=piece.layer, n=n, batch=10)

    return bench.slope(work, piece.n, 2 * piece.n, warm=piece.n)


def steps(bench: Bench) -> dict[str, float]:
    """Steps of an iterative method on a session, each edit from its own start."""
    piece, method = bench.piece, METHODS[bench.piece.method]
    session = bench.session()
    stats = KeyStatistics.collect(bench.g, layer=piece.layer, n=20, batch=10)
    distance = bench.distance() if method.uses_segmenter else None

    def work(count: int) -> None:
        settings = method.settings(iterations=count)
        if method.makes == "weights":
            method.run(bench.g, session, distance, settings, iter)  # type: ignore[misc]
        else:
            edit_with(method, bench.g, session, stats, None, settings)

    return bench.slope(work, piece.n, 2 * piece.n, warm=1)


def probe(bench: Bench) -> dict[str, float]:
    """Samples whose pieces are rendered from eight layers at four sizes, with their features."""
    features = InceptionPieces(bench.inception())

    def work() -> None:
        settings = ProbeSettings(
            layers=tuple(range(3, 11)), sizes=(16, 32, 64, 128), samples=bench.piece.n, seeds=(1, 2)
        )
        batch = images_at_once(bench.piece.pixels, 32)
        piece_features(bench.g, features, settings, 1, batch=batch)

    return bench.seconds(work, bench.piece.n)


def frechet(bench: Bench) -> dict[str, float]:
    """Fréchet distances of 2,048 features."""
    a, b = (np.random.RandomState(i).standard_normal((2500, 2048)) for i in (1, 2))
    return bench.seconds(lambda: [frechet_distance(a, b) for _ in range(bench.piece.n)], 1)


def inversion(bench: Bench) -> dict[str, float]:
    """Steps of a rank-one inversion of the rule of reflections, 15 pairs in each; without the
    evaluation and the truncation after every tenth."""
    how = PaintedInversionSettings(
        units_of="window",
        switched_layer=4,
        units=20,
        goal_layer=8,
        pairs=PAIRS,
        pairs_a_step=PAIRS,
        seed=11,
        iterations=10,
        rate=0.02,
        rank=1,
        rank_iterations=10,
        rank_rate=0.01,
        dissected=4,
        on_level=10,
        off_level=-5,
    )
    with tempfile.TemporaryDirectory() as created:
        drawn = Path(created) / "scenes.json"
        drawn.write_text(json.dumps(stand_in_scenes(1, bench.piece.pixels, PAIRS)))
        scenes = PaintedScenes.load(drawn)
    swap, _ = painted_swap(bench.g, bench.segmenter(), scenes, how)

    def work(count: int) -> None:
        invert_low_rank(swap, bench.piece.layer, iterations=count, pairs_a_step=PAIRS)

    return bench.slope(work, bench.piece.n, 2 * bench.piece.n, warm=1)


WORK: dict[str, Callable[[Bench], dict[str, float]]] = {
    "render": render,
    "segment": segment,
    "measure": measured,
    "statistics": statistics,
    "steps": steps,
    "probe": probe,
    "frechet": frechet,
    "inversion": inversion,
}
"""The kinds of work, by name; the docstring says what is counted."""


def main(asked: str, stand_ins: str) -> None:
    piece = Piece(**json.loads(asked))
    bench = Bench(piece, Path(stand_ins))
    began = time.perf_counter()
    told = WORK[piece.work](bench)
    told |= {"threads": torch.get_num_threads(), "in_all": time.perf_counter() - began}
    if bench.device.type == "cuda":
        told |= {
            "gpu_peak": torch.cuda.max_memory_allocated(bench.device),
            "gpu": torch.cuda.get_device_name(bench.device),
        }
    print(json.dumps(asdict(piece) | told))


if __name__ == "__main__":
    main(*sys.argv[1:])
