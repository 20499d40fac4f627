"""The commands whose growth `benchmarks.growth` measures, as the pipeline's rules give them.

All run on the mini generators that ship. ``$n`` is the number of samples, ``$out`` the run's own
folder and ``$made`` the one that holds what `PREPARATION` made (and what other stages wrote, at
``$made/STAGE/N``). What is not counted in samples (steps of a solver, settings of a grid) is small:
it is in the fixed part of a stage's time.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from string import Template

FACTOR = 10
"""The second run of a stage has so many times the samples of the first."""

MINI = "data/weights/mini"
CHURCH = f"--weights {MINI}/church.safetensors --segmenter {MINI}/church-segmenter.safetensors"
KITCHEN = f"--weights {MINI}/kitchen.safetensors --segmenter {MINI}/kitchen-segmenter.safetensors"
THREE_METHODS = (
    "--edit newton=$made/newton.safetensors --edit direct_lambda=$made/direct_lambda.safetensors"
    " --edit projected_gradient=$made/projected_gradient.safetensors"
)
DOMES = (
    '--change \'{"source": ["dome"], "targets":'
    ' ["nave", "roof", "tower", "spire", "battlement", "window", "door"]}\''
)
SESSION = "--session $made/dome2spire.json"
STATISTICS = "--statistics $made/layer6.safetensors"


def words(text: str, **values: object) -> list[str]:
    """A command as a list, each ``$name`` in it replaced. Raises `KeyError` for another name."""
    return [Template(word).substitute(values) for word in shlex.split(text)]


@dataclass(frozen=True)
class Step:
    """A command that is run once, before any stage is measured."""

    text: str

    def command(self, made: Path) -> list[str]:
        return words(self.text, made=made)


@dataclass(frozen=True)
class StageRun:
    """A stage's command, the ``n`` of its first run, and what is counted.

    ``after``: the stage whose files, written at the same numbers or at its own n, this one reads.
    ``part``: what tells two runs of one stage apart.
    """

    stage: str
    n: int
    counted: str
    options: str
    after: str = ""
    part: str = ""

    @property
    def name(self) -> str:
        return f"{self.stage}, {self.part}" if self.part else self.stage

    def command(self, n: int, made: Path, out: Path) -> list[str]:
        return words(f"stages.{self.stage} {self.options}", n=n, made=made, out=out)


PREPARATION = (
    Step(
        f"stages.key_statistics --weights {MINI}/church.safetensors --layer 6 --samples 400"
        " --seed 1 --out $made/layer6.safetensors"
    ),
    Step(
        f"stages.key_statistics --weights {MINI}/church.safetensors --layer 5 --samples 400"
        " --seed 1 --out $made/layer5.safetensors"
    ),
    Step(
        f"stages.draw_sessions --model church {CHURCH} --layer 6 --seed 1 --session dome2spire"
        " --out-dir $made"
    ),
    *(
        Step(
            f"stages.rewrite --weights {MINI}/church.safetensors {STATISTICS} {SESSION}"
            f" --method {method} --settings '{settings}' --out $made/{method}.safetensors"
        )
        for method, settings in {
            "newton": '{"mu": 1.0}',
            "direct_lambda": '{"learning_rate": 0.01, "iterations": 101}',
            "projected_gradient": '{"learning_rate": 0.01, "iterations": 101}',
        }.items()
    ),
)
"""Statistics of two layers, one session, and its edits by three methods."""

INTERVALS = '\'{"level": 0.95, "resamples": 2000, "seed": 0}\''

STAGES = (
    StageRun(
        "key_statistics",
        200,
        "samples",
        f"--weights {MINI}/church.safetensors --layer 6 --samples $n --seed 1"
        " --out $out/layer6.safetensors",
        part="layer 6",
    ),
    StageRun(
        "key_statistics",
        2000,
        "samples",
        f"--weights {MINI}/church.safetensors --layer 3 --samples $n --seed 1"
        " --out $out/layer3.safetensors",
        part="layer 3",
    ),
    StageRun(
        "draw_sessions",
        150,
        "samples surveyed",
        f"--model church {CHURCH} --layer 6 --seed 1 --n 2000 --samples $n"
        " --session dome2spire --session remove_watermark --out-dir $out",
    ),
    StageRun(
        "rewrite",
        8,
        "tuning samples",
        f"{CHURCH} {STATISTICS} {SESSION} --method palimpsest --out $out/edit.safetensors"
        ' --settings \'{"iterations": 8, "candidate_exemplars": 4, "exemplars": 2,'
        ' "tuning_samples": $n, "tuning_seed": 2, "statistics_samples": 200, "mu_grid": [1.0]}\'',
        part="palimpsest",
    ),
    StageRun(
        "measure",
        40,
        "images, 4 methods",
        f"{CHURCH} --model church {SESSION} {THREE_METHODS} {DOMES} --world church --samples $n"
        " --seed 3 --out $out/dome2spire.parquet --out-features $out/dome2spire_features.parquet",
    ),
    StageRun(
        "tabulate_methods",
        40,
        "images, 4 methods",
        "--table domes --measurements church/dome2spire=$made/measure/$n/dome2spire.parquet"
        " --features church/dome2spire=$made/measure/$n/dome2spire_features.parquet"
        f" --intervals {INTERVALS}"
        " --out $out/table2_domes.csv",
        after="measure",
    ),
    StageRun(
        "measure_counterfactuals",
        80,
        "images",
        f"{CHURCH} --world church --edit dome2spire=$made/newton.safetensors --samples $n --seed 3"
        " --out $out/church.parquet",
    ),
    StageRun(
        "make_study",
        20,
        "pairs of 2 methods",
        f"{CHURCH} {SESSION} {THREE_METHODS} --samples 1000 --seed 3 --pairs $n"
        " --against projected_gradient --key $out/key.csv --out $out/study.html",
    ),
    StageRun(
        "erase_watermarks",
        60,
        "samples surveyed",
        f"{CHURCH} --statistics $made/layer5.safetensors --out-edit rank_one=$out/one.safetensors"
        ' --settings \'{"units": [30], "contexts": 4, "samples": $n, "iterations": 4,'
        ' "statistics_samples": 60}\'',
    ),
    StageRun(
        "measure_watermarks",
        60,
        "images, 2 methods",
        f"{CHURCH} --edit newton=$made/newton.safetensors --samples $n --seed 3 --graded 40"
        " --pairs 2 --out $out/watermarks.parquet --out-panel $out/fig05_watermarks.npz",
    ),
    StageRun(
        "invert_reflections",
        4,
        "pairs",
        f"{KITCHEN} --out-full 6=$out/full6.safetensors --out-losses $out/losses.csv"
        " --out $out/low_rank.safetensors"
        ' --settings \'{"units_of": "window", "switched_layer": 4, "units": 20, "goal_layer": 8,'
        ' "pairs": $n, "pairs_a_step": 4, "seed": 11, "iterations": 3, "rate": 0.02, "rank": 1,'
        ' "rank_iterations": 3, "rank_rate": 0.01}\'',
    ),
    StageRun(
        "measure_reflections",
        8,
        "samples, 3 rules",
        f"{KITCHEN} --edit $made/invert_reflections/4/full6.safetensors"
        " --edit $made/invert_reflections/4/low_rank.safetensors --samples $n --seed 4"
        " --out $out/reflections.parquet",
        after="invert_reflections",
    ),
    StageRun(
        "grade_generator",
        60,
        "images",
        f"--model church {CHURCH} --samples $n --seed 4 --out-table $out/church.csv"
        " --out-panel $out/figS3_generator_church.npz",
    ),
    StageRun(
        "grade_rule",
        16,
        "samples",
        f"--model kitchen {KITCHEN} --out $out/kitchen.csv"
        ' --settings \'{"units_of": "window", "layer": 4, "units": 20, "dissected": 60,'
        ' "samples": $n, "seed": 4}\'',
        part="samples",
    ),
    StageRun(
        "grade_rule",
        60,
        "samples dissected",
        f"--model kitchen {KITCHEN} --out $out/kitchen.csv"
        ' --settings \'{"units_of": "window", "layer": 4, "units": 20, "dissected": $n,'
        ' "samples": 16, "seed": 4}\'',
        part="dissected",
    ),
    StageRun(
        "sweep_tradeoff",
        24,
        "images, 5 settings",
        f"{CHURCH} {STATISTICS} {SESSION} {DOMES} --samples $n --seed 3"
        ' --grid \'{"ranks": [1], "exemplars": [1, 2], "mus": [1, 10], "iterations": 10}\''
        " --out $out/tradeoff.parquet",
    ),
    StageRun(
        "probe_layers",
        24,
        "samples of each of 2 seeds",
        f"--model church {CHURCH}"
        ' --settings \'{"layers": [5, 6, 8], "sizes": [16, 32], "seeds": [11, 12],'
        ' "samples": $n, "shown": 2, "shown_size": 32}\''
        " --out $out/church.parquet --out-panel $out/pieces_church.npz",
    ),
    StageRun(
        "try_layers",
        24,
        "images, 3 methods",
        f"--model church {CHURCH} --session dome2spire --layer 6 --layer 8"
        ' --settings \'{"exemplars": 2, "mus": [1.0], "iterations": 10, "statistics_samples": 60,'
        ' "surveyed": 160, "survey_seed": 1, "samples": $n, "seed": 3}\''
        " --out $out/church.parquet",
    ),
    StageRun(
        "render_panel",
        200,
        "samples ranked",
        f"{CHURCH} --figure fig09_windows --edit dome2spire=$made/newton.safetensors"
        " --session dome2spire=$made/dome2spire.json"
        ' --settings \'{"pairs": 4, "samples": $n, "seed": 3}\' --out $out/panel.npz',
        part="pairs",
    ),
    StageRun(
        "render_panel",
        200,
        "samples matched",
        f"{CHURCH} {STATISTICS} --figure fig02_memory --edit dome2spire=$made/newton.safetensors"
        " --session dome2spire=$made/dome2spire.json"
        ' --settings \'{"pairs": 4, "samples": $n, "seed": 3}\' --out $out/panel.npz',
        part="memory",
    ),
    StageRun(
        "train_segmenter",
        60,
        "scenes",
        '--world church --recipe \'{"scenes": $n, "steps": 2}\' --graded 20'
        " --out $out/segmenter.safetensors",
    ),
    StageRun(
        "train_classifier",
        100,
        "scenes",
        '--world face --attribute smile --recipe \'{"scenes": $n, "steps": 2}\' --graded 20'
        " --out $out/smile.safetensors",
    ),
)
"""Every stage whose time depends on a number of samples, but for the tables of rows that
`tabulate_methods` stands for (the same bootstrap), and `train_world`, which is counted in steps."""
