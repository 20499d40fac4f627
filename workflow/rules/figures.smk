# Figures: one job computes a panel, another draws it, so that a new colour only draws again.


rule render_panel:
    input:
        weights=lambda wildcards: PLAN.weights(PARAMETERS.figures[wildcards.figure].model),
        segmenter=lambda wildcards: PLAN.segmenter(PARAMETERS.figures[wildcards.figure].model),
        edits=lambda wildcards: PLAN.figure_edits(wildcards.figure).values(),
        sessions=lambda wildcards: PLAN.figure_sessions(wildcards.figure).values(),
        statistics=lambda wildcards: PLAN.figure_statistics_file(wildcards.figure),
    output:
        "results/panels/{figure}.npz",
    log:
        "logs/render_panel/{figure}.log",
    benchmark:
        "logs/benchmarks/render_panel/{figure}.tsv"
    wildcard_constraints:
        figure=one_of(PARAMETERS.figures),
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        model=lambda wildcards: PARAMETERS.figures[wildcards.figure].model,
        edits=lambda wildcards: named("--edit", PLAN.figure_edits(wildcards.figure)),
        sessions=lambda wildcards: named("--session", PLAN.figure_sessions(wildcards.figure)),
        settings=lambda wildcards: as_json(
            PARAMETERS.panels, pairs=PARAMETERS.figures[wildcards.figure].pairs
        ),
        image_methods=lambda wildcards: json_option(
            "--image-methods", PLAN.figure_image_methods(wildcards.figure)
        ),
    message:
        "Render the images of {wildcards.figure}"
    shell:
        "python -m stages.render_panel --figure {wildcards.figure} --weights {input.weights}"
        " --model {params.model} --segmenter {input.segmenter} {params.edits} {params.sessions}"
        " --statistics {input.statistics} --settings {params.settings:q} {params.image_methods}"
        " --out {output} --device {resources.device} > {log} 2>&1"


rule plot_figure:
    input:
        lambda wildcards: PLAN.figure_panels(wildcards.figure),
    output:
        picture=report(
            "results/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
        ),
        caption="results/figures/{figure}.txt",
    log:
        "logs/plot_figure/{figure}.log",
    benchmark:
        "logs/benchmarks/plot_figure/{figure}.tsv"
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        panels=lambda wildcards, input: repeated("--panel", input),
        style=as_json(PARAMETERS.style, scale=PARAMETERS.scale),
    message:
        "Draw {wildcards.figure}"
    shell:
        "python -m stages.plot_figure --figure {wildcards.figure} {params.panels}"
        " --style {params.style:q} --out {output.picture} > {log} 2>&1"


rule render_walk:
    input:
        weights=PLAN.weights(PARAMETERS.walk.model),
        edit=PLAN.edit_file(PARAMETERS.walk.model, PARAMETERS.walk.session),
    output:
        picture="results/figures/figS11_walk.webp",
        caption="results/figures/figS11_walk.txt",
    log:
        "logs/render_walk.log",
    benchmark:
        "logs/benchmarks/render_walk.tsv"
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
        settings=as_json(PARAMETERS.walk.settings),
        truncation=PARAMETERS.models[PARAMETERS.walk.model].truncation,
    message:
        "Render a walk through z before and after an edit"
    shell:
        "python -m stages.render_walk --weights {input.weights} --edit {input.edit}"
        " --settings {params.settings:q} --truncation {params.truncation}"
        " --out {output.picture} --device {resources.device} > {log} 2>&1"
