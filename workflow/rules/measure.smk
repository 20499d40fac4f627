# What an edit does, image by image: sampled once, every method measured on the same images.


rule measure:
    input:
        weights=lambda wildcards: PARAMETERS.models[MODEL_OF[wildcards.session]].weights,
        segmenter=lambda wildcards: segmenter_of(MODEL_OF[wildcards.session]),
        session=lambda wildcards: session_file(MODEL_OF[wildcards.session], wildcards.session),
        edits=lambda wildcards: measured_edits(wildcards.session).values(),
    output:
        "results/measurements/{session}.parquet",
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
        source=lambda wildcards: change_measured(wildcards.session).source,
        targets=lambda wildcards: ",".join(change_measured(wildcards.session).targets),
    message:
        "Measure {wildcards.session}: {params.samples} images by every method"
    shell:
        "python -m stages.measure --weights {input.weights} --segmenter {input.segmenter}"
        " --session {input.session} {params.edits} --samples {params.samples}"
        " --seed {params.seed} --truncation {params.truncation} --scale {params.scale}"
        " --source-class {params.source}"
        " --target-classes {params.targets} --out {output} > {log} 2>&1"
