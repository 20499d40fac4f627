# Realism, which only people can judge: pages for judges on demand, and what they answered.


# opt-in: snakemake --cores all results/studies/dome2spire.html (docs/realism.md)
rule make_study:
    input:
        weights=lambda wildcards: PARAMETERS.models[MODEL_OF[wildcards.session]].weights,
        segmenter=lambda wildcards: segmenter_of(MODEL_OF[wildcards.session]),
        session=lambda wildcards: session_file(MODEL_OF[wildcards.session], wildcards.session),
        edits=lambda wildcards: measured_edits(wildcards.session).values(),
    output:
        page="results/studies/{session}.html",
        key="results/studies/{session}_key.csv",
    log:
        "logs/make_study/{session}.log",
    benchmark:
        "logs/benchmarks/make_study/{session}.tsv"
    wildcard_constraints:
        session="|".join(measured()) or "none",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", measured_edits(wildcards.session)),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[MODEL_OF[wildcards.session]].truncation,
        pairs=PARAMETERS.study.pairs,
        against=PARAMETERS.study.against,
        order_seed=PARAMETERS.study.seed,
        transfers=" ".join(f"--transfer {blend}" for blend in TRANSFERS.values()),
        best_buddies=as_json(PARAMETERS.best_buddies),
    message:
        "Make a realism study of {wildcards.session}: {params.pairs} pairs a method"
    shell:
        "python -m stages.make_study --weights {input.weights} {params.edits}"
        " --samples {params.samples} --seed {params.seed} --truncation {params.truncation}"
        " --pairs {params.pairs} --against {params.against} --order-seed {params.order_seed}"
        " --session {input.session} --segmenter {input.segmenter} {params.transfers}"
        " --transfer-options {params.best_buddies:q}"
        " --key {output.key} --out {output.page} --device {resources.device} > {log} 2>&1"


rule read_study:
    input:
        key="data/studies/{session}/key.csv",
        answers=lambda wildcards: study_answers(wildcards.session),
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
        session="|".join(measured()) or "none",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        answers=lambda wildcards, input: " ".join(f"--answers {file}" for file in input.answers),
    message:
        "Read what judges answered about {wildcards.session}"
    shell:
        "python -m stages.read_study --key {input.key} {params.answers} --out {output}"
        " > {log} 2>&1"
