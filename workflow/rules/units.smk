# Units of a class, switched off and on (figure S6).


rule measure_units:
    input:
        weights=PLAN.weights(PARAMETERS.units.model),
        segmenter=PLAN.segmenter_files(PARAMETERS.units.model),
    output:
        rows="results/measurements/units.parquet",
        pictures="results/measurements/panels/units_pictures.npz",
    log:
        "logs/measure_units.log",
    benchmark:
        "logs/benchmarks/measure_units.tsv"
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=PARAMETERS.compute.gpus,
        device=PARAMETERS.compute.device,
    params:
        settings=as_json(PARAMETERS.units.settings),
        truncation=PARAMETERS.models[PARAMETERS.units.model].truncation,
        scale=PARAMETERS.scale,
    message:
        "Switch units of a class off and on"
    shell:
        "python -m stages.measure_units --weights {input.weights} --segmenter {input.segmenter}"
        " --settings {params.settings:q} --truncation {params.truncation} --scale {params.scale}"
        " --out {output.rows} --out-panel {output.pictures} --device {resources.device}"
        " > {log} 2>&1"


rule tabulate_units:
    input:
        rows=rules.measure_units.output.rows,
        pictures=rules.measure_units.output.pictures,
    output:
        table=report(
            "results/tables/units.csv",
            caption="../report/units.rst",
            category="Tables",
        ),
        panel="results/measurements/panels/figS6_units.npz",
    log:
        "logs/tabulate_units.log",
    benchmark:
        "logs/benchmarks/tabulate_units.tsv"
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
        "Tabulate what is seen before and after units are switched"
    shell:
        "python -m stages.tabulate_units --measurements {input.rows} --pictures {input.pictures}"
        " --intervals {params.intervals:q} --out {output.table} --out-panel {output.panel}"
        " > {log} 2>&1"
