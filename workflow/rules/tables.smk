# Tables: one row for each method, session or generator, with the paper's value beside ours.


rule tabulate_methods:
    input:
        rows=lambda wildcards: expand(
            rules.join_measurements.output.rows, measured=PLAN.method_tables[wildcards.table]
        ),
        features=lambda wildcards: expand(
            rules.join_measurements.output.features, measured=PLAN.method_tables[wildcards.table]
        ),
        realism=lambda wildcards: expand(
            rules.read_study.output,
            measured=PLAN.judged_sessions(PLAN.method_tables[wildcards.table]),
        ),
        references=lambda wildcards: PLAN.references_in_table(wildcards.table).values(),
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
        table=one_of(PLAN.method_tables),
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
        gpu=0,
    params:
        kind=lambda wildcards: wildcards.table.partition("_")[2],
        rows=lambda wildcards, input: named(
            "--measurements", PLAN.edits_in_table(wildcards.table, input.rows)
        ),
        references=lambda wildcards: named("--reference", PLAN.references_in_table(wildcards.table)),
        features=lambda wildcards, input: named(
            "--features", PLAN.edits_in_table(wildcards.table, input.features)
        ),
        realism=lambda wildcards, input: named(
            "--realism", PLAN.judged_in_table(wildcards.table, input.realism)
        ),
        intervals=as_json(PARAMETERS.intervals),
    message:
        "Tabulate every method: {wildcards.table}"
    shell:
        "python -m stages.tabulate_methods --table {params.kind} {params.rows}"
        " {params.references} {params.features} {params.realism} --paper {input.paper}"
        " --intervals {params.intervals:q} --out {output} > {log} 2>&1"


rule tabulate_counterfactuals:
    input:
        expand(rules.measure_counterfactuals.output, model=PLAN.models_with_counterfactuals),
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: repeated("--measurements", input),
        intervals=as_json(PARAMETERS.intervals),
    message:
        "Tabulate the edits against the counterfactuals of their worlds"
    shell:
        "python -m stages.tabulate_counterfactuals {params.files} --intervals {params.intervals:q}"
        " --out {output} > {log} 2>&1"


rule tabulate_edits:
    input:
        PLAN.session_edits,
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: repeated("--edit", input),
    message:
        "Tabulate the edit of every session"
    shell:
        "python -m stages.tabulate_edits {params.files} --out {output} > {log} 2>&1"


rule tabulate_grades:
    input:
        expand(rules.grade_generator.output.table, model=PLAN.models_with_world),
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
        gpu=0,
    params:
        files=lambda wildcards, input: repeated("--grade", input),
    message:
        "Tabulate the generators against their worlds"
    shell:
        "python -m stages.tabulate_grades {params.files} --out {output} > {log} 2>&1"


use rule tabulate_grades as tabulate_rules with:
    input:
        expand(rules.grade_rule.output, model=PLAN.models_with_graded_rule),
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
        "Tabulate the causal rules of the generators"


rule tabulate_instruments:
    input:
        segmenters=PLAN.graded_segmenters,
        classifiers=PLAN.graded_classifiers,
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
    priority: 5
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        segmenters=lambda wildcards, input: repeated("--segmenter", input.segmenters),
        classifiers=lambda wildcards, input: repeated("--classifier", input.classifiers),
    message:
        "Tabulate the grades of the instruments"
    shell:
        "python -m stages.tabulate_instruments {params.segmenters} {params.classifiers}"
        " --out {output} > {log} 2>&1"


rule tabulate_critics:
    input:
        PLAN.graded_critics,
    output:
        report(
            "results/tables/critic_grades.csv",
            caption="../report/critic_grades.rst",
            category="Tables",
        ),
    log:
        "logs/tabulate_critics.log",
    benchmark:
        "logs/benchmarks/tabulate_critics.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        critics=lambda wildcards, input: repeated("--critic", input),
    message:
        "Tabulate the grades of the critics"
    shell:
        "python -m stages.tabulate_critics {params.critics} --out {output} > {log} 2>&1"


rule collect_metrics:
    input:
        PLAN.tables,
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
        files=lambda wildcards, input: repeated("--table", input),
    message:
        "Collect the numbers of all tables for `dvc metrics`"
    shell:
        "python -m stages.collect_metrics {params.files} --out {output} > {log} 2>&1"
