# Beyond the paper: effect against locality, by smoothness, rank and number of exemplars.


rule sweep_tradeoff:
    input:
        weights=PLAN.weights(PARAMETERS.tradeoff.model),
        statistics=PLAN.session_statistics_file(
            PARAMETERS.tradeoff.model, PARAMETERS.tradeoff.session
        ),
        segmenter=PLAN.segmenter_files(PARAMETERS.tradeoff.model),
        session=PLAN.session_file(PARAMETERS.tradeoff.model, PARAMETERS.tradeoff.session),
        alexnet=PLAN.instrument_files("alexnet"),
    output:
        "results/measurements/tradeoff.parquet",
    log:
        "logs/sweep_tradeoff.log",
    benchmark:
        "logs/benchmarks/sweep_tradeoff.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        change=lambda wildcards: as_json(
            PLAN.measured_change(PARAMETERS.tradeoff.model, PARAMETERS.tradeoff.session).classes
        ),
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        grid=as_json(PARAMETERS.tradeoff.grid),
        samples=PARAMETERS.tradeoff.samples,
        seed=PARAMETERS.tradeoff.seed,
        truncation=PARAMETERS.models[PARAMETERS.tradeoff.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Solve one session with many settings and measure each edit"
    shell:
        "python -m stages.sweep_tradeoff --weights {input.weights}"
        " --statistics {input.statistics} --segmenter {input.segmenter}"
        " --session {input.session} --change {params.change:q}"
        " --grid {params.grid:q} {params.alexnet}"
        " --samples {params.samples} --seed {params.seed} --truncation {params.truncation}"
        " --scale {params.scale} --out {output} --device {resources.device} > {log} 2>&1"


rule tabulate_tradeoff:
    input:
        rules.sweep_tradeoff.output,
    output:
        table=report(
            "results/tables/tradeoff.csv",
            caption="../report/tradeoff.rst",
            category="Tables",
        ),
        panel="results/measurements/panels/figS2_tradeoff.npz",
    log:
        "logs/tabulate_tradeoff.log",
    benchmark:
        "logs/benchmarks/tabulate_tradeoff.tsv"
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
        "Tabulate effect against locality"
    shell:
        "python -m stages.tabulate_tradeoff --measurements {input} --intervals {params.intervals:q}"
        " --out {output.table} --out-panel {output.panel} > {log} 2>&1"
