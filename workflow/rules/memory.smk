# A layer as a memory: its statistics, the sessions drawn on it, and what rewrites it.


rule key_statistics:
    input:
        weights=weights_file,
    output:
        "data/statistics/{model}/layer{layer}.safetensors",
    log:
        "logs/key_statistics/{model}-layer{layer}.log",
    benchmark:
        "logs/benchmarks/key_statistics/{model}-layer{layer}.tsv"
    priority: 3
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        samples=PARAMETERS.statistics.samples,
        seed=PARAMETERS.statistics.seed,
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
    message:
        "Second moment of the keys of {wildcards.model}, layer {wildcards.layer}"
    shell:
        "python -m stages.key_statistics --weights {input.weights}"
        " --layer {wildcards.layer} --samples {params.samples} --seed {params.seed}"
        " --truncation {params.truncation} --out {output} --device {resources.device} > {log} 2>&1"


# one job draws every session of a model, since all of them read the same labels
for model in PARAMETERS.models:
    if drawn(model):

        rule:
            name:
                f"draw_sessions_{model}"
            input:
                weights=PARAMETERS.models[model].weights,
                segmenter=segmenter_of(model),
            output:
                [f"results/sessions/{model}/{session}.json" for session in drawn(model)],
            log:
                f"logs/draw_sessions/{model}.log",
            benchmark:
                f"logs/benchmarks/draw_sessions/{model}.tsv"
            priority: 4
            conda:
                "../../environment.yml"
            threads: 1
            resources:
                mem_mb=3000,
                runtime=60,
                gpu=PARAMETERS.compute.gpus,
                device=PARAMETERS.compute.device,
            params:
                model=model,
                sessions=named_layers(model),
                folder=subpath(output[0], parent=True),
                layer=model_layer(model),
                seed=PARAMETERS.draw.seed,
                truncation=PARAMETERS.models[model].truncation,
            message:
                f"Draw the sessions of the {model} from its labels"
            shell:
                "python -m stages.draw_sessions --model {params.model} --weights {input.weights}"
                " --segmenter {input.segmenter} --layer {params.layer} --seed {params.seed}"
                " --truncation {params.truncation} {params.sessions} --out-dir {params.folder}"
                " --device {resources.device} > {log} 2>&1"


# what the files of others leave out: which model and layer they were drawn for
rule complete_session:
    input:
        lambda wildcards: fetched(wildcards.model)[wildcards.session],
    output:
        "results/sessions/{model}/{session}.json",
    log:
        "logs/complete_session/{model}-{session}.log",
    benchmark:
        "logs/benchmarks/complete_session/{model}-{session}.tsv"
    wildcard_constraints:
        session="|".join(name for model in PARAMETERS.models for name in fetched(model)) or "none",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        layer=lambda wildcards: layer_of(wildcards.model, wildcards.session),
    message:
        "Complete the published session {wildcards.session} of the {wildcards.model}"
    shell:
        "python -m stages.complete_session --session {input} --model {wildcards.model}"
        " --layer {params.layer} --out {output} > {log} 2>&1"


# a session's own edit, by the solver that the parameters name for it
rule rewrite:
    input:
        weights=weights_file,
        segmenter=segmenter_file,
        session=lambda wildcards: session_file(wildcards.model, wildcards.session),
        statistics=lambda wildcards: statistics_file(wildcards.model, wildcards.session),
    output:
        "data/edits/{model}/{session}.safetensors",
    log:
        "logs/rewrite/{model}-{session}.log",
    benchmark:
        "logs/benchmarks/rewrite/{model}-{session}.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        segmenter=lambda wildcards: segmenter_option(wildcards.model),
        method=lambda wildcards: own_method(wildcards.model, wildcards.session),
        settings=lambda wildcards: solver_settings(
            wildcards.model,
            wildcards.session,
            own_method(wildcards.model, wildcards.session),
        ),
    message:
        "Rewrite {wildcards.model}: {wildcards.session}"
    shell:
        "python -m stages.rewrite --weights {input.weights} --statistics {input.statistics}"
        " --session {input.session} {params.segmenter} --method {params.method}"
        " --settings {params.settings:q} --out {output} --device {resources.device} > {log} 2>&1"


# the same stage by every low-rank method that Table 2 compares
use rule rewrite as rewrite_method with:
    output:
        "data/edits/{model}/{session}/{method}.safetensors",
    log:
        "logs/rewrite_method/{model}-{session}-{method}.log",
    benchmark:
        "logs/benchmarks/rewrite_method/{model}-{session}-{method}.tsv"
    wildcard_constraints:
        method="|".join(REWRITING),
    params:
        segmenter=lambda wildcards: segmenter_option(wildcards.model),
        method="{method}",
        settings=lambda wildcards: solver_settings(
            wildcards.model, wildcards.session, wildcards.method
        ),
    message:
        "Rewrite {wildcards.model}: {wildcards.session} by {wildcards.method}"


# what the paper compares with: all weights of a layer, or of the generator, tuned to the goal
rule tune_weights:
    input:
        weights=weights_file,
        segmenter=segmenter_file,
        session=lambda wildcards: session_file(wildcards.model, wildcards.session),
        alexnet=published_instrument("alexnet"),
    output:
        "data/edits/{model}/{session}/{method}.safetensors",
    log:
        "logs/tune_weights/{model}-{session}-{method}.log",
    benchmark:
        "logs/benchmarks/tune_weights/{model}-{session}-{method}.tsv"
    wildcard_constraints:
        method="|".join(TUNING),
    priority: 3
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,  # all weights of a generator of 1024 pixels took 5.6 GB
        runtime=120,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        segmenter=lambda wildcards: segmenter_option(wildcards.model),
        truncation=lambda wildcards: PARAMETERS.models[wildcards.model].truncation,
        published=lambda wildcards, input: instrument_options(input, "alexnet"),
        settings=lambda wildcards: as_json(getattr(PARAMETERS.methods, wildcards.method)),
    message:
        "Tune weights of {wildcards.model}: {wildcards.session} by {wildcards.method}"
    shell:
        "python -m stages.tune_weights --weights {input.weights} --session {input.session}"
        " {params.segmenter} --method {wildcards.method} --settings {params.settings:q}"
        " {params.published} --truncation {params.truncation} --out {output}"
        " --device {resources.device} > {log} 2>&1"
