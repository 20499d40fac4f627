# Section 5.3: the rule that a table mirrors the windows above it, turned round. Where no world tells
# which parts of a picture those are, people painted them.


rule invert_reflections:
    input:
        weights=PARAMETERS.models[PARAMETERS.reflections.model].weights,
        segmenter=segmenter_of(PARAMETERS.reflections.model) or [],
        painted=painted_scenes(),
    output:
        full=inversion_files(whole=True),
        edit=inversion_files(whole=False),
        losses="results/measurements/reflection_losses.csv",
    log:
        "logs/invert_reflections.log",
    benchmark:
        "logs/benchmarks/invert_reflections.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        # painted pictures have four times the pixels, and layers of the published width
        mem_mb=8000 if PARAMETERS.reflections.painted else 4000,
        runtime=4320 if PARAMETERS.reflections.painted else 60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        full=lambda wildcards, output: " ".join(
            [
                f"--out-full {layer}={file}"
                for layer, file in zip(PARAMETERS.reflections.layers, output.full)
            ]
            + painted_option()
        ),
        settings=inversion_settings(),
    message:
        "Turn the rule of the reflections round"
    shell:
        "python -m stages.invert_reflections --weights {input.weights}"
        " --segmenter {input.segmenter} {params.full} --out-losses {output.losses}"
        " --out {output.edit} --settings {params.settings:q}"
        " --device {resources.device} > {log} 2>&1"


rule measure_reflections:
    input:
        weights=PARAMETERS.models[PARAMETERS.reflections.model].weights,
        segmenter=segmenter_of(PARAMETERS.reflections.model) or [],
        edits=[*inversion_files(whole=True), *inversion_files(whole=False)],
        painted=painted_scenes(),
    output:
        "results/measurements/reflections.parquet",
    log:
        "logs/measure_reflections.log",
    benchmark:
        "logs/benchmarks/measure_reflections.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards, input: " ".join(
            [f"--edit {file}" for file in input.edits] + painted_option()
        ),
        units_of=PARAMETERS.reflections.inversion.units_of,
        samples=PARAMETERS.reflections.samples,
        seed=PARAMETERS.reflections.seed,
        scale=PARAMETERS.scale,
    message:
        "Measure which way round the rule of the reflections is"
    shell:
        "python -m stages.measure_reflections --weights {input.weights}"
        " --segmenter {input.segmenter} {params.edits} --units-of {params.units_of}"
        " --samples {params.samples} --seed {params.seed} --scale {params.scale}"
        " --out {output} --device {resources.device} > {log} 2>&1"


rule tabulate_reflections:
    input:
        "results/measurements/reflections.parquet",
    output:
        report(
            "results/tables/reflection.csv",
            caption="../report/reflection.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_reflections.log",
    benchmark:
        "logs/benchmarks/tabulate_reflections.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        settings=as_json(PARAMETERS.intervals),
    message:
        "Table of the reflections"
    shell:
        "python -m stages.tabulate_reflections --measurements {input}"
        " --settings {params.settings:q} --out {output} > {log} 2>&1"


rule render_reflections:
    input:
        weights=PARAMETERS.models[PARAMETERS.reflections.model].weights,
        edit=inversion_files(whole=False),
        painted=painted_scenes(),
    output:
        "results/panels/fig06_reflections.npz",
    log:
        "logs/render_reflections.log",
    benchmark:
        "logs/benchmarks/render_reflections.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        world=" ".join(
            [PARAMETERS.models[PARAMETERS.reflections.model].world or "none", *painted_option()]
        ),
        shown=PARAMETERS.reflections.shown,
        seed=PARAMETERS.reflections.seed,
    message:
        "Render the images of fig06_reflections"
    shell:
        "python -m stages.render_reflections --weights {input.weights} --edit {input.edit}"
        " --world {params.world} --pairs {params.shown} --seed {params.seed}"
        " --out {output} --device {resources.device} > {log} 2>&1"
