# What an edit does, image by image: sampled once, every method measured on the same images. The
# samples of a session are divided among jobs; the results do not depend on how many these are.

from palimpsest.pipeline.shards import most_shards


scattergather:
    samples=min(PARAMETERS.compute.shards, most_shards(PARAMETERS.measure.samples)),


rule measure:
    input:
        weights=lambda wildcards: PARAMETERS.models[MODEL_OF[wildcards.session]].weights,
        segmenter=lambda wildcards: segmenter_of(MODEL_OF[wildcards.session]),
        session=lambda wildcards: session_file(MODEL_OF[wildcards.session], wildcards.session),
        edits=lambda wildcards: measured_edits(wildcards.session).values(),
        classifier=lambda wildcards: classifier_of(wildcards.session),
        alexnet=published_instrument("alexnet"),
        inception=published_instrument("inception"),
    output:
        rows=temp("results/shards/{session}/{scatteritem}.parquet"),
        features=temp("results/shards/{session}/{scatteritem}_features.parquet"),
    log:
        "logs/measure/{session}/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/measure/{session}/{scatteritem}.tsv"
    wildcard_constraints:
        session="|".join(measured()) or "none",
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
        edits=lambda wildcards: named("--edit", measured_edits(wildcards.session)),
        samples=PARAMETERS.measure.samples,
        seed=PARAMETERS.measure.seed,
        truncation=lambda wildcards: PARAMETERS.models[MODEL_OF[wildcards.session]].truncation,
        scale=PARAMETERS.scale,
        source=lambda wildcards: ",".join(change_measured(wildcards.session).source),
        targets=lambda wildcards: targets_option(wildcards.session),
        classifier=lambda wildcards, input: (
            f"--classifier {input.classifier}" if input.classifier else ""
        ),
        published=lambda wildcards, input: instrument_options(input, "alexnet", "inception"),
        world=lambda wildcards: world_of(MODEL_OF[wildcards.session]),
        transfers=" ".join(f"--transfer {blend}" for blend in TRANSFERS.values()),
        best_buddies=as_json(PARAMETERS.best_buddies),
    message:
        "Measure {wildcards.session} by every method, {wildcards.scatteritem} of {params.samples} images"
    shell:
        "python -m stages.measure --weights {input.weights} --segmenter {input.segmenter}"
        " --session {input.session} {params.edits} --samples {params.samples}"
        " --shard {wildcards.scatteritem} --seed {params.seed}"
        " --truncation {params.truncation} --scale {params.scale}"
        " --source-classes {params.source} {params.targets}"
        " {params.classifier} {params.published} {params.world} {params.transfers}"
        " --transfer-options {params.best_buddies:q} --out {output.rows}"
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
        session="|".join(measured()) or "none",
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
        "Put the shards of {wildcards.session} together"
    shell:
        "python -m stages.join_measurements {params.shards} --out {output.rows}"
        " {params.features} --out-features {output.features} > {log} 2>&1"


rule measure_counterfactuals:
    input:
        weights=weights_file,
        segmenter=segmenter_file,
        edits=lambda wildcards: with_counterfactuals(wildcards.model).values(),
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
        edits=lambda wildcards: named("--edit", with_counterfactuals(wildcards.model)),
        world=lambda wildcards: world_of(wildcards.model),
        samples=PARAMETERS.counterfactuals.samples,
        seed=PARAMETERS.counterfactuals.seed,
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Compare the edits of {wildcards.model} with its world's counterfactuals"
    shell:
        "python -m stages.measure_counterfactuals --weights {input.weights} --segmenter {input.segmenter}"
        " {params.world} {params.edits} --samples {params.samples} --seed {params.seed}"
        " --truncation {params.truncation} --scale {params.scale} --out {output}"
        " --device {resources.device} > {log} 2>&1"
