# Realism, which only people can judge: study pages for judges, and a table of their answers.

from palimpsest.methods.registry import names_of


# made only on request: snakemake --cores all results/studies/dome2spire.html (docs/realism.md)
rule make_study:
    input:
        weights=lambda wildcards: PLAN.weights(MEASURED[wildcards.measured].model),
        segmenter=lambda wildcards: PLAN.segmenter(MEASURED[wildcards.measured].model),
        session=lambda wildcards: PLAN.session_file(*MEASURED[wildcards.measured]),
        edits=lambda wildcards: PLAN.measured_edits(*MEASURED[wildcards.measured]).values(),
    output:
        page="results/studies/{measured}.html",
        key="results/studies/{measured}_key.csv",
    log:
        "logs/make_study/{measured}.log",
    benchmark:
        "logs/benchmarks/make_study/{measured}.tsv"
    wildcard_constraints:
        measured=one_of(MEASURED),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", PLAN.measured_edits(*MEASURED[wildcards.measured])),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[
            MEASURED[wildcards.measured].model
        ].truncation,
        study=as_json(PARAMETERS.study),
        image_methods=as_json(PLAN.image_method_settings(names_of("images"))),
    message:
        "Make a realism study of {wildcards.measured}"
    shell:
        "python -m stages.make_study --weights {input.weights} {params.edits}"
        " --samples {params.samples} --seed {params.seed} --truncation {params.truncation}"
        " --study {params.study:q}"
        " --session {input.session} --segmenter {input.segmenter}"
        " --image-methods {params.image_methods:q}"
        " --key {output.key} --out {output.page} --device {resources.device} > {log} 2>&1"


rule read_study:
    input:
        key="data/studies/{measured}/key.csv",
        answers=lambda wildcards: PLAN.study_answers(wildcards.measured),
    output:
        report(
            "results/tables/realism_{measured}.csv",
            caption="../report/realism.rst",
            category="Tables",
        ),
    log:
        "logs/read_study/{measured}.log",
    benchmark:
        "logs/benchmarks/read_study/{measured}.tsv"
    wildcard_constraints:
        measured=one_of(MEASURED),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        answers=lambda wildcards, input: repeated("--answers", input.answers),
    message:
        "Tabulate the judges' answers about {wildcards.measured}"
    shell:
        "python -m stages.read_study --key {input.key} {params.answers} --out {output}"
        " > {log} 2>&1"
