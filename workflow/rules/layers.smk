# Appendix H: which layer to edit. Pieces rendered alone name it; an edit at every layer checks it.


rule probe_layers:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        # gives the features where Inception does not
        segmenter=lambda wildcards: PLAN.probing_segmenter_files(wildcards.model),
        inception=PLAN.instrument_files("inception"),
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
        # published networks are larger and measured on more samples
        runtime=lambda wildcards: 60 if PLAN.drawings(wildcards.model) else 1440,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        inception=lambda wildcards, input: option("--inception", input.inception),
        segmenter=lambda wildcards, input: option("--segmenter", input.segmenter),
        settings=lambda wildcards: as_json(PARAMETERS.layer_probe.probe_of(wildcards.model)),
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Probe the layers of {wildcards.model}"
    shell:
        "python -m stages.probe_layers --model {wildcards.model} --weights {input.weights}"
        " {params.inception} {params.segmenter} --settings {params.settings:q}"
        " --truncation {params.truncation} --scale {params.scale}"
        " --out {output.measurements} --out-panel {output.panel}"
        " --device {resources.device} > {log} 2>&1"


rule try_layers:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
        drawn=lambda wildcards: PLAN.given_session_files(wildcards.model),
        alexnet=PLAN.instrument_files("alexnet"),
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
        # published networks are larger and measured on more samples
        runtime=lambda wildcards: 60 if PLAN.drawings(wildcards.model) else 1440,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        session=lambda wildcards: PARAMETERS.layer_probe.models[wildcards.model].session,
        drawings=lambda wildcards: option("--drawings", PLAN.drawings(wildcards.model)),
        drawn=lambda wildcards, input: option("--drawn", input.drawn),
        change=lambda wildcards: json_option(
            "--change", PLAN.given_session_classes(wildcards.model)
        ),
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        layers=repeated("--layer", PARAMETERS.layer_probe.layers),
        settings=as_json(PARAMETERS.layer_probe.edit),
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Solve one session at every layer of {wildcards.model}"
    shell:
        "python -m stages.try_layers --model {wildcards.model} --weights {input.weights}"
        " --segmenter {input.segmenter} --session {params.session}"
        " {params.layers} {params.drawings} {params.drawn} {params.change} {params.alexnet}"
        " --settings {params.settings:q}"
        " --truncation {params.truncation} --scale {params.scale} --out {output}"
        " --device {resources.device} > {log} 2>&1"


rule choose_layers:
    input:
        probes=expand(rules.probe_layers.output.measurements, model=PLAN.probed_models),
        edits=expand(rules.try_layers.output, model=PLAN.models_edited_at_every_layer),
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        probes=lambda wildcards, input: named(
            "--probe", dict(zip(PLAN.probed_models, input.probes))
        ),
        edits=lambda wildcards, input: named(
            "--edits", dict(zip(PLAN.models_edited_at_every_layer, input.edits))
        ),
        intervals=as_json(PARAMETERS.intervals),
    message:
        "Choose the layer to edit in each model"
    shell:
        "python -m stages.choose_layers {params.probes} {params.edits}"
        " --intervals {params.intervals:q} --out-probe {output.probe}"
        " --out-choice {output.choice} --out-edits {output.edits} > {log} 2>&1"


rule collect_curves:
    input:
        probe=rules.choose_layers.output.probe,
        choice=rules.choose_layers.output.choice,
        edits=rules.choose_layers.output.edits,
    output:
        "results/panels/{figure}.npz",
    log:
        "logs/collect_curves/{figure}.log",
    benchmark:
        "logs/benchmarks/collect_curves/{figure}.tsv"
    wildcard_constraints:
        figure=one_of(PLAN.curve_figures),
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        generators=lambda wildcards: repeated("--generator", PLAN.curve_figures[wildcards.figure]),
        level=PARAMETERS.intervals.level,
    message:
        "Collect the curves of {wildcards.figure}"
    shell:
        "python -m stages.collect_curves --probe {input.probe} --choice {input.choice}"
        " --edits {input.edits} {params.generators} --level {params.level}"
        " --out {output} > {log} 2>&1"
