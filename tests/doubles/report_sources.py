"""The small generator of the baselines' tests, with edits and statistics, and made-up results."""

import numpy as np
import pandas as pd
import pytest

from palimpsest.experiments.panel_sources import Sources
from palimpsest.memory import KeyStatistics
from palimpsest.pipeline.commands import run
from palimpsest.sessions.rewriting import rewrite


def call(stage, **options):
    """Run a stage in this process; returns its exit status."""
    arguments = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            arguments += [f"--{name.replace('_', '-')}", str(one)]
    with pytest.raises(SystemExit) as left:
        run(stage.main, arguments)
    return left.value.code or 0


@pytest.fixture(scope="session")
def sources(generator, session, tmp_path_factory):
    """Three edits of one layer, their sessions and statistics, as a stage gets them."""
    folder = tmp_path_factory.mktemp("sources")
    stats = KeyStatistics.collect(generator, layer=6, n=20, seed=1)
    stats.save(folder / "layer6.safetensors")
    edits, sessions = {}, {}
    for number, name in enumerate(("first", "second", "third")):
        places = (5 + number, 8 + number)
        context = tuple(
            c.model_copy(update={"sample": i}) for c, i in zip(session.context, places, strict=True)
        )
        drawn = session.model_copy(update={"name": name, "context": context})
        edit = rewrite(generator, drawn, stats, solver="newton", mu=0.1, rank=1 + number)
        edit.save(folder / f"{name}.safetensors")
        edits[name], sessions[name] = folder / f"{name}.safetensors", drawn
    return Sources(
        generator,
        edits,
        sessions,
        pairs=4,
        samples=60,
        seed=3,
        statistics=folder / "layer6.safetensors",
    )


@pytest.fixture(scope="session")
def pictures():
    """Pictures (8, 32, 32, 3) uint8 of no particular thing."""
    return np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def measurements():
    """Measurements of four images by three methods, small enough to reckon by hand."""
    rows = []
    untouched = [900, 800, 1000, 1024]
    for method, modified, removed, converted, kept, distance in (
        ("unmodified", [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], untouched, 0.0),
        ("newton", [60, 90, 0, 0], [90, 150, 0, 0], [0, 1, 0, 0], [880, 800, 990, 1024], 0.1),
        (
            "palimpsest",
            [100, 190, 0, 0],
            [124, 200, 0, 0],
            [1, 1, 0, 0],
            [900, 790, 999, 1024],
            0.2,
        ),
    ):
        rows.append(
            pd.DataFrame(
                {
                    "sample": range(4),
                    "seed": 3,
                    "method": method,
                    "source_pixels": [124, 224, 24, 0],
                    "modified_pixels": modified,
                    "removed_pixels": removed,
                    "outside_pixels": untouched,
                    "kept_pixels": kept,
                    "converted": np.array(converted, bool),
                    "perceptual_outside": np.array([0.0, 1.0, 2.0, 1.0]) * distance,
                    "perceptual": "church-segmenter-encoder",
                    "segmenter": "church-segmenter",
                    "scale": "smoke",
                }
            )
        )
    # the order of rows in the file shall not matter
    return pd.concat(rows, ignore_index=True).sample(frac=1, random_state=0)
