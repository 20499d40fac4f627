# Section 5.2: watermarks erased by zeroing units, and by rank-one edits. For a model without a world,
# a session of painted watermarks takes the place of labels, and a detector of letters that of a segmenter.


rule erase_watermarks:
    input:
        weights=PLAN.weights(PARAMETERS.watermarks.model),
        segmenter=PLAN.segmenter_files(PARAMETERS.watermarks.model),
        statistics=PLAN.watermark_statistics_file,
    output:
        PLAN.labelled_watermark_edits.values(),
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
        edits=named("--out-edit", PLAN.labelled_watermark_edits),
        settings=as_json(PARAMETERS.watermarks.erasing),
        world=PARAMETERS.models[PARAMETERS.watermarks.model].world,
    message:
        "Make the edits that erase watermarks"
    shell:
        "python -m stages.erase_watermarks --weights {input.weights}"
        " --segmenter {input.segmenter} --statistics {input.statistics}"
        " --settings {params.settings:q} {params.edits} --world {params.world} --device {resources.device} > {log} 2>&1"


rule erase_painted:
    input:
        weights=PLAN.weights(PARAMETERS.watermarks.model),
        session=PLAN.painted_watermark_files,
        statistics=PLAN.watermark_statistics_file,
    output:
        PLAN.painted_watermark_edits.values(),
    log:
        "logs/erase_painted.log",
    benchmark:
        "logs/benchmarks/erase_painted.tsv"
    priority: 2
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=named("--out-edit", PLAN.painted_watermark_edits),
        settings=as_json(PARAMETERS.watermarks.painted_erasing),
    message:
        "Make the edits that erase painted watermarks"
    shell:
        "python -m stages.erase_painted --weights {input.weights} --session {input.session}"
        " --statistics {input.statistics} --settings {params.settings:q} {params.edits}"
        " --device {resources.device} > {log} 2>&1"


rule measure_watermarks:
    input:
        weights=PLAN.weights(PARAMETERS.watermarks.model),
        segmenter=PLAN.watermark_detector_files,
        edits=PLAN.watermark_edits.values(),
        alexnet=PLAN.instrument_files("alexnet"),
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
        edits=named("--edit", PLAN.watermark_edits),
        samples=PARAMETERS.watermarks.samples,
        seed=PARAMETERS.watermarks.seed,
        truncation=PARAMETERS.models[PARAMETERS.watermarks.model].truncation,
        graded=PARAMETERS.watermarks.graded,
        alexnet=lambda wildcards, input: option("--alexnet", input.alexnet),
        pairs=PARAMETERS.watermarks.pairs,
        scale=PARAMETERS.scale,
    message:
        "Count the watermarks that each method leaves in {params.samples} images"
    shell:
        "python -m stages.measure_watermarks --weights {input.weights}"
        " --segmenter {input.segmenter} {params.alexnet} {params.edits} --samples {params.samples}"
        " --seed {params.seed} --truncation {params.truncation} --graded {params.graded}"
        " --pairs {params.pairs} --scale {params.scale} --out {output.rows}"
        " --out-panel {output.panel} --device {resources.device} > {log} 2>&1"


rule tabulate_watermarks:
    input:
        rows=rules.measure_watermarks.output.rows,
        paper="data/paper_figures/table3_watermarks.csv",
        # what people marked on the page of make_count, if anybody did
        key=PLAN.watermark_count_key,
        answers=PLAN.study_answers("watermarks"),
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
        people=option("--key", " ".join(PLAN.watermark_count_key)),
        answers=repeated("--answers", PLAN.study_answers("watermarks")),
    message:
        "Tabulate the watermarks left: table3_watermarks"
    shell:
        "python -m stages.tabulate_watermarks --measurements {input.rows} --paper {input.paper}"
        " --intervals {params.intervals:q} {params.people} {params.answers}"
        " --out {output} > {log} 2>&1"


# made only on request: snakemake --cores all results/studies/watermarks.html (docs/watermark-count.md)
rule make_count:
    input:
        weights=PLAN.weights(PARAMETERS.watermarks.model),
        edits=PLAN.watermark_edits.values(),
    output:
        page="results/studies/watermarks.html",
        key="results/studies/watermarks_key.csv",
    log:
        "logs/make_count.log",
    benchmark:
        "logs/benchmarks/make_count.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        edits=named("--edit", PLAN.watermark_edits),
        samples=PARAMETERS.watermarks.samples,
        images=min(1000, PARAMETERS.watermarks.samples),  # as many as the paper's raters saw
        seed=PARAMETERS.watermarks.seed,
        truncation=PARAMETERS.models[PARAMETERS.watermarks.model].truncation,
    message:
        "Make a page on which people count watermarks"
    shell:
        "python -m stages.make_count --weights {input.weights} {params.edits}"
        " --samples {params.samples} --images {params.images} --seed {params.seed} --truncation {params.truncation}"
        " --key {output.key} --out {output.page} --device {resources.device} > {log} 2>&1"
