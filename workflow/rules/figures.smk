# Figures: a panel is computed, a figure is drawn from it, so that a colour costs a second.


rule render_panel:
    input:
        weights=lambda wildcards: PARAMETERS.models[
            PARAMETERS.figures[wildcards.figure].model
        ].weights,
        segmenter=lambda wildcards: segmenter_of(PARAMETERS.figures[wildcards.figure].model),
        edits=lambda wildcards: figure_edits(wildcards.figure).values(),
        sessions=lambda wildcards: figure_sessions(wildcards.figure).values(),
        statistics=lambda wildcards: figure_statistics(wildcards.figure),
    output:
        "results/panels/{figure}.npz",
    log:
        "logs/render_panel/{figure}.log",
    benchmark:
        "logs/benchmarks/render_panel/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(PARAMETERS.figures),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=lambda wildcards: named("--edit", figure_edits(wildcards.figure)),
        sessions=lambda wildcards: named("--session", figure_sessions(wildcards.figure)),
        settings=lambda wildcards: panel_settings(wildcards.figure),
        transfers=lambda wildcards: figure_transfers(wildcards.figure),
    message:
        "Render the images of {wildcards.figure}"
    shell:
        "python -m stages.render_panel --figure {wildcards.figure} --weights {input.weights}"
        " --segmenter {input.segmenter} {params.edits} {params.sessions}"
        " --statistics {input.statistics} --settings {params.settings:q} {params.transfers}"
        " --out {output} --device {resources.device} > {log} 2>&1"


rule plot_figure:
    input:
        lambda wildcards: figure_panels(wildcards.figure),
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
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        panels=lambda wildcards, input: " ".join(f"--panel {file}" for file in input),
        style=as_json(PARAMETERS.style, scale=PARAMETERS.scale),
    message:
        "Draw {wildcards.figure}"
    shell:
        "python -m stages.plot_figure --figure {wildcards.figure} {params.panels}"
        " --style {params.style:q} --out {output.picture} > {log} 2>&1"
