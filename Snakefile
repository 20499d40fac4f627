# Palimpsest: from the weights of a generator to rewritten rules, their measurements and figures.
#
#   snakemake --cores all                             everything, at the scale of params.yaml
#   snakemake --cores all results/tables/edits.csv    one file and what it needs
#   snakemake --cores all --config scale=smoke        another scale, for this run
#   snakemake --list                                  every rule

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

from palimpsest.errors import ParameterError
from palimpsest.files.live_runs import enter_folder
from palimpsest.pipeline.job_client import offer_job_server
from palimpsest.pipeline.parameters import overlays, parse_parameters
from palimpsest.pipeline.plan import Plan, one_of
from palimpsest.pipeline.scheduler_timers import cancel_timers
from palimpsest.pipeline.stage_options import (
    as_json,
    json_option,
    named,
    option,
    repeated,
)
from palimpsest.settings import SESSION_NAME
from palimpsest.worlds import world_names

min_version("9.27")

# removes the locks of a run that was killed, so that the same command continues its work
PRESENCE = enter_folder(Path(".snakemake"))

# Each batch allocates and frees feature maps of tens of MB. By default glibc returns them to the
# system, which clears them before it hands them out again: 8 of 103 minutes of CPU time
# (docs/benchmarks.md). Other C libraries ignore these variables.
os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32 - 2**20))
os.environ.setdefault("MALLOC_TOP_PAD_", str(2**26))


configfile: "params.yaml"


for scale in overlays(config["scale"]):

    configfile: f"workflow/scales/{scale}.yaml"


# `validate` imports a package of grammars for URIs, which takes a second to build and which no
# setting needs; so it is told that there is none
sys.modules.setdefault("rfc3987_syntax", None)

# what this run makes and the paths of its files
try:
    PLAN = Plan.read(parse_parameters(config), ".")
except ParameterError as problem:
    raise WorkflowError(str(problem))

PARAMETERS = PLAN.parameters

# told once, not by every job
if PLAN.files.told and workflow.is_main_process:
    print("\n".join(PLAN.files.told), file=sys.stderr)


# the schema is made from the same model as PARAMETERS, which already has all defaults
validate(config, "workflow/schemas/params.schema.json", set_default=False)


wildcard_constraints:
    model=one_of(PARAMETERS.models),
    session=SESSION_NAME,
    layer="[0-9]+",
    figure="[A-Za-z0-9_]+",
    world=one_of(world_names()),


# `priority:` in these files. What a reader can look at comes as soon as its inputs are there (tables
# and figures 5). Then long chains of jobs first, so that all cores stay busy until the end: sessions
# (4), statistics and the sessions' own edits (3), all other edits (2), measuring (1), all others (0)
include: "workflow/rules/weights.smk"
include: "workflow/rules/worlds.smk"
include: "workflow/rules/photographs.smk"
include: "workflow/rules/memory.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/watermarks.smk"
include: "workflow/rules/reflections.smk"
include: "workflow/rules/units.smk"
include: "workflow/rules/tradeoff.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/held_out.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


# not sent to a cluster (fetch_weights: compute nodes often have no network)
localrules:
    all,
    fetch_weights,
    weights,
    statistics,
    edits,
    tables,
    figures,
    worlds_preview,
    many_photographs,


# figures can be looked at while the run goes on
PROGRESS = Path("results/progress.html")


onstart:
    # packages are imported once for all jobs; not reached by a dry run
    offer_job_server(
        PARAMETERS.compute.device, workflow.is_main_process and workflow.local_exec
    )
    if workflow.is_main_process:
        from palimpsest.report.progress_page import begin  # imports matplotlib

        if begin(map(Path, PLAN.tables), map(Path, [*PLAN.figures, *PLAN.walks]), PROGRESS):
            print(f"Figures as they are made: {PROGRESS}", file=sys.stderr)


onsuccess:
    cancel_timers()
    if workflow.is_main_process:
        from palimpsest.report.progress_page import finish

        finish(Path("results/report.html"), PROGRESS)


onerror:
    cancel_timers()


rule all:
    default_target: True
    input:
        PLAN.everything,
    message:
        "Everything is up to date: results/report.html, results/tables/, results/figures/"


# parts of the same, for `dvc repro` and for runs that need only one of them


rule weights:
    input:
        PLAN.weight_files,
    message:
        "Up to date: weights"


rule statistics:
    input:
        PLAN.statistics_files,
    message:
        "Up to date: statistics"


rule edits:
    input:
        PLAN.session_edits,
        PLAN.further_edits,
    message:
        "Up to date: edits"


rule tables:
    input:
        PLAN.tables,
        PLAN.metrics,
    message:
        "Up to date: tables"


rule figures:
    input:
        PLAN.figures,
        PLAN.walks,
    message:
        "Up to date: figures"


rule worlds_preview:
    input:
        PLAN.world_sheets,
    message:
        "Up to date: a contact sheet of every world"


rule many_photographs:
    input:
        PLAN.many_photographs_table,
    message:
        "Up to date: the table of many held-out photographs"
