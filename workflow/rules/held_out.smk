# Photographs and renders held out from training: reproduced by a generator, edited and measured.

HELD_OUT = PARAMETERS.held_out_photographs


rule measure_photographs:
    input:
        archive=PLAN.photograph_archive or [],
        weights=lambda wildcards: PLAN.weights(HELD_OUT.model),
        segmenter=lambda wildcards: PLAN.segmenter(HELD_OUT.model),
        classifier=lambda wildcards: PARAMETERS.models[HELD_OUT.model].classifiers[0],
        encoder=PLAN.photograph_encoder_files,
        edit=PLAN.photograph_edit,
    output:
        rows="results/measurements/photographs.parquet",
        panel="results/measurements/panels/figS5_photographs.npz",
    log:
        "logs/measure_photographs.log",
    benchmark:
        "logs/benchmarks/measure_photographs.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        encoder=lambda wildcards, input: option("--encoder", input.encoder),
        settings=as_json(PLAN.photograph_settings(HELD_OUT.photographs)),
        truncation=lambda wildcards: PARAMETERS.models[HELD_OUT.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Reproduce and edit held-out photographs"
    shell:
        "python -m stages.measure_photographs --archive {input.archive} --weights {input.weights}"
        " --segmenter {input.segmenter} --classifier {input.classifier} {params.encoder}"
        " --edit {input.edit} --settings {params.settings:q} --truncation {params.truncation}"
        " --scale {params.scale} --out {output.rows} --out-panel {output.panel}"
        " --device {resources.device} > {log} 2>&1"


# made only on request: make many-photographs (docs/photographs.md)
use rule measure_photographs as measure_many_photographs with:
    output:
        rows=f"results/measurements/photographs_{HELD_OUT.many}.parquet",
        panel=f"results/measurements/panels/photographs_{HELD_OUT.many}.npz",
    log:
        "logs/measure_many_photographs.log",
    benchmark:
        "logs/benchmarks/measure_many_photographs.tsv"
    params:
        encoder=lambda wildcards, input: option("--encoder", input.encoder),
        settings=as_json(PLAN.photograph_settings(HELD_OUT.many)),
        truncation=lambda wildcards: PARAMETERS.models[HELD_OUT.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Reproduce and edit many held-out photographs"


rule tabulate_photographs:
    input:
        "results/measurements/{photographs}.parquet",
    output:
        report(
            "results/tables/{photographs}.csv",
            caption="../report/photographs.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_photographs/{photographs}.log",
    benchmark:
        "logs/benchmarks/tabulate_photographs/{photographs}.tsv"
    wildcard_constraints:
        photographs="photographs(_[0-9]+)?",
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
        "Tabulate the held-out photographs"
    shell:
        "python -m stages.tabulate_photographs --measurements {input}"
        " --intervals {params.intervals:q} --out {output} > {log} 2>&1"


rule measure_renders:
    input:
        weights=PLAN.weights(PARAMETERS.held_out_renders.model),
        segmenter=PLAN.segmenter_files(PARAMETERS.held_out_renders.model),
        edit=PLAN.edit_file(PARAMETERS.held_out_renders.model, PARAMETERS.held_out_renders.session),
    output:
        rows="results/measurements/renders.parquet",
        panel="results/measurements/panels/figS10_renders.npz",
    log:
        "logs/measure_renders.log",
    benchmark:
        "logs/benchmarks/measure_renders.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        session=PARAMETERS.held_out_renders.session,
        world=PARAMETERS.models[PARAMETERS.held_out_renders.model].world or "none",
        settings=as_json(PARAMETERS.held_out_renders.settings),
        truncation=PARAMETERS.models[PARAMETERS.held_out_renders.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Reproduce and edit held-out renders"
    shell:
        "python -m stages.measure_renders --weights {input.weights}"
        " --segmenter {input.segmenter} --world {params.world}"
        " --edit {params.session}={input.edit} --settings {params.settings:q}"
        " --truncation {params.truncation} --scale {params.scale} --out {output.rows}"
        " --out-panel {output.panel} --device {resources.device} > {log} 2>&1"


rule tabulate_renders:
    input:
        rules.measure_renders.output.rows,
    output:
        report(
            "results/tables/renders.csv",
            caption="../report/renders.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_renders.log",
    benchmark:
        "logs/benchmarks/tabulate_renders.tsv"
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
        "Tabulate the held-out renders"
    shell:
        "python -m stages.tabulate_renders --measurements {input}"
        " --intervals {params.intervals:q} --out {output} > {log} 2>&1"
