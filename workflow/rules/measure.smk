# What an edit changes, image by image; every method is measured on the same samples. The samples of
# a session are divided into shards, one job each; results do not depend on the number of shards.

from palimpsest.methods.registry import names_of
from palimpsest.pipeline.shards import most_shards


scattergather:
    samples=min(PARAMETERS.compute.shards, most_shards(PARAMETERS.measure.samples)),


rule measure:
    input:
        weights=lambda wildcards: PLAN.weights(PLAN.model_of(wildcards.session)),
        segmenter=lambda wildcards: PLAN.segmenter(PLAN.model_of(wildcards.session)),
        session=lambda wildcards: PLAN.session_file(
            PLAN.model_of(wildcards.session), wildcards.session
        ),
        edits=lambda wildcards: PLAN.measured_edits(wildcards.session).values(),
        classifier=lambda wildcards: PLAN.classifier_files(wildcards.session),
        alexnet=PLAN.instrument_files("alexnet"),
        inception=PLAN.instrument_files("inception"),
    output:
        rows=temp("results/shards/{session}/{scatteritem}.parquet"),
        features=temp("results/shards/{session}/{scatteritem}_features.parquet"),
    log:
        "logs/measure/{session}/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/measure/{session}/{scatteritem}.tsv"
    wildcard_constraints:
        session=one_of(PLAN.measured_sessions),
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", PLAN.measured_edits(wildcards.session)),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[PLAN.model_of(wildcards.session)].truncation,
        scale=PARAMETERS.scale,
        change=lambda wildcards: as_json(PLAN.measured_change(wildcards.session).classes),
        classifier=lambda wildcards, input: option("--classifier", input.classifier),
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        inception=lambda wildcards, input: option("--inception", input.inception),
        world=lambda wildcards: option(
            "--world", PARAMETERS.models[PLAN.model_of(wildcards.session)].world
        ),
        image_methods=as_json(PLAN.image_method_settings(names_of("images"))),
    message:
        "Measure the edits of {wildcards.session}: {wildcards.scatteritem}, {params.samples} samples"
    shell:
        "python -m stages.measure --weights {input.weights} --segmenter {input.segmenter}"
        " --session {input.session} {params.edits} --samples {params.samples}"
        " --shard {wildcards.scatteritem} --seed {params.seed}"
        " --truncation {params.truncation} --scale {params.scale}"
        " --change {params.change:q} {params.classifier} {params.alexnet} {params.inception}"
        " {params.world} --image-methods {params.image_methods:q} --out {output.rows}"
        " --out-features {output.features} --device {resources.device} > {log} 2>&1"


rule join_measurements:
    input:
        rows=gather.samples("results/shards/{{session}}/{scatteritem}.parquet"),
        features=gather.samples("results/shards/{{session}}/{scatteritem}_features.parquet"),
    output:
        rows="results/measurements/{session}.parquet",
        features="results/measurements/{session}_features.parquet",
    log:
        "logs/join_measurements/{session}.log",
    benchmark:
        "logs/benchmarks/join_measurements/{session}.tsv"
    wildcard_constraints:
        session=one_of(PLAN.measured_sessions),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=0,
    params:
        shards=lambda wildcards, input: repeated("--shard", input.rows),
        features=lambda wildcards, input: repeated("--features", input.features),
    message:
        "Join the shards of {wildcards.session}"
    shell:
        "python -m stages.join_measurements {params.shards} --out {output.rows}"
        " {params.features} --out-features {output.features} > {log} 2>&1"


rule measure_counterfactuals:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
        edits=lambda wildcards: PLAN.sessions_with_counterfactual(wildcards.model).values(),
    output:
        "results/measurements/counterfactuals/{model}.parquet",
    log:
        "logs/measure_counterfactuals/{model}.log",
    benchmark:
        "logs/benchmarks/measure_counterfactuals/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", PLAN.sessions_with_counterfactual(wildcards.model)),
        world=lambda wildcards: PARAMETERS.models[wildcards.model].world,
        samples=PARAMETERS.counterfactuals.samples,
        seed=PARAMETERS.counterfactuals.seed,
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Compare the edits of {wildcards.model} with the counterfactuals that its world renders"
    shell:
        "python -m stages.measure_counterfactuals --weights {input.weights}"
        " --segmenter {input.segmenter} --world {params.world} {params.edits}"
        " --samples {params.samples} --seed {params.seed} --truncation {params.truncation}"
        " --scale {params.scale} --out {output} --device {resources.device} > {log} 2>&1"
