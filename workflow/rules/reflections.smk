# Section 5.3: inverts the rule that a table reflects the window above it. For a model without a
# world, a file of painted masks labels windows and reflections.


rule invert_reflections:
    input:
        weights=PLAN.weights(PARAMETERS.reflections.model),
        segmenter=PLAN.segmenter_files(PARAMETERS.reflections.model),
        painted=PLAN.painted_scene_files,
    output:
        full=PLAN.full_inversion_edits.values(),
        edit=PLAN.low_rank_inversion_edit,
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
        # painted images have four times the pixels, and the published layers are wider
        mem_mb=8000 if PARAMETERS.reflections.painted else 4000,
        runtime=4320 if PARAMETERS.reflections.painted else 60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        full=named("--out-full", PLAN.full_inversion_edits),
        painted=lambda wildcards, input: option("--painted", input.painted),
        settings=as_json(PLAN.inversion_settings),
    message:
        "Invert the rule of the reflections"
    shell:
        "python -m stages.invert_reflections --weights {input.weights}"
        " --segmenter {input.segmenter} {params.painted} {params.full}"
        " --out-losses {output.losses} --out {output.edit} --settings {params.settings:q}"
        " --device {resources.device} > {log} 2>&1"


rule measure_reflections:
    input:
        weights=PLAN.weights(PARAMETERS.reflections.model),
        segmenter=PLAN.segmenter_files(PARAMETERS.reflections.model),
        edits=[*rules.invert_reflections.output.full, rules.invert_reflections.output.edit],
        painted=PLAN.painted_scene_files,
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
        edits=lambda wildcards, input: repeated("--edit", input.edits),
        painted=lambda wildcards, input: option("--painted", input.painted),
        units_of=PARAMETERS.reflections.inversion.units_of,
        samples=PARAMETERS.reflections.samples,
        seed=PARAMETERS.reflections.seed,
        scale=PARAMETERS.scale,
    message:
        "Measure the reflections with and without a window"
    shell:
        "python -m stages.measure_reflections --weights {input.weights}"
        " --segmenter {input.segmenter} {params.painted} {params.edits}"
        " --units-of {params.units_of} --samples {params.samples} --seed {params.seed}"
        " --scale {params.scale} --out {output} --device {resources.device} > {log} 2>&1"


rule tabulate_reflections:
    input:
        rules.measure_reflections.output,
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        intervals=as_json(PARAMETERS.intervals),
    message:
        "Tabulate the reflections"
    shell:
        "python -m stages.tabulate_reflections --measurements {input}"
        " --intervals {params.intervals:q} --out {output} > {log} 2>&1"


rule render_reflections:
    input:
        weights=PLAN.weights(PARAMETERS.reflections.model),
        edit=rules.invert_reflections.output.edit,
        painted=PLAN.painted_scene_files,
    output:
        "results/panels/fig06_reflections.npz",
    log:
        "logs/render_reflections.log",
    benchmark:
        "logs/benchmarks/render_reflections.tsv"
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        world=PARAMETERS.models[PARAMETERS.reflections.model].world or "none",
        painted=lambda wildcards, input: option("--painted", input.painted),
        shown=PARAMETERS.reflections.shown,
        seed=PARAMETERS.reflections.seed,
    message:
        "Render the images of fig06_reflections"
    shell:
        "python -m stages.render_reflections --weights {input.weights} --edit {input.edit}"
        " --world {params.world} {params.painted} --pairs {params.shown} --seed {params.seed}"
        " --out {output} --device {resources.device} > {log} 2>&1"
