# Realism, which only people can judge: study pages for judges, and a table of their answers.

from palimpsest.methods.registry import names_of


# made only on request: snakemake --cores all results/studies/dome2spire.html (docs/realism.md)
rule make_study:
    input:
        weights=lambda wildcards: PLAN.weights(PLAN.model_of(wildcards.session)),
        segmenter=lambda wildcards: PLAN.segmenter(PLAN.model_of(wildcards.session)),
        session=lambda wildcards: PLAN.session_file(
            PLAN.model_of(wildcards.session), wildcards.session
        ),
        edits=lambda wildcards: PLAN.measured_edits(wildcards.session).values(),
    output:
        page="results/studies/{session}.html",
        key="results/studies/{session}_key.csv",
    log:
        "logs/make_study/{session}.log",
    benchmark:
        "logs/benchmarks/make_study/{session}.tsv"
    wildcard_constraints:
        session=one_of(PLAN.measured_sessions),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", PLAN.measured_edits(wildcards.session)),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[PLAN.model_of(wildcards.session)].truncation,
        study=as_json(PARAMETERS.study),
        image_methods=as_json(PLAN.image_method_settings(names_of("images"))),
    message:
        "Make a realism study of {wildcards.session}"
    shell:
        "python -m stages.make_study --weights {input.weights} {params.edits}"
        " --samples {params.samples} --seed {params.seed} --truncation {params.truncation}"
        " --study {params.study:q}"
        " --session {input.session} --segmenter {input.segmenter}"
        " --image-methods {params.image_methods:q}"
        " --key {output.key} --out {output.page} --device {resources.device} > {log} 2>&1"


rule read_study:
    input:
        key="data/studies/{session}/key.csv",
        answers=lambda wildcards: PLAN.study_answers(wildcards.session),
    output:
        report(
            "results/tables/realism_{session}.csv",
            caption="../report/realism.rst",
            category="Tables",
        ),
    log:
        "logs/read_study/{session}.log",
    benchmark:
        "logs/benchmarks/read_study/{session}.tsv"
    wildcard_constraints:
        session=one_of(PLAN.measured_sessions),
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
        "Tabulate the judges' answers about {wildcards.session}"
    shell:
        "python -m stages.read_study --key {input.key} {params.answers} --out {output}"
        " > {log} 2>&1"
