# A layer as associative memory: its statistics, the sessions that edit it, and their edits.

from palimpsest.methods.registry import names_of, with_rank


rule key_statistics:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
    output:
        "data/statistics/{model}/layer{layer}{truncated}.safetensors",
    log:
        "logs/key_statistics/{model}-layer{layer}{truncated}.log",
    benchmark:
        "logs/benchmarks/key_statistics/{model}-layer{layer}{truncated}.tsv"
    wildcard_constraints:
        # of sessions that were drawn at another truncation than the model's own
        truncated="(-truncation[0-9.e-]+)?",
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
        truncation=lambda wildcards: PLAN.truncation_named(wildcards.model, wildcards.truncated),
    message:
        "Compute the second moment of the keys of {wildcards.model}, layer {wildcards.layer}"
    shell:
        "python -m stages.key_statistics --weights {input.weights}"
        " --layer {wildcards.layer} --samples {params.samples} --seed {params.seed}"
        " --truncation {params.truncation} --out {output} --device {resources.device} > {log} 2>&1"


# one job draws all sessions of a model, because they read the same labels
for model in PARAMETERS.models:
    if PLAN.sessions_from_labels(model):

        rule:
            name:
                f"draw_sessions_{model}"
            input:
                weights=PLAN.weights(model),
                segmenter=PLAN.segmenter(model),
            output:
                [PLAN.session_file(model, name) for name in PLAN.sessions_from_labels(model)],
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
                # read off the outputs, because Snakemake does not compare such params: a session
                # that is now drawn by hand does not make the others run again
                sessions=lambda wildcards, output, model=model: repeated(
                    "--session", PLAN.sessions_with_layers(model, output)
                ),
                folder=subpath(output[0], parent=True),
                drawings=PLAN.drawings(model),
                layer=PLAN.model_layer(model),
                # not an option: compared, so that another layer of one session draws it again
                own_layers=PLAN.own_layers(model),
                seed=PARAMETERS.draw.seed,
                samples=PARAMETERS.draw.samples,
                truncation=PARAMETERS.models[model].truncation,
            message:
                f"Draw the sessions of {model} from labels"
            shell:
                "python -m stages.draw_sessions --model {params.model} --weights {input.weights}"
                " --segmenter {input.segmenter} --layer {params.layer} --seed {params.seed}"
                " --samples {params.samples} --drawings {params.drawings}"
                " --truncation {params.truncation} {params.sessions}"
                " --out-dir {params.folder} --device {resources.device} > {log} 2>&1"


# adds what published session files leave out: the model and layer they were drawn for
rule complete_session:
    input:
        lambda wildcards: PLAN.fetched_session_file(*PLAN.all_fetched_sessions[wildcards.fetched]),
    output:
        "results/sessions/{fetched}.json",
    log:
        "logs/complete_session/{fetched}.log",
    benchmark:
        "logs/benchmarks/complete_session/{fetched}.tsv"
    wildcard_constraints:
        # MODEL/SESSION: another model may draw a session of the same name from labels
        fetched=one_of(PLAN.all_fetched_sessions),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        model=lambda wildcards: PLAN.all_fetched_sessions[wildcards.fetched].model,
        layer=lambda wildcards: PLAN.session_layer(*PLAN.all_fetched_sessions[wildcards.fetched]),
    message:
        "Complete the published session {wildcards.fetched}"
    shell:
        "python -m stages.complete_session --session {input} --model {params.model}"
        " --layer {params.layer} --out {output} > {log} 2>&1"


# a session's own edit, by the method that the parameters name as its solver
rule rewrite:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
        critic=lambda wildcards: PLAN.critic_files(wildcards.model),
        session=lambda wildcards: PLAN.session_file(wildcards.model, wildcards.session),
        # of the session's layer, and of those that its own method tries beside it
        statistics=lambda wildcards: PLAN.tried_statistics_files(
            wildcards.model, wildcards.session, wildcards.get("method")
        ),
    output:
        "data/edits/{model}/{session}.safetensors",
    log:
        "logs/rewrite/{model}-{session}.log",
    benchmark:
        "logs/benchmarks/rewrite/{model}-{session}.tsv"
    priority: 3
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        statistics=lambda wildcards, input: repeated("--statistics", input.statistics),
        segmenter=lambda wildcards, input: option("--segmenter", input.segmenter),
        critic=lambda wildcards, input: option("--critic", input.critic),
        method=lambda wildcards: PLAN.own_method(wildcards.model, wildcards.session),
        settings=lambda wildcards: as_json(PLAN.method_settings(wildcards.model, wildcards.session)),
    message:
        "Rewrite {wildcards.model}: {wildcards.session}"
    shell:
        "python -m stages.rewrite --weights {input.weights} {params.statistics}"
        " --model {wildcards.model} --session {input.session} {params.segmenter} {params.critic}"
        " --method {params.method} --settings {params.settings:q} --out {output}"
        " --device {resources.device} > {log} 2>&1"


# its edits by the other methods that solve for a low-rank change
use rule rewrite as rewrite_method with:
    output:
        "data/edits/{model}/{session}/{method}.safetensors",
    log:
        "logs/rewrite_method/{model}-{session}-{method}.log",
    benchmark:
        "logs/benchmarks/rewrite_method/{model}-{session}-{method}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.rewriting_methods),
    priority: 2
    params:
        statistics=lambda wildcards, input: repeated("--statistics", input.statistics),
        segmenter=lambda wildcards, input: option("--segmenter", input.segmenter),
        critic=lambda wildcards, input: option("--critic", input.critic),
        method=lambda wildcards: with_rank(wildcards.method)[0],
        settings=lambda wildcards: as_json(
            PLAN.method_settings(wildcards.model, wildcards.session, wildcards.method)
        ),
    message:
        "Rewrite {wildcards.model}: {wildcards.session} by {wildcards.method}"


# baselines of the paper: all weights of a layer, or of the generator, tuned to the goal
rule tune_weights:
    input:
        weights=lambda wildcards: PLAN.weights(wildcards.model),
        segmenter=lambda wildcards: PLAN.segmenter_files(wildcards.model),
        session=lambda wildcards: PLAN.session_file(wildcards.model, wildcards.session),
        alexnet=PLAN.instrument_files("alexnet"),
    output:
        "data/edits/{model}/{session}/{method}.safetensors",
    log:
        "logs/tune_weights/{model}-{session}-{method}.log",
    benchmark:
        "logs/benchmarks/tune_weights/{model}-{session}-{method}.tsv"
    wildcard_constraints:
        method=one_of(names_of("weights")),
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,  # a generator of 1024 pixels needed 5.6 GB
        runtime=120,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        segmenter=lambda wildcards, input: option("--segmenter", input.segmenter),
        truncation=lambda wildcards: PLAN.session_truncation(wildcards.model, wildcards.session),
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        settings=lambda wildcards: as_json(PARAMETERS.method_settings(wildcards.method)),
    message:
        "Tune the weights of {wildcards.model}: {wildcards.session} by {wildcards.method}"
    shell:
        "python -m stages.tune_weights --weights {input.weights} --session {input.session}"
        " {params.segmenter} --method {wildcards.method} --settings {params.settings:q}"
        " {params.alexnet} --truncation {params.truncation} --out {output}"
        " --device {resources.device} > {log} 2>&1"
