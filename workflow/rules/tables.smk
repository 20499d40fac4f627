# Tables: one row a method, a session or a generator; the paper's figure beside ours.


rule tabulate_methods:
    input:
        rows=lambda wildcards: [
            f"results/measurements/{session}.parquet" for session in METHOD_TABLES[wildcards.table]
        ],
        features=lambda wildcards: [
            f"results/measurements/{session}_features.parquet"
            for session in METHOD_TABLES[wildcards.table]
        ],
        realism=lambda wildcards: [
            f"results/tables/realism_{session}.csv"
            for session in judged(METHOD_TABLES[wildcards.table])
        ],
        paper="data/paper_figures/{table}.csv",
    output:
        report(
            "results/tables/{table}.csv",
            caption="../report/methods.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_methods/{table}.log",
    benchmark:
        "logs/benchmarks/tabulate_methods/{table}.tsv"
    wildcard_constraints:
        table="|".join(METHOD_TABLES),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=0,
    params:
        kind=lambda wildcards: wildcards.table.partition("_")[2],
        files=lambda wildcards, input: " ".join(
            [f"--measurements {file}" for file in input.rows]
            + [f"--features {file}" for file in input.features]
            + [f"--realism {file}" for file in input.realism]
        ),
        settings=as_json(PARAMETERS.intervals),
    message:
        "{wildcards.table}: a row for each method"
    shell:
        "python -m stages.tabulate_methods --table {params.kind} {params.files}"
        " --paper {input.paper} --settings {params.settings:q} --out {output} > {log} 2>&1"


rule tabulate_counterfactuals:
    input:
        [
            f"results/measurements/counterfactuals/{model}.parquet"
            for model in PARAMETERS.counterfactuals.models
            if with_counterfactuals(model)
        ],
    output:
        report(
            "results/tables/counterfactuals.csv",
            caption="../report/counterfactuals.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_counterfactuals.log",
    benchmark:
        "logs/benchmarks/tabulate_counterfactuals.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: " ".join(f"--measurements {file}" for file in input),
        settings=as_json(PARAMETERS.intervals),
    message:
        "Table of the edits against the worlds' counterfactuals"
    shell:
        "python -m stages.tabulate_counterfactuals {params.files} --settings {params.settings:q}"
        " --out {output} > {log} 2>&1"


rule tabulate_edits:
    input:
        EDITS,
    output:
        report(
            "results/tables/edits.csv",
            caption="../report/edits.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_edits.log",
    benchmark:
        "logs/benchmarks/tabulate_edits.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: " ".join(f"--edit {file}" for file in input),
    message:
        "Table of every session's edit"
    shell:
        "python -m stages.tabulate_edits {params.files} --out {output} > {log} 2>&1"


rule tabulate_grades:
    input:
        [f"results/grades/{model}.csv" for model in graded()],
    output:
        report(
            "results/tables/generator_grades.csv",
            caption="../report/generator_grades.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_grades.log",
    benchmark:
        "logs/benchmarks/tabulate_grades.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: " ".join(f"--grade {file}" for file in input),
    message:
        "Table of the generators against their worlds"
    shell:
        "python -m stages.tabulate_grades {params.files} --out {output} > {log} 2>&1"


use rule tabulate_grades as tabulate_rules with:
    input:
        [f"results/rules/{model}.csv" for model in ruled()],
    output:
        report(
            "results/tables/causal_rule.csv",
            caption="../report/causal_rule.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_rules.log",
    benchmark:
        "logs/benchmarks/tabulate_rules.tsv"
    message:
        "Table of the rules that are in the generators"


rule tabulate_instruments:
    input:
        segmenters=instruments("segmenter"),
        classifiers=instruments("classifiers"),
    output:
        report(
            "results/tables/instrument_grades.csv",
            caption="../report/instrument_grades.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_instruments.log",
    benchmark:
        "logs/benchmarks/tabulate_instruments.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        segmenters=lambda wildcards, input: " ".join(
            f"--segmenter {file}" for file in input.segmenters
        ),
        classifiers=lambda wildcards, input: " ".join(
            f"--classifier {file}" for file in input.classifiers
        ),
    message:
        "Table of the instruments' own grades"
    shell:
        "python -m stages.tabulate_instruments {params.segmenters} {params.classifiers}"
        " --out {output} > {log} 2>&1"


rule collect_metrics:
    input:
        TABLES,
    output:
        "results/metrics.json",
    log:
        "logs/collect_metrics.log",
    benchmark:
        "logs/benchmarks/collect_metrics.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: " ".join(f"--table {file}" for file in input),
    message:
        "Numbers of all tables, for dvc metrics"
    shell:
        "python -m stages.collect_metrics {params.files} --out {output} > {log} 2>&1"
