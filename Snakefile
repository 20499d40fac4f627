# Palimpsest: from the weights of a generator to rewritten rules, measured and pictured.
#
#   snakemake --cores all                             everything, at the scale of params.yaml
#   snakemake --cores all results/tables/edits.csv    one file and what it needs
#   snakemake --cores all --config scale=smoke        another scale, for this run
#   snakemake --list                                  every rule

import os
from pathlib import Path

from snakemake.utils import min_version, validate

from palimpsest.files.live_runs import enter_folder
from palimpsest.pipeline.parameters import overlays

min_version("9.27")

# what a killed run left locked is freed, so that the same command goes on
PRESENCE = enter_folder(Path(".snakemake"))

# Maps of tens of MB come and go with every batch; glibc would give each back to the system, which
# hands it out anew, cleared: 8 of 103 minutes of CPU time (docs/benchmarks.md). Other C libraries do
# not read these.
os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32 - 2**20))
os.environ.setdefault("MALLOC_TOP_PAD_", str(2**26))


configfile: "params.yaml"


for scale in overlays(config["scale"]):

    configfile: f"workflow/scales/{scale}.yaml"


include: "workflow/rules/discovery.smk"
include: "workflow/rules/options.smk"


# the defaults are those of the model that the schema is made from (palimpsest.pipeline.parameters)
validate(config, "workflow/schemas/params.schema.json", set_default=False)


# `priority:` in these files sends long chains off first, so that both ends of a run are busy:
# sessions (4), statistics and tuned weights (3), edits (2), measuring (1), the rest as it fits (0)
include: "workflow/rules/weights.smk"
include: "workflow/rules/worlds.smk"
include: "workflow/rules/memory.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/watermarks.smk"
include: "workflow/rules/reflections.smk"
include: "workflow/rules/tradeoff.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


# (fetch_weights: the nodes of a cluster often have no network)
localrules:
    all,
    fetch_weights,
    weights,
    statistics,
    edits,
    tables,
    figures,
    worlds_preview,


rule all:
    default_target: True
    input:
        WEIGHTS,
        STATISTICS,
        EDITS,
        EDITS_BY_METHOD,
        TABLES,
        METRICS,
        FIGURES,
        REPORT,
    message:
        "Everything is made: results/report.html, results/tables/, results/figures/"


# the same in parts, for `dvc repro` and for whoever wants only one of them


rule weights:
    input:
        WEIGHTS,
    message:
        "Made: weights"


rule statistics:
    input:
        STATISTICS,
    message:
        "Made: statistics"


rule edits:
    input:
        EDITS,
        EDITS_BY_METHOD,
    message:
        "Made: edits"


rule tables:
    input:
        TABLES,
        METRICS,
    message:
        "Made: tables"


rule figures:
    input:
        FIGURES,
    message:
        "Made: figures"


rule worlds_preview:
    input:
        WORLD_SHEETS,
    message:
        "Made: a contact sheet of every world"
