# What an edit does, image by image: sampled once, every method measured on the same images.


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
        rows="results/measurements/{session}.parquet",
        features="results/measurements/{session}_features.parquet",
    log:
        "logs/measure/{session}.log",
    benchmark:
        "logs/benchmarks/measure/{session}.tsv"
    wildcard_constraints:
        session="|".join(measured()) or "none",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=PARAMETERS.compute.gpus,
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
        "Measure {wildcards.session}: {params.samples} images by every method"
    shell:
        "python -m stages.measure --weights {input.weights} --segmenter {input.segmenter}"
        " --session {input.session} {params.edits} --samples {params.samples}"
        " --seed {params.seed} --truncation {params.truncation} --scale {params.scale}"
        " --source-classes {params.source} {params.targets}"
        " {params.classifier} {params.published} {params.world} {params.transfers}"
        " --transfer-options {params.best_buddies:q} --out {output.rows}"
        " --out-features {output.features} > {log} 2>&1"


rule measure_answers:
    input:
        weights=weights_file,
        segmenter=segmenter_file,
        edits=lambda wildcards: answered(wildcards.model).values(),
    output:
        "results/measurements/answers/{model}.parquet",
    log:
        "logs/measure_answers/{model}.log",
    benchmark:
        "logs/benchmarks/measure_answers/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
    params:
        edits=lambda wildcards: named("--edit", answered(wildcards.model)),
        world=lambda wildcards: world_of(wildcards.model),
        samples=PARAMETERS.answers.samples,
        seed=PARAMETERS.answers.seed,
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Hold the edits of {wildcards.model} against its world's own answers"
    shell:
        "python -m stages.measure_answers --weights {input.weights} --segmenter {input.segmenter}"
        " {params.world} {params.edits} --samples {params.samples} --seed {params.seed}"
        " --truncation {params.truncation} --scale {params.scale} --out {output} > {log} 2>&1"
