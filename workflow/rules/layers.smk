# Appendix H: which layer to edit, read off pieces rendered alone, and checked by an edit at each.


rule probe_layers:
    input:
        weights=weights_file,
        segmenter=lambda wildcards: (
            [] if published_instrument("inception") else segmenter_file(wildcards)
        ),
        inception=published_instrument("inception"),
    output:
        measurements="results/measurements/layer_probe/{model}.parquet",
        panel="results/measurements/panels/pieces_{model}.npz",
    log:
        "logs/probe_layers/{model}.log",
    benchmark:
        "logs/benchmarks/probe_layers/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        # published networks are larger, and so is n for them
        runtime=lambda wildcards: 60 if wildcards.model in graded() else 1440,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        looking=lambda wildcards, input: looking_option(input),
        layers=repeated("--layer", PARAMETERS.layer_probe.layers),
        sizes=repeated("--size", PARAMETERS.layer_probe.sizes),
        seeds=repeated("--seed", PARAMETERS.layer_probe.seeds),
        samples=PARAMETERS.layer_probe.samples,
        shown=PARAMETERS.layer_probe.shown,
        shown_size=PARAMETERS.layer_probe.shown_size,
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Probe the layers of {wildcards.model}"
    shell:
        "python -m stages.probe_layers --model {wildcards.model} --weights {input.weights}"
        " {params.looking} {params.layers} {params.sizes} {params.seeds}"
        " --samples {params.samples} --shown {params.shown} --shown-size {params.shown_size}"
        " --truncation {params.truncation} --scale {params.scale}"
        " --out {output.measurements} --out-panel {output.panel}"
        " --device {resources.device} > {log} 2>&1"


rule try_layers:
    input:
        weights=weights_file,
        segmenter=segmenter_file,
        drawn=lambda wildcards: drawn_by_others(wildcards.model),
        alexnet=published_instrument("alexnet"),
    output:
        "results/measurements/layer_edits/{model}.parquet",
    log:
        "logs/try_layers/{model}.log",
    benchmark:
        "logs/benchmarks/try_layers/{model}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        # published networks are larger, and so is n for them
        runtime=lambda wildcards: 60 if wildcards.model in graded() else 1440,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        session=lambda wildcards: PARAMETERS.layer_probe.models[wildcards.model].session,
        drawn=lambda wildcards, input: session_at_layers(wildcards.model, input),
        published=lambda wildcards, input: instrument_options(input, "alexnet"),
        layers=repeated("--layer", PARAMETERS.layer_probe.layers),
        settings=as_json(PARAMETERS.layer_probe.edit),
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Make one edit at every layer of {wildcards.model}"
    shell:
        "python -m stages.try_layers --model {wildcards.model} --weights {input.weights}"
        " --segmenter {input.segmenter} --session {params.session} {params.layers}"
        " {params.drawn} {params.published} --settings {params.settings:q}"
        " --truncation {params.truncation} --scale {params.scale} --out {output}"
        " --device {resources.device} > {log} 2>&1"


rule choose_layers:
    input:
        probes=expand("results/measurements/layer_probe/{model}.parquet", model=probed()),
        edits=expand("results/measurements/layer_edits/{model}.parquet", model=tried()),
    output:
        probe=report(
            "results/tables/layer_probe.csv",
            caption="../report/layer_probe.rst",
            category="Tables",
        ),
        choice=report(
            "results/tables/layer_choice.csv",
            caption="../report/layer_choice.rst",
            category="Tables",
        ),
        edits=report(
            "results/tables/layer_edits.csv",
            caption="../report/layer_edits.rst",
            category="Tables",
        ),
    log:
        "logs/choose_layers.log",
    benchmark:
        "logs/benchmarks/choose_layers.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        probes=lambda wildcards, input: named("--probe", dict(zip(probed(), input.probes))),
        edits=lambda wildcards, input: named("--edits", dict(zip(tried(), input.edits))),
        settings=as_json(PARAMETERS.intervals),
    message:
        "Name the layers fit for editing"
    shell:
        "python -m stages.choose_layers {params.probes} {params.edits}"
        " --settings {params.settings:q} --out-probe {output.probe}"
        " --out-choice {output.choice} --out-edits {output.edits} > {log} 2>&1"


rule collect_curves:
    input:
        probe="results/tables/layer_probe.csv",
        choice="results/tables/layer_choice.csv",
        edits="results/tables/layer_edits.csv",
    output:
        "results/panels/{figure}.npz",
    log:
        "logs/collect_curves/{figure}.log",
    benchmark:
        "logs/benchmarks/collect_curves/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(probe_curves()) or "none",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        generators=lambda wildcards: repeated("--generator", probe_curves()[wildcards.figure]),
        level=PARAMETERS.intervals.level,
    message:
        "Collect the curves of {wildcards.figure}"
    shell:
        "python -m stages.collect_curves --probe {input.probe} --choice {input.choice}"
        " --edits {input.edits} {params.generators} --level {params.level}"
        " --out {output} > {log} 2>&1"
