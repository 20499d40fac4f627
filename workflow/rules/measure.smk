# What an edit changes, image by image; every method is measured on the same samples. The samples of
# a session are divided into shards, one job each; results do not depend on the number of shards.

from palimpsest.methods.registry import names_of
from palimpsest.pipeline.shards import most_shards

# SESSION, or SESSION@MODEL where two models have a measured session of this name -> (model, session)
MEASURED = PLAN.measured_sessions


scattergather:
    samples=min(PARAMETERS.compute.shards, most_shards(PARAMETERS.measure.samples)),


rule measure:
    input:
        weights=lambda wildcards: PLAN.weights(MEASURED[wildcards.measured].model),
        segmenter=lambda wildcards: PLAN.segmenter(MEASURED[wildcards.measured].model),
        session=lambda wildcards: PLAN.session_file(*MEASURED[wildcards.measured]),
        edits=lambda wildcards: PLAN.measured_edits(*MEASURED[wildcards.measured]).values(),
        critic=lambda wildcards: PLAN.critic_files(MEASURED[wildcards.measured].model),
        classifier=lambda wildcards: PLAN.classifier_files(*MEASURED[wildcards.measured]),
        alexnet=PLAN.instrument_files("alexnet"),
        inception=PLAN.instrument_files("inception"),
    output:
        rows=temp("results/shards/{measured}/{scatteritem}.parquet"),
        features=temp("results/shards/{measured}/{scatteritem}_features.parquet"),
    log:
        "logs/measure/{measured}/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/measure/{measured}/{scatteritem}.tsv"
    wildcard_constraints:
        measured=one_of(MEASURED),
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
        model=lambda wildcards: MEASURED[wildcards.measured].model,
        edits=lambda wildcards: named("--edit", PLAN.measured_edits(*MEASURED[wildcards.measured])),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[
            MEASURED[wildcards.measured].model
        ].truncation,
        scale=PARAMETERS.scale,
        change=lambda wildcards: as_json(
            PLAN.measured_change(*MEASURED[wildcards.measured]).classes
        ),
        critic=lambda wildcards, input: option("--critic", input.critic),
        classifier=lambda wildcards, input: option("--classifier", input.classifier),
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        inception=lambda wildcards, input: option("--inception", input.inception),
        world=lambda wildcards: option(
            "--world", PARAMETERS.models[MEASURED[wildcards.measured].model].world
        ),
        image_methods=as_json(PLAN.image_method_settings(names_of("images"))),
        half="--half-precision" if PARAMETERS.measure.half_precision else "",
    message:
        "Measure the edits of {wildcards.measured}: {wildcards.scatteritem}, {params.samples} samples"
    shell:
        "python -m stages.measure --weights {input.weights} --segmenter {input.segmenter}"
        " --model {params.model} --session {input.session} {params.edits}"
        " --samples {params.samples}"
        " --shard {wildcards.scatteritem} --seed {params.seed}"
        " --truncation {params.truncation} --scale {params.scale}"
        " --change {params.change:q} {params.critic} {params.classifier} {params.alexnet} {params.inception}"
        " {params.world} --image-methods {params.image_methods:q} --out {output.rows}"
        " {params.half} --out-features {output.features} --device {resources.device} > {log} 2>&1"


rule join_measurements:
    input:
        rows=gather.samples("results/shards/{{measured}}/{scatteritem}.parquet"),
        features=gather.samples("results/shards/{{measured}}/{scatteritem}_features.parquet"),
    output:
        rows="results/measurements/{measured}.parquet",
        features="results/measurements/{measured}_features.parquet",
    log:
        "logs/join_measurements/{measured}.log",
    benchmark:
        "logs/benchmarks/join_measurements/{measured}.tsv"
    wildcard_constraints:
        measured=one_of(MEASURED),
    priority: 5
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
        "Join the shards of {wildcards.measured}"
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
