"""Stages on another device than the CPU.

The device is one that is not there (`elsewhere`): the CPU computes for it, so what is made there
must be what the CPU makes, and an operation on two devices is a fault of the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palimpsest.dissection import causal_units
from palimpsest.dissection import unit_switches as switching
from palimpsest.experiments.doors import panel as door_panel
from palimpsest.experiments.doors import variants as door_variants
from palimpsest.methods.registry import names_of
from palimpsest.sessions.masks import encode_mask
from stages import (
    draw_sessions,
    erase_watermarks,
    invert_reflections,
    key_statistics,
    make_study,
    measure,
    measure_counterfactuals,
    measure_reflections,
    measure_units,
    measure_watermarks,
    probe_layers,
    render_panel,
    render_reflections,
    render_walk,
    rewrite,
    sweep_tradeoff,
    try_layers,
    tune_weights,
)
from tests.devices.stage_steps import Step, assert_same_elsewhere, plain_adam

MINI = Path(__file__).parents[2] / "data/weights/mini"
CHURCH, LABELS = MINI / "church.safetensors", MINI / "church-segmenter.safetensors"
KITCHEN, WINDOWS = MINI / "kitchen.safetensors", MINI / "kitchen-segmenter.safetensors"
DRAWN = ("dome2spire", "sky_doors", "remove_window")
CHANGE = {"change": '{"source": ["dome"], "targets": ["spire", "roof", "tower"]}'}
SOLVERS = {
    **dict.fromkeys(("projected_gradient", "direct_lambda", "single_context"), {"iterations": 11}),
    "newton": {"iterations": 4},
    "palimpsest": {
        **{"iterations": 3, "candidate_exemplars": 2, "exemplars": 2, "tuning_samples": 6},
        **{"statistics_samples": 16, "mu_grid": [1.0]},
        **{"refining_steps": 2, "refining_samples": 4},
    },
}
REFLECTIONS = {
    **{"units_of": "window", "switched_layer": 4, "units": 3, "goal_layer": 6, "pairs": 3},
    **{"pairs_a_step": 2, "seed": 11, "iterations": 3, "rate": 0.02},
    **{"rank": 1, "rank_iterations": 3, "rank_rate": 0.01},
}
TRIALS = {
    **{"exemplars": 1, "mus": [1.0], "iterations": 3, "statistics_samples": 16},
    **{"surveyed": 100, "survey_seed": 1, "samples": 4, "seed": 3},
}
UNITS = {
    "switched_off": {"thing": "tree", "layer": 6, "units": 24},
    "switched_on": {
        **{"thing": "door", "layer": 8, "units": 20, "rows": 4, "columns": 2},
        **{"fits": ["nave", "window"], "unfit": "sky", "steps": 2},
    },
    **{"dissected": 24, "dissection_seed": 1, "samples": 6, "seed": 3, "shown": 2},
}
MARKING = ("zero_30_units", "zero_60_units", "rank_one", "rank_one_images")
MARKING += ("rank_one_each", "oracle_rank_one")
FIGURES = {
    "fig01_rules": ["dome2spire", "remove_window"],
    "fig02_memory": ["dome2spire"],
    "fig03_session": ["dome2spire"],
    "figS1_doors": ["sky_doors"],
}


def shared(**more: Any) -> dict[str, Any]:
    return {"weights": CHURCH, "segmenter": LABELS, **more}


def edits_of(made: Path, *names: str) -> list[str]:
    return [f"{name}={made / name}.safetensors" for name in names]


def rewriting(method: str, session: str = "dome2spire", name: str = "") -> Step:
    return Step(
        rewrite,
        lambda made, out: shared(
            statistics=[made / "layer6.safetensors"],
            session=made / f"{session}.json",
            method=method,
            settings=json.dumps(SOLVERS[method]),
            out=out / f"{name or method}.safetensors",
        ),
    )


def tuned(method: str) -> Step:
    return Step(
        tune_weights,
        lambda made, out: shared(
            session=made / "dome2spire.json",
            method=method,
            settings='{"iterations": 3}',
            out=out / f"{method}.safetensors",
        ),
    )


def panel(figure: str) -> Step:
    return Step(
        render_panel,
        lambda made, out: shared(
            figure=figure,
            model="church",
            edit=edits_of(made, *FIGURES[figure]),
            session=[f"{name}={made / name}.json" for name in FIGURES[figure]],
            settings='{"pairs": 2, "samples": 40, "seed": 3}',
            statistics=made / "layer6.safetensors",
            out=out / f"{figure}.npz",
        ),
    )


def painted_steps() -> dict[str, Step]:
    """The reflections once more, where windows are painted."""
    settings = REFLECTIONS | {"pairs": 2, "dissected": 8, "on_level": 10.0, "off_level": -5.0}
    at = {"weights": KITCHEN, "segmenter": WINDOWS}
    return {
        "invert_painted": Step(
            invert_reflections,
            lambda made, out: (
                at
                | {
                    "painted": made / "painted.json",
                    "out_full": [f"6={out / 'full_painted.safetensors'}"],
                    "out_losses": out / "losses_painted.csv",
                    "out": out / "painted.safetensors",
                    "settings": json.dumps(settings),
                }
            ),
        ),
        "measure_painted": Step(
            measure_reflections,
            lambda made, out: (
                at
                | {
                    "painted": made / "painted.json",
                    "edit": [made / "full_painted.safetensors", made / "painted.safetensors"],
                    "samples": 2,
                    "out": out / "painted.parquet",
                }
            ),
        ),
        "render_painted": Step(
            render_reflections,
            lambda made, out: {
                "weights": KITCHEN,
                "edit": made / "painted.safetensors",
                "painted": made / "painted.json",
                "pairs": 2,
                "out": out / "painted.npz",
            },
        ),
    }


def painted_scenes() -> dict[str, dict[str, str]]:
    """Four samples, each with a window painted at the same place, and what reflects it."""
    window, reflection = np.zeros((2, 128, 128))
    window[32:64, 24:56] = reflection[64:96, 24:56] = 1
    masks = {"intervention": encode_mask(window), "revert": encode_mask(reflection)}
    return {str(number): {"value": "-5.0", **masks} for number in (2, 5, 11, 12)}


STEPS = {
    "key_statistics": Step(
        key_statistics,
        lambda made, out: {
            **{"weights": CHURCH, "layer": [6], "samples": 40, "truncation": 0.9},
            "out": [out / "layer6.safetensors"],
        },
    ),
    "draw_sessions": Step(
        draw_sessions,
        lambda made, out: shared(
            model="church", layer=6, session=list(DRAWN), samples=200, truncation=0.9, out_dir=out
        ),
    ),
    **{method: rewriting(method) for method in names_of("edit")},
    **{name: rewriting("newton", name, name) for name in DRAWN},
    "render_walk": Step(
        render_walk,
        lambda made, out: {
            "weights": CHURCH,
            "edit": made / "newton.safetensors",
            "settings": '{"samples": 40, "stops": 2, "between": 2}',
            "out": out / "walk.webp",
        },
    ),
    **{method: tuned(method) for method in names_of("weights")},
    "measure": Step(
        measure,
        lambda made, out: shared(
            **CHANGE,
            model="church",
            session=made / "dome2spire.json",
            edit=edits_of(made, "newton", "single_layer", "finetune_all"),
            image_methods='{"nbb_copy": {}, "nbb_laplace": {}}',
            world="church",
            samples=4,
            truncation=0.9,
            perceptual="encoder",
            out=out / "measured.parquet",
            out_features=out / "features.parquet",
        ),
    ),
    "measure_counterfactuals": Step(
        measure_counterfactuals,
        lambda made, out: shared(
            world="church",
            edit=edits_of(made, "dome2spire"),
            samples=12,
            truncation=0.9,
            perceptual="encoder",
            out=out / "counterfactuals.parquet",
        ),
    ),
    "make_study": Step(
        make_study,
        lambda made, out: shared(
            edit=edits_of(made, "newton"),
            session=made / "dome2spire.json",
            image_methods='{"nbb_copy": {}}',
            samples=4,
            study='{"pairs": 2, "against": "unmodified", "seed": 0}',
            truncation=0.9,
            key=out / "key.csv",
            out=out / "study.html",
        ),
    ),
    "sweep_tradeoff": Step(
        sweep_tradeoff,
        lambda made, out: shared(
            **CHANGE,
            statistics=made / "layer6.safetensors",
            session=made / "dome2spire.json",
            grid='{"ranks": [1, 2], "exemplars": [1, 2], "mus": [1], "iterations": 3}',
            samples=4,
            truncation=0.9,
            perceptual="encoder",
            out=out / "tradeoff.parquet",
        ),
    ),
    "measure_units": Step(
        measure_units,
        lambda made, out: shared(
            settings=json.dumps(UNITS),
            truncation=0.9,
            out=out / "units.parquet",
            out_panel=out / "units_pictures.npz",
        ),
    ),
    "erase_watermarks": Step(
        erase_watermarks,
        lambda made, out: shared(
            statistics=made / "layer6.safetensors",
            settings=json.dumps(
                {
                    **{"contexts": 3, "samples": 40, "iterations": 3, "statistics_samples": 16},
                    "images": {"contexts": 3, "steps": 2},
                    "oracle": {"samples": 24, "steps": 2},
                }
            ),
            world="church",
            out_edit=edits_of(out, *MARKING),
        ),
    ),
    "measure_watermarks": Step(
        measure_watermarks,
        lambda made, out: shared(
            edit=edits_of(made, *MARKING),
            samples=24,
            graded=20,
            pairs=2,
            truncation=0.9,
            perceptual="encoder",
            out=out / "marks.parquet",
            out_panel=out / "marks.npz",
        ),
    ),
    "probe_layers": Step(
        probe_layers,
        lambda made, out: shared(
            model="church",
            settings=json.dumps(
                {"layers": [5, 8], "sizes": [16, 32], "samples": 8, "seeds": [11, 12]}
                | {"shown": 1, "shown_size": 32}
            ),
            truncation=0.9,
            out=out / "probe.parquet",
            out_panel=out / "pieces.npz",
        ),
    ),
    "try_layers": Step(
        try_layers,
        lambda made, out: shared(
            model="church",
            session="dome2spire",
            layer=[6],
            settings=json.dumps(TRIALS),
            truncation=0.9,
            perceptual="encoder",
            out=out / "trials.parquet",
        ),
    ),
    **{figure: panel(figure) for figure in FIGURES},
    "invert_reflections": Step(
        invert_reflections,
        lambda made, out: {
            "weights": KITCHEN,
            "segmenter": WINDOWS,
            "out_full": [f"6={out / 'full6.safetensors'}"],
            "out_losses": out / "losses.csv",
            "out": out / "inverted.safetensors",
            "settings": json.dumps(REFLECTIONS),
        },
    ),
    "measure_reflections": Step(
        measure_reflections,
        lambda made, out: {
            "weights": KITCHEN,
            "segmenter": WINDOWS,
            "edit": [made / "full6.safetensors", made / "inverted.safetensors"],
            "samples": 3,
            "out": out / "reflections.parquet",
        },
    ),
    **painted_steps(),
    "render_reflections": Step(
        render_reflections,
        lambda made, out: {
            "weights": KITCHEN,
            "edit": made / "inverted.safetensors",
            "pairs": 2,
            "out": out / "reflections.npz",
        },
    ),
}
"""In an order in which each finds what it reads."""


@pytest.fixture(scope="module", autouse=True)
def soon() -> Iterator[None]:
    """Few samples and steps, where a stage takes no option for them, and one kernel of Adam."""
    with pytest.MonkeyPatch.context() as patched, plain_adam():
        patched.setattr(causal_units, "STEPS", 2)
        patched.setattr(switching, "DISSECTED", 32)
        patched.setattr(switching, "EMPTY", 16)
        patched.setattr(door_variants, "DISSECTED", 32)
        patched.setattr(door_panel, "COUNTED", 4)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what all steps make on the CPU."""
    folder = tmp_path_factory.mktemp("cpu")
    (folder / "painted.json").write_text(json.dumps(painted_scenes()))
    for step in STEPS.values():
        step.run(folder, folder)
    return folder


@pytest.mark.parametrize("name", STEPS)
def test_a_stage_makes_elsewhere_what_it_makes_on_the_cpu(
    name: str, made: Path, tmp_path: Path
) -> None:
    assert_same_elsewhere(STEPS[name], made, tmp_path)
