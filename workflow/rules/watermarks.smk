# Section 5.2: watermarks erased by silencing units, and by rank-one rules.


rule erase_watermarks:
    input:
        weights=PARAMETERS.models[PARAMETERS.watermarks.model].weights,
        segmenter=segmenter_of(PARAMETERS.watermarks.model) or [],
        statistics=watermark_statistics(),
    output:
        watermark_edits().values(),
    log:
        "logs/erase_watermarks.log",
    benchmark:
        "logs/benchmarks/erase_watermarks.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=named("--out-edit", watermark_edits()),
        settings=as_json(PARAMETERS.watermarks.erasing),
    message:
        "Make the edits that erase watermarks"
    shell:
        "python -m stages.erase_watermarks --weights {input.weights}"
        " --segmenter {input.segmenter} --statistics {input.statistics}"
        " --settings {params.settings:q} {params.edits} --device {resources.device} > {log} 2>&1"


rule measure_watermarks:
    input:
        weights=PARAMETERS.models[PARAMETERS.watermarks.model].weights,
        segmenter=segmenter_of(PARAMETERS.watermarks.model) or [],
        edits=watermark_edits().values(),
    output:
        rows="results/measurements/watermarks.parquet",
        panel="results/measurements/panels/fig05_watermarks.npz",
    log:
        "logs/measure_watermarks.log",
    benchmark:
        "logs/benchmarks/measure_watermarks.tsv"
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
        edits=named("--edit", watermark_edits()),
        samples=PARAMETERS.watermarks.samples,
        seed=PARAMETERS.watermarks.seed,
        truncation=PARAMETERS.models[PARAMETERS.watermarks.model].truncation,
        graded=PARAMETERS.watermarks.graded,
        pairs=PARAMETERS.watermarks.pairs,
        scale=PARAMETERS.scale,
    message:
        "Count the watermarks left in {params.samples} images by every method"
    shell:
        "python -m stages.measure_watermarks --weights {input.weights}"
        " --segmenter {input.segmenter} {params.edits} --samples {params.samples}"
        " --seed {params.seed} --truncation {params.truncation} --graded {params.graded}"
        " --pairs {params.pairs} --scale {params.scale} --out {output.rows}"
        " --out-panel {output.panel} --device {resources.device} > {log} 2>&1"


rule tabulate_watermarks:
    input:
        rows="results/measurements/watermarks.parquet",
        paper="data/paper_figures/table3_watermarks.csv",
    output:
        report(
            "results/tables/table3_watermarks.csv",
            caption="../report/table3_watermarks.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_watermarks.log",
    benchmark:
        "logs/benchmarks/tabulate_watermarks.tsv"
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
        "Table 3: watermarks left"
    shell:
        "python -m stages.tabulate_watermarks --measurements {input.rows} --paper {input.paper}"
        " --settings {params.settings:q} --out {output} > {log} 2>&1"
